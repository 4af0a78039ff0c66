//! The loop: one thread, two signalling sockets (callers' and consultants'), a socket a leg, timers, and the phases of
//! a run. Time is the wall clock in nanoseconds, for so are the kernel's stamps; a step of it spoils a run.

use crate::args::{Args, Work};
use crate::caller::Call;
use crate::consultant::Consultant;
use crate::cost::Cost;
use crate::leg::{LegCounts, Measured};
use crate::media::{FIRST_LEG, Media};
use crate::phases::Phase;
use crate::report::{CallReport, LineCost, Report};
use crate::stats::{Histogram, per_cent};
use crate::wire::{self, DATAGRAM_MAX, Watch};
use crate::words;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use senim_sip::Message;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// Messages read from one signalling socket before anything else gets its turn.
const READ_MAX: usize = 64;
/// Media runs look for arrivals at least so often; the kernel's stamps keep the truth meanwhile.
const LOOK_NS: u64 = 1_000_000;

/// The two ends that we play.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Side {
    Callers,
    Consultants,
}

/// What the clock brings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// The next call begins.
    Begin,
    /// A caller's or a consultant's unanswered message.
    Again(Side, usize),
    /// This call shall end.
    HangUp(usize),
}

/// Counts of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) tried: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    /// Failed with a word.
    pub(crate) refused: u64,
    pub(crate) refused_503: u64,
    pub(crate) keys_unheard: u64,
    pub(crate) done_in_window: u64,
    pub(crate) answered_in_window: u64,
    pub(crate) refusal: Histogram,
    pub(crate) set_up: Histogram,
    pub(crate) through: Histogram,
}

/// Looks at the line's process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Looks {
    pub(crate) before: Cost,
    pub(crate) begin: Cost,
    pub(crate) end: Cost,
    pub(crate) after: Cost,
    pub(crate) own_begin: Cost,
    pub(crate) own_end: Cost,
}

/// A run.
pub struct Engine {
    pub(crate) args: Args,
    pub(crate) work: Work,
    pub(crate) run: String,
    pub(crate) watch: Watch,
    pub(crate) media: Media,
    sockets: [UdpSocket; 2],
    pub(crate) addresses: [SocketAddr; 2],
    pub(crate) calls: Vec<Call>,
    pub(crate) consultants: Vec<Consultant>,
    /// Call-IDs of the line's calls to consultants. As many as consultants: a new call takes the old one's place.
    pub(crate) incoming: BTreeMap<String, usize>,
    timers: BinaryHeap<Reverse<(u64, Timer)>>,
    pub(crate) phase: Phase,
    pub(crate) window: (u64, u64),
    pub(crate) tally: Tally,
    pub(crate) looks: Looks,
    /// What the legs had counted when the window shut.
    frozen: (Vec<LegCounts>, Measured),
    ready: Vec<u64>,
    buffer: Vec<u8>,
}

impl Engine {
    /// Opens the sockets.
    ///
    /// # Errors
    /// The operator's: addresses that are not of this machine, or too few files may be open.
    pub fn open(args: &Args, work: Work) -> io::Result<Engine> {
        raise_file_limit();
        let watch = Watch::new()?;
        let sockets = [
            wire::bind_roomy(SocketAddr::new(args.callers, 0))?,
            wire::bind_roomy(SocketAddr::new(args.consultants, 0))?,
        ];
        watch.add(&sockets[0], Side::Callers as u64)?;
        watch.add(&sockets[1], Side::Consultants as u64)?;
        let addresses = [sockets[0].local_addr()?, sockets[1].local_addr()?];
        let now = wire::wall_ns();
        let mut engine = Engine {
            args: args.clone(),
            work,
            run: words::token(now),
            watch,
            media: Media::new(Duration::from_micros(u64::from(args.grain_us))),
            sockets,
            addresses,
            calls: Vec::new(),
            consultants: Vec::new(),
            incoming: BTreeMap::new(),
            timers: BinaryHeap::new(),
            phase: Phase::Begin,
            window: (now, now),
            tally: Tally::default(),
            looks: Looks::default(),
            frozen: Default::default(),
            ready: Vec::new(),
            buffer: vec![0; DATAGRAM_MAX],
        };
        if work.registers() {
            engine.hire()?;
        }
        Ok(engine)
    }

    /// Runs to the end.
    pub fn run(mut self) -> Report {
        while self.phase != Phase::Done {
            self.turn();
        }
        self.report()
    }

    fn turn(&mut self) {
        self.media.send_due();
        let now = wire::wall_ns();
        self.fire(now);
        self.step(now);
        let wait_ms = self.rest(now);
        let mut ready = core::mem::take(&mut self.ready);
        self.watch.ready(wait_ms, &mut ready);
        for number in &ready {
            match *number {
                0 => self.read(Side::Callers),
                1 => self.read(Side::Consultants),
                FIRST_LEG.. => self.media.hear(*number),
            }
        }
        self.ready = ready;
    }

    /// Sleeps until something is due, or lets the look at the sockets wait: so many milliseconds.
    fn rest(&self, now: u64) -> u16 {
        let timer = self.timers.peek().map_or(u64::MAX, |Reverse((due, _))| *due);
        if self.work.is_silent() {
            return u16::from(timer > now + LOOK_NS / 2);
        }
        let due = self.media.next_due().unwrap_or(u64::MAX).min(timer).min(now + LOOK_NS);
        std::thread::sleep(Duration::from_nanos(due.saturating_sub(wire::wall_ns())));
        0
    }

    fn read(&mut self, side: Side) {
        let mut buffer = core::mem::take(&mut self.buffer);
        for _ in 0..READ_MAX {
            let Some(socket) = self.sockets.get(side as usize) else { break };
            let Some((length, _)) = wire::receive_from(socket, &mut buffer) else { break };
            let now = wire::wall_ns();
            if let Ok(message) = Message::parse(buffer.get(..length).unwrap_or_default()) {
                match side {
                    Side::Callers => self.caller_hears(&message, now),
                    Side::Consultants => self.consultant_hears(&message, now),
                }
            }
        }
        self.buffer = buffer;
    }

    /// Sends from one side to the line. What the kernel refuses is sent again by its timer.
    pub(crate) fn send(&self, side: Side, bytes: &[u8]) {
        if let Some(socket) = self.sockets.get(side as usize) {
            let _again_later = socket.send_to(bytes, self.args.target);
        }
    }

    /// Sets a timer. A stale one finds nothing to do when it fires.
    pub(crate) fn at(&mut self, due: u64, timer: Timer) {
        self.timers.push(Reverse((due, timer)));
    }

    fn fire(&mut self, now: u64) {
        while let Some(Reverse((due, timer))) = self.timers.peek().copied() {
            if due > now {
                return;
            }
            self.timers.pop();
            match timer {
                Timer::Begin => self.begin_call(due, now),
                Timer::Again(Side::Callers, call) => self.caller_again(call, now),
                Timer::Again(Side::Consultants, consultant) => self.consultant_again(consultant, now),
                Timer::HangUp(call) => self.hang_up(call, now),
            }
        }
    }

    /// Where a leg of a side hears.
    pub(crate) fn sound_of(&self, side: Side, leg: Option<usize>) -> String {
        let port = leg
            .and_then(|leg| self.media.legs.get(leg))
            .and_then(|leg| leg.socket.local_addr().ok())
            .map_or(9, |address| address.port());
        let ip = if side == Side::Callers { self.args.callers } else { self.args.consultants };
        words::sdp(SocketAddr::new(ip, port))
    }

    pub(crate) fn address(&self, side: Side) -> SocketAddr {
        self.addresses[usize::from(side == Side::Consultants)]
    }

    /// The window is shut: what comes now counts no more.
    pub(crate) fn freeze(&mut self) {
        let (begin, end) = self.window;
        self.frozen = (self.media.counts(begin, end), self.media.measured.clone());
    }

    fn report(self) -> Report {
        let (begin, end) = self.window;
        let seconds = end.saturating_sub(begin) as f64 / 1e9;
        let (counts, measured) = &self.frozen;
        let leg = |leg: Option<usize>| leg.and_then(|leg| counts.get(leg).copied());
        let each: Vec<CallReport> = self
            .calls
            .iter()
            .enumerate()
            .filter(|_| !self.work.is_silent())
            .map(|(index, call)| {
                // Nobody speaks to whom a call was refused, and nobody is asked to.
                let stood = call.set_up_ns.is_some() || self.work.is_bare();
                CallReport {
                    set_up_ms: call.set_up_ns.map(|ns| ns as f64 / 1e6),
                    refused: call.refused,
                    caller: leg(call.leg.filter(|_| stood)),
                    consultant: leg(self.other_leg(index).filter(|_| stood)),
                }
            })
            .collect();
        let alive = if self.work.is_silent() { 0 } else { self.tally.answered };
        let units = if self.work.is_silent() {
            self.tally.done_in_window as f64
        } else {
            self.tally.answered as f64 * seconds
        };
        let looks = self.looks;
        let own = looks.own_end.cpu_ms.saturating_sub(looks.own_begin.cpu_ms);
        let line = |_| LineCost::of(looks.before, looks.begin, looks.end, looks.after, units, alive, seconds);
        let tally = &self.tally;
        Report {
            work: self.work.name().into(),
            calls: u64::from(self.args.calls),
            seconds,
            tried: tally.tried,
            answered: tally.answered,
            failed: tally.failed,
            refused_503: tally.refused_503,
            done_per_second: if seconds > 0.0 { tally.done_in_window as f64 / seconds } else { 0.0 },
            answered_per_second: if seconds > 0.0 { tally.answered_in_window as f64 / seconds } else { 0.0 },
            silent: tally.failed.saturating_sub(tally.refused + tally.keys_unheard),
            refusal: tally.refusal.spread(),
            keys_unheard: tally.keys_unheard,
            set_up: tally.set_up.spread(),
            through: tally.through.spread(),
            deviation: measured.deviations.spread(),
            latency: measured.latencies.spread(),
            own_lateness: measured.lateness.spread(),
            line: self.args.pid.map(line),
            own_cpu_per_cent: per_cent(own, (seconds * 1e3) as u64),
            each,
            ..Report::default()
        }
        .finish()
    }

    /// The leg at the other end of a call, where it is ours.
    pub(crate) fn other_leg(&self, call: usize) -> Option<usize> {
        match self.work {
            Work::BareRelay | Work::Rtpengine => self.calls.get(call)?.leg.map(|leg| leg + 1),
            work if work.is_bridged() => self.consultants.get(call)?.leg,
            _ => None,
        }
    }
}

/// Thousands of sockets need thousands of files; the system's hard limit allows them.
fn raise_file_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it fails, binding says so.
        let _told_by_bind = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
