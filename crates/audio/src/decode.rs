//! A prompt file in memory (WAV, FLAC, Ogg Vorbis, MP3; any rate, any channels) → 8 kHz mono, with a plain word when it
//! cannot be used. Runs at start and when an operator brings a recording; never on the call path.

use crate::{RATE, plain, resample, to_sample};
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

/// Longest prompt, seconds.
pub const SECONDS_MAX: u32 = 120;
/// Largest file, bytes: two minutes of 24-bit stereo at 96 kHz, and some.
pub const BYTES_MAX: usize = 80 << 20;
/// A file whose loudest sample is below this is silent, dBFS …
pub const SILENT_DBFS: f32 = -60.0;
/// … which only a pause between words may be, ms.
pub const PAUSE_MS_MAX: u32 = 1000;
/// So many samples in a thousand may sit flat at full scale.
pub const CLIPPED_PER_MILLE_MAX: u32 = 2;
/// Shorter flat stretches are peaks, not clipping: samples at the file's own rate.
const FLAT_MIN: u32 = 3;
/// As loud as this is full scale …
const FLAT: f32 = 0.9985;
/// … and so it is in 16 bits.
const FLAT_16: u16 = 32_719;

/// Why a file cannot be a prompt. Guilty: the operator's file, each time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Not WAV, FLAC, Ogg Vorbis or MP3, or broken beyond reading.
    NotAudio,
    /// A known container without a single sample.
    Empty,
    /// Longer than [`SECONDS_MAX`].
    TooLong,
    /// More than [`BYTES_MAX`] bytes.
    TooLarge {
        /// The size of the file.
        bytes: usize,
    },
    /// Nothing above [`SILENT_DBFS`], and longer than [`PAUSE_MS_MAX`].
    Silent,
    /// Recorded too loud: so many samples in a thousand are flat at full scale.
    Clipped {
        /// Above [`CLIPPED_PER_MILLE_MAX`].
        per_mille: u32,
    },
    /// A sample rate outside [`resample::RATE_HZ_MIN`]..=[`resample::RATE_HZ_MAX`].
    Rate {
        /// What the file says.
        hz: u32,
    },
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Fault::NotAudio => {
                f.write_str("not audio this line can read: bring WAV, FLAC, Ogg Vorbis or MP3")
            }
            Fault::Empty => f.write_str("no sound in the file: record it again"),
            Fault::TooLong => write!(f, "longer than {SECONDS_MAX} s: a prompt must be short; cut it"),
            Fault::TooLarge { bytes } => write!(f, "{bytes} bytes: a prompt may have {BYTES_MAX}; cut it"),
            Fault::Silent => write!(f, "nothing louder than {SILENT_DBFS} dBFS: record it again, louder"),
            Fault::Clipped { per_mille } => {
                write!(f, "{per_mille} samples in 1000 are clipped: record it again, softer")
            }
            Fault::Rate { hz } => resample::RateFault(*hz).fmt(f),
        }
    }
}

impl core::error::Error for Fault {}

/// A whole file → samples at 8 kHz, one channel. `extension` (`wav`, `flac`, `ogg`, `mp3`) is a hint only. Level and
/// silences at the ends stay as they are (see [`crate::loudness`]).
///
/// # Errors
/// [`Fault`]; bytes of any kind give one and never a panic.
pub fn decode(bytes: Vec<u8>, extension: &str) -> Result<Vec<i16>, Fault> {
    if bytes.is_empty() {
        return Err(Fault::Empty);
    }
    if bytes.len() > BYTES_MAX {
        return Err(Fault::TooLarge { bytes: bytes.len() });
    }
    if let Some(pcm) = plain::read(&bytes) {
        return of_house(pcm);
    }
    // symphonia 0.6.1 multiplies unchecked in damaged headers: where overflow is checked it panics. The file is at
    // fault, and nothing outlives the attempt.
    let read = AssertUnwindSafe(|| {
        let mut mono = Mono::default();
        read_all(bytes, extension, &mut mono).map(|()| mono)
    });
    let mono = catch_unwind(read).unwrap_or(Err(Fault::NotAudio))?;
    mono.verdict()?;
    let out = resample::to_8k(&mono.samples, mono.rate_hz).map_err(|f| Fault::Rate { hz: f.0 })?;
    if out.is_empty() {
        return Err(Fault::Empty);
    }
    Ok(out.into_iter().map(|x| to_sample(x * 32768.0)).collect())
}

/// The same verdicts on samples that need no work.
fn of_house(pcm: Vec<i16>) -> Result<Vec<i16>, Fault> {
    if pcm.len() as u64 > u64::from(SECONDS_MAX) * u64::from(RATE) {
        return Err(Fault::TooLong);
    }
    let mut flats = Flats::default();
    pcm.iter().for_each(|s| flats.take(s.unsigned_abs() >= FLAT_16));
    let peak = pcm.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0);
    verdict(pcm.len(), RATE, f32::from(peak) / 32768.0, flats.count)?;
    Ok(pcm)
}

fn read_all(bytes: Vec<u8>, extension: &str, mono: &mut Mono) -> Result<(), Fault> {
    let source = MediaSourceStream::new(Box::new(Cursor::new(bytes)), MediaSourceStreamOptions::default());
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let mut format = symphonia::default::get_probe()
        .probe(&hint, source, FormatOptions::default(), MetadataOptions::default())
        .map_err(|_| Fault::NotAudio)?;
    let track = format.default_track(TrackType::Audio).ok_or(Fault::NotAudio)?;
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or(Fault::NotAudio)?;
    let id = track.id;
    let mut decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|_| Fault::NotAudio)?;
    read_track(&mut *format, id, &mut *decoder, mono)
}

/// Packet after packet; a broken one is skipped, as a player would.
fn read_track(
    format: &mut dyn FormatReader,
    id: u32,
    decoder: &mut dyn AudioDecoder,
    mono: &mut Mono,
) -> Result<(), Fault> {
    let mut broken = false;
    // An error here is the end: a file cut short still has what came before.
    while let Ok(Some(packet)) = format.next_packet() {
        if packet.track_id != id {
            continue;
        }
        match decoder.decode(&packet) {
            Ok(part) => mono.take(&part)?,
            Err(Error::DecodeError(_) | Error::IoError(_)) => broken = true,
            Err(_) => return Err(Fault::NotAudio),
        }
    }
    if mono.samples.is_empty() && broken { Err(Fault::NotAudio) } else { Ok(()) }
}

/// What was read so far, mixed to one channel at the file's own rate.
#[derive(Default)]
struct Mono {
    samples: Vec<f32>,
    rate_hz: u32,
    scratch: Vec<f32>,
    flats: Flats,
}

impl Mono {
    fn take(&mut self, part: &GenericAudioBufferRef<'_>) -> Result<(), Fault> {
        let (rate_hz, channels) = (part.spec().rate(), part.spec().channels().count());
        if self.rate_hz == 0 {
            self.rate_hz = rate_hz;
        }
        // A rate that changes within a file is no prompt.
        if channels == 0 || rate_hz == 0 || rate_hz != self.rate_hz {
            return Err(Fault::NotAudio);
        }
        let ceiling = u64::from(SECONDS_MAX) * u64::from(rate_hz);
        if self.samples.len() as u64 + part.frames() as u64 > ceiling {
            return Err(Fault::TooLong);
        }
        part.copy_to_vec_interleaved(&mut self.scratch);
        for frame in self.scratch.chunks_exact(channels) {
            self.flats.take(frame.iter().any(|x| x.abs() > FLAT));
            let mixed = frame.iter().sum::<f32>() / channels as f32;
            // Float WAV may hold anything; NaN and infinities are silence here.
            self.samples.push(if mixed.is_finite() { mixed.clamp(-1.0, 1.0) } else { 0.0 });
        }
        Ok(())
    }

    fn verdict(&self) -> Result<(), Fault> {
        let peak = self.samples.iter().fold(0f32, |p, x| p.max(x.abs()));
        verdict(self.samples.len(), self.rate_hz, peak, self.flats.count)
    }
}

/// Samples that sit flat at full scale, three or more in a row.
#[derive(Default)]
struct Flats {
    run: u32,
    count: u64,
}

impl Flats {
    fn take(&mut self, flat: bool) {
        self.run = if flat { self.run + 1 } else { 0 };
        self.count += match self.run {
            FLAT_MIN => u64::from(FLAT_MIN),
            n if n > FLAT_MIN => 1,
            _ => 0,
        };
    }
}

/// Whether so many samples, with this peak and so many flat ones, can be a prompt.
fn verdict(samples: usize, rate_hz: u32, peak: f32, flat: u64) -> Result<(), Fault> {
    if samples == 0 {
        return Err(Fault::Empty);
    }
    let ms = samples as u64 * 1000 / u64::from(rate_hz.max(1));
    if peak < 10f32.powf(SILENT_DBFS / 20.0) && ms > u64::from(PAUSE_MS_MAX) {
        return Err(Fault::Silent);
    }
    let per_mille = u32::try_from(flat * 1000 / samples as u64).unwrap_or(1000);
    if per_mille > CLIPPED_PER_MILLE_MAX {
        return Err(Fault::Clipped { per_mille });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as the house keeps it.
    fn wav(pcm: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        bytes
    }

    /// The same with a chunk behind the sound, which the short way does not take.
    fn with_note(pcm: &[i16]) -> Vec<u8> {
        let mut bytes = wav(pcm);
        bytes.extend(b"note\x02\0\0\0hi");
        let length = bytes.len() as u32 - 8;
        bytes[4..8].copy_from_slice(&length.to_le_bytes());
        bytes
    }

    #[test]
    fn the_short_way_and_the_decoder_hear_the_same() {
        let ramp: Vec<i16> = (0..20_000u32).map(|n| (n * 7_919 % 65_000) as i16).collect();
        let sounds: [Vec<i16>; 8] = [
            ramp.iter().map(|s| s / 2).collect(),
            ramp,
            vec![i16::MIN; 4_000],
            vec![32_719; 4_000],
            vec![32_718; 4_000],
            vec![32; 9_000],
            vec![33; 9_000],
            vec![0; 8_000],
        ];
        for pcm in sounds {
            let (house, other) = (wav(&pcm), with_note(&pcm));
            assert_eq!((plain::read(&house).as_ref(), plain::read(&other)), (Some(&pcm), None));
            assert_eq!(decode(house, "wav"), decode(other, "wav"), "{:?}", pcm.first());
        }
        let seconds = SECONDS_MAX as usize * RATE as usize;
        assert_eq!(decode(wav(&vec![900; seconds + 1]), "wav"), Err(Fault::TooLong));
        assert_eq!(decode(wav(&vec![900; seconds]), "wav").map(|pcm| pcm.len()), Ok(seconds));
        assert_eq!(decode(wav(&[]), "wav"), Err(Fault::Empty));
    }

    #[test]
    fn a_plain_file_that_is_cut_short_is_left_to_the_decoder() {
        let whole = wav(&[1_000; 800]);
        for len in 0..whole.len() {
            assert_eq!(plain::read(&whole[..len]), None, "{len}");
        }
    }
}
