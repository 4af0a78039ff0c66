//! Any sample rate → 8 kHz: a polyphase windowed-sinc filter (Blackman), flat to 3.3 kHz and 70 dB down above 4.05 kHz,
//! which is all the telephone passes. Used once a prompt, at start; never on the call path.

use crate::RATE;
use core::f64::consts::PI;

/// Lowest rate taken, Hz.
pub const RATE_HZ_MIN: u32 = 4_000;
/// Highest rate taken, Hz; above it the filter's table would need tens of megabytes.
pub const RATE_HZ_MAX: u32 = 192_000;

/// Zero crossings of the sinc on either side.
const LOBES: f64 = 32.0;
/// Where the filter is 6 dB down, as a share of the lower of the two rates.
const CUTOFF: f64 = 0.4625;

/// The rate cannot be read: not within [`RATE_HZ_MIN`]..=[`RATE_HZ_MAX`]. Guilty: the operator's file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateFault(pub u32);

impl core::fmt::Display for RateFault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} Hz: samples must come at {RATE_HZ_MIN} to {RATE_HZ_MAX} a second", self.0)
    }
}

impl core::error::Error for RateFault {}

/// Samples (±1.0) at `rate_hz` → samples at 8 kHz, of the same duration (less than a sample short). The filter's delay is taken out.
pub fn to_8k(samples: &[f32], rate_hz: u32) -> Result<Vec<f32>, RateFault> {
    if !(RATE_HZ_MIN..=RATE_HZ_MAX).contains(&rate_hz) {
        return Err(RateFault(rate_hz));
    }
    if rate_hz == RATE {
        return Ok(samples.to_vec());
    }
    let filter = Filter::new(rate_hz);
    let length = samples.len() as u64 * u64::from(RATE) / u64::from(rate_hz);
    Ok((0..length).map(|n| filter.sample(samples, n)).collect())
}

/// As [`to_8k`], 16-bit in and out.
pub fn pcm_to_8k(pcm: &[i16], rate_hz: u32) -> Result<Vec<i16>, RateFault> {
    let samples: Vec<f32> = pcm.iter().map(|s| f32::from(*s) / 32768.0).collect();
    Ok(to_8k(&samples, rate_hz)?.into_iter().map(|x| crate::to_sample(x * 32768.0)).collect())
}

/// `step/phases` input samples pass between two output samples; each of the `phases` has its own taps.
struct Filter {
    step: u64,
    phases: u64,
    /// Taps on either side of the centre.
    half: usize,
    taps: Vec<f32>,
}

impl Filter {
    fn new(rate_hz: u32) -> Filter {
        let common = gcd(rate_hz, RATE);
        let (step, phases) = (u64::from(rate_hz / common), u64::from(RATE / common));
        let width = CUTOFF * f64::from(RATE.min(rate_hz)) / f64::from(rate_hz);
        let half = (LOBES / (2.0 * width)).ceil() as usize;
        let mut taps = Vec::with_capacity(phases as usize * (2 * half + 1));
        for phase in 0..phases {
            let shift = phase as f64 / phases as f64;
            let row: Vec<f64> =
                (0..=2 * half).map(|k| kernel(k as f64 - half as f64 - shift, width, half as f64)).collect();
            // Each phase passes a constant unchanged, so that none of them hums.
            let sum: f64 = row.iter().sum();
            taps.extend(row.into_iter().map(|t| (t / sum) as f32));
        }
        Filter { step, phases, half, taps }
    }

    fn sample(&self, samples: &[f32], n: u64) -> f32 {
        let at = n * self.step;
        let (centre, phase) = ((at / self.phases) as usize, (at % self.phases) as usize);
        let row = 2 * self.half + 1;
        let taps = self.taps.get(phase * row..(phase + 1) * row).unwrap_or(&[]);
        // Before the first sample there is silence: skip the taps that would fall there.
        let before = self.half.saturating_sub(centre);
        let part = samples.get((centre + before).saturating_sub(self.half)..).unwrap_or(&[]);
        taps.iter().skip(before).zip(part).map(|(t, x)| t * x).sum()
    }
}

/// sinc of cutoff `width` (share of the rate) under a Blackman window that ends at ±(`half` + 1).
fn kernel(x: f64, width: f64, half: f64) -> f64 {
    let edge = x / (half + 1.0);
    if edge.abs() >= 1.0 {
        return 0.0;
    }
    let sinc = if x == 0.0 { 2.0 * width } else { (2.0 * PI * width * x).sin() / (PI * x) };
    sinc * (0.42 + 0.5 * (PI * edge).cos() + 0.08 * (2.0 * PI * edge).cos())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::tone_level_db;

    fn sine(hz: f64, rate_hz: u32, seconds: f64) -> Vec<i16> {
        (0..(f64::from(rate_hz) * seconds) as usize)
            .map(|n| (16384.0 * (2.0 * PI * hz * n as f64 / f64::from(rate_hz)).sin()).round() as i16)
            .collect()
    }

    #[test]
    fn speech_band_passes_from_every_usual_rate() {
        for rate in [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000] {
            let out = pcm_to_8k(&sine(1000.0, rate, 0.5), rate).expect("a usual rate");
            assert!(out.len().abs_diff(4000) <= 1, "{rate}");
            let level = tone_level_db(&out[800..3200], 1000.0);
            assert!((level + 6.0).abs() < 0.2, "{rate}: {level}");
        }
    }

    #[test]
    fn the_edge_of_the_band_is_flat_and_what_would_fold_is_gone() {
        for rate in [16_000, 44_100, 48_000] {
            let edge = pcm_to_8k(&sine(3300.0, rate, 0.5), rate).expect("rate");
            assert!((tone_level_db(&edge[800..3200], 3300.0) + 6.0).abs() < 0.5, "{rate}");
            let folds = pcm_to_8k(&sine(4700.0, rate, 0.5), rate).expect("rate");
            assert!(crate::loudness::rms_dbfs(&folds[800..3200]) < -70.0, "{rate}");
        }
    }

    #[test]
    fn a_click_stays_in_its_place() {
        let mut pcm = vec![0i16; 48_000];
        pcm[24_000] = 30_000;
        let out = pcm_to_8k(&pcm, 48_000).expect("rate");
        let at = out.iter().enumerate().max_by_key(|(_, s)| s.unsigned_abs()).map(|(n, _)| n);
        assert_eq!(at, Some(4000));
    }

    #[test]
    fn slow_rates_are_stretched_and_mad_ones_refused() {
        assert_eq!(pcm_to_8k(&sine(500.0, 4000, 0.5), 4000).map(|o| o.len()), Ok(4000));
        for rate in [0, RATE_HZ_MIN - 1, RATE_HZ_MAX + 1] {
            assert_eq!(pcm_to_8k(&[1, 2, 3], rate), Err(RateFault(rate)));
        }
        assert_eq!(pcm_to_8k(&[], 44_100), Ok(vec![]));
        assert_eq!(pcm_to_8k(&[5], 48_000), Ok(vec![]));
    }
}
