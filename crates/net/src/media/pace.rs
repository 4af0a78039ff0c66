//! When a worker wakes. Waking for each packet is what costs: below a third of a core a worker wakes at once, above it
//! once a millisecond, and takes all that came meanwhile.

use core::time::Duration;
use senim_base::Instant;

/// How long a millisecond's slot is.
const SLOT: Duration = Duration::from_millis(1);
/// The share of time at work is judged over this long.
const WINDOW: Duration = Duration::from_millis(250);

/// Measures work and says how long to sleep before looking at the sockets.
#[derive(Debug)]
pub(crate) struct Pace {
    window: Instant,
    busy: Duration,
    slotted: bool,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Pace {
        Pace { window: now, busy: Duration::ZERO, slotted: false }
    }

    /// Counts a stretch of work.
    pub(crate) fn worked(&mut self, from: Instant, to: Instant) {
        self.busy += to.since(from);
        let window = to.since(self.window);
        if window >= WINDOW {
            // Up at a third, down at a sixth: the same work is cheaper in slots, and a worker shall not flutter.
            let limit = if self.slotted { window / 6 } else { window / 3 };
            self.slotted = self.busy > limit;
            self.window = to;
            self.busy = Duration::ZERO;
        }
    }

    /// How long to sleep before the next look; zero: wait on the sockets themselves.
    pub(crate) fn sleep(&self, began: Instant, now: Instant) -> Duration {
        if self.slotted { SLOT.saturating_sub(now.since(began)) } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_worker_sleeps_in_slots_and_an_idle_one_waits_on_its_sockets() {
        let at = Instant::from_millis;
        let mut pace = Pace::new(at(0));
        for n in 0..300 {
            pace.worked(at(n * 2), at(n * 2 + 1));
        }
        assert_eq!(pace.sleep(at(1_000), at(1_000)), SLOT);
        assert_eq!(pace.sleep(at(1_000), at(1_002)), Duration::ZERO);
        for n in 60..120 {
            pace.worked(at(n * 20), at(n * 20 + 1));
        }
        assert_eq!(pace.sleep(at(3_000), at(3_000)), Duration::ZERO);
    }
}
