//! WebSockets on loopback, with a real client and with everything that is none (RFC 6455, RFC 7118).

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod wires;

use futures_util::{SinkExt, StreamExt};
use senim_net::sip::{Arrival, Limits, MESSAGE_BYTES_MAX};
use senim_sip::{Flow, Transport};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use wires::{House, LONG, ORIGIN, until_end};

type Socket = WebSocketStream<TcpStream>;

/// A browser of ours, unless told otherwise: `None` leaves a header away.
async fn browse(house: &House, origin: Option<&str>, protocol: Option<&str>) -> Result<Socket, u16> {
    let mut request = "ws://line.example/".into_client_request().unwrap();
    for (name, value) in [("Origin", origin), ("Sec-WebSocket-Protocol", protocol)] {
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    let socket = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
    match client_async(request, socket).await {
        Ok((socket, response)) => {
            assert_eq!(response.headers()["Sec-WebSocket-Protocol"], "sip");
            Ok(socket)
        }
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

async fn browser(house: &House) -> Socket {
    browse(house, Some(ORIGIN), Some("sip")).await.unwrap()
}

async fn hear(socket: &mut Socket) -> Message {
    tokio::time::timeout(LONG, socket.next()).await.expect("in time").expect("open").unwrap()
}

#[tokio::test]
async fn a_message_is_one_message_text_or_binary_whole_or_in_frames() {
    let mut house = House::open(None, Limits::default()).await;
    let mut socket = browser(&house).await;
    let binary = Message::binary(vec![0xFF, 0, 1]);
    for (message, bytes) in
        [(Message::text("OPTIONS Алло"), "OPTIONS Алло".as_bytes()), (binary, &[0xFF, 0, 1])]
    {
        socket.send(message).await.unwrap();
        let Arrival::Stream { flow, bytes: came } = house.next().await else { panic!("a message") };
        assert_eq!((flow.transport, &came[..]), (Transport::Ws, bytes));
        house.sockets.sender().send(flow, came);
        assert_eq!(hear(&mut socket).await.into_data(), bytes);
    }
    // A text is answered by a text: a page reads it without more ado.
    let Arrival::Stream { flow, .. } = ({
        socket.send(Message::text("x")).await.unwrap();
        house.next().await
    }) else {
        panic!("a message")
    };
    house.sockets.sender().send(Flow { connection: 0, ..flow }, b"INVITE".to_vec());
    assert_eq!(hear(&mut socket).await, Message::text("INVITE"), "a request of ours goes where it is open");
    socket.send(Message::Ping(b"there?".to_vec().into())).await.unwrap();
    assert_eq!(hear(&mut socket).await, Message::Pong(b"there?".to_vec().into()));
    socket.close(None).await.unwrap();
    assert!(matches!(hear(&mut socket).await, Message::Close(_)));
    assert!(matches!(house.next().await, Arrival::Closed(closed) if closed == flow));
    // Gone, it is not opened anew: nobody listens behind a browser.
    for flow in [flow, Flow { connection: 0, ..flow }] {
        house.sockets.sender().send(flow, b"late".to_vec());
        assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
    }
}

/// THREATS: WebSocket.
#[tokio::test]
async fn strangers_are_refused_before_anything_of_sip_is_heard() {
    let mut house = House::open(None, Limits::default()).await;
    for (origin, protocol, status) in [
        (None, Some("sip"), 403),
        (Some("null"), Some("sip"), 403),
        (Some("https://evil.example"), Some("sip"), 403),
        (Some(ORIGIN), None, 400),
        (Some(ORIGIN), Some("mqtt"), 400),
    ] {
        assert_eq!(browse(&house, origin, protocol).await.err(), Some(status), "{origin:?} {protocol:?}");
    }
    for garbage in
        [&b"REGISTER sip:line SIP/2.0\r\n\r\n"[..], b"\x16\x03\x01\x02", b"POST / HTTP/1.1\r\n\r\n"]
    {
        let mut stranger = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
        stranger.write_all(garbage).await.unwrap();
        let said = until_end(&mut stranger).await;
        assert!(said.starts_with(b"HTTP/1.1 400 "), "{:?}", String::from_utf8_lossy(&said));
    }
    let mut stranger = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
    stranger.write_all(&[&b"GET /"[..], &[b'x'; 9000]].concat()).await.unwrap();
    assert!(until_end(&mut stranger).await.starts_with(b"HTTP/1.1 431 "));
    house.empty().await;
    assert!(house.arrivals.try_recv().is_err());
}

fn opening() -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: line.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {ORIGIN}\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A masked frame: first byte, length as said, what follows.
fn frame(first: u8, announced: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match announced {
        0..126 => bytes.push(0x80 | announced as u8),
        126..65_536 => bytes.extend([&[0x80 | 126][..], &(announced as u16).to_be_bytes()].concat()),
        _ => bytes.extend([&[0x80 | 127][..], &announced.to_be_bytes()].concat()),
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Opens by hand, sends these bytes, gives the code of the goodbye.
async fn goodbye(house: &House, bytes: &[u8]) -> Option<u16> {
    let mut raw = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
    raw.write_all(&opening()).await.unwrap();
    let _ = raw.write_all(bytes).await;
    let said = until_end(&mut raw).await;
    let end = said.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    match said.get(end..)? {
        [0x88, _, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// THREATS: WebSocket: 64 KiB a frame and a message, and what breaks the protocol ends it.
#[tokio::test]
async fn frames_have_a_ceiling_and_broken_ones_end_the_connection() {
    let mut house = House::open(None, Limits::default()).await;
    let mut socket = browser(&house).await;
    socket.send(Message::binary(vec![b'x'; MESSAGE_BYTES_MAX])).await.unwrap();
    assert_eq!(house.stream(MESSAGE_BYTES_MAX).await.1.len(), MESSAGE_BYTES_MAX);
    drop(socket);
    assert!(matches!(house.next().await, Arrival::Closed(_)));

    let most = MESSAGE_BYTES_MAX as u64;
    let half = vec![b'x'; MESSAGE_BYTES_MAX / 2];
    let many =
        [frame(0x02, half.len() as u64, &half), frame(0x00, half.len() as u64, &half), frame(0x80, 1, b"x")]
            .concat();
    for (bytes, code) in [
        (frame(0x82, most + 1, b""), CloseCode::Size),
        (frame(0x82, u64::MAX >> 1, b""), CloseCode::Size),
        (many, CloseCode::Size),
        (frame(0x81, 2, &[0xFF, 0xFE]), CloseCode::Invalid),
        (vec![0x82, 1, b'x'], CloseCode::Protocol),
        (frame(0xF2, 1, b"x"), CloseCode::Protocol),
        (frame(0x83, 1, b"x"), CloseCode::Protocol),
        (frame(0x80, 1, b"x"), CloseCode::Protocol),
        (frame(0x89, 126, &[0; 126]), CloseCode::Protocol),
        (frame(0x09, 1, b"x"), CloseCode::Protocol),
    ] {
        assert_eq!(
            goodbye(&house, &bytes).await,
            Some(code.into()),
            "{:02x?}",
            &bytes[..bytes.len().min(12)]
        );
        assert!(matches!(house.next().await, Arrival::Closed(_)));
    }
}

#[tokio::test]
async fn an_opening_byte_by_byte_is_one_and_a_slow_or_silent_one_is_cut() {
    let limits = Limits { unanswered: Duration::from_millis(400), ..Limits::default() };
    let mut house = House::open(None, limits).await;
    let mut raw = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
    for byte in opening().into_iter().chain(frame(0x81, 2, b"hi")) {
        raw.write_all(&[byte]).await.unwrap();
    }
    let (flow, bytes) = house.stream(2).await;
    assert_eq!(bytes, b"hi");
    // It earned nothing, so it goes.
    assert!(matches!(house.next().await, Arrival::Closed(closed) if closed == flow));
    // Slow for ever: the head never ends.
    let mut slow = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
    assert!(until_end(&mut slow).await.is_empty());
    house.empty().await;
}

#[tokio::test]
async fn a_reset_at_each_byte_leaves_nothing_behind() {
    let mut house = House::open(None, Limits::default()).await;
    let whole = [opening(), frame(0x81, 5, b"hello")].concat();
    for cut in (0..=whole.len()).step_by(3) {
        let mut raw = TcpStream::connect(house.address(Transport::Ws)).await.unwrap();
        raw.write_all(&whole[..cut]).await.unwrap();
        socket2::SockRef::from(&raw).set_linger(Some(Duration::ZERO)).unwrap();
        drop(raw);
        house.empty().await;
    }
    while let Ok(arrival) = house.arrivals.try_recv() {
        assert!(matches!(arrival, Arrival::Closed(_) | Arrival::Stream { .. }));
    }
    let mut socket = browser(&house).await;
    socket.send(Message::text("still here")).await.unwrap();
    assert_eq!(house.stream(10).await.1, b"still here");
}

/// Connections are counted for each address however they speak, and whether or not their handshake ended.
#[tokio::test]
async fn one_address_has_so_many_connections_of_all_kinds_together() {
    let limits = Limits { connections_per_address: 3, ..Limits::default() };
    let house = House::open(None, limits).await;
    let mut held = Vec::new();
    for transport in [Transport::Tcp, Transport::Ws, Transport::Wss] {
        if transport != Transport::Wss {
            held.push(TcpStream::connect(house.address(transport)).await.unwrap());
        }
    }
    held.push(TcpStream::connect(house.address(Transport::Ws)).await.unwrap());
    tokio::time::timeout(LONG, async {
        while house.sockets.sender().counters().connections < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    for transport in [Transport::Tcp, Transport::Ws, Transport::Wss, Transport::Tls] {
        let mut more = TcpStream::connect(house.address(transport)).await.unwrap();
        assert!(until_end(&mut more).await.is_empty());
    }
    assert_eq!(house.sockets.sender().counters().connections_refused, 4);
    drop(held);
}
