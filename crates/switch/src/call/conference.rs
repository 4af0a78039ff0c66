//! Who hears whom while caller and consultant talk, drawn from what is true: two of them, one asked aside, or all of
//! them together. This is the only place that joins the legs of a talk.

use super::{Call, State, Talking};
use crate::facts::Fact;
use crate::rooms::Rooms;
use senim_base::LegId;
use senim_media::Order;

impl Call {
    /// Everybody hears whom he is to hear; a caller who waits hears music.
    pub(super) fn join(&mut self, rooms: &mut Rooms) {
        let (id, caller) = (self.id, self.caller_leg);
        let State::Talking(t) = &mut self.state else { return };
        t.telling.clear();
        let consultant = t.leg.id;
        let rows = rows(caller, t);
        // By his own phone's hold, or by the code, the consultant has turned away from the caller.
        let turned_away = t.aside.as_ref().is_some_and(|a| a.own.is_none() && !a.conference);
        let held = t.held && t.second.is_none() && t.aside.as_ref().is_none_or(|a| !a.conference);
        let waits = turned_away || held;
        let rings = t.aside.as_ref().is_some_and(|a| a.own.is_none() && !a.answered);
        rooms.order(id, Order::Mix { rows });
        if waits {
            rooms.loop_common(id, caller, "music");
        }
        if rings {
            rooms.loop_common(id, consultant, "tone.ring");
        }
    }

    /// The consultant keys the code: all three together, or the one he asked alone again.
    pub(super) fn conference_key(&mut self, rooms: &mut Rooms) {
        let State::Talking(Talking { consultant, aside: Some(aside), .. }) = &mut self.state else {
            return self.tell_consultant("consultant_refused", rooms);
        };
        if !aside.answered {
            return self.tell_consultant("consultant_refused", rooms);
        }
        aside.conference = !aside.conference;
        let by = *consultant;
        let fact = if aside.conference { Fact::ConferenceBegan { by } } else { Fact::ConferenceEnded { by } };
        self.fact(fact, rooms);
        self.join(rooms);
    }
}

/// The matrix of a talk. All phones of the consultant's are one mouth and one ear: they never hear each other.
fn rows(caller: LegId, t: &Talking) -> Vec<(LegId, Vec<LegId>)> {
    let mut his = t.phones();
    let Some(aside) = &t.aside else { return between(&[&[caller], &his]) };
    let asked = [aside.leg.id];
    let own = aside.own.as_ref().map(|own| own.leg.id);
    if aside.conference {
        his.extend(own);
        return between(&[&[caller], &his, &asked]);
    }
    match own {
        Some(own) => [between(&[&[caller], &his]), between(&[&[own], &asked])].concat(),
        None => [between(&[&[caller]]), between(&[&his, &asked])].concat(),
    }
}

/// Each leg of a party hears all legs of all other parties.
fn between(parties: &[&[LegId]]) -> Vec<(LegId, Vec<LegId>)> {
    let mut rows = Vec::new();
    for (n, party) in parties.iter().enumerate() {
        let others = parties.iter().enumerate().filter(|(m, _)| *m != n);
        let mouths: Vec<LegId> = others.flat_map(|(_, other)| other.iter().copied()).collect();
        rows.extend(party.iter().map(|ear| (*ear, mouths.clone())));
    }
    rows
}
