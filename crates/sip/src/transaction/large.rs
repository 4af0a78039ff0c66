//! Requests that are too large for a datagram go by TCP (RFC 3261 section 18.1.1), and by UDP all the same when the peer
//! takes no connection.

use super::Request;
use crate::{Flow, IpNet, Transport};
use core::time::Duration;
use senim_base::Instant;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Largest request that goes as a datagram, bytes, when nothing is known of the path.
const DATAGRAM_MAX: usize = 1_300;

/// How long a peer that took no connection is not asked for one again.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// Peers remembered so; one more makes us forget the one who refused first.
const REFUSED_MAX: usize = 256;

/// Who can be sent large requests by TCP, and from where.
#[derive(Clone, Debug, Default)]
pub(super) struct Large {
    locals: Vec<SocketAddr>,
    peers: Vec<IpNet>,
    refused: BTreeMap<SocketAddr, Instant>,
}

impl Large {
    pub(super) fn new(locals: Vec<SocketAddr>, peers: Vec<IpNet>) -> Self {
        Large { locals, peers, refused: BTreeMap::new() }
    }

    /// The same request for TCP, if it should go so. Phones are left out: one that registered by UDP is mostly behind
    /// a NAT that lets no connection in, and waiting for it would cost a caller's time.
    pub(super) fn by_tcp(&mut self, request: &Request, now: Instant) -> Option<(Flow, Vec<u8>)> {
        let flow = request.flow;
        if flow.transport != Transport::Udp || request.bytes.len() <= DATAGRAM_MAX {
            return None;
        }
        if !self.peers.iter().any(|net| net.contains(flow.remote.ip())) {
            return None;
        }
        if let Some(refused) = self.refused.get(&flow.remote) {
            if now.since(*refused) < REFUSED_FOR {
                return None;
            }
            self.refused.remove(&flow.remote);
        }
        let same_family = |local: &&SocketAddr| local.is_ipv4() == flow.local.is_ipv4();
        let same_address = |local: &&SocketAddr| local.ip() == flow.local.ip();
        let mut locals = self.locals.iter().filter(same_family);
        let local = *self.locals.iter().find(same_address).or_else(|| locals.next())?;
        let bytes = with_transport(&request.bytes, Transport::Tcp)?;
        Some((Flow { transport: Transport::Tcp, local, ..flow }, bytes))
    }

    /// The peer took no connection.
    pub(super) fn refused(&mut self, remote: SocketAddr, now: Instant) {
        if self.refused.len() >= REFUSED_MAX
            && let Some(oldest) = self.refused.iter().min_by_key(|(_, at)| **at).map(|(remote, _)| *remote)
        {
            self.refused.remove(&oldest);
        }
        self.refused.insert(remote, now);
    }
}

/// A request of ours with another transport in its top Via.
fn with_transport(bytes: &[u8], transport: Transport) -> Option<Vec<u8>> {
    const BEFORE: &[u8] = b"\r\nVia: SIP/2.0/";
    let at = bytes.windows(BEFORE.len()).position(|w| w == BEFORE)? + BEFORE.len();
    let (head, rest) = bytes.split_at_checked(at)?;
    let end = rest.iter().position(|b| *b == b' ')?;
    Some([head, transport.name().as_bytes(), rest.get(end..)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(transport: Transport, remote: &str, len: usize) -> Request {
        let (local, remote) = ("192.0.2.1:5060".parse().unwrap(), remote.parse().unwrap());
        let mut bytes = b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=b\r\n".to_vec();
        bytes.resize(len, b'x');
        let flow = Flow { transport, local, remote, connection: 0 };
        Request { flow, method: "INVITE".into(), branch: "b".into(), bytes }
    }

    #[test]
    fn only_what_is_too_large_goes_by_tcp_and_only_to_whom_it_can() {
        let locals = vec!["[2001:db8::1]:5060".parse().unwrap(), "192.0.2.1:5062".parse().unwrap()];
        let mut large = Large::new(locals, vec!["198.51.100.0/24".parse().unwrap()]);
        let now = Instant::from_secs(1);
        let peer = "198.51.100.7:5060";
        assert!(large.by_tcp(&request(Transport::Udp, peer, DATAGRAM_MAX), now).is_none());
        assert!(large.by_tcp(&request(Transport::Tcp, peer, 9_000), now).is_none());
        assert!(large.by_tcp(&request(Transport::Udp, "203.0.113.9:5060", 9_000), now).is_none());
        let (flow, bytes) = large.by_tcp(&request(Transport::Udp, peer, DATAGRAM_MAX + 1), now).unwrap();
        assert_eq!((flow.transport, flow.local.port(), flow.connection), (Transport::Tcp, 5062, 0));
        assert!(bytes.starts_with(b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1;branch=b\r\n"));
        assert!(Large::default().by_tcp(&request(Transport::Udp, peer, 9_000), now).is_none());
    }

    #[test]
    fn who_refused_is_asked_again_after_ten_minutes_and_so_many_are_remembered() {
        let locals = vec!["192.0.2.1:5060".parse().unwrap()];
        let mut large = Large::new(locals, vec!["0.0.0.0/0".parse().unwrap()]);
        let now = Instant::from_secs(1);
        let first = request(Transport::Udp, "198.51.100.7:1", 2_000);
        large.refused(first.flow.remote, now);
        assert!(large.by_tcp(&first, now).is_none());
        assert!(large.by_tcp(&first, now + REFUSED_FOR).is_some());
        large.refused(first.flow.remote, now);
        for port in 2..=REFUSED_MAX as u16 + 1 {
            large.refused(SocketAddr::new(first.flow.remote.ip(), port), now + Duration::from_secs(1));
        }
        assert_eq!(large.refused.len(), REFUSED_MAX);
        assert!(large.by_tcp(&first, now).is_some(), "the first one is forgotten");
    }
}
