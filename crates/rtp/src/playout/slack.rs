//! How long packets waited before it was their turn: the least and the most over the last seconds, and what follows
//! from it for the delay.

use super::{DELAY_MAX, DELAY_MIN};
use core::time::Duration;
use senim_base::Instant;

/// Least and most are over one to two of these.
const WINDOW: Duration = Duration::from_secs(2);
/// The slowest packet shall wait so long, so that one that is a little slower is not late.
const WANTED_US: i64 = 10_000;
/// If it waits less than this, sound is put in.
const LOW_US: i64 = 2_000;
/// If it waits more than this, sound is taken out.
const HIGH_US: i64 = 30_000;
/// So many packets tell enough to take sound out; to put it in one is enough.
const PACKETS_MIN: u32 = 25;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slack {
    now: Window,
    before: Window,
    rolled: Instant,
    /// What it varied by in windows before those: falls by a quarter each.
    varied_us: i64,
    mean_us: i64,
}

/// Least and most of one window, in microseconds; a late packet has less than nothing.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    range: Option<(i64, i64)>,
    packets: u32,
    late: u32,
}

impl Window {
    fn note(&mut self, us: i64) {
        let (least, most) = self.range.unwrap_or((us, us));
        self.range = Some((least.min(us), most.max(us)));
    }

    fn varied(&self) -> i64 {
        self.range.map_or(0, |(least, most)| most - least)
    }

    fn shift(&mut self, by_us: i64) {
        if let Some((least, most)) = &mut self.range {
            *least += by_us;
            *most += by_us;
        }
    }
}

impl Slack {
    /// A packet waited so long.
    pub(super) fn note(&mut self, waited: Duration, now: Instant) {
        self.roll(now);
        let us = i64::try_from(waited.as_micros()).unwrap_or(i64::MAX);
        self.now.packets += 1;
        self.now.note(us);
        self.mean_us += (us - self.mean_us) / 16;
    }

    /// A packet came so long after its turn. One such packet in a window tells of nothing.
    pub(super) fn note_late(&mut self, by_us: i64, now: Instant) {
        self.roll(now);
        self.now.late += 1;
        if self.now.late + self.before.late > 1 && by_us <= DELAY_MAX.as_micros() as i64 {
            self.now.note(-by_us);
        }
    }

    /// The delay was made so much longer.
    pub(super) fn shift(&mut self, by_us: i64) {
        self.now.shift(by_us);
        self.before.shift(by_us);
        self.mean_us += by_us;
    }

    /// The delay will be chosen anew; what the network is like stays.
    pub(super) fn begin_talkspurt(&mut self) {
        self.varied_us = self.varied();
        self.now = Window::default();
        self.before = Window::default();
    }

    /// What is to be put in, or taken out when negative, in microseconds.
    pub(super) fn wants_us(&self) -> i64 {
        let Some((least, most)) = self.range() else { return 0 };
        if least < LOW_US {
            let room = (DELAY_MAX.as_micros() as i64 - most).max(0);
            return (WANTED_US - least).min(room);
        }
        -self.excess_us()
    }

    /// What even the slowest packet waits too long, in microseconds.
    pub(super) fn excess_us(&self) -> i64 {
        match self.range() {
            Some((least, _)) if least > HIGH_US && self.now.packets + self.before.packets >= PACKETS_MIN => {
                least - WANTED_US
            }
            _ => 0,
        }
    }

    pub(super) fn target(&self) -> Duration {
        let us = u64::try_from(self.varied()).unwrap_or(0) + DELAY_MIN.as_micros() as u64;
        Duration::from_micros(us).clamp(DELAY_MIN, DELAY_MAX)
    }

    pub(super) fn mean(&self) -> Duration {
        Duration::from_micros(u64::try_from(self.mean_us).unwrap_or(0))
    }

    fn varied(&self) -> i64 {
        let now = self.range().map_or(0, |(least, most)| most - least);
        now.max(self.varied_us)
    }

    fn range(&self) -> Option<(i64, i64)> {
        match (self.now.range, self.before.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        }
    }

    fn roll(&mut self, now: Instant) {
        if now.since(self.rolled) >= WINDOW {
            self.rolled = now;
            self.varied_us = (self.varied_us - self.varied_us / 4).max(self.before.varied());
            self.before = core::mem::take(&mut self.now);
        }
    }
}
