//! The container of a recording: encrypted chunks in a chain of hashes, readable up to the last whole chunk
//! whatever happened to the program or the disk (FEATURES R5). `recordings/FORMAT.md` describes every byte.
//!
//! *Invariant:* there are no files here: it is generic over a [`Disk`].
#![forbid(unsafe_code)]

mod disk;

pub use disk::{Disk, DiskFault, MemDisk, Trouble};
