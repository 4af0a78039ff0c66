//! What a process costs, from `/proc`: processor time, memory, threads.

use serde::Serialize;
use std::fs;

/// Ticks of `/proc/PID/stat` in a second; Linux shows 100 to programs on every machine we run on.
const TICKS_A_SECOND: u64 = 100;

/// A look at a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// User and system time since its start, milliseconds (to 10).
    pub cpu_ms: u64,
    /// Resident memory, kB.
    pub rss_kb: u64,
    /// Threads.
    pub threads: u64,
}

impl Cost {
    /// Looks. `None`: no such process.
    pub fn of(pid: u32) -> Option<Cost> {
        let cpu_ms = cpu_ms(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(Cost { cpu_ms, rss_kb: field(&status, "VmRSS:"), threads: field(&status, "Threads:") })
    }
}

/// The name in brackets may hold anything, so fields are counted from its end: utime and stime are the 12th and 13th.
fn cpu_ms(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(11).map_while(|n| n.parse::<u64>().ok());
    Some((times.next()? + times.next()?) * 1_000 / TICKS_A_SECOND)
}

fn field(status: &str, name: &str) -> u64 {
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    value.and_then(|v| v.split_ascii_whitespace().next()).and_then(|v| v.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) b 1) S 1 7 7 0 -1 4194304 150 0 0 0 30 12 0 0 20 0 3 0 100 200 300";
        assert_eq!(cpu_ms(stat), Some(420));
        assert_eq!(cpu_ms("7 (cut) S 1"), None);
        assert_eq!(cpu_ms(""), None);
    }

    #[test]
    fn memory_and_threads_are_read_by_name() {
        let status = "Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t3\n";
        assert_eq!((field(status, "VmRSS:"), field(status, "Threads:"), field(status, "No:")), (2048, 3, 0));
    }

    #[test]
    fn this_process_is_seen_and_no_other() {
        assert!(Cost::of(std::process::id()).unwrap().rss_kb > 0);
        assert_eq!(Cost::of(u32::MAX), None);
    }
}
