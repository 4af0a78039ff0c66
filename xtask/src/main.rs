//! Chores of the house: `cargo xtask tidy`, `test`, `sim`, `oracle`, `schedules`, `soak`, `flood`, `fuzz`, `bench`, `prompts`.
#![forbid(unsafe_code)]

mod bench;
mod prompts;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask VERB

  tidy            prove the house's rules from `cargo metadata` and the source
  test [--quick]  install what the tests need, then format, lints, tidy and every test;
                  --quick leaves installing and lints out
  sim [--days N] [--first SEED] [--calls N] [--bad N]
                  virtual days by the thousand, one seed each: every caller in one final state
  oracle [--events N] [--first SEED]
                  the queue against a simple model, for 100,000,000 random events
  schedules [--messages N] [--faults N]
                  every schedule of 8 messages and 3 faults between two SIP endpoints: both agree,
                  nothing is left (about two minutes)
  flood [SECONDS] [PER_SECOND]
                  an hour of strangers' flood with real calls in between, in its own time
  soak [--calls N] [--seed S] [--whole N]
                  a million virtual calls over bad wires between two SIP endpoints and, --whole of
                  them, through the switch: nothing left alive, memory flat
  fuzz [--messages N] [--seed S] [--target T]
                  a million mutated messages at the endpoint, or so many at one target
                  (message, uri, sdp, digest, stream, opening, frames, rtp, rtcp, srtp,
                  telephone_event, demux, payload, call): every promise held, or which broke
  bench [--calls N] [--seconds S] [--hold] [--built]
                  the line's figures beside the bare machine's and the goals; --hold seeks
                  how much one core holds (about ten minutes); --built takes the release
                  build that is there
  bench media [--calls N] [--seconds S] [--built]
                  calls with sound on one core beside the bare machine of the same run, rtpengine
                  beside the bridge, and twice as many calls as fit (about five minutes)
  bench sip [--seconds S] [--built]
                  signalling alone: instructions, time and memory an operation, calls and
                  registrations a second on one core, kamailio beside (about four minutes)
  prompts [--only NAME] [--check]
                  speak the texts of ivr-scripts/prompts that have no sound yet or changed;
                  --check only proves that none is missing or stale
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = root();
    match args.as_slice() {
        ["tidy"] => tidy::verb(&root),
        ["test"] => test::verb(&root, false),
        ["test", "--quick"] => test::verb(&root, true),
        ["sim", rest @ ..] => {
            cargo(&root, &["run", "--release", "--quiet", "-p", "senim-sim", "--example", "days", "--"], rest)
        }
        ["oracle", rest @ ..] => cargo(
            &root,
            &["run", "--release", "--quiet", "-p", "senim-queue", "--example", "oracle", "--"],
            rest,
        ),
        ["schedules", rest @ ..] => cargo(
            &root,
            &["run", "--release", "--quiet", "-p", "senim-sip", "--example", "schedules", "--"],
            rest,
        ),
        ["flood", rest @ ..] => cargo(
            &root,
            &["run", "--release", "--quiet", "-p", "senim-sip", "--example", "flood", "--"],
            rest,
        ),
        ["soak", rest @ ..] => {
            cargo(&root, &["run", "--release", "--quiet", "-p", "senim-sim", "--example", "soak", "--"], rest)
        }
        ["fuzz", rest @ ..] => {
            let words = ["run", "--release", "--quiet", "-p", "senim-fuzz", "--example", "mutants", "--"];
            cargo(&root, &words, rest)
        }
        ["bench", rest @ ..] => bench::verb(&root, rest),
        ["prompts", rest @ ..] => prompts::verb(&root, rest),
        ["help" | "--help" | "-h"] => {
            eprint!("{HELP}");
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

/// Runs cargo with these words and gives its verdict on.
fn cargo(root: &Path, words: &[&str], rest: &[&str]) -> ExitCode {
    let run = std::process::Command::new(env!("CARGO")).args(words).args(rest).current_dir(root).status();
    match run {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(e) => {
            eprintln!("cargo cannot be started: {e}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: the folder above this package.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
