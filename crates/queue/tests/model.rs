//! A simple model of the queue watches the machine through a hundred thousand random events: no caller is lost, no
//! offer is doubled, the order is kept, and nobody waits while somebody who fits is idle.

use core::time::Duration;
use senim_base::{CallId, ConsultantId, Entropy, Instant, Language, OfferId};
use senim_queue::{
    Back, Caller, Consultant, ConsultantState, Input, Leaving, Output, Queue, Refusal, Settings, Withdrawn,
};
use std::collections::BTreeMap;

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
}

impl Model {
    fn fits(&self, c: &Caller, id: ConsultantId) -> bool {
        let k = &self.known[&id];
        k.languages.contains(&c.language)
            && (k.skills.is_empty() || c.skills.iter().all(|s| k.skills.contains(s)))
            && self.avoided.get(&(c.call, id)).is_none_or(|until| *until <= self.now)
    }

    /// The pair that has to be next, found the slow way.
    fn next_pair(&self) -> Option<(CallId, ConsultantId)> {
        let mut free: Vec<&Caller> =
            self.waiting.values().filter(|(_, o)| o.is_none()).map(|(c, _)| c).collect();
        free.sort_by_key(|c| (c.priority, c.since, c.call));
        free.into_iter().find_map(|c| {
            let idle = self.idle.iter().filter(|(id, _)| self.fits(c, **id));
            idle.min_by_key(|(id, since)| (**since, **id)).map(|(id, _)| (c.call, *id))
        })
    }

    fn hear(&mut self, output: &Output) {
        match output {
            Output::Offer { offer, call, consultant } => {
                assert_eq!(self.next_pair(), Some((*call, *consultant)), "the order is kept");
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

/// A random event, most often one that fits.
fn event(m: &Model, e: &mut Entropy, next_call: &mut u64) -> Input {
    let id = ConsultantId(e.below(12));
    let pick = |e: &mut Entropy, n: usize| e.below(n as u32) as usize;
    let language = Language::ALL[pick(e, 2)];
    let skills: Vec<String> =
        ["legal", "psychology"].iter().filter(|_| e.one_in(3)).map(|s| (*s).to_owned()).collect();
    let call = CallId(m.waiting.keys().nth(pick(e, m.waiting.len().max(1))).map_or(0, |c| c.0));
    let offer = OfferId(m.offers.keys().nth(pick(e, m.offers.len().max(1))).map_or(0, |o| o.0));
    let (queue, priority) = ("main".to_owned(), e.below(3) as u8);
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
            let languages = if e.one_in(2) { Language::ALL.to_vec() } else { vec![language] };
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
        Input::CallerChanges { call, priority, language, skills, .. } => {
            let c = &mut m.waiting.get_mut(call).expect("he waits").0;
            (c.priority, c.language, c.skills) = (*priority, *language, skills.clone());
        }
        Input::ConsultantKnown(k) => drop(m.known.insert(k.id, k.clone())),
        Input::TalkEnded { id, .. } | Input::ConsultantRemoved(id) => drop(m.talks.remove(id)),
        _ => {}
    }
}

fn run(seed: u64, events: u32) -> (u64, Vec<Output>) {
    let mut e = Entropy::from_seed(seed);
    let (mut m, mut queue) = (Model::default(), Queue::new(Settings::default(), OfferId(1)));
    let (mut next_call, mut served, mut log) = (0, 0, Vec::new());
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
            log.push(output);
        }
        if let Input::ConsultantRemoved(id) = input {
            m.idle.remove(&id);
        }
        assert_eq!(m.next_pair(), None, "nobody waits while somebody who fits is idle");
        let snapshot = queue.snapshot();
        let waiting: BTreeMap<CallId, _> =
            snapshot.waiting.iter().map(|w| (w.caller.call, w.offered.map(|o| o.0))).collect();
        let expected: BTreeMap<CallId, _> = m.waiting.iter().map(|(c, (_, o))| (*c, *o)).collect();
        assert_eq!(waiting, expected, "no caller is lost");
    }
    (served, log)
}

/// FEATURES Q1, Q3, Q5, Q9, L5 under anything that can happen.
#[test]
fn the_machine_does_what_a_simple_model_says_for_a_hundred_thousand_events() {
    let served: u64 = (0..20).map(|seed| run(seed, 5_000).0).sum();
    assert!(served > 1_000, "{served} talks are no test");
}

/// FEATURES Q24.
#[test]
fn the_same_log_gives_the_same_decisions() {
    assert_eq!(run(7, 3_000), run(7, 3_000));
}
