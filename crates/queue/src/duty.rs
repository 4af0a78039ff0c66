//! What consultants do: come and go, take a break, finish after a talk.

use crate::crew::{Member, Pause};
use crate::{CONSULTANTS_MAX, Consultant, Fault, Output, Queue, Reason, Withdrawn, seconds, sorted};
use core::time::Duration;
use senim_base::{CallId, ConsultantId, Instant};
use std::collections::BTreeSet;

/// Letters of a break's reason that are kept; the rest is cut off.
const REASON_MAX: usize = 100;
/// A wrap-up ends so long after now at the latest, however often it is extended.
const WRAP_UP_MAX: Duration = Duration::from_secs(30 * 60);

impl Queue {
    pub(crate) fn consultant_known(&mut self, mut who: Consultant) -> Result<(), Fault> {
        let id = who.id;
        who.skills = sorted(who.skills)?;
        let mut heard = BTreeSet::new();
        who.languages.retain(|language| heard.insert(*language));
        if let Some(member) = self.crew.get(id) {
            let offer = member.offer;
            self.crew.change_who(who);
            if let Some(call) = offer.and_then(|o| self.offers.get(&o)).map(|o| o.call) {
                self.withdraw_misfit(call);
            }
            return Ok(());
        }
        if self.crew.len() >= CONSULTANTS_MAX {
            return Err(Fault::TooManyConsultants);
        }
        self.crew.add(who, self.now);
        Ok(())
    }

    pub(crate) fn consultant_removed(&mut self, id: ConsultantId) -> Result<(), Fault> {
        self.with_offer_ended(id, Withdrawn::SignedOut, |m| m.signed_in = false)?;
        if let Some((call, _)) = self.crew.get(id).and_then(|m| m.talk) {
            self.talks.remove(&call);
        }
        self.timers.cancel(Reason::WrapUp(id));
        self.timers.cancel(Reason::Pause(id));
        self.crew.remove(id);
        Ok(())
    }

    pub(crate) fn reachable(&mut self, id: ConsultantId, yes: bool) -> Result<(), Fault> {
        if yes {
            self.unpause(id, |p| p == Pause::Unreachable);
            return self.with(id, |m| m.reachable = true);
        }
        self.with_offer_ended(id, Withdrawn::Unreachable, |m| m.reachable = false)
    }

    pub(crate) fn sign_in(&mut self, id: ConsultantId) -> Result<(), Fault> {
        self.with(id, |m| {
            if !m.signed_in {
                m.talks = 0;
            }
            m.signed_in = true;
        })
    }

    pub(crate) fn sign_out(&mut self, id: ConsultantId) -> Result<(), Fault> {
        self.unpause(id, |_| true);
        self.timers.cancel(Reason::WrapUp(id));
        self.with_offer_ended(id, Withdrawn::SignedOut, |m| {
            m.signed_in = false;
            m.on_break = None;
            m.wrap_up = None;
        })
    }

    pub(crate) fn take_break(&mut self, id: ConsultantId, reason: &str) -> Result<(), Fault> {
        self.unpause(id, |p| p == Pause::NoAnswer);
        self.timers.cancel(Reason::WrapUp(id));
        self.with_offer_ended(id, Withdrawn::OnBreak, |m| {
            m.on_break = Some(reason.chars().take(REASON_MAX).collect());
            m.wrap_up = None;
        })
    }

    pub(crate) fn ready(&mut self, id: ConsultantId) -> Result<(), Fault> {
        self.unpause(id, |_| true);
        self.timers.cancel(Reason::WrapUp(id));
        self.with(id, |m| {
            m.on_break = None;
            m.wrap_up = None;
        })
    }

    pub(crate) fn busy(&mut self, id: ConsultantId, yes: bool) -> Result<(), Fault> {
        if yes {
            return self.with_offer_ended(id, Withdrawn::Busy, |m| m.busy = true);
        }
        self.with(id, |m| m.busy = false)
    }

    /// A caller was handed to him. Whoever talks already keeps his talk.
    pub(crate) fn talk_began(&mut self, id: ConsultantId, call: CallId, queue: &str) -> Result<(), Fault> {
        let queue = self.settings.queues.iter().position(|q| q.name == queue).unwrap_or(0);
        let member = self.crew.get(id).ok_or(Fault::UnknownConsultant(id))?;
        if member.talk.is_some() {
            return Err(Fault::Talking(id));
        }
        self.talks.insert(call, id);
        self.timers.cancel(Reason::WrapUp(id));
        self.with_offer_ended(id, Withdrawn::Busy, |m| {
            m.talk = Some((call, queue));
            m.talks += 1;
            m.wrap_up = None;
        })
    }

    pub(crate) fn talk_ended(&mut self, id: ConsultantId, call: CallId) -> Result<(), Fault> {
        let member = self.crew.get(id).ok_or(Fault::UnknownConsultant(id))?;
        if member.talk.is_none_or(|(c, _)| c != call) {
            return Err(Fault::NotTalking(id, call));
        }
        self.end_talk(id);
        Ok(())
    }

    /// The talk is over for him; his wrap-up begins, unless he said meanwhile that he goes or takes a break.
    pub(crate) fn end_talk(&mut self, id: ConsultantId) {
        let Some(m) = self.crew.get_mut(id) else { return };
        let Some((call, queue)) = m.talk.take() else { return };
        let stays = m.signed_in && m.on_break.is_none();
        self.talks.remove(&call);
        let wrap_up_s = self.queue_settings(queue).wrap_up_s;
        if stays && wrap_up_s > 0 {
            self.set_wrap_up(id, self.now + seconds(wrap_up_s));
        }
        self.settle(id);
    }

    pub(crate) fn extend_wrap_up(&mut self, id: ConsultantId, by: Duration) -> Result<(), Fault> {
        let member = self.crew.get(id).ok_or(Fault::UnknownConsultant(id))?;
        let until = member.wrap_up.ok_or(Fault::NotInWrapUp(id))?;
        self.set_wrap_up(id, (until + by).min(self.now + WRAP_UP_MAX).max(until));
        self.settle(id);
        Ok(())
    }

    pub(crate) fn wrap_up_over(&mut self, id: ConsultantId) {
        if let Some(m) = self.crew.get_mut(id) {
            m.wrap_up = None;
        }
        self.settle(id);
    }

    pub(crate) fn pause_over(&mut self, id: ConsultantId) {
        if let Some(m) = self.crew.get_mut(id) {
            m.pause = None;
        }
        self.settle(id);
    }

    fn set_wrap_up(&mut self, id: ConsultantId, until: Instant) {
        if let Some(m) = self.crew.get_mut(id) {
            m.wrap_up = Some(until);
            self.timers.set(Reason::WrapUp(id), until);
        }
    }

    fn unpause(&mut self, id: ConsultantId, which: impl FnOnce(Pause) -> bool) {
        if let Some(m) = self.crew.get_mut(id)
            && m.pause.is_some_and(which)
        {
            m.pause = None;
            self.timers.cancel(Reason::Pause(id));
        }
    }

    /// Changes the facts about one and draws the conclusion.
    fn with(&mut self, id: ConsultantId, change: impl FnOnce(&mut Member)) -> Result<(), Fault> {
        change(self.crew.get_mut(id).ok_or(Fault::UnknownConsultant(id))?);
        self.settle(id);
        Ok(())
    }

    /// The same, and what is offered to him is taken back.
    fn with_offer_ended(
        &mut self,
        id: ConsultantId,
        why: Withdrawn,
        change: impl FnOnce(&mut Member),
    ) -> Result<(), Fault> {
        let member = self.crew.get_mut(id).ok_or(Fault::UnknownConsultant(id))?;
        change(member);
        match member.offer {
            Some(offer) => self.take_back(offer, why),
            None => self.settle(id),
        }
        Ok(())
    }

    /// Tells what one does now, if that is new.
    pub(crate) fn settle(&mut self, consultant: ConsultantId) {
        if let Some((state, since)) = self.crew.settle(consultant, self.now) {
            self.out.push_back(Output::State { consultant, state, since });
        }
    }
}
