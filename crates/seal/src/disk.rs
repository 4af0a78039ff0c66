//! What the container asks of a disk, and a disk in memory that can be told to fail.

use core::fmt;
use std::collections::BTreeMap;

/// Why the disk did not do it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiskFault {
    /// No space is left (ENOSPC, EDQUOT).
    Full,
    /// The device failed (EIO and its like).
    Broken,
    /// The file exists already, and must not.
    Exists,
    /// There is no such file.
    Missing,
    /// The program may not touch it (EACCES, EROFS).
    Denied,
}

impl fmt::Display for DiskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DiskFault::Full => "the disk is full",
            DiskFault::Broken => "the disk failed",
            DiskFault::Exists => "the file exists already",
            DiskFault::Missing => "there is no such file",
            DiskFault::Denied => "the program may not touch the file",
        })
    }
}

impl core::error::Error for DiskFault {}

/// Files by name, grown at their end only.
///
/// A failed [`Disk::append`] may leave any part of the bytes behind; the caller cuts the file back with
/// [`Disk::truncate`] before he tries again.
pub trait Disk {
    /// Makes an empty file. [`DiskFault::Exists`] when there is one.
    fn create(&mut self, name: &str) -> Result<(), DiskFault>;
    /// Writes at the end.
    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskFault>;
    /// What was written survives a power cut after this.
    fn sync(&mut self, name: &str) -> Result<(), DiskFault>;
    /// The whole file.
    fn read(&self, name: &str) -> Result<Vec<u8>, DiskFault>;
    /// Every name, sorted.
    fn list(&self) -> Vec<String>;
    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskFault>;
    /// There is such a file.
    fn exists(&self, name: &str) -> bool;
}

/// What a [`MemDisk`] does instead of an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Trouble {
    /// Nothing is written: [`DiskFault::Full`].
    Full,
    /// The first `n` bytes are written, then [`DiskFault::Broken`].
    Torn(usize),
    /// Nothing is written: [`DiskFault::Broken`].
    Broken,
}

/// A disk in memory, for tests: it fails where it is told to.
#[derive(Clone, Debug, Default)]
pub struct MemDisk {
    files: BTreeMap<String, Vec<u8>>,
    troubles: BTreeMap<u64, Trouble>,
    space: Option<u64>,
    appends: u64,
    bad_creates: u32,
}

impl MemDisk {
    /// A disk without trouble.
    pub fn new() -> Self {
        Self::default()
    }

    /// The append number `n` (0 is the first one) fails like this.
    pub fn fail_append(&mut self, n: u64, trouble: Trouble) {
        self.troubles.insert(n, trouble);
    }

    /// The next `n` files are made, and [`DiskFault::Broken`] is said all the same.
    pub fn fail_creates(&mut self, n: u32) {
        self.bad_creates = n;
    }

    /// No more than `bytes` fit on the disk from now on; `None`: no bound.
    pub fn limit(&mut self, bytes: Option<u64>) {
        self.space = bytes;
    }

    /// How many appends were asked for.
    pub fn appends(&self) -> u64 {
        self.appends
    }

    /// Puts a file there as it is.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), bytes);
    }

    fn used(&self) -> u64 {
        self.files.values().map(|f| f.len() as u64).sum()
    }
}

impl Disk for MemDisk {
    fn create(&mut self, name: &str) -> Result<(), DiskFault> {
        if self.exists(name) {
            return Err(DiskFault::Exists);
        }
        self.files.insert(name.to_owned(), Vec::new());
        if self.bad_creates > 0 {
            self.bad_creates -= 1;
            return Err(DiskFault::Broken);
        }
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskFault> {
        let number = self.appends;
        self.appends += 1;
        let over = self.space.is_some_and(|s| self.used() + bytes.len() as u64 > s);
        let file = self.files.get_mut(name).ok_or(DiskFault::Missing)?;
        if over {
            return Err(DiskFault::Full);
        }
        match self.troubles.get(&number) {
            None => {
                file.extend_from_slice(bytes);
                Ok(())
            }
            Some(Trouble::Full) => Err(DiskFault::Full),
            Some(Trouble::Broken) => Err(DiskFault::Broken),
            Some(Trouble::Torn(n)) => {
                file.extend_from_slice(bytes.get(..*n).unwrap_or(bytes));
                Err(DiskFault::Broken)
            }
        }
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskFault> {
        if self.exists(name) { Ok(()) } else { Err(DiskFault::Missing) }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, DiskFault> {
        self.files.get(name).cloned().ok_or(DiskFault::Missing)
    }

    fn list(&self) -> Vec<String> {
        self.files.keys().cloned().collect()
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskFault> {
        let file = self.files.get_mut(name).ok_or(DiskFault::Missing)?;
        file.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }

    fn exists(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}
