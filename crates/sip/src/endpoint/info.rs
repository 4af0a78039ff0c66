//! INFO within a session: digits of phones that know no better way (RFC 6086, `application/dtmf-relay`).

use super::{Endpoint, Event, SessionId};
use crate::message::Message;
use senim_base::Redacted;

/// Longest INFO body that is told. A longer one is cut there.
const BODY_MAX: usize = 4_096;

impl Endpoint {
    pub(super) fn info(&mut self, id: SessionId, request: &Message) {
        let content_type = request.header("Content-Type").unwrap_or_default().to_owned();
        let body = request.body().get(..BODY_MAX).unwrap_or(request.body()).to_vec();
        let digit = digit_of(&content_type, &body);
        self.tell_of(id, Event::Info { session: id, digit, content_type, body: Redacted::new(body) });
    }
}

/// `Signal=5` of dtmf-relay, or the bare `5` of dtmf. 10 and 11 are how some phones write `*` and `#`.
fn digit_of(content_type: &str, body: &[u8]) -> Option<char> {
    let text = core::str::from_utf8(body).ok()?;
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let signal = if kind.eq_ignore_ascii_case("application/dtmf-relay") {
        let line = text.lines().find(|line| line.trim_start().to_ascii_lowercase().starts_with("signal"))?;
        line.split_once('=')?.1.trim()
    } else if kind.eq_ignore_ascii_case("application/dtmf") {
        text.trim()
    } else {
        return None;
    };
    match signal {
        "10" => Some('*'),
        "11" => Some('#'),
        _ => {
            let mut chars = signal.chars();
            let digit = chars.next()?.to_ascii_uppercase();
            (chars.next().is_none() && matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D')).then_some(digit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_both_kinds_of_info_are_read() {
        assert_eq!(digit_of("application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(digit_of("application/dtmf-relay", b"Signal= #\r\n"), Some('#'));
        assert_eq!(digit_of("application/dtmf-relay", b"Signal=10\r\n"), Some('*'));
        assert_eq!(digit_of("application/dtmf; x=y", b" d \r\n"), Some('D'));
        for (kind, body) in
            [("application/dtmf", "55"), ("application/dtmf-relay", "Duration=5"), ("text/plain", "5")]
        {
            assert_eq!(digit_of(kind, body.as_bytes()), None, "{kind} {body}");
        }
    }
}
