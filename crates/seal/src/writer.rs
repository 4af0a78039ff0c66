//! The writer: frames in, sealed chunks out. The disk may refuse for a while; what it refuses is kept in memory up
//! to a ceiling, and what goes beyond it is counted and told in the container itself.

use crate::chunk;
use crate::disk::{Disk, DiskFault};
use crate::header::{self, Header};
use crate::item::{self, FRAME_HEAD, LOST_BYTES, Lost, MARK_HEAD};
use crate::key::MasterKey;
use crate::manifest::{Cause, End, Sums};
use crate::{ABOUT_MAX, CHUNK_BYTES_MAX, CHUNK_MS_MAX, MARK_MAX, PAYLOAD_MAX};
use core::fmt;
use core::time::Duration;
use senim_base::{Entropy, Instant, RecordingId, TrackId, WallTime};
use std::collections::{BTreeMap, VecDeque};

/// Bytes kept in memory while the disk refuses: about a minute of two parties. Frames beyond it are lost, counted,
/// and told as a [`Lost`] when the disk takes bytes again.
pub const BACKLOG_MAX: usize = 1024 * 1024;
/// How long after a refusal the disk is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// What a container says about itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct About<'a> {
    /// Its recording.
    pub recording: RecordingId,
    /// The calendar at its first millisecond.
    pub started: WallTime,
    /// The same moment on the monotonic axis.
    pub start: Instant,
    /// Words about it, sealed in its first chunk; at most [`ABOUT_MAX`] bytes.
    pub about: &'a [u8],
}

/// Why a container could not be begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenFault {
    /// There is a file of this name (ours: a recording's name is drawn at random and used once).
    Exists,
    /// More than [`ABOUT_MAX`] bytes are to be said about it (ours).
    AboutTooLong,
}

impl fmt::Display for OpenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpenFault::Exists => "a recording of this name exists already",
            OpenFault::AboutTooLong => "too much is said about the recording",
        })
    }
}

impl core::error::Error for OpenFault {}

/// What a closed container came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Closed {
    /// Until the end of the last frame, milliseconds since the start.
    pub length_ms: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Frames that arrived and could not be kept.
    pub lost_frames: u64,
    /// The last hash of the chain: whoever keeps it can tell later that nothing was exchanged.
    pub chain: [u8; 32],
}

/// Writes one container. It is plain data: the disk is lent to it.
#[derive(Clone, Debug)]
pub struct Writer {
    name: String,
    header: Header,
    start: Instant,
    salt: [u8; 8],
    seq: u32,
    chain: [u8; 32],
    pending: Vec<u8>,
    pending_since: Option<Instant>,
    pending_from_ms: u32,
    backlog: VecDeque<Vec<u8>>,
    backlog_bytes: usize,
    dropped: BTreeMap<u8, u32>,
    sums: Sums,
    created: bool,
    on_disk: u64,
    tail_unknown: bool,
    retry_at: Option<Instant>,
    refusals: u64,
    end: Option<End>,
}

impl Writer {
    /// Begins a container in the file `name`. A disk that refuses is asked again by [`Writer::flush_due`].
    pub fn open(
        disk: &mut impl Disk,
        name: &str,
        about: &About<'_>,
        master: &MasterKey,
        entropy: &mut Entropy,
        now: Instant,
    ) -> Result<Writer, OpenFault> {
        if about.about.len() > ABOUT_MAX {
            return Err(OpenFault::AboutTooLong);
        }
        if disk.exists(name) {
            return Err(OpenFault::Exists);
        }
        let (mut bytes, header) =
            header::write(about.recording, about.started, master, entropy).ok_or(OpenFault::AboutTooLong)?;
        let mut salt = [0; 8];
        entropy.fill(&mut salt);
        let mut plain = Vec::new();
        item::put_about(&mut plain, about.about);
        let (first, chain) =
            chunk::seal(&header, 0, 0, salt, &header.chain, plain).ok_or(OpenFault::AboutTooLong)?;
        bytes.extend_from_slice(&first);
        let mut writer = Writer {
            name: name.to_owned(),
            header,
            start: about.start,
            salt,
            seq: 1,
            chain,
            pending: Vec::new(),
            pending_since: None,
            pending_from_ms: 0,
            backlog_bytes: bytes.len(),
            backlog: VecDeque::from([bytes]),
            dropped: BTreeMap::new(),
            sums: Sums::default(),
            created: false,
            on_disk: 0,
            tail_unknown: false,
            retry_at: None,
            refusals: 0,
            end: None,
        };
        match writer.write_out(disk, now) {
            Err(DiskFault::Exists) => Err(OpenFault::Exists),
            _ => Ok(writer),
        }
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose recording.
    pub fn recording(&self) -> RecordingId {
        self.header.recording
    }

    /// A frame of `track` that arrived at `at`. Never touches the disk.
    pub fn push(&mut self, track: TrackId, codec: u8, timestamp: u32, payload: &[u8], at: Instant) {
        if payload.len() > PAYLOAD_MAX {
            self.lose(track, 1, at, Cause::TooLong);
            return;
        }
        let need = FRAME_HEAD + payload.len();
        if self.end.is_some() || self.full(need) {
            self.drop_frames(track, 1);
            return;
        }
        self.tell_dropped(at);
        let at_ms = self.make_room(need, at);
        item::put_frame(&mut self.pending, track, at_ms, codec, timestamp, payload);
        self.sums.frame(track, at_ms, codec, payload.len());
    }

    /// So many frames of `track` were lost before they came here; frames come again at `at`.
    pub fn lost(&mut self, track: TrackId, frames: u32, at: Instant) {
        self.lose(track, frames, at, Cause::Ring);
    }

    /// Something happened, in a word that is no personal data.
    pub fn mark(&mut self, kind: &str, at: Instant) {
        let mut end = kind.len().min(MARK_MAX);
        while !kind.is_char_boundary(end) {
            end -= 1;
        }
        let kind = kind.get(..end).unwrap_or_default();
        if self.end.is_some() || self.full(MARK_HEAD + kind.len()) {
            return;
        }
        let at_ms = self.make_room(MARK_HEAD + kind.len(), at);
        item::put_mark(&mut self.pending, at_ms, kind);
        self.sums.mark(at_ms);
    }

    /// When [`Writer::flush_due`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let seal = self.pending_since.map(|at| at + Duration::from_millis(CHUNK_MS_MAX));
        let write = (!self.backlog.is_empty()).then(|| self.retry_at.unwrap_or(Instant::ZERO));
        [seal, write].into_iter().flatten().min()
    }

    /// Seals what is a second old and writes what is sealed. A refusal of the disk is no end: it is counted and the
    /// disk is asked again a second later.
    pub fn flush_due(&mut self, disk: &mut impl Disk, now: Instant) -> Result<(), DiskFault> {
        if self.pending_since.is_some_and(|at| at + Duration::from_millis(CHUNK_MS_MAX) <= now) {
            self.seal();
        }
        if self.backlog.is_empty() || self.retry_at.is_some_and(|at| at > now) {
            return Ok(());
        }
        self.write_out(disk, now)
    }

    /// Seals the rest and the manifest, writes everything, and makes it durable. After a refusal of the disk call it
    /// again, as often as wanted; the first `end` counts. Frames after the first call are not taken.
    pub fn close(&mut self, disk: &mut impl Disk, end: End, now: Instant) -> Result<Closed, DiskFault> {
        if self.end.is_none() {
            self.tell_dropped(now);
            self.seal();
            self.end = Some(end);
            let manifest = self.sums.manifest(self.seq, end);
            let mut plain = Vec::new();
            item::put_manifest(&mut plain, &serde_json::to_vec(&manifest).unwrap_or_default());
            self.pending = plain;
            self.pending_from_ms = self.sums.length_ms;
            self.seal();
        }
        self.write_out(disk, now)?;
        disk.sync(&self.name)?;
        Ok(Closed {
            length_ms: u64::from(self.sums.length_ms),
            bytes: self.on_disk,
            lost_frames: self.sums.lost_frames,
            chain: self.chain,
        })
    }

    /// How often the disk refused.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// Frames lost so far, those included that are not yet told in the container.
    pub fn lost_frames(&self) -> u64 {
        self.sums.lost_frames + self.dropped.values().map(|n| u64::from(*n)).sum::<u64>()
    }

    /// Bytes that wait for the disk.
    pub fn waiting_bytes(&self) -> usize {
        self.backlog_bytes + self.pending.len()
    }

    fn full(&self, need: usize) -> bool {
        self.waiting_bytes() + need > BACKLOG_MAX
    }

    fn lose(&mut self, track: TrackId, frames: u32, at: Instant, cause: Cause) {
        if self.end.is_some() || self.full(LOST_BYTES) {
            self.drop_frames(track, frames);
        } else if frames > 0 {
            self.put_lost(track, frames, at, cause);
        }
    }

    fn put_lost(&mut self, track: TrackId, frames: u32, at: Instant, cause: Cause) {
        let at_ms = self.make_room(LOST_BYTES, at);
        let lost = Lost { track, at_ms, frames, cause };
        item::put_lost(&mut self.pending, lost);
        self.sums.lost(lost);
    }

    fn drop_frames(&mut self, track: TrackId, frames: u32) {
        let dropped = self.dropped.entry(track.0).or_default();
        *dropped = dropped.saturating_add(frames);
    }

    fn tell_dropped(&mut self, at: Instant) {
        for (track, frames) in core::mem::take(&mut self.dropped) {
            self.put_lost(TrackId(track), frames, at, Cause::Disk);
        }
    }

    /// Seals what would grow too long or too old with `need` bytes more; gives back the moment in milliseconds.
    fn make_room(&mut self, need: usize, at: Instant) -> u32 {
        let old = self.pending_since.is_some_and(|s| at.since(s) >= Duration::from_millis(CHUNK_MS_MAX));
        if old || self.pending.len() + need > CHUNK_BYTES_MAX {
            self.seal();
        }
        let at_ms = u32::try_from(at.since(self.start).as_millis()).unwrap_or(u32::MAX);
        if self.pending_since.is_none() {
            self.pending_since = Some(at);
            self.pending_from_ms = at_ms;
        }
        self.pending_from_ms = self.pending_from_ms.min(at_ms);
        at_ms
    }

    fn seal(&mut self) {
        self.pending_since = None;
        let plain = core::mem::take(&mut self.pending);
        if plain.is_empty() {
            return;
        }
        let sealed = chunk::seal(&self.header, self.seq, self.pending_from_ms, self.salt, &self.chain, plain);
        if let Some((bytes, chain)) = sealed {
            self.chain = chain;
            self.seq += 1;
            self.backlog_bytes += bytes.len();
            self.backlog.push_back(bytes);
        }
    }

    fn write_out(&mut self, disk: &mut impl Disk, now: Instant) -> Result<(), DiskFault> {
        let done = self.try_write_out(disk);
        self.retry_at = match done {
            Ok(()) => None,
            Err(_) => Some(now + RETRY),
        };
        self.refusals += u64::from(done.is_err());
        done
    }

    fn try_write_out(&mut self, disk: &mut impl Disk) -> Result<(), DiskFault> {
        if !self.created {
            match disk.create(&self.name) {
                // An earlier attempt made the file although it was told that it had failed.
                Err(DiskFault::Exists) if self.refusals > 0 => self.tail_unknown = true,
                made => made?,
            }
            self.created = true;
        }
        if self.tail_unknown {
            disk.truncate(&self.name, self.on_disk)?;
            self.tail_unknown = false;
        }
        while let Some(bytes) = self.backlog.front() {
            // Until the append has succeeded nobody knows how much of it is there.
            self.tail_unknown = true;
            disk.append(&self.name, bytes)?;
            self.tail_unknown = false;
            self.on_disk += bytes.len() as u64;
            self.backlog_bytes -= bytes.len();
            self.backlog.pop_front();
        }
        Ok(())
    }
}
