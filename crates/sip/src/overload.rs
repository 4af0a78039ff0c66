//! What a flood may cost. Whoever is known (a trunk, a phone that registered, somebody within a talk) is never
//! counted against. A stranger has a budget of answers that he did not earn, one for his port and one for his network;
//! when it is spent he gets silence, and nobody else gets less.
//!
//! [`class`] says without reading the whole message how much it matters, so that the edge can let go of the least.

use crate::flow::{Flow, IpNet};
use crate::generations::Generations;
use core::time::Duration;
use senim_base::Instant;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

/// Budgets kept at a time, twice: this generation and the last one. Beyond it the older generation is forgotten, and
/// whoever was in it has a fresh budget: an attacker with more addresses than that has as many budgets anyway.
pub const BUDGETS_MAX: usize = 32_768;

/// How far [`class`] looks for the headers that it needs, bytes. What stands later is not seen.
const PEEK_MAX: usize = 4_096;

/// How many unearned answers, at once and in the long run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// At once.
    pub burst: u32,
    /// A second, in the long run.
    pub per_second: u32,
}

/// The budgets of strangers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budgets {
    /// Of one address and port: one phone, or one tool of an attacker.
    pub port: Rate,
    /// Of one network ([`Source`]): many phones behind one router, who sign in all at once after a power cut.
    pub source: Rate,
}

impl Default for Budgets {
    fn default() -> Self {
        Budgets {
            port: Rate { burst: 2_000, per_second: 200 },
            source: Rate { burst: 8_000, per_second: 2_000 },
        }
    }
}

impl Rate {
    /// What one answer costs, in time.
    fn price(self) -> Duration {
        Duration::from_secs(1) / self.per_second.max(1)
    }

    /// How long it takes until a spent budget is whole again.
    fn whole(self) -> Duration {
        self.price().saturating_mul(self.burst)
    }
}

/// Who somebody is before he proves anything: an IPv4 address, or an IPv6 network of 64 bits, which one subscriber
/// owns whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Source {
    six: bool,
    net: u64,
}

impl Source {
    /// The source that an address belongs to.
    pub fn of(ip: IpAddr) -> Source {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Source { six: false, net: u64::from(ip.to_bits()) },
            IpAddr::V6(ip) => {
                Source { six: true, net: u64::try_from(ip.to_bits() >> 64).unwrap_or_default() }
            }
        }
    }
}

impl Source {
    /// Nine bytes, to be hashed; never all of them zero.
    pub(crate) fn to_bytes(self) -> [u8; 9] {
        let mut bytes = [if self.six { 6 } else { 4 }; 9];
        bytes.iter_mut().zip(self.net.to_be_bytes()).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// A source and, for a single phone, its port.
type Key = (Source, Option<u16>);

/// What every stranger has spent. A debt is the moment when it is paid off by waiting alone; no debt, no entry.
#[derive(Clone)]
pub(crate) struct Strangers {
    budgets: Budgets,
    debts: Generations<Key, Instant>,
    /// Messages that got silence.
    pub(crate) silenced: u64,
}

impl Strangers {
    pub(crate) fn new(budgets: Budgets) -> Strangers {
        Strangers { budgets, debts: Generations::default(), silenced: 0 }
    }

    pub(crate) fn set(&mut self, budgets: Budgets) {
        self.budgets = budgets;
    }

    /// Whether one more message from there would be answered.
    pub(crate) fn may(&self, remote: SocketAddr, now: Instant) -> bool {
        keys(remote, self.budgets).into_iter().all(|(key, rate)| {
            let debt = self.debts.get(&key);
            debt.is_none_or(|debt| debt.since(now) + rate.price() <= rate.whole())
        })
    }

    /// An answer was given that was not earned.
    pub(crate) fn charge(&mut self, remote: SocketAddr, now: Instant) {
        self.turn(now);
        for (key, rate) in keys(remote, self.budgets) {
            let debt = self.debts.get(&key).copied();
            self.debts.insert(key, debt.unwrap_or(now).max(now) + rate.price());
        }
    }

    /// Whoever was answered so turned out to belong here: what led up to it is not held against him.
    pub(crate) fn forgive(&mut self, remote: SocketAddr, answers: u32, now: Instant) {
        for (key, rate) in keys(remote, self.budgets) {
            let Some(debt) = self.debts.get(&key).copied() else { continue };
            let left = debt.since(now).saturating_sub(rate.price().saturating_mul(answers));
            self.debts.insert(key, now + left);
        }
    }

    /// Begins a new generation, when the old one's debts are all paid or there is no more room.
    fn turn(&mut self, now: Instant) {
        let paid = self.budgets.port.whole().max(self.budgets.source.whole());
        if self.debts.young() + 2 > BUDGETS_MAX || now.since(self.debts.turned()) >= paid {
            self.debts.turn(now);
        }
    }

    /// Budgets remembered at the moment.
    pub(crate) fn kept(&self) -> usize {
        self.debts.len()
    }
}

fn keys(remote: SocketAddr, budgets: Budgets) -> [(Key, Rate); 2] {
    let source = Source::of(remote.ip());
    [((source, Some(remote.port())), budgets.port), ((source, None), budgets.source)]
}

/// How much a message matters when not all can be taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// From a trunk or from a phone that registered.
    Known,
    /// From elsewhere, and by its looks part of a dialog or an answer to us.
    Within,
    /// Anything else: the first word of somebody new, a scanner, noise.
    Stranger,
}

/// Whom the edge knows. A picture that may be a second old.
#[derive(Clone, Default)]
pub struct Known {
    /// Where trunks speak from.
    pub trunks: Vec<IpNet>,
    /// The flows that phones registered on.
    pub flows: BTreeSet<Flow>,
}

impl Known {
    /// Whether this is one of them.
    pub fn has(&self, flow: Flow) -> bool {
        self.flows.contains(&flow) || self.is_trunk(flow)
    }

    /// Whether a trunk speaks here.
    pub fn is_trunk(&self, flow: Flow) -> bool {
        self.trunks.iter().any(|net| net.contains(flow.remote.ip()))
    }
}

impl core::fmt::Debug for Known {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Known({} trunks, {} flows)", self.trunks.len(), self.flows.len())
    }
}

/// How much a datagram matters, at the price of a look at who sent it and at its first lines.
pub fn class(bytes: &[u8], flow: Flow, known: &Known) -> Class {
    if known.has(flow) {
        return Class::Known;
    }
    match Peek::at(bytes) {
        Peek::Response | Peek::Within { .. } => Class::Within,
        Peek::Outside | Peek::Noise => Class::Stranger,
    }
}

/// What the first lines look like. Nothing is proved by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Peek<'a> {
    /// A response.
    Response,
    /// A request that names a dialog.
    Within { call_id: &'a str, tag: &'a str },
    /// Any other request.
    Outside,
    /// No SIP message.
    Noise,
}

impl<'a> Peek<'a> {
    pub(crate) fn at(bytes: &'a [u8]) -> Peek<'a> {
        let mut lines = bytes.get(..PEEK_MAX).unwrap_or(bytes).split(|b| *b == b'\n');
        let first = lines.by_ref().find(|line| !matches!(line, [] | [b'\r']));
        match first.and_then(|line| line.strip_suffix(b"\r")) {
            Some(line) if line.starts_with(b"SIP/2.0 ") => Peek::Response,
            Some(line) if line.ends_with(b" SIP/2.0") => {
                let (mut call_id, mut tag) = (None, None);
                for line in lines.take_while(|line| !matches!(line, [] | [b'\r'])) {
                    call_id = call_id.or_else(|| header(line, b"Call-ID", b'i'));
                    tag = tag.or_else(|| header(line, b"To", b't').and_then(tag_of));
                }
                match (call_id, tag) {
                    (Some(call_id), Some(tag)) => Peek::Within { call_id, tag },
                    _ => Peek::Outside,
                }
            }
            _ => Peek::Noise,
        }
    }
}

/// The value of a header line of this name.
fn header<'a>(line: &'a [u8], name: &[u8], compact: u8) -> Option<&'a str> {
    let colon = name.len().min(line.len());
    let (start, rest) = line.split_at(colon);
    let rest = match line {
        [letter, b':' | b' ' | b'\t', ..] if letter.eq_ignore_ascii_case(&compact) => line.get(1..)?,
        _ if start.eq_ignore_ascii_case(name) => rest,
        _ => return None,
    };
    let value = rest.trim_ascii_start().strip_prefix(b":")?;
    core::str::from_utf8(value.trim_ascii()).ok()
}

/// The tag of a To.
fn tag_of(to: &str) -> Option<&str> {
    let params = to.rsplit_once('>').map_or(to, |(_, params)| params);
    let tag = params.split(';').skip(1).find_map(|p| {
        let (name, value) = p.split_once('=')?;
        name.trim().eq_ignore_ascii_case("tag").then(|| value.trim())
    })?;
    (!tag.is_empty()).then_some(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn taken(strangers: &mut Strangers, remote: SocketAddr, tries: u32, now: Instant) -> u32 {
        let mut taken = 0;
        for _ in 0..tries {
            if strangers.may(remote, now) {
                strangers.charge(remote, now);
                taken += 1;
            }
        }
        taken
    }

    fn budgets() -> Budgets {
        Budgets { port: Rate { burst: 10, per_second: 2 }, source: Rate { burst: 30, per_second: 10 } }
    }

    /// THREATS: never one budget for all sources together.
    #[test]
    fn one_port_spends_its_own_budget_and_one_network_its_own() {
        let (mut s, now) = (Strangers::new(budgets()), Instant::from_secs(9));
        assert_eq!(taken(&mut s, at("192.0.2.1:1000"), 100, now), 10);
        assert_eq!(taken(&mut s, at("192.0.2.1:1001"), 100, now), 10, "another phone behind the router");
        assert_eq!(taken(&mut s, at("192.0.2.1:1002"), 100, now), 10);
        assert_eq!(taken(&mut s, at("192.0.2.1:1003"), 100, now), 0, "the router's own budget is spent");
        assert_eq!(taken(&mut s, at("192.0.2.2:1000"), 100, now), 10, "the neighbour's is not");
        assert_eq!(taken(&mut s, at("192.0.2.1:1000"), 100, now + Duration::from_secs(1)), 2);
        assert_eq!(taken(&mut s, at("192.0.2.1:1000"), 100, now + Duration::from_secs(60)), 10);
    }

    #[test]
    fn an_ipv6_network_is_one_source_and_no_ipv4_address() {
        let source = |ip: &str| Source::of(ip.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_ne!(source("0.0.0.1"), source("0:0:0:1::"));
    }

    #[test]
    fn whoever_belongs_here_is_forgiven_what_led_up_to_it() {
        let (mut s, now) = (Strangers::new(budgets()), Instant::from_secs(9));
        for n in 0..1_000 {
            assert_eq!(taken(&mut s, at("192.0.2.1:1000"), 1, now), 1, "sign-in {n}");
            s.forgive(at("192.0.2.1:1000"), 2, now);
        }
        s.forgive(at("192.0.2.9:1"), 2, now);
        assert_eq!(taken(&mut s, at("192.0.2.9:1"), 100, now), 10, "nobody saves up");
    }

    #[test]
    fn memory_is_bounded_and_debts_that_are_paid_are_forgotten() {
        let mut s = Strangers::new(budgets());
        let now = Instant::from_secs(9);
        for n in 0..200_000u32 {
            let [_, a, b, c] = n.to_be_bytes();
            s.charge(SocketAddr::from(([10, a, b, c], 5060)), now);
        }
        assert!(s.kept() <= 2 * BUDGETS_MAX, "{}", s.kept());
        for later in [20, 40] {
            s.charge(at("192.0.2.1:1"), now + Duration::from_secs(later));
        }
        assert!(s.kept() <= 4, "{}", s.kept());
    }

    #[test]
    fn a_look_tells_a_dialog_from_a_first_word() {
        let text =
            |to: &str| format!("\r\nBYE sip:a@b SIP/2.0\r\nv: x\r\nI : c@h\r\n{to}\r\n\r\nTo: <a>;tag=body");
        for to in [
            "To: \"tag=1;tag=2\" <sip:a@b;tag=no>;x=y ; TAG = t1",
            "t:sip:a@b;tag=t1",
            "to :  <sip:a@b>;tag=t1",
        ] {
            assert_eq!(Peek::at(text(to).as_bytes()), Peek::Within { call_id: "c@h", tag: "t1" }, "{to}");
        }
        for to in ["To: <sip:a@b;tag=t1>", "To: <sip:a@b>;tag=", "Topic: <sip:a@b>;tag=t1", ""] {
            assert_eq!(Peek::at(text(to).as_bytes()), Peek::Outside, "{to}");
        }
        assert_eq!(Peek::at(b"SIP/2.0 200 OK\r\n\r\n"), Peek::Response);
        for noise in [&b""[..], b"\r\n\r\n", b"GET / HTTP/1.1\r\n", b"\xff\xff", b"BYE sip:a SIP/2.0"] {
            assert_eq!(Peek::at(noise), Peek::Noise);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_a_look_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            Peek::at(&bytes);
            let mut text = b"INVITE sip:a SIP/2.0\r\n".to_vec();
            text.extend(bytes);
            Peek::at(&text);
        }
    }
}
