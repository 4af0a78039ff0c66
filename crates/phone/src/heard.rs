//! What a phone heard, as one long strip of samples placed by arrival.

use core::time::Duration;
use senim_base::Instant;

/// Samples a second.
const RATE: u64 = 8_000;
/// A packet this near the end of what was heard continues it: jitter is no gap. In samples, 60 ms.
const JITTER: u64 = 480;

/// The strip. Silence fills what did not arrive.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    start: Option<Instant>,
    pcm: Vec<i16>,
    packets: u64,
    samples_max: usize,
}

impl Heard {
    /// An empty strip that keeps at most `keep` from its first packet on; what comes later is counted only.
    pub fn new(keep: Duration) -> Self {
        let samples = keep.as_millis().saturating_mul(u128::from(RATE)) / 1_000;
        Heard { samples_max: usize::try_from(samples).unwrap_or(usize::MAX), ..Heard::default() }
    }

    /// Places samples that arrived at `now`.
    pub(crate) fn put(&mut self, samples: impl ExactSizeIterator<Item = i16>, now: Instant) {
        self.packets += 1;
        let start = *self.start.get_or_insert(now);
        let nanos = u64::try_from(now.since(start).as_nanos()).unwrap_or(u64::MAX);
        let at = nanos.saturating_mul(RATE) / 1_000_000_000;
        let end = self.pcm.len() as u64;
        if end.abs_diff(at) > JITTER && at > end {
            let at = usize::try_from(at).unwrap_or(usize::MAX).min(self.samples_max);
            self.pcm.resize(at, 0);
        }
        let room = self.samples_max.saturating_sub(self.pcm.len());
        self.pcm.extend(samples.take(room));
    }

    /// All samples, 8 kHz.
    pub fn pcm(&self) -> &[i16] {
        &self.pcm
    }

    /// The last `length` of it.
    pub fn last(&self, length: Duration) -> &[i16] {
        let samples = length.as_millis().saturating_mul(u128::from(RATE)) / 1_000;
        let samples = usize::try_from(samples).unwrap_or(usize::MAX).min(self.pcm.len());
        &self.pcm[self.pcm.len() - samples..]
    }

    /// Packets that came.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// When the first packet came.
    pub fn since(&self) -> Option<Instant> {
        self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_no_gap_and_a_pause_is() {
        let mut heard = Heard::new(Duration::from_secs(2));
        let t = |ms: u64| Instant::from_millis(1_000 + ms);
        heard.put([1i16; 160].into_iter(), t(0));
        heard.put([2i16; 160].into_iter(), t(35));
        heard.put([3i16; 160].into_iter(), t(40));
        assert_eq!(heard.pcm().len(), 480);
        heard.put([4i16; 160].into_iter(), t(1_000));
        assert_eq!(heard.pcm().len(), 8_160);
        assert_eq!(heard.pcm()[7_999], 0);
        assert_eq!(heard.last(Duration::from_millis(20)), [4; 160]);
        heard.put([5i16; 160].into_iter(), t(9_000));
        assert_eq!(heard.pcm().len(), 16_000);
        assert_eq!(heard.packets(), 5);
    }
}
