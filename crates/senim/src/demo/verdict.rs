//! What the demo came to, and whether every promise was kept: each call in exactly one final state, each talk in a
//! closed recording that reads, with both voices in it, found by its appeal's number.

use super::house::House;
use super::stage::Tally;
use crate::desk::wall_now;
use crate::serve::Handle;
use core::fmt;
use senim_appeals::AppealNumber;
use senim_audio::{Band, Coding, DECODED_MAX, Decoder};
use senim_base::{CallId, RecordingId, TrackId};
use senim_recorder::{Demand, may_export};
use senim_seal::{End, MasterKey, Recording};
use senim_store::export::export;
use senim_store::vault::{self, Folder};
use senim_store::views::{CallRow, RecordingRow};
use senim_switch::api::{CallOf, Command, Reply};
use senim_switch::facts::{Author, DemandNote, Disposition, Fact, Party};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Calls that are looked at, at most.
const CALLS_MAX: usize = 10_000;
/// Talks shorter than this need not hold a word of the consultant, milliseconds.
const SHORT_MS: u64 = 2_000;
/// A voice is louder than this on average, of 32768: about −50 dB.
const AUDIBLE: u64 = 100;

/// What the demo came to.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    calls: usize,
    by_state: BTreeMap<Disposition, usize>,
    service_level: Option<u32>,
    appeals: usize,
    recordings: usize,
    recorded_ms: u64,
    bytes: u64,
    found: usize,
    exported: Option<(AppealNumber, PathBuf)>,
    /// What was not as it should be.
    pub(super) wrong: Vec<String>,
}

/// Looks at every call of the carrier after `before`.
pub(super) fn judge(house: &House, handle: &Handle, before: Option<CallId>, tally: &Tally) -> Verdict {
    let mut verdict = Verdict::default();
    if !tally.refused.is_empty() {
        verdict.say(format!("calls were refused with {:?}", tally.refused));
    }
    verdict.service_level = super::look::board(handle).totals.service_level();
    let rows = match handle.views().and_then(|views| views.calls(None, CALLS_MAX)) {
        Ok(rows) => rows,
        Err(fault) => {
            verdict.say(format!("the calls cannot be read: {fault}"));
            return verdict;
        }
    };
    let ours = |c: &&CallRow| c.trunk.as_deref() == Some("carrier") && before.is_none_or(|b| c.call > b);
    let rows: Vec<CallRow> = rows.iter().filter(ours).cloned().collect();
    verdict.calls = rows.len();
    if rows.len() != tally.made {
        verdict.say(format!("{} calls were made and {} are known", tally.made, rows.len()));
    }
    let variable = std::env::var("SENIM_MASTER_KEY").ok();
    match vault::load(&house.plan.master_key, variable.as_deref()) {
        Ok(key) => {
            for row in &rows {
                verdict.call(row, house, handle, &key);
            }
            verdict.hand_out(&rows, house, handle, &key);
        }
        Err(fault) => verdict.say(fault.to_string()),
    }
    verdict
}

impl Verdict {
    fn say(&mut self, what: String) {
        self.wrong.push(what);
    }

    fn call(&mut self, row: &CallRow, house: &House, handle: &Handle, key: &MasterKey) {
        let call = row.call;
        let facts = handle.views().and_then(|views| views.timeline(call)).unwrap_or_default();
        let ends = facts.iter().filter(|r| matches!(r.fact, Fact::Ended { .. })).count();
        match (ends, row.disposition) {
            (1, Some(state)) => *self.by_state.entry(state).or_default() += 1,
            _ => self.say(format!("{call} ended {ends} times, in the state {:?}", row.disposition)),
        }
        if row.disposition == Some(Disposition::Failed) {
            self.say(format!("{call}: the line failed its caller ({:?})", row.cause));
        }
        if !row.consultants.is_empty() && row.recordings.is_empty() {
            self.say(format!("{call} was a talk and has no recording"));
        }
        for recording in &row.recordings {
            match handle.views().and_then(|views| views.recording(*recording)) {
                Ok(Some(found)) => self.recording(row, &found, house, key),
                _ => self.say(format!("recording {recording} of {call} is not known")),
            }
        }
        self.appeals += row.appeals.len();
        for number in &row.appeals {
            let found = handle.views().and_then(|views| views.recordings_of(*number)).unwrap_or_default();
            let found: Vec<RecordingId> = found.iter().map(|(_, r)| r.recording).collect();
            self.found += row.recordings.iter().filter(|r| found.contains(r)).count();
            if !row.recordings.iter().all(|r| found.contains(r)) {
                self.say(format!("recordings of {call} are not found by its appeal {number}"));
            }
        }
    }

    fn recording(&mut self, call: &CallRow, row: &RecordingRow, house: &House, key: &MasterKey) {
        let id = row.recording;
        let Some(length_ms) = row.length_ms else {
            self.say(format!("recording {id} of {} is not closed", call.call));
            return;
        };
        self.recordings += 1;
        self.recorded_ms += length_ms;
        self.bytes += row.bytes;
        let read = read(house, id, key);
        let found = match read {
            Ok(found) => found,
            Err(why) => return self.say(format!("recording {id} of {}: {why}", call.call)),
        };
        let whole =
            found.damage.is_empty() && found.manifest.as_ref().is_some_and(|m| m.end != End::Interrupted);
        if !whole || row.lost_frames > 0 || row.torn {
            self.say(format!("recording {id} of {} is not whole", call.call));
        }
        let loud = loudness(&found);
        for (track, party) in &row.tracks {
            let must = match party {
                Party::Caller => length_ms >= SHORT_MS,
                Party::Consultant(_) => call.talked_ms >= SHORT_MS && call.consultants.len() == 1,
                Party::Line | Party::Forward => false,
            };
            if must && loud.get(track).copied().unwrap_or(0) < AUDIBLE {
                self.say(format!("{party:?} is not heard in recording {id} of {}", call.call));
            }
        }
    }

    /// Hands one recording out as the law asks for it, and listens to both sides.
    fn hand_out(&mut self, rows: &[CallRow], house: &House, handle: &Handle, key: &MasterKey) {
        let talked = |c: &&CallRow| c.talked_ms >= SHORT_MS && !c.recordings.is_empty();
        let with_appeal = rows.iter().filter(talked).max_by_key(|c| (!c.appeals.is_empty(), c.call));
        let Some(call) = with_appeal else { return };
        let Some(number) = appeal_of(call, handle) else {
            return self.say(format!("no appeal can be registered for {}", call.call));
        };
        match export_one(call, number, house, handle, key) {
            Ok(file) => {
                match sides(&file) {
                    Ok(sides) if sides.iter().all(|s| *s >= AUDIBLE) => {}
                    Ok(sides) => self.say(format!("{}: a side is silent: {sides:?}", file.display())),
                    Err(why) => self.say(format!("{}: {why}", file.display())),
                }
                self.exported = Some((number, file));
            }
            Err(why) => self.say(format!("the recording of {} cannot be handed out: {why}", call.call)),
        }
    }
}

fn read(house: &House, id: RecordingId, key: &MasterKey) -> Result<Recording, String> {
    let file = Folder::new(&house.plan.recordings).file_of(id);
    let bytes = fs::read(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    senim_seal::read(&bytes, key).map_err(|fault| fault.to_string())
}

/// The loudness of each track: the root of the mean square.
fn loudness(found: &Recording) -> BTreeMap<TrackId, u64> {
    let mut sums: BTreeMap<TrackId, (u64, u64)> = BTreeMap::new();
    let mut decoders: BTreeMap<(TrackId, u8), Decoder> = BTreeMap::new();
    let mut pcm = [0; DECODED_MAX];
    for frame in &found.frames {
        let new = || Decoder::new(Coding::of_number(frame.codec), Band::Narrow);
        let decoder = decoders.entry((frame.track, frame.codec)).or_insert_with(new);
        let (sum, n) = sums.entry(frame.track).or_default();
        let len = decoder.decode(&frame.payload, &mut pcm);
        for sample in pcm.iter().take(len) {
            *sum += u64::from(sample.unsigned_abs()).pow(2);
            *n += 1;
        }
    }
    sums.into_iter().map(|(track, (sum, n))| (track, (sum / n.max(1)).isqrt())).collect()
}

fn appeal_of(call: &CallRow, handle: &Handle) -> Option<AppealNumber> {
    if let Some(number) = call.appeals.first() {
        return Some(*number);
    }
    let by = Author::Operator("demo".into());
    match handle.ask(Command::RegisterAppeal { call: CallOf::Call(call.call), by }) {
        Reply::Registered { number, .. } => Some(number),
        _ => None,
    }
}

fn export_one(
    call: &CallRow,
    number: AppealNumber,
    house: &House,
    handle: &Handle,
    key: &MasterKey,
) -> Result<PathBuf, String> {
    let recording = *call.recordings.first().ok_or("it has none")?;
    let today = wall_now();
    let demand = Demand::new("demo-1", Some(today), "the demo").map_err(|r| r.to_string())?;
    let found = handle.views().and_then(|views| views.recordings_of(number)).map_err(|f| f.to_string())?;
    let of_appeal: Vec<RecordingId> = found.iter().map(|(_, r)| r.recording).collect();
    let permit = may_export(&demand, recording, &of_appeal, today).map_err(|r| r.to_string())?;
    let offset = house.plan.config.line.utc_offset_minutes;
    let date = today.rfc3339(offset).chars().take(10).collect();
    let note = DemandNote { number: "demo-1".into(), date, authority: "the demo".into() };
    let by = Author::Operator("demo".into());
    match handle.ask(Command::NoteExport { recording, number, demand: note, by }) {
        Reply::Done => {}
        other => return Err(format!("{other:?}")),
    }
    let sealed = Folder::new(&house.plan.recordings).file_of(recording);
    let sealed = fs::read(&sealed).map_err(|e| e.to_string())?;
    let out = house.plan.data.join(format!("{number}-{}.wav", call.call));
    if out.exists() {
        fs::remove_file(&out).map_err(|e| e.to_string())?;
    }
    let exported = export(&permit, &sealed, key, &out, &mut |_| {}).map_err(|f| f.to_string())?;
    Ok(exported.file)
}

/// The loudness of the left and the right side of a file.
fn sides(file: &std::path::Path) -> Result<[u64; 2], String> {
    let mut wav = hound::WavReader::open(file).map_err(|e| e.to_string())?;
    let (mut sums, mut n) = ([0u64; 2], 0u64);
    for (i, sample) in wav.samples::<i16>().enumerate() {
        let sample = sample.map_err(|e| e.to_string())?;
        if let Some(sum) = sums.get_mut(i % 2) {
            *sum += u64::from(sample.unsigned_abs()).pow(2);
        }
        n += 1;
    }
    Ok(sums.map(|sum| (sum / (n / 2).max(1)).isqrt()))
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = |d| self.by_state.get(&d).copied().unwrap_or(0);
        writeln!(
            f,
            "calls       {}: served {}, left in the menu {}, abandoned {}, failed {}",
            self.calls,
            state(Disposition::Served),
            state(Disposition::LeftInScript),
            state(Disposition::Abandoned),
            state(Disposition::Failed),
        )?;
        match self.service_level {
            Some(percent) => writeln!(f, "in time     {percent} % of those who asked for a human")?,
            None => writeln!(f, "in time     nobody asked for a human")?,
        }
        writeln!(f, "appeals     {}; {} recordings are found by their numbers", self.appeals, self.found)?;
        let (seconds, kilobytes) = (self.recorded_ms / 1_000, self.bytes / 1_000);
        writeln!(f, "recordings  {} files, {seconds} s, {kilobytes} kB sealed", self.recordings)?;
        if let Some((number, file)) = &self.exported {
            writeln!(f, "to hear     {} (appeal {number}; left: the caller)", file.display())?;
        }
        for wrong in &self.wrong {
            writeln!(f, "WRONG       {wrong}")?;
        }
        if self.wrong.is_empty() { f.write_str("all is well") } else { f.write_str("not all is well") }
    }
}
