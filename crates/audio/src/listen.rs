//! An ear for tests, the demo and the load generator: is this tone in there, and where in what was heard does that
//! prompt begin. Signalling that works over silent audio is broken, and only listening tells.

use crate::{goertzel, loudness};

/// Level of a frequency in the samples, dB below a full-scale sine (0 dB); −120 for nothing.
/// Give it a stretch of 20 ms or more.
pub fn tone_level_db(pcm: &[i16], hz: f32) -> f32 {
    loudness::sine_db(goertzel::power(pcm, hz))
}

/// Whether this frequency is there for an ear: above −50 dB, and a fifth of all the power or more (so that two voices
/// mixed are both heard).
pub fn contains_tone(pcm: &[i16], hz: f32) -> bool {
    tone_level_db(pcm, hz) > -50.0 && goertzel::power(pcm, hz) >= 0.2 * goertzel::mean_square(pcm)
}

/// Not a trace of the frequency: below −55 dB.
pub fn lacks_tone(pcm: &[i16], hz: f32) -> bool {
    tone_level_db(pcm, hz) < -55.0
}

/// Needles are compared by their first so many sounding samples: 1 s.
pub const NEEDLE_SAMPLES_MAX: usize = 8_000;
/// Only so much of a haystack is searched, samples: 10 min.
pub const HAYSTACK_SAMPLES_MAX: usize = 4_800_000;
/// Below this score [`find`] says it was not there: noise scores under 0.2, a prompt through both laws over 0.98.
pub const SCORE_MIN: f32 = 0.5;

/// Where the needle begins in the haystack (samples) and how alike they are, [`SCORE_MIN`] to 1 (normalised
/// correlation: level does not matter). `None` when it is not there, is silent, empty or longer than the haystack.
///
/// Compared by the needle's first sounding second. Looks at 2 kHz first, then exactly around the best places.
pub fn find(needle: &[i16], haystack: &[i16]) -> Option<(usize, f32)> {
    let (skipped, needle) = sounding_head(needle)?;
    let haystack = haystack.get(..HAYSTACK_SAMPLES_MAX).unwrap_or(haystack);
    let last = haystack.len().checked_sub(needle.len())?;
    let mut best = (0, 0f32);
    for near in candidates(needle, haystack) {
        for at in near.saturating_sub(COARSE)..=(near + COARSE).min(last) {
            let score = haystack.get(at..at + needle.len()).map_or(0.0, |part| likeness(needle, part));
            if score > best.1 {
                best = (at, score);
            }
        }
    }
    (best.1 >= SCORE_MIN).then_some((best.0.saturating_sub(skipped), best.1))
}

/// Decimation of the first look.
const COARSE: usize = 4;
/// Places looked at exactly.
const PLACES_MAX: usize = 10;

/// The needle from its first sound on, cut to a second, and how much was silent before it.
fn sounding_head(needle: &[i16]) -> Option<(usize, &[i16])> {
    let start = needle.iter().position(|s| s.unsigned_abs() > 64)?;
    let part = needle.get(start..)?;
    Some((start, part.get(..NEEDLE_SAMPLES_MAX).unwrap_or(part)))
}

/// The best places by a look at sums of four samples, as offsets into the haystack.
fn candidates(needle: &[i16], haystack: &[i16]) -> Vec<usize> {
    let (thin, hay) = (thin(needle), thin(haystack));
    if thin.is_empty() || hay.len() < thin.len() {
        return vec![0];
    }
    let mut places: Vec<(f32, usize)> = Vec::new();
    for (at, part) in hay.windows(thin.len()).enumerate() {
        let score = likeness_thin(&thin, part);
        if places.len() < PLACES_MAX || places.last().is_some_and(|(worst, _)| score > *worst) {
            let rank = places.partition_point(|(s, _)| *s >= score);
            places.insert(rank, (score, at * COARSE));
            places.truncate(PLACES_MAX);
        }
    }
    places.into_iter().map(|(_, at)| at).collect()
}

fn thin(pcm: &[i16]) -> Vec<f32> {
    pcm.chunks_exact(COARSE).map(|c| c.iter().map(|s| f32::from(*s)).sum()).collect()
}

fn likeness(a: &[i16], b: &[i16]) -> f32 {
    let (mut ab, mut aa, mut bb) = (0f64, 0f64, 0f64);
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (f64::from(*x), f64::from(*y));
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa == 0.0 || bb == 0.0 { 0.0 } else { (ab / (aa * bb).sqrt()) as f32 }
}

fn likeness_thin(a: &[f32], b: &[f32]) -> f32 {
    let (mut ab, mut aa, mut bb) = (0f32, 0f32, 0f32);
    for (x, y) in a.iter().zip(b) {
        ab += x * y;
        aa += x * x;
        bb += y * y;
    }
    if aa == 0.0 || bb == 0.0 { 0.0 } else { ab / (aa * bb).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{g711, tone};

    fn noise(seed: u32, n: usize, amplitude: i32) -> Vec<i16> {
        let mut x = seed;
        let mut grain = || {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (((x >> 16) as i32 - 32_768) * amplitude / 32_768) as i16
        };
        (0..n).map(|_| grain()).collect()
    }

    #[test]
    fn a_tone_is_heard_and_others_are_not() {
        let pcm = tone::sine(425.0, -10.0, 60);
        assert!(contains_tone(&pcm, 425.0) && !contains_tone(&pcm, 1000.0) && lacks_tone(&pcm, 1500.0));
        assert!(!contains_tone(&[0; 480], 425.0) && !contains_tone(&[], 425.0));
        assert!(tone_level_db(&[0; 480], 425.0) <= -100.0);
        let both = tone::mix(&[(600.0, 4000.0), (1000.0, 4000.0)], 800);
        assert!(contains_tone(&both, 600.0) && contains_tone(&both, 1000.0));
    }

    #[test]
    fn a_prompt_is_found_through_a_law_and_half_the_level() {
        let needle = noise(7, 4000, 8000);
        let mut heard = noise(9, 13_337, 300);
        heard.extend(needle.iter().map(|s| g711::alaw_decode(g711::alaw_encode(*s / 2))));
        heard.extend(noise(11, 5000, 300));
        let (at, score) = find(&needle, &heard).expect("there");
        assert_eq!(at, 13_337);
        assert!(score > 0.98, "{score}");
    }

    #[test]
    fn what_was_not_played_is_not_found() {
        assert_eq!(find(&noise(1, 4000, 8000), &noise(2, 40_000, 8000)), None);
        assert_eq!(find(&[0; 100], &noise(2, 400, 8000)), None);
        assert_eq!(find(&noise(1, 100, 8000), &[]), None);
        assert_eq!(find(&[], &[]), None);
        assert_eq!(find(&[900, 900], &[900, 900, 900]).map(|f| f.0), Some(0));
    }
}
