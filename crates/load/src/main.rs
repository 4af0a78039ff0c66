//! `senim-load`: see the crate's page, and docs/performance.md for runs.
#![forbid(unsafe_code)]

use clap::Parser;
use senim_load::args::Args;
use senim_load::bare::BareProcess;
use senim_load::engine::Engine;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("senim-load: {why}");
            ExitCode::from(2)
        }
    }
}

/// 0: the line held; 1: it did not.
fn run(args: &Args) -> std::io::Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    if let Some(kind) = args.bare {
        let mut bare = BareProcess::open(kind, args)?;
        writeln!(out, "ready")?;
        out.flush()?;
        bare.run();
    }
    let Some(work) = args.work else { return Ok(ExitCode::from(2)) };
    let report = Engine::open(args, work)?.run();
    if args.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if report.broken().is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
