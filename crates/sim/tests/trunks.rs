//! Stories of trunks: a call that goes out finds another way within one ring, a dead trunk is avoided and comes back.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use core::time::Duration;
use senim_base::Language;
use senim_phone::{Event, Voice};
use senim_sim::{LineConfig, PhoneId, Wire, World};
use senim_switch::facts::{Fact, ForwardResult, TryOutcome};
use stage::{CALLER_HZ, heard, nothing_left, queued_caller, secs, staff, wait_for};

const CENTRE_HZ: f32 = 1_300.0;

fn world(probe_every: Option<Duration>) -> World {
    World::new(1, LineConfig { backup: true, probe_every, ..LineConfig::story() }, Wire::GOOD)
}

/// A caller who chose Russian and the services of the Unified Contact Centre.
fn wants_the_centre(world: &mut World, number: &str) -> PhoneId {
    let caller = world.caller(number);
    world.with_phone(caller, |p, now| {
        p.say(Voice::Tone(CALLER_HZ));
        assert!(p.dial("111", now));
    });
    wait_for(world, caller, Event::Answered);
    world.run(secs(1));
    world.with_phone(caller, |p, _| p.press("2"));
    world.run(secs(2));
    world.with_phone(caller, |p, _| p.press("3"));
    caller
}

fn tries(world: &World) -> Vec<(&str, TryOutcome, Option<u16>)> {
    let tried = world.facts.iter().filter_map(|r| match &r.fact {
        Fact::ForwardTried { trunk, outcome, status, .. } => Some((trunk.as_str(), *outcome, *status)),
        _ => None,
    });
    tried.collect()
}

fn calls_on(world: &World) -> Vec<(String, u32)> {
    world.switch().board().trunks.into_iter().map(|t| (t.name, t.calls)).collect()
}

fn talks(world: &mut World, caller: PhoneId, centre: PhoneId) {
    world.with_phone(centre, |p, now| {
        p.say(Voice::Tone(CENTRE_HZ));
        p.answer(now);
    });
    world.run(secs(3));
    assert!(heard(world, centre, 1_000, CALLER_HZ), "the centre hears the caller");
    assert!(heard(world, caller, 1_000, CENTRE_HZ), "the caller hears the centre");
}

fn all_hung_up(world: &mut World, caller: PhoneId) {
    world.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(world);
    assert!(calls_on(world).iter().all(|(_, calls)| *calls == 0), "{:?}", calls_on(world));
}

#[test]
fn a_forward_that_nobody_answers_goes_out_by_the_next_trunk_within_the_same_ring() {
    let mut w = world(None);
    let backup = w.backup_centre();
    let caller = wants_the_centre(&mut w, "+77011234567");
    let asked = w.now();
    wait_for(&mut w, backup, Event::Incoming);
    assert!(w.now().since(asked) < secs(8), "{:?}", w.now().since(asked));
    assert_eq!(tries(&w), [("ucc", TryOutcome::Silent, None)]);
    let one = |name: &str, calls| (name.to_owned(), calls);
    assert_eq!(calls_on(&w), [one("carrier", 1), one("ucc", 0), one("backup", 1)]);
    talks(&mut w, caller, backup);
    assert_eq!(tries(&w)[1..], [("backup", TryOutcome::Answered, Some(200))]);
    all_hung_up(&mut w, caller);
}

#[test]
fn a_server_that_cannot_is_passed_over_and_a_centre_that_says_no_is_believed() {
    for (status, by_the_next) in
        [(503, true), (500, true), (408, true), (486, false), (603, false), (404, false)]
    {
        let mut w = world(None);
        let (centre, backup) = (w.centre(), w.backup_centre());
        let caller = wants_the_centre(&mut w, "+77011234567");
        wait_for(&mut w, centre, Event::Incoming);
        w.with_phone(centre, |p, now| p.decline(status, now));
        if by_the_next {
            wait_for(&mut w, backup, Event::Incoming);
            talks(&mut w, caller, backup);
        } else {
            w.run(secs(5));
            assert!(!w.look(backup).is_busy(), "{status}");
        }
        assert_eq!(tries(&w)[0], ("ucc", TryOutcome::Refused, Some(status)));
        assert_eq!(tries(&w).len(), 1 + usize::from(by_the_next), "{status}");
        all_hung_up(&mut w, caller);
    }
}

/// Whoever sends the caller on or asks by a code finds the same ways: the first trunk is silent, the second rings.
#[test]
fn a_consultant_asks_and_sends_on_by_the_next_trunk_within_the_same_ring() {
    for how in ["aside", "by_call", "leaves"] {
        let mut w = world(None);
        let backup = w.backup_centre();
        let consultant = staff(&mut w, "aigerim", Language::Russian);
        let caller = queued_caller(&mut w, "+77011234567");
        wait_for(&mut w, consultant, Event::Incoming);
        w.with_phone(consultant, |p, now| p.answer(now));
        w.run(secs(2));
        match how {
            "by_call" => w.with_phone(consultant, |p, now| assert!(p.consult("1414", now))),
            _ => w.with_phone(consultant, |p, _| p.press("*151414#")),
        }
        w.run(secs(2));
        if how == "leaves" {
            w.with_phone(consultant, |p, now| p.hang_up(now));
        }
        wait_for(&mut w, backup, Event::Incoming);
        assert_eq!(tries(&w), [("ucc", TryOutcome::Silent, None)], "{how}");
        assert_eq!(calls_on(&w)[1..], [("ucc".to_owned(), 0), ("backup".to_owned(), 1)]);
        w.with_phone(backup, |p, now| {
            p.say(Voice::Tone(CENTRE_HZ));
            p.answer(now);
        });
        w.run(secs(3));
        let (asks, gone) = (heard(&w, consultant, 1_000, CENTRE_HZ), how == "leaves");
        assert!(if gone { heard(&w, caller, 1_000, CENTRE_HZ) } else { asks }, "{how}");
        assert_eq!(tries(&w)[1..], [("backup", TryOutcome::Answered, Some(200))], "{how}");
        w.with_phone(consultant, |p, now| {
            p.hang_up_parked(now);
            p.hang_up(now);
        });
        all_hung_up(&mut w, caller);
    }
}

/// What the other centre itself says ends the asking; an address that is full does not, and one ring is all there is.
#[test]
fn a_centre_that_is_asked_and_says_no_is_believed_and_one_ring_is_all_there_is() {
    for (status, rings) in [(Some(486), false), (Some(503), true), (None, true)] {
        let mut w = world(None);
        let (centre, backup) = (w.centre(), w.backup_centre());
        let consultant = staff(&mut w, "aigerim", Language::Russian);
        let caller = queued_caller(&mut w, "+77011234567");
        wait_for(&mut w, consultant, Event::Incoming);
        w.with_phone(consultant, |p, now| p.answer(now));
        w.run(secs(2));
        w.with_phone(consultant, |p, _| p.press("*151414#"));
        wait_for(&mut w, centre, Event::Incoming);
        match status {
            Some(status) => w.with_phone(centre, |p, now| p.decline(status, now)),
            None => {
                let host = w.host(centre).unwrap();
                w.run(secs(20));
                w.net.cut(host, true);
                w.unreachable(centre);
            }
        }
        w.run(secs(2));
        assert_eq!(w.look(backup).is_busy(), rings, "{status:?}");
        w.run(secs(29));
        assert!(!w.look(backup).is_busy(), "{status:?}");
        let ended = w.facts.iter().find_map(|r| match r.fact {
            Fact::ConsultEnded { result, after_ms, .. } => Some((result, after_ms)),
            _ => None,
        });
        let (result, after_ms) = ended.unwrap();
        assert!(after_ms < 31_000, "{after_ms}");
        assert_eq!(result, if rings { ForwardResult::NoAnswer } else { ForwardResult::Busy });
        if rings {
            assert_eq!(tries(&w)[1..], [("backup", TryOutcome::RangOut, None)]);
        }
        w.with_phone(consultant, |p, now| p.hang_up(now));
        all_hung_up(&mut w, caller);
    }
}

/// The time of one ring is all there is, however many ways there are.
#[test]
fn all_ways_together_take_no_longer_than_one_ring() {
    let mut w = world(None);
    let backup = w.backup_centre();
    let caller = wants_the_centre(&mut w, "+77011234567");
    wait_for(&mut w, backup, Event::Incoming);
    w.run(secs(40));
    assert!(!w.look(backup).is_busy(), "it rang out");
    assert_eq!(tries(&w)[1..], [("backup", TryOutcome::RangOut, None)]);
    let ended = w.facts.iter().find_map(|r| match r.fact {
        Fact::ForwardEnded { result, after_ms, .. } => Some((result, after_ms)),
        _ => None,
    });
    let (result, after_ms) = ended.unwrap();
    assert_eq!(result, ForwardResult::NoAnswer);
    assert!((29_000..=31_000).contains(&after_ms), "{after_ms}");
    all_hung_up(&mut w, caller);
}

/// FEATURES T5: out of rotation after as many missing answers as configured, back after as many good ones; new calls
/// go by the other trunk meanwhile, without a second's waiting.
#[test]
fn new_calls_avoid_a_dead_trunk_and_use_it_again_when_it_is_back() {
    let mut w = world(Some(secs(10)));
    let (centre, backup) = (w.centre(), w.backup_centre());
    let host = w.host(centre).unwrap();
    w.run(secs(30));
    w.net.cut(host, true);
    let alive = |w: &World| w.switch().board().trunks[1].alive;
    let cut = w.now();
    assert!(w.run_until(secs(120), |w| !alive(w)), "it is found dead");
    let took = w.now().since(cut);
    assert!(took > secs(20) && took <= secs(42), "three probes of ten seconds: {took:?}");
    let caller = wants_the_centre(&mut w, "+77011234567");
    wait_for(&mut w, backup, Event::Incoming);
    assert_eq!(tries(&w), [], "the dead trunk was not tried");
    talks(&mut w, caller, backup);
    w.with_phone(caller, |p, now| p.hang_up(now));
    w.net.cut(host, false);
    let mended = w.now();
    assert!(w.run_until(secs(120), |w| alive(w)), "it is back");
    assert!(w.now().since(mended) > secs(10), "one good answer is not enough");
    let caller = wants_the_centre(&mut w, "+77011234568");
    wait_for(&mut w, centre, Event::Incoming);
    talks(&mut w, caller, centre);
    all_hung_up(&mut w, caller);
}

/// PEERS W3, FEATURES T8: whoever talks goes on talking meanwhile, and the next one is taken as soon as there is time.
#[test]
fn calls_without_time_are_refused_counted_and_told_once_a_second() {
    let mut w = world(None);
    let dial = |w: &mut World, number: &str| {
        let caller = w.caller(number);
        w.with_phone(caller, |p, now| assert!(p.dial("111", now)));
        caller
    };
    let talker = dial(&mut w, "+77010000001");
    wait_for(&mut w, talker, Event::Answered);
    w.crowd(true);
    for number in ["+77010000002", "+77010000003", "+77010000004"] {
        let caller = dial(&mut w, number);
        wait_for(&mut w, caller, Event::Refused(503));
    }
    w.run(secs(1));
    let late = dial(&mut w, "+77010000005");
    wait_for(&mut w, late, Event::Refused(503));
    let told = w.facts.iter().filter_map(|r| match &r.fact {
        Fact::Refused { status: 503, why, trunk: Some(trunk), in_all } => Some((&**why, &**trunk, *in_all)),
        _ => None,
    });
    let why = "no time for new calls";
    assert_eq!(told.collect::<Vec<_>>(), [(why, "carrier", 1), (why, "carrier", 4)]);
    let board = w.switch().board();
    assert_eq!((board.totals.refused_crowded, board.totals.refused, board.totals.arrived), (4, 4, 1));
    assert_eq!(board.trunks.iter().find(|t| t.name == "carrier").unwrap().refused, 4);
    w.crowd(false);
    let next = dial(&mut w, "+77010000006");
    wait_for(&mut w, next, Event::Answered);
    for caller in [talker, next] {
        w.with_phone(caller, |p, now| p.hang_up(now));
    }
    nothing_left(&mut w);
}
