//! Phones come, stay, move and go; nobody takes another's place.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

use core::time::Duration;
use proptest::prelude::*;
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::registrar::{BINDINGS_MAX, EXPIRES_MAX_S, EXPIRES_MIN_S, PATH_MAX};
use senim_sip::{
    Authenticated, Cause, Change, Credentials, Expiry, Flow, Guard, Message, MessageBuilder, Method,
    RegisterReply, Registrar, Secrets, Transport, Verdict,
};
use std::net::SocketAddr;

struct World {
    registrar: Registrar,
    now: Instant,
    cseq: u32,
}

fn flow(connection: u64) -> Flow {
    let local = SocketAddr::from(([192, 0, 2, 1], 5060));
    let remote = SocketAddr::from(([198, 51, 100, 7], 40_000));
    Flow { transport: Transport::Tcp, local, remote, connection }
}

fn register(to: &str, call_id: &str, cseq: u32, headers: &[(&str, &str)]) -> Message {
    let mut builder = MessageBuilder::request(&Method::Register, "sip:example.kz")
        .header("Via", "SIP/2.0/TCP h;branch=z9hG4bK1")
        .header("From", "<sip:aigul@example.kz>;tag=1")
        .header("To", to)
        .header("Call-ID", call_id)
        .header("CSeq", &format!("{cseq} REGISTER"));
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    Message::parse(&builder.finish()).unwrap()
}

/// Proof of a password, the only way there is.
fn proved(user: &str) -> Authenticated {
    let mut guard = Guard::new("senim", Entropy::from_seed(1));
    guard.set_account(user, Secrets::from_password(user, "senim", "p"));
    let ask = register("<sip:x@h>", "c", 1, &[]);
    let source = "192.0.2.9".parse().unwrap();
    let Verdict::Challenge { headers } = guard.check(&ask, source, Instant::ZERO) else { panic!() };
    let mut builder = MessageBuilder::response(401, &ask, None);
    for (name, value) in &headers {
        builder = builder.header(name, value);
    }
    let challenge = Message::parse(&builder.finish()).unwrap();
    let who = Credentials { user: user.into(), password: Redacted::new("p".into()), realm: None };
    let (name, value) = who.answer(&challenge, Method::Register, "sip:example.kz", "c").unwrap();
    let request = register("<sip:x@h>", "c", 2, &[(name, &value)]);
    match guard.check(&request, source, Instant::ZERO) {
        Verdict::Authenticated(who) => who,
        other => panic!("{other:?}"),
    }
}

impl World {
    fn new() -> World {
        World { registrar: Registrar::new(), now: Instant::from_secs(100), cseq: 0 }
    }

    /// Aigul's phone on connection 1 says this.
    fn say(&mut self, headers: &[(&str, &str)]) -> RegisterReply {
        self.say_on(1, headers)
    }

    fn say_on(&mut self, connection: u64, headers: &[(&str, &str)]) -> RegisterReply {
        self.cseq += 1;
        let request = register("<sip:aigul@example.kz>", "call", self.cseq, headers);
        self.registrar.register(&proved("aigul"), &request, flow(connection), self.now)
    }

    fn changes(&mut self) -> Vec<Change> {
        std::iter::from_fn(|| self.registrar.poll()).collect()
    }

    fn phones(&self) -> usize {
        self.registrar.bindings("aigul").len()
    }
}

const HOME: (&str, &str) = ("Contact", "<sip:aigul@10.0.0.5:5062>");

fn came() -> Vec<Change> {
    vec![Change::Registered { user: "aigul".into() }]
}

fn went(cause: Cause) -> Vec<Change> {
    vec![Change::Unregistered { user: "aigul".into(), cause }]
}

/// FEATURES D2.
#[test]
fn a_phone_registers_refreshes_without_churn_and_signs_off() {
    let mut w = World::new();
    let reply = w.say(&[HOME, ("Expires", "600")]);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers, [("Contact", "<sip:aigul@10.0.0.5:5062>;expires=600".to_owned())]);
    assert_eq!(w.changes(), came());
    w.now += Duration::from_secs(300);
    w.say(&[HOME, ("Expires", "600")]);
    assert_eq!((w.phones(), w.changes().len()), (1, 0));
    assert_eq!(w.registrar.deadline(), Some(w.now + Duration::from_secs(600)));
    assert_eq!(w.say(&[("Contact", "<sip:aigul@10.0.0.5:5062>;expires=0")]).headers, []);
    assert_eq!(w.changes(), went(Cause::Removed));
    assert!(w.registrar.is_empty() && w.registrar.deadline().is_none());
}

#[test]
fn one_password_never_registers_anothers_address() {
    let mut w = World::new();
    let who = proved("aigul");
    for (to, status) in [
        ("<sip:berik@example.kz>", 403),
        ("<sip:Aigul@example.kz>", 403),
        ("<sip:example.kz>", 403),
        ("<isbn:2983792873>", 404),
        ("<sip:%61igul@example.kz>", 200),
    ] {
        let reply = w.registrar.register(&who, &register(to, "c", 1, &[HOME]), flow(1), w.now);
        assert_eq!(reply.status, status, "{to}");
    }
    assert!(w.registrar.bindings("berik").is_empty());
}

#[test]
fn lifetimes_are_bounded_on_both_sides() {
    let mut w = World::new();
    let mut ask = |seconds: u32| {
        let reply = w.say(&[HOME, ("Expires", &seconds.to_string())]);
        (reply.status, reply.headers)
    };
    let granted = |s: u32| (200, vec![("Contact", format!("<sip:aigul@10.0.0.5:5062>;expires={s}"))]);
    assert_eq!(ask(EXPIRES_MIN_S - 1), (423, vec![("Min-Expires", "30".to_owned())]));
    assert_eq!(ask(EXPIRES_MIN_S), granted(EXPIRES_MIN_S));
    assert_eq!(ask(EXPIRES_MAX_S), granted(EXPIRES_MAX_S));
    assert_eq!(ask(u32::MAX), granted(EXPIRES_MAX_S));
    // A Contact's own word counts before the header; without either it is an hour.
    let reply = w.say(&[("Contact", "<sip:aigul@10.0.0.5:5062>;expires=60"), ("Expires", "600")]);
    assert!(reply.headers[0].1.ends_with("expires=60"));
    assert!(w.say(&[HOME]).headers[0].1.ends_with("expires=3600"));
}

#[test]
fn a_phone_that_falls_silent_is_forgotten_in_time() {
    let mut w = World::new();
    w.say(&[HOME, ("Expires", "60")]);
    w.changes();
    w.registrar.expire(w.now + Duration::from_millis(59_999));
    assert_eq!((w.phones(), w.changes().len()), (1, 0));
    w.registrar.expire(w.now + Duration::from_secs(60));
    assert_eq!((w.phones(), w.changes()), (0, went(Cause::Expired)));
}

#[test]
fn a_lost_flow_takes_its_phones_and_no_others() {
    let mut w = World::new();
    w.say_on(1, &[HOME]);
    w.say_on(2, &[("Contact", "<sip:aigul@10.0.0.6>")]);
    assert_eq!(w.changes(), came());
    w.registrar.flow_lost(flow(1));
    assert_eq!((w.phones(), w.changes().len()), (1, 0));
    assert_eq!(w.registrar.bindings("aigul")[0].flow, flow(2));
    w.registrar.flow_lost(flow(2));
    assert_eq!(w.changes(), went(Cause::FlowLost));
    w.registrar.flow_lost(flow(2));
    assert!(w.changes().is_empty());
}

#[test]
fn a_phone_that_came_back_on_a_new_connection_is_called_there() {
    let mut w = World::new();
    w.say_on(1, &[HOME]);
    w.say_on(2, &[HOME]);
    w.registrar.flow_lost(flow(1));
    assert_eq!(w.phones(), 1);
    assert_eq!(w.registrar.bindings("aigul")[0].flow, flow(2));
    // The same instance with a new Contact is the same phone.
    w.say_on(3, &[("Contact", "<sip:aigul@a:1>;+sip.instance=\"<urn:uuid:1>\"")]);
    w.say_on(4, &[("Contact", "<sip:aigul@a:2>;+sip.instance=\"<urn:uuid:1>\"")]);
    assert_eq!(w.phones(), 2);
}

#[test]
fn the_star_signs_every_phone_off_and_only_with_expires_0() {
    let mut w = World::new();
    w.say(&[HOME]);
    w.say(&[("Contact", "<sip:aigul@10.0.0.6>")]);
    w.changes();
    assert_eq!(w.say(&[("Contact", "*")]).status, 400);
    assert_eq!(w.say(&[("Contact", "*"), ("Expires", "60")]).status, 400);
    assert_eq!(w.phones(), 2);
    assert_eq!(w.say(&[("Contact", "*"), ("Expires", "0")]).status, 200);
    assert_eq!((w.phones(), w.changes()), (0, went(Cause::Removed)));
}

#[test]
fn a_late_request_does_not_undo_a_newer_one() {
    let mut w = World::new();
    let who = proved("aigul");
    let mut send = |call: &str, cseq: u32, expires: &str| {
        let request = register("<sip:aigul@h>", call, cseq, &[HOME, ("Expires", expires)]);
        w.registrar.register(&who, &request, flow(1), w.now).status
    };
    assert_eq!(send("a", 5, "600"), 200);
    assert_eq!(send("a", 5, "0"), 500);
    assert_eq!(send("a", 4, "0"), 500);
    assert_eq!(send("b", 1, "600"), 200);
    assert_eq!(send("b", 2, "0"), 200);
}

#[test]
fn a_question_without_contact_is_answered_and_changes_nothing() {
    let mut w = World::new();
    w.say(&[HOME, ("Expires", "600")]);
    w.now += Duration::from_millis(1_500);
    let reply = w.say(&[]);
    assert_eq!(reply.headers, [("Contact", "<sip:aigul@10.0.0.5:5062>;expires=599".to_owned())]);
}

#[test]
fn the_ninth_phone_takes_the_place_of_the_one_nearest_its_end() {
    let mut w = World::new();
    for n in 0..BINDINGS_MAX {
        w.say(&[("Contact", &format!("<sip:aigul@10.0.0.{n}>")), ("Expires", &(100 + n).to_string())]);
    }
    assert_eq!(w.phones(), BINDINGS_MAX);
    w.say(&[("Contact", "<sip:aigul@10.0.1.1>"), ("Expires", "600")]);
    assert_eq!(w.phones(), BINDINGS_MAX);
    assert!(w.registrar.bindings("aigul").iter().all(|b| b.uri.host != "10.0.0.0"));
    let many = ["<sip:aigul@h>"; BINDINGS_MAX + 1].join(", ");
    assert_eq!(w.say(&[("Contact", &many)]).status, 400);
}

#[test]
fn what_cannot_be_called_is_not_kept() {
    let mut w = World::new();
    assert_eq!(w.say(&[("Contact", "<tel:+77012345678>")]).status, 400);
    assert_eq!(w.say(&[HOME, ("Contact", "<name:John_Smith>")]).status, 400);
    assert_eq!(w.phones(), 0);
}

/// RFC 4475 section 3.3.14. That no call of ours takes the Route is `dialog`'s to prove.
#[test]
fn a_contact_comes_back_with_the_headers_it_had() {
    let mut w = World::new();
    let contact = "sip:aigul@h?Route=%3Csip:evil%3E";
    assert_eq!(w.say(&[("Contact", &format!("<{contact}>"))]).status, 200);
    assert_eq!(w.registrar.bindings("aigul")[0].uri.to_string(), contact);
}

const INSTANCE: &str = "+sip.instance=\"<urn:uuid:1>\"";

/// RFC 5626 section 6: the same instance and reg-id replaces, another reg-id is another flow.
#[test]
fn each_reg_id_of_an_instance_is_a_flow_of_its_own() {
    let mut w = World::new();
    let mut on = |connection: u64, reg_id: u32, host: &str| {
        let contact = format!("<sip:aigul@{host}>;{INSTANCE};reg-id={reg_id}");
        let reply = w.say_on(connection, &[("Contact", &contact), ("Supported", "path, outbound")]);
        (reply.status, w.phones(), reply.headers)
    };
    let (status, phones, headers) = on(1, 1, "10.0.0.5:1");
    assert_eq!((status, phones), (200, 1));
    assert!(headers.contains(&("Require", "outbound".into())), "{headers:?}");
    assert!(headers.iter().any(|(name, _)| *name == "Flow-Timer"));
    assert_eq!(on(2, 2, "10.0.0.5:1").1, 2, "the same Contact by another flow");
    assert_eq!(on(3, 1, "10.0.0.5:9").1, 2, "the first flow again, over another connection");
    w.registrar.flow_lost(flow(1));
    assert_eq!(w.phones(), 2);
    w.registrar.flow_lost(flow(3));
    assert_eq!((w.phones(), w.registrar.bindings("aigul")[0].flow), (1, flow(2)));
    // Without the option tag, or without an instance, reg-id says nothing.
    let plain = w.say_on(4, &[("Contact", &format!("<sip:aigul@a:4>;{INSTANCE};reg-id=3"))]);
    assert_eq!((plain.status, w.phones()), (200, 2), "a phone by its Contact, as before RFC 5626");
    assert!(!plain.headers.iter().any(|(name, _)| *name == "Require"));
    let two = format!("<sip:aigul@a:1>;{INSTANCE};reg-id=1, <sip:aigul@a:2>");
    assert_eq!(w.say(&[("Contact", &two), ("Supported", "outbound")]).status, 400);
}

/// RFC 3327 section 5: calls to the phone go by the proxies that its registration came by.
#[test]
fn a_path_is_kept_said_back_and_wants_a_phone_that_knows_of_it() {
    let mut w = World::new();
    let path = ("Path", "<sip:edge.example;lr>, <sip:192.0.2.7:5070;lr;ob>");
    assert_eq!(w.say(&[HOME, path]).status, 420);
    let reply = w.say(&[HOME, path, ("Supported", "path")]);
    assert_eq!(reply.status, 200);
    assert!(reply.headers.contains(&("Path", path.1.into())), "{:?}", reply.headers);
    let kept = &w.registrar.bindings("aigul")[0].path;
    assert_eq!(kept, &["<sip:edge.example;lr>", "<sip:192.0.2.7:5070;lr;ob>"]);
    let plain = ("Path", "<sip:edge.example;lr>");
    let insists = [HOME, plain, ("Supported", "path"), ("Require", "outbound")];
    assert_eq!(w.say(&insists).status, 439);
    let long = ["<sip:p;lr>"; PATH_MAX + 1].join(", ");
    assert_eq!(w.say(&[HOME, ("Path", &long), ("Supported", "path")]).status, 400);
    let most = ["<sip:p;lr>"; PATH_MAX].join(", ");
    assert_eq!(w.say(&[HOME, ("Path", &most), ("Supported", "path")]).status, 200);
    assert_eq!(w.say(&[HOME, ("Path", "<sip:p"), ("Supported", "path")]).status, 400);
}

/// RFC 3261 section 20.10: the last is the one to be called.
#[test]
fn phones_are_in_the_order_of_q_and_then_of_who_was_heard_last() {
    let mut w = World::new();
    for contact in ["<sip:aigul@a>;q=0.7", "<sip:aigul@b>", "<sip:aigul@c>;q=0.75", "<sip:aigul@d>;q=x"] {
        w.say(&[("Contact", contact)]);
    }
    let hosts =
        |w: &World| w.registrar.bindings("aigul").iter().map(|b| b.uri.host.clone()).collect::<String>();
    assert_eq!(hosts(&w), "acbd");
    w.say(&[("Contact", "<sip:aigul@b>")]);
    assert_eq!(hosts(&w), "acdb");
    w.say(&[("Contact", "<sip:aigul@b>;q=0")]);
    assert_eq!(hosts(&w), "bacd");
}

#[test]
fn the_operator_sets_both_bounds() {
    let mut w = World::new();
    w.registrar.set_expiry(Expiry { min_s: 60, max_s: 120 });
    let short = w.say(&[HOME, ("Expires", "59")]);
    assert_eq!((short.status, short.headers), (423, vec![("Min-Expires", "60".to_owned())]));
    assert!(w.say(&[HOME, ("Expires", "60")]).headers[0].1.ends_with("expires=60"));
    assert!(w.say(&[HOME, ("Expires", "9999")]).headers[0].1.ends_with("expires=120"));
    assert!(w.say(&[HOME]).headers[0].1.ends_with("expires=120"));
}

#[test]
fn whoever_asks_knows_when_the_flows_change() {
    let mut w = World::new();
    let before = w.registrar.turns();
    w.say_on(1, &[HOME]);
    assert!(w.registrar.turns() != before && w.registrar.has_flow(flow(1)) && !w.registrar.has_flow(flow(2)));
    assert!(w.registrar.is_at("aigul", flow(1)) && !w.registrar.is_at("berik", flow(1)));
    assert_eq!(w.registrar.flows().collect::<Vec<_>>(), [flow(1)]);
}

#[test]
fn nobody_is_named_where_it_could_be_logged() {
    let mut w = World::new();
    w.say(&[HOME]);
    let changes = w.changes();
    let shown =
        format!("{:?} {:?} {changes:?} {:?}", w.registrar, w.registrar.bindings("aigul"), proved("aigul"));
    assert!(!shown.contains("aigul") && !shown.contains("10.0"), "{shown}");
}

proptest! {
    /// Every first phone and every last one is told exactly once, and nothing is left behind.
    #[test]
    fn comings_and_goings_alternate(steps in prop::collection::vec((0u8..4, 0u8..10, 0u32..200), 1..60)) {
        let mut w = World::new();
        let who = proved("aigul");
        let mut here = false;
        for (what, n, seconds) in steps {
            w.now += Duration::from_secs(u64::from(seconds));
            w.cseq += 1;
            match what {
                0 | 1 => {
                    let contact = format!("<sip:aigul@10.0.0.{n}>;expires={}", if what == 0 { 100 } else { 0 });
                    let request = register("<sip:aigul@h>", "c", w.cseq, &[("Contact", &contact)]);
                    w.registrar.register(&who, &request, flow(u64::from(n % 3)), w.now);
                }
                2 => w.registrar.flow_lost(flow(u64::from(n % 3))),
                _ => w.registrar.expire(w.now),
            }
            for change in w.changes() {
                prop_assert_eq!(here, matches!(change, Change::Unregistered { .. }));
                here = !here;
            }
            prop_assert_eq!(here, w.phones() > 0);
            prop_assert_eq!(w.registrar.deadline().is_some(), here);
            prop_assert_eq!(w.registrar.len(), w.phones());
        }
    }
}
