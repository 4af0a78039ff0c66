//! Random calls over a bad wire: whatever is lost, doubled or overtaken, each session ends once at each side, both
//! sides agree on whether they talked, and nothing stays alive.
#![allow(clippy::unwrap_used, clippy::panic)]

mod crowd;
mod pair;

use crowd::{Crowd, Wave, waves};
use pair::{Faults, Line, Phone};
use senim_sip::Transport;

fn calls(seed: u64, faults: Faults, calls: usize) -> Crowd {
    let mut crowd = Crowd::new(seed);
    crowd.wave(&Wave { faults, transport: Transport::Udp, calls, all: false });
    crowd
}

#[test]
fn two_thousand_calls_over_a_bad_wire_end_once_and_leave_nothing() {
    let mut talked = 0;
    for seed in 0..200 {
        let faults = Faults { lose: 5, repeat: 6, jitter_ms: 400 };
        let crowd = calls(seed, faults, 10);
        talked += crowd.fates.values().filter(|f| f.talked).count();
    }
    // The test is worth something only if many calls were answered in spite of it all.
    assert!(talked > 1_000, "{talked}");
}

#[test]
fn on_a_good_wire_both_sides_agree_whether_they_talked() {
    for seed in 0..50 {
        let crowd = calls(1_000 + seed, Faults { lose: 0, repeat: 3, jitter_ms: 30 }, 10);
        let count = |who| crowd.fates.iter().filter(|((w, _), f)| *w == who && f.talked).count();
        // A callee whose ACK met a goodbye on its way may have talked only in the caller's eyes.
        let (line, phone) = (count(Line), count(Phone));
        assert!(line.abs_diff(phone) <= 2, "seed {seed}: {line} {phone}");
    }
}

#[test]
fn the_same_seed_gives_the_same_wire() {
    let faults = Faults { lose: 4, repeat: 4, jitter_ms: 200 };
    let (a, b) = (calls(7, faults, 20), calls(7, faults, 20));
    assert_eq!(a.pair.messages, b.pair.messages);
}

/// The short run of `cargo xtask soak`: the same two endpoints through wave after wave, and nothing is left of any.
#[test]
fn waves_of_calls_transfers_and_registrations_leave_nothing_in_the_endpoints() {
    let mut crowd = Crowd::new(3);
    crowd.pair.quiet = true;
    for _ in 0..10 {
        waves(20).iter().for_each(|wave| crowd.wave(wave));
    }
    for name in [
        "Answered",
        "Cancelled",
        "Rejected",
        "Ended",
        "Referred",
        "ReferProgress",
        "Registered",
        "Unregistered",
    ] {
        assert!(crowd.told.get(name).is_some_and(|n| *n > 5), "too few {name}: {:?}", crowd.told);
    }
    assert!(crowd.pair.messages.is_empty());
}
