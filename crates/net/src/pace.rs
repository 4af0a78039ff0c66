//! When a thread wakes. Waking for each message is what costs: below a share of a core a thread wakes at once, above it
//! once a slot, and takes all that came meanwhile.

use core::time::Duration;
use senim_base::Instant;

/// The share of time at work is judged over this long.
const WINDOW: Duration = Duration::from_millis(250);

/// Measures work and says how long to sleep before looking again at what has come.
#[derive(Debug)]
pub struct Pace {
    above: u32,
    slot: Duration,
    window: Instant,
    busy: Duration,
    slotted: bool,
}

impl Pace {
    /// Slots of this length begin when a thread is at work for more than one part of `above` of the time, and end below
    /// half of that: the same work is cheaper in slots, and a thread shall not flutter.
    pub fn new(above: u32, slot: Duration, now: Instant) -> Pace {
        Pace { above: above.max(1), slot, window: now, busy: Duration::ZERO, slotted: false }
    }

    /// Counts a stretch of work.
    pub fn worked(&mut self, from: Instant, to: Instant) {
        self.busy += to.since(from);
        let window = to.since(self.window);
        if window >= WINDOW {
            let limit = window / self.above;
            self.slotted = self.busy > if self.slotted { limit / 2 } else { limit };
            self.window = to;
            self.busy = Duration::ZERO;
        }
    }

    /// How long to sleep before the next look, which follows the one that began at `began`; zero: wait for news.
    pub fn sleep(&self, began: Instant, now: Instant) -> Duration {
        if self.slotted { self.slot.saturating_sub(now.since(began)) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_thread_sleeps_in_slots_and_an_idle_one_waits_for_news() {
        const SLOT: Duration = Duration::from_millis(1);
        let at = Instant::from_millis;
        let mut pace = Pace::new(3, SLOT, at(0));
        for n in 0..300 {
            pace.worked(at(n * 2), at(n * 2 + 1));
        }
        assert_eq!(pace.sleep(at(1_000), at(1_000)), SLOT);
        assert_eq!(pace.sleep(at(1_000), at(1_002)), Duration::ZERO);
        for n in 150..250 {
            pace.worked(at(n * 4), at(n * 4 + 1));
        }
        assert_eq!(pace.sleep(at(3_000), at(3_000)), SLOT, "a quarter is more than half of a third");
        for n in 60..120 {
            pace.worked(at(n * 20), at(n * 20 + 1));
        }
        assert_eq!(pace.sleep(at(3_000), at(3_000)), Duration::ZERO);
    }
}
