//! The caller is sent on to another centre: he hears so first (FEATURES X1), then it is dialled; when nobody
//! answers there he comes back to his consultant, or to the front of the queue, with a word of apology.

use super::{Call, State, Talking, leg::Leg};
use crate::facts::{Author, EndCause, Fact, ForwardResult, Party, ms};
use crate::rooms::{Rooms, Wake};
use senim_base::{Instant, LegId, PlayId};
use senim_sdp::Direction;
use senim_sip::Outgoing;

/// The name under which the configuration knows the Unified Contact Centre.
pub(crate) const UCC: &str = "ucc";

/// A forward under way.
#[derive(Debug)]
pub(crate) struct Forwarding {
    to: String,
    stage: Stage,
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

    pub(super) fn called_leg(&self) -> Option<LegId> {
        self.leg.as_ref().map(|l| l.id)
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

    /// Takes a port for the other centre's leg; both who wait hear the ring tone.
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
        let peer = rooms
            .settings
            .forwards
            .get(to)
            .and_then(|f| rooms.trunks.out(&f.trunk))
            .map(|(_, flow)| flow.remote.ip());
        forwarding.leg = peer.and_then(|ip| Leg::open(self.id, Party::Forward, ip, rooms));
        let failed = forwarding.leg.is_none();
        rooms.loop_common(self.id, self.caller_leg, "tone.ring");
        if let Some(leg) = forwarding.consultant_leg() {
            rooms.loop_common(self.id, leg, "tone.ring");
        }
        self.state = State::Forwarding(forwarding);
        if failed {
            self.forward_failed(ForwardResult::Failed, None, rooms);
        }
    }

    /// The leg has its port: dial.
    pub(super) fn dial_forward(&mut self, leg: LegId, rooms: &mut Rooms) {
        let id = self.id;
        let State::Forwarding(f) = &mut self.state else { return };
        let Some(l) = f.leg.as_mut().filter(|l| l.id == leg) else { return };
        let Some(to) = rooms.settings.forwards.get(&f.to).cloned() else { return };
        let sdp = l.sdp.offer(Direction::SendRecv);
        let invited = rooms.trunks.out(&to.trunk).map(|(trunk, flow)| {
            let uri = format!("sip:{}@{}", to.number, trunk.host);
            let outgoing = Outgoing {
                flow,
                to: format!("<{uri}>"),
                uri,
                from: format!("<sip:111@{}>", trunk.host),
                headers: Vec::new(),
                sdp: Some(sdp),
                credentials: trunk.credentials.clone(),
            };
            (trunk.name.clone(), outgoing)
        });
        let session = invited.and_then(|(name, outgoing)| {
            let session = rooms.sip.invite(outgoing, rooms.now).ok()?;
            rooms.trunks.carry(&name);
            self.out_trunk = Some(name);
            Some(session)
        });
        match session {
            Some(session) => {
                l.attach(id, session, rooms);
                rooms.timers.set((id, Wake::NoProgress), rooms.now + rooms.settings.progress_max);
                rooms.timers.set((id, Wake::RungOut), rooms.now + to.ring);
            }
            None => self.forward_failed(ForwardResult::Failed, None, rooms),
        }
    }

    pub(super) fn on_rung_out(&mut self, rooms: &mut Rooms) {
        if matches!(&self.state, State::Forwarding(f) if matches!(f.stage, Stage::Dialling)) {
            self.forward_failed(ForwardResult::NoAnswer, None, rooms);
        }
    }

    pub(super) fn forward_rejected(&mut self, leg: LegId, status: u16, rooms: &mut Rooms) {
        if !matches!(&self.state, State::Forwarding(f) if f.called_leg() == Some(leg)) {
            return;
        }
        self.forward_failed(ForwardResult::of(status), (status != 0).then_some(status), rooms);
    }

    pub(super) fn forward_answered(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let State::Forwarding(f) = &mut self.state else { return };
        let Some(l) = f.leg.as_mut().filter(|l| l.id == leg) else { return };
        if l.final_answer(id, sdp, rooms).is_err() {
            self.forward_failed(ForwardResult::Failed, None, rooms);
            return;
        }
        let State::Forwarding(f) = core::mem::replace(&mut self.state, State::Script) else { return };
        let Some(mut leg) = f.leg else { return };
        self.stop_dialling(rooms);
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
    fn forward_failed(&mut self, result: ForwardResult, status: Option<u16>, rooms: &mut Rooms) {
        let State::Forwarding(mut f) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.stop_dialling(rooms);
        self.leave_out_trunk(rooms);
        if let Some(leg) = f.leg.take() {
            leg.close(self.id, rooms);
        }
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

    fn stop_dialling(&mut self, rooms: &mut Rooms) {
        rooms.timers.cancel((self.id, Wake::NoProgress));
        rooms.timers.cancel((self.id, Wake::RungOut));
    }

    /// The caller pressed the urgent key while the other centre was being dialled: it is dialled no longer.
    pub(super) fn give_up_forward(&mut self, rooms: &mut Rooms) {
        if !matches!(self.state, State::Forwarding(_)) {
            return;
        }
        let State::Forwarding(f) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.stop_dialling(rooms);
        self.leave_out_trunk(rooms);
        if let Some(leg) = f.leg {
            leg.close(self.id, rooms);
        }
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
            self.forward_rejected(leg, 0, rooms);
            return;
        }
        let State::Forwarding(f) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.stop_dialling(rooms);
        if !matches!(f.stage, Stage::Apology(_)) {
            self.forward_ended(f.to, f.since, ForwardResult::CallerLeft, None, rooms);
        }
        if let Some(leg) = f.leg {
            leg.close(self.id, rooms);
        }
        if let Some(t) = f.from {
            self.part(t, rooms);
        }
        self.caller_gone(cause, rooms);
    }
}

/// The line knows a way there.
pub(crate) fn can_forward(to: &str, rooms: &Rooms) -> bool {
    rooms.settings.forwards.get(to).is_some_and(|f| rooms.trunks.out(&f.trunk).is_some())
}
