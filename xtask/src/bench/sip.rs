//! `cargo xtask bench sip`: what signalling costs. Instructions, time and memory of single operations; then the line on
//! one core, below, at and beyond what it holds, with kamailio registering the same phones in the same run.

use super::{Bins, LINE, LINE_CORE, Line, Options, Table, at, build, holds, start_and_rest};
use crate::test::brought;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Name here, name for `operations`, counts for callgrind and for the clock.
const OPERATIONS: [(&str, &str, u32, u32); 6] = [
    ("read an INVITE", "parse-invite", 200, 100_000),
    ("read a REGISTER", "parse-register", 200, 100_000),
    ("read a 200", "parse-200", 200, 100_000),
    ("make a 200", "print-200", 200, 100_000),
    ("INVITE, 200, ACK, BYE, 200: both ends", "call", 200, 5_000),
    ("REGISTER, 401, REGISTER, 200", "register", 1_000, 10_000),
];
/// The clock is read so often; the least counts, for the machine is shared.
const TRIES: u32 = 3;
/// Dialogs and registrations held for the memory of one.
const HELD: u32 = 10_000;
/// Calls a second that are tried, until a rate does not hold twice.
const RATES: [u32; 10] = [250, 500, 750, 1_000, 1_500, 2_000, 3_000, 4_000, 5_000, 6_000];
/// Beyond what holds, in tenths of it.
const BEYOND: [u32; 3] = [11, 15, 30];
/// The load's own ceiling.
const RATE_MAX: u32 = 100_000;
/// The loaded windows.
const SECONDS: u32 = 8;

/// Runs all; the table.
pub(super) fn bench(root: &Path, options: &Options) -> Result<String, String> {
    if !options.built {
        build(root)?;
        example(root)?;
    }
    let mut table = Table::default();
    table.text.push_str("| work | read | Senim | goal |\n|---|---|--:|--:|\n");
    let operations = Operations { program: root.join("target/release/examples/operations") };
    operations.costs(&mut table)?;
    operations.memory(&mut table)?;
    let bins = Bins { folder: root.join("target/release"), root: root.to_owned() };
    let seconds = options.seconds.min(SECONDS);
    let register = ["--calls", "200"];
    let line = start_and_rest(&bins, &mut table)?;
    let ours = bins.load("register", line.pid(), seconds, &register)?;
    line.stop()?;
    table.row("W5 register", "registrations a second", at(&ours, "/done_per_second"), "≥ 25000");
    table.row("W5 register", "CPU-ms each", at(&ours, "/line/cpu_ms_per_unit"), "");
    if let Some(kamailio) = kamailio(root)? {
        let theirs = bins.load("register", kamailio.pid(), seconds, &register)?;
        kamailio.stop()?;
        table.row("W5 register, kamailio", "registrations a second", at(&theirs, "/done_per_second"), "");
    }
    calls(&bins, seconds, &mut table)?;
    Ok(table.text)
}

/// Answer and hang up: the rate that holds, and beyond it. Each rate meets a line that remembers no other.
fn calls(bins: &Bins, seconds: u32, table: &mut Table) -> Result<(), String> {
    let run = |rate: u32| -> Result<Value, String> {
        let line = bins.serve(true)?;
        let report = bins.load("sig", line.pid(), seconds, &["--rate", &rate.to_string()])?;
        line.stop()?;
        Ok(report)
    };
    let mut held: Option<(u32, Value)> = None;
    for rate in RATES {
        let report = run(rate)?;
        let report = if holds(&report) { report } else { run(rate)? };
        if !holds(&report) {
            break;
        }
        held = Some((rate, report));
    }
    let Some((rate, report)) = held else {
        table.row("W3 sig", "calls a second that hold", 0.0, "≥ 5000");
        return Ok(());
    };
    table.row("W3 sig", "calls a second that hold", f64::from(rate), "≥ 5000");
    table.row("W3 sig", "CPU-ms a call there", at(&report, "/line/cpu_ms_per_unit"), "≤ 0.15");
    table.row("W3 sig", "set-up p99 there, ms", at(&report, "/set_up/p99_ms"), "< 500");
    for tenths in BEYOND {
        let beyond = (rate * tenths / 10).min(RATE_MAX);
        let report = run(beyond)?;
        let work = format!("W3 sig, {beyond} a second");
        let answered = at(&report, "/answered_per_second");
        table.row(&work, "answered, % of what holds", answered / f64::from(rate) * 100.0, "≥ 90");
        table.row(&work, "set-up p99 of those, ms", at(&report, "/set_up/p99_ms"), "< 500");
        table.row(&work, "refused with 503", at(&report, "/refused_503"), "the rest");
        table.row(&work, "neither answered nor refused", at(&report, "/silent"), "0");
    }
    Ok(())
}

fn example(root: &Path) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--release", "-p", "senim-sip", "--example", "operations"]);
    let status = cargo.status().map_err(|why| format!("cannot run cargo: {why}"))?;
    if status.success() { Ok(()) } else { Err("the example operations could not be built".into()) }
}

/// The measuring program of crates/sip.
struct Operations {
    program: std::path::PathBuf,
}

impl Operations {
    fn costs(&self, table: &mut Table) -> Result<(), String> {
        let counted = brought("valgrind", "valgrind");
        if !counted {
            eprintln!("bench: no valgrind, and apt-get brought none: instructions are not counted");
        }
        for (name, operation, few, many) in OPERATIONS {
            if counted {
                let more = self.instructions(operation, 2 * few)? - self.instructions(operation, few)?;
                table.row(name, "instructions", more / f64::from(few), "");
            }
            let more = self.time(operation, 2 * many)?.saturating_sub(self.time(operation, many)?);
            table.row(name, "CPU-µs", more.as_secs_f64() * 1e6 / f64::from(many), "");
        }
        Ok(())
    }

    fn instructions(&self, operation: &str, count: u32) -> Result<f64, String> {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&self.program)
            .args([operation, &count.to_string()])
            .output()
            .map_err(|why| format!("cannot run valgrind: {why}"))?;
        collected(&String::from_utf8_lossy(&output.stderr))
            .filter(|_| output.status.success())
            .ok_or_else(|| format!("valgrind did not count {operation}"))
    }

    /// The program has one thread and waits for nothing, so the clock on the wall reads its processor time.
    fn time(&self, operation: &str, count: u32) -> Result<Duration, String> {
        let mut best = Duration::MAX;
        for _ in 0..TRIES {
            let begun = Instant::now();
            let status = Command::new(&self.program).args([operation, &count.to_string()]).status();
            let status = status.map_err(|why| format!("cannot run {}: {why}", self.program.display()))?;
            if !status.success() {
                return Err(format!("operations {operation} failed"));
            }
            best = best.min(begun.elapsed());
        }
        Ok(best)
    }

    fn memory(&self, table: &mut Table) -> Result<(), String> {
        for (name, operation, ends) in
            [("a dialog, one end", "call", 2.0), ("a registration", "register", 1.0)]
        {
            let kb = self.resident_kb(operation, HELD)? - self.resident_kb(operation, 0)?;
            table.row(name, "RSS, kB", kb / f64::from(HELD) / ends, "");
        }
        Ok(())
    }

    fn resident_kb(&self, operation: &str, count: u32) -> Result<f64, String> {
        let held = Command::new(&self.program)
            .args([operation, &count.to_string(), "--hold"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mut held = held.map_err(|why| format!("cannot run {}: {why}", self.program.display()))?;
        let said = held.stdout.take().and_then(|out| BufReader::new(out).lines().next());
        let status = std::fs::read_to_string(format!("/proc/{}/status", held.id()));
        drop(held.stdin.take());
        let ended = held.wait().is_ok_and(|status| status.success());
        let kb = status.ok().as_deref().and_then(resident);
        kb.filter(|_| ended && said.is_some()).ok_or_else(|| format!("operations {operation} did not hold"))
    }
}

/// What callgrind counted.
fn collected(said: &str) -> Option<f64> {
    said.lines().find_map(|line| line.split_once("Collected :"))?.1.trim().parse().ok()
}

/// VmRSS of a /proc/PID/status, in kB.
fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Kamailio in the line's place: one worker on the line's core, locations in memory, passwords by the rule of
/// config/bench, MD5. `None`: it is not to be had here.
fn kamailio(root: &Path) -> Result<Option<Line>, String> {
    if !brought("kamailio", "kamailio") {
        eprintln!("bench: no kamailio, and apt-get brought none: nothing stands beside the registrations");
        return Ok(None);
    }
    let config = root.join("target/bench-kamailio.cfg");
    std::fs::write(&config, KAMAILIO.replace("LINE", LINE))
        .map_err(|why| format!("cannot write {}: {why}", config.display()))?;
    let mut command = Command::new("taskset");
    command.args(["-c", LINE_CORE, "kamailio", "-DD", "-E", "-m", "256", "-f"]).arg(&config);
    Line::spawn(command, "answers OPTIONS").map(Some)
}

const KAMAILIO: &str = r#"#!KAMAILIO
debug=0
log_stderror=yes
children=1
auto_aliases=no
dns=no
rev_dns=no
listen=udp:LINE
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("usrloc", "db_mode", 0)
request_route {
    if (!is_method("REGISTER")) {
        sl_send_reply("200", "OK");
        exit;
    }
    $var(password) = "pw" + $(fU{s.substr,1,0});
    if (!pv_www_authenticate("bench", "$var(password)", "0")) {
        www_challenge("bench", "0");
        exit;
    }
    save("location");
}
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_callgrind_and_the_kernel_say_is_read() {
        let said = "==7== Events    : Ir\n==7== Collected : 1234567\n==7==\n";
        assert_eq!(collected(said), Some(1_234_567.0));
        assert_eq!(collected("==7== Events    : Ir"), None);
        assert_eq!(resident("Name:\toperations\nVmRSS:\t    2048 kB\nThreads:\t1\n"), Some(2_048.0));
        assert_eq!(resident("Name:\toperations\n"), None);
    }
}
