//! A caller who withholds his number, on a line that is to forget it: nothing that is written knows it.
#![allow(clippy::unwrap_used)]

use core::time::Duration;
use senim_base::Language;
use senim_phone::Event;
use senim_sim::{LineConfig, PhoneId, Wire, World};
use senim_switch::facts::Fact;

fn wait_for(world: &mut World, phone: PhoneId, event: Event) {
    let found = world.run_until(Duration::from_secs(60), |w| {
        while let Some(news) = w.told() {
            if news == (phone, event) {
                return true;
            }
        }
        false
    });
    assert!(found, "{phone:?} never told {event:?}");
}

/// FEATURES T4, T3, T17: neither in the facts, of the queue and all others, nor on the board.
#[test]
fn a_number_that_is_to_be_forgotten_is_in_no_fact_and_on_no_board() {
    let mut w = World::new(8, LineConfig { keep_restricted: false, ..LineConfig::story() }, Wire::GOOD);
    let consultant = w.consultant("aigerim", &Language::ALL, &[]);
    w.sign_in("aigerim");
    let caller = w.caller("anonymous");
    // {"attest":"A","orig":{"tn":"77011234567"}} in its middle.
    let claimed =
        "e30.eyJhdHRlc3QiOiJBIiwib3JpZyI6eyJ0biI6Ijc3MDExMjM0NTY3In19.c2ln;info=<https://c.example/a>";
    let headers = [
        ("P-Asserted-Identity", "<tel:+77011234567;verstat=TN-Validation-Passed>"),
        ("Remote-Party-ID", "<sip:87011234567@carrier.example>;privacy=full"),
        ("Privacy", "id"),
        ("Diversion", "<sip:+77011234567@carrier.example>;reason=unconditional"),
        ("History-Info", "<sip:+77011234567@carrier.example>;index=1"),
        ("Identity", claimed),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    w.with_phone(caller, |p, now| p.dial_with("111", headers, now));
    wait_for(&mut w, consultant, Event::Incoming);
    let board = serde_json::to_string(&w.switch().board()).unwrap();
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(Duration::from_secs(2));
    w.with_phone(caller, |p, now| p.hang_up(now));
    w.run(Duration::from_secs(60));
    let written: String = w.facts.iter().map(|r| serde_json::to_string(r).unwrap() + "\n").collect();
    assert!(written.contains("\"queued\"") && written.contains("\"talking\""), "{written}");
    for number in ["7011234567", "NzcwMTEyMzQ1Njc", "c3MDExMjM0NTY3"] {
        assert!(!written.contains(number) && !board.contains(number), "{number}: {written}{board}");
    }
    let caller = w.facts.iter().find_map(|r| match &r.fact {
        Fact::Arrived { caller, .. } => Some(caller.clone()),
        _ => None,
    });
    let caller = caller.unwrap();
    assert!(caller.anonymous && caller.number.is_none() && caller.diverted.is_none());
    let claimed = caller.claimed.unwrap();
    assert_eq!(claimed.verstat.as_deref(), Some("TN-Validation-Passed"), "what names nobody is kept");
}
