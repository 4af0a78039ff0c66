//! The headers that every message of ours carries.

use super::{Endpoint, Network, Settings};
use crate::message::{Message, MessageBuilder, Via, text};
use crate::{Flow, Transport};
use std::net::SocketAddr;

/// What we can be asked, for Allow.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, PRACK, UPDATE, REFER, NOTIFY, SUBSCRIBE";

/// The extensions that we know, for Supported; a request may require them.
pub(super) const SUPPORTED: &str = "100rel, timer, replaces, join, norefersub";

/// The event packages that we know, for Allow-Events (RFC 6665 section 8.2.2).
pub(super) const EVENTS: &str = "refer";

/// What a 2xx says of us.
pub(super) const CAPABILITIES: [(&str, &str); 4] =
    [("Allow", ALLOW), ("Supported", SUPPORTED), ("Accept", SDP), ("Allow-Events", EVENTS)];

/// What we support in a call without an offer.
pub(super) const SUPPORTED_LATE: &str = "timer, replaces, join, norefersub";

/// Why a session whose offer got no answer ends (RFC 3326).
pub(super) const NO_ANSWER: &str = "SIP;cause=488;text=\"No answer to the offer\"";

/// The only body of an INVITE that we read, for Accept.
pub(super) const SDP: &str = "application/sdp";

/// User part of our Contact. It says nothing of the call.
const CONTACT_USER: &str = "senim";

impl Settings {
    /// The address that peers on this flow are to use for us.
    pub(super) fn address(&self, flow: Flow) -> SocketAddr {
        let ip = flow.remote.ip();
        let fits = |n: &&Network| {
            n.address.is_ipv4() == flow.local.is_ipv4() && n.peers.iter().any(|net| net.contains(ip))
        };
        if let Some(network) = self.networks.iter().find(fits) {
            return SocketAddr::new(network.address, network.port.unwrap_or(flow.local.port()));
        }
        self.advertised
            .iter()
            .find(|(transport, address)| {
                *transport == flow.transport && address.is_ipv4() == flow.local.is_ipv4()
            })
            .map_or(flow.local, |(_, address)| *address)
    }

    /// Our Contact on this flow; of a dialog that was begun with a `sips:` URI it is one, too. On an open wire that would
    /// promise what is not so.
    pub(super) fn contact(&self, flow: Flow, sips: bool) -> String {
        if !sips || !flow.transport.is_secure() {
            return self.contact_of(CONTACT_USER, flow);
        }
        let address = self.address(flow);
        // RFC 3261 section 26.2.2: sips means TLS, transport=tls would say it twice.
        let carrier = if flow.transport == Transport::Wss { ";transport=ws" } else { "" };
        format!("<sips:{CONTACT_USER}@{address}{carrier}>")
    }

    /// A Contact of ours with another user part, given in the clear.
    pub(super) fn contact_of(&self, user: &str, flow: Flow) -> String {
        let (user, address) = (text::escape_user(user), self.address(flow));
        match flow.transport {
            Transport::Udp => format!("<sip:{user}@{address}>"),
            other => format!("<sip:{user}@{address};transport={}>", other.param()),
        }
    }

    /// `User-Agent` of our requests.
    pub(super) fn sign(&self, builder: MessageBuilder) -> MessageBuilder {
        if self.user_agent.is_empty() { builder } else { builder.header("User-Agent", &self.user_agent) }
    }
}

impl Endpoint {
    /// A new branch.
    pub(super) fn branch(&mut self) -> String {
        format!("{}{}", Via::COOKIE, self.entropy.token(24))
    }

    /// Our Via on a flow. It asks for answers to the port that we send from (RFC 3581).
    pub(super) fn via(&self, flow: Flow, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch};rport", flow.transport.name(), self.settings.address(flow))
    }
}

/// Whether a list header holds that token.
pub(super) fn lists(message: &Message, header: &str, token: &str) -> bool {
    message.values(header).iter().any(|value| value.eq_ignore_ascii_case(token))
}

/// The SDP of a message, if it has one.
pub(super) fn sdp_of(message: &Message) -> Option<Vec<u8>> {
    message.body_of(SDP).filter(|body| !body.is_empty()).map(<[u8]>::to_vec)
}

/// Whether the body, if any, is SDP, or one that its sender lets us pass over (RFC 3261 section 20.11).
pub(super) fn is_sdp(message: &Message) -> bool {
    let optional = |disposition: &str| {
        let mut params = disposition.split(';').skip(1).filter_map(|p| p.split_once('='));
        params.any(|(n, v)| {
            n.trim().eq_ignore_ascii_case("handling") && v.trim().eq_ignore_ascii_case("optional")
        })
    };
    message.body().is_empty()
        || message.body_of(SDP).is_some()
        || message.header("Content-Disposition").is_some_and(optional)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_told_the_address_of_its_network_and_family() {
        let network = |peers: &str, address: &str, port| Network {
            peers: vec![peers.parse().unwrap()],
            address: address.parse().unwrap(),
            port,
        };
        let settings = Settings {
            advertised: vec![(Transport::Udp, "203.0.113.1:5060".parse().unwrap())],
            networks: vec![
                network("10.0.0.0/8", "10.0.0.1", None),
                network("192.0.2.0/24", "192.0.2.9", Some(5070)),
                network("::/0", "2001:db8::1", None),
            ],
            ..Settings::of_realm("senim")
        };
        let told = |transport, local: &str, remote: &str| {
            let (local, remote) = (local.parse().unwrap(), remote.parse().unwrap());
            settings.contact(Flow { transport, local, remote, connection: 0 }, false)
        };
        let any = "0.0.0.0:5060";
        assert_eq!(told(Transport::Udp, any, "10.1.2.3:5060"), "<sip:senim@10.0.0.1:5060>");
        assert_eq!(told(Transport::Udp, any, "192.0.2.7:5060"), "<sip:senim@192.0.2.9:5070>");
        assert_eq!(told(Transport::Udp, any, "198.51.100.7:5060"), "<sip:senim@203.0.113.1:5060>");
        assert_eq!(
            told(Transport::Tls, "[::]:5061", "[2001:db8::7]:40000"),
            "<sip:senim@[2001:db8::1]:5061;transport=tls>"
        );
        assert_eq!(told(Transport::Wss, any, "10.1.2.3:5060"), "<sip:senim@10.0.0.1:5060;transport=ws>");
        let (local, remote) = (any.parse().unwrap(), "10.1.2.3:5060".parse().unwrap());
        for (transport, contact) in [
            (Transport::Tls, "<sips:senim@10.0.0.1:5060>"),
            (Transport::Wss, "<sips:senim@10.0.0.1:5060;transport=ws>"),
            (Transport::Tcp, "<sip:senim@10.0.0.1:5060;transport=tcp>"),
        ] {
            assert_eq!(settings.contact(Flow { transport, local, remote, connection: 0 }, true), contact);
        }
    }
}
