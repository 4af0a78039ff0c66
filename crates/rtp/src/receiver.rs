//! What we know of a stream that comes in: highest sequence number, loss, jitter (RFC 3550 appendix A.1, A.3, A.8).
//! Unlike A.1 a source needs no probation here: the latching rule already chose who may speak.

use crate::ReportBlock;
use senim_base::Instant;

/// A gap up to this is loss; beyond it the peer restarted its numbers (RFC 3550 A.1).
const MAX_DROPOUT: u16 = 3000;
/// A packet up to this late is a straggler; beyond it the peer restarted its numbers.
const MAX_MISORDER: u16 = 100;
const SEQ_MOD: u32 = 1 << 16;

/// Where a packet stands in its stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    /// The first of all.
    First,
    /// After the one before; `missing` packets have not come (yet).
    Next {
        /// Packets skipped, 0 when in order.
        missing: u16,
    },
    /// Behind a packet that came earlier: late, or one that came twice.
    Late,
    /// The peer has a new SSRC or restarted its sequence numbers; statistics go on, order begins anew.
    Restarted,
    /// A jump that only a second packet in order will confirm.
    Doubtful,
}

/// Statistics of one incoming stream. Totals go on over changes of SSRC.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receiver {
    /// Ticks a second of the last packet's clock.
    clock_hz: u32,
    source: Option<Source>,
    /// Totals of sources before this one.
    before: Totals,
    jitter_q4: u32,
    /// Runs of packets that were skipped, and their length in all.
    runs: u32,
    skipped: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    received: u64,
    lost: i64,
}

#[derive(Clone, Copy, Debug)]
struct Source {
    ssrc: u32,
    base_seq: u32,
    max_seq: u16,
    cycles: u32,
    /// The sequence number that would confirm a restart.
    bad_seq: Option<u16>,
    received: u64,
    expected_prior: u64,
    received_prior: u64,
    /// Arrival and timestamp of the last packet, for jitter.
    transit: (Instant, u32),
    last_sr: Option<(u32, Instant)>,
}

impl Source {
    fn new(ssrc: u32, seq: u16, timestamp: u32, now: Instant) -> Source {
        Source {
            ssrc,
            base_seq: u32::from(seq),
            max_seq: seq,
            cycles: 0,
            bad_seq: None,
            received: 1,
            expected_prior: 0,
            received_prior: 0,
            transit: (now, timestamp),
            last_sr: None,
        }
    }

    fn highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.max_seq))
    }

    fn expected(&self) -> u64 {
        u64::from(self.highest().wrapping_sub(self.base_seq)) + 1
    }

    fn lost(&self) -> i64 {
        i64::try_from(self.expected()).unwrap_or(i64::MAX) - i64::try_from(self.received).unwrap_or(i64::MAX)
    }
}

impl Receiver {
    /// Counts a packet that came at `now`; its timestamp is by a clock of `clock_hz`.
    pub fn packet(
        &mut self,
        ssrc: u32,
        seq: u16,
        (timestamp, clock_hz): (u32, u32),
        now: Instant,
    ) -> Arrival {
        if clock_hz != self.clock_hz {
            // Jitter is kept in ticks, as reports want it.
            let scaled = u64::from(self.jitter_q4) * u64::from(clock_hz) / u64::from(self.clock_hz.max(1));
            self.jitter_q4 = u32::try_from(scaled).unwrap_or(u32::MAX);
            self.clock_hz = clock_hz;
        }
        let Some(source) = self.source.as_mut().filter(|s| s.ssrc == ssrc) else {
            let first = self.source.is_none();
            self.restart(ssrc, seq, timestamp, now);
            return if first { Arrival::First } else { Arrival::Restarted };
        };
        let ahead = seq.wrapping_sub(source.max_seq);
        let arrival = if ahead == 0 || ahead.wrapping_neg() <= MAX_MISORDER {
            Arrival::Late
        } else if ahead < MAX_DROPOUT {
            if seq < source.max_seq {
                source.cycles = source.cycles.wrapping_add(SEQ_MOD);
            }
            source.max_seq = seq;
            self.runs = self.runs.saturating_add(u32::from(ahead > 1));
            self.skipped = self.skipped.saturating_add(u32::from(ahead - 1));
            Arrival::Next { missing: ahead - 1 }
        } else if source.bad_seq == Some(seq) {
            self.restart(ssrc, seq, timestamp, now);
            return Arrival::Restarted;
        } else {
            source.bad_seq = Some(seq.wrapping_add(1));
            return Arrival::Doubtful;
        };
        source.bad_seq = None;
        source.received += 1;
        self.update_jitter(timestamp, now);
        arrival
    }

    /// Notes that a sender report came (RFC 3550 §6.4.1), for LSR and DLSR.
    pub fn sender_report(&mut self, ssrc: u32, ntp: u64, now: Instant) {
        if let Some(source) = self.source.as_mut().filter(|s| s.ssrc == ssrc) {
            source.last_sr = Some(((ntp >> 16) as u32, now));
        }
    }

    /// The report block for this source since the last one (RFC 3550 A.3); `None` before the first packet.
    pub fn report(&mut self, now: Instant) -> Option<ReportBlock> {
        let jitter = self.jitter_q4 >> 4;
        let source = self.source.as_mut()?;
        let expected = source.expected() - source.expected_prior.min(source.expected());
        let received = source.received - source.received_prior;
        source.expected_prior = source.expected();
        source.received_prior = source.received;
        let lost = expected.saturating_sub(received);
        let fraction = (lost << 8).checked_div(expected).unwrap_or(0).min(255);
        let (last_sr, delay) = match source.last_sr {
            Some((middle, at)) => (middle, (now.since(at).as_nanos() * 65_536 / 1_000_000_000) as u32),
            None => (0, 0),
        };
        Some(ReportBlock {
            ssrc: source.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            cumulative_lost: source.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            highest_seq: source.highest(),
            jitter,
            last_sr,
            delay_since_last_sr: delay,
        })
    }

    /// Packets received, over all sources.
    pub fn received(&self) -> u64 {
        self.before.received + self.source.map_or(0, |s| s.received)
    }

    /// Packets lost, over all sources; packets that came twice count against it, never below 0.
    pub fn lost(&self) -> u64 {
        let lost = self.before.lost + self.source.map_or(0, |s| s.lost());
        u64::try_from(lost).unwrap_or(0)
    }

    /// Interarrival jitter in microseconds (RFC 3550 A.8).
    pub fn jitter_us(&self) -> u32 {
        let us = u64::from(self.jitter_q4) * 1_000_000 / (16 * u64::from(self.clock_hz.max(1)));
        us.min(u64::from(u32::MAX)) as u32
    }

    /// How long runs of loss are against what chance alone would make: the burst ratio of ITU-T G.107 section 7.5, at
    /// least 1. Packets that came late count as lost here.
    pub fn burst_ratio(&self) -> f64 {
        let (received, skipped) = (self.received() as f64, f64::from(self.skipped));
        if self.runs == 0 {
            return 1.0;
        }
        // By chance alone a run is 1 / (1 - p) packets long.
        (skipped / f64::from(self.runs) * received / (received + skipped)).max(1.0)
    }

    /// The source that speaks now.
    pub fn ssrc(&self) -> Option<u32> {
        self.source.map(|s| s.ssrc)
    }

    fn restart(&mut self, ssrc: u32, seq: u16, timestamp: u32, now: Instant) {
        self.before = Totals {
            received: self.received(),
            lost: self.before.lost + self.source.map_or(0, |s| s.lost()),
        };
        self.source = Some(Source::new(ssrc, seq, timestamp, now));
    }

    fn update_jitter(&mut self, timestamp: u32, now: Instant) {
        let Some(source) = self.source.as_mut() else { return };
        let (at, before) = source.transit;
        source.transit = (now, timestamp);
        let arrival_ticks = (now.since(at).as_nanos() * u128::from(self.clock_hz) / 1_000_000_000) as i64;
        let d = (arrival_ticks - i64::from(timestamp.wrapping_sub(before) as i32)).unsigned_abs();
        // A jump of the peer's clock is not jitter: beyond a second it does not count.
        if d > u64::from(self.clock_hz) {
            return;
        }
        let d = d as u32;
        self.jitter_q4 = (self.jitter_q4 + d).saturating_sub((self.jitter_q4 + 8) >> 4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(receiver: &mut Receiver, seqs: impl IntoIterator<Item = u16>) -> Vec<Arrival> {
        let mut at = 0u64;
        seqs.into_iter()
            .map(|seq| {
                at += 20;
                receiver.packet(1, seq, (u32::from(seq).wrapping_mul(160), 8_000), Instant::from_millis(at))
            })
            .collect()
    }

    #[test]
    fn loss_is_counted_over_the_wrap_of_sequence_numbers() {
        let mut receiver = Receiver::default();
        feed(&mut receiver, (65_000..=65_535).chain(0..1_000).filter(|seq| seq % 10 != 3));
        let block = receiver.report(Instant::from_secs(40)).unwrap();
        assert_eq!(receiver.received() + receiver.lost(), 536 + 1_000);
        assert_eq!(block.highest_seq, 65_536 + 999);
        assert!((24..=27).contains(&block.fraction_lost), "{}", block.fraction_lost);
        assert_eq!(i64::from(block.cumulative_lost), receiver.lost() as i64);
        assert_eq!(receiver.report(Instant::from_secs(41)).unwrap().fraction_lost, 0);
    }

    /// G.107 section 7.5: 1 for loss at random, and twice as much where runs are twice as long.
    #[test]
    fn bursts_are_told_from_loss_at_random() {
        let ratio = |lost: fn(u16) -> bool| {
            let mut receiver = Receiver::default();
            feed(&mut receiver, (0..20_000).filter(|seq| !lost(*seq)));
            receiver.burst_ratio()
        };
        assert_eq!(ratio(|_| false), 1.0);
        let random = ratio(|seq| u32::from(seq).wrapping_mul(2_654_435_761) >> 20 & 0xfff < 400);
        assert!((0.9..1.4).contains(&random), "{random}");
        let bursts = ratio(|seq| seq % 100 < 10);
        assert!((8.9..=9.1).contains(&bursts), "{bursts}");
    }

    #[test]
    fn late_and_double_packets_are_told_from_new_ones() {
        let mut receiver = Receiver::default();
        let seen = feed(&mut receiver, [10, 11, 14, 12, 14, 15]);
        assert_eq!(
            seen,
            [
                Arrival::First,
                Arrival::Next { missing: 0 },
                Arrival::Next { missing: 2 },
                Arrival::Late,
                Arrival::Late,
                Arrival::Next { missing: 0 },
            ]
        );
    }

    #[test]
    fn a_restart_needs_two_packets_in_order_and_a_new_ssrc_none() {
        let mut receiver = Receiver::default();
        let seen = feed(&mut receiver, [10, 11, 30_000, 12, 40_000, 40_001, 40_002]);
        assert_eq!(seen[2], Arrival::Doubtful);
        assert_eq!(seen[3], Arrival::Next { missing: 0 });
        assert_eq!(seen[4..], [Arrival::Doubtful, Arrival::Restarted, Arrival::Next { missing: 0 }]);
        assert_eq!(receiver.packet(2, 7, (0, 8_000), Instant::from_secs(1)), Arrival::Restarted);
        assert_eq!(receiver.lost(), 0);
    }

    #[test]
    fn jitter_settles_at_the_mean_deviation_by_any_clock() {
        for clock_hz in [8_000, 48_000] {
            let mut receiver = Receiver::default();
            for n in 0..2_000u32 {
                let wobble = if n % 2 == 0 { 0 } else { 5 };
                let at = Instant::from_millis(u64::from(n) * 20 + wobble);
                receiver.packet(1, n as u16, (n.wrapping_mul(clock_hz / 50), clock_hz), at);
            }
            assert!((4_500..=5_500).contains(&receiver.jitter_us()), "{}", receiver.jitter_us());
            let ticks = receiver.report(Instant::from_secs(40)).unwrap().jitter;
            assert!(ticks.abs_diff(clock_hz / 200) < clock_hz / 2_000, "{ticks}");
            let before = receiver.jitter_us();
            receiver.packet(1, 2_000, (7, 56_000 - clock_hz), Instant::from_secs(40));
            assert!(receiver.jitter_us().abs_diff(before) < 500, "another clock is no jitter");
        }
    }
}
