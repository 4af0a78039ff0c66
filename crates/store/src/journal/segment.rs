//! The files of a journal: `000001.log`, `000002.log` …, each with its header. A [`Medium`] is the file as the journal
//! writes it, a trait of three verbs so that tests can let each of them fail.

use super::fault::Fault;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// First bytes of every segment: the format and its version.
pub(crate) const MAGIC: &[u8; 9] = b"SENIMJNL1";

/// A file that only grows at its end, or is cut.
pub(crate) trait Medium: Send {
    /// Writes at the end; some of the bytes may be there after an error.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Brings all bytes to the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Opens a segment for writing; makes it when told so.
pub(crate) type Opener = Box<dyn FnMut(&Path, bool) -> io::Result<Box<dyn Medium>> + Send>;

/// The opener of real files.
pub(crate) fn real_files() -> Opener {
    Box::new(|path, new| {
        let file = OpenOptions::new().append(true).create_new(new).open(path)?;
        Ok(Box::new(file))
    })
}

/// The path of a segment.
pub(crate) fn path(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:06}.log"))
}

/// Numbers of the segments in the folder, ascending.
pub(crate) fn list(dir: &Path) -> Result<Vec<u32>, Fault> {
    let entries = fs::read_dir(dir).map_err(|e| Fault::io("list the folder", dir, e))?;
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| Fault::io("list the folder", dir, e))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|n| n.strip_suffix(".log")).filter(|n| n.len() == 6);
        numbers.extend(number.and_then(|n| n.parse::<u32>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Opens a segment for reading and leaves its header behind. `None` when the header is not whole yet.
pub(crate) fn open(file: &Path) -> Result<Option<File>, Fault> {
    let mut f = File::open(file).map_err(|e| Fault::io("open the segment", file, e))?;
    let mut head = Vec::new();
    let wanted = MAGIC.len() as u64;
    Read::by_ref(&mut f)
        .take(wanted)
        .read_to_end(&mut head)
        .map_err(|e| Fault::io("read the segment", file, e))?;
    if head == MAGIC {
        return Ok(Some(f));
    }
    // A kill or a power cut while the file was made leaves a part of the header, or zeros.
    let torn = head.len() < MAGIC.len() && MAGIC.starts_with(&head) || head.iter().all(|b| *b == 0);
    if torn { Ok(None) } else { Err(Fault::NotAJournal { file: file.to_owned() }) }
}

/// Reads a file from a byte on to its end.
pub(crate) fn tail(file: &Path, from: u64) -> Result<Vec<u8>, Fault> {
    let read = || {
        let mut f = File::open(file)?;
        f.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        f.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_err(|e| Fault::io("read the segment", file, e))
}

/// Makes a name in a folder durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Fault> {
    let sync = || File::open(dir)?.sync_all();
    sync().map_err(|e| Fault::io("sync the folder", dir, e))
}

/// Puts what was cut from a segment beside it, as `000003.torn-1`, and returns that path.
pub(crate) fn keep_aside(dir: &Path, number: u32, bytes: &[u8]) -> Result<PathBuf, Fault> {
    for n in 1u32.. {
        let kept = dir.join(format!("{number:06}.torn-{n}"));
        match OpenOptions::new().write(true).create_new(true).open(&kept) {
            Ok(mut f) => {
                let written = f.write_all(bytes).and_then(|()| f.sync_all());
                written.map_err(|e| Fault::io("keep the torn tail", &kept, e))?;
                return Ok(kept);
            }
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Fault::io("keep the torn tail", &kept, e)),
        }
    }
    Err(Fault::io("keep the torn tail", dir, io::ErrorKind::AlreadyExists.into()))
}
