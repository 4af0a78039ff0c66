//! The call ends: whoever hung up, every leg is closed, every port given back, one final state written (FEATURES P2).

use super::{Call, State, dial::Refused};
use crate::facts::{Disposition, EndCause, Fact, ms};
use crate::rooms::{Rooms, Wake};
use senim_base::LegId;
use senim_media::Order;
use senim_sip::Rejection;

impl Call {
    /// A party left: by itself, or because its signalling or its sound was lost.
    pub(super) fn on_party_gone(&mut self, leg: LegId, cause: EndCause, rooms: &mut Rooms) {
        match &self.state {
            State::Over => {}
            State::Opening(_) | State::Script | State::Feature(_) if leg == self.caller_leg => {
                self.caller_gone(cause, rooms);
            }
            State::Waiting(_) if leg == self.caller_leg => self.abandon(cause, rooms),
            State::Waiting(_) => {
                self.consultant_declines(leg, Refused::unheard(Rejection::Transport), rooms);
            }
            State::Talking(_) if leg == self.caller_leg => self.caller_leaves_talk(cause, rooms),
            State::Talking(t) if t.leg.id == leg && t.second.as_ref().is_some_and(|s| s.in_talk) => {
                self.first_phone_leaves(rooms);
                self.join(rooms);
                self.guard_consultant(rooms);
            }
            State::Talking(t) if t.leg.id == leg => match (cause, &t.aside) {
                // Who leaves while somebody is asked on the same phone gives the caller to him.
                (EndCause::ConsultantHungUp, Some(aside)) if aside.own.is_none() => {
                    self.hand_over(false, rooms);
                }
                (EndCause::ConsultantHungUp, _) if t.hangs_up_unknowing(rooms.now) => {
                    self.consultant_lost(cause, rooms);
                }
                (EndCause::ConsultantHungUp, _) => self.consultant_leaves_talk(cause, rooms),
                _ => self.consultant_lost(cause, rooms),
            },
            State::Talking(_) => self.beside_gone(leg, rooms),
            State::Transferring(_) => self.left_transferring(leg, cause, rooms),
            State::Forwarding(_) => self.left_forwarding(leg, cause, rooms),
            State::Forwarded(l) if leg == self.caller_leg || l.id == leg => {
                self.left_forwarded(leg, cause, rooms);
            }
            State::Direct(_) => self.left_direct(leg, cause, rooms),
            _ => {}
        }
    }

    fn caller_leaves_talk(&mut self, cause: EndCause, rooms: &mut Rooms) {
        let State::Talking(t) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.part(t, rooms);
        self.caller_gone(cause, rooms);
    }

    fn consultant_leaves_talk(&mut self, cause: EndCause, rooms: &mut Rooms) {
        let State::Talking(t) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.part(t, rooms);
        self.hang_up(cause, rooms);
    }

    fn left_forwarded(&mut self, leg: LegId, cause: EndCause, rooms: &mut Rooms) {
        let State::Forwarded(other) = core::mem::replace(&mut self.state, State::Script) else { return };
        if leg == self.caller_leg {
            other.close(self.id, rooms);
            self.caller_gone(cause, rooms);
        } else {
            other.closed(self.id, rooms);
            let cause = if cause == EndCause::ConsultantHungUp { EndCause::ForwardHungUp } else { cause };
            self.hang_up(cause, rooms);
        }
    }

    /// The caller's side is over already, or must be told that it is.
    pub(super) fn caller_gone(&mut self, cause: EndCause, rooms: &mut Rooms) {
        if let Some(caller) = self.caller.take() {
            match cause {
                EndCause::CallerHungUp => caller.closed(self.id, rooms),
                _ => caller.close(self.id, rooms),
            }
        }
        self.finish(cause, rooms);
    }

    /// We end it: the caller's side gets a BYE.
    pub(super) fn hang_up(&mut self, cause: EndCause, rooms: &mut Rooms) {
        if let Some(caller) = self.caller.take() {
            caller.close(self.id, rooms);
        }
        self.finish(cause, rooms);
    }

    /// An operator ends the call, whatever it is doing.
    pub(crate) fn end_by_operator(&mut self, rooms: &mut Rooms) {
        self.on_party_gone(self.caller_leg, EndCause::LineStopped, rooms);
    }

    /// The last fact about a call.
    pub(super) fn finish(&mut self, cause: EndCause, rooms: &mut Rooms) {
        if let State::Feature(f) = &self.state {
            rooms.queue_inputs.push_back(senim_queue::Input::Busy { id: f.consultant, yes: false });
        }
        for wake in [Wake::Script, Wake::NoProgress, Wake::RungOut] {
            rooms.timers.cancel((self.id, wake));
        }
        if let Some(recording) = self.recording.take() {
            rooms.order(self.id, Order::StopRecording { recording: recording.id });
        }
        rooms.order(self.id, Order::CloseSession);
        rooms.engaged.retain(|_, call| *call != self.id);
        if let Some(trunk) = self.trunk.take() {
            rooms.trunks.left(&trunk);
        }
        if self.answered || cause != EndCause::OurFault {
            let disposition = self.run.take().map(|_| ()).or(self.place.as_ref().map(|_| ()));
            let disposition =
                (disposition.is_some() || self.marks.served || self.blocked).then(|| self.disposition(cause));
            rooms.totals.abandoned += u64::from(disposition == Some(Disposition::Abandoned));
            let length_ms = ms(rooms.now.since(self.born));
            self.fact(Fact::Ended { cause, disposition, length_ms }, rooms);
        }
        self.state = State::Over;
        rooms.over.push(self.id);
    }

    fn disposition(&self, cause: EndCause) -> Disposition {
        if self.marks.served {
            Disposition::Served
        } else if matches!(cause, EndCause::OurFault | EndCause::NoCommonSound | EndCause::LineStopped) {
            Disposition::Failed
        } else if self.marks.queued {
            Disposition::Abandoned
        } else {
            Disposition::LeftInScript
        }
    }
}
