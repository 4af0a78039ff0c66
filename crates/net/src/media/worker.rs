//! One media thread: waits on its sockets until the next deadline, feeds sessions, does what they ask.

use super::ports::Ports;
use super::tape::Tape;
use super::{Binds, Counters};
use crate::Pace;
use core::cmp::Reverse;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use mio::{Events, Poll, Token};
use rtrb::Producer;
use senim_audio::Bank;
use senim_base::{CallId, Entropy, Instant, LegId};
use senim_media::{Event, Item, Order, Outbox, Session};
use senim_recorder::Frame;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

/// The token of the waker; sockets count from 0.
pub(crate) const WAKER: Token = Token(usize::MAX);
/// Ceiling of calls of one worker; a leg of a further one is refused with `OpenFailed`.
const SEATS_MAX: usize = 16_384;
/// Datagrams taken from one socket in a row, so that a flood on one port does not hold up the others.
const DRAIN_MAX: usize = 64;
/// Readiness taken from epoll at once.
const READY_MAX: usize = 1_024;
/// No longer sleep than this: a missed wake-up must not last.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How often ends of recordings are offered to a full ring.
const RETRY_EVERY: Duration = Duration::from_millis(10);
/// How long the last frames may take into the ring when we stop.
const STOP_MAX: Duration = Duration::from_secs(2);
/// A worker that is at work for a third of the time looks at its sockets in slots.
const BUSY: u32 = 3;
const SLOT: Duration = Duration::from_millis(1);
/// Largest datagram read whole; RTP of a telephone is below 600 bytes.
const DATAGRAM_MAX: usize = 2_048;

/// What the pool tells a worker.
pub(crate) enum Command {
    /// An order for a call.
    Order(CallId, Order),
    /// Close everything and end.
    Stop,
}

/// What the pool wants, and how much of it waits.
pub(crate) struct Orders {
    pub(crate) queue: Receiver<Command>,
    pub(crate) waiting: Arc<AtomicUsize>,
}

/// A call's place.
struct Seat {
    session: Session,
    legs: Vec<(LegId, [usize; 2])>,
    /// The earliest entry of the heap for this seat, if one stands.
    scheduled: Option<Instant>,
}

pub(crate) struct Worker<C, E> {
    poll: Poll,
    orders: Orders,
    binds: Binds,
    bank: Arc<Bank>,
    entropy: Entropy,
    clock: C,
    on_event: E,
    seats: Vec<Option<Seat>>,
    free: Vec<usize>,
    by_call: BTreeMap<CallId, usize>,
    /// Seats by deadline; entries may be stale or early, a tick for nothing does no harm.
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    ports: Ports,
    /// Sockets that held more than [`DRAIN_MAX`] datagrams.
    undrained: Vec<usize>,
    out: Outbox,
    tape: Tape,
    counters: Arc<Counters>,
    stopping: bool,
}

impl<C: Fn() -> Instant, E: Fn(CallId, Event)> Worker<C, E> {
    #[allow(clippy::too_many_arguments)] // made in one place, all of it its own
    pub(crate) fn new(
        poll: Poll,
        orders: Orders,
        binds: Binds,
        bank: Arc<Bank>,
        entropy: Entropy,
        ring: Producer<Frame>,
        counters: Arc<Counters>,
        clock: C,
        on_event: E,
    ) -> Self {
        let tape = Tape::new(ring, Arc::clone(&counters));
        Worker {
            poll,
            orders,
            binds,
            bank,
            entropy,
            clock,
            on_event,
            seats: Vec::new(),
            free: Vec::new(),
            by_call: BTreeMap::new(),
            due: BinaryHeap::with_capacity(1_024),
            ports: Ports::default(),
            undrained: Vec::with_capacity(64),
            out: Outbox::new(),
            tape,
            counters,
            stopping: false,
        }
    }

    pub(crate) fn run(mut self) {
        let mut events = Events::with_capacity(READY_MAX);
        let mut ready = Vec::with_capacity(READY_MAX);
        let mut pace = Pace::new(BUSY, SLOT, (self.clock)());
        let mut began = (self.clock)();
        while !self.stopping {
            let now = (self.clock)();
            let nap = pace.sleep(began, now);
            if !nap.is_zero() {
                std::thread::sleep(nap);
            }
            began = (self.clock)();
            let timeout = if nap.is_zero() { self.timeout(began) } else { Duration::ZERO };
            if let Err(fault) = self.poll.poll(&mut events, Some(timeout))
                && fault.kind() != ErrorKind::Interrupted
            {
                // Epoll itself failed: without it a worker is deaf. Not to spin, and to keep sending what is due.
                std::thread::sleep(Duration::from_millis(1));
            }
            let from = (self.clock)();
            if nap.is_zero() {
                began = from;
            }
            ready.extend(events.iter().map(|event| event.token().0).filter(|place| *place != WAKER.0));
            ready.append(&mut self.undrained);
            for place in ready.drain(..) {
                self.drain_socket(place);
            }
            self.drain_orders();
            self.run_due();
            self.tape.retry((self.clock)());
            let to = (self.clock)();
            pace.worked(from, to);
            self.counters.busy_us.fetch_add(to.since(from).as_micros() as u64, Ordering::Relaxed);
        }
        self.close();
    }

    fn timeout(&self, now: Instant) -> Duration {
        if !self.undrained.is_empty() {
            return Duration::ZERO;
        }
        let due = self.due.peek().map_or(SLEEP_MAX, |Reverse((at, _))| at.since(now));
        let limit = if self.tape.is_waiting() { RETRY_EVERY } else { SLEEP_MAX };
        due.min(limit)
    }

    fn drain_socket(&mut self, place: usize) {
        let mut bytes = [0; DATAGRAM_MAX];
        for _ in 0..DRAIN_MAX {
            let Some(port) = self.ports.get(place) else { return };
            let (seat, leg, rtcp) = (port.seat, port.leg, port.rtcp);
            let (len, from) = match port.socket.recv_from(&mut bytes) {
                Ok(got) => got,
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return,
                // An ICMP answer to something we sent, or a signal: the socket goes on.
                Err(_) => continue,
            };
            self.counters.received.fetch_add(1, Ordering::Relaxed);
            let now = (self.clock)();
            if let (Some(Some(at)), Some(datagram)) = (self.seats.get_mut(seat), bytes.get(..len)) {
                at.session.packet(leg, from, rtcp, datagram, now, &mut self.out);
            }
            self.carry_out(seat, now);
        }
        self.undrained.push(place);
    }

    fn drain_orders(&mut self) {
        loop {
            match self.orders.queue.try_recv() {
                Ok(Command::Order(call, order)) => {
                    self.orders.waiting.fetch_sub(1, Ordering::AcqRel);
                    self.order(call, &order);
                }
                Ok(Command::Stop) | Err(TryRecvError::Disconnected) => {
                    self.stopping = true;
                    return;
                }
                Err(TryRecvError::Empty) => return,
            }
        }
    }

    fn order(&mut self, call: CallId, order: &Order) {
        let now = (self.clock)();
        if let Order::Open { leg, port, ipv6 } = order {
            let opened = self.open(call, *leg, (*port, *ipv6), now);
            (self.on_event)(
                call,
                if opened {
                    Event::Opened { leg: *leg }
                } else {
                    Event::OpenFailed { leg: *leg, port: *port }
                },
            );
            return;
        }
        let Some(seat) = self.by_call.get(&call).copied() else {
            // A call that is over still answers: its plays end, its recordings end.
            let mut session = Session::new(call, 0);
            session.order(order, now, &mut self.out);
            self.carry_out_for(call, None, now);
            return;
        };
        if let Some(Some(at)) = self.seats.get_mut(seat) {
            at.session.order(order, now, &mut self.out);
        }
        self.carry_out(seat, now);
        if matches!(order, Order::CloseSession) {
            self.by_call.remove(&call);
            if let Some(at) = self.seats.get_mut(seat) {
                *at = None;
                self.free.push(seat);
            }
        }
    }

    fn open(&mut self, call: CallId, leg: LegId, (port, ipv6): (u16, bool), now: Instant) -> bool {
        let known = self.by_call.get(&call).copied();
        if known.is_none() && self.by_call.len() >= SEATS_MAX {
            return false;
        }
        let seat = known.unwrap_or_else(|| {
            self.free.pop().unwrap_or_else(|| {
                self.seats.push(None);
                self.seats.len() - 1
            })
        });
        let bind = self.binds.of(ipv6);
        let Ok(places) = self.ports.open(self.poll.registry(), bind, port, (seat, leg)) else {
            if known.is_none() {
                self.free.push(seat);
            }
            return false;
        };
        self.by_call.insert(call, seat);
        if let Some(slot) = self.seats.get_mut(seat) {
            let seed = self.entropy.u64();
            let at = slot.get_or_insert_with(|| Seat {
                session: Session::new(call, seed),
                legs: Vec::new(),
                scheduled: None,
            });
            at.session.order(&Order::Open { leg, port, ipv6 }, now, &mut self.out);
            at.legs.push((leg, places));
        }
        let refused = self.out.items().any(|item| matches!(item, Item::Event(Event::OpenFailed { .. })));
        self.out.clear();
        if refused {
            self.close_ports(seat, leg);
        }
        !refused
    }

    fn run_due(&mut self) {
        let now = (self.clock)();
        while let Some(Reverse((at, seat))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            let Some(Some(place)) = self.seats.get_mut(seat) else { continue };
            if place.scheduled == Some(at) {
                place.scheduled = None;
            }
            place.session.tick(&self.bank, now, &mut self.out);
            self.carry_out(seat, now);
        }
    }

    /// Does what a session left in the outbox, and notes its next deadline.
    fn carry_out(&mut self, seat: usize, now: Instant) {
        let Some(Some(at)) = self.seats.get(seat) else { return };
        let call = at.session.id();
        if !self.out.is_empty() {
            self.carry_out_for(call, Some(seat), now);
        }
        let Some(Some(at)) = self.seats.get_mut(seat) else { return };
        if let Some(next) = at.session.deadline()
            && at.scheduled.is_none_or(|scheduled| next < scheduled)
        {
            at.scheduled = Some(next);
            self.due.push(Reverse((next, seat)));
        }
    }

    fn carry_out_for(&mut self, call: CallId, seat: Option<usize>, now: Instant) {
        let out = core::mem::take(&mut self.out);
        for item in out.items() {
            match item {
                Item::Send { leg, to, rtcp, bytes } => self.send(seat, leg, to, rtcp, bytes),
                Item::Tap { recording, track, at, codec, timestamp, bytes } => {
                    self.tape.audio((recording, track), at, codec.payload_type(), timestamp, bytes);
                }
                Item::TapEnd { recording } => self.tape.end(recording, now),
                Item::Event(event) => {
                    if let (Event::Closed { leg }, Some(seat)) = (&event, seat) {
                        self.close_ports(seat, *leg);
                    }
                    (self.on_event)(call, event);
                }
            }
        }
        self.out = out;
        self.out.clear();
    }

    fn send(&self, seat: Option<usize>, leg: LegId, to: core::net::SocketAddr, rtcp: bool, bytes: &[u8]) {
        let places = seat
            .and_then(|seat| self.seats.get(seat)?.as_ref())
            .and_then(|at| at.legs.iter().find(|(l, _)| *l == leg))
            .map(|(_, [rtp, control])| if rtcp { *control } else { *rtp });
        let Some(port) = places.and_then(|place| self.ports.get(place)) else { return };
        let counter = match port.socket.send_to(bytes, to) {
            Ok(_) => &self.counters.sent,
            Err(_) => &self.counters.send_failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn close_ports(&mut self, seat: usize, leg: LegId) {
        let Some(Some(at)) = self.seats.get_mut(seat) else { return };
        if let Some(n) = at.legs.iter().position(|(l, _)| *l == leg) {
            let (_, places) = at.legs.remove(n);
            for place in places {
                self.ports.close(place);
            }
        }
    }

    fn close(&mut self) {
        while let Some(call) = self.by_call.keys().next().copied() {
            self.order(call, &Order::CloseSession);
        }
        let began = (self.clock)();
        loop {
            let now = (self.clock)();
            if self.tape.retry(now) || self.tape.is_abandoned() || now.since(began) > STOP_MAX {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
