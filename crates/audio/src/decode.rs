//! Prompt files at load time: WAV, FLAC, Ogg Vorbis or MP3 of any rate and any number of channels become samples.

use crate::resample::resample;
use core::fmt;
use std::io::Cursor;
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// Longest prompt, in seconds.
pub const SECONDS_MAX: u32 = 120;

/// Why a file is no prompt: the operator's to mend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeFault {
    /// Not a sound file that can be read.
    NotAudio,
    /// Holds no sample.
    Empty,
    /// Longer than [`SECONDS_MAX`].
    TooLong,
}

impl fmt::Display for DecodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeFault::NotAudio => {
                f.write_str("cannot be read as sound; save it as WAV, FLAC, Ogg Vorbis or MP3")
            }
            DecodeFault::Empty => f.write_str("holds no sound; record it again"),
            DecodeFault::TooLong => write!(f, "is longer than {SECONDS_MAX} seconds; cut it"),
        }
    }
}

impl core::error::Error for DecodeFault {}

/// Decodes a whole file. `extension` (`wav`, `flac` …) is a hint only.
///
/// # Errors
/// [`DecodeFault`]; bytes of any kind give one and never a panic.
pub fn decode(bytes: Vec<u8>, extension: &str) -> Result<Vec<i16>, DecodeFault> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let mut format = symphonia::default::get_probe()
        .probe(&hint, source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|_| DecodeFault::NotAudio)?;
    let track = format.default_track(TrackType::Audio).ok_or(DecodeFault::NotAudio)?;
    let (id, parameters) =
        (track.id, track.codec_params.as_ref().and_then(|p| p.audio()).ok_or(DecodeFault::NotAudio)?.clone());
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
        .map_err(|_| DecodeFault::NotAudio)?;
    let (mut pcm, mut rate, mut frame) = (Vec::new(), 0, Vec::<i16>::new());
    while let Ok(Some(packet)) = format.next_packet() {
        if packet.track_id != id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(audio) => {
                rate = audio.spec().rate();
                let channels = audio.spec().channels().count().max(1);
                audio.copy_to_vec_interleaved(&mut frame);
                pcm.extend(frame.chunks(channels).map(mix));
            }
            Err(Error::DecodeError(_)) => {}
            Err(_) => break,
        }
        if rate > 0 && pcm.len() as u64 > u64::from(rate) * u64::from(SECONDS_MAX) {
            return Err(DecodeFault::TooLong);
        }
    }
    if pcm.is_empty() { Err(DecodeFault::Empty) } else { Ok(resample(&pcm, rate)) }
}

fn mix(channels: &[i16]) -> i16 {
    let sum: i32 = channels.iter().map(|s| i32::from(*s)).sum();
    (sum / i32::try_from(channels.len()).unwrap_or(1).max(1)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::contains_tone;
    use proptest::prelude::*;

    fn wav(rate: u32, channels: u16, seconds: u32) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut out = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
        for n in 0..rate * seconds {
            let s = 9_000.0 * (core::f32::consts::TAU * 500.0 * n as f32 / rate as f32).sin();
            for _ in 0..channels {
                writer.write_sample(s as i16).unwrap();
            }
        }
        writer.finalize().unwrap();
        out.into_inner()
    }

    #[test]
    fn any_rate_and_channels_become_8_khz() {
        for (rate, channels) in [(8_000, 1), (22_050, 1), (48_000, 2)] {
            let pcm = decode(wav(rate, channels, 1), "wav").unwrap();
            assert!(pcm.len().abs_diff(8_000) < 4, "{}", pcm.len());
            assert!(contains_tone(&pcm, 500.0));
        }
    }

    #[test]
    fn what_is_no_prompt_is_said() {
        assert_eq!(decode(b"hello".to_vec(), "wav"), Err(DecodeFault::NotAudio));
        assert_eq!(decode(wav(8_000, 1, 0), "wav"), Err(DecodeFault::Empty));
        assert_eq!(decode(wav(8_000, 1, SECONDS_MAX + 1), "wav"), Err(DecodeFault::TooLong));
        assert!(decode(wav(8_000, 1, SECONDS_MAX - 1), "wav").is_ok());
    }

    proptest! {
        #[test]
        fn bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..600), whole in any::<bool>()) {
            if whole {
                let mut file = wav(8_000, 1, 1);
                file.truncate(2_000);
                for (n, b) in bytes.iter().enumerate().take(30) {
                    let at = n * 7 % 100;
                    file[at] ^= b;
                }
                bytes = file;
            }
            let _ = decode(bytes, "wav");
        }
    }
}
