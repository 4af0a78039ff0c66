//! Statistics of millions of measurements in constant memory: counts in log-linear buckets, read as percentiles.

use serde::Serialize;
use std::time::Duration;

/// Buckets of one doubling: a percentile is at most 1/32 (3 %) above the truth.
const STEPS: u64 = 32;
/// Doublings of a nanosecond that are told apart; everything beyond (18 minutes) is counted in the last bucket.
const DOUBLINGS: usize = 40;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// Durations, counted.
#[derive(Clone, Debug)]
pub struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max_ns: u64,
}

/// What is read off a [`Histogram`], in milliseconds. All zero when nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Measurements.
    pub count: u64,
    /// Half of them are at or below.
    pub p50_ms: f64,
    /// 99 of 100 are at or below.
    pub p99_ms: f64,
    /// The largest.
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: vec![0; (DOUBLINGS + 1) * STEPS as usize], count: 0, max_ns: 0 }
    }
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&mut self, value: Duration) {
        let ns = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
        let last = self.buckets.len().saturating_sub(1);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(ns).min(last)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
        self.count += other.count;
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Measurements counted.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The smallest value that `part` of all (0 to 1) are at or below, to 3 %; never above the largest. Nearest rank:
    /// the p99 of 100 values is the 99th. Zero when nothing was counted.
    pub fn percentile(&self, part: f64) -> Duration {
        // Counts are far below 2^53; the rank is exact.
        let rank = ((self.count as f64 * part).ceil() as u64).clamp(1, self.count.max(1));
        let mut seen = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            seen += bucket;
            if seen >= rank {
                return Duration::from_nanos(top_of(at).min(self.max_ns));
            }
        }
        Duration::from_nanos(self.max_ns)
    }

    /// The figures of a report.
    pub fn spread(&self) -> Spread {
        let ms = |d: Duration| (d.as_nanos() as f64 / 1e6 * 1e4).round() / 1e4;
        Spread {
            count: self.count,
            p50_ms: ms(self.percentile(0.50)),
            p99_ms: ms(self.percentile(0.99)),
            max_ms: ms(Duration::from_nanos(self.max_ns)),
        }
    }
}

/// Values below [`STEPS`] have a bucket each; above, each doubling has [`STEPS`].
fn bucket_of(ns: u64) -> usize {
    if ns < STEPS {
        return ns as usize;
    }
    let shift = ns.ilog2() - STEP_BITS;
    (u64::from(shift) * STEPS + (ns >> shift)) as usize
}

/// The largest value of a bucket.
fn top_of(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * STEPS {
        return bucket;
    }
    let shift = bucket / STEPS - 1;
    let mantissa = bucket % STEPS + STEPS;
    ((mantissa + 1) << shift) - 1
}

/// `part` of `whole` in per cent; 0 of 0 is 0.
pub fn per_cent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(values: impl IntoIterator<Item = u64>) -> Histogram {
        let mut histogram = Histogram::default();
        values.into_iter().for_each(|ns| histogram.record(Duration::from_nanos(ns)));
        histogram
    }

    #[test]
    fn nothing_measured_reads_as_zero() {
        assert_eq!(Histogram::default().spread(), Spread::default());
        assert_eq!(per_cent(0, 0), 0.0);
        assert_eq!(per_cent(1, 8), 12.5);
    }

    #[test]
    fn percentiles_are_the_nearest_rank_to_three_per_cent() {
        for scale in [1, 1_000, 1_000_000] {
            let all = of((1..=1_000).map(|n| n * scale));
            for (part, truth) in [(0.5, 500), (0.99, 990), (0.999, 999), (0.001, 1), (1.0, 1_000)] {
                let got = all.percentile(part).as_nanos() as u64;
                let truth = truth * scale;
                assert!(got >= truth && got as f64 <= truth as f64 * 1.04 + 1.0, "{part}: {got} of {truth}");
            }
        }
    }

    #[test]
    fn one_outlier_in_a_thousand_is_in_the_maximum_only() {
        let spread = of(core::iter::repeat_n(1_000_000, 999).chain([500_000_000])).spread();
        assert!((1.0..1.04).contains(&spread.p99_ms), "{spread:?}");
        assert_eq!((spread.count, spread.max_ms), (1_000, 500.0));
    }

    #[test]
    fn every_bucket_holds_its_own_values_and_the_last_all_beyond() {
        let mut before = 0;
        for ns in (0..63).flat_map(|bit| [1u64 << bit, (1 << bit) + 1, (1 << bit) * 3 / 2]) {
            let bucket = bucket_of(ns);
            assert!(top_of(bucket) >= ns, "{ns}");
            assert!(bucket == 0 || top_of(bucket - 1) < ns, "{ns}");
            before = before.max(bucket);
        }
        let all = of([u64::MAX, 5]);
        assert_eq!(all.count(), 2);
        assert!(all.percentile(0.99) > Duration::from_secs(1_000));
    }

    #[test]
    fn merged_histograms_read_as_one() {
        let mut left = of(1..=500);
        left.merge(&of(501..=1_000));
        assert_eq!(left.spread(), of(1..=1_000).spread());
    }
}
