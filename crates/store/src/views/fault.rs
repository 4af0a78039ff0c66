//! What can be wrong with a view. Nothing of it loses data: views can be made again.

use crate::journal;
use core::fmt;
use std::path::PathBuf;

/// Why a view could not be read or written.
#[derive(Debug)]
pub enum ViewFault {
    /// The journal it is made of.
    Journal(journal::Fault),
    /// The folder of the views.
    Disk(PathBuf, String),
    /// The engine under the views: the disk, mostly.
    Engine(sled::Error),
    /// A row is no row: drop the folder of the views.
    Damaged,
    /// The disk failed the views; they are being made again.
    Resting,
    /// Facts were not given in order: ours.
    Missed {
        /// The fact that must come.
        expected: u64,
        /// The one that came.
        found: u64,
    },
}

impl fmt::Display for ViewFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ViewFault::Journal(fault) => fault.fmt(f),
            ViewFault::Disk(dir, what) => write!(f, "{}: {what}", dir.display()),
            ViewFault::Engine(e) => write!(f, "views: {e}"),
            ViewFault::Damaged => {
                f.write_str("views: a row is damaged; delete the folder, it will be made again")
            }
            ViewFault::Resting => {
                f.write_str("views: the disk failed them; they are made again as soon as it has room")
            }
            ViewFault::Missed { expected, found } => {
                write!(f, "views: fact {expected} must come next and {found} came")
            }
        }
    }
}

impl core::error::Error for ViewFault {}

impl From<journal::Fault> for ViewFault {
    fn from(fault: journal::Fault) -> Self {
        ViewFault::Journal(fault)
    }
}

impl From<sled::Error> for ViewFault {
    fn from(e: sled::Error) -> Self {
        ViewFault::Engine(e)
    }
}
