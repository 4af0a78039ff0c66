//! Why a description is of no use. The peer is guilty of every one of them but the last.

use core::fmt;

/// A fault of offer/answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// Longer than [`crate::BYTES_MAX`] or with more media than [`crate::MEDIA_MAX`].
    TooLarge,
    /// A line that cannot be read.
    Malformed {
        /// Its number, from 1.
        line: usize,
        /// What should be there.
        expected: &'static str,
    },
    /// The peer has no audio to agree on.
    NoAudio,
    /// The peer speaks no codec of ours: answer 488.
    NoCommonCodec,
    /// An answer has not as many media lines as the offer (RFC 3264 section 6).
    MediaCount {
        /// Lines of our offer.
        offered: usize,
        /// Lines of the answer.
        answered: usize,
    },
    /// The connection address is a host name; packets go to addresses only.
    NotAnAddress,
    /// Ours: an answer came although nothing was offered.
    NothingOffered,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooLarge => f.write_str("the peer's SDP is too large"),
            Fault::Malformed { line, expected } => {
                write!(f, "the peer's SDP cannot be read at line {line}: expected {expected}")
            }
            Fault::NoAudio => f.write_str("the peer's SDP has no audio"),
            Fault::NoCommonCodec => f.write_str("the peer speaks none of our codecs"),
            Fault::MediaCount { offered, answered } => {
                write!(f, "the peer answered {answered} media lines where {offered} were offered")
            }
            Fault::NotAnAddress => f.write_str("the peer's SDP names a host where an IP address is due"),
            Fault::NothingOffered => f.write_str("an SDP answer came although nothing was offered"),
        }
    }
}

impl core::error::Error for Fault {}
