//! The last chunk of a closed container: what all the others hold, so that nothing can be taken away unseen.

use crate::item::Lost;
use senim_base::TrackId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Gaps listed one by one in a manifest, at most. Behind them only the sum of lost frames grows.
pub const GAPS_MAX: usize = 500;

/// How a recording ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The call ended.
    Completed,
    /// The program was stopped in good order while the call went on.
    Stopped,
    /// The program or the machine was killed; found and closed at the next start.
    Interrupted,
}

/// Why frames were lost on the way to the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The ring between the media worker and the disk thread was full.
    Ring,
    /// The disk refused for longer than memory could bridge.
    Disk,
    /// The frame was longer than [`crate::PAYLOAD_MAX`].
    TooLong,
}

impl Cause {
    /// As written in a chunk.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Cause::Ring => 0,
            Cause::Disk => 1,
            Cause::TooLong => 2,
        }
    }

    pub(crate) const fn from_code(code: u8) -> Option<Cause> {
        match code {
            0 => Some(Cause::Ring),
            1 => Some(Cause::Disk),
            2 => Some(Cause::TooLong),
            _ => None,
        }
    }
}

/// Frames that were lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Gap {
    /// Whose.
    pub track: TrackId,
    /// From the last frame kept before, milliseconds since the start.
    pub from_ms: u32,
    /// Until frames were kept again.
    pub to_ms: u32,
    /// How many.
    pub frames: u32,
    /// Why.
    pub cause: Cause,
}

/// What a closed container holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Chunks before the manifest's own.
    pub chunks: u32,
    /// Frames a track.
    pub frames: BTreeMap<u8, u64>,
    /// Marks.
    pub marks: u64,
    /// Until the end of the last frame or mark, milliseconds since the start.
    pub length_ms: u32,
    /// Frames lost on the way to the disk.
    pub lost_frames: u64,
    /// The first [`GAPS_MAX`] gaps.
    pub gaps: Vec<Gap>,
    /// How it ended.
    pub end: End,
}

/// The sums that writer, reader and repair make in the same way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) frames: BTreeMap<u8, u64>,
    pub(crate) last_ms: BTreeMap<u8, u32>,
    pub(crate) marks: u64,
    pub(crate) length_ms: u32,
    pub(crate) lost_frames: u64,
    pub(crate) gaps: Vec<Gap>,
}

impl Sums {
    pub(crate) fn frame(&mut self, track: TrackId, at_ms: u32, codec: u8, payload_len: usize) {
        *self.frames.entry(track.0).or_default() += 1;
        // 8 bytes of G.711 or G.722 a millisecond (RFC 3551 table 4); how long a packet of Opus is, is not known here.
        let bytewise = matches!(codec, 0 | 8 | 9);
        let ms = if bytewise { u32::try_from(payload_len / 8).unwrap_or(0) } else { 0 };
        let ends = at_ms.saturating_add(ms);
        self.last_ms.insert(track.0, ends);
        self.length_ms = self.length_ms.max(ends);
    }

    pub(crate) fn mark(&mut self, at_ms: u32) {
        self.marks += 1;
        self.length_ms = self.length_ms.max(at_ms);
    }

    pub(crate) fn lost(&mut self, lost: Lost) {
        let Lost { track, at_ms, frames, cause } = lost;
        self.lost_frames += u64::from(frames);
        if self.gaps.len() < GAPS_MAX {
            let from_ms = self.last_ms.get(&track.0).copied().unwrap_or(0).min(at_ms);
            self.gaps.push(Gap { track, from_ms, to_ms: at_ms, frames, cause });
        }
    }

    pub(crate) fn manifest(&self, chunks: u32, end: End) -> Manifest {
        Manifest {
            chunks,
            frames: self.frames.clone(),
            marks: self.marks,
            length_ms: self.length_ms,
            lost_frames: self.lost_frames,
            gaps: self.gaps.clone(),
            end,
        }
    }

    /// A manifest tells of the same sound as was found.
    pub(crate) fn agree(&self, chunks: u32, m: &Manifest) -> bool {
        m.chunks == chunks
            && m.frames == self.frames
            && m.marks == self.marks
            && m.length_ms == self.length_ms
            && m.lost_frames == self.lost_frames
    }
}
