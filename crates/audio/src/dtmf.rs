//! Digits within the sound (ITU-T Q.23, Q.24): the fallback for a trunk that sends no RFC 4733 events. A digit counts
//! when two tones stand out for 40 ms, in the right proportion, with nothing else beside them: speech must not dial.

use crate::goertzel::power;
use crate::tone::{COLUMNS, KEYS, ROWS};

/// Samples looked at together: 12.75 ms, the length at which the eight frequencies part best.
const BLOCK: usize = 102;
/// Blocks in a row that make a digit: at least 38 ms of tone.
const BLOCKS_ON: u32 = 3;
/// Blocks in a row without it that end a digit.
const BLOCKS_OFF: u32 = 2;
/// Weakest tone, as mean power: about -33 dBm0.
const POWER_MIN: f32 = 40_000.0;
/// The high tone may be weaker than the low one by so much (8 dB) …
const TWIST_LOW: f32 = 6.3;
/// … and stronger by so much (4 dB); a little is added for line distortion.
const TWIST_HIGH: f32 = 4.0;
/// The two tones' share of all the sound.
const SHARE_MIN: f32 = 0.72;
/// A tone stands out over the others of its group by so much (8 dB).
const LEAD_MIN: f32 = 6.3;
/// The second harmonic of a tone is at most such a share of it: voices have harmonics, keypads have none.
const HARMONIC_MAX: f32 = 0.08;

/// Listens for digits. One press gives one digit.
#[derive(Clone, Debug)]
pub struct Detector {
    block: [i16; BLOCK],
    filled: usize,
    hearing: Option<char>,
    blocks: u32,
    silent: u32,
    told: bool,
}

impl Default for Detector {
    fn default() -> Self {
        Detector { block: [0; BLOCK], filled: 0, hearing: None, blocks: 0, silent: 0, told: false }
    }
}

impl Detector {
    /// A detector that has heard nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hears more samples; the digit that became certain within them. Feed at most 40 ms at once: of two digits in
    /// one call the later is told.
    pub fn feed(&mut self, pcm: &[i16]) -> Option<char> {
        let mut found = None;
        for &sample in pcm {
            self.block[self.filled] = sample;
            self.filled += 1;
            if self.filled == BLOCK {
                self.filled = 0;
                let block = self.block;
                found = self.heard(digit_in(&block)).or(found);
            }
        }
        found
    }

    fn heard(&mut self, digit: Option<char>) -> Option<char> {
        if digit.is_some() && digit == self.hearing {
            self.blocks += 1;
            self.silent = 0;
        } else if digit.is_some() && (self.hearing.is_none() || !self.told) {
            (self.hearing, self.blocks, self.silent, self.told) = (digit, 1, 0, false);
        } else {
            self.silent += 1;
            if self.silent >= BLOCKS_OFF || !self.told {
                (self.hearing, self.blocks, self.told) = (digit, u32::from(digit.is_some()), false);
            }
        }
        if self.blocks == BLOCKS_ON && !self.told {
            self.told = true;
            return self.hearing;
        }
        None
    }
}

/// The digit that sounds in a block, if one does.
fn digit_in(block: &[i16; BLOCK]) -> Option<char> {
    let energy: f32 = block.iter().map(|s| f32::from(*s) * f32::from(*s)).sum::<f32>() / BLOCK as f32;
    if energy < POWER_MIN {
        return None;
    }
    let (row, low) = strongest(block, &ROWS)?;
    let (column, high) = strongest(block, &COLUMNS)?;
    let proportion = low <= high * TWIST_LOW && high <= low * TWIST_HIGH;
    let clean = (low + high) / energy >= SHARE_MIN;
    if low < POWER_MIN / 2.0 || high < POWER_MIN / 2.0 || !proportion || !clean {
        return None;
    }
    // A row's harmonic lies too near the columns to be told apart in so short a block.
    let harmonic = power(block, 2.0 * COLUMNS[column]) > high * HARMONIC_MAX;
    (!harmonic).then(|| KEYS[row][column])
}

fn strongest(block: &[i16; BLOCK], group: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = group.map(|hz| power(block, hz));
    let (best, top) = powers.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let second = powers.iter().enumerate().filter(|(n, _)| *n != best).map(|(_, p)| *p).fold(0.0, f32::max);
    (top >= second * LEAD_MIN).then_some((best, top))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{digit, samples};

    fn hear(pcm: &[i16]) -> String {
        let mut detector = Detector::new();
        pcm.chunks(160).filter_map(|frame| detector.feed(frame)).collect()
    }

    fn noise(seed: &mut u32) -> f32 {
        *seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (*seed >> 8) as f32 / 8_388_608.0 - 1.0
    }

    /// FEATURES T10: every key, loud and soft, each press once, at every phase of the frame.
    #[test]
    fn every_key_is_heard_once() {
        let keys: String = KEYS.iter().flatten().collect();
        let mut seed = 1;
        for amplitude in [14_000.0, 3_000.0, 500.0] {
            let mut pcm = vec![0; 37];
            for (n, key) in keys.chars().enumerate() {
                pcm.extend(digit(key, amplitude, samples(60 + 7 * (n % 5))).unwrap());
                pcm.extend(vec![0; samples(55)]);
            }
            for s in &mut pcm {
                *s = s.saturating_add((noise(&mut seed) * amplitude * 0.05) as i16);
            }
            assert_eq!(hear(&pcm), keys, "{amplitude}");
        }
    }

    #[test]
    fn a_long_press_is_one_digit_and_two_presses_are_two() {
        let long = digit('5', 8_000.0, samples(2_000)).unwrap();
        assert_eq!(hear(&long), "5");
        let mut twice = digit('5', 8_000.0, samples(80)).unwrap();
        twice.extend(vec![0; samples(60)]);
        twice.extend(digit('5', 8_000.0, samples(80)).unwrap());
        assert_eq!(hear(&twice), "55");
        assert_eq!(hear(&digit('5', 8_000.0, samples(20)).unwrap()), "");
    }

    /// Voices are harmonic and never hold two pure tones: five minutes of babble dial nothing.
    #[test]
    fn babble_dials_nothing() {
        let (mut detector, mut seed, mut found) = (Detector::new(), 7, String::new());
        let mut voices = [(0.0f32, 140.0f32), (0.0, 210.0), (0.0, 95.0)];
        for n in 0..8_000 * 300 / 160 {
            for v in &mut voices {
                v.1 = (v.1 * (1.0 + 0.03 * noise(&mut seed))).clamp(80.0, 320.0);
            }
            let loud = 0.5 + 0.5 * ((n % 37) as f32 / 6.0).sin();
            let frame: Vec<i16> = (0..160)
                .map(|_| {
                    let mut s = 300.0 * noise(&mut seed);
                    for (phase, hz) in &mut voices {
                        *phase = (*phase + *hz / 8_000.0).fract();
                        for h in 1..12 {
                            s += 1_500.0 / h as f32 * (core::f32::consts::TAU * *phase * h as f32).sin();
                        }
                    }
                    (s * loud) as i16
                })
                .collect();
            found.extend(detector.feed(&frame));
        }
        assert_eq!(found, "");
    }
}
