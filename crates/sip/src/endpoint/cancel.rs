//! CANCEL both ways (RFC 3261 section 9): the caller gives up while the phone rings (FEATURES Q7).

use super::session::{Clock, State};
use super::{Due, Endpoint, Event, SessionId, User};
use crate::Flow;
use crate::message::Message;
use crate::transaction::timers::T64;
use crate::transaction::{Request, TxId, cancel_of};
use senim_base::Instant;
use std::sync::Arc;

impl Endpoint {
    /// The peer's CANCEL. It means something only as long as its INVITE has no final answer.
    pub(super) fn cancel(&mut self, flow: Flow, request: &Arc<Message>, now: Instant) {
        let Some((invite, user)) = self.transactions.cancelled_by(request) else {
            self.charge(flow, now);
            self.refuse(flow, request, 481, &[]);
            return;
        };
        if let User::Incoming(id) | User::Reoffered(id) = user
            && self.sessions.contains_key(&id)
            && !self.may_be_of_peer(id, flow)
        {
            self.refuse(flow, request, 481, &[]);
            return;
        }
        self.answer(flow, request, 200, &[], now);
        match user {
            User::Incoming(id) => self.caller_gave_up(id, now),
            User::Reoffered(id) => self.change_given_up(id, invite, now),
            _ => {}
        }
    }

    fn caller_gave_up(&mut self, id: SessionId, now: Instant) {
        if self.turn_down(id, 487, &[], now) {
            self.tell_end(id, Event::Cancelled { session: id });
            self.forget(id, now);
        }
    }

    fn change_given_up(&mut self, id: SessionId, tx: TxId, now: Instant) {
        if self.sessions.get(&id).and_then(|s| s.pending.as_ref()).is_some_and(|pending| pending.tx == tx) {
            self.drop_pending(id, now);
        }
    }

    /// Our CANCEL. Nothing goes out before the INVITE was heard: the CANCEL could overtake it.
    pub(super) fn give_up(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let heard = session.state == State::Early || session.state == State::Cancelling;
        session.state = State::Cancelling;
        if !heard || session.cancelled {
            return;
        }
        session.cancelled = true;
        let sent = session.invite.and_then(|tx| self.transactions.sent(tx));
        if let Some((invite, flow)) = sent
            && let Some((bytes, branch)) = cancel_of(invite)
        {
            let request = Request { flow, method: "CANCEL".into(), branch, bytes };
            self.transactions.request(request, User::Nobody, now);
        }
        self.timers.set(Due::Session(id, Clock::CancelGivenUp), now + T64);
    }

    /// RFC 3261 section 9.1: 64·T1 after the CANCEL, whoever did not answer the INVITE never will.
    pub(super) fn cancel_given_up(&mut self, id: SessionId) {
        let Some(session) = self.sessions.remove(&id) else { return };
        if let Some(tx) = session.invite {
            self.transactions.forget(tx);
        }
        self.by_dialog.remove(&(session.dialog.call_id, session.dialog.local_tag));
        self.stop_clocks(id);
    }
}
