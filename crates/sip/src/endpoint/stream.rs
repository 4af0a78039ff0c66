//! Streams: each connection has its framer; one that says nothing of use for too long is cut, so that idle
//! connections of strangers cannot use up the house.

use super::{Due, Endpoint, Fault, Output};
use crate::Flow;
use crate::framer::{Frame, Framer, HEAD_MAX};
use core::time::Duration;
use senim_base::Instant;

/// Most connections with a framer. More are cut at once.
pub const STREAMS_MAX: usize = 4_096;

/// What a stranger may make us hold of a message that is not whole yet, bytes; more cuts his connection. Those who
/// have proved who they are may send [`MESSAGE_MAX`](crate::message::MESSAGE_MAX).
const STRANGER_BYTES_MAX: usize = HEAD_MAX;

/// How long a connection may live before it has proved to be of use, and how long one message may take to come in.
const IDLE: Duration = Duration::from_secs(10);

/// One connection.
#[derive(Clone)]
pub(super) struct Stream {
    framer: Framer,
    /// A trunk, an authenticated user, or somebody whom we asked something spoke here.
    trusted: bool,
}

impl Stream {
    pub(super) fn is_trusted(&self) -> bool {
        self.trusted
    }
}

impl Endpoint {
    pub(super) fn stream(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        if !self.streams.contains_key(&flow) {
            if self.streams.len() >= STREAMS_MAX {
                self.cut(flow);
                return Err(Fault::TooManyStreams);
            }
            self.streams.insert(flow, Stream { framer: Framer::new(), trusted: self.is_trunk(flow) });
            self.timers.set(Due::Idle(flow), now + IDLE);
        }
        if flow.transport.keeps_bounds() {
            return self.whole(flow, bytes, now);
        }
        if let Some(stream) = self.streams.get_mut(&flow) {
            stream.framer.push(bytes);
        }
        let mut result = Ok(());
        let mut progress = false;
        // A message may cut the very stream it came on: look it up anew each time.
        while let Some(frame) = self.streams.get_mut(&flow).and_then(|s| s.framer.next()) {
            match frame {
                Ok(Frame::Message(bytes)) => {
                    progress = true;
                    let fault = self.on_stream(flow, &bytes, now);
                    if fault != Err(Fault::Crowded) {
                        self.frames.push_back((flow, bytes));
                    }
                    result = result.and(fault);
                }
                Ok(Frame::Ping) => self.transmit(flow, b"\r\n".to_vec()),
                Err(fault) => {
                    if let Some(head) = self.streams.get_mut(&flow).and_then(|s| s.framer.take_head()) {
                        self.unframed(flow, &head, fault, now);
                    }
                    self.cut(flow);
                    return Err(Fault::Framing);
                }
            }
        }
        if self.streams.get(&flow).is_some_and(|s| !s.trusted && s.framer.held() > STRANGER_BYTES_MAX) {
            self.cut(flow);
            return Err(Fault::Framing);
        }
        self.watch(flow, progress, now);
        result
    }

    /// One message of a WebSocket (RFC 7118 section 5). CRLF keep-alives are as in a stream (RFC 5626 section 3.5.1).
    fn whole(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n')) {
            if bytes == b"\r\n\r\n" {
                self.transmit(flow, b"\r\n".to_vec());
            }
            self.watch(flow, false, now);
            return Ok(());
        }
        let result = self.on_stream(flow, bytes, now);
        self.watch(flow, true, now);
        result
    }

    /// One message of a connection. What a stranger may cost is spent: so is his connection.
    fn on_stream(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        let result = self.message(flow, bytes, now);
        if result == Err(Fault::Silenced) {
            self.cut(flow);
        }
        result
    }

    /// The next whole message that the last [`Endpoint::handle`] found in a stream, for whoever traces what came; the
    /// next one forgets the rest. Datagrams are whole as they come.
    pub fn next_frame(&mut self) -> Option<(Flow, Vec<u8>)> {
        self.frames.pop_front()
    }

    /// The peer on this connection has shown that it belongs here.
    pub(super) fn trust(&mut self, flow: Flow) {
        if let Some(stream) = self.streams.get_mut(&flow) {
            stream.trusted = true;
        }
    }

    /// Too long of no use.
    pub(super) fn idle(&mut self, flow: Flow) {
        self.cut(flow);
    }

    /// Starts, keeps or stops the clock of a connection: it runs while a message is half here or nobody is trusted.
    /// For the trusted each whole message starts it anew; a stranger has his ten seconds in all.
    fn watch(&mut self, flow: Flow, progress: bool, now: Instant) {
        let Some(stream) = self.streams.get(&flow) else { return };
        let due = Due::Idle(flow);
        if stream.trusted && !stream.framer.is_within_message() {
            self.timers.cancel(due);
        } else if self.timers.at(due).is_none() || (stream.trusted && progress) {
            self.timers.set(due, now + IDLE);
        }
    }

    fn cut(&mut self, flow: Flow) {
        self.streams.remove(&flow);
        self.timers.cancel(Due::Idle(flow));
        self.flush();
        self.out.push_back(Output::Disconnect(flow));
    }
}
