//! The voice codecs of the line, by name and payload type.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A voice codec: G.711 in one of its two laws.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 A-law, the law of Kazakhstan's network.
    Pcma,
    /// G.711 µ-law.
    Pcmu,
}

impl Codec {
    /// Every codec.
    pub const ALL: [Codec; 2] = [Codec::Pcma, Codec::Pcmu];

    /// The encoding name of an rtpmap: `PCMA`, `PCMU`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
        }
    }

    /// The static payload type (RFC 3551 table 4): 8 or 0.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
        }
    }

    /// RTP clock in Hz.
    pub const fn clock_hz(self) -> u32 {
        8_000
    }

    /// The codec of a static payload type, valid without any rtpmap (RFC 3551 section 6).
    pub const fn from_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            8 => Some(Codec::Pcma),
            0 => Some(Codec::Pcmu),
            _ => None,
        }
    }

    /// The codec of an rtpmap's encoding name, whatever its case (RFC 8866 section 6.6).
    pub fn from_name(name: &str) -> Option<Codec> {
        Codec::ALL.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_found_by_its_number_and_by_its_name() {
        for codec in Codec::ALL {
            assert_eq!(Codec::from_payload_type(codec.payload_type()), Some(codec));
            assert_eq!(Codec::from_name(&codec.name().to_lowercase()), Some(codec));
        }
        assert_eq!(Codec::from_payload_type(18), None);
        assert_eq!(Codec::from_name("G729"), None);
    }
}
