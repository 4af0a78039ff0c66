//! Where a request goes that names a host (RFC 3263, RFC 2782): what is to be asked of DNS next, and what follows from
//! the answers. Nobody is asked here, and chance is handed in.

use crate::Transport;
use crate::message::{Scheme, Uri};
use core::fmt;
use senim_base::Entropy;
use std::net::{IpAddr, SocketAddr};

/// Records of one kind, and addresses, that are looked at; a name with more of them has too many.
pub const RECORDS_MAX: usize = 32;

/// What a URI says of its host.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// A name, or an address without brackets.
    pub host: String,
    /// As written.
    pub port: Option<u16>,
    /// As written in `transport=`; `sips` means TLS.
    pub transport: Option<Transport>,
    /// `sips:`: only what is secure may be taken.
    pub sips: bool,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("transport", &self.transport)
            .field("sips", &self.sips)
            .finish_non_exhaustive()
    }
}

/// What is to be asked next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Nothing: this is where it goes.
    Nothing(Transport, SocketAddr),
    /// A and AAAA of the host.
    Addresses(Transport, u16),
    /// SRV of this name; when there is none, the host's addresses at the default port.
    Service(Transport, String),
    /// NAPTR of the host, for [`Place::services`].
    Services,
}

/// A NAPTR record (RFC 3403).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Naptr {
    /// Lower ones first.
    pub order: u16,
    /// Lower ones first within an order.
    pub preference: u16,
    /// `s`: the replacement has SRV records.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
    pub service: String,
    /// A name.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Srv {
    /// Lower ones first.
    pub priority: u16,
    /// Share within a priority.
    pub weight: u16,
    /// Where it listens.
    pub port: u16,
    /// Whose addresses; `.`: decidedly nobody's.
    pub target: String,
}

/// One way to the place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop {
    /// How.
    pub transport: Transport,
    /// Where.
    pub address: SocketAddr,
}

impl Place {
    /// What a SIP or SIPS URI says. `None` for other schemes and for transports that nobody knows.
    pub fn of(uri: &Uri) -> Option<Place> {
        let sips = match uri.scheme {
            Scheme::Sip => false,
            Scheme::Sips => true,
            _ => return None,
        };
        let transport = match uri.param("transport") {
            None => None,
            Some(param) => Some(Transport::of_param(Some(param?), sips)?),
        };
        let host = uri.ip().map_or_else(|| uri.host.clone(), |ip| ip.to_string());
        Some(Place { host, port: uri.port, transport, sips })
    }

    /// Whether a connection of ours can lead there: it cannot to a browser.
    pub fn can_be_reached(&self) -> bool {
        self.transport.is_none_or(|t| t == Transport::Udp || t.can_be_opened())
    }

    /// Whether it wants TLS.
    pub fn is_secure(&self) -> bool {
        self.sips || self.transport == Some(Transport::Tls)
    }

    /// The first question, RFC 3263 sections 4.1 and 4.2: an address or a port leave nothing to choose.
    pub fn ask(&self) -> Ask {
        let plain = if self.sips { Transport::Tls } else { Transport::Udp };
        let transport = self.transport.unwrap_or(plain);
        let port = self.port.unwrap_or(transport.default_port());
        match (self.host.parse::<IpAddr>(), self.port, self.transport) {
            (Ok(ip), ..) => Ask::Nothing(transport, SocketAddr::new(ip, port)),
            (Err(_), Some(_), _) => Ask::Addresses(transport, port),
            (Err(_), None, Some(_)) => Ask::Service(transport, self.service(transport)),
            (Err(_), None, None) => Ask::Services,
        }
    }

    /// Which SRV records to ask for, best first. Without a NAPTR record of use it is every transport's own name
    /// (RFC 3263 section 4.1).
    pub fn services(&self, records: &[Naptr]) -> Vec<(Transport, String)> {
        let mut known: Vec<_> = records
            .iter()
            .take(RECORDS_MAX)
            .filter(|record| record.flags.eq_ignore_ascii_case("s"))
            .filter_map(|record| Some((record, transport_of(&record.service)?)))
            .filter(|(_, transport)| !self.sips || transport.is_secure())
            .collect();
        known.sort_by_key(|(record, _)| (record.order, record.preference));
        if !known.is_empty() {
            return known
                .into_iter()
                .map(|(record, transport)| (transport, record.replacement.clone()))
                .collect();
        }
        let all = [Transport::Udp, Transport::Tcp, Transport::Tls];
        let own = all.into_iter().filter(|t| !self.sips || t.is_secure());
        own.map(|transport| (transport, self.service(transport))).collect()
    }

    /// How to go when no SRV record was found: to the host's addresses (RFC 3263 section 4.2).
    pub fn without_service(&self) -> (Transport, u16) {
        let transport = self.transport.unwrap_or(if self.sips { Transport::Tls } else { Transport::Udp });
        (transport, self.port.unwrap_or(transport.default_port()))
    }

    fn service(&self, transport: Transport) -> String {
        let prefix = match transport {
            Transport::Udp => "_sip._udp",
            Transport::Tls | Transport::Wss => "_sips._tcp",
            Transport::Tcp | Transport::Ws => "_sip._tcp",
        };
        format!("{prefix}.{}", self.host)
    }
}

fn transport_of(service: &str) -> Option<Transport> {
    let known = [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    known.iter().find(|(name, _)| name.eq_ignore_ascii_case(service)).map(|(_, transport)| *transport)
}

/// The order in which servers are tried: by priority, and within one by chance in the proportion of their weights
/// (RFC 2782, "Usage rules"). Those who say that they are not there are left out.
pub fn in_order(records: &[Srv], entropy: &mut Entropy) -> Vec<Srv> {
    let there = |record: &&Srv| !matches!(record.target.as_str(), "." | "");
    let mut left: Vec<Srv> = records.iter().take(RECORDS_MAX).filter(there).cloned().collect();
    // Weights of zero stand first, so that they have a small chance when others have a large one.
    left.sort_by_key(|record| (record.priority, record.weight != 0));
    let mut ordered = Vec::with_capacity(left.len());
    while let Some(priority) = left.first().map(|record| record.priority) {
        let rank = left.iter().take_while(|record| record.priority == priority);
        let sum: u32 = rank.map(|record| u32::from(record.weight)).sum();
        let drawn = entropy.below(sum + 1);
        let mut running = 0;
        let at = left.iter().position(|record| {
            running += u32::from(record.weight);
            running >= drawn
        });
        ordered.push(left.remove(at.unwrap_or_default()));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(uri: &str) -> Place {
        Place::of(&Uri::parse(uri).unwrap()).unwrap()
    }

    fn naptr(order: u16, preference: u16, service: &str, replacement: &str) -> Naptr {
        let (service, replacement) = (service.to_owned(), replacement.to_owned());
        Naptr { order, preference, flags: "s".into(), service, replacement }
    }

    fn srv(priority: u16, weight: u16, target: &str) -> Srv {
        Srv { priority, weight, port: 5060, target: target.into() }
    }

    /// RFC 3263 sections 4.1 and 4.2, row by row.
    #[test]
    fn what_a_uri_says_decides_what_is_asked() {
        use Transport::{Tcp, Tls, Udp};
        let at = |text: &str| text.parse().unwrap();
        let service = |t, name: &str| Ask::Service(t, name.into());
        for (uri, ask) in [
            ("sip:192.0.2.1", Ask::Nothing(Udp, at("192.0.2.1:5060"))),
            ("sip:192.0.2.1:5070;transport=tcp", Ask::Nothing(Tcp, at("192.0.2.1:5070"))),
            ("sips:192.0.2.1", Ask::Nothing(Tls, at("192.0.2.1:5061"))),
            ("sip:[2001:db8::1];transport=tls", Ask::Nothing(Tls, at("[2001:db8::1]:5061"))),
            ("sip:carrier.example:5070", Ask::Addresses(Udp, 5070)),
            ("sips:carrier.example:5070", Ask::Addresses(Tls, 5070)),
            ("sip:carrier.example:5070;transport=tcp", Ask::Addresses(Tcp, 5070)),
            ("sip:carrier.example;transport=udp", service(Udp, "_sip._udp.carrier.example")),
            ("sip:carrier.example;transport=tcp", service(Tcp, "_sip._tcp.carrier.example")),
            ("sip:carrier.example;transport=tls", service(Tls, "_sips._tcp.carrier.example")),
            ("sips:carrier.example;transport=tcp", service(Tls, "_sips._tcp.carrier.example")),
            ("sip:carrier.example", Ask::Services),
            ("sips:carrier.example", Ask::Services),
        ] {
            assert_eq!(place(uri).ask(), ask, "{uri}");
        }
        for none in ["tel:+77010000000", "sip:h;transport=sctp", "sip:h;transport", "sips:h;transport=udp"] {
            assert_eq!(Place::of(&Uri::parse(none).unwrap()), None, "{none}");
        }
        assert!(!place("sip:h;transport=ws").can_be_reached());
        assert!(
            place("sip:h").can_be_reached() && place("sips:h").is_secure() && !place("sip:h").is_secure()
        );
    }

    #[test]
    fn services_are_chosen_by_order_and_preference_and_only_secure_ones_for_sips() {
        let records = [
            naptr(50, 50, "SIP+D2T", "_sip._tcp.a"),
            naptr(50, 10, "SIPS+D2T", "_sips._tcp.a"),
            naptr(10, 90, "sip+d2u", "_sip._udp.a"),
            naptr(1, 1, "E2U+sip", "x"),
            Naptr { flags: "u".into(), ..naptr(1, 1, "SIP+D2U", "y") },
        ];
        let names = |p: Place, r: &[Naptr]| p.services(r).into_iter().map(|(_, n)| n).collect::<Vec<_>>();
        assert_eq!(names(place("sip:a"), &records), ["_sip._udp.a", "_sips._tcp.a", "_sip._tcp.a"]);
        assert_eq!(names(place("sips:a"), &records), ["_sips._tcp.a"]);
        assert_eq!(names(place("sip:a"), &[]), ["_sip._udp.a", "_sip._tcp.a", "_sips._tcp.a"]);
        assert_eq!(names(place("sips:a"), &records[..1]), ["_sips._tcp.a"]);
        assert_eq!(place("sip:a").without_service(), (Transport::Udp, 5060));
        assert_eq!(place("sips:a").without_service(), (Transport::Tls, 5061));
        let many = vec![naptr(1, 1, "SIP+D2U", "_sip._udp.a"); RECORDS_MAX + 1];
        assert_eq!(names(place("sip:a"), &many).len(), RECORDS_MAX);
    }

    /// RFC 2782: priority is strict, weight is a share.
    #[test]
    fn servers_are_tried_by_priority_and_by_the_share_of_their_weight() {
        let records =
            [srv(20, 0, "backup"), srv(10, 30, "a"), srv(10, 10, "b"), srv(5, 1, "."), srv(10, 0, "c")];
        let mut entropy = Entropy::from_seed(1);
        let mut first = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..4_000 {
            let order = in_order(&records, &mut entropy);
            assert_eq!((order.len(), order[3].target.as_str()), (4, "backup"));
            *first.entry(order[0].target.clone()).or_default() += 1;
        }
        // Shares are 30 and 10 of 40, and the zero has one draw in 41.
        let share = |name: &str| first.get(name).copied().unwrap_or_default();
        assert!((2_800..3_050).contains(&share("a")), "{first:?}");
        assert!((880..1_080).contains(&share("b")), "{first:?}");
        assert!((50..150).contains(&share("c")), "{first:?}");
        assert!(in_order(&[], &mut entropy).is_empty());
        let many = vec![srv(1, 1, "a"); RECORDS_MAX + 1];
        assert_eq!(in_order(&many, &mut entropy).len(), RECORDS_MAX);
    }
}
