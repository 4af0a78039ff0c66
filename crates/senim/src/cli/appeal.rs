//! Appeals: `senim appeal register|link|status|show`.

use super::{Common, Failure, WhichCall, World, author, desk, odd, plan, said, table};
use crate::control::{Answer, Query};
use crate::desk::unexpected;
use clap::Subcommand;
use senim_appeals::{AppealNumber, Status};
use senim_switch::api::{Command, Reply};

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Register a new appeal for a call; prints its number.
    Register {
        #[command(flatten)]
        which: WhichCall,
    },
    /// Link a call to a known appeal.
    Link {
        /// The appeal's number, printed (2026-000123-4) or keyed (20260001234).
        number: AppealNumber,
        #[command(flatten)]
        which: WhichCall,
    },
    /// Say an appeal's status, or set it.
    Status {
        /// The appeal's number.
        number: AppealNumber,
        /// registered, in_work, forwarded, answered or closed.
        status: Option<Status>,
    },
    /// An appeal with its calls and its history.
    Show {
        /// The appeal's number.
        number: AppealNumber,
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(verb: &Verb, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let by = author(common, world);
    let mut desk = desk(&plan, world)?;
    match verb {
        Verb::Register { which } => match desk.command(&Command::RegisterAppeal { call: which.of()?, by })? {
            Reply::Registered { number, call } => {
                writeln!(world.out, "{number}")?;
                writeln!(world.err, "registered for {call}; keyed as {}", number.keyed())?;
            }
            other => return Err(odd(&other)),
        },
        Verb::Link { number, which } => {
            desk.command(&Command::LinkAppeal { number: *number, call: which.of()?, by })?;
            writeln!(world.out, "linked to {number}")?;
        }
        Verb::Status { number, status: None } => match desk.command(&Command::Appeal { number: *number })? {
            Reply::Appeal { status, .. } => writeln!(world.out, "{status}")?,
            other => return Err(odd(&other)),
        },
        Verb::Status { number, status: Some(status) } => {
            desk.command(&Command::SetStatus { number: *number, status: *status, by })?;
            writeln!(world.out, "{number} is {status}")?;
        }
        Verb::Show { number, json } => {
            // The books know better than the views whether there is such an appeal.
            desk.command(&Command::Appeal { number: *number })?;
            let row = match desk.query(&Query::Appeal { number: *number })? {
                Answer::Appeal { row: Some(row) } => row,
                other => return Err(Failure::Desk(unexpected(&other))),
            };
            if *json {
                writeln!(world.out, "{}", serde_json::to_string_pretty(&row).unwrap_or_default())?;
                return Ok(());
            }
            let zone = plan.config.line.utc_offset_minutes;
            writeln!(world.out, "{} is {}", row.number, row.status)?;
            writeln!(world.out, "calls: {}", table::listed(&row.calls))?;
            let history = row
                .history
                .iter()
                .map(|(at, status, by)| vec![said::moment(*at, zone), status.to_string(), said::author(by)]);
            table::write(world.out, &["when", "status", "by"], &history.collect::<Vec<_>>())?;
        }
    }
    Ok(())
}
