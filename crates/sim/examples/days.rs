//! `days --days N [--first SEED] [--calls N] [--bad N]`: that many virtual days, one seed each; every fourth one
//! (or every `--bad`-th) on bad wires. Says what became of the callers, or the first seed that went wrong.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // this program's whole work is to print

use senim_sim::{Day, DayReport, Wire, run_day};
use std::collections::BTreeMap;
use std::process::ExitCode;

fn argument(args: &[String], name: &str, otherwise: u64) -> Result<u64, String> {
    let Some(at) = args.iter().position(|a| a == name) else { return Ok(otherwise) };
    let value = args.get(at + 1).and_then(|v| v.parse().ok());
    value.ok_or_else(|| format!("{name} needs a whole number, as in {name} {otherwise}"))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let days = argument(args, "--days", 100)?;
    let first = argument(args, "--first", 0)?;
    let calls =
        u32::try_from(argument(args, "--calls", 12)?).map_err(|_| "too many calls a day".to_owned())?;
    let bad = argument(args, "--bad", 4)?.max(1);
    let mut all = DayReport::default();
    let mut states = BTreeMap::new();
    for seed in first..first.saturating_add(days) {
        let wire = if seed % bad == bad - 1 { Wire::BAD } else { Wire::GOOD };
        let day = Day { calls, wire, ..Day::default() };
        let report = run_day(seed, &day)
            .map_err(|wrong| format!("day {seed} went wrong (again: --first {seed} --days 1): {wrong:#?}"))?;
        all.ended += report.ended;
        all.transfers.0 += report.transfers.0;
        all.transfers.1 += report.transfers.1;
        all.conferences += report.conferences;
        all.facts += report.facts;
        all.hash ^= report.hash.rotate_left((seed % 64) as u32);
        for (state, n) in report.by_state {
            *states.entry(state).or_insert(0u32) += n;
        }
        let done = seed - first + 1;
        if done.is_multiple_of(100) {
            println!("{done} of {days} days, {} calls", all.ended);
        }
    }
    println!(
        "{days} days, {} calls of all kinds, {} facts; line calls by final state: {states:?}; hash {:016x}",
        all.ended, all.facts, all.hash
    );
    let (through, back) = all.transfers;
    println!("{through} callers sent on, {back} brought back, {} talks of three", all.conferences);
    println!("every caller in exactly one final state, nothing left alive");
    Ok(())
}
