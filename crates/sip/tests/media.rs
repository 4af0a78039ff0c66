//! Changing the media of a call that stands: hold, both at once, lost messages, refusals (FEATURES T13).
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OTHER, Pair, Phone};
use senim_sip::{Ending, Event};

/// FEATURES T13.
#[test]
fn either_side_may_change_the_media_and_is_answered() {
    for from in [Line, Phone] {
        for changes in [Line, Phone] {
            let mut p = Pair::new(1);
            let (a, b) = p.talk(from);
            let (mine, theirs) = if changes == from { (a, b) } else { (b, a) };
            p.at(changes, |e, now| e.reoffer(mine, "v=0 hold", now));
            let Event::Reoffered { session, sdp } = p.until(changes.other(), "Reoffered") else { panic!() };
            assert_eq!((session, sdp.as_deref()), (theirs, Some(&b"v=0 hold"[..])));
            p.at(changes.other(), |e, now| e.answer_reoffer(theirs, Ok("v=0 held".into()), now));
            let Event::ReofferAnswered { sdp, .. } = p.until(changes, "ReofferAnswered") else { panic!() };
            assert_eq!(sdp.as_deref(), Some(&b"v=0 held"[..]));
            p.run(Duration::from_secs(50));
            p.at(from, |e, now| e.hang_up(a, None, now));
            p.at_rest();
            assert_eq!((p.seen("ACK"), p.seen("> INVITE") + p.seen("< INVITE")), (2, 2));
        }
    }
}

#[test]
fn a_refused_change_leaves_the_call_standing() {
    let mut p = Pair::new(2);
    let (a, b) = p.talk(Phone);
    p.at(Phone, |e, now| e.reoffer(a, OTHER, now));
    p.until(Line, "Reoffered");
    p.at(Line, |e, now| e.answer_reoffer(b, Err(488), now));
    let Event::ReofferRejected { status: 488, .. } = p.until(Phone, "ReofferRejected") else { panic!() };
    p.run(Duration::from_secs(40));
    assert!(p.events.is_empty());
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.until(Phone, "Ended");
    p.at_rest();
}

#[test]
fn offers_that_cross_are_both_made_in_the_end() {
    let mut p = Pair::new(3);
    let (a, b) = p.talk(Phone);
    p.at(Phone, |e, now| e.reoffer(a, "v=0 from the phone", now));
    p.at(Line, |e, now| e.reoffer(b, "v=0 from the line", now));
    let (mut phone_done, mut line_done) = (false, false);
    let end = p.now + Duration::from_secs(20);
    while p.now < end {
        p.run(Duration::from_millis(10));
        for (who, event) in core::mem::take(&mut p.events) {
            match event {
                Event::Reoffered { session, .. } => {
                    p.at(who, |e, now| e.answer_reoffer(session, Ok(ANSWER.into()), now));
                }
                Event::ReofferAnswered { .. } if who == Line => line_done = true,
                Event::ReofferAnswered { .. } => phone_done = true,
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(phone_done && line_done);
    assert_eq!(p.seen("491"), 2);
    p.at(Phone, |e, now| e.hang_up(a, None, now));
    p.at_rest();
}

#[test]
fn a_newer_offer_replaces_one_that_waits() {
    let mut p = Pair::new(4);
    let (a, b) = p.talk(Phone);
    for sdp in ["v=0 one", "v=0 two", "v=0 three"] {
        p.at(Line, |e, now| e.reoffer(b, sdp, now));
    }
    for expected in ["v=0 one", "v=0 three"] {
        let Event::Reoffered { sdp, .. } = p.until(Phone, "Reoffered") else { panic!() };
        assert_eq!(sdp.as_deref(), Some(expected.as_bytes()));
        p.at(Phone, |e, now| e.answer_reoffer(a, Ok(ANSWER.into()), now));
        p.until(Line, "ReofferAnswered");
    }
    p.run(Duration::from_secs(40));
    assert!(p.events.is_empty());
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn an_offer_made_before_the_ack_waits_for_it() {
    let mut p = Pair::new(5);
    let a = p.call(Phone);
    let b = p.invited(Line);
    p.at(Line, |e, now| {
        e.accept(b, ANSWER, now);
        e.reoffer(b, OTHER, now);
    });
    assert_eq!(p.seen("> INVITE"), 0);
    p.until(Phone, "Reoffered");
    p.at(Phone, |e, now| e.answer_reoffer(a, Ok(ANSWER.into()), now));
    p.until(Line, "ReofferAnswered");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn a_goodbye_during_a_change_leaves_nothing_behind() {
    for answered in [false, true] {
        for leaver in [Line, Phone] {
            let mut p = Pair::new(6);
            let (a, b) = p.talk(Phone);
            p.at(Phone, |e, now| e.reoffer(a, OTHER, now));
            p.until(Line, "Reoffered");
            if answered {
                p.at(Line, |e, now| e.answer_reoffer(b, Ok(ANSWER.into()), now));
            }
            let session = if leaver == Line { b } else { a };
            p.at(leaver, |e, now| e.hang_up(session, None, now));
            p.until(leaver.other(), "Ended");
            p.at(Line, |e, now| e.answer_reoffer(b, Ok(ANSWER.into()), now));
            p.at_rest();
        }
    }
}

#[test]
fn a_peer_that_forgot_the_call_ends_it() {
    let mut p = Pair::new(7);
    let (_, b) = p.talk(Phone);
    // The phone was restarted.
    p.phone = Pair::new(70).phone;
    p.at(Line, |e, now| e.reoffer(b, OTHER, now));
    let Event::Ended { ending: Ending::Timeout, .. } = p.until(Line, "Ended") else { panic!() };
    p.at_rest();
}

#[test]
fn an_update_without_an_offer_is_answered_and_one_with_an_offer_is_told() {
    let mut p = Pair::new(8);
    let (_, b) = p.talk(Phone);
    for (cseq, body) in [(90, ""), (91, OTHER)] {
        let update = in_dialog(&mut p, "UPDATE", cseq, body);
        p.forge(Phone, update.as_bytes());
        p.run(Duration::from_millis(20));
    }
    assert_eq!(p.seen("> SIP/2.0 200"), 2);
    p.until(Line, "Reoffered");
    p.at(Line, |e, now| e.answer_reoffer(b, Ok(ANSWER.into()), now));
    assert_eq!(p.seen("> SIP/2.0 200"), 3);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn digits_in_info_are_told_and_old_requests_are_not_taken() {
    let mut p = Pair::new(9);
    let (_, b) = p.talk(Phone);
    let info =
        in_dialog(&mut p, "INFO", 50, "Signal=7\r\n").replace("application/sdp", "application/dtmf-relay");
    p.forge(Phone, info.as_bytes());
    let Event::Info { digit: Some('7'), session, .. } = p.until(Line, "Info") else { panic!() };
    assert_eq!(session, b);
    let late = in_dialog(&mut p, "INFO", 49, "Signal=8\r\n");
    p.forge(Phone, late.as_bytes());
    p.run(Duration::from_millis(20));
    assert_eq!((p.seen("> SIP/2.0 500"), p.events.len()), (1, 0));
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

/// A request of the phone within the one call, with tags taken from the line's own INVITE answer on the wire.
fn in_dialog(p: &mut Pair, method: &str, cseq: u32, body: &str) -> String {
    let ok = p.bytes_seen("SIP/2.0 200", "INVITE");
    let header = |name: &str| ok.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    let (from, to, call) = (header("From:"), header("To:"), header("Call-ID:"));
    format!(
        "{method} sip:senim@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\n{from}\r\n{to}\r\n{call}\r\nCSeq: {cseq} {method}\r\nRefer-To: <sip:1@example.com>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
