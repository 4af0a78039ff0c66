//! Ears: is this tone in that sound, and where is this phrase? Tests, the demo and the load generator listen with
//! them, for signalling that works with silent audio is broken.

use crate::goertzel::power;

/// Level of one frequency in decibels below a full-scale sine (0 dB).
pub fn tone_level_db(pcm: &[i16], hz: f32) -> f32 {
    let full = 32_767.0f32 * 32_767.0 / 2.0;
    10.0 * (power(pcm, hz) / full).max(1e-12).log10()
}

/// The tone is there: louder than -40 dB and a good part of all the sound.
pub fn contains_tone(pcm: &[i16], hz: f32) -> bool {
    if pcm.is_empty() {
        return false;
    }
    let all = pcm.iter().map(|s| f32::from(*s) * f32::from(*s)).sum::<f32>() / pcm.len() as f32;
    tone_level_db(pcm, hz) > -40.0 && power(pcm, hz) > all * 0.2
}

/// Not a trace of the tone: below -55 dB.
pub fn lacks_tone(pcm: &[i16], hz: f32) -> bool {
    tone_level_db(pcm, hz) < -55.0
}

/// Where `needle` sounds best in `haystack`, and how well: 1 is the same sound at any loudness. Looks at every fourth
/// sample first and refines around the best. `None` when the needle is longer or either is silent.
pub fn find(needle: &[i16], haystack: &[i16]) -> Option<(usize, f32)> {
    let last = haystack.len().checked_sub(needle.len())?;
    let coarse = (0..=last).step_by(4).map(|at| (at, score(needle, &haystack[at..], 2)));
    let (near, _) = coarse.max_by(|a, b| a.1.total_cmp(&b.1))?;
    let fine = near.saturating_sub(4)..=(near + 4).min(last);
    let (at, best) =
        fine.map(|at| (at, score(needle, &haystack[at..], 1))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best > 0.0).then_some((at, best))
}

fn score(needle: &[i16], hay: &[i16], step: usize) -> f32 {
    let (mut cross, mut n2, mut h2) = (0.0f64, 0.0f64, 0.0f64);
    for (n, h) in needle.iter().zip(hay).step_by(step) {
        let (n, h) = (f64::from(*n), f64::from(*h));
        cross += n * h;
        n2 += n * n;
        h2 += h * h;
    }
    if n2 == 0.0 || h2 == 0.0 { 0.0 } else { (cross / (n2 * h2).sqrt()) as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::sine;

    #[test]
    fn a_tone_is_found_and_another_is_not() {
        let pcm = sine(1_000.0, 8_000.0, 8_000);
        assert!(contains_tone(&pcm, 1_000.0) && !contains_tone(&pcm, 700.0) && lacks_tone(&pcm, 700.0));
        assert!(!contains_tone(&[0; 800], 1_000.0) && !contains_tone(&[], 1_000.0));
    }

    #[test]
    fn a_phrase_is_found_where_it_is() {
        let mut seed = 3u32;
        let phrase: Vec<i16> = (0..2_000)
            .map(|_| {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (seed >> 18) as i16 - 8_192
            })
            .map(|s: i16| s / 2)
            .scan(0, |last, s| {
                *last = (*last + s) / 2;
                Some(*last)
            })
            .collect();
        let mut sound = vec![0; 3_333];
        sound.extend(phrase.iter().map(|s| s / 3));
        sound.extend([0; 500]);
        let (at, how) = find(&phrase, &sound).unwrap();
        assert!(at == 3_333 && how > 0.95, "{at} {how}");
        assert_eq!(find(&phrase, &[0; 10]), None);
    }
}
