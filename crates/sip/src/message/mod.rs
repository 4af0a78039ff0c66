//! A SIP message: the bytes as they came, and an index of spans into them. Nothing is rewritten on the way in except
//! that folded lines become one and each byte of wrong UTF-8 an underscore; nothing is decoded until somebody asks.

mod attestation;
mod caller;
mod fault;
mod headers;
mod method;
mod reader;
pub(crate) mod text;
mod uri;
mod vocabulary;
mod writer;

pub use attestation::{Attest, Claims, IDENTITY_MAX};
pub use caller::{Caller, DIVERSIONS_MAX, Diversions};
pub use fault::{Malformed, ParseFault};
pub use headers::{Contacts, NameAddr, ValueFault, Via};
pub use method::Method;
pub use uri::{Scheme, Uri, UriFault};
pub use writer::{MessageBuilder, reason};

use core::fmt;
use core::ops::Range;
use std::net::{IpAddr, SocketAddr};

/// Largest message taken, bytes: what a datagram can hold. A larger one is a fault.
pub const MESSAGE_MAX: usize = 65_536;
/// Most header lines taken. A message with more is answered 513.
pub const HEADERS_MAX: usize = 256;

/// A SIP request or response (RFC 3261 section 7).
#[derive(Clone)]
pub struct Message {
    /// Start line and headers, unfolded.
    head: String,
    start: Start,
    lines: Vec<Line>,
    body: Vec<u8>,
    /// Where its response goes, once [`Message::stamp_source`] has found out.
    answer_to: Option<SocketAddr>,
}

#[derive(Clone)]
enum Start {
    Request { method: Method, uri: Range<usize> },
    Response { status: u16, reason: Range<usize> },
}

/// One header: where its name and its value stand in the head.
#[derive(Clone)]
struct Line {
    name: Range<usize>,
    value: Range<usize>,
}

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum StartLine<'a> {
    /// `METHOD uri SIP/2.0`
    Request {
        /// What is asked.
        method: &'a Method,
        /// Whom it is asked, as it stood.
        uri: &'a str,
    },
    /// `SIP/2.0 status reason`
    Response {
        /// 100 to 699.
        status: u16,
        /// For people; may be empty.
        reason: &'a str,
    },
}

impl Message {
    /// Reads one whole message: a datagram, or a frame of a stream. Bytes beyond Content-Length are left aside, empty
    /// lines before the first one are skipped (RFC 3261 sections 7.5, 18.3).
    pub fn parse(bytes: &[u8]) -> Result<Message, ParseFault> {
        reader::read(bytes)
    }

    /// The first line.
    pub fn start(&self) -> StartLine<'_> {
        match &self.start {
            Start::Request { method, uri } => StartLine::Request { method, uri: self.slice(uri) },
            Start::Response { status, reason } => {
                StartLine::Response { status: *status, reason: self.slice(reason) }
            }
        }
    }

    /// The method of a request.
    pub fn method(&self) -> Option<&Method> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// The status of a response.
    pub fn status(&self) -> Option<u16> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// Whether this is a request.
    pub fn is_request(&self) -> bool {
        self.method().is_some()
    }

    /// The Request-URI of a request, read.
    pub fn request_uri(&self) -> Option<Uri> {
        match self.start() {
            StartLine::Request { uri, .. } => Uri::parse(uri).ok(),
            StartLine::Response { .. } => None,
        }
    }

    /// The value of the first header of that name, whichever case or compact form either side uses.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = long_name(name);
        self.lines.iter().find(|line| self.is_named(line, name)).map(|line| self.slice(&line.value))
    }

    /// The values of every header line of that name, in order; lists are not split.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let name = long_name(name);
        self.lines.iter().filter(move |line| self.is_named(line, name)).map(|line| self.slice(&line.value))
    }

    /// `name` is a long one.
    fn is_named(&self, line: &Line, name: &str) -> bool {
        (line.name.len() == name.len() || line.name.len() == 1)
            && long_name(self.slice(&line.name)).eq_ignore_ascii_case(name)
    }

    /// The values of a list header (Via, Contact, Route, Require, Allow …), split at commas outside quotes and
    /// brackets. A line whose quotes do not balance comes whole; empty elements are left out.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let mut out = Vec::new();
        let name = long_name(name);
        for line in self.lines.iter().filter(|line| self.is_named(line, name)) {
            let line = self.slice(&line.value);
            match text::split(line, b',') {
                Ok(parts) => out.extend(parts.into_iter().filter(|part| !part.is_empty())),
                Err(text::Bad) => out.push(line),
            }
        }
        out
    }

    /// Every header as it stood: name, value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| (self.slice(&line.name), self.slice(&line.value)))
    }

    /// The body; empty when there is none.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body when its Content-Type is `media_type` (case and parameters aside) and it is not empty.
    pub fn body_of(&self, media_type: &str) -> Option<&[u8]> {
        let is = self.content_type()?.eq_ignore_ascii_case(media_type);
        (is && !self.body.is_empty()).then_some(&self.body)
    }

    /// The Content-Type without parameters and white space inside.
    pub fn content_type(&self) -> Option<String> {
        let value = self.header("Content-Type")?;
        Some(value.split(';').next()?.chars().filter(|c| !matches!(c, ' ' | '\t')).collect())
    }

    /// The Via of the hop before us.
    pub fn top_via(&self) -> Result<Via, ParseFault> {
        let value = self.headers("Via").next().ok_or(ParseFault::bare(Malformed::Missing("Via")))?;
        let (first, _) = text::first(value, b',').map_err(|_| ParseFault::bare(Malformed::Header("Via")))?;
        Via::parse(first).map_err(|_| ParseFault::bare(Malformed::Header("Via")))
    }

    /// Call-ID; empty only in what is left of a malformed message.
    pub fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    /// CSeq: number and method.
    pub fn cseq(&self) -> Result<(u32, Method), ParseFault> {
        let value = self.header("CSeq").ok_or(ParseFault::bare(Malformed::Missing("CSeq")))?;
        let read = || {
            let (number, method) = value.split_once([' ', '\t'])?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            // RFC 3261 section 8.1.1.5: less than 2^31.
            let number = number.parse().ok().filter(|n| digits && *n < 1 << 31)?;
            Some((number, Method::parse(text::trim(method))?))
        };
        read().ok_or(ParseFault::bare(Malformed::Header("CSeq")))
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, ParseFault> {
        self.address("From")
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, ParseFault> {
        self.address("To")
    }

    /// Whether To carries a tag: the request names a dialog. An unreadable To counts as one that does, so that none is
    /// added to it.
    pub fn has_to_tag(&self) -> bool {
        let tagged = |to: &str| to.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"tag"));
        match self.header("To") {
            // Most have none, and reading them to see that would be the dearest part of answering.
            Some(to) if !tagged(to) => text::split(to, b';').is_err(),
            Some(_) => self.to().map_or(true, |to| to.tag().is_some()),
            None => false,
        }
    }

    fn address(&self, name: &'static str) -> Result<NameAddr, ParseFault> {
        let value = self.header(name).ok_or(ParseFault::bare(Malformed::Missing(name)))?;
        NameAddr::parse(value).map_err(|_| ParseFault::bare(Malformed::Header(name)))
    }

    /// Every Contact; an empty list when there is none.
    pub fn contact(&self) -> Result<Contacts, ParseFault> {
        let mut lines = self.headers("Contact");
        if let (Some("*"), None) = (lines.next(), lines.next()) {
            return Ok(Contacts::Star);
        }
        self.addresses("Contact").map(Contacts::List)
    }

    /// Every address of a list header: Contact, Route, Record-Route, P-Asserted-Identity. Empty elements are faults.
    pub fn addresses(&self, name: &'static str) -> Result<Vec<NameAddr>, ParseFault> {
        let mut out = Vec::new();
        for line in self.headers(name) {
            for part in text::split(line, b',').map_err(|_| ParseFault::bare(Malformed::Header(name)))? {
                out.push(NameAddr::parse(part).map_err(|_| ParseFault::bare(Malformed::Header(name)))?);
            }
        }
        Ok(out)
    }

    /// Max-Forwards, when there is one.
    pub fn max_forwards(&self) -> Option<u8> {
        text::saturating_u32(self.header("Max-Forwards")?)?.try_into().ok()
    }

    /// Expires in seconds; `None` when absent or malformed, which RFC 3261 section 10.3 wants taken as absent.
    pub fn expires(&self) -> Option<u32> {
        text::saturating_u32(self.header("Expires")?)
    }

    /// Content-Length as stated.
    pub fn content_length(&self) -> Option<u32> {
        text::saturating_u32(self.header("Content-Length")?)
    }

    /// Notes in the top Via where the request really came from, as RFC 3261 section 18.2.1 and RFC 3581 section 4 ask
    /// of a server: `received` when it differs from what the hop said or `rport` was asked for, and `rport`.
    pub fn stamp_source(&mut self, source: SocketAddr) {
        let Ok(mut via) = self.top_via() else { return };
        if via.rport.is_some() {
            via.rport = Some(Some(source.port()));
        }
        via.received =
            (via.rport.is_some() || uri::ip_of(&via.host) != Some(source.ip())).then_some(source.ip());
        self.answer_to = Message::answer_to(&via);
        let Some(line) =
            self.lines.iter().position(|l| long_name(self.slice(&l.name)).eq_ignore_ascii_case("Via"))
        else {
            return;
        };
        let old = self.lines.get(line).map(|l| self.slice(&l.value)).unwrap_or_default();
        let (_, rest) = text::first(old, b',').unwrap_or_default();
        let value = format!("{via}{rest}");
        let start = self.head.len();
        self.head.push_str(&value);
        if let Some(line) = self.lines.get_mut(line) {
            line.value = start..self.head.len();
        }
    }

    /// Where RFC 3261 section 18.2.2 and RFC 3581 send the response of a stamped request: `received` and `rport`, else
    /// the address in sent-by with its port or 5060. `None` when sent-by is a host name and was never stamped.
    pub fn response_address(&self) -> Option<SocketAddr> {
        if self.answer_to.is_some() {
            return self.answer_to;
        }
        let via = self.top_via().ok()?;
        Message::answer_to(&via)
    }

    fn answer_to(via: &Via) -> Option<SocketAddr> {
        let ip: IpAddr = via.received.or_else(|| uri::ip_of(&via.host))?;
        Some(SocketAddr::new(ip, via.rport.flatten().or(via.port).unwrap_or(5060)))
    }

    /// The message on the wire again, one header a line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.head.len() + self.body.len() + 16);
        match self.start() {
            StartLine::Request { method, uri } => out.extend(format!("{method} {uri} SIP/2.0\r\n").bytes()),
            StartLine::Response { status, reason } => {
                out.extend(format!("SIP/2.0 {status} {reason}\r\n").bytes());
            }
        }
        for (name, value) in self.all_headers() {
            for part in [name, ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }

    fn slice(&self, span: &Range<usize>) -> &str {
        self.head.get(span.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for Message {
    /// Method or status only: everything else may name a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.start {
            Start::Request { method, .. } => write!(f, "Message({method:?})"),
            Start::Response { status, .. } => write!(f, "Message({status})"),
        }
    }
}

impl fmt::Debug for StartLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartLine::Request { method, .. } => write!(f, "Request({method:?})"),
            StartLine::Response { status, .. } => write!(f, "Response({status})"),
        }
    }
}

/// The long name of a compact one (RFC 3261 section 7.3.3 and the registry of header fields); others as they are.
fn long_name(name: &str) -> &str {
    let mut bytes = name.bytes();
    let (Some(letter), None) = (bytes.next(), bytes.next()) else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}
