//! Bytes to [`Message`]: one pass that unfolds and marks spans, then the checks that decide whether it may be
//! acted upon. Tolerant where RFC 3261 asks for it (white space, folding, compact names, unknown methods and
//! headers), strict wherever two readers could see two messages.

use super::fault::{Malformed, ParseFault};
use super::field::Field;
use super::headers::{AddrParts, ViaParts};
use super::uri::{Kind, UriParts};
use super::{HEADERS_MAX, Known, Line, MESSAGE_MAX, Message, Method, Span, Start, text};

/// These may stand only once (RFC 4475 section 3.3.8).
const ONCE: [Field; 8] = [
    Field::From,
    Field::To,
    Field::CallId,
    Field::CSeq,
    Field::MaxForwards,
    Field::ContentLength,
    Field::ContentType,
    Field::Expires,
];

/// These must stand there.
const MANDATORY: [Field; 5] = [Field::Via, Field::From, Field::To, Field::CallId, Field::CSeq];

pub(super) fn read(bytes: &[u8]) -> Result<Message, ParseFault> {
    let lead = bytes.chunks(2).take_while(|pair| pair == b"\r\n").count() * 2;
    let bytes = bytes.get(lead..).unwrap_or_default();
    if bytes.len() > MESSAGE_MAX {
        return Err(ParseFault::bare(Malformed::TooLarge));
    }
    let end = memchr::memmem::find(bytes, b"\r\n\r\n");
    let (head, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 2));
    let (mut message, mut wrong) = index(unfold(head))?;
    if end.is_none() {
        wrong = wrong.or(Some(Malformed::Unfinished));
    }
    let rest = rest.get(2..).unwrap_or_default();
    let wrong = wrong.or_else(|| check(&mut message).err()).or_else(|| take_body(&mut message, rest));
    match wrong {
        None => Ok(message),
        Some(kind) => Err(ParseFault { kind, partial: message.is_request().then(|| Box::new(message)) }),
    }
}

/// Where the line that begins at `from` ends: its CR LF, or the end of all.
fn line_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = memchr::memchr(b'\r', bytes.get(at..).unwrap_or_default()) {
        at += found;
        if bytes.get(at + 1) == Some(&b'\n') {
            return at;
        }
        at += 1;
    }
    bytes.len()
}

/// A line break before white space becomes white space (RFC 3261 section 7.3.1). Room is left for a stamp.
fn unfold(head: &[u8]) -> String {
    let mut out = Vec::with_capacity(head.len() + 128);
    out.extend_from_slice(head);
    let mut at = line_end(&out, 0);
    while at < out.len() {
        if let Some([cr, lf, b' ' | b'\t']) = out.get_mut(at..at + 3) {
            (*cr, *lf) = (b' ', b' ');
        }
        at = line_end(&out, at + 2);
    }
    String::from_utf8(out).unwrap_or_else(|wrong| readable(wrong.as_bytes()))
}

/// Bytes that are no UTF-8 become a letter of their own length, so that no answer is longer than what it echoes.
fn readable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| '_'));
    }
    out
}

/// Marks the spans. The message is whole even where a fault is reported beside it, as far as it could be read.
fn index(head: String) -> Result<(Message, Option<Malformed>), ParseFault> {
    let end = line_end(head.as_bytes(), 0);
    let (start, mut wrong) = start_line(&head, end)?;
    let mut lines = Vec::with_capacity(20);
    let mut from = end + 2;
    while from < head.len() {
        if lines.len() == HEADERS_MAX {
            wrong = wrong.or(Some(Malformed::TooManyHeaders));
            break;
        }
        let end = line_end(head.as_bytes(), from);
        match header_line(&head, from, end) {
            Some(line) => lines.push(line),
            None => wrong = wrong.or(Some(Malformed::HeaderLine)),
        }
        from = end + 2;
    }
    Ok((Message { head, start, lines, body: Vec::new(), known: None, answer_to: None }, wrong))
}

fn start_line(head: &str, end: usize) -> Result<(Start, Option<Malformed>), ParseFault> {
    let line = head.get(..end).unwrap_or_default();
    if let Some(rest) = strip_version(line) {
        return status_line(rest, end);
    }
    let (method, rest) = text::cut(line, b' ').ok_or(ParseFault::bare(Malformed::NotSip))?;
    let (target, version) = match memchr::memrchr(b' ', rest.as_bytes()) {
        Some(at) => (rest.get(..at).unwrap_or_default(), rest.get(at + 1..).unwrap_or_default()),
        None => (rest, ""),
    };
    // Without a method and a version of SIP it is no message for us, so nobody is owed an answer.
    let of_sip = version == "SIP/2.0" || rest.to_ascii_uppercase().contains(" SIP/");
    let method = Method::parse(method).filter(|_| of_sip).ok_or(ParseFault::bare(Malformed::NotSip))?;
    let wrong = if version != "SIP/2.0" {
        let other = version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"));
        let same = version.eq_ignore_ascii_case("SIP/2.0");
        (!same).then_some(if other { Malformed::Version } else { Malformed::StartLine })
    } else {
        None
    };
    let wrong = wrong.or_else(|| request_uri(target).err());
    Ok((Start::Request { method, uri: Span::of(target, head) }, wrong))
}

fn request_uri(target: &str) -> Result<(), Malformed> {
    let uri = UriParts::read(target).map_err(|_| Malformed::RequestUri)?;
    match uri.kind {
        Kind::Other => Err(Malformed::Scheme),
        // RFC 3261 section 19.1.1: headers have no place in a Request-URI.
        _ if uri.headers.is_some() => Err(Malformed::RequestUri),
        _ => Ok(()),
    }
}

fn strip_version(line: &str) -> Option<&str> {
    let (version, rest) = line.split_at_checked(8)?;
    version.eq_ignore_ascii_case("SIP/2.0 ").then_some(rest)
}

fn status_line(rest: &str, end: usize) -> Result<(Start, Option<Malformed>), ParseFault> {
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let three = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    let status = code.parse().ok().filter(|s| three && (100..700).contains(s));
    let status = status.ok_or(ParseFault::bare(Malformed::StartLine))?;
    Ok((Start::Response { status, reason: Span::new(end - reason.len(), end) }, None))
}

fn header_line(head: &str, from: usize, end: usize) -> Option<Line> {
    let (name, value) = text::cut(head.get(from..end)?, b':')?;
    let name = name.trim_end_matches([' ', '\t']);
    if !text::is_token(name) || !(text::is_plain(value) || controls_are_quoted(value)) {
        return None;
    }
    let (name_at, value) = (Span::of(name, head), text::trim(value));
    Some(Line { field: Field::of(name), name: name_at, value: Span::of(value, head) })
}

/// Control characters stand only after a backslash, line breaks nowhere (RFC 3261 section 25, `quoted-pair`).
fn controls_are_quoted(value: &str) -> bool {
    let mut escaped = false;
    value.bytes().all(|b| {
        let bare = b == b'\r' || b == b'\n' || (!escaped && (b < b' ' && b != b'\t' || b == 0x7f));
        escaped = b == b'\\' && !escaped;
        !bare
    })
}

/// What must hold before anybody acts on a message (RFC 3261 section 8.1.1). What was read for it is kept.
fn check(message: &mut Message) -> Result<(), Malformed> {
    let (mut seen, mut again) = (0, 0);
    for line in &message.lines {
        again |= seen & line.field.bit();
        seen |= line.field.bit();
    }
    if let Some(field) = ONCE.iter().find(|field| again & field.bit() != 0) {
        return Err(Malformed::Repeated(field.name()));
    }
    for field in MANDATORY {
        if message.field(field).is_none_or(str::is_empty) {
            return Err(Malformed::Missing(field.name()));
        }
    }
    let mut top = None;
    for via in message.headers("Via").flat_map(|line| text::parts(line, b',')) {
        let via = via.ok().and_then(|via| ViaParts::read(via).ok()).ok_or(Malformed::Header("Via"))?;
        top = top.or(Some(via));
    }
    let from = message.address(Field::From).map_err(|fault| fault.kind)?;
    let to = message.address(Field::To).map_err(|fault| fault.kind)?;
    if !message.is_star() {
        for contact in message.headers("Contact").flat_map(|line| text::parts(line, b',')) {
            contact.ok().and_then(|text| AddrParts::read(text).ok()).ok_or(Malformed::Header("Contact"))?;
        }
    }
    if !message.call_id().bytes().all(|b| b > b' ' && b != 0x7f) {
        return Err(Malformed::Header("Call-ID"));
    }
    if message.field(Field::MaxForwards).is_some() && message.max_forwards().is_none() {
        return Err(Malformed::Header("Max-Forwards"));
    }
    let (cseq, named) = message.cseq_parts().map_err(|fault| fault.kind)?;
    match message.method() {
        Some(method) if method.as_str() == named => {}
        _ if !text::is_token(named) => return Err(Malformed::Header("CSeq")),
        Some(_) => return Err(Malformed::MethodMismatch),
        None => {}
    }
    let top = top.ok_or(Malformed::Missing("Via"))?;
    let head = message.head.as_str();
    let span = |part| Span::of(part, head);
    let known = Known {
        branch: top.unique_branch().map(span),
        host: span(top.host),
        port: top.port,
        from_tag: from.tag().map(span),
        to_tag: to.tag().map(span),
        cseq,
    };
    message.known = Some(known);
    Ok(())
}

fn take_body(message: &mut Message, rest: &[u8]) -> Option<Malformed> {
    let length = match message.field(Field::ContentLength) {
        None => rest.len(),
        Some(value) => match text::saturating_u32(value) {
            Some(length) => usize::try_from(length).unwrap_or(usize::MAX),
            None => return Some(Malformed::Header("Content-Length")),
        },
    };
    match rest.get(..length) {
        Some(body) => {
            message.body = body.to_vec();
            None
        }
        None => Some(Malformed::Truncated),
    }
}
