//! Whole days from seeds.
#![allow(clippy::unwrap_used)]

use senim_sim::{Day, Wire, run_day};

/// FEATURES E4, P2: every caller is in exactly one final state and nothing is left over, on good wires and bad ones.
#[test]
fn mixed_days_leave_nobody_over() {
    let mut states = std::collections::BTreeMap::new();
    let (mut through, mut back, mut together) = (0, 0, 0);
    for seed in 0..40 {
        let wire = if seed % 4 == 3 { Wire::BAD } else { Wire::GOOD };
        let day = Day { wire, ..Day::default() };
        let report = run_day(seed, &day).unwrap_or_else(|wrong| panic!("day {seed}: {wrong:#?}"));
        through += report.transfers.0;
        back += report.transfers.1;
        together += report.conferences;
        for (state, n) in report.by_state {
            *states.entry(state).or_insert(0) += n;
        }
    }
    println!("{states:?}, transfers {through} and {back}, conferences {together}");
    // FEATURES X3, X4: the days are full of transfers that work and of such that do not.
    assert!(through > 10 && back > 0 && together > 0, "{through} {back} {together}");
    assert!(states.len() >= 3, "{states:?}");
}

/// FEATURES Z3: the same seed gives the same facts, bit for bit.
#[test]
fn a_day_replays() {
    let day = Day { wire: Wire::BAD, ..Day::default() };
    assert_eq!(run_day(11, &day), run_day(11, &day));
}
