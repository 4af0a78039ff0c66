//! What may be kept of a message: read off its bytes once, by tables of registered words. A word that is in no table
//! does not come out of here, so that nobody's name can.

use core::ops::Range;

/// Registered methods.
const METHODS: [&str; 14] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "PUBLISH",
];

/// Registered header names that help to read a ladder, by their lower case; at most 64.
const HEADERS: [(&str, &str); 58] = [
    ("accept", "Accept"),
    ("accept-encoding", "Accept-Encoding"),
    ("accept-language", "Accept-Language"),
    ("alert-info", "Alert-Info"),
    ("allow", "Allow"),
    ("allow-events", "Allow-Events"),
    ("authorization", "Authorization"),
    ("call-id", "Call-ID"),
    ("call-info", "Call-Info"),
    ("contact", "Contact"),
    ("content-disposition", "Content-Disposition"),
    ("content-encoding", "Content-Encoding"),
    ("content-length", "Content-Length"),
    ("content-type", "Content-Type"),
    ("cseq", "CSeq"),
    ("date", "Date"),
    ("diversion", "Diversion"),
    ("event", "Event"),
    ("expires", "Expires"),
    ("from", "From"),
    ("history-info", "History-Info"),
    ("identity", "Identity"),
    ("in-reply-to", "In-Reply-To"),
    ("join", "Join"),
    ("max-forwards", "Max-Forwards"),
    ("mime-version", "MIME-Version"),
    ("min-expires", "Min-Expires"),
    ("min-se", "Min-SE"),
    ("organization", "Organization"),
    ("p-access-network-info", "P-Access-Network-Info"),
    ("p-asserted-identity", "P-Asserted-Identity"),
    ("p-charging-vector", "P-Charging-Vector"),
    ("p-preferred-identity", "P-Preferred-Identity"),
    ("path", "Path"),
    ("priority", "Priority"),
    ("privacy", "Privacy"),
    ("proxy-authenticate", "Proxy-Authenticate"),
    ("proxy-authorization", "Proxy-Authorization"),
    ("proxy-require", "Proxy-Require"),
    ("rack", "RAck"),
    ("reason", "Reason"),
    ("record-route", "Record-Route"),
    ("refer-to", "Refer-To"),
    ("referred-by", "Referred-By"),
    ("remote-party-id", "Remote-Party-ID"),
    ("replaces", "Replaces"),
    ("require", "Require"),
    ("retry-after", "Retry-After"),
    ("route", "Route"),
    ("rseq", "RSeq"),
    ("server", "Server"),
    ("session-expires", "Session-Expires"),
    ("supported", "Supported"),
    ("to", "To"),
    ("unsupported", "Unsupported"),
    ("user-agent", "User-Agent"),
    ("via", "Via"),
    ("www-authenticate", "WWW-Authenticate"),
];

/// Compact forms (RFC 3261 section 7.3.3 and the registry).
const COMPACT: [(u8, &str); 15] = [
    (b'b', "referred-by"),
    (b'c', "content-type"),
    (b'e', "content-encoding"),
    (b'f', "from"),
    (b'i', "call-id"),
    (b'k', "supported"),
    (b'l', "content-length"),
    (b'm', "contact"),
    (b'o', "event"),
    (b'r', "refer-to"),
    (b't', "to"),
    (b'u', "allow-events"),
    (b'v', "via"),
    (b'x', "session-expires"),
    (b'y', "identity"),
];

/// Longest header name looked up.
const NAME_MAX: usize = 24;
/// Most names of one length.
const SAME_LENGTH_MAX: usize = 9;

/// Rows of [`HEADERS`] by the length of their names; places that are not taken name no row.
const BY_LENGTH: [[u8; SAME_LENGTH_MAX]; NAME_MAX + 1] = {
    let mut rows = [[u8::MAX; SAME_LENGTH_MAX]; NAME_MAX + 1];
    let mut taken = [0; NAME_MAX + 1];
    let mut row = 0;
    while row < HEADERS.len() {
        let length = HEADERS[row].1.len();
        rows[length][taken[length]] = row as u8;
        taken[length] += 1;
        row += 1;
    }
    rows
};
/// Header lines looked at; a message with more is refused anyway.
const LINES_MAX: usize = 256;

/// A registered method by its place in the table; `u8::MAX` is any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Method(u8);

impl Method {
    pub(super) const REGISTER: Method = Method(5);

    fn read(token: &[u8]) -> Method {
        let at = METHODS.iter().position(|m| m.as_bytes() == token);
        Method(at.and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX))
    }

    pub(super) fn name(self) -> &'static str {
        METHODS.get(usize::from(self.0)).copied().unwrap_or("other")
    }
}

/// What a message is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Request(Method),
    Response(u16, Method),
    Unreadable,
}

/// Header names that are there: a bit for each row of the table, and how many others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Names {
    bits: u64,
    pub(super) others: u8,
}

impl Names {
    fn add(&mut self, at: Option<usize>) {
        match at {
            Some(at) => self.bits |= 1 << at,
            None => self.others = self.others.saturating_add(1),
        }
    }

    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let there = move |at: usize| self.bits >> at & 1 == 1;
        HEADERS.iter().enumerate().filter(move |(at, _)| there(*at)).map(|(_, (_, name))| *name)
    }
}

/// A message as far as it may be kept, and where its Call-ID and its body stand.
#[derive(Clone, Debug)]
pub(super) struct Sketch {
    pub(super) kind: Kind,
    pub(super) cseq: Option<u32>,
    pub(super) names: Names,
    pub(super) call_id: Range<usize>,
    pub(super) body: Range<usize>,
    /// The body says that it is a session description.
    pub(super) sdp: bool,
}

/// Reads one whole message. Total: whatever it is, a sketch comes out.
pub(super) fn sketch(bytes: &[u8]) -> Sketch {
    let mut s = Sketch {
        kind: Kind::Unreadable,
        cseq: None,
        names: Names::default(),
        call_id: 0..0,
        body: bytes.len()..bytes.len(),
        sdp: false,
    };
    let mut at = bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    let (first, next) = line(bytes, at);
    let start = first;
    at = next;
    let mut asked = Method(u8::MAX);
    for _ in 0..LINES_MAX {
        if at >= bytes.len() {
            break;
        }
        let (range, next) = line(bytes, at);
        at = next;
        if range.is_empty() {
            s.body = at..bytes.len();
            break;
        }
        let text = bytes.get(range.clone()).unwrap_or_default();
        if matches!(text.first(), Some(b' ' | b'\t')) {
            continue;
        }
        let Some(colon) = memchr::memchr(b':', text) else { continue };
        let name = trim(text.get(..colon).unwrap_or_default());
        let row = row_of(name);
        s.names.add(row);
        let value = colon + 1..text.len();
        match row.and_then(|r| HEADERS.get(r)).map(|(name, _)| *name) {
            Some("call-id") if s.call_id.is_empty() => {
                let value = trimmed(text, value);
                s.call_id = range.start + value.start..range.start + value.end;
            }
            Some("cseq") if s.cseq.is_none() => {
                let mut words =
                    trim(text.get(value).unwrap_or_default()).splitn(2, |b| matches!(b, b' ' | b'\t'));
                s.cseq = words.next().and_then(|w| core::str::from_utf8(w).ok()?.parse().ok());
                asked = Method::read(trim(words.next().unwrap_or_default()));
            }
            Some("content-type") => {
                let value = trim(text.get(value).unwrap_or_default());
                s.sdp = value.get(..15).is_some_and(|v| v.eq_ignore_ascii_case(b"application/sdp"));
            }
            _ => {}
        }
    }
    s.kind = kind(bytes.get(start).unwrap_or_default(), asked);
    s
}

fn kind(start: &[u8], asked: Method) -> Kind {
    if let Some(rest) = start.strip_prefix(b"SIP/2.0 ") {
        let status = rest.get(..3).and_then(|s| core::str::from_utf8(s).ok()?.parse().ok());
        return status
            .filter(|s| (100..700).contains(s))
            .map_or(Kind::Unreadable, |s| Kind::Response(s, asked));
    }
    match start.ends_with(b" SIP/2.0") {
        true => Kind::Request(Method::read(start.split(|b| *b == b' ').next().unwrap_or_default())),
        false => Kind::Unreadable,
    }
}

/// The line that begins at a byte, without its end, and where the next one begins.
fn line(bytes: &[u8], from: usize) -> (Range<usize>, usize) {
    let rest = bytes.get(from..).unwrap_or_default();
    let (end, next) = match memchr::memchr(b'\n', rest) {
        Some(end) => (from + end, from + end + 1),
        None => (bytes.len(), bytes.len()),
    };
    let cut = end > from && bytes.get(end - 1) == Some(&b'\r');
    (from..end - usize::from(cut), next)
}

fn row_of(name: &[u8]) -> Option<usize> {
    let long = match name {
        [letter] => COMPACT.iter().find(|(c, _)| *c == letter.to_ascii_lowercase())?.1.as_bytes(),
        long => long,
    };
    let rows = BY_LENGTH.get(long.len())?.iter().map(|row| usize::from(*row));
    let mut rows = rows.map_while(|row| Some((row, HEADERS.get(row)?.1.as_bytes())));
    rows.find(|(_, known)| *known == long || known.eq_ignore_ascii_case(long)).map(|(row, _)| row)
}

fn trim(text: &[u8]) -> &[u8] {
    text.trim_ascii()
}

fn trimmed(text: &[u8], within: Range<usize>) -> Range<usize> {
    let part = text.get(within.clone()).unwrap_or_default();
    let before = part.len() - part.trim_ascii_start().len();
    within.start + before..within.start + before + part.trim_ascii().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order_and_fit() {
        assert!(HEADERS.is_sorted_by_key(|(lower, _)| *lower) && HEADERS.len() <= 64);
        for (row, (lower, name)) in HEADERS.iter().enumerate() {
            assert_eq!((row_of(lower.as_bytes()), row_of(name.as_bytes())), (Some(row), Some(row)));
        }
        for (lower, name) in HEADERS {
            assert_eq!(lower, name.to_ascii_lowercase());
            assert!(lower.len() <= NAME_MAX);
        }
        assert!(COMPACT.iter().all(|(_, long)| row_of(long.as_bytes()).is_some()));
        assert_eq!(Method::REGISTER.name(), "REGISTER");
    }

    #[test]
    fn a_message_is_read_by_its_words() {
        let text = b"\r\nINVITE sip:111@line SIP/2.0\r\nv: SIP/2.0/UDP h\r\nCALL-ID :  abc@h \r\nX-Child: Aigul\r\n \
                     folded: yes\r\nCSeq: 7 INVITE\r\nc: Application/SDP;x=y\r\n\r\nv=0\r\n";
        let s = sketch(text);
        assert_eq!(s.kind, Kind::Request(Method::read(b"INVITE")));
        assert_eq!(
            (s.cseq, &text[s.call_id.clone()], &text[s.body.clone()]),
            (Some(7), &b"abc@h"[..], &b"v=0\r\n"[..])
        );
        assert_eq!(s.names.names().collect::<Vec<_>>(), ["Call-ID", "Content-Type", "CSeq", "Via"]);
        assert!(s.sdp && s.names.others == 1);
        let s = sketch(b"SIP/2.0 486 Somebody's words\nCSeq: 9 BYE\n");
        assert_eq!((s.kind, s.cseq), (Kind::Response(486, Method::read(b"BYE")), Some(9)));
        assert_eq!(Method::read(b"DANCE").name(), "other");
    }

    #[test]
    fn whatever_comes_a_sketch_comes_out() {
        for bytes in
            [&b""[..], b"\r\n", b"\xff\xfe", b":", b"SIP/2.0 ", b"SIP/2.0 9x9 ", b"INVITE", b"a\n:\n\n\n"]
        {
            assert_eq!(sketch(bytes).kind, Kind::Unreadable, "{bytes:?}");
        }
        let whole = b"BYE sip:a@b SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 BYE\r\n\r\n";
        for n in 0..whole.len() {
            let s = sketch(&whole[..n]);
            assert!(s.body.end <= n && s.call_id.end <= n);
        }
    }
}
