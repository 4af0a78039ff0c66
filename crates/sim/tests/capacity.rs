//! Stories of a machine that is too small: who is in goes on, who comes is told at once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use core::time::Duration;
use senim_base::Language;
use senim_media::capacity::Load;
use senim_phone::Event;
use senim_sim::{PhoneId, World};
use senim_switch::facts::Fact;
use stage::{CALLER_HZ, CONSULTANT_HZ, heard, nothing_left, queued_caller, secs, staff, wait_for, world};

fn busy(per_cent: u32) -> Load {
    let share = per_cent * 10_000;
    Load { workers: 1, busiest: share, program: share, packets: share / 10, ..Load::default() }
}

fn dials(w: &mut World, number: &str) -> PhoneId {
    let caller = w.caller(number);
    w.with_phone(caller, |p, now| assert!(p.dial("111", now)));
    caller
}

/// FEATURES H3, H6. Refused calls leave nothing behind, trunk counts included.
#[test]
fn calls_without_room_get_503_and_whoever_talks_or_waits_is_served() {
    let mut w = world();
    let desk = staff(&mut w, "dina", Language::Russian);
    let talker = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, desk, Event::Incoming);
    for _ in 0..20 {
        w.media_load(busy(92));
    }
    for number in ["+77010000002", "+77010000003"] {
        let caller = dials(&mut w, number);
        wait_for(&mut w, caller, Event::Refused(503));
    }
    let full = w.switch().board().media.full;
    assert_eq!(full.as_deref(), Some("the media threads have no room for another call"));
    // The one who was in is given to his consultant all the same, and both hear each other.
    w.with_phone(desk, |p, now| p.answer(now));
    w.run(secs(3));
    assert!(heard(&w, desk, 1_000, CALLER_HZ) && heard(&w, talker, 1_000, CONSULTANT_HZ));
    w.media_load(busy(91));
    let caller = dials(&mut w, "+77010000004");
    wait_for(&mut w, caller, Event::Refused(503));
    for _ in 0..9 {
        w.media_load(busy(50));
        w.run(Duration::from_millis(250));
    }
    let next = dials(&mut w, "+77010000005");
    wait_for(&mut w, next, Event::Answered);
    let board = w.switch().board();
    assert_eq!((board.totals.refused_full, board.totals.refused, board.media.full), (3, 3, None));
    assert_eq!(board.trunks.iter().map(|t| t.calls).sum::<u32>(), 2);
    let why = w.facts.iter().filter_map(|r| match &r.fact {
        Fact::Refused { status: 503, why, trunk: Some(_), .. } => Some(why.as_str()),
        _ => None,
    });
    assert!(why.count() >= 1);
    for phone in [talker, next] {
        w.with_phone(phone, |p, now| p.hang_up(now));
    }
    nothing_left(&mut w);
}
