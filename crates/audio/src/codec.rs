//! Every codec of the line behind one door: what a payload sounds like, and how sound becomes a payload.
//!
//! Sound is worked on at 8 kHz ([`Band::Narrow`]) wherever G.711 has a part in it: in a sum, for keys in band, in a
//! recording. [`Band::Wide`], 16 kHz, is for two wide codecs that differ. States are made when a leg is configured;
//! then nothing is allocated (but see [`Decoder::conceal`]). A decoder and an encoder belong to one stream: what they
//! give depends on all that came before.

use crate::{g711, g722, opus};

/// How sound is coded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Coding {
    /// G.711 A-law.
    Alaw,
    /// G.711 µ-law.
    Ulaw,
    /// G.722 at 64 kbit/s.
    G722,
    /// Opus.
    Opus,
}

/// How wide sound is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Band {
    /// 8 kHz: what a telephone carries.
    Narrow,
    /// 16 kHz.
    Wide,
}

impl Band {
    /// Samples a second.
    pub const fn rate_hz(self) -> u32 {
        match self {
            Band::Narrow => 8_000,
            Band::Wide => 16_000,
        }
    }

    /// Samples a millisecond.
    pub const fn per_ms(self) -> usize {
        match self {
            Band::Narrow => 8,
            Band::Wide => 16,
        }
    }

    /// What a voice of this width needs of Opus.
    pub(crate) const fn opus_bits_per_s(self) -> i32 {
        match self {
            Band::Narrow => 16_000,
            Band::Wide => 24_000,
        }
    }
}

/// Most samples that one payload gives: 120 ms of 16 kHz, or 240 ms of 8.
pub const DECODED_MAX: usize = 1_920;
/// Most bytes that an encoder gives for 60 ms.
pub const ENCODED_MAX: usize = 512;

impl Coding {
    /// Every coding.
    pub const ALL: [Coding; 4] = [Coding::Alaw, Coding::Ulaw, Coding::G722, Coding::Opus];

    /// By the number that a recording gives it: its static payload type, 111 for Opus. What is not known is A-law.
    pub const fn of_number(number: u8) -> Coding {
        match number {
            0 => Coding::Ulaw,
            9 => Coding::G722,
            111 => Coding::Opus,
            _ => Coding::Alaw,
        }
    }

    /// Ticks a second of its RTP timestamps.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Coding::Alaw | Coding::Ulaw | Coding::G722 => 8_000,
            Coding::Opus => 48_000,
        }
    }

    /// Sound in a payload, in ticks of 125 µs; 0 for what cannot be read. All but Opus are a byte a tick.
    pub fn ticks(self, payload: &[u8]) -> u32 {
        match self {
            Coding::Alaw | Coding::Ulaw | Coding::G722 => u32::try_from(payload.len()).unwrap_or(u32::MAX),
            Coding::Opus => opus::duration(payload),
        }
    }

    /// A payload may be cut and joined anywhere: a byte is a tick.
    pub const fn is_bytewise(self) -> bool {
        !matches!(self, Coding::Opus)
    }
}

enum Ear {
    Alaw,
    Ulaw,
    G722(Box<g722::Decoder>),
    Opus(Box<opus::Decoder>),
}

/// Payloads of one stream to samples.
pub struct Decoder {
    coding: Coding,
    band: Band,
    ear: Ear,
}

impl Decoder {
    /// A decoder that has heard nothing yet. G.711 is always [`Band::Narrow`], whatever is asked for.
    pub fn new(coding: Coding, band: Band) -> Decoder {
        let (ear, band) = match (coding, band) {
            (Coding::Alaw, _) => (Ear::Alaw, Band::Narrow),
            (Coding::Ulaw, _) => (Ear::Ulaw, Band::Narrow),
            (Coding::G722, Band::Narrow) => (Ear::G722(Box::new(g722::Decoder::narrow())), band),
            (Coding::G722, Band::Wide) => (Ear::G722(Box::new(g722::Decoder::wide())), band),
            // The rates of `Band` are Opus's own; were they not, silence of the other kind would be heard.
            (Coding::Opus, _) => match opus::Decoder::new(band) {
                Some(decoder) => (Ear::Opus(Box::new(decoder)), band),
                None => (Ear::Alaw, Band::Narrow),
            },
        };
        Decoder { coding, band, ear }
    }

    /// What it decodes.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// How wide its samples are.
    pub fn band(&self) -> Band {
        self.band
    }

    /// The sound of a payload; as many samples as were written, 0 for what cannot be read. `pcm` should have room for
    /// [`DECODED_MAX`]; what does not fit is not heard.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> usize {
        match &mut self.ear {
            Ear::Alaw => by_law(g711::alaw_decode, payload, pcm),
            Ear::Ulaw => by_law(g711::ulaw_decode, payload, pcm),
            Ear::G722(decoder) => decoder.decode(payload, pcm),
            Ear::Opus(decoder) => decoder.decode(payload, pcm),
        }
    }

    /// What a lost payload may have said, for a codec that knows a way of its own (Opus): fills `pcm`, which is as long
    /// as the payload was, and gives how much it wrote; `next` is its successor's payload, if that came already: it may
    /// repeat what was lost (then one short buffer is allocated). 0: the codec has no way, and the loss is for others
    /// to conceal.
    pub fn conceal(&mut self, next: Option<&[u8]>, pcm: &mut [i16]) -> usize {
        match &mut self.ear {
            Ear::Alaw | Ear::Ulaw | Ear::G722(_) => 0,
            Ear::Opus(decoder) => decoder.conceal(next, pcm),
        }
    }
}

fn by_law(law: fn(u8) -> i16, payload: &[u8], pcm: &mut [i16]) -> usize {
    for (sample, byte) in pcm.iter_mut().zip(payload) {
        *sample = law(*byte);
    }
    payload.len().min(pcm.len())
}

/// The state, not the sound.
impl core::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Decoder({:?} {:?})", self.coding, self.band)
    }
}

enum Mouth {
    Alaw,
    Ulaw,
    G722(Box<g722::Encoder>),
    Opus(Box<opus::Encoder>),
}

/// What a receiver of Opus wishes (RFC 7587 §6.1); nothing to others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wishes {
    /// Packets that repeat what their predecessor said.
    pub fec: bool,
    /// Silence that is not sent.
    pub dtx: bool,
}

/// Samples to payloads of one stream.
pub struct Encoder {
    coding: Coding,
    band: Band,
    mouth: Mouth,
}

impl Encoder {
    /// An encoder that has said nothing yet. G.711 is always [`Band::Narrow`], whatever is asked for.
    pub fn new(coding: Coding, band: Band, wishes: Wishes) -> Encoder {
        let (mouth, band) = match (coding, band) {
            (Coding::Alaw, _) => (Mouth::Alaw, Band::Narrow),
            (Coding::Ulaw, _) => (Mouth::Ulaw, Band::Narrow),
            (Coding::G722, Band::Narrow) => (Mouth::G722(Box::new(g722::Encoder::narrow())), band),
            (Coding::G722, Band::Wide) => (Mouth::G722(Box::new(g722::Encoder::wide())), band),
            (Coding::Opus, _) => match opus::Encoder::new(band, wishes.fec, wishes.dtx) {
                Some(encoder) => (Mouth::Opus(Box::new(encoder)), band),
                None => (Mouth::Alaw, Band::Narrow),
            },
        };
        Encoder { coding, band, mouth }
    }

    /// What it gives.
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// How wide its samples must be.
    pub fn band(&self) -> Band {
        self.band
    }

    /// A payload of these samples: of Opus always 20 ms, of the others any length. Gives its bytes; 0 when there is
    /// nothing to send. [`ENCODED_MAX`] bytes suffice for 60 ms.
    pub fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> usize {
        match &mut self.mouth {
            Mouth::Alaw => to_law(g711::alaw_encode, pcm, payload),
            Mouth::Ulaw => to_law(g711::ulaw_encode, pcm, payload),
            Mouth::G722(encoder) => encoder.encode(pcm, payload),
            Mouth::Opus(encoder) => encoder.encode(pcm, payload),
        }
    }
}

fn to_law(law: fn(i16) -> u8, pcm: &[i16], payload: &mut [u8]) -> usize {
    for (byte, sample) in payload.iter_mut().zip(pcm) {
        *byte = law(*sample);
    }
    pcm.len().min(payload.len())
}

/// The state, not the sound.
impl core::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Encoder({:?} {:?})", self.coding, self.band)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goertzel;

    const BANDS: [Band; 2] = [Band::Narrow, Band::Wide];

    /// A tone for so many frames of 20 ms, at the band's rate.
    fn tone(hz: f32, band: Band, frames: usize) -> Vec<i16> {
        let turn = core::f32::consts::TAU * hz / band.rate_hz() as f32;
        (0..frames * 20 * band.per_ms()).map(|n| (8_000.0 * (turn * n as f32).sin()) as i16).collect()
    }

    fn coded(coding: Coding, band: Band, wishes: Wishes, pcm: &[i16]) -> Vec<Vec<u8>> {
        let mut encoder = Encoder::new(coding, band, wishes);
        let mut payload = [0; ENCODED_MAX];
        let frames = pcm.chunks(20 * encoder.band().per_ms());
        frames
            .map(|frame| {
                let len = encoder.encode(frame, &mut payload);
                payload[..len].to_vec()
            })
            .collect()
    }

    /// How much of the tone is in the samples, 0 to 1, whatever their rate.
    fn share(pcm: &[i16], hz: f32, band: Band) -> f32 {
        let hz = hz * 8.0 / band.per_ms() as f32;
        goertzel::power(pcm, hz) / goertzel::mean_square(pcm).max(1.0)
    }

    #[test]
    fn a_tone_comes_through_every_codec_in_every_band_at_its_level() {
        for coding in Coding::ALL {
            for band in BANDS {
                let (into, out) =
                    (Decoder::new(coding, band).band(), Encoder::new(coding, band, Wishes::default()).band());
                assert_eq!(into, out);
                let mut decoder = Decoder::new(coding, band);
                let (mut heard, mut pcm) = (Vec::new(), [0; DECODED_MAX]);
                for payload in coded(coding, band, Wishes::default(), &tone(900.0, into, 100)) {
                    assert_eq!(coding.ticks(&payload), 160, "{coding:?} {band:?}");
                    let len = decoder.decode(&payload, &mut pcm);
                    assert_eq!(len, 20 * into.per_ms(), "{coding:?} {band:?}");
                    heard.extend_from_slice(&pcm[..len]);
                }
                let later = &heard[heard.len() / 4..];
                assert!(
                    share(later, 900.0, into) > 0.95,
                    "{coding:?} {band:?} {}",
                    share(later, 900.0, into)
                );
                let level = goertzel::mean_square(later).sqrt();
                assert!((4_500.0..7_000.0).contains(&level), "{coding:?} {band:?} {level}");
            }
        }
    }

    #[test]
    fn narrow_and_wide_ends_of_a_wide_codec_hear_each_other() {
        for coding in [Coding::G722, Coding::Opus] {
            for (from, to) in [(Band::Narrow, Band::Wide), (Band::Wide, Band::Narrow)] {
                let mut decoder = Decoder::new(coding, to);
                let (mut heard, mut pcm) = (Vec::new(), [0; DECODED_MAX]);
                for payload in coded(coding, from, Wishes { fec: true, dtx: false }, &tone(900.0, from, 50)) {
                    let len = decoder.decode(&payload, &mut pcm);
                    heard.extend_from_slice(&pcm[..len]);
                }
                let later = &heard[heard.len() / 4..];
                assert!(share(later, 900.0, to) > 0.95, "{coding:?} {from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn a_lost_packet_of_opus_is_bridged_and_its_successor_brings_it_back() {
        let payloads =
            coded(Coding::Opus, Band::Wide, Wishes { fec: true, dtx: false }, &tone(500.0, Band::Wide, 60));
        for repeats in [false, true] {
            let mut decoder = Decoder::new(Coding::Opus, Band::Wide);
            let mut pcm = [0; 320];
            for payload in &payloads[..40] {
                decoder.decode(payload, &mut pcm);
            }
            let next = repeats.then_some(&payloads[41][..]);
            assert_eq!(decoder.conceal(next, &mut pcm), 320);
            assert!(share(&pcm, 500.0, Band::Wide) > 0.7, "{}", share(&pcm, 500.0, Band::Wide));
            assert!(goertzel::mean_square(&pcm).sqrt() > 2_500.0, "{}", goertzel::mean_square(&pcm).sqrt());
            assert_eq!(decoder.decode(&payloads[41], &mut pcm), 320);
        }
        for coding in [Coding::Alaw, Coding::Ulaw, Coding::G722] {
            assert_eq!(Decoder::new(coding, Band::Narrow).conceal(None, &mut [0; 160]), 0);
        }
    }

    #[test]
    fn silence_is_not_sent_to_whom_wishes_so() {
        let mut pcm = tone(500.0, Band::Narrow, 25);
        pcm.extend([8; 160 * 100]);
        let sent = |dtx| {
            coded(Coding::Opus, Band::Narrow, Wishes { fec: false, dtx }, &pcm)
                .iter()
                .filter(|p| !p.is_empty())
                .count()
        };
        assert_eq!(sent(false), 125);
        assert!((25..60).contains(&sent(true)), "{}", sent(true));
    }

    /// RFC 6716 table 2 and §3.2.
    #[test]
    fn the_length_of_a_packet_of_opus_is_in_its_first_bytes() {
        let ticks = |payload: &[u8]| Coding::Opus.ticks(payload);
        for (config, tenths_ms) in [
            (0, 100),
            (1, 200),
            (2, 400),
            (3, 600),
            (11, 600),
            (12, 100),
            (13, 200),
            (15, 200),
            (16, 25),
            (17, 50),
            (18, 100),
            (31, 200),
        ] {
            assert_eq!(ticks(&[config << 3, 0]), tenths_ms * 8 / 10, "{config}");
            assert_eq!(ticks(&[config << 3 | 1, 0]), tenths_ms * 16 / 10, "{config}");
        }
        assert_eq!((ticks(&[]), ticks(&[3]), ticks(&[0x0b, 0])), (0, 0, 0));
        assert_eq!((ticks(&[0x0b, 6]), ticks(&[0x0b, 7])), (960, 0), "120 ms is the longest");
    }

    #[test]
    fn whatever_comes_is_heard_or_not_and_never_panics() {
        let mut x = 9u32;
        let mut byte = || {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 24) as u8
        };
        let sound = coded(Coding::Opus, Band::Narrow, Wishes::default(), &tone(700.0, Band::Narrow, 30));
        for coding in Coding::ALL {
            for band in BANDS {
                let mut decoder = Decoder::new(coding, band);
                let mut pcm = [0; DECODED_MAX];
                for n in 0..400 {
                    let mut payload = match n % 2 {
                        0 => (0..usize::from(byte())).map(|_| byte()).collect(),
                        _ => sound[n / 2 % sound.len()].clone(),
                    };
                    if let Some(slot) = payload.get_mut(usize::from(byte() % 8)) {
                        *slot = byte();
                    }
                    let len = decoder.decode(&payload, &mut pcm);
                    assert!(len <= DECODED_MAX);
                    decoder.conceal((n % 3 == 0).then_some(&payload), &mut pcm[..160]);
                }
            }
        }
    }
}
