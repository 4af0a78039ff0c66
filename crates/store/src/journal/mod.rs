//! The journal: every fact in the order it happened, in files that only grow. What [`Journal::append`] wrote survives
//! a kill of the program; what [`Journal::sync`] brought to the disk survives a power cut. A tail that neither
//! finished is cut at the next start, kept aside and said; damage before it is refused (FEATURES E1 begun).
//!
//! After each sync a mark `{"safe":N}` is written behind the facts: it tells a later start which bytes had been
//! acknowledged, so that damage there is told apart from a tail that a power cut left half written.

mod fault;
mod frame;
mod reader;
mod segment;
mod writer;

pub use fault::Fault;
pub use reader::Reader;
pub use writer::{Full, Health, JournalWatch, JournalWriter, Notice, WAITING_MAX};

use frame::{Frames, Kind, Step};
use segment::{Medium, Opener};
use senim_switch::facts::Record;
use std::fs;
use std::path::{Path, PathBuf};

/// A segment of this many bytes is followed by a new one.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// Memory for bytes that are not synced yet that is kept from one sync to the next.
const UNSYNCED_KEPT: usize = 64 << 10;

/// What was found when the journal was opened.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Recovered {
    /// The tail that was cut, if any.
    pub torn: Option<Torn>,
    /// The last fact; 0 in an empty journal.
    pub last_seq: u64,
}

/// A tail that was not written to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Torn {
    /// The segment.
    pub file: PathBuf,
    /// Where it was cut.
    pub at_byte: u64,
    /// How many bytes were cut.
    pub cut_bytes: u64,
    /// Where they are kept.
    pub kept: PathBuf,
}

impl core::fmt::Display for Torn {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (file, kept) = (self.file.display(), self.kept.display());
        let (bytes, at) = (self.cut_bytes, self.at_byte);
        write!(f, "{file}: cut {bytes} bytes of an unfinished fact at byte {at}, kept in {kept}")
    }
}

/// The journal, open for writing. Only one program may hold it: see [`crate::lock`].
pub struct Journal {
    dir: PathBuf,
    opener: Opener,
    file: Box<dyn Medium>,
    number: u32,
    length: u64,
    last_seq: u64,
    /// Bytes of the current segment that were written and not synced: written once more when a sync fails, since
    /// what the page cache holds after that is anybody's guess. At most a segment and one group of facts.
    unsynced: Vec<u8>,
    /// Nothing is among them but the last mark.
    acknowledged: bool,
    /// A write or a sync failed: the file is cut to `length - unsynced` before the next one.
    suspect: bool,
    segment_bytes: u64,
}

impl core::fmt::Debug for Journal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Journal({}, segment {}, fact {})", self.dir.display(), self.number, self.last_seq)
    }
}

impl Journal {
    /// Opens the journal in `dir`, which is made when missing, and proves every frame in it.
    ///
    /// # Errors
    /// [`Fault::Corrupt`], [`Fault::Hole`] when a fact that was acknowledged is damaged or missing; the disk's faults.
    pub fn open(dir: &Path) -> Result<(Journal, Recovered), Fault> {
        Journal::open_with(dir, segment::real_files(), SEGMENT_BYTES)
    }

    pub(crate) fn open_with(
        dir: &Path,
        mut opener: Opener,
        segment_bytes: u64,
    ) -> Result<(Journal, Recovered), Fault> {
        fs::create_dir_all(dir).map_err(|e| Fault::io("make the folder", dir, e))?;
        let mut recovered = Recovered::default();
        let numbers = segment::list(dir)?;
        let newest = numbers.last().copied();
        let mut length = 0;
        for (&number, expected) in numbers.iter().zip(1..) {
            if number != expected {
                return Err(missing(dir, number, recovered.last_seq));
            }
            length = prove(dir, number, Some(number) == newest, &mut recovered)?;
        }
        let number = newest.unwrap_or(1);
        let path = segment::path(dir, number);
        let file = opener(&path, newest.is_none()).map_err(|e| Fault::io("open the segment", &path, e))?;
        let mut journal = Journal {
            dir: dir.to_owned(),
            opener,
            file,
            number,
            length,
            last_seq: recovered.last_seq,
            unsynced: Vec::new(),
            acknowledged: true,
            suspect: false,
            segment_bytes,
        };
        if length == 0 {
            journal.begin_segment()?;
        }
        Ok((journal, recovered))
    }

    /// The last fact written.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes one fact; it survives a kill of the program.
    ///
    /// # Errors
    /// As [`Journal::append_all`].
    pub fn append(&mut self, record: &Record) -> Result<(), Fault> {
        self.append_all(core::slice::from_ref(record))
    }

    /// Writes facts at once. After an error none of them is in the journal and the same call may be tried again.
    ///
    /// # Errors
    /// [`Fault::Hole`] when a fact is not the next one; the disk's faults.
    pub fn append_all(&mut self, records: &[Record]) -> Result<(), Fault> {
        self.heal()?;
        if self.length >= self.segment_bytes {
            self.roll()?;
        }
        if self.length == 0 {
            self.begin_segment()?;
        }
        let mut bytes = Vec::new();
        let mut last_seq = self.last_seq;
        for record in records {
            if record.seq != last_seq + 1 {
                let file = segment::path(&self.dir, self.number);
                return Err(Fault::Hole { file, expected: last_seq + 1, found: record.seq });
            }
            last_seq = record.seq;
            let whole = serde_json::to_vec(record).is_ok_and(|json| frame::write(&json, &mut bytes));
            if !whole {
                return Err(Fault::TooLong { seq: record.seq });
            }
        }
        self.write(&bytes)?;
        self.last_seq = last_seq;
        Ok(())
    }

    /// Brings all that was written to the disk.
    ///
    /// # Errors
    /// The disk's faults. The facts are kept in memory then, and written again by the next call.
    pub fn sync(&mut self) -> Result<(), Fault> {
        self.heal()?;
        if self.acknowledged {
            return Ok(());
        }
        if let Err(e) = self.file.sync() {
            self.suspect = true;
            return Err(Fault::io("sync the segment", &segment::path(&self.dir, self.number), e));
        }
        self.unsynced.clear();
        self.unsynced.shrink_to(UNSYNCED_KEPT);
        self.acknowledged = true;
        self.mark();
        Ok(())
    }

    /// Reads facts from number `seq` on, up to the last one written.
    pub fn read_from(&self, seq: u64) -> Reader {
        Reader::open(&self.dir, seq)
    }

    /// Says in the file how much of it is safe. A mark that cannot be written is done without.
    fn mark(&mut self) {
        let mut bytes = Vec::new();
        frame::write_mark(self.length, &mut bytes);
        if self.write(&bytes).is_ok() {
            // A mark is no reason to sync again.
            self.acknowledged = true;
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Err(e) = self.file.append(bytes) {
            self.suspect = true;
            return Err(Fault::io("write the segment", &segment::path(&self.dir, self.number), e));
        }
        self.length += bytes.len() as u64;
        self.unsynced.extend_from_slice(bytes);
        self.acknowledged = false;
        Ok(())
    }

    /// Brings the file back to what it must hold, after a write or a sync that failed.
    fn heal(&mut self) -> Result<(), Fault> {
        if !self.suspect {
            return Ok(());
        }
        let safe = self.length - self.unsynced.len() as u64;
        let healed = self.file.cut(safe).and_then(|()| self.file.append(&self.unsynced));
        healed.map_err(|e| Fault::io("write the segment", &segment::path(&self.dir, self.number), e))?;
        self.suspect = false;
        Ok(())
    }

    fn roll(&mut self) -> Result<(), Fault> {
        self.sync()?;
        self.heal()?;
        let path = segment::path(&self.dir, self.number + 1);
        let left_over = segment::open(&path).is_ok_and(|f| f.is_none());
        let file = (self.opener)(&path, !left_over).map_err(|e| Fault::io("make the segment", &path, e))?;
        self.file = file;
        self.number += 1;
        self.length = 0;
        self.unsynced.clear();
        Ok(())
    }

    fn begin_segment(&mut self) -> Result<(), Fault> {
        self.suspect = true;
        self.heal()?;
        self.write(segment::MAGIC)?;
        // The file's name must survive a power cut, too.
        segment::sync_dir(&self.dir)
    }
}

fn missing(dir: &Path, number: u32, last_seq: u64) -> Fault {
    Fault::Hole { file: segment::path(dir, number), expected: last_seq + 1, found: 0 }
}

/// Proves one segment and cuts its torn tail if it is the newest. Returns its length; 0 when even the header is torn.
fn examine(
    dir: &Path,
    number: u32,
    newest: bool,
    recovered: &mut Recovered,
) -> Result<(u64, Vec<u8>), Fault> {
    let file = segment::path(dir, number);
    let begin = segment::MAGIC.len() as u64;
    let at = match segment::open(&file)? {
        None => 0,
        Some(f) => {
            let mut frames = Frames::new(f, begin);
            loop {
                match frames.step().map_err(|e| Fault::io("read the segment", &file, e))? {
                    Step::Frame { at, payload } => match frame::kind(payload) {
                        Kind::Record(seq) if seq == recovered.last_seq + 1 => recovered.last_seq = seq,
                        Kind::Record(found) => {
                            return Err(Fault::Hole { file, expected: recovered.last_seq + 1, found });
                        }
                        Kind::Mark(_) => {}
                        Kind::Foreign => {
                            let why = "neither a fact nor a mark".to_owned();
                            return Err(Fault::Foreign { file, at_byte: at, why });
                        }
                    },
                    Step::End => return Ok((frames.at(), Vec::new())),
                    Step::Bad { at } => break at,
                }
            }
        }
    };
    let bytes = segment::tail(&file, at)?;
    if !newest || frame::greatest_mark(&bytes).is_some_and(|safe| safe > at) {
        return Err(Fault::Corrupt { file, at_byte: at });
    }
    Ok((at, bytes))
}

/// Proves every frame of the journal in `dir` and changes nothing; a line may be writing it. Gives the last fact, 0
/// where no line has run yet.
///
/// # Errors
/// As [`Journal::open`].
pub fn verify(dir: &Path) -> Result<u64, Fault> {
    let mut recovered = Recovered::default();
    if !dir.exists() {
        return Ok(0);
    }
    let numbers = segment::list(dir)?;
    for (&number, expected) in numbers.iter().zip(1..) {
        if number != expected {
            return Err(missing(dir, number, recovered.last_seq));
        }
        examine(dir, number, Some(&number) == numbers.last(), &mut recovered)?;
    }
    Ok(recovered.last_seq)
}

/// Proves a segment and cuts a torn tail off the newest one.
fn prove(dir: &Path, number: u32, newest: bool, recovered: &mut Recovered) -> Result<u64, Fault> {
    let (at, bytes) = examine(dir, number, newest, recovered)?;
    if !bytes.is_empty() {
        let file = segment::path(dir, number);
        let kept = segment::keep_aside(dir, number, &bytes)?;
        let cut = fs::OpenOptions::new().write(true).open(&file).and_then(|f| {
            f.set_len(at)?;
            f.sync_all()
        });
        cut.map_err(|e| Fault::io("cut the torn tail", &file, e))?;
        segment::sync_dir(dir)?;
        recovered.torn = Some(Torn { file, at_byte: at, cut_bytes: bytes.len() as u64, kept });
    }
    Ok(at)
}

#[cfg(test)]
mod tests;
