//! A call of ours: INVITE out, 18x, 200 or a refusal in, ACK out (RFC 3261 section 13.2).

use super::session::{Clock, FORKS_MAX, Peer, State};
use super::{
    Due, Ending, Endpoint, Event, Outgoing, Refusal, Rejection, SESSIONS_MAX, SessionId, User, wire,
};
use crate::Flow;
use crate::dialog::Dialog;
use crate::message::{AddrParts, Message, Method, UriParts};
use crate::transaction::{News, Request};
use core::time::Duration;
use senim_base::Instant;

/// How long the switch may take to answer the offer of a 2xx: less than its sender waits for the ACK.
const ANSWER_MAX: Duration = Duration::from_secs(20);

impl Endpoint {
    /// Calls somebody. A 401 or 407 is answered once if there are credentials.
    pub fn invite(&mut self, outgoing: Outgoing, now: Instant) -> Result<SessionId, Refusal> {
        if self.sessions.len() >= SESSIONS_MAX || self.transactions.is_full() {
            return Err(Refusal::TooManySessions);
        }
        let readable = UriParts::read(&outgoing.uri).is_ok()
            && [&outgoing.from, &outgoing.to]
                .iter()
                .all(|name| AddrParts::read(name).is_ok_and(|n| n.tag().is_none()));
        if !readable {
            return Err(Refusal::BadAddress);
        }
        let (call_id, tag) = (self.entropy.token(32), self.entropy.token(16));
        let mut dialog = Dialog::outgoing(call_id, tag, &outgoing.from, &outgoing.to, &outgoing.uri);
        if let Some((_, top)) = outgoing.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("Route")) {
            dialog.goes_by(top);
        }
        let peer = self.peer_at(&outgoing);
        let id = self.add_session(State::Calling, outgoing.flow, dialog, peer);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ours.clone_from(&outgoing.sdp);
            session.credentials.clone_from(&outgoing.credentials);
            session.outgoing = Some(Box::new(outgoing));
        }
        self.send_invite(id, now);
        Ok(id)
    }

    /// Who is called there.
    fn peer_at(&self, outgoing: &Outgoing) -> Peer {
        match (self.trunk_of(outgoing.flow), self.registrar.user_at(outgoing.flow, &outgoing.uri)) {
            (Some(name), _) => Peer::Trunk(name),
            (None, Some(user)) => Peer::User(user.to_owned()),
            (None, None) => Peer::Address,
        }
    }

    /// Something came back on an INVITE of ours, be it only a 100.
    pub fn is_progressing(&self, id: SessionId) -> bool {
        self.sessions.get(&id).is_some_and(|s| s.state != State::Calling)
    }

    fn send_invite(&mut self, id: SessionId, now: Instant) {
        let branch = self.branch();
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(outgoing) = &session.outgoing else { return };
        let (flow, dialog) = (session.flow, &session.dialog);
        // Without an offer of ours a reliable 18x would bring one, which nobody could answer in time.
        let supported = if outgoing.sdp.is_some() { wire::SUPPORTED } else { wire::SUPPORTED_LATE };
        let mut builder = dialog
            .request(&Method::Invite, dialog.cseq(), &self.via(flow, &branch))
            .header("Contact", &self.settings.contact(flow, dialog.sips))
            .header("Allow", wire::ALLOW)
            .header("Supported", supported);
        for (name, value) in session.timer_headers(self.settings.session_timer) {
            builder = builder.header(name, &value);
        }
        for (name, value) in &outgoing.headers {
            builder = builder.header(name, value);
        }
        if let Some((name, value)) = &session.authorization {
            builder = builder.header(name, value);
        }
        if let Some(sdp) = &outgoing.sdp {
            builder = builder.body(wire::SDP, sdp.as_bytes());
        }
        let bytes = self.settings.sign(builder).finish();
        let request = Request { flow, method: "INVITE".into(), branch, bytes };
        let tx = self.transactions.request(request, User::Invite(id), now);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.invite = tx;
        }
        if tx.is_none() {
            self.refused(id, 503, Rejection::Transport, now);
        }
    }

    pub(super) fn invite_answered(&mut self, id: SessionId, response: &Message, now: Instant) {
        let Some(state) = self.sessions.get(&id).map(|s| s.state) else { return };
        let status = response.status().unwrap_or_default();
        match (status, state) {
            (..200, State::Calling | State::Early) => self.progressed(id, status, response, now),
            (..200, State::Cancelling) => self.give_up(id, now),
            (200..300, State::Calling | State::Early) => {
                self.established(id, response);
                self.timer_answered(id, response, now);
                let sdp = self.answered(id, response, now);
                self.tell_of(id, Event::Answered { session: id, sdp });
                self.try_reoffer(id, now);
            }
            // The 200 crossed our CANCEL (RFC 3261 section 9.1).
            (200..300, State::Cancelling) => {
                self.established(id, response);
                self.acknowledge(id, response, None);
                self.bye(id, None, now);
            }
            (200..300, _) => self.answered_again(id, response, now),
            (_, State::Calling | State::Early) => self.declined(id, status, response, now),
            (_, State::Cancelling) => self.forget(id, now),
            _ => {}
        }
    }

    fn progressed(&mut self, id: SessionId, status: u16, response: &Message, now: Instant) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = State::Early;
            session.learn(response);
        }
        if status == 100 {
            return;
        }
        let Some(fork) = self.early(id, response, now) else { return };
        // RFC 6228: this phone rings no longer; what another does is not changed by that.
        if status != 199 {
            self.tell_of(id, Event::Ringing { session: id, status, sdp: wire::sdp_of(response), fork });
        }
        self.try_reoffer(id, now);
    }

    /// The SDP that a 2xx stands for. It is acknowledged, unless it brings an offer that the switch has to answer.
    fn answered(&mut self, id: SessionId, response: &Message, now: Instant) -> Option<Vec<u8>> {
        let session = self.sessions.get_mut(&id)?;
        let tag = response.tag_in_to().unwrap_or_default();
        let early = session.early.iter().find(|early| early.tag == tag).and_then(|early| early.sdp.clone());
        let sdp = wire::sdp_of(response).or(early);
        session.theirs.clone_from(&sdp);
        if session.ours.is_none() && sdp.is_some() {
            session.owed = Some(Box::new(response.clone()));
            self.timers.set(Due::Session(id, Clock::AnswerLate), now + ANSWER_MAX);
        } else {
            self.acknowledge(id, response, None);
        }
        sdp
    }

    /// Answers the offer that came in [`Event::Answered`] after a call without one of ours: the ACK carries the
    /// answer. `None` cannot agree: the call is acknowledged and ended. Ignored when no offer waits.
    #[allow(clippy::needless_pass_by_value)] // Callers build the text for us.
    pub fn answer_late(&mut self, session: SessionId, sdp: Option<String>, now: Instant) {
        let Some(s) = self.sessions.get_mut(&session) else { return };
        let Some(response) = s.owed.take() else { return };
        s.ours.clone_from(&sdp);
        self.timers.cancel(Due::Session(session, Clock::AnswerLate));
        self.acknowledge(session, &response, sdp.as_deref());
        if sdp.is_none() {
            self.tell_end(session, Event::Ended { session, ending: Ending::LocalBye });
            self.bye(session, Some(wire::NO_ANSWER), now);
        }
    }

    /// A goodbye comes before the answer: the 2xx is acknowledged all the same.
    pub(super) fn settle_debt(&mut self, id: SessionId) {
        if let Some(response) = self.sessions.get_mut(&id).and_then(|s| s.owed.take()) {
            self.acknowledge(id, &response, None);
        }
    }

    fn established(&mut self, id: SessionId, response: &Message) {
        self.timers.cancel(Due::Session(id, Clock::CancelGivenUp));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.state = State::Confirmed;
            session.outgoing = None;
            session.learn(response);
            let tag = response.tag_in_to().unwrap_or_default();
            if let Some(early) = session.early.iter().find(|early| early.tag == tag) {
                session.dialog = early.dialog.clone();
            }
            session.dialog.answered(response);
        }
    }

    fn declined(&mut self, id: SessionId, status: u16, response: &Message, now: Instant) {
        let longer = self.sessions.get_mut(&id).is_some_and(|s| s.raise_min_se(response));
        if longer || self.authorize(id, response, &Method::Invite) {
            if let Some(session) = self.sessions.get_mut(&id) {
                session.early.clear();
                session.state = State::Calling;
                session.dialog.next_cseq();
            }
            self.send_invite(id, now);
            return;
        }
        let reason = if matches!(status, 401 | 407) { Rejection::AuthFailed } else { Rejection::Response };
        let retry_after_s = response.header("Retry-After").and_then(seconds);
        self.tell_end(id, Event::Rejected { session: id, status, reason, retry_after_s });
        self.forget(id, now);
    }

    /// Prepares the answer to a challenge. `false`: it is none, it was tried already, or we have no password for it.
    pub(super) fn authorize(&mut self, id: SessionId, response: &Message, method: &Method) -> bool {
        if self.sessions.get(&id).is_none_or(|s| s.authorization.is_some()) {
            return false;
        }
        let uri = self.sessions.get(&id).map(|s| s.dialog.request_uri().to_owned()).unwrap_or_default();
        let answer = self.credentials_for(id, response, method, &uri);
        let answered = answer.is_some();
        if let Some(session) = self.sessions.get_mut(&id) {
            session.authorization = answer;
        }
        answered
    }

    /// The header that answers a challenge to a request of this session. `None`: it is none, or we have no password.
    pub(super) fn credentials_for(
        &mut self,
        id: SessionId,
        response: &Message,
        method: &Method,
        uri: &str,
    ) -> Option<(String, String)> {
        if !matches!(response.status(), Some(401 | 407)) {
            return None;
        }
        let cnonce = self.entropy.token(16);
        let session = self.sessions.get(&id)?;
        let credentials = session.credentials.as_ref()?;
        let answer = credentials.answer(response, method.as_str(), uri, &cnonce)?;
        Some((answer.0.to_owned(), answer.1))
    }

    fn refused(&mut self, id: SessionId, status: u16, reason: Rejection, now: Instant) {
        self.tell_end(id, Event::Rejected { session: id, status, reason, retry_after_s: None });
        self.forget(id, now);
    }

    pub(super) fn invite_unanswered(&mut self, id: SessionId, news: News, now: Instant) {
        let (status, reason) = match news {
            News::TransportFailed => (503, Rejection::Transport),
            News::Timeout | News::Response => (408, Rejection::Timeout),
        };
        self.refused(id, status, reason, now);
    }

    /// Sends the ACK of a 2xx by the dialog's route and keeps it for copies of the 2xx.
    pub(super) fn acknowledge(&mut self, id: SessionId, response: &Message, sdp: Option<&str>) {
        let branch = self.branch();
        let Some(cseq) = response.cseq_number() else { return };
        let Some(session) = self.sessions.get(&id) else { return };
        let authorization = session.authorization.as_ref();
        let bytes = self.ack(&session.dialog, session.flow, cseq, &branch, authorization, sdp);
        let flow = session.flow;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.keep_ack(cseq, bytes.clone());
        }
        self.transmit(flow, bytes);
    }

    fn ack(
        &self,
        dialog: &Dialog,
        flow: Flow,
        cseq: u32,
        branch: &str,
        authorization: Option<&(String, String)>,
        sdp: Option<&str>,
    ) -> Vec<u8> {
        let mut builder = dialog.request(&Method::Ack, cseq, &self.via(flow, branch));
        if let Some((name, value)) = authorization {
            builder = builder.header(name, value);
        }
        if let Some(sdp) = sdp {
            builder = builder.body(wire::SDP, sdp.as_bytes());
        }
        builder.finish()
    }

    /// A copy of the 2xx: its ACK was lost. Or the 2xx of another phone that the INVITE was forked to: one talk is
    /// enough, so it is acknowledged and ended (RFC 3261 section 13.2.2.4).
    fn answered_again(&mut self, id: SessionId, response: &Message, now: Instant) {
        let Some(cseq) = response.cseq_number() else { return };
        let tag = response.tag_in_to().unwrap_or_default();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let flow = session.flow;
        if session.dialog.is_peer(tag) {
            if let Some(bytes) = session.ack(cseq) {
                self.transmit(flow, bytes);
            }
            return;
        }
        let known = session.forks.iter().any(|fork| fork == tag);
        if !known && session.forks.len() >= FORKS_MAX {
            return;
        }
        if !known {
            session.forks.push(tag.to_owned());
        }
        let early = session.early.iter().find(|early| early.tag == tag).map(|early| &early.dialog);
        let mut fork = early.unwrap_or(&session.dialog).clone();
        fork.answered(response);
        let branch = self.branch();
        let bytes = self.ack(&fork, flow, cseq, &branch, None, None);
        self.transmit(flow, bytes);
        if !known {
            let branch = self.branch();
            let number = fork.next_cseq();
            let bytes = fork.request(&Method::Bye, number, &self.via(flow, &branch)).finish();
            let request = Request { flow, method: "BYE".into(), branch, bytes };
            self.transactions.request(request, User::Nobody, now);
        }
    }
}

/// The seconds of a Retry-After (RFC 3261 section 20.33), without its comment and parameters.
fn seconds(retry_after: &str) -> Option<u32> {
    let end = retry_after.find(|c: char| !c.is_ascii_digit()).unwrap_or(retry_after.len());
    let (digits, rest) = retry_after.split_at(end);
    let fits = rest.is_empty() || rest.starts_with([' ', '\t', ';', '(']);
    // More than fits is for ever.
    (fits && !digits.is_empty()).then(|| digits.parse().unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn the_seconds_of_a_retry_after_are_read_whatever_follows_them() {
        for (text, wanted) in [
            ("120", Some(120)),
            ("18000;duration=3600", Some(18_000)),
            ("120 (I'm in a meeting)", Some(120)),
            ("99999999999999", Some(u32::MAX)),
            ("", None),
            ("soon", None),
            ("12soon", None),
            ("-1", None),
        ] {
            assert_eq!(seconds(text), wanted, "{text}");
        }
    }
}
