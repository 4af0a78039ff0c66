//! How much of one frequency is in a block of samples.

use core::f32::consts::TAU;

/// Mean power of the frequency `hz` in the block, such that a full sine of amplitude `a` gives `a²/2`.
pub fn power(pcm: &[i16], hz: f32) -> f32 {
    if pcm.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (TAU * hz / crate::RATE as f32).cos();
    let (mut s1, mut s2) = (0.0f64, 0.0f64);
    let c = f64::from(coefficient);
    for &sample in pcm {
        let s = f64::from(sample) + c * s1 - s2;
        s2 = s1;
        s1 = s;
    }
    let n = pcm.len() as f64;
    ((s1 * s1 + s2 * s2 - c * s1 * s2) * 2.0 / (n * n)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::sine;

    #[test]
    fn a_sine_has_its_power_at_its_frequency_and_nowhere_else() {
        let pcm = sine(1_000.0, 10_000.0, 800);
        assert!((power(&pcm, 1_000.0) / 5e7 - 1.0).abs() < 0.01);
        assert!(power(&pcm, 700.0) < 5e7 * 1e-4);
        assert_eq!(power(&[], 700.0), 0.0);
    }
}
