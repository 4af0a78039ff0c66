//! The voice codecs of the line, by name and payload type.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A voice codec.
/// In facts, as in an rtpmap: `"PCMA"`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Codec {
    /// G.711 A-law, the law of Kazakhstan's network.
    #[serde(rename = "PCMA")]
    Pcma,
    /// G.711 µ-law.
    #[serde(rename = "PCMU")]
    Pcmu,
    /// G.722 at 64 kbit/s: sound of 16 kHz, though its RTP clock says 8 (RFC 3551 section 4.5.2).
    G722,
    /// Opus (RFC 7587).
    #[serde(rename = "opus")]
    Opus,
}

impl Codec {
    /// Every codec, in the order of what costs least to carry.
    pub const ALL: [Codec; 4] = [Codec::Pcma, Codec::Pcmu, Codec::G722, Codec::Opus];

    /// The encoding name of an rtpmap: `PCMA`, `PCMU`, `G722`, `opus`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcma => "PCMA",
            Codec::Pcmu => "PCMU",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
        }
    }

    /// The payload type that our offers give it: the static one (RFC 3551 table 4), or 111, as most peers number Opus.
    pub const fn payload_type(self) -> u8 {
        match self {
            Codec::Pcma => 8,
            Codec::Pcmu => 0,
            Codec::G722 => 9,
            Codec::Opus => 111,
        }
    }

    /// RTP clock in Hz.
    pub const fn clock_hz(self) -> u32 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 8_000,
            Codec::Opus => 48_000,
        }
    }

    /// The channels of its rtpmap: Opus always says two (RFC 7587 section 7), whatever it carries.
    pub(crate) const fn channels(self) -> u8 {
        match self {
            Codec::Pcma | Codec::Pcmu | Codec::G722 => 1,
            Codec::Opus => 2,
        }
    }

    /// One of the two laws of G.711, which are translated byte for byte.
    pub const fn is_law(self) -> bool {
        matches!(self, Codec::Pcma | Codec::Pcmu)
    }

    /// It carries more than the telephone's band.
    pub const fn is_wide(self) -> bool {
        matches!(self, Codec::G722 | Codec::Opus)
    }

    /// What one speaks must be decoded and encoded anew for the other.
    pub const fn is_foreign_to(self, other: Codec) -> bool {
        self as u8 != other as u8 && !(self.is_law() && other.is_law())
    }

    /// The codec of a static payload type, valid without any rtpmap (RFC 3551 section 6).
    pub const fn from_payload_type(payload_type: u8) -> Option<Codec> {
        match payload_type {
            8 => Some(Codec::Pcma),
            0 => Some(Codec::Pcmu),
            9 => Some(Codec::G722),
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
            let of_number = Codec::from_payload_type(codec.payload_type());
            assert_eq!(of_number, Some(codec).filter(|c| *c != Codec::Opus), "a dynamic number says nothing");
            assert_eq!(Codec::from_name(&codec.name().to_lowercase()), Some(codec));
        }
        assert_eq!(Codec::from_payload_type(18), None);
        assert_eq!(Codec::from_name("G729"), None);
    }

    #[test]
    fn the_laws_understand_each_other_and_nobody_else() {
        for a in Codec::ALL {
            for b in Codec::ALL {
                assert_eq!(a.is_foreign_to(b), a != b && !(a.is_law() && b.is_law()), "{a} {b}");
            }
        }
    }
}
