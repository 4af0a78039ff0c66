//! A message that is sent again until it is answered (RFC 3261 section 17.1, timers A, E and G).

/// First wait, nanoseconds (T1).
const T1_NS: u64 = 500_000_000;
/// Longest wait (T2).
const T2_NS: u64 = 4_000_000_000;
/// Sent so often in all; then it failed (about 32 seconds).
const SENT_MAX: u32 = 11;

/// The message, and when it is due again.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) bytes: Vec<u8>,
    wait_ns: u64,
    due: u64,
    sent: u32,
}

/// What the clock makes of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Turn {
    /// Not yet; ask at this moment.
    Wait(u64),
    /// Send it; ask again at this moment.
    Send(u64),
    /// It was sent often enough.
    GiveUp,
}

impl Pending {
    /// Sent now for the first time.
    pub(crate) fn new(bytes: Vec<u8>, now: u64) -> Pending {
        Pending { bytes, wait_ns: T1_NS, due: now + T1_NS, sent: 1 }
    }

    /// When to ask next.
    pub(crate) fn due(&self) -> u64 {
        self.due
    }

    /// Asks the clock.
    pub(crate) fn turn(&mut self, now: u64) -> Turn {
        if now < self.due {
            return Turn::Wait(self.due);
        }
        if self.sent >= SENT_MAX {
            return Turn::GiveUp;
        }
        self.sent += 1;
        self.wait_ns = (self.wait_ns * 2).min(T2_NS);
        self.due = now + self.wait_ns;
        Turn::Send(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_four_seconds_and_end_after_half_a_minute() {
        let mut pending = Pending::new(Vec::new(), 0);
        assert_eq!(pending.turn(T1_NS - 1), Turn::Wait(T1_NS));
        let mut at = vec![];
        let end = loop {
            let now = pending.due();
            match pending.turn(now) {
                Turn::Send(_) => at.push(now / 1_000_000),
                turn => break (turn, now / 1_000_000),
            }
        };
        assert_eq!(at, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end, (Turn::GiveUp, 35_500));
    }
}
