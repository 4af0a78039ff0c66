//! Bytes to [`Message`]: one pass that unfolds and marks spans, then the checks that decide whether it may be
//! acted upon. Tolerant where RFC 3261 asks for it (white space, folding, compact names, unknown methods and
//! headers), strict wherever two readers could see two messages.

use super::fault::{Malformed, ParseFault};
use super::uri::{Scheme, Uri};
use super::{HEADERS_MAX, Line, MESSAGE_MAX, Message, Method, Start, text};
use core::ops::Range;

/// These may stand only once (RFC 4475 section 3.3.8).
const ONCE: [&str; 8] =
    ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length", "Content-Type", "Expires"];

pub(super) fn read(bytes: &[u8]) -> Result<Message, ParseFault> {
    let lead = bytes.chunks(2).take_while(|pair| pair == b"\r\n").count() * 2;
    let bytes = bytes.get(lead..).unwrap_or_default();
    if bytes.len() > MESSAGE_MAX {
        return Err(ParseFault::bare(Malformed::TooLarge));
    }
    let end = find(bytes, b"\r\n\r\n");
    let (head, rest) = bytes.split_at(end.map_or(bytes.len(), |at| at + 2));
    let head = unfold(head);
    let (message, mut wrong) = index(head)?;
    let mut message = message;
    if end.is_none() {
        wrong = wrong.or(Some(Malformed::Unfinished));
    }
    let rest = rest.get(2..).unwrap_or_default();
    let wrong = wrong.or_else(|| check(&message)).or_else(|| take_body(&mut message, rest));
    match wrong {
        None => Ok(message),
        Some(kind) => Err(ParseFault { kind, partial: message.is_request().then(|| Box::new(message)) }),
    }
}

/// Where `what`, which begins with CR LF, stands first.
fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|b| *b == b'\r')?;
        if bytes.get(at..)?.starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// A line break before white space becomes white space (RFC 3261 section 7.3.1).
fn unfold(head: &[u8]) -> String {
    let mut head = head.to_vec();
    let mut at = 0;
    while let Some(found) = head.get(at..).and_then(|rest| find(rest, b"\r\n")) {
        at += found;
        if let Some([cr, lf, b' ' | b'\t']) = head.get_mut(at..at + 3) {
            (*cr, *lf) = (b' ', b' ');
        }
        at += 2;
    }
    String::from_utf8(head).unwrap_or_else(|wrong| readable(wrong.as_bytes()))
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
    let mut spans = Vec::with_capacity(16);
    let mut from = 0;
    while from < head.len() {
        let len =
            head.as_bytes().get(from..).and_then(|rest| find(rest, b"\r\n")).unwrap_or(head.len() - from);
        spans.push(from..from + len);
        from += len + 2;
    }
    let first = spans.first().cloned().unwrap_or(0..0);
    let (start, mut wrong) = start_line(&head, first)?;
    let mut lines = Vec::with_capacity(spans.len());
    for span in spans.into_iter().skip(1) {
        if lines.len() == HEADERS_MAX {
            wrong = wrong.or(Some(Malformed::TooManyHeaders));
            break;
        }
        match header_line(&head, &span) {
            Some(line) => lines.push(line),
            None => wrong = wrong.or(Some(Malformed::HeaderLine)),
        }
    }
    Ok((Message { head, start, lines, body: Vec::new(), answer_to: None }, wrong))
}

fn start_line(head: &str, span: Range<usize>) -> Result<(Start, Option<Malformed>), ParseFault> {
    let line = head.get(span.clone()).unwrap_or_default();
    if let Some(rest) = strip_version(line) {
        return status_line(rest, span.end);
    }
    let (method, rest) = line.split_once(' ').ok_or(ParseFault::bare(Malformed::NotSip))?;
    // Without a method and a version of SIP it is no message for us, so nobody is owed an answer.
    let named = Method::parse(method).filter(|_| rest.to_ascii_uppercase().contains(" SIP/"));
    let method = named.ok_or(ParseFault::bare(Malformed::NotSip))?;
    let (target, version) = rest.rsplit_once(' ').unwrap_or((rest, ""));
    let begin = span.end - rest.len();
    let wrong = if version != "SIP/2.0" {
        let other = version.get(..4).is_some_and(|v| v.eq_ignore_ascii_case("SIP/"));
        let same = version.eq_ignore_ascii_case("SIP/2.0");
        (!same).then_some(if other { Malformed::Version } else { Malformed::StartLine })
    } else {
        None
    };
    let wrong = wrong.or_else(|| request_uri(target).err());
    Ok((Start::Request { method, uri: begin..begin + target.len() }, wrong))
}

fn request_uri(target: &str) -> Result<(), Malformed> {
    let uri = Uri::parse(target).map_err(|_| Malformed::RequestUri)?;
    match uri.scheme {
        Scheme::Other(_) => Err(Malformed::Scheme),
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
    Ok((Start::Response { status, reason: end - reason.len()..end }, None))
}

fn header_line(head: &str, span: &Range<usize>) -> Option<Line> {
    let line = head.get(span.clone())?;
    let colon = line.find(':')?;
    let name = line.get(..colon)?.trim_end_matches([' ', '\t']);
    let value = line.get(colon + 1..)?;
    if !text::is_token(name) || !controls_are_quoted(value) {
        return None;
    }
    let trimmed = text::trim(value);
    let skipped = value.len() - value.trim_start_matches([' ', '\t']).len();
    let begin = span.start + colon + 1 + if trimmed.is_empty() { 0 } else { skipped };
    Some(Line { name: span.start..span.start + name.len(), value: begin..begin + trimmed.len() })
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

/// What must hold before anybody acts on a message (RFC 3261 section 8.1.1).
fn check(message: &Message) -> Option<Malformed> {
    for name in ONCE {
        if message.headers(name).nth(1).is_some() {
            return Some(Malformed::Repeated(name));
        }
    }
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        if message.header(name).is_none_or(str::is_empty) {
            return Some(Malformed::Missing(name));
        }
    }
    if message.headers("Via").any(|line| !every(line, |via| super::Via::parse(via).is_ok())) {
        return Some(Malformed::Header("Via"));
    }
    let addresses = [message.from().err(), message.to().err(), message.contact().err()];
    if let Some(fault) = addresses.into_iter().flatten().next() {
        return Some(fault.kind);
    }
    if !message.call_id().bytes().all(|b| b > b' ' && b != 0x7f) {
        return Some(Malformed::Header("Call-ID"));
    }
    if message.header("Max-Forwards").is_some() && message.max_forwards().is_none() {
        return Some(Malformed::Header("Max-Forwards"));
    }
    match (message.cseq(), message.method()) {
        (Err(fault), _) => Some(fault.kind),
        (Ok((_, named)), Some(method)) if named != *method => Some(Malformed::MethodMismatch),
        _ => None,
    }
}

fn every(line: &str, good: impl Fn(&str) -> bool) -> bool {
    text::split(line, b',').is_ok_and(|parts| parts.into_iter().all(good))
}

fn take_body(message: &mut Message, rest: &[u8]) -> Option<Malformed> {
    let length = match message.header("Content-Length") {
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
