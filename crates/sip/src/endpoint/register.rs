//! REGISTER: the guard decides who, the registrar where (FEATURES D2).

use super::{Endpoint, Event};
use crate::Flow;
use crate::message::Message;
use crate::registrar::{Change, RegisterReply};
use senim_base::Instant;

impl Endpoint {
    pub(super) fn register(&mut self, flow: Flow, request: &Message, now: Instant) {
        if let Some(reply) = self.registrar.repeated(request, flow, now) {
            self.reply(flow, request, &reply);
        } else if let Some(who) = self.prove(flow, request, now) {
            let reply = self.registrar.register(&who, request, flow, now);
            self.reply(flow, request, &reply);
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
