//! Streams into messages (RFC 3261 section 18.3): what a connection may make us hold has a ceiling at every byte.

use crate::message::MESSAGE_MAX;
use core::fmt;

/// Largest start line and headers of a stream, bytes. More is a fault: a stranger may hold this much and no more.
pub const HEAD_MAX: usize = 16_384;

/// One thing found in a stream.
#[derive(Clone, PartialEq, Eq)]
pub enum Frame {
    /// One whole message, for [`crate::Message::parse`].
    Message(Vec<u8>),
    /// CRLF CRLF between messages: answer CRLF (RFC 5626 section 3.5.1).
    Ping,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Frame::Message(bytes) => write!(f, "Message({} bytes)", bytes.len()),
            Frame::Ping => f.write_str("Ping"),
        }
    }
}

/// The stream cannot be framed any more. The peer is guilty; the connection is to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FramingFault {
    /// More than [`HEAD_MAX`] bytes without the empty line that ends the headers.
    HeadTooLarge,
    /// No Content-Length, which a stream must have (RFC 3261 section 20.14).
    NoLength,
    /// A Content-Length that is no number, or several that differ.
    BadLength,
    /// Head and body together exceed [`MESSAGE_MAX`].
    TooLarge,
}

impl fmt::Display for FramingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FramingFault::HeadTooLarge => write!(f, "peer: headers of more than {HEAD_MAX} bytes"),
            FramingFault::NoLength => f.write_str("peer: no Content-Length in a stream"),
            FramingFault::BadLength => f.write_str("peer: Content-Length is not one number"),
            FramingFault::TooLarge => write!(f, "peer: a message of more than {MESSAGE_MAX} bytes"),
        }
    }
}

impl core::error::Error for FramingFault {}

/// Cuts one connection's bytes into frames. After a fault it yields nothing more.
#[derive(Clone, Default)]
pub struct Framer {
    held: Vec<u8>,
    /// Bytes of `held` already given out.
    start: usize,
    /// Bytes of the head after `start` already searched for its end, so that a slow sender costs no second look.
    searched: usize,
    /// Length of the message at `start`, once its head is whole.
    length: Option<usize>,
    broken: bool,
    fault: Option<FramingFault>,
    /// The head that told no end, for an answer to its sender.
    head: Option<Vec<u8>>,
}

impl Framer {
    /// A framer for a new connection.
    pub fn new() -> Framer {
        Framer::default()
    }

    /// Takes bytes as they came, in any portions. Drain [`Framer::next`] after every call: what is held then is less
    /// than one message. After a fault bytes are dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if !self.broken {
            self.held.extend_from_slice(bytes);
        }
    }

    /// The next frame, `None` when more bytes are needed. A fault comes once and ends the stream.
    #[allow(clippy::should_implement_trait)] // Not an iterator: after `None` there may be more.
    pub fn next(&mut self) -> Option<Result<Frame, FramingFault>> {
        if self.broken {
            return None;
        }
        match self.cut() {
            Ok(frame) => {
                if frame.is_none() {
                    if self.start == self.held.len() {
                        // An idle connection holds no memory.
                        self.held = Vec::new();
                    } else {
                        self.held.drain(..self.start);
                    }
                    self.start = 0;
                }
                frame.map(Ok)
            }
            Err(fault) => {
                let head = self.head.take();
                *self = Framer { broken: true, fault: Some(fault), head, ..Framer::default() };
                Some(Err(fault))
            }
        }
    }

    /// Bytes waiting for the rest of their message: never more than [`MESSAGE_MAX`] after a drain.
    pub fn held(&self) -> usize {
        self.held.len() - self.start
    }

    /// Whether a message has begun and not ended: such a connection may be cut when it stays so for long.
    pub fn is_within_message(&self) -> bool {
        self.held() > 0
    }

    /// The fault that ended the stream, if any.
    pub fn fault(&self) -> Option<FramingFault> {
        self.fault
    }

    /// Start line and headers of the message that ended the stream because its end could not be told: whoever sent it
    /// is owed an answer (RFC 4475 sections 3.1.2.3 and 3.3.9). Once; at most [`HEAD_MAX`] bytes.
    pub fn take_head(&mut self) -> Option<Vec<u8>> {
        self.head.take()
    }

    fn cut(&mut self) -> Result<Option<Frame>, FramingFault> {
        let rest = self.held.get(self.start..).unwrap_or_default();
        if self.length.is_none() && self.searched == 0 {
            match rest {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.start += 4;
                    return Ok(Some(Frame::Ping));
                }
                // A single line break, or the start of one: a pong, or half a ping. Wait for what follows.
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Ok(None),
                [b'\r', b'\n', ..] => {
                    self.start += 2;
                    return self.cut();
                }
                _ => {}
            }
        }
        let length = match self.length {
            Some(length) => length,
            None => match self.measure()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        let Some(message) = self.held.get(self.start..self.start + length) else {
            self.length = Some(length);
            return Ok(None);
        };
        let frame = Frame::Message(message.to_vec());
        self.start += length;
        (self.searched, self.length) = (0, None);
        Ok(Some(frame))
    }

    /// The length of the message at `start`, once its head is whole.
    fn measure(&mut self) -> Result<Option<usize>, FramingFault> {
        let rest = self.held.get(self.start..).unwrap_or_default();
        let from = self.searched.saturating_sub(3);
        let found = rest.get(from..).and_then(|tail| tail.windows(4).position(|w| w == b"\r\n\r\n"));
        let Some(end) = found.map(|at| from + at + 4) else {
            self.searched = rest.len();
            return if rest.len() > HEAD_MAX { Err(FramingFault::HeadTooLarge) } else { Ok(None) };
        };
        if end > HEAD_MAX {
            return Err(FramingFault::HeadTooLarge);
        }
        let head = rest.get(..end).unwrap_or_default();
        let length = content_length(head).and_then(|body| {
            end.checked_add(body).filter(|l| *l <= MESSAGE_MAX).ok_or(FramingFault::TooLarge)
        });
        if length.is_err() {
            self.head = Some(head.to_vec());
        }
        length.map(Some)
    }
}

impl fmt::Debug for Framer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framer({} bytes held)", self.held())
    }
}

/// Content-Length of a head, folded lines and the compact name understood. Several that agree count as one here:
/// the reader refuses them with an answer, and the stream stays in step.
fn content_length(head: &[u8]) -> Result<usize, FramingFault> {
    let mut found: Option<usize> = None;
    let mut lines = Lines(head);
    while let Some(line) = lines.next_unfolded() {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let name = name.trim_ascii_end();
        if !name.eq_ignore_ascii_case(b"Content-Length") && !name.eq_ignore_ascii_case(b"l") {
            continue;
        }
        let digits = value.get(1..).unwrap_or_default().trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return Err(FramingFault::BadLength);
        }
        let length =
            digits.iter().fold(0usize, |n, d| n.saturating_mul(10).saturating_add(usize::from(d - b'0')));
        if found.is_some_and(|before| before != length) {
            return Err(FramingFault::BadLength);
        }
        found = Some(length);
    }
    found.ok_or(FramingFault::NoLength)
}

/// Lines of a head, each with its continuations.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next_unfolded(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let mut from = 0;
        loop {
            let rest = self.0.get(from..)?;
            let Some(at) = rest.windows(2).position(|w| w == b"\r\n") else {
                return Some(core::mem::take(&mut self.0));
            };
            let end = from + at;
            if !matches!(self.0.get(end + 2), Some(b' ' | b'\t')) {
                let (line, rest) = (self.0.get(..end)?, self.0.get(end + 2..)?);
                self.0 = rest;
                return Some(line);
            }
            from = end + 2;
        }
    }
}
