//! The machine does what the oracle says: a simple model that looks at everybody.

mod oracle;

use oracle::run;

/// FEATURES Q1, Q3, Q4, Q5, Q9, L5 under anything that can happen.
#[test]
fn the_machine_does_what_a_simple_model_says_for_half_a_million_events() {
    half_a_million(0);
}

/// FEATURES Q1: nobody starves.
#[test]
fn the_same_holds_for_another_half_million_where_waiting_raises_a_caller() {
    half_a_million(1);
}

/// Even seeds play with strict priority, odd ones with ageing.
fn half_a_million(parity: u64) {
    let served: u64 = (0..100).map(|day| run(2 * day + parity, 5_000, false).0).sum();
    assert!(served > 5_000, "{served} talks are no test");
}

/// FEATURES Q24.
#[test]
fn the_same_log_gives_the_same_decisions() {
    for seed in [7, 8] {
        assert_eq!(run(seed, 3_000, true), run(seed, 3_000, true));
    }
}
