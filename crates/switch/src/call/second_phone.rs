//! A second phone of the consultant's comes into his talk: it takes the first one's place (INVITE with Replaces, RFC
//! 3891), or joins it (Join, RFC 3911) and hears and is heard beside it. Whose phone it is, the endpoint has seen to.

use super::consult::{Own, SecondCall};
use super::{Call, State, Talking, dial::Refused};
use crate::facts::Party;
use crate::rooms::Rooms;
use senim_base::LegId;
use senim_sip::SessionId;

/// A second phone on its way into the talk, or in it.
#[derive(Debug)]
pub(crate) struct SecondPhone {
    pub(super) own: Own,
    /// It takes the first one's place.
    replaces: bool,
    /// It is in the talk.
    pub(super) in_talk: bool,
}

impl Call {
    /// An INVITE names the session of a consultant's leg. `Err`: the status to refuse it with, and why.
    pub(crate) fn second_phone(
        &mut self,
        named: SessionId,
        replaces: bool,
        second: &SecondCall<'_>,
        rooms: &mut Rooms,
    ) -> Result<(), (u16, &'static str)> {
        let State::Talking(t) = &mut self.state else { return Err((481, "nobody talks there")) };
        if t.leg.session != Some(named) {
            return Err((481, "no consultant talks there"));
        }
        if t.second.is_some() {
            return Err((486, "two phones are in the talk already"));
        }
        let own = Own::knock(self.id, Party::Consultant(t.consultant), second, rooms)?;
        t.second = Some(SecondPhone { own, replaces, in_talk: false });
        Ok(())
    }

    /// Its port is open: it is in the talk.
    pub(super) fn second_phone_comes(&mut self, leg: LegId, rooms: &mut Rooms) {
        let id = self.id;
        let State::Talking(t) = &mut self.state else { return };
        let Some(second) = t.second.as_mut().filter(|s| s.own.leg.id == leg && !s.in_talk) else { return };
        second.in_talk = true;
        second.own.accept(id, self.recording.as_mut(), rooms);
        if second.replaces {
            self.first_phone_leaves(rooms);
        }
        self.join(rooms);
        self.guard_consultant(rooms);
    }

    /// The second phone is the consultant's only one from now on. `false`: there is none in the talk.
    pub(super) fn first_phone_leaves(&mut self, rooms: &mut Rooms) -> bool {
        let id = self.id;
        let State::Talking(t) = &mut self.state else { return false };
        let Some(second) = t.second.take_if(|s| s.in_talk) else { return false };
        let first = core::mem::replace(&mut t.leg, second.own.leg);
        t.held = t.leg.holds_us();
        first.close(id, rooms);
        true
    }

    /// Somebody beside caller and consultant is gone: the second phone, or whoever was asked aside.
    pub(super) fn beside_gone(&mut self, leg: LegId, rooms: &mut Rooms) {
        if !self.second_phone_leaves(leg, rooms) {
            self.aside_gone(leg, rooms);
        }
    }

    /// The same, before it was answered.
    pub(super) fn beside_rejected(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        if !self.second_phone_leaves(leg, rooms) {
            self.aside_rejected(leg, refused, rooms);
        }
    }

    /// The second phone is gone, or could not come. `false`: this leg is not its.
    pub(super) fn second_phone_leaves(&mut self, leg: LegId, rooms: &mut Rooms) -> bool {
        let State::Talking(Talking { second, .. }) = &mut self.state else { return false };
        let Some(second) = second.take_if(|s| s.own.leg.id == leg) else { return false };
        second.own.end(self.id, second.in_talk, None, rooms);
        self.join(rooms);
        true
    }
}
