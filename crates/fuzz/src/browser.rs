//! What a page sends on a connection that becomes a WebSocket: the request that opens it, then frames. The library that
//! reads them is given the very limits of the line.

use crate::{Broken, House};
use senim_net::sip::{HEAD_BYTES_MAX, MESSAGE_BYTES_MAX, WebSocketRules, answer, head_end, limits};
use std::io::{self, Read, Write};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{Error, Message};

const ORIGIN: &str = "https://desk.example.kz";

/// What the last goodbye may add to answers: one control frame (RFC 6455 section 5.5), for the library says why.
const GOODBYE_MAX: usize = 2 + 125;

/// The opening: whoever is let in names our page, whoever is not gets one whole refusal, and nobody makes us gather
/// more than its ceiling.
pub fn opening(bytes: &[u8]) -> Result<(), Broken> {
    let rules = WebSocketRules { path: "/".into(), origins: vec![ORIGIN.into()] };
    let answered = match head_end(bytes) {
        Ok(None) if bytes.len() > HEAD_BYTES_MAX => return Err("more than the ceiling is waited for".into()),
        Ok(None) => return Ok(()),
        Ok(Some(end)) => {
            let head = bytes.get(..end).ok_or("the end lies beyond what came")?;
            let named = head.to_ascii_lowercase().windows(ORIGIN.len()).any(|part| part == ORIGIN.as_bytes());
            match answer(head, &rules) {
                Ok(_) if !named => return Err("a page was let in that does not name ours".into()),
                Ok(answer) => answer,
                Err(refusal) => refusal.response().to_vec(),
            }
        }
        Err(refusal) => refusal.response().to_vec(),
    };
    let text = String::from_utf8(answered).map_err(|_| "the answer is no text".to_owned())?;
    let whole = text.starts_with("HTTP/1.1 ") && text.find("\r\n\r\n").is_some_and(|at| at + 4 == text.len());
    if whole { Ok(()) } else { Err(format!("half an answer: {text}")) }
}

/// Frames: no message is larger than its ceiling, what they cause is no longer than they are and one
/// goodbye, and each message meets the endpoint as a stranger's.
pub fn frames(bytes: &[u8]) -> Result<(), Broken> {
    let mut house = House::new(1);
    let pipe = Pipe { coming: bytes, written: 0 };
    let mut socket = WebSocket::from_raw_socket(pipe, Role::Server, Some(limits()));
    loop {
        let message = match socket.read() {
            Ok(Message::Text(text)) => text.as_bytes().to_vec(),
            Ok(Message::Binary(bytes)) => bytes.to_vec(),
            Ok(_) => continue,
            Err(Error::Io(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed) => break,
            Err(_) => {
                // The line says goodbye and closes; the library may have nothing more to say.
                let _ = socket.close(None);
                let _ = socket.flush();
                break;
            }
        };
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(format!("a message of {} bytes", message.len()));
        }
        house.websocket(&message)?;
    }
    let written = socket.get_ref().written;
    if written > bytes.len() + GOODBYE_MAX {
        return Err(format!("{} bytes made us write {written}", bytes.len()));
    }
    house.rest()
}

/// A connection that brings these bytes and no more.
struct Pipe<'a> {
    coming: &'a [u8],
    written: usize,
}

impl Read for Pipe<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Uneven portions, as a network makes them.
        let len = into.len().min(1 + self.coming.len() / 3);
        self.coming.read(into.get_mut(..len).unwrap_or_default())
    }
}

impl Write for Pipe<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
