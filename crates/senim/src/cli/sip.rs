//! `senim sip trace`: what was said on the wires, drawn (FEATURES N3). Only a running line has it, in its memory.

use super::{Common, Failure, World, author, odd, plan, said, table};
use crate::config::Plan;
use crate::control::{Answer, Client, Query};
use crate::desk::{Desk, DeskFault};
use crate::ladder;
use clap::{Args, Subcommand};
use senim_switch::api::{Command, Reply, Step, TraceMode, TraceRow, Traced, WhichTrace};
use senim_switch::facts::Record;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Draw the ladder of a recent call; without a call: list what there is.
    Trace(Trace),
}

#[derive(Args, Debug)]
pub(crate) struct Trace {
    /// The call, as in call-17, or another conversation, as in other-3.
    #[arg(conflicts_with = "last")]
    which: Option<WhichTrace>,
    /// The newest call.
    #[arg(long)]
    last: bool,
    /// Draw it into this file, as SVG.
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    svg: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Tell the names of each message's headers too.
    #[arg(long)]
    headers: bool,
    /// Whole messages too, if [sip] trace = "full" keeps them. It becomes a fact that you looked.
    #[arg(long)]
    full: bool,
    /// How many conversations of each kind are listed.
    #[arg(long, default_value_t = 30)]
    limit: usize,
}

pub(crate) fn run(verb: &Verb, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let Verb::Trace(trace) = verb;
    let plan = plan(common, world)?;
    let mut desk = running(&plan)?;
    let which = trace.which.or(trace.last.then_some(WhichTrace::Last));
    let Some(which) = which else {
        if trace.svg.is_some() || trace.full {
            return Err(Failure::Usage("which call? write call-17, or --last".into()));
        }
        return list(trace, &plan, &mut desk, world);
    };
    let texts_for = trace.full.then(|| author(common, world));
    let found = match desk.command(&Command::Trace { which, texts_for })? {
        Reply::Trace { trace, .. } => trace,
        other => return Err(odd(&other)),
    };
    let facts = facts(&found, &mut desk)?;
    if trace.json {
        return as_json(&found, &facts, world);
    }
    let when = said::moment(found.wall, plan.config.line.utc_offset_minutes);
    let ladder = ladder::ladder(&found, &facts, &when);
    match &trace.svg {
        Some(file) => {
            write(file, &ladder::svg(&ladder))?;
            writeln!(world.out, "{} is drawn in {}", found.which, file.display())?;
        }
        None => world.out.write_all(ladder::text(&ladder).as_bytes())?,
    }
    if trace.headers {
        headers(&found, world)?;
    }
    texts(&found, world)
}

/// The running line; a trace is nowhere else.
fn running(plan: &Plan) -> Result<Desk, Failure> {
    let client = Client::connect(&plan.data).map_err(DeskFault::Control)?;
    client.map(Desk::Line).ok_or_else(|| {
        Failure::Usage(
            "no line runs here, and a trace lives in a running line's memory only; start `senim serve`, let it happen \
             again and ask then; `senim calls` shows what is kept of earlier calls"
                .into(),
        )
    })
}

fn facts(found: &Traced, desk: &mut Desk) -> Result<Vec<Record>, Failure> {
    let WhichTrace::Call(call) = found.which else { return Ok(Vec::new()) };
    match desk.query(&Query::Call { call })? {
        Answer::Call { timeline, .. } => Ok(timeline),
        _ => Ok(Vec::new()),
    }
}

fn list(trace: &Trace, plan: &Plan, desk: &mut Desk, world: &mut World<'_>) -> Result<(), Failure> {
    let (mode, rows) = match desk.command(&Command::Traces { limit: trace.limit })? {
        Reply::Traces { mode, rows } => (mode, rows),
        other => return Err(odd(&other)),
    };
    if trace.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| {
                json!({
                    "which": r.which.to_string(),
                    "began": r.wall.rfc3339(plan.config.line.utc_offset_minutes),
                    "length_ms": r.length_ms,
                    "with": r.parties.iter().map(ToString::to_string).collect::<Vec<_>>(),
                    "messages": r.messages,
                    "again": r.again,
                    "first": ladder::label(&r.first),
                    "status": r.status,
                })
            })
            .collect();
        writeln!(world.out, "{}", serde_json::to_string_pretty(&rows).unwrap_or_default())?;
        return Ok(());
    }
    if rows.is_empty() {
        writeln!(world.out, "nothing was said on the wires since the line started")?;
        return Ok(());
    }
    let cells = rows.iter().map(|r| row(r, plan.config.line.utc_offset_minutes));
    let headings = ["trace", "began", "length", "messages", "again", "with", "what"];
    table::write(world.out, &headings, &cells.collect::<Vec<_>>())?;
    if mode == TraceMode::Full {
        writeln!(world.err, "[sip] trace is \"full\": whole messages of callers are in the line's memory")?;
    }
    Ok(())
}

fn row(r: &TraceRow, zone: i32) -> Vec<String> {
    vec![
        r.which.to_string(),
        said::moment(r.wall, zone),
        table::minutes(r.length_ms),
        r.messages.to_string(),
        r.again.to_string(),
        table::listed(&r.parties),
        ladder::story(r),
    ]
}

fn as_json(found: &Traced, facts: &[Record], world: &mut World<'_>) -> Result<(), Failure> {
    let happened = ladder::happened(found, facts);
    let facts: Vec<_> =
        happened.iter().map(|(after, what)| json!({ "after_ms": after, "what": what })).collect();
    let value = json!({ "trace": found, "facts": facts });
    writeln!(world.out, "{}", serde_json::to_string_pretty(&value).unwrap_or_default())?;
    Ok(())
}

/// A message's place in the ladder, for what stands below it.
fn place(step: &Step) -> String {
    let after = ladder::seconds(i64::try_from(step.after_ms).unwrap_or(i64::MAX));
    format!("{after:>9}  {} {}", if step.incoming { "from" } else { "to  " }, ladder::label(&step.what))
}

fn headers(found: &Traced, world: &mut World<'_>) -> Result<(), Failure> {
    writeln!(world.out)?;
    for step in &found.steps {
        let others = if step.headers_other > 0 {
            format!(" and {} others", step.headers_other)
        } else {
            String::new()
        };
        writeln!(world.out, "{}: {}{others}", place(step), step.headers.join(", "))?;
    }
    Ok(())
}

fn texts(found: &Traced, world: &mut World<'_>) -> Result<(), Failure> {
    for step in &found.steps {
        let Some(text) = &step.text else { continue };
        // A peer's text must not steer the terminal.
        let plain: String =
            text.reveal().chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect();
        writeln!(world.out, "\n{}\n{}", place(step), plain.trim_end())?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|e| Failure::Io(file.display().to_string(), e))
}
