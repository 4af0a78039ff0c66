//! Floods: whoever is known is served as if there were none, whoever is not gets less and less, memory stays.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Line, OFFER, settings};
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::overload::BUDGETS_MAX;
use senim_sip::{
    Budgets, Credentials, Endpoint, Event, Fault, Flow, Input, Message, Method, Output, Rate, Secrets,
    Transport,
};
use std::net::SocketAddr;

const PHONES: u8 = 200;

/// A line with a trunk, and many phones that each have an account.
struct World {
    line: Endpoint,
    now: Instant,
    events: Vec<Event>,
    serial: u64,
}

fn flow(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: Line.address(), remote, connection: 0 }
}

fn phone(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 5060))
}

fn trunk() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], 5060))
}

fn flooder(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], port))
}

impl World {
    fn new() -> World {
        let mut line = Endpoint::new(settings(Some("198.51.100.7")), Entropy::from_seed(1));
        for n in 0..PHONES {
            let user = format!("u{n}");
            line.guard_mut().set_account(&user, Secrets::from_password(&user, "senim.example", "p"));
        }
        World { line, now: Instant::from_secs(1), events: Vec::new(), serial: 0 }
    }

    /// Sends a message from there; what comes back to there.
    fn say(&mut self, from: SocketAddr, text: &str) -> Vec<String> {
        let _ = self.line.handle(Input::Datagram { flow: flow(from), bytes: text.as_bytes() }, self.now);
        let mut answers = Vec::new();
        while let Some(output) = self.line.poll() {
            match output {
                Output::Transmit { flow, bytes } if flow.remote == from => {
                    answers.push(String::from_utf8(bytes).unwrap());
                }
                Output::Event(event) => self.events.push(event),
                _ => {}
            }
        }
        answers
    }

    fn request(&mut self, method: &str, from: SocketAddr, to: &str, extra: &str, body: &str) -> String {
        self.serial += 1;
        let n = self.serial;
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};rport;branch=z9hG4bKf{n}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:x@x>;tag=f{n}\r\nTo: {to}\r\nCall-ID: c{n}@x\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:x@{from}>\r\n{extra}{kind}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    /// A phone signs in: asked, answered, granted.
    fn sign_in(&mut self, n: u8) -> bool {
        let user = format!("u{n}");
        let ask = self.request("REGISTER", phone(n), &format!("<sip:{user}@x>"), "Expires: 600\r\n", "");
        let Some(challenge) = self.say(phone(n), &ask).pop() else { return false };
        let challenge = Message::parse(challenge.as_bytes()).unwrap();
        let who = Credentials { user, password: Redacted::new("p".into()), realm: None };
        let (name, value) = who.answer(&challenge, Method::Register, "sip:111@192.0.2.1", "cn").unwrap();
        let (head, tail) = ask.split_once("Max-Forwards").unwrap();
        let again = format!("{head}{name}: {value}\r\nMax-Forwards{tail}");
        let again = again.replace("branch=z9hG4bKf", "branch=z9hG4bKg").replace("CSeq: 1", "CSeq: 2");
        self.say(phone(n), &again).pop().is_some_and(|answer| answer.starts_with("SIP/2.0 200"))
    }

    /// A call of the trunk that stands: its dialog's To.
    fn call(&mut self) -> (String, String) {
        let invite = self.request("INVITE", trunk(), "<sip:111@x>", "", OFFER);
        self.say(trunk(), &invite);
        let Some(Event::Incoming(invitation)) = self.events.pop() else { panic!("no call") };
        let now = self.now;
        self.line.accept(invitation.session, ANSWER, now);
        let mut ok = String::new();
        while let Some(output) = self.line.poll() {
            if let Output::Transmit { bytes, .. } = output {
                ok = String::from_utf8(bytes).unwrap();
            }
        }
        let to = ok.lines().find(|l| l.starts_with("To:")).unwrap()[4..].to_owned();
        let ack = invite.replace("INVITE", "ACK").replace("To: <sip:111@x>", &format!("To: {to}"));
        let ack = ack.split("Content-Type").next().unwrap().replace("bKf", "bKack");
        self.say(trunk(), &format!("{ack}Content-Length: 0\r\n\r\n"));
        assert!(matches!(self.events.pop(), Some(Event::Confirmed { .. })));
        (ack, to)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        let _ = self.line.handle(Input::Timeout, self.now);
        while self.line.poll().is_some() {}
    }
}

/// THREATS: REGISTER flood, and floods of everything else, ten times what phones and trunks bring: from one tool, from
/// many ports of one network, from many networks. No request within a talk is refused, every phone signs in, and
/// memory is what the talks and the phones need.
#[test]
fn a_flood_delays_no_talk_shuts_out_no_phone_and_takes_no_memory() {
    let mut w = World::new();
    let (ack, _) = w.call();
    let before = w.line.live();
    let (mut within, mut cseq) = (0, 10);
    for round in 0..20u32 {
        for k in 0..2_000u32 {
            let [_, _, a, b] = (round * 2_000 + k).to_be_bytes();
            let from = match k % 3 {
                0 => flooder(4_000),
                1 => flooder(10_000 + u16::from(b) * 16 + u16::from(a & 15)),
                _ => SocketAddr::from(([10, 9, a, b], 5060)),
            };
            let text = match k % 5 {
                0 => w.request("REGISTER", from, "<sip:u1@x>", "Expires: 60\r\n", ""),
                1 => w.request("OPTIONS", from, "<sip:u1@x>", "", ""),
                2 => w.request("INVITE", from, "<sip:111@x>", "", OFFER),
                3 => w.request("BYE", from, "<sip:111@x>;tag=guessed", "", ""),
                _ => "INVITE sip:111@x SIP/2.0\r\nVia: \x01\r\n\r\n".to_owned(),
            };
            w.say(from, &text);
        }
        // A phone signs in each so often, the talk speaks.
        for n in 0..PHONES / 20 {
            let n = u8::try_from(round).unwrap() * (PHONES / 20) + n;
            assert!(w.sign_in(n), "phone {n} in round {round}");
        }
        cseq += 1;
        let info = ack
            .replace("ACK", "INFO")
            .replace("CSeq: 1", &format!("CSeq: {cseq}"))
            .replace("bKack", &format!("bKi{cseq}"));
        let answers = w.say(trunk(), &format!("{info}Content-Length: 0\r\n\r\n"));
        within += usize::from(answers.iter().any(|a| a.starts_with("SIP/2.0 200")));
        w.pass(Duration::from_millis(100));
    }
    assert_eq!(within, 20);
    assert_eq!(w.line.registrar().len(), usize::from(PHONES));
    let (silenced, kept) = w.line.silenced();
    assert!(silenced > 5_000, "{silenced}");
    assert!(kept <= 2 * BUDGETS_MAX, "{kept}");
    let live = w.line.live();
    assert_eq!((live.sessions, live.streams), (before.sessions, 0));
    assert!(live.transactions <= before.transactions + 20, "the talk's own requests only: {live:?}");
}

/// Everybody signs in again at once after a power cut, all behind one router: whoever proves himself is not charged.
#[test]
fn an_office_full_of_phones_may_sign_in_at_once() {
    let mut w = World::new();
    w.line.set_budgets(Budgets {
        port: Rate { burst: 4, per_second: 1 },
        source: Rate { burst: 40, per_second: 1 },
    });
    for round in 0..10 {
        for n in 0..PHONES {
            assert!(w.sign_in(n), "phone {n}, time {round}");
        }
    }
}

/// The very socket that a phone registered on is known, whoever else is behind its router; and a stranger who spent
/// his budget gets silence, not an answer.
#[test]
fn a_registered_phone_is_heard_although_its_neighbour_floods() {
    let mut w = World::new();
    w.line.set_budgets(Budgets {
        port: Rate { burst: 5, per_second: 1 },
        source: Rate { burst: 10, per_second: 1 },
    });
    assert!(w.sign_in(7));
    let neighbour = |port| SocketAddr::new(phone(7).ip(), port);
    let mut answered = 0;
    for port in 6_000..6_050 {
        let ask = w.request("OPTIONS", neighbour(port), "<sip:a@b>", "", "");
        answered += w.say(neighbour(port), &ask).len();
    }
    assert_eq!(answered, 10);
    let ask = w.request("OPTIONS", neighbour(7_000), "<sip:a@b>", "", "");
    let fault = w.line.handle(Input::Datagram { flow: flow(neighbour(7_000)), bytes: ask.as_bytes() }, w.now);
    assert_eq!(fault, Err(Fault::Silenced));
    assert!(w.sign_in(7));
    w.pass(Duration::from_secs(2));
    let ask = w.request("OPTIONS", neighbour(7_001), "<sip:a@b>", "", "");
    assert_eq!(w.say(neighbour(7_001), &ask).len(), 1, "time heals");
}

/// A copy of a REGISTER that was granted gets the same answer from the registrar itself: no transaction, no challenge.
#[test]
fn a_repeated_register_is_answered_alike_and_costs_no_memory() {
    let mut w = World::new();
    let user = "<sip:u3@x>";
    let ask = w.request("REGISTER", phone(3), user, "Expires: 600\r\n", "");
    let challenge = Message::parse(w.say(phone(3), &ask)[0].as_bytes()).unwrap();
    let who = Credentials { user: "u3".into(), password: Redacted::new("p".into()), realm: None };
    let (name, value) = who.answer(&challenge, Method::Register, "sip:111@192.0.2.1", "cn").unwrap();
    let answer =
        ask.replace("Expires:", &format!("{name}: {value}\r\nExpires:")).replace("CSeq: 1", "CSeq: 2");
    let first = w.say(phone(3), &answer);
    assert!(first[0].starts_with("SIP/2.0 200"), "{first:?}");
    assert_eq!(w.say(phone(3), &answer), first);
    assert_eq!(w.line.live(), Default::default());
    assert_eq!(w.line.passwords().proved, 1);
    // From elsewhere, or later, or about something else it is a replay.
    assert!(w.say(SocketAddr::new(phone(3).ip(), 9), &answer)[0].starts_with("SIP/2.0 401"));
    assert!(w.say(phone(3), &answer.replace("CSeq: 2", "CSeq: 3"))[0].starts_with("SIP/2.0 401"));
    w.pass(Duration::from_secs(33));
    assert!(w.say(phone(3), &answer)[0].starts_with("SIP/2.0 401"));
}
