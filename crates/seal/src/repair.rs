//! Closing a container whose writer was killed: the torn tail goes, a manifest says how much is whole.

use crate::disk::{Disk, DiskFault};
use crate::key::MasterKey;
use crate::manifest::End;
use crate::reader::{Fault, walk};
use crate::{chunk, item};
use core::fmt;
use senim_base::{Entropy, RecordingId};

/// What a repaired (or already closed) container holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Repaired {
    /// Whose.
    pub recording: RecordingId,
    /// It was open and is closed now. `false`: it was closed before, nothing was changed.
    pub closed_now: bool,
    /// Until the end of the last whole frame, milliseconds.
    pub length_ms: u64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Frames that the container says were lost.
    pub lost_frames: u64,
    /// Bytes of the torn chunk that were cut off: less than a second of sound.
    pub cut_bytes: u64,
}

/// Why a container could not be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepairFault {
    /// The disk refused. What was whole is still whole; try again.
    Disk(DiskFault),
    /// It cannot be read at all.
    Unreadable(Fault),
}

impl fmt::Display for RepairFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RepairFault::Disk(fault) => fault.fmt(f),
            RepairFault::Unreadable(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for RepairFault {}

impl From<DiskFault> for RepairFault {
    fn from(fault: DiskFault) -> Self {
        RepairFault::Disk(fault)
    }
}

/// Closes the container `name` if it is open. Nobody may be writing it.
///
/// Killed in the middle of this, it can be done again. Places that were changed are left as they are.
pub fn repair(
    disk: &mut impl Disk,
    name: &str,
    master: &MasterKey,
    entropy: &mut Entropy,
) -> Result<Repaired, RepairFault> {
    let file = disk.read(name)?;
    let walk = walk(&file, master).map_err(RepairFault::Unreadable)?;
    let whole = walk.found.torn.map_or(file.len() as u64, |t| t.at_byte);
    let mut repaired = Repaired {
        recording: walk.found.recording,
        closed_now: walk.found.manifest.is_none(),
        length_ms: u64::from(walk.sums.length_ms),
        bytes: whole,
        lost_frames: walk.sums.lost_frames,
        cut_bytes: file.len() as u64 - whole,
    };
    if repaired.cut_bytes > 0 {
        disk.truncate(name, whole)?;
    }
    if repaired.closed_now {
        let manifest = walk.sums.manifest(walk.seq, End::Interrupted);
        let mut plain = Vec::new();
        item::put_manifest(&mut plain, &serde_json::to_vec(&manifest).unwrap_or_default());
        let mut salt = [0; 8];
        entropy.fill(&mut salt);
        let (seq, from_ms, chain) = (walk.seq, walk.sums.length_ms, walk.found.chain);
        if let Some((bytes, _)) = chunk::seal(&walk.header, seq, from_ms, salt, &chain, plain) {
            disk.append(name, &bytes)?;
            repaired.bytes += bytes.len() as u64;
        }
    }
    if repaired.closed_now || repaired.cut_bytes > 0 {
        disk.sync(name)?;
    }
    Ok(repaired)
}
