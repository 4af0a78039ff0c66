//! The recording thread: takes frames from the media workers' rings, seals them, writes them. It may lag and is
//! counted then; nothing on a call's path ever waits for it (FEATURES R8). A second thread brings what was written to
//! the disk, a group each second, and only then says that a recording is closed.

use super::folder::{Folder, Whole};
use super::syncer::{Platter, Syncer};
use core::time::Duration;
use rtrb::Consumer;
use senim_base::{CallId, Entropy, Instant, RecordingId, WallTime};
use senim_recorder::{Frame, RecordingMeta};
use senim_seal::{About, End, MasterKey, OpenFault, Writer};
use senim_switch::RecordingReport;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::thread::JoinHandle;

/// Frames taken from one ring before the next one has its turn.
const FRAMES_AT_ONCE: usize = 512;
/// A pause when the rings are empty and somebody is being recorded.
const PAUSE: Duration = Duration::from_millis(20);
/// A pause when nobody is.
const PAUSE_IDLE: Duration = Duration::from_millis(100);
/// How often writers are asked for what is due.
const FLUSH: Duration = Duration::from_millis(50);
/// How often what was written is brought to the disk; and when a recording was closed.
const SYNC: Duration = Duration::from_secs(1);
const SYNC_CLOSED: Duration = Duration::from_millis(100);
/// A recording that cannot be closed for so long is given up; the next start closes it.
const CLOSE_PATIENCE: Duration = Duration::from_secs(60);
/// What recordings say wrote them.
const PROGRAM: &str = concat!("senim ", env!("CARGO_PKG_VERSION"));
/// Recordings at once; a further one fails.
pub const RECORDINGS_MAX: usize = 10_000;

/// A recording that begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Begin {
    /// Its name.
    pub recording: RecordingId,
    /// Its call.
    pub call: CallId,
    /// The moment of its first second.
    pub at: Instant,
    /// The same on the calendar.
    pub wall: WallTime,
}

/// How the thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RecordingHealth {
    /// Recordings being written.
    pub open: usize,
    /// Bytes that wait for the disk.
    pub waiting_bytes: usize,
    /// How often the disk refused since the start.
    pub refusals: u64,
    /// Frames of recordings that nobody began.
    pub strays: u64,
    /// The disk refuses now.
    pub failing: bool,
}

#[derive(Debug, Default)]
struct Counts {
    open: AtomicUsize,
    waiting_bytes: AtomicUsize,
    refusals: AtomicU64,
    strays: AtomicU64,
    failing: AtomicBool,
}

/// Seals and writes recordings on a thread of its own.
#[derive(Debug)]
pub struct RecordingThread {
    control: Option<mpsc::Sender<Begin>>,
    counts: Arc<Counts>,
    threads: Vec<JoinHandle<()>>,
}

/// What the second thread has to bring to the disk, and what to say afterwards.
#[derive(Default)]
pub(super) struct Job {
    pub(super) names: BTreeSet<String>,
    pub(super) reports: Vec<RecordingReport>,
}

impl RecordingThread {
    /// Starts both threads. `clock` is the clock that stamps the frames; `on` is told what becomes of each recording.
    ///
    /// # Errors
    /// The operating system's, when it has no thread to give.
    pub fn start(
        consumers: Vec<Consumer<Frame>>,
        dir: &Path,
        master: MasterKey,
        entropy: Entropy,
        clock: impl Fn() -> Instant + Send + 'static,
        on: impl Fn(RecordingReport) + Send + Sync + 'static,
    ) -> std::io::Result<RecordingThread> {
        let (control, begins) = mpsc::channel();
        let (jobs, to_sync) = mpsc::sync_channel(1);
        let counts = Arc::new(Counts::default());
        let on = Arc::new(on);
        let say = on.clone();
        let folder = Folder::new(dir);
        let syncer = std::thread::Builder::new().name("recording-sync".into()).spawn(move || {
            let (mut disk, mut syncer) = (Real { folder, whole: None }, Syncer::default());
            for job in to_sync {
                syncer.work(&mut disk, job, &*say);
            }
        })?;
        let mut desk = Desk {
            consumers,
            begins,
            folder: Folder::synced_elsewhere(dir),
            master,
            entropy,
            open: BTreeMap::new(),
            closing: Vec::new(),
            job: Job::default(),
            jobs,
            counts: counts.clone(),
            next_flush: Instant::ZERO,
            last_sync: Instant::ZERO,
        };
        let writer =
            std::thread::Builder::new().name("recording".into()).spawn(move || desk.run(&clock, &*on))?;
        Ok(RecordingThread { control: Some(control), counts, threads: vec![writer, syncer] })
    }

    /// Begins a recording. Never waits.
    pub fn begin(&self, begin: Begin) {
        if let Some(control) = &self.control {
            // The thread lives as long as the sender does.
            let _ = control.send(begin);
        }
    }

    /// How the thread does.
    pub fn health(&self) -> RecordingHealth {
        let c = &self.counts;
        RecordingHealth {
            open: c.open.load(Ordering::Relaxed),
            waiting_bytes: c.waiting_bytes.load(Ordering::Relaxed),
            refusals: c.refusals.load(Ordering::Relaxed),
            strays: c.strays.load(Ordering::Relaxed),
            failing: c.failing.load(Ordering::Relaxed),
        }
    }

    /// Writes what is in the rings, closes every recording and ends the threads.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.control = None;
        for thread in self.threads.drain(..) {
            // A panic there was told by the hook already.
            let _ = thread.join();
        }
    }
}

impl Drop for RecordingThread {
    fn drop(&mut self) {
        self.end();
    }
}

/// The folder of recordings, brought to the disk file by file or as a whole.
struct Real {
    folder: Folder,
    whole: Option<Whole>,
}

impl Platter for Real {
    fn whole(&mut self) -> Option<Result<(), String>> {
        if self.whole.is_none() {
            self.whole = self.folder.whole();
        }
        Some(self.whole.as_ref()?.sync().map_err(|fault| fault.to_string()))
    }

    fn one(&mut self, name: &str) -> Result<(), String> {
        self.folder.sync_now(name).map_err(|fault| fault.to_string())
    }
}

/// One recording being written.
struct Active {
    writer: Writer,
    /// Its first refusal was told.
    told: bool,
}

/// One recording whose last frame came.
struct Closing {
    active: Active,
    end: End,
    give_up_at: Instant,
    next_try: Instant,
}

struct Desk {
    consumers: Vec<Consumer<Frame>>,
    begins: Receiver<Begin>,
    folder: Folder,
    master: MasterKey,
    entropy: Entropy,
    open: BTreeMap<RecordingId, Active>,
    closing: Vec<Closing>,
    job: Job,
    jobs: SyncSender<Job>,
    counts: Arc<Counts>,
    next_flush: Instant,
    last_sync: Instant,
}

impl Desk {
    fn run(&mut self, clock: &impl Fn() -> Instant, on: &impl Fn(RecordingReport)) {
        let mut stopping = false;
        while !stopping {
            stopping = !self.take_begins(clock(), on);
            let taken = self.take_frames(clock(), on);
            self.flush(clock(), on);
            self.hand_over(clock());
            if taken == 0 && !stopping {
                let busy = !self.open.is_empty() || !self.closing.is_empty();
                match self.begins.recv_timeout(if busy { PAUSE } else { PAUSE_IDLE }) {
                    Ok(begin) => self.begin(begin, clock(), on),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => stopping = true,
                }
            }
        }
        self.end(clock(), on);
    }

    /// Takes what was begun; `false` when nothing can come any more.
    fn take_begins(&mut self, now: Instant, on: &impl Fn(RecordingReport)) -> bool {
        loop {
            match self.begins.try_recv() {
                Ok(begin) => self.begin(begin, now, on),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn begin(&mut self, begin: Begin, now: Instant, on: &impl Fn(RecordingReport)) {
        let Begin { recording, call, at, wall } = begin;
        let fail = |why: String| on(RecordingReport::Failed { recording, why });
        if self.open.len() >= RECORDINGS_MAX {
            return fail(format!("{RECORDINGS_MAX} recordings are being written already"));
        }
        let meta = RecordingMeta { recording, call, started: wall, program: PROGRAM.to_owned() };
        let about = About { recording, started: wall, start: at, about: &meta.to_bytes() };
        let name = recording.to_string();
        match Writer::open(&mut self.folder, &name, &about, &self.master, &mut self.entropy, now) {
            Ok(writer) => {
                self.open.insert(recording, Active { writer, told: false });
            }
            Err(fault @ (OpenFault::Exists | OpenFault::AboutTooLong)) => fail(fault.to_string()),
        }
    }

    /// Takes frames from every ring in turn; returns how many.
    fn take_frames(&mut self, now: Instant, on: &impl Fn(RecordingReport)) -> usize {
        let mut taken = 0;
        for ring in 0..self.consumers.len() {
            for _ in 0..FRAMES_AT_ONCE {
                let Some(Ok(frame)) = self.consumers.get_mut(ring).map(Consumer::pop) else { break };
                taken += 1;
                self.frame(&frame, now, on);
            }
        }
        taken
    }

    fn frame(&mut self, frame: &Frame, now: Instant, on: &impl Fn(RecordingReport)) {
        let recording = frame.recording();
        if !self.open.contains_key(&recording) {
            // Its beginning and its first frame travel on two ways: the beginning may still be on its own.
            self.take_begins(now, on);
        }
        let Some(active) = self.open.get_mut(&recording) else {
            self.counts.strays.fetch_add(1, Ordering::Relaxed);
            return;
        };
        match frame {
            Frame::Audio { track, at, codec, timestamp, .. } => {
                active.writer.push(*track, *codec, *timestamp, frame.payload(), *at);
            }
            Frame::Lost { track, at, frames, .. } => active.writer.lost(*track, *frames, *at),
            Frame::End { .. } => {
                if let Some(active) = self.open.remove(&recording) {
                    let closing = Closing {
                        active,
                        end: End::Completed,
                        give_up_at: now + CLOSE_PATIENCE,
                        next_try: now,
                    };
                    self.closing.push(closing);
                    self.close_due(now, on);
                }
            }
        }
    }

    /// Writes what is a second old, and closes what waits for it.
    fn flush(&mut self, now: Instant, on: &impl Fn(RecordingReport)) {
        if now < self.next_flush {
            return;
        }
        self.next_flush = now + FLUSH;
        let (mut waiting, mut failing) = (0, false);
        for (recording, active) in &mut self.open {
            if active.writer.deadline().is_some_and(|d| d <= now) {
                let done = active.writer.flush_due(&mut self.folder, now);
                if let Err(fault) = done {
                    self.counts.refusals.fetch_add(1, Ordering::Relaxed);
                    tell(&mut active.told, *recording, fault.to_string(), on);
                }
            }
            waiting += active.writer.waiting_bytes();
            failing |= active.told && active.writer.waiting_bytes() > senim_seal::CHUNK_BYTES_MAX;
        }
        self.close_due(now, on);
        self.counts.open.store(self.open.len() + self.closing.len(), Ordering::Relaxed);
        self.counts.waiting_bytes.store(waiting, Ordering::Relaxed);
        self.counts.failing.store(failing || !self.closing.is_empty(), Ordering::Relaxed);
    }

    fn close_due(&mut self, now: Instant, on: &impl Fn(RecordingReport)) {
        let mut waiting = Vec::new();
        for mut c in core::mem::take(&mut self.closing) {
            if c.next_try > now {
                waiting.push(c);
                continue;
            }
            let recording = c.active.writer.recording();
            match c.active.writer.close(&mut self.folder, c.end, now) {
                Ok(closed) => self.job.reports.push(RecordingReport::Closed {
                    recording,
                    length_ms: closed.length_ms,
                    bytes: closed.bytes,
                    lost_frames: closed.lost_frames,
                    torn: false,
                }),
                Err(fault) => {
                    self.counts.refusals.fetch_add(1, Ordering::Relaxed);
                    if now >= c.give_up_at {
                        on(RecordingReport::Failed { recording, why: format!("given up: {fault}") });
                        continue;
                    }
                    tell(&mut c.active.told, recording, fault.to_string(), on);
                    c.next_try = now + SYNC;
                    waiting.push(c);
                }
            }
        }
        self.closing = waiting;
    }

    /// Gives the second thread its work when it has time for it.
    fn hand_over(&mut self, now: Instant) {
        let every = if self.job.reports.is_empty() { SYNC } else { SYNC_CLOSED };
        if now.since(self.last_sync) < every {
            return;
        }
        self.last_sync = now;
        self.job.names.extend(self.folder.take_dirty());
        if self.job.names.is_empty() && self.job.reports.is_empty() {
            return;
        }
        match self.jobs.try_send(core::mem::take(&mut self.job)) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => self.job = job,
        }
    }

    fn end(&mut self, now: Instant, on: &impl Fn(RecordingReport)) {
        while self.take_frames(now, on) > 0 {}
        for (_, active) in core::mem::take(&mut self.open) {
            self.closing.push(Closing { active, end: End::Stopped, give_up_at: now, next_try: now });
        }
        for c in &mut self.closing {
            c.give_up_at = now;
            c.next_try = now;
        }
        self.close_due(now, on);
        self.job.names.extend(self.folder.take_dirty());
        // The second thread ends when this sender is gone; before that it does what is left.
        let _ = self.jobs.send(core::mem::take(&mut self.job));
        self.counts.open.store(0, Ordering::Relaxed);
    }
}

/// Tells of a recording's first refusal; the call goes on, and so does the recording when the disk takes it again.
fn tell(told: &mut bool, recording: RecordingId, why: String, on: &impl Fn(RecordingReport)) {
    if !core::mem::replace(told, true) {
        on(RecordingReport::Failed { recording, why });
    }
}
