//! Who and what answers: scripts, prompts, consultants.

use super::{Finding, count};
use crate::config::{Complaint, Plan};
use crate::desk::Desk;
use crate::{prompts, scripts};
use senim_switch::api::{Board, Command, ConsultantRow, Reply};
use senim_switch::facts::Doing;

/// What is said and asked.
pub(super) fn scripts_and_prompts(plan: &Plan) -> Vec<Finding> {
    let loaded = scripts::load(plan, true);
    let bank = prompts::load(&plan.prompts, &[]);
    let script = match &loaded {
        Ok(loaded) => Finding::ok("scripts", format!("{} proven", count(loaded.len(), "script"))),
        Err(complaints) => Finding::fail(
            "scripts",
            first_of(complaints),
            "`senim check` tells all of it and what to write instead",
        ),
    };
    let prompt = match &bank {
        Ok(bank) => Finding::ok("prompts", format!("{} sound", count(bank.names().count(), "prompt"))),
        Err(complaints) => Finding::fail(
            "prompts",
            first_of(complaints),
            "record these again, or take them from the release",
        ),
    };
    vec![script, prompt]
}

fn first_of(complaints: &[Complaint]) -> String {
    let first = complaints.first().map(ToString::to_string).unwrap_or_default();
    match complaints.len() {
        0 | 1 => first,
        n => format!("{first} (and {} more)", n - 1),
    }
}

/// How many answer; never who.
pub(super) fn consultants(plan: &Plan, board: Option<&Board>) -> Vec<Finding> {
    let what = "consultants";
    if let Some(board) = board {
        return vec![counted(&board.consultants)];
    }
    // Nothing is made by looking: a folder made by another user would be shut to the line.
    if !plan.data.join("journal").is_dir() {
        return vec![nobody()];
    }
    let known = Desk::open(plan).and_then(|mut desk| desk.command(&Command::ListConsultants));
    match known {
        Ok(Reply::Consultants { consultants }) if consultants.is_empty() => vec![nobody()],
        Ok(Reply::Consultants { consultants }) => {
            vec![Finding::ok(what, format!("{} known", consultants.len()))]
        }
        Ok(_) => Vec::new(),
        Err(fault) => {
            vec![Finding::fail(
                what,
                fault.to_string(),
                "the data folder cannot be read; nothing else matters until it can",
            )]
        }
    }
}

fn counted(rows: &[ConsultantRow]) -> Finding {
    let what = "consultants";
    let reachable = rows.iter().filter(|r| r.reachable).count();
    let at_work = rows.iter().filter(|r| r.doing != Doing::SignedOut).count();
    let able = rows.iter().filter(|r| r.reachable && r.doing != Doing::SignedOut).count();
    let found = format!("{} known, {reachable} with a softphone, {at_work} signed in", rows.len());
    match (rows.len(), able) {
        (0, _) => nobody(),
        (_, 0) => Finding::fail(
            what,
            found,
            "no caller can be served: softphones must register and people sign in (*10, or `senim duty LOGIN in`)",
        ),
        _ => Finding::ok(what, found),
    }
}

fn nobody() -> Finding {
    Finding::fail("consultants", "none known", "`senim consultant add LOGIN`, or a file in [data] seed")
}
