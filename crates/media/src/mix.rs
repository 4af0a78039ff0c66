//! One ear, several mouths: each party of a conference hears the sum of the others and never himself. What each mouth
//! says waits for the ear in a jitter buffer of its own (`mouth.rs`) and no longer than that; the ear sums what is there
//! on its own schedule, in linear samples that saturate. A mouth that falls silent or loses packets takes nothing from
//! the others.

use crate::hear::{Heard, Said};
use crate::leg::{Leg, Source};
use crate::mouth::Mouth;
use senim_audio::{Band, Coding};
use senim_base::{Instant, LegId};

/// What an ear with several mouths hears.
#[derive(Debug, Default)]
pub(crate) struct Mix {
    mouths: Vec<Box<Mouth>>,
}

impl Mix {
    /// An ear for these mouths. Memory is taken here, not on the path of a packet.
    pub(crate) fn new(from: impl Iterator<Item = LegId>) -> Mix {
        Mix { mouths: from.map(Mouth::new).collect() }
    }

    /// Takes the memory to understand what each mouth speaks.
    pub(crate) fn equip(&mut self, speaks: impl Fn(LegId) -> Option<Coding>) {
        for mouth in &mut self.mouths {
            if let Some(coding) = speaks(mouth.from) {
                mouth.equip(coding, Band::Narrow);
            }
        }
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

    /// A mouth says something.
    fn put(&mut self, heard: &Heard<'_>, now: Instant) {
        if let Some(mouth) = self.mouths.iter_mut().find(|mouth| mouth.from == heard.origin.leg) {
            mouth.put(heard, now);
        }
    }

    /// Takes one packet's worth of each mouth that has it and sums. `false`: nobody says anything.
    pub(crate) fn pull(&mut self, sum: &mut [i16], now: Instant) -> bool {
        let mut any = false;
        for mouth in &mut self.mouths {
            any |= mouth.pull(sum, now);
        }
        any
    }
}

impl Leg {
    /// This leg hears what one of its mouths said.
    pub(crate) fn mix_from(&mut self, heard: &Heard<'_>, now: Instant) {
        let Source::Mix(mix) = &mut self.source else { return };
        if self.stream.is_none() || !mix.hears(heard.origin.leg) {
            return;
        }
        match heard.said {
            Said::Sound { .. } | Said::Noise => mix.put(heard, now),
            Said::Key { digit: Some(digit), absorbed: false, .. } => {
                self.digits.push(digit);
                self.arm(now);
            }
            Said::Key { .. } => {}
        }
    }
}
