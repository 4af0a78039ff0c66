//! The line as somebody's subscriber: it registers at carriers, stays registered, and leaves. Here the pair's phone is
//! the subscriber and its line the carrier.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{Line, OFFER, Pair, Phone, credentials};
use senim_sip::{Cause, Credentials, ENROLMENTS_MAX, Enrolment, Event, Expiry, Outgoing, Transport};

fn order(p: &Pair, password: &str) -> Enrolment {
    Enrolment {
        flows: vec![p.flow(Phone)],
        domain: "192.0.2.1:5060".into(),
        user: "aigul".into(),
        contact_user: "111".into(),
        expires_s: 600,
        credentials: Some(credentials(password)),
    }
}

fn enrol(p: &mut Pair, order: Enrolment) -> senim_sip::EnrolmentId {
    p.at(Phone, |e, now| e.enrol(order, now)).unwrap()
}

fn granted(event: &Event) -> u32 {
    let Event::Enrolled { granted_s, .. } = event else { panic!("{event:?}") };
    *granted_s
}

/// FEATURES T7.
#[test]
fn it_registers_at_once_and_refreshes_out_of_what_was_granted() {
    let mut p = Pair::new(1);
    p.line.set_expiry(Expiry { min_s: 30, max_s: 120 });
    let wanted = order(&p, "correct");
    enrol(&mut p, wanted);
    assert_eq!(granted(&p.until(Phone, "Enrolled")), 120);
    p.until(Line, "Registered");
    p.run(Duration::from_secs(3_600));
    assert!(p.events.is_empty(), "no coming and going: {:?}", p.events);
    assert_eq!(p.line.bindings("aigul").len(), 1);
    let answered = p.seen("> SIP/2.0 200");
    assert!((50..70).contains(&answered), "{answered} refreshes in an hour");
    assert_eq!(p.seen("> SIP/2.0 401"), answered, "each is asked once");
}

/// FEATURES T7: the carrier's calls come to the Contact that was registered.
#[test]
fn the_carriers_call_comes_to_our_contact() {
    let mut p = Pair::new(2);
    let wanted = order(&p, "correct");
    enrol(&mut p, wanted);
    p.until(Line, "Registered");
    let binding = p.line.bindings("aigul")[0].clone();
    let call = Outgoing { flow: binding.flow, uri: binding.uri.to_string(), ..p.outgoing(Line) };
    p.call_with(Line, call);
    let Event::Incoming(invitation) = p.until(Phone, "Incoming") else { panic!() };
    assert_eq!(invitation.dialled, "111");
}

#[test]
fn a_carrier_that_wants_longer_gets_it() {
    let mut p = Pair::new(3);
    p.line.set_expiry(Expiry { min_s: 900, max_s: 3_600 });
    let wanted = order(&p, "correct");
    enrol(&mut p, wanted);
    assert_eq!(granted(&p.until(Phone, "Enrolled")), 900);
    assert_eq!(p.seen("> SIP/2.0 423"), 1);
}

/// RFC 5626 section 4.5. A wrong password is tried once a go, not in a loop.
#[test]
fn a_refused_registration_is_tried_again_after_growing_pauses() {
    let mut p = Pair::new(4);
    let wanted = order(&p, "wrong");
    enrol(&mut p, wanted);
    let mut most = Duration::from_secs(30);
    for _ in 0..12 {
        let Event::EnrolmentFailed { status, retry, .. } = p.until(Phone, "EnrolmentFailed") else {
            panic!()
        };
        assert_eq!(status, 401);
        assert!((most / 2..=most).contains(&retry), "{retry:?} of {most:?}");
        most = (most * 2).min(Duration::from_secs(1_800));
        assert_eq!(p.seen("< REGISTER"), 2);
        p.wire_log.clear();
        p.run(retry - Duration::from_millis(10));
        assert_eq!(p.seen("< REGISTER"), 0);
        p.run(Duration::from_millis(9));
    }
}

#[test]
fn silence_is_told_and_mended_by_itself() {
    let mut p = Pair::new(5);
    p.sieve = Some(Box::new(|_, _| true));
    let wanted = order(&p, "correct");
    enrol(&mut p, wanted);
    let Event::EnrolmentFailed { status: 408, .. } = p.until(Phone, "EnrolmentFailed") else { panic!() };
    p.sieve = None;
    p.until(Phone, "Enrolled");
    // An outage of an hour in a registration that stood.
    p.sieve = Some(Box::new(|_, _| true));
    p.run(Duration::from_secs(700));
    p.until(Phone, "EnrolmentFailed");
    p.run(Duration::from_secs(3_000));
    p.sieve = None;
    p.events.clear();
    p.run(Duration::from_secs(1_900));
    p.until(Phone, "Enrolled");
}

#[test]
fn a_lost_connection_is_registered_again_at_once() {
    let mut p = Pair::new(6);
    p.transport = Transport::Tcp;
    let wanted = order(&p, "correct");
    enrol(&mut p, wanted);
    p.until(Phone, "Enrolled");
    p.until(Line, "Registered");
    p.break_stream(false);
    p.run(Duration::from_millis(1));
    let Event::EnrolmentFailed { status: 503, .. } = p.until(Phone, "EnrolmentFailed") else { panic!() };
    let Event::Unregistered { cause: Cause::FlowLost, .. } = p.until(Line, "Unregistered") else { panic!() };
    let lost = p.now;
    p.until(Phone, "Enrolled");
    p.until(Line, "Registered");
    assert!(p.now - lost < Duration::from_secs(1));
}

/// The same way to an address at which nobody is.
fn nowhere(p: &Pair) -> senim_sip::Flow {
    senim_sip::Flow { remote: "203.0.113.1:5060".parse().unwrap(), ..p.flow(Phone) }
}

/// RFC 3263 section 4.3: another address of the carrier is tried within the same go, and kept while it serves.
#[test]
fn a_carriers_next_address_is_tried_in_the_same_go() {
    let mut p = Pair::new(31);
    p.line.set_expiry(Expiry { min_s: 30, max_s: 120 });
    let wanted = Enrolment { flows: vec![nowhere(&p), p.flow(Phone)], ..order(&p, "correct") };
    let (id, asked) = (enrol(&mut p, wanted), p.now);
    p.until(Phone, "Enrolled");
    assert!((32..35).contains(&(p.now - asked).as_secs()), "{:?}", p.now - asked);
    let grant = p.phone.enrolment_grant(id).unwrap();
    assert_eq!((grant.granted, grant.expires - p.now), (p.now, Duration::from_secs(120)));
    p.until(Line, "Registered");
    p.run(Duration::from_secs(600));
    assert!(p.events.is_empty(), "refreshed where it stands: {:?}", p.events);
    assert!(p.phone.enrolment_grant(id).unwrap().granted > grant.granted);
    // When none serves that is told once, after all were tried.
    let wanted = Enrolment { flows: vec![nowhere(&p), nowhere(&p)], ..order(&p, "correct") };
    let (id, asked) = (enrol(&mut p, wanted), p.now);
    let Event::EnrolmentFailed { enrolment, status: 408, .. } = p.until(Phone, "EnrolmentFailed") else {
        panic!()
    };
    assert_eq!((enrolment, p.phone.enrolment_grant(id)), (id, None));
    assert_eq!((p.now - asked).as_secs(), 64);
}

/// The carrier moves: its name has another address now, and there we register at once; while its address is among the
/// answers nothing is stirred.
#[test]
fn a_registration_follows_its_carrier() {
    let mut p = Pair::new(32);
    let wanted = Enrolment { flows: vec![], ..order(&p, "correct") };
    let id = enrol(&mut p, wanted);
    let Event::EnrolmentFailed { status: 503, .. } = p.until(Phone, "EnrolmentFailed") else { panic!() };
    let (away, here) = (nowhere(&p), p.flow(Phone));
    p.at(Phone, |e, now| e.rehome(id, &[away], now));
    p.run(Duration::from_secs(5));
    assert_eq!(p.seen("< REGISTER"), 4, "not found, then asked there in vain");
    p.at(Phone, |e, now| e.rehome(id, &[here], now));
    let moved = p.now;
    p.until(Phone, "Enrolled");
    assert!(p.now - moved < Duration::from_secs(1));
    p.until(Line, "Registered");
    p.run(Duration::from_secs(60));
    assert!(p.events.is_empty(), "the REGISTER of before failed nothing: {:?}", p.events);
    let asked = p.seen("< REGISTER");
    for same in [vec![away, here], vec![here], vec![]] {
        p.at(Phone, |e, now| e.rehome(id, &same, now));
    }
    assert_eq!(p.seen("< REGISTER"), asked);
    let many = vec![away; 40];
    p.at(Phone, |e, now| e.rehome(id, &many, now));
    assert_eq!(p.seen("< REGISTER"), asked + 1);
    p.at(Phone, |e, now| e.leave(id, now));
    p.at(Phone, |e, now| e.rehome(id, &[here], now));
    p.until(Phone, "EnrolmentEnded");
}

#[test]
fn a_clean_stop_takes_it_back_and_leaves_nothing() {
    let mut p = Pair::new(7);
    let wanted = order(&p, "correct");
    let id = enrol(&mut p, wanted);
    p.until(Line, "Registered");
    p.at(Phone, |e, now| e.leave(id, now));
    p.until(Phone, "EnrolmentEnded");
    let Event::Unregistered { cause: Cause::Removed, .. } = p.until(Line, "Unregistered") else { panic!() };
    p.at_rest();
    // A carrier that has died does not hold up the end.
    let wanted = order(&p, "correct");
    let id = enrol(&mut p, wanted);
    p.until(Line, "Registered");
    p.sieve = Some(Box::new(|_, _| true));
    let asked = p.now;
    p.at(Phone, |e, now| e.leave(id, now));
    p.until(Phone, "EnrolmentEnded");
    assert!(p.now - asked <= Duration::from_secs(2));
    p.run(Duration::from_secs(700));
    p.at_rest();
}

/// THREATS: digest leak to a rogue challenger. Neither another realm nor another address gets an answer.
#[test]
fn only_the_carriers_own_challenge_is_answered() {
    let mut p = Pair::new(8);
    let bound = Credentials { realm: Some("carrier.example".into()), ..credentials("correct") };
    let wanted = Enrolment { credentials: Some(bound), ..order(&p, "correct") };
    enrol(&mut p, wanted);
    let Event::EnrolmentFailed { status: 401, .. } = p.until(Phone, "EnrolmentFailed") else { panic!() };
    assert!(!p.messages.iter().any(|m| m.contains("\r\nAuthorization:")));
    // Somebody who saw our REGISTER asks for our password from elsewhere.
    let mut p = Pair::new(9);
    p.sieve = Some(Box::new(|_, _| true));
    let wanted =
        Enrolment { flows: vec![p.flow(Line)], domain: "198.51.100.7".into(), ..order(&p, "correct") };
    p.at(Line, |e, now| e.enrol(wanted, now)).unwrap();
    let ours = p.messages.last().unwrap().clone();
    let copied: String = ours
        .lines()
        .filter(|l| {
            ["Via", "From", "To", "Call-ID", "CSeq"].iter().any(|name| l.starts_with(&format!("{name}:")))
        })
        .map(|l| format!("{l}\r\n"))
        .collect();
    let rogue = format!(
        "SIP/2.0 401 Unauthorized\r\n{copied}WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert!(p.stranger(rogue.as_bytes()).is_empty());
    p.run(Duration::from_secs(1));
    assert!(!p.messages.iter().any(|m| m.contains("\r\nAuthorization:")));
    // The carrier's own, in the same words, is answered.
    p.sieve = None;
    p.forge(Phone, rogue.as_bytes());
    p.run(Duration::from_secs(1));
    assert!(p.messages.iter().any(|m| m.contains("\r\nAuthorization:")));
}

#[test]
fn what_is_no_address_and_what_is_too_much_is_not_begun() {
    let mut p = Pair::new(10);
    p.sieve = Some(Box::new(|_, _| true));
    for (domain, user) in [("a b", "u"), ("x@carrier", "u"), ("", "u"), ("carrier.example", "")] {
        let odd = Enrolment { domain: domain.into(), user: user.into(), ..order(&p, "correct") };
        assert!(p.at(Phone, |e, now| e.enrol(odd, now)).is_none(), "{domain} {user}");
    }
    for n in 0..=ENROLMENTS_MAX {
        let one = order(&p, "correct");
        assert_eq!(p.at(Phone, |e, now| e.enrol(one, now)).is_some(), n < ENROLMENTS_MAX);
    }
}

/// A phone that dies without a word is found by asking; one that answers stays.
#[test]
fn a_registered_phone_that_answers_no_probe_is_gone() {
    let mut p = Pair::new(11);
    p.line.set_probing(Some(Duration::from_secs(30)));
    let wanted = Enrolment { expires_s: 3_600, ..order(&p, "correct") };
    enrol(&mut p, wanted);
    p.until(Line, "Registered");
    p.run(Duration::from_secs(600));
    assert!(p.seen("> OPTIONS") >= 15 && p.line.bindings("aigul").len() == 1);
    p.sieve = Some(Box::new(|_, first| first.starts_with("OPTIONS")));
    let silent = p.now;
    let Event::Unregistered { cause: Cause::Silent, .. } = p.until(Line, "Unregistered") else { panic!() };
    assert!(p.now - silent < Duration::from_secs(130));
    assert!(p.line.registrar().deadline().is_none());
}

/// RFC 3327: the call goes by the Path that the registration came by.
#[test]
fn calls_carry_the_path_of_the_binding_as_their_route() {
    let mut p = Pair::new(12);
    let routes = vec!["<sip:edge.example;lr>".to_owned(), "<sip:192.0.2.7;lr;ob>".to_owned()];
    let headers = routes.into_iter().map(|route| ("Route".to_owned(), route)).collect();
    let outgoing = Outgoing { headers, sdp: Some(OFFER.into()), ..p.outgoing(Line) };
    p.call_with(Line, outgoing);
    p.invited(Phone);
    let invite = p.bytes_seen("INVITE", "INVITE");
    let routes: Vec<&str> = invite.lines().filter(|l| l.starts_with("Route:")).collect();
    assert_eq!(routes, ["Route: <sip:edge.example;lr>", "Route: <sip:192.0.2.7;lr;ob>"]);
}
