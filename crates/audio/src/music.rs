//! Music on hold, composed and plucked here: no borrowed melody. Two strings like a dombra's, a calm walk over a
//! pentatonic scale, 48 seconds that end where they begin.

use crate::{RATE, loudness};
use core::f32::consts::TAU;

/// Beats of the piece; the last notes ring into the first.
const BEATS: usize = 96;
/// Half a second a beat.
const BEAT: usize = RATE as usize / 2;
/// Semitones over the open string, one octave and a half of a minor pentatonic.
const SCALE: [i32; 9] = [0, 3, 5, 7, 10, 12, 15, 17, 19];
/// The open upper string, in hertz (D4), and the lower one (G3): tuned in a fourth, as a dombra often is.
const UPPER_HZ: f32 = 293.66;
const LOWER_HZ: f32 = 196.0;
/// Where the melody stands on the scale, a phrase of sixteen beats a line; -1 rests.
const MELODY: [i32; BEATS] = [
    0, -1, 2, 3, 4, -1, 3, 2, 3, -1, -1, 2, 0, -1, -1, -1, //
    2, -1, 3, 4, 5, -1, 4, 3, 4, -1, 3, -1, 2, -1, -1, -1, //
    5, -1, 6, 5, 4, -1, 5, 4, 3, -1, 4, 3, 2, -1, -1, -1, //
    7, -1, 6, 5, 6, -1, 5, 4, 5, -1, 4, 3, 4, -1, -1, -1, //
    3, -1, 2, 3, 4, -1, 3, 2, 1, -1, 2, 3, 2, -1, -1, -1, //
    4, -1, 3, 2, 3, -1, 2, 1, 2, -1, 1, -1, 0, -1, -1, -1,
];

/// The piece: one seamless loop, about -24 dB.
pub fn on_hold() -> Vec<i16> {
    let mut mix = vec![0.0f32; BEATS * BEAT];
    for (beat, step) in MELODY.iter().enumerate() {
        if let Some(semitone) = usize::try_from(*step).ok().and_then(|s| SCALE.get(s)) {
            let loud = if beat % 8 == 0 { 1.0 } else { 0.75 };
            pluck(&mut mix, beat * BEAT, UPPER_HZ * semitones(*semitone), loud, beat as u32);
        }
        if beat % 4 == 0 {
            let drone = if beat % 16 == 12 { 5 } else { 0 };
            pluck(&mut mix, beat * BEAT + BEAT / 2, LOWER_HZ * semitones(drone), 0.45, 500 + beat as u32);
        }
    }
    let mut pcm: Vec<i16> = mix.iter().map(|s| (s * 9_000.0) as i16).collect();
    loudness::normalise(&mut pcm, -24.0);
    pcm
}

fn semitones(n: i32) -> f32 {
    2f32.powf(n as f32 / 12.0)
}

/// Karplus and Strong's string: a burst of noise goes round a delay line and grows soft. It rings on past the end
/// of the piece into its beginning.
fn pluck(mix: &mut [f32], at: usize, hz: f32, loud: f32, seed: u32) {
    let period = (RATE as f32 / hz).max(2.0);
    let length = period as usize;
    let fraction = period - length as f32;
    let mut noise = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut line: Vec<f32> = (0..length + 1)
        .map(|n| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 8) as f32 / 8_388_608.0 - 1.0;
            // A soft plectrum: less noise, more of the string's own shape.
            0.35 * grain + 0.65 * (TAU * n as f32 / length as f32).sin()
        })
        .collect();
    let total = mix.len();
    let mut last = 0.0;
    for n in 0..4 * BEAT {
        let i = n % line.len();
        let next = line[(i + 1) % line.len()];
        let filtered = 0.996 * (0.5 * (line[i] + next) * (1.0 - fraction * 0.1) + last * fraction * 0.1);
        last = line[i];
        let attack = (n as f32 / 24.0).min(1.0);
        mix[(at + n) % total] += line[i] * loud * attack;
        line[i] = filtered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FEATURES Q14: music on hold that is ours, quiet, and without a seam.
    #[test]
    fn the_loop_is_quiet_and_seamless() {
        let pcm = on_hold();
        assert_eq!(pcm.len(), 48 * RATE as usize);
        assert!((-26.0..-22.0).contains(&loudness::rms_db(&pcm)), "{}", loudness::rms_db(&pcm));
        let jump = i32::from(pcm[0]) - i32::from(*pcm.last().unwrap());
        assert!(jump.abs() < 3_000, "{jump}");
        assert_eq!(on_hold(), pcm);
        assert!(pcm.chunks(RATE as usize).all(|s| loudness::rms_db(s) > -50.0));
    }
}
