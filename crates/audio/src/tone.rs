//! Tones: sines, digits, and the call progress tones of the former-USSR plan (FEATURES T16): 425 Hz, ring 1 s on and
//! 4 s off, busy 0.35/0.35 s, congestion 0.175/0.175 s.

use crate::RATE;
use core::f32::consts::TAU;

/// Call progress tones, in hertz.
pub const PROGRESS_HZ: f32 = 425.0;
/// Amplitude of progress tones: about -16 dBm0.
const PROGRESS_AMPLITUDE: f32 = 5_000.0;
/// Rows and columns of the keypad, ITU-T Q.23.
pub(crate) const ROWS: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
pub(crate) const COLUMNS: [f32; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
pub(crate) const KEYS: [[char; 4]; 4] =
    [['1', '2', '3', 'A'], ['4', '5', '6', 'B'], ['7', '8', '9', 'C'], ['*', '0', '#', 'D']];

/// A sine of an amplitude (0 to 32767), so many samples long.
pub fn sine(hz: f32, amplitude: f32, samples: usize) -> Vec<i16> {
    (0..samples).map(|n| (amplitude * (TAU * hz * n as f32 / RATE as f32).sin()) as i16).collect()
}

/// Milliseconds in samples.
pub const fn samples(ms: usize) -> usize {
    ms * RATE as usize / 1_000
}

fn cadence(on_ms: usize, off_ms: usize) -> Vec<i16> {
    let mut pcm = sine(PROGRESS_HZ, PROGRESS_AMPLITUDE, samples(on_ms));
    pcm.resize(samples(on_ms + off_ms), 0);
    pcm
}

/// One period of the ring tone.
pub fn ring() -> Vec<i16> {
    cadence(1_000, 4_000)
}

/// One period of the busy tone.
pub fn busy() -> Vec<i16> {
    cadence(350, 350)
}

/// One period of the congestion tone.
pub fn congestion() -> Vec<i16> {
    cadence(175, 175)
}

/// A short beep.
pub fn beep() -> Vec<i16> {
    sine(1_000.0, 6_000.0, samples(200))
}

/// The two tones of a key, each of an amplitude; `None` when no telephone has the key.
pub fn digit(key: char, amplitude: f32, length: usize) -> Option<Vec<i16>> {
    let key = key.to_ascii_uppercase();
    let row = KEYS.iter().position(|r| r.contains(&key))?;
    let column = KEYS[row].iter().position(|k| *k == key)?;
    let (low, high) = (sine(ROWS[row], amplitude, length), sine(COLUMNS[column], amplitude, length));
    Some(low.iter().zip(&high).map(|(l, h)| l.saturating_add(*h)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::tone_level_db;

    /// FEATURES T16.
    #[test]
    fn progress_tones_follow_the_plan() {
        for (pcm, on, whole) in [(ring(), 1_000, 5_000), (busy(), 350, 700), (congestion(), 175, 350)] {
            assert_eq!(pcm.len(), samples(whole));
            assert!(tone_level_db(&pcm[..samples(on)], 425.0) > -20.0);
            assert!(pcm[samples(on)..].iter().all(|s| *s == 0));
        }
    }
}
