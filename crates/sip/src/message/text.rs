//! The letters of RFC 3261 section 25: tokens, quoted strings, lists, parameters, percent-escapes.

use std::borrow::Cow;

/// Parameters as read: name, and the value as it stood (a quoted string keeps its quotes).
pub(crate) type Params = Vec<(String, Option<String>)>;

/// Most parameters one value may carry; a value with more is malformed.
const PARAMS_MAX: usize = 64;

pub(crate) fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric()
        || matches!(b, b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~')
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// What was read is not what the grammar asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bad;

/// Splits at `separator` outside quoted strings and angle brackets. An unbalanced quote is a fault.
pub(crate) fn split(text: &str, separator: u8) -> Result<Vec<&str>, Bad> {
    let (mut parts, mut start, mut quoted, mut escaped, mut angle) = (Vec::new(), 0, false, false, false);
    for (at, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            _ if quoted => {}
            b'<' => angle = true,
            b'>' => angle = false,
            _ if b == separator && !angle => {
                parts.push(trim(text.get(start..at).unwrap_or_default()));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(trim(text.get(start..).unwrap_or_default()));
    if quoted || angle { Err(Bad) } else { Ok(parts) }
}

/// The part before the first `separator` outside quoted strings and angle brackets, and what follows with it: what
/// [`split`] would give first, without a list of the rest.
pub(crate) fn first(text: &str, separator: u8) -> Result<(&str, &str), Bad> {
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for (at, b) in text.bytes().enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if !angle => quoted = !quoted,
            _ if quoted => {}
            b'<' => angle = true,
            b'>' => angle = false,
            _ if b == separator && !angle => {
                let (part, rest) = text.split_at_checked(at).ok_or(Bad)?;
                return Ok((trim(part), rest));
            }
            _ => {}
        }
    }
    if quoted || angle { Err(Bad) } else { Ok((trim(text), "")) }
}

/// Without linear white space at either end.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Reads `;name=value;flag`, the leading semicolon included; an empty text is no parameters. Control characters within
/// quotes become spaces.
pub(crate) fn params(text: &str) -> Result<Params, Bad> {
    let text = trim(text);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let rest = text.strip_prefix(';').ok_or(Bad)?;
    let mut out = Vec::new();
    for part in split(rest, b';')? {
        let (name, value) = match part.split_once('=') {
            Some((name, value)) => (trim(name), Some(trim(value))),
            None => (part, None),
        };
        if !is_token(name) || !value.is_none_or(is_param_value) || out.len() == PARAMS_MAX {
            return Err(Bad);
        }
        // A value is written again as it stood, but a quoted string may hold what no line of ours may.
        out.push((name.to_owned(), value.map(|v| v.replace(char::is_control, " "))));
    }
    Ok(out)
}

/// A generic parameter's value: a token, a host, or one whole quoted string. Control characters of two bytes are none.
fn is_param_value(value: &str) -> bool {
    if value.starts_with('"') {
        return is_quoted(value);
    }
    if value.contains(char::is_control) {
        return false;
    }
    !value.is_empty() && value.bytes().all(|b| b > b' ' && b != 0x7f && !b"\",;<>".contains(&b))
}

/// One quoted string and nothing else.
pub(crate) fn is_quoted(text: &str) -> bool {
    let Some(inner) = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) else { return false };
    let mut escaped = false;
    for b in inner.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return false,
            _ => {}
        }
    }
    text.len() >= 2 && !escaped
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
    if !text.contains('%') {
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
    bytes
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'%')
        .all(|(at, _)| bytes.get(at + 1..at + 3).is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit)))
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
