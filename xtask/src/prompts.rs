//! `cargo xtask prompts [--only NAME] [--check]`: the texts of `ivr-scripts/prompts/{kk,ru}.toml` become sound.
//!
//! What is missing or stale is spoken by espeak-ng, cut and levelled by `senim-audio` and written as 8 kHz WAV. The
//! manifest `audio/synthetic.toml` remembers which text each synthetic file spoke and what the file was: a file that is
//! not in it, or differs from it, was brought by a person (a studio recording) and is never touched.

use senim_audio::{RATE, decode, loudness, music, tone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Folder of the texts, from the root of the repository.
const FOLDER: &str = "ivr-scripts/prompts";
const LANGUAGES: [&str; 2] = ["kk", "ru"];
/// espeak-ng's words a minute (its default is 175): unhurried, a frightened child listens. Kazakh words are longer.
const PACES: [(&str, &str); 2] = [("kk", "155"), ("ru", "145")];
/// An empty text is a pause of so many ms.
const PAUSE_MS: u32 = 200;
/// What the music is made of; another composition gets another name and is made anew.
const MUSIC: &str = "senim_audio::music::on_hold, first composition";

type Texts = BTreeMap<String, String>;

/// `path within audio` → what was made there.
type Manifest = BTreeMap<String, Made>;

/// A synthetic file: SHA-256 of the text (with the voice) and of the file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Made {
    text: String,
    sound: String,
}

/// How a prompt's sound stands to its text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Spoken from the text as it is.
    Fresh,
    /// Brought by a person; whether it says the text only a person can tell.
    Studio,
    /// No file.
    Missing,
    /// Spoken from an older text.
    Stale,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Fresh => "as its text",
            State::Studio => "a recording",
            State::Missing => "missing",
            State::Stale => "its text changed",
        }
    }
}

/// One prompt: where its file is, what it says.
struct Prompt<'a> {
    key: String,
    name: &'a str,
    source: Source<'a>,
}

enum Source<'a> {
    Spoken { language: &'a str, text: &'a str },
    Music,
}

impl Prompt<'_> {
    fn digest(&self) -> String {
        match &self.source {
            Source::Spoken { language, text } => {
                hex(format!("{language} {}\n{text}", pace(language)).as_bytes())
            }
            Source::Music => hex(MUSIC.as_bytes()),
        }
    }

    fn file(&self, folder: &Path) -> PathBuf {
        folder.join("audio").join(format!("{}.wav", self.key))
    }
}

/// Runs the chore. `args` are the words after `prompts`.
pub(crate) fn verb(root: &Path, args: &[&str]) -> ExitCode {
    let told = parse(args).and_then(|(only, check)| {
        let folder = root.join(FOLDER);
        if check { prove(&folder) } else { make(&folder, only.as_deref()) }
    });
    match told {
        Ok(line) => {
            eprintln!("{line}");
            ExitCode::SUCCESS
        }
        Err(faults) => {
            faults.iter().for_each(|fault| eprintln!("{fault}"));
            ExitCode::FAILURE
        }
    }
}

fn parse(args: &[&str]) -> Result<(Option<String>, bool), Vec<String>> {
    let (mut only, mut check) = (None, false);
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--check" => check = true,
            "--only" => only = Some(args.next().ok_or(vec!["--only: name a prompt".to_owned()])?.to_string()),
            other => return Err(vec![format!("{other}: write `prompts [--only NAME] [--check]`")]),
        }
    }
    Ok((only, check))
}

/// Proves that every text has its sound, and every name its two languages (FEATURES L2).
fn prove(folder: &Path) -> Result<String, Vec<String>> {
    let texts = texts(folder)?;
    let manifest = manifest(folder)?;
    let mut faults = names_differ(&texts);
    let prompts = prompts(&texts);
    for prompt in &prompts {
        match state(prompt, folder, &manifest) {
            State::Fresh | State::Studio => faults.extend(unusable(prompt, folder)),
            state => {
                let word = state.word();
                faults.push(format!("audio/{}.wav: {word}; run `cargo xtask prompts`", prompt.key));
            }
        }
    }
    if faults.is_empty() { Ok(format!("prompts: {} sounds, all there", prompts.len())) } else { Err(faults) }
}

/// Makes what is missing or stale; with `only`, that name in every language, studio recordings still left alone.
fn make(folder: &Path, only: Option<&str>) -> Result<String, Vec<String>> {
    let texts = texts(folder)?;
    let differ = names_differ(&texts);
    if !differ.is_empty() {
        return Err(differ);
    }
    let mut manifest = manifest(folder)?;
    let prompts = prompts(&texts);
    if let Some(name) = only.filter(|name| prompts.iter().all(|p| p.name != *name)) {
        return Err(vec![format!("{name}: no text of this name in {FOLDER}/kk.toml and ru.toml")]);
    }
    let wanted = |p: &&Prompt| match (state(p, folder, &manifest), only) {
        (State::Studio, _) => false,
        (State::Fresh, only) => only == Some(p.name),
        (State::Missing | State::Stale, only) => only.is_none_or(|name| name == p.name),
    };
    let work: Vec<&Prompt> = prompts.iter().filter(wanted).collect();
    if work.iter().any(|p| matches!(p.source, Source::Spoken { text, .. } if !text.is_empty())) {
        install_voice()?;
    }
    let bar = indicatif::ProgressBar::new(work.len() as u64);
    let mut faults = Vec::new();
    for prompt in &work {
        match write(prompt, folder) {
            Ok(made) => drop(manifest.insert(prompt.key.clone(), made)),
            Err(fault) => faults.push(format!("{}: {fault}", prompt.key)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    sweep(folder, &prompts, &mut manifest);
    save(folder, &manifest).map_err(|fault| vec![fault])?;
    if faults.is_empty() {
        Ok(format!("prompts: {} made, {} in all", work.len(), prompts.len()))
    } else {
        Err(faults)
    }
}

/// Forgets what a person has replaced, and removes synthetic files whose text is gone.
fn sweep(folder: &Path, prompts: &[Prompt<'_>], manifest: &mut Manifest) {
    manifest.retain(|key, made| {
        let file = folder.join("audio").join(format!("{key}.wav"));
        let ours = fs::read(&file).is_ok_and(|bytes| hex(&bytes) == made.sound);
        let wanted = prompts.iter().any(|p| p.key == *key);
        if ours && !wanted {
            let _ = fs::remove_file(&file);
        }
        ours && wanted
    });
}

fn prompts<'a>(texts: &'a [(&'static str, Texts)]) -> Vec<Prompt<'a>> {
    let mut all: Vec<Prompt<'_>> = texts
        .iter()
        .flat_map(|(language, texts)| {
            texts.iter().map(move |(name, text)| Prompt {
                key: format!("{language}/{name}"),
                name,
                source: Source::Spoken { language, text },
            })
        })
        .collect();
    all.push(Prompt { key: "common/music".to_owned(), name: "music", source: Source::Music });
    all
}

fn state(prompt: &Prompt<'_>, folder: &Path, manifest: &Manifest) -> State {
    let Ok(bytes) = fs::read(prompt.file(folder)) else { return State::Missing };
    match manifest.get(&prompt.key) {
        Some(made) if made.sound != hex(&bytes) => State::Studio,
        Some(made) if made.text == prompt.digest() => State::Fresh,
        Some(_) => State::Stale,
        None => State::Studio,
    }
}

/// A recording a person brought is heard by callers only when the line can decode it.
fn unusable(prompt: &Prompt<'_>, folder: &Path) -> Option<String> {
    let bytes = fs::read(prompt.file(folder)).ok()?;
    decode(bytes, "wav").err().map(|fault| format!("audio/{}.wav: {fault}", prompt.key))
}

fn write(prompt: &Prompt<'_>, folder: &Path) -> Result<Made, String> {
    let pcm = match &prompt.source {
        Source::Music => music::on_hold(),
        Source::Spoken { text: "", .. } => tone::silence(PAUSE_MS),
        Source::Spoken { language, text } => speak(language, text)?,
    };
    let file = prompt.file(folder);
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent).map_err(|e| e.to_string())?;
    }
    let bytes = wav(&pcm).map_err(|e| e.to_string())?;
    fs::write(&file, &bytes).map_err(|e| e.to_string())?;
    Ok(Made { text: prompt.digest(), sound: hex(&bytes) })
}

/// espeak-ng's voice, as loud as every other prompt and without silence at the ends.
fn speak(language: &str, text: &str) -> Result<Vec<i16>, String> {
    let mut espeak = Command::new("espeak-ng");
    espeak.args(["-v", language, "-s", pace(language), "--stdout", text]);
    let said = espeak.stdin(Stdio::null()).output().map_err(|e| format!("espeak-ng: {e}"))?;
    if !said.status.success() {
        return Err(format!("espeak-ng: {}", String::from_utf8_lossy(&said.stderr).trim()));
    }
    let pcm = decode(sized(said.stdout), "wav").map_err(|fault| fault.to_string())?;
    let mut pcm = loudness::trim(&pcm).to_vec();
    loudness::normalise(&mut pcm, loudness::PROMPT_DBFS);
    Ok(pcm)
}

fn pace(language: &str) -> &'static str {
    PACES.iter().find(|(l, _)| *l == language).map_or("150", |(_, pace)| *pace)
}

/// espeak-ng writes to a pipe before it knows the length: the sizes in its header are put right.
fn sized(mut wav: Vec<u8>) -> Vec<u8> {
    let length = u32::try_from(wav.len()).unwrap_or(u32::MAX);
    if let (true, Some(slot)) = (wav.starts_with(b"RIFF"), wav.get_mut(4..8)) {
        slot.copy_from_slice(&length.saturating_sub(8).to_le_bytes());
    }
    if let Some(at) = wav.windows(4).position(|w| w == b"data") {
        let body = length.saturating_sub(u32::try_from(at + 8).unwrap_or(u32::MAX));
        if let Some(slot) = wav.get_mut(at + 4..at + 8) {
            slot.copy_from_slice(&body.to_le_bytes());
        }
    }
    wav
}

fn wav(pcm: &[i16]) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec)?;
    for sample in pcm {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    Ok(bytes.into_inner())
}

/// espeak-ng, from the distribution when it is not there; nothing is asked.
fn install_voice() -> Result<(), Vec<String>> {
    let there = |program: &str| {
        let tried =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        tried.is_ok_and(|s| s.success())
    };
    if there("espeak-ng") {
        return Ok(());
    }
    let steps: [&[&str]; 2] = [&["apt-get", "update"], &["apt-get", "install", "-y", "espeak-ng"]];
    for step in steps {
        let sudo: &[&str] = if there("sudo") { &["sudo", "-n"] } else { &[] };
        let words: Vec<&str> = sudo.iter().chain(step).copied().collect();
        if let [program, args @ ..] = words.as_slice() {
            let _ = Command::new(program).args(args).env("DEBIAN_FRONTEND", "noninteractive").status();
        }
    }
    if there("espeak-ng") {
        Ok(())
    } else {
        Err(vec!["espeak-ng is not there: `apt-get install espeak-ng`".to_owned()])
    }
}

fn texts(folder: &Path) -> Result<Vec<(&'static str, Texts)>, Vec<String>> {
    let mut faults = Vec::new();
    let mut all = Vec::new();
    for language in LANGUAGES {
        match read_toml(&folder.join(format!("{language}.toml"))) {
            Ok(texts) => all.push((language, texts)),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(all) } else { Err(faults) }
}

fn manifest(folder: &Path) -> Result<Manifest, Vec<String>> {
    let file = folder.join("audio/synthetic.toml");
    if file.exists() { read_toml(&file).map_err(|fault| vec![fault]) } else { Ok(Manifest::new()) }
}

fn save(folder: &Path, manifest: &Manifest) -> Result<(), String> {
    let head = "# Written by `cargo xtask prompts`: synthetic sounds, the SHA-256 of their text and of the file. A file\n\
                # that is not here or differs was recorded by a person, and is left alone.\n\n";
    let body = toml::to_string(manifest).map_err(|e| e.to_string())?;
    fs::write(folder.join("audio/synthetic.toml"), format!("{head}{body}")).map_err(|e| e.to_string())
}

fn read_toml<T: for<'de> Deserialize<'de>>(file: &Path) -> Result<T, String> {
    let text = fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    toml::from_str(&text).map_err(|e| format!("{}: {e}", file.display()))
}

/// Names that only one language has.
fn names_differ(texts: &[(&'static str, Texts)]) -> Vec<String> {
    let mut faults = Vec::new();
    for (language, own) in texts {
        for (other, theirs) in texts {
            let lacking = theirs.keys().filter(|name| !own.contains_key(*name));
            faults.extend(
                lacking.map(|name| {
                    format!("{language}.toml: {name} is in {other}.toml only; write it here too")
                }),
            );
        }
    }
    faults
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_audio::dtmf::Detector;

    fn shipped() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(FOLDER)
    }

    fn folder(texts: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for language in LANGUAGES {
            fs::write(dir.path().join(format!("{language}.toml")), texts).expect("a text");
        }
        dir
    }

    fn sounds() -> Vec<(String, Vec<i16>)> {
        let texts = texts(&shipped()).expect("texts");
        let read =
            |p: &Prompt<'_>| decode(fs::read(p.file(&shipped())).expect("a sound"), "wav").expect("sound");
        prompts(&texts).iter().map(|p| (p.key.clone(), read(p))).collect()
    }

    /// FEATURES L2: every prompt exists in kk and ru, and none is spoken from an older text.
    #[test]
    fn every_shipped_text_has_its_sound_in_both_languages() {
        let texts = texts(&shipped()).expect("texts");
        let all = prompts(&texts).len();
        assert!(all > 200, "{all} sounds of two languages");
        assert_eq!(prove(&shipped()), Ok(format!("prompts: {all} sounds, all there")));
    }

    #[test]
    fn shipped_sounds_are_equally_loud_and_short() {
        let mut bytes = 0;
        for (key, pcm) in sounds().iter().filter(|(key, _)| key != "common/music" && !key.ends_with("/pause"))
        {
            let level = loudness::speech_dbfs(pcm);
            assert!((level - loudness::PROMPT_DBFS).abs() < 1.5, "{key}: {level}");
            assert!(pcm.len() < 25 * RATE as usize, "{key}: {} s", pcm.len() / RATE as usize);
            bytes += 2 * pcm.len();
        }
        assert!(bytes < 12_000_000, "{bytes}");
    }

    /// Our own voice must not dial (talk-off, ITU-T Q.24).
    #[test]
    fn shipped_sounds_dial_nothing() {
        for (key, pcm) in sounds() {
            let mut detector = Detector::new();
            assert!(pcm.chunks(160).all(|frame| detector.feed(frame).is_none()), "{key}");
        }
    }

    /// FEATURES L2, the other side.
    #[test]
    fn a_name_of_one_language_only_is_a_fault() {
        let dir = folder("pause = \"\"\n");
        fs::write(dir.path().join("ru.toml"), "pause = \"\"\nhello = \"\"\n").expect("a text");
        let faults = prove(dir.path()).expect_err("kk lacks it");
        assert!(faults.iter().any(|f| f.contains("kk.toml: hello")), "{faults:?}");
        assert!(make(dir.path(), None).is_err());
    }

    #[test]
    fn missing_sounds_are_made_and_changed_texts_made_again() {
        let dir = folder("pause = \"\"\nrest = \"\"\n");
        assert_eq!(prove(dir.path()).map_err(|f| f.len()), Err(5));
        assert_eq!(make(dir.path(), None), Ok("prompts: 5 made, 5 in all".to_owned()));
        assert_eq!(make(dir.path(), None), Ok("prompts: 0 made, 5 in all".to_owned()));
        assert_eq!(make(dir.path(), Some("rest")), Ok("prompts: 2 made, 5 in all".to_owned()));
        assert!(make(dir.path(), Some("nothing")).is_err());
        let mut known = manifest(dir.path()).expect("written");
        if let Some(made) = known.get_mut("kk/rest") {
            made.text = "older".to_owned();
        }
        save(dir.path(), &known).expect("written");
        assert_eq!(
            prove(dir.path()),
            Err(vec!["audio/kk/rest.wav: its text changed; run `cargo xtask prompts`".to_owned()])
        );
        assert_eq!(make(dir.path(), None), Ok("prompts: 1 made, 5 in all".to_owned()));
    }

    #[test]
    fn a_studio_recording_is_never_touched() {
        let dir = folder("rest = \"\"\n");
        make(dir.path(), None).expect("made");
        let studio = wav(&tone::sine(300.0, -12.0, 400)).expect("sound");
        let file = dir.path().join("audio/kk/rest.wav");
        fs::write(&file, &studio).expect("brought");
        for only in [None, Some("rest")] {
            make(dir.path(), only).expect("made");
            assert_eq!(fs::read(&file).expect("there"), studio);
        }
        assert!(!manifest(dir.path()).expect("written").contains_key("kk/rest"));
        assert!(prove(dir.path()).is_ok());
        fs::write(&file, b"not a sound").expect("brought");
        assert!(prove(dir.path()).is_err_and(|f| f.len() == 1));
    }

    #[test]
    fn a_synthetic_sound_goes_with_its_text() {
        let dir = folder("rest = \"\"\npause = \"\"\n");
        make(dir.path(), None).expect("made");
        for language in LANGUAGES {
            fs::write(dir.path().join(format!("{language}.toml")), "rest = \"\"\n").expect("a text");
        }
        make(dir.path(), None).expect("made");
        assert!(!dir.path().join("audio/kk/pause.wav").exists());
        assert!(dir.path().join("audio/kk/rest.wav").exists());
    }
}
