//! RFC 4475 and RFC 5118: what the endpoint does with each torture message, from a trunk, a stranger and a user with
//! a password; as a datagram and in a stream, byte by byte. `tests/torture/manifest.toml` says what is due and why.
#![allow(clippy::unwrap_used, clippy::panic)] // A helper of a test fails as the test does.

mod pair;
#[path = "../../../tests/torture/mod.rs"]
mod torture;

use pair::{Line, settings};
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::{Counts, Credentials, Endpoint, Event, Flow, Input, Message, Output, Secrets, Transport};
use std::path::Path;
use torture::{After, Answer, Torture, Treatment, Zone};

/// A line and what it said.
struct World {
    line: Endpoint,
    now: Instant,
    answers: Vec<Answer>,
    said: Vec<String>,
    cut: bool,
}

impl World {
    fn new() -> World {
        let mut line = Endpoint::new(settings(Some("198.51.100.20")), Entropy::from_seed(4475));
        let secrets = Secrets::from_password("watson", "senim.example", "correct");
        line.guard_mut().set_account("watson", secrets);
        World { line, now: Instant::from_secs(1), answers: Vec::new(), said: Vec::new(), cut: false }
    }

    fn flow(zone: Zone, transport: Transport) -> Flow {
        let remote = if zone == Zone::Trunk { "198.51.100.20:5060" } else { "203.0.113.66:5060" };
        let connection = u64::from(transport != Transport::Udp);
        Flow { transport, local: Line.address(), remote: remote.parse().unwrap(), connection }
    }

    fn put(&mut self, input: Input<'_>) {
        let _ = self.line.handle(input, self.now);
        self.hear();
    }

    fn hear(&mut self) {
        while let Some(output) = self.line.poll() {
            match output {
                // A keep-alive's answer: the line breaks between two requests are one.
                Output::Transmit { bytes, .. } if bytes == b"\r\n" => {}
                Output::Transmit { bytes, .. } | Output::Refuse { bytes, .. } => {
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    let status = text.get(8..11).and_then(|s| s.parse().ok()).unwrap();
                    if status >= 200 {
                        self.answers.push(Answer::Status(status));
                    }
                    let head = text.split("\r\n\r\n").next().unwrap();
                    assert!(head.split("\r\n").all(|l| !l.contains(char::is_control)), "{text:?}");
                    self.said.push(text);
                }
                Output::Event(Event::Incoming(call)) => {
                    self.answers.push(Answer::Call);
                    let (now, session) = (self.now, call.session);
                    // Busy, but that is the switch's word: not counted here.
                    let before = self.answers.len();
                    self.line.reject(session, 486, Vec::new(), now);
                    self.hear();
                    self.answers.truncate(before);
                }
                Output::Event(_) => {}
                Output::Disconnect(_) => self.cut = true,
            }
        }
    }

    fn send(&mut self, zone: Zone, transport: Transport, bytes: &[u8]) {
        let flow = World::flow(zone, transport);
        match transport {
            Transport::Udp => return self.put(Input::Datagram { flow, bytes }),
            Transport::Ws => return self.put(Input::Stream { flow, bytes }),
            _ => {}
        }
        for byte in bytes.chunks(1) {
            self.put(Input::Stream { flow, bytes: byte });
            if self.cut {
                self.put(Input::FlowClosed(flow));
                return;
            }
        }
    }

    /// Lets time pass until nothing waits, or until the connection is cut.
    fn rest(&mut self) {
        while let Some((at, _)) = self.line.deadline() {
            self.now = at;
            self.put(Input::Timeout);
        }
    }

    fn treatment(&self, waited: bool) -> Treatment {
        let after = match (self.cut, waited) {
            (false, _) => After::Stays,
            (true, false) => After::Closed,
            (true, true) => After::Waits,
        };
        Treatment { answers: self.answers.clone(), after }
    }
}

fn every() -> Vec<Torture> {
    torture::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/torture"))
}

/// FEATURES E5, S8.
#[test]
fn every_torture_message_meets_what_its_rfc_names() {
    for torture in every() {
        let senders = [Zone::Trunk, Zone::Stranger].map(|z| [(z, Transport::Udp), (z, Transport::Ws)]);
        for (zone, transport) in senders.into_iter().flatten() {
            let mut world = World::new();
            world.send(zone, transport, &torture.bytes);
            let name = format!("{} of {}, {zone:?} by {transport:?}", torture.name, torture.rfc);
            assert_eq!(world.treatment(false), torture.alone(zone), "{name}: {:?}", world.said);
            if let Some(header) = &torture.header {
                assert!(world.said[0].contains(&format!("\r\n{header}")), "{name}: {:?}", world.said);
            }
            world.rest();
            let live = Counts { streams: 0, ..world.line.live() };
            assert_eq!(live, Counts::default(), "{name} leaves something");
        }
    }
}

/// FEATURES E5, S8.
#[test]
fn every_torture_message_meets_the_same_in_a_stream_byte_by_byte() {
    for torture in every() {
        for zone in [Zone::Trunk, Zone::Stranger] {
            let mut world = World::new();
            world.send(zone, Transport::Tcp, &torture.bytes);
            let due = torture.in_stream(zone);
            let name = format!("{} of {}, {zone:?}", torture.name, torture.rfc);
            if due.after == After::Waits {
                assert!(!world.cut, "{name}");
                let began = world.now;
                world.rest();
                assert!(world.now.since(began).as_secs() <= 10, "{name}");
                assert_eq!(world.treatment(true), due, "{name}: {:?}", world.said);
            } else {
                assert_eq!(world.treatment(false), due, "{name}: {:?}", world.said);
            }
            world.rest();
            let live = Counts { streams: 0, ..world.line.live() };
            assert_eq!(live, Counts::default(), "{name} leaves something");
        }
    }
}

/// What a REGISTER of somebody who has a password gets: the bindings as he wrote them.
#[test]
fn registrations_of_odd_contacts_succeed_with_the_password() {
    let mut seen = 0;
    for torture in every() {
        let (Some(user), Some(contact)) = (&torture.user, &torture.contact) else { continue };
        let mut world = World::new();
        world.send(Zone::Stranger, Transport::Udp, &torture.bytes);
        let challenge = Message::parse(world.said[0].as_bytes()).unwrap();
        let password = Redacted::new("correct".to_owned());
        let credentials = Credentials { user: user.clone(), password, realm: None };
        let request = Message::parse(&torture.bytes).unwrap();
        let senim_sip::StartLine::Request { method, uri } = request.start() else { panic!() };
        let (name, value) = credentials.answer(&challenge, method, uri, "c0ffee").unwrap();
        let text = String::from_utf8(torture.bytes.clone()).unwrap();
        let (first, rest) = text.split_once("\r\n").unwrap();
        world.said.clear();
        world.send(
            Zone::Stranger,
            Transport::Udp,
            format!("{first}\r\n{name}: {value}\r\n{rest}").as_bytes(),
        );
        let said = &world.said[0];
        assert!(said.starts_with("SIP/2.0 200"), "{}: {said}", torture.name);
        assert!(said.contains(&format!("Contact: {contact};expires=")), "{}: {said}", torture.name);
        seen += 1;
    }
    assert_eq!(seen, 6);
}

/// The counts that the RFCs have, so that no message gets lost.
#[test]
fn the_manifest_holds_every_section() {
    let all = every();
    let of = |part: &str| all.iter().filter(|t| t.rfc.starts_with(part)).count();
    let parts = ["4475 3.1.1.", "4475 3.1.2.", "4475 3.2.", "4475 3.3.", "4475 3.4.", "5118 4."];
    assert_eq!(parts.map(of), [13, 19, 1, 15, 1, 12]);
    assert!(all.iter().all(|t| !t.why.is_empty() && !t.oddity.is_empty()));
}
