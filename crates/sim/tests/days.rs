//! Whole days from seeds.
#![allow(clippy::unwrap_used)]

use senim_sim::{Day, Wire, run_day};

/// FEATURES E4, P2: every caller is in exactly one final state and nothing is left over, on good wires and bad ones.
#[test]
fn mixed_days_leave_nobody_over() {
    let mut states = std::collections::BTreeMap::new();
    for seed in 0..40 {
        let wire = if seed % 4 == 3 { Wire::BAD } else { Wire::GOOD };
        let day = Day { wire, ..Day::default() };
        let report = run_day(seed, &day).unwrap_or_else(|wrong| panic!("day {seed}: {wrong:#?}"));
        for (state, n) in report.by_state {
            *states.entry(state).or_insert(0) += n;
        }
    }
    println!("{states:?}");
    assert!(states.len() >= 3, "{states:?}");
}

/// FEATURES Z3: the same seed gives the same facts, bit for bit.
#[test]
fn a_day_replays() {
    let day = Day { wire: Wire::BAD, ..Day::default() };
    assert_eq!(run_day(11, &day), run_day(11, &day));
}
