//! Random calls over a bad wire: whatever is lost, doubled or overtaken, each session ends once at each side, both
//! sides agree on whether they talked, and nothing stays alive.
#![allow(clippy::unwrap_used, clippy::panic)]

mod pair;

use core::time::Duration;
use pair::{ANSWER, Faults, Line, OTHER, Pair, Phone, Who};
use senim_base::Instant;
use senim_sip::{Event, SessionId};
use std::collections::BTreeMap;

/// What somebody will do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Plan {
    Ring,
    Accept,
    Reject,
    Reoffer,
    Leave,
}

#[derive(Default, Debug)]
struct Fate {
    talked: bool,
    ends: usize,
}

struct World {
    pair: Pair,
    plans: BTreeMap<(Instant, u64), (Who, SessionId, Plan)>,
    fates: BTreeMap<(Who, SessionId), Fate>,
    planned: u64,
}

impl World {
    fn plan(&mut self, who: Who, session: SessionId, plan: Plan, within_ms: u32) {
        let at = self.pair.now + Duration::from_millis(self.pair.draw(within_ms).into());
        self.planned += 1;
        self.plans.insert((at, self.planned), (who, session, plan));
    }

    fn call(&mut self) {
        let from = if self.pair.draw(2) == 0 { Line } else { Phone };
        let session = self.pair.call(from);
        self.fates.insert((from, session), Fate::default());
        // Half of the callers give up early; all of them do in the end.
        let patience = if self.pair.draw(2) == 0 { 1_500 } else { 60_000 };
        self.plan(from, session, Plan::Leave, patience);
    }

    fn act(&mut self, who: Who, session: SessionId, plan: Plan) {
        self.pair.at(who, |e, now| match plan {
            Plan::Ring => e.ring(session, 180, None, now),
            Plan::Accept => e.accept(session, ANSWER, now),
            Plan::Reject => e.reject(session, 486, Vec::new(), now),
            Plan::Reoffer => e.reoffer(session, OTHER, now),
            Plan::Leave => e.hang_up(session, None, now),
        });
    }

    fn hear(&mut self, who: Who, event: &Event) {
        let Some(session) = event.session() else { return };
        let fate = self.fates.entry((who, session)).or_default();
        assert_eq!(fate.ends, 0, "{event:?} after the end at {who:?}");
        match event {
            Event::Incoming(_) => {
                self.plan(who, session, Plan::Ring, 500);
                let plan = if self.pair.draw(4) == 0 { Plan::Reject } else { Plan::Accept };
                self.plan(who, session, plan, 3_000);
                self.plan(who, session, Plan::Leave, 70_000);
            }
            Event::Answered { .. } | Event::Confirmed { .. } => {
                fate.talked = true;
                if self.pair.draw(2) == 0 {
                    self.plan(who, session, Plan::Reoffer, 5_000);
                }
            }
            Event::Reoffered { .. } => {
                let answer = if self.pair.draw(5) == 0 { Err(488) } else { Ok(ANSWER.to_owned()) };
                self.pair.at(who, |e, now| e.answer_reoffer(session, answer, now));
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
                    let (_, (who, session, plan)) = self.plans.pop_first().unwrap();
                    self.act(who, session, plan);
                }
                (_, Some(wire)) => self.pair.run(wire.since(self.pair.now)),
                (Some(_), None) => {}
            }
        }
    }
}

fn world(seed: u64, faults: Faults, calls: usize) -> World {
    let mut pair = Pair::new(seed);
    pair.faults = faults;
    let mut world = World { pair, plans: BTreeMap::new(), fates: BTreeMap::new(), planned: 0 };
    for _ in 0..calls {
        world.call();
    }
    world.run();
    for who in [Line, Phone] {
        assert_eq!(world.pair.side(who).live(), Default::default(), "seed {seed}: {who:?} leaks");
    }
    for ((who, session), fate) in &world.fates {
        assert_eq!(fate.ends, 1, "seed {seed}: {session} at {who:?}");
    }
    world
}

#[test]
fn two_thousand_calls_over_a_bad_wire_end_once_and_leave_nothing() {
    let mut talked = 0;
    for seed in 0..200 {
        let faults = Faults { lose: 5, repeat: 6, jitter_ms: 400 };
        let world = world(seed, faults, 10);
        talked += world.fates.values().filter(|f| f.talked).count();
    }
    // The test is worth something only if many calls were answered in spite of it all.
    assert!(talked > 1_000, "{talked}");
}

#[test]
fn on_a_good_wire_both_sides_agree_whether_they_talked() {
    for seed in 0..50 {
        let world = world(1_000 + seed, Faults { lose: 0, repeat: 3, jitter_ms: 30 }, 10);
        let count =
            |world: &World, who| world.fates.iter().filter(|((w, _), f)| *w == who && f.talked).count();
        // A callee whose ACK met a goodbye on its way may have talked only in the caller's eyes.
        let (line, phone) = (count(&world, Line), count(&world, Phone));
        assert!(line.abs_diff(phone) <= 2, "seed {seed}: {line} {phone}");
    }
}

#[test]
fn the_same_seed_gives_the_same_wire() {
    let faults = Faults { lose: 4, repeat: 4, jitter_ms: 200 };
    let (a, b) = (world(7, faults, 20), world(7, faults, 20));
    assert_eq!(a.pair.messages, b.pair.messages);
}
