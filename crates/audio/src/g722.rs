//! ITU-T G.722 at 64 kbit/s (mode 1, the only one that RTP carries: RFC 3551 §4.5.2): two bands of 4 kHz, each in
//! adaptive differences, six bits for the lower, two for the upper. An octet is two samples of 16 kHz.
//!
//! [`Encoder::narrow`] and [`Decoder::narrow`] leave the filter bank out: the lower band alone *is* sound at 8 kHz, at
//! the level that the telephone has, so nothing need be resampled beside G.711. Names of blocks are the
//! Recommendation's (§5.2 ff.); arithmetic is its own, 16 bits that saturate.

/// Samples of 16 kHz that the filter bank remembers.
const TAPS: usize = 24;

/// Table 12: levels of the lower band's quantizer.
static Q6: [i32; 30] = [
    0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023, 1121,
    1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];
/// Table 13: its values, by all six bits …
static QM6: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360,
    -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688,
    -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856,
    7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136,
    -432, -136,
];
/// … and by the upper four, which alone move the predictor.
static QM4: [i32; 16] =
    [0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0];
/// Table 14: how the scale follows the lower band, by the upper four bits.
static WL: [i32; 16] = [-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60];
/// Table 15: the logarithm's way back.
static ILB: [i32; 32] = [
    2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834, 2896,
    2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
];
/// Table 18: values of the upper band, and how its scale follows.
static QM2: [i32; 4] = [-7408, -1616, 7408, 1616];
static WH: [i32; 4] = [798, -214, 798, -214];
/// Table 11: the filter bank, every other coefficient.
static QMF: [i32; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

const fn saturate(x: i32) -> i32 {
    if x > 32_767 {
        32_767
    } else if x < -32_768 {
        -32_768
    } else {
        x
    }
}

/// The predictor and the scale of one band.
#[derive(Clone, Debug)]
struct Band {
    /// Logarithm of the scale, its ceiling, and its way to [`Band::scale`].
    log: i32,
    log_max: i32,
    shift: i32,
    scale: i32,
    /// What the predictor expects next, and the part of it that the zeros give.
    expected: i32,
    expected_zeros: i32,
    /// The last two reconstructed samples, and the last two sums without poles.
    rebuilt: [i32; 2],
    partial: [i32; 2],
    poles: [i32; 2],
    /// The last six differences and their weights.
    differences: [i32; 6],
    zeros: [i32; 6],
}

impl Band {
    fn lower() -> Band {
        Band::new(18_432, 8, 32)
    }

    fn upper() -> Band {
        Band::new(22_528, 10, 8)
    }

    fn new(log_max: i32, shift: i32, scale: i32) -> Band {
        Band {
            log: 0,
            log_max,
            shift,
            scale,
            expected: 0,
            expected_zeros: 0,
            rebuilt: [0; 2],
            partial: [0; 2],
            poles: [0; 2],
            differences: [0; 6],
            zeros: [0; 6],
        }
    }

    /// Takes one quantized difference: INVQ, LOGSC and SCALE, then the predictor.
    fn adapt(&mut self, level: i32, weight: i32) {
        let difference = (self.scale * level) >> 15;
        self.log = (((self.log * 127) >> 7) + weight).clamp(0, self.log_max);
        let mantissa = ILB[((self.log >> 6) & 31) as usize];
        let shift = self.shift - (self.log >> 11);
        self.scale = if shift < 0 { mantissa << -shift } else { mantissa >> shift } << 2;
        self.predict(difference);
    }

    fn predict(&mut self, difference: i32) {
        let rebuilt = saturate(self.expected + difference);
        let partial = saturate(self.expected_zeros + difference);
        self.poles = self.moved_poles(partial);
        self.move_zeros(difference);
        self.differences.copy_within(..5, 1);
        self.differences[0] = difference;
        self.rebuilt = [rebuilt, self.rebuilt[0]];
        self.partial = [partial, self.partial[0]];
        let twice = |x: i32| saturate(x + x);
        let of_poles = saturate(
            ((self.poles[0] * twice(rebuilt)) >> 15) + ((self.poles[1] * twice(self.rebuilt[1])) >> 15),
        );
        let of_zeros = self.zeros.iter().zip(&self.differences).map(|(b, d)| (b * twice(*d)) >> 15);
        self.expected_zeros = saturate(of_zeros.sum());
        self.expected = saturate(of_poles + self.expected_zeros);
    }

    /// UPPOL2 and UPPOL1.
    fn moved_poles(&self, partial: i32) -> [i32; 2] {
        let [a1, a2] = self.poles;
        let like = |before: i32| (partial < 0) == (before < 0);
        let four = saturate(a1 << 2);
        let toward = saturate(if like(self.partial[0]) { -four } else { four });
        let second = (toward >> 7) + if like(self.partial[1]) { 128 } else { -128 };
        let second = (second + ((a2 * 32_512) >> 15)).clamp(-12_288, 12_288);
        let bound = saturate(15_360 - second);
        let first = saturate(if like(self.partial[0]) { 192 } else { -192 } + ((a1 * 32_640) >> 15));
        [first.clamp(-bound, bound), second]
    }

    /// UPZERO.
    fn move_zeros(&mut self, difference: i32) {
        let step = if difference == 0 { 0 } else { 128 };
        for (zero, before) in self.zeros.iter_mut().zip(self.differences) {
            let toward = if (difference < 0) == (before < 0) { step } else { -step };
            *zero = saturate(toward + ((*zero * 32_640) >> 15));
        }
    }
}

/// Both bands of one direction.
#[derive(Clone, Debug)]
struct Bands {
    lower: Band,
    upper: Band,
}

impl Bands {
    fn new() -> Bands {
        Bands { lower: Band::lower(), upper: Band::upper() }
    }

    /// One sample of each band, 15 bits, to an octet.
    fn encode(&mut self, low: i32, high: i32) -> u8 {
        let code = quantize_lower(saturate(low - self.lower.expected), self.lower.scale);
        self.adapt_lower(code);
        let error = saturate(high - self.upper.expected);
        let large = magnitude(error) >= (564 * self.upper.scale) >> 12;
        let upper = match (error < 0, large) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.adapt_upper(upper);
        upper << 6 | code
    }

    /// An octet to one sample of each band.
    fn decode(&mut self, code: u8) -> (i32, i32) {
        let low = self.decode_lower(code);
        let upper = code >> 6;
        let difference = (self.upper.scale * QM2[usize::from(upper)]) >> 15;
        let high = (self.upper.expected + difference).clamp(-16_384, 16_383);
        self.adapt_upper(upper);
        (low, high)
    }

    fn decode_lower(&mut self, code: u8) -> i32 {
        let difference = (self.lower.scale * QM6[usize::from(code & 0x3f)]) >> 15;
        let low = (self.lower.expected + difference).clamp(-16_384, 16_383);
        self.adapt_lower(code & 0x3f);
        low
    }

    fn adapt_lower(&mut self, code: u8) {
        let by_four = usize::from(code >> 2);
        self.lower.adapt(QM4[by_four], WL[by_four]);
    }

    fn adapt_upper(&mut self, code: u8) {
        let by_two = usize::from(code);
        self.upper.adapt(QM2[by_two], WH[by_two]);
    }
}

fn magnitude(error: i32) -> i32 {
    if error < 0 { -(error + 1) } else { error }
}

/// QUANTL: the six bits of a difference (Table 16).
fn quantize_lower(error: i32, scale: i32) -> u8 {
    let size = magnitude(error);
    let above = Q6.iter().skip(1).take_while(|level| size >= (*level * scale) >> 12).count() as u8;
    match (error < 0, above) {
        (true, 0) => 63,
        (true, 1) => 62,
        (true, n) => 33 - n,
        (false, n) => 61 - n,
    }
}

/// Samples to octets.
#[derive(Clone, Debug)]
pub struct Encoder {
    bands: Bands,
    past: [i32; TAPS],
    wide: bool,
}

impl Encoder {
    /// From 16 kHz.
    pub fn wide() -> Encoder {
        Encoder { bands: Bands::new(), past: [0; TAPS], wide: true }
    }

    /// From 8 kHz; the upper band stays empty.
    pub fn narrow() -> Encoder {
        Encoder { wide: false, ..Encoder::wide() }
    }

    /// Encodes whole octets: as many as both slices have room for. Gives how many.
    pub fn encode(&mut self, pcm: &[i16], octets: &mut [u8]) -> usize {
        let per_octet = if self.wide { 2 } else { 1 };
        let mut count = 0;
        for (octet, samples) in octets.iter_mut().zip(pcm.chunks_exact(per_octet)) {
            let (low, high) = match *samples {
                [first, second] => self.analyse(first, second),
                [only] => (i32::from(only) >> 1, 0),
                _ => break,
            };
            *octet = self.bands.encode(low, high);
            count += 1;
        }
        count
    }

    /// The transmit filter bank (§3.1).
    fn analyse(&mut self, first: i16, second: i16) -> (i32, i32) {
        self.past.copy_within(2.., 0);
        self.past[TAPS - 2] = i32::from(first);
        self.past[TAPS - 1] = i32::from(second);
        let (even, odd) = filtered(&self.past);
        ((odd + even) >> 14, (odd - even) >> 14)
    }
}

/// Octets to samples.
#[derive(Clone, Debug)]
pub struct Decoder {
    bands: Bands,
    past: [i32; TAPS],
    wide: bool,
}

impl Decoder {
    /// To 16 kHz.
    pub fn wide() -> Decoder {
        Decoder { bands: Bands::new(), past: [0; TAPS], wide: true }
    }

    /// To 8 kHz: the lower band.
    pub fn narrow() -> Decoder {
        Decoder { wide: false, ..Decoder::wide() }
    }

    /// Decodes as many octets as `pcm` has room for. Gives the samples.
    pub fn decode(&mut self, octets: &[u8], pcm: &mut [i16]) -> usize {
        let mut count = 0;
        if self.wide {
            for (octet, samples) in octets.iter().zip(pcm.chunks_exact_mut(2)) {
                samples.copy_from_slice(&self.synthesize(*octet));
                count += 2;
            }
        } else {
            for (octet, sample) in octets.iter().zip(pcm) {
                *sample = (self.bands.decode_lower(*octet) << 1) as i16;
                count += 1;
            }
        }
        count
    }

    /// The receive filter bank (§4.4).
    fn synthesize(&mut self, octet: u8) -> [i16; 2] {
        let (low, high) = self.bands.decode(octet);
        self.past.copy_within(2.., 0);
        self.past[TAPS - 2] = low + high;
        self.past[TAPS - 1] = low - high;
        let (even, odd) = filtered(&self.past);
        [saturate(odd >> 11) as i16, saturate(even >> 11) as i16]
    }
}

/// Sums of the even and the odd places under the filter.
fn filtered(past: &[i32; TAPS]) -> (i32, i32) {
    let mut sums = (0, 0);
    for (pair, (forth, back)) in past.chunks_exact(2).zip(QMF.iter().zip(QMF.iter().rev())) {
        if let [even, odd] = pair {
            sums.0 += even * forth;
            sums.1 += odd * back;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CRC-32 of words as the Recommendation's files have them, little-endian.
    fn crc(words: &[u16]) -> u32 {
        let bits = |crc: u32, byte: u8| {
            (0..8).fold(crc ^ u32::from(byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
        };
        !words.iter().flat_map(|w| w.to_le_bytes()).fold(!0, bits)
    }

    /// Test sequence T1C2.XMT of Appendix II, made anew from its description: full scale both ways, then overload in
    /// threes, between resets (words whose last bit is set).
    fn overload() -> Vec<u16> {
        let mut words = vec![1; 16];
        words.extend([0x8000, 0x7ffe].repeat(319));
        words.extend([0x8000, 0, 0xb1e0, 0xc000]);
        words.extend([0x8000, 0x7ffe, 0x8000].repeat(42));
        words.extend([1; 16]);
        words
    }

    /// Runs a sequence through one direction; a reset begins anew and passes (Appendix II.3).
    fn run(words: &[u16], mut one: impl FnMut(&mut Bands, u16) -> u16) -> Vec<u16> {
        let mut bands = Bands::new();
        let mut of = |word: u16| {
            if word & 1 == 1 {
                bands = Bands::new();
                return 1;
            }
            one(&mut bands, word)
        };
        words.iter().map(|word| of(*word)).collect()
    }

    /// ITU-T G.722 Appendix II, configurations 1 and 2: T1C2.XMT to T2R2.COD to T3L2.RC1 and T3H2.RC0, by the sums that
    /// are published with the sequences.
    #[test]
    fn the_overload_sequence_of_the_recommendation_is_coded_and_decoded_bit_by_bit() {
        let input = overload();
        assert_eq!((input.len(), crc(&input)), (800, 0x2d60_4685), "T1C2.XMT");
        let coded = run(&input, |bands, word| {
            let sample = i32::from(word.cast_signed() >> 1);
            u16::from(bands.encode(sample, sample)) << 8
        });
        assert_eq!(crc(&coded), 0x344e_a5d0, "T2R2.COD");
        let band = |high: bool| {
            run(&coded, |bands, word| {
                let (low, upper) = bands.decode((word >> 8) as u8);
                ((if high { upper } else { low }) as i16).cast_unsigned() << 1
            })
        };
        assert_eq!(crc(&band(false)), 0xaf00_f31f, "T3L2.RC1");
        assert_eq!(crc(&band(true)), 0x5330_ae2e, "T3H2.RC0");
    }

    fn sine(hz: f32, rate: f32, samples: usize) -> Vec<i16> {
        let turn = core::f32::consts::TAU * hz / rate;
        (0..samples).map(|n| (10_000.0 * (turn * n as f32).sin()) as i16).collect()
    }

    fn level(pcm: &[i16]) -> f32 {
        (pcm.iter().map(|s| f32::from(*s).powi(2)).sum::<f32>() / pcm.len() as f32).sqrt()
    }

    #[test]
    fn both_rates_understand_each_other_at_the_same_level() {
        let mut octets = [0; 1_600];
        assert_eq!(Encoder::narrow().encode(&sine(1_000.0, 8_000.0, 1_600), &mut octets), 1_600);
        let (mut wide, mut narrow) = (vec![0; 3_200], vec![0; 1_600]);
        assert_eq!(Decoder::wide().decode(&octets, &mut wide), 3_200);
        assert_eq!(Decoder::narrow().decode(&octets, &mut narrow), 1_600);
        let heard = level(&wide[800..]) / level(&narrow[400..]);
        assert!((0.98..1.02).contains(&heard) && level(&narrow[400..]) > 6_800.0, "{heard}");
        Encoder::wide().encode(&sine(1_000.0, 16_000.0, 3_200), &mut octets);
        Decoder::narrow().decode(&octets, &mut narrow);
        assert!((6_800.0..7_300.0).contains(&level(&narrow[400..])), "{}", level(&narrow[400..]));
    }

    #[test]
    fn seven_kilohertz_pass_and_short_slices_bound_the_work() {
        let mut octets = [0; 1_600];
        Encoder::wide().encode(&sine(6_500.0, 16_000.0, 3_200), &mut octets);
        let mut wide = vec![0; 3_200];
        Decoder::wide().decode(&octets, &mut wide);
        assert!(level(&wide[800..]) > 6_000.0, "{}", level(&wide[800..]));
        assert_eq!(Encoder::wide().encode(&[0; 321], &mut octets), 160);
        assert_eq!(Encoder::wide().encode(&[0; 640], &mut [0; 10]), 10);
        assert_eq!(Decoder::wide().decode(&[0; 160], &mut [0; 101]), 100);
        assert_eq!(Decoder::narrow().decode(&[0; 160], &mut [0; 50]), 50);
    }
}
