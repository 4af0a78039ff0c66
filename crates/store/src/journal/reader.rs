//! Reading facts from a number on, beside a writer or without one: the event stream of the outside, the rebuilding of
//! views, the replay at start. A reader holds no lock and needs no writer.

use super::fault::Fault;
use super::frame::{self, Frames, Kind, Step};
use super::segment;
use senim_switch::facts::Record;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Reads facts in order. `None` means "no more now": a later call goes on where this one ended.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    next: u64,
    place: Option<Place>,
}

/// Where the reader stands.
#[derive(Debug)]
struct Place {
    number: u32,
    frames: Frames<File>,
}

impl Reader {
    /// Reads the journal in `dir` from fact `seq` on (1 is the first).
    pub fn open(dir: &Path, seq: u64) -> Reader {
        Reader { dir: dir.to_owned(), next: seq.max(1), place: None }
    }

    /// The number of the next fact.
    pub fn next_seq(&self) -> u64 {
        self.next
    }

    /// The next fact, if it is written yet.
    ///
    /// # Errors
    /// Damage, holes, and the disk's faults.
    pub fn read(&mut self) -> Result<Option<Record>, Fault> {
        if self.place.is_none() {
            self.place = self.seek()?;
        }
        loop {
            let Some(place) = &mut self.place else { return Ok(None) };
            let file = segment::path(&self.dir, place.number);
            match place.frames.step().map_err(|e| Fault::io("read the segment", &file, e))? {
                Step::Frame { at, payload } => match frame::kind(payload) {
                    Kind::Record(seq) if seq < self.next => {}
                    Kind::Record(seq) if seq == self.next => {
                        let record = serde_json::from_slice(payload);
                        let record =
                            record.map_err(|e| Fault::Foreign { file, at_byte: at, why: said(&e) })?;
                        self.next += 1;
                        return Ok(Some(record));
                    }
                    Kind::Record(found) => return Err(Fault::Hole { file, expected: self.next, found }),
                    Kind::Mark(_) => {}
                    Kind::Foreign => {
                        let why = "neither a fact nor a mark".to_owned();
                        return Err(Fault::Foreign { file, at_byte: at, why });
                    }
                },
                Step::End | Step::Bad { .. } => {
                    if !self.go_on()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// At the end of a segment: to the next one if there is one, or else back to the unfinished frame, to be read
    /// again later. `false`: nothing more now.
    fn go_on(&mut self) -> Result<bool, Fault> {
        let Some(place) = self.place.take() else { return Ok(false) };
        let next = segment::path(&self.dir, place.number + 1);
        let at = place.frames.at();
        if next.exists() {
            // The writer may have written the rest of this segment before it made the next one: look once more.
            let mut again = self.at(place.number, at)?;
            if let Some(found) = &mut again {
                let file = segment::path(&self.dir, place.number);
                match found.frames.step().map_err(|e| Fault::io("read the segment", &file, e))? {
                    Step::Frame { at, .. } => {
                        self.place = self.at(place.number, at)?;
                        return Ok(true);
                    }
                    Step::Bad { at } => return Err(Fault::Corrupt { file, at_byte: at }),
                    Step::End => {}
                }
            }
            if let Some(f) = segment::open(&next)? {
                let frames = Frames::new(f, segment::MAGIC.len() as u64);
                self.place = Some(Place { number: place.number + 1, frames });
                return Ok(true);
            }
        }
        self.place = self.at(place.number, at)?;
        Ok(false)
    }

    fn at(&self, number: u32, at: u64) -> Result<Option<Place>, Fault> {
        let file = segment::path(&self.dir, number);
        let Some(mut f) = segment::open(&file)? else { return Ok(None) };
        f.seek(SeekFrom::Start(at)).map_err(|e| Fault::io("read the segment", &file, e))?;
        Ok(Some(Place { number, frames: Frames::new(f, at) }))
    }

    /// The segment that holds the next fact: the last one whose first fact is not after it.
    fn seek(&self) -> Result<Option<Place>, Fault> {
        if !self.dir.exists() {
            return Ok(None);
        }
        let numbers = segment::list(&self.dir)?;
        for &number in numbers.iter().rev() {
            let first = self.first_fact(number)?;
            if first.is_some_and(|first| first <= self.next) || numbers.first() == Some(&number) {
                return self.at(number, segment::MAGIC.len() as u64);
            }
        }
        Ok(None)
    }

    fn first_fact(&self, number: u32) -> Result<Option<u64>, Fault> {
        let file = segment::path(&self.dir, number);
        let Some(f) = segment::open(&file)? else { return Ok(None) };
        let mut frames = Frames::new(f, segment::MAGIC.len() as u64);
        while let Step::Frame { payload, .. } =
            frames.step().map_err(|e| Fault::io("read the segment", &file, e))?
        {
            if let Kind::Record(seq) = frame::kind(payload) {
                return Ok(Some(seq));
            }
        }
        Ok(None)
    }
}

impl Iterator for Reader {
    type Item = Result<Record, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// What the reader of JSON objects to, by place and kind only: its own words could quote a value.
fn said(e: &serde_json::Error) -> String {
    format!("{:?} at column {}", e.classify(), e.column())
}
