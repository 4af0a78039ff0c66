//! REGISTER: the guard decides who, the registrar where (FEATURES D2).

use super::session::{Peer, Session};
use super::{Endpoint, Event, SessionId};
use crate::Flow;
use crate::message::Message;
use crate::registrar::{Change, Handset, RegisterReply};
use senim_base::Instant;

impl Endpoint {
    pub(super) fn register(&mut self, flow: Flow, request: &Message, now: Instant) {
        if let Some(reply) = self.registrar.repeated(request, flow, now) {
            self.reply(flow, request, &reply);
        } else if let Some(who) = self.prove(flow, request, now) {
            let before = self.registrar.elsewhere(who.user(), flow);
            let reply = self.registrar.register(&who, request, flow, now);
            self.reply(flow, request, &reply);
            self.come_along(who.user(), flow, &before);
        }
    }

    /// Talks of a phone that is on another flow now go on there: its old connection died, or is about to.
    fn come_along(&mut self, user: &str, flow: Flow, before: &[(Flow, Handset)]) {
        let registrar = &self.registrar;
        let here =
            |handset: &Handset| registrar.bindings(user).iter().any(|b| b.flow == flow && handset.is(b));
        let left = before.iter().filter(|(old, h)| here(h) && !registrar.is_at(user, *old));
        let left: Vec<Flow> = left.map(|(old, _)| *old).collect();
        let own = (user.to_owned(), SessionId(0))..=(user.to_owned(), SessionId(u64::MAX));
        let parted = self.parted.range(own).filter(|(_, h)| here(h));
        let parted: Vec<_> = parted.map(|(key, _)| key.clone()).collect();
        if !left.is_empty() {
            let his = |s: &&mut Session| matches!(&s.peer, Peer::User(name) if name == user);
            let sessions = self.sessions.values_mut().filter(his);
            sessions.filter(|s| left.contains(&s.flow)).for_each(|s| s.come_to(flow));
        }
        for key in parted {
            self.parted.remove(&key);
            if let Some(session) = self.sessions.get_mut(&key.1) {
                session.come_to(flow);
            }
        }
    }

    /// A connection ended: which phone each of its talks was with.
    pub(super) fn part(&mut self, flow: Flow) {
        for (id, session) in self.sessions.iter().filter(|(_, s)| s.flow == flow) {
            if let Peer::User(user) = &session.peer
                && let Some(handset) = self.registrar.handset(user, flow)
            {
                self.parted.insert((user.clone(), *id), handset);
            }
        }
    }

    /// No transaction: the registrar itself knows a copy of what it granted, and a refusal is refused again.
    fn reply(&mut self, flow: Flow, request: &Message, reply: &RegisterReply) {
        let headers: Vec<_> = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.refuse(flow, request, reply.status, &headers);
    }

    /// 401 with the guard's challenges, best first.
    pub(super) fn challenge(&mut self, flow: Flow, request: &Message, headers: &[(&'static str, String)]) {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.refuse(flow, request, 401, &headers);
    }

    /// Passes on who came and who went.
    pub(super) fn tell_registrations(&mut self) {
        while let Some(change) = self.registrar.poll() {
            self.tell(match change {
                Change::Registered { user } => Event::Registered { user },
                Change::Unregistered { user, cause } => Event::Unregistered { user, cause },
            });
        }
    }
}
