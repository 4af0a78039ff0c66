//! The bounded part of the enumeration: every schedule of eight messages and two faults. `cargo xtask schedules`
//! enumerates three.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;
mod schedule;

use schedule::{SCENARIOS, all};

#[test]
fn whatever_two_faults_befall_eight_messages_both_ends_agree_and_nothing_is_left() {
    // Each scenario to its own first fault, so that one run tells of all of them.
    let counts =
        SCENARIOS.iter().map(|scenario| std::panic::catch_unwind(|| all(scenario, 8, 2)).unwrap_or(0));
    let count: usize = counts.sum();
    // None, one of 8 messages in 5 ways, two of them in 25.
    assert_eq!(count, SCENARIOS.len() * (1 + 8 * 5 + 28 * 25));
}
