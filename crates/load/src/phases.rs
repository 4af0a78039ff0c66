//! The phases of a run: register, set up, settle, measure, close, rest.

use crate::args::Work;
use crate::bare::port_of;
use crate::caller::{Call, State};
use crate::cost::Cost;
use crate::engine::{Engine, Side, Timer};
use crate::ng::Ng;
use std::net::SocketAddr;

const SECOND: u64 = 1_000_000_000;
/// Longest time for all consultants to register, or for the last call to be answered or refused.
const PATIENCE: u64 = 15 * SECOND;
/// Between the last answer and the window.
const SETTLE: u64 = 2 * SECOND;
/// A call that was told to end and has not after this is given up.
const CLOSE: u64 = 6 * SECOND;
/// A key that has not ended its call after this was not heard.
const KEY: u64 = 3 * SECOND;
/// Between the last call and the last look at the line's memory.
const REST: u64 = SECOND;
/// The steady part of a signalling run begins after this.
const WARM_UP: u64 = SECOND;

/// Where the run is; the moments are ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    Begin,
    Register(u64),
    SetUp(u64),
    Settle(u64),
    Measure(u64),
    Close(u64),
    Rest(u64),
    Done,
}

impl Engine {
    /// Goes on to the next phase when this one is over.
    pub(crate) fn step(&mut self, now: u64) {
        if matches!(self.phase, Phase::SetUp(_)) && self.work.is_bridged() {
            self.count_through(now);
        }
        match self.phase {
            Phase::Begin if self.work.registers() => {
                self.look(|looks, cost| looks.before = cost);
                self.phase = Phase::Register(now + PATIENCE);
                self.clock_in(now);
                if self.work == Work::Register {
                    self.phase = Phase::Settle(now + WARM_UP);
                }
            }
            Phase::Register(end) if !self.all_registered() && now < end => {}
            Phase::Begin | Phase::Register(_) => self.set_up(now),
            Phase::SetUp(end) if self.all_settled() || now >= end => {
                self.phase = Phase::Settle(now + if self.work.is_silent() { WARM_UP } else { SETTLE });
            }
            Phase::Settle(end) if now >= end => self.measure(now),
            Phase::Measure(end) if now >= end => self.close(now),
            Phase::Close(end) if self.all_over() || now >= end => self.phase = Phase::Rest(now + REST),
            Phase::Rest(end) if now >= end => {
                self.look(|looks, cost| looks.after = cost);
                self.count_failures();
                self.phase = Phase::Done;
            }
            _ => {}
        }
    }

    fn set_up(&mut self, now: u64) {
        self.look(|looks, cost| looks.before = cost);
        let rate = u64::from(self.args.rate);
        match self.work {
            work if work.is_bare() => {
                self.connect_bare(now);
                self.phase = Phase::Settle(now + SETTLE);
            }
            Work::Sig => {
                self.at(now, Timer::Begin);
                self.phase = Phase::Settle(now + WARM_UP);
            }
            _ => {
                self.at(now, Timer::Begin);
                let all = u64::from(self.args.calls) * SECOND / rate.max(1);
                self.phase = Phase::SetUp(now + all + PATIENCE);
            }
        }
    }

    /// Legs straight to the ports of a bare process, or of rtpengine.
    fn connect_bare(&mut self, now: u64) {
        let (target, sides) = (self.args.target, if self.work == Work::BarePlay { 1 } else { 2 });
        let mut ng = (self.work == Work::Rtpengine).then(|| Ng::open(target, &self.run));
        for call in 0..self.args.calls {
            self.tally.tried += 1;
            let legs = match &mut ng {
                Some(ng) => ng.as_mut().ok().and_then(|ng| self.rtpengine_legs(ng, call, now)),
                None => (0..sides).map(|side| self.bare_leg(target, call, side, now)).collect(),
            };
            // A call without legs is failed when all are counted.
            self.tally.answered += u64::from(legs.is_some());
            self.tally.failed += u64::from(legs.is_none());
            self.calls.push(Call::standing(legs.and_then(|legs: Vec<usize>| legs.first().copied())));
        }
    }

    /// Two legs that rtpengine joins: the caller's offer, the consultant's answer.
    fn rtpengine_legs(&mut self, ng: &mut Ng, call: u32, now: u64) -> Option<Vec<usize>> {
        let (a, b) = (self.leg_for(Side::Callers)?, self.leg_for(Side::Consultants)?);
        let to_b = ng.offer(call, &self.sound_of(Side::Callers, Some(a))).ok()?;
        let to_a = ng.answer(call, &self.sound_of(Side::Consultants, Some(b))).ok()?;
        self.media.talk(a, to_a, now);
        self.media.talk(b, to_b, now);
        Some(vec![a, b])
    }

    fn bare_leg(&mut self, target: SocketAddr, call: u32, side: u32, now: u64) -> Option<usize> {
        let port = port_of(target.port(), call, side).ok()?;
        let leg = self.media.add(SocketAddr::new(self.args.callers, 0), &self.watch).ok()?;
        self.media.talk(leg, SocketAddr::new(target.ip(), port), now);
        Some(leg)
    }

    fn measure(&mut self, now: u64) {
        self.media.open_window();
        (self.tally.done_in_window, self.tally.answered_in_window) = (0, 0);
        self.look(|looks, cost| looks.begin = cost);
        self.looks.own_begin = Cost::of(std::process::id()).unwrap_or_default();
        self.window = (now, now);
        self.phase = Phase::Measure(now + u64::from(self.args.seconds) * SECOND);
    }

    /// The window shuts; every call is told to end, at the rate they came.
    fn close(&mut self, now: u64) {
        self.look(|looks, cost| looks.end = cost);
        self.looks.own_end = Cost::of(std::process::id()).unwrap_or_default();
        self.window.1 = now;
        self.freeze();
        let gap = SECOND / u64::from(self.args.rate).max(1);
        let bare = self.work.is_bare();
        let calls = if self.work.is_silent() { 0 } else { self.calls.len() };
        for call in 0..calls {
            let due = now + call as u64 * gap;
            match self.work {
                _ if bare => self.over(call),
                Work::Ivr => {
                    self.press_nine(call);
                    self.at(now + KEY, Timer::HangUp(call));
                }
                _ => self.at(due, Timer::HangUp(call)),
            }
        }
        let keyed = if self.work == Work::Ivr { KEY } else { calls as u64 * gap };
        self.phase = Phase::Close(now + keyed + CLOSE);
    }

    /// Takes a look at the line's process, if we know it.
    fn look(&mut self, keep: fn(&mut crate::engine::Looks, Cost)) {
        let cost = self.args.pid.and_then(Cost::of).unwrap_or_default();
        keep(&mut self.looks, cost);
    }

    /// Calls still begin (signalling runs).
    pub(crate) fn is_open(&self) -> bool {
        !matches!(self.phase, Phase::Close(_) | Phase::Rest(_) | Phase::Done)
    }

    fn all_settled(&self) -> bool {
        let bridged = self.work.is_bridged();
        self.calls.len() == self.args.calls as usize
            && self.calls.iter().all(|call| match call.state {
                State::Inviting => false,
                State::Talking => !bridged || call.through,
                _ => true,
            })
    }

    fn all_over(&self) -> bool {
        self.calls.iter().all(|call| call.state == State::Over)
    }

    /// What never came to its end has failed.
    fn count_failures(&mut self) {
        let bridged = self.work.is_bridged();
        let bare = self.work.is_bare();
        for call in self.calls.iter_mut().filter(|call| !bare && call.refused.is_none()) {
            let unheard = bridged && call.set_up_ns.is_some() && !call.through;
            if call.set_up_ns.is_none() || unheard {
                call.refused = Some(408);
                self.tally.failed += 1;
            }
        }
        self.tally.failed += self.tally.keys_unheard;
    }

    /// Side of a caller's leg or a consultant's; both bind any port.
    pub(crate) fn leg_for(&mut self, side: Side) -> Option<usize> {
        let ip = if side == Side::Callers { self.args.callers } else { self.args.consultants };
        self.media.add(SocketAddr::new(ip, 0), &self.watch).ok()
    }
}
