//! Requests within a dialog (RFC 3261 section 12.2.2). The tags, which are random, say which dialog; the flow says
//! whether it is the dialog's peer who speaks (RFC 5626 section 1): who merely has read the tags somewhere achieves
//! nothing.

use super::session::{Peer, State};
use super::{Endpoint, SessionId, wire};
use crate::guard::Verdict;
use crate::message::{Message, Method};
use crate::{Flow, Transport};
use senim_base::Instant;
use std::sync::Arc;

impl Endpoint {
    /// The session that a message of the peer belongs to.
    pub(super) fn session_of(&self, message: &Message) -> Option<SessionId> {
        let key = (message.call_id().to_owned(), message.tag_in_to()?.to_owned());
        let id = *self.by_dialog.get(&key)?;
        self.sessions.get(&id)?.dialog.is_peer(message.tag_in_from().unwrap_or_default()).then_some(id)
    }

    pub(super) fn within(&mut self, flow: Flow, request: &Arc<Message>, method: &Method, now: Instant) {
        let Some(id) = self.session_of(request) else {
            self.charge(flow, now);
            self.refuse(flow, request, 481, &[]);
            return;
        };
        if !self.is_of_peer(id, flow) && !self.proves(id, flow, request, now) {
            return;
        }
        self.trust(flow);
        self.follow(id, flow);
        let tag = request.tag_in_from().unwrap_or_default();
        let fresh = match (self.sessions.get_mut(&id), request.cseq_number()) {
            (Some(session), Some(number)) => session.dialog_with(tag).in_order(number),
            _ => false,
        };
        if !fresh {
            self.answer(flow, request, 500, &[("Retry-After", "1")], now);
            return;
        }
        match method {
            Method::Bye => self.bye_received(id, flow, request, now),
            Method::Invite | Method::Update => self.reoffered(id, flow, request, now),
            Method::Prack => self.prack_received(id, flow, request, now),
            Method::Info => {
                self.answer(flow, request, 200, &[], now);
                self.info(id, request);
            }
            Method::Options => {
                self.answer(flow, request, 200, &wire::CAPABILITIES, now);
            }
            Method::Refer => self.refer(id, flow, request, now),
            Method::Notify => self.notified(id, flow, request, now),
            Method::Subscribe => self.subscribed(id, flow, request, now),
            _ => self.answer(flow, request, 405, &[("Allow", wire::ALLOW)], now),
        }
    }

    /// Whether this is the dialog's own flow, or another of the same trunk. Of a peer that was called by his mere
    /// address, the address is all there is to know.
    pub(super) fn is_of_peer(&self, id: SessionId, flow: Flow) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        session.flow == flow
            || match &session.peer {
                Peer::Trunk(name) => self.trunk_of(flow).as_ref() == Some(name),
                Peer::User(_) => false,
                Peer::Address => session.flow.remote.ip() == flow.remote.ip(),
            }
    }

    /// An ACK or a CANCEL cannot be asked for a password. When the dialog's connection is gone, they may come on
    /// another from the same host.
    pub(super) fn may_be_of_peer(&self, id: SessionId, flow: Flow) -> bool {
        let reopened = self.sessions.get(&id).is_some_and(|s| {
            s.flow.transport != Transport::Udp
                && s.flow.connection == 0
                && s.flow.transport == flow.transport
                && s.flow.remote.ip() == flow.remote.ip()
        });
        reopened || self.is_of_peer(id, flow)
    }

    /// An ACK of a user's phone may come from another port of its host: a NAT gave it one between our 200 and here. It
    /// names both tags, which are random; who has read them on the way could as well have written the port.
    pub(super) fn may_acknowledge(&self, id: SessionId, flow: Flow) -> bool {
        let moved = self.sessions.get(&id).is_some_and(|s| {
            matches!(s.peer, Peer::User(_))
                && flow.transport == Transport::Udp
                && Flow { remote: flow.remote, ..s.flow } == flow
                && s.flow.remote.ip() == flow.remote.ip()
        });
        moved || self.may_be_of_peer(id, flow)
    }

    /// A user whose phone has another address or connection now proves that it is he; then the dialog goes on there.
    /// Anybody else is refused here.
    fn proves(&mut self, id: SessionId, flow: Flow, request: &Message, now: Instant) -> bool {
        let Some(Peer::User(name)) = self.sessions.get(&id).map(|s| s.peer.clone()) else {
            self.refuse(flow, request, 403, &[]);
            return false;
        };
        match self.guard.check(request, flow.remote.ip(), now) {
            Verdict::Authenticated(who) if who.user() == name => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.flow = flow;
                }
                return true;
            }
            Verdict::Challenge { headers } => self.challenge(flow, request, &headers),
            Verdict::Authenticated(_) | Verdict::Forbidden => self.refuse(flow, request, 403, &[]),
        }
        false
    }

    /// A trunk's connection broke and it opened another, or its port changed: follow it. Another host of the trunk is
    /// answered, not followed.
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
