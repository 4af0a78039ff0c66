//! Codecs by name, directions, and what we are willing to do.

use serde::{Deserialize, Serialize};

/// A codec of the line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Codec {
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.711 µ-law, 8 kHz.
    Pcmu,
}

impl Codec {
    /// Name in `a=rtpmap` (RFC 3551).
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
        }
    }

    /// Static payload type (RFC 3551 table 4).
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
        }
    }

    /// Ticks a second of the RTP clock.
    pub const fn clock_hz(self) -> u32 {
        8_000
    }

    /// The codec of an `rtpmap` encoding such as `PCMA/8000` or `pcma/8000/1`.
    pub(crate) fn from_encoding(encoding: &str) -> Option<Codec> {
        let mut parts = encoding.split('/');
        let (name, clock, channels) = (parts.next()?, parts.next()?, parts.next().unwrap_or("1"));
        let known = [Codec::Pcma, Codec::Pcmu].into_iter().find(|c| c.name().eq_ignore_ascii_case(name))?;
        (clock.trim() == "8000" && channels.trim() == "1").then_some(known)
    }

    /// The codec of a static payload type, for descriptions without `rtpmap`.
    pub const fn from_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            8 => Some(Codec::Pcma),
            0 => Some(Codec::Pcmu),
            _ => None,
        }
    }
}

/// Which way media goes, from the side that says it (RFC 3264 section 5.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// We send, we do not want to hear.
    SendOnly,
    /// We hear, we do not send.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// From whether we send and whether we hear.
    pub const fn of(sends: bool, hears: bool) -> Direction {
        match (sends, hears) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// This side sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// This side hears.
    pub const fn hears(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same from the other side.
    pub const fn reversed(self) -> Direction {
        Direction::of(self.hears(), self.sends())
    }

    /// What we can do when we want `self` and the other side (already reversed) allows `other`.
    pub const fn and(self, other: Direction) -> Direction {
        Direction::of(self.sends() && other.sends(), self.hears() && other.hears())
    }

    /// The attribute's name.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Direction> {
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|d| d.name().eq_ignore_ascii_case(name))
    }
}

/// What we are willing to do.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Capabilities {
    /// Codecs, best first.
    pub codecs: Vec<Codec>,
    /// Digits as RFC 4733 events.
    pub telephone_event: bool,
    /// The packet time we ask for, in milliseconds.
    pub ptime_ms: u16,
}

impl Default for Capabilities {
    fn default() -> Self {
        Capabilities { codecs: vec![Codec::Pcma, Codec::Pcmu], telephone_event: true, ptime_ms: 20 }
    }
}
