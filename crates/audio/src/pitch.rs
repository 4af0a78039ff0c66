//! The period of a voice: how far back the sound looks most like now.

/// Shortest period looked for: 5 ms; of a higher voice or a tone a multiple is found, which serves as well.
pub(crate) const PERIOD_MIN: usize = 40;
/// Longest: 15 ms, a voice of 66 Hz.
pub(crate) const PERIOD_MAX: usize = 120;
/// Compared over so many samples: 20 ms.
pub(crate) const WINDOW: usize = 160;

/// The period at the end of `sound`, of `longest` at most, and how alike its turns are: 1 the same, 0 or below not at
/// all. `sound` must hold [`WINDOW`] samples more than the period.
pub(crate) fn period(sound: &[i16], longest: usize) -> (usize, f32) {
    let longest = longest.min(sound.len().saturating_sub(WINDOW)).min(PERIOD_MAX);
    let coarse = (PERIOD_MIN..=longest).step_by(2).map(|lag| (lag, likeness(sound, lag, 2)));
    let Some((near, _)) = coarse.max_by(|a, b| a.1.total_cmp(&b.1)) else { return (PERIOD_MIN, 0.0) };
    let fine = near.saturating_sub(1).max(PERIOD_MIN)..=(near + 1).min(longest);
    let best = fine.map(|lag| (lag, likeness(sound, lag, 1))).max_by(|a, b| a.1.total_cmp(&b.1));
    best.unwrap_or((near, 0.0))
}

/// Normalised correlation of the last [`WINDOW`] samples with those a lag earlier, every `step`th of them.
fn likeness(sound: &[i16], lag: usize, step: usize) -> f32 {
    let end = sound.len();
    let (Some(now), Some(then)) =
        (sound.get(end.saturating_sub(WINDOW)..), sound.get(end.saturating_sub(WINDOW + lag)..end - lag))
    else {
        return 0.0;
    };
    let (mut both, mut one, mut other) = (0f32, 0f32, 0f32);
    for (x, y) in now.iter().zip(then).step_by(step) {
        let (x, y) = (f32::from(*x), f32::from(*y));
        both += x * y;
        one += x * x;
        other += y * y;
    }
    let power = one * other;
    if power > 0.0 { both / power.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    #[test]
    fn the_period_of_a_tone_is_found_or_a_multiple_of_it() {
        for hz in [70.0, 100.0, 160.0, 200.0, 425.0, 500.0, 900.0] {
            let (lag, likeness) = period(&tone::sine(hz, -10.0, 60), PERIOD_MAX);
            let turns = lag as f32 * hz / 8_000.0;
            assert!((turns - turns.round()).abs() < 0.06 && turns > 0.9, "{hz} Hz: {lag}");
            assert!(likeness > 0.95, "{hz} Hz: {likeness}");
        }
    }

    #[test]
    fn silence_and_short_sounds_have_none() {
        assert_eq!(period(&[0; 400], PERIOD_MAX).1, 0.0);
        assert_eq!(period(&[5; 100], PERIOD_MAX), (PERIOD_MIN, 0.0));
        assert_eq!(period(&[], PERIOD_MAX), (PERIOD_MIN, 0.0));
    }
}
