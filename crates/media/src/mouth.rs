//! One mouth on its way to one ear that does not take its packets as they come: they wait in a jitter buffer, are
//! decoded in order when the ear's schedule asks for sound, and what is missing is concealed. The delay is changed by
//! a pitch period at a time, which nobody hears. A mouth that falls silent takes nothing from the others.

use crate::config::{coding, ticks};
use crate::hear::{Heard, Said};
use crate::slot::SAMPLES_MAX;
use senim_audio::conceal::Concealer;
use senim_audio::{Band, Coding, DECODED_MAX, Decoder, noise, stretch};
use senim_base::{Instant, LegId};
use senim_rtp::{Advice, Arrival, DELAY_MAX, Incoming, Next, PLAYOUT_PAYLOAD_MAX, Playout};
use senim_sdp::Codec;

/// Samples of the longest packet, with what may be added to it.
const PACKET_MAX: usize = DECODED_MAX + stretch::ADDED_MAX;
/// Decoded sound that waits: less than the ear's packet is left over, and one packet is added.
const READY_MAX: usize = SAMPLES_MAX + PACKET_MAX;

/// What a packet says.
#[derive(Clone, Copy, Debug)]
enum Tag {
    Sound(Codec),
    /// What silence is like at the peer's (RFC 3389).
    Noise,
}

/// One mouth's sound on its way to one ear.
pub(crate) struct Mouth {
    pub(crate) from: LegId,
    playout: Playout<Tag>,
    decoder: Decoder,
    concealer: Concealer,
    ready: [i16; READY_MAX],
    len: usize,
    /// The peer described its silence: root mean square.
    noise: Option<f32>,
}

impl core::fmt::Debug for Mouth {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Samples are a voice.
        write!(f, "Mouth(from {:?}, {:?})", self.from, self.playout)
    }
}

impl Mouth {
    /// Takes its memory here, not on the path of a packet.
    pub(crate) fn new(from: LegId) -> Box<Mouth> {
        Box::new(Mouth::empty(from, Decoder::new(Coding::Alaw, Band::Narrow)))
    }

    /// Takes the memory to understand what it speaks, and how wide its sound is to be.
    pub(crate) fn equip(&mut self, coding: Coding, band: Band) {
        let new = Decoder::new(coding, band);
        if new.band() != self.decoder.band() {
            // What is ready was of the other rate.
            self.len = 0;
            self.concealer = Concealer::default();
        }
        if (new.coding(), new.band()) != (self.decoder.coding(), self.decoder.band()) {
            self.decoder = new;
        }
    }

    fn empty(from: LegId, decoder: Decoder) -> Mouth {
        Mouth {
            from,
            playout: Playout::default(),
            decoder,
            concealer: Concealer::default(),
            ready: [0; READY_MAX],
            len: 0,
            noise: None,
        }
    }

    /// Forgets what waits; the memory stays.
    pub(crate) fn clear(&mut self) {
        let plain = Decoder::new(Coding::Alaw, Band::Narrow);
        let (from, decoder) = (self.from, core::mem::replace(&mut self.decoder, plain));
        *self = Mouth::empty(from, decoder);
    }

    /// Something comes out of it when it is asked.
    pub(crate) fn flows(&self) -> bool {
        self.len > 0 || self.noise.is_some() || !self.playout.is_idle()
    }

    /// The mouth says something.
    pub(crate) fn put(&mut self, heard: &Heard<'_>, now: Instant) {
        let (tag, ticks, clock_hz) = match heard.said {
            Said::Sound { codec } => (Tag::Sound(codec), ticks(codec, heard.payload), codec.clock_hz()),
            Said::Noise => (Tag::Noise, 0, senim_audio::RATE),
            Said::Key { .. } => return,
        };
        let origin = &heard.origin;
        let packet = Incoming {
            ssrc: origin.ssrc,
            seq: origin.seq,
            timestamp: origin.timestamp,
            clock_hz,
            ticks,
            restarted: origin.arrival == Arrival::Restarted,
            tag,
        };
        self.playout.put(&packet, heard.payload, now);
    }

    /// Adds so much of its sound to the sum. `false`: it says nothing.
    pub(crate) fn pull(&mut self, sum: &mut [i16], now: Instant) -> bool {
        let mut payload = [0; PLAYOUT_PAYLOAD_MAX];
        while self.len < sum.len() {
            let wanted = sum.len() - self.len;
            match self.playout.next(&mut payload, now) {
                Next::Packet { tag: Tag::Sound(codec), len, advice, .. } => {
                    self.noise = None;
                    self.play(codec, payload.get(..len).unwrap_or(&[]), advice);
                }
                Next::Packet { tag: Tag::Noise, len, .. } => {
                    self.noise = noise::level_of(payload.get(..len).unwrap_or(&[]));
                    self.playout.rest();
                }
                Next::Lost { ticks } => self.bridge(self.samples(ticks)),
                Next::Pause { ticks } => self.fill(self.samples(ticks), Concealer::rest),
                Next::Dry => {
                    self.fill(wanted, Concealer::conceal);
                    self.playout.concealed(self.ticks(wanted));
                }
                Next::Idle if self.len == 0 && self.noise.is_none() => return false,
                Next::Idle => match self.noise {
                    Some(rms) => self.fill(wanted, |c, block| c.rest_at(rms, block)),
                    None => self.fill(wanted, Concealer::rest),
                },
            }
        }
        for (to, sample) in sum.iter_mut().zip(&self.ready) {
            *to = to.saturating_add(*sample);
        }
        self.ready.copy_within(sum.len()..self.len, 0);
        self.len -= sum.len();
        true
    }

    /// Decodes a packet behind what is ready, and makes it longer or shorter as advised.
    fn play(&mut self, codec: Codec, payload: &[u8], advice: Advice) {
        let Some(room) = self.ready.get_mut(self.len..) else { return };
        let rate = Rate::of(&self.decoder);
        let came = match coding(codec) {
            same if same == self.decoder.coding() => self.decoder.decode(payload, room),
            // The other law, or what waited when the party changed its codec: it needs no memory.
            law @ (Coding::Alaw | Coding::Ulaw) if self.decoder.band() == Band::Narrow => {
                Decoder::new(law, Band::Narrow).decode(payload, room)
            }
            _ => 0,
        };
        if came == 0 {
            return self.bridge(self.samples(ticks(codec, payload)));
        }
        let history = self.concealer.history();
        let len = match advice {
            Advice::Keep => came,
            Advice::Shorten(most) => match room.get_mut(..came) {
                Some(sound) => stretch::shorten(history, sound, rate.samples(most)),
                None => came,
            },
            Advice::Lengthen(most) => stretch::lengthen(history, room, came, rate.samples(most)),
        };
        let stretched = rate.ticks(len.abs_diff(came)) as i64;
        self.playout.stretched(if len < came { -stretched } else { stretched });
        if let Some(sound) = room.get_mut(..len) {
            self.concealer.hear(sound);
            self.len += len;
        }
    }

    /// Bridges a lost packet: as its codec does, if it has a way, else as the ear's habit goes.
    fn bridge(&mut self, samples: usize) {
        let end = (self.len + samples).min(READY_MAX);
        let Some(block) = self.ready.get_mut(self.len..end) else { return };
        if self.decoder.conceal(self.playout.successor(), block) == block.len() && !block.is_empty() {
            self.concealer.hear(block);
            self.len = end;
        } else {
            self.fill(samples, Concealer::conceal);
        }
    }

    fn samples(&self, ticks: u32) -> usize {
        Rate::of(&self.decoder).samples(ticks)
    }

    fn ticks(&self, samples: usize) -> u32 {
        Rate::of(&self.decoder).ticks(samples)
    }

    /// Fills in behind what is ready, a block at a time: there may be more to fill than there is room for.
    fn fill(&mut self, samples: usize, with: impl FnOnce(&mut Concealer, &mut [i16])) {
        let end = (self.len + samples).min(READY_MAX);
        if let Some(block) = self.ready.get_mut(self.len..end) {
            with(&mut self.concealer, block);
            self.len = end;
        }
    }
}

/// Ticks of a stream's clock against samples of its sound.
#[derive(Clone, Copy)]
struct Rate {
    ticks_hz: u32,
    samples_hz: u32,
}

impl Rate {
    fn of(decoder: &Decoder) -> Rate {
        Rate { ticks_hz: decoder.coding().clock_hz(), samples_hz: decoder.band().rate_hz() }
    }

    fn samples(self, ticks: u32) -> usize {
        (u64::from(ticks) * u64::from(self.samples_hz) / u64::from(self.ticks_hz)) as usize
    }

    fn ticks(self, samples: usize) -> u32 {
        (samples as u64 * u64::from(self.ticks_hz) / u64::from(self.samples_hz)) as u32
    }
}

const _: () = assert!(DELAY_MAX.as_millis() as usize * 8 <= PLAYOUT_PAYLOAD_MAX);
