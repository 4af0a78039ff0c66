//! What SIP costs, one operation at a time: `operations OP COUNT [--hold]`. `cargo xtask bench sip` runs it under
//! callgrind and by the clock, with two counts, so that what it costs to begin falls out; with `--hold` it keeps what it
//! made and waits for the end of its input, so that its memory can be read. It reads no clock itself.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)] // A measuring program stops at a fault.

use core::time::Duration;
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::{
    Builder, Credentials, Endpoint, Event, Flow, Input, Message, Method, Outgoing, Output, Secrets,
    SessionId, SessionTimer, Settings, Transport, TrunkSource,
};
use std::hint::black_box;
use std::io::{Read, Write};
use std::net::SocketAddr;

const REALM: &str = "senim.example";
const LINE: &str = "192.0.2.1:5060";
const CARRIER: &str = "198.51.100.20:5060";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 198.51.100.20\r\ns=-\r\nc=IN IP4 198.51.100.20\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n";
/// Between two operations: what is finished is forgotten, as on a line that runs.
const PACE: Duration = Duration::from_millis(50);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let count: u32 = args.get(1).and_then(|n| n.parse().ok()).unwrap_or(1_000);
    let hold = args.iter().any(|arg| arg == "--hold");
    let mut kept: Vec<Box<dyn core::any::Any>> = Vec::new();
    match args.first().map(String::as_str) {
        Some("parse-invite") => parse(&invite(), count),
        Some("parse-200") => parse(&ok(), count),
        Some("print-200") => print(count),
        Some("call") => kept.push(Box::new(calls(count, hold))),
        Some("register") => kept.push(Box::new(registrations(count, hold))),
        _ => panic!("operations parse-invite|parse-200|print-200|call|register COUNT [--hold]"),
    }
    if hold {
        println!("ready");
        std::io::stdout().flush().unwrap();
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    }
    drop(kept);
}

fn invite() -> Vec<u8> {
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

fn ok() -> Vec<u8> {
    let read = Message::parse(&invite()).unwrap();
    Builder::response(200, &read, Some("t1")).body("application/sdp", SDP.as_bytes()).finish()
}

fn parse(bytes: &[u8], count: u32) {
    for _ in 0..count {
        black_box(Message::parse(black_box(bytes)).unwrap());
    }
}

fn print(count: u32) {
    let read = Message::parse(&invite()).unwrap();
    for _ in 0..count {
        let response = Builder::response(200, black_box(&read), Some("t1"));
        black_box(response.body("application/sdp", SDP.as_bytes()).finish());
    }
}

fn endpoint(trunk: Option<&str>, seed: u64) -> Endpoint {
    let source = |at: &str| TrunkSource {
        name: "carrier".into(),
        sources: vec![at.parse::<SocketAddr>().unwrap().ip().to_string().parse().unwrap()],
        tls_only: false,
    };
    let settings = Settings {
        user_agent: "Senim".into(),
        realm: REALM.into(),
        advertised: Vec::new(),
        networks: Vec::new(),
        streams: Vec::new(),
        trunks: trunk.map(source).into_iter().collect(),
        digest: Vec::new(),
        accept_users: true,
        session_timer: SessionTimer::default(),
    };
    Endpoint::new(settings, Entropy::from_seed(seed))
}

fn flow(from: &str, to: &str) -> Flow {
    let (local, remote) = (from.parse().unwrap(), to.parse().unwrap());
    Flow { transport: Transport::Udp, local, remote, connection: 0 }
}

/// A carrier and the line, each hearing the other at once.
struct Two {
    carrier: Endpoint,
    line: Endpoint,
    now: Instant,
    talking: Option<SessionId>,
    ended: u32,
}

impl Two {
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

/// INVITE, 200, ACK; unless they are held, BYE and its 200 too. Both ends are ours.
fn calls(count: u32, hold: bool) -> Two {
    let (carrier, line) = (endpoint(Some(LINE), 1), endpoint(Some(CARRIER), 2));
    let mut two = Two { carrier, line, now: Instant::from_secs(1), talking: None, ended: 0 };
    for _ in 0..count {
        let outgoing = Outgoing {
            flow: flow(CARRIER, LINE),
            uri: format!("sip:111@{LINE}"),
            from: "<sip:+77012345678@carrier.example.kz>".into(),
            to: format!("<sip:111@{LINE}>"),
            headers: Vec::new(),
            sdp: Some(SDP.into()),
            credentials: None,
        };
        let session = two.carrier.invite(outgoing, two.now).unwrap();
        two.settle();
        assert!(two.talking.take().is_some(), "answered");
        if !hold {
            two.carrier.hang_up(session, None, two.now);
            two.settle();
        }
        two.pass();
    }
    if !hold {
        assert!(two.ended >= count, "each ended");
    }
    two
}

/// So many registrations, each challenged once. A thousand phones; when they are held, one phone each.
fn registrations(count: u32, hold: bool) -> Endpoint {
    let phones = if hold { count } else { 1_000 };
    let mut line = endpoint(None, 3);
    for n in 0..phones {
        let user = format!("user{n}");
        line.guard_mut().set_account(&user, Secrets::from_password(&user, REALM, "secret"));
    }
    let mut now = Instant::from_secs(1);
    for n in 0..count {
        now += PACE;
        register(&mut line, n, n % phones.max(1), now);
    }
    line
}

fn register(line: &mut Endpoint, n: u32, phone: u32, now: Instant) {
    let [_, a, b, c] = phone.to_be_bytes();
    let remote = SocketAddr::from(([10, a, b, c], 5060));
    let flow = flow(LINE, &remote.to_string());
    let ask = |cseq: u32, proof: &str| {
        format!(
            "REGISTER sip:{REALM} SIP/2.0\r\nVia: SIP/2.0/UDP {remote};rport;branch=z9hG4bK{n}.{cseq}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:user{phone}@{REALM}>;tag=t{n}\r\nTo: <sip:user{phone}@{REALM}>\r\n\
             Call-ID: c{phone}@{remote}\r\nCSeq: {cseq} REGISTER\r\nContact: <sip:user{phone}@{remote}>\r\n\
             Expires: 3600\r\n{proof}User-Agent: a phone\r\nContent-Length: 0\r\n\r\n"
        )
    };
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
