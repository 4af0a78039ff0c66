//! How a leg sounds, both ways, at this moment and over its life: what the E-model makes of loss, bursts and delay.

use crate::config::StreamConfig;
use crate::event::Event;
use crate::leg::Leg;
use crate::outbox::Outbox;
use senim_rtp::{Impairment, Path, ReportBlock};
use serde::{Deserialize, Serialize};

/// What every decoder of a telephone makes of loss, whatever its codec: G.711 with concealment (G.113 appendix I, table
/// I.4). For G.722 and Opus the narrow-band scale has no values of their own.
const CONCEALED: Impairment = Impairment { ie: 0.0, bpl: 25.1 };
/// A change of the score that is told, in hundredths.
const TOLD_STEP: u16 = 20;

/// How one leg sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// Mean opinion score of what comes from the party, in hundredths: 100 to 450 (ITU-T G.107).
    pub mos_x100: u16,
    /// The same of what goes to it, if it reports what it receives.
    pub peer_mos_x100: Option<u16>,
    /// Packets of the party that did not come, per mille of the last five seconds.
    pub loss_per_mille: u16,
    /// Interarrival jitter (RFC 3550 A.8), microseconds.
    pub jitter_us: u32,
}

/// The lamp that a consultant sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lamp {
    /// Users are satisfied: R of 80 or more.
    Good,
    /// Some are not: 70 or more.
    Fair,
    /// Many are not.
    Poor,
}

impl Quality {
    /// By the worse way (G.107 annex B, table B.1).
    pub fn lamp(self) -> Lamp {
        match self.mos_x100.min(self.peer_mos_x100.unwrap_or(u16::MAX)) {
            403.. => Lamp::Good,
            360..403 => Lamp::Fair,
            _ => Lamp::Poor,
        }
    }

    fn is_worth_telling_after(self, told: Quality) -> bool {
        let step = |a: u16, b: u16| a.abs_diff(b) >= TOLD_STEP;
        self.lamp() != told.lamp()
            || step(self.mos_x100, told.mos_x100)
            || step(self.peer_mos_x100.unwrap_or(self.mos_x100), told.peer_mos_x100.unwrap_or(self.mos_x100))
    }
}

impl Leg {
    /// Tells how the leg sounds, if that changed, from what we are about to report of it.
    pub(crate) fn tell_quality(&mut self, block: Option<&ReportBlock>, out: &mut Outbox) {
        let (Some(block), Some(config)) = (block, self.stream.as_ref().map(|s| s.config)) else { return };
        let loss = f64::from(block.fraction_lost) / 256.0;
        let quality = Quality {
            mos_x100: self.mos_x100(&config, loss),
            peer_mos_x100: self.reports.peer_loss().map(|loss| self.mos_x100(&config, loss)),
            loss_per_mille: (loss * 1_000.0) as u16,
            jitter_us: self.receiver.jitter_us(),
        };
        if self.reports.told.is_none_or(|told| quality.is_worth_telling_after(told)) {
            self.reports.told = Some(quality);
            out.event(Event::Quality { leg: self.id, quality });
        }
    }

    /// The score of what came over the leg's whole life; `None` before anything did.
    pub(crate) fn life_mos_x100(&self) -> Option<u16> {
        let config = self.stream.as_ref()?.config;
        let (received, lost) = (self.receiver.received(), self.receiver.lost());
        (received > 0).then(|| self.mos_x100(&config, lost as f64 / (received + lost) as f64))
    }

    /// Mouth to ear is half a round trip, a packet, and what evens out the jitter.
    fn mos_x100(&self, config: &StreamConfig, loss: f64) -> u16 {
        let way = f64::from(self.reports.round_trip_us().unwrap_or(0)) / 2_000.0;
        let evened = 2.0 * f64::from(self.receiver.jitter_us()) / 1_000.0;
        let path = Path {
            codec: CONCEALED,
            loss,
            burst: self.receiver.burst_ratio(),
            delay_ms: way + evened + f64::from(config.ptime_ms()),
        };
        (path.mos() * 100.0).round() as u16
    }
}
