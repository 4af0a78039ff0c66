//! When a worker looks at its sockets. Waking is what costs, more than a packet: while few come each is looked at as it
//! comes; while many do, all that came in a slot are looked at together, and what is due is sent on the slot's beat.

use core::time::Duration;
use senim_base::Instant;

/// The share of time at work and the number of packets are judged over this long.
const WINDOW: Duration = Duration::from_millis(250);
/// The slot of a busy worker, and of one whose packets nobody waits for: what is played is due on whole milliseconds.
const SLOT: Duration = Duration::from_millis(1);
/// The slot of a worker that passes packets on and has time: nobody hears a quarter of a millisecond.
const SHORT: Duration = Duration::from_micros(250);
/// A worker is busy from this share of its time at work on, and again idle below that one, in per cent.
const BUSY: u32 = 33;
const IDLE: u32 = 20;

/// The beat of one worker.
#[derive(Debug)]
pub(crate) struct Beat {
    window: Instant,
    work: Duration,
    found: u32,
    busy: bool,
    slot: Option<Duration>,
}

impl Beat {
    pub(crate) fn new(now: Instant) -> Beat {
        Beat { window: now, work: Duration::ZERO, found: 0, busy: false, slot: None }
    }

    /// Counts a look that found so many packets and deadlines. `passes`: packets of somebody are passed on as they come.
    pub(crate) fn looked(&mut self, from: Instant, to: Instant, found: usize, passes: bool) {
        self.work += to.since(from);
        self.found = self.found.saturating_add(found as u32);
        let window = to.since(self.window);
        if window < WINDOW {
            return;
        }
        let limit = window * if self.busy { IDLE } else { BUSY } / 100;
        self.busy = self.work > limit;
        let slot = if passes && !self.busy { SHORT } else { SLOT };
        // Half as many again as there are slots, or it is cheaper to wake for each; and no fluttering.
        let slots = (window.as_micros() / slot.as_micros().max(1)) as u32;
        let worth = if self.slot.is_some() { slots } else { slots + slots / 2 };
        self.slot = (self.found > worth).then_some(slot);
        *self = Beat { window: to, work: Duration::ZERO, found: 0, ..*self };
    }

    /// How long to sleep at `now` before the next look; `None`: until something comes or is due. Slots begin on whole
    /// multiples of their length, for so do packets that are due.
    pub(crate) fn sleep(&self, looked: Instant, now: Instant) -> Option<Duration> {
        let slot = self.slot?.as_nanos() as u64;
        let next = (looked.as_nanos() / slot + 1) * slot;
        Some(Duration::from_nanos(next.saturating_sub(now.as_nanos())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: Duration = Duration::from_micros(1);

    /// A second of looks, so many a second, each finding one and working so long; then the sleep from a moment that
    /// is 100 µs into a slot.
    fn after(
        beat: &mut Beat,
        now: &mut Instant,
        looks: u64,
        work: Duration,
        passes: bool,
    ) -> Option<Duration> {
        for _ in 0..looks {
            *now += Duration::from_nanos(1_000_000_000 / looks);
            beat.looked(*now, *now + work, 1, passes);
        }
        let at = Instant::from_micros(now.micros() / 1_000 * 1_000 + 1_100);
        beat.sleep(at, at)
    }

    trait Micros {
        fn from_micros(us: u64) -> Instant;
        fn micros(self) -> u64;
    }

    impl Micros for Instant {
        fn from_micros(us: u64) -> Instant {
            Instant::from_nanos(us * 1_000)
        }
        fn micros(self) -> u64 {
            self.as_nanos() / 1_000
        }
    }

    fn beat() -> (Beat, Instant) {
        (Beat::new(Instant::from_secs(1)), Instant::from_secs(1))
    }

    #[test]
    fn few_packets_are_looked_at_as_they_come() {
        let (mut beat, mut now) = beat();
        assert_eq!(after(&mut beat, &mut now, 1_000, 10 * US, false), None);
        assert_eq!(after(&mut beat, &mut now, 5_000, 10 * US, true), None, "fewer than short slots");
    }

    #[test]
    fn many_packets_come_in_slots_which_are_short_where_somebody_waits_for_them() {
        let (mut beat, mut now) = beat();
        assert_eq!(after(&mut beat, &mut now, 5_000, 10 * US, false), Some(900 * US));
        assert_eq!(after(&mut beat, &mut now, 10_000, 10 * US, true), Some(150 * US));
        assert_eq!(after(&mut beat, &mut now, 10_000, 40 * US, true), Some(900 * US), "busy");
        assert_eq!(after(&mut beat, &mut now, 10_000, 25 * US, true), Some(900 * US), "no fluttering");
        assert_eq!(after(&mut beat, &mut now, 10_000, 15 * US, true), Some(150 * US));
        assert_eq!(after(&mut beat, &mut now, 5_000, 10 * US, true), Some(150 * US), "no fluttering");
        assert_eq!(after(&mut beat, &mut now, 3_000, 10 * US, true), None);
    }

    #[test]
    fn whoever_missed_a_slot_does_not_sleep() {
        let (mut beat, mut now) = beat();
        after(&mut beat, &mut now, 5_000, 10 * US, false);
        let at = Instant::from_millis(5_000);
        assert_eq!(beat.sleep(at, at + 1_200 * US), Some(Duration::ZERO));
    }
}
