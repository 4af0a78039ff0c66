//! Chores of the house: `cargo xtask tidy`, `test`, `prompts`.
#![forbid(unsafe_code)]

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

/// The root of the repository: the folder above this package.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
