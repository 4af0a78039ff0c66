//! What strangers, trunks and users may do, method by method; what bad bytes achieve; what costs no memory.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, OTHER, Pair, Phone, settings};
use proptest::prelude::*;
use senim_base::{Entropy, Instant};
use senim_sip::{Endpoint, Event, Fault, Flow, Input, Output, Refusal, SESSIONS_MAX, Transport};

fn request(method: &str, uri: &str, extra: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx{method}\r\nMax-Forwards: 70\r\n\
         From: <sip:x@203.0.113.9>;tag=f\r\nTo: <sip:111@192.0.2.1>\r\nCall-ID: c{method}@203.0.113.9\r\n\
         CSeq: 7 {method}\r\nContact: <sip:x@203.0.113.9>\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn status_of(answers: &[String]) -> u16 {
    assert!(answers.len() <= 1, "{answers:?}");
    answers.first().map_or(0, |a| a[8..11].parse().unwrap())
}

const URI: &str = "sip:111@192.0.2.1";

/// FEATURES T6. Each method from each zone has its verdict: a stranger where users may register, a stranger where
/// only trunks may call, a trunk. 0 is silence.
#[test]
fn every_method_from_every_zone_has_its_verdict() {
    let table: [(&str, [u16; 3]); 15] = [
        ("INVITE", [401, 403, 0]),
        ("ACK", [0, 0, 0]),
        ("BYE", [481, 481, 481]),
        ("CANCEL", [481, 481, 481]),
        ("REGISTER", [401, 403, 401]),
        ("OPTIONS", [200, 200, 200]),
        ("INFO", [481, 481, 481]),
        ("UPDATE", [481, 481, 481]),
        ("PRACK", [481, 481, 481]),
        ("NOTIFY", [481, 481, 481]),
        ("SUBSCRIBE", [401, 403, 489]),
        ("MESSAGE", [401, 403, 405]),
        ("REFER", [401, 403, 405]),
        ("PUBLISH", [401, 403, 405]),
        ("NEWMETHOD", [501, 501, 501]),
    ];
    for (method, verdicts) in table {
        for (zone, verdict) in verdicts.into_iter().enumerate() {
            let mut settings = settings(Some(if zone == 2 { "203.0.113.0/24" } else { "198.51.100.7" }));
            settings.accept_users = zone != 1;
            let mut p = Pair::with(settings, 1);
            let text = request(method, URI, "", if method == "INVITE" { OFFER } else { "" });
            let answers = p.stranger(text.as_bytes());
            assert_eq!(status_of(&answers), verdict, "{method} in zone {zone}");
            let told = usize::from(method == "INVITE" && zone == 2);
            assert_eq!(p.events.len(), told, "{method} in zone {zone}: {:?}", p.events);
            let kept = p.line.live();
            let may_keep = told == 1 || matches!(verdict, 405 | 489);
            assert!(may_keep || kept == Default::default(), "{method} in zone {zone} costs memory: {kept:?}");
        }
    }
}

#[test]
fn what_cannot_be_served_is_refused_with_its_reason() {
    let cases = [
        (request("INVITE", "sips:111@192.0.2.1", "", OFFER), 416, ""),
        (request("INVITE", URI, "Require: 100rel, x-odd, y\r\n", OFFER), 420, "Unsupported: x-odd, y"),
        (
            request("INVITE", URI, "", OFFER).replace("application/sdp", "text/plain"),
            415,
            "Accept: application/sdp",
        ),
        (request("INVITE", URI, "", OFFER).replace("Contact", "X-Contact"), 400, ""),
        (request("NEWMETHOD", URI, "", ""), 501, "Allow: INVITE"),
        (request("OPTIONS", URI, "", ""), 200, "Allow: INVITE"),
        (request("OPTIONS", URI, "", "").replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505, ""),
        (request("OPTIONS", URI, "", "").replace("CSeq: 7 OPTIONS", "CSeq: 7 INVITE"), 400, ""),
    ];
    for (text, status, header) in cases {
        let mut p = Pair::with(settings(Some("203.0.113.9")), 2);
        let answers = p.stranger(text.as_bytes());
        assert_eq!(status_of(&answers), status, "{text}");
        assert!(answers[0].contains(header), "{}", answers[0]);
        assert!(p.events.is_empty());
    }
}

#[test]
fn a_request_that_came_by_two_ways_is_served_once() {
    let mut p = Pair::with(settings(Some("203.0.113.9")), 3);
    let text = request("INVITE", URI, "", OFFER);
    assert!(p.stranger(text.as_bytes()).is_empty());
    // A copy is absorbed; the same request with another branch took another way.
    assert_eq!(status_of(&p.stranger(text.as_bytes())), 100);
    assert_eq!(status_of(&p.stranger(text.replace("bKx", "bKy").as_bytes())), 482);
    assert_eq!(p.told(Line).len(), 1);
    let Event::Incoming(invitation) = p.events.remove(0).1 else { panic!() };
    p.at(Line, |e, now| e.hang_up(invitation.session, None, now));
    p.at_rest();
}

#[test]
fn a_hundred_says_trying_only_when_the_switch_thinks_for_long() {
    let mut p = Pair::new(4);
    p.call(Phone);
    p.invited(Line);
    p.run(Duration::from_millis(190));
    assert_eq!(p.seen("SIP/2.0 100"), 0);
    p.run(Duration::from_millis(20));
    assert_eq!(p.seen("SIP/2.0 100"), 1);
}

#[test]
fn stray_acks_responses_and_cancels_move_nothing() {
    let mut p = Pair::new(5);
    let (a, _) = p.talk(Phone);
    let ok = p.bytes_seen("SIP/2.0 200", "INVITE");
    let ack = p.bytes_seen("ACK", "ACK");
    let invite = p.bytes_seen("INVITE", "INVITE");
    let cancel = invite.replace("INVITE", "CANCEL");
    let cancel = &cancel[..cancel.find("Content-Type").unwrap()];
    for text in [&ack, &ack.replace("tag=", "tag=x"), &format!("{cancel}Content-Length: 0\r\n\r\n"), &invite]
    {
        p.forge(Phone, text.as_bytes());
    }
    p.forge(Line, ok.as_bytes());
    p.forge(Line, ok.replace("branch=z9hG4bK", "branch=z9hG4bKodd").as_bytes());
    p.run(Duration::from_secs(35));
    assert!(p.events.is_empty(), "{:?}", p.events);
    // The CANCEL came too late: it is answered and means nothing. Two of the 200s are our own forgeries.
    assert_eq!((p.seen("> SIP/2.0 200"), p.seen("487")), (4, 0));
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.until(Line, "Ended");
    p.at_rest();
}

#[test]
fn a_goodbye_with_guessed_tags_ends_nothing() {
    let mut p = Pair::new(6);
    let (a, _) = p.talk(Phone);
    let invite = p.bytes_seen("INVITE", "INVITE");
    let call_id = invite.lines().find(|l| l.starts_with("Call-ID")).unwrap();
    let bye = request("BYE", URI, "", "").replace("To: <sip:111@192.0.2.1>", "To: <sip:111@192.0.2.1>;tag=0");
    let line = bye.lines().find(|l| l.starts_with("Call-ID")).unwrap().to_owned();
    assert_eq!(status_of(&p.stranger(bye.replace(&line, call_id).as_bytes())), 481);
    assert!(p.events.is_empty());
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn a_forked_call_keeps_the_first_that_answers() {
    let mut p = Pair::new(7);
    let (a, _) = p.talk(Line);
    let ok = p.bytes_seen("SIP/2.0 200", "INVITE");
    let to = ok.lines().find(|l| l.starts_with("To:")).unwrap();
    let other = ok.replace(to, &format!("{}other", to));
    p.forge(Phone, other.as_bytes());
    p.forge(Phone, other.as_bytes());
    p.run(Duration::from_millis(100));
    // Each copy is acknowledged, the goodbye is said once.
    assert_eq!((p.seen("> ACK"), p.seen("> BYE")), (3, 1));
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn answers_go_where_the_via_asks() {
    let line = Endpoint::new(settings(None), Entropy::from_seed(8));
    let answer = |via: &str| {
        let mut line = line.clone();
        let remote = "203.0.113.9:40000".parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local: Line.address(), remote, connection: 0 };
        let text = request("OPTIONS", URI, "", "").replace("203.0.113.9:5060;branch", via);
        line.handle(Input::Datagram { flow, bytes: text.as_bytes() }, Instant::from_secs(1)).unwrap();
        let Some(Output::Transmit { flow, bytes }) = line.poll() else { panic!() };
        let text = String::from_utf8(bytes).unwrap();
        (flow.remote.to_string(), text.lines().nth(1).unwrap().to_owned())
    };
    let (remote, via) = answer("10.0.0.5:5070;rport;branch");
    assert_eq!(remote, "203.0.113.9:40000");
    assert!(via.contains("rport=40000") && via.contains("received=203.0.113.9"), "{via}");
    assert_eq!(answer("203.0.113.9:5070;branch").0, "203.0.113.9:5070");
    assert_eq!(answer("10.0.0.5;branch").0, "203.0.113.9:5060");
}

#[test]
fn one_session_too_many_gets_503() {
    let mut p = Pair::new(9);
    let mut outgoing = p.outgoing(Line);
    // Nobody is there.
    outgoing.flow.remote = "203.0.113.99:5060".parse().unwrap();
    for _ in 0..SESSIONS_MAX {
        let now = p.now;
        p.line.invite(outgoing.clone(), now).unwrap();
    }
    let now = p.now;
    assert_eq!(p.line.invite(outgoing.clone(), now), Err(Refusal::TooManySessions));
    while p.line.poll().is_some() {}
    p.call(Phone);
    let Event::Rejected { status: 503, .. } = p.until(Phone, "Rejected") else { panic!() };
    assert!(p.bytes_seen("SIP/2.0 503", "INVITE").contains("Retry-After: 10"));
    assert_eq!(p.line.invite(pair_without(&outgoing), now), Err(Refusal::TooManySessions));
}

fn pair_without(outgoing: &senim_sip::Outgoing) -> senim_sip::Outgoing {
    senim_sip::Outgoing { uri: "not a uri".into(), ..outgoing.clone() }
}

#[test]
fn a_call_to_what_is_no_address_is_refused_before_it_begins() {
    let mut p = Pair::new(10);
    let outgoing = p.outgoing(Line);
    let now = p.now;
    assert_eq!(p.line.invite(pair_without(&outgoing), now), Err(Refusal::BadAddress));
    let from = senim_sip::Outgoing { from: "<sip:a@b>;tag=x".into(), ..outgoing };
    assert_eq!(p.line.invite(from, now), Err(Refusal::BadAddress));
    p.at_rest();
}

/// FEATURES T5.
#[test]
fn a_probe_is_answered_or_fails_after_32_seconds() {
    let mut p = Pair::new(11);
    let flow = p.flow(Line);
    p.at(Line, |e, now| e.options(flow, "sip:198.51.100.7", now));
    let Event::OptionsAnswered { status: 200, .. } = p.until(Line, "OptionsAnswered") else { panic!() };
    p.sieve = Some(Box::new(|_, _| true));
    let asked = p.now;
    let id = p.at(Line, |e, now| e.options(flow, "sip:198.51.100.7", now));
    let Event::OptionsFailed { request } = p.until(Line, "OptionsFailed") else { panic!() };
    assert_eq!((request, p.now.since(asked)), (id, Duration::from_secs(32)));
    p.at_rest();
}

#[test]
fn keep_alives_over_udp_are_taken_in_silence() {
    let mut p = Pair::new(12);
    for bytes in [&b""[..], b"\r\n\r\n", b"\0\0\0\0"] {
        assert!(p.stranger(bytes).is_empty());
    }
}

#[test]
fn an_events_debug_says_nothing_of_the_caller() {
    let mut p = Pair::new(13);
    p.call(Phone);
    let event = p.until(Line, "Incoming");
    let text = format!("{event:?} {:?} {:?}", p.line, p.events);
    assert!(!text.contains("7701") && !text.contains("198.51"), "{text}");
}

proptest! {
    #[test]
    fn garbage_moves_nothing_and_is_never_an_event(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut p = Pair::new(14);
        p.stranger(&bytes);
        prop_assert!(p.events.is_empty());
        prop_assert_eq!(p.line.live(), Default::default());
    }

    /// Messages of a real call, bitten and repeated at random, never break either side.
    #[test]
    fn a_bitten_call_ends_without_a_leak(seed in any::<u64>(), cuts in proptest::collection::vec((0usize..1000, any::<u8>()), 1..40)) {
        let mut p = Pair::new(seed);
        let (a, b) = p.talk(Phone);
        p.at(Phone, |e, now| e.reoffer(a, OTHER, now));
        p.until(Line, "Reoffered");
        p.at(Line, |e, now| e.answer_reoffer(b, Ok(ANSWER.into()), now));
        p.run(Duration::from_secs(1));
        let messages = p.messages.clone();
        for (n, (place, byte)) in cuts.into_iter().enumerate() {
            let mut bytes = messages[n % messages.len()].clone().into_bytes();
            let place = place % bytes.len();
            bytes[place] = byte;
            p.forge(if n % 3 == 0 { Line } else { Phone }, &bytes);
            p.run(Duration::from_millis(50));
        }
        p.at(Phone, |e, now| e.hang_up(a, None, now));
        p.at(Line, |e, now| e.hang_up(b, None, now));
        let strays: Vec<_> = p.events.iter().filter_map(|(w, e)| (e.name() == "Incoming").then_some((*w, e.session()))).collect();
        for (who, session) in strays {
            p.at(who, |e, now| e.hang_up(session.unwrap(), None, now));
        }
        p.run(Duration::from_secs(60));
        let strays: Vec<_> = p.events.iter().filter_map(|(w, e)| (e.name() == "Incoming").then_some((*w, e.session()))).collect();
        for (who, session) in strays {
            p.at(who, |e, now| e.hang_up(session.unwrap(), None, now));
        }
        p.at_rest();
    }
}

#[test]
fn what_was_wrong_is_told_for_counting() {
    let mut line = Endpoint::new(settings(None), Entropy::from_seed(15));
    let flow =
        Flow { transport: Transport::Udp, local: Line.address(), remote: Phone.address(), connection: 0 };
    let mut handle =
        |text: &str| line.handle(Input::Datagram { flow, bytes: text.as_bytes() }, Instant::from_secs(1));
    assert_eq!(handle("hello"), Err(Fault::Garbage));
    assert_eq!(
        handle(&request("OPTIONS", URI, "", "").replace("CSeq: 7 O", "CSeq: x O")),
        Err(Fault::Malformed(400))
    );
    assert_eq!(handle(&request("OPTIONS", URI, "", "")), Ok(()));
}
