//! `senim doctor`: one screen of what a phone or a carrier would see, with what is wrong and how to mend it.

use super::{Common, Failure, World, config_file, plan, said};
use crate::desk::wall_now;
use crate::doctor::{Finding, Verdict, examine};
use clap::Args;
use serde_json::json;
use std::io::{IsTerminal, stdout};

/// Letters of a line before it goes on below.
const WIDTH: usize = 100;

#[derive(Args, Debug)]
pub(crate) struct Doctor {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(doctor: &Doctor, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let (findings, zone) = match plan(common, world) {
        Ok(plan) => {
            let mut findings = vec![Finding::ok("configuration", plan.source.file.display().to_string())];
            findings.extend(examine(&plan));
            (findings, plan.config.line.utc_offset_minutes)
        }
        // A configuration that cannot be used is the first thing to be told, not a reason to tell nothing.
        Err(Failure::Complaints(complaints)) => {
            let mend = "mend this line first: nothing else can be looked at without it";
            let rows = complaints.iter().map(|c| Finding::fail("configuration", c.to_string(), mend));
            (rows.collect(), 0)
        }
        Err(other) => return Err(other),
    };
    if doctor.json {
        let value = json!({ "worst": worst(&findings), "findings": findings });
        writeln!(world.out, "{}", serde_json::to_string_pretty(&value).unwrap_or_default())?;
    } else {
        let colour = stdout().is_terminal() && (world.env)("NO_COLOR").is_none();
        let file = config_file(common, world).map(|f| format!("  {}", f.display())).unwrap_or_default();
        writeln!(world.out, "senim doctor  {}{file}\n", said::moment(wall_now(), zone))?;
        world.out.write_all(screen(&findings, colour).as_bytes())?;
    }
    match worst(&findings) {
        Verdict::Fail => Err(Failure::Told),
        _ => Ok(()),
    }
}

fn worst(findings: &[Finding]) -> Verdict {
    findings.iter().map(|f| f.verdict).max().unwrap_or(Verdict::Ok)
}

/// All rows, and how many of each kind.
fn screen(findings: &[Finding], colour: bool) -> String {
    let width = findings.iter().map(|f| f.what.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for f in findings {
        let word = match (f.verdict, colour) {
            (Verdict::Ok, false) => "ok  ",
            (Verdict::Warn, false) => "warn",
            (Verdict::Fail, false) => "FAIL",
            (Verdict::Ok, true) => "\x1b[32mok  \x1b[0m",
            (Verdict::Warn, true) => "\x1b[33mwarn\x1b[0m",
            (Verdict::Fail, true) => "\x1b[1;31mFAIL\x1b[0m",
        };
        let pad = " ".repeat(width - f.what.chars().count());
        let indent = width + 8;
        out.push_str(&format!("{word}  {}{pad}  {}\n", f.what, folded(&f.found, indent)));
        if let Some(mend) = &f.mend {
            out.push_str(&format!("{}→ {}\n", " ".repeat(indent), folded(mend, indent + 2)));
        }
    }
    let of = |v: Verdict| findings.iter().filter(|f| f.verdict == v).count();
    out.push_str(&format!(
        "\n{} ok, {} to see to, {} to mend\n",
        of(Verdict::Ok),
        of(Verdict::Warn),
        of(Verdict::Fail)
    ));
    out
}

/// Words on as many lines as they need, each after the first this far in.
fn folded(text: &str, indent: usize) -> String {
    let room = WIDTH.saturating_sub(indent).max(40);
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FEATURES N3's neighbour: what an operator sees at three in the morning.
    #[test]
    fn a_screen_says_what_is_wrong_and_how_to_mend_it() {
        let findings = [
            Finding::ok("listens udp:192.0.2.1:5060", "answered 200 in 0.4 ms"),
            Finding::warn("clock", "not synchronised", "run chrony"),
            Finding::fail(
                "trunk carrier",
                "udp:198.51.100.7:5060: no answer within 2 s; the line passes over it, 0 calls",
                "ask the carrier whether it answers OPTIONS from here; see [[trunk]] uri, the route and the firewall",
            ),
        ];
        expect_test::expect![[r#"
            ok    listens udp:192.0.2.1:5060  answered 200 in 0.4 ms
            warn  clock                       not synchronised
                                              → run chrony
            FAIL  trunk carrier               udp:198.51.100.7:5060: no answer within 2 s; the line passes over
                                              it, 0 calls
                                              → ask the carrier whether it answers OPTIONS from here; see
                                                [[trunk]] uri, the route and the firewall

            1 ok, 1 to see to, 1 to mend
        "#]].assert_eq(&screen(&findings, false));
        assert_eq!(worst(&findings), Verdict::Fail);
        assert!(
            screen(&findings, true).contains("\x1b[1;31mFAIL") && !screen(&findings, false).contains('\x1b')
        );
    }
}
