//! Saying goodbye, whatever is legal at the moment (RFC 3261 section 15).

use super::session::State;
use super::{Ending, Endpoint, Event, SessionId, User};
use crate::Flow;
use crate::message::{Message, Method};
use crate::transaction::Request;
use senim_base::Instant;
use std::sync::Arc;

impl Endpoint {
    /// Ends a session: a refusal for a call that waits for our answer, CANCEL for one of ours that rings, BYE for one
    /// that stands, after its ACK if that is still on the way. Tells [`Event::Ended`] at once; the wire follows by
    /// itself. `reason` is the value of a Reason header (RFC 3326). Ignored for a session that is over.
    pub fn hang_up(&mut self, session: SessionId, reason: Option<&str>, now: Instant) {
        let Some(state) = self.sessions.get(&session).filter(|s| !s.over).map(|s| s.state) else { return };
        if state == State::Incoming {
            let headers: Vec<_> = reason.map(|reason| ("Reason", reason)).into_iter().collect();
            self.turn_down(session, 480, &headers, now);
        }
        self.tell_end(session, Event::Ended { session, ending: Ending::LocalBye });
        match state {
            State::Incoming => self.forget(session, now),
            State::Calling | State::Early => self.give_up(session, now),
            // RFC 3261 section 15: the callee may not say BYE before the ACK.
            State::Accepted => {
                if let Some(s) = self.sessions.get_mut(&session) {
                    s.leaving = Some(reason.map(str::to_owned));
                }
            }
            State::Confirmed => self.bye(session, reason, now),
            State::Cancelling | State::Leaving => {}
        }
    }

    /// Sends BYE. The session is forgotten when it is answered, or never was.
    pub(super) fn bye(&mut self, id: SessionId, reason: Option<&str>, now: Instant) {
        self.drop_pending(id, now);
        self.end_referral(id, now);
        self.settle_debt(id);
        self.stop_clocks(id);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = State::Leaving;
            session.ok = None;
            session.reoffer = None;
            session.errands.clear();
            session.asking = false;
            session.authorization = None;
        }
        self.send_bye(id, reason, now);
    }

    fn send_bye(&mut self, id: SessionId, reason: Option<&str>, now: Instant) {
        let branch = self.branch();
        let Some((flow, via)) = self.sessions.get(&id).map(|s| (s.flow, self.via(s.flow, &branch))) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let cseq = session.dialog.next_cseq();
        let mut builder = session.dialog.request(&Method::Bye, cseq, &via);
        if let Some((name, value)) = &session.authorization {
            builder = builder.header(name, value);
        }
        if let Some(reason) = reason {
            builder = builder.header("Reason", reason);
        }
        let bytes = self.settings.sign(builder).finish();
        let request = Request { flow, method: "BYE".into(), branch, bytes };
        if self.transactions.request(request, User::Bye(id), now).is_none() {
            self.forget(id, now);
        }
    }

    /// Any answer to BYE ends it; one challenge is met.
    pub(super) fn bye_answered(&mut self, id: SessionId, response: &Message, now: Instant) {
        if self.authorize(id, response, &Method::Bye) {
            self.send_bye(id, None, now);
        } else {
            self.forget(id, now);
        }
    }

    /// The peer's BYE.
    pub(super) fn bye_received(&mut self, id: SessionId, flow: Flow, request: &Arc<Message>, now: Instant) {
        self.answer(flow, request, 200, &[], now);
        let Some(state) = self.sessions.get(&id).map(|s| s.state) else { return };
        let ended = Event::Ended { session: id, ending: Ending::RemoteBye };
        match state {
            // A caller may end an early dialog by BYE; the INVITE still wants its answer.
            State::Incoming => {
                self.turn_down(id, 487, &[], now);
                self.tell_end(id, Event::Cancelled { session: id });
                self.forget(id, now);
            }
            // The BYE overtook the 200 that it belongs to: when that comes, it is acknowledged and given up.
            State::Calling | State::Early => {
                self.tell_end(id, ended);
                self.give_up(id, now);
            }
            State::Accepted | State::Confirmed => {
                self.tell_end(id, ended);
                self.forget(id, now);
            }
            // Goodbyes crossed, or will.
            State::Cancelling | State::Leaving => {}
        }
    }
}
