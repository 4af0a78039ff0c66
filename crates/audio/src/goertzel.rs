//! The Goertzel filter: how much of one frequency is in a block, for the price of one multiplication a sample.

use crate::RATE;
use core::f32::consts::TAU;

/// One frequency's filter; made once, run over many blocks of 20 ms or so.
#[derive(Clone, Copy, Debug)]
pub struct Goertzel {
    coefficient: f32,
}

impl Goertzel {
    /// A filter for `hz` at 8 kHz.
    pub fn new(hz: f32) -> Goertzel {
        Goertzel { coefficient: 2.0 * (TAU * hz / RATE as f32).cos() }
    }

    /// Mean-square power of that frequency in the block, in squared samples: a sine of amplitude `a` gives `a²/2`.
    /// 0 for an empty block. Single precision: for blocks below a second; [`power`] for longer ones.
    pub fn power(self, block: &[i16]) -> f32 {
        if block.is_empty() {
            return 0.0;
        }
        let (mut s1, mut s2) = (0f32, 0f32);
        for x in block {
            (s1, s2) = (f32::from(*x) + self.coefficient * s1 - s2, s1);
        }
        let n = block.len() as f32;
        (2.0 * (s1 * s1 + s2 * s2 - self.coefficient * s1 * s2) / (n * n)).max(0.0)
    }
}

/// As [`Goertzel::power`] for a single look at any length, in double precision.
pub fn power(block: &[i16], hz: f32) -> f32 {
    if block.is_empty() {
        return 0.0;
    }
    let coefficient = 2.0 * (core::f64::consts::TAU * f64::from(hz) / f64::from(RATE)).cos();
    let (mut s1, mut s2) = (0f64, 0f64);
    for x in block {
        (s1, s2) = (f64::from(*x) + coefficient * s1 - s2, s1);
    }
    let n = block.len() as f64;
    (2.0 * (s1 * s1 + s2 * s2 - coefficient * s1 * s2) / (n * n)).max(0.0) as f32
}

/// Mean-square power of everything in the block, in squared samples; 0 when empty.
pub fn mean_square(block: &[i16]) -> f32 {
    if block.is_empty() {
        return 0.0;
    }
    (block.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / block.len() as f64) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    #[test]
    fn a_sine_shows_its_power_and_only_there() {
        for ms in [100, 5_000] {
            let pcm = tone::sine(1000.0, 0.0, ms);
            let all = mean_square(&pcm);
            assert!((power(&pcm, 1000.0) / all - 1.0).abs() < 0.01);
            assert!(power(&pcm, 1300.0) / all < 0.001);
        }
        assert_eq!((power(&[], 1000.0), mean_square(&[])), (0.0, 0.0));
    }

    #[test]
    fn single_and_double_precision_agree_on_short_blocks() {
        let pcm = tone::dtmf('5', -10.0, 20).expect("a key");
        for hz in [697.0, 770.0, 1336.0, 1633.0] {
            let (short, exact) = (Goertzel::new(hz).power(&pcm), power(&pcm, hz));
            assert!((short - exact).abs() <= exact * 0.01 + 10.0, "{hz}: {short} {exact}");
        }
    }
}
