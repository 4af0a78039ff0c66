//! From any rate to 8 kHz: a windowed sinc that lets nothing above 3.8 kHz fold back.

use core::f64::consts::PI;

/// Taps on each side, counted in samples of the slower rate.
const REACH: f64 = 24.0;

/// Resamples `pcm` from `from_hz` to 8 kHz. The same rate is a copy.
pub fn resample(pcm: &[i16], from_hz: u32) -> Vec<i16> {
    if from_hz == crate::RATE || from_hz == 0 {
        return pcm.to_vec();
    }
    let ratio = f64::from(from_hz) / f64::from(crate::RATE);
    let cutoff = (0.95 / ratio).min(0.95);
    let reach = REACH * ratio.max(1.0);
    let length = (pcm.len() as f64 / ratio) as usize;
    (0..length)
        .map(|n| {
            let centre = n as f64 * ratio;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach) as usize).min(pcm.len().saturating_sub(1));
            let (mut sum, mut weight) = (0.0, 0.0);
            for (k, s) in pcm.iter().enumerate().take(last + 1).skip(first) {
                let w = kernel(k as f64 - centre, cutoff, reach);
                sum += w * f64::from(*s);
                weight += w;
            }
            let level: f64 = if weight.abs() > 1e-9 { sum / weight } else { 0.0 };
            level.round().clamp(-32_768.0, 32_767.0) as i16
        })
        .collect()
}

fn kernel(x: f64, cutoff: f64, reach: f64) -> f64 {
    let sinc = if x.abs() < 1e-9 { 1.0 } else { (PI * x * cutoff).sin() / (PI * x * cutoff) };
    let hann = 0.5 + 0.5 * (PI * x / reach).cos();
    sinc * hann
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::{contains_tone, lacks_tone};

    fn tone(hz: f64, rate: u32) -> Vec<i16> {
        (0..rate).map(|n| (9_000.0 * (2.0 * PI * hz * f64::from(n) / f64::from(rate)).sin()) as i16).collect()
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_what_is_too_high_goes() {
        for rate in [8_000, 16_000, 22_050, 44_100, 48_000] {
            let low = resample(&tone(1_000.0, rate), rate);
            assert!(contains_tone(&low, 1_000.0) && low.len().abs_diff(8_000) < 3, "{rate}");
        }
        let folded = resample(&tone(5_000.0, 22_050), 22_050);
        assert!(lacks_tone(&folded, 3_000.0));
        assert_eq!(resample(&[], 44_100), Vec::<i16>::new());
    }
}
