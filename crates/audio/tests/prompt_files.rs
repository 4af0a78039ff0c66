//! Prompt files of every kind an operator may bring are read, and what cannot be a prompt is said plainly.

use proptest::prelude::*;
use senim_audio::decode::{BYTES_MAX, CLIPPED_PER_MILLE_MAX, Fault, PAUSE_MS_MAX, SECONDS_MAX};
use senim_audio::{decode, listen, loudness};
use std::io::Cursor;

fn wav_of(rate_hz: u32, channels: u16, samples: impl Iterator<Item = i16>) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels,
        sample_rate: rate_hz,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec).expect("in memory");
    for sample in samples {
        for _ in 0..channels {
            writer.write_sample(sample).expect("in memory");
        }
    }
    writer.finalize().expect("in memory");
    out.into_inner()
}

fn sine(rate_hz: u32, amplitude: f32) -> impl Iterator<Item = i16> {
    let turn = 600.0 / f64::from(rate_hz);
    (0u32..).map(move |n| {
        let phase = (turn * f64::from(n)).fract() as f32;
        (amplitude * (core::f32::consts::TAU * phase).sin()) as i16
    })
}

fn wav(rate_hz: u32, channels: u16, seconds: u32) -> Vec<u8> {
    wav_of(rate_hz, channels, sine(rate_hz, 9000.0).take((rate_hz * seconds) as usize))
}

#[test]
fn every_kind_of_file_becomes_8_khz_mono() {
    let files: [(&str, &[u8]); 4] = [
        ("flac", include_bytes!("data/beep.flac")), // 16 kHz, two channels
        ("ogg", include_bytes!("data/beep.ogg")),   // 22.05 kHz
        ("mp3", include_bytes!("data/beep.mp3")),   // 32 kHz, with a title before the sound
        ("wav", include_bytes!("data/alaw.wav")),   // 8 kHz, A-law
    ];
    for (kind, bytes) in files {
        // The name's ending is a hint: a wrong one does not matter.
        for hint in [kind, "wav", ""] {
            let pcm = decode(bytes.to_vec(), hint).unwrap_or_else(|f| panic!("{kind}: {f}"));
            // MP3 pads to whole frames.
            assert!((2300..=3000).contains(&pcm.len()), "{kind}: {}", pcm.len());
            assert!(listen::contains_tone(&pcm[400..2000], 600.0), "{kind}");
        }
    }
}

#[test]
fn any_rate_and_any_number_of_channels_will_do() {
    for (rate_hz, channels) in [(8000, 1), (11_025, 1), (22_050, 2), (44_100, 1), (48_000, 2), (48_000, 6)] {
        let pcm = decode(wav(rate_hz, channels, 1), "wav").unwrap();
        assert!(pcm.len().abs_diff(8000) <= 1, "{rate_hz}: {}", pcm.len());
        assert!((loudness::peak_dbfs(&pcm[100..7900]) + 11.2).abs() < 0.3, "{rate_hz} {channels}");
    }
}

#[test]
fn eight_kilohertz_mono_comes_through_untouched() {
    let pcm: Vec<i16> = sine(8000, 9000.0).take(1000).collect();
    assert_eq!(decode(wav_of(8000, 1, pcm.iter().copied()), "wav"), Ok(pcm));
}

#[test]
fn what_is_no_audio_is_said() {
    for bytes in [b"hello".as_slice(), b"RIFF", &[0; 5000], &[0xFF; 5000], b"OggS", b"fLaC", b"ID3"] {
        assert_eq!(decode(bytes.to_vec(), "wav"), Err(Fault::NotAudio));
    }
    assert_eq!(decode(vec![], "wav"), Err(Fault::Empty));
    assert_eq!(decode(wav(8000, 1, 0), "wav"), Err(Fault::Empty));
    assert_eq!(decode(wav_of(48_000, 1, [9i16; 3].into_iter()), "wav"), Err(Fault::Empty));
}

#[test]
fn two_minutes_pass_and_one_sample_more_does_not() {
    let all = (8000 * SECONDS_MAX) as usize;
    assert_eq!(decode(wav(8000, 1, SECONDS_MAX), "wav").map(|pcm| pcm.len()), Ok(all));
    assert_eq!(decode(wav_of(8000, 1, sine(8000, 9000.0).take(all + 1)), "wav"), Err(Fault::TooLong));
}

#[test]
fn a_file_over_the_ceiling_is_not_read() {
    assert_eq!(decode(vec![0; BYTES_MAX + 1], "wav"), Err(Fault::TooLarge { bytes: BYTES_MAX + 1 }));
    assert_eq!(decode(vec![0; BYTES_MAX], "wav"), Err(Fault::NotAudio));
}

#[test]
fn a_silent_recording_is_refused_and_a_short_pause_is_not() {
    let silent =
        |ms: u32| decode(wav_of(8000, 1, (0..ms * 8).map(|n| (n % 7) as i16)), "wav").map(|p| p.len());
    assert_eq!(silent(PAUSE_MS_MAX), Ok(8000));
    assert_eq!(silent(PAUSE_MS_MAX + 1), Err(Fault::Silent));
}

#[test]
fn clipping_is_told_from_peaks() {
    let square = |amplitude: f32| sine(8000, amplitude).map(|s| s.saturating_mul(4)).take(8000);
    let clipped = decode(wav_of(8000, 1, square(20_000.0)), "wav");
    assert!(matches!(clipped, Err(Fault::Clipped { per_mille }) if per_mille > CLIPPED_PER_MILLE_MAX));
    assert!(decode(wav_of(8000, 1, square(8_000.0)), "wav").is_ok());
    assert!(decode(wav_of(8000, 1, sine(8000, 32_767.0).take(8000)), "wav").is_ok());
}

#[test]
fn rates_beyond_reason_are_refused() {
    for hz in [100, 400_000] {
        assert_eq!(decode(wav_of(hz, 1, sine(8000, 9000.0).take(4000)), "wav"), Err(Fault::Rate { hz }));
    }
}

#[test]
fn every_fault_tells_the_operator_what_to_do() {
    let faults = [
        (Fault::NotAudio, "bring"),
        (Fault::Empty, "record"),
        (Fault::TooLong, "cut"),
        (Fault::TooLarge { bytes: 1 }, "cut"),
        (Fault::Silent, "louder"),
        (Fault::Clipped { per_mille: 9 }, "softer"),
        (Fault::Rate { hz: 7 }, "must"),
    ];
    for (fault, word) in faults {
        assert!(fault.to_string().contains(word), "{fault}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_give_sound_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..2000), kind in 0usize..4) {
        let _ = decode(bytes, ["wav", "flac", "ogg", "mp3"][kind]);
    }

    #[test]
    fn a_damaged_file_gives_sound_or_a_fault(
        kind in 0usize..5,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        in_the_head in any::<bool>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = match kind {
            0 => include_bytes!("data/beep.flac").to_vec(),
            1 => include_bytes!("data/beep.ogg").to_vec(),
            2 => include_bytes!("data/beep.mp3").to_vec(),
            3 => include_bytes!("data/alaw.wav").to_vec(),
            _ => wav(8000, 2, 1),
        };
        let reach = if in_the_head { bytes.len().min(64) } else { bytes.len() };
        for (at, value) in damage {
            bytes[at.index(reach)] = value;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let _ = decode(bytes, "wav");
    }
}
