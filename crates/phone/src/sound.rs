//! What a phone says: packet by packet on its own schedule, with digits in their place.

use core::f32::consts::TAU;
use core::time::Duration;
use senim_audio::g711;
use senim_base::Instant;
use senim_rtp::{Digit, EventSender, HEADER_LEN, Header, Step};
use senim_sdp::{Codec, Direction, Negotiated};
use std::sync::Arc;

/// What a phone says into its microphone.
#[derive(Clone, Debug, Default)]
pub enum Voice {
    /// Nothing, not even packets: a dead microphone, or a cut cable.
    Off,
    /// Packets of silence.
    #[default]
    Silence,
    /// A tone of so many hertz.
    Tone(f32),
    /// A phrase of 8 kHz samples, once or for ever.
    Phrase(Arc<[i16]>, bool),
    /// One packet of silence a second: enough to be alive, little enough for a thousand virtual days.
    Sparse,
}

/// The sending side of a call.
#[derive(Debug)]
pub(crate) struct Microphone {
    voice: Voice,
    position: usize,
    seq: u16,
    timestamp: u32,
    ssrc: u32,
    due: Instant,
    digits: EventSender,
    marker: bool,
}

impl Microphone {
    pub(crate) fn new(voice: Voice, seed: u64, now: Instant) -> Self {
        Microphone {
            voice,
            position: 0,
            seq: seed as u16,
            timestamp: (seed >> 16) as u32,
            ssrc: (seed >> 32) as u32,
            due: now,
            digits: EventSender::default(),
            marker: true,
        }
    }

    pub(crate) fn say(&mut self, voice: Voice) {
        self.voice = voice;
        self.position = 0;
    }

    pub(crate) fn press(&mut self, digit: Digit) -> bool {
        self.digits.push(digit)
    }

    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Writes the packet that is due at `now`, if one is to go, and sets the next moment.
    pub(crate) fn packet(&mut self, to: &Negotiated, now: Instant) -> Option<Vec<u8>> {
        let ms = u64::from(to.send_ptime_ms.max(10));
        let ticks = (ms * 8) as u16;
        let sparse = matches!(self.voice, Voice::Sparse) && self.digits.is_idle();
        let step = if sparse { 1_000 } else { ms };
        self.due = if now.since(self.due) > Duration::from_millis(200) { now } else { self.due };
        self.due += Duration::from_millis(step);
        let clock = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add((step * 8) as u32);
        if !matches!(to.direction, Direction::SendRecv | Direction::SendOnly) {
            return None;
        }
        let (payload_type, marker, timestamp, payload) = match (to.send_telephone_event, sparse) {
            (Some(pt), false) => match self.digits.step(clock, ticks) {
                Step::Send { timestamp, marker, event } => (pt, marker, timestamp, event.to_bytes().to_vec()),
                Step::Gap | Step::Idle => self.audio(to, clock, ticks)?,
            },
            _ => self.audio(to, clock, ticks)?,
        };
        let header = Header { marker, payload_type, seq: self.seq, timestamp, ssrc: self.ssrc };
        self.seq = self.seq.wrapping_add(1);
        let mut packet = vec![0; HEADER_LEN];
        header.write(&mut packet);
        packet.extend(payload);
        Some(packet)
    }

    fn audio(&mut self, to: &Negotiated, clock: u32, ticks: u16) -> Option<(u8, bool, u32, Vec<u8>)> {
        let from = self.position;
        self.position += usize::from(ticks);
        let samples = from..self.position;
        let encode = |s: i16| match to.codec {
            Codec::Pcma => g711::alaw_encode(s),
            Codec::Pcmu => g711::ulaw_encode(s),
        };
        let payload = match &self.voice {
            Voice::Off => return None,
            Voice::Silence | Voice::Sparse => samples.map(|_| encode(0)).collect(),
            Voice::Tone(hz) => samples
                .map(|n| encode((8_000.0 * (TAU * hz * (n % 8_000) as f32 / 8_000.0).sin()) as i16))
                .collect(),
            Voice::Phrase(pcm, repeat) => samples
                .map(|n| {
                    let n = if *repeat && !pcm.is_empty() { n % pcm.len() } else { n };
                    encode(pcm.get(n).copied().unwrap_or(0))
                })
                .collect(),
        };
        Some((to.send_payload_type, core::mem::take(&mut self.marker), clock, payload))
    }
}
