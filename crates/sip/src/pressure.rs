//! Whether there is time for new calls, told by how long messages wait before anybody looks at them: a burst is borne,
//! a standing queue is not (after CoDel, RFC 8289). While it is not, new calls are refused at once and cheaply, so that
//! those that were taken are served as if nothing were the matter.

use core::time::Duration;
use senim_base::Instant;

/// Waits that everybody bears.
pub const WAIT_TARGET: Duration = Duration::from_millis(100);
/// Longer waits are borne for so long: a burst ends by then.
pub const PATIENCE: Duration = Duration::from_millis(100);
/// Whoever waited so long cannot be answered in good time any more.
pub const WAIT_MAX: Duration = Duration::from_millis(300);
/// New calls are taken again when waits are down to this.
pub const WAIT_EASED: Duration = Duration::from_millis(50);
/// After a spell of refusing there is no patience for so long: it was no burst.
pub const RELAPSE: Duration = Duration::from_secs(1);

/// One queue's.
#[derive(Clone, Debug, Default)]
pub struct Pressure {
    crowded: bool,
    /// Since when every wait was above the target.
    late_since: Option<Instant>,
    /// When the last spell of refusing ended.
    eased: Option<Instant>,
}

impl Pressure {
    /// A message is looked at that has waited so long. `true`: were it a new call, it would be refused.
    pub fn waited(&mut self, waited: Duration, now: Instant) -> bool {
        if self.crowded {
            self.crowded = waited > WAIT_EASED;
            self.eased = (!self.crowded).then_some(now);
        } else if waited <= WAIT_TARGET {
            self.late_since = None;
        } else {
            let since = *self.late_since.get_or_insert(now);
            let relapsed = self.eased.is_some_and(|eased| now.since(eased) < RELAPSE);
            self.crowded = relapsed || waited > WAIT_MAX || now.since(since) > PATIENCE;
            if self.crowded {
                self.late_since = None;
            }
        }
        self.crowded
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// What each message hears, one a millisecond.
    fn hear(p: &mut Pressure, now: &mut Instant, waited: Duration, messages: u32) -> Vec<bool> {
        let mut heard = Vec::new();
        for _ in 0..messages {
            *now += MS;
            heard.push(p.waited(waited, *now));
        }
        heard
    }

    fn at_rest() -> (Pressure, Instant) {
        (Pressure::default(), Instant::from_secs(1))
    }

    #[test]
    fn a_burst_is_borne_and_a_standing_queue_is_not() {
        let (mut p, mut now) = at_rest();
        let late = WAIT_TARGET + MS;
        assert_eq!(hear(&mut p, &mut now, WAIT_TARGET, 1_000), [false; 1_000]);
        assert_eq!(hear(&mut p, &mut now, late, 101), [false; 101], "so long is patience");
        assert_eq!(hear(&mut p, &mut now, WAIT_TARGET, 1), [false], "the burst is over");
        assert_eq!(hear(&mut p, &mut now, late, 101), [false; 101], "patience begins anew");
        assert_eq!(hear(&mut p, &mut now, late, 5), [true; 5]);
    }

    #[test]
    fn refusing_ends_only_when_waits_are_well_below_the_target() {
        let (mut p, mut now) = at_rest();
        hear(&mut p, &mut now, WAIT_MAX + MS, 1);
        assert_eq!(hear(&mut p, &mut now, WAIT_EASED + MS, 50), [true; 50]);
        assert_eq!(hear(&mut p, &mut now, WAIT_EASED, 1), [false]);
        assert_eq!(hear(&mut p, &mut now, WAIT_TARGET, 50), [false; 50]);
    }

    #[test]
    fn a_relapse_finds_no_patience_and_a_later_burst_does() {
        let (mut p, mut now) = at_rest();
        hear(&mut p, &mut now, WAIT_MAX + MS, 1);
        hear(&mut p, &mut now, Duration::ZERO, 900);
        assert_eq!(hear(&mut p, &mut now, WAIT_TARGET + MS, 1), [true]);
        hear(&mut p, &mut now, Duration::ZERO, 1_001);
        assert_eq!(hear(&mut p, &mut now, WAIT_TARGET + MS, 101), [false; 101]);
        assert_eq!(hear(&mut p, &mut now, WAIT_MAX + MS, 1), [true], "too late is too late");
    }
}
