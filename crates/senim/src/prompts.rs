//! The recorded prompts: `kk/`, `ru/` and `common/` in one folder, read once at start into the bank that all calls
//! share.

use crate::config::Complaint;
use senim_audio::{Bank, Clip, Coding};
use senim_base::Language;
use senim_switch::Catalogue;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Endings of the files that are read.
const ENDINGS: [&str; 5] = ["wav", "flac", "ogg", "oga", "mp3"];

/// The folders, and the language of each.
const FOLDERS: [(&str, Option<Language>); 3] =
    [("kk", Some(Language::Kazakh)), ("ru", Some(Language::Russian)), ("common", None)];

/// The sound files of a folder of prompts: language, name, path.
pub fn files(dir: &Path) -> Vec<(Option<Language>, String, PathBuf)> {
    let mut found = Vec::new();
    for (sub, language) in FOLDERS {
        for entry in fs::read_dir(dir.join(sub)).into_iter().flatten().flatten() {
            let path = entry.path();
            let ending = extension(&path);
            let name = path.file_stem().and_then(|s| s.to_str());
            if let Some(name) = name.filter(|_| ENDINGS.contains(&ending)) {
                found.push((language, name.to_owned(), path));
            }
        }
    }
    found.sort();
    found
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

/// Prompts that have sound, by language; those common to both, and the built-in tones, stand in twice.
pub fn available(dir: &Path) -> BTreeSet<(Language, String)> {
    let bank = Bank::new();
    let built_in = bank.names().map(|(language, name, _)| (language, name.to_owned()));
    let recorded = files(dir).into_iter().map(|(language, name, _)| (language, name));
    let each = |(language, name): (Option<Language>, String)| match language {
        Some(language) => vec![(language, name)],
        None => Language::ALL.map(|l| (l, name.clone())).to_vec(),
    };
    built_in.chain(recorded).flat_map(each).collect()
}

/// Decodes every prompt, and codes it in what is spoken besides G.711: by all hands, for a wide codec takes its time.
///
/// # Errors
/// Every file that is no sound, with what is wrong with it.
pub fn load(dir: &Path, spoken: &[Coding]) -> Result<Bank, Vec<Complaint>> {
    let files = files(dir);
    let hands = std::thread::available_parallelism().map_or(1, |n| n.get());
    let share = files.len().div_ceil(hands).max(1);
    let coded: Vec<Result<Clip, Complaint>> = std::thread::scope(|scope| {
        let shares = files.chunks(share).map(|share| {
            scope.spawn(move || share.iter().map(|(_, _, path)| coded(path, spoken)).collect::<Vec<_>>())
        });
        let shares: Vec<_> = shares.collect();
        // A hand that broke off was ours: so is the panic.
        shares
            .into_iter()
            .flat_map(|hand| hand.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
            .collect()
    });
    let mut bank = Bank::speaking(spoken);
    let mut complaints = Vec::new();
    for ((language, name, _), clip) in files.iter().zip(coded) {
        match clip {
            Ok(clip) => {
                bank.keep(*language, name, clip);
            }
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() { Ok(bank) } else { Err(complaints) }
}

fn coded(path: &Path, spoken: &[Coding]) -> Result<Clip, Complaint> {
    let complain = |what: String| Complaint { file: path.display().to_string(), line: None, what };
    let bytes = fs::read(path).map_err(|e| complain(format!("cannot be read: {e}")))?;
    let pcm = senim_audio::decode(bytes, extension(path)).map_err(|fault| complain(fault.to_string()))?;
    Ok(Clip::new(&pcm, spoken))
}

/// The names of a bank's clips, as the switch looks them up.
pub fn catalogue(bank: &Bank) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (language, name, clip) in bank.names() {
        catalogue.add(language, name, clip);
    }
    catalogue
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(path: &Path, pcm: &[i16]) {
        let data: Vec<u8> = pcm.iter().flat_map(|s| s.to_le_bytes()).collect();
        let mut bytes = b"RIFF".to_vec();
        bytes.extend((36 + data.len() as u32).to_le_bytes());
        bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data");
        bytes.extend((data.len() as u32).to_le_bytes());
        bytes.extend(data);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[test]
    fn prompts_are_found_by_language_and_common_ones_stand_in_for_both() {
        let dir = tempfile::tempdir().unwrap();
        let tone: Vec<i16> = (0..8_000).map(|n| if n / 10 % 2 == 0 { 3_000 } else { -3_000 }).collect();
        wav(&dir.path().join("kk/greeting.wav"), &tone);
        wav(&dir.path().join("common/music.wav"), &tone);
        fs::write(dir.path().join("kk/notes.txt"), "no sound").unwrap();
        let names = available(dir.path());
        assert!(names.contains(&(Language::Kazakh, "greeting".into())));
        assert!(!names.contains(&(Language::Russian, "greeting".into())));
        assert!(names.contains(&(Language::Russian, "music".into())));
        assert!(names.contains(&(Language::Kazakh, "tone.ring".into())));
        let bank = load(dir.path(), &[]).unwrap();
        let catalogue = catalogue(&bank);
        assert!(catalogue.find(Language::Kazakh, "greeting").is_some());
        assert!(catalogue.find(Language::Russian, "greeting").is_none());
        assert!(catalogue.find(Language::Russian, "music").is_some());
    }

    #[test]
    fn a_file_that_is_no_sound_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("ru")).unwrap();
        fs::write(dir.path().join("ru/greeting.wav"), "no sound").unwrap();
        let complaints = load(dir.path(), &[]).unwrap_err();
        assert!(complaints[0].to_string().contains("ru/greeting.wav"), "{}", complaints[0]);
    }
}
