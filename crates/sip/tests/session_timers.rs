//! Session timers (RFC 4028): talks are refreshed without a word to the switch, and a dead end is noticed.
//! FEATURES T15.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OTHER, Pair, Phone, Who, settings};
use senim_sip::{Ending, Event, SessionTimer, Settings};

fn timed(ip: &str, expires_s: u32, min_s: u32) -> Settings {
    Settings { session_timer: SessionTimer { expires_s, min_s }, ..settings(Some(ip)) }
}

/// FEATURES T15: whoever called refreshes at half of the time, and neither switch notices.
#[test]
fn a_long_talk_is_refreshed_by_the_caller_and_nobody_is_told() {
    for from in [Line, Phone] {
        let mut p = Pair::new(1);
        let (a, _) = p.talk(from);
        p.run(Duration::from_secs(7_300));
        assert!(p.events.is_empty(), "{:?}", p.events);
        let arrow = if from == Line { "> UPDATE" } else { "< UPDATE" };
        assert_eq!((p.seen("UPDATE sip"), p.seen(arrow)), (8, 8));
        p.at(from, |e, now| e.hang_up(a, None, now));
        p.until(from.other(), "Ended");
        p.at_rest();
    }
}

#[test]
fn a_phone_without_update_is_refreshed_by_a_re_invite_with_the_same_media() {
    let mut p = Pair::new(2);
    p.mangle = Some(Box::new(|_, text| text.replace("UPDATE, ", "")));
    let (a, b) = p.talk(Line);
    p.run(Duration::from_secs(3_700));
    assert!(p.events.is_empty(), "{:?}", p.events);
    assert_eq!((p.seen("UPDATE sip"), p.seen("> INVITE"), p.seen("> ACK")), (0, 5, 5));
    // A change in between is told, and refreshes as well.
    p.at(Line, |e, now| e.reoffer(a, OTHER, now));
    p.until(Phone, "Reoffered");
    p.at(Phone, |e, now| e.answer_reoffer(b, Ok(ANSWER.into()), now));
    p.until(Line, "ReofferAnswered");
    p.run(Duration::from_secs(899));
    assert_eq!(p.seen("> INVITE"), 6);
    p.run(Duration::from_secs(1_000));
    let last = p.messages.iter().rfind(|m| m.starts_with("INVITE")).unwrap();
    assert!(last.ends_with(OTHER) && p.events.is_empty());
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn a_caller_who_dies_is_missed_before_the_time_is_out() {
    let mut p = Pair::new(3);
    p.talk(Phone);
    let start = p.now;
    p.sieve = Some(Box::new(|_, _| true));
    loop {
        p.run(Duration::from_secs(1));
        if p.events.iter().any(|(who, _)| *who == Line) {
            break;
        }
        assert!(p.now.since(start) < Duration::from_secs(1_800));
    }
    let Event::Ended { ending: Ending::SessionExpired, .. } = p.until(Line, "Ended") else { panic!() };
    assert_eq!(p.now.since(start).as_secs(), 1_768);
    let reason = "Reason: SIP;cause=408;text=\"Session expired\"\r\n";
    assert!(p.messages.iter().any(|m| m.starts_with("BYE") && m.contains(reason)));
    // The phone, which refreshes, was told by its own UPDATE that nobody is there.
    let Event::Ended { ending: Ending::Timeout, .. } = p.until(Phone, "Ended") else { panic!() };
    p.at_rest();
}

#[test]
fn a_session_that_is_too_short_for_the_other_side_is_asked_for_again() {
    for who in [Line, Phone] {
        let mut p = Pair::with(
            timed(
                "198.51.100.7",
                if who == Line { 3_600 } else { 300 },
                if who == Line { 1_000 } else { 90 },
            ),
            4,
        );
        let phone = if who == Phone { timed("192.0.2.1", 3_600, 1_000) } else { timed("192.0.2.1", 300, 90) };
        p.phone = senim_sip::Endpoint::new(phone, senim_base::Entropy::from_seed(44));
        let from: Who = who.other();
        let (a, _) = p.talk(from);
        assert_eq!((p.seen("INVITE sip"), p.seen("422")), (2, 1));
        let again = p.messages.iter().rfind(|m| m.starts_with("INVITE")).unwrap();
        assert!(again.contains("Min-SE: 1000\r\n") && again.contains("Session-Expires: 1000\r\n"), "{again}");
        assert!(again.contains("CSeq: 2 INVITE\r\n"));
        p.at(from, |e, now| e.hang_up(a, None, now));
        p.at_rest();
    }
}

#[test]
fn who_is_asked_to_refresh_does() {
    let mut p = Pair::new(5);
    p.mangle = Some(Box::new(|who, text| {
        if who == Phone && text.starts_with("INVITE") {
            text.replace("Session-Expires: 1800", "Session-Expires: 600;refresher=uas")
        } else {
            text
        }
    }));
    let (a, _) = p.talk(Phone);
    assert!(
        p.bytes_seen("SIP/2.0 200", "INVITE")
            .contains("Session-Expires: 600;refresher=uas\r\nRequire: timer\r\n")
    );
    p.run(Duration::from_secs(1_000));
    assert_eq!((p.seen("> UPDATE"), p.seen("< UPDATE")), (3, 0));
    assert!(p.events.is_empty());
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn who_knows_no_timers_is_left_alone() {
    let mut p = Pair::with(timed("198.51.100.7", 0, 90), 6);
    p.phone = senim_sip::Endpoint::new(timed("192.0.2.1", 0, 90), senim_base::Entropy::from_seed(66));
    for from in [Line, Phone] {
        let (a, _) = p.talk(from);
        p.run(Duration::from_secs(7_200));
        assert!(p.events.is_empty() && p.seen("UPDATE sip") == 0);
        p.at(from, |e, now| e.hang_up(a, None, now));
        p.until(from.other(), "Ended");
        p.events.clear();
    }
    assert!(!p.bytes_seen("SIP/2.0 200", "INVITE").contains("Session-Expires"));
    p.at_rest();
}

#[test]
fn a_lost_refresh_is_repeated_and_one_that_is_refused_tried_again() {
    let mut p = Pair::new(7);
    let (a, _) = p.talk(Phone);
    let mut lost = 0;
    p.sieve = Some(Box::new(move |_, first| {
        first.starts_with("UPDATE") && {
            lost += 1;
            lost < 3
        }
    }));
    let mut refused = 0;
    p.mangle = Some(Box::new(move |who, text| {
        if who == Line && text.starts_with("SIP/2.0 200") && text.contains(" UPDATE\r\n") {
            refused += 1;
            if refused < 3 {
                return text.replace("200 OK", "503 Service Unavailable");
            }
        }
        text
    }));
    p.run(Duration::from_secs(1_800));
    assert!(p.events.is_empty(), "{:?}", p.events);
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}
