//! One ear, several mouths: each party of a conference hears the sum of the others and never himself. What a mouth
//! says is decoded once, when it arrives, and waits in a short queue for each ear that hears it; the ear sums what is
//! there on its own schedule, in linear samples that saturate. A mouth that falls silent or loses packets takes
//! nothing from the others.

use crate::hear::{Heard, Said};
use crate::leg::{Leg, Source};
use crate::slot::CHUNK_MAX;
use senim_audio::g711;
use senim_base::{Instant, LegId};
use senim_sdp::Codec;

/// Ceiling of sound of one mouth that waits for one ear: 120 ms; beyond it the oldest goes, so that clocks which
/// differ cost a jump now and then and never a growing delay.
const QUEUE_SAMPLES: usize = 960;
/// So much beyond one packet of the ear's is gathered before it flows: 20 ms, for mouths that jitter.
const AHEAD_SAMPLES: usize = 160;
/// Payloads up to this are decoded: 200 ms; a longer one is nothing that a telephone sends, and is dropped.
const PAYLOAD_MAX: usize = 1_600;

/// What an ear with several mouths hears.
#[derive(Debug, Default)]
pub(crate) struct Mix {
    mouths: Vec<Mouth>,
}

/// One mouth's sound on its way to one ear.
#[derive(Debug)]
struct Mouth {
    from: LegId,
    samples: Box<[i16; QUEUE_SAMPLES]>,
    len: usize,
    /// Enough came to start; after running dry it must gather again.
    primed: bool,
}

impl Mix {
    /// An ear for these mouths. Memory is taken here, not on the path of a packet.
    pub(crate) fn new(from: impl Iterator<Item = LegId>) -> Mix {
        let mouth = |from| Mouth { from, samples: Box::new([0; QUEUE_SAMPLES]), len: 0, primed: false };
        Mix { mouths: from.map(mouth).collect() }
    }

    pub(crate) fn hears(&self, leg: LegId) -> bool {
        self.mouths.iter().any(|mouth| mouth.from == leg)
    }

    /// The same mouths, in whatever order.
    pub(crate) fn is_like(&self, other: &Mix) -> bool {
        self.mouths.len() == other.mouths.len() && self.mouths.iter().all(|mouth| other.hears(mouth.from))
    }

    /// A mouth is gone. Gives whether any is left.
    pub(crate) fn forget(&mut self, leg: LegId) -> bool {
        self.mouths.retain(|mouth| mouth.from != leg);
        !self.mouths.is_empty()
    }

    /// Adds sound of a mouth; `want` is one packet of the ear's.
    fn push(&mut self, from: LegId, sound: &[i16], want: usize) {
        if let Some(mouth) = self.mouths.iter_mut().find(|mouth| mouth.from == from) {
            mouth.push(sound, (want + AHEAD_SAMPLES).max(sound.len()).min(QUEUE_SAMPLES));
        }
    }

    /// A key is sent in place of sound: what was said meanwhile is not said later.
    pub(crate) fn skip(&mut self, samples: usize) {
        let mut unheard = [0; CHUNK_MAX];
        if let Some(unheard) = unheard.get_mut(..samples) {
            self.pull(unheard);
        }
    }

    /// Takes one packet's worth of each mouth that has it and sums. `false`: nobody says anything.
    pub(crate) fn pull(&mut self, sum: &mut [i16]) -> bool {
        let mut any = false;
        for mouth in &mut self.mouths {
            any |= mouth.pull(sum);
        }
        any
    }
}

impl Mouth {
    fn push(&mut self, sound: &[i16], enough: usize) {
        let sound = sound.get(sound.len().saturating_sub(QUEUE_SAMPLES)..).unwrap_or(sound);
        let excess = (self.len + sound.len()).saturating_sub(QUEUE_SAMPLES);
        self.samples.copy_within(excess..self.len, 0);
        self.len -= excess;
        if let Some(slot) = self.samples.get_mut(self.len..self.len + sound.len()) {
            slot.copy_from_slice(sound);
            self.len += sound.len();
        }
        self.primed |= self.len >= enough;
    }

    fn pull(&mut self, sum: &mut [i16]) -> bool {
        let Some(sound) = self.samples.get(..sum.len()).filter(|_| self.primed && self.len >= sum.len())
        else {
            self.primed = false;
            return false;
        };
        for (to, sample) in sum.iter_mut().zip(sound) {
            *to = to.saturating_add(*sample);
        }
        self.samples.copy_within(sum.len()..self.len, 0);
        self.len -= sum.len();
        true
    }
}

/// One arrival in linear samples, decoded when the first ear asks for it.
pub(crate) struct Linear {
    samples: [i16; PAYLOAD_MAX],
    len: Option<usize>,
}

impl Linear {
    pub(crate) fn new() -> Linear {
        Linear { samples: [0; PAYLOAD_MAX], len: None }
    }

    fn of(&mut self, payload: &[u8], codec: Codec) -> &[i16] {
        let len = *self.len.get_or_insert_with(|| decode(payload, codec, &mut self.samples));
        self.samples.get(..len).unwrap_or(&[])
    }
}

/// Decodes a payload; one beyond the ceiling gives nothing.
fn decode(payload: &[u8], codec: Codec, samples: &mut [i16; PAYLOAD_MAX]) -> usize {
    if payload.len() > PAYLOAD_MAX {
        return 0;
    }
    for (sample, byte) in samples.iter_mut().zip(payload) {
        *sample = match codec {
            Codec::Pcma => g711::alaw_decode(*byte),
            Codec::Pcmu => g711::ulaw_decode(*byte),
        };
    }
    payload.len()
}

impl Leg {
    /// This leg hears what one of its mouths said.
    pub(crate) fn mix_from(&mut self, heard: &Heard<'_>, linear: &mut Linear, now: Instant) {
        let Source::Mix(mix) = &mut self.source else { return };
        let Some(stream) = self.stream.as_ref().filter(|_| mix.hears(heard.origin.leg)) else { return };
        match heard.said {
            // A straggler's place in the sum has passed.
            Said::Sound { .. } if heard.origin.arrival == senim_rtp::Arrival::Late => {}
            Said::Sound { codec } => {
                let want = usize::from(stream.config.ptime_samples());
                mix.push(heard.origin.leg, linear.of(heard.payload, codec), want);
            }
            Said::Key { digit: Some(digit), absorbed: false } => {
                self.digits.push(digit);
                self.arm(now);
            }
            Said::Key { .. } => {}
        }
    }
}

/// Sums what is due into `chunk` in the ear's own law. `false`: nobody says anything.
pub(crate) fn fill(mix: &mut Mix, codec: Codec, chunk: &mut [u8]) -> bool {
    let mut buffer = [0; CHUNK_MAX];
    let Some(sum) = buffer.get_mut(..chunk.len()) else { return false };
    if !mix.pull(sum) {
        return false;
    }
    for (byte, sample) in chunk.iter_mut().zip(sum.iter()) {
        *byte = match codec {
            Codec::Pcma => g711::alaw_encode(*sample),
            Codec::Pcmu => g711::ulaw_encode(*sample),
        };
    }
    true
}

const _: () = assert!(CHUNK_MAX + AHEAD_SAMPLES <= QUEUE_SAMPLES);

#[cfg(test)]
mod tests {
    use super::*;

    fn mix() -> Mix {
        Mix::new([LegId(1), LegId(2)].into_iter())
    }

    #[test]
    fn loud_mouths_saturate_and_do_not_wrap() {
        let mut mix = mix();
        mix.push(LegId(1), &[30_000; 320], 160);
        mix.push(LegId(2), &[30_000; 320], 160);
        let mut sum = [0; 160];
        assert!(mix.pull(&mut sum));
        assert_eq!(sum, [i16::MAX; 160]);
    }

    #[test]
    fn a_mouth_keeps_its_ceiling_and_a_dry_one_takes_nothing_from_the_other() {
        let mut mix = mix();
        for n in 0..20 {
            mix.push(LegId(1), &[n; 160], 160);
        }
        mix.push(LegId(2), &[1_000; 160], 160);
        mix.push(LegId(3), &[7; 160], 160);
        let mut sum = [0; 160];
        for oldest in 14..20 {
            sum.fill(0);
            assert!(mix.pull(&mut sum));
            assert_eq!(sum, [oldest; 160], "one mouth gathers, the other is heard; the oldest went");
        }
        sum.fill(0);
        assert!(!mix.pull(&mut sum));
        assert!(mix.forget(LegId(1)) && !mix.forget(LegId(2)));
    }
}
