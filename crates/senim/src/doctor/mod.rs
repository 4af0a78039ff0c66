//! `senim doctor`: what a phone or a carrier would see of this machine, a row each, with what is wrong and how to mend
//! it. Beside a running line it asks the line and knocks at its doors; without one it tests what can be tested alone.
//! No row names a person.

mod disk;
mod house;
mod knock;
mod secure;
mod sound;
mod system;
mod wires;

use crate::config::Plan;
use crate::control::Client;
use crate::desk::{Desk, DeskFault};
use crate::serve::clock;
use senim_switch::api::{Board, Command, Reply};
use serde::Serialize;

/// How it stands with one thing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// It works, and may not tomorrow.
    Warn,
    /// Calls are lost, or will be.
    Fail,
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// What was looked at: `listens udp`, `trunk carrier`.
    pub what: String,
    /// How it stands.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do, when something is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Finding {
    /// All is well.
    pub fn ok(what: impl Into<String>, found: impl Into<String>) -> Finding {
        Finding { what: what.into(), verdict: Verdict::Ok, found: found.into(), mend: None }
    }

    /// Something to see to.
    pub fn warn(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what: what.into(), verdict: Verdict::Warn, found: found.into(), mend: Some(mend.into()) }
    }

    /// Something to mend now.
    pub fn fail(what: impl Into<String>, found: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what: what.into(), verdict: Verdict::Fail, found: found.into(), mend: Some(mend.into()) }
    }
}

/// Looks at everything.
pub fn examine(plan: &Plan) -> Vec<Finding> {
    let (desk, mut findings) = line(plan);
    let board = desk.as_ref().map(|(_, board)| board);
    let running = board.is_some();
    findings.extend(wires::listening(plan, running));
    findings.extend(wires::advertised(plan));
    findings.extend(secure::certificates(plan, clock::wall()));
    let (trunks, skews) = wires::trunks(plan, board);
    findings.extend(trunks);
    findings.extend(board.map(|board| wires::registrations(plan, board)).into_iter().flatten());
    findings.extend(sound::ports(plan));
    findings.extend(system::limits(plan, running));
    findings.extend(system::clock(plan, &skews));
    findings.extend(disk::folders(plan));
    findings.extend(sound::codecs(plan));
    findings.extend(house::scripts_and_prompts(plan));
    findings.extend(house::consultants(plan, board));
    findings
}

/// The running line, if one runs, with what it says of itself.
fn line(plan: &Plan) -> (Option<(Desk, Board)>, Vec<Finding>) {
    let what = "line";
    let silent = |fault: DeskFault| {
        let mend = "see its log; `senim serve` of another version, or one that hangs, must be stopped and started again";
        vec![Finding::fail(what, fault.to_string(), mend)]
    };
    let client = match Client::connect(&plan.data) {
        Ok(Some(client)) => client,
        Ok(None) => {
            let found = "no line runs with this data folder: what needs one is left out";
            return (None, vec![Finding::warn(what, found, "start `senim serve` and ask again")]);
        }
        Err(e) => return (None, silent(DeskFault::Control(e))),
    };
    let mut desk = Desk::Line(client);
    match desk.command(&Command::Board) {
        Ok(Reply::Board { board }) => {
            let found = told(&board);
            let finding = match board.draining {
                true => {
                    Finding::warn(what, found, "it is being stopped and takes no new calls; start it again")
                }
                false => Finding::ok(what, found),
            };
            (Some((desk, *board)), vec![finding])
        }
        Ok(other) => (None, silent(DeskFault::Answer(format!("{other:?}")))),
        Err(fault) => (None, silent(fault)),
    }
}

fn told(board: &Board) -> String {
    format!(
        "runs: {} in the menu, {} waiting, {} talking; {} calls since it started, {} refused",
        board.in_script,
        board.waiting.len(),
        board.talking.len(),
        board.totals.arrived,
        board.totals.refused
    )
}

/// `1 call`, `2 calls`.
fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

#[cfg(test)]
mod tests;
