//! Recordings: `senim recordings find|export|verify` (FEATURES R9, R10, R12). Who looked, who opened and who was
//! refused is a fact before anything is shown.

use super::said::{self, Logins};
use super::{Common, Failure, World, author, desk, logins, odd, plan, table};
use crate::config::Plan;
use crate::control::{Answer, Query};
use crate::desk::{Desk, DeskFault, unexpected, wall_now};
use clap::{Args, Subcommand};
use senim_appeals::AppealNumber;
use senim_base::{RecordingId, WallTime};
use senim_recorder::{Demand, Permit, may_export};
use senim_seal::{Disk, MasterKey, Verdict, verify};
use senim_store::export::{Exported, export};
use senim_store::journal::Reader;
use senim_store::vault::{self, Folder};
use senim_store::views::{CallRow, RecordingRow};
use senim_switch::api::{Command, Refusal, Reply};
use senim_switch::facts::{Author, DemandNote};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Every recording of every call of an appeal.
    Find {
        /// The appeal's number.
        #[arg(long, value_name = "NUMBER")]
        appeal: AppealNumber,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Hand out the recordings of an appeal under a written demand, as WAV files.
    Export(Export),
    /// Prove recordings unharmed: one file, a folder, or the whole data folder and its journal.
    Verify {
        /// A file or a folder; without it: everything.
        path: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The appeal that the demand is about.
    #[arg(long, value_name = "NUMBER")]
    appeal: AppealNumber,
    /// Only this recording.
    #[arg(long, value_name = "RECORDING")]
    recording: Option<RecordingId>,
    /// The number of the letter.
    #[arg(long, value_name = "TEXT", default_value = "")]
    demand_number: String,
    /// The date of the letter, YYYY-MM-DD.
    #[arg(long, value_name = "DATE", default_value = "")]
    demand_date: String,
    /// Who demands.
    #[arg(long, value_name = "TEXT", default_value = "")]
    demand_authority: String,
    /// The folder for the files; made when missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

type Found = Vec<(CallRow, RecordingRow)>;

pub(crate) fn run(verb: &Verb, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let by = author(common, world);
    match verb {
        Verb::Find { appeal, json } => {
            let mut desk = desk(&plan, world)?;
            let found = look_up(&mut desk, *appeal, by)?;
            let logins = logins(&mut desk)?;
            show(&found, *json, &plan, &logins, world)
        }
        Verb::Export(wanted) => hand_out(wanted, &plan, &by, world),
        Verb::Verify { path } => prove(path.as_deref(), &plan, world),
    }
}

/// Finds the recordings; that somebody looked is safe on disk before he sees anything.
fn look_up(desk: &mut Desk, number: AppealNumber, by: Author) -> Result<Found, Failure> {
    let known = matches!(desk.command(&Command::Appeal { number }), Ok(Reply::Appeal { .. }));
    let found = match desk.query(&Query::Recordings { number })? {
        Answer::Recordings { found } => found,
        other => return Err(Failure::Desk(unexpected(&other))),
    };
    let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
    match desk.command(&Command::NoteSearch { number, by, found: count })? {
        Reply::Done if known => Ok(found),
        Reply::Done => Err(Failure::Desk(DeskFault::Refused(Refusal::UnknownAppeal { number }))),
        other => Err(odd(&other)),
    }
}

fn show(
    found: &Found,
    json: bool,
    plan: &Plan,
    logins: &Logins,
    world: &mut World<'_>,
) -> Result<(), Failure> {
    let zone = plan.config.line.utc_offset_minutes;
    let people = |c: &CallRow| c.consultants.iter().map(|id| said::who(*id, logins)).collect::<Vec<_>>();
    if json {
        let folder = Folder::new(&plan.recordings);
        let row = |(c, r): &(CallRow, RecordingRow)| {
            json!({
                "recording": r.recording, "call": c.call.to_string(), "start": r.began.rfc3339(zone),
                "length_ms": r.length_ms, "consultants": people(c), "language": c.language,
                "state": state(r), "lost_frames": r.lost_frames, "file": folder.file_of(r.recording),
            })
        };
        let rows: Vec<Value> = found.iter().map(row).collect();
        writeln!(world.out, "{}", serde_json::to_string_pretty(&rows).unwrap_or_default())?;
        return Ok(());
    }
    let cells = found.iter().map(|(c, r)| {
        vec![
            c.call.to_string(),
            r.recording.to_string(),
            said::moment(r.began, zone),
            table::or_dash(r.length_ms.map(table::minutes)),
            table::listed(people(c)),
            table::or_dash(c.language),
            state(r).to_owned(),
        ]
    });
    let headings = ["call", "recording", "start", "length", "consultant", "language", "state"];
    table::write(world.out, &headings, &cells.collect::<Vec<_>>())?;
    Ok(())
}

fn state(r: &RecordingRow) -> &'static str {
    match (r.length_ms, r.torn, &r.failed) {
        (Some(_), true, _) => "interrupted",
        (Some(_), false, _) => "closed",
        (None, _, Some(_)) => "failed",
        (None, _, None) => "being written",
    }
}

/// What stands in the way of an export, in the words of the right to it and of the command line.
fn demanded(wanted: &Export, zone: i32) -> Result<Demand, String> {
    let date = match wanted.demand_date.as_str() {
        "" => None,
        text => match WallTime::parse_date(text, zone) {
            Some(date) => Some(date),
            None => return Err(format!("{text:?} is no date; write --demand-date YYYY-MM-DD")),
        },
    };
    Demand::new(&wanted.demand_number, date, &wanted.demand_authority).map_err(|refused| {
        format!("{refused}; write --demand-number, --demand-date YYYY-MM-DD and --demand-authority")
    })
}

fn hand_out(wanted: &Export, plan: &Plan, by: &Author, world: &mut World<'_>) -> Result<(), Failure> {
    let zone = plan.config.line.utc_offset_minutes;
    let number = wanted.appeal;
    let mut desk = desk(plan, world)?;
    let refuse = |desk: &mut Desk, why: String| -> Result<Failure, Failure> {
        let note = Command::NoteRefusal { number: Some(number), by: by.clone(), why: why.clone() };
        desk.command(&note)?;
        Ok(Failure::Usage(format!("refused: {why}")))
    };
    let demand = match demanded(wanted, zone) {
        Ok(demand) => demand,
        Err(why) => return Err(refuse(&mut desk, why)?),
    };
    let found = look_up(&mut desk, number, by.clone())?;
    let of_appeal: Vec<RecordingId> = found.iter().map(|(_, r)| r.recording).collect();
    let mut permits = Vec::new();
    for recording in wanted.recording.map_or_else(|| of_appeal.clone(), |r| vec![r]) {
        match may_export(&demand, recording, &of_appeal, wall_now()) {
            Ok(permit) => permits.push(permit),
            Err(refused) => return Err(refuse(&mut desk, refused.to_string())?),
        }
    }
    let variable = (world.env)("SENIM_MASTER_KEY");
    let key =
        vault::load(&plan.master_key, variable.as_deref()).map_err(|e| Failure::Usage(e.to_string()))?;
    fs::create_dir_all(&wanted.out).map_err(|e| Failure::Io(wanted.out.display().to_string(), e))?;
    let note = DemandNote {
        number: demand.number().to_owned(),
        date: wanted.demand_date.clone(),
        authority: demand.authority().to_owned(),
    };
    let mut failed = false;
    for permit in permits {
        let row = found.iter().find(|(_, r)| r.recording == permit.recording());
        let Some((call, row)) = row else { continue };
        if row.length_ms.is_none() && row.failed.is_none() {
            writeln!(
                world.err,
                "{}: still being written, left out; export it when the call has ended",
                row.recording
            )?;
            failed = true;
            continue;
        }
        // The fact first: what cannot be noted is not handed out.
        let command =
            Command::NoteExport { recording: row.recording, number, demand: note.clone(), by: by.clone() };
        desk.command(&command)?;
        match write_out(&permit, call, &key, wanted, plan, &note) {
            Ok(done) => {
                writeln!(world.out, "{}  {}", done.sha256_hex(), done.file.display())?;
                warn(&done, world)?;
            }
            Err(why) => {
                writeln!(world.err, "{}: {why}", row.recording)?;
                failed = true;
            }
        }
    }
    if found.is_empty() {
        writeln!(world.err, "appeal {number} has no recordings")?;
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

/// Writes the sound and, beside it, what it is.
fn write_out(
    permit: &Permit,
    call: &CallRow,
    key: &MasterKey,
    wanted: &Export,
    plan: &Plan,
    demand: &DemandNote,
) -> Result<Exported, String> {
    let name = format!("{}_{}_{}", wanted.appeal, call.call, permit.recording());
    let sealed =
        Folder::new(&plan.recordings).read(&permit.recording().to_string()).map_err(|e| e.to_string())?;
    let out = wanted.out.join(format!("{name}.wav"));
    let done = export(permit, &sealed, key, &out, &mut |_| {}).map_err(|e| e.to_string())?;
    let about = json!({
        "appeal": wanted.appeal, "call": call.call.to_string(), "recording": permit.recording(),
        "call_came_in": call.arrived.rfc3339(plan.config.line.utc_offset_minutes),
        "length_ms": done.length_ms, "sha256": done.sha256_hex(), "interrupted": done.interrupted,
        "left": "caller", "right": "line, consultants, other centre", "language": call.language,
        "gaps": done.gaps.iter().map(|g| json!({"track": g.track, "from_ms": g.from_ms, "to_ms": g.to_ms})).collect::<Vec<_>>(),
        "changed_places": done.damage.len(), "demand": demand,
    });
    let text = serde_json::to_string_pretty(&about).unwrap_or_default();
    fs::write(wanted.out.join(format!("{name}.json")), text + "\n").map_err(|e| e.to_string())?;
    Ok(done)
}

fn warn(done: &Exported, world: &mut World<'_>) -> io::Result<()> {
    if !done.damage.is_empty() {
        let n = done.damage.len();
        writeln!(world.err, "{}: CHANGED after it was written, in {n} places", done.file.display())?;
    }
    if done.interrupted {
        writeln!(world.err, "{}: the program was killed while it was written", done.file.display())?;
    }
    Ok(())
}

/// Judges one file, a folder, or everything.
fn prove(path: Option<&Path>, plan: &Plan, world: &mut World<'_>) -> Result<(), Failure> {
    let variable = (world.env)("SENIM_MASTER_KEY");
    let key = vault::load(&plan.master_key, variable.as_deref());
    let files = match path {
        Some(path) => containers(path)?,
        None if plan.recordings.exists() => containers(&plan.recordings)?,
        None => Vec::new(),
    };
    let key = match key {
        Ok(key) => key,
        // An empty house has no key yet, and nothing to open with it.
        Err(_) if files.is_empty() && path.is_none() => MasterKey::new([0; 32]),
        Err(fault) => return Err(Failure::Usage(fault.to_string())),
    };
    let (mut sound, mut open, mut bad) = (0, 0, 0);
    for file in files {
        let bytes = fs::read(&file).map_err(|e| Failure::Io(file.display().to_string(), e))?;
        let verdict = verify(&bytes, &key);
        match &verdict {
            Verdict::Sound { .. } => sound += 1,
            Verdict::Open { .. } => open += 1,
            // Killed as the file began: no sound was ever in it. One that was cut down to this is shorter than its
            // closing fact says, and the journal's proof tells.
            Verdict::Unreadable(senim_seal::Fault::NoHeader) => open += 1,
            Verdict::Damaged(_) | Verdict::Unreadable(_) => bad += 1,
        }
        if !verdict.is_sound() || path.is_some() {
            writeln!(world.out, "{}: {verdict}", file.display())?;
        }
    }
    if path.is_none() {
        bad += u32::from(!journal_is_sound(plan, world)?);
    }
    writeln!(world.out, "{sound} sound, {open} open, {bad} bad")?;
    if bad == 0 { Ok(()) } else { Err(Failure::Told) }
}

fn journal_is_sound(plan: &Plan, world: &mut World<'_>) -> io::Result<bool> {
    if let Err(fault) = senim_store::journal::verify(&plan.data.join("journal")) {
        writeln!(world.out, "{fault}")?;
        return Ok(false);
    }
    let (mut facts, mut missing) = (0u64, 0);
    let folder = Folder::new(&plan.recordings);
    for record in Reader::open(&plan.data.join("journal"), 1) {
        match record {
            Ok(record) => {
                facts += 1;
                if let senim_switch::facts::Fact::RecordingClosed { recording, bytes, .. } = record.fact
                    && bytes > 0
                    && fs::metadata(folder.file_of(recording)).map_or(0, |m| m.len()) < bytes
                {
                    missing += 1;
                    writeln!(world.out, "recording {recording} was closed and its file is missing or cut")?;
                }
            }
            Err(fault) => {
                writeln!(world.out, "{fault}")?;
                return Ok(false);
            }
        }
    }
    writeln!(world.out, "journal: {facts} facts, every one whole")?;
    Ok(missing == 0)
}

/// The containers at a path, sorted.
fn containers(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let fault = |e| Failure::Io(path.display().to_string(), e);
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == vault::ENDING) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
