//! `cargo xtask bench media`: the works with sound on one core, each beside the bare machine of the same run; rtpengine
//! beside the bridge; and twice as many calls as the line says it holds.

use super::{Bins, LINE_CORE, Line, Options, Table, at, build};
use crate::test::brought;
use std::path::Path;
use std::process::Command;

/// Where rtpengine is told of calls.
const NG: &str = "127.0.0.1:22222";
/// Calls that knock at a line which does not hold so many, and how many a second.
const KNOCKS: &str = "5000";
const RUSH: &str = "150";
/// Calls of the works with sound, if no other number is asked for.
const CALLS: u32 = 200;

/// A work: its name, the load's word, which bare process it is measured by, goals: times that, and kB a call.
const WORKS: [(&str, &str, Bare, f64, f64); 4] = [
    ("W1 ivr", "ivr", Bare::Play, 1.3, 30.0),
    ("W4 queue with music", "queue", Bare::Play, 1.5, 60.0),
    ("W2n bridge", "bridge-norec", Bare::Relay, 1.25, 60.0),
    ("W2 recorded bridge", "bridge", Bare::Relay, 1.5, 60.0),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Bare {
    Relay,
    Play,
}

/// Runs all; the table.
pub(super) fn bench(root: &Path, options: &Options) -> Result<String, String> {
    if !options.built {
        build(root)?;
    }
    let bins = Bins { folder: root.join("target/release"), root: root.to_owned() };
    let (calls, seconds) = (options.calls.unwrap_or(CALLS), options.seconds);
    let mut table = Table::default();
    table.title(calls, seconds);
    let relay = bins.bare("relay", calls, seconds)?;
    let play = bins.bare("play", calls, seconds)?;
    table.row("bare relay", "CPU-ms a call-second", relay, "");
    table.row("bare player", "CPU-ms a call-second", play, "");
    let n = calls.to_string();
    // The first start takes in the consultants of the bench; the second is the one that is measured.
    bins.serve(true)?.stop()?;
    let line = bins.serve(false)?;
    let mut costs = Vec::new();
    for (name, work, bare, times, kb) in WORKS {
        let report = bins.load(work, line.pid(), seconds, &["--calls", &n, "--rate", "100"])?;
        table.media(name, &report, if bare == Bare::Relay { relay } else { play }, times, kb);
        costs.push(at(&report, "/line/cpu_ms_per_unit"));
    }
    if let [_, _, plain, recorded] = *costs.as_slice() {
        table.row("recording", "CPU-ms a call-second", recorded - plain, "≤ 0.15");
    }
    line.stop()?;
    beside(&bins, &n, seconds, relay, &mut table)?;
    beyond(&bins, seconds, &mut table)?;
    Ok(table.text)
}

/// The same bridge by rtpengine in user space, the kernel's module left out: senim has none either.
fn beside(bins: &Bins, calls: &str, seconds: u32, relay: f64, table: &mut Table) -> Result<(), String> {
    if !brought("rtpengine", "rtpengine-daemon") {
        table.text.push_str("\nrtpengine stands not beside: no package rtpengine-daemon is to be had here\n");
        return Ok(());
    }
    let mut command = Command::new("taskset");
    command.args(["-c", LINE_CORE, "rtpengine", "--config-file=none", "--foreground", "--log-stderr"]);
    command.args(["--log-level=3", "--table=-1", "--interface=127.0.0.1", "--num-threads=1"]);
    command.args([&format!("--listen-ng={NG}"), "--port-min=30000", "--port-max=39999"]);
    let engine = Line::spawn_deaf(command)?;
    let report = bins.load("rtpengine", engine.pid(), seconds, &["--calls", calls, "--target", NG])?;
    engine.stop()?;
    if at(&report, "/failed") > 0.0 {
        table.text.push_str("\nrtpengine stands not beside: it runs in user space here but took no call\n");
        return Ok(());
    }
    let cost = at(&report, "/line/cpu_ms_per_unit");
    table.row("W2n by rtpengine", "CPU-ms a call-second", cost, "");
    table.row("W2n by rtpengine", "of the bare machine, times", cost / relay, "");
    table.row("W2n by rtpengine", "lost, %", at(&report, "/loss_per_cent"), "");
    table.row("W2n by rtpengine", "one way, p99, ms", at(&report, "/latency/p99_ms"), "");
    Ok(())
}

/// About twice as many knock as have room: those who are in lose nothing, the rest hear so at once.
fn beyond(bins: &Bins, seconds: u32, table: &mut Table) -> Result<(), String> {
    let line = bins.serve(true)?;
    let most = bins.load("ivr", line.pid(), seconds, &["--calls", KNOCKS, "--rate", RUSH])?;
    line.stop()?;
    let work = "W1 ivr, beyond what fits";
    table.row(work, "calls that knocked", at(&most, "/tried"), "2 × those let in");
    table.row(work, "calls let in", at(&most, "/answered"), "≥ 1600");
    table.row(work, "refused with 503", at(&most, "/refused_503"), "the rest");
    table.row(work, "neither answered nor refused", at(&most, "/silent"), "0");
    table.row(work, "lost, %, of those let in", at(&most, "/loss_per_cent"), "0");
    table.row(work, "never sent, %, of those let in", at(&most, "/not_sent_per_cent"), "0");
    table.row(work, "off 20 ms, p99, ms", at(&most, "/deviation/p99_ms"), "≤ 2");
    table.row(work, "of the core", at(&most, "/line/cpu_per_cent"), "≥ 90");
    Ok(())
}
