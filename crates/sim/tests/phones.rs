//! Stories of people with several phones: when the best one cannot be reached, the next one rings within the same offer;
//! what a person answers is believed (RFC 3261 section 16.7, RFC 5626 section 5.3).
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use senim_base::Language;
use senim_phone::{Event, Voice};
use senim_sim::{PhoneId, World};
use senim_switch::facts::{Fact, OfferOutcome, TryOutcome};
use stage::*;

/// A consultant with a phone on the desk and one in the pocket, which registered last and rings first.
fn desk_and_pocket(w: &mut World, login: &str, language: Language) -> (PhoneId, PhoneId) {
    let desk = staff(w, login, language);
    let pocket = w.second_phone(login);
    w.with_phone(pocket, |p, now| {
        p.say(Voice::Tone(CONSULTANT_HZ));
        p.register(3_600, now);
    });
    w.run(secs(1));
    (desk, pocket)
}

fn cut(w: &mut World, phone: PhoneId) {
    let host = w.host(phone).unwrap();
    w.net.cut(host, true);
}

fn tries(w: &World) -> Vec<(TryOutcome, Option<u16>)> {
    let tried = w.facts.iter().filter_map(|r| match &r.fact {
        Fact::PhoneTried { outcome, status, .. } => Some((*outcome, *status)),
        _ => None,
    });
    tried.collect()
}

/// How each offer to a consultant ended.
fn offers(w: &World) -> Vec<OfferOutcome> {
    let ended = w.facts.iter().filter_map(|r| match &r.fact {
        Fact::OfferEnded { outcome, .. } => Some(*outcome),
        _ => None,
    });
    ended.collect()
}

fn talk(w: &mut World, caller: PhoneId, phone: PhoneId) {
    wait_for(w, phone, Event::Incoming);
    w.with_phone(phone, |p, now| p.answer(now));
    w.run(secs(3));
    assert!(heard(w, caller, 1_000, CONSULTANT_HZ), "the caller hears the consultant; {:#?}", w.facts);
    assert!(heard(w, phone, 1_000, CALLER_HZ), "the consultant hears the caller");
}

fn all_over(w: &mut World, caller: PhoneId) {
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(w);
}

#[test]
fn a_phone_that_is_silent_is_passed_over_for_the_next_within_the_same_offer() {
    let mut w = world();
    let (desk, pocket) = desk_and_pocket(&mut w, "aigerim", Language::Russian);
    cut(&mut w, pocket);
    let caller = queued_caller(&mut w, "+77010000001");
    talk(&mut w, caller, desk);
    assert_eq!(tries(&w), [(TryOutcome::Silent, None)]);
    assert_eq!(offers(&w), [OfferOutcome::Answered], "one offer");
    all_over(&mut w, caller);
}

#[test]
fn a_phone_that_the_network_cannot_reach_costs_no_time() {
    let mut w = world();
    let (desk, pocket) = desk_and_pocket(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, pocket, Event::Incoming);
    let rang = w.now();
    w.unreachable(pocket);
    wait_for(&mut w, desk, Event::Incoming);
    assert!(w.now().since(rang) < secs(1), "{:?}", w.now().since(rang));
    w.with_phone(desk, |p, now| p.answer(now));
    w.run(secs(2));
    assert_eq!(tries(&w), [(TryOutcome::Unreachable, None)]);
    assert_eq!(offers(&w), [OfferOutcome::Answered]);
    all_over(&mut w, caller);
}

#[test]
fn a_phone_that_cannot_is_passed_over_and_a_person_is_believed() {
    for (status, by_the_next) in [
        (430, true),
        (503, true),
        (500, true),
        (408, true),
        (404, true),
        (480, false),
        (486, false),
        (603, false),
    ] {
        let mut w = world();
        let (desk, pocket) = desk_and_pocket(&mut w, "aigerim", Language::Russian);
        let caller = queued_caller(&mut w, "+77010000001");
        wait_for(&mut w, pocket, Event::Incoming);
        w.with_phone(pocket, |p, now| p.decline(status, now));
        if by_the_next {
            talk(&mut w, caller, desk);
            assert_eq!(tries(&w), [(TryOutcome::Refused, Some(status))]);
            assert_eq!(offers(&w), [OfferOutcome::Answered], "{status}");
        } else {
            w.run(secs(2));
            assert!(!w.look(desk).is_busy(), "{status}");
            assert_eq!((tries(&w), offers(&w)), (vec![], vec![OfferOutcome::Rejected]), "{status}");
        }
        all_over(&mut w, caller);
    }
}

#[test]
fn a_consultant_none_of_whose_phones_can_be_reached_is_unreachable_once() {
    let mut w = world();
    let (desk, pocket) = desk_and_pocket(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    for phone in [pocket, desk] {
        wait_for(&mut w, phone, Event::Incoming);
        w.with_phone(phone, |p, now| p.decline(503, now));
    }
    w.run(secs(1));
    assert_eq!(tries(&w), [(TryOutcome::Refused, Some(503)); 2]);
    assert_eq!(offers(&w), [OfferOutcome::Unreachable]);
    all_over(&mut w, caller);
}

/// Asked by a colleague, given a caller, dialled directly: his phones ring one after the other as well.
#[test]
fn a_colleague_is_asked_and_given_a_caller_on_the_phone_that_works() {
    for keys in ["*157001#", "blind", "direct"] {
        let mut w = world();
        let consultant = staff(&mut w, "aigerim", Language::Russian);
        let (desk, pocket) = desk_and_pocket(&mut w, "001", Language::Kazakh);
        cut(&mut w, pocket);
        let caller = if keys == "direct" {
            let caller = w.caller("+77010000001");
            w.with_phone(caller, |p, now| {
                p.say(Voice::Tone(CALLER_HZ));
                assert!(p.dial("7001", now));
            });
            caller
        } else {
            let caller = queued_caller(&mut w, "+77010000001");
            talk(&mut w, caller, consultant);
            caller
        };
        match keys {
            "direct" => {}
            "blind" => w.with_phone(consultant, |p, now| assert!(p.refer("sip:7001@senim", now))),
            keys => w.with_phone(consultant, |p, _| p.press(keys)),
        }
        if keys == "*157001#" {
            wait_for(&mut w, desk, Event::Incoming);
            w.with_phone(desk, |p, now| p.answer(now));
            w.run(secs(3));
            assert!(heard(&w, desk, 1_000, CONSULTANT_HZ) && heard(&w, consultant, 1_000, CONSULTANT_HZ));
        } else {
            talk(&mut w, caller, desk);
        }
        assert_eq!(tries(&w), [(TryOutcome::Silent, None)], "{keys}");
        for phone in [consultant, desk] {
            w.with_phone(phone, |p, now| p.hang_up(now));
        }
        all_over(&mut w, caller);
    }
}

/// Whoever dials one person hears within three minutes that he does not answer, and the person's phone rings no longer.
#[test]
fn a_phone_that_is_dialled_and_not_answered_rings_three_minutes() {
    let mut w = world();
    let consultant = staff(&mut w, "001", Language::Russian);
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| assert!(p.dial("7001", now)));
    wait_for(&mut w, consultant, Event::Incoming);
    w.run(secs(175));
    assert!(w.look(consultant).is_busy(), "it rings");
    w.run(secs(10));
    assert!(!w.look(consultant).is_busy() && !w.look(caller).is_busy());
    assert_eq!(tries(&w), [(TryOutcome::RangOut, None)]);
    nothing_left(&mut w);
}
