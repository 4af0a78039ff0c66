//! Somebody is dialled who may be reached by several ways: a consultant by each of his phones, another centre by each
//! trunk and each of its addresses. The best way goes first, the next one when that way says nothing, has no wire, or
//! is a server that cannot (RFC 3261 section 16.7, RFC 3263 section 4.3, RFC 5626 section 5.3), all within the time of
//! one ring; who waits hears the ring tone throughout. Whoever speaks for the called himself (busy, declined, unknown,
//! not there) is believed.

use super::{
    Call, State,
    leg::{Leg, Side},
};
use crate::facts::{Fact, ForwardResult, TransferTo, TryOutcome, ms};
use crate::rooms::{Rooms, Wake};
use crate::trunks::Way;
use core::time::Duration;
use senim_base::{CallId, ConsultantId, Instant, LegId};
use senim_sdp::{Codec, Security};
use senim_sip::{Binding, Flow, Rejection};

/// Ways tried for one who is called at most; then he is not reached.
pub(super) const WAYS_MAX: usize = 8;

/// One way to somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Road {
    /// A phone of his, by the number of its registration.
    Phone(u64),
    /// A trunk, and one of its addresses.
    Trunk(Way),
}

/// The ways by which somebody is dialled.
#[derive(Debug)]
pub(crate) struct Tries {
    /// Every one so far, the present one last.
    roads: Vec<Road>,
    since: Instant,
    /// How long a trunk that says 100 is given in all to make the other side ring.
    patience: Duration,
    /// It did say 100.
    trying: bool,
    /// What became of the present one is in the facts.
    told: bool,
    /// What he speaks for whom it is dialled: offered first, so that nothing need be coded anew between the two.
    pub(super) beside: Option<Codec>,
}

impl Tries {
    /// None yet.
    pub(super) fn new(now: Instant) -> Self {
        Tries {
            roads: Vec::new(),
            since: now,
            patience: Duration::ZERO,
            trying: false,
            told: false,
            beside: None,
        }
    }

    fn next(mut self, road: Road, patience: Duration, now: Instant) -> Self {
        self.roads.push(road);
        Tries { roads: self.roads, patience, beside: self.beside, ..Tries::new(now) }
    }

    /// The trunk, and the way on it.
    pub(super) fn way(&self) -> Option<&Way> {
        match self.roads.last()? {
            Road::Trunk(way) => Some(way),
            Road::Phone(_) => None,
        }
    }

    /// The phone, by the number of its registration.
    pub(super) fn phone(&self) -> Option<u64> {
        match self.roads.last()? {
            Road::Phone(id) => Some(*id),
            Road::Trunk(_) => None,
        }
    }

    fn ways(&self) -> Vec<Way> {
        let way = |road: &Road| match road {
            Road::Trunk(way) => Some(way.clone()),
            Road::Phone(_) => None,
        };
        self.roads.iter().filter_map(way).collect()
    }
}

/// Why a leg that we called is not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused {
    /// 0 when nothing was heard.
    pub(super) status: u16,
    pub(super) reason: Rejection,
}

impl Refused {
    /// The wire, a port or our own patience failed: nobody has said anything.
    pub(super) fn unheard(reason: Rejection) -> Self {
        Refused { status: 0, reason }
    }

    /// What was said, if something was.
    pub(super) fn said(self) -> Option<u16> {
        (self.outcome() == TryOutcome::Refused && self.status != 0).then_some(self.status)
    }

    fn outcome(self) -> TryOutcome {
        match self.reason {
            Rejection::Timeout => TryOutcome::Silent,
            Rejection::Transport => TryOutcome::Unreachable,
            Rejection::Response | Rejection::AuthFailed => TryOutcome::Refused,
        }
    }

    /// What it means for the whole of the dialling.
    pub(super) fn result(self) -> ForwardResult {
        match (self.reason, self.status) {
            (Rejection::Response, 486 | 600) => ForwardResult::Busy,
            (Rejection::Response, 408 | 480 | 487) => ForwardResult::NoAnswer,
            _ => ForwardResult::Failed,
        }
    }

    /// Whether the next way is tried: when the hop failed us (RFC 3263 section 4.3), not when the called was reached.
    /// So 480 ends it, which says that the callee's own system was reached (RFC 3261 section 21.4.18), and a challenge
    /// that we cannot answer does not: the quarrel is with that trunk. A phone that does not know its own address any
    /// more was started anew, and is another one's now.
    fn moves_on(self, phone: bool) -> bool {
        match self.reason {
            Rejection::Timeout | Rejection::Transport | Rejection::AuthFailed => true,
            Rejection::Response => match self.status {
                404 | 410 => phone,
                status => matches!(status, 408 | 430 | 500..=599),
            },
        }
    }
}

impl Call {
    /// The ways to somebody who is to talk with the caller.
    pub(super) fn tries(&self, rooms: &Rooms) -> Tries {
        let agreed = self.caller.as_ref().and_then(|caller| caller.sdp.current());
        Tries { beside: agreed.map(|agreed| agreed.codec), ..Tries::new(rooms.now) }
    }
}

impl TransferTo {
    /// Takes a port for the next way to him, and a place on its trunk. `None`: no way is left, or no port is free.
    pub(super) fn next_leg(&self, call: CallId, tries: Tries, rooms: &mut Rooms) -> Option<Leg> {
        if tries.roads.len() >= WAYS_MAX {
            return None;
        }
        let (road, flow, patience) = self.next_road(&tries, rooms)?;
        let tries = tries.next(road, patience, rooms.now);
        let trunk = tries.way().map(|way| way.trunk.clone());
        let side = Side::offered(flow, trunk.as_deref(), rooms).beside(tries.beside);
        let mut leg = Leg::open(call, self.party(), side, rooms)?;
        if let Some(trunk) = trunk {
            rooms.trunks.carry(&trunk);
            leg.trunk = Some(trunk);
        }
        leg.tries = tries;
        Some(leg)
    }

    fn next_road(&self, tries: &Tries, rooms: &mut Rooms) -> Option<(Road, Flow, Duration)> {
        match self {
            TransferTo::Consultant(id) => {
                let fresh = |b: &&Binding| !tries.roads.contains(&Road::Phone(b.id()));
                let phone = phones(*id, rooms).rfind(fresh)?;
                Some((Road::Phone(phone.id()), phone.flow, Duration::ZERO))
            }
            TransferTo::Forward(name) => {
                let to = rooms.settings.forwards.get(name)?;
                let way = rooms.trunks.way(&to.trunk, &tries.ways(), rooms.now, &mut rooms.entropy)?;
                let (flow, patience) = (way.flow, to.ring / 2);
                Some((Road::Trunk(way), flow, patience))
            }
        }
    }

    fn name(&self) -> &str {
        match self {
            TransferTo::Forward(name) => name,
            TransferTo::Consultant(_) => "",
        }
    }
}

/// A consultant's phones that may ring, the best last.
pub(super) fn phones(consultant: ConsultantId, rooms: &Rooms) -> impl DoubleEndedIterator<Item = &Binding> {
    let secure_only = rooms.settings.media.softphone_srtp == Security::Require;
    let login = rooms.books.person(consultant).map(|p| p.login.as_str()).unwrap_or_default();
    let may_ring = move |b: &&Binding| b.flow.transport.is_secure() || !secure_only;
    rooms.sip.bindings(login).iter().filter(may_ring)
}

impl Leg {
    /// The way of this leg led nowhere: that is told, and the next one's leg takes its place. `false`: the called
    /// himself has spoken, or no way is left; the leg is to be closed.
    pub(super) fn try_next(
        &mut self,
        call: CallId,
        to: &TransferTo,
        refused: Refused,
        rooms: &mut Rooms,
    ) -> bool {
        rooms.timers.cancel((call, Wake::NoProgress));
        let moves_on = refused.moves_on(self.tries.phone().is_some());
        if moves_on || self.tries.way().is_some() {
            self.tell_try(call, to, refused.outcome(), refused.said(), rooms);
        }
        // Its place on the trunk is free for the trunk's next address.
        if let Some(trunk) = self.trunk.take() {
            rooms.trunks.left(&trunk);
        }
        if !moves_on {
            return false;
        }
        let tries = core::mem::replace(&mut self.tries, Tries::new(rooms.now));
        let Some(next) = to.next_leg(call, tries, rooms) else { return false };
        core::mem::replace(self, next).close(call, rooms);
        true
    }

    /// What became of the present way, once. Where a consultant's phone is, is nobody's business.
    pub(super) fn tell_try(
        &mut self,
        call: CallId,
        to: &TransferTo,
        outcome: TryOutcome,
        status: Option<u16>,
        rooms: &mut Rooms,
    ) {
        let after_ms = ms(rooms.now.since(self.tries.since));
        let (way, consultant) = (self.tries.way(), to.consultant());
        let fact = match (way, consultant) {
            (Some(way), _) => Fact::ForwardTried {
                to: to.name().to_owned(),
                trunk: way.trunk.clone(),
                way: format!("{}:{}", way.flow.transport.param(), way.flow.remote),
                outcome,
                status,
                after_ms,
            },
            (None, Some(consultant)) => Fact::PhoneTried { consultant, outcome, status, after_ms },
            (None, None) => return,
        };
        if !core::mem::replace(&mut self.tries.told, true) {
            rooms.fact(Some(call), fact);
        }
    }

    /// The other centre picked up on this way.
    pub(super) fn tell_answered(&mut self, call: CallId, to: &TransferTo, rooms: &mut Rooms) {
        if self.tries.way().is_some() {
            self.tell_try(call, to, TryOutcome::Answered, Some(200), rooms);
        }
    }

    /// Nobody waits for the other centre any more: it rang out, or was given up.
    pub(super) fn tell_given_up(
        &mut self,
        call: CallId,
        to: &TransferTo,
        result: ForwardResult,
        rooms: &mut Rooms,
    ) {
        let outcome = match result {
            ForwardResult::NoAnswer => TryOutcome::RangOut,
            ForwardResult::CallerLeft => TryOutcome::Withdrawn,
            _ => return,
        };
        if self.tries.way().is_some() {
            self.tell_try(call, to, outcome, None, rooms);
        }
    }

    /// The way gave no sign of life. `true`: it is a trunk that did say 100, and is given until half of the ring is
    /// over, because a network takes its time to find a telephone.
    fn is_trying(&mut self, call: CallId, rooms: &mut Rooms) -> bool {
        let heard = self.session.is_some_and(|s| rooms.sip.is_progressing(s));
        if self.tries.way().is_none() || self.tries.trying || !heard {
            return false;
        }
        self.tries.trying = true;
        rooms.timers.set((call, Wake::NoProgress), self.tries.since + self.tries.patience);
        true
    }
}

impl Call {
    /// Nothing was heard of whoever is being called for so long.
    pub(super) fn on_no_progress(&mut self, rooms: &mut Rooms) {
        let id = self.id;
        let Some(leg) = self.called() else { return };
        if !leg.is_trying(id, rooms) {
            let leg = leg.id;
            self.on_rejected(leg, Refused::unheard(Rejection::Timeout), rooms);
        }
    }

    /// The leg that is being called.
    fn called(&mut self) -> Option<&mut Leg> {
        match &mut self.state {
            State::Waiting(w) => w.ringing_leg(),
            State::Talking(t) => t.aside.as_mut().filter(|a| !a.answered).map(|a| &mut a.leg),
            State::Transferring(t) => Some(&mut t.leg),
            State::Forwarding(f) => f.called(),
            State::Direct(d) => d.leg_mut(),
            _ => None,
        }
    }

    /// A server asks to be left in peace: its target rests (RFC 3261 section 21.5.4).
    pub(super) fn on_rest_asked(&mut self, leg: LegId, status: u16, seconds: Option<u32>, rooms: &mut Rooms) {
        let called = self.called().filter(|l| l.id == leg);
        if let (503, Some(seconds), Some(way)) = (status, seconds, called.and_then(|l| l.tries.way())) {
            rooms.trunks.rest(way, Duration::from_secs(u64::from(seconds)), rooms.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moves_on(status: u16, reason: Rejection, phone: bool) -> bool {
        Refused { status, reason }.moves_on(phone)
    }

    #[test]
    fn another_way_is_tried_when_the_hop_failed_and_not_when_the_called_spoke() {
        for phone in [false, true] {
            for status in [408, 430, 500, 502, 503, 504, 513, 599] {
                assert!(moves_on(status, Rejection::Response, phone), "{status}");
            }
            for status in [302, 403, 480, 484, 486, 487, 488, 600, 603, 604, 606] {
                assert!(!moves_on(status, Rejection::Response, phone), "{status}");
            }
            for reason in [Rejection::Timeout, Rejection::Transport, Rejection::AuthFailed] {
                assert!(moves_on(401, reason, phone));
            }
        }
        for status in [404, 410] {
            assert!(moves_on(status, Rejection::Response, true));
            assert!(!moves_on(status, Rejection::Response, false));
        }
    }
}
