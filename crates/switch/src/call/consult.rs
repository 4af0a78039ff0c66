//! The consultant asks somebody aside while the caller waits: a colleague or another centre, by a code keyed on the
//! phone that he has at his ear, or by a second call of his softphone. Both lie within the caller's own call, so that
//! whoever leaves, nobody is forgotten: from here the caller is handed over (`transfer.rs`) or all three are brought
//! together (`conference.rs`).

use super::{
    Call, Recording, State, Talking,
    dial::Refused,
    leg::{Leg, Side, unfit},
    show::Who,
};
use crate::facts::{Fact, ForwardResult, Party, TransferTo, ms};
use crate::rooms::{Rooms, Wake};
use senim_base::{CallId, ConsultantId, Instant, LegId};
use senim_media::Order;
use senim_sdp::Negotiated;
use senim_sip::{Rejection, SessionId};

/// Somebody asked aside.
#[derive(Debug)]
pub(crate) struct Aside {
    pub(super) to: TransferTo,
    pub(super) leg: Leg,
    /// The second call of the consultant's softphone, if he asks by one.
    pub(super) own: Option<Own>,
    pub(super) since: Instant,
    pub(super) answered: bool,
    /// All three hear each other.
    pub(super) conference: bool,
}

/// A second call of the consultant's.
#[derive(Debug)]
pub(crate) struct Own {
    pub(super) leg: Leg,
    session: SessionId,
    agreed: Option<Negotiated>,
}

/// A second call at the door.
pub(crate) struct SecondCall<'a> {
    pub(crate) session: SessionId,
    pub(crate) offer: Option<&'a [u8]>,
    pub(crate) side: Side,
    pub(crate) dialled: &'a str,
}

impl Own {
    /// A second call of a consultant's phone: takes a port for it.
    pub(super) fn knock(
        call: CallId,
        party: Party,
        second: &SecondCall<'_>,
        rooms: &mut Rooms,
    ) -> Result<Own, (u16, &'static str)> {
        let mut leg =
            Leg::open(call, party, second.side.clone(), rooms).ok_or((503, "no RTP port is free"))?;
        let agreed = match leg.invited(second.offer) {
            Ok(fits) => fits,
            Err(fault) => {
                leg.closed(call, rooms);
                return Err(unfit(fault));
            }
        };
        leg.attach(call, second.session, rooms);
        Ok(Own { leg, session: second.session, agreed })
    }

    /// Answers it, and puts what it says on a track.
    pub(super) fn accept(&mut self, call: CallId, recording: Option<&mut Recording>, rooms: &mut Rooms) {
        if let Some(agreed) = &self.agreed {
            self.leg.configure(call, agreed, rooms);
        }
        if let Some(recording) = recording {
            self.leg.record(call, recording, rooms);
        }
        rooms.sip.accept(self.session, self.leg.sdp.said(), rooms.now);
    }

    /// Ends it: refused with the status if it was not answered yet.
    pub(super) fn end(self, call: CallId, answered: bool, status: Option<u16>, rooms: &mut Rooms) {
        if !answered {
            let status = status.filter(|s| *s >= 300).unwrap_or(480);
            rooms.sip.reject(self.session, status, Vec::new(), rooms.now);
        }
        self.leg.close(call, rooms);
    }
}

impl Aside {
    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        let own = self.own.as_mut().map(|own| &mut own.leg);
        [Some(&mut self.leg), own].into_iter().flatten().find(|l| l.id == leg)
    }

    pub(super) fn is_own(&self, leg: LegId) -> bool {
        self.own.as_ref().is_some_and(|own| own.leg.id == leg)
    }
}

impl Call {
    /// This consultant talks here, and what he dials is somebody whom he may ask.
    pub(crate) fn may_consult(&self, consultant: ConsultantId, dialled: &str, rooms: &Rooms) -> bool {
        matches!(&self.state, State::Talking(t) if t.consultant == consultant)
            && TransferTo::dialled(dialled, rooms).is_some()
    }

    /// The consultant keys whom to ask. The caller hears music meanwhile.
    pub(super) fn consult_by_keys(&mut self, number: &str, rooms: &mut Rooms) {
        let to = TransferTo::dialled(number, rooms);
        if to.ok_or(404).and_then(|to| self.consult(to, None, rooms)).is_err() {
            self.tell_consultant("consultant_refused", rooms);
        }
    }

    /// The consultant's softphone calls somebody while he talks. `Err`: the status to refuse it with, and why.
    pub(crate) fn consult_by_call(
        &mut self,
        second: &SecondCall<'_>,
        rooms: &mut Rooms,
    ) -> Result<(), (u16, &'static str)> {
        let State::Talking(t) = &self.state else { return Err((486, "the consultant does not talk")) };
        let consultant = t.consultant;
        let to = TransferTo::dialled(second.dialled, rooms).ok_or((404, "nobody answers this number"))?;
        let own = Own::knock(self.id, Party::Consultant(consultant), second, rooms)?;
        self.consult(to, Some(own), rooms).map_err(|status| (status, "who is asked cannot be called now"))
    }

    fn consult(&mut self, to: TransferTo, own: Option<Own>, rooms: &mut Rooms) -> Result<(), u16> {
        let (id, tries) = (self.id, self.tries(rooms));
        let State::Talking(t) = &mut self.state else { return Err(486) };
        let unfit = if t.aside.is_some() { Some(486) } else { to.unfit(t.consultant, rooms) };
        let opened = unfit.map_or(Ok(()), Err).and_then(|()| to.open(id, tries, rooms).ok_or(503));
        match opened {
            Ok(leg) => {
                let by = t.consultant;
                let fact = Fact::ConsultBegan { by, to: to.clone() };
                let since = rooms.now;
                t.aside = Some(Aside { to, leg, own, since, answered: false, conference: false });
                self.fact(fact, rooms);
                self.join(rooms);
                Ok(())
            }
            Err(status) => {
                // His second call is refused by whoever asked, not hung up.
                if let Some(own) = own {
                    own.leg.closed(id, rooms);
                }
                Err(status)
            }
        }
    }

    /// The port of who is asked is open: call him.
    pub(super) fn call_aside(&mut self, leg: LegId, rooms: &mut Rooms) {
        let (id, language) = (self.id, self.language());
        let State::Talking(Talking { consultant, aside: Some(aside), .. }) = &mut self.state else { return };
        if aside.leg.id != leg {
            return;
        }
        match aside.to.call(id, &mut aside.leg, (language, Some(*consultant)), Who::Line, rooms) {
            Some(ring) => rooms.ring_out(id, ring),
            None => self.aside_rejected(leg, Refused::unheard(Rejection::Transport), rooms),
        }
    }

    pub(super) fn aside_rings(&mut self, leg: LegId, rooms: &mut Rooms) {
        let State::Talking(Talking { aside: Some(aside), .. }) = &self.state else { return };
        if let Some(own) = aside.own.as_ref().filter(|_| aside.leg.id == leg && !aside.answered) {
            rooms.sip.ring(own.session, 180, None, rooms.now);
        }
    }

    pub(super) fn aside_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let State::Talking(Talking { aside: Some(aside), .. }) = &mut self.state else { return };
        if aside.leg.id != leg {
            return;
        }
        if aside.leg.final_answer(id, sdp, rooms).is_err() {
            self.aside_over(ForwardResult::Failed, Some(488), rooms);
            return;
        }
        aside.leg.tell_answered(id, &aside.to, rooms);
        aside.answered = true;
        let mut watched = vec![leg];
        if let Some(recording) = &mut self.recording {
            aside.leg.record(id, recording, rooms);
        }
        if let Some(own) = &mut aside.own {
            own.accept(id, self.recording.as_mut(), rooms);
            watched.push(own.leg.id);
        }
        let after = rooms.settings.media.caller_inactivity;
        for leg in watched {
            rooms.order(id, Order::Inactivity { leg, after });
        }
        rooms.timers.cancel((id, Wake::RungOut));
        self.join(rooms);
    }

    /// Who is asked did not take the call, or was not reached: then he is called by the next way.
    pub(super) fn aside_rejected(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        let id = self.id;
        let State::Talking(Talking { aside: Some(aside), .. }) = &mut self.state else { return };
        if aside.leg.id == leg {
            if aside.leg.try_next(id, &aside.to, refused, rooms) {
                self.join(rooms);
            } else {
                self.aside_over(refused.result(), refused.said(), rooms);
            }
        } else if aside.is_own(leg) {
            self.aside_over(ForwardResult::Failed, None, rooms);
        }
    }

    /// He, or the consultant's second call, is gone.
    pub(super) fn aside_gone(&mut self, leg: LegId, rooms: &mut Rooms) {
        let State::Talking(Talking { aside: Some(aside), .. }) = &self.state else { return };
        let result = match (aside.answered, aside.is_own(leg)) {
            (true, _) => ForwardResult::Connected,
            (false, true) => ForwardResult::CallerLeft,
            (false, false) => ForwardResult::Failed,
        };
        self.aside_over(result, None, rooms);
    }

    /// The consultant keys that he goes back to the caller.
    pub(super) fn take_back_key(&mut self, rooms: &mut Rooms) {
        match &self.state {
            State::Talking(Talking { aside: Some(aside), .. }) => {
                let result =
                    if aside.answered { ForwardResult::Connected } else { ForwardResult::CallerLeft };
                self.aside_over(result, None, rooms);
            }
            _ => self.tell_consultant("consultant_refused", rooms),
        }
    }

    /// The consultant goes back to the caller, or finds that he is with him again.
    pub(super) fn aside_over(&mut self, result: ForwardResult, status: Option<u16>, rooms: &mut Rooms) {
        let State::Talking(t) = &mut self.state else { return };
        let Some(aside) = t.aside.take() else { return };
        let consultant = t.consultant;
        // His own phone tells him how his second call went; by a code he hears it from us.
        let failed = !aside.answered && aside.own.is_none() && result != ForwardResult::CallerLeft;
        self.drop_aside(consultant, aside, result, status, rooms);
        self.join(rooms);
        if failed {
            self.tell_consultant("consult_failed", rooms);
        }
    }

    /// Ends what was asked aside: every leg of it is closed.
    pub(super) fn drop_aside(
        &mut self,
        by: ConsultantId,
        aside: Aside,
        result: ForwardResult,
        status: Option<u16>,
        rooms: &mut Rooms,
    ) {
        let Aside { to, mut leg, own, since, conference, answered } = aside;
        self.stop_ringing(rooms);
        if conference {
            self.fact(Fact::ConferenceEnded { by }, rooms);
        }
        let after_ms = ms(rooms.now.since(since));
        if let Some(id) = to.consultant() {
            rooms.release(id, self.id);
        }
        leg.tell_given_up(self.id, &to, result, rooms);
        self.fact(Fact::ConsultEnded { to, result, status, after_ms }, rooms);
        leg.close(self.id, rooms);
        if let Some(own) = own {
            own.end(self.id, answered, status, rooms);
        }
    }

    /// Nobody is being called any more.
    pub(super) fn stop_ringing(&mut self, rooms: &mut Rooms) {
        rooms.timers.cancel((self.id, Wake::NoProgress));
        rooms.timers.cancel((self.id, Wake::RungOut));
    }
}
