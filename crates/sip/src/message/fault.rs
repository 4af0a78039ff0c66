//! Why bytes are no SIP message, and what may still be answered to their sender.

use super::{Message, Method};
use core::fmt;

/// What was found instead of what RFC 3261 asks for. Names headers, never their content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Expected a request or status line, found neither.
    NotSip,
    /// Expected `METHOD SP URI SP SIP/2.0` with single spaces, or a three-digit status.
    StartLine,
    /// Expected `SIP/2.0`, found another version.
    Version,
    /// Expected a URI of RFC 3261 without brackets, spaces or `?headers`.
    RequestUri,
    /// Expected `sip:`, `sips:` or `tel:`.
    Scheme,
    /// Expected `name: value` without bare control characters.
    HeaderLine,
    /// The named header's value does not read.
    Header(&'static str),
    /// The named header must be there.
    Missing(&'static str),
    /// The named header must be there once.
    Repeated(&'static str),
    /// CSeq names another method than the request line.
    MethodMismatch,
    /// Expected an empty line after the headers, the bytes end before.
    Unfinished,
    /// Content-Length promises more than there is.
    Truncated,
    /// More than [`super::MESSAGE_MAX`] bytes.
    TooLarge,
    /// More than [`super::HEADERS_MAX`] header lines.
    TooManyHeaders,
}

/// A message that did not read. The peer is guilty.
#[derive(Clone)]
pub struct ParseFault {
    /// What is wrong.
    pub kind: Malformed,
    /// As much as was read of a request, for an answer to be built upon. `None`: there is nobody to answer.
    pub partial: Option<Box<Message>>,
}

impl ParseFault {
    pub(crate) fn bare(kind: Malformed) -> Self {
        ParseFault { kind, partial: None }
    }

    /// The response to give: 400, 416, 501, 505 or 513. `None`: drop in silence, for it is a response, an ACK, or has
    /// no Via to be sent back (RFC 3261 sections 8.2.1, 16.3, 17.2.1). A Via that is there and does not read goes back
    /// as it stood, to where the request came from (RFC 4475 sections 3.1.2.1, 3.1.2.16).
    pub fn status(&self) -> Option<u16> {
        let partial = self.partial.as_ref()?;
        let method = partial.method().filter(|method| **method != Method::Ack)?;
        if partial.header("Via").is_none_or(str::is_empty) {
            return None;
        }
        Some(match self.kind {
            Malformed::Version => 505,
            // RFC 4475 section 3.1.2.18: that the method is unknown says more than that it stands only once.
            Malformed::MethodMismatch if matches!(method, Method::Other(_)) => 501,
            Malformed::Scheme => 416,
            Malformed::TooLarge | Malformed::TooManyHeaders => 513,
            _ => 400,
        })
    }
}

impl fmt::Display for ParseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("peer: ")?;
        match self.kind {
            Malformed::NotSip => f.write_str("neither a request nor a response"),
            Malformed::StartLine => f.write_str("first line: expected three parts parted by single spaces"),
            Malformed::Version => f.write_str("first line: expected SIP/2.0"),
            Malformed::RequestUri => f.write_str("first line: the Request-URI does not read"),
            Malformed::Scheme => f.write_str("first line: expected a sip, sips or tel URI"),
            Malformed::HeaderLine => f.write_str("a header line is not name: value"),
            Malformed::Header(name) => write!(f, "{name} does not read"),
            Malformed::Missing(name) => write!(f, "{name} is missing"),
            Malformed::Repeated(name) => write!(f, "{name} stands more than once"),
            Malformed::MethodMismatch => f.write_str("CSeq and the first line name different methods"),
            Malformed::Unfinished => f.write_str("no empty line ends the headers"),
            Malformed::Truncated => f.write_str("Content-Length promises more bytes than there are"),
            Malformed::TooLarge => write!(f, "more than {} bytes", super::MESSAGE_MAX),
            Malformed::TooManyHeaders => write!(f, "more than {} header lines", super::HEADERS_MAX),
        }
    }
}

impl fmt::Debug for ParseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParseFault({:?})", self.kind)
    }
}

impl core::error::Error for ParseFault {}
