//! What can be wrong with a peer's description, or with the moment it comes.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Why a body could not be read or agreed upon. Lines are counted from 1; no text of the peer is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Fault {
    /// Peer: the body is larger than [`BODY_BYTES_MAX`](crate::BODY_BYTES_MAX).
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Peer: more m= lines than [`MEDIA_MAX`](crate::MEDIA_MAX).
    TooManyMedia,
    /// Peer: a line that the rest hangs on cannot be read (v=, o=, c=, m=, or no `x=` at all).
    Malformed {
        /// Where.
        line: usize,
    },
    /// Peer: no audio stream that is switched on (RFC 3264 section 6: port 0 refuses).
    NoAudio,
    /// Peer: the audio is neither plain RTP nor RTP with a key that we take: RTP/SAVP without one, or something else.
    NoCommonProtocol,
    /// Peer: it offers plain RTP where encryption is required (FEATURES T9), or answers without the key it was asked for.
    Unencrypted,
    /// Peer: no codec of ours.
    NoCommonCodec,
    /// Peer: c= names a host where an address is needed; names are not looked up here.
    HostName,
    /// Peer: no c= line covers the audio stream (RFC 8866 section 5.7).
    NoConnection,
    /// Peer: the address cannot be talked to: multicast, or IPv6 where we have IPv4, or the reverse.
    Unreachable,
    /// Peer: it offers while our own offer waits for an answer (RFC 3261 section 14.2: 491).
    OfferPending,
    /// Us: an answer was handed in though nothing was offered.
    NoOffer,
}

impl Fault {
    /// The SIP status to refuse with (RFC 3261 section 21.4).
    pub const fn status(self) -> u16 {
        match self {
            Fault::TooLarge { .. } | Fault::TooManyMedia => 413,
            Fault::Malformed { .. } => 400,
            Fault::OfferPending => 491,
            Fault::NoOffer => 500,
            Fault::NoAudio
            | Fault::NoCommonProtocol
            | Fault::Unencrypted
            | Fault::NoCommonCodec
            | Fault::HostName
            | Fault::NoConnection
            | Fault::Unreachable => 488,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooLarge { bytes } => write!(f, "peer's SDP is too large: {bytes} bytes"),
            Fault::TooManyMedia => f.write_str("peer's SDP has too many m= lines"),
            Fault::Malformed { line } => write!(f, "peer's SDP cannot be read at line {line}"),
            Fault::NoAudio => f.write_str("peer has no audio stream switched on"),
            Fault::NoCommonProtocol => {
                f.write_str("peer's audio is neither plain RTP nor encrypted in a way of ours")
            }
            Fault::Unencrypted => f.write_str("peer's audio is not encrypted, and must be"),
            Fault::NoCommonCodec => f.write_str("peer has no codec of ours"),
            Fault::HostName => f.write_str("peer's c= line has a host name instead of an address"),
            Fault::NoConnection => f.write_str("peer's SDP has no c= line for its audio"),
            Fault::Unreachable => f.write_str("peer's audio address cannot be reached from ours"),
            Fault::OfferPending => f.write_str("peer offers while our own offer is open"),
            Fault::NoOffer => f.write_str("an answer came though we offered nothing"),
        }
    }
}

impl core::error::Error for Fault {}
