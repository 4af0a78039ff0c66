//! An hour of strangers' flood in its own time: `flood [SECONDS] [PER_SECOND]`, 3,600 and 10,000 unless told otherwise.
//! Real calls and phones in between must all be served, and memory must stay where it was. `cargo xtask flood` runs it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A measuring program stops at a fault.

#[path = "../tests/flood/mod.rs"]
mod flood;
#[path = "../tests/pair/mod.rs"]
mod pair;

use flood::{CALLS, Served, World};

fn main() {
    let mut args = std::env::args().skip(1).map(|n| n.parse::<u32>().unwrap());
    let (seconds, per_second) = (args.next().unwrap_or(3_600), args.next().unwrap_or(10_000));
    let mut w = World::new();
    let step = (seconds / 6).max(1);
    let served = w.flooded(seconds, per_second, |second, line| {
        assert!(World::is_bounded(line), "second {second}: {:?}", line.live());
        if (second + 1) % step == 0 {
            println!("{} s: {:?}, {} kB resident", second + 1, line.live(), resident_kb());
        }
    });
    assert_eq!(served, Served { calls: seconds * CALLS, phones: seconds });
    let (silenced, _) = w.line.silenced();
    println!("{} strangers' messages, {silenced} met with silence; {served:?}: all", seconds * per_second);
}

fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kb| kb.parse().ok()).unwrap_or(0)
}
