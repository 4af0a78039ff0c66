//! `soak --calls N --seed S --whole N`: so many virtual calls through one pair of SIP endpoints, wave after wave over bad
//! wires, and of them `--whole` through the whole switch, day after day. After every wave nothing may be alive; the memory
//! at the end may not be more than it was when a fifth was done. `cargo xtask soak`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A chore says its figures, and stops at a fault.

#[path = "../../sip/tests/crowd/mod.rs"]
mod crowd;
#[path = "../../sip/tests/pair/mod.rs"]
mod pair;

use crowd::{Crowd, waves};
use senim_sim::{Day, Wire, run_day};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Calls at a time between the endpoints, and of one day of the switch.
const WAVE: u64 = 100;
const DAY: u32 = 200;
/// Rows of the table.
const ROWS: u64 = 20;
/// What the memory may differ by: the allocator's own ups and downs.
const SLACK_MB: f64 = 4.0;

fn option(name: &str, default: u64) -> u64 {
    let mut args = std::env::args().skip_while(|arg| arg != name);
    args.nth(1).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} wants a number")))
}

/// What the run has come to.
struct Soak {
    seed: u64,
    crowd: Crowd,
    calls: u64,
    whole: u64,
    days: u64,
    states: BTreeMap<String, u64>,
}

impl Soak {
    fn wave(&mut self) {
        let all = waves(usize::try_from(WAVE).unwrap());
        let wave = all[usize::try_from(self.calls / WAVE).unwrap() % all.len()];
        self.crowd.wave(&wave);
        self.calls += WAVE;
    }

    /// Whatever lives at both ends.
    fn alive(&self) -> usize {
        let live = [self.crowd.pair.line.live(), self.crowd.pair.phone.live()];
        live.iter().map(|l| l.sessions + l.transactions + l.timers + l.streams).sum()
    }

    fn day(&mut self) {
        let wire = if self.days.is_multiple_of(2) { Wire::BAD } else { Wire::GOOD };
        let seed = self.seed + self.days;
        let report = run_day(seed, &Day { calls: DAY, wire, ..Day::default() })
            .unwrap_or_else(|wrong| panic!("day {seed}: {wrong:#?}"));
        for (state, n) in report.by_state {
            *self.states.entry(format!("{state:?}")).or_default() += u64::from(n);
        }
        self.days += 1;
        self.whole += u64::from(DAY);
    }
}

fn main() -> ExitCode {
    let (calls, seed) = (option("--calls", 1_000_000).max(WAVE), option("--seed", 1));
    let whole = option("--whole", calls / 50).min(calls);
    let mut soak =
        Soak { seed, crowd: Crowd::new(seed), calls: 0, whole: 0, days: 0, states: BTreeMap::new() };
    soak.crowd.pair.quiet = true;
    let (mut rss, mut rows) = (Vec::new(), 0);
    println!("{:>9} {:>9} {:>6} {:>8}", "calls", "of switch", "alive", "RSS MB");
    while soak.calls + soak.whole < calls {
        soak.wave();
        if soak.whole * calls < whole * soak.calls {
            soak.day();
        }
        let done = soak.calls + soak.whole;
        if done * ROWS / calls > rows {
            rows = done * ROWS / calls;
            // Each wave and each day has proved the same of itself, or the run had stopped there.
            let alive = soak.alive();
            rss.push(resident_mb());
            let now = rss.last().unwrap();
            let bar = "#".repeat((now / 2.0) as usize);
            println!("{done:>9} {:>9} {:>6} {now:>8.1} {bar}", soak.whole, alive);
        }
    }
    println!("between endpoints, seed {seed}: {:?}", soak.crowd.told);
    println!("through the switch, {} days: {:?}", soak.days, soak.states);
    let settled = rss.get(rss.len() / 5).copied().unwrap_or_default();
    let last = rss.last().copied().unwrap_or_default();
    let flat = last <= settled + SLACK_MB;
    println!(
        "memory {} : {settled:.1} MB after a fifth, {last:.1} MB at the end",
        if flat { "flat" } else { "GROWS" }
    );
    if flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Resident memory of this process.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_ascii_whitespace().next().and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}
