//! What is heard where a packet is missing, in the manner of ITU-T G.711 Appendix I: the last pitch period is repeated,
//! from the third packet of ten milliseconds on with those before it, so that it does not buzz; it stays whole for 10 ms
//! and is gone after 60, and the room's own noise comes up in its place. No delay is added: where the sound breaks off,
//! the step to the repetition is faded out, and where it comes back, the two are crossfaded.

use crate::noise::Noise;
use crate::pitch::{self, PERIOD_MAX};
use crate::to_sample;

/// Sound that is remembered: three periods and a quarter.
const HISTORY: usize = 3 * PERIOD_MAX + PERIOD_MAX / 4;
/// The repetition keeps its level for 10 ms …
const WHOLE: usize = 80;
/// … and is gone after 60 ms.
const GONE: usize = 480;
/// The noise of a room lies between these, root mean square: −72 to −55 dB below full scale.
const FLOOR: (f32, f32) = (8.0, 60.0);
/// The floor is believed to rise by so much a block at most: 2 dB in a second of 20 ms blocks.
const FLOOR_RISE: f32 = 1.005;
/// Blocks shorter than this say nothing of the floor.
const FLOOR_BLOCK: usize = 80;
/// Crossfade when sound comes back: 4 ms, and as much more for each 10 ms missing, up to 10 ms (Appendix I).
const RETURN: (usize, usize) = (32, 80);

/// One stream's concealment. Memory is taken when it is made.
#[derive(Clone)]
pub struct Concealer {
    /// The newest sound, heard or concealed, the newest last.
    history: [i16; HISTORY],
    /// The history as it was where the sound broke off.
    before: [i16; HISTORY],
    /// Samples concealed since.
    missing: usize,
    period: usize,
    /// Periods that are repeated now, and how far we are in them.
    turns: usize,
    at: usize,
    /// The step at the break, faded out.
    step: f32,
    floor: f32,
    noise: Noise,
}

impl core::fmt::Debug for Concealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The history is a voice.
        write!(f, "Concealer({} samples missing)", self.missing)
    }
}

impl Default for Concealer {
    fn default() -> Self {
        Concealer {
            history: [0; HISTORY],
            before: [0; HISTORY],
            missing: 0,
            period: PERIOD_MAX,
            turns: 1,
            at: 0,
            step: 0.0,
            floor: FLOOR.0,
            noise: Noise::default(),
        }
    }
}

impl Concealer {
    /// Sound came, 8 kHz. If some was missing before it, its beginning is crossfaded with what would have followed.
    pub fn hear(&mut self, sound: &mut [i16]) {
        self.learn_floor(sound);
        if self.missing > 0 {
            let fade = (RETURN.0 * self.missing.div_ceil(WHOLE)).min(RETURN.1).min(sound.len());
            for (n, sample) in sound.iter_mut().take(fade).enumerate() {
                let weight = (n + 1) as f32 / (fade + 1) as f32;
                *sample = to_sample(f32::from(*sample) * weight + self.invent() * (1.0 - weight));
            }
            self.missing = 0;
        }
        self.remember(sound);
    }

    /// Fills a block for which nothing came.
    pub fn conceal(&mut self, block: &mut [i16]) {
        if self.missing == 0 {
            self.begin();
        }
        for sample in block.iter_mut() {
            *sample = to_sample(self.invent());
            self.missing += 1;
        }
        self.remember(block);
    }

    /// Fills a block in which the sender is silent: the room's noise.
    pub fn rest(&mut self, block: &mut [i16]) {
        self.missing = GONE;
        self.conceal(block);
    }

    /// Noise of this root mean square, as the peer describes its room (RFC 3389).
    pub fn rest_at(&mut self, rms: f32, block: &mut [i16]) {
        self.floor = rms.clamp(0.0, f32::from(i16::MAX));
        self.rest(block);
    }

    /// What was heard last, the newest last.
    pub fn history(&self) -> &[i16] {
        &self.history
    }

    fn begin(&mut self) {
        self.before = self.history;
        self.period = pitch::period(&self.before, PERIOD_MAX).0;
        self.turns = 1;
        self.at = 0;
        self.step = f32::from(self.back(1)) - f32::from(self.back(self.period + 1));
    }

    /// The sample so far back from the break.
    fn back(&self, by: usize) -> i16 {
        HISTORY.checked_sub(by).and_then(|at| self.before.get(at)).copied().unwrap_or(0)
    }

    /// The next sample of the repetition as it fades, with the noise that comes up.
    fn invent(&mut self) -> f32 {
        let gain = match self.missing {
            missing if missing < WHOLE => 1.0,
            missing => GONE.saturating_sub(missing) as f32 / (GONE - WHOLE) as f32,
        };
        let noise = self.noise.sample(self.floor * (1.0 - gain));
        if gain == 0.0 { noise } else { self.repeat() * gain + noise }
    }

    fn repeat(&mut self) -> f32 {
        let (length, quarter) = (self.turns * self.period, self.period / 4);
        let left = length - self.at;
        let mut sample = f32::from(self.back(left));
        if left <= quarter {
            // The end of the stretch leads into its beginning.
            let weight = (quarter - left + 1) as f32 / (quarter + 1) as f32;
            sample += (f32::from(self.back(length + left)) - sample) * weight;
        }
        if self.missing < quarter {
            sample += self.step * (quarter - self.missing) as f32 / (quarter + 1) as f32;
        }
        self.at += 1;
        if self.at == length {
            self.at = 0;
            self.turns = (1 + self.missing / WHOLE).min(3);
        }
        sample
    }

    fn remember(&mut self, sound: &[i16]) {
        let sound = sound.get(sound.len().saturating_sub(HISTORY)..).unwrap_or(sound);
        self.history.copy_within(sound.len().., 0);
        if let Some(end) = self.history.get_mut(HISTORY - sound.len()..) {
            end.copy_from_slice(sound);
        }
    }

    /// The quietest blocks of late are the room.
    fn learn_floor(&mut self, sound: &[i16]) {
        if sound.len() >= FLOOR_BLOCK {
            let rms = crate::goertzel::mean_square(sound).sqrt();
            self.floor = rms.min(self.floor * FLOOR_RISE).clamp(FLOOR.0, FLOOR.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::{contains_tone, tone_level_db};
    use crate::tone;

    const PACKET: usize = 160;

    fn rms(pcm: &[i16]) -> f32 {
        crate::goertzel::mean_square(pcm).sqrt()
    }

    /// Speaks through a line that loses packets; `true`: this one comes.
    fn through(speech: &[i16], comes: impl Fn(usize) -> bool) -> Vec<i16> {
        let mut concealer = Concealer::default();
        let mut heard = Vec::new();
        for (n, packet) in speech.chunks(PACKET).enumerate() {
            let mut packet = packet.to_vec();
            if comes(n) {
                concealer.hear(&mut packet);
            } else {
                concealer.conceal(&mut packet);
            }
            heard.extend(packet);
        }
        heard
    }

    fn dice(n: usize) -> usize {
        let x = (n as u64 ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((x ^ x >> 31).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33) as usize
    }

    /// A voice: a buzz of harmonics whose pitch and loudness wander, with breaths between.
    fn voice(ms: u32) -> Vec<i16> {
        let mut phase = 0f64;
        (0..ms as usize * 8)
            .map(|n| {
                let t = n as f64 / 8_000.0;
                phase += (130.0 + 25.0 * (2.1 * t).sin()) / 8_000.0;
                let buzz: f64 = (1..=12)
                    .map(|h| (core::f64::consts::TAU * phase * f64::from(h)).sin() / f64::from(h))
                    .sum();
                let loud = (2.0 * (3.3 * t).sin()).clamp(0.0, 1.0);
                (buzz * loud * 7_000.0) as i16
            })
            .collect()
    }

    fn correlation(a: &[i16], b: &[i16]) -> f64 {
        let (mut ab, mut aa, mut bb) = (0f64, 0f64, 0f64);
        for (x, y) in a.iter().zip(b) {
            let (x, y) = (f64::from(*x), f64::from(*y));
            ab += x * y;
            aa += x * x;
            bb += y * y;
        }
        ab / (aa * bb).sqrt()
    }

    /// Concealed speech is nearer to the original than silence in its place, and as loud.
    #[test]
    fn speech_that_loses_packets_stays_near_the_original() {
        let speech = voice(20_000);
        for (percent, near) in [(5, 0.985), (15, 0.95)] {
            let comes = |n: usize| n < 5 || dice(n) % 100 >= percent;
            let heard = through(&speech, comes);
            let silent: Vec<i16> = speech
                .chunks(PACKET)
                .enumerate()
                .flat_map(|(n, packet)| packet.iter().map(move |s| if comes(n) { *s } else { 0 }))
                .collect();
            let likeness = correlation(&speech, &heard);
            assert!(likeness > near, "{percent} %: {likeness}");
            assert!(likeness > correlation(&speech, &silent) + 0.005, "{percent} %: better than silence");
            let loudness = 20.0 * (rms(&heard) / rms(&speech)).log10();
            assert!(loudness.abs() < 0.6, "{percent} %: {loudness} dB");
        }
    }

    #[test]
    fn a_tone_goes_on_and_its_end_is_a_fade_into_noise_without_a_click() {
        for hz in [200.0, 425.0, 500.0, 900.0] {
            let sound = tone::sine(hz, -10.0, 2_000);
            let heard = through(&sound, |n| n % 10 != 7);
            assert!(contains_tone(&heard, hz));
            assert!((tone_level_db(&heard, hz) - tone_level_db(&sound, hz)).abs() < 0.5);

            let mut concealer = Concealer::default();
            let mut all = sound[..3_200].to_vec();
            concealer.hear(&mut all);
            let mut gone = [0; 1_600];
            gone.chunks_mut(PACKET).for_each(|block| concealer.conceal(block));
            assert!(rms(&gone[..80]) > 0.8 * rms(&sound), "whole at first");
            assert!((rms(&gone[240..320]) / rms(&sound) - 0.5).abs() < 0.2, "half way down");
            let room = rms(&gone[800..]);
            assert!((4.0..=80.0).contains(&room), "and then the room, not digital silence: {room}");
            all.extend(gone);
            let mut back = sound[4_800..6_400].to_vec();
            concealer.hear(&mut back);
            all.extend(back);
            let steps = all.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap();
            let usual = sound.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap();
            assert!(steps <= usual + usual / 3 + 60, "{hz} Hz: a step of {steps} where {usual} is usual");
        }
    }

    /// In speech, too, the seams of concealment are no rougher than the speech.
    #[test]
    fn seams_do_not_click() {
        let speech = voice(10_000);
        let usual = speech.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap();
        let heard = through(&speech, |n| dice(n) % 100 >= 15);
        let steps = heard.windows(2).map(|w| (i32::from(w[0]) - i32::from(w[1])).abs()).max().unwrap();
        assert!(steps <= usual + usual / 4, "{steps} where {usual} is usual");
    }

    #[test]
    fn silence_is_noise_of_the_room_and_of_the_level_that_a_peer_describes() {
        let mut concealer = Concealer::default();
        let mut block = [0; 1_600];
        concealer.rest(&mut block);
        assert!((4.0..=16.0).contains(&rms(&block)), "never heard anything: {}", rms(&block));
        concealer.rest_at(100.0, &mut block);
        assert!((80.0..=120.0).contains(&rms(&block)), "{}", rms(&block));
        concealer.hear(&mut []);
        concealer.conceal(&mut []);
        assert!(!format!("{concealer:?}").contains(','), "no sample shows");
    }
}
