//! The timers of RFC 3261 table 4, each a word with a reason. On reliable transports the wire repeats for us, so
//! the repeating timers never start and the lingering ones are over at once.

use core::time::Duration;

/// Round-trip estimate, RFC 3261 section 17.1.1.1.
pub(crate) const T1: Duration = Duration::from_millis(500);
/// Longest pause between repeats, RFC 3261 section 17.1.2.2.
pub(crate) const T2: Duration = Duration::from_secs(4);
/// How long a message may wander in the network, RFC 3261 section 17.1.2.2.
pub(crate) const T4: Duration = Duration::from_secs(5);
/// How long anybody waits for anybody: 64·T1.
pub(crate) const T64: Duration = Duration::from_secs(32);
/// How long the user of an INVITE server transaction may think before it says 100, RFC 3261 section 17.2.1.
pub(crate) const THINK: Duration = Duration::from_millis(200);

/// One timer of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// Repeat the INVITE.
    A,
    /// No answer to the INVITE.
    B,
    /// Keep acknowledging late copies of a refusal.
    D,
    /// Repeat the request.
    E,
    /// No answer to the request.
    F,
    /// Repeat the refusal of an INVITE.
    G,
    /// No ACK of the refusal.
    H,
    /// Absorb late copies of the ACK.
    I,
    /// Absorb late copies of the request.
    J,
    /// Absorb late copies of the response.
    K,
    /// Absorb late copies of an accepted INVITE, RFC 6026.
    L,
    /// Hear late copies of the 2xx, RFC 6026.
    M,
    /// Say 100 Trying: the user still thinks.
    Trying,
}

impl Timer {
    /// The first and the last by order.
    pub(crate) const FIRST: Timer = Timer::A;
    pub(crate) const LAST: Timer = Timer::Trying;

    /// Every timer.
    #[cfg(test)]
    pub(crate) const ALL: [Timer; 13] = [
        Timer::A,
        Timer::B,
        Timer::D,
        Timer::E,
        Timer::F,
        Timer::G,
        Timer::H,
        Timer::I,
        Timer::J,
        Timer::K,
        Timer::L,
        Timer::M,
        Timer::Trying,
    ];

    /// Whether it is started again and again with growing pauses.
    pub(crate) const fn repeats(self) -> bool {
        matches!(self, Timer::A | Timer::E | Timer::G)
    }
}

/// How long a timer runs when it is started; `None`: not at all on this wire. `round` counts earlier starts, for
/// the repeating ones that double.
pub(crate) fn span(timer: Timer, reliable: bool, round: u32) -> Option<Duration> {
    let doubled = T1.saturating_mul(1 << round.min(6));
    match timer {
        Timer::A => (!reliable).then_some(doubled),
        Timer::E | Timer::G => (!reliable).then_some(doubled.min(T2)),
        Timer::B | Timer::F | Timer::H | Timer::L | Timer::M => Some(T64),
        Timer::D | Timer::J => Some(if reliable { Duration::ZERO } else { T64 }),
        Timer::I | Timer::K => Some(if reliable { Duration::ZERO } else { T4 }),
        Timer::Trying => Some(THINK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_double_and_stop_at_their_ceilings() {
        assert_eq!(span(Timer::A, false, 0), Some(T1));
        assert_eq!(span(Timer::A, false, 5), Some(T1 * 32));
        assert_eq!(span(Timer::E, false, 2), Some(T1 * 4));
        assert_eq!(span(Timer::E, false, 3), Some(T2));
        assert_eq!(span(Timer::G, false, u32::MAX), Some(T2));
    }

    #[test]
    fn a_reliable_wire_repeats_nothing_and_lingers_not() {
        for timer in [Timer::A, Timer::E, Timer::G] {
            assert_eq!(span(timer, true, 0), None, "{timer:?}");
        }
        for timer in [Timer::D, Timer::I, Timer::J, Timer::K] {
            assert_eq!(span(timer, true, 0), Some(Duration::ZERO), "{timer:?}");
        }
        assert_eq!(span(Timer::B, true, 0), Some(T64));
    }
}
