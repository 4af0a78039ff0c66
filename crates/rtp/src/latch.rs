//! Which source address may speak. A peer's SDP names one; a peer behind NAT speaks from another of the address its
//! signalling came from. Whoever else sends is a stranger, however much he sends: he can neither be heard nor draw
//! our audio to himself.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use senim_base::Instant;

/// Consecutive packets that a new address of the signalling peer must send.
const PROBATION_PACKETS: u8 = 5;
/// … within this long.
const PROBATION: Duration = Duration::from_millis(1_000);
/// … while the SDP's address, never heard, stays silent this long.
const SILENT_AT_START: Duration = Duration::from_millis(500);
/// … or, once the address in use has spoken, this long.
const SILENT_LATER: Duration = Duration::from_millis(2_000);

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admit {
    /// From the address in use: hear it.
    Accept,
    /// From now on this address is the one in use: hear it, and send there.
    Relatched,
    /// May become the address in use; not heard yet.
    Probation,
    /// Not heard.
    Stranger,
}

/// The rule for one stream.
#[derive(Clone, Copy, Debug)]
pub struct Latch {
    named: SocketAddr,
    signalling: IpAddr,
    in_use: SocketAddr,
    heard: Option<Instant>,
    /// When the first packet from anyone came: silence before it tells nothing.
    watched: Option<Instant>,
    candidate: Option<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    since: Instant,
    packets: u8,
}

impl Latch {
    /// `sdp_remote` is what the peer's SDP names, `signalling_peer` where its SIP messages come from.
    pub fn new(sdp_remote: SocketAddr, signalling_peer: IpAddr) -> Latch {
        Latch {
            named: sdp_remote,
            signalling: signalling_peer,
            in_use: sdp_remote,
            heard: None,
            watched: None,
            candidate: None,
        }
    }

    /// Where to send.
    pub fn in_use(&self) -> SocketAddr {
        self.in_use
    }

    /// The address in use has spoken.
    pub fn has_spoken(&self) -> bool {
        self.heard.is_some()
    }

    /// The peer named an address anew (re-INVITE). It is honoured at once; a repeat of the same changes nothing.
    pub fn rename(&mut self, sdp_remote: SocketAddr, signalling_peer: IpAddr) {
        if self.named != sdp_remote || self.signalling != signalling_peer {
            *self = Latch::new(sdp_remote, signalling_peer);
        }
    }

    /// Whether `from` may not even become the address in use.
    pub fn is_stranger(&self, from: SocketAddr) -> bool {
        from != self.in_use && from != self.named && from.ip() != self.signalling
    }

    /// Decides about a packet from `from`.
    pub fn admit(&mut self, from: SocketAddr, now: Instant) -> Admit {
        let watched = *self.watched.get_or_insert(now);
        if from == self.in_use {
            self.heard = Some(now);
            self.candidate = None;
            return Admit::Accept;
        }
        if from == self.named {
            return self.take(from, now);
        }
        if self.is_stranger(from) {
            return Admit::Stranger;
        }
        let silent = match self.heard {
            Some(heard) => now.since(heard) >= SILENT_LATER,
            None => now.since(watched) >= SILENT_AT_START,
        };
        if !silent {
            self.candidate = None;
            return Admit::Stranger;
        }
        self.probe(from, now)
    }

    fn probe(&mut self, from: SocketAddr, now: Instant) -> Admit {
        let candidate = match self.candidate {
            Some(c) if c.from == from && now.since(c.since) <= PROBATION => {
                Candidate { packets: c.packets + 1, ..c }
            }
            _ => Candidate { from, since: now, packets: 1 },
        };
        if candidate.packets >= PROBATION_PACKETS {
            return self.take(from, now);
        }
        self.candidate = Some(candidate);
        Admit::Probation
    }

    fn take(&mut self, from: SocketAddr, now: Instant) -> Admit {
        self.in_use = from;
        self.heard = Some(now);
        self.candidate = None;
        Admit::Relatched
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    fn latch() -> Latch {
        Latch::new(addr("10.0.0.5:4000"), addr("203.0.113.9:0").ip())
    }

    #[test]
    fn the_address_of_the_sdp_is_heard_at_once() {
        assert_eq!(latch().admit(addr("10.0.0.5:4000"), at(0)), Admit::Accept);
    }

    #[test]
    fn a_peer_behind_nat_is_latched_after_five_packets_and_silence() {
        let mut latch = latch();
        let nat = addr("203.0.113.9:61000");
        let seen: Vec<Admit> = (0..40).map(|n| latch.admit(nat, at(n * 20))).collect();
        assert!(seen[..25].iter().all(|a| *a == Admit::Stranger));
        assert!(seen[25..29].iter().all(|a| *a == Admit::Probation));
        assert_eq!(seen[29], Admit::Relatched);
        assert!(seen[30..].iter().all(|a| *a == Admit::Accept));
        assert_eq!(latch.in_use(), nat);
        assert_eq!(
            latch.admit(addr("10.0.0.5:4000"), at(900)),
            Admit::Relatched,
            "what the SDP names comes first"
        );
    }

    #[test]
    fn slow_or_interleaved_candidates_do_not_latch() {
        let mut latch = latch();
        for n in 0..40 {
            assert!(matches!(
                latch.admit(addr("203.0.113.9:61000"), at(n * 300)),
                Admit::Stranger | Admit::Probation
            ));
        }
        for n in 0..100 {
            let port = 50_000 + (n % 2) as u16;
            let from = SocketAddr::new(addr("203.0.113.9:0").ip(), port);
            assert!(matches!(latch.admit(from, at(20_000 + n * 20)), Admit::Probation));
        }
    }

    #[test]
    fn an_address_named_anew_is_honoured_at_once() {
        let mut latch = latch();
        latch.admit(addr("10.0.0.5:4000"), at(0));
        latch.rename(addr("10.0.0.5:4000"), addr("203.0.113.9:0").ip());
        assert!(latch.has_spoken(), "nothing changed");
        latch.rename(addr("10.0.0.5:4002"), addr("203.0.113.9:0").ip());
        assert_eq!(latch.in_use(), addr("10.0.0.5:4002"));
        assert_eq!(latch.admit(addr("10.0.0.5:4002"), at(1)), Admit::Accept);
        assert_eq!(latch.admit(addr("10.0.0.5:4000"), at(1)), Admit::Stranger);
    }

    proptest! {
        /// Sprayers on any address, the signalling peer's included, never displace a peer that keeps speaking.
        #[test]
        fn sprayers_never_take_over_a_stream_that_speaks(
            spray in proptest::collection::vec((0u8..4, 1u16..6, 0u64..200), 1..300),
        ) {
            let mut latch = latch();
            let peer = addr("10.0.0.5:4000");
            let mut now = 0;
            latch.admit(peer, at(0));
            for (host, port, wait) in spray {
                let ip = if host == 0 { latch.signalling } else { IpAddr::from([198, 51, 100, host]) };
                now += wait;
                prop_assert_eq!(latch.admit(SocketAddr::new(ip, port), at(now)), Admit::Stranger);
                prop_assert_eq!(latch.admit(peer, at(now)), Admit::Accept);
                prop_assert_eq!(latch.in_use(), peer);
            }
        }

        /// Nobody outside the SDP's address and the signalling peer's IP is ever heard, even in silence.
        #[test]
        fn strangers_are_never_heard(spray in proptest::collection::vec((1u8..250, 1u16..6, 0u64..3_000), 1..300)) {
            let mut latch = latch();
            let mut now = 0;
            for (host, port, wait) in spray {
                now += wait;
                let from = SocketAddr::new(IpAddr::from([198, 51, 100, host]), port);
                prop_assert_eq!(latch.admit(from, at(now)), Admit::Stranger);
            }
            prop_assert_eq!(latch.in_use(), latch.named);
        }
    }
}
