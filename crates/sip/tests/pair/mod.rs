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
#[derive(Clone, Copy, Default)]
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
    /// Datagrams by number that are lost.
    pub lose_at: Vec<usize>,
    /// Datagrams by number that come again so much later.
    pub repeat_at: Vec<(usize, Duration)>,
    /// First lines as sent, in order, `>` from the line, `<` from the phone.
    pub wire_log: Vec<String>,
    /// Whole messages as sent, in order.
    pub messages: Vec<String>,
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
pub const ANSWER: &str = "v=0\r\no=- 2 2 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\nm=audio 5000 RTP/AVP 8\r\n";

pub fn settings(trunk_ip: Option<&str>) -> Settings {
    let trunks = trunk_ip
        .map(|ip| TrunkSource { name: "national".into(), sources: vec![ip.parse().unwrap()] })
        .into_iter()
        .collect();
    Settings {
        user_agent: "Senim".into(),
        realm: "senim.example".into(),
        advertised: Vec::new(),
        trunks,
        digest: Vec::new(),
        accept_users: true,
    }
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
            lose_at: Vec::new(),
            repeat_at: Vec::new(),
            wire_log: Vec::new(),
            messages: Vec::new(),
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
        let flow = Flow {
            transport: Transport::Udp,
            local: Line.address(),
            remote: "203.0.113.9:5060".parse().unwrap(),
            connection: 0,
        };
        let now = self.now;
        let _ = self.line.handle(Input::Datagram { flow, bytes }, now);
        let mut answers = Vec::new();
        while let Some(output) = self.line.poll() {
            match output {
                Output::Transmit { bytes, .. } => answers.push(String::from_utf8(bytes).unwrap()),
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
                    Output::Transmit { flow, bytes } => self.carry(who, flow, &bytes),
                    Output::Event(event) => self.events.push((who, event)),
                    Output::Disconnect(_) => self.close(),
                }
            }
        }
    }

    fn carry(&mut self, from: Who, flow: Flow, bytes: &[u8]) {
        let first = String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
        self.wire_log.push(format!("{} {first}", if from == Line { '>' } else { '<' }));
        self.messages.push(String::from_utf8_lossy(bytes).into_owned());
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
        let number = self.messages.len() - 1;
        let back =
            Flow { transport: flow.transport, local: to.address(), remote: from.address(), connection: 0 };
        for (_, later) in self.repeat_at.clone().into_iter().filter(|(n, _)| *n == number) {
            self.post(self.now + LATENCY + later, to, Packet::Bytes(back, bytes.to_vec()));
        }
        if self.lose_at.contains(&number) {
            return;
        }
        let faults = self.faults;
        let copies = 1 + u32::from(faults.repeat > 0 && self.entropy.one_in(faults.repeat));
        for _ in 0..copies {
            if faults.lose > 0 && self.entropy.one_in(faults.lose) {
                continue;
            }
            let delay = LATENCY + Duration::from_millis(self.entropy.below(faults.jitter_ms).into());
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

    fn step(&mut self, at: Instant) {
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
