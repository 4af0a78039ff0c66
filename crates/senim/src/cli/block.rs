//! Time-limited blocks of abusive callers: `senim block add|list|lift` (FEATURES T19). Every one is a fact with its
//! author; a blocked caller hears a notice, and the urgent key still leads him to a human.

use super::{Common, Failure, World, desk, odd, plan, said, table};
use crate::config::Plan;
use clap::Subcommand;
use senim_base::{Number, Redacted};
use senim_switch::api::{Command, Reply};
use senim_switch::facts::Author;

#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Answer the calls of a number with a notice for a time.
    Add {
        /// The number, in any form that the trunk writes.
        number: String,
        /// For how long, 1 minute to 5 years: 90m, 24h, 30d, 5y.
        #[arg(long = "for", value_name = "TIME", value_parser = seconds)]
        for_s: u64,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Who decides so.
        #[arg(long, value_name = "NAME")]
        author: String,
    },
    /// Who is blocked, until when, why, by whom.
    List {
        /// As JSON, with whole numbers.
        #[arg(long)]
        json: bool,
    },
    /// Answer the calls of a number as all others again.
    Lift {
        /// The number.
        number: String,
        /// Who decides so.
        #[arg(long, value_name = "NAME")]
        author: String,
    },
}

pub(crate) fn run(verb: &Verb, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let mut desk = desk(&plan, world)?;
    match verb {
        Verb::Add { number, for_s, reason, author } => {
            let number = read(number, &plan)?;
            let (reason, by) = (Redacted::new(reason.clone()), Author::Operator(author.clone()));
            let said = number.to_string();
            desk.command(&Command::Block { number, for_s: *for_s, reason, by })?;
            writeln!(world.out, "{said} is blocked; the urgent key still leads to a human")?;
        }
        Verb::Lift { number, author } => {
            let number = read(number, &plan)?;
            let said = number.to_string();
            desk.command(&Command::LiftBlock { number, by: Author::Operator(author.clone()) })?;
            writeln!(world.out, "{said} is no longer blocked")?;
        }
        Verb::List { json } => {
            let blocks = match desk.command(&Command::ListBlocks)? {
                Reply::Blocks { blocks } => blocks,
                other => return Err(odd(&other)),
            };
            if *json {
                writeln!(world.out, "{}", serde_json::to_string_pretty(&blocks).unwrap_or_default())?;
                return Ok(());
            }
            let zone = plan.config.line.utc_offset_minutes;
            let rows = blocks.iter().map(|b| {
                let (since, until) = (said::moment(b.since, zone), said::moment(b.until, zone));
                vec![b.number.to_string(), since, until, said::author(&b.by), b.reason.reveal().clone()]
            });
            table::write(
                world.out,
                &["number", "since", "until", "by", "reason"],
                &rows.collect::<Vec<_>>(),
            )?;
        }
    }
    Ok(())
}

/// A number as the first trunk that brings calls would write it.
fn read(text: &str, plan: &Plan) -> Result<Redacted<Number>, Failure> {
    let trunk = plan.trunks.iter().find(|t| !t.sources.is_empty());
    let number_plan = trunk.map(|t| t.table.number_plan.clone()).unwrap_or_default();
    let number = Number::normalise(text, &number_plan).map(Number::redacted);
    number.ok_or_else(|| Failure::Usage("that is no telephone number; write it as in +77012345678".into()))
}

/// Reads `90m`, `24h`, `30d`, `5y`.
fn seconds(text: &str) -> Result<u64, String> {
    let units = [('m', 60), ('h', 3_600), ('d', 86_400), ('y', 365 * 86_400)];
    let read = units.into_iter().find_map(|(unit, s)| {
        let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
        count.checked_mul(s)
    });
    read.ok_or_else(|| "write a time as in 90m, 24h, 30d, 5y".to_owned())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_read_with_their_unit() {
        for (text, wanted) in [("1m", 60), ("24h", 86_400), ("30d", 2_592_000), ("5y", 157_680_000)] {
            assert_eq!(seconds(text), Ok(wanted), "{text}");
        }
        for text in ["", "h", "24", "-1h", "1.5h", "24 h", "99999999999999999999y", "18446744073709551615y"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
