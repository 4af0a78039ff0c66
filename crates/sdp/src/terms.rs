//! What we can do, where we stand, and what was agreed.

use crate::{Codec, Direction, Key, Keys, Security};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What our side of a dialog is able and willing to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Capabilities {
    /// Codecs, most preferred first: an answer takes the first that the offer has. All of them are offered.
    pub codecs: Vec<Codec>,
    /// Whether RFC 4733 telephone events are offered and accepted.
    pub telephone_event: bool,
    /// Milliseconds of sound in a packet: what we ask for, and what we send when the peer asks for nothing.
    pub ptime_ms: u16,
    /// Whether RTCP may share the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Whether sound is encrypted.
    pub security: Security,
    /// What we seal with: a fresh key for each suite that we do, the best first. None: nothing is encrypted.
    pub keys: Vec<Key>,
}

impl Default for Capabilities {
    /// A-law before µ-law, as the trunks of the country speak it; events; 20 ms; RTCP on its own port.
    fn default() -> Self {
        Capabilities {
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            telephone_event: true,
            ptime_ms: 20,
            rtcp_mux: false,
            security: Security::Refuse,
            keys: Vec::new(),
        }
    }
}

/// Where our side stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Local {
    /// Our RTP address and port as the peer reaches it; RTCP is one port above.
    pub address: SocketAddr,
    /// Session id of our o= line: random, so that two calls cannot be confused.
    pub session_id: u64,
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Local(port {})", self.address.port())
    }
}

/// What both sides agreed on for the one audio stream.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Where the peer receives RTP.
    pub remote: SocketAddr,
    /// Where the peer receives RTCP: `a=rtcp:` (RFC 3605), or one port above, or the RTP port when multiplexed.
    pub remote_rtcp: SocketAddr,
    /// The codec both ways.
    pub codec: Codec,
    /// The payload type the peer wants to see.
    pub send_payload_type: u8,
    /// The payload type we told the peer to use.
    pub receive_payload_type: u8,
    /// The payload type the peer wants for telephone events, if it takes them.
    pub send_telephone_event: Option<u8>,
    /// The payload type we told the peer to use for telephone events, if we take them.
    pub receive_telephone_event: Option<u8>,
    /// The clock of these events in Hz: 8,000 or 48,000.
    pub telephone_event_hz: u32,
    /// The peer can make use of the redundancy that Opus puts into its packets (RFC 7587 `useinbandfec`).
    pub opus_fec: bool,
    /// The peer wishes for silence that is not sent (RFC 7587 `usedtx`).
    pub opus_dtx: bool,
    /// Milliseconds of sound the peer wants in a packet: 10 to 60, a multiple of 10.
    pub send_ptime_ms: u16,
    /// Which way the stream flows, seen from us.
    pub direction: Direction,
    /// RTCP shares the RTP port.
    pub rtcp_mux: bool,
    /// The keys, when sound is encrypted.
    pub keys: Option<Keys>,
}

/// Prints no address.
impl fmt::Debug for Negotiated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiated")
            .field("codec", &self.codec)
            .field("payload_types", &(self.send_payload_type, self.receive_payload_type))
            .field("telephone_events", &(self.send_telephone_event, self.receive_telephone_event))
            .field("ptime_ms", &self.send_ptime_ms)
            .field("direction", &self.direction)
            .field("encrypted", &self.keys.is_some())
            .finish_non_exhaustive()
    }
}
