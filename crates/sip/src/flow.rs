//! Where bytes came from and where answers go. A flow, not an address in a header, is what the house trusts:
//! a phone behind a NAT is reached on the way its own registration came (RFC 5626 section 4.2, symmetric signalling).

use core::fmt;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// How SIP travels.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Transport {
    /// Datagrams, RFC 3261 section 18.
    Udp,
    /// A stream, framed by Content-Length (RFC 3261 section 18.3).
    Tcp,
    /// The same under TLS (RFC 3261 section 26.2).
    Tls,
    /// WebSocket, one message a WebSocket message (RFC 7118).
    Ws,
    /// The same under TLS.
    Wss,
}

impl Transport {
    /// All there are, in the order in which they are listed.
    pub const ALL: [Transport; 5] =
        [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Ws, Transport::Wss];

    /// The name in a Via: `UDP`, `TCP`, `TLS`, `WS`, `WSS` (RFC 3261 section 25, RFC 7118 section 5.2.1).
    pub const fn name(self) -> &'static str {
        match self {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
            Transport::Ws => "WS",
            Transport::Wss => "WSS",
        }
    }

    /// Its own name in small letters, for operators: `udp`, `tcp`, `tls`, `ws`, `wss`.
    pub const fn word(self) -> &'static str {
        match self {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
            Transport::Tls => "tls",
            Transport::Ws => "ws",
            Transport::Wss => "wss",
        }
    }

    /// The value of a `transport=` parameter. A secure WebSocket is `ws` there too (RFC 7118 section 5.2.2).
    pub const fn param(self) -> &'static str {
        match self {
            Transport::Wss => Transport::Ws.word(),
            other => other.word(),
        }
    }

    /// The transport that a URI asks for. A `sips` URI goes under TLS whatever its parameter says, and so does
    /// `transport=tls`, which RFC 3261 section 26.2.2 deprecates and every carrier writes. `None`: not known here.
    pub fn of_param(param: Option<&str>, sips: bool) -> Option<Transport> {
        let named = match param {
            None if sips => Transport::Tls,
            None => Transport::Udp,
            Some(param) => *Transport::ALL
                .iter()
                .find(|t| **t != Transport::Wss && t.word().eq_ignore_ascii_case(param))?,
        };
        Some(match named {
            Transport::Tcp if sips => Transport::Tls,
            Transport::Ws if sips => Transport::Wss,
            Transport::Udp if sips => return None,
            other => other,
        })
    }

    /// The port that is meant when none is written: 5060, 5061 (RFC 3261 section 19.1.2), 80, 443 (RFC 7118).
    pub const fn default_port(self) -> u16 {
        match self {
            Transport::Udp | Transport::Tcp => 5060,
            Transport::Tls => 5061,
            Transport::Ws => 80,
            Transport::Wss => 443,
        }
    }

    /// Whether the transport itself repeats what was lost, so that retransmission timers rest (RFC 3261 section 17).
    pub const fn is_reliable(self) -> bool {
        !matches!(self, Transport::Udp)
    }

    /// Whether nobody on the way can read along.
    pub const fn is_secure(self) -> bool {
        matches!(self, Transport::Tls | Transport::Wss)
    }

    /// Whether each piece that comes is one whole message, so that nothing is framed and Content-Length may be
    /// missing (RFC 7118 section 5).
    pub const fn keeps_bounds(self) -> bool {
        matches!(self, Transport::Udp | Transport::Ws | Transport::Wss)
    }

    /// Whether a connection can be opened by us. A browser's can only be used: its Contact is a host that does not
    /// exist (RFC 7118 section 5.2.2).
    pub const fn can_be_opened(self) -> bool {
        matches!(self, Transport::Tcp | Transport::Tls)
    }
}

/// Where bytes came from and where answers go.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Flow {
    /// How.
    pub transport: Transport,
    /// Our own address and port on this flow.
    pub local: SocketAddr,
    /// The peer's address and port as the socket saw them.
    pub remote: SocketAddr,
    /// Number of the connection; 0 for datagrams and for “open one to `remote`, please”.
    pub connection: u64,
}

impl fmt::Debug for Flow {
    /// Addresses are kept out: where a consultant works from is nobody's business in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flow({:?}#{})", self.transport, self.connection)
    }
}

/// A block of addresses, `192.0.2.0/24`: who may speak as a trunk (FEATURES T6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IpNet {
    /// Any address of the block.
    pub addr: IpAddr,
    /// How many leading bits count: 0 to 32, or to 128. More counts as all.
    pub prefix: u8,
}

impl IpNet {
    /// Whether `ip` is in the block. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.addr.to_canonical(), ip.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let free = 32u32.saturating_sub(u32::from(self.prefix));
                (u64::from(net.to_bits()) >> free) == (u64::from(ip.to_bits()) >> free)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let free = 128u32.saturating_sub(u32::from(self.prefix));
                free == 128 || (net.to_bits() >> free) == (ip.to_bits() >> free)
            }
            _ => false,
        }
    }
}

impl fmt::Display for IpNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}

/// The operator wrote something that is no address block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NotANet;

impl fmt::Display for NotANet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an address block: write \"192.0.2.10\", \"192.0.2.0/24\" or \"2001:db8::/32\"")
    }
}

impl core::error::Error for NotANet {}

impl core::str::FromStr for IpNet {
    type Err = NotANet;
    /// Reads `192.0.2.0/24`, or an address alone as a block of one.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| NotANet)?;
        let bits = if addr.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|p| *p <= bits).ok_or(NotANet)?,
            None => bits,
        };
        Ok(IpNet { addr, prefix })
    }
}

impl Serialize for IpNet {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IpNet {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inside(net: &str, ip: &str) -> bool {
        net.parse::<IpNet>().unwrap().contains(ip.parse().unwrap())
    }

    /// FEATURES T6.
    #[test]
    fn a_block_holds_its_addresses_and_no_others() {
        assert!(inside("192.0.2.0/24", "192.0.2.255"));
        assert!(!inside("192.0.2.0/24", "192.0.3.0"));
        assert!(inside("192.0.2.7", "::ffff:192.0.2.7"));
        assert!(inside("0.0.0.0/0", "203.0.113.9"));
        assert!(!inside("0.0.0.0/0", "2001:db8::1"));
        assert!(inside("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(inside("::/0", "2001:db8::1"));
        assert!(!inside("2001:db8::1", "2001:db8::2"));
        for not in ["", "192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "trunk.example.com"] {
            assert_eq!(not.parse::<IpNet>(), Err(NotANet), "{not}");
        }
    }

    #[test]
    fn a_uri_says_how_to_go() {
        let of = Transport::of_param;
        assert_eq!(of(None, false), Some(Transport::Udp));
        assert_eq!(of(None, true), Some(Transport::Tls));
        assert_eq!(of(Some("TCP"), false), Some(Transport::Tcp));
        assert_eq!(of(Some("tcp"), true), Some(Transport::Tls));
        assert_eq!(of(Some("tls"), false), Some(Transport::Tls));
        assert_eq!(of(Some("ws"), true), Some(Transport::Wss));
        for (param, sips) in
            [(Some("udp"), true), (Some("wss"), false), (Some("sctp"), false), (Some(""), false)]
        {
            assert_eq!(of(param, sips), None, "{param:?}");
        }
    }

    #[test]
    fn a_flow_prints_no_address() {
        let a: SocketAddr = "192.0.2.1:5060".parse().unwrap();
        let flow = Flow { transport: Transport::Udp, local: a, remote: a, connection: 0 };
        assert_eq!(format!("{flow:?}"), "Flow(Udp#0)");
    }
}
