//! Prompts from files to the bank: decoded and encoded once at start, never on the call path.

use senim_audio::Bank;
use senim_base::Language;
use senim_switch::Catalogue;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// File name endings that are read.
pub const ENDINGS: [&str; 5] = ["wav", "flac", "ogg", "mp3", "oga"];

/// Why a prompt cannot be used.
#[derive(Debug)]
pub enum SoundFault {
    /// The folder or a file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A file is no prompt.
    NotAPrompt(PathBuf, senim_audio::DecodeFault),
}

impl fmt::Display for SoundFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SoundFault::Unreadable(path, e) => {
                write!(f, "{}: cannot be read: {e}; make the prompts with `cargo xtask prompts`", path.display())
            }
            SoundFault::NotAPrompt(path, fault) => write!(f, "{}: {fault}", path.display()),
        }
    }
}

impl core::error::Error for SoundFault {}

/// Reads every prompt of a folder with `kk`, `ru` and `common` in it. A file's name without its ending is the prompt's.
///
/// # Errors
/// Every file that is no prompt, so that the operator mends them at once.
pub fn load(folder: &Path) -> Result<Bank, Vec<SoundFault>> {
    let mut bank = Bank::new();
    let mut faults = Vec::new();
    let folders = [(Some(Language::Kazakh), "kk"), (Some(Language::Russian), "ru"), (None, "common")];
    for (language, name) in folders {
        let folder = folder.join(name);
        match files(&folder) {
            Ok(files) => {
                for file in files {
                    match read(&file) {
                        Ok((name, pcm)) => {
                            bank.add(language, &name, &pcm);
                        }
                        Err(fault) => faults.push(fault),
                    }
                }
            }
            Err(e) => faults.push(SoundFault::Unreadable(folder, e)),
        }
    }
    if faults.is_empty() { Ok(bank) } else { Err(faults) }
}

/// What the switch must know of a bank.
pub fn catalogue(bank: &Bank) -> Catalogue {
    let mut catalogue = Catalogue::default();
    for (language, name, clip) in bank.names() {
        catalogue.add(language, name, clip);
    }
    catalogue
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().and_then(|e| e.to_str()).is_some_and(|e| ENDINGS.contains(&e)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> Result<(String, Vec<i16>), SoundFault> {
    let bytes = fs::read(file).map_err(|e| SoundFault::Unreadable(file.to_owned(), e))?;
    let ending = file.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let pcm = senim_audio::decode(bytes, ending).map_err(|f| SoundFault::NotAPrompt(file.to_owned(), f))?;
    let name = file.file_stem().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
    Ok((name, pcm))
}
