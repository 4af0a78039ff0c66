//! Recordings as the taps gave them: what a track would sound like when it is exported.

use senim_audio::g711;
use senim_base::{Instant, RecordingId, TrackId};
use senim_recorder::Placer;
use senim_sdp::Codec;
use std::collections::BTreeMap;

/// One frame of a tap.
#[derive(Clone, Debug)]
struct Frame {
    at: Instant,
    codec: Codec,
    timestamp: u32,
    bytes: Vec<u8>,
}

/// All recordings of a world.
#[derive(Debug, Default)]
pub struct Tape {
    /// Frames are kept (story tests), or only counted (a thousand days).
    pub keep: bool,
    begun: BTreeMap<RecordingId, Instant>,
    frames: BTreeMap<(RecordingId, TrackId), Vec<Frame>>,
    last: BTreeMap<RecordingId, Instant>,
}

impl Tape {
    pub(crate) fn begin(&mut self, recording: RecordingId, at: Instant) {
        self.begun.insert(recording, at);
        self.last.insert(recording, at);
    }

    pub(crate) fn frame(
        &mut self,
        recording: RecordingId,
        track: TrackId,
        at: Instant,
        codec: Codec,
        timestamp: u32,
        bytes: &[u8],
    ) {
        self.last.insert(recording, at);
        if self.keep {
            let frame = Frame { at, codec, timestamp, bytes: bytes.to_vec() };
            self.frames.entry((recording, track)).or_default().push(frame);
        }
    }

    /// The recording is closed: its length in milliseconds. `None` for one that was never begun, or closed before.
    pub(crate) fn end(&mut self, recording: RecordingId) -> Option<u64> {
        let begun = *self.begun.get(&recording)?;
        let last = self.last.remove(&recording)?;
        if !self.keep {
            self.begun.remove(&recording);
        }
        Some(u64::try_from(last.since(begun).as_millis()).unwrap_or(u64::MAX))
    }

    /// Recordings that were begun and not closed.
    pub fn open(&self) -> usize {
        self.last.len()
    }

    /// A track as it would be exported: 8 kHz samples from the recording's first moment.
    pub fn track(&self, recording: RecordingId, track: TrackId) -> Vec<i16> {
        let (Some(frames), Some(begun)) = (self.frames.get(&(recording, track)), self.begun.get(&recording))
        else {
            return Vec::new();
        };
        let mut placer = Placer::new(track);
        let mut pcm: Vec<i16> = Vec::new();
        for f in frames {
            let samples = u32::try_from(f.bytes.len()).unwrap_or(0);
            let placed = placer.place(f.at.since(*begun), f.timestamp, samples);
            let at = usize::try_from(placed.offset).unwrap_or(usize::MAX);
            let decode = match f.codec {
                Codec::Pcma => g711::alaw_decode,
                Codec::Pcmu => g711::ulaw_decode,
            };
            if pcm.len() < at + f.bytes.len() {
                pcm.resize(at + f.bytes.len(), 0);
            }
            for (slot, byte) in pcm[at..].iter_mut().zip(&f.bytes) {
                *slot = decode(*byte);
            }
        }
        pcm
    }
}
