//! The other centre is dialled: by the best way first, by the next one when that way says nothing, has no wire, or is a
//! server that cannot, all within the time of one ring; the caller hears the ring tone throughout. Whoever speaks for
//! the other centre itself (busy, declined, unknown, not there) is believed.

use super::forward::Forwarding;
use super::{
    Call, State,
    leg::{Leg, Side},
    show::{self, Who},
};
use crate::facts::{Fact, ForwardResult, Party, TryOutcome, ms};
use crate::rooms::{Rooms, Wake};
use crate::trunks::Way;
use core::time::Duration;
use senim_base::{Instant, LegId};
use senim_sdp::Direction;
use senim_sip::{Outgoing, Rejection};

/// Ways tried for one forward at most; then it has failed.
pub(super) const WAYS_MAX: usize = 8;

/// The ways of one forward.
#[derive(Debug)]
pub(super) struct Dialling {
    /// The one that is being tried, while there is one.
    pub(super) leg: Option<Leg>,
    /// Every one so far, the present one last.
    tried: Vec<Way>,
    since: Instant,
    /// The way said 100: it is given longer to make the other side ring.
    trying: bool,
}

impl Dialling {
    pub(super) fn new(now: Instant) -> Self {
        Dialling { leg: None, tried: Vec::new(), since: now, trying: false }
    }
}

/// Whether the next way is tried: when the hop failed us (RFC 3263 section 4.3), not when the other centre was reached.
/// So 480 ends it, which says that the callee's own system was reached (RFC 3261 section 21.4.18), and a challenge that
/// we cannot answer does not: the quarrel is with that trunk.
fn moves_on(status: u16, reason: Rejection) -> bool {
    match reason {
        Rejection::Timeout | Rejection::Transport | Rejection::AuthFailed => true,
        Rejection::Response => matches!(status, 408 | 430 | 500..=599),
    }
}

impl Call {
    /// Takes a port for the next way's leg, and a place on its trunk. `false`: no way is left.
    pub(super) fn next_way(&mut self, rooms: &mut Rooms) -> bool {
        let id = self.id;
        let State::Forwarding(f) = &mut self.state else { return false };
        let d = &mut f.dialling;
        let Some(to) = rooms.settings.forwards.get(&f.to) else { return false };
        if d.tried.len() >= WAYS_MAX {
            return false;
        }
        let Some(way) = rooms.trunks.way(&to.trunk, &d.tried, rooms.now, &mut rooms.entropy) else {
            return false;
        };
        let side = Side::offered(way.flow, Some(&way.trunk), rooms);
        let Some(leg) = Leg::open(id, Party::Forward, side, rooms) else { return false };
        rooms.trunks.carry(&way.trunk);
        self.out_trunk = Some(way.trunk.clone());
        d.leg = Some(leg);
        d.tried.push(way);
        d.since = rooms.now;
        d.trying = false;
        true
    }

    /// The way's leg has its port: dial.
    pub(super) fn dial_forward(&mut self, leg: LegId, rooms: &mut Rooms) {
        let (id, shown) = (self.id, self.shown.clone());
        let State::Forwarding(Forwarding { to, dialling: d, .. }) = &mut self.state else { return };
        let (Some(l), Some(way)) = (d.leg.as_mut().filter(|l| l.id == leg), d.tried.last()) else { return };
        let number = rooms.settings.forwards.get(to).map(|f| f.number.clone());
        let (Some(number), Some(trunk)) = (number, rooms.trunks.settings(&way.trunk)) else { return };
        let uri = format!("sip:{number}@{}", trunk.host);
        let (from, headers) = show::to_trunk(trunk, Who::Caller(shown.as_ref()));
        let outgoing = Outgoing {
            flow: way.flow,
            to: format!("<{uri}>"),
            uri,
            from,
            headers,
            sdp: Some(l.sdp.offer(Direction::SendRecv)),
            credentials: trunk.credentials.clone(),
        };
        match rooms.sip.invite(outgoing, rooms.now) {
            Ok(session) => {
                l.attach(id, session, rooms);
                rooms.timers.set((id, Wake::NoProgress), rooms.now + rooms.settings.progress_max);
            }
            Err(_) => self.forward_rejected(leg, 0, Rejection::Transport, rooms),
        }
    }

    /// The way gave no sign of life. `true`: it did say 100, and is given until half of the ring is over, because a
    /// network takes its time to find a telephone.
    pub(super) fn forward_is_trying(&mut self, rooms: &mut Rooms) -> bool {
        let State::Forwarding(f) = &mut self.state else { return false };
        let session = f.dialling.leg.as_ref().and_then(|l| l.session);
        let heard = session.is_some_and(|s| rooms.sip.is_progressing(s));
        let Some(ring) = rooms.settings.forwards.get(&f.to).map(|to| to.ring) else { return false };
        if f.dialling.trying || !heard {
            return false;
        }
        f.dialling.trying = true;
        rooms.timers.set((self.id, Wake::NoProgress), f.dialling.since + ring / 2);
        true
    }

    /// A server asks to be left in peace: its target rests (RFC 3261 section 21.5.4).
    pub(super) fn on_rest_asked(&self, leg: LegId, status: u16, seconds: Option<u32>, rooms: &mut Rooms) {
        let State::Forwarding(f) = &self.state else { return };
        if let (503, Some(seconds), Some(way)) = (status, seconds, f.dialling.tried.last())
            && f.called_leg() == Some(leg)
        {
            rooms.trunks.rest(way, Duration::from_secs(u64::from(seconds)), rooms.now);
        }
    }

    pub(super) fn forward_rejected(&mut self, leg: LegId, status: u16, reason: Rejection, rooms: &mut Rooms) {
        if !matches!(&self.state, State::Forwarding(f) if f.called_leg() == Some(leg)) {
            return;
        }
        let outcome = match reason {
            Rejection::Timeout => TryOutcome::Silent,
            Rejection::Transport => TryOutcome::Unreachable,
            Rejection::Response | Rejection::AuthFailed => TryOutcome::Refused,
        };
        let said = (outcome == TryOutcome::Refused).then_some(status);
        self.end_way(outcome, said, rooms);
        if moves_on(status, reason) && self.next_way(rooms) {
            return;
        }
        let result = match (reason, status) {
            (Rejection::Response, 486 | 600) => ForwardResult::Busy,
            (Rejection::Response, 408 | 480 | 487) => ForwardResult::NoAnswer,
            _ => ForwardResult::Failed,
        };
        self.forward_failed(result, said, rooms);
    }

    /// The present way leads nowhere: its leg is closed and its place on the trunk given back, once.
    pub(super) fn end_way(&mut self, outcome: TryOutcome, status: Option<u16>, rooms: &mut Rooms) {
        let State::Forwarding(f) = &mut self.state else { return };
        let Some(leg) = f.dialling.leg.take() else { return };
        let fact = f.tried(outcome, status, rooms.now);
        rooms.timers.cancel((self.id, Wake::NoProgress));
        leg.close(self.id, rooms);
        self.leave_out_trunk(rooms);
        rooms.fact(Some(self.id), fact);
    }
}

impl Forwarding {
    /// What became of the present way, as a fact.
    pub(super) fn tried(&self, outcome: TryOutcome, status: Option<u16>, now: Instant) -> Fact {
        let way = self.dialling.tried.last();
        Fact::ForwardTried {
            to: self.to.clone(),
            trunk: way.map(|w| w.trunk.clone()).unwrap_or_default(),
            way: way.map(|w| format!("{}:{}", w.flow.transport.param(), w.flow.remote)).unwrap_or_default(),
            outcome,
            status,
            after_ms: ms(now.since(self.dialling.since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_way_is_tried_when_the_hop_failed_and_not_when_the_centre_spoke() {
        for status in [408, 430, 500, 502, 503, 504, 513, 599] {
            assert!(moves_on(status, Rejection::Response), "{status}");
        }
        for status in [302, 403, 404, 480, 484, 486, 487, 488, 600, 603, 604, 606] {
            assert!(!moves_on(status, Rejection::Response), "{status}");
        }
        for reason in [Rejection::Timeout, Rejection::Transport, Rejection::AuthFailed] {
            assert!(moves_on(401, reason));
        }
    }
}
