//! The SIP that callers and softphones say: few messages, by hand, for a thousand a second must be cheap.

use senim_base::Redacted;
use senim_sip::{Builder, Credentials, Message, Method};
use std::net::SocketAddr;

/// Who speaks in a dialog, and how his requests begin.
#[derive(Clone, Debug, Default)]
pub(crate) struct Speaker {
    /// From with tag.
    pub(crate) from: String,
    /// To, with tag once known.
    pub(crate) to: String,
    pub(crate) call_id: String,
    /// Request-URI.
    pub(crate) target: String,
}

/// A token for this run, so that a line that still knows the last run's calls does not mix them up.
pub(crate) fn token(now: u64) -> String {
    format!("{now:x}")
}

/// `index` of a Call-ID that [`call_id`] made.
pub(crate) fn index_of(call_id: &str) -> Option<usize> {
    call_id.split_once('.').and_then(|(index, _)| index.parse().ok())
}

pub(crate) fn call_id(index: usize, run: &str) -> String {
    format!("{index}.{run}")
}

/// A request of the speaker.
pub(crate) fn request(
    method: &Method,
    speaker: &Speaker,
    cseq: u32,
    branch: &str,
    at: SocketAddr,
) -> Builder {
    Builder::request(method, &speaker.target)
        .header("Via", &format!("SIP/2.0/UDP {at};branch=z9hG4bK{branch};rport"))
        .header("Max-Forwards", "70")
        .header("From", &speaker.from)
        .header("To", &speaker.to)
        .header("Call-ID", &speaker.call_id)
        .header("CSeq", &format!("{cseq} {method}"))
}

/// Consultant `c0001` is number 0.
pub(crate) fn login(index: usize) -> String {
    format!("c{:04}", index + 1)
}

/// The number of the consultant whose login stands in a Request-URI.
pub(crate) fn consultant_of(request: &Message) -> Option<usize> {
    let uri = request.request_uri()?;
    let user = uri.user()?;
    user.strip_prefix('c')?.parse::<usize>().ok()?.checked_sub(1)
}

/// What consultant `index` knows the line by: the password of `c0001` is `pw0001`.
pub(crate) fn credentials(index: usize) -> Credentials {
    let password = Redacted::new(format!("pw{:04}", index + 1));
    Credentials { user: login(index), password, realm: None }
}

/// A session description of one A-law stream with keys.
pub(crate) fn sdp(rtp: SocketAddr) -> String {
    let family = if rtp.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (rtp.ip(), rtp.port());
    format!(
        "v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio {port} RTP/AVP 8 101\r\n\
         a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    )
}

/// Where a session description wants its sound. `None`: nowhere.
pub(crate) fn sound_address(sdp: &[u8]) -> Option<SocketAddr> {
    let text = core::str::from_utf8(sdp).ok()?;
    let (mut ip, mut port) = (None, None);
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("c=IN ") {
            ip = words.split_ascii_whitespace().nth(1).and_then(|w| w.parse().ok()).or(ip);
        } else if let Some(words) = line.strip_prefix("m=audio ") {
            port = words.split_ascii_whitespace().next().and_then(|w| w.parse::<u16>().ok());
        }
    }
    Some(SocketAddr::new(ip?, port.filter(|port| *port != 0)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_we_write_is_what_we_read() {
        let at: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        assert_eq!(sound_address(sdp(at).as_bytes()), Some(at));
        assert_eq!(sound_address(b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio 0 RTP/AVP 8\r\n"), None);
        assert_eq!(sound_address(b"m=audio 4000"), None);
        assert_eq!(sound_address(&[0xff]), None);
        assert_eq!(index_of(&call_id(17, "ab")), Some(17));
        assert_eq!(index_of("somebody else's"), None);
    }

    #[test]
    fn requests_are_whole_and_name_their_consultant() {
        let speaker = Speaker {
            from: "<sip:a@127.0.0.1>;tag=1".into(),
            to: "<sip:c0007@127.0.0.1>".into(),
            call_id: call_id(3, "x"),
            target: "sip:c0007@127.0.0.1".into(),
        };
        let at = "127.0.0.1:4000".parse().unwrap();
        let bytes =
            request(&Method::Invite, &speaker, 1, "b", at).body("application/sdp", b"v=0\r\n").finish();
        let message = Message::parse(&bytes).unwrap();
        assert_eq!((consultant_of(&message), message.call_id()), (Some(6), "3.x"));
    }
}
