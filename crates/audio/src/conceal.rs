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
