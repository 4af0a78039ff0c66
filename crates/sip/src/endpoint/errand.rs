//! Errands: requests of ours within a dialog that neither begin nor end it (NOTIFY, REFER and the like). Each is
//! sent once, a challenge met on the way is answered once, and its outcome goes to the file of its verb.

use super::session::State;
use super::{Endpoint, SessionId, User};
use crate::message::{Message, Method};
use crate::transaction::{News, Request};
use senim_base::Instant;

/// Errands of one session under way at once. One more is not sent, as if the wire had failed.
pub(super) const ERRANDS_MAX: usize = 16;

/// What an errand is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Task {
    /// Reports on the peer's REFER of this number.
    Report(u32),
    /// Our own REFER.
    Refer,
    /// Acknowledges a reliable provisional answer.
    Prack,
    /// Offers other media before the call is answered.
    Update,
    /// Refreshes the session.
    Refresh,
}

impl Task {
    fn method(self) -> Method {
        match self {
            Task::Report(_) => Method::Notify,
            Task::Refer => Method::Refer,
            Task::Prack => Method::Prack,
            Task::Update | Task::Refresh => Method::Update,
        }
    }
}

/// A request of ours, until it is answered.
#[derive(Clone)]
pub(super) struct Errand {
    pub(super) task: Task,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Option<(&'static str, String)>,
    /// The peer's tag, when its early dialog is meant.
    pub(super) tag: Option<String>,
    /// The answer to a challenge: it is given once.
    pub(super) authorization: Option<(String, String)>,
}

impl Errand {
    pub(super) fn new(task: Task, headers: Vec<(&'static str, String)>) -> Errand {
        Errand { task, headers, body: None, tag: None, authorization: None }
    }

    pub(super) fn with_body(mut self, kind: &'static str, body: String) -> Errand {
        self.body = Some((kind, body));
        self
    }

    /// The same within the early dialog of that tag of the peer.
    pub(super) fn within(mut self, tag: String) -> Errand {
        self.tag = Some(tag);
        self
    }
}

impl Endpoint {
    /// Sends it. One that cannot be sent has the outcome of a broken wire at once.
    pub(super) fn send_errand(&mut self, id: SessionId, errand: Errand, now: Instant) {
        let task = errand.task;
        if self.try_errand(id, errand, now).is_none() {
            self.errand_done(id, task, 503, None, now);
        }
    }

    fn try_errand(&mut self, id: SessionId, errand: Errand, now: Instant) -> Option<()> {
        let branch = self.branch();
        let session = self.sessions.get(&id).filter(|s| s.errands.len() < ERRANDS_MAX)?;
        let flow = session.flow;
        let (via, contact) = (self.via(flow, &branch), self.settings.contact(flow, session.dialog.sips));
        let session = self.sessions.get_mut(&id)?;
        let method = errand.task.method();
        let dialog = session.dialog_of(errand.tag.as_deref())?;
        let cseq = dialog.next_cseq();
        let mut builder = dialog.request(&method, cseq, &via);
        // RFC 3262 section 8: PRACK has none.
        if method != Method::Prack {
            builder = builder.header("Contact", &contact);
        }
        for (name, value) in &errand.headers {
            builder = builder.header(name, value);
        }
        if let Some((name, value)) = &errand.authorization {
            builder = builder.header(name, value);
        }
        if let Some((kind, body)) = &errand.body {
            builder = builder.body(kind, body.as_bytes());
        }
        session.last_errand += 1;
        let number = session.last_errand;
        session.errands.push((number, errand));
        let bytes = self.settings.sign(builder).finish();
        let request = Request { flow, method: method.as_str().into(), branch, bytes };
        let sent = self.transactions.request(request, User::Errand(id, number), now);
        if sent.is_none() {
            self.take_errand(id, number);
        }
        sent.map(|_| ())
    }

    fn take_errand(&mut self, id: SessionId, number: u32) -> Option<Errand> {
        let errands = &mut self.sessions.get_mut(&id)?.errands;
        let at = errands.iter().position(|(n, _)| *n == number)?;
        Some(errands.remove(at).1)
    }

    pub(super) fn errand_answered(&mut self, id: SessionId, number: u32, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        let Some(mut errand) = self.take_errand(id, number) else { return };
        if errand.authorization.is_none() {
            let dialog = self.sessions.get_mut(&id).and_then(|s| s.dialog_of(errand.tag.as_deref()));
            let uri = dialog.map(|d| d.request_uri().to_owned()).unwrap_or_default();
            errand.authorization = self.credentials_for(id, response, &errand.task.method(), &uri);
            if errand.authorization.is_some() {
                self.send_errand(id, errand, now);
                return;
            }
        }
        self.errand_done(id, errand.task, status, Some(response), now);
    }

    pub(super) fn errand_unanswered(&mut self, id: SessionId, number: u32, news: News, now: Instant) {
        let Some(errand) = self.take_errand(id, number) else { return };
        let status = if news == News::TransportFailed { 503 } else { 408 };
        self.errand_done(id, errand.task, status, None, now);
    }

    /// Tells the verb how it went: the status as received, 408 for silence, 503 for a broken wire.
    fn errand_done(
        &mut self,
        id: SessionId,
        task: Task,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) {
        if self.sessions.get(&id).is_none_or(|s| s.over && s.state == State::Leaving) {
            return;
        }
        match task {
            Task::Report(cseq) => self.reported(id, cseq, status, now),
            Task::Refer => self.refer_answered(id, status, response),
            Task::Update => self.update_answered(id, status, response, now),
            Task::Refresh => self.refreshed(id, status, response, now),
            // Who did not take it ends the call by himself (RFC 3262 section 3).
            Task::Prack => {}
        }
    }
}
