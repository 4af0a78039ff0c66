//! ITU-T G.711: A-law and µ-law, and from one to the other without a detour through the ear.

/// A-law silence.
pub const ALAW_SILENCE: u8 = 0xD5;
/// µ-law silence.
pub const ULAW_SILENCE: u8 = 0xFF;

const BIAS: i32 = 0x84;
const ULAW_CLIP: i32 = 32_635;

/// 16-bit sample to A-law (tables 1a, 1b; even bits inverted).
pub const fn alaw_encode(sample: i16) -> u8 {
    // 13 bits of magnitude; the negative side begins one step lower.
    let (sign, magnitude) =
        if sample >= 0 { (0xD5, sample as i32 >> 3) } else { (0x55, (-(sample as i32) - 1) >> 3) };
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let segment = 27 - (magnitude as u32).leading_zeros() as i32;
        (segment << 4) | ((magnitude >> segment) & 0x0F)
    };
    (code as u8) ^ sign
}

/// A-law to 16-bit sample: the middle of the step.
pub const fn alaw_decode(code: u8) -> i16 {
    let code = code ^ 0x55;
    let segment = ((code >> 4) & 7) as i32;
    let step = ((code & 0x0F) as i32) << 4;
    let magnitude = if segment == 0 { step + 8 } else { (step + 0x108) << (segment - 1) };
    (if code & 0x80 != 0 { magnitude } else { -magnitude }) as i16
}

/// 16-bit sample to µ-law (tables 2a, 2b); on a tie the smaller code, as the reference (ITU-T G.191) does.
pub const fn ulaw_encode(sample: i16) -> u8 {
    let (sign, magnitude) = if sample >= 0 { (0, sample as i32) } else { (0x80, !(sample as i32)) };
    let magnitude = (if magnitude > ULAW_CLIP { ULAW_CLIP } else { magnitude }) + BIAS;
    let segment = 24 - (magnitude as u32).leading_zeros() as i32;
    let mantissa = (magnitude >> (segment + 3)) & 0x0F;
    !((sign | (segment << 4) | mantissa) as u8)
}

/// µ-law to 16-bit sample.
pub const fn ulaw_decode(code: u8) -> i16 {
    let code = !code;
    let segment = ((code >> 4) & 7) as i32;
    let magnitude = (((((code & 0x0F) as i32) << 3) + BIAS) << segment) - BIAS;
    (if code & 0x80 != 0 { -magnitude } else { magnitude }) as i16
}

/// [`alaw_encode`] by the upper 12 bits of a sample; the others say nothing.
static ALAW: [u8; 4096] = {
    let mut table = [0; 4096];
    let mut upper = 0;
    while upper < 4096 {
        table[upper] = alaw_encode((upper << 4) as u16 as i16);
        upper += 1;
    }
    table
};

/// [`ulaw_encode`] by the upper 14 bits of a sample; the others say nothing.
static ULAW: [u8; 16_384] = {
    let mut table = [0; 16_384];
    let mut upper = 0;
    while upper < 16_384 {
        table[upper] = ulaw_encode((upper << 2) as u16 as i16);
        upper += 1;
    }
    table
};

/// Samples to A-law, many at once: minutes of prompts at start.
pub fn alaw_encode_all(samples: &[i16]) -> Box<[u8]> {
    samples.iter().map(|s| ALAW[usize::from(s.cast_unsigned() >> 4)]).collect()
}

/// Samples to µ-law, many at once.
pub fn ulaw_encode_all(samples: &[i16]) -> Box<[u8]> {
    samples.iter().map(|s| ULAW[usize::from(s.cast_unsigned() >> 2)]).collect()
}

/// A-law to µ-law, by code.
pub static ALAW_TO_ULAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = ulaw_encode(alaw_decode(code as u8));
        code += 1;
    }
    table
};

/// µ-law to A-law, by code.
pub static ULAW_TO_ALAW: [u8; 256] = {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = alaw_encode(ulaw_decode(code as u8));
        code += 1;
    }
    table
};

/// One A-law code in µ-law.
pub fn alaw_to_ulaw(code: u8) -> u8 {
    ALAW_TO_ULAW[usize::from(code)]
}

/// One µ-law code in A-law.
pub fn ulaw_to_alaw(code: u8) -> u8 {
    ULAW_TO_ALAW[usize::from(code)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FEATURES T10. Decision and output values of G.711 tables 1a and 2a, scaled to 16 bits.
    #[test]
    fn known_values_of_the_tables() {
        assert_eq!((alaw_encode(0), ulaw_encode(0)), (ALAW_SILENCE, ULAW_SILENCE));
        assert_eq!((alaw_encode(32_767), alaw_encode(-32_768)), (0xAA, 0x2A));
        assert_eq!((ulaw_encode(32_767), ulaw_encode(-32_768)), (0x80, 0x00));
        assert_eq!((alaw_decode(0xAA), alaw_decode(0x2A)), (32_256, -32_256));
        assert_eq!((ulaw_decode(0x80), ulaw_decode(0x00)), (32_124, -32_124));
        assert_eq!((alaw_decode(0xD5), ulaw_decode(0xFF)), (8, 0));
    }

    /// FEATURES T10. All of ITU-T G.711 tables 1a, 1b, 2a, 2b, from their own description: 8 segments of 16 intervals,
    /// whose first decision value and width double from the second (A-law, of 4096) or each (µ-law, of 8159) on; the
    /// output is the middle of the interval.
    #[test]
    fn every_sample_is_coded_and_every_code_decoded_as_the_tables_say() {
        // Decision values and outputs of the positive side, in samples of 16 bits.
        let (mut a_law, mut u_law) = (Vec::new(), Vec::new());
        for n in 0..128i32 {
            let (segment, step) = (n / 16, n % 16);
            let a = if segment == 0 { (2 * step, 2) } else { ((16 + step) << segment, 1 << segment) };
            a_law.push((a.0 * 8, (2 * a.0 + a.1) * 4));
            let first = (33 << segment) - 33;
            let (from, width) = (first + ((2 * step) << segment), 2 << segment);
            // The very first interval is half as wide, about zero.
            u_law.push(if n == 0 {
                (0, 0)
            } else {
                ((from - (1 << segment)) * 4, (from + width / 2 - (1 << segment)) * 4)
            });
        }
        for sample in i16::MIN..=i16::MAX {
            let s = i32::from(sample);
            let size = if s < 0 { -s - 1 } else { s };
            let a = a_law.iter().rposition(|(from, _)| *from <= size).expect("0 is the first");
            let code = a as u8 ^ if s < 0 { 0x55 } else { 0xd5 };
            assert_eq!(alaw_encode(sample), code, "A-law {s}");
            let u = u_law.iter().rposition(|(from, _)| *from <= size).expect("0 is the first");
            let code = !(u as u8 | if s < 0 { 0x80 } else { 0 });
            assert_eq!(ulaw_encode(sample), code, "µ-law {s}");
        }
        for n in 0..128u8 {
            let (a, u) = (a_law[usize::from(n)].1, u_law[usize::from(n)].1);
            assert_eq!((i32::from(alaw_decode(n ^ 0xd5)), i32::from(alaw_decode(n ^ 0x55))), (a, -a), "{n}");
            assert_eq!((i32::from(ulaw_decode(!n)), i32::from(ulaw_decode(!(n | 0x80)))), (u, -u), "{n}");
        }
    }

    #[test]
    fn every_code_survives_its_own_round_trip() {
        for code in 0..=255u8 {
            assert_eq!(alaw_encode(alaw_decode(code)), code);
            let again = ulaw_encode(ulaw_decode(code));
            // µ-law has two zeros.
            assert!(again == code || code == 0x7F, "{code:#x} {again:#x}");
        }
    }

    #[test]
    fn every_sample_comes_back_within_half_a_step() {
        for sample in i16::MIN..=i16::MAX {
            let s = i32::from(sample);
            let step = |m: i32| (m.abs() / 16).max(16);
            let (a, u) =
                (i32::from(alaw_decode(alaw_encode(sample))), i32::from(ulaw_decode(ulaw_encode(sample))));
            assert!((a - s).abs() <= step(s), "A-law {s} {a}");
            assert!((u - s).abs() <= step(s).max(650 * i32::from(s.abs() > 32_124)), "µ-law {s} {u}");
        }
    }

    #[test]
    fn many_at_once_are_encoded_as_each_alone() {
        let every: Vec<i16> = (i16::MIN..=i16::MAX).collect();
        assert!(every.iter().map(|s| alaw_encode(*s)).eq(alaw_encode_all(&every)));
        assert!(every.iter().map(|s| ulaw_encode(*s)).eq(ulaw_encode_all(&every)));
    }

    #[test]
    fn laws_convert_into_each_other() {
        for code in 0..=255u8 {
            let there = i32::from(ulaw_decode(alaw_to_ulaw(code)));
            let here = i32::from(alaw_decode(code));
            assert!((there - here).abs() <= (here.abs() / 16).max(16), "{code:#x}");
        }
        assert_eq!(ulaw_to_alaw(ULAW_SILENCE), ALAW_SILENCE);
    }
}
