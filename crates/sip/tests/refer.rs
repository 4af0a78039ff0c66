//! REFER, Replaces and Join: one party asks us to call a third, and hears how it goes (FEATURES X3).
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, Pair, Phone, Who, credentials, settings};
use senim_sip::{Event, Referral, Replaced, SessionId};

/// The REFER that has come.
fn referred(p: &mut Pair, who: Who) -> (SessionId, Box<Referral>) {
    let Event::Referred { session, referral } = p.until(who, "Referred") else { panic!() };
    (session, referral)
}

fn progress(p: &mut Pair) -> (u16, bool) {
    let Event::ReferProgress { status, last, .. } = p.until(Phone, "ReferProgress") else { panic!() };
    (status, last)
}

/// The names of a dialog as the side sees them whose tag stands in To of the other's requests: `Call-ID;to-tag;from-tag`.
fn names(p: &Pair, number: usize) -> String {
    let ok =
        p.messages.iter().filter(|m| m.starts_with("SIP/2.0 200") && m.contains(" INVITE\r\n")).nth(number);
    let ok = ok.unwrap();
    let value = |name: &str| ok.lines().find_map(|l| l.strip_prefix(name)).unwrap().to_owned();
    let tag = |name: &str| value(name).split_once(";tag=").unwrap().1.to_owned();
    format!("{};to-tag={};from-tag={}", value("Call-ID: "), tag("To:"), tag("From:"))
}

fn escaped(names: &str) -> String {
    names.replace('@', "%40").replace(';', "%3B").replace('=', "%3D")
}

#[test]
fn a_blind_transfer_is_told_and_every_step_of_it_reported() {
    for from in [Line, Phone] {
        let mut p = Pair::new(1);
        let (a, b) = p.talk(from);
        let (phone, line) = if from == Phone { (a, b) } else { (b, a) };
        let by = "\"Aigul\" <sip:aigul@senim.example>";
        assert!(p.at(Phone, |e, now| e.refer_to(
            phone,
            "<sip:1414@senim.example;method=INVITE>",
            Some(by),
            now
        )));
        let (session, referral) = referred(&mut p, Line);
        assert_eq!((session, referral.to.to_string().as_str()), (line, "sip:1414@senim.example"));
        assert_eq!(referral.referred_by.unwrap().reveal(), "sip:aigul@senim.example");
        assert_eq!((referral.replaces, referral.reports), (None, true));
        p.at(Line, |e, now| e.answer_referral(line, Ok(()), now));
        let Event::ReferAnswered { status: 202, .. } = p.until(Phone, "ReferAnswered") else { panic!() };
        assert_eq!(progress(&mut p), (100, false));
        p.run(Duration::from_millis(20));
        p.at(Line, |e, now| {
            // Three at once: the first goes, of the rest the newest.
            e.referral_progress(line, 180, now);
            e.referral_progress(line, 183, now);
            e.referral_progress(line, 200, now);
            e.referral_progress(line, 486, now);
        });
        assert_eq!(progress(&mut p), (180, false));
        assert_eq!(progress(&mut p), (200, true));
        assert!(p.bytes_seen("NOTIFY", "NOTIFY").contains("Event: refer\r\n"));
        assert_eq!(p.seen("NOTIFY"), 3);
        let last = p.messages.iter().rfind(|m| m.starts_with("NOTIFY")).unwrap();
        assert!(last.contains("Subscription-State: terminated;reason=noresource\r\n"), "{last}");
        assert!(
            last.contains("Content-Type: message/sipfrag") && last.ends_with("SIP/2.0 200 OK\r\n"),
            "{last}"
        );
        // A second one may follow; its reports are told apart by their id.
        assert!(p.at(Phone, |e, now| e.refer_to(phone, "<tel:1414>", None, now)));
        referred(&mut p, Line);
        p.at(Line, |e, now| e.answer_referral(line, Ok(()), now));
        assert_eq!(progress(&mut p), (100, false));
        assert!(p.messages.iter().rfind(|m| m.starts_with("NOTIFY")).unwrap().contains("Event: refer;id="));
        p.at(Line, |e, now| e.referral_progress(line, 486, now));
        assert_eq!(progress(&mut p), (486, true));
        p.at(Phone, |e, now| e.hang_up(phone, None, now));
        p.until(Line, "Ended");
        p.at_rest();
    }
}

#[test]
fn a_refused_transfer_leaves_the_talk_standing() {
    let mut p = Pair::new(2);
    let (a, b) = p.talk(Phone);
    assert!(p.at(Phone, |e, now| e.refer_to(a, "<sip:1@example.com>", None, now)));
    referred(&mut p, Line);
    // Only one at a time.
    assert!(!p.at(Phone, |e, now| e.refer_to(a, "<sip:2@example.com>", None, now)));
    p.at(Line, |e, now| e.answer_referral(b, Err(403), now));
    let Event::ReferAnswered { status: 403, .. } = p.until(Phone, "ReferAnswered") else { panic!() };
    p.run(Duration::from_secs(300));
    assert!(p.events.is_empty() && p.seen("NOTIFY") == 0);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.until(Phone, "Ended");
    p.at_rest();
}

#[test]
fn a_transfer_that_nobody_decides_is_declined_and_one_without_an_end_is_ended() {
    let mut p = Pair::new(3);
    let (a, b) = p.talk(Phone);
    p.at(Phone, |e, now| e.refer_to(a, "<sip:1@example.com>", None, now));
    referred(&mut p, Line);
    let Event::ReferAnswered { status: 603, .. } = p.until(Phone, "ReferAnswered") else { panic!() };
    p.at(Phone, |e, now| e.refer_to(a, "<sip:1@example.com>", None, now));
    referred(&mut p, Line);
    p.at(Line, |e, now| e.answer_referral(b, Ok(()), now));
    assert_eq!(progress(&mut p), (100, false));
    p.run(Duration::from_secs(170));
    assert!(p.seen("NOTIFY") == 1);
    assert_eq!(progress(&mut p), (408, true));
    assert!(
        p.messages.iter().rfind(|m| m.starts_with("NOTIFY")).unwrap().contains("terminated;reason=timeout")
    );
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn a_party_that_takes_no_reports_gets_no_more() {
    let mut p = Pair::new(4);
    let (_, b) = p.talk(Phone);
    // A REFER that our own side knows nothing of: its reports meet 481.
    let refer = in_dialog(&p, "REFER", 60, "Refer-To: <sip:1@example.com>\r\n");
    p.forge(Phone, refer.as_bytes());
    referred(&mut p, Line);
    p.at(Line, |e, now| e.answer_referral(b, Ok(()), now));
    p.run(Duration::from_millis(100));
    assert_eq!((p.seen("NOTIFY"), p.seen("< SIP/2.0 481")), (1, 1));
    p.at(Line, |e, now| e.referral_progress(b, 200, now));
    assert_eq!(p.seen("NOTIFY"), 1);
    // RFC 4488: some want none from the beginning.
    let refer = in_dialog(
        &p,
        "REFER",
        61,
        "Refer-To: <sip:1@example.com>\r\nRefer-Sub: false\r\nRequire: norefersub\r\n",
    );
    p.forge(Phone, refer.as_bytes());
    assert!(!referred(&mut p, Line).1.reports);
    p.at(Line, |e, now| e.answer_referral(b, Ok(()), now));
    assert!(p.messages.last().unwrap().contains("Refer-Sub: false"));
    p.at(Line, |e, now| e.referral_progress(b, 200, now));
    p.run(Duration::from_secs(1));
    assert_eq!(p.seen("NOTIFY"), 1);
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn what_cannot_be_called_is_refused_without_a_word_to_the_switch() {
    let cases = [
        ("", 400),
        ("Refer-To: <sip:1@x>\r\nRefer-To: <sip:2@x>\r\n", 400),
        ("Refer-To: <sip:1@x>, <sip:2@x>\r\n", 400),
        ("Refer-To: nonsense\r\n", 400),
        ("Refer-To: <sip:1@x;method=BYE>\r\n", 403),
        ("Refer-To: <http://x>\r\n", 416),
        ("Refer-To: <sips:1@x>\r\n", 416),
        ("r: <sip:1@x?Replaces=a>\r\n", 400),
        ("Refer-To: <sip:1@x>\r\nReferred-By: \"a\r\n", 400),
        ("Refer-To: <sip:1@x>\r\nReferred-By: <sip:a@b>\r\nb: <sip:c@d>\r\n", 400),
        ("Refer-To: <sip:1@x>\r\nRequire: tdialog\r\n", 420),
    ];
    let mut p = Pair::new(5);
    let (_, b) = p.talk(Phone);
    for (n, (headers, status)) in cases.into_iter().enumerate() {
        let before = p.seen(&format!("> SIP/2.0 {status}"));
        let refer = in_dialog(&p, "REFER", 60 + n, headers);
        p.forge(Phone, refer.as_bytes());
        p.run(Duration::from_millis(20));
        assert_eq!(p.seen(&format!("> SIP/2.0 {status}")), before + 1, "{headers}");
        assert!(p.events.is_empty(), "{headers}");
    }
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn an_attended_transfer_names_the_other_talk_of_the_same_party() {
    let mut p = Pair::new(6);
    let (a, _) = p.talk(Phone);
    let (_, d) = p.talk(Phone);
    let to = format!("<sip:1414@senim.example?Require=replaces&Replaces={}>", escaped(&names(&p, 1)));
    p.at(Phone, |e, now| e.refer_to(a, &to, None, now));
    let (session, referral) = referred(&mut p, Line);
    assert_eq!(referral.replaces, Some(Replaced::Session(d)));
    assert_eq!(referral.to.to_string(), "sip:1414@senim.example");
    p.at(Line, |e, now| {
        e.answer_referral(session, Ok(()), now);
        e.referral_progress(session, 200, now);
        // The last word is said before the goodbye.
        e.hang_up(session, None, now);
        e.hang_up(d, None, now);
    });
    assert_eq!(progress(&mut p), (100, false));
    assert_eq!(progress(&mut p), (200, true));
    p.at_rest();
    // Its own talk is no other, and what is no talk of ours is told as such.
    let mut p = Pair::new(7);
    let (a, b) = p.talk(Phone);
    for names in [names(&p, 0), "x;to-tag=1;from-tag=2".to_owned()] {
        let to = format!("<sip:1414@senim.example?Replaces={}>", escaped(&names));
        p.at(Phone, |e, now| e.refer_to(a, &to, None, now));
        assert_eq!(referred(&mut p, Line).1.replaces, Some(Replaced::Unknown));
        p.at(Line, |e, now| e.answer_referral(b, Err(603), now));
        p.until(Phone, "ReferAnswered");
    }
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

/// An INVITE of the phone with one more header: the status it meets at once, or the invitation.
fn invite_with(p: &mut Pair, header: (&str, String)) -> Result<(Option<SessionId>, Option<SessionId>), u16> {
    let mut outgoing = p.outgoing(Phone);
    outgoing.headers = vec![(header.0.into(), header.1)];
    p.call_with(Phone, outgoing);
    p.run(Duration::from_millis(30));
    let (_, event) = p.events.pop().unwrap();
    match event {
        Event::Incoming(invitation) => {
            p.at(Line, |e, now| e.reject(invitation.session, 603, Vec::new(), now));
            p.until(Phone, "Rejected");
            p.events.clear();
            Ok((invitation.replaces, invitation.joins))
        }
        Event::Rejected { status, .. } => Err(status),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_may_take_the_place_of_another_or_join_it_if_both_are_of_the_same_party() {
    let mut p = Pair::new(8);
    let (_, b) = p.talk(Phone);
    let ours = names(&p, 0);
    assert_eq!(invite_with(&mut p, ("Replaces", ours.clone())), Ok((Some(b), None)));
    assert_eq!(invite_with(&mut p, ("Join", ours.clone())), Ok((None, Some(b))));
    assert_eq!(invite_with(&mut p, ("Replaces", format!("{ours};early-only"))), Err(486));
    assert_eq!(invite_with(&mut p, ("Replaces", format!("{ours}x"))), Err(481));
    assert_eq!(invite_with(&mut p, ("Join", ours.replace("to-tag=", "to-tag=x"))), Err(481));
    assert_eq!(invite_with(&mut p, ("Replaces", "nonsense".into())), Err(400));
    let mut both = p.outgoing(Phone);
    both.headers = vec![("Replaces".into(), ours.clone()), ("Join".into(), ours.clone())];
    p.call_with(Phone, both);
    let Event::Rejected { status: 400, .. } = p.until(Phone, "Rejected") else { panic!() };
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.run(Duration::from_millis(50));
    assert_eq!(invite_with(&mut p, ("Replaces", ours)), Err(481));
    p.at_rest();
}

#[test]
fn a_trunk_may_not_take_the_place_of_a_users_talk() {
    let mut p = Pair::with(settings(Some("203.0.113.9")), 9);
    let mut outgoing = p.outgoing(Phone);
    outgoing.credentials = Some(credentials("correct"));
    p.call_with(Phone, outgoing);
    let b = p.invited(Line);
    p.at(Line, |e, now| e.accept(b, ANSWER, now));
    p.until(Line, "Confirmed");
    let named = names(&p, 0);
    // The same user may; nobody else is told more than 481.
    let mut outgoing = p.outgoing(Phone);
    outgoing.credentials = Some(credentials("correct"));
    outgoing.headers = vec![("Replaces".into(), named.clone())];
    p.call_with(Phone, outgoing);
    let Event::Incoming(invitation) = p.until(Line, "Incoming") else { panic!() };
    assert_eq!(invitation.replaces, Some(b));
    let invite = format!(
        "INVITE sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
         From: <sip:x@203.0.113.9>;tag=f\r\nTo: <sip:111@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
         Contact: <sip:x@203.0.113.9>\r\nReplaces: {named}\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{OFFER}",
        OFFER.len()
    );
    assert!(p.stranger(invite.as_bytes())[0].starts_with("SIP/2.0 481"));
    assert!(p.told(Line).is_empty());
}

#[test]
fn any_one_message_of_a_transfer_may_be_lost_or_come_twice() {
    for lost in [true, false] {
        for number in 3..12 {
            let mut p = Pair::new(10);
            let (a, b) = p.talk(Phone);
            if lost {
                p.lose_at = vec![number];
            } else {
                p.repeat_at = vec![(number, Duration::from_millis(700))];
            }
            p.at(Phone, |e, now| e.refer_to(a, "<sip:1@example.com>", None, now));
            referred(&mut p, Line);
            p.at(Line, |e, now| e.answer_referral(b, Ok(()), now));
            assert_eq!(progress(&mut p), (100, false));
            p.at(Line, |e, now| e.referral_progress(b, 200, now));
            assert_eq!(progress(&mut p), (200, true), "{lost} {number}");
            p.run(Duration::from_secs(5));
            let Event::ReferAnswered { status: 202, .. } = p.until(Phone, "ReferAnswered") else { panic!() };
            assert!(p.events.is_empty(), "{:?}", p.events);
            p.at(Phone, |e, now| e.hang_up(a, None, now));
            p.at_rest();
        }
    }
}

/// A request of the phone within its first call.
fn in_dialog(p: &Pair, method: &str, cseq: usize, headers: &str) -> String {
    let ok = p.bytes_seen("SIP/2.0 200", "INVITE");
    let header = |name: &str| ok.lines().find(|l| l.starts_with(name)).unwrap().to_owned();
    let (from, to, call) = (header("From:"), header("To:"), header("Call-ID:"));
    format!(
        "{method} sip:senim@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK{method}{cseq}\r\n\
         Max-Forwards: 70\r\n{from}\r\n{to}\r\n{call}\r\nCSeq: {cseq} {method}\r\n{headers}Content-Length: 0\r\n\r\n"
    )
}

/// RFC 6665 sections 4.1.2 and 8.3.2, RFC 3515 section 2.4.4: whoever sent a REFER may ask how it stands, and stop hearing of
/// it; nothing else can be subscribed to.
#[test]
fn a_refers_reports_can_be_asked_for_and_ended_and_nothing_else_subscribed_to() {
    let mut p = Pair::new(31);
    let (a, b) = p.talk(Phone);
    p.at(Phone, |e, now| e.refer_to(a, "<sip:1@example.com>", None, now));
    p.until(Line, "Referred");
    p.at(Line, |e, now| e.answer_referral(b, Ok(()), now));
    p.until(Phone, "ReferProgress");
    p.at(Line, |e, now| e.referral_progress(b, 180, now));
    p.until(Phone, "ReferProgress");
    let subscribe = |p: &mut Pair, cseq: usize, headers: &str| {
        let (text, from) = (p.in_dialog(Phone, "SUBSCRIBE", cseq, headers, ""), p.messages.len());
        p.forge(Phone, text.as_bytes());
        p.run(Duration::from_millis(100));
        let answers = |m: &&String| m.contains(" SUBSCRIBE\r\n") && m.starts_with("SIP");
        p.messages[from..].iter().find(answers).unwrap().clone()
    };
    let answer = subscribe(&mut p, 50, "Event: presence\r\n");
    assert!(answer.starts_with("SIP/2.0 489") && answer.contains("\r\nAllow-Events: refer\r\n"), "{answer}");
    assert!(subscribe(&mut p, 51, "").starts_with("SIP/2.0 489"));
    assert!(subscribe(&mut p, 52, "Event: refer;id=999\r\nExpires: 60\r\n").starts_with("SIP/2.0 403"));
    let answer = subscribe(&mut p, 53, "Event: refer\r\nExpires: 60\r\n");
    assert!(answer.starts_with("SIP/2.0 200") && answer.contains("\r\nExpires: 1"), "{answer}");
    let Event::ReferProgress { status: 180, last: false, .. } = p.until(Phone, "ReferProgress") else {
        panic!()
    };
    let answer = subscribe(&mut p, 54, "Event: refer\r\nExpires: 0\r\n");
    assert!(answer.contains("\r\nExpires: 0\r\n"), "{answer}");
    let Event::ReferProgress { status: 180, last: true, .. } = p.until(Phone, "ReferProgress") else {
        panic!()
    };
    let last = p.messages.iter().rfind(|m| m.starts_with("NOTIFY")).unwrap();
    assert!(last.contains("Subscription-State: terminated;reason=timeout\r\n"), "{last}");
    let reports = p.seen("NOTIFY");
    p.at(Line, |e, now| e.referral_progress(b, 200, now));
    assert_eq!(p.seen("NOTIFY"), reports, "no more is told");
    assert!(subscribe(&mut p, 55, "Event: refer\r\n").starts_with("SIP/2.0 403"), "it is over");
    p.at(Line, |e, now| e.hang_up(b, None, now));
    p.at_rest();
}

#[test]
fn a_trunk_subscribes_to_nothing_outside_of_a_dialog() {
    for (event, status) in [("refer", "403"), ("presence", "489"), ("message-summary", "489")] {
        let mut p = Pair::new(32);
        let text = format!(
            "SUBSCRIBE sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bKs\r\n\
             Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=f\r\nTo: <sip:111@192.0.2.1>\r\nCall-ID: s\r\nCSeq: 1 SUBSCRIBE\r\n\
             Contact: <sip:x@198.51.100.7>\r\nEvent: {event}\r\nContent-Length: 0\r\n\r\n"
        );
        let answers = p.elsewhere("198.51.100.7:5060", text.as_bytes());
        assert!(answers[0].starts_with(&format!("SIP/2.0 {status}")), "{event}: {answers:?}");
        p.at_rest();
    }
}
