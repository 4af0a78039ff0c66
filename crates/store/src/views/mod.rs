//! The views: rows made of facts, in sled. The journal is the truth; a view that is missing, damaged or not of this
//! journal is dropped and made again, so losing the whole folder costs time and no data. Every row knows its last
//! fact, so that facts may be applied twice.

mod fault;
mod follow;
mod rows;

pub use fault::ViewFault;
pub use follow::Follower;
pub use rows::{AppealRow, CallRow, Forward, RecordingRow};

use crate::journal::Reader;
use senim_appeals::AppealNumber;
use senim_base::{CallId, RecordingId, WallTime};
use senim_switch::facts::Record;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sled::{Db, Tree};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

/// Raised when the rows change their shape: older views are dropped.
const SHAPE: u32 = 4;
/// Memory for pages of the views, bytes.
const CACHE_BYTES: u64 = 16 << 20;
/// Milliseconds after which pages are written out.
const FLUSH_MS: u64 = 500;
/// Facts of a piece of the timeline. sled splits a page for each eight values, which is dear, and makes a file of a page
/// above 128 KiB, which is dearer: so values are neither small nor large.
const PIECE: usize = 24;
/// Calls whose rows are one value, for the same reasons.
const BLOCK: u64 = 8;
/// Facts applied at once while catching up.
const GROUP: usize = 4_096;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// How the views were found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// As the last program left them.
    Kept,
    /// There were none.
    New,
    /// Dropped, to be made again, and why.
    Dropped(&'static str),
}

/// Where the views stand: which fact came last, and that fact's checksum, so that the views of another journal show.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Stand {
    shape: u32,
    utc_offset_minutes: i32,
    seq: u64,
    crc: u32,
}

/// A call's row, and the pieces of the timeline that hold its facts.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KeptCall {
    row: CallRow,
    pieces: Vec<u64>,
}

/// The views, open. Reading takes no lock.
#[derive(Clone, Debug)]
pub struct Views {
    db: Db,
    calls: Tree,
    timeline: Tree,
    days: Tree,
    recordings: Tree,
    appeals: Tree,
    openings: Tree,
    utc_offset_minutes: i32,
    /// Where they are, to be opened anew; `None` in memory.
    dir: Option<Arc<Path>>,
}

impl Views {
    /// Opens the views in `dir` for the journal in `journal`, and applies what is missing. Days begin at midnight
    /// `utc_offset_minutes` east of Greenwich.
    ///
    /// # Errors
    /// The journal's faults; the disk's, when not even new views can be made.
    pub fn open(dir: &Path, journal: &Path, utc_offset_minutes: i32) -> Result<(Views, Found), ViewFault> {
        let existed = dir.exists();
        let (views, found) = match Views::try_open(dir, utc_offset_minutes).map(|v| (v.belongs(journal), v)) {
            Ok((Ok(None), views)) => (views, if existed { Found::Kept } else { Found::New }),
            Ok((Ok(Some(why)), views)) => {
                drop(views);
                (Views::anew(dir, utc_offset_minutes)?, Found::Dropped(why))
            }
            Ok((Err(ViewFault::Journal(fault)), _)) => return Err(ViewFault::Journal(fault)),
            Ok((Err(_), views)) => {
                drop(views);
                (Views::anew(dir, utc_offset_minutes)?, Found::Dropped("damaged"))
            }
            Err(_) => (Views::anew(dir, utc_offset_minutes)?, Found::Dropped("damaged")),
        };
        match views.catch_up(journal) {
            Ok(_) => Ok((views, found)),
            Err(ViewFault::Journal(fault)) => Err(ViewFault::Journal(fault)),
            Err(_) => {
                drop(views);
                let views = Views::anew(dir, utc_offset_minutes)?;
                views.catch_up(journal)?;
                Ok((views, Found::Dropped("damaged")))
            }
        }
    }

    /// Views in memory, for a reader beside a program that holds the folder.
    ///
    /// # Errors
    /// The journal's faults.
    pub fn in_memory(journal: &Path, utc_offset_minutes: i32) -> Result<Views, ViewFault> {
        let views = Views::with(sled::Config::new().temporary(true), utc_offset_minutes)?;
        views.catch_up(journal)?;
        Ok(views)
    }

    fn anew(dir: &Path, utc_offset_minutes: i32) -> Result<Views, ViewFault> {
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(|e| ViewFault::Disk(dir.to_owned(), e.to_string()))?;
        }
        Views::try_open(dir, utc_offset_minutes)
    }

    /// sled panics on some damage instead of returning an error: that is damage, too.
    fn try_open(dir: &Path, utc_offset_minutes: i32) -> Result<Views, ViewFault> {
        let config = sled::Config::new().path(dir).flush_every_ms(Some(FLUSH_MS));
        let opened = catch_unwind(AssertUnwindSafe(|| Views::with(config, utc_offset_minutes)));
        let damaged = || ViewFault::Disk(dir.to_owned(), "damaged".into());
        let opened = opened.map_err(|_| damaged())?;
        opened.map(|views| Views { dir: Some(dir.into()), ..views })
    }

    fn with(config: sled::Config, utc_offset_minutes: i32) -> Result<Views, ViewFault> {
        let db = config.cache_capacity(CACHE_BYTES).open()?;
        Ok(Views {
            calls: db.open_tree("calls")?,
            timeline: db.open_tree("timeline")?,
            days: db.open_tree("days")?,
            recordings: db.open_tree("recordings")?,
            appeals: db.open_tree("appeals")?,
            openings: db.open_tree("openings")?,
            db,
            utc_offset_minutes,
            dir: None,
        })
    }

    /// Where they are and how their days are cut; `None` in memory.
    fn home(&self) -> Option<(Arc<Path>, i32)> {
        Some((self.dir.clone()?, self.utc_offset_minutes))
    }

    /// Whether these are views of that journal; if not, why.
    fn belongs(&self, journal: &Path) -> Result<Option<&'static str>, ViewFault> {
        let Some(stand) = self.stand()? else { return Ok((!self.calls.is_empty()).then_some("unfinished")) };
        if stand.shape != SHAPE {
            return Ok(Some("made by another version"));
        }
        if stand.utc_offset_minutes != self.utc_offset_minutes {
            return Ok(Some("made for another time zone"));
        }
        if stand.seq == 0 {
            return Ok(None);
        }
        let last = Reader::open(journal, stand.seq).read()?;
        let same = last.is_some_and(|r| checksum(&r) == stand.crc);
        Ok((!same).then_some("made from another journal"))
    }

    fn stand(&self) -> Result<Option<Stand>, ViewFault> {
        self.db.get("stand")?.map(|bytes| read(&bytes)).transpose()
    }

    /// The last fact applied.
    ///
    /// # Errors
    /// The disk's.
    pub fn applied(&self) -> Result<u64, ViewFault> {
        Ok(self.stand()?.unwrap_or_default().seq)
    }

    /// Applies all facts of the journal that are missing; returns how many.
    ///
    /// # Errors
    /// The journal's faults and the disk's.
    pub fn catch_up(&self, journal: &Path) -> Result<u64, ViewFault> {
        let mut reader = Reader::open(journal, self.applied()? + 1);
        let mut count = 0;
        loop {
            let group = reader.by_ref().take(GROUP).collect::<Result<Vec<_>, _>>()?;
            if group.is_empty() {
                return Ok(count);
            }
            count += group.len() as u64;
            self.apply_all(&group)?;
        }
    }

    /// Applies one fact.
    ///
    /// # Errors
    /// As [`Views::apply_all`].
    pub fn apply(&self, record: &Record) -> Result<(), ViewFault> {
        self.apply_all(core::slice::from_ref(record))
    }

    /// Applies facts in order; those that the views have already are passed over.
    ///
    /// # Errors
    /// [`ViewFault::Missed`] when facts between were not given; damage; the disk's.
    pub fn apply_all(&self, records: &[Record]) -> Result<(), ViewFault> {
        let mut last = self.applied()?;
        let mut changes = Changes::default();
        let mut crc = None;
        for record in records.iter().filter(|r| r.seq > last).collect::<Vec<_>>() {
            if record.seq != last + 1 {
                return Err(ViewFault::Missed { expected: last + 1, found: record.seq });
            }
            last = record.seq;
            changes.enter(self, record)?;
            crc = Some(record);
        }
        let Some(newest) = crc else { return Ok(()) };
        changes.write(self)?;
        let stand = Stand {
            shape: SHAPE,
            utc_offset_minutes: self.utc_offset_minutes,
            seq: last,
            crc: checksum(newest),
        };
        self.db.insert("stand", write(&stand)?)?;
        Ok(())
    }

    /// One call.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn call(&self, call: CallId) -> Result<Option<CallRow>, ViewFault> {
        Ok(self.kept(call)?.map(|kept| kept.row))
    }

    fn kept(&self, call: CallId) -> Result<Option<KeptCall>, ViewFault> {
        Ok(self.block(block(call))?.into_iter().find(|kept| kept.row.call == call))
    }

    /// Calls of a block, in order.
    fn block(&self, block: u64) -> Result<Vec<KeptCall>, ViewFault> {
        self.calls.get(block.to_be_bytes())?.map_or(Ok(Vec::new()), |b| read(&b))
    }

    /// Calls before `before` (or the newest), newest first, at most `limit`.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn calls(&self, before: Option<CallId>, limit: usize) -> Result<Vec<CallRow>, ViewFault> {
        let end = before.unwrap_or(CallId(u64::MAX));
        let mut rows = Vec::new();
        for kv in self.calls.range(..=block(end).to_be_bytes()).rev() {
            if rows.len() >= limit {
                break;
            }
            let kept = read::<Vec<KeptCall>>(&kv?.1)?.into_iter().map(|kept| kept.row).rev();
            rows.extend(kept.filter(|row| row.call < end).take(limit - rows.len()));
        }
        Ok(rows)
    }

    /// Calls that came in on the day of `moment`, oldest first.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn calls_of_day(&self, moment: WallTime) -> Result<Vec<CallRow>, ViewFault> {
        let wanted = day(moment, self.utc_offset_minutes);
        let Some((first, last)) = self.day(wanted)? else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        for kv in self.calls.range(block(first).to_be_bytes()..=block(last).to_be_bytes()) {
            // Blocks begin the day before, and a clock that was put back makes days overlap.
            let kept = read::<Vec<KeptCall>>(&kv?.1)?.into_iter().map(|kept| kept.row);
            rows.extend(kept.filter(|row| day(row.arrived, self.utc_offset_minutes) == wanted));
        }
        Ok(rows)
    }

    /// The first and the last call of a day.
    fn day(&self, day: i64) -> Result<Option<(CallId, CallId)>, ViewFault> {
        self.days.get(day.to_be_bytes())?.map(|b| read(&b)).transpose()
    }

    /// All facts about a call, in order.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn timeline(&self, call: CallId) -> Result<Vec<Record>, ViewFault> {
        let mut facts = BTreeMap::new();
        for piece in self.kept(call)?.map(|kept| kept.pieces).unwrap_or_default() {
            let Some(bytes) = self.timeline.get(piece.to_be_bytes())? else { return Err(ViewFault::Damaged) };
            let of_call = read::<Vec<Record>>(&bytes)?.into_iter().filter(|r| r.call == Some(call));
            facts.extend(of_call.map(|record| (record.seq, record)));
        }
        Ok(facts.into_values().collect())
    }

    /// One recording.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn recording(&self, recording: RecordingId) -> Result<Option<RecordingRow>, ViewFault> {
        self.recordings.get(recording.0.to_be_bytes())?.map(|b| read(&b)).transpose()
    }

    /// Every recording of every call of an appeal (FEATURES R9), with its call, in the order of the calls.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn recordings_of(&self, number: AppealNumber) -> Result<Vec<(CallRow, RecordingRow)>, ViewFault> {
        let mut found = Vec::new();
        for call in self.appeal(number)?.map(|a| a.calls).unwrap_or_default() {
            let Some(row) = self.call(call)? else { continue };
            for recording in &row.recordings {
                found.extend(self.recording(*recording)?.map(|r| (row.clone(), r)));
            }
        }
        Ok(found)
    }

    /// One appeal.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn appeal(&self, number: AppealNumber) -> Result<Option<AppealRow>, ViewFault> {
        self.appeals.get(number.keyed())?.map(|b| read(&b)).transpose()
    }

    /// Appeals, newest first, at most `limit`.
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn appeals(&self, limit: usize) -> Result<Vec<AppealRow>, ViewFault> {
        self.appeals.iter().rev().take(limit).map(|kv| read(&kv?.1)).collect()
    }

    /// Who looked for recordings, opened them or was refused, newest first, at most `limit` (FEATURES R12).
    ///
    /// # Errors
    /// Damage, or the disk's.
    pub fn openings(&self, limit: usize) -> Result<Vec<Record>, ViewFault> {
        self.openings.iter().rev().take(limit).map(|kv| read(&kv?.1)).collect()
    }

    /// Brings what is in memory to the operating system.
    ///
    /// # Errors
    /// The disk's.
    pub fn flush(&self) -> Result<(), ViewFault> {
        self.db.flush()?;
        Ok(())
    }

    /// Every row of every view as text, in order, so that two views can be compared byte for byte.
    ///
    /// # Errors
    /// The disk's.
    pub fn dump(&self) -> Result<String, ViewFault> {
        let mut out = String::new();
        let trees = [
            ("days", &self.days),
            ("recordings", &self.recordings),
            ("appeals", &self.appeals),
            ("openings", &self.openings),
        ];
        for (name, tree) in trees {
            for kv in tree.iter() {
                let (key, value) = kv?;
                let hex: String = key.iter().map(|b| format!("{b:02x}")).collect();
                out.push_str(&format!("{name} {hex} {}\n", String::from_utf8_lossy(&value)));
            }
        }
        // Pieces are as long as the groups were that made them; what they hold is the same.
        for kv in self.calls.iter() {
            for KeptCall { row, .. } in read::<Vec<KeptCall>>(&kv?.1)? {
                out.push_str(&format!("calls {}\n", String::from_utf8_lossy(&write(&row)?)));
                for record in self.timeline(row.call)? {
                    out.push_str(&format!("timeline {}\n", String::from_utf8_lossy(&write(&record)?)));
                }
            }
        }
        Ok(out)
    }
}

/// Rows that a group of facts touches: each is read once and written once.
#[derive(Default)]
struct Changes<'a> {
    blocks: BTreeMap<u64, Vec<KeptCall>>,
    recordings: BTreeMap<RecordingId, RecordingRow>,
    appeals: BTreeMap<String, AppealRow>,
    /// All calls' facts in order, in pieces: a row each, or one a call, would be the dearest part of all.
    timeline: Vec<Vec<&'a Record>>,
    days: BTreeMap<i64, (CallId, CallId)>,
    openings: Vec<&'a Record>,
}

impl<'a> Changes<'a> {
    fn enter(&mut self, views: &Views, record: &'a Record) -> Result<(), ViewFault> {
        let fact = &record.fact;
        if let Some(call) = record.call {
            let piece = self.piece(record);
            self.enter_call(call, piece, record, views)?;
            if matches!(fact, senim_switch::facts::Fact::Arrived { .. }) {
                self.came_on(day(record.wall, views.utc_offset_minutes), call, views)?;
            }
        }
        if let Some(recording) = rows::recording_of(fact) {
            let row = match self.recordings.remove(&recording) {
                Some(row) => Some(row),
                None => views.recording(recording)?,
            };
            let mut row = row.unwrap_or_else(|| RecordingRow::new(recording, record));
            if row.seq < record.seq {
                row.seq = record.seq;
                row.apply(record);
            }
            self.recordings.insert(recording, row);
        }
        if let Some((number, by)) = rows::appeal_of(fact) {
            let row = match self.appeals.remove(&number.keyed()) {
                Some(row) => Some(row),
                None => views.appeal(number)?,
            };
            let mut row = row.unwrap_or_else(|| AppealRow::new(number, by, record));
            if row.seq < record.seq {
                row.seq = record.seq;
                row.apply(record);
            }
            self.appeals.insert(number.keyed(), row);
        }
        if rows::is_opening(fact) {
            self.openings.push(record);
        }
        Ok(())
    }

    /// Puts a fact into the timeline; gives the name of its piece, the number of the first fact there.
    fn piece(&mut self, record: &'a Record) -> u64 {
        match self.timeline.last_mut().filter(|piece| piece.len() < PIECE) {
            Some(piece) => piece.push(record),
            None => self.timeline.push(vec![record]),
        }
        self.timeline.last().and_then(|piece| piece.first()).map_or(record.seq, |first| first.seq)
    }

    fn enter_call(
        &mut self,
        call: CallId,
        piece: u64,
        record: &Record,
        views: &Views,
    ) -> Result<(), ViewFault> {
        let calls = match self.blocks.entry(block(call)) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => e.insert(views.block(block(call))?),
        };
        let at = calls.binary_search_by_key(&call, |kept| kept.row.call).unwrap_or_else(|at| {
            calls.insert(at, KeptCall { row: CallRow::new(call), pieces: Vec::new() });
            at
        });
        let Some(KeptCall { row, pieces }) = calls.get_mut(at) else { return Ok(()) };
        if !pieces.contains(&piece) {
            pieces.push(piece);
        }
        if row.seq < record.seq {
            row.seq = record.seq;
            row.apply(record);
        }
        Ok(())
    }

    fn came_on(&mut self, day: i64, call: CallId, views: &Views) -> Result<(), ViewFault> {
        let span = match self.days.entry(day) {
            Entry::Occupied(e) => e.into_mut(),
            Entry::Vacant(e) => e.insert(views.day(day)?.unwrap_or((call, call))),
        };
        *span = (span.0.min(call), span.1.max(call));
        Ok(())
    }

    /// Value by value: what is half written is written again, for the note of where the views stand comes last. A batch
    /// of sled's would make it write out its buffer twice.
    fn write(self, views: &Views) -> Result<(), ViewFault> {
        for piece in &self.timeline {
            let first = piece.first().map_or(0, |record| record.seq);
            views.timeline.insert(first.to_be_bytes(), write(piece)?)?;
        }
        for (day, span) in &self.days {
            views.days.insert(day.to_be_bytes(), write(span)?)?;
        }
        for opening in &self.openings {
            views.openings.insert(opening.seq.to_be_bytes(), write(opening)?)?;
        }
        for (block, calls) in &self.blocks {
            views.calls.insert(block.to_be_bytes(), write(calls)?)?;
        }
        for (recording, row) in &self.recordings {
            views.recordings.insert(recording.0.to_be_bytes(), write(row)?)?;
        }
        for (number, row) in &self.appeals {
            views.appeals.insert(number.as_bytes(), write(row)?)?;
        }
        Ok(())
    }
}

fn block(call: CallId) -> u64 {
    call.0 / BLOCK
}

fn day(moment: WallTime, utc_offset_minutes: i32) -> i64 {
    let local = moment.unix_millis().saturating_add(i64::from(utc_offset_minutes) * 60_000);
    local.div_euclid(DAY_MS)
}

fn checksum(record: &Record) -> u32 {
    crc32c::crc32c(&serde_json::to_vec(record).unwrap_or_default())
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ViewFault> {
    serde_json::from_slice(bytes).map_err(|_| ViewFault::Damaged)
}

fn write<T: Serialize>(row: &T) -> Result<Vec<u8>, ViewFault> {
    serde_json::to_vec(row).map_err(|_| ViewFault::Damaged)
}

#[cfg(test)]
mod tests;
