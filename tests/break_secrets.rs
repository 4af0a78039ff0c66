//! A whole call with the most talkative log: nothing of a person may be in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Street, eventually};
use senim_phone::Event;

/// The step a call stands in.
fn step(house: &House) -> Option<String> {
    let call = house.senim("calls call-1 --json");
    let call: serde_json::Value = serde_json::from_str(&call.out).ok()?;
    let facts = call["facts"].as_array()?;
    facts.iter().rev().find_map(|f| f["step"].as_str().map(str::to_owned))
}

/// FEATURES S3: no number, no key, no name, no password, no description of the sound is logged, at any level.
#[test]
fn nothing_of_a_person_is_in_the_log_of_a_whole_call() {
    whole_call("debug");
}

/// FEATURES S3: not even to him who asks the program for all it knows.
#[test]
fn nothing_of_a_person_is_in_the_most_talkative_log() {
    whole_call("trace");
}

fn whole_call(level: &str) {
    let house = House::new();
    let line = house.start_with(&[("RUST_LOG", level)]);
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.phones.with(caller, |p, now| {
        let named =
            ("P-Asserted-Identity".to_owned(), "\"Madina Serikova\" <sip:+77012345678@carrier>".to_owned());
        assert!(p.dial_with("111", vec![named], now));
    });
    street.until(caller, Event::Answered);
    for (at, keys) in [("language", "2"), ("topics", "4"), ("appeal", "20269876543#")] {
        eventually(at, || (step(&house).as_deref() == Some(at)).then_some(()));
        street.phones.with(caller, move |p, _| p.press(keys));
    }
    eventually("another step", || (step(&house).as_deref() != Some("appeal")).then_some(()));
    street.phones.with(caller, |p, _| p.press("0"));
    street.pick_up(aigul);
    let appeal = house.ok("appeal register --consultant aigul");
    house.ok(&format!("appeal show {}", appeal.trim()));
    house.ok(&format!("recordings find --appeal {}", appeal.trim()));
    street.hang_up(caller);
    street.until(aigul, Event::Ended { by_peer: true });
    // Wrong passwords are not told either.
    street.phones.with(aigul, |p, now| p.register(0, now));
    street.until(aigul, Event::Unregistered);
    line.terminate();
    let (code, log) = line.wait();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.is_empty());
    let secrets = [
        "77012345678",
        "7012345678",
        "2345678",
        "Madina",
        "Serikova",
        "20269876543",
        "9876543",
        "sesame",
        "Айгүл",
        "Сапарова",
        "m=audio",
        "a=rtpmap",
        "v=0",
        "c=IN IP4",
        "INVITE sip:",
        "Authorization",
        "house-token",
    ];
    for secret in secrets {
        let at = log.lines().find(|l| l.contains(secret));
        assert!(at.is_none(), "{secret:?} is in the log: {at:?}");
    }
}
