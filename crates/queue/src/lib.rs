//! Callers who wait, consultants who answer, and who gets whom: a pure function of (state, event, time).
//!
//! The caller who waits longest among those of the highest priority goes to the consultant whom his queue's
//! [`Strategy`] puts first among those who speak his language and know his topic. Call [`Queue::handle`], then [`Queue::poll`] until it is empty;
//! call again with [`Input::Timeout`] at [`Queue::deadline`]. The same inputs at the same moments give the same
//! outputs (FEATURES Q24).
//!
//! *Invariant:* the queue has never heard of SIP: it offers, it does not ring.
#![forbid(unsafe_code)]

mod callers;
mod crew;
mod duty;
mod line;
mod offer;
mod snapshot;
mod words;

pub use words::*;

use core::time::Duration;
use crew::Crew;
use line::Line;
use offer::Offer;
use senim_base::{CallId, ConsultantId, Instant, OfferId, Timers};
use std::collections::{BTreeMap, VecDeque};

/// Callers who wait, at most. One more gets [`Fault::TooManyCallers`].
pub const CALLERS_MAX: usize = 100_000;
/// Consultants who are known, at most. One more gets [`Fault::TooManyConsultants`].
pub const CONSULTANTS_MAX: usize = 10_000;
/// Skills of one caller or consultant, at most. More get [`Fault::TooManySkills`].
pub const SKILLS_MAX: usize = 64;
/// Places counted one by one; behind them every caller is told this number.
pub const POSITION_MAX: u32 = 1_000;

/// The queue.
#[derive(Clone, Debug)]
pub struct Queue {
    settings: Settings,
    now: Instant,
    line: Line,
    crew: Crew,
    offers: BTreeMap<OfferId, Offer>,
    talks: BTreeMap<CallId, ConsultantId>,
    next_offer: u64,
    looks: u64,
    timers: Timers<Reason>,
    out: VecDeque<Output>,
}

impl Queue {
    /// An empty queue. `first_offer` is the id of its first offer, so that ids are not used twice in a data folder;
    /// [`Strategy::Random`] draws its lots from it, too.
    pub fn new(settings: Settings, first_offer: OfferId) -> Self {
        Queue {
            settings,
            now: Instant::ZERO,
            line: Line::default(),
            crew: Crew::new(first_offer.0),
            offers: BTreeMap::new(),
            talks: BTreeMap::new(),
            next_offer: first_offer.0,
            looks: 0,
            timers: Timers::new(),
            out: VecDeque::new(),
        }
    }

    /// Tells the queue what happened. What was due by `now` happens, too, after the input: who picks up in the
    /// very moment in which his time is over has picked up.
    ///
    /// # Errors
    /// The input fits nothing that the queue knows; it is then without effect.
    pub fn handle(&mut self, input: Input, now: Instant) -> Result<(), Fault> {
        debug_assert!(self.out.is_empty(), "poll until it is empty before the next input");
        self.now = self.now.max(now);
        let done = self.apply(input);
        while let Some(reason) = self.timers.expire(self.now) {
            self.fire(reason);
        }
        self.pair_up();
        done
    }

    /// The next thing that the queue wants done or tells; `None` when it has said everything.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call [`Queue::handle`] with [`Input::Timeout`], and why.
    pub fn deadline(&self) -> Option<(Instant, Reason)> {
        self.timers.next()
    }

    /// How many callers and consultants were looked at since the start to find who gets whom: the part of the cost that
    /// must not grow with the line.
    pub fn looks(&self) -> u64 {
        self.looks
    }

    fn apply(&mut self, input: Input) -> Result<(), Fault> {
        match input {
            Input::CallerEnters(caller) => self.caller_enters(caller),
            Input::CallerLeaves { call } => self.caller_leaves(call),
            Input::CallerChanges { call, queue, priority, language, skills } => {
                self.caller_changes(call, queue, priority, language, skills)
            }
            Input::ConsultantKnown(who) => self.consultant_known(who),
            Input::ConsultantRemoved(id) => self.consultant_removed(id),
            Input::Reachable { id, yes } => self.reachable(id, yes),
            Input::SignIn(id) => self.sign_in(id),
            Input::SignOut(id) => self.sign_out(id),
            Input::Break { id, reason } => self.take_break(id, &reason),
            Input::Ready(id) => self.ready(id),
            Input::ExtendWrapUp { id, by } => self.extend_wrap_up(id, by),
            Input::Ringing(offer) => self.ringing(offer),
            Input::Accepted(offer) => self.accepted(offer),
            Input::Refused(offer, refusal) => self.refused(offer, refusal),
            Input::TalkBegan { id, call, queue } => self.talk_began(id, call, &queue),
            Input::TalkEnded { id, call } => self.talk_ended(id, call),
            Input::Busy { id, yes } => self.busy(id, yes),
            Input::Timeout => Ok(()),
        }
    }

    fn fire(&mut self, reason: Reason) {
        match reason {
            Reason::Ring(offer) => self.rung_out(offer),
            Reason::WrapUp(id) => self.wrap_up_over(id),
            Reason::Pause(id) => self.pause_over(id),
            Reason::SamePair(call, id) => self.line.forgive(call, id),
            Reason::Announce(call) => self.announce(call),
            Reason::Widen(call) => self.set_width(call),
        }
    }

    fn queue_settings(&self, queue: usize) -> QueueSettings {
        self.settings.queues.get(queue).cloned().unwrap_or_default()
    }
}

fn seconds(s: u32) -> Duration {
    Duration::from_secs(u64::from(s))
}

/// Skills without order or repetition, so that two who need the same are seen to.
fn sorted(mut skills: Vec<String>) -> Result<Vec<String>, Fault> {
    skills.sort_unstable();
    skills.dedup();
    if skills.len() > SKILLS_MAX { Err(Fault::TooManySkills) } else { Ok(skills) }
}
