//! Tones a caller hears, made here: the former-USSR plan of 425 Hz (ring 1 s on, 4 s off; busy 0.35/0.35 s), the beep
//! before a recording, and DTMF (ITU-T Q.23) for tests and for the phones of the simulator.

use crate::{RATE, amplitude_of_dbm0, to_sample};
use core::f32::consts::TAU;

/// The one frequency of the national tone plan.
pub const PLAN_HZ: f32 = 425.0;
/// Level of the plan's tones, dBm0 (ITU-T E.180 §3: −10 ± 5).
pub const PLAN_DBM0: f32 = -10.0;
/// Longest tone this room makes, ms: ten minutes. Longer requests are cut to it.
pub const TONE_MS_MAX: u32 = 600_000;

/// Keys in the order of RFC 4733 events 0–15.
pub const KEYS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];

/// Low group of Q.23, Hz: rows of the keypad.
pub const LOW_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
/// High group of Q.23, Hz: columns of the keypad.
pub const HIGH_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
/// The keypad itself, row by row.
pub const KEYPAD: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// Ramp at both ends of a tone, samples: 4 ms, so that it does not click.
const RAMP: usize = 32;

/// Samples in so many milliseconds (cut to [`TONE_MS_MAX`]).
pub const fn samples_of_ms(ms: u32) -> usize {
    let ms = if ms > TONE_MS_MAX { TONE_MS_MAX } else { ms };
    (ms * (RATE / 1000)) as usize
}

/// Silence of so many milliseconds.
pub fn silence(ms: u32) -> Vec<i16> {
    vec![0; samples_of_ms(ms)]
}

/// A sine of `hz` at `level_dbm0`, from phase zero, without ramps: it may be repeated when whole cycles fit.
pub fn sine(hz: f32, level_dbm0: f32, ms: u32) -> Vec<i16> {
    mix(&[(hz, amplitude_of_dbm0(level_dbm0))], samples_of_ms(ms))
}

/// Ready to be dialled: 425 Hz without end; one second of it, 425 whole cycles, to be repeated.
pub fn dial() -> Vec<i16> {
    sine(PLAN_HZ, PLAN_DBM0, 1000)
}

/// The other phone rings: 1 s on, 4 s off (FEATURES T16); one period, to be repeated.
pub fn ring() -> Vec<i16> {
    cadence(1000, 4000)
}

/// The other side is busy: 0.35 s on, 0.35 s off; one period.
pub fn busy() -> Vec<i16> {
    cadence(350, 350)
}

/// No way through: 0.175 s on, 0.175 s off; one period.
pub fn congestion() -> Vec<i16> {
    cadence(175, 175)
}

/// A short 1 kHz beep of 150 ms.
pub fn beep() -> Vec<i16> {
    let mut pcm = sine(1000.0, PLAN_DBM0, 150);
    ramp(&mut pcm);
    pcm
}

/// The tone pair of a key (Q.23), each tone at `level_dbm0`; `None` when the character is not a key.
pub fn dtmf(key: char, level_dbm0: f32, ms: u32) -> Option<Vec<i16>> {
    dtmf_twisted(key, level_dbm0, level_dbm0, ms)
}

/// As [`dtmf`], the two groups at their own levels: the line attenuates the high one more.
pub fn dtmf_twisted(key: char, low_dbm0: f32, high_dbm0: f32, ms: u32) -> Option<Vec<i16>> {
    let (low, high) = frequencies(key)?;
    let parts = [(low, amplitude_of_dbm0(low_dbm0)), (high, amplitude_of_dbm0(high_dbm0))];
    Some(mix(&parts, samples_of_ms(ms)))
}

/// Keys one after the other: `on_ms` of tone, `off_ms` of pause. What is not a key is left out.
pub fn dtmf_text(keys: &str, level_dbm0: f32, on_ms: u32, off_ms: u32) -> Vec<i16> {
    let mut pcm = Vec::new();
    for tone in keys.chars().filter_map(|key| dtmf(key, level_dbm0, on_ms)) {
        pcm.extend(tone);
        pcm.extend(silence(off_ms));
    }
    pcm
}

/// Low and high frequency of a key, Hz, either case.
pub fn frequencies(key: char) -> Option<(f32, f32)> {
    let key = key.to_ascii_uppercase();
    for (row, low) in KEYPAD.iter().zip(LOW_HZ) {
        for (k, high) in row.iter().zip(HIGH_HZ) {
            if *k == key {
                return Some((low, high));
            }
        }
    }
    None
}

/// Sines `(hz, amplitude)` added up.
pub(crate) fn mix(parts: &[(f32, f32)], samples: usize) -> Vec<i16> {
    let turns: Vec<(f64, f32)> = parts.iter().map(|(hz, a)| (f64::from(*hz) / f64::from(RATE), *a)).collect();
    // Phase in f64 turns: in f32 it would drift within minutes.
    let at =
        |n: usize| turns.iter().map(|(turn, a)| a * (TAU * (turn * n as f64).fract() as f32).sin()).sum();
    (0..samples).map(|n| to_sample(at(n))).collect()
}

fn cadence(on_ms: u32, off_ms: u32) -> Vec<i16> {
    let mut pcm = sine(PLAN_HZ, PLAN_DBM0, on_ms);
    ramp(&mut pcm);
    pcm.extend(silence(off_ms));
    pcm
}

/// Fades both ends over [`RAMP`] samples.
fn ramp(pcm: &mut [i16]) {
    let fade = |(n, s): (usize, &mut i16)| *s = to_sample(f32::from(*s) * n as f32 / RAMP as f32);
    pcm.iter_mut().take(RAMP).enumerate().for_each(fade);
    pcm.iter_mut().rev().take(RAMP).enumerate().for_each(fade);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::{contains_tone, tone_level_db};

    fn on_off(pcm: &[i16]) -> (usize, usize) {
        let on = pcm.iter().rposition(|s| *s != 0).map_or(0, |n| n + 1);
        (on.div_ceil(8), (pcm.len() - on) / 8)
    }

    /// FEATURES T16.
    #[test]
    fn cadences_follow_the_former_ussr_plan() {
        for (pcm, on, off) in [(ring(), 1000, 4000), (busy(), 350, 350), (congestion(), 175, 175)] {
            let (heard_on, heard_off) = on_off(&pcm);
            assert!(heard_on.abs_diff(on) <= 1 && heard_off.abs_diff(off) <= 1, "{heard_on} {heard_off}");
            assert_eq!(pcm.len(), (on + off) * 8);
            assert!(contains_tone(&pcm[..on * 8], PLAN_HZ));
        }
    }

    #[test]
    fn the_dial_tone_repeats_without_a_seam() {
        let twice = [dial(), dial()].concat();
        let steps = twice.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs());
        let (seam, usual) = (steps.clone().nth(7999), steps.take(7999).max());
        assert!(seam.is_some() && seam <= usual);
        assert!(contains_tone(&twice[7900..8100], PLAN_HZ));
    }

    #[test]
    fn levels_are_those_asked_for() {
        let level = tone_level_db(&sine(1000.0, -20.0, 500), 1000.0);
        assert!((level + 20.0 + crate::FULL_SCALE_DBM0).abs() < 0.2, "{level}");
    }

    #[test]
    fn what_is_not_a_key_makes_no_tone() {
        assert_eq!(dtmf('x', -6.0, 50), None);
        assert_eq!(dtmf_text("1é2", -6.0, 50, 50).len(), 2 * 800);
        assert!(KEYS.iter().all(|k| frequencies(*k).is_some()));
    }

    #[test]
    fn a_tone_without_end_is_cut_to_ten_minutes() {
        assert_eq!(samples_of_ms(u32::MAX), samples_of_ms(TONE_MS_MAX));
        assert_eq!(samples_of_ms(TONE_MS_MAX), 4_800_000);
    }
}
