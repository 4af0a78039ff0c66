//! The container of a recording: encrypted chunks in a chain of hashes, readable up to the last whole chunk
//! whatever happened to the program or the disk (FEATURES R5). `recordings/FORMAT.md` describes every byte.
//!
//! A [`Writer`] takes frames and marks, seals at most one second of them into a chunk and puts the chunk on a
//! [`Disk`]; [`read`] opens a container, [`verify`] judges it, [`repair`] closes one that was interrupted.
//!
//! *Invariant:* there are no files here: it is generic over a [`Disk`].
#![forbid(unsafe_code)]

mod chunk;
mod disk;
mod header;
mod item;
mod key;
mod manifest;
mod reader;
mod repair;
mod verify;
mod writer;

pub use disk::{Disk, DiskFault, MemDisk, Trouble};
pub use item::{Frame, Lost, Mark};
pub use key::MasterKey;
pub use manifest::{Cause, End, GAPS_MAX, Gap, Manifest};
pub use reader::{Damage, Fault, Recording, Torn, read};
pub use repair::{RepairFault, Repaired, repair};
pub use verify::{Verdict, verify};
pub use writer::{About, BACKLOG_MAX, Closed, OpenFault, Writer};

/// A chunk holds the sound of one second at most.
pub const CHUNK_MS_MAX: u64 = 1_000;
/// Bytes of what is sealed in one chunk, at most; a chunk that would grow beyond is sealed before.
pub const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// Longest payload of a frame. A longer one is not written; it counts as lost.
pub const PAYLOAD_MAX: usize = 2_048;
/// Bytes told about a recording in its first chunk, at most ([`About::about`]).
pub const ABOUT_MAX: usize = 16 * 1024;
/// Letters (bytes) of a mark, at most; the rest is cut off.
pub const MARK_MAX: usize = 200;
