//! A number that rings one consultant and no queue: for measuring programs and for training.

use super::{Call, State, arrive::Arrival, dial::Refused, leg::Leg, show};
use crate::facts::{EndCause, Fact, TransferTo, TryOutcome};
use crate::rooms::{Rooms, Wake};
use core::time::Duration;
use senim_base::{ConsultantId, LegId};
use senim_media::Order;
use senim_sip::Rejection;

/// How long all phones of the one who is dialled ring together: what proxies between us and the caller allow at least
/// (RFC 3261 section 16.6, timer C).
const RING_MAX: Duration = Duration::from_secs(180);

/// A direct call.
#[derive(Debug)]
pub(crate) struct Direct {
    consultant: ConsultantId,
    /// Still there while the caller is not answered.
    arrival: Option<Arrival>,
    leg: Option<Leg>,
}

impl Direct {
    pub(super) fn new(consultant: ConsultantId, arrival: Arrival) -> Self {
        Direct { consultant, arrival: Some(arrival), leg: None }
    }

    fn to(&self) -> TransferTo {
        TransferTo::Consultant(self.consultant)
    }

    pub(super) fn leg_mut(&mut self) -> Option<&mut Leg> {
        self.leg.as_mut()
    }
}

impl Call {
    /// The caller's port is open: take one for the consultant's leg.
    pub(super) fn call_direct(&mut self, rooms: &mut Rooms) {
        let tries = self.tries(rooms);
        let State::Direct(d) = &mut self.state else { return };
        match d.to().next_leg(self.id, tries, rooms) {
            Some(leg) => d.leg = Some(leg),
            None => self.refuse(480, "the consultant has no softphone registered", rooms),
        }
    }

    pub(super) fn ring_direct(&mut self, leg: LegId, rooms: &mut Rooms) {
        let id = self.id;
        let shown = show::to_consultant(rooms.settings.show_number, id, None, self.shown.as_ref());
        let State::Direct(d) = &mut self.state else { return };
        let Some(l) = d.leg.as_mut().filter(|l| l.id == leg) else { return };
        if !super::wait::ring(id, l, d.consultant, shown, rooms) {
            self.direct_rejected(leg, Refused::unheard(Rejection::Transport), rooms);
            return;
        }
        rooms.ring_out(id, RING_MAX);
    }

    /// Nobody took it.
    pub(super) fn direct_rung_out(&mut self, rooms: &mut Rooms) {
        let State::Direct(d) = &mut self.state else { return };
        let to = d.to();
        if let Some(mut leg) = d.leg.take() {
            leg.tell_try(self.id, &to, TryOutcome::RangOut, None, rooms);
            leg.close(self.id, rooms);
        }
        self.refuse(480, "the consultant did not take the call in time", rooms);
    }

    pub(super) fn direct_rings(&mut self, rooms: &mut Rooms) {
        let session = self.caller.as_ref().and_then(|c| c.session);
        if let (State::Direct(Direct { arrival: Some(_), .. }), Some(session)) = (&self.state, session) {
            rooms.sip.ring(session, 180, None, rooms.now);
        }
    }

    pub(super) fn direct_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let State::Direct(d) = &mut self.state else { return };
        let Some(l) = d.leg.as_mut().filter(|l| l.id == leg) else { return };
        if l.final_answer(id, sdp, rooms).is_err() {
            self.direct_rejected(leg, Refused { status: 488, reason: Rejection::Response }, rooms);
            return;
        }
        rooms.timers.cancel((id, Wake::RungOut));
        let consultant = d.consultant;
        let Some(arrival) = d.arrival.take() else { return };
        self.answer(&arrival, rooms);
        self.fact(Fact::Talking { consultant, waited_ms: 0 }, rooms);
        self.marks.served = true;
        let State::Direct(mut d) = core::mem::replace(&mut self.state, State::Script) else { return };
        if let Some(l) = &mut d.leg {
            self.record_party(l, rooms);
        }
        self.state = State::Direct(d);
        rooms.order(id, Order::Bridge { a: self.caller_leg, b: leg });
        let after = rooms.settings.media.caller_inactivity;
        rooms.order(id, Order::Inactivity { leg, after });
    }

    pub(super) fn direct_rejected(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        let State::Direct(d) = &mut self.state else { return };
        let (to, answered) = (d.to(), d.arrival.is_none());
        let Some(l) = d.leg.as_mut().filter(|l| l.id == leg) else { return };
        if !answered && l.try_next(self.id, &to, refused, rooms) {
            return;
        }
        if let Some(l) = d.leg.take() {
            l.close(self.id, rooms);
        }
        if answered {
            self.hang_up(EndCause::ConsultantHungUp, rooms);
        } else {
            self.refuse(refused.said().unwrap_or(480), "the consultant did not take the call", rooms);
        }
    }

    /// One of the two left.
    pub(super) fn left_direct(&mut self, leg: LegId, cause: EndCause, rooms: &mut Rooms) {
        let State::Direct(d) = core::mem::replace(&mut self.state, State::Script) else { return };
        let consultant = d.consultant;
        if d.arrival.is_none() {
            self.fact(
                Fact::TalkEnded { consultant, talked_ms: crate::facts::ms(rooms.now.since(self.born)) },
                rooms,
            );
        }
        if let Some(l) = d.leg {
            if l.id == leg { l.closed(self.id, rooms) } else { l.close(self.id, rooms) }
        }
        rooms.timers.cancel((self.id, Wake::NoProgress));
        if leg == self.caller_leg {
            self.caller_gone(cause, rooms);
        } else {
            self.hang_up(cause, rooms);
        }
    }
}
