//! What callers do: enter, leave, change their mind, hear their place.

use crate::line::{Place, rank};
use crate::{CALLERS_MAX, Caller, Fault, Leaving, Output, Queue, Reason, Withdrawn, crew, seconds, sorted};
use senim_base::{CallId, Language};

impl Queue {
    pub(crate) fn caller_enters(&mut self, mut caller: Caller) -> Result<(), Fault> {
        let call = caller.call;
        let queue = self.queue_index(&caller.queue)?;
        caller.skills = sorted(caller.skills)?;
        if self.line.get(call).is_some() {
            return Err(Fault::CallerKnown(call));
        }
        if self.line.len() >= CALLERS_MAX {
            return Err(Fault::TooManyCallers);
        }
        // Who waits talks to nobody: whoever had him has lost him.
        if let Some(id) = self.talks.get(&call).copied() {
            self.end_talk(id);
        }
        caller.since = caller.since.min(self.now);
        let rank = rank(&caller, self.settings.priority_worth_s);
        let strategy = self.queue_settings(queue).strategy;
        let (avoided, announced, narrow) = (Vec::new(), false, false);
        self.line.put(Place { caller, queue, offer: None, avoided, announced, strategy, narrow, rank });
        self.set_width(call);
        let position = self.position(call);
        self.out.push_back(Output::Entered { call, position });
        let first = seconds(self.queue_settings(queue).announce_first_s);
        self.timers.set(Reason::Announce(call), self.now + first);
        Ok(())
    }

    pub(crate) fn caller_leaves(&mut self, call: CallId) -> Result<(), Fault> {
        let place = self.line.get(call).ok_or(Fault::UnknownCaller(call))?;
        if let Some(offer) = place.offer {
            self.take_back(offer, Withdrawn::CallerLeft);
        }
        self.caller_out(call, Leaving::Gone);
        Ok(())
    }

    pub(crate) fn caller_changes(
        &mut self,
        call: CallId,
        queue: String,
        priority: u8,
        language: Language,
        skills: Vec<String>,
    ) -> Result<(), Fault> {
        if self.line.get(call).is_none() {
            return Err(Fault::UnknownCaller(call));
        }
        let index = self.queue_index(&queue)?;
        let skills = sorted(skills)?;
        let strategy = self.queue_settings(index).strategy;
        let worth_s = self.settings.priority_worth_s;
        self.line.change(call, |place| {
            place.queue = index;
            place.strategy = strategy;
            place.caller.queue = queue;
            place.caller.priority = priority;
            place.caller.language = language;
            place.caller.skills = skills;
            place.rank = rank(&place.caller, worth_s);
        });
        self.set_width(call);
        self.withdraw_misfit(call);
        Ok(())
    }

    /// Takes an offer back whose two do not fit any more.
    pub(crate) fn withdraw_misfit(&mut self, call: CallId) {
        let Some(place) = self.line.get(call) else { return };
        let Some(offer) = place.offer else { return };
        let Some(member) = self.offers.get(&offer).and_then(|o| self.crew.get(o.consultant)) else { return };
        if !crew::fits(&member.who, &place.need()) {
            self.take_back(offer, Withdrawn::Changed);
        }
    }

    /// Whether he waits for those who speak his language best, or for all who speak it: that depends on how long he
    /// has waited, and in which queue he is.
    pub(crate) fn set_width(&mut self, call: CallId) {
        let Some(place) = self.line.get(call) else { return };
        let at = place.caller.since + seconds(self.queue_settings(place.queue).widen_after_s);
        let narrow = at > self.now;
        if narrow {
            self.timers.set(Reason::Widen(call), at);
        } else {
            self.timers.cancel(Reason::Widen(call));
        }
        if place.narrow != narrow {
            self.line.change(call, |place| place.narrow = narrow);
        }
    }

    /// The caller waits no longer. His offer is ended before.
    pub(crate) fn caller_out(&mut self, call: CallId, why: Leaving) {
        let Some(place) = self.line.take(call) else { return };
        self.timers.cancel(Reason::Announce(call));
        self.timers.cancel(Reason::Widen(call));
        for id in place.avoided {
            self.timers.cancel(Reason::SamePair(call, id));
        }
        let waited = self.now.since(place.caller.since);
        self.out.push_back(Output::Left { call, why, waited });
    }

    pub(crate) fn announce(&mut self, call: CallId) {
        let Some(place) = self.line.get(call) else { return };
        let first = !place.announced;
        let every = seconds(self.queue_settings(place.queue).announce_every_s);
        let position = self.position(call);
        self.line.set_announced(call);
        self.out.push_back(Output::Announce { call, position, first });
        if !every.is_zero() {
            self.timers.set(Reason::Announce(call), self.now + every);
        }
    }

    fn position(&self, call: CallId) -> u32 {
        self.line.get(call).map_or(1, |place| self.line.position(place))
    }

    fn queue_index(&self, name: &str) -> Result<usize, Fault> {
        let found = self.settings.queues.iter().position(|q| q.name == name);
        found.ok_or_else(|| Fault::UnknownQueue(name.to_owned()))
    }
}
