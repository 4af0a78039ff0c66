//! `cargo xtask oracle`: the machine against the simple model of the tests, for as many random events as one likes.
#![allow(clippy::print_stdout)] // its verdict is its output

#[path = "../tests/oracle/mod.rs"]
mod oracle;

use std::process::ExitCode;

const USAGE: &str = "oracle [--events N] [--first SEED]";
/// Events of one seed: then a new day begins.
const A_DAY: u32 = 10_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((events, first)) = read(&args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let seeds = events.div_ceil(u64::from(A_DAY));
    let mut served = 0;
    for seed in first..first.saturating_add(seeds) {
        served += oracle::run(seed, A_DAY, false).0;
        if (seed - first + 1) % 1_000 == 0 {
            eprintln!("{} events", (seed - first + 1) * u64::from(A_DAY));
        }
    }
    println!(
        "{} events from seed {first}, {served} talks: the machine did what the model says",
        seeds * u64::from(A_DAY)
    );
    ExitCode::SUCCESS
}

/// Events (100,000,000 unless told) and the first seed.
fn read(args: &[String]) -> Option<(u64, u64)> {
    let (mut events, mut first) = (100_000_000, 0);
    for pair in args.chunks(2) {
        let [key, value] = pair else { return None };
        match key.as_str() {
            "--events" => events = value.parse().ok()?,
            "--first" => first = value.parse().ok()?,
            _ => return None,
        }
    }
    Some((events, first))
}
