//! One OPTIONS to a peer and its answer, from a port of our own: as a phone that knocks.

use super::secure;
use core::time::Duration;
use senim_sip::{Message, MessageBuilder, Method, Transport};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Instant;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A datagram that is not answered is sent again after so long.
const AGAIN: Duration = Duration::from_millis(500);
/// Longest answer read.
const ANSWER_MAX: usize = 65_535;

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) took: Duration,
    /// The `Date` header as it stood.
    pub(super) date: Option<String>,
}

impl Answer {
    /// `200 in 0.4 ms`.
    pub(super) fn said(&self) -> String {
        format!("answered {} in {}", self.status, millis(self.took))
    }
}

/// `0.4 ms`.
pub(super) fn millis(d: Duration) -> String {
    format!("{:.1} ms", d.as_secs_f64() * 1_000.0)
}

/// Knocks.
///
/// # Errors
/// The system's, and `TimedOut` when nobody answered.
pub(super) fn options(transport: Transport, to: SocketAddr, host: &str) -> io::Result<Answer> {
    match transport {
        Transport::Udp => datagram(to, host),
        Transport::Tcp => {
            let (began, stream) = connect(to)?;
            let here = stream.local_addr()?;
            talk(stream, &request(transport, here, host), began, read)
        }
        Transport::Tls => {
            let (began, stream) = connect(to)?;
            let here = stream.local_addr()?;
            talk(secure::client(stream, host)?, &request(transport, here, host), began, read)
        }
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "not asked over this transport")),
    }
}

fn datagram(to: SocketAddr, host: &str) -> io::Result<Answer> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(AGAIN))?;
    let request = request(Transport::Udp, socket.local_addr()?, host);
    let began = Instant::now();
    let mut buffer = vec![0; ANSWER_MAX];
    while began.elapsed() < PATIENCE {
        socket.send(&request)?;
        match socket.recv(&mut buffer) {
            Ok(n) => {
                if let Some(answer) = read(buffer.get(..n).unwrap_or_default(), began) {
                    return Ok(answer);
                }
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

/// Asks for a WebSocket as a page of `origin` does (RFC 7118 section 4.1): 101 opens it.
///
/// # Errors
/// The system's, and `TimedOut` when nobody answered.
pub(super) fn websocket(is_secure: bool, to: SocketAddr, path: &str, origin: &str) -> io::Result<Answer> {
    let (began, stream) = connect(to)?;
    // Nobody gains by guessing the key: nothing is said on this WebSocket.
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {to}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: ZG9jdG9yIGtub2Nrcy4uLg==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
    );
    match is_secure {
        true => talk(secure::client(stream, &to.ip().to_string())?, request.as_bytes(), began, opened),
        false => talk(stream, request.as_bytes(), began, opened),
    }
}

/// The status of an answer of HTTP.
fn opened(bytes: &[u8], began: Instant) -> Option<Answer> {
    let text = core::str::from_utf8(bytes).ok()?;
    let status = text.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, took: began.elapsed(), date: None })
}

fn connect(to: SocketAddr) -> io::Result<(Instant, TcpStream)> {
    let began = Instant::now();
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(AGAIN))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok((began, stream))
}

fn talk(
    mut stream: impl Read + Write,
    request: &[u8],
    began: Instant,
    read: impl Fn(&[u8], Instant) -> Option<Answer>,
) -> io::Result<Answer> {
    stream.write_all(request)?;
    let mut got = Vec::new();
    let mut part = [0; 4_096];
    while began.elapsed() < PATIENCE && got.len() < ANSWER_MAX {
        match stream.read(&mut part) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => got.extend_from_slice(part.get(..n).unwrap_or_default()),
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(e) => return Err(e),
        }
        if let Some(answer) = read(&got, began) {
            return Ok(answer);
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn request(transport: Transport, here: SocketAddr, host: &str) -> Vec<u8> {
    // Nobody gains by guessing these: the answer is only shown.
    let mark = format!("{}-{}", std::process::id(), here.port());
    MessageBuilder::request(&Method::Options, &format!("sip:{host}"))
        .header("Via", &format!("SIP/2.0/{} {here};branch=z9hG4bK-doctor-{mark};rport", transport.name()))
        .header("Max-Forwards", "70")
        .header("From", &format!("<sip:doctor@{here}>;tag={mark}"))
        .header("To", &format!("<sip:{host}>"))
        .header("Call-ID", &format!("doctor-{mark}"))
        .header("CSeq", "1 OPTIONS")
        .header("Contact", &format!("<sip:doctor@{here}>"))
        .finish()
}

fn read(bytes: &[u8], began: Instant) -> Option<Answer> {
    let message = Message::parse(bytes).ok()?;
    let status = message.status()?;
    let date = message.header("Date").map(str::to_owned);
    Some(Answer { status, took: began.elapsed(), date })
}

/// What a failed knock means, in the operator's words.
pub(super) fn why(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            format!("no answer within {} s", PATIENCE.as_secs())
        }
        io::ErrorKind::ConnectionRefused => "nobody listens there".into(),
        _ => e.to_string(),
    }
}
