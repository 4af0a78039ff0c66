//! An endpoint under fire: what it may send, how much, and that nothing of a stranger stays with it.

use crate::Broken;
use senim_base::{Entropy, Instant};
use senim_sip::{Counts, Endpoint, Event, Flow, Input, Output, Secrets, Settings, Transport, TrunkSource};
use std::net::{Ipv4Addr, SocketAddr};

/// What an answer may add to what it echoes: challenges, Allow, our name, our tag, where the request came from.
const ADDED_MAX: usize = 1_024;

/// An endpoint with one trunk and one user.
#[derive(Debug)]
pub struct House {
    line: Endpoint,
    now: Instant,
    connections: u64,
    /// Everything that was ever sent, in one number: the same for the same seed.
    hash: u64,
    sent: u64,
}

impl House {
    /// A new one; its tags and nonces come from the seed.
    pub fn new(seed: u64) -> House {
        let source = "198.51.100.20/32".parse().map(|net| vec![net]).unwrap_or_default();
        let settings = Settings {
            user_agent: "Senim".into(),
            trunks: vec![TrunkSource { name: "trunk".into(), sources: source, tls_only: false }],
            ..Settings::of_realm("senim.example")
        };
        let mut line = Endpoint::new(settings, Entropy::from_seed(seed));
        line.guard_mut().set_account("watson", Secrets::from_password("watson", "senim.example", "correct"));
        House { line, now: Instant::from_secs(1), connections: 0, hash: 0xcbf2_9ce4_8422_2325, sent: 0 }
    }

    /// What was sent so far, in one number, and how many messages.
    pub fn said(&self) -> (u64, u64) {
        (self.hash, self.sent)
    }

    /// A datagram of nobody known: at most one answer, hardly longer, and nothing is remembered.
    pub fn stranger(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let before = self.line.live();
        let answers = self.put(Input::Datagram { flow: flow(Transport::Udp, 66, 0), bytes })?;
        modest(&answers, bytes)?;
        let after = self.line.live();
        if (after.sessions, after.transactions) > (before.sessions, before.transactions) {
            return Err("a stranger is remembered".to_owned());
        }
        Ok(())
    }

    /// A datagram of the trunk. Its calls are refused.
    pub fn trunk(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.put(Input::Datagram { flow: flow(Transport::Udp, 20, 0), bytes }).map(drop)
    }

    /// A connection of a stranger that brings these bytes in uneven portions and closes.
    pub fn stream(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.connections += 1;
        let flow = flow(Transport::Tcp, 66, self.connections);
        for part in bytes.chunks(1 + bytes.len() / 3) {
            self.put(Input::Stream { flow, bytes: part })?;
        }
        self.put(Input::FlowClosed(flow))?;
        if self.line.live().streams > 0 { Err("a closed stream stays".to_owned()) } else { Ok(()) }
    }

    /// A WebSocket of a stranger that brings these bytes in one message and closes.
    pub fn websocket(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.connections += 1;
        let flow = flow(Transport::Ws, 66, self.connections);
        modest(&self.put(Input::Stream { flow, bytes })?, bytes)?;
        self.put(Input::FlowClosed(flow))?;
        if self.line.live().streams > 0 { Err("a closed WebSocket stays".to_owned()) } else { Ok(()) }
    }

    /// Time passes until nothing waits; then nothing may be alive.
    pub fn rest(&mut self) -> Result<(), Broken> {
        for _ in 0..1_000_000 {
            let Some((at, _)) = self.line.deadline() else { break };
            self.now = self.now.max(at);
            self.put(Input::Timeout)?;
        }
        let live = self.line.live();
        if live == Counts::default() { Ok(()) } else { Err(format!("left alive: {live:?}")) }
    }

    /// Lengths of what went out.
    fn put(&mut self, input: Input<'_>) -> Result<Vec<usize>, Broken> {
        let _ = self.line.handle(input, self.now);
        let mut lengths = Vec::new();
        while let Some(output) = self.line.poll() {
            match output {
                Output::Transmit { bytes, .. } | Output::Refuse { bytes, .. } => {
                    self.check(&bytes)?;
                    lengths.push(bytes.len());
                }
                Output::Event(Event::Incoming(call)) => {
                    self.line.reject(call.session, 486, Vec::new(), self.now);
                }
                Output::Event(_) | Output::Disconnect(_) => {}
            }
        }
        Ok(lengths)
    }

    /// No line of ours holds a control character, whatever it was made from.
    fn check(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        self.sent += 1;
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if bytes == b"\r\n" {
            return Ok(());
        }
        let text = core::str::from_utf8(bytes).map_err(|_| "we sent what is no text".to_owned())?;
        let (head, _) = text.split_once("\r\n\r\n").ok_or("we sent what has no end")?;
        for (at, line) in head.split("\r\n").enumerate() {
            let named = at == 0 || line.split_once(": ").is_some_and(|(name, _)| !name.contains([' ', '"']));
            if line.contains(char::is_control) || !named {
                return Err("a line of the sender's making is in ours".to_owned());
            }
        }
        Ok(())
    }
}

/// One message of a stranger gets one answer at most, hardly longer.
fn modest(answers: &[usize], bytes: &[u8]) -> Result<(), Broken> {
    match answers {
        [] => Ok(()),
        [answer] if *answer <= bytes.len() + ADDED_MAX => Ok(()),
        [answer] => Err(format!("{answer} bytes answer {} of a stranger", bytes.len())),
        _ => Err(format!("{} answers to one message of a stranger", answers.len())),
    }
}

fn flow(transport: Transport, host: u8, connection: u64) -> Flow {
    let at = |host| SocketAddr::from((Ipv4Addr::new(198, 51, 100, host), 5060));
    Flow { transport, local: at(1), remote: at(host), connection }
}
