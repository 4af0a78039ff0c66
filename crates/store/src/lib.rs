//! The disk: the journal of facts, the views made of it, the vault of recordings, the lock of the data folder.
//!
//! *Invariant:* no rules of the domain. What a fact means for the line is decided in `switch`; here it is kept, found
//! again and proved unharmed.
#![forbid(unsafe_code)]

pub mod export;
pub mod journal;
pub mod lock;
pub mod vault;
pub mod views;

pub use journal::{Journal, JournalWriter};
pub use lock::FolderLock;
