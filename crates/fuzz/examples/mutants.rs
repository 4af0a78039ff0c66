//! `mutants [--messages N] [--seed S] [--target T]`: so many mutated messages, or inputs of one target, from one seed.
//! Says how far it is and how fast; at a broken promise which one, by which bytes, and ends.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // this program's whole work is to print

use senim_fuzz::targets::{self, Target};
use senim_fuzz::{Broken, Grammar, House};
use std::process::ExitCode;
use std::time::Instant;

/// Messages after which the house must come to rest.
const REST: u64 = 5_000;

/// Messages between two lines of progress.
const TOLD: u64 = 100_000;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn value<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    args.iter().position(|a| a == name).map(|at| args.get(at + 1).map_or("", String::as_str))
}

fn number(args: &[String], name: &str, otherwise: u64) -> Result<u64, String> {
    let Some(text) = value(args, name) else { return Ok(otherwise) };
    text.parse().map_err(|_| format!("{name} needs a whole number, as in {name} {otherwise}"))
}

/// What one input is made of and done with.
enum Work {
    House(Box<House>),
    Target(Target, fn(&mut Grammar) -> Vec<u8>),
}

fn run(args: &[String]) -> Result<(), String> {
    let messages = number(args, "--messages", 1_000_000)?;
    let seed = number(args, "--seed", 1)?;
    let name = value(args, "--target").unwrap_or("endpoint");
    let target = targets::ALL.into_iter().find(|(known, _)| *known == name).ok_or_else(|| {
        let known: Vec<&str> = targets::ALL.iter().map(|(known, _)| *known).collect();
        format!("--target {name}: unknown; write one of {}", known.join(", "))
    })?;
    let mut work = match name {
        "endpoint" => Work::House(Box::new(House::new(seed))),
        "uri" => Work::Target(target.1, Grammar::uri),
        "sdp" => Work::Target(target.1, Grammar::body),
        "digest" => Work::Target(target.1, Grammar::digest),
        "stream" => Work::Target(target.1, Grammar::stream),
        "opening" => Work::Target(target.1, Grammar::opening),
        "frames" => Work::Target(target.1, Grammar::frames),
        "rtp" | "rtcp" | "srtp" | "demux" | "payload" | "call" => Work::Target(target.1, Grammar::datagram),
        "telephone_event" => Work::Target(target.1, Grammar::telephone_events),
        _ => Work::Target(target.1, Grammar::message),
    };
    let (mut grammar, since) = (Grammar::new(seed), Instant::now());
    for n in 1..=messages {
        let bytes = match &work {
            Work::House(_) => grammar.message(),
            Work::Target(_, make) => make(&mut grammar),
        };
        one(&mut work, &bytes, n).map_err(|broken| {
            format!("{broken}, by message {n} of seed {seed}:\n{:?}", String::from_utf8_lossy(&bytes))
        })?;
        if n.is_multiple_of(TOLD) || n == messages {
            let rate = n as f64 / since.elapsed().as_secs_f64().max(1e-9);
            println!("{n} of {messages} to {name}, {rate:.0} a second, every promise held");
        }
    }
    Ok(())
}

fn one(work: &mut Work, bytes: &[u8], n: u64) -> Result<(), Broken> {
    match work {
        Work::Target(target, _) => target(bytes),
        Work::House(house) => {
            targets::message(bytes)?;
            house.stranger(bytes)?;
            house.trunk(bytes)?;
            house.stream(bytes)?;
            house.websocket(bytes)?;
            if n.is_multiple_of(REST) { house.rest() } else { Ok(()) }
        }
    }
}
