//! Calls that begin, are answered, refused, given up and ended, each way, on a good wire and with one thing lost.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, Pair, Phone, credentials};
use senim_base::{Entropy, Instant};
use senim_sip::{Endpoint, Event, Flow, Input, Origin, Output, Rejection, Transport};

#[test]
fn a_call_rings_is_answered_and_ends_by_either_side() {
    for from in [Line, Phone] {
        for first in [from, from.other()] {
            let mut p = Pair::new(1);
            let a = p.call(from);
            let b = p.invited(from.other());
            p.at(from.other(), |e, now| e.ring(b, 180, None, now));
            let Event::Ringing { status: 180, sdp: None, fork: 0, .. } = p.until(from, "Ringing") else {
                panic!()
            };
            p.at(from.other(), |e, now| e.accept(b, ANSWER, now));
            let Event::Answered { sdp, .. } = p.until(from, "Answered") else { panic!() };
            assert_eq!(sdp.as_deref(), Some(ANSWER.as_bytes()));
            p.until(from.other(), "Confirmed");
            p.run(Duration::from_secs(100));
            let session = if first == from { a } else { b };
            p.at(first, |e, now| e.hang_up(session, Some("Q.850;cause=16"), now));
            assert_eq!(p.told(first), [format!("Ended({session}, LocalBye)")]);
            p.until(first.other(), "Ended");
            p.at_rest();
            assert_eq!(p.events.len(), 1);
        }
    }
}

/// FEATURES T1, T3: who calls anonymously is let in with his headers as they came.
#[test]
fn a_trunk_is_known_by_its_address_and_the_anonymous_are_let_in() {
    let mut p = Pair::new(2);
    let mut outgoing = p.outgoing(Phone);
    outgoing.from = "\"Anonymous\" <sip:anonymous@anonymous.invalid>".into();
    outgoing.headers = vec![("Privacy".into(), "id".into())];
    p.call_with(Phone, outgoing);
    let Event::Incoming(invitation) = p.until(Line, "Incoming") else { panic!() };
    assert!(matches!(&invitation.origin, Origin::Trunk(name) if name == "national"));
    assert_eq!(invitation.dialled, "111");
    assert_eq!(invitation.offer.as_deref(), Some(OFFER.as_bytes()));
    assert_eq!(invitation.request.header("Privacy"), Some("id"));
    p.at(Line, |e, now| e.reject(invitation.session, 486, vec![("Retry-After".into(), "5".into())], now));
    let Event::Rejected { status: 486, reason: Rejection::Response, .. } = p.until(Phone, "Rejected") else {
        panic!()
    };
    p.at_rest();
}

/// FEATURES Q7: the phone stops ringing one wire's length after the caller gave up.
#[test]
fn giving_up_while_it_rings_cancels_at_once() {
    let mut p = Pair::new(3);
    let a = p.call(Line);
    let b = p.invited(Phone);
    p.at(Phone, |e, now| e.ring(b, 180, None, now));
    p.until(Line, "Ringing");
    let asked = p.now;
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.until(Phone, "Cancelled");
    assert!(p.now.since(asked) <= Duration::from_millis(200));
    p.at_rest();
    assert_eq!(p.told(Line), [format!("Ended({a}, LocalBye)")]);
    assert_eq!((p.seen("CANCEL"), p.seen("487")), (1, 1));
}

#[test]
fn giving_up_before_anything_was_heard_waits_for_the_first_sign() {
    let mut p = Pair::new(4);
    let a = p.call(Line);
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.run(Duration::from_millis(100));
    assert_eq!(p.seen("CANCEL"), 0);
    p.until(Phone, "Cancelled");
    assert_eq!(p.seen("SIP/2.0 100"), 1);
    p.at_rest();
}

#[test]
fn a_cancel_that_crosses_the_answer_ends_in_ack_and_bye() {
    let mut p = Pair::new(5);
    let a = p.call(Line);
    let b = p.invited(Phone);
    p.at(Phone, |e, now| e.ring(b, 180, None, now));
    p.until(Line, "Ringing");
    p.at(Phone, |e, now| e.accept(b, ANSWER, now));
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.until(Phone, "Ended");
    p.at_rest();
    assert_eq!((p.seen("ACK"), p.seen("BYE")), (1, 1));
    assert_eq!(p.told(Line), [format!("Ended({a}, LocalBye)")]);
}

#[test]
fn each_message_of_a_call_may_be_lost_once() {
    for from in [Line, Phone] {
        for lost in ["INVITE", "SIP/2.0 180", "SIP/2.0 200", "ACK", "BYE"] {
            let mut p = Pair::new(6);
            let mut dropped = false;
            p.sieve = Some(Box::new(move |_, first| {
                !dropped && first.starts_with(lost) && {
                    dropped = true;
                    true
                }
            }));
            let a = p.call(from);
            let b = p.invited(from.other());
            p.at(from.other(), |e, now| e.ring(b, 180, None, now));
            p.run(Duration::from_secs(1));
            p.at(from.other(), |e, now| e.accept(b, ANSWER, now));
            p.until(from, "Answered");
            p.until(from.other(), "Confirmed");
            p.at(from, |e, now| e.hang_up(a, None, now));
            p.until(from.other(), "Ended");
            p.at_rest();
        }
    }
}

#[test]
fn a_goodbye_before_the_ack_waits_for_it() {
    let mut p = Pair::new(7);
    let mut acks = 0;
    p.sieve = Some(Box::new(move |_, first| {
        first.starts_with("ACK") && {
            acks += 1;
            acks <= 2
        }
    }));
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.accept(b, ANSWER, now));
    p.until(Phone, "Answered");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.run(Duration::from_millis(600));
    assert_eq!(p.seen("BYE"), 0);
    p.until(Phone, "Ended");
    p.at_rest();
    assert_eq!((p.seen("ACK"), p.seen("BYE")), (3, 1));
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_after_32_seconds() {
    let mut p = Pair::new(8);
    p.sieve = Some(Box::new(|_, first| first.starts_with("ACK")));
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.accept(b, ANSWER, now));
    let accepted = p.now;
    let Event::Ended { ending, .. } = p.until(Line, "Ended") else { panic!() };
    assert_eq!((ending, p.now.since(accepted)), (senim_sip::Ending::Timeout, Duration::from_secs(32)));
    p.until(Phone, "Ended");
    p.at_rest();
}

#[test]
fn nobody_there_is_told_after_32_seconds_and_a_broken_wire_at_once() {
    let mut p = Pair::new(9);
    p.sieve = Some(Box::new(|_, _| true));
    let start = p.now;
    p.call(Line);
    let Event::Rejected { status: 408, reason: Rejection::Timeout, .. } = p.until(Line, "Rejected") else {
        panic!()
    };
    assert_eq!(p.now.since(start), Duration::from_secs(32));
    assert_eq!(p.seen("INVITE"), 7);
    p.call(Line);
    let flow = p.flow(Line);
    p.at(Line, |e, now| e.handle(Input::FlowFailed(flow), now)).unwrap();
    let Event::Rejected { status: 503, reason: Rejection::Transport, .. } = p.until(Line, "Rejected") else {
        panic!()
    };
    p.at_rest();
}

#[test]
fn a_phone_that_heard_the_call_and_says_nothing_more_is_given_up() {
    let mut p = Pair::new(10);
    p.sieve = Some(Box::new(|who, first| who == Phone && !first.starts_with("SIP/2.0 1")));
    let a = p.call(Line);
    let b = p.invited(Phone);
    p.at(Phone, |e, now| e.ring(b, 180, None, now));
    p.until(Line, "Ringing");
    p.at(Line, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn a_long_ringing_is_kept_alive_each_minute() {
    let mut p = Pair::new(11);
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.ring(b, 183, Some(ANSWER.into()), now));
    p.run(Duration::from_secs(185));
    assert_eq!(p.seen("183"), 4);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    let Event::Rejected { status: 480, .. } = p.until(Phone, "Rejected") else { panic!() };
    p.at_rest();
}

#[test]
fn a_call_without_an_offer_gets_ours_and_answers_in_the_ack() {
    let mut p = Pair::new(12);
    let mut outgoing = p.outgoing(Phone);
    outgoing.sdp = None;
    let a = p.call_with(Phone, outgoing);
    let Event::Incoming(invitation) = p.until(Line, "Incoming") else { panic!() };
    assert_eq!(invitation.offer, None);
    p.at(Line, |e, now| e.accept(invitation.session, OFFER, now));
    let Event::Answered { sdp: Some(_), .. } = p.until(Phone, "Answered") else { panic!() };
    p.run(Duration::from_secs(1));
    assert_eq!(p.seen("ACK"), 0);
    p.at(Phone, |e, now| e.answer_late(a, Some(ANSWER.into()), now));
    let Event::Confirmed { sdp, .. } = p.until(Line, "Confirmed") else { panic!() };
    assert_eq!(sdp.as_deref(), Some(ANSWER.as_bytes()));
    p.at(Line, |e, now| e.hang_up(invitation.session, None, now));
    p.at_rest();
}

#[test]
fn a_user_calls_with_his_password_and_nobody_without() {
    for (password, lets_in) in [("correct", true), ("wrong", false)] {
        let mut p = Pair::of_strangers(13);
        let mut outgoing = p.outgoing(Phone);
        outgoing.credentials = Some(credentials(password));
        let a = p.call_with(Phone, outgoing);
        if !lets_in {
            let Event::Rejected { status: 401, reason: Rejection::AuthFailed, .. } =
                p.until(Phone, "Rejected")
            else {
                panic!()
            };
            assert!(p.told(Line).is_empty());
            p.at_rest();
            continue;
        }
        let Event::Incoming(invitation) = p.until(Line, "Incoming") else { panic!() };
        assert!(matches!(&invitation.origin, Origin::User(who) if who.user() == "aigul"));
        p.at(Line, |e, now| e.accept(invitation.session, ANSWER, now));
        p.until(Phone, "Answered");
        p.until(Line, "Confirmed");
        p.at(Phone, |e, now| e.hang_up(a, None, now));
        p.until(Line, "Ended");
        p.at_rest();
    }
}

#[test]
fn verbs_out_of_turn_are_ignored() {
    let mut p = Pair::new(14);
    let (a, b) = p.talk(Phone);
    p.at(Line, |e, now| {
        e.ring(b, 180, None, now);
        e.accept(b, ANSWER, now);
        e.reject(b, 486, Vec::new(), now);
        e.answer_reoffer(b, Ok(ANSWER.into()), now);
        e.hang_up(senim_sip::SessionId(99), None, now);
        e.reoffer(senim_sip::SessionId(99), OFFER, now);
    });
    p.run(Duration::from_secs(40));
    assert!(p.events.is_empty());
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at_rest();
    assert_eq!(p.seen("BYE"), 1);
    assert_eq!(p.events.len(), 2);
}

fn on(transport: Transport) -> Flow {
    let connection = u64::from(transport != Transport::Udp) * 9;
    Flow { transport, local: Line.address(), remote: Phone.address(), connection }
}

fn give(line: &mut Endpoint, flow: Flow, text: &str, now: Instant) -> Vec<String> {
    let bytes = text.as_bytes();
    let input = match flow.transport {
        Transport::Udp => Input::Datagram { flow, bytes },
        _ => Input::Stream { flow, bytes },
    };
    line.handle(input, now).unwrap();
    said(line)
}

fn said(line: &mut Endpoint) -> Vec<String> {
    core::iter::from_fn(|| line.poll())
        .filter_map(|output| match output {
            Output::Transmit { bytes, .. } => Some(String::from_utf8(bytes).unwrap()),
            _ => None,
        })
        .collect()
}

const EVERY: [Transport; 5] = [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

/// RFC 3261 section 13.3.1.4: the ACK comes from beyond the next hop, so no wire makes repeating needless.
#[test]
fn an_answer_is_repeated_until_its_ack_on_every_transport() {
    for transport in EVERY {
        let mut line = Endpoint::new(pair::settings(Some("198.51.100.7")), Entropy::from_seed(1));
        let (flow, mut now) = (on(transport), Instant::from_secs(1));
        let invite = format!(
            "INVITE sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/{} 198.51.100.7:5060;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n\
             From: <sip:a@b>;tag=t\r\nTo: <sip:111@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:a@198.51.100.7>\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{OFFER}",
            transport.name(),
            OFFER.len()
        );
        assert!(give(&mut line, flow, &invite, now).is_empty());
        line.accept(senim_sip::SessionId(1), ANSWER, now);
        let mut count = 0;
        while now < Instant::from_secs(33) {
            count += said(&mut line).iter().filter(|m| m.starts_with("SIP/2.0 200")).count();
            now = line.deadline().unwrap().0;
            line.handle(Input::Timeout, now).unwrap();
        }
        assert_eq!(count, 11, "{transport:?}");
    }
}

#[test]
fn every_copy_of_an_answer_is_acknowledged_on_every_transport() {
    for transport in EVERY {
        let mut line = Endpoint::new(pair::settings(Some("198.51.100.7")), Entropy::from_seed(2));
        let (flow, now) = (on(transport), Instant::from_secs(1));
        let mut outgoing = Pair::new(1).outgoing(Line);
        outgoing.flow = flow;
        line.invite(outgoing, now).unwrap();
        let invite = said(&mut line).remove(0);
        let value = |name: &str| invite.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
        let ok = format!(
            "SIP/2.0 200 OK\r\n{}\r\n{}\r\n{};tag=t\r\n{}\r\n{}\r\nContact: <sip:b@198.51.100.7>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{ANSWER}",
            value("Via:"),
            value("From:"),
            value("To:"),
            value("Call-ID:"),
            value("CSeq:"),
            ANSWER.len()
        );
        let acks: Vec<_> = (0..3).flat_map(|_| give(&mut line, flow, &ok, now)).collect();
        assert_eq!(acks.len(), 3, "{transport:?}");
        assert!(acks.iter().all(|ack| ack.starts_with("ACK ") && *ack == acks[0]), "{transport:?}");
    }
}
