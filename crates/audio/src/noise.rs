//! Comfort noise: what is heard in place of silence, so that the line does not seem dead (RFC 3389; here only its
//! level is followed, which section 4.2 allows).

/// Loudest noise made: −40 dB below full scale. A peer that asks for more gets this.
pub const LEVEL_MAX_DBOV: i8 = -40;

/// A source of soft noise. It has no seed: nobody can tell one noise from another.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    grain: u32,
    last: f32,
}

impl Default for Noise {
    fn default() -> Self {
        Noise { grain: 0x2545_f491, last: 0.0 }
    }
}

impl Noise {
    /// One sample of noise of this root mean square. Highs are softened, as they are in a room.
    pub fn sample(&mut self, rms: f32) -> f32 {
        self.grain = self.grain.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let white = f32::from((self.grain >> 16) as u16 as i16) / 32_768.0;
        self.last = 0.5 * (self.last + white);
        // White noise of amplitude 1 has a power of 1/3, and the filter leaves a third of that.
        self.last * rms * 3.0
    }

    /// Fills a block.
    pub fn fill(&mut self, rms: f32, block: &mut [i16]) {
        for sample in block {
            *sample = crate::to_sample(self.sample(rms));
        }
    }
}

/// The root mean square that the payload of RFC 3389 asks for: its first byte is the level in −dBov, 0 to 127
/// (section 3.1). `None` for an empty payload.
pub fn level_of(payload: &[u8]) -> Option<f32> {
    let below = payload.first()? & 0x7f;
    let dbov = -f32::from(below.max(LEVEL_MAX_DBOV.unsigned_abs()));
    // 0 dBov is the power of a full-scale square wave (RFC 3389 section 3.1).
    Some(32_767.0 * 10f32.powf(dbov / 20.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rms(block: &[i16]) -> f32 {
        (block.iter().map(|s| f32::from(*s) * f32::from(*s)).sum::<f32>() / block.len() as f32).sqrt()
    }

    #[test]
    fn noise_has_the_level_that_was_asked_for_and_never_more_than_its_ceiling() {
        for below in [45u8, 60, 70] {
            let mut block = [0; 8_000];
            let wanted = level_of(&[below]).unwrap();
            Noise::default().fill(wanted, &mut block);
            assert!((rms(&block) / wanted - 1.0).abs() < 0.05, "-{below} dBov: {} for {wanted}", rms(&block));
        }
        assert_eq!(level_of(&[0]), level_of(&[40]), "a peer that asks for a roar gets the ceiling");
        assert_eq!(
            level_of(&[0x80 | 60, 9, 9]),
            level_of(&[60]),
            "the reserved bit and the spectrum say nothing"
        );
        assert_eq!(level_of(&[]), None);
    }
}
