//! Music for those who wait: a small piece of our own in the manner of a kuy, for a dombra of two plucked strings
//! (Karplus–Strong), in the pentatonic of D. It belongs to this repository: no melody, no recording is borrowed.
//!
//! 48 s, and its end rings on into its beginning, so that it may be repeated without a seam.

use crate::{RATE, loudness, to_sample};

/// Length of the loop, samples: 48 s.
pub const LOOP_SAMPLES: usize = STEPS * STEP;
/// Level, dBFS RMS: a little under the voices.
pub const MUSIC_DBFS: f32 = -24.0;

/// One step, samples: an eighth of 0.25 s.
const STEP: usize = 2000;
const STEPS: usize = PHRASES.len() * 16;
/// A string is let ring for so long at most, samples: 2 s.
const RING: usize = 2 * RATE as usize;

/// Degrees of the pentatonic over D: D F G A C D F G A C, as semitones above D4.
const SCALE: [i32; 10] = [0, 3, 5, 7, 10, 12, 15, 17, 19, 22];

/// A phrase is 16 eighths of the upper string: a degree of [`SCALE`], or `-1` where it rings on.
type Phrase = [i8; 16];

const ASKING: Phrase = [0, -1, 2, 3, -1, 3, 4, 3, 2, -1, 3, 2, 1, -1, 0, -1];
const ASKING_HIGHER: Phrase = [0, -1, 2, 3, -1, 4, 5, -1, 4, 3, 4, 3, 2, -1, 3, -1];
const ANSWER: Phrase = [5, -1, 4, 5, 4, 3, 2, -1, 3, -1, 2, 1, 0, -1, -1, -1];
const ROAD: Phrase = [3, 3, 4, -1, 3, 2, 3, -1, 3, 3, 4, -1, 5, 4, 3, -1];
const STEPPE: Phrase = [5, -1, -1, 6, 7, -1, 6, 5, 6, -1, 5, 4, 5, -1, -1, -1];
const STEPPE_WIDER: Phrase = [7, -1, 8, 7, 6, 5, 6, -1, 5, -1, 4, 3, 4, -1, 5, -1];
const HOME: Phrase = [3, -1, 2, 3, 2, 1, 2, -1, 1, -1, 0, 1, 0, -1, -1, -1];

const PHRASES: [Phrase; 12] =
    [ASKING, ASKING_HIGHER, ASKING, ANSWER, ROAD, ROAD, ANSWER, HOME, STEPPE, STEPPE_WIDER, ANSWER, HOME];

/// The lower string under a phrase, semitones above D4, on steps 0, 3, 6 …: a drone that leans on A and G.
const DRONE: [i32; 6] = [-12, -12, -5, -12, -7, -5];

/// The whole loop, always the same: [`LOOP_SAMPLES`] samples at 8 kHz, about [`MUSIC_DBFS`].
pub fn on_hold() -> Vec<i16> {
    let mut sound = vec![0f32; LOOP_SAMPLES];
    for (n, phrase) in PHRASES.iter().enumerate() {
        for (step, degree) in phrase.iter().enumerate() {
            let at = n * 16 + step;
            if let Some(semitones) = usize::try_from(*degree).ok().and_then(|d| SCALE.get(d)) {
                let weight = if step % 8 == 0 { 1.0 } else { 0.8 };
                pluck(&mut sound, at, *semitones, weight);
            }
            if step % 3 == 0 {
                pluck(&mut sound, at, DRONE.get(step / 3).copied().unwrap_or(-12), 0.45);
            }
        }
    }
    level(&sound)
}

/// Karplus–Strong: a burst of noise runs round a delay line, losing its edge each time.
fn pluck(sound: &mut [f32], step: usize, semitones: i32, weight: f32) {
    let hz = 293.66 * 2f32.powf(semitones as f32 / 12.0);
    let period = RATE as f32 / hz;
    // The averaging below delays by `DULL`; the all-pass takes what is left of a whole sample.
    let whole = (period - DULL - 0.1).floor();
    let rest = period - DULL - whole;
    let tune = (1.0 - rest) / (1.0 + rest);
    let keep = 0.001f32.powf(period / (RATE as f32 * SECONDS_TO_SILENCE));
    let mut string = excitation(whole as usize, (step as u32).wrapping_mul(31) ^ semitones as u32);
    let start = step * STEP;
    let (mut i, mut last, mut all_in, mut all_out) = (0, 0f32, 0f32, 0f32);
    for n in 0..RING {
        let Some(cell) = string.get_mut(i) else { return };
        let x = *cell;
        let dull = keep * ((1.0 - DULL) * x + DULL * last);
        last = x;
        all_out = tune * (dull - all_out) + all_in;
        all_in = dull;
        *cell = all_out;
        i = (i + 1) % (whole as usize).max(1);
        // The last fifth of the ring is faded, so that cutting it is not heard.
        let fade = ((RING - n) as f32 / (RING as f32 / 5.0)).min(1.0);
        // What rings past the end belongs to the beginning: that is the seam.
        if let Some(slot) = sound.get_mut((start + n) % LOOP_SAMPLES) {
            *slot += weight * fade * (n as f32 / ATTACK).min(1.0) * x;
        }
    }
}

/// A soft beginning, samples: 4 ms.
const ATTACK: f32 = 32.0;
/// Share of the neighbour in the string's loss filter, which is also its delay in samples.
const DULL: f32 = 0.35;
/// A string's 60 dB, seconds.
const SECONDS_TO_SILENCE: f32 = 4.0;

/// Noise as the plectrum leaves it, without a constant part; the same for the same seed.
fn excitation(length: usize, seed: u32) -> Vec<f32> {
    let mut x = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut noise: Vec<f32> = (0..length)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect();
    // A finger is softer than noise: neighbours are averaged, three times round.
    for _ in 0..3 {
        let before = noise.clone();
        for (n, s) in noise.iter_mut().enumerate() {
            let next = before.get((n + 1) % length.max(1)).copied().unwrap_or(0.0);
            *s = 0.5 * (*s + next);
        }
    }
    let mean = noise.iter().sum::<f32>() / length.max(1) as f32;
    let power = noise.iter().map(|s| (s - mean) * (s - mean)).sum::<f32>() / length.max(1) as f32;
    let gain = if power > 0.0 { 1.0 / power.sqrt() } else { 0.0 };
    noise.iter_mut().for_each(|s| *s = (*s - mean) * gain);
    noise
}

/// To [`MUSIC_DBFS`], the loudest plucks bent rather than clipped.
fn level(sound: &[f32]) -> Vec<i16> {
    let peak = sound.iter().fold(1e-9f32, |p, s| p.max(s.abs()));
    let mut pcm: Vec<i16> = sound.iter().map(|s| to_sample(s / peak * 32000.0)).collect();
    loudness::normalise_rms(&mut pcm, MUSIC_DBFS);
    pcm
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_is_as_long_and_as_loud_as_it_says_and_has_no_seam() {
        let pcm = on_hold();
        assert_eq!(pcm.len(), LOOP_SAMPLES);
        assert!((40..=60).contains(&(pcm.len() / RATE as usize)));
        assert!((loudness::rms_dbfs(&pcm) - MUSIC_DBFS).abs() < 0.5, "{}", loudness::rms_dbfs(&pcm));
        assert!(loudness::peak_dbfs(&pcm) <= loudness::PEAK_DBFS_MAX);
        let seam = (i32::from(pcm[0]) - i32::from(pcm[pcm.len() - 1])).abs();
        let usual = pcm.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max();
        assert!(usual.is_some_and(|u| seam <= u));
    }

    #[test]
    fn it_is_always_the_same_and_never_falls_silent() {
        let pcm = on_hold();
        assert_eq!(pcm, on_hold());
        assert!(pcm.chunks(RATE as usize).all(|second| loudness::rms_dbfs(second) > -40.0));
    }

    #[test]
    fn the_strings_are_in_tune() {
        for semitones in [0, 7, 12, 19, -12] {
            let mut sound = vec![0f32; LOOP_SAMPLES];
            pluck(&mut sound, 0, semitones, 1.0);
            let pcm: Vec<i16> = sound.iter().take(8000).map(|s| to_sample(s * 8000.0)).collect();
            let hz = 293.66 * 2f32.powf(semitones as f32 / 12.0);
            let heard = |share: f32| crate::goertzel::power(&pcm[800..8000], hz * share);
            // A quarter of a semitone off on either side is weaker.
            assert!(heard(1.0) > heard(1.0147) && heard(1.0) > heard(0.9855), "{semitones}");
        }
    }
}
