//! `cargo xtask test`: everything that must hold, on a machine as fresh as it comes. Stops at the first failure.

use crate::tidy;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

/// Programs that tests call, and the Debian packages that bring them.
const PROGRAMS: [(&str, &str); 8] = [
    ("sipp", "sip-tester"),
    ("baresip", "baresip"),
    ("linphonec", "linphone-cli"),
    ("sox", "sox"),
    ("kamailio", "kamailio"),
    ("chromium", "chromium"),
    ("node", "nodejs"),
    ("npm", "npm"),
];

/// How a stage ended.
enum Outcome {
    Passed,
    /// Not done, and why; not counted as passed.
    Skipped(String),
    /// What to do about it.
    Failed(String),
}

/// A stage: its name and what it does.
type Stage = (&'static str, fn(&Path) -> Outcome);

/// Runs the stages and prints how each went.
pub(crate) fn verb(root: &Path, quick: bool) -> ExitCode {
    let all: [(Stage, bool); 6] = [
        (("packages", packages), !quick),
        (("format", format), true),
        (("lints", lints), !quick),
        (("licences", licences), !quick),
        (("tidy", tidy), true),
        (("tests", tests), true),
    ];
    let mut summary = Vec::new();
    let mut failed = false;
    for ((name, stage), wanted) in all {
        if !wanted {
            continue;
        }
        eprintln!("== {name}");
        let began = Instant::now();
        let outcome = stage(root);
        summary.push(line(name, &outcome, began.elapsed()));
        if matches!(outcome, Outcome::Failed(_)) {
            failed = true;
            break;
        }
    }
    eprintln!("== summary");
    for line in summary {
        eprintln!("{line}");
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn line(name: &str, outcome: &Outcome, took: Duration) -> String {
    let (word, note) = match outcome {
        Outcome::Passed => ("passed", String::new()),
        Outcome::Skipped(why) => ("SKIPPED", format!("  {why}")),
        Outcome::Failed(what) => ("FAILED", format!("  {what}")),
    };
    format!("{name:<10}{word:<9}{:>7.1} s{note}", took.as_secs_f64())
}

/// Installs what is missing, asking for nothing.
fn packages(_: &Path) -> Outcome {
    let missing = missing(&PROGRAMS, on_path);
    if missing.is_empty() {
        return Outcome::Passed;
    }
    let by_hand = format!("install by hand: {}", missing.join(" "));
    if !on_path("apt-get") {
        return Outcome::Failed(format!("no apt-get on this machine; {by_hand}"));
    }
    let mut install = vec!["install", "--yes", "--no-install-recommends"];
    install.extend(&missing);
    if apt(&["update"]) && apt(&install) {
        if missing.contains(&"kamailio") && on_path("systemctl") {
            // The package starts a server of its own, which tests do not want; where nothing starts, nothing stops.
            as_root("systemctl", &["disable", "--now", "kamailio"]);
        }
        Outcome::Passed
    } else {
        Outcome::Failed(format!("apt-get failed (is this root, or sudo without a password?); {by_hand}"))
    }
}

/// Packages whose program is not there.
fn missing<'a>(programs: &[(&'a str, &'a str)], there: impl Fn(&str) -> bool) -> Vec<&'a str> {
    programs.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect()
}

/// Whether a program is there, brought by its Debian package if need be.
pub(crate) fn brought(program: &str, package: &str) -> bool {
    on_path(program)
        || (on_path("apt-get")
            && apt(&["update"])
            && apt(&["install", "--yes", "--no-install-recommends", package])
            && on_path(program))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where servers are, and not everybody's path leads.
    let mut folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.any(|folder| folder.join(program).is_file())
}

fn apt(args: &[&str]) -> bool {
    as_root("apt-get", args)
}

/// A program as root: as we are, or through a sudo that does not ask.
fn as_root(program: &str, args: &[&str]) -> bool {
    let id = Command::new("id").arg("-u").output();
    let is_root = id.is_ok_and(|out| out.stdout.trim_ascii() == b"0");
    let mut command = Command::new(if is_root { program } else { "sudo" });
    if !is_root {
        command.args(["--non-interactive", "--preserve-env=DEBIAN_FRONTEND", program]);
    }
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    command.status().is_ok_and(|status| status.success())
}

fn format(root: &Path) -> Outcome {
    component("rustfmt", "fmt");
    cargo(root, &["fmt", "--all", "--", "--check"], "write `cargo fmt --all`")
}

fn lints(root: &Path) -> Outcome {
    component("clippy", "clippy");
    let args = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"];
    cargo(root, &args, "mend the lints above")
}

/// Licences, sources and bans of outside crates, by deny.toml; advisories need the network and are not asked for.
fn licences(root: &Path) -> Outcome {
    if !on_path("cargo-deny") {
        return Outcome::Skipped("cargo-deny is not installed: outside crates were not checked".into());
    }
    cargo(root, &["deny", "--offline", "check", "licenses", "bans", "sources"], "see deny.toml")
}

fn tidy(root: &Path) -> Outcome {
    if tidy::verb(root) == ExitCode::SUCCESS {
        Outcome::Passed
    } else {
        Outcome::Failed("mend what is listed above".into())
    }
}

fn tests(root: &Path) -> Outcome {
    cargo(root, &["test", "--workspace"], "see the failing test above")
}

/// Adds a part of the toolchain where rustup can; where it cannot, the stage itself will say what is missing.
fn component(name: &str, verb: &str) {
    let there =
        Command::new("cargo").args([verb, "--version"]).output().is_ok_and(|out| out.status.success());
    if !there {
        let _ = Command::new("rustup").args(["component", "add", name]).status();
    }
}

/// Runs cargo with its output streaming by.
fn cargo(root: &Path, args: &[&str], advice: &str) -> Outcome {
    match Command::new("cargo").args(args).current_dir(root).status() {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(_) => Outcome::Failed(advice.into()),
        Err(why) => Outcome::Failed(format!("cannot run cargo: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        assert!(missing(&PROGRAMS, |_| true).is_empty());
        assert_eq!(missing(&PROGRAMS, |program| program != "sipp"), ["sip-tester"]);
        assert_eq!(missing(&PROGRAMS, |_| false).len(), PROGRAMS.len());
    }

    #[test]
    fn what_was_skipped_does_not_look_passed() {
        let line = line("licences", &Outcome::Skipped("why".into()), Duration::from_millis(1500));
        assert_eq!(line, "licences  SKIPPED      1.5 s  why");
    }
}
