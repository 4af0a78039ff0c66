//! Virtual wires: datagrams that are delayed, lost, doubled and overtaken, as the seed has it.

use core::cmp::Reverse;
use core::time::Duration;
use senim_base::{Entropy, Instant};
use std::collections::BinaryHeap;
use std::net::SocketAddr;

/// How bad the wires are. Shares are one in so many; 0: never.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// The shortest way takes so long.
    pub delay: Duration,
    /// And up to so much longer.
    pub jitter: Duration,
    /// One in so many datagrams is lost.
    pub lost_one_in: u32,
    /// One in so many comes twice.
    pub doubled_one_in: u32,
}

impl Wire {
    /// A perfect wire.
    pub const GOOD: Wire =
        Wire { delay: Duration::from_millis(1), jitter: Duration::ZERO, lost_one_in: 0, doubled_one_in: 0 };

    /// A bad mobile day.
    pub const BAD: Wire = Wire {
        delay: Duration::from_millis(15),
        jitter: Duration::from_millis(40),
        lost_one_in: 40,
        doubled_one_in: 60,
    };
}

/// One datagram under way.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Datagram {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

/// The network.
#[derive(Debug)]
pub struct Net {
    /// How bad it is now.
    pub wire: Wire,
    entropy: Entropy,
    sent: u64,
    under_way: BinaryHeap<Reverse<(Instant, u64, Datagram)>>,
    cut: Vec<std::net::IpAddr>,
}

impl Net {
    pub(crate) fn new(wire: Wire, entropy: Entropy) -> Self {
        Net { wire, entropy, sent: 0, under_way: BinaryHeap::new(), cut: Vec::new() }
    }

    /// Pulls (or plugs in) the cable of a host: nothing reaches it and nothing leaves it.
    pub fn cut(&mut self, host: std::net::IpAddr, yes: bool) {
        self.cut.retain(|h| *h != host);
        if yes {
            self.cut.push(host);
        }
    }

    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>, now: Instant) {
        if self.cut.contains(&from.ip()) || self.cut.contains(&to.ip()) {
            return;
        }
        let Wire { lost_one_in, doubled_one_in, .. } = self.wire;
        if lost_one_in > 0 && self.entropy.one_in(lost_one_in) {
            return;
        }
        let datagram = Datagram { from, to, bytes };
        if doubled_one_in > 0 && self.entropy.one_in(doubled_one_in) {
            self.post(datagram.clone(), now);
        }
        self.post(datagram, now);
    }

    fn post(&mut self, datagram: Datagram, now: Instant) {
        let jitter = u32::try_from(self.wire.jitter.as_micros()).unwrap_or(u32::MAX);
        let late = if jitter == 0 { 0 } else { self.entropy.below(jitter) };
        let at = now + self.wire.delay + Duration::from_micros(u64::from(late));
        self.sent += 1;
        self.under_way.push(Reverse((at, self.sent, datagram)));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((at, ..))| *at)
    }

    pub(crate) fn arrive(&mut self, now: Instant) -> Option<Datagram> {
        if self.next()? > now {
            return None;
        }
        self.under_way.pop().map(|Reverse((_, _, d))| d)
    }
}
