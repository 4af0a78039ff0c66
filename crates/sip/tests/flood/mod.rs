//! A line with a trunk and many phones, and strangers who flood it, in their own time.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)] // Each user takes a part; a broken harness may panic.

use super::pair::{ANSWER, Line, OFFER, settings};
use core::time::Duration;
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::overload::BUDGETS_MAX;
use senim_sip::{Credentials, Endpoint, Event, Flow, Input, Message, Method, Output, Secrets, Transport};
use std::net::SocketAddr;

pub const PHONES: u8 = 200;

/// A line with a trunk, and many phones that each have an account.
pub struct World {
    pub line: Endpoint,
    pub now: Instant,
    pub events: Vec<Event>,
    pub serial: u64,
}

pub fn flow(remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local: Line.address(), remote, connection: 0 }
}

pub fn phone(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 5060))
}

pub fn trunk() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], 5060))
}

pub fn flooder(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 9], port))
}

impl World {
    pub fn new() -> World {
        let mut line = Endpoint::new(settings(Some("198.51.100.7")), Entropy::from_seed(1));
        for n in 0..PHONES {
            let user = format!("u{n}");
            line.guard_mut().set_account(&user, Secrets::from_password(&user, "senim.example", "p"));
        }
        World { line, now: Instant::from_secs(1), events: Vec::new(), serial: 0 }
    }

    /// Sends a message from there; what comes back to there.
    pub fn say(&mut self, from: SocketAddr, text: &str) -> Vec<String> {
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

    pub fn request(&mut self, method: &str, from: SocketAddr, to: &str, extra: &str, body: &str) -> String {
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
    pub fn sign_in(&mut self, n: u8) -> bool {
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
    pub fn call(&mut self) -> (String, String) {
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

    pub fn pass(&mut self, time: Duration) {
        self.now += time;
        let _ = self.line.handle(Input::Timeout, self.now);
        while self.line.poll().is_some() {}
    }
}

/// What a flood left of those who belong here.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Served {
    pub calls: u32,
    pub phones: u32,
}

/// Real calls a second of a [`World::flooded`], each answered and hung up.
pub const CALLS: u32 = 5;

impl World {
    /// A stranger's message: from one tool, from many ports of one network, or from many networks.
    pub fn strange(&mut self, k: u32) -> (SocketAddr, String) {
        let [_, _, a, b] = k.to_be_bytes();
        let from = match k % 3 {
            0 => flooder(4_000),
            1 => flooder(10_000 + u16::from(b) * 16 + u16::from(a & 15)),
            _ => SocketAddr::from(([10, 9, a, b], 5060)),
        };
        let text = match k % 5 {
            0 => self.request("REGISTER", from, "<sip:u1@x>", "Expires: 60\r\n", ""),
            1 => self.request("OPTIONS", from, "<sip:u1@x>", "", ""),
            2 => self.request("INVITE", from, "<sip:111@x>", "", OFFER),
            3 => self.request("BYE", from, "<sip:111@x>;tag=guessed", "", ""),
            _ => "INVITE sip:111@x SIP/2.0\r\nVia: \x01\r\n\r\n".to_owned(),
        };
        (from, text)
    }

    /// A call of the trunk, from INVITE to BYE.
    pub fn whole_call(&mut self) -> bool {
        let (ack, _) = self.call();
        let bye = ack.replace("ACK", "BYE").replace("CSeq: 1", "CSeq: 2").replace("bKack", "bKbye");
        let answers = self.say(trunk(), &format!("{bye}Content-Length: 0\r\n\r\n"));
        self.events.clear();
        answers.iter().any(|a| a.starts_with("SIP/2.0 200"))
    }

    /// So many seconds of a flood, with real calls and phones in between. `look` is told of the line each second.
    pub fn flooded(&mut self, seconds: u32, per_second: u32, mut look: impl FnMut(u32, &Endpoint)) -> Served {
        let mut served = Served::default();
        for second in 0..seconds {
            for k in 0..per_second {
                let (from, text) = self.strange(second.wrapping_mul(per_second).wrapping_add(k));
                self.say(from, &text);
                if k % (per_second / CALLS).max(1) == 0 {
                    served.calls += u32::from(self.whole_call());
                }
                self.pass(Duration::from_secs(1) / per_second);
            }
            let phone = u8::try_from(second % u32::from(PHONES)).unwrap();
            served.phones += u32::from(self.sign_in(phone));
            look(second, &self.line);
        }
        served
    }

    /// What the line may keep, whoever floods: calls of the last half a minute, phones, budgets.
    pub fn is_bounded(line: &Endpoint) -> bool {
        let live = line.live();
        let calls = usize::try_from(CALLS * 40).unwrap();
        live.sessions <= calls && live.transactions <= 3 * calls && line.silenced().1 <= 2 * BUDGETS_MAX
    }
}
