//! WebSockets (RFC 6455, RFC 7118): the opening, then one SIP message a message. Frames and messages have a ceiling.

use super::stream::{self, Link};
use super::upgrade::{self, HEAD_BYTES_MAX, Refusal};
use super::{Arrival, Sender};
use core::time::Duration;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::io;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// Largest frame, and largest message of many frames, bytes. More closes the connection with 1009.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What is read at once. Small: a browser that sits idle must not cost more.
const READ_BYTES: usize = 4 * 1024;

/// Bytes that may wait unwritten before the peer counts as not reading.
const WRITE_BYTES_MAX: usize = 256 * 1024;

/// How often the peer is asked for a sign of life: pages cannot send pings, and NATs forget silent connections.
const PING_EVERY: Duration = Duration::from_secs(25);

/// A peer from whom nothing came for so long, pongs included, is gone.
const SILENT_MAX: Duration = Duration::from_secs(75);

/// What the library that reads frames may take into memory.
pub fn limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Opens a WebSocket on a connection and serves it until either side ends.
pub(super) async fn serve<S>(mut io: S, link: Link, sender: Sender)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match timeout(stream::left(link.due), open(&mut io, &sender)).await {
        Ok(Ok(Ok(rest))) => {
            let socket = WebSocketStream::from_partially_read(io, rest, Role::Server, Some(limits())).await;
            converse(socket, link, sender).await;
        }
        Ok(Ok(Err(refusal))) => {
            sender.forget(link.flow);
            // The peer may have gone already; either way the connection ends.
            let _ = timeout(stream::LAST_WORDS, async {
                io.write_all(refusal.response()).await?;
                io.shutdown().await
            })
            .await;
            stream::linger(&mut io).await;
        }
        Ok(Err(_)) | Err(_) => sender.forget(link.flow),
    }
}

/// Reads the request and answers it. Gives the bytes that came behind it.
async fn open<S>(io: &mut S, sender: &Sender) -> io::Result<Result<Vec<u8>, Refusal>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    let end = loop {
        match upgrade::head_end(&bytes) {
            Ok(Some(end)) => break end,
            Ok(None) => {}
            Err(refusal) => return Ok(Err(refusal)),
        }
        let mut piece = [0; 1024];
        match io.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => bytes.extend_from_slice(piece.get(..len).unwrap_or_default()),
        }
        debug_assert!(bytes.len() <= HEAD_BYTES_MAX + piece.len());
    };
    let rest = bytes.split_off(end);
    match upgrade::answer(&bytes, sender.websocket_rules()) {
        Ok(response) => {
            io.write_all(&response).await?;
            io.flush().await?;
            Ok(Ok(rest))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

async fn converse<S>(socket: WebSocketStream<S>, mut link: Link, sender: Sender)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut sink, source) = socket.split();
    let farewell = AtomicU16::new(CloseCode::Normal.into());
    let reading = read(source, link.flow, &sender, &farewell);
    let (flow, due, answered) = (link.flow, link.due, link.answered.clone());
    let writing = async {
        write(&mut sink, &mut link, sender.limits().write).await;
        let code = CloseCode::from(farewell.load(Ordering::Relaxed));
        let goodbye = CloseFrame { code, reason: Utf8Bytes::default() };
        let _ = timeout(stream::LAST_WORDS, async {
            // After the peer's own goodbye this is its answer, and tungstenite has sent it: no fault of anybody.
            let _ = sink.send(Message::Close(Some(goodbye))).await;
            sink.close().await
        })
        .await;
    };
    stream::attend(flow, due, &answered, &sender, reading, writing).await;
}

/// Returns at the end of the connection or a fault, having noted what to say goodbye with.
async fn read<S>(
    mut source: SplitStream<WebSocketStream<S>>,
    flow: senim_sip::Flow,
    sender: &Sender,
    farewell: &AtomicU16,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Ok(Some(came)) = timeout(SILENT_MAX, source.next()).await {
        let bytes = match came {
            Ok(Message::Text(text)) => text.as_bytes().to_vec(),
            Ok(Message::Binary(bytes)) => bytes.to_vec(),
            // Pings are answered and goodbyes returned by tungstenite.
            Ok(_) => continue,
            Err(fault) => {
                farewell.store(code_of(&fault).into(), Ordering::Relaxed);
                return;
            }
        };
        sender.tell(Arrival::Stream { flow, bytes });
    }
}

/// RFC 6455 section 7.4.1.
fn code_of(fault: &Error) -> CloseCode {
    match fault {
        Error::Capacity(_) => CloseCode::Size,
        Error::Utf8(_) => CloseCode::Invalid,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => CloseCode::Normal,
        Error::Protocol(_) => CloseCode::Protocol,
        _ => CloseCode::Normal,
    }
}

/// Returns when the queue has ended and is empty, or when the peer does not take what is written.
async fn write<S>(sink: &mut SplitSink<WebSocketStream<S>, Message>, link: &mut Link, limit: Duration)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ping_due = Instant::now() + PING_EVERY;
    loop {
        let message = tokio::select! {
            bytes = link.waiting.recv() => match bytes {
                Some(bytes) => message_of(bytes),
                None => return,
            },
            () = tokio::time::sleep_until(ping_due) => {
                ping_due = Instant::now() + PING_EVERY;
                Message::Ping(Vec::new().into())
            }
        };
        let is_ping = message.is_ping();
        match timeout(limit, sink.send(message)).await {
            Ok(Ok(())) if !is_ping => link.earn(),
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Text, unless it is none (RFC 7118 section 5).
fn message_of(bytes: Vec<u8>) -> Message {
    match String::from_utf8(bytes) {
        Ok(text) => Message::text(text),
        Err(binary) => Message::binary(binary.into_bytes()),
    }
}
