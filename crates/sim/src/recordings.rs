//! Recordings as the taps gave them: what a track would sound like when it is exported.

use senim_audio::{Band, Coding, Decoder};
use senim_base::{Instant, RecordingId, TrackId};
use senim_recorder::{Placer, Scale};
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
        let (mut placer, mut scale) = (Placer::new(track), Scale::default());
        let mut decoder: Option<Decoder> = None;
        let mut pcm: Vec<i16> = Vec::new();
        for f in frames {
            let coding = Coding::of_number(f.codec.payload_type());
            let samples = coding.ticks(&f.bytes);
            let timestamp = scale.samples(f.timestamp, coding.clock_hz());
            let placed = placer.place(f.at.since(*begun), timestamp, samples);
            let at = usize::try_from(placed.offset).unwrap_or(usize::MAX);
            let end = at + samples as usize;
            if pcm.len() < end {
                pcm.resize(end, 0);
            }
            let decoder = match &mut decoder {
                Some(same) if same.coding() == coding => same,
                other => other.insert(Decoder::new(coding, Band::Narrow)),
            };
            decoder.decode(&f.bytes, &mut pcm[at..end]);
        }
        pcm
    }
}
