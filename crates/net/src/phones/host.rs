//! The thread: waits on all sockets until the next deadline, feeds the phones, sends what they want.

use super::{PhoneId, Seat};
use core::time::Duration;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token};
use senim_base::{Entropy, Instant};
use senim_phone::{Config, Event, Input, Output, Phone};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError};

/// The token of the waker; a phone's sockets are twice its id, and one more.
pub(super) const WAKER: Token = Token(usize::MAX);
/// Datagrams taken from one socket in a row; the rest wait for the next turn.
const DRAIN_MAX: usize = 64;
/// Readiness taken from epoll at once.
const READY_MAX: usize = 1_024;
/// Longest sleep: a missed wake-up must not last.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// Largest datagram, bytes: what UDP can carry.
const DATAGRAM_MAX: usize = 65_535;

pub(super) type Act = Box<dyn FnOnce(&mut Phone, Instant) + Send>;

/// What the thread is told.
pub(super) enum Command {
    Add(PhoneId, Seat, Box<Config>),
    With(PhoneId, Act),
    Stop,
}

struct Hosted {
    phone: Phone,
    seat: Seat,
}

pub(super) struct Host<C, E> {
    poll: Poll,
    queue: Receiver<Command>,
    entropy: Entropy,
    clock: C,
    on_event: E,
    phones: BTreeMap<PhoneId, Hosted>,
    /// Sockets that may hold more: epoll tells an edge once.
    undrained: Vec<Token>,
    buffer: Vec<u8>,
}

impl<C: Fn() -> Instant, E: Fn(PhoneId, Event)> Host<C, E> {
    pub(super) fn new(poll: Poll, queue: Receiver<Command>, entropy: Entropy, clock: C, on_event: E) -> Self {
        let buffer = vec![0; DATAGRAM_MAX];
        Host { poll, queue, entropy, clock, on_event, phones: BTreeMap::new(), undrained: Vec::new(), buffer }
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(READY_MAX);
        while self.commands() {
            let sleep = self.sleep();
            if self.poll.poll(&mut events, Some(sleep)).is_err() {
                // A signal interrupted the wait; the next turn waits again.
                continue;
            }
            let mut ready = core::mem::take(&mut self.undrained);
            ready.extend(events.iter().map(|e| e.token()).filter(|t| *t != WAKER));
            for token in ready {
                self.drain(token);
            }
            self.fire();
        }
    }

    fn sleep(&self) -> Duration {
        if !self.undrained.is_empty() {
            return Duration::ZERO;
        }
        let now = (self.clock)();
        let next = self.phones.values().filter_map(|h| h.phone.deadline()).min();
        next.map_or(SLEEP_MAX, |at| at.since(now).min(SLEEP_MAX))
    }

    /// `false`: the thread ends.
    fn commands(&mut self) -> bool {
        loop {
            match self.queue.try_recv() {
                Ok(Command::Add(id, seat, config)) => self.add(id, seat, *config),
                Ok(Command::With(id, act)) => {
                    let now = (self.clock)();
                    if let Some(hosted) = self.phones.get_mut(&id) {
                        act(&mut hosted.phone, now);
                    }
                    self.carry_out(id);
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn add(&mut self, id: PhoneId, mut seat: Seat, config: Config) {
        let tokens = [Token(id.0 * 2), Token(id.0 * 2 + 1)];
        let registry = self.poll.registry();
        let taken = registry
            .register(&mut seat.sip, tokens[0], Interest::READABLE)
            .and_then(|()| registry.register(&mut seat.rtp, tokens[1], Interest::READABLE));
        if taken.is_ok() {
            let phone = Phone::new(config, self.entropy.fork());
            self.phones.insert(id, Hosted { phone, seat });
            // What came before the phone was there has no edge any more.
            self.undrained.extend(tokens);
        }
    }

    /// Takes what a socket holds.
    fn drain(&mut self, token: Token) {
        let (id, rtp) = (PhoneId(token.0 / 2), token.0 % 2 == 1);
        for _ in 0..DRAIN_MAX {
            let Some(hosted) = self.phones.get_mut(&id) else { return };
            let socket = if rtp { &hosted.seat.rtp } else { &hosted.seat.sip };
            let Ok((length, from)) = socket.recv_from(&mut self.buffer) else {
                // Empty, or an ICMP of a peer that went away: the phone's own timers notice that.
                return;
            };
            let now = (self.clock)();
            let bytes = self.buffer.get(..length).unwrap_or_default();
            let input = if rtp {
                Input::Rtp(bytes)
            } else {
                let flow = senim_sip::Flow {
                    transport: senim_sip::Transport::Udp,
                    local: hosted.seat.sip_address(),
                    remote: from,
                    connection: 0,
                };
                Input::Sip(senim_sip::Input::Datagram { flow, bytes })
            };
            hosted.phone.handle(input, now);
            self.carry_out(id);
        }
        self.undrained.push(token);
    }

    /// Deadlines that came.
    fn fire(&mut self) {
        let now = (self.clock)();
        let due = |h: &Hosted| h.phone.deadline().is_some_and(|at| at <= now);
        let ids: Vec<PhoneId> = self.phones.iter().filter(|(_, h)| due(h)).map(|(id, _)| *id).collect();
        for id in ids {
            if let Some(hosted) = self.phones.get_mut(&id) {
                hosted.phone.handle(Input::Timeout, now);
            }
            self.carry_out(id);
        }
    }

    fn carry_out(&mut self, id: PhoneId) {
        let Some(hosted) = self.phones.get_mut(&id) else { return };
        while let Some(output) = hosted.phone.poll() {
            match output {
                Output::Sip { flow, bytes } => send(&hosted.seat.sip, flow.remote, &bytes),
                Output::Rtp { to, bytes } => send(&hosted.seat.rtp, to, &bytes),
                Output::Event(event) => (self.on_event)(id, event),
            }
        }
    }
}

/// A datagram that the system does not take is lost, as on any network: SIP sends again, sound goes on.
fn send(socket: &UdpSocket, to: std::net::SocketAddr, bytes: &[u8]) {
    let _ = socket.send_to(bytes, to);
}
