//! The bounded part of the enumeration: every schedule of eight messages and two faults. `cargo xtask schedules`
//! enumerates three.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;
mod schedule;

use schedule::{SCENARIOS, all, run};

#[test]
fn whatever_two_faults_befall_eight_messages_both_ends_agree_and_nothing_is_left() {
    // Each scenario to its own first fault, so that one run tells of all of them.
    let counts =
        SCENARIOS.iter().map(|scenario| std::panic::catch_unwind(|| all(scenario, 8, 2)).unwrap_or(0));
    let count: usize = counts.sum();
    // None, one of 8 messages in 5 ways, two of them in 25.
    assert_eq!(count, SCENARIOS.len() * (1 + 8 * 5 + 28 * 25));
}

/// The enumeration is worth something only if undisturbed scenarios show what they are named after.
#[test]
fn undisturbed_each_scenario_goes_as_it_is_named() {
    let runs: Vec<_> = SCENARIOS.iter().map(|scenario| (scenario.name, run(scenario, &[]))).collect();
    for method in ["INVITE", "CANCEL", "ACK", "PRACK", "UPDATE", "REFER", "NOTIFY", "BYE"] {
        for (name, (_, wire)) in runs.iter().filter(|(name, _)| name.contains(method)) {
            assert!(
                wire.iter().any(|line| line[2..].starts_with(method)),
                "{name}: no {method} in {wire:#?}"
            );
        }
    }
    let talked = runs.iter().filter(|(_, (talked, _))| *talked).map(|(name, _)| *name);
    assert_eq!(
        talked.collect::<Vec<_>>(),
        [
            "INVITE, answered, stands",
            "INVITE without an offer",
            "INVITE, PRACK, answered",
            "UPDATE of the caller",
            "UPDATE of the callee",
            "UPDATEs cross",
            "re-INVITE",
            "re-INVITEs cross",
            "REFER, reported",
        ]
    );
    let crossed =
        |part: &str| runs.iter().filter(|(_, (_, wire))| wire.iter().any(|l| l.contains(part))).count();
    assert!(crossed("SIP/2.0 491") >= 2);
}
