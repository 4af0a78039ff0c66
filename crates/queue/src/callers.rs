//! What callers do: enter, leave, change their mind, hear their place.

use crate::line::Place;
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
        let place = Place { caller, queue, offer: None, avoided: Vec::new(), announced: false };
        self.line.put(place);
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
        self.line.change(call, |place| {
            place.queue = index;
            place.caller.queue = queue;
            place.caller.priority = priority;
            place.caller.language = language;
            place.caller.skills = skills;
        });
        self.withdraw_misfit(call);
        Ok(())
    }

    /// Takes an offer back whose two do not fit any more.
    pub(crate) fn withdraw_misfit(&mut self, call: CallId) {
        let Some(place) = self.line.get(call) else { return };
        let Some(offer) = place.offer else { return };
        let Some(member) = self.offers.get(&offer).and_then(|o| self.crew.get(o.consultant)) else { return };
        if !crew::Profile::of(&member.who).fits(&place.need()) {
            self.take_back(offer, Withdrawn::Changed);
        }
    }

    /// The caller waits no longer. His offer is ended before.
    pub(crate) fn caller_out(&mut self, call: CallId, why: Leaving) {
        let Some(place) = self.line.take(call) else { return };
        self.timers.cancel(Reason::Announce(call));
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
