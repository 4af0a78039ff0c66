//! The world: one line, its phones, their wires, and the only clock there is.

use crate::line::LineConfig;
use crate::net::{Datagram, Net, Wire};
use crate::recordings::Tape;
use core::time::Duration;
use senim_audio::Bank;
use senim_base::{CallId, Entropy, Instant, Language, LegId, Redacted, Timers, WallTime};
use senim_media::{Event as MediaEvent, Item, Order, Outbox, Session};
use senim_phone::{Config, Event, Input as PhoneInput, Output as PhoneOutput, Phone};
use senim_sdp::Capabilities;
use senim_sip::{Flow, Secrets, Transport};
use senim_switch::api::{Command, Duty, Reply, Ticket};
use senim_switch::facts::{Fact, Record};
use senim_switch::{Books, Input, Live, Output, RecordingReport, Switch};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// A phone of the world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PhoneId(pub usize);

/// Where the line is.
pub(crate) const LINE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
/// Where calls come from: the carrier, as far as the line can tell.
pub(crate) const CARRIER: [u8; 2] = [10, 1];
/// Where consultants are.
pub(crate) const OFFICE: [u8; 2] = [10, 2];
/// The Unified Contact Centre.
pub(crate) const CENTRE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 3, 0, 1));
/// The same by the second trunk.
pub(crate) const BACKUP: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 3, 0, 2));

const SIP_PORT: u16 = 5060;
const RTP_PORT: u16 = 4000;
/// The simulation begins on 1 January 2026, 00:00 in Kazakhstan.
const FIRST_MOMENT: WallTime = WallTime::from_unix_millis(1_767_207_600_000);

/// Who wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Who {
    Line,
    Call(CallId),
    Phone(usize),
}

/// The world.
#[derive(Debug)]
pub struct World {
    now: Instant,
    /// The wires.
    pub net: Net,
    /// Every fact, in order.
    pub facts: Vec<Record>,
    /// What was recorded.
    pub tape: Tape,
    switch: Switch,
    config: Arc<LineConfig>,
    bank: Arc<Bank>,
    sessions: BTreeMap<CallId, Session>,
    ports: BTreeMap<u16, (CallId, LegId)>,
    /// RTP ports that some other program has.
    pub taken: BTreeSet<u16>,
    legs: BTreeMap<(CallId, LegId), u16>,
    outbox: Outbox,
    phones: Vec<Phone>,
    hosts: BTreeMap<IpAddr, usize>,
    /// What phones told, not yet taken: `(phone, event)`.
    told: VecDeque<(PhoneId, Event)>,
    replies: BTreeMap<Ticket, Reply>,
    tickets: u64,
    timers: Timers<Who>,
    entropy: Entropy,
    carrier_hosts: u16,
    office_hosts: u16,
}

impl World {
    /// A line at its first moment, and nobody else.
    pub fn new(seed: u64, config: LineConfig, wire: Wire) -> Self {
        let mut entropy = Entropy::from_seed(seed);
        let now = Instant::from_secs(1);
        let bank = config.bank();
        let config = Arc::new(config);
        let books = Books::new(300);
        let switch =
            Switch::new(config.settings(&bank), config.sip(), books, entropy.fork(), now, FIRST_MOMENT);
        let mut world = World {
            now,
            net: Net::new(wire, entropy.fork()),
            facts: Vec::new(),
            tape: Tape::default(),
            switch,
            config,
            bank,
            sessions: BTreeMap::new(),
            ports: BTreeMap::new(),
            taken: BTreeSet::new(),
            legs: BTreeMap::new(),
            outbox: Outbox::new(),
            phones: Vec::new(),
            hosts: BTreeMap::new(),
            told: VecDeque::new(),
            replies: BTreeMap::new(),
            tickets: 0,
            timers: Timers::new(),
            entropy,
            carrier_hosts: 0,
            office_hosts: 0,
        };
        world.settle();
        world
    }

    /// The virtual moment.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Randomness for actors, from the world's seed.
    pub fn entropy(&mut self) -> &mut Entropy {
        &mut self.entropy
    }

    /// What is alive in the switch.
    pub fn live(&self) -> Live {
        self.switch.live()
    }

    /// Media sessions that are alive.
    pub fn media_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// There is no time for new calls from now on, or there is again.
    pub fn crowd(&mut self, yes: bool) {
        self.switch.set_crowded(yes);
    }

    /// The media threads report.
    pub fn media_load(&mut self, load: senim_media::capacity::Load) {
        self.switch.handle(Input::Load(load), self.now);
        self.settle();
    }

    /// The switch, for its board and books.
    pub fn switch(&self) -> &Switch {
        &self.switch
    }

    /// A phone on the carrier's trunk.
    pub fn caller(&mut self, number: &str) -> PhoneId {
        self.caller_with(number, Capabilities::default())
    }

    /// A phone on the carrier's trunk with its own codecs and packet time.
    pub fn caller_with(&mut self, number: &str, capabilities: Capabilities) -> PhoneId {
        self.carrier_hosts += 1;
        let host = host_of(CARRIER, self.carrier_hosts);
        self.phone(number, None, host, capabilities)
    }

    /// The Unified Contact Centre's phone.
    pub fn centre(&mut self) -> PhoneId {
        self.phone("1414", None, CENTRE, Capabilities::default())
    }

    /// The same, where the second trunk leads to.
    pub fn backup_centre(&mut self) -> PhoneId {
        self.phone("1414", None, BACKUP, Capabilities::default())
    }

    /// A consultant: known to the line, with a softphone that registers at once.
    pub fn consultant(&mut self, login: &str, languages: &[Language], skills: &[&str]) -> PhoneId {
        self.consultant_with(login, languages, skills, Capabilities::default())
    }

    /// A consultant whose softphone has its own codecs and packet time.
    pub fn consultant_with(
        &mut self,
        login: &str,
        languages: &[Language],
        skills: &[&str],
        capabilities: Capabilities,
    ) -> PhoneId {
        let password = format!("secret of {login}");
        let secrets = Secrets::from_password(login, &self.config.realm, &password);
        self.command(Command::AddConsultant {
            login: login.into(),
            name: Redacted::new(login.into()),
            languages: languages.to_vec(),
            skills: skills.iter().map(|s| (*s).to_owned()).collect(),
            secrets,
        });
        self.office_hosts += 1;
        let host = host_of(OFFICE, self.office_hosts);
        let phone = self.phone(login, Some(Redacted::new(password)), host, capabilities);
        self.with_phone(phone, |p, now| p.register(3_600, now));
        phone
    }

    /// One more phone of a consultant's, which does not register: it only calls.
    pub fn second_phone(&mut self, login: &str) -> PhoneId {
        self.office_hosts += 1;
        let host = host_of(OFFICE, self.office_hosts);
        let password = Redacted::new(format!("secret of {login}"));
        self.phone(login, Some(password), host, Capabilities::default())
    }

    /// Signs a consultant in by command.
    pub fn sign_in(&mut self, login: &str) {
        self.command(Command::Duty { login: login.into(), duty: Duty::SignIn });
    }

    fn phone(
        &mut self,
        user: &str,
        password: Option<Redacted<String>>,
        host: IpAddr,
        capabilities: Capabilities,
    ) -> PhoneId {
        let config = Config {
            user: user.to_owned(),
            password,
            host: self.config.realm.clone(),
            flow: Flow {
                transport: Transport::Udp,
                local: SocketAddr::new(host, SIP_PORT),
                remote: SocketAddr::new(LINE, SIP_PORT),
                connection: 0,
            },
            rtp: SocketAddr::new(host, RTP_PORT),
            capabilities,
            keep: self.config.keep_heard,
        };
        let id = self.phones.len();
        self.phones.push(Phone::new(config, self.entropy.fork()));
        self.hosts.insert(host, id);
        PhoneId(id)
    }

    /// Takes a phone away: its host is free for another caller.
    pub fn host(&self, phone: PhoneId) -> Option<IpAddr> {
        self.hosts.iter().find(|(_, id)| **id == phone.0).map(|(host, _)| *host)
    }

    /// A phone, to look at.
    pub fn look(&self, phone: PhoneId) -> &Phone {
        &self.phones[phone.0]
    }

    /// Does something with a phone now.
    pub fn with_phone<T>(&mut self, phone: PhoneId, f: impl FnOnce(&mut Phone, Instant) -> T) -> T {
        let result = f(&mut self.phones[phone.0], self.now);
        self.phone_speaks(phone.0);
        self.settle();
        result
    }

    /// Gives the line a command and takes its answer.
    pub fn command(&mut self, command: Command) -> Reply {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        self.switch.handle(Input::Command(ticket, command), self.now);
        self.settle();
        self.replies.remove(&ticket).unwrap_or(Reply::Done)
    }

    /// What a phone told next.
    pub fn told(&mut self) -> Option<(PhoneId, Event)> {
        self.told.pop_front()
    }

    /// Sends raw bytes from anywhere to anywhere.
    pub fn throw(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        self.net.send(from, to, bytes, self.now);
    }

    /// The network says that a phone is not there (ICMP), to the line that has sent it something.
    pub fn unreachable(&mut self, phone: PhoneId) {
        let remote = self.look(phone).sip_address();
        let local = SocketAddr::new(LINE, SIP_PORT);
        let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
        self.switch.handle(Input::Sip(senim_sip::Input::FlowFailed(flow)), self.now);
        self.settle();
    }

    /// Ports on which the line listens for sound now.
    pub fn rtp_ports(&self) -> Vec<u16> {
        self.ports.keys().copied().collect()
    }

    /// Lets time pass.
    pub fn run(&mut self, for_: Duration) {
        self.run_to(self.now + for_);
    }

    /// Lets time pass until a moment.
    pub fn run_to(&mut self, until: Instant) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Lets time pass until a moment, or until a phone tells something before it.
    pub fn run_to_news(&mut self, until: Instant) {
        while self.told.is_empty() {
            if !self.step(until) {
                self.now = self.now.max(until);
                return;
            }
        }
    }

    /// Lets time pass until something is true; `false` when it is not within the limit.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut World) -> bool) -> bool {
        let until = self.now + limit;
        loop {
            if done(self) {
                return true;
            }
            if !self.step(until) {
                self.now = self.now.max(until);
                return done(self);
            }
        }
    }

    /// Goes to the next moment at which anything happens, if that is not after `until`.
    fn step(&mut self, until: Instant) -> bool {
        let timer = self.timers.next().map(|(at, _)| at);
        let Some(at) = [timer, self.net.next()].into_iter().flatten().min().filter(|at| *at <= until) else {
            return false;
        };
        self.now = self.now.max(at);
        while let Some(datagram) = self.net.arrive(self.now) {
            self.deliver(&datagram);
        }
        while let Some(who) = self.timers.expire(self.now) {
            match who {
                Who::Line => {
                    self.switch.handle(Input::Timeout, self.now);
                    self.settle();
                }
                Who::Call(call) => self.tick(call),
                Who::Phone(p) => {
                    self.phones[p].handle(PhoneInput::Timeout, self.now);
                    self.phone_speaks(p);
                }
            }
        }
        true
    }

    fn deliver(&mut self, d: &Datagram) {
        if d.to.ip() == LINE {
            if d.to.port() == SIP_PORT {
                let flow = Flow { transport: Transport::Udp, local: d.to, remote: d.from, connection: 0 };
                let input = senim_sip::Input::Datagram { flow, bytes: &d.bytes };
                self.switch.handle(Input::Sip(input), self.now);
                self.settle();
            } else {
                self.sound_for_line(d);
            }
            return;
        }
        let Some(&p) = self.hosts.get(&d.to.ip()) else { return };
        let input = match d.to.port() {
            SIP_PORT => PhoneInput::Sip(senim_sip::Input::Datagram {
                flow: Flow { transport: Transport::Udp, local: d.to, remote: d.from, connection: 0 },
                bytes: &d.bytes,
            }),
            port if port % 2 == 0 => PhoneInput::Rtp(&d.bytes),
            _ => return,
        };
        self.phones[p].handle(input, self.now);
        self.phone_speaks(p);
    }

    fn sound_for_line(&mut self, d: &Datagram) {
        let rtcp = d.to.port() % 2 == 1;
        let port = d.to.port() & !1;
        let Some(&(call, leg)) = self.ports.get(&port) else { return };
        if let Some(session) = self.sessions.get_mut(&call) {
            session.packet(leg, d.from, rtcp, &d.bytes, self.now, &mut self.outbox);
            self.session_speaks(call);
            self.settle();
        }
    }

    fn tick(&mut self, call: CallId) {
        if let Some(session) = self.sessions.get_mut(&call) {
            session.tick(&self.bank, self.now, &mut self.outbox);
            self.session_speaks(call);
            self.settle();
        }
    }

    fn phone_speaks(&mut self, p: usize) {
        let (sip, rtp) = (self.phones[p].sip_address(), self.phones[p].rtp_address());
        while let Some(output) = self.phones[p].poll() {
            match output {
                PhoneOutput::Sip { flow, bytes } => self.net.send(sip, flow.remote, bytes, self.now),
                PhoneOutput::Rtp { to, bytes } => self.net.send(rtp, to, bytes, self.now),
                PhoneOutput::Event(event) => self.told.push_back((PhoneId(p), event)),
            }
        }
        self.wake(Who::Phone(p), self.phones[p].deadline());
    }

    fn wake(&mut self, who: Who, at: Option<Instant>) {
        match at {
            Some(at) => self.timers.set(who, at),
            None => {
                self.timers.cancel(who);
            }
        }
    }

    /// Carries out what the switch wants, until it wants nothing.
    fn settle(&mut self) {
        while let Some(output) = self.switch.poll() {
            match output {
                Output::Record(record) => self.facts.push(record),
                Output::Transmit { flow, bytes } => {
                    self.net.send(flow.local, flow.remote, bytes, self.now);
                }
                Output::Media(call, order) => self.media_order(call, &order),
                Output::OpenRecording { recording, at, .. } => self.tape.begin(recording, at),
                Output::Reply(ticket, reply) => {
                    self.replies.insert(ticket, reply);
                }
                Output::Settle | Output::Disconnect(_) | Output::Drained => {}
            }
        }
        let at = self.switch.deadline().map(|(at, _)| at);
        self.wake(Who::Line, at);
    }

    fn media_order(&mut self, call: CallId, order: &Order) {
        if let Order::Open { leg, port, .. } = order
            && self.taken.contains(port)
        {
            let failed = MediaEvent::OpenFailed { leg: *leg, port: *port };
            self.switch.handle(Input::Media(call, failed), self.now);
            return;
        }
        let seed = call.0;
        let session = self.sessions.entry(call).or_insert_with(|| Session::new(call, seed));
        session.order(order, self.now, &mut self.outbox);
        match order {
            Order::Open { leg, port, .. } => {
                self.ports.insert(*port, (call, *leg));
                self.legs.insert((call, *leg), *port);
                self.switch.handle(Input::Media(call, MediaEvent::Opened { leg: *leg }), self.now);
            }
            Order::Close { leg } => self.close_ports(|at| *at == (call, *leg)),
            Order::CloseSession => self.close_ports(|at| at.0 == call),
            _ => {}
        }
        self.session_speaks(call);
    }

    fn close_ports(&mut self, which: impl Fn(&(CallId, LegId)) -> bool) {
        self.ports.retain(|_, at| !which(at));
        self.legs.retain(|at, _| !which(at));
    }

    /// Carries out what a media session wants. What it tells the switch is handled at once; the switch's own
    /// outputs wait for [`World::settle`].
    fn session_speaks(&mut self, call: CallId) {
        let mut outbox = core::mem::take(&mut self.outbox);
        for item in outbox.items() {
            match item {
                Item::Send { leg, to, rtcp, bytes } => {
                    if let Some(&port) = self.legs.get(&(call, leg)) {
                        let from = SocketAddr::new(LINE, port + u16::from(rtcp));
                        self.net.send(from, to, bytes.to_vec(), self.now);
                    }
                }
                Item::Tap { recording, track, at, codec, timestamp, bytes } => {
                    self.tape.frame(recording, track, at, codec, timestamp, bytes);
                }
                Item::TapEnd { recording } => {
                    if let Some(length_ms) = self.tape.end(recording) {
                        let report = RecordingReport::Closed {
                            recording,
                            length_ms,
                            bytes: 0,
                            lost_frames: 0,
                            torn: false,
                        };
                        self.switch.handle(Input::Recording(report), self.now);
                    }
                }
                Item::Event(event) => self.switch.handle(Input::Media(call, event), self.now),
            }
        }
        outbox.clear();
        self.outbox = outbox;
        let session = self.sessions.get(&call);
        if session.is_some_and(Session::is_empty) {
            self.sessions.remove(&call);
            self.wake(Who::Call(call), None);
        } else {
            let at = session.and_then(Session::deadline);
            self.wake(Who::Call(call), at);
        }
    }

    /// Facts about one call, in order.
    pub fn story(&self, call: CallId) -> Vec<&Fact> {
        self.facts.iter().filter(|r| r.call == Some(call)).map(|r| &r.fact).collect()
    }

    /// The call that came in last.
    pub fn last_call(&self) -> Option<CallId> {
        self.facts.iter().rev().find(|r| matches!(r.fact, Fact::Arrived { .. })).and_then(|r| r.call)
    }
}

fn host_of(net: [u8; 2], host: u16) -> IpAddr {
    let [high, low] = host.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(net[0], net[1], high, low))
}
