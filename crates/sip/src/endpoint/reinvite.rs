//! Changing the media of a session: re-INVITE both ways, UPDATE from the peer (RFC 3261 section 14,
//! RFC 3311; FEATURES T13). Offers that cross are told apart by 491 and tried again after a drawn pause.

use super::respond::Refused;
use super::session::{Clock, Pending, Reoffer, State, Unacknowledged, Way};
use super::session_timer::Grant;
use super::{Due, Ending, Endpoint, Event, SessionId, User, wire};
use crate::Flow;
use crate::message::{Message, Method};
use crate::transaction::{News, Request, TxId};
use core::time::Duration;
use senim_base::Instant;
use std::sync::Arc;

/// How often an offer that crossed is sent in all. After that the switch learns of the 491.
const TRIES_MAX: u32 = 4;

impl Endpoint {
    /// Offers other media to the peer. Waits while another change is under way; a newer offer replaces one that
    /// waits. Ends with [`Event::ReofferAnswered`] or [`Event::ReofferRejected`], unless the session ends first.
    /// Ignored unless the session stands or has been accepted by us, or UPDATE can make the offer before that.
    pub fn reoffer(&mut self, session: SessionId, sdp: impl Into<String>, now: Instant) {
        let Some(s) = self.sessions.get_mut(&session).filter(|s| !s.over) else { return };
        if !matches!(s.state, State::Accepted | State::Confirmed)
            && !(s.takes_update && (s.agreed_early() || s.reoffer.is_some()))
        {
            return;
        }
        if let Some(Reoffer::Sent { .. }) = s.reoffer {
            s.next_offer = Some(sdp.into());
            return;
        }
        s.refreshing = false;
        s.reoffer = Some(Reoffer::Wanted { sdp: sdp.into(), tries: 0 });
        self.timers.cancel(Due::Session(session, Clock::Glare));
        self.try_reoffer(session, now);
    }

    /// Sends the offer that waits, if nothing else is under way.
    pub(super) fn try_reoffer(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(way) = session.way_to_offer() else { return };
        match session.reoffer.take() {
            Some(Reoffer::Wanted { sdp, tries }) => {
                session.reoffer = Some(Reoffer::Sent { sdp, tries: tries + 1 });
                match way {
                    Way::Reinvite => {
                        session.authorization = None;
                        self.send_reinvite(id, now);
                    }
                    Way::Update(tag) => self.send_update(id, tag, now),
                }
            }
            other => session.reoffer = other,
        }
    }

    fn send_reinvite(&mut self, id: SessionId, now: Instant) {
        let branch = self.branch();
        let Some((flow, sips)) = self.sessions.get(&id).map(|s| (s.flow, s.dialog.sips)) else { return };
        let (via, contact) = (self.via(flow, &branch), self.settings.contact(flow, sips));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(Reoffer::Sent { sdp, .. }) = &session.reoffer else { return };
        let cseq = session.dialog.next_cseq();
        let mut builder = session
            .dialog
            .request(&Method::Invite, cseq, &via)
            .header("Contact", &contact)
            .header("Allow", wire::ALLOW)
            .header("Supported", wire::SUPPORTED)
            .body(wire::SDP, sdp.as_bytes());
        for (name, value) in session.timer_headers(self.settings.session_timer) {
            builder = builder.header(name, &value);
        }
        if let Some((name, value)) = &session.authorization {
            builder = builder.header(name, value);
        }
        let bytes = self.settings.sign(builder).finish();
        let request = Request { flow, method: "INVITE".into(), branch, bytes };
        if self.transactions.request(request, User::Reinvite(id), now).is_none() {
            self.reoffer_refused(id, 503, now);
        }
    }

    pub(super) fn reinvite_answered(&mut self, id: SessionId, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match status {
            ..200 => {}
            200..300 => {
                if let Some(bytes) = response.cseq_number().and_then(|cseq| session.ack(cseq)) {
                    let flow = session.flow;
                    self.transmit(flow, bytes);
                    return;
                }
                session.dialog.refresh(response);
                session.learn(response);
                self.acknowledge(id, response, None);
                self.timer_answered(id, response, now);
                self.reoffer_answered(id, wire::sdp_of(response), now);
            }
            491 => self.crossed(id, now),
            422 if session.raise_min_se(response) => self.send_reinvite(id, now),
            _ if self.authorize(id, response, &Method::Invite) => self.send_reinvite(id, now),
            // RFC 3261 section 12.2.1.2: the peer knows nothing of the session.
            408 | 481 => self.lost(id, now),
            _ => self.reoffer_refused(id, status, now),
        }
    }

    pub(super) fn reinvite_unanswered(&mut self, id: SessionId, news: News, now: Instant) {
        match news {
            News::TransportFailed => self.reoffer_refused(id, 503, now),
            News::Timeout | News::Response => self.lost(id, now),
        }
    }

    pub(super) fn lost(&mut self, id: SessionId, now: Instant) {
        let stands = self.sessions.get(&id).is_some_and(|s| s.state == State::Confirmed);
        if stands {
            self.tell_end(id, Event::Ended { session: id, ending: Ending::Timeout });
            self.bye(id, None, now);
        }
    }

    pub(super) fn reoffer_answered(&mut self, id: SessionId, sdp: Option<Vec<u8>>, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(Reoffer::Sent { sdp, .. }) = &session.reoffer {
            session.ours = Some(sdp.clone());
        }
        // A refresh that changes nothing is nobody's business.
        let silent = session.refreshing && session.theirs == sdp;
        if sdp.is_some() {
            session.theirs.clone_from(&sdp);
        }
        self.reoffer_done(id, (!silent).then_some(Event::ReofferAnswered { session: id, sdp }), now);
    }

    pub(super) fn reoffer_refused(&mut self, id: SessionId, status: u16, now: Instant) {
        let refreshing = self.sessions.get(&id).is_some_and(|s| s.refreshing);
        if refreshing {
            self.refresh_later(id, now);
        }
        self.reoffer_done(id, (!refreshing).then_some(Event::ReofferRejected { session: id, status }), now);
    }

    fn reoffer_done(&mut self, id: SessionId, event: Option<Event>, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let next = session.next_offer.take();
        session.refreshing = false;
        session.reoffer = next.map(|sdp| Reoffer::Wanted { sdp, tries: 0 });
        if let Some(event) = event {
            self.tell_of(id, event);
        }
        self.try_reoffer(id, now);
    }

    /// 491: whoever owns the Call-ID waits 2.1 to 4 s, the other 0 to 2 s, so that one of them comes first
    /// (RFC 3261 section 14.1).
    pub(super) fn crossed(&mut self, id: SessionId, now: Instant) {
        let draw = self.entropy.below(200);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let pause = if session.caller { 2_100 + draw.min(190) * 10 } else { draw * 10 };
        self.offer_again(id, Duration::from_millis(pause.into()), 491, now);
    }

    /// Makes the offer once more after a pause, unless it was made often enough: then `status` is told.
    pub(super) fn offer_again(&mut self, id: SessionId, pause: Duration, status: u16, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.reoffer.take() {
            Some(Reoffer::Sent { sdp, tries }) if tries < TRIES_MAX => {
                let next = session.next_offer.take();
                session.refreshing &= next.is_none();
                session.reoffer = Some(Reoffer::Crossed { sdp: next.unwrap_or(sdp), tries });
                self.timers.set(Due::Session(id, Clock::Glare), now + pause);
            }
            _ => self.reoffer_refused(id, status, now),
        }
    }

    pub(super) fn glare_over(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if let Some(Reoffer::Crossed { sdp, tries }) = session.reoffer.take() {
            session.reoffer = Some(Reoffer::Wanted { sdp, tries });
            self.try_reoffer(id, now);
        }
    }

    /// The peer's re-INVITE or UPDATE.
    pub(super) fn reoffered(&mut self, id: SessionId, flow: Flow, request: &Arc<Message>, now: Instant) {
        let invite = request.method() == Some(&Method::Invite);
        if let Err((status, headers)) = self.reoffer_allowed(id, request, invite) {
            self.answer(flow, request, status, headers, now);
            return;
        }
        let grant = match self.settings.session_timer.grant(request) {
            Ok(grant) => grant,
            Err(min_s) => {
                let min_s = min_s.to_string();
                return self.answer(flow, request, 422, &[("Min-SE", &min_s)], now);
            }
        };
        // Only somebody who has our 200 sends another INVITE: its ACK was lost, and nothing was to be read in it.
        if invite {
            self.settle(id, None, now);
        }
        if let Some(session) = self.sessions.get_mut(&id) {
            session.dialog_with(request.tag_in_from().unwrap_or_default()).refresh(request);
            session.learn(request);
        }
        let sdp = wire::sdp_of(request);
        match sdp {
            None if !invite => self.update_without_offer(id, flow, request, grant, now),
            Some(sdp) if !invite && !self.changes_nothing(id, request, &sdp) => {
                self.take_offer(id, flow, request, sdp, now);
            }
            sdp => {
                let Some(tx) = self.take_up(flow, request, User::Reoffered(id), now) else { return };
                let same = sdp.as_ref().is_some_and(|sdp| self.changes_nothing(id, request, sdp));
                let Some(session) = self.sessions.get_mut(&id) else { return };
                session.pending = Some(Pending { tx, request: Arc::clone(request) });
                match session.ours.clone().filter(|_| same) {
                    Some(ours) => self.answer_reoffer(id, Ok(ours), now),
                    None => self.tell_of(id, Event::Reoffered { session: id, sdp }),
                }
            }
        }
    }

    fn update_without_offer(
        &mut self,
        id: SessionId,
        flow: Flow,
        request: &Arc<Message>,
        grant: Option<Grant>,
        now: Instant,
    ) {
        let session = self.sessions.get(&id);
        let (stands, sips) =
            (session.is_some_and(|s| s.state == State::Confirmed), session.is_some_and(|s| s.dialog.sips));
        let (contact, timer) = (self.settings.contact(flow, sips), Grant::headers(grant.filter(|_| stands)));
        let mut headers = vec![("Contact", contact.as_str())];
        headers.extend(wire::CAPABILITIES);
        headers.extend(timer.iter().map(|(name, value)| (*name, value.as_str())));
        self.answer(flow, request, 200, &headers, now);
        if stands {
            self.timer_granted(id, grant, now);
        }
    }

    /// RFC 4028 section 7.4: it only refreshes the session, its SDP is what the peer said last.
    fn changes_nothing(&self, id: SessionId, request: &Message, sdp: &[u8]) -> bool {
        let Some(session) = self.sessions.get(&id) else { return false };
        request.header("Session-Expires").is_some()
            && session.ours.is_some()
            && session.theirs.as_deref() == Some(sdp)
    }

    fn reoffer_allowed(&self, id: SessionId, request: &Message, invite: bool) -> Result<(), Refused> {
        let Some(session) = self.sessions.get(&id).filter(|s| !s.over) else { return Err((481, &[])) };
        if !wire::is_sdp(request) {
            return Err((415, &[("Accept", wire::SDP)]));
        }
        let offers = invite || wire::sdp_of(request).is_some();
        match session.state {
            State::Confirmed | State::Accepted => {}
            State::Incoming | State::Early if invite => return Err((491, &[])),
            State::Incoming | State::Early if session.agreed_early() => {}
            // RFC 3311 section 5.2: the first offer has no answer yet.
            State::Incoming => return if offers { Err((500, &[("Retry-After", "5")])) } else { Ok(()) },
            _ => return if offers { Err((491, &[])) } else { Ok(()) },
        }
        if session.pending.is_some() && offers {
            return Err((500, &[("Retry-After", "5")]));
        }
        let ours_open = matches!(session.reoffer, Some(Reoffer::Sent { .. }))
            || session.ok.as_ref().is_some_and(|ok| ok.offered);
        if ours_open && offers { Err((491, &[])) } else { Ok(()) }
    }

    /// Answers [`Event::Reoffered`]: `Ok` with the SDP (the answer, or our offer if the peer sent none), or the status
    /// of a refusal, 300 to 699. Ignored when no change waits for an answer.
    pub fn answer_reoffer(&mut self, session: SessionId, answer: Result<String, u16>, now: Instant) {
        let Some(s) = self.sessions.get_mut(&session) else { return };
        let Some(Pending { tx, request }) = s.pending.take() else { return };
        let (tag, stands) = (s.dialog.local_tag.clone(), s.state == State::Confirmed);
        let contact = self.settings.contact(s.flow, s.dialog.sips);
        self.offer_in_time(session);
        match answer {
            Ok(sdp) => {
                let grant = self.settings.session_timer.grant(&request).ok().flatten().filter(|_| stands);
                let timer = Grant::headers(grant);
                let mut headers = vec![("Contact", contact.as_str())];
                headers.extend(wire::CAPABILITIES);
                headers.extend(timer.iter().map(|(name, value)| (*name, value.as_str())));
                if let Some(s) = self.sessions.get_mut(&session) {
                    s.ours = Some(sdp.clone());
                    let theirs = wire::sdp_of(&request);
                    let tag = request.tag_in_from().unwrap_or_default();
                    if let Some(early) = s.early.iter_mut().find(|early| early.tag == tag) {
                        early.sdp.clone_from(&theirs);
                    }
                    s.theirs = theirs.or_else(|| s.theirs.take());
                }
                if stands {
                    self.timer_granted(session, grant, now);
                }
                let bytes = self.response(&request, 200, &tag, &headers, Some(&sdp));
                if request.method() == Some(&Method::Invite) {
                    let cseq = request.cseq_number().unwrap_or_default();
                    let offered = wire::sdp_of(&request).is_none();
                    self.await_ack(session, Unacknowledged { tx, cseq, bytes, round: 0, offered }, now);
                } else {
                    self.transactions.answer(tx, 200, bytes, now);
                }
            }
            Err(status) => {
                let status = if (300..700).contains(&status) { status } else { 488 };
                let bytes = self.response(&request, status, &tag, &[], None);
                self.transactions.answer(tx, status, bytes, now);
            }
        }
        self.go_on(session, now);
        self.try_reoffer(session, now);
    }

    /// Answers a change that nobody will answer any more with 487.
    pub(super) fn drop_pending(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(Pending { tx, request }) = session.pending.take() else { return };
        let tag = session.dialog.local_tag.clone();
        self.offer_in_time(id);
        let bytes = self.response(&request, 487, &tag, &[], None);
        self.transactions.answer(tx, 487, bytes, now);
    }

    /// The wire of the peer's change broke.
    pub(super) fn reoffer_lost(&mut self, id: SessionId, tx: TxId) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.pending.take_if(|pending| pending.tx == tx);
        }
    }
}
