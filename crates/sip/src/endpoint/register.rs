//! REGISTER: the guard decides who, the registrar where (FEATURES D2).

use super::{Endpoint, Event};
use crate::Flow;
use crate::guard::Verdict;
use crate::message::Message;
use crate::registrar::Change;
use senim_base::Instant;

impl Endpoint {
    pub(super) fn register(&mut self, flow: Flow, request: &Message, now: Instant) {
        if !self.settings.accept_users {
            self.refuse(flow, request, 403, &[]);
            return;
        }
        match self.guard.check(request, flow.remote.ip(), now) {
            Verdict::Authenticated(who) => {
                self.trust(flow);
                let reply = self.registrar.register(&who, request, flow, now);
                let headers: Vec<_> =
                    reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                self.answer(flow, request, reply.status, &headers, now);
            }
            Verdict::Challenge { headers } => self.challenge(flow, request, &headers),
            Verdict::Forbidden => self.refuse(flow, request, 403, &[]),
        }
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
