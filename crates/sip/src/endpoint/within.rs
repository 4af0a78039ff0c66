//! Requests within a dialog (RFC 3261 section 12.2.2). The tags, which are random, say whose they are.

use super::session::State;
use super::{Endpoint, SessionId, wire};
use crate::message::{Message, Method};
use crate::{Flow, Transport};
use senim_base::Instant;

impl Endpoint {
    /// The session that a message of the peer belongs to.
    pub(super) fn session_of(&self, message: &Message) -> Option<SessionId> {
        let to = message.to().ok()?;
        let key = (message.header("Call-ID")?.to_owned(), to.tag()?.to_owned());
        let id = *self.by_dialog.get(&key)?;
        let from = message.from().ok()?;
        self.sessions.get(&id)?.dialog.is_peer(from.tag().unwrap_or_default()).then_some(id)
    }

    pub(super) fn within(&mut self, flow: Flow, request: &Message, method: &Method, now: Instant) {
        let Some(id) = self.session_of(request) else {
            self.refuse(flow, request, 481, &[]);
            return;
        };
        self.trust(flow);
        self.follow(id, flow);
        let fresh = match (self.sessions.get_mut(&id), request.cseq()) {
            (Some(session), Ok((number, _))) => session.dialog.in_order(number),
            _ => false,
        };
        if !fresh {
            self.answer(flow, request, 500, &[("Retry-After", "1")], now);
            return;
        }
        match method {
            Method::Bye => self.bye_received(id, flow, request, now),
            Method::Invite | Method::Update => self.reoffered(id, flow, request, now),
            Method::Info => {
                self.answer(flow, request, 200, &[], now);
                self.info(id, request);
            }
            Method::Options => {
                let headers = [("Allow", wire::ALLOW), ("Accept", wire::SDP)];
                self.answer(flow, request, 200, &headers, now);
            }
            Method::Refer => self.refer(id, flow, request, now),
            Method::Notify => self.notified(id, flow, request, now),
            _ => self.answer(flow, request, 405, &[("Allow", wire::ALLOW)], now),
        }
    }

    /// A phone behind a NAT changes its port, or its connection broke and it opened another: follow it. An address
    /// that is not the session's is answered, not followed.
    fn follow(&mut self, id: SessionId, flow: Flow) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let same_host =
            session.flow.transport == flow.transport && session.flow.remote.ip() == flow.remote.ip();
        let settled = matches!(session.state, State::Accepted | State::Confirmed);
        if settled
            && (same_host || (session.flow.transport != Transport::Udp && session.flow.connection == 0))
        {
            session.flow = flow;
        }
    }
}
