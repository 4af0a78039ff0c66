//! Every schedule of eight messages and three faults between two endpoints: `cargo xtask schedules`.
//! `--messages N` and `--faults N` make it longer or shorter.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A chore says its figures, and stops at a fault.

#[path = "../tests/pair/mod.rs"]
mod pair;
#[path = "../tests/schedule/mod.rs"]
mod schedule;

use schedule::{SCENARIOS, all};

fn option(name: &str, default: usize) -> usize {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} wants a number")))
}

fn main() {
    let (messages, faults) = (option("--messages", 8), option("--faults", 3));
    let mut total = 0;
    for scenario in &SCENARIOS {
        let count = all(scenario, messages, faults);
        total += count;
        println!("{count:>8}  {}", scenario.name);
    }
    println!(
        "{total:>8}  schedules of up to {messages} messages and {faults} faults: both ends agree, nothing is left"
    );
}
