//! The data folder's lock: two programs never write the same journal. The lock goes with the process, so a kill
//! leaves nothing to clean up.

use core::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Held while a program may write in the data folder.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

/// Why the folder cannot be had.
#[derive(Debug)]
pub enum LockFault {
    /// Another program has it; its process id, when it could be read.
    Held {
        /// The folder.
        dir: PathBuf,
        /// Who.
        pid: Option<u32>,
    },
    /// The folder cannot be made or written: the operator's.
    Io {
        /// The file or folder.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
}

impl fmt::Display for LockFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LockFault::Held { dir, pid: Some(pid) } => {
                write!(f, "{}: in use by the program with process id {pid}; stop it first", dir.display())
            }
            LockFault::Held { dir, pid: None } => {
                write!(f, "{}: in use by another program; stop it first", dir.display())
            }
            LockFault::Io { file, error } => {
                write!(f, "{}: {error}; name a folder that may be written in [data] folder", file.display())
            }
        }
    }
}

impl core::error::Error for LockFault {}

impl FolderLock {
    /// Takes the folder, which is made (for its owner only) when missing.
    ///
    /// # Errors
    /// [`LockFault`].
    pub fn take(dir: &Path) -> Result<FolderLock, LockFault> {
        let fault = |file: &Path, error| LockFault::Io { file: file.to_owned(), error };
        if !dir.is_dir() {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| fault(dir, e))?;
        }
        let path = dir.join("lock");
        let open =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let mut file = open.map_err(|e| fault(&path, e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(LockFault::Held { dir: dir.to_owned(), pid });
            }
            Err(TryLockError::Error(e)) => return Err(fault(&path, e)),
        }
        let pid = format!("{}\n", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(pid.as_bytes())).map_err(|e| fault(&path, e))?;
        Ok(FolderLock { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn only_one_program_has_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let lock = FolderLock::take(&data).unwrap();
        let second = FolderLock::take(&data).unwrap_err();
        assert!(second.to_string().contains(&std::process::id().to_string()), "{second}");
        drop(lock);
        FolderLock::take(&data).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let fault = FolderLock::take(&file.join("data")).unwrap_err().to_string();
        assert!(fault.contains("file/data") && fault.contains("[data] folder"), "{fault}");
    }
}
