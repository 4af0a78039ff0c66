//! The journal's own thread: many facts, one sync. A disk that is full or fails stops nothing: facts wait in memory up
//! to a ceiling, the write is tried again each second, and the alarm stands until it succeeds.

use super::{Fault, Journal};
use core::time::Duration;
use senim_switch::facts::Record;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// Facts that may wait for the disk, about 50 MB. More are refused: the line then takes no new calls.
pub const WAITING_MAX: usize = 100_000;
/// Facts that one sync carries at most.
const GROUP_MAX: usize = 4_096;
/// How long after a failure the disk is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Facts that nobody waits for share a sync with those of so long after them: a power cut may cost as much. They are
/// in the file at once, where a kill of the program does not reach them.
const SYNC_WITHIN: Duration = Duration::from_millis(10);

/// What the thread tells.
#[derive(Debug)]
pub enum Notice {
    /// These facts are safe.
    Synced(Vec<Record>),
    /// The disk does not take facts; said once, until [`Notice::Resumed`].
    Stalled(Fault),
    /// The disk takes facts again.
    Resumed,
}

/// The facts given back: as many wait for the disk as may.
#[derive(Debug)]
pub struct Full(pub Vec<Record>);

impl core::fmt::Display for Full {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the disk takes no facts and as many as may wait do; free the disk")
    }
}

impl core::error::Error for Full {}

/// How the thread does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Health {
    /// Facts that wait.
    pub waiting: usize,
    /// The disk does not take them.
    pub stalled: bool,
    /// The last fact that is safe.
    pub synced: u64,
    /// Facts refused since the start.
    pub refused: u64,
    /// The thread ended.
    pub ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: VecDeque<Record>,
    waiting_max: usize,
    in_hand: usize,
    submitted: u64,
    /// The last fact that somebody waits for.
    wanted: u64,
    stop: bool,
    health: Health,
}

#[derive(Debug, Default)]
struct Meeting {
    shared: Mutex<Shared>,
    /// Something to write.
    work: Condvar,
    /// Something became safe.
    safe: Condvar,
}

impl Meeting {
    /// A panic elsewhere cannot leave this state half changed: each change is one statement.
    fn enter(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes facts on a thread of its own.
#[derive(Debug)]
pub struct JournalWriter {
    meeting: Arc<Meeting>,
    thread: Option<JoinHandle<Journal>>,
}

impl JournalWriter {
    /// Starts the thread. `on` is called on it: it must be quick.
    ///
    /// # Errors
    /// The operating system's, when it has no thread to give.
    pub fn start(journal: Journal, on: impl FnMut(Notice) + Send + 'static) -> std::io::Result<Self> {
        JournalWriter::start_with(journal, WAITING_MAX, RETRY, on)
    }

    pub(crate) fn start_with(
        journal: Journal,
        waiting_max: usize,
        retry: Duration,
        on: impl FnMut(Notice) + Send + 'static,
    ) -> std::io::Result<Self> {
        let meeting = Arc::new(Meeting::default());
        {
            let mut shared = meeting.enter();
            shared.waiting_max = waiting_max;
            shared.health.synced = journal.last_seq();
            shared.submitted = journal.last_seq();
        }
        let theirs = meeting.clone();
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || {
            let journal = run(journal, &theirs, retry, on);
            theirs.enter().health.ended = true;
            theirs.safe.notify_all();
            journal
        })?;
        Ok(JournalWriter { meeting, thread: Some(thread) })
    }

    /// Hands facts over, in order and without holes. They are written when [`JournalWriter::ring`] wakes the thread, when
    /// somebody waits for them, or when it is awake anyway.
    ///
    /// # Errors
    /// [`Full`] with the same facts, when as many wait as may.
    pub fn submit(&self, records: Vec<Record>) -> Result<(), Full> {
        let mut shared = self.meeting.enter();
        if shared.waiting.len() + shared.in_hand + records.len() > shared.waiting_max {
            shared.health.refused += records.len() as u64;
            return Err(Full(records));
        }
        shared.submitted = records.last().map_or(shared.submitted, |r| r.seq);
        shared.waiting.extend(records);
        Ok(())
    }

    /// Wakes the thread: waking it for each fact would be dearer than writing it.
    pub fn ring(&self) {
        self.meeting.work.notify_one();
    }

    /// Waits until fact `seq` is safe; `false` when that took longer than `at_most`.
    pub fn wait(&self, seq: u64, at_most: Duration) -> bool {
        let mut shared = self.meeting.enter();
        shared.wanted = shared.wanted.max(seq.min(shared.submitted));
        self.meeting.work.notify_one();
        let unsafe_yet = |s: &mut Shared| s.health.synced < seq && !s.health.ended;
        let waited = self.meeting.safe.wait_timeout_while(shared, at_most, unsafe_yet);
        waited.unwrap_or_else(PoisonError::into_inner).0.health.synced >= seq
    }

    /// Looks at this journal from other threads.
    pub fn watch(&self) -> JournalWatch {
        JournalWatch { meeting: self.meeting.clone() }
    }

    /// The last fact that is safe.
    pub fn synced(&self) -> u64 {
        self.meeting.enter().health.synced
    }

    /// How the thread does.
    pub fn health(&self) -> Health {
        let shared = self.meeting.enter();
        Health { waiting: shared.waiting.len() + shared.in_hand, ..shared.health }
    }

    /// Writes what waits and ends the thread. Facts that the disk does not take are tried once more and then given up.
    pub fn stop(mut self) -> Option<Journal> {
        self.end()
    }

    fn end(&mut self) -> Option<Journal> {
        self.meeting.enter().stop = true;
        self.meeting.work.notify_all();
        self.thread.take()?.join().ok()
    }
}

/// Tells other threads how far the journal is.
#[derive(Clone, Debug)]
pub struct JournalWatch {
    meeting: Arc<Meeting>,
}

impl JournalWatch {
    /// See [`JournalWriter::ring`].
    pub fn ring(&self) {
        self.meeting.work.notify_one();
    }

    /// The last fact handed over, safe or not yet.
    pub fn submitted(&self) -> u64 {
        self.meeting.enter().submitted
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the thread does next.
enum Next {
    /// Write these.
    Write(Vec<Record>),
    /// Bring what is written to the disk.
    Sync,
    /// Nothing waits and nobody will come.
    End,
}

fn run(mut journal: Journal, meeting: &Meeting, retry: Duration, mut on: impl FnMut(Notice)) -> Journal {
    let mut written: Vec<Record> = Vec::new();
    let mut due = None;
    loop {
        match next(meeting, written.len(), due) {
            Next::Write(group) => {
                if !insist(|| journal.append_all(&group), meeting, retry, &mut on) {
                    return journal;
                }
                written.extend(group);
                due.get_or_insert_with(|| Instant::now() + SYNC_WITHIN);
            }
            Next::Sync => {
                if !insist(|| journal.sync(), meeting, retry, &mut on) {
                    return journal;
                }
                due = None;
                synced(core::mem::take(&mut written), meeting, &mut on);
            }
            Next::End => return journal,
        }
    }
}

/// Waits for something to do. What is written is synced when somebody waits for it, when it is due, or when it is a
/// whole group.
fn next(meeting: &Meeting, written: usize, due: Option<Instant>) -> Next {
    let mut shared = meeting.enter();
    loop {
        let left = due.map(|at| at.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) || written >= GROUP_MAX {
            return Next::Sync;
        }
        if !shared.waiting.is_empty() {
            let n = shared.waiting.len().min(GROUP_MAX);
            shared.in_hand += n;
            return Next::Write(shared.waiting.drain(..n).collect());
        }
        if written > 0 && (shared.stop || shared.wanted > shared.health.synced) {
            return Next::Sync;
        }
        if shared.stop {
            return Next::End;
        }
        shared = match left {
            Some(left) => meeting.work.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0,
            None => meeting.work.wait(shared).unwrap_or_else(PoisonError::into_inner),
        };
    }
}

/// Tries until the disk obliges; `false` when the program ends meanwhile and one last attempt failed, too.
fn insist(
    mut attempt: impl FnMut() -> Result<(), Fault>,
    meeting: &Meeting,
    retry: Duration,
    on: &mut impl FnMut(Notice),
) -> bool {
    while let Err(fault) = attempt() {
        if !core::mem::replace(&mut meeting.enter().health.stalled, true) {
            on(Notice::Stalled(fault));
        }
        let waited = meeting.work.wait_timeout_while(meeting.enter(), retry, |s| !s.stop);
        let (shared, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        if shared.stop && !timed_out.timed_out() {
            drop(shared);
            return attempt().is_ok();
        }
    }
    true
}

fn synced(group: Vec<Record>, meeting: &Meeting, on: &mut impl FnMut(Notice)) {
    let resumed = {
        let mut shared = meeting.enter();
        shared.in_hand = 0;
        shared.health.synced = group.last().map_or(shared.health.synced, |r| r.seq);
        core::mem::replace(&mut shared.health.stalled, false)
    };
    meeting.safe.notify_all();
    if resumed {
        on(Notice::Resumed);
    }
    on(Notice::Synced(group));
}
