//! What can be wrong with a journal.

use core::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why the journal could not be opened, read or written. The guilty is the disk, unless said otherwise.
#[derive(Debug)]
pub enum Fault {
    /// The operating system refused.
    Io {
        /// What was tried.
        doing: &'static str,
        /// With which file.
        file: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A fact that was acknowledged cannot be read any more.
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where the broken frame begins.
        at_byte: u64,
    },
    /// Facts are missing, or come twice.
    Hole {
        /// The file.
        file: PathBuf,
        /// The number that must come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The file is not a segment of a journal of this format.
    NotAJournal {
        /// The file.
        file: PathBuf,
    },
    /// A whole frame holds something this program does not understand: a newer one wrote it.
    Foreign {
        /// The file.
        file: PathBuf,
        /// Where the frame begins.
        at_byte: u64,
        /// What the reader of JSON said, without the value.
        why: String,
    },
    /// A fact is longer than a frame may be: our fault.
    TooLong {
        /// Its number.
        seq: u64,
    },
}

impl Fault {
    pub(crate) fn io(doing: &'static str, file: &Path, error: io::Error) -> Self {
        Fault::Io { doing, file: file.to_owned(), error }
    }

    /// The disk has no room, which time or an operator may cure.
    pub fn is_full(&self) -> bool {
        matches!(self, Fault::Io { error, .. }
            if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Io { doing, file, error } => write!(f, "{}: cannot {doing}: {error}", file.display()),
            Fault::Corrupt { file, at_byte } => write!(
                f,
                "{}: the fact at byte {at_byte} is damaged and others that were acknowledged follow it; \
                 bring the file back from a backup",
                file.display()
            ),
            Fault::Hole { file, expected, found } => write!(
                f,
                "{}: fact {expected} must come and {found} came; bring the missing segment back from a backup",
                file.display()
            ),
            Fault::NotAJournal { file } => {
                write!(f, "{}: not a segment of a journal; move it out of the folder", file.display())
            }
            Fault::Foreign { file, at_byte, why } => write!(
                f,
                "{}: the fact at byte {at_byte} was written by another version ({why}); start that version",
                file.display()
            ),
            Fault::TooLong { seq } => write!(f, "fact {seq} is longer than a frame of the journal may be"),
        }
    }
}

impl core::error::Error for Fault {}
