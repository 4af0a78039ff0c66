//! A simple model of the queue watches the machine through random events: no caller is lost, no offer is doubled, the
//! order is kept, and nobody waits while somebody who fits is idle. It finds the pair the slow way: it looks at everybody.
#![allow(dead_code)] // the tests and `cargo xtask oracle` use their parts

use core::time::Duration;
use senim_base::{CallId, ConsultantId, Entropy, Instant, Language, OfferId};
use senim_queue::{
    Back, Caller, Consultant, ConsultantState, Input, Leaving, Output, Queue, QueueSettings, Refusal,
    Settings, Strategy, Withdrawn,
};
use std::collections::{BTreeMap, BTreeSet};

/// Queues of the model: by number who gets the next caller, and for how long he waits for his own language. The lots of
/// `random` cannot be foretold: there the model proves that the one who got him was among those who could.
const QUEUES: [(&str, Strategy, u32); 6] = [
    ("main", Strategy::LongestIdle, 0),
    ("wide", Strategy::LongestIdle, 7),
    ("few", Strategy::FewestCalls, 0),
    ("round", Strategy::RoundRobin, 4),
    ("lots", Strategy::Random, 0),
    ("linear", Strategy::Linear, 20),
];

fn settings(worth_s: u32) -> Settings {
    let queue = |(name, strategy, widen_after_s): (&str, Strategy, u32)| QueueSettings {
        name: name.into(),
        strategy,
        widen_after_s,
        ..QueueSettings::default()
    };
    Settings { queues: QUEUES.map(queue).into(), priority_worth_s: worth_s, ..Settings::default() }
}

/// What the model knows: who waits (and for whom a phone rings), who is idle since when, whom a caller avoids.
#[derive(Default)]
struct Model {
    now: Instant,
    waiting: BTreeMap<CallId, (Caller, Option<OfferId>)>,
    known: BTreeMap<ConsultantId, Consultant>,
    idle: BTreeMap<ConsultantId, Instant>,
    turns: BTreeMap<ConsultantId, Instant>,
    avoided: BTreeMap<(CallId, ConsultantId), Instant>,
    offers: BTreeMap<OfferId, (CallId, ConsultantId)>,
    talks: BTreeMap<ConsultantId, Caller>,
    counts: BTreeMap<ConsultantId, u64>,
    last_offers: BTreeMap<ConsultantId, u64>,
    working: BTreeSet<ConsultantId>,
    worth_s: u64,
}

impl Model {
    fn fits(&self, c: &Caller, id: ConsultantId) -> bool {
        let k = &self.known[&id];
        let (_, _, widen_after_s) = rules(c);
        let narrow = c.since + Duration::from_secs(u64::from(widen_after_s)) > self.now;
        let best = if narrow { &k.languages[..1] } else { &k.languages[..] };
        best.contains(&c.language)
            && (k.skills.is_empty() || c.skills.iter().all(|s| k.skills.contains(s)))
            && self.avoided.get(&(c.call, id)).is_none_or(|until| *until <= self.now)
    }

    /// How long it would seem that he has waited if nobody but the urgent had a priority: by this he stands in line.
    fn order(&self, c: &Caller) -> (u8, u64, CallId) {
        let since = c.since.as_millis();
        match (self.worth_s, c.priority) {
            (0, priority) | (_, priority @ 0) => (priority, since, c.call),
            (worth_s, priority) => (1, since + 1_000 * worth_s * u64::from(priority), c.call),
        }
    }

    /// The caller who has to be next and all who may get him, found the slow way.
    fn next_pair(&self) -> Option<(CallId, Vec<ConsultantId>)> {
        let mut free: Vec<&Caller> =
            self.waiting.values().filter(|(_, o)| o.is_none()).map(|(c, _)| c).collect();
        free.sort_by_key(|c| self.order(c));
        free.into_iter().find_map(|c| {
            let mut fitting: Vec<ConsultantId> =
                self.idle.keys().copied().filter(|id| self.fits(c, *id)).collect();
            fitting.sort_by_key(|id| {
                let count = |of: &BTreeMap<ConsultantId, u64>| of.get(id).copied().unwrap_or(0);
                let first = match rules(c).1 {
                    Strategy::LongestIdle | Strategy::Random => 0,
                    Strategy::FewestCalls => count(&self.counts),
                    Strategy::RoundRobin => count(&self.last_offers),
                    Strategy::Linear => u64::from(id.0),
                };
                (first, self.idle[id], *id)
            });
            fitting.truncate(if rules(c).1 == Strategy::Random { usize::MAX } else { 1 });
            (!fitting.is_empty()).then_some((c.call, fitting))
        })
    }

    fn hear(&mut self, output: &Output) {
        match output {
            Output::Offer { offer, call, consultant } => {
                let (next, fitting) = self.next_pair().expect("somebody fits");
                assert_eq!(next, *call, "the order of the line is kept");
                assert!(
                    fitting.contains(consultant),
                    "{consultant} is not whom the strategy says: {fitting:?}"
                );
                self.last_offers.insert(*consultant, offer.0);
                self.turns.insert(*consultant, self.idle.remove(consultant).expect("he is idle"));
                self.waiting.get_mut(call).expect("he waits").1 = Some(*offer);
                self.offers.insert(*offer, (*call, *consultant));
            }
            Output::Withdraw { offer, why } => {
                let (call, id) = self.offers[offer];
                if !matches!(why, Withdrawn::CallerLeft | Withdrawn::Changed) {
                    self.turns.remove(&id);
                }
                if *why == Withdrawn::CallerLeft {
                    self.end(call);
                }
            }
            Output::Returned { call, why } => {
                let id = self.end(*call);
                if *why != Back::Withdrawn(Withdrawn::Changed) {
                    self.turns.remove(&id);
                    self.avoided.insert((*call, id), self.now + Duration::from_secs(5));
                }
            }
            Output::Connect { offer, call, consultant } => {
                assert_eq!(self.offers[offer], (*call, *consultant));
                self.end(*call);
                self.turns.remove(consultant);
                self.talks.insert(*consultant, self.waiting[call].0.clone());
                *self.counts.entry(*consultant).or_default() += 1;
            }
            Output::State { consultant, state, .. } => {
                self.idle.remove(consultant);
                if *state == ConsultantState::Ready {
                    let turn = self.turns.remove(consultant).unwrap_or(self.now);
                    self.idle.insert(*consultant, turn);
                } else if !matches!(state, ConsultantState::Offered { .. }) {
                    self.turns.remove(consultant);
                }
            }
            Output::Left { call, why, .. } => {
                let (caller, offer) = self.waiting.remove(call).expect("he waited");
                assert_eq!(offer, None, "his offer ended before");
                assert_eq!(*why == Leaving::Answered, self.talks.values().any(|t| t.call == caller.call));
                self.avoided.retain(|(c, _), _| c != call);
            }
            Output::Entered { .. } | Output::Announce { .. } => {}
        }
    }

    fn end(&mut self, call: CallId) -> ConsultantId {
        let offer = self.waiting.get_mut(&call).and_then(|(_, o)| o.take()).expect("he was offered");
        self.offers.remove(&offer).expect("the offer was open").1
    }
}

fn rules(c: &Caller) -> (&'static str, Strategy, u32) {
    *QUEUES.iter().find(|(name, ..)| *name == c.queue).expect("the queue is one of them")
}

/// A random event, most often one that fits.
fn event(m: &Model, e: &mut Entropy, next_call: &mut u64) -> Input {
    let id = ConsultantId(e.below(12));
    let pick = |e: &mut Entropy, n: usize| e.below(n as u32) as usize;
    let language = Language::ALL[pick(e, 2)];
    let skills: Vec<String> =
        ["legal", "psychology"].iter().filter(|_| e.one_in(3)).map(|s| (*s).to_owned()).collect();
    let call = CallId(m.waiting.keys().nth(pick(e, m.waiting.len().max(1))).map_or(0, |c| c.0));
    let offer = OfferId(m.offers.keys().nth(pick(e, m.offers.len().max(1))).map_or(0, |o| o.0));
    let (queue, priority) = (QUEUES[pick(e, QUEUES.len())].0.to_owned(), e.below(4) as u8);
    match e.below(30) {
        0..=5 => {
            *next_call += 1;
            let call = CallId(*next_call);
            Input::CallerEnters(Caller { call, queue, language, skills, priority, since: m.now })
        }
        6 => m.talks.values().next().map_or(Input::Timeout, |c| Input::CallerEnters(c.clone())),
        7 => Input::CallerLeaves { call },
        8 => Input::CallerChanges { call, queue, priority, language, skills },
        9..=12 => Input::Accepted(offer),
        13 => Input::Refused(offer, if e.one_in(2) { Refusal::Rejected } else { Refusal::Failed }),
        14 => Input::Ringing(offer),
        15..=16 => match m.talks.iter().nth(pick(e, m.talks.len().max(1))) {
            Some((id, c)) => Input::TalkEnded { id: *id, call: c.call },
            None => Input::Timeout,
        },
        17 => {
            let languages = match e.below(3) {
                0 => vec![language],
                1 => Language::ALL.to_vec(),
                _ => Language::ALL.into_iter().rev().collect(),
            };
            Input::ConsultantKnown(Consultant { id, languages, skills })
        }
        18 | 24 => Input::Reachable { id, yes: !e.one_in(5) },
        19 | 25 => Input::SignIn(id),
        20 | 26..=28 => Input::Ready(id),
        29 => Input::CallerLeaves { call },
        21 => Input::Busy { id, yes: e.one_in(3) },
        22 => Input::ExtendWrapUp { id, by: Duration::from_secs(9) },
        _ => match e.below(8) {
            0 => Input::ConsultantRemoved(id),
            1 => Input::SignOut(id),
            2..=3 => Input::Break { id, reason: "tea".into() },
            _ => Input::Timeout,
        },
    }
}

/// What an accepted input means to the model before it hears the outputs.
fn learn(m: &mut Model, input: &Input) {
    match input {
        Input::CallerEnters(c) => {
            m.talks.retain(|_, t| t.call != c.call);
            m.waiting.insert(c.call, (c.clone(), None));
        }
        Input::CallerChanges { call, queue, priority, language, skills } => {
            let c = &mut m.waiting.get_mut(call).expect("he waits").0;
            (c.priority, c.language, c.skills) = (*priority, *language, skills.clone());
            c.queue = queue.clone();
        }
        Input::SignIn(id) => {
            let begins = m.working.insert(*id);
            if begins {
                m.counts.remove(id);
            }
        }
        Input::SignOut(id) => drop(m.working.remove(id)),
        Input::ConsultantKnown(k) => drop(m.known.insert(k.id, k.clone())),
        Input::TalkEnded { id, .. } => drop(m.talks.remove(id)),
        Input::ConsultantRemoved(id) => {
            m.talks.remove(id);
            m.working.remove(id);
            m.counts.remove(id);
        }
        _ => {}
    }
}

/// Plays `events` random events from a seed; priority is strict, or a step of it is worth five seconds, by the seed's
/// last bit. Gives back how many were served and, if `log`, all that the queue said.
pub(crate) fn run(seed: u64, events: u32, log: bool) -> (u64, Vec<Output>) {
    let mut e = Entropy::from_seed(seed);
    let worth_s = if seed.is_multiple_of(2) { 0 } else { 5 };
    let mut m = Model { worth_s: u64::from(worth_s), ..Model::default() };
    let mut queue = Queue::new(settings(worth_s), OfferId(1));
    let (mut next_call, mut served, mut said) = (0, 0, Vec::new());
    for _ in 0..events {
        let step = Duration::from_millis(u64::from(e.below(3_000)));
        let due = queue.deadline().map(|(at, _)| at).filter(|at| *at <= m.now + step);
        let input =
            if due.is_some() && !e.one_in(8) { Input::Timeout } else { event(&m, &mut e, &mut next_call) };
        m.now = due.unwrap_or(m.now + step);
        if queue.handle(input.clone(), m.now).is_ok() {
            learn(&mut m, &input);
        }
        while let Some(output) = queue.poll() {
            m.hear(&output);
            served += u64::from(matches!(output, Output::Connect { .. }));
            if log {
                said.push(output);
            }
        }
        if let Input::ConsultantRemoved(id) = input {
            m.idle.remove(&id);
            m.last_offers.remove(&id);
        }
        assert_eq!(m.next_pair(), None, "nobody waits while somebody who fits is idle");
        assert!(queue.deadline().is_none_or(|(at, _)| at > m.now), "what is due has happened");
        compare(&queue, &m);
    }
    (served, said)
}

fn compare(queue: &Queue, m: &Model) {
    let snapshot = queue.snapshot();
    let waiting: BTreeMap<CallId, _> =
        snapshot.waiting.iter().map(|w| (w.caller.call, w.offered.map(|o| o.0))).collect();
    let expected: BTreeMap<CallId, _> = m.waiting.iter().map(|(c, (_, o))| (*c, *o)).collect();
    assert_eq!(waiting, expected, "no caller is lost");
    let order: Vec<_> = snapshot.waiting.iter().map(|w| m.order(&w.caller)).collect();
    assert!(order.is_sorted(), "one order over all");
    let rung: BTreeSet<ConsultantId> = m.offers.values().map(|o| o.1).collect();
    assert_eq!(rung.len(), m.offers.len(), "no consultant has two offers");
}
