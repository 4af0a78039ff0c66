//! A little less or a little more sound without anybody noticing: one pitch period is left out or said twice, and the
//! seam is crossfaded. So a jitter buffer comes to another delay.

use crate::pitch::{self, PERIOD_MAX, PERIOD_MIN};
use crate::to_sample;

/// Turns of a voice less alike than this are not laid over one another, unless the sound is so quiet that it does not
/// matter.
const ALIKE_MIN: f32 = 0.6;
/// Quiet: root mean square of −50 dB below full scale.
const QUIET: f32 = 104.0;
/// The shortest crossfade: 4 ms.
const FADE_MIN: usize = 32;
/// One call adds this much at most.
pub const ADDED_MAX: usize = PERIOD_MAX;

/// Leaves one period of `sound` out, of `most` samples at most. `history` is what was heard before it. Gives the new
/// length; the same as before when no fitting place was found.
pub fn shorten(history: &[i16], sound: &mut [i16], most: usize) -> usize {
    let len = sound.len();
    let Some(longest) = len.checked_sub(FADE_MIN).map(|l| l.min(most)).filter(|l| *l >= PERIOD_MIN) else {
        return len;
    };
    let Some(period) = fitting(history, sound, longest) else { return len };
    let kept = len - period;
    let fade = kept.min(period);
    for n in 0..kept {
        let (Some(now), Some(then)) = (sound.get(n).copied(), sound.get(n + period).copied()) else { break };
        if let Some(slot) = sound.get_mut(n) {
            *slot = blend(now, then, n, fade);
        }
    }
    kept
}

/// Says one period twice, of `most` samples at most: the first `len` samples of `room` are the sound, behind it is room
/// for [`ADDED_MAX`] more. `history` is what was heard before it. Gives the new length.
pub fn lengthen(history: &[i16], room: &mut [i16], len: usize, most: usize) -> usize {
    let longest = most.min(ADDED_MAX).min(room.len().saturating_sub(len));
    if longest < PERIOD_MIN || len < FADE_MIN {
        return len;
    }
    let Some(period) = room.get(..len).and_then(|sound| fitting(history, sound, longest)) else { return len };
    room.copy_within(..len, period);
    let fade = period.min(len);
    let earlier = history.get(history.len().saturating_sub(period)..).unwrap_or(&[]);
    for (n, again) in earlier.iter().enumerate() {
        let now = room.get(period + n).copied().unwrap_or(*again);
        if let Some(slot) = room.get_mut(n) {
            *slot = blend(now, *again, n, fade);
        }
    }
    len + period
}

/// From one to the other over `fade` samples.
fn blend(from: i16, to: i16, n: usize, fade: usize) -> i16 {
    let weight = ((n + 1) as f32 / (fade + 1) as f32).min(1.0);
    to_sample(f32::from(from) + (f32::from(to) - f32::from(from)) * weight)
}

/// The period at the seam, if it is one that may be left out or repeated.
fn fitting(history: &[i16], sound: &[i16], longest: usize) -> Option<usize> {
    let (period, alike) = pitch::period(history, longest.min(PERIOD_MAX));
    let quiet = || crate::goertzel::mean_square(sound).sqrt() < QUIET;
    ((alike >= ALIKE_MIN || quiet()) && period <= longest).then_some(period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::tone_level_db;
    use crate::tone;

    /// The largest second difference: a click stands out in it.
    fn roughest(pcm: &[i16]) -> i32 {
        let at = |n: usize| i32::from(pcm[n]);
        (2..pcm.len()).map(|n| (at(n) - 2 * at(n - 1) + at(n - 2)).abs()).max().unwrap_or(0)
    }

    #[test]
    fn a_tone_is_made_shorter_and_longer_without_a_click() {
        for hz in [150.0, 425.0, 500.0, 900.0, 1_300.0] {
            let whole = tone::sine(hz, -10.0, 100);
            let usual = roughest(&whole);
            let (history, next) = whole.split_at(480);
            let mut less = next[..160].to_vec();
            let len = shorten(history, &mut less, 400);
            assert!((40..=120).contains(&len), "{hz} Hz: {len}");
            let mut room = [0; 160 + ADDED_MAX];
            room[..160].copy_from_slice(&next[..160]);
            let longer = lengthen(history, &mut room, 160, 400);
            assert!((200..=280).contains(&longer), "{hz} Hz: {longer}");
            for (new, what) in [(&less[..len], "less"), (&room[..longer], "more")] {
                let joined = [history, new, &next[160..]].concat();
                assert!(
                    roughest(&joined) <= usual + usual / 4 + 60,
                    "{hz} Hz {what}: {} for {usual}",
                    roughest(&joined)
                );
                assert!(
                    (tone_level_db(&joined, hz) - tone_level_db(&whole, hz)).abs() < 0.5,
                    "{hz} Hz {what}"
                );
            }
        }
    }

    #[test]
    fn what_has_no_period_is_left_alone_unless_it_is_quiet() {
        let mut grain = 7u32;
        let mut noise = |amplitude: i32| {
            grain = grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (((grain >> 16) as i32 - 32_768) * amplitude / 32_768) as i16
        };
        let loud: Vec<i16> = (0..640).map(|_| noise(8_000)).collect();
        let mut sound = loud[480..].to_vec();
        assert_eq!(shorten(&loud[..480], &mut sound, 400), 160);
        assert_eq!(sound, loud[480..]);
        let soft: Vec<i16> = (0..640).map(|_| noise(50)).collect();
        assert!(shorten(&soft[..480], &mut soft[480..].to_vec(), 400) < 160);
        assert_eq!(shorten(&soft[..480], &mut [0; 60], 400), 60, "too little sound");
        assert_eq!(
            shorten(&soft[..480], &mut soft[480..].to_vec(), 30),
            160,
            "less than a period is asked for"
        );
        assert_eq!(lengthen(&soft[..480], &mut [0; 160], 160, 400), 160, "no room");
    }
}
