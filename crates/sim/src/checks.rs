//! What must be true of the facts of any day, whatever happened in it.

use core::fmt;
use senim_base::{CallId, ConsultantId, OfferId, RecordingId};
use senim_switch::facts::{Disposition, Fact, Record};
use std::collections::{BTreeMap, BTreeSet};

/// A promise that was broken, and the fact at which it shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Broken {
    /// The sequence of facts has a hole.
    Hole {
        /// The number found.
        seq: u64,
        /// The number expected.
        expected: u64,
    },
    /// Something was said about a call that had not arrived, or had ended.
    NotLive(CallId, u64),
    /// A call ended twice.
    EndedTwice(CallId),
    /// A call never ended.
    NeverEnded(CallId),
    /// A line call ended without a final state.
    NoFinalState(CallId),
    /// An offer has no end, or two.
    Offer(OfferId),
    /// A recording was begun and never closed.
    RecordingLost(RecordingId),
    /// What a consultant began on a caller's behalf (asking, bringing together, sending on) did not end just once, or
    /// not before its call.
    Errand(CallId),
    /// A consultant talked in two calls at once.
    TwoTalks(ConsultantId, CallId, CallId),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Hole { seq, expected } => write!(f, "fact {seq} follows where {expected} was due"),
            Broken::NotLive(call, seq) => write!(f, "fact {seq} is about {call}, which is not live"),
            Broken::EndedTwice(call) => write!(f, "{call} ended twice"),
            Broken::NeverEnded(call) => write!(f, "{call} never ended"),
            Broken::NoFinalState(call) => write!(f, "{call} ended without a final state"),
            Broken::Offer(offer) => write!(f, "{offer} did not end exactly once"),
            Broken::RecordingLost(r) => write!(f, "recording {r} was never closed"),
            Broken::Errand(call) => write!(f, "in {call} something begun for the caller did not end once"),
            Broken::TwoTalks(who, a, b) => write!(f, "{who} talked in {a} and {b} at once"),
        }
    }
}

#[derive(Default)]
struct Ledger {
    broken: Vec<Broken>,
    live: BTreeSet<CallId>,
    ended: BTreeMap<CallId, Option<Disposition>>,
    line_calls: BTreeSet<CallId>,
    offers: BTreeMap<OfferId, u32>,
    recordings: BTreeSet<RecordingId>,
    talks: BTreeMap<ConsultantId, CallId>,
    /// Open ones of a call: asked aside, brought together, sent on.
    errands: BTreeMap<CallId, [u32; 3]>,
}

/// Checks the facts of a day that is over. Returns the calls by final state.
///
/// # Errors
/// Every promise that was broken.
pub fn check_facts(facts: &[Record]) -> Result<BTreeMap<CallId, Option<Disposition>>, Vec<Broken>> {
    let mut l = Ledger::default();
    for (record, expected) in facts.iter().zip(facts.first().map_or(1, |r| r.seq)..) {
        if record.seq != expected {
            l.broken.push(Broken::Hole { seq: record.seq, expected });
        }
        l.enter(record);
    }
    let never = l.live.iter().map(|c| Broken::NeverEnded(*c));
    let offers = l.offers.iter().filter(|(_, ends)| **ends != 1).map(|(o, _)| Broken::Offer(*o));
    let lost = l.recordings.iter().map(|r| Broken::RecordingLost(*r));
    let stateless = l
        .ended
        .iter()
        .filter(|(call, d)| d.is_none() && l.line_calls.contains(call))
        .map(|(call, _)| Broken::NoFinalState(*call));
    let rest: Vec<Broken> = never.chain(offers).chain(lost).chain(stateless).collect();
    l.broken.extend(rest);
    if l.broken.is_empty() { Ok(l.ended) } else { Err(l.broken) }
}

impl Ledger {
    fn enter(&mut self, record: &Record) {
        if let Some(call) = record.call {
            let later = matches!(
                record.fact,
                Fact::RecordingClosed { .. }
                    | Fact::Sounded { .. }
                    | Fact::RecordingFailed { .. }
                    | Fact::AppealRegistered { .. }
                    | Fact::AppealLinked { .. }
            );
            if matches!(record.fact, Fact::Arrived { .. }) {
                self.live.insert(call);
            } else if !later && !self.live.contains(&call) {
                self.broken.push(Broken::NotLive(call, record.seq));
            }
            self.enter_call(call, &record.fact);
        }
    }

    fn enter_call(&mut self, call: CallId, fact: &Fact) {
        match fact {
            Fact::ScriptBegan { .. } => {
                self.line_calls.insert(call);
            }
            Fact::ConsultBegan { .. } => self.errand(call, 0, true),
            Fact::ConsultEnded { .. } => self.errand(call, 0, false),
            Fact::ConferenceBegan { .. } => self.errand(call, 1, true),
            Fact::ConferenceEnded { .. } => self.errand(call, 1, false),
            Fact::TransferBegan { .. } => self.errand(call, 2, true),
            Fact::TransferEnded { .. } => self.errand(call, 2, false),
            Fact::Refused { .. } => {
                self.live.remove(&call);
                self.ended.insert(call, None);
            }
            Fact::Ended { disposition, .. } => {
                self.live.remove(&call);
                if self.errands.remove(&call).is_some_and(|open| open != [0; 3]) {
                    self.broken.push(Broken::Errand(call));
                }
                if self.ended.insert(call, *disposition).is_some() {
                    self.broken.push(Broken::EndedTwice(call));
                }
            }
            Fact::Offered { offer, .. } => {
                self.offers.entry(*offer).or_insert(0);
            }
            Fact::OfferEnded { offer, .. } => *self.offers.entry(*offer).or_insert(5) += 1,
            Fact::RecordingBegan { recording } => {
                self.recordings.insert(*recording);
            }
            Fact::RecordingClosed { recording, .. } => {
                self.recordings.remove(recording);
            }
            Fact::Talking { consultant, .. } => {
                if let Some(other) = self.talks.insert(*consultant, call) {
                    self.broken.push(Broken::TwoTalks(*consultant, other, call));
                }
            }
            Fact::TalkEnded { consultant, .. } => {
                self.talks.remove(consultant);
            }
            _ => {}
        }
    }

    /// One of each kind may be open in a call at a time.
    fn errand(&mut self, call: CallId, kind: usize, begins: bool) {
        let Some(open) = self.errands.entry(call).or_default().get_mut(kind) else { return };
        if (*open == 0) == begins {
            *open = u32::from(begins);
        } else {
            self.broken.push(Broken::Errand(call));
        }
    }
}
