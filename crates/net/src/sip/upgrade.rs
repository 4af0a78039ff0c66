//! How a connection becomes a WebSocket (RFC 6455 section 4.2, RFC 7118 section 4): a total function on the head of an
//! HTTP request. Whoever comes from a foreign page is sent away before anything of SIP is heard.

use core::fmt;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

/// Largest head of a request, bytes; more is refused.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;

/// The subprotocol of SIP (RFC 7118 section 4.1).
const SIP: &str = "sip";

/// Length of a `Sec-WebSocket-Key`: sixteen bytes in base64.
const KEY_LENGTH: usize = 24;

/// Who may open a WebSocket, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebSocketRules {
    /// The path of the request: `/`.
    pub path: String,
    /// Origins of the pages that may: `https://desk.example.kz`. None: nobody may.
    pub origins: Vec<String>,
}

impl Default for WebSocketRules {
    fn default() -> Self {
        WebSocketRules { path: "/".into(), origins: Vec::new() }
    }
}

/// Why a request is refused. The peer is guilty.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// No HTTP/1.1 request that one can read, or not a GET, or no opening of a WebSocket that offers `sip`.
    BadRequest,
    /// The page that asks may not, or does not say which it is.
    ForeignOrigin,
    /// Another path.
    NotFound,
    /// Another version of the protocol than 13.
    OtherVersion,
    /// More than [`HEAD_BYTES_MAX`].
    TooLarge,
}

impl Refusal {
    /// The whole response.
    pub fn response(self) -> &'static [u8] {
        match self {
            Refusal::BadRequest => b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Refusal::ForeignOrigin => b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Refusal::NotFound => b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
            Refusal::OtherVersion => {
                b"HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nConnection: close\r\n\
                  Content-Length: 0\r\n\r\n"
            }
            Refusal::TooLarge => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::BadRequest => "peer: no opening of a WebSocket for SIP",
            Refusal::ForeignOrigin => "peer: a page of another origin",
            Refusal::NotFound => "peer: another path",
            Refusal::OtherVersion => "peer: another version of WebSocket",
            Refusal::TooLarge => "peer: a request that is too large",
        })
    }
}

impl core::error::Error for Refusal {}

/// Where the head of a request ends, the empty line included. `None`: more bytes are needed.
///
/// # Errors
/// [`Refusal::TooLarge`] when there are too many already, [`Refusal::BadRequest`] when they cannot become one.
pub fn head_end(bytes: &[u8]) -> Result<Option<usize>, Refusal> {
    // What does not begin as a GET is answered at once: nobody waits for the rest of it.
    if !bytes.iter().zip(b"GET ").all(|(a, b)| a == b) {
        return Err(Refusal::BadRequest);
    }
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    match end {
        Some(end) if end <= HEAD_BYTES_MAX => Ok(Some(end)),
        None if bytes.len() < HEAD_BYTES_MAX => Ok(None),
        _ => Err(Refusal::TooLarge),
    }
}

/// The response that opens a WebSocket.
///
/// # Errors
/// Why none is opened; the order of the checks tells a stranger no more than he must know.
pub fn answer(head: &[u8], rules: &WebSocketRules) -> Result<Vec<u8>, Refusal> {
    let request = Request::parse(head).ok_or(Refusal::BadRequest)?;
    if request.target.split_once('?').map_or(request.target, |(path, _)| path) != rules.path {
        return Err(Refusal::NotFound);
    }
    let origin = request.only("Origin").ok_or(Refusal::ForeignOrigin)?;
    if !rules.origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin)) {
        return Err(Refusal::ForeignOrigin);
    }
    if !request.lists("Upgrade", "websocket") || !request.lists("Connection", "upgrade") {
        return Err(Refusal::BadRequest);
    }
    if request.only("Sec-WebSocket-Version").ok_or(Refusal::BadRequest)? != "13" {
        return Err(Refusal::OtherVersion);
    }
    let key = request.only("Sec-WebSocket-Key").filter(|key| is_key(key)).ok_or(Refusal::BadRequest)?;
    if request.only("Host").is_none() || !request.lists("Sec-WebSocket-Protocol", SIP) {
        return Err(Refusal::BadRequest);
    }
    let accept = derive_accept_key(key.as_bytes());
    Ok(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {SIP}\r\n\r\n"
    )
    .into_bytes())
}

fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default();
    key.len() == KEY_LENGTH && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
}

/// A GET, read.
struct Request<'a> {
    target: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    /// Strict where laxness has been abused: no folding, no space before a colon, visible characters only.
    fn parse(head: &'a [u8]) -> Option<Request<'a>> {
        let text = core::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?;
        let mut lines = text.split("\r\n");
        let target = lines.next()?.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
        if !target.starts_with('/') || !target.bytes().all(|b| b.is_ascii_graphic()) {
            return None;
        }
        let header = |line: &'a str| {
            let (name, value) = line.split_once(':')?;
            let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
            let good = !name.is_empty() && name.bytes().all(token);
            (good && !value.bytes().any(|b| b.is_ascii_control() && b != b'\t'))
                .then(|| (name, value.trim_matches([' ', '\t'])))
        };
        Some(Request { target, headers: lines.map(header).collect::<Option<Vec<_>>>()? })
    }

    fn values<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The value of a header that stands once.
    fn only(&self, name: &str) -> Option<&'a str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether a list, over all its headers, has this word.
    fn lists(&self, name: &str, word: &str) -> bool {
        self.values(name).flat_map(|v| v.split(',')).any(|w| w.trim().eq_ignore_ascii_case(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "GET /sip HTTP/1.1\r\nHost: line.example\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://desk.example\r\n\
        Sec-WebSocket-Protocol: chat, sip\r\nSec-WebSocket-Version: 13\r\n\r\n";

    fn rules() -> WebSocketRules {
        WebSocketRules { path: "/sip".into(), origins: vec!["https://desk.example".into()] }
    }

    fn asked(text: &str) -> Result<Vec<u8>, Refusal> {
        answer(text.as_bytes(), &rules())
    }

    /// The key and its answer are RFC 6455's own, section 1.3.
    #[test]
    fn a_browser_of_ours_gets_its_websocket() {
        let said = String::from_utf8(asked(GOOD).unwrap()).unwrap();
        assert!(said.starts_with("HTTP/1.1 101 "), "{said}");
        assert!(said.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{said}");
        assert!(said.contains("Sec-WebSocket-Protocol: sip\r\n"), "{said}");
        assert!(asked(&GOOD.replace("/sip ", "/sip?desk=7 ")).is_ok());
    }

    /// THREATS: WebSocket.
    #[test]
    fn a_foreign_a_null_and_an_absent_origin_are_forbidden() {
        let origin = "Origin: https://desk.example\r\n";
        for other in [
            "",
            "Origin: null\r\n",
            "Origin: \r\n",
            "Origin: https://evil.example\r\n",
            "Origin: http://desk.example\r\n",
            "Origin: https://desk.example.evil.example\r\n",
            "Origin: https://desk.example/\r\n",
            "Origin: https://desk.example\r\nOrigin: https://evil.example\r\n",
        ] {
            let text = GOOD.replace(origin, other);
            assert_eq!(asked(&text), Err(Refusal::ForeignOrigin), "{other}");
            let cookie = text.replace("\r\n\r\n", "\r\nCookie: session=aigul\r\n\r\n");
            assert_eq!(asked(&cookie), Err(Refusal::ForeignOrigin), "{other}");
        }
        let nobody = WebSocketRules { origins: Vec::new(), ..rules() };
        assert_eq!(answer(GOOD.as_bytes(), &nobody), Err(Refusal::ForeignOrigin));
    }

    #[test]
    fn what_is_no_opening_for_sip_is_refused_with_its_reason() {
        for (from, to, why) in [
            ("chat, sip", "chat", Refusal::BadRequest),
            ("Sec-WebSocket-Protocol: chat, sip\r\n", "", Refusal::BadRequest),
            ("/sip ", "/ ", Refusal::NotFound),
            ("/sip ", "/sip/../x ", Refusal::NotFound),
            ("Version: 13", "Version: 8", Refusal::OtherVersion),
            ("Upgrade: websocket\r\n", "", Refusal::BadRequest),
            ("keep-alive, Upgrade", "keep-alive", Refusal::BadRequest),
            ("ZQ==", "Z===", Refusal::BadRequest),
            ("ZQ==", "ZQ", Refusal::BadRequest),
            ("Host: line.example\r\n", "", Refusal::BadRequest),
            ("Host: ", "Host : ", Refusal::BadRequest),
            ("HTTP/1.1", "HTTP/1.0", Refusal::BadRequest),
            ("GET ", "POST ", Refusal::BadRequest),
            ("line.example", "line.example\r\n folded", Refusal::BadRequest),
            ("line.example", "line\u{0}example", Refusal::BadRequest),
        ] {
            assert_eq!(asked(&GOOD.replacen(from, to, 1)), Err(why), "{from:?} {to:?}");
        }
    }

    #[test]
    fn a_head_ends_at_its_empty_line_and_has_a_ceiling() {
        assert_eq!(head_end(b"GET / HT"), Ok(None));
        assert_eq!(head_end(GOOD.as_bytes()), Ok(Some(GOOD.len())));
        for garbage in [&b"REGISTER sip:x SIP/2.0\r\n"[..], b"\x16\x03\x01", b"G\r\n", b"get / HTTP/1.1"] {
            assert_eq!(head_end(garbage), Err(Refusal::BadRequest));
        }
        let long = |n: usize| [b"GET /".to_vec(), vec![b'x'; n - 9], b"\r\n\r\n".to_vec()].concat();
        assert_eq!(head_end(&long(HEAD_BYTES_MAX)), Ok(Some(HEAD_BYTES_MAX)));
        assert_eq!(head_end(&long(HEAD_BYTES_MAX + 1)), Err(Refusal::TooLarge));
        assert_eq!(head_end(&long(HEAD_BYTES_MAX)[..HEAD_BYTES_MAX - 1]), Ok(None));
        assert_eq!(
            head_end(&[b"GET /".to_vec(), vec![b'x'; HEAD_BYTES_MAX]].concat()),
            Err(Refusal::TooLarge)
        );
    }

    #[test]
    fn no_cut_and_no_flipped_byte_of_a_request_panics() {
        for at in 0..GOOD.len() {
            let _ = (head_end(&GOOD.as_bytes()[..at]), answer(&GOOD.as_bytes()[..at], &rules()));
            for flip in [1, 0x20, 0x80, 0xFF] {
                let mut bytes = GOOD.as_bytes().to_vec();
                bytes[at] ^= flip;
                let _ = (head_end(&bytes), answer(&bytes, &rules()));
            }
        }
    }
}
