//! The master key: 32 bytes as 64 hexadecimal digits in a file that only its owner may read, or in the environment.
//! Without it no recording can be opened, so one is made only where no recording is yet.

use core::fmt;
use senim_seal::MasterKey;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Why there is no master key. All of them are the operator's to mend, except the disk's.
#[derive(Debug)]
pub enum KeyFault {
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
    /// The file, or the variable, does not hold 64 hexadecimal digits.
    NotAKey(String),
    /// Others may read the file.
    Open(PathBuf),
    /// There is no key, but there are recordings that were sealed under one.
    Lost(PathBuf),
    /// The operating system has no randomness to give.
    NoRandomness,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyFault::Io(file, e) => write!(f, "{}: {e}", file.display()),
            KeyFault::NotAKey(place) => {
                write!(f, "{place}: not a master key; it is 64 hexadecimal digits")
            }
            KeyFault::Open(file) => {
                write!(f, "{0}: others may read the master key; write: chmod 600 {0}", file.display())
            }
            KeyFault::Lost(file) => write!(
                f,
                "{}: the master key is missing and recordings are sealed under it; bring the file back from a backup",
                file.display()
            ),
            KeyFault::NoRandomness => {
                f.write_str("the operating system gives no random bytes for a master key")
            }
        }
    }
}

impl core::error::Error for KeyFault {}

/// Reads the key from the variable's text or else the file.
///
/// # Errors
/// [`KeyFault`]; [`KeyFault::Lost`] when there is no file.
pub fn load(file: &Path, variable: Option<&str>) -> Result<MasterKey, KeyFault> {
    if let Some(text) = variable {
        return parse(text).ok_or_else(|| KeyFault::NotAKey("SENIM_MASTER_KEY".into()));
    }
    let io = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => KeyFault::Lost(file.to_owned()),
        _ => KeyFault::Io(file.to_owned(), e),
    };
    let mode = fs::metadata(file).map_err(io)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(KeyFault::Open(file.to_owned()));
    }
    let bytes = fs::read(file).map_err(io)?;
    let text = core::str::from_utf8(&bytes).unwrap_or_default();
    parse(text).ok_or_else(|| KeyFault::NotAKey(file.display().to_string()))
}

/// As [`load`]; makes the file when it is missing and `may_make` says that no recording is yet.
///
/// # Errors
/// [`KeyFault`].
pub fn load_or_make(file: &Path, variable: Option<&str>, may_make: bool) -> Result<MasterKey, KeyFault> {
    match load(file, variable) {
        Err(KeyFault::Lost(_)) if may_make => make(file),
        other => other,
    }
}

fn make(file: &Path) -> Result<MasterKey, KeyFault> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| KeyFault::NoRandomness)?;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    // Whole or not at all, whenever the machine stops.
    let new = file.with_extension("new");
    let write = || {
        let mut f = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        writeln!(f, "{hex}")?;
        f.sync_all()?;
        fs::rename(&new, file)?;
        File::open(file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?.sync_all()
    };
    write().map_err(|e| KeyFault::Io(file.to_owned(), e))?;
    Ok(MasterKey::new(bytes))
}

fn parse(text: &str) -> Option<MasterKey> {
    let text = text.trim();
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let mut key = [0; 32];
    for (byte, pair) in key.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(MasterKey::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.key");
        assert!(matches!(load_or_make(&file, None, false), Err(KeyFault::Lost(_))));
        let key = load_or_make(&file, None, true).unwrap();
        assert!(load_or_make(&file, None, true).unwrap() == key);
        assert!(load(&file, None).unwrap() == key);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(load(&file, None).unwrap_err().to_string().contains("chmod 600"));
    }

    #[test]
    fn the_environment_comes_first_and_a_wrong_key_is_refused_without_printing_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("master.key");
        assert!(load(&file, Some(&"aB".repeat(32))).is_ok());
        for wrong in ["", "zz", &"g".repeat(64), &"a".repeat(63), &"é".repeat(32)] {
            let fault = load(&file, Some(wrong)).unwrap_err().to_string();
            assert!(fault.starts_with("SENIM_MASTER_KEY: not a master key"), "{fault}");
        }
        fs::write(&file, "hush").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(!load(&file, None).unwrap_err().to_string().contains("hush"));
    }
}
