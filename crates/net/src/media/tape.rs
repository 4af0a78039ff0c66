//! The way to the recorder: a ring that is never waited for. What does not fit is counted and told as soon as there is
//! room; the end of a recording is kept until it fits.

use super::Counters;
use core::sync::atomic::Ordering;
use core::time::Duration;
use rtrb::Producer;
use senim_base::{Instant, RecordingId, TrackId};
use senim_recorder::{FRAME_BYTES_MAX, Frame};
use std::collections::VecDeque;
use std::sync::Arc;

/// Ceiling of ends that wait for room. Beyond it the oldest is dropped: its recording is found open and repaired.
const ENDS_MAX: usize = 16_384;
/// Ceiling of tracks whose losses are remembered; beyond it losses are only counted.
const LOSSES_MAX: usize = 4_096;

/// The writing end of one ring.
#[derive(Debug)]
pub(crate) struct Tape {
    ring: Producer<Frame>,
    losses: Vec<(RecordingId, TrackId, u32)>,
    ends: VecDeque<RecordingId>,
    counters: Arc<Counters>,
}

impl Tape {
    pub(crate) fn new(ring: Producer<Frame>, counters: Arc<Counters>) -> Tape {
        Tape { ring, losses: Vec::with_capacity(LOSSES_MAX), ends: VecDeque::with_capacity(64), counters }
    }

    /// Puts sound on the tape, in frames of at most [`FRAME_BYTES_MAX`]. `bytewise`: a byte is 125 µs, so a longer payload
    /// is split; else it is lost, and counted.
    pub(crate) fn audio(
        &mut self,
        (recording, track): (RecordingId, TrackId),
        at: Instant,
        (codec, bytewise): (u8, bool),
        timestamp: u32,
        payload: &[u8],
    ) {
        if !bytewise && payload.len() > FRAME_BYTES_MAX {
            self.lose(recording, track);
            return;
        }
        for (n, part) in (0u32..).zip(payload.chunks(FRAME_BYTES_MAX)) {
            let samples = n * FRAME_BYTES_MAX as u32;
            let at = at + Duration::from_micros(u64::from(samples) * 125);
            let timestamp = timestamp.wrapping_add(samples);
            let frame = Frame::audio(recording, track, at, codec, timestamp, part);
            let Some(frame) = frame.filter(|_| self.tell_loss(recording, track, at)) else {
                self.lose(recording, track);
                continue;
            };
            if self.ring.push(frame).is_err() {
                self.lose(recording, track);
            }
        }
    }

    /// Ends a recording, now or when there is room.
    pub(crate) fn end(&mut self, recording: RecordingId, now: Instant) {
        if self.ends.len() >= ENDS_MAX {
            self.ends.pop_front();
        }
        self.ends.push_back(recording);
        self.retry(now);
    }

    /// Ends that wait for room; true when none is left.
    pub(crate) fn retry(&mut self, now: Instant) -> bool {
        while let Some(recording) = self.ends.front().copied() {
            while let Some((_, track, _)) = self.losses.iter().find(|(r, _, _)| *r == recording).copied() {
                if !self.tell_loss(recording, track, now) {
                    return false;
                }
            }
            if self.ring.push(Frame::End { recording }).is_err() {
                return false;
            }
            self.ends.pop_front();
        }
        true
    }

    /// Ends wait for room.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.ends.is_empty()
    }

    /// How full the ring is, in per mille.
    pub(crate) fn fullness(&self) -> u32 {
        let (all, free) = (self.ring.buffer().capacity(), self.ring.slots());
        ((all - free.min(all)) * 1_000 / all.max(1)) as u32
    }

    /// Nobody reads the ring any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.ring.is_abandoned()
    }

    /// Tells of losses before what follows them; false when there is no room to.
    fn tell_loss(&mut self, recording: RecordingId, track: TrackId, at: Instant) -> bool {
        if self.losses.is_empty() {
            return true;
        }
        let Some(n) = self.losses.iter().position(|(r, t, _)| (*r, *t) == (recording, track)) else {
            return true;
        };
        let frames = self.losses.get(n).map_or(0, |(_, _, frames)| *frames);
        let told = self.ring.push(Frame::Lost { recording, track, at, frames }).is_ok();
        if told {
            self.losses.swap_remove(n);
        }
        told
    }

    fn lose(&mut self, recording: RecordingId, track: TrackId) {
        self.counters.frames_lost.fetch_add(1, Ordering::Relaxed);
        if let Some((_, _, told)) = self.losses.iter_mut().find(|(r, t, _)| (*r, *t) == (recording, track)) {
            *told = told.saturating_add(1);
        } else if self.losses.len() < LOSSES_MAX {
            self.losses.push((recording, track, 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtrb::RingBuffer;

    const REC: RecordingId = RecordingId(5);

    fn audio(tape: &mut Tape, ms: u64) {
        tape.audio((REC, TrackId(0)), Instant::from_millis(ms), (8, true), ms as u32 * 8, &[0xd5; 160]);
    }

    /// FEATURES R8.
    #[test]
    fn a_full_ring_is_never_waited_for_and_what_was_lost_is_told() {
        let (producer, mut ring) = RingBuffer::new(4);
        let counters = Arc::new(Counters::default());
        let mut tape = Tape::new(producer, Arc::clone(&counters));
        for n in 0..10 {
            audio(&mut tape, n * 20);
        }
        tape.end(REC, Instant::from_millis(200));
        assert!(tape.is_waiting());
        assert_eq!(counters.frames_lost.load(Ordering::Relaxed), 6);
        let mut kinds = String::new();
        while let Ok(frame) = ring.pop() {
            match frame {
                Frame::Audio { .. } => kinds.push('a'),
                Frame::Lost { frames, .. } => kinds.push_str(&format!("l{frames}")),
                Frame::End { .. } => kinds.push('e'),
            }
            tape.retry(Instant::from_millis(200));
        }
        assert_eq!(kinds, "aaaal6e");
    }

    #[test]
    fn a_long_payload_is_split_and_each_part_keeps_its_time() {
        let (producer, mut ring) = RingBuffer::new(8);
        let mut tape = Tape::new(producer, Arc::default());
        tape.audio((REC, TrackId(0)), Instant::from_millis(100), (8, true), 1_000, &[1; 1_000]);
        let parts: Vec<(u64, u32, u16)> = std::iter::from_fn(|| ring.pop().ok())
            .filter_map(|frame| match frame {
                Frame::Audio { at, timestamp, len, .. } => Some((at.as_millis(), timestamp, len)),
                _ => None,
            })
            .collect();
        assert_eq!(parts, [(100, 1_000, 480), (160, 1_480, 480), (220, 1_960, 40)]);
    }

    #[test]
    fn a_packet_that_cannot_be_split_is_whole_or_lost() {
        let (producer, mut ring) = RingBuffer::new(8);
        let counters = Arc::new(Counters::default());
        let mut tape = Tape::new(producer, Arc::clone(&counters));
        for len in [FRAME_BYTES_MAX, FRAME_BYTES_MAX + 1] {
            tape.audio((REC, TrackId(0)), Instant::from_millis(100), (111, false), 1_000, &vec![1; len]);
        }
        assert!(matches!(ring.pop(), Ok(Frame::Audio { len: 480, codec: 111, .. })));
        assert!(ring.pop().is_err());
        assert_eq!(counters.frames_lost.load(Ordering::Relaxed), 1);
    }
}
