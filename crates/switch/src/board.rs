//! The live board, drawn from the calls and the queue as they stand.

use crate::api::{Board, ConsultantRow, MediaRow, TalkingRow, Totals, TrunkRow, WaitingRow};
use crate::call::State;
use crate::facts::{Doing, ms};
use crate::switch::Switch;
use senim_base::{ConsultantId, Instant};

impl Switch {
    /// A picture of the line now.
    pub fn board(&self) -> Board {
        let now = self.rooms.now;
        Board {
            in_script: self.count(|s| matches!(s, State::Script)),
            waiting: self.waiting_rows(now),
            talking: self.talking_rows(now),
            forwarded: self
                .count(|s| matches!(s, State::Transferring(_) | State::Forwarding(_) | State::Forwarded(_))),
            consultants: self.consultant_rows(),
            trunks: self
                .rooms
                .trunks
                .rows()
                .map(|(name, alive, calls, refused)| TrunkRow {
                    name: name.to_owned(),
                    alive,
                    calls,
                    refused,
                })
                .collect(),
            registrations: self.rooms.registrations.rows(&self.rooms.sip, now),
            totals: self.totals(),
            media: self.media_row(),
            seq: self.rooms.books.seq(),
            draining: self.draining.is_some(),
        }
    }

    fn media_row(&self) -> MediaRow {
        let capacity = &self.rooms.capacity;
        let load = capacity.load();
        MediaRow {
            workers: load.workers,
            busy_per_mille: load.busiest / 1_000,
            late_us: u64::try_from(load.late.as_micros()).unwrap_or(u64::MAX),
            ring_per_mille: load.ring,
            calls_fit: capacity.calls(),
            full: capacity.is_full().map(|full| full.why().to_owned()),
        }
    }

    /// What was counted here, and what the endpoint counted.
    fn totals(&self) -> Totals {
        let passwords = self.rooms.sip.passwords();
        Totals {
            sip_silenced: self.rooms.sip.silenced().0,
            passwords_wrong: passwords.failed,
            passwords_unheard: passwords.unheard,
            ..self.rooms.totals.clone()
        }
    }

    fn waiting_rows(&self, now: Instant) -> Vec<WaitingRow> {
        let snapshot = self.queue.snapshot();
        let rows = snapshot.waiting.iter().zip(1u32..).filter_map(|(w, position)| {
            let call = self.calls.get(&w.caller.call)?;
            let place = call.place.as_ref()?;
            let ringing = match &call.state {
                State::Waiting(waiting) => waiting.ringing.as_ref().map(|r| self.login(r.consultant)),
                _ => None,
            };
            Some(WaitingRow {
                call: call.id,
                position,
                language: place.language,
                topic: place.topic.clone(),
                priority: place.priority,
                waited_ms: ms(now.since(place.since)),
                ringing,
            })
        });
        rows.collect()
    }

    fn talking_rows(&self, now: Instant) -> Vec<TalkingRow> {
        let rows = self.calls.values().filter_map(|call| {
            let State::Talking(t) = &call.state else { return None };
            Some(TalkingRow {
                call: call.id,
                consultant: self.login(t.consultant),
                language: call.language(),
                talked_ms: ms(now.since(t.since)),
                on_hold: t.held,
                appeal: self.rooms.books.appeals().appeals_of(call.id).last().map(ToString::to_string),
                caller_sound: call.caller.as_ref().map(|l| l.sound.row()).unwrap_or_default(),
                consultant_sound: t.leg.sound.row(),
            })
        });
        rows.collect()
    }

    pub(crate) fn consultant_rows(&self) -> Vec<ConsultantRow> {
        let now = self.rooms.now;
        let rows = self.rooms.books.people().map(|p| {
            let (doing, since) = self.doing.get(&p.id).cloned().unwrap_or((Doing::SignedOut, now));
            ConsultantRow {
                id: p.id,
                login: p.login.clone(),
                name: p.name.clone(),
                languages: p.languages.clone(),
                skills: p.skills.clone(),
                doing,
                since_ms: ms(now.since(since)),
                reachable: !self.rooms.sip.bindings(&p.login).is_empty(),
            }
        });
        rows.collect()
    }

    fn login(&self, id: ConsultantId) -> String {
        self.rooms.books.person(id).map(|p| p.login.clone()).unwrap_or_default()
    }
}
