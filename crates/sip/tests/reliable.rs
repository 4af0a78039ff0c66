//! Reliable provisional answers (RFC 3262), UPDATE before the answer (RFC 3311), and offers that come late.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, OTHER, Pair, Phone, Who};
use senim_sip::{Ending, Event, Rejection, SessionId};

/// A call that rings with the callee's SDP, acknowledged by PRACK: (caller's session, callee's).
fn early(p: &mut Pair, from: Who) -> (SessionId, SessionId) {
    let a = p.call(from);
    let b = p.invited(from.other());
    p.at(from.other(), |e, now| e.ring(b, 183, Some(ANSWER.into()), now));
    let Event::Ringing { status: 183, sdp: Some(_), .. } = p.until(from, "Ringing") else { panic!() };
    p.run(Duration::from_millis(50));
    (a, b)
}

#[test]
fn early_media_is_acknowledged_and_not_said_again_in_the_answer() {
    for from in [Line, Phone] {
        let mut p = Pair::new(1);
        let (a, b) = early(&mut p, from);
        assert_eq!((p.seen("183"), p.seen("PRACK")), (1, 1));
        let ringing = p.bytes_seen("SIP/2.0 183", "INVITE");
        assert!(ringing.contains("Require: 100rel\r\n") && ringing.contains("RSeq: "), "{ringing}");
        p.at(from.other(), |e, now| e.accept(b, ANSWER, now));
        let Event::Answered { sdp, .. } = p.until(from, "Answered") else { panic!() };
        assert_eq!(sdp.as_deref(), Some(ANSWER.as_bytes()));
        assert!(p.bytes_seen("SIP/2.0 200", "INVITE").contains("Content-Length: 0"));
        p.until(from.other(), "Confirmed");
        p.run(Duration::from_secs(50));
        assert!(p.events.is_empty());
        p.at(from, |e, now| e.hang_up(a, None, now));
        p.until(from.other(), "Ended");
        p.at_rest();
    }
}

#[test]
fn the_answer_waits_until_the_early_media_has_arrived() {
    let mut p = Pair::new(2);
    p.sieve = Some(Box::new(|_, first| first.starts_with("PRACK")));
    p.call(Phone);
    let b = p.invited(Line);
    let start = p.now;
    p.at(Line, |e, now| {
        e.ring(b, 183, Some(ANSWER.into()), now);
        e.accept(b, ANSWER, now);
        // Too late for that.
        e.ring(b, 180, None, now);
    });
    p.run(Duration::from_millis(7_600));
    // At once, then after 0.5, 1.5, 3.5 and 7.5 s.
    assert_eq!((p.seen("> SIP/2.0 183"), p.seen("> SIP/2.0 200")), (5, 0));
    p.sieve = None;
    p.until(Phone, "Answered");
    p.until(Line, "Confirmed");
    assert!(p.now.since(start) < Duration::from_secs(12));
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn a_caller_who_never_acknowledges_is_refused_after_32_seconds() {
    let mut p = Pair::new(3);
    p.sieve = Some(Box::new(|_, first| first.starts_with("PRACK")));
    p.call(Phone);
    let b = p.invited(Line);
    let start = p.now;
    p.at(Line, |e, now| e.ring(b, 183, Some(ANSWER.into()), now));
    let Event::Ended { ending: Ending::Timeout, .. } = p.until(Line, "Ended") else { panic!() };
    assert_eq!(p.now.since(start), Duration::from_secs(32));
    let Event::Rejected { status: 504, reason: Rejection::Response, .. } = p.until(Phone, "Rejected") else {
        panic!()
    };
    p.at_rest();
}

#[test]
fn ringing_alone_is_reliable_only_where_it_is_required() {
    for (required, pracks) in [(false, 0), (true, 1)] {
        let mut p = Pair::new(4);
        let mut outgoing = p.outgoing(Phone);
        if required {
            outgoing.headers.push(("Require".into(), "100rel".into()));
        }
        let a = p.call_with(Phone, outgoing);
        let b = p.invited(Line);
        p.at(Line, |e, now| e.ring(b, 180, None, now));
        p.until(Phone, "Ringing");
        p.run(Duration::from_millis(50));
        assert_eq!((p.seen("PRACK"), p.seen("180")), (pracks, 1));
        // What keeps it ringing is a new answer, not a copy.
        p.run(Duration::from_secs(61));
        assert_eq!((p.seen("< PRACK"), p.seen("180")), (pracks * 2, 2));
        p.at(Phone, |e, now| e.hang_up(a, None, now));
        p.until(Line, "Cancelled");
        p.at_rest();
    }
}

#[test]
fn one_is_on_the_way_at_a_time_and_the_newest_follows() {
    let mut p = Pair::new(5);
    let mut outgoing = p.outgoing(Phone);
    outgoing.headers.push(("Require".into(), "100rel".into()));
    p.call_with(Phone, outgoing);
    let b = p.invited(Line);
    p.at(Line, |e, now| {
        e.ring(b, 180, None, now);
        e.ring(b, 181, None, now);
        e.ring(b, 183, Some(ANSWER.into()), now);
        e.ring(b, 182, None, now);
    });
    p.run(Duration::from_secs(1));
    let said: Vec<_> =
        p.wire_log.iter().filter(|l| l.starts_with("> SIP/2.0 18")).map(|l| &l[10..13]).collect();
    assert_eq!(said, ["180", "182"]);
    assert!(p.bytes_seen("SIP/2.0 182", "INVITE").ends_with(ANSWER));
    p.at(Line, |e, now| e.reject(b, 486, Vec::new(), now));
    p.until(Phone, "Rejected");
    p.at_rest();
}

#[test]
fn a_prack_of_something_else_meets_481_and_a_copy_is_absorbed() {
    let mut p = Pair::new(6);
    p.sieve =
        Some(Box::new(|who, first| who == Phone && first.contains("PRACK sip:senim@192.0.2.1:5060 SIP")));
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.ring(b, 183, Some(ANSWER.into()), now));
    p.until(Phone, "Ringing");
    let ringing = p.bytes_seen("SIP/2.0 183", "INVITE");
    let rseq: u32 = ringing.lines().find_map(|l| l.strip_prefix("RSeq: ")).unwrap().parse().unwrap();
    p.sieve = None;
    for (n, rack) in [
        format!("{} 1 INVITE", rseq + 1),
        format!("{rseq} 2 INVITE"),
        format!("{rseq} 1 UPDATE"),
        "x".into(),
        String::new(),
    ]
    .into_iter()
    .enumerate()
    {
        let prack = p.in_dialog(Phone, "PRACK", 50 + n, &format!("RAck: {rack}\r\n"), "");
        p.forge(Phone, prack.as_bytes());
        p.run(Duration::from_millis(20));
        assert_eq!(p.seen("> SIP/2.0 481"), n + 1, "{rack}");
    }
    let prack = p.in_dialog(Phone, "PRACK", 60, &format!("RAck: {rseq}  1 INVITE\r\n"), "");
    p.forge(Phone, prack.as_bytes());
    p.forge(Phone, prack.as_bytes());
    p.run(Duration::from_millis(20));
    assert_eq!(p.seen("> SIP/2.0 200"), 2);
    let again = p.in_dialog(Phone, "PRACK", 61, &format!("RAck: {rseq} 1 INVITE\r\n"), "");
    p.forge(Phone, again.as_bytes());
    p.run(Duration::from_millis(20));
    assert_eq!(p.seen("> SIP/2.0 481"), 6);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.until(Phone, "Rejected");
    p.at_rest();
}

#[test]
fn what_overtook_another_is_not_acknowledged_and_a_copy_is_acknowledged_once() {
    let mut p = Pair::new(7);
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.ring(b, 183, Some(ANSWER.into()), now));
    p.until(Phone, "Ringing");
    let ringing = p.bytes_seen("SIP/2.0 183", "INVITE");
    let rseq = ringing.lines().find(|l| l.starts_with("RSeq: ")).unwrap();
    let number: u32 = rseq[6..].parse().unwrap();
    let with = |n: u32| ringing.replace(rseq, &format!("RSeq: {n}"));
    for (text, pracks) in
        [(ringing.clone(), 1), (with(number + 2), 1), (with(number + 1), 2), (with(number + 2), 3)]
    {
        p.forge(Line, text.as_bytes());
        p.run(Duration::from_millis(20));
        assert_eq!(p.seen("< PRACK"), pracks);
    }
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.until(Phone, "Rejected");
    p.at_rest();
}

#[test]
fn an_offer_in_a_prack_is_told_and_the_answer_to_the_call_waits_for_its_own() {
    let mut p = Pair::new(8);
    p.sieve = Some(Box::new(|who, first| who == Phone && first.starts_with("PRACK")));
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| {
        e.ring(b, 183, Some(ANSWER.into()), now);
        e.accept(b, ANSWER, now);
    });
    p.until(Phone, "Ringing");
    let rack = rack_of(&p);
    p.sieve = None;
    let prack = p.in_dialog(Phone, "PRACK", 50, &rack, OTHER);
    p.forge(Phone, prack.as_bytes());
    let Event::Reoffered { sdp, .. } = p.until(Line, "Reoffered") else { panic!() };
    assert_eq!(sdp.as_deref(), Some(OTHER.as_bytes()));
    assert_eq!(p.seen("> SIP/2.0 200"), 0);
    p.at(Line, |e, now| e.answer_reoffer(b, Ok(ANSWER.into()), now));
    assert_eq!(p.seen("> SIP/2.0 200"), 2);
    p.until(Line, "Confirmed");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

fn rack_of(p: &Pair) -> String {
    let prack = p.bytes_seen("PRACK", "PRACK");
    format!("{}\r\n", prack.lines().find(|l| l.starts_with("RAck: ")).unwrap())
}

#[test]
fn our_offer_in_a_reliable_answer_is_answered_in_the_prack() {
    let mut p = Pair::new(9);
    p.sieve = Some(Box::new(|who, first| who == Phone && first.starts_with("PRACK")));
    let mut outgoing = p.outgoing(Phone);
    outgoing.sdp = None;
    outgoing.headers.push(("Require".into(), "100rel".into()));
    let a = p.call_with(Phone, outgoing);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.ring(b, 183, Some(OFFER.into()), now));
    p.until(Phone, "Ringing");
    let rack = rack_of(&p);
    p.sieve = None;
    let prack = p.in_dialog(Phone, "PRACK", 50, &rack, ANSWER);
    p.forge(Phone, prack.as_bytes());
    p.run(Duration::from_millis(20));
    p.at(Line, |e, now| e.accept(b, OFFER, now));
    p.until(Phone, "Answered");
    p.at(Phone, |e, now| e.answer_late(a, Some(ANSWER.into()), now));
    let Event::Confirmed { sdp, .. } = p.until(Line, "Confirmed") else { panic!() };
    assert_eq!(sdp.as_deref(), Some(ANSWER.as_bytes()));
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn an_offer_of_ours_without_an_answer_ends_the_call() {
    for says in [None, Some(Duration::from_secs(25))] {
        let mut p = Pair::new(10);
        let mut outgoing = p.outgoing(Phone);
        outgoing.sdp = None;
        let a = p.call_with(Phone, outgoing);
        let b = p.invited(Line);
        p.at(Line, |e, now| e.accept(b, OFFER, now));
        p.until(Phone, "Answered");
        match says {
            None => p.at(Phone, |e, now| e.answer_late(a, None, now)),
            // The switch forgets to answer.
            Some(time) => p.run(time),
        }
        let Event::Ended { ending: Ending::LocalBye, .. } = p.until(Phone, "Ended") else { panic!() };
        let Event::Ended { ending: Ending::NoAnswer, .. } = p.until(Line, "Ended") else { panic!() };
        assert!(p.bytes_seen("BYE", "BYE").contains("Reason: SIP;cause=488"));
        p.at_rest();
        assert!(p.events.is_empty());
    }
}

#[test]
fn a_change_without_an_offer_is_answered_in_the_ack_or_stays_undone() {
    for (answers, name) in [(true, "ReofferAnswered"), (false, "ReofferRejected")] {
        let mut p = Pair::new(11);
        let (_, b) = p.talk(Phone);
        let invite = p.in_dialog(Phone, "INVITE", 50, "", "");
        p.forge(Phone, invite.as_bytes());
        let Event::Reoffered { sdp: None, .. } = p.until(Line, "Reoffered") else { panic!() };
        p.at(Line, |e, now| e.answer_reoffer(b, Ok(OFFER.into()), now));
        p.run(Duration::from_millis(20));
        let ack = p.in_dialog(Phone, "ACK", 50, "", if answers { OTHER } else { "" });
        p.forge(Phone, ack.as_bytes());
        match p.until(Line, name) {
            Event::ReofferAnswered { sdp, .. } => assert_eq!(sdp.as_deref(), Some(OTHER.as_bytes())),
            Event::ReofferRejected { status, .. } => assert_eq!(status, 488),
            other => panic!("{other:?}"),
        }
        p.at(Line, |e, now| e.hang_up(b, None, now));
        p.until(Phone, "Ended");
        p.at_rest();
    }
}

#[test]
fn the_media_may_change_by_update_before_the_call_is_answered() {
    for from in [Line, Phone] {
        for changes in [Line, Phone] {
            let mut p = Pair::new(12);
            let (a, b) = early(&mut p, from);
            let (mine, theirs) = if changes == from { (a, b) } else { (b, a) };
            p.at(changes, |e, now| e.reoffer(mine, OTHER, now));
            let Event::Reoffered { session, sdp } = p.until(changes.other(), "Reoffered") else { panic!() };
            assert_eq!((session, sdp.as_deref()), (theirs, Some(OTHER.as_bytes())));
            p.at(changes.other(), |e, now| e.answer_reoffer(theirs, Ok(OFFER.into()), now));
            let Event::ReofferAnswered { sdp, .. } = p.until(changes, "ReofferAnswered") else { panic!() };
            assert_eq!(sdp.as_deref(), Some(OFFER.as_bytes()));
            assert_eq!((p.seen("UPDATE sip"), p.seen("INVITE sip")), (1, 1));
            p.at(from.other(), |e, now| e.accept(b, if changes == from { OFFER } else { OTHER }, now));
            p.until(from, "Answered");
            p.until(from.other(), "Confirmed");
            p.run(Duration::from_secs(40));
            assert!(p.events.is_empty(), "{:?}", p.events);
            p.at(from, |e, now| e.hang_up(a, None, now));
            p.until(from.other(), "Ended");
            p.at_rest();
        }
    }
}

#[test]
fn early_offers_that_cross_are_both_made_in_the_end() {
    let mut p = Pair::new(13);
    let (a, b) = early(&mut p, Phone);
    p.at(Phone, |e, now| e.reoffer(a, "v=0 from the phone", now));
    p.at(Line, |e, now| e.reoffer(b, "v=0 from the line", now));
    let mut done = [false; 2];
    let end = p.now + Duration::from_secs(20);
    while p.now < end {
        p.run(Duration::from_millis(10));
        for (who, event) in core::mem::take(&mut p.events) {
            match event {
                Event::Reoffered { session, .. } => {
                    p.at(who, |e, now| e.answer_reoffer(session, Ok("v=0 answer".into()), now));
                }
                Event::ReofferAnswered { .. } => done[who as usize] = true,
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((done, p.seen("491")), ([true; 2], 2));
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.until(Line, "Cancelled");
    p.at_rest();
}

#[test]
fn an_update_comes_too_early_or_is_answered_too_late() {
    let mut p = Pair::new(14);
    p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.ring(b, 180, None, now));
    p.until(Phone, "Ringing");
    // The first offer has no answer yet.
    let update = p.in_dialog(Phone, "UPDATE", 50, "", OTHER);
    p.forge(Phone, update.as_bytes());
    p.run(Duration::from_millis(20));
    assert!(p.bytes_seen("SIP/2.0 500", "UPDATE").contains("Retry-After: "));
    p.at(Line, |e, now| e.reoffer(b, OTHER, now));
    assert_eq!(p.seen("> UPDATE"), 0);
    p.at(Line, |e, now| e.accept(b, ANSWER, now));
    p.until(Line, "Confirmed");
    let update = p.in_dialog(Phone, "UPDATE", 51, "", OTHER);
    p.forge(Phone, update.as_bytes());
    p.until(Line, "Reoffered");
    // Meanwhile another one cannot be.
    let update = p.in_dialog(Phone, "UPDATE", 52, "", OFFER);
    p.forge(Phone, update.as_bytes());
    p.run(Duration::from_secs(19));
    assert_eq!((p.seen("> SIP/2.0 500"), p.seen("> SIP/2.0 504")), (2, 0));
    p.run(Duration::from_secs(2));
    assert_eq!(p.seen("> SIP/2.0 504"), 1);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}
