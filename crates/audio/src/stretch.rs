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
