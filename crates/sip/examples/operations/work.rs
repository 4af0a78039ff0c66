//! The operations that are measured, by `operations` and by `cargo bench`. They read no clock.
#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)] // A measuring program stops at a fault.

use core::time::Duration;
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::{
    Builder, Credentials, Endpoint, Event, Flow, Input, Message, Method, Outgoing, Output, Secrets,
    SessionId, Settings, Transport, TrunkSource,
};
use std::net::SocketAddr;

const REALM: &str = "senim.example";
const LINE: &str = "192.0.2.1:5060";
const CARRIER: &str = "198.51.100.20:5060";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
/// Between two operations: what is finished is forgotten, as on a line that runs.
const PACE: Duration = Duration::from_millis(50);

/// An INVITE of 12 headers with a session description.
pub fn invite() -> Vec<u8> {
    format!(
        "INVITE sip:111@helpline.example.kz SIP/2.0\r\nVia: SIP/2.0/UDP {CARRIER};branch=z9hG4bK7a;rport\r\n\
         Via: SIP/2.0/UDP 198.51.100.21:5060;branch=z9hG4bK7b;received=192.0.2.7\r\nMax-Forwards: 70\r\n\
         From: \"+77012345678\" <sip:+77012345678@carrier.example.kz>;tag=8a7b\r\nTo: <sip:111@helpline.example.kz>\r\n\
         Call-ID: 5f2c9e@198.51.100.20\r\nCSeq: 1 INVITE\r\nContact: <sip:+77012345678@{CARRIER}>\r\n\
         User-Agent: carrier\r\nAllow: INVITE, ACK, BYE, CANCEL\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
    .into_bytes()
}

/// The 200 that answers it.
pub fn ok(invite: &Message) -> Vec<u8> {
    Builder::response(200, invite, Some("t1")).body("application/sdp", SDP.as_bytes()).finish()
}

fn endpoint(trunk: Option<&str>, seed: u64) -> Endpoint {
    let source = |at: &str| TrunkSource {
        name: "carrier".into(),
        sources: vec![at.parse::<SocketAddr>().unwrap().ip().to_string().parse().unwrap()],
        tls_only: false,
    };
    let settings = Settings {
        user_agent: "Senim".into(),
        trunks: trunk.map(source).into_iter().collect(),
        ..Settings::of_realm(REALM)
    };
    Endpoint::new(settings, Entropy::from_seed(seed))
}

fn flow(from: &str, to: &str) -> Flow {
    let (local, remote) = (from.parse().unwrap(), to.parse().unwrap());
    Flow { transport: Transport::Udp, local, remote, connection: 0 }
}

/// A carrier and the line, each hearing the other at once.
pub struct Two {
    carrier: Endpoint,
    line: Endpoint,
    now: Instant,
    talking: Option<SessionId>,
    ended: u32,
}

impl Two {
    pub fn new() -> Two {
        let (carrier, line) = (endpoint(Some(LINE), 1), endpoint(Some(CARRIER), 2));
        Two { carrier, line, now: Instant::from_secs(1), talking: None, ended: 0 }
    }

    /// INVITE, 200, ACK; unless it is held, BYE and its 200 too. Both ends are ours.
    pub fn call(&mut self, hold: bool) {
        let outgoing = Outgoing {
            flow: flow(CARRIER, LINE),
            uri: format!("sip:111@{LINE}"),
            from: "<sip:+77012345678@carrier.example.kz>".into(),
            to: format!("<sip:111@{LINE}>"),
            headers: Vec::new(),
            sdp: Some(SDP.into()),
            credentials: None,
        };
        let ended = self.ended;
        let session = self.carrier.invite(outgoing, self.now).unwrap();
        self.settle();
        assert!(self.talking.take().is_some(), "answered");
        if !hold {
            self.carrier.hang_up(session, None, self.now);
            self.settle();
            assert!(self.ended > ended, "ended");
        }
        self.pass();
    }

    /// Everything that both have to say, until both are silent.
    fn settle(&mut self) {
        while self.hand_over(true) || self.hand_over(false) {}
    }

    fn hand_over(&mut self, from_carrier: bool) -> bool {
        let speaker = if from_carrier { &mut self.carrier } else { &mut self.line };
        let Some(output) = speaker.poll() else { return false };
        match output {
            Output::Transmit { bytes, .. } | Output::Refuse { bytes, .. } => {
                let (to, way) = if from_carrier {
                    (&mut self.line, flow(LINE, CARRIER))
                } else {
                    (&mut self.carrier, flow(CARRIER, LINE))
                };
                to.handle(Input::Datagram { flow: way, bytes: &bytes }, self.now).unwrap();
            }
            Output::Event(Event::Incoming(invitation)) => {
                self.line.accept(invitation.session, SDP, self.now);
            }
            Output::Event(Event::Confirmed { session, .. }) => self.talking = Some(session),
            Output::Event(Event::Ended { .. }) => self.ended += 1,
            Output::Event(_) | Output::Disconnect(_) => {}
        }
        true
    }

    fn pass(&mut self) {
        self.now += PACE;
        for side in [&mut self.carrier, &mut self.line] {
            if side.deadline().is_some_and(|(at, _)| at <= self.now) {
                side.handle(Input::Timeout, self.now).unwrap();
            }
        }
        self.settle();
    }
}

/// A line with accounts for so many phones.
pub struct Phones {
    line: Endpoint,
    phones: u32,
    done: u32,
    now: Instant,
}

impl Phones {
    pub fn new(phones: u32) -> Phones {
        let mut line = endpoint(None, 3);
        for n in 0..phones {
            let user = format!("user{n}");
            line.guard_mut().set_account(&user, Secrets::from_password(&user, REALM, "secret"));
        }
        Phones { line, phones, done: 0, now: Instant::from_secs(1) }
    }

    /// The next phone registers, challenged once.
    pub fn register(&mut self) {
        self.now += PACE;
        register(&mut self.line, self.done, self.done % self.phones.max(1), self.now);
        self.done += 1;
    }
}

/// A REGISTER; `proof` is a header line that answers a challenge, or nothing.
pub fn registration(n: u32, phone: u32, cseq: u32, proof: &str) -> String {
    let remote = phone_at(phone);
    format!(
        "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {remote};rport;branch=z9hG4bK{n}.{cseq}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:user{phone}@{REALM}>;tag=t{n}\r\nTo: <sip:user{phone}@{REALM}>\r\n\
         Call-ID: c{phone}@{remote}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:user{phone}@{remote}>\r\n\
         Expires: 3600\r\n{proof}User-Agent: a phone\r\nContent-Length: 0\r\n\r\n"
    )
}

fn phone_at(phone: u32) -> SocketAddr {
    let [_, a, b, c] = phone.to_be_bytes();
    SocketAddr::from(([10, a, b, c], 5060))
}

fn register(line: &mut Endpoint, n: u32, phone: u32, now: Instant) {
    let flow = flow(LINE, &phone_at(phone).to_string());
    let ask = |cseq: u32, proof: &str| registration(n, phone, cseq, proof);
    let challenge = Message::parse(&say(line, flow, &ask(2 * n + 1, ""), now)).unwrap();
    let who = Credentials {
        user: format!("user{phone}"),
        password: Redacted::new("secret".into()),
        realm: Some(REALM.into()),
    };
    let (name, value) = who.answer(&challenge, Method::Register, &format!("sip:{REALM}"), "cnonce").unwrap();
    let granted = say(line, flow, &ask(2 * n + 2, &format!("{name}: {value}\r\n")), now);
    assert!(granted.starts_with(b"SIP/2.0 200"), "granted");
}

fn say(line: &mut Endpoint, flow: Flow, text: &str, now: Instant) -> Vec<u8> {
    line.handle(Input::Datagram { flow, bytes: text.as_bytes() }, now).unwrap();
    let outputs = core::iter::from_fn(|| line.poll());
    outputs
        .filter_map(|output| if let Output::Transmit { bytes, .. } = output { Some(bytes) } else { None })
        .last()
        .unwrap()
}
