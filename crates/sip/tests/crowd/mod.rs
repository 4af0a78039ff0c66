//! A crowd of callers between two endpoints: they ring, answer, refuse, offer other media, send each other on, hang up at
//! any moment and register and leave, over wires that lose, repeat and reorder, or connections that break.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)] // Each user takes a part; a broken harness may panic.

use super::pair::{ANSWER, Faults, Line, OTHER, Pair, Phone, Who, credentials};
use core::time::Duration;
use senim_base::Instant;
use senim_sip::{Enrolment, EnrolmentId, Event, Expiry, SessionId, Transport};
use std::collections::BTreeMap;

/// What somebody will do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Plan {
    Ring(SessionId),
    Accept(SessionId),
    Reject(SessionId),
    Reoffer(SessionId),
    SendOn(SessionId),
    Report(SessionId),
    Leave(SessionId),
    Unregister(EnrolmentId),
    /// The connection breaks; another can be opened.
    Break,
}

#[derive(Default, Debug)]
pub struct Fate {
    pub talked: bool,
    pub ends: usize,
}

/// How bad a wave of calls is to have it.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    pub faults: Faults,
    pub transport: Transport,
    pub calls: usize,
    /// Transfers, registrations and broken connections too.
    pub all: bool,
}

pub struct Crowd {
    pub pair: Pair,
    /// Of the last wave.
    pub fates: BTreeMap<(Who, SessionId), Fate>,
    /// Events since the beginning, by name.
    pub told: BTreeMap<&'static str, u64>,
    plans: BTreeMap<(Instant, u64), (Who, Plan)>,
    planned: u64,
    all: bool,
}

impl Crowd {
    pub fn new(seed: u64) -> Crowd {
        let mut pair = Pair::new(seed);
        pair.line.set_expiry(Expiry { min_s: 30, max_s: 120 });
        Crowd {
            pair,
            fates: BTreeMap::new(),
            told: BTreeMap::new(),
            plans: BTreeMap::new(),
            planned: 0,
            all: false,
        }
    }

    /// One wave, until nothing moves. Each session ends once at each side, and nothing stays alive.
    pub fn wave(&mut self, wave: &Wave) {
        self.fates.clear();
        self.pair.faults = wave.faults;
        self.pair.transport = wave.transport;
        self.all = wave.all;
        if wave.all {
            self.register();
        }
        for _ in 0..wave.calls {
            self.call();
        }
        if wave.all && wave.transport != Transport::Udp {
            (0..2).for_each(|_| self.plan(Line, Plan::Break, 20_000));
        }
        self.run();
        self.pair.break_stream(false);
        self.run();
        for who in [Line, Phone] {
            assert_eq!(self.pair.side(who).live(), Default::default(), "{who:?} leaks after {wave:?}");
        }
        assert!(self.pair.line.bindings("aigul").is_empty(), "a registration outlived its phone");
        for ((who, session), fate) in &self.fates {
            assert_eq!(fate.ends, 1, "{session} at {who:?} in {wave:?}");
        }
    }

    fn plan(&mut self, who: Who, plan: Plan, within_ms: u32) {
        let at = self.pair.now + Duration::from_millis(self.pair.draw(within_ms).into());
        self.planned += 1;
        self.plans.insert((at, self.planned), (who, plan));
    }

    fn register(&mut self) {
        let order = Enrolment {
            flows: vec![self.pair.flow(Phone)],
            domain: Line.address().to_string(),
            user: "aigul".into(),
            contact_user: "111".into(),
            expires_s: 60,
            credentials: Some(credentials("correct")),
        };
        let id = self.pair.at(Phone, |e, now| e.enrol(order, now)).unwrap();
        self.plan(Phone, Plan::Unregister(id), 200_000);
    }

    fn call(&mut self) {
        let from = if self.pair.draw(2) == 0 { Line } else { Phone };
        let session = self.pair.call(from);
        self.fates.insert((from, session), Fate::default());
        // Half of the callers give up early; all of them do in the end.
        let patience = if self.pair.draw(2) == 0 { 1_500 } else { 60_000 };
        self.plan(from, Plan::Leave(session), patience);
    }

    fn act(&mut self, who: Who, plan: Plan) {
        let on = "<sip:1414@senim.example>";
        self.pair.at(who, |e, now| match plan {
            Plan::Ring(session) => e.ring(session, 180, None, now),
            Plan::Accept(session) => e.accept(session, ANSWER, now),
            Plan::Reject(session) => e.reject(session, 486, Vec::new(), now),
            Plan::Reoffer(session) => e.reoffer(session, OTHER, now),
            Plan::Leave(session) => e.hang_up(session, None, now),
            Plan::SendOn(session) => {
                // Whoever is in the middle of another transfer is not sent on.
                let _ = e.refer_to(session, on, None, now);
            }
            Plan::Report(session) => e.referral_progress(session, 200, now),
            Plan::Unregister(id) => e.leave(id, now),
            Plan::Break => {}
        });
        if plan == Plan::Break {
            self.pair.break_stream(false);
        }
    }

    fn hear(&mut self, who: Who, event: &Event) {
        *self.told.entry(event.name()).or_default() += 1;
        let Some(session) = event.session() else { return };
        let fate = self.fates.entry((who, session)).or_default();
        assert_eq!(fate.ends, 0, "{event:?} after the end at {who:?}");
        match event {
            Event::Incoming(_) => {
                self.plan(who, Plan::Ring(session), 500);
                let refused = self.pair.draw(4) == 0;
                let plan = if refused { Plan::Reject(session) } else { Plan::Accept(session) };
                self.plan(who, plan, 3_000);
                self.plan(who, Plan::Leave(session), 70_000);
            }
            Event::Answered { .. } | Event::Confirmed { .. } => {
                fate.talked = true;
                if self.pair.draw(2) == 0 {
                    self.plan(who, Plan::Reoffer(session), 5_000);
                }
                if self.all && self.pair.draw(4) == 0 {
                    self.plan(who, Plan::SendOn(session), 8_000);
                }
            }
            Event::Reoffered { .. } => {
                let answer = if self.pair.draw(5) == 0 { Err(488) } else { Ok(ANSWER.to_owned()) };
                self.pair.at(who, |e, now| e.answer_reoffer(session, answer, now));
            }
            Event::Referred { .. } => {
                let answer = if self.pair.draw(5) == 0 { Err(603) } else { Ok(()) };
                self.pair.at(who, |e, now| e.answer_referral(session, answer, now));
                self.plan(who, Plan::Report(session), 10_000);
            }
            Event::Cancelled { .. } | Event::Rejected { .. } | Event::Ended { .. } => fate.ends += 1,
            _ => {}
        }
    }

    fn run(&mut self) {
        loop {
            let events = core::mem::take(&mut self.pair.events);
            for (who, event) in &events {
                self.hear(*who, event);
            }
            if !events.is_empty() {
                continue;
            }
            let plan = self.plans.first_key_value().map(|((at, _), _)| *at);
            let wire = self.pair.next();
            match (plan, wire) {
                (None, None) => return,
                (Some(plan), wire) if wire.is_none_or(|wire| plan < wire) => {
                    let wait = plan.since(self.pair.now);
                    self.pair.run(wait);
                    let (_, (who, plan)) = self.plans.pop_first().unwrap();
                    self.act(who, plan);
                }
                (_, Some(wire)) => self.pair.run(wire.since(self.pair.now)),
                (Some(_), None) => {}
            }
        }
    }
}

/// The waves of a long run, round and round.
pub fn waves(calls: usize) -> [Wave; 4] {
    let good = Faults { lose: 0, repeat: 0, jitter_ms: 30 };
    let bad = Faults { lose: 10, repeat: 10, jitter_ms: 200 };
    let worst = Faults { lose: 5, repeat: 6, jitter_ms: 400 };
    let wave = |faults, transport| Wave { faults, transport, calls, all: true };
    [
        wave(good, Transport::Udp),
        wave(bad, Transport::Udp),
        wave(Faults::default(), Transport::Tcp),
        wave(worst, Transport::Udp),
    ]
}
