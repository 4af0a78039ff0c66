//! A call to us: INVITE in, 18x, 200 or a refusal out, ACK in (RFC 3261 section 13.3).

use super::respond::RETRY_AFTER;
use super::session::{Clock, Peer, Reoffer, State, Unacknowledged};
use super::session_timer::Grant;
use super::{Due, Ending, Endpoint, Event, Invitation, Origin, SESSIONS_MAX, SessionId, User, wire};
use crate::Flow;
use crate::dialog::Dialog;
use crate::message::Message;
use crate::transaction::TxId;
use crate::transaction::timers::{T1, T2, T64};
use core::time::Duration;
use senim_base::Instant;
use std::borrow::Cow;
use std::sync::Arc;

/// How often a ringing call says so again, lest a proxy on the way gives up after three minutes.
const KEEP_RINGING: Duration = Duration::from_secs(60);

impl Endpoint {
    /// An INVITE of somebody who may call.
    pub(super) fn invited(&mut self, flow: Flow, request: &Arc<Message>, origin: Origin, now: Instant) {
        if !wire::is_sdp(request) {
            self.answer(flow, request, 415, &[("Accept", wire::SDP)], now);
            return;
        }
        if self.sessions.len() >= SESSIONS_MAX {
            self.refuse(flow, request, 503, &[("Retry-After", RETRY_AFTER)]);
            return;
        }
        let peer = Peer::from(&origin);
        let credentials = match &origin {
            Origin::Trunk(name) => self.trunk_credentials.get(name).cloned(),
            Origin::User(_) => None,
        };
        let (replaces, joins) = match self.takes_over(request, &peer) {
            Ok(named) => named,
            Err((status, headers)) => return self.answer(flow, request, status, headers, now),
        };
        if let Err(min_s) = self.settings.session_timer.grant(request) {
            let min_s = min_s.to_string();
            return self.answer(flow, request, 422, &[("Min-SE", &min_s)], now);
        }
        let tag = self.entropy.token(16);
        let Some(dialog) = Dialog::incoming(request, tag) else {
            self.answer(flow, request, 400, &[("Warning", "399 senim \"Contact is missing\"")], now);
            return;
        };
        let id = self.add_session(State::Incoming, flow, dialog, peer);
        let Some(tx) = self.take_up(flow, request, User::Incoming(id), now) else {
            self.forget(id, now);
            self.refuse(flow, request, 503, &[("Retry-After", RETRY_AFTER)]);
            return;
        };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.invite = Some(tx);
            session.request = Some(Arc::clone(request));
            session.invite_cseq = request.cseq_number();
            session.theirs = wire::sdp_of(request);
            session.credentials = credentials;
            session.learn(request);
        }
        self.trust(flow);
        let dialled = dialled(request);
        let offer = wire::sdp_of(request);
        let request = Arc::clone(request);
        let invitation = Invitation { session: id, flow, origin, request, dialled, offer, replaces, joins };
        self.tell(Event::Incoming(Box::new(invitation)));
    }

    /// Says 180 or 183 to the caller: reliably if he requires it, or if he can and there is SDP (RFC 3262). Ignored
    /// unless the call waits for an answer, and for a status that is not 101 to 199.
    #[allow(clippy::needless_pass_by_value)] // Callers build the text for us.
    pub fn ring(&mut self, session: SessionId, status: u16, sdp: Option<String>, now: Instant) {
        if !(101..200).contains(&status) {
            return;
        }
        if self.sessions.get(&session).is_none_or(|s| s.state != State::Incoming || s.held.is_some()) {
            return;
        }
        if self.is_reliable(session, status, sdp.is_some()) {
            self.ring_reliably(session, status, sdp, now);
        } else {
            let Some((tx, bytes)) = self.say(session, status, &[], sdp.as_deref()) else { return };
            if let Some(s) = self.sessions.get_mut(&session) {
                s.ringing = Some((status, Some(bytes.clone())));
            }
            self.transactions.answer(tx, status, bytes, now);
        }
        self.timers.set(Due::Session(session, Clock::KeepRinging), now + KEEP_RINGING);
    }

    pub(super) fn keep_ringing(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get(&id).filter(|s| s.state == State::Incoming) else { return };
        let (Some(tx), Some((status, bytes))) = (session.invite, session.ringing.clone()) else { return };
        let Some(bytes) = bytes else { return self.ring(id, status, None, now) };
        self.transactions.answer(tx, status, bytes, now);
        self.timers.set(Due::Session(id, Clock::KeepRinging), now + KEEP_RINGING);
    }

    /// Answers the call. The 200 is repeated until its ACK comes ([`Event::Confirmed`]); after 64·T1 without one the
    /// session ends. It waits for the PRACK of a reliable 18x with SDP; what that SDP said is not said again, and
    /// changed after the ACK if it is another now. Ignored unless the call waits for an answer.
    pub fn accept(&mut self, session: SessionId, sdp: impl AsRef<str>, now: Instant) {
        let sdp = sdp.as_ref();
        let Some(s) = self.sessions.get_mut(&session).filter(|s| s.state == State::Incoming) else { return };
        if s.reliable.as_ref().is_some_and(|reliable| reliable.sdp) || s.pending.is_some() {
            s.held = Some(sdp.to_owned());
            return;
        }
        let (early, changed) = (s.early_sdp.is_some(), s.ours.as_deref() != Some(sdp));
        let grant = s.request.as_deref().and_then(|r| self.settings.session_timer.grant(r).ok()).flatten();
        let timer = Grant::headers(grant);
        let mut headers = wire::CAPABILITIES.to_vec();
        headers.extend(timer.iter().map(|(name, value)| (*name, value.as_str())));
        let Some((tx, bytes)) = self.say(session, 200, &headers, (!early).then_some(sdp)) else { return };
        for clock in [Clock::KeepRinging, Clock::RepeatRing, Clock::PrackLate] {
            self.timers.cancel(Due::Session(session, clock));
        }
        let Some(s) = self.sessions.get_mut(&session) else { return };
        s.state = State::Accepted;
        s.ringing = None;
        s.ring_next = None;
        if !early {
            s.ours = Some(sdp.to_owned());
        } else if changed && s.reoffer.is_none() {
            s.reoffer = Some(Reoffer::Wanted { sdp: sdp.to_owned(), tries: 0 });
        }
        let Some(request) = s.request.take() else { return };
        let cseq = request.cseq_number().unwrap_or_default();
        let offered = wire::sdp_of(&request).is_none() && !early;
        self.timer_granted(session, grant, now);
        self.await_ack(session, Unacknowledged { tx, cseq, bytes, round: 0, offered }, now);
    }

    /// Refuses the call with 300 to 699. Ignored unless the call waits for an answer, and for any other status.
    #[allow(clippy::needless_pass_by_value)] // Callers build the headers for us.
    pub fn reject(&mut self, session: SessionId, status: u16, headers: Vec<(String, String)>, now: Instant) {
        if !(300..700).contains(&status) {
            return;
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        if self.turn_down(session, status, &headers, now) {
            self.tell_end(session, Event::Ended { session, ending: Ending::LocalBye });
            self.forget(session, now);
        }
    }

    /// Sends the final refusal of an unanswered call. The session is not forgotten yet.
    pub(super) fn turn_down(
        &mut self,
        id: SessionId,
        status: u16,
        headers: &[(&str, &str)],
        now: Instant,
    ) -> bool {
        let Some((tx, bytes)) = self.say(id, status, headers, None) else { return false };
        self.transactions.answer(tx, status, bytes, now);
        true
    }

    /// Makes a response to the unanswered INVITE of a session.
    pub(super) fn say(
        &mut self,
        id: SessionId,
        status: u16,
        headers: &[(&str, &str)],
        sdp: Option<&str>,
    ) -> Option<(TxId, Vec<u8>)> {
        let session = self.sessions.get(&id).filter(|s| s.state == State::Incoming)?;
        let (tx, request) = (session.invite?, session.request.as_deref()?);
        let contact = self.settings.contact(session.flow, session.dialog.sips);
        let mut all = Vec::with_capacity(headers.len() + 1);
        if status < 300 {
            all.push(("Contact", contact.as_str()));
        }
        all.extend_from_slice(headers);
        Some((tx, self.response(request, status, &session.dialog.local_tag, &all, sdp)))
    }

    /// Sends a 200 to an INVITE or re-INVITE and repeats it until its ACK.
    pub(super) fn await_ack(&mut self, id: SessionId, ok: Unacknowledged, now: Instant) {
        self.transactions.answer(ok.tx, 200, ok.bytes.clone(), now);
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ok = Some(ok);
            self.timers.set(Due::Session(id, Clock::RepeatOk), now + T1);
            self.timers.set(Due::Session(id, Clock::AckLate), now + T64);
        }
    }

    /// RFC 3261 section 13.3.1.4: repeated on any wire, since the ACK comes from beyond the next hop.
    pub(super) fn repeat_ok(&mut self, id: SessionId, now: Instant) {
        let Some(ok) = self.sessions.get_mut(&id).and_then(|s| s.ok.as_mut()) else { return };
        ok.round += 1;
        let pause = T1.saturating_mul(1 << ok.round.min(6)).min(T2);
        let (tx, bytes) = (ok.tx, ok.bytes.clone());
        self.transactions.answer(tx, 200, bytes, now);
        self.timers.set(Due::Session(id, Clock::RepeatOk), now + pause);
    }

    /// The ACK of a 2xx. One that fits nothing is dropped: an ACK is never answered. It confirms, and moves nothing.
    pub(super) fn acknowledged(&mut self, flow: Flow, ack: &Message, now: Instant) {
        let Some(id) = self.session_of(ack).filter(|id| self.may_acknowledge(*id, flow)) else { return };
        let Some(number) = ack.cseq_number() else { return };
        let fits = self.sessions.get(&id).and_then(|s| s.ok.as_ref()).is_some_and(|ok| ok.cseq == number);
        if fits {
            self.settle(id, wire::sdp_of(ack), now);
            self.try_reoffer(id, now);
        }
    }

    /// Our 200 has arrived.
    pub(super) fn settle(&mut self, id: SessionId, sdp: Option<Vec<u8>>, now: Instant) {
        self.timers.cancel(Due::Session(id, Clock::RepeatOk));
        self.timers.cancel(Due::Session(id, Clock::AckLate));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(ok) = session.ok.take() else { return };
        let sdp = sdp.filter(|_| ok.offered);
        if ok.offered && sdp.is_some() {
            session.theirs.clone_from(&sdp);
        }
        if session.state == State::Accepted {
            session.state = State::Confirmed;
            let sdp = sdp.or_else(|| session.late_answer.take());
            let unanswered = session.theirs.is_none();
            match session.leaving.take() {
                Some(reason) => self.bye(id, reason.as_deref(), now),
                None if unanswered => {
                    self.tell_end(id, Event::Ended { session: id, ending: Ending::NoAnswer });
                    self.bye(id, Some(wire::NO_ANSWER), now);
                }
                None => self.tell_of(id, Event::Confirmed { session: id, sdp }),
            }
        } else if ok.offered && sdp.is_some() {
            self.tell_of(id, Event::ReofferAnswered { session: id, sdp });
        } else if ok.offered {
            // RFC 3261 section 14.2 leaves it open; a talk that goes on as it was is better than none.
            self.tell_of(id, Event::ReofferRejected { session: id, status: 488 });
        }
    }

    /// RFC 3261 section 13.3.1.4: nobody acknowledged; the session stands by the book and is ended with a BYE.
    pub(super) fn ack_late(&mut self, id: SessionId, now: Instant) {
        self.timers.cancel(Due::Session(id, Clock::RepeatOk));
        self.tell_end(id, Event::Ended { session: id, ending: Ending::Timeout });
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ok = None;
            let reason = session.leaving.take().flatten();
            self.bye(id, reason.as_deref(), now);
        }
    }

    /// The wire to a caller broke before we answered.
    pub(super) fn caller_lost(&mut self, id: SessionId, now: Instant) {
        self.tell_end(id, Event::Ended { session: id, ending: Ending::Transport });
        self.forget(id, now);
    }
}

/// What was dialled: the decoded user part, or the number of a `tel:` URI.
fn dialled(request: &Message) -> String {
    request.request_uri_parts().and_then(|uri| uri.user().map(Cow::into_owned)).unwrap_or_default()
}
