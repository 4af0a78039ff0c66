//! A frame: one packet's sound on its way from the media worker to the disk thread, without a pointer in it, so
//! that it can lie in a ring that both sides touch without a lock.

use senim_base::{Instant, RecordingId, TrackId};

/// Longest payload of one frame: 60 ms of G.711. A longer packet is split; one of Opus, which cannot be, is lost.
pub const FRAME_BYTES_MAX: usize = 480;

/// What a media worker tells about a recording.
#[derive(Clone, Copy)]
#[allow(clippy::large_enum_variant)] // nearly all frames are sound; a box would be an allocation on the packet path
pub enum Frame {
    /// Sound of one party, as received.
    Audio {
        /// The recording.
        recording: RecordingId,
        /// Whose sound.
        track: TrackId,
        /// When it arrived.
        at: Instant,
        /// RTP static payload type (RFC 3551): 0 µ-law, 8 A-law, 9 G.722; 111 Opus.
        codec: u8,
        /// The sender's RTP timestamp (RFC 3550 section 5.1), by the clock of its codec.
        timestamp: u32,
        /// How many of `bytes` are sound.
        len: u16,
        /// The payload.
        bytes: [u8; FRAME_BYTES_MAX],
    },
    /// The ring was full: so many frames of this track were dropped until `at`.
    Lost {
        /// The recording.
        recording: RecordingId,
        /// Whose sound.
        track: TrackId,
        /// When the ring took frames again.
        at: Instant,
        /// How many.
        frames: u32,
    },
    /// No frame follows.
    End {
        /// The recording.
        recording: RecordingId,
    },
}

impl Frame {
    /// Sound of one party. `None` when `payload` is longer than [`FRAME_BYTES_MAX`].
    pub fn audio(
        recording: RecordingId,
        track: TrackId,
        at: Instant,
        codec: u8,
        timestamp: u32,
        payload: &[u8],
    ) -> Option<Frame> {
        let mut bytes = [0; FRAME_BYTES_MAX];
        bytes.get_mut(..payload.len())?.copy_from_slice(payload);
        Some(Frame::Audio { recording, track, at, codec, timestamp, len: payload.len() as u16, bytes })
    }

    /// Whose frame.
    pub const fn recording(&self) -> RecordingId {
        match self {
            Frame::Audio { recording, .. } | Frame::Lost { recording, .. } | Frame::End { recording } => {
                *recording
            }
        }
    }

    /// The sound; empty when the frame is none.
    pub fn payload(&self) -> &[u8] {
        match self {
            Frame::Audio { len, bytes, .. } => bytes.get(..usize::from(*len)).unwrap_or(bytes),
            _ => &[],
        }
    }
}

impl core::fmt::Debug for Frame {
    /// Never the sound itself.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Frame::Audio { recording, track, at, codec, timestamp, len, .. } => {
                write!(f, "Audio({recording} {track} {at:?} pt{codec} ts{timestamp} {len} bytes)")
            }
            Frame::Lost { recording, track, at, frames } => {
                write!(f, "Lost({recording} {track} {at:?} {frames} frames)")
            }
            Frame::End { recording } => write!(f, "End({recording})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_at_the_ceiling_fits_and_one_byte_more_does_not() {
        let make = |n: usize| {
            Frame::audio(RecordingId(7), TrackId(1), Instant::from_millis(20), 8, 160, &vec![0xd5; n])
        };
        assert_eq!(make(FRAME_BYTES_MAX).unwrap().payload().len(), FRAME_BYTES_MAX);
        assert!(make(FRAME_BYTES_MAX + 1).is_none());
        assert!(Frame::End { recording: RecordingId(7) }.payload().is_empty());
    }

    #[test]
    fn a_printed_frame_does_not_show_its_sound() {
        let frame = Frame::audio(RecordingId(7), TrackId(1), Instant::ZERO, 8, 160, &[0xab; 8]).unwrap();
        let text = format!("{frame:?}");
        assert!(text.contains("8 bytes") && !text.contains("171") && !text.contains("ab ab"), "{text}");
    }
}
