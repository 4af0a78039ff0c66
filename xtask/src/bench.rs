//! `cargo xtask bench`: the line on one core, the load on another, the bare machine in the same run, and the goals.
//!
//! Figures of a shared machine differ by a quarter from run to run: ratios within one table are what counts.

mod media;
mod sip;

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write as _};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Where the measured line answers: not where a line of everyday use would be in the way.
const LINE: &str = "127.0.0.1:5961";
/// First port of the bare process.
const BARE: &str = "127.0.0.1:30000";
/// The core of the line or of the bare process, and that of the load.
const LINE_CORE: &str = "0";
const LOAD_CORE: &str = "1";
/// Longest wait for the line to answer.
const START_MAX: Duration = Duration::from_secs(60);
/// The line is left alone so long for its idle figures.
const IDLE: Duration = Duration::from_secs(10);
/// What `--hold` tries, until the line does not hold twice.
const HOLD_CALLS: [u32; 10] = [100, 200, 400, 600, 800, 1_000, 1_200, 1_600, 2_000, 2_400];
/// Calls at a time, if no other number is asked for.
const CALLS: u32 = 100;
/// config/bench has so many consultants.
const CONSULTANTS: u32 = 1_200;
const HOLD_RATES: [u32; 8] = [500, 1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 8_000];
/// Registrations are measured no longer than this: the line remembers every transaction for 32 s (RFC 3261, timer J)
/// and refuses with 503 once it remembers as many as it may.
const REGISTER_SECONDS: u32 = 5;
/// Until it has forgotten them.
const TRANSACTION: Duration = Duration::from_secs(33);
/// A held figure is sought with windows of this length.
const HOLD_SECONDS: u32 = 8;

struct Options {
    calls: Option<u32>,
    seconds: u32,
    hold: bool,
    /// Measure the release build that is there.
    built: bool,
}

/// Runs all and prints the table.
pub(crate) fn verb(root: &Path, args: &[&str]) -> ExitCode {
    let done = match args {
        ["media", rest @ ..] => options(rest).and_then(|options| media::bench(root, &options)),
        ["sip", rest @ ..] => options(rest).and_then(|options| sip::bench(root, &options)),
        _ => options(args).and_then(|options| bench(root, &options)),
    };
    match done {
        Ok(table) => {
            let _closed = io::stdout().write_all(table.as_bytes());
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}

fn options(args: &[&str]) -> Result<Options, String> {
    let mut options = Options { calls: None, seconds: 20, hold: false, built: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || {
            let value =
                args.next().and_then(|n| n.parse::<u32>().ok()).filter(|n| (1..=CONSULTANTS).contains(n));
            value.ok_or(format!("write a number from 1 to {CONSULTANTS} behind {arg}"))
        };
        match *arg {
            "--calls" => options.calls = Some(number()?),
            "--seconds" => options.seconds = number()?,
            "--hold" => options.hold = true,
            "--built" => options.built = true,
            other => {
                return Err(format!("unknown {other}; known are --calls N, --seconds S, --hold, --built"));
            }
        }
    }
    Ok(options)
}

fn bench(root: &Path, options: &Options) -> Result<String, String> {
    if !options.built {
        build(root)?;
    }
    let bins = Bins { folder: root.join("target/release"), root: root.to_owned() };
    let mut table = Table::default();
    let (calls, seconds) = (options.calls.unwrap_or(CALLS), options.seconds);
    table.title(calls, seconds);
    let relay = bins.bare("relay", calls, seconds)?;
    let play = bins.bare("play", calls, seconds)?;
    let line = start_and_rest(&bins, &mut table)?;
    let measure = |work: &str, more: &[&str]| bins.load(work, line.pid(), seconds, more);
    let n = calls.to_string();
    let ivr = measure("ivr", &["--calls", &n])?;
    table.media("W1 ivr", &ivr, play, 1.3, 30.0);
    let norec = measure("bridge-norec", &["--calls", &n])?;
    table.media("W2n bridge", &norec, relay, 1.25, 60.0);
    let bridge = measure("bridge", &["--calls", &n])?;
    table.media("W2 recorded bridge", &bridge, relay, 1.5, 60.0);
    let sig = measure("sig", &["--rate", "500"])?;
    table.row("W3 sig, 500 a second", "CPU-ms a call", at(&sig, "/line/cpu_ms_per_unit"), "≤ 0.15");
    table.row("W3 sig, 500 a second", "set-up p99, ms", at(&sig, "/set_up/p99_ms"), "< 500");
    let register = bins.load("register", line.pid(), seconds.min(REGISTER_SECONDS), &["--calls", "200"])?;
    table.row("W5 register", "registrations a second", at(&register, "/done_per_second"), "≥ 25000");
    table.row("W5 register", "CPU-ms each", at(&register, "/line/cpu_ms_per_unit"), "");
    if options.hold {
        sleep(TRANSACTION);
        hold(&bins, &line, &mut table)?;
    }
    line.stop()?;
    Ok(table.text)
}

/// Seeks what the line holds.
fn hold(bins: &Bins, line: &Line, table: &mut Table) -> Result<(), String> {
    for (work, goal) in [("ivr", "≥ 1600"), ("bridge-norec", ""), ("bridge", "≥ 1000")] {
        let fits = |calls: &u32| work == "ivr" || *calls <= CONSULTANTS;
        let held = last_held(HOLD_CALLS.iter().copied().filter(fits), |calls| {
            bins.load(work, line.pid(), HOLD_SECONDS, &["--rate", "100", "--calls", &calls.to_string()])
        })?;
        table.row(&format!("{work}, one core"), "calls that hold", f64::from(held), goal);
    }
    let sig = |rate: u32| bins.load("sig", line.pid(), HOLD_SECONDS, &["--rate", &rate.to_string()]);
    let held = last_held(HOLD_RATES.into_iter(), sig)?;
    table.row("W3 sig", "calls a second that hold", f64::from(held), "≥ 5000");
    let over = sig(held * 3 / 2)?;
    let kept = at(&over, "/answered_per_second") / f64::from(held.max(1)) * 100.0;
    table.row("W3 sig, half as much again", "answered, % of what holds", kept, "≥ 90");
    table.row("W3 sig, half as much again", "neither answered nor refused", at(&over, "/silent"), "0");
    Ok(())
}

/// The last of rising steps that holds; each may fail once, for the machine is shared.
fn last_held(
    steps: impl Iterator<Item = u32>,
    run: impl Fn(u32) -> Result<Value, String>,
) -> Result<u32, String> {
    let mut held = 0;
    for step in steps {
        if !(holds(&run(step)?) || holds(&run(step)?)) {
            break;
        }
        held = step;
    }
    Ok(held)
}

fn holds(report: &Value) -> bool {
    report["held"].as_bool().unwrap_or(false)
}

fn build(root: &Path) -> Result<(), String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--release", "-p", "senim", "-p", "senim-load"]);
    let status = cargo.status().map_err(|why| format!("cannot run cargo: {why}"))?;
    if status.success() { Ok(()) } else { Err("the release build failed".into()) }
}

/// A number of a report; 0 where it has none.
fn at(report: &Value, pointer: &str) -> f64 {
    report.pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0)
}

/// The programs.
struct Bins {
    folder: PathBuf,
    root: PathBuf,
}

impl Bins {
    /// A program held on one core.
    fn pinned(&self, core: &str, program: &str) -> Command {
        let mut command = Command::new("taskset");
        command.args(["-c", core]).arg(self.folder.join(program));
        command
    }

    /// CPU-ms a call-second of the bare machine: the better of waking as packets come and of slots.
    fn bare(&self, kind: &str, calls: u32, seconds: u32) -> Result<f64, String> {
        let mut best = f64::INFINITY;
        for technique in ["wake", "slot"] {
            let mut command = self.pinned(LINE_CORE, "senim-load");
            command.args(["--bare", kind, "--technique", technique, "--target", BARE]);
            command.args(["--calls", &calls.to_string()]);
            let bare = Line::spawn(command, "ready")?;
            let work = format!("bare-{kind}");
            let more = ["--calls", &calls.to_string(), "--target", BARE];
            let report = self.load(&work, bare.pid(), seconds, &more)?;
            let cost = at(&report, "/line/cpu_ms_per_unit");
            eprintln!("bench: bare {kind}, {technique}: {cost:.3} CPU-ms a call-second");
            best = best.min(cost);
            bare.stop()?;
        }
        Ok(best)
    }

    /// One run of the load; its report.
    fn load(&self, work: &str, pid: u32, seconds: u32, more: &[&str]) -> Result<Value, String> {
        eprintln!("bench: {work} {}", more.join(" "));
        let mut command = self.pinned(LOAD_CORE, "senim-load");
        let (pid, seconds) = (pid.to_string(), seconds.to_string());
        command.args(["--work", work, "--json", "--pid", &pid, "--seconds", &seconds]);
        if !more.contains(&"--target") {
            command.args(["--target", LINE]);
        }
        let output = command
            .args(more)
            .stderr(Stdio::inherit())
            .output()
            .map_err(|why| format!("cannot run taskset (package util-linux) with senim-load: {why}"))?;
        let mut report: Value = serde_json::from_slice(&output.stdout)
            .map_err(|why| format!("senim-load {work} gave no report: {why}"))?;
        report["held"] = Value::Bool(output.status.success());
        let (held, own) = (output.status.success(), at(&report, "/own_cpu_per_cent"));
        eprintln!("bench:   holds: {held}; failed {}; load at {own:.0} % of its core", report["failed"]);
        let refusals = report["each"].as_array().into_iter().flatten();
        if let Some(status) = refusals.filter_map(|call| call["refused"].as_u64()).next() {
            eprintln!("bench:   a call was refused with {status}");
        }
        Ok(report)
    }

    /// The line, answering.
    fn serve(&self, anew: bool) -> Result<Line, String> {
        let data = self.root.join("target/bench-data");
        if anew && data.exists() {
            std::fs::remove_dir_all(&data)
                .map_err(|why| format!("cannot empty {}: {why}", data.display()))?;
        }
        let mut command = self.pinned(LINE_CORE, "senim");
        command.args(["serve", "--config"]).arg(self.root.join("config/bench/senim.toml"));
        command.arg("--set").arg(format!("data.folder={}", data.display()));
        command.arg("--set").arg(format!("sip.udp=[\"{LINE}\"]"));
        command.args(["--set", "sip.tcp=[]", "--set", "web.listen="]);
        Line::spawn(command, "answers OPTIONS")
    }
}

/// A measured process.
struct Line {
    child: Child,
    /// From exec to the first answer.
    answered: Duration,
}

impl Line {
    /// Starts it and waits until it answers, or until it says `ready` (a bare process).
    fn spawn(mut command: Command, until: &str) -> Result<Line, String> {
        let begun = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|why| format!("cannot run taskset (package util-linux): {why}"))?;
        let ready = match (until, child.stdout.take()) {
            ("ready", Some(out)) => BufReader::new(out).lines().next().is_some_and(|line| line.is_ok()),
            (_, out) => {
                // Somebody must read what it says.
                std::thread::spawn(move || {
                    out.map(|out| io::copy(&mut BufReader::new(out), &mut io::sink()))
                });
                answers(&mut child, begun)?
            }
        };
        let line = Line { child, answered: begun.elapsed() };
        if ready { Ok(line) } else { line.stop().and(Err("the measured process does not answer".into())) }
    }

    /// Starts one that says nothing when it is ready; a second is more than it needs.
    fn spawn_deaf(mut command: Command) -> Result<Line, String> {
        let child = command.stdout(Stdio::null()).spawn();
        let child = child.map_err(|why| format!("cannot run taskset (package util-linux): {why}"))?;
        sleep(Duration::from_secs(1));
        Ok(Line { child, answered: Duration::ZERO })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGTERM, and waits.
    fn stop(mut self) -> Result<(), String> {
        let told = Command::new("kill").arg(self.pid().to_string()).status();
        told.and_then(|_| self.child.wait()).map(|_| ()).map_err(|why| format!("cannot stop the line: {why}"))
    }
}

impl Drop for Line {
    /// On the way out with an error nothing may stay behind.
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Asks OPTIONS until the line answers or is gone.
fn answers(child: &mut Child, begun: Instant) -> Result<bool, String> {
    let socket = UdpSocket::bind("127.0.0.4:0").map_err(|why| format!("cannot open a socket: {why}"))?;
    let _at_most = socket.set_read_timeout(Some(Duration::from_millis(2)));
    let me = socket.local_addr().map_err(|why| why.to_string())?;
    let mut buffer = [0; 4096];
    for number in 0.. {
        let options = format!(
            "OPTIONS sip:{LINE} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKo{number};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:bench@{me}>;tag=o{number}\r\nTo: <sip:{LINE}>\r\n\
             Call-ID: o{number}.{}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            me.port()
        );
        let _not_yet = socket.send_to(options.as_bytes(), LINE);
        if socket.recv(&mut buffer).is_ok() {
            return Ok(true);
        }
        if begun.elapsed() > START_MAX || child.try_wait().is_ok_and(|gone| gone.is_some()) {
            break;
        }
    }
    Ok(false)
}

/// A line that has started and rested; both are in the table then.
fn start_and_rest(bins: &Bins, table: &mut Table) -> Result<Line, String> {
    // The first start takes in 1,200 consultants; the second is the one that counts.
    bins.serve(true)?.stop()?;
    let line = bins.serve(false)?;
    table.row("start", "exec to first answered OPTIONS, s", line.answered.as_secs_f64(), "≤ 0.05");
    let (cpu, rss_mb) = idle(line.pid())?;
    table.row("idle", "CPU, % of a core", cpu, "≤ 0.1");
    table.row("idle", "RSS, MB (1,200 consultants known)", rss_mb, "≤ 25");
    Ok(line)
}

/// Per cent of a core and MB of a process that is left alone.
fn idle(pid: u32) -> Result<(f64, f64), String> {
    let read = |file: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/{file}"))
            .map_err(|why| format!("the line is gone: {why}"))
    };
    let ticks = |stat: &str| -> f64 {
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        fields.split_ascii_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum()
    };
    let begin = ticks(&read("stat")?);
    sleep(IDLE);
    // A tick is 10 ms: a tick a second is one per cent.
    let cpu = (ticks(&read("stat")?) - begin) / IDLE.as_secs_f64();
    let status = read("status")?;
    let rss = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    let kb = rss.split_ascii_whitespace().next().and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((cpu, kb / 1024.0))
}

/// Markdown.
#[derive(Default)]
struct Table {
    text: String,
}

impl Table {
    fn title(&mut self, calls: u32, seconds: u32) {
        let _ = writeln!(self.text, "{calls} calls, windows of {seconds} s, the line on one core\n");
        self.text.push_str("| work | read | Senim | goal |\n|---|---|--:|--:|\n");
    }

    fn row(&mut self, work: &str, read: &str, value: f64, goal: &str) {
        let digits = if value >= 100.0 { 0 } else { 3 };
        let _ = writeln!(self.text, "| {work} | {read} | {value:.digits$} | {goal} |");
    }

    /// The rows of a work with sound, beside what the bare machine needs.
    fn media(&mut self, work: &str, report: &Value, bare: f64, times_bare: f64, kb_goal: f64) {
        let cost = at(report, "/line/cpu_ms_per_unit");
        self.row(work, "CPU-ms a call-second", cost, &format!("≤ {:.3}", bare * times_bare));
        self.row(work, "of the bare machine, times", cost / bare, &format!("≤ {times_bare}"));
        let holds = if holds(report) { "holds" } else { "does not hold" };
        self.row(work, &format!("failed calls ({holds})"), at(report, "/failed"), "0");
        self.row(work, "lost, %", at(report, "/loss_per_cent"), "< 0.1");
        self.row(work, "never sent, %", at(report, "/not_sent_per_cent"), "< 0.3");
        self.row(work, "off 20 ms, p99, ms", at(report, "/deviation/p99_ms"), "< 10");
        if at(report, "/latency/count") > 0.0 {
            self.row(work, "one way, p50, ms", at(report, "/latency/p50_ms"), "");
            self.row(work, "one way, p99, ms", at(report, "/latency/p99_ms"), "≤ 0.3 (busy: 1.5)");
        }
        self.row(work, "RSS a call, kB", at(report, "/line/rss_kb_per_call"), &format!("≤ {kb_goal}"));
        self.row(work, "left a finished call, kB", at(report, "/line/left_behind_kb_per_call"), "0");
        let threads = at(report, "/line/threads") - at(report, "/line/threads_before");
        self.row(work, "threads more", threads, "0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_wrong_ones_told() {
        let read = |args: &[&str]| options(args).map(|o| (o.calls, o.seconds, o.hold));
        assert_eq!(read(&[]), Ok((None, 20, false)));
        assert_eq!(read(&["--hold", "--calls", "7", "--seconds", "1"]), Ok((Some(7), 1, true)));
        assert!(read(&["--calls"]).is_err());
        assert!(read(&["--calls", "0"]).is_err());
        assert!(read(&["--calls", "1201"]).is_err());
        assert!(read(&["--fast"]).is_err());
    }

    #[test]
    fn the_last_step_that_holds_is_found_and_one_bad_run_is_forgiven() {
        let tries = std::cell::Cell::new(0);
        let run = |step: u32| {
            tries.set(tries.get() + 1);
            Ok(serde_json::json!({ "held": step < 3 && tries.get() != 1 }))
        };
        assert_eq!(last_held(1..9, run), Ok(2));
        assert_eq!(tries.get(), 5);
    }

    #[test]
    fn a_report_becomes_rows_beside_the_goals() {
        let report = serde_json::json!({ "held": true, "failed": 0, "line": { "cpu_ms_per_unit": 0.6 } });
        let mut table = Table::default();
        table.media("W", &report, 0.5, 1.25, 60.0);
        assert!(table.text.contains("| W | CPU-ms a call-second | 0.600 | ≤ 0.625 |"));
        assert!(table.text.contains("| W | of the bare machine, times | 1.200 | ≤ 1.25 |"));
        assert!(table.text.contains("failed calls (holds)"));
        assert!(!table.text.contains("one way"));
    }
}
