//! What came of a stream of numbered packets: lost ones, and such as were never sent.
//!
//! A starved sender that skips packets without a gap in their numbers shows no loss; only the wall clock tells.

use std::time::Duration;

/// Between packets, nanoseconds.
pub const TICK_NS: u64 = 20_000_000;
/// A number further ahead than this is a late packet's.
const AHEAD_MAX: u16 = 0x8000;

/// One stream, from the first packet after [`Track::default`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Track {
    start: Option<(u16, u64)>,
    /// Steps of the highest number from the first.
    span: u64,
    highest: u16,
    highest_at: u64,
    received: u64,
}

impl Track {
    /// Takes a packet with this number at this moment (nanoseconds). Gives the deviation of its gap from 20 ms (for
    /// each number since the one before); the first and an overtaken one have none.
    pub fn take(&mut self, number: u16, at: u64) -> Option<Duration> {
        self.received += 1;
        if self.start.is_none() {
            self.start = Some((number, at));
            (self.highest, self.highest_at) = (number, at);
            return None;
        }
        let ahead = number.wrapping_sub(self.highest);
        if ahead == 0 || ahead >= AHEAD_MAX {
            return None;
        }
        let gap = at.saturating_sub(self.highest_at);
        self.span += u64::from(ahead);
        (self.highest, self.highest_at) = (number, at);
        Some(Duration::from_nanos(gap.abs_diff(u64::from(ahead) * TICK_NS)))
    }

    /// Packets that came.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets the numbers speak of.
    pub fn sent(&self) -> u64 {
        self.start.map_or(0, |_| self.span + 1)
    }

    /// Of those, how many never came.
    pub fn lost(&self) -> u64 {
        self.sent().saturating_sub(self.received)
    }

    /// How many packets the wall clock asks for, from the first packet to `end`; nothing heard at all is a whole
    /// window from `begin` missing. Half a tick is forgiven at the end.
    pub fn expected(&self, begin: u64, end: u64) -> u64 {
        let from = self.start.map_or(begin, |(_, at)| at);
        let asked = end.checked_sub(TICK_NS / 2).and_then(|end| end.checked_sub(from));
        asked.map_or(0, |ns| ns / TICK_NS + 1).max(self.sent())
    }

    /// Packets never sent.
    pub fn not_sent(&self, begin: u64, end: u64) -> u64 {
        self.expected(begin, end) - self.sent()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Histogram;

    const BEGIN: u64 = 1_000_000_000_000;

    /// Takes packets of these (number, tick), read at the end of `ticks`.
    fn track(packets: impl IntoIterator<Item = (u16, u64)>) -> (Track, Histogram) {
        let (mut track, mut deviations) = (Track::default(), Histogram::default());
        for (number, tick) in packets {
            track.take(number, BEGIN + tick * TICK_NS).into_iter().for_each(|d| deviations.record(d));
        }
        (track, deviations)
    }

    fn end(ticks: u64) -> u64 {
        BEGIN + ticks * TICK_NS
    }

    #[test]
    fn an_even_stream_has_no_faults_and_may_wrap() {
        let (track, deviations) = track((0..1_000).map(|n| ((65_000 + n) as u16, n)));
        assert_eq!((track.received(), track.sent(), track.lost()), (1_000, 1_000, 0));
        assert_eq!(track.not_sent(BEGIN, end(1_000)), 0);
        assert_eq!(deviations.spread().max_ms, 0.0);
    }

    #[test]
    fn a_gap_in_the_numbers_is_loss_and_nothing_else() {
        let (track, deviations) = track((0..100).filter(|n| n % 10 != 5).map(|n| (n as u16, n)));
        assert_eq!((track.sent(), track.lost(), track.not_sent(BEGIN, end(100))), (100, 10, 0));
        assert_eq!(deviations.spread().max_ms, 0.0);
    }

    #[test]
    fn skipped_ticks_without_a_gap_are_packets_not_sent() {
        let (track, deviations) =
            track((0..100).filter(|n| n % 10 != 5).enumerate().map(|(n, tick)| (n as u16, tick)));
        assert_eq!((track.sent(), track.lost(), track.not_sent(BEGIN, end(100))), (90, 0, 10));
        assert_eq!(deviations.spread().max_ms, 20.0);
    }

    #[test]
    fn silence_is_a_whole_window_not_sent() {
        let (nothing, _) = track([]);
        assert_eq!((nothing.sent(), nothing.lost(), nothing.not_sent(BEGIN, end(50))), (0, 0, 50));
        let (one, _) = track([(7, 0)]);
        assert_eq!(one.not_sent(BEGIN, end(50)), 49);
    }

    #[test]
    fn overtaken_and_doubled_packets_do_no_harm() {
        let (track, _) = track([(1, 0), (3, 2), (2, 2), (4, 3), (4, 3)]);
        assert_eq!((track.sent(), track.received(), track.lost()), (4, 5, 0));
        assert_eq!(track.not_sent(BEGIN, end(4)), 0);
    }
}
