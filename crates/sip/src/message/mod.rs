//! A SIP message: the bytes as they came, and an index of spans into them. Nothing is rewritten on the way in except
//! that folded lines become one and each byte of wrong UTF-8 an underscore; nothing is decoded until somebody asks.

mod attestation;
mod caller;
mod fault;
mod field;
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
use field::Field;
pub(crate) use headers::AddrParts;
use headers::ViaParts;
use std::net::{IpAddr, SocketAddr};
pub(crate) use uri::{Kind, UriParts};

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
    /// What every hop asks of a message; of a malformed one as much as reads is read when it is asked for.
    known: Option<Known>,
    /// Where its response goes, once [`Message::stamp_source`] has found out.
    answer_to: Option<SocketAddr>,
}

#[derive(Clone)]
enum Start {
    Request { method: Method, uri: Span },
    Response { status: u16, reason: Span },
}

/// A piece of the head: from, to. [`MESSAGE_MAX`] fits.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Span(u32, u32);

impl Span {
    fn new(from: usize, to: usize) -> Span {
        let short = |at| u32::try_from(at).unwrap_or(u32::MAX);
        Span(short(from), short(to))
    }

    /// Where `part` stands in `head`, which it was cut from.
    fn of(part: &str, head: &str) -> Span {
        let from = (part.as_ptr() as usize).saturating_sub(head.as_ptr() as usize);
        Span::new(from, from + part.len())
    }

    fn get(self, head: &str) -> &str {
        head.get(self.0 as usize..self.1 as usize).unwrap_or_default()
    }
}

/// One header: which it is, and where its name and its value stand in the head.
#[derive(Clone, Copy)]
struct Line {
    field: Field,
    name: Span,
    value: Span,
}

/// What was read on the way in and is asked for again and again.
#[derive(Clone, Copy)]
struct Known {
    /// Of the top Via: the branch if it is unique, and the host and port of sent-by.
    branch: Option<Span>,
    host: Span,
    port: Option<u16>,
    from_tag: Option<Span>,
    to_tag: Option<Span>,
    cseq: u32,
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
            Start::Request { method, uri } => StartLine::Request { method, uri: uri.get(&self.head) },
            Start::Response { status, reason } => {
                StartLine::Response { status: *status, reason: reason.get(&self.head) }
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
        self.request_uri_parts().map(UriParts::to_uri)
    }

    /// The Request-URI of a request, where it stands.
    pub(crate) fn request_uri_parts(&self) -> Option<UriParts<'_>> {
        match self.start() {
            StartLine::Request { uri, .. } => UriParts::read(uri).ok(),
            StartLine::Response { .. } => None,
        }
    }

    /// The value of the first header of that name, whichever case or compact form either side uses.
    pub fn header(&self, name: &str) -> Option<&str> {
        let field = Field::of(name);
        self.lines.iter().find(|line| self.is_named(line, field, name)).map(|line| line.value.get(&self.head))
    }

    /// The values of every header line of that name, in order; lists are not split.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let field = Field::of(name);
        let named = move |line: &&Line| self.is_named(line, field, name);
        self.lines.iter().filter(named).map(|line| line.value.get(&self.head))
    }

    fn is_named(&self, line: &Line, field: Field, name: &str) -> bool {
        line.field == field && (field != Field::Other || line.name.get(&self.head).eq_ignore_ascii_case(name))
    }

    /// The value of the first header of a known name.
    fn field(&self, field: Field) -> Option<&str> {
        self.lines.iter().find(|line| line.field == field).map(|line| line.value.get(&self.head))
    }

    /// The same of one that every message has.
    fn needed(&self, field: Field) -> Result<&str, ParseFault> {
        self.field(field).ok_or(ParseFault::bare(Malformed::Missing(field.name())))
    }

    /// The values of a list header (Via, Contact, Route, Require, Allow …), split at commas outside quotes and
    /// brackets. A line whose quotes do not balance comes whole; empty elements are left out.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let (mut out, field) = (Vec::new(), Field::of(name));
        for line in self.lines.iter().filter(|line| self.is_named(line, field, name)) {
            let line = line.value.get(&self.head);
            match text::split(line, b',') {
                Ok(parts) => out.extend(parts.into_iter().filter(|part| !part.is_empty())),
                Err(text::Bad) => out.push(line),
            }
        }
        out
    }

    /// Every header as it stood: name, value.
    pub fn all_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|line| (line.name.get(&self.head), line.value.get(&self.head)))
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
        let value = self.field(Field::ContentType)?;
        Some(value.split(';').next()?.chars().filter(|c| !matches!(c, ' ' | '\t')).collect())
    }

    /// The Via of the hop before us.
    pub fn top_via(&self) -> Result<Via, ParseFault> {
        self.top_via_text().and_then(|text| Via::parse(text).map_err(|_| bad("Via")))
    }

    fn top_via_text(&self) -> Result<&str, ParseFault> {
        text::first(self.needed(Field::Via)?, b',').map(|(first, _)| first).map_err(|_| bad("Via"))
    }

    /// Call-ID; empty only in what is left of a malformed message.
    pub fn call_id(&self) -> &str {
        self.field(Field::CallId).unwrap_or_default()
    }

    /// CSeq: number and method.
    pub fn cseq(&self) -> Result<(u32, Method), ParseFault> {
        let (number, method) = self.cseq_parts()?;
        Ok((number, Method::parse(method).ok_or(bad("CSeq"))?))
    }

    /// CSeq where it stands. The method may be no token.
    fn cseq_parts(&self) -> Result<(u32, &str), ParseFault> {
        let value = self.needed(Field::CSeq)?;
        let read = || {
            let (number, method) = text::cut_space(value)?;
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            // RFC 3261 section 8.1.1.5: less than 2^31.
            let number = number.parse().ok().filter(|n| digits && *n < 1 << 31)?;
            Some((number, text::trim(method)))
        };
        read().ok_or(bad("CSeq"))
    }

    /// The number of CSeq.
    pub(crate) fn cseq_number(&self) -> Option<u32> {
        self.known.map(|known| known.cseq).or_else(|| self.cseq_parts().ok().map(|(number, _)| number))
    }

    /// The method that CSeq names: of a message that reads, a token.
    pub(crate) fn cseq_method(&self) -> Option<&str> {
        self.cseq_parts().ok().map(|(_, method)| method)
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, ParseFault> {
        self.address(Field::From).map(AddrParts::to_addr)
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, ParseFault> {
        self.address(Field::To).map(AddrParts::to_addr)
    }

    /// The URI of To, where it stands.
    pub(crate) fn to_uri(&self) -> Option<UriParts<'_>> {
        Some(self.address(Field::To).ok()?.uri)
    }

    /// The From tag.
    pub(crate) fn tag_in_from(&self) -> Option<&str> {
        match self.known {
            Some(known) => known.from_tag.map(|span| span.get(&self.head)),
            None => self.address(Field::From).ok()?.tag(),
        }
    }

    /// The To tag.
    pub(crate) fn tag_in_to(&self) -> Option<&str> {
        match self.known {
            Some(known) => known.to_tag.map(|span| span.get(&self.head)),
            None => self.address(Field::To).ok()?.tag(),
        }
    }

    /// The branch of the top Via when it is unique as RFC 3261 promises, and the sent-by beside it.
    pub(crate) fn hop(&self) -> Option<Hop<'_>> {
        if let Some(known) = self.known {
            let branch = known.branch.map(|span| span.get(&self.head));
            return Some(Hop { branch, host: known.host.get(&self.head), port: known.port });
        }
        let via = ViaParts::read(self.top_via_text().ok()?).ok()?;
        Some(Hop { branch: via.unique_branch(), host: via.host, port: via.port })
    }

    /// Whether To carries a tag: the request names a dialog. An unreadable To that could hold one counts as one that
    /// does, so that none is added to it.
    pub fn has_to_tag(&self) -> bool {
        if let Some(known) = self.known {
            return known.to_tag.is_some();
        }
        let Some(to) = self.field(Field::To) else { return false };
        let named = to.as_bytes().windows(3).any(|w| w.eq_ignore_ascii_case(b"tag"));
        match AddrParts::read(to) {
            Ok(to) => to.tag().is_some(),
            Err(_) => named || text::split(to, b';').is_err(),
        }
    }

    fn address(&self, field: Field) -> Result<AddrParts<'_>, ParseFault> {
        AddrParts::read(self.needed(field)?).map_err(|_| bad(field.name()))
    }

    /// Every Contact; an empty list when there is none.
    pub fn contact(&self) -> Result<Contacts, ParseFault> {
        if self.is_star() {
            return Ok(Contacts::Star);
        }
        self.addresses("Contact").map(Contacts::List)
    }

    /// `Contact: *`, alone.
    fn is_star(&self) -> bool {
        let mut lines = self.headers("Contact");
        matches!((lines.next(), lines.next()), (Some("*"), None))
    }

    /// The URI of the first Contact, where it stands.
    pub(crate) fn contact_uri(&self) -> Option<UriParts<'_>> {
        if self.is_star() {
            return None;
        }
        let first = self.field(Field::Contact)?;
        Some(AddrParts::read(text::first(first, b',').ok()?.0).ok()?.uri)
    }

    /// Every address of a list header: Contact, Route, Record-Route, P-Asserted-Identity. Empty elements are faults.
    pub fn addresses(&self, name: &'static str) -> Result<Vec<NameAddr>, ParseFault> {
        let lines = self.headers(name).flat_map(|line| text::parts(line, b','));
        lines
            .map(|part| AddrParts::read(part?).map(AddrParts::to_addr))
            .collect::<Result<_, _>>()
            .map_err(|_| bad(name))
    }

    /// Max-Forwards, when there is one.
    pub fn max_forwards(&self) -> Option<u8> {
        text::saturating_u32(self.field(Field::MaxForwards)?)?.try_into().ok()
    }

    /// Expires in seconds; `None` when absent or malformed, which RFC 3261 section 10.3 wants taken as absent.
    pub fn expires(&self) -> Option<u32> {
        text::saturating_u32(self.field(Field::Expires)?)
    }

    /// Content-Length as stated.
    pub fn content_length(&self) -> Option<u32> {
        text::saturating_u32(self.field(Field::ContentLength)?)
    }

    /// Notes in the top Via where the request really came from, as RFC 3261 section 18.2.1 and RFC 3581 section 4 ask
    /// of a server: `received` when it differs from what the hop said or `rport` was asked for, and `rport`.
    pub fn stamp_source(&mut self, source: SocketAddr) {
        let Some(line) = self.lines.iter().position(|line| line.field == Field::Via) else { return };
        let old = self.lines.get(line).map(|line| line.value.get(&self.head)).unwrap_or_default();
        let Ok((top, rest)) = text::first(old, b',') else { return };
        let Ok(via) = ViaParts::read(top) else { return };
        let rport = via.rport.map(|_| source.port());
        let received = (rport.is_some() || uri::ip_of(via.host) != Some(source.ip())).then_some(source.ip());
        self.answer_to = answer_to(via.host, received, rport.or(via.port));
        let mut value = String::with_capacity(old.len() + 64);
        via.stamp(&mut value, top, received, rport);
        value.push_str(rest);
        let start = self.head.len();
        self.head.push_str(&value);
        if let Some(line) = self.lines.get_mut(line) {
            line.value = Span::new(start, self.head.len());
        }
    }

    /// Where RFC 3261 section 18.2.2 and RFC 3581 send the response of a stamped request: `received` and `rport`, else
    /// the address in sent-by with its port or 5060. `None` when sent-by is a host name and was never stamped.
    pub fn response_address(&self) -> Option<SocketAddr> {
        if self.answer_to.is_some() {
            return self.answer_to;
        }
        let via = ViaParts::read(self.top_via_text().ok()?).ok()?;
        answer_to(via.host, via.received, via.rport.flatten().or(via.port))
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
}

/// What a hop says of itself: RFC 3261 section 17.2.3 tells transactions apart by it.
#[derive(Clone, Copy)]
pub(crate) struct Hop<'a> {
    /// Only one of RFC 3261's making.
    pub(crate) branch: Option<&'a str>,
    pub(crate) host: &'a str,
    pub(crate) port: Option<u16>,
}

fn bad(name: &'static str) -> ParseFault {
    ParseFault::bare(Malformed::Header(name))
}

fn answer_to(host: &str, received: Option<IpAddr>, port: Option<u16>) -> Option<SocketAddr> {
    Some(SocketAddr::new(received.or_else(|| uri::ip_of(host))?, port.unwrap_or(5060)))
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
