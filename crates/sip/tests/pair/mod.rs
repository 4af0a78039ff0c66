//! A line and a phone with a wire between them, in their own time. The wire can lose, repeat and reorder from a seed.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)] // Each test file uses a part; a broken harness may panic.

use core::time::Duration;
use senim_base::{Entropy, Instant, Redacted};
use senim_sip::{
    Counts, Credentials, Endpoint, Event, Flow, Input, Outgoing, Output, Secrets, SessionId, Settings,
    Transport, TrunkSource,
};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Who of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Who {
    Line,
    Phone,
}
pub use Who::{Line, Phone};

impl Who {
    pub fn other(self) -> Who {
        match self {
            Line => Phone,
            Phone => Line,
        }
    }

    pub fn address(self) -> SocketAddr {
        match self {
            Line => "192.0.2.1:5060".parse().unwrap(),
            Phone => "198.51.100.7:5060".parse().unwrap(),
        }
    }
}

/// What the wire does to datagrams: each once in so many, 0 for never.
#[derive(Clone, Copy, Default, Debug)]
pub struct Faults {
    pub lose: u32,
    pub repeat: u32,
    pub jitter_ms: u32,
}

enum Packet {
    Bytes(Flow, Vec<u8>),
    Closed(Flow),
    Failed(Flow),
}

/// Says of a first line whether its message is to be dropped.
pub type Sieve = Box<dyn FnMut(Who, &str) -> bool>;

/// Rewrites a message of one side on its way.
pub type Mangle = Box<dyn FnMut(Who, String) -> String>;

pub struct Pair {
    pub now: Instant,
    pub line: Endpoint,
    pub phone: Endpoint,
    pub events: Vec<(Who, Event)>,
    pub faults: Faults,
    pub transport: Transport,
    /// Stream bytes are delivered in portions of so many.
    pub portion: usize,
    /// Drops what it says `true` to.
    pub sieve: Option<Sieve>,
    /// Rewrites what passes.
    pub mangle: Option<Mangle>,
    /// Datagrams by number that are lost.
    pub lose_at: Vec<usize>,
    /// Datagrams by number that come again so much later.
    pub repeat_at: Vec<(usize, Duration)>,
    /// Datagrams by number that come so much later than others.
    pub delay_at: Vec<(usize, Duration)>,
    /// First lines as sent, in order, `>` from the line, `<` from the phone.
    pub wire_log: Vec<String>,
    /// Whole messages as sent, in order.
    pub messages: Vec<String>,
    /// Keeps neither first lines nor messages: a run may be as long as it likes.
    pub quiet: bool,
    carried: usize,
    wire: BTreeMap<(Instant, u64), (Who, Packet)>,
    sent: u64,
    entropy: Entropy,
    /// Number of the connection that is open.
    connection: Option<u64>,
    connections: u64,
    broken: bool,
}

pub const LATENCY: Duration = Duration::from_millis(5);
pub const OFFER: &str =
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n";
/// Other media than [`OFFER`].
pub const OTHER: &str =
    "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4002 RTP/AVP 8\r\n";
pub const ANSWER: &str = "v=0\r\no=- 2 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";

pub fn settings(trunk_ip: Option<&str>) -> Settings {
    let trunks = trunk_ip
        .map(|ip| TrunkSource {
            name: "national".into(),
            sources: vec![ip.parse().unwrap()],
            tls_only: false,
        })
        .into_iter()
        .collect();
    Settings { user_agent: "Senim".into(), trunks, ..Settings::of_realm("senim.example") }
}

pub fn credentials(password: &str) -> Credentials {
    Credentials { user: "aigul".into(), password: Redacted::new(password.into()), realm: None }
}

impl Pair {
    /// Both take each other for a trunk; the line knows the user `aigul`.
    pub fn new(seed: u64) -> Pair {
        Pair::with(settings(Some("198.51.100.7")), seed)
    }

    /// The line knows the phone only by its password.
    pub fn of_strangers(seed: u64) -> Pair {
        Pair::with(settings(None), seed)
    }

    pub fn with(line: Settings, seed: u64) -> Pair {
        let mut entropy = Entropy::from_seed(seed);
        let mut line = Endpoint::new(line, entropy.fork());
        line.guard_mut().set_account("aigul", Secrets::from_password("aigul", "senim.example", "correct"));
        Pair {
            now: Instant::from_secs(1),
            line,
            phone: Endpoint::new(settings(Some("192.0.2.1")), entropy.fork()),
            events: Vec::new(),
            faults: Faults::default(),
            transport: Transport::Udp,
            portion: usize::MAX,
            sieve: None,
            mangle: None,
            lose_at: Vec::new(),
            repeat_at: Vec::new(),
            delay_at: Vec::new(),
            wire_log: Vec::new(),
            messages: Vec::new(),
            quiet: false,
            carried: 0,
            wire: BTreeMap::new(),
            sent: 0,
            entropy,
            connection: None,
            connections: 0,
            broken: false,
        }
    }

    pub fn draw(&mut self, below: u32) -> u32 {
        self.entropy.below(below)
    }

    pub fn side(&mut self, who: Who) -> &mut Endpoint {
        match who {
            Line => &mut self.line,
            Phone => &mut self.phone,
        }
    }

    /// The way from one to the other.
    pub fn flow(&self, from: Who) -> Flow {
        Flow {
            transport: self.transport,
            local: from.address(),
            remote: from.other().address(),
            connection: 0,
        }
    }

    pub fn outgoing(&self, from: Who) -> Outgoing {
        Outgoing {
            flow: self.flow(from),
            uri: format!("sip:111@{}", from.other().address()),
            from: "\"A\" <sip:+77012345678@example.com>".into(),
            to: format!("<sip:111@{}>", from.other().address()),
            headers: vec![("X-Test".into(), "yes".into())],
            sdp: Some(OFFER.into()),
            credentials: None,
        }
    }

    pub fn call(&mut self, from: Who) -> SessionId {
        let outgoing = self.outgoing(from);
        self.call_with(from, outgoing)
    }

    pub fn call_with(&mut self, from: Who, outgoing: Outgoing) -> SessionId {
        let now = self.now;
        let session = self.side(from).invite(outgoing, now).unwrap();
        self.drain();
        session
    }

    /// Does something at one side, then lets it speak.
    pub fn at<T>(&mut self, who: Who, what: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let now = self.now;
        let result = what(self.side(who), now);
        self.drain();
        result
    }

    /// Puts bytes on the wire as if one side had sent them.
    pub fn forge(&mut self, from: Who, bytes: &[u8]) {
        let flow = self.flow(from);
        self.carry(from, flow, bytes);
    }

    /// Puts bytes on the wire as if a third party had sent them to the line.
    pub fn stranger(&mut self, bytes: &[u8]) -> Vec<String> {
        self.elsewhere("203.0.113.9:5060", bytes)
    }

    /// Puts bytes on the line's wire as if they came from that address; gives what the line says to it.
    pub fn elsewhere(&mut self, remote: &str, bytes: &[u8]) -> Vec<String> {
        let remote = remote.parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local: Line.address(), remote, connection: 0 };
        let now = self.now;
        let _ = self.line.handle(Input::Datagram { flow, bytes }, now);
        let mut answers = Vec::new();
        while let Some(output) = self.line.poll() {
            match output {
                Output::Transmit { bytes, .. } | Output::Refuse { bytes, .. } => {
                    answers.push(String::from_utf8(bytes).unwrap());
                }
                Output::Event(event) => self.events.push((Line, event)),
                Output::Disconnect(_) => {}
            }
        }
        answers
    }

    pub fn drain(&mut self) {
        for who in [Line, Phone] {
            while let Some(output) = self.side(who).poll() {
                match output {
                    Output::Transmit { flow, bytes } | Output::Refuse { flow, bytes } => {
                        self.carry(who, flow, &bytes);
                    }
                    Output::Event(event) => self.events.push((who, event)),
                    Output::Disconnect(_) => self.close(),
                }
            }
        }
    }

    fn carry(&mut self, from: Who, flow: Flow, bytes: &[u8]) {
        if let Some(mangle) = &mut self.mangle {
            let text = mangle(from, String::from_utf8(bytes.to_vec()).unwrap());
            return self.carry_as_is(from, flow, text.as_bytes());
        }
        self.carry_as_is(from, flow, bytes);
    }

    fn carry_as_is(&mut self, from: Who, flow: Flow, bytes: &[u8]) {
        let first = String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
        self.carried += 1;
        if !self.quiet {
            self.wire_log.push(format!("{} {first}", if from == Line { '>' } else { '<' }));
            self.messages.push(String::from_utf8_lossy(bytes).into_owned());
        }
        let to = from.other();
        if flow.remote != to.address() {
            return;
        }
        if flow.transport == Transport::Tcp {
            return self.carry_stream(from, flow, bytes);
        }
        if let Some(sieve) = &mut self.sieve
            && sieve(from, &first)
        {
            return;
        }
        let number = self.carried - 1;
        let back =
            Flow { transport: flow.transport, local: to.address(), remote: from.address(), connection: 0 };
        for (_, later) in self.repeat_at.clone().into_iter().filter(|(n, _)| *n == number) {
            self.post(self.now + LATENCY + later, to, Packet::Bytes(back, bytes.to_vec()));
        }
        if self.lose_at.contains(&number) {
            return;
        }
        let late = self.delay_at.iter().find(|(n, _)| *n == number).map_or(Duration::ZERO, |(_, late)| *late);
        let faults = self.faults;
        let copies = 1 + u32::from(faults.repeat > 0 && self.entropy.one_in(faults.repeat));
        for _ in 0..copies {
            if faults.lose > 0 && self.entropy.one_in(faults.lose) {
                continue;
            }
            let delay = LATENCY + late + Duration::from_millis(self.entropy.below(faults.jitter_ms).into());
            self.post(self.now + delay, to, Packet::Bytes(back, bytes.to_vec()));
        }
    }

    fn carry_stream(&mut self, from: Who, flow: Flow, bytes: &[u8]) {
        if self.broken || (flow.connection != 0 && self.connection != Some(flow.connection)) {
            self.post(self.now, from, Packet::Failed(flow));
            return;
        }
        if self.connection.is_none() {
            self.connections += 1;
            self.connection = Some(self.connections);
        }
        let (to, connection) = (from.other(), self.connection.unwrap());
        let back =
            Flow { transport: flow.transport, local: to.address(), remote: from.address(), connection };
        let portion = if flow.transport.keeps_bounds() { usize::MAX } else { self.portion };
        for portion in bytes.chunks(portion.min(bytes.len().max(1))) {
            self.post(self.now + LATENCY, to, Packet::Bytes(back, portion.to_vec()));
        }
    }

    fn post(&mut self, at: Instant, to: Who, packet: Packet) {
        self.sent += 1;
        self.wire.insert((at, self.sent), (to, packet));
    }

    /// The connection breaks; `for_good`: none can be opened again.
    pub fn break_stream(&mut self, for_good: bool) {
        self.broken = for_good;
        self.close();
        self.drain();
    }

    fn close(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        // What is under way on a connection that breaks never arrives: nothing comes after its end.
        self.wire.retain(|_, (_, packet)| {
            !matches!(packet, Packet::Bytes(flow, _) if flow.transport != Transport::Udp && flow.connection == connection)
        });
        for who in [Line, Phone] {
            let flow = Flow { connection, ..self.flow(who) };
            self.post(self.now, who, Packet::Closed(flow));
        }
    }

    /// When something happens next.
    pub fn next(&self) -> Option<Instant> {
        let wire = self.wire.first_key_value().map(|((at, _), _)| *at);
        let deadlines = [&self.line, &self.phone].map(|e| e.deadline().map(|(at, _)| at));
        wire.into_iter().chain(deadlines.into_iter().flatten()).min()
    }

    pub fn step(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let now = self.now;
        if self.wire.first_key_value().is_some_and(|((at, _), _)| *at <= now) {
            let (_, (to, packet)) = self.wire.pop_first().unwrap();
            let side = self.side(to);
            let _ = match &packet {
                Packet::Bytes(flow, bytes) if flow.transport == Transport::Udp => {
                    side.handle(Input::Datagram { flow: *flow, bytes }, now)
                }
                Packet::Bytes(flow, bytes) => side.handle(Input::Stream { flow: *flow, bytes }, now),
                Packet::Closed(flow) => side.handle(Input::FlowClosed(*flow), now),
                Packet::Failed(flow) => side.handle(Input::FlowFailed(*flow), now),
            };
        } else {
            for who in [Line, Phone] {
                if self.side(who).deadline().is_some_and(|(at, _)| at <= now) {
                    let _ = self.side(who).handle(Input::Timeout, now);
                    let again = self.side(who).deadline();
                    assert!(again.is_none_or(|(at, _)| at > now), "{who:?} spins: {again:?} at {now:?}");
                }
            }
        }
        self.drain();
    }

    /// Lets so much time pass.
    pub fn run(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.next().filter(|at| *at <= until) {
            self.step(at);
        }
        self.now = until;
    }

    /// Lets time pass until that event has come, and takes it. Fails after two minutes.
    pub fn until(&mut self, who: Who, name: &str) -> Event {
        let end = self.now + Duration::from_secs(120);
        loop {
            if let Some(place) = self.events.iter().position(|(w, e)| *w == who && e.name() == name) {
                return self.events.remove(place).1;
            }
            let next = self.next().filter(|at| *at <= end);
            let at = next
                .unwrap_or_else(|| panic!("no {name} at {who:?}: {:?} {:#?}", self.events, self.wire_log));
            self.step(at);
        }
    }

    /// The invitation that reaches the called side.
    pub fn invited(&mut self, who: Who) -> SessionId {
        self.until(who, "Incoming").session().unwrap()
    }

    /// A call that stands: (caller's session, callee's session).
    pub fn talk(&mut self, from: Who) -> (SessionId, SessionId) {
        let a = self.call(from);
        let b = self.invited(from.other());
        self.at(from.other(), |e, now| e.accept(b, ANSWER, now));
        self.until(from, "Answered");
        self.until(from.other(), "Confirmed");
        (a, b)
    }

    /// A request of `from` within the first call that was answered, as if it said so itself. The body is SDP.
    pub fn in_dialog(&self, from: Who, method: &str, cseq: usize, headers: &str, body: &str) -> String {
        let invite = self.messages.iter().find(|m| m.starts_with("INVITE") && m.contains("\r\n")).unwrap();
        let answer =
            |m: &&String| m.starts_with("SIP/2.0 ") && m.contains(" INVITE\r\n") && m.contains("Contact: ");
        let answer = self.messages.iter().find(answer).unwrap();
        let value = |name: &str| answer.lines().find_map(|l| l.strip_prefix(name)).unwrap().to_owned();
        let caller = if invite.contains(&format!("SIP/2.0/UDP {}", Line.address())) { Line } else { Phone };
        let (mut own, mut peer) = (value("From: "), value("To: "));
        if from != caller {
            core::mem::swap(&mut own, &mut peer);
        }
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:senim@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{cseq};rport\r\n\
             Max-Forwards: 70\r\nFrom: {own}\r\nTo: {peer}\r\nCall-ID: {call}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:senim@{here}>\r\n{headers}{kind}Content-Length: {length}\r\n\r\n{body}",
            to = from.other().address(),
            here = from.address(),
            call = value("Call-ID: "),
            length = body.len()
        )
    }

    /// Runs until nothing moves and nothing but registrations and connections is alive; fails otherwise.
    pub fn at_rest(&mut self) {
        self.run(Duration::from_secs(200));
        for who in [Line, Phone] {
            let live = Counts { streams: 0, ..self.side(who).live() };
            assert_eq!(live, Counts::default(), "{who:?} leaks: {:?} {:#?}", self.events, self.wire_log);
        }
    }

    /// Names of what one side was told and has not been asked for yet.
    pub fn told(&self, who: Who) -> Vec<String> {
        self.events.iter().filter(|(w, _)| *w == who).map(|(_, e)| format!("{e:?}")).collect()
    }

    /// How many messages with that first line went over the wire.
    pub fn seen(&self, text: &str) -> usize {
        self.wire_log.iter().filter(|line| line.contains(text)).count()
    }

    /// The first message with that first line whose CSeq names that method.
    pub fn bytes_seen(&self, first: &str, method: &str) -> String {
        let fits = |m: &&String| {
            m.starts_with(first) && m.lines().any(|l| l.starts_with("CSeq:") && l.ends_with(method))
        };
        self.messages.iter().find(fits).unwrap().clone()
    }
}
