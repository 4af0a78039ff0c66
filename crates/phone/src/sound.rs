//! What a phone says: packet by packet on its own schedule, with digits in their place.

use core::f32::consts::TAU;
use core::time::Duration;
use senim_audio::{Band, Coding, ENCODED_MAX, Encoder, Wishes};
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
    /// What makes packets of sound, once some went.
    encoder: Option<Encoder>,
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
            encoder: None,
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
        // A packet of Opus is of 20 ms whatever the other side would like, which is its right (RFC 7587 section 4.2).
        let ms = if to.codec == Codec::Opus { 20 } else { u64::from(to.send_ptime_ms.max(10)) };
        let per_ms = u64::from(to.codec.clock_hz() / 1_000);
        let sparse = matches!(self.voice, Voice::Sparse) && self.digits.is_idle();
        let step = if sparse { 1_000 } else { ms };
        self.due = if now.since(self.due) > Duration::from_millis(200) { now } else { self.due };
        self.due += Duration::from_millis(step);
        let clock = self.timestamp;
        self.timestamp = self.timestamp.wrapping_add((step * per_ms) as u32);
        if !matches!(to.direction, Direction::SendRecv | Direction::SendOnly) {
            return None;
        }
        let keys = to.send_telephone_event.filter(|_| !sparse);
        let step = keys.map(|_| self.digits.step(clock, ms as u16, to.telephone_event_hz));
        let (payload_type, marker, timestamp, payload) = match (keys, step) {
            (Some(pt), Some(Step::Send { timestamp, marker, event })) => {
                (pt, marker, timestamp, event.to_bytes().to_vec())
            }
            _ => self.audio(to, clock, ms as usize * 8)?,
        };
        let header = Header { marker, payload_type, seq: self.seq, timestamp, ssrc: self.ssrc };
        self.seq = self.seq.wrapping_add(1);
        let mut packet = vec![0; HEADER_LEN];
        header.write(&mut packet);
        packet.extend(payload);
        Some(packet)
    }

    fn audio(&mut self, to: &Negotiated, clock: u32, samples: usize) -> Option<(u8, bool, u32, Vec<u8>)> {
        let from = self.position;
        self.position += samples;
        let samples = from..self.position;
        let pcm: Vec<i16> = match &self.voice {
            Voice::Off => return None,
            Voice::Silence | Voice::Sparse => samples.map(|_| 0).collect(),
            Voice::Tone(hz) => {
                samples.map(|n| (8_000.0 * (TAU * hz * (n % 8_000) as f32 / 8_000.0).sin()) as i16).collect()
            }
            Voice::Phrase(pcm, repeat) => samples
                .map(|n| {
                    let n = if *repeat && !pcm.is_empty() { n % pcm.len() } else { n };
                    pcm.get(n).copied().unwrap_or(0)
                })
                .collect(),
        };
        let coding = Coding::of_number(to.codec.payload_type());
        let encoder = match &mut self.encoder {
            Some(same) if same.coding() == coding => same,
            other => {
                let wishes = Wishes { fec: to.opus_fec, dtx: false };
                other.insert(Encoder::new(coding, Band::Narrow, wishes))
            }
        };
        let mut payload = vec![0; ENCODED_MAX];
        let len = encoder.encode(&pcm, &mut payload);
        payload.truncate(len);
        Some((to.send_payload_type, core::mem::take(&mut self.marker), clock, payload))
    }
}
