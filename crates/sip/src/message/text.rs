//! The letters of RFC 3261 section 25: tokens, quoted strings, lists, parameters, percent-escapes.

use std::borrow::Cow;

/// Parameters as read: name, and the value as it stood (a quoted string keeps its quotes).
pub(crate) type Params = Vec<(String, Option<String>)>;

/// Most parameters one value may carry; a value with more is malformed.
const PARAMS_MAX: usize = 64;

/// What a byte may stand for, by its value: the classes of RFC 3261 section 25 that are asked for most.
mod class {
    /// `token`.
    pub(super) const TOKEN: u8 = 1;
    /// `user` and `password` of a URI as people send them: RFC 3261 and what RFC 3986 calls unwise.
    pub(super) const USER: u8 = 2;
    /// A host name or an IPv4 address.
    pub(super) const HOST: u8 = 4;
    /// A parameter's value that is no quoted string.
    pub(super) const VALUE: u8 = 8;
    /// Whatever may stand anywhere in a URI, ASCII only.
    pub(super) const URI: u8 = 16;
    /// Printable ASCII and the space.
    pub(super) const PLAIN: u8 = 32;

    const fn holds(set: &[u8], b: u8) -> bool {
        let mut at = 0;
        while at < set.len() {
            if set[at] == b {
                return true;
            }
            at += 1;
        }
        false
    }

    const fn of(b: u8) -> u8 {
        let word = b.is_ascii_alphanumeric();
        let mut is = 0;
        if word || holds(b"-.!%*_+`'~", b) {
            is |= TOKEN;
        }
        if b >= 0x80 || word || holds(b"-_.!~*'()&=+$,;?/%:#[]^`{|}\\", b) {
            is |= USER;
        }
        if word || holds(b".-_", b) {
            is |= HOST;
        }
        if b > b' ' && b != 0x7f && !holds(b"\",;<>", b) {
            is |= VALUE;
        }
        if b > b' ' && b < 0x7f && !holds(b"<>\"", b) {
            is |= URI;
        }
        if b >= b' ' && b < 0x7f {
            is |= PLAIN;
        }
        is
    }

    pub(super) const TABLE: [u8; 256] = {
        let mut table = [0; 256];
        let mut b = 0;
        while b < 256 {
            table[b] = of(b as u8);
            b += 1;
        }
        table
    };
}

/// Whether every byte is of that class. No early end: most texts are good, and a loop without one is faster.
fn all(text: &str, class: u8) -> bool {
    shared(text) & class != 0
}

/// The classes that every byte is of.
fn shared(text: &str) -> u8 {
    text.bytes().fold(u8::MAX, |is, b| is & class::TABLE[usize::from(b)])
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && all(text, class::TOKEN)
}

/// Printable ASCII only, as nearly every value is: it can be copied whole.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, b| plain & (b' '..0x7f).contains(&b))
}

/// The bytes that a user part is made of.
pub(crate) fn is_user(text: &str) -> bool {
    !text.is_empty() && all(text, class::USER)
}

/// The bytes that a host name or an IPv4 address is made of.
pub(crate) fn is_host(text: &str) -> bool {
    !text.is_empty() && all(text, class::HOST)
}

/// Nothing that a URI may nowhere hold: white space, control characters, brackets, quotes.
pub(crate) fn is_unbroken(text: &str) -> bool {
    all(text, class::URI)
        || !text.contains(|c: char| c.is_control() || c.is_whitespace() || matches!(c, '<' | '>' | '"'))
}

/// What was read is not what the grammar asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bad;

/// The parts of a list without white space around them, split at a separator outside quoted strings and angle brackets.
/// The last item is a fault when a quote or bracket stays open.
#[derive(Clone)]
pub(crate) struct Parts<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<&'a str, Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        let (part, rest) = match first(self.rest.take()?, self.separator) {
            Ok(found) => found,
            Err(bad) => return Some(Err(bad)),
        };
        self.rest = rest.get(1..);
        Some(Ok(part))
    }
}

/// See [`Parts`].
pub(crate) fn parts(text: &str, separator: u8) -> Parts<'_> {
    Parts { rest: Some(text), separator }
}

/// All [`Parts`] at once.
pub(crate) fn split(text: &str, separator: u8) -> Result<Vec<&str>, Bad> {
    parts(text, separator).collect()
}

/// The part before the first `separator` outside quoted strings and angle brackets, and what follows with it: what
/// [`split`] would give first, without a list of the rest.
pub(crate) fn first(text: &str, separator: u8) -> Result<(&str, &str), Bad> {
    let bytes = text.as_bytes();
    let from = |at: usize| bytes.get(at..).unwrap_or_default();
    let mut at = 0;
    while let Some(found) = memchr::memchr3(separator, b'"', b'<', from(at)) {
        at += found;
        match bytes.get(at) {
            Some(b'"') => at += quoted(from(at)).ok_or(Bad)?,
            Some(b'<') => at += memchr::memchr(b'>', from(at)).ok_or(Bad)? + 1,
            _ => {
                let (part, rest) = text.split_at_checked(at).ok_or(Bad)?;
                return Ok((trim(part), rest));
            }
        }
    }
    Ok((trim(text), ""))
}

/// How long the quoted string is that `bytes` begin with, quotes included; `None`: it does not end.
pub(crate) fn quoted(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            _ => at += 2,
        }
    }
}

/// Without linear white space at either end.
pub(crate) fn trim(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_space = |b: Option<&u8>| matches!(b, Some(b' ' | b'\t'));
    let (mut from, mut to) = (0, bytes.len());
    while is_space(bytes.get(from)) {
        from += 1;
    }
    while to > from && is_space(bytes.get(to - 1)) {
        to -= 1;
    }
    text.get(from..to).unwrap_or_default()
}

/// What stands before the first `at` and what stands after it.
pub(crate) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let found = memchr::memchr(at, text.as_bytes())?;
    Some((text.get(..found)?, text.get(found + 1..)?))
}

/// What stands before the first space or tabulator and what stands after it.
pub(crate) fn cut_space(text: &str) -> Option<(&str, &str)> {
    let found = memchr::memchr2(b' ', b'\t', text.as_bytes())?;
    Some((text.get(..found)?, text.get(found + 1..)?))
}

/// What stands before the first `at`, and the rest with it; the rest is empty when there is none.
pub(crate) fn cut_before(text: &str, at: u8) -> (&str, &str) {
    let found = memchr::memchr(at, text.as_bytes()).unwrap_or(text.len());
    text.split_at_checked(found).unwrap_or((text, ""))
}

/// Reads `;name=value;flag`, the leading semicolon included, one at a time; an empty text is no parameters. A fault is
/// the last item.
#[derive(Clone)]
pub(crate) struct EachParam<'a> {
    parts: Option<Parts<'a>>,
    taken: usize,
}

/// See [`EachParam`].
pub(crate) fn each_param(text: &str) -> Result<EachParam<'_>, Bad> {
    let text = trim(text);
    let parts = match text.strip_prefix(';') {
        Some(rest) => Some(parts(rest, b';')),
        None if text.is_empty() => None,
        None => return Err(Bad),
    };
    Ok(EachParam { parts, taken: 0 })
}

impl<'a> Iterator for EachParam<'a> {
    type Item = Result<(&'a str, Option<&'a str>), Bad>;

    fn next(&mut self) -> Option<Self::Item> {
        let read = match self.parts.as_mut()?.next()? {
            Ok(part) if self.taken < PARAMS_MAX => param_of(part),
            _ => Err(Bad),
        };
        self.taken += 1;
        if read.is_err() {
            self.parts = None;
        }
        Some(read)
    }
}

fn param_of(part: &str) -> Result<(&str, Option<&str>), Bad> {
    let (name, value) = match cut(part, b'=') {
        Some((name, value)) => (trim(name), Some(trim(value))),
        None => (part, None),
    };
    if is_token(name) && value.is_none_or(is_param_value) { Ok((name, value)) } else { Err(Bad) }
}

/// The value of the parameter `name` of a text that [`each_param`] reads.
pub(crate) fn param_in<'a>(text: &'a str, name: &str) -> Option<Option<&'a str>> {
    let read = each_param(text).ok()?.map_while(Result::ok);
    read.filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

/// All of [`each_param`], to be kept. Control characters within quotes become spaces.
pub(crate) fn params(text: &str) -> Result<Params, Bad> {
    // A value is written again as it stood, but a quoted string may hold what no line of ours may.
    let kept = |value: &str| {
        if is_plain(value) { value.to_owned() } else { value.replace(char::is_control, " ") }
    };
    each_param(text)?.map(|read| read.map(|(name, value)| (name.to_owned(), value.map(kept)))).collect()
}

/// A generic parameter's value: a token, a host, or one whole quoted string. Control characters of two bytes are none.
fn is_param_value(value: &str) -> bool {
    if value.starts_with('"') {
        return is_quoted(value);
    }
    let is = shared(value);
    let good = is & class::VALUE != 0 && !value.is_empty();
    good && (is & class::PLAIN != 0 || !value.contains(char::is_control))
}

/// One quoted string and nothing else.
pub(crate) fn is_quoted(text: &str) -> bool {
    text.starts_with('"') && quoted(text.as_bytes()) == Some(text.len())
}

/// The content of a quoted string, or the text itself when it is none. Control characters become spaces.
pub(crate) fn unquote(text: &str) -> String {
    if !is_quoted(text) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.get(1..text.len() - 1).unwrap_or_default().chars() {
        match c {
            '\\' if !escaped => escaped = true,
            _ => {
                escaped = false;
                out.push(if c.is_control() { ' ' } else { c });
            }
        }
    }
    out
}

/// `text` as a quoted string. Control characters become spaces.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out.push('"');
    out
}

/// The value of the parameter `name`: `Some(None)` when it stands without one.
pub(crate) fn param<'a>(params: &'a [(String, Option<String>)], name: &str) -> Option<Option<&'a str>> {
    params.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_deref())
}

/// Percent-escapes undone (RFC 3261 section 19.1.2). Bytes that are no UTF-8 become U+FFFD.
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr::memchr(b'%', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = (b == b'%').then(|| Some((hex(ahead.next()?)?, hex(ahead.next()?)?))).flatten();
        match pair {
            Some((high, low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            None => out.push(b),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// Whether every `%` starts an escape of two hexadecimal digits.
pub(crate) fn escapes_well(text: &str) -> bool {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b'%', bytes)
        .all(|at| bytes.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)))
}

/// `text` with everything escaped that a user part may not hold (RFC 3261 section 25, `user`).
pub(crate) fn escape_user(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&b) {
            out.push(char::from(b));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(b >> 4)]));
            out.push(char::from(HEX[usize::from(b & 15)]));
        }
    }
    out
}

fn hex(b: u8) -> Option<u8> {
    char::from(b).to_digit(16).map(|d| d as u8)
}

/// Digits only, read as a number that stops at the ceiling of `u32`; `None` when there is anything but digits.
pub(crate) fn saturating_u32(text: &str) -> Option<u32> {
    let text = trim(text);
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.bytes().fold(0u32, |n, b| n.saturating_mul(10).saturating_add(u32::from(b - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_outside_quotes_and_brackets() {
        assert_eq!(split("a, \"b, \\\"c\", <d,e>,", b',').unwrap(), ["a", "\"b, \\\"c\"", "<d,e>", ""]);
        assert_eq!(first("\"b, c\" , <d,e>,", b','), Ok(("\"b, c\"", ", <d,e>,")));
        assert_eq!((first("one", b','), first("<open", b',')), (Ok(("one", "")), Err(Bad)));
        assert_eq!(split("\"open", b','), Err(Bad));
        assert_eq!(split("<open", b','), Err(Bad));
    }

    #[test]
    fn parameters_read_with_white_space_and_refuse_holes() {
        let read = params(" ; tag = 98asjd8 ;lr; x=\"a;b\"").unwrap();
        assert_eq!(param(&read, "TAG"), Some(Some("98asjd8")));
        assert_eq!(param(&read, "lr"), Some(None));
        assert_eq!(param(&read, "x"), Some(Some("\"a;b\"")));
        for bad in [";", ";;", ";a=", ";a=\"b", "a", ";a b", ";=b", ";a=\u{85}"] {
            assert_eq!(params(bad), Err(Bad), "{bad}");
        }
        assert_eq!(params(";a=\"\t\\\u{7}\u{85}\""), params(";a=\" \\  \""));
        assert!(params(&";a".repeat(PARAMS_MAX)).is_ok());
        assert_eq!(params(&";a".repeat(PARAMS_MAX + 1)), Err(Bad));
    }

    #[test]
    fn escapes_are_undone_once_and_made_again() {
        assert_eq!(unescape("sips%3Auser%40example.com"), "sips:user@example.com");
        assert_eq!(unescape("100%zz%4"), "100%zz%4");
        assert_eq!(escape_user("a\r\nb@"), "a%0D%0Ab%40");
        assert!(escapes_well("a%20b") && !escapes_well("a%2") && !escapes_well("%zz"));
    }

    #[test]
    fn quoting_hides_control_characters() {
        assert_eq!(quote("a\"\r\nb"), "\"a\\\"  b\"");
        assert_eq!(unquote("\"a\\\"\u{7}b\""), "a\" b");
        assert_eq!(unquote("\"half\\\""), "\"half\\\"");
    }

    #[test]
    fn numbers_stop_at_the_ceiling() {
        assert_eq!(saturating_u32(" 0068 "), Some(68));
        assert_eq!(saturating_u32("99999999999999999999"), Some(u32::MAX));
        assert_eq!(saturating_u32("-1"), None);
    }
}
