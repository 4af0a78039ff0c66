//! One media thread: waits on its sockets until the next deadline, feeds sessions, does what they ask.

use super::beat::Beat;
use super::ports::Ports;
use super::tape::Tape;
use super::watch::{Ready, Watch};
use super::{Binds, Counters};
use core::cmp::Reverse;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use rtrb::Producer;
use senim_audio::Bank;
use senim_base::{CallId, Entropy, Instant, LegId};
use senim_media::{Event, Item, Order, Outbox, Session};
use senim_recorder::Frame;
use senim_sdp::Codec;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

/// Ceiling of calls of one worker; a leg of a further one is refused with `OpenFailed`.
const SEATS_MAX: usize = 16_384;
/// Looks at the sockets in a row, one datagram of each: a flood on one port holds up neither the others nor what is due.
const LOOKS_MAX: usize = 64;
/// No longer sleep than this: a missed wake-up must not last.
const SLEEP_MAX: Duration = Duration::from_secs(1);
/// How often ends of recordings are offered to a full ring.
const RETRY_EVERY: Duration = Duration::from_millis(10);
/// How long the last frames may take into the ring when we stop.
const STOP_MAX: Duration = Duration::from_secs(2);
/// A deadline counts as no later than this: a clock that jumped says nothing of us.
const LATE_MAX: Duration = Duration::from_secs(1);
/// How late the kernel may wake a worker for the sake of waking others together; by default it takes 50 µs.
const SLACK_NS: u64 = 5_000;
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
    /// Its packets are passed on as they come.
    passes: bool,
}

pub(crate) struct Worker<C, E> {
    watch: Watch,
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
    /// Seats that pass packets on as they come.
    passing: usize,
    ready: Ready,
    datagram: Box<[u8; DATAGRAM_MAX]>,
    out: Outbox,
    tape: Tape,
    counters: Arc<Counters>,
    stopping: bool,
}

impl<C: Fn() -> Instant, E: Fn(CallId, Event)> Worker<C, E> {
    #[allow(clippy::too_many_arguments)] // made in one place, all of it its own
    pub(crate) fn new(
        watch: Watch,
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
            watch,
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
            passing: 0,
            ready: Ready::default(),
            datagram: Box::new([0; DATAGRAM_MAX]),
            out: Outbox::new(),
            tape,
            counters,
            stopping: false,
        }
    }

    pub(crate) fn run(mut self) {
        // Where it is not to be had, slots are a little longer.
        let _ = rustix::thread::set_current_timer_slack(core::num::NonZeroU64::new(SLACK_NS));
        if let Ok(ns) = super::cost::of_a_datagram(&self.clock) {
            self.counters.cost_ns.store(ns.max(1), Ordering::Relaxed);
        }
        let mut looked = (self.clock)();
        let mut beat = Beat::new(looked);
        while !self.stopping {
            self.rest(&beat, looked);
            looked = (self.clock)();
            let found = self.turn(looked);
            let to = (self.clock)();
            beat.looked(looked, to, found, self.passing > 0);
            self.counters.busy_us.fetch_add(to.since(looked).as_micros() as u64, Ordering::Relaxed);
        }
        self.close();
    }

    /// Until the next beat, or until something comes or is due.
    fn rest(&mut self, beat: &Beat, looked: Instant) {
        let now = (self.clock)();
        if let Some(nap) = beat.sleep(looked, now) {
            if !nap.is_zero() {
                std::thread::sleep(nap);
            }
            return;
        }
        let due = self.due.peek().map_or(SLEEP_MAX, |Reverse((at, _))| at.since(now));
        let limit = if self.tape.is_waiting() { RETRY_EVERY } else { SLEEP_MAX };
        if self.watch.wait(due.min(limit)).is_err() {
            // Waiting itself failed. Not to spin, and to keep sending what is due.
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Does all that is to be done at `now`; how many packets and deadlines that was.
    fn turn(&mut self, now: Instant) -> usize {
        let mut found = 0;
        for _ in 0..LOOKS_MAX {
            let mut ready = core::mem::take(&mut self.ready);
            self.watch.look(&mut ready);
            let before = found;
            for place in ready.sockets() {
                self.take(place, now);
                found += 1;
            }
            self.ready = ready;
            if found == before {
                break;
            }
        }
        self.drain_orders();
        found += self.run_due((self.clock)());
        self.tape.retry(now);
        self.counters.ring.store(self.tape.fullness(), Ordering::Relaxed);
        found
    }

    /// Takes one datagram of a socket.
    fn take(&mut self, place: usize, now: Instant) {
        let Some(port) = self.ports.get(place) else { return };
        let (seat, leg, rtcp) = (port.seat, port.leg, port.rtcp);
        // An error is an ICMP answer to something we sent: the socket goes on.
        let Ok((len, from)) = port.socket.recv_from(&mut *self.datagram) else { return };
        self.counters.received.fetch_add(1, Ordering::Relaxed);
        if let (Some(Some(at)), Some(datagram)) = (self.seats.get_mut(seat), self.datagram.get(..len)) {
            at.session.packet(leg, from, rtcp, datagram, now, &mut self.out);
        }
        self.carry_out(seat, now);
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
        self.note_passing(seat);
        self.carry_out(seat, now);
        if matches!(order, Order::CloseSession) {
            self.by_call.remove(&call);
            if let Some(at) = self.seats.get_mut(seat) {
                *at = None;
                self.free.push(seat);
            }
        }
    }

    /// Only orders change who passes packets on.
    fn note_passing(&mut self, seat: usize) {
        let Some(Some(at)) = self.seats.get_mut(seat) else { return };
        let passes = at.session.passes();
        match (core::mem::replace(&mut at.passes, passes), passes) {
            (false, true) => self.passing += 1,
            (true, false) => self.passing = self.passing.saturating_sub(1),
            _ => {}
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
        let Ok(places) = self.ports.open(&self.watch, bind, port, (seat, leg)) else {
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
                passes: false,
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

    /// Runs what is due; how many that was.
    fn run_due(&mut self, now: Instant) -> usize {
        let (mut ran, mut late) = (0, Duration::ZERO);
        while let Some(Reverse((at, seat))) = self.due.peek().copied()
            && at <= now
        {
            self.due.pop();
            ran += 1;
            late += now.since(at).min(LATE_MAX);
            let Some(Some(place)) = self.seats.get_mut(seat) else { continue };
            if place.scheduled == Some(at) {
                place.scheduled = None;
            }
            place.session.tick(&self.bank, now, &mut self.out);
            self.carry_out(seat, now);
        }
        self.counters.met.fetch_add(ran as u64, Ordering::Relaxed);
        self.counters.late_us.fetch_add(late.as_micros() as u64, Ordering::Relaxed);
        ran
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
                    let kind = (codec.payload_type(), codec != Codec::Opus);
                    self.tape.audio((recording, track), at, kind, timestamp, bytes);
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
