//! The caller is sent on to another centre: he hears so first (FEATURES X1), then it is dialled; when nobody
//! answers there he comes back to his consultant, or to the front of the queue, with a word of apology.

use super::{Call, State, Talking, dial::Refused, leg::Leg, show::Who};
use crate::facts::{Author, EndCause, Fact, ForwardResult, TransferTo, TryOutcome, ms};
use crate::rooms::Rooms;
use senim_base::{Instant, LegId, PlayId};
use senim_sip::Rejection;

/// The name under which the configuration knows the Unified Contact Centre.
pub(crate) const UCC: &str = "ucc";

/// A forward under way.
#[derive(Debug)]
pub(crate) struct Forwarding {
    pub(super) to: String,
    stage: Stage,
    /// The other centre's, while it is dialled.
    leg: Option<Leg>,
    since: Instant,
    /// The consultant who sends the caller on: he stays on the line until the other centre answers.
    from: Option<Talking>,
    /// The script sends him on, and knows what to do when that fails.
    by_script: bool,
}

#[derive(Debug)]
enum Stage {
    Notice(PlayId),
    Dialling,
    Apology(PlayId),
}

impl Forwarding {
    pub(super) fn is_by_script(&self) -> bool {
        self.by_script
    }

    pub(super) fn called(&mut self) -> Option<&mut Leg> {
        self.leg.as_mut()
    }

    fn to(&self) -> TransferTo {
        TransferTo::Forward(self.to.clone())
    }

    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        match &mut self.leg {
            Some(l) if l.id == leg => Some(l),
            _ => self.from.as_mut().map(|t| &mut t.leg),
        }
    }

    pub(crate) fn consultant_leg(&self) -> Option<LegId> {
        self.from.as_ref().map(|t| t.leg.id)
    }
}

impl Call {
    /// The consultant keys the code: the caller hears the notice, the consultant stays on the line.
    pub(crate) fn forward_by_consultant(&mut self, rooms: &mut Rooms) {
        let State::Talking(mut t) = core::mem::replace(&mut self.state, State::Script) else { return };
        if t.aside.is_some() || !can_forward(UCC, rooms) {
            self.state = State::Talking(t);
            self.tell_consultant("consultant_refused", rooms);
            return;
        }
        t.held = false;
        self.fact(Fact::ForwardBegan { to: UCC.to_owned(), by: Author::Consultant(t.consultant) }, rooms);
        rooms.order(self.id, senim_media::Order::Silence { leg: t.leg.id });
        let play = rooms.prompt(self.id, self.caller_leg, self.language(), "ucc_notice");
        self.state = State::Forwarding(Forwarding {
            to: UCC.to_owned(),
            stage: Stage::Notice(play),
            leg: None,
            since: rooms.now,
            from: Some(t),
            by_script: false,
        });
    }

    pub(super) fn forward_said(&mut self, play: PlayId, rooms: &mut Rooms) {
        let State::Forwarding(f) = &mut self.state else { return };
        match f.stage {
            Stage::Notice(p) if p == play => {
                let (to, from) = (f.to.clone(), f.from.take());
                self.fact(Fact::NoticeHeard { whole: true }, rooms);
                self.begin_dialling(&to, from, false, rooms);
            }
            Stage::Apology(p) if p == play => self.come_back(rooms),
            _ => {}
        }
    }

    /// Dials by the first way; both who wait hear the ring tone.
    pub(super) fn begin_dialling(
        &mut self,
        to: &str,
        from: Option<Talking>,
        by_script: bool,
        rooms: &mut Rooms,
    ) {
        let mut forwarding = Forwarding {
            to: to.to_owned(),
            stage: Stage::Dialling,
            leg: None,
            since: rooms.now,
            from,
            by_script,
        };
        if let Some(to) = rooms.settings.forwards.get(to) {
            rooms.ring_out(self.id, to.ring);
        }
        forwarding.leg = forwarding.to().next_leg(self.id, self.tries(rooms), rooms);
        let dialled = forwarding.leg.is_some();
        self.state = State::Forwarding(forwarding);
        self.hear_ring(rooms);
        if !dialled {
            self.forward_failed(ForwardResult::Failed, None, rooms);
        }
    }

    fn hear_ring(&self, rooms: &mut Rooms) {
        let State::Forwarding(f) = &self.state else { return };
        for ear in [Some(self.caller_leg), f.consultant_leg()].into_iter().flatten() {
            rooms.loop_common(self.id, ear, "tone.ring");
        }
    }

    /// The way's leg has its port: dial.
    pub(super) fn dial_forward(&mut self, leg: LegId, rooms: &mut Rooms) {
        let (id, language) = (self.id, self.language());
        let State::Forwarding(f) = &mut self.state else { return };
        let to = f.to();
        let Some(l) = f.leg.as_mut().filter(|l| l.id == leg) else { return };
        let who = Who::Caller(self.shown.as_ref());
        if to.call(id, l, (language, None), who, rooms).is_none() {
            self.forward_rejected(leg, Refused::unheard(Rejection::Transport), rooms);
        }
    }

    /// The other centre refuses, or was not reached: then it is dialled by the next way.
    pub(super) fn forward_rejected(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        let id = self.id;
        let State::Forwarding(f) = &mut self.state else { return };
        let to = f.to();
        let Some(l) = f.leg.as_mut().filter(|l| l.id == leg) else { return };
        if l.try_next(id, &to, refused, rooms) {
            self.hear_ring(rooms);
            return;
        }
        if let Some(l) = f.leg.take() {
            l.close(id, rooms);
        }
        self.forward_failed(refused.result(), refused.said(), rooms);
    }

    /// The other centre is dialled no longer.
    fn end_way(&mut self, outcome: TryOutcome, status: Option<u16>, rooms: &mut Rooms) {
        let State::Forwarding(f) = &mut self.state else { return };
        let to = f.to();
        if let Some(mut leg) = f.leg.take() {
            leg.tell_try(self.id, &to, outcome, status, rooms);
            leg.close(self.id, rooms);
        }
    }

    pub(super) fn on_rung_out(&mut self, rooms: &mut Rooms) {
        if matches!(&self.state, State::Forwarding(f) if matches!(f.stage, Stage::Dialling)) {
            self.end_way(TryOutcome::RangOut, None, rooms);
            self.forward_failed(ForwardResult::NoAnswer, None, rooms);
        }
    }

    pub(super) fn forward_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let State::Forwarding(f) = &mut self.state else { return };
        let Some(l) = f.leg.as_mut().filter(|l| l.id == leg) else { return };
        if l.final_answer(id, sdp, rooms).is_err() {
            self.end_way(TryOutcome::Refused, Some(200), rooms);
            self.forward_failed(ForwardResult::Failed, None, rooms);
            return;
        }
        let State::Forwarding(mut f) = core::mem::replace(&mut self.state, State::Script) else { return };
        let Some(mut leg) = f.leg.take() else { return };
        self.stop_ringing(rooms);
        leg.tell_answered(id, &f.to(), rooms);
        self.forward_ended(f.to, f.since, ForwardResult::Connected, Some(200), rooms);
        rooms.totals.forwarded += 1;
        self.marks.served = true;
        self.record_party(&mut leg, rooms);
        rooms.order(id, senim_media::Order::Bridge { a: self.caller_leg, b: leg.id });
        let after = rooms.settings.media.caller_inactivity;
        rooms.order(id, senim_media::Order::Inactivity { leg: leg.id, after });
        self.state = State::Forwarded(leg);
        self.run = None;
        if let Some(t) = f.from {
            t.report(200, rooms);
            self.part(t, rooms);
        }
    }

    /// It did not come about: the script knows what then, or the caller hears an apology and comes back.
    pub(super) fn forward_failed(&mut self, result: ForwardResult, status: Option<u16>, rooms: &mut Rooms) {
        let State::Forwarding(mut f) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.stop_ringing(rooms);
        self.forward_ended(f.to.clone(), f.since, result, status, rooms);
        if f.by_script {
            self.script_forward_failed(rooms);
            return;
        }
        if let Some(t) = &mut f.from {
            t.report(status.filter(|s| *s >= 300).unwrap_or(480), rooms);
            t.referred = None;
        }
        let play = rooms.prompt(self.id, self.caller_leg, self.language(), "ucc_failed");
        f.stage = Stage::Apology(play);
        self.state = State::Forwarding(f);
    }

    fn come_back(&mut self, rooms: &mut Rooms) {
        let State::Forwarding(f) = core::mem::replace(&mut self.state, State::Script) else { return };
        match f.from {
            Some(mut t) => {
                t.held = t.leg.holds_us();
                self.state = State::Talking(t);
                self.join(rooms);
            }
            None => self.wait_again(rooms),
        }
    }

    fn forward_ended(
        &mut self,
        to: String,
        since: Instant,
        result: ForwardResult,
        status: Option<u16>,
        rooms: &mut Rooms,
    ) {
        let after_ms = ms(rooms.now.since(since));
        self.fact(Fact::ForwardEnded { to, result, status, after_ms }, rooms);
    }

    /// The caller pressed the urgent key while the other centre was being dialled: it is dialled no longer.
    pub(super) fn give_up_forward(&mut self, rooms: &mut Rooms) {
        if !matches!(self.state, State::Forwarding(_)) {
            return;
        }
        self.end_way(TryOutcome::Withdrawn, None, rooms);
        let State::Forwarding(f) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.stop_ringing(rooms);
        self.forward_ended(f.to, f.since, ForwardResult::CallerLeft, None, rooms);
    }

    /// Somebody left while the forward was under way.
    pub(super) fn left_forwarding(&mut self, leg: LegId, cause: EndCause, rooms: &mut Rooms) {
        let State::Forwarding(f) = &mut self.state else { return };
        if f.consultant_leg() == Some(leg) {
            // The consultant need not wait for the other centre; the caller goes on without him.
            if let Some(t) = f.from.take() {
                self.part(t, rooms);
            }
            return;
        }
        if leg != self.caller_leg {
            self.forward_rejected(leg, Refused::unheard(Rejection::Transport), rooms);
            return;
        }
        self.end_way(TryOutcome::Withdrawn, None, rooms);
        let State::Forwarding(f) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.stop_ringing(rooms);
        if !matches!(f.stage, Stage::Apology(_)) {
            self.forward_ended(f.to, f.since, ForwardResult::CallerLeft, None, rooms);
        }
        if let Some(t) = f.from {
            self.part(t, rooms);
        }
        self.caller_gone(cause, rooms);
    }
}

/// The line knows a way there.
pub(crate) fn can_forward(to: &str, rooms: &Rooms) -> bool {
    rooms.settings.forwards.get(to).is_some_and(|f| rooms.trunks.leads(&f.trunk, rooms.now))
}
