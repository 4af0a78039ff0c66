//! The consultant sends the caller on (FEATURES X3): blind, by REFER or by leaving while it rings, or to somebody
//! whom he asked before. Until somebody has taken the caller he is never let go: what fails brings him back to his
//! consultant or, if he has left, to the front of the queue, with a word.

use super::{Call, State, Talking, consult::Aside, dial::Refused, forward::UCC, leg::Leg, show::Who};
use crate::facts::{EndCause, Fact, ForwardResult, TransferTo, ms};
use crate::rooms::Rooms;
use senim_base::{ConsultantId, Instant, LegId};
use senim_media::Order;
use senim_queue::Input as QueueInput;
use senim_sip::{Referral, Rejection, Replaced, SessionId};

/// A caller on his way to somebody who is being called.
#[derive(Debug)]
pub(crate) struct Transferring {
    pub(super) to: TransferTo,
    pub(super) leg: Leg,
    since: Instant,
    by: ConsultantId,
    /// The consultant who sends him on, as long as he is there.
    pub(super) from: Option<Talking>,
}

/// What a phone asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Errand {
    /// To give the caller to whom the consultant asked.
    HandOver,
    /// To call somebody for the caller.
    To(TransferTo),
}

impl Transferring {
    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        let from = self.from.as_mut().map(|t| &mut t.leg);
        [Some(&mut self.leg), from].into_iter().flatten().find(|l| l.id == leg)
    }

    fn is_from(&self, leg: LegId) -> bool {
        self.from.as_ref().is_some_and(|t| t.leg.id == leg)
    }
}

impl Talking {
    /// Tells the consultant's phone how the transfer goes that it asked for.
    pub(super) fn report(&self, status: u16, rooms: &mut Rooms) {
        if let Some(session) = self.referred {
            rooms.sip.referral_progress(session, status, rooms.now);
        }
    }
}

impl Call {
    /// Calls somebody for the caller, who hears the ring tone. `Err`: the status, and everything is as it was.
    pub(super) fn transfer_blind(&mut self, to: TransferTo, rooms: &mut Rooms) -> Result<(), u16> {
        let id = self.id;
        let State::Talking(t) = &self.state else { return Err(491) };
        if t.aside.is_some() {
            return Err(491);
        }
        if let Some(status) = to.unfit(t.consultant, rooms) {
            return Err(status);
        }
        let leg = to.open(id, self.tries(rooms), rooms).ok_or(503u16)?;
        let State::Talking(t) = core::mem::replace(&mut self.state, State::Script) else { return Err(491) };
        self.fact(Fact::TransferBegan { by: t.consultant, to: to.clone() }, rooms);
        self.wait_for_answer(
            Transferring { to, leg, since: rooms.now, by: t.consultant, from: Some(t) },
            rooms,
        );
        Ok(())
    }

    /// Both who wait hear what there is to hear of it.
    fn wait_for_answer(&mut self, t: Transferring, rooms: &mut Rooms) {
        for leg in t.from.iter().flat_map(Talking::phones) {
            rooms.order(self.id, Order::Silence { leg });
        }
        rooms.loop_common(self.id, self.caller_leg, "tone.ring");
        self.state = State::Transferring(t);
    }

    /// The consultant gives the caller to the one whom he asked. `stays`: his own phone waits to hear how it went.
    pub(super) fn hand_over(&mut self, stays: bool, rooms: &mut Rooms) {
        let State::Talking(mut t) = core::mem::replace(&mut self.state, State::Script) else { return };
        let Some(aside) = t.aside.take() else {
            self.state = State::Talking(t);
            return;
        };
        let by = t.consultant;
        let Aside { to, leg, own, since, answered, conference } = aside;
        if conference {
            self.fact(Fact::ConferenceEnded { by }, rooms);
        }
        let (result, after_ms) = match answered {
            true => (ForwardResult::Connected, ms(rooms.now.since(since))),
            false => (ForwardResult::CallerLeft, ms(rooms.now.since(since))),
        };
        self.fact(Fact::ConsultEnded { to: to.clone(), result, status: None, after_ms }, rooms);
        self.fact(Fact::TransferBegan { by, to: to.clone() }, rooms);
        if let Some(own) = own {
            // A REFER that came on this call is answered for good before it ends.
            if own.leg.session.is_some() && own.leg.session == t.referred {
                t.report(200, rooms);
                t.referred = None;
            }
            own.leg.close(self.id, rooms);
        }
        let mut transfer = Transferring { to, leg, since: rooms.now, by: t.consultant, from: Some(t) };
        if answered {
            self.taken_over(transfer, rooms);
            if let State::Talking(t) = &mut self.state {
                t.given = true;
            }
            return;
        }
        if !stays && let Some(t) = transfer.from.take() {
            self.part(t, rooms);
        }
        self.wait_for_answer(transfer, rooms);
    }

    /// The consultant keys the code without a number.
    pub(super) fn hand_over_by_key(&mut self, rooms: &mut Rooms) {
        match &self.state {
            State::Talking(t) if t.aside.is_some() => self.hand_over(false, rooms),
            _ => self.tell_consultant("consultant_refused", rooms),
        }
    }

    pub(super) fn call_transferred(&mut self, leg: LegId, rooms: &mut Rooms) {
        let (id, language) = (self.id, self.language());
        let State::Transferring(t) = &mut self.state else { return };
        if t.leg.id != leg {
            return;
        }
        let who = Who::Caller(self.shown.as_ref());
        match t.to.call(id, &mut t.leg, (language, Some(t.by)), who, rooms) {
            Some(ring) => rooms.ring_out(id, ring),
            None => self.transfer_rejected(leg, Refused::unheard(Rejection::Transport), rooms),
        }
    }

    pub(super) fn transfer_rings(&mut self, leg: LegId, rooms: &mut Rooms) {
        if let State::Transferring(Transferring { leg: l, from: Some(t), .. }) = &self.state
            && l.id == leg
        {
            t.report(180, rooms);
        }
    }

    pub(super) fn transfer_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let State::Transferring(t) = &mut self.state else { return };
        if t.leg.id != leg {
            return;
        }
        if t.leg.final_answer(id, sdp, rooms).is_err() {
            self.transfer_failed(ForwardResult::Failed, Some(488), rooms);
            return;
        }
        t.leg.tell_answered(id, &t.to, rooms);
        let State::Transferring(t) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.taken_over(t, rooms);
    }

    /// Somebody has taken the caller: his consultant is free, the new one talks.
    fn taken_over(&mut self, t: Transferring, rooms: &mut Rooms) {
        let id = self.id;
        let Transferring { to, mut leg, since, from, .. } = t;
        self.stop_ringing(rooms);
        let after_ms = ms(rooms.now.since(since));
        let result = ForwardResult::Connected;
        self.fact(Fact::TransferEnded { to: to.clone(), result, status: Some(200), after_ms }, rooms);
        // The old talk ends before the new one begins: the queue knows one consultant a caller.
        if let Some(t) = from {
            t.report(200, rooms);
            self.part(t, rooms);
        }
        self.record_party(&mut leg, rooms);
        match to {
            TransferTo::Consultant(consultant) => {
                self.fact(Fact::Talking { consultant, waited_ms: 0 }, rooms);
                let queue = self.place.as_ref().map(|p| p.queue.clone()).unwrap_or_default();
                rooms.queue_inputs.push_back(QueueInput::TalkBegan { id: consultant, call: id, queue });
                rooms.queue_inputs.push_back(QueueInput::Busy { id: consultant, yes: false });
                self.state = State::Talking(Talking::new(consultant, leg, rooms.now));
                self.join(rooms);
                self.guard_consultant(rooms);
            }
            TransferTo::Forward(_) => {
                rooms.totals.forwarded += 1;
                rooms.order(id, Order::Bridge { a: self.caller_leg, b: leg.id });
                let after = rooms.settings.media.caller_inactivity;
                rooms.order(id, Order::Inactivity { leg: leg.id, after });
                self.run = None;
                self.state = State::Forwarded(leg);
            }
        }
    }

    /// Who is to take the caller did not, or was not reached: then he is called by the next way.
    pub(super) fn transfer_rejected(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        let id = self.id;
        let State::Transferring(t) = &mut self.state else { return };
        if t.leg.id != leg {
            return;
        }
        if t.leg.try_next(id, &t.to, refused, rooms) {
            rooms.loop_common(id, self.caller_leg, "tone.ring");
        } else {
            self.transfer_failed(refused.result(), refused.said(), rooms);
        }
    }

    /// Nobody took the caller: he comes back.
    pub(super) fn transfer_failed(&mut self, result: ForwardResult, status: Option<u16>, rooms: &mut Rooms) {
        let State::Transferring(t) = core::mem::replace(&mut self.state, State::Script) else { return };
        let from = self.end_transfer(t, result, status, rooms);
        match from {
            Some(mut t) => {
                t.report(status.filter(|s| *s >= 300).unwrap_or(480), rooms);
                t.referred = None;
                t.held = t.leg.holds_us();
                self.state = State::Talking(t);
                self.join(rooms);
                self.tell_caller("transfer_failed", rooms);
            }
            None => self.wait_with_a_word("transfer_failed", rooms),
        }
    }

    /// Gives up calling, and gives back the consultant who sent the caller on.
    fn end_transfer(
        &mut self,
        mut t: Transferring,
        result: ForwardResult,
        status: Option<u16>,
        rooms: &mut Rooms,
    ) -> Option<Talking> {
        self.stop_ringing(rooms);
        let after_ms = ms(rooms.now.since(t.since));
        if let Some(id) = t.to.consultant() {
            rooms.release(id, self.id);
        }
        t.leg.tell_given_up(self.id, &t.to, result, rooms);
        self.fact(Fact::TransferEnded { to: t.to, result, status, after_ms }, rooms);
        t.leg.close(self.id, rooms);
        t.from
    }

    /// Somebody left while the caller was on his way.
    pub(super) fn left_transferring(&mut self, leg: LegId, cause: EndCause, rooms: &mut Rooms) {
        let State::Transferring(t) = &mut self.state else { return };
        if t.is_from(leg) {
            // His part is done; the caller goes on without him.
            if let Some(t) = t.from.take() {
                self.part(t, rooms);
            }
        } else if leg == self.caller_leg {
            let State::Transferring(t) = core::mem::replace(&mut self.state, State::Script) else { return };
            if let Some(t) = self.end_transfer(t, ForwardResult::CallerLeft, None, rooms) {
                t.report(487, rooms);
                self.part(t, rooms);
            }
            self.caller_gone(cause, rooms);
        } else {
            self.transfer_rejected(leg, Refused::unheard(Rejection::Transport), rooms);
        }
    }

    /// A phone asks by REFER to have its caller sent on. Of the address only the number counts.
    pub(super) fn on_referred(
        &mut self,
        leg: LegId,
        session: SessionId,
        referral: &Referral,
        rooms: &mut Rooms,
    ) {
        let replaces = referral.replaces.map(|replaced| match replaced {
            Replaced::Session(session) => {
                rooms.sessions.get(&session).filter(|(call, _)| *call == self.id).map(|(_, leg)| *leg)
            }
            Replaced::Unknown => None,
        });
        let number = referral.to.user().unwrap_or_default();
        let asked = self.referral(leg, &number, replaces, rooms);
        rooms.sip.answer_referral(session, asked.as_ref().map(|_| ()).map_err(|status| *status), rooms.now);
        if let Ok(errand) = asked {
            self.run_errand(session, errand, rooms);
        }
    }

    /// What a phone asks for by REFER. `Err`: the status of the refusal. Callers and other centres do not send anybody
    /// anywhere (THREATS, toll fraud).
    pub(super) fn referral(
        &self,
        leg: LegId,
        number: &str,
        replaces: Option<Option<LegId>>,
        rooms: &Rooms,
    ) -> Result<Errand, u16> {
        let State::Talking(t) = &self.state else { return Err(403) };
        let own = t.aside.as_ref().and_then(|a| a.own.as_ref()).map(|own| own.leg.id);
        let both = [Some(t.leg.id), own];
        match replaces {
            _ if !both.contains(&Some(leg)) => Err(403),
            // His first call for his second, or the other way round: the two others are joined.
            Some(Some(other)) if other != leg && own.is_some() && both.contains(&Some(other)) => {
                Ok(Errand::HandOver)
            }
            Some(_) => Err(481),
            None if leg != t.leg.id => Err(403),
            None if t.aside.is_some() => Err(491),
            None => TransferTo::dialled(number, rooms).map(Errand::To).ok_or(404),
        }
    }

    /// Does what was asked for by REFER, and tells the phone how it goes.
    pub(super) fn run_errand(&mut self, session: SessionId, errand: Errand, rooms: &mut Rooms) {
        let State::Talking(t) = &mut self.state else { return };
        t.referred = Some(session);
        let ucc = Errand::To(TransferTo::Forward(UCC.to_owned()));
        let done = match errand {
            Errand::HandOver => {
                self.hand_over(true, rooms);
                Ok(())
            }
            // The Unified Contact Centre is announced to the caller first (FEATURES X1).
            errand if errand == ucc && super::can_forward(UCC, rooms) => {
                self.forward_by_consultant(rooms);
                Ok(())
            }
            Errand::To(to) => self.transfer_blind(to, rooms),
        };
        if let (Err(status), State::Talking(t)) = (done, &mut self.state) {
            t.report(status, rooms);
            t.referred = None;
        }
    }
}
