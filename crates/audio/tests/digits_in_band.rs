//! Digits in band are heard as ITU-T Q.24 wants them, and voices do not dial.

use proptest::prelude::*;
use senim_audio::dtmf::{Detector, PENDING_MAX};
use senim_audio::{amplitude_of_dbm0, g711, goertzel, tone};

/// Noise that is the same each run.
struct Noise(u32);

impl Noise {
    /// Even over −1 … 1.
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 8) as f32 / 8_388_608.0 - 1.0
    }

    /// Added to the samples, `rms` strong.
    fn over(&mut self, pcm: &mut [i16], rms: f32) {
        for s in pcm {
            *s = (f32::from(*s) + self.next() * rms * 3f32.sqrt()).round() as i16;
        }
    }
}

fn heard(pcm: &[i16]) -> String {
    let mut detector = Detector::new();
    // The detector is asked until it has nothing more: a test may feed more than one press at once.
    let frames = pcm.chunks(160);
    frames.filter_map(|frame| detector.feed(frame)).collect()
}

fn keys() -> String {
    tone::KEYS.iter().collect()
}

/// FEATURES T10: 40 ms on, 40 ms off, −3 to −30 dBm0 a tone, noise 18 dB below, through A-law, at every phase of the
/// detector's blocks.
#[test]
fn all_sixteen_keys_are_heard_once_from_loud_to_faint() {
    let mut noise = Noise(1);
    for level in (3..=30).step_by(3).map(|below| -(below as f32)) {
        for phase in (0..64).step_by(13) {
            let mut pcm = vec![0i16; phase];
            pcm.extend(tone::dtmf_text(&keys(), level, 40, 40));
            noise.over(&mut pcm, amplitude_of_dbm0(level - 18.0) / 2f32.sqrt());
            let pcm: Vec<i16> = pcm.into_iter().map(|s| g711::alaw_decode(g711::alaw_encode(s))).collect();
            assert_eq!(heard(&pcm), keys(), "{level} dBm0, phase {phase}");
        }
    }
}

#[test]
fn what_is_fainter_than_the_floor_or_shorter_than_24_ms_is_no_press() {
    assert_eq!(heard(&tone::dtmf_text(&keys(), -38.0, 100, 60)), "");
    for phase in 0..64 {
        let pcm = [vec![0; phase], tone::dtmf_text(&keys(), -10.0, 23, 60)].concat();
        assert_eq!(heard(&pcm), "", "phase {phase}");
    }
}

#[test]
fn a_long_press_is_one_digit_a_break_of_10_ms_does_not_split_it_and_a_pause_of_40_ms_does() {
    assert_eq!(heard(&tone::dtmf_text("5", -10.0, 3000, 0)), "5");
    let part = tone::dtmf_text("5", -10.0, 60, 0);
    for phase in 0..64 {
        let with = |gap: u32| [vec![0; phase], part.clone(), tone::silence(gap), part.clone()].concat();
        assert_eq!(heard(&with(10)), "5", "phase {phase}");
        assert_eq!(heard(&with(40)), "55", "phase {phase}");
    }
}

#[test]
fn keys_that_touch_are_told_apart() {
    assert_eq!(heard(&tone::dtmf_text("1590*#", -10.0, 60, 0)), "1590*#");
}

#[test]
fn twist_is_taken_from_plus_4_to_minus_8_db_and_not_far_beyond() {
    for key in tone::KEYS {
        let with = |twist: f32| {
            let (low, high) = if twist > 0.0 { (-10.0 - twist, -10.0) } else { (-10.0, -10.0 + twist) };
            heard(&tone::dtmf_twisted(key, low, high, 60).expect("a key"))
        };
        for twist in [-8.0, -4.0, 0.0, 2.0, 4.0] {
            assert_eq!(with(twist), key.to_string(), "{twist} dB");
        }
        for twist in [-12.0, 8.0] {
            assert_eq!(with(twist), "", "{key}, {twist} dB");
        }
    }
}

fn pair(low: f32, high: f32, ms: usize) -> Vec<i16> {
    let sine = |hz: f32, n: usize| (core::f32::consts::TAU * (hz * n as f32 / 8000.0).fract()).sin();
    (0..ms * 8).map(|n| (8000.0 * (sine(low, n) + sine(high, n))) as i16).collect()
}

#[test]
fn frequencies_may_be_off_by_1_5_percent_and_not_by_5() {
    for key in tone::KEYS {
        let (low, high) = tone::frequencies(key).expect("a key");
        for (l, h) in [(0.985, 0.985), (1.015, 1.015), (0.985, 1.015), (1.015, 0.985)] {
            assert_eq!(heard(&pair(low * l, high * h, 50)), key.to_string(), "{l} {h}");
        }
        for (l, h) in [(0.95, 0.95), (1.05, 1.05)] {
            assert_eq!(heard(&pair(low * l, high * h, 100)), "", "{key} {l} {h}");
        }
    }
}

#[test]
fn a_tone_with_a_strong_second_harmonic_is_a_voice() {
    for key in ['1', '5', '9', 'D'] {
        let (low, high) = tone::frequencies(key).expect("a key");
        let clean = pair(low, high, 100);
        let above = pair(2.0 * low, 2.0 * high, 100);
        let voice: Vec<i16> = clean.iter().zip(&above).map(|(a, b)| a + b / 3).collect();
        assert_eq!(heard(&voice), "", "{key}");
        assert_eq!(heard(&clean), key.to_string());
    }
}

#[test]
fn a_press_12_db_over_its_noise_is_heard_and_noise_alone_is_not() {
    let mut noise = Noise(3);
    let mut pcm = tone::dtmf_text(&keys(), -10.0, 60, 60);
    noise.over(&mut pcm, amplitude_of_dbm0(-22.0) / 2f32.sqrt());
    assert_eq!(heard(&pcm), keys());
    let mut only = vec![0i16; 8000 * 60];
    noise.over(&mut only, 3000.0);
    assert_eq!(heard(&only), "");
}

#[test]
fn one_long_feed_gives_its_digits_one_by_one_up_to_the_ceiling() {
    let mut rest = Detector::new();
    let mut all = |presses: usize| {
        let pcm = tone::dtmf_text(&"7".repeat(presses), -10.0, 50, 50);
        let mut digits: String = rest.feed(&pcm).into_iter().collect();
        digits.extend(core::iter::from_fn(|| rest.feed(&[])));
        digits.len()
    };
    assert_eq!(all(PENDING_MAX), PENDING_MAX);
    assert_eq!(all(PENDING_MAX + 1), PENDING_MAX);
    assert_eq!(all(1), 1);
}

/// A voice: a pulse train of wandering pitch through three resonances that wander too, in syllables.
struct Voice {
    noise: Noise,
    phase: f32,
    pitch_hz: f32,
    pitch_home_hz: f32,
    formants: [(f32, f32, f32); 3],
    syllable: f32,
}

impl Voice {
    fn new(seed: u32, pitch_home_hz: f32) -> Voice {
        let formants = [(500.0, 0.0, 0.0), (1500.0, 0.0, 0.0), (2500.0, 0.0, 0.0)];
        Voice {
            noise: Noise(seed),
            phase: 0.0,
            pitch_hz: pitch_home_hz,
            pitch_home_hz,
            formants,
            syllable: 0.0,
        }
    }

    /// Every 20 ms the mouth moves.
    fn move_on(&mut self) {
        let bounds = [(250.0, 900.0), (700.0, 2300.0), (1900.0, 3200.0)];
        for ((hz, _, _), (low, high)) in self.formants.iter_mut().zip(bounds) {
            *hz = (*hz + 160.0 * self.noise.next()).clamp(low, high);
        }
        let home = self.pitch_home_hz;
        self.pitch_hz = (self.pitch_hz * (1.0 + 0.05 * self.noise.next())).clamp(0.7 * home, 1.6 * home);
        self.syllable += 0.1 + 0.05 * self.noise.next();
    }

    fn sample(&mut self) -> f32 {
        self.phase += self.pitch_hz / 8000.0;
        let pulse = if self.phase >= 1.0 { 1.0 } else { 0.0 };
        self.phase = self.phase.fract();
        let mut x = pulse + 0.02 * self.noise.next();
        for (hz, y1, y2) in &mut self.formants {
            let r = 0.97f32;
            let y = x + 2.0 * r * (core::f32::consts::TAU * *hz / 8000.0).cos() * *y1 - r * r * *y2;
            (*y2, *y1) = (*y1, y);
            x = 0.2 * y;
        }
        x * (0.55 + 0.45 * (self.syllable * 2.0).sin())
    }
}

/// A crowd for so many seconds; gives what the detector heard in it.
fn babble(seed: u32, seconds: u32, homes: &[f32]) -> String {
    let mut detector = Detector::new();
    let (mut power, mut dialled) = (0f64, String::new());
    let mut voices: Vec<Voice> =
        homes.iter().enumerate().map(|(n, hz)| Voice::new(17 * n as u32 + seed, *hz)).collect();
    for _ in 0..seconds * 50 {
        voices.iter_mut().for_each(Voice::move_on);
        let mut frame = [0i16; 160];
        for sample in &mut frame {
            *sample = (450_000.0 * voices.iter_mut().map(Voice::sample).sum::<f32>()) as i16;
        }
        dialled.extend(detector.feed(&frame));
        power += f64::from(goertzel::mean_square(&frame));
    }
    // As loud as people talk: the detector's floor did not do the work.
    let level_db = 10.0 * (power / f64::from(seconds * 50) / (32_767.0 * 32_767.0)).log10();
    assert!((-30.0..-8.0).contains(&level_db), "{level_db}");
    dialled
}

/// FEATURES T10. Talk-off: one voice, two and four; an hour in all.
#[test]
fn an_hour_of_babble_dials_nothing() {
    let crowds: [&[f32]; 6] =
        [&[120.0], &[220.0], &[90.0, 180.0], &[110.0, 200.0], &[95.0, 140.0, 210.0, 300.0], &[270.0]];
    std::thread::scope(|scope| {
        for (n, homes) in (0..).zip(crowds) {
            scope.spawn(move || assert_eq!(babble(1 + 100 * n, 600, homes), "", "{homes:?}"));
        }
    });
}

/// The prompts that the line is shipped with.
fn prompts() -> Vec<(String, Vec<i16>)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts/prompts/audio");
    let mut found = Vec::new();
    for language in ["kk", "ru"] {
        for entry in std::fs::read_dir(root.join(language)).expect("prompts are shipped") {
            let path = entry.expect("a file").path();
            let bytes = std::fs::read(&path).expect("a file");
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
            found.push((path.display().to_string(), senim_audio::decode(bytes, extension).expect("sound")));
        }
    }
    found.sort();
    found
}

/// FEATURES T10: who keys while a prompt is said to him, and whose line gives an echo of it back (14 dB down, the worst
/// that a network lets pass: ITU-T G.122), is heard to the last key; and no prompt dials by itself.
#[test]
fn keys_over_every_shipped_prompt_are_heard_and_no_prompt_dials() {
    let prompts = prompts();
    assert!(prompts.len() > 100, "{}", prompts.len());
    let echo = 10f32.powf(-14.0 / 20.0);
    for (name, pcm) in &prompts {
        let law = |s: i16| g711::alaw_decode(g711::alaw_encode(s));
        let aloud: Vec<i16> = pcm.iter().map(|s| law(*s)).collect();
        assert_eq!(heard(&aloud), "", "{name} by itself");
        let (keyed, mut line) = (keys().repeat(pcm.len() / 16_000 / 16 + 1), Vec::new());
        let sound = tone::dtmf_text(&keyed, -10.0, 70, 70);
        for (n, key) in sound.iter().enumerate() {
            // The prompt again and again, as long as keys come.
            let back = echo * f32::from(pcm[n % pcm.len()]);
            line.push(law((f32::from(*key) + back) as i16));
        }
        assert_eq!(heard(&line), keyed, "{name} with keys over it");
    }
}

#[test]
fn tones_of_the_line_and_its_music_dial_nothing() {
    for pcm in [tone::ring(), tone::busy(), tone::congestion(), tone::beep(), senim_audio::music::on_hold()] {
        assert_eq!(heard(&pcm), "");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_samples_in_any_pieces_give_the_same_and_never_panic(
        noise in prop::collection::vec(any::<i16>(), 0..3000),
        key in prop::sample::select(tone::KEYS.to_vec()),
        piece in 1usize..400,
    ) {
        let mut pcm = tone::dtmf(key, -8.0, 60).expect("a key");
        pcm.extend(noise);
        let mut detector = Detector::new();
        let pieces: String = pcm.chunks(piece).filter_map(|p| detector.feed(p)).collect();
        prop_assert_eq!(pieces, heard(&pcm));
    }
}
