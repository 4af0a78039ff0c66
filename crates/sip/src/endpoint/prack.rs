//! Provisional answers that arrive for certain (RFC 3262), both ways: a 18x with RSeq is repeated until its PRACK
//! comes; what we hear reliably we acknowledge once each, in order, within its own early dialog.

use super::errand::{Errand, Task};
use super::session::{Clock, Early, Pending, State};
use super::{Due, Ending, Endpoint, Event, SessionId, User, wire};
use crate::Flow;
use crate::message::{Message, text};
use crate::transaction::timers::{T1, T64};
use senim_base::Instant;
use std::sync::Arc;

/// Largest first RSeq is one less than this (RFC 3262 section 3): it cannot wrap within a call.
const RSEQ_FIRST_MAX: u32 = 1 << 30;

/// Early dialogs of one call of ours. Media of later ones is not told, and their reliable answers are not taken.
const EARLY_MAX: usize = 8;

/// A 18x of ours that is not acknowledged yet.
#[derive(Clone)]
pub(super) struct Reliable {
    rseq: u32,
    status: u16,
    bytes: Vec<u8>,
    round: u32,
    /// It carries our SDP: nothing final may be said before it is known to have arrived (RFC 3262 section 3).
    pub(super) sdp: bool,
}

impl Endpoint {
    /// Whether this 18x is to be reliable: always if the caller requires it; if he only can, when SDP hangs on it.
    pub(super) fn is_reliable(&self, id: SessionId, status: u16, sdp: bool) -> bool {
        let Some(request) = self.sessions.get(&id).and_then(|s| s.request.as_deref()) else { return false };
        status > 100
            && (wire::lists(request, "Require", "100rel")
                || (sdp && wire::lists(request, "Supported", "100rel")))
    }

    /// Sends it, or keeps it for the time when the one before has arrived: of several that wait the newest goes,
    /// with the first SDP.
    pub(super) fn ring_reliably(&mut self, id: SessionId, status: u16, sdp: Option<String>, now: Instant) {
        let fresh = self.entropy.below(RSEQ_FIRST_MAX);
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.reliable.is_some() {
            let waiting = session.ring_next.take().and_then(|(_, sdp)| sdp);
            session.ring_next = Some((status, waiting.or(sdp)));
            return;
        }
        // The caller has our SDP for certain: it is not said twice.
        let sdp = sdp.filter(|_| session.early_sdp.is_none());
        let rseq = session.last_rseq.map_or(fresh, |last| last) + 1;
        session.last_rseq = Some(rseq);
        let number = rseq.to_string();
        let headers = [("Require", "100rel"), ("RSeq", number.as_str()), ("Allow", wire::ALLOW)];
        let Some((tx, bytes)) = self.say(id, status, &headers, sdp.as_deref()) else { return };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.ringing = Some((status, None));
            let has_sdp = sdp.is_some();
            session.reliable = Some(Reliable { rseq, status, bytes: bytes.clone(), round: 0, sdp: has_sdp });
            if has_sdp {
                session.ours.clone_from(&sdp);
                session.early_sdp = sdp;
            }
        }
        self.transactions.answer(tx, status, bytes, now);
        self.timers.set(Due::Session(id, Clock::RepeatRing), now + T1);
        self.timers.set(Due::Session(id, Clock::PrackLate), now + T64);
    }

    /// RFC 3262 section 3: repeats double without a ceiling.
    pub(super) fn repeat_ring(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id).filter(|s| s.state == State::Incoming) else { return };
        let (Some(tx), Some(reliable)) = (session.invite, session.reliable.as_mut()) else { return };
        reliable.round += 1;
        let (pause, status, bytes) =
            (T1.saturating_mul(1 << reliable.round.min(6)), reliable.status, reliable.bytes.clone());
        self.transactions.answer(tx, status, bytes, now);
        self.timers.set(Due::Session(id, Clock::RepeatRing), now + pause);
    }

    /// RFC 3262 section 3: who does not acknowledge is refused with 5xx.
    pub(super) fn prack_late(&mut self, id: SessionId, now: Instant) {
        if self.turn_down(id, 504, &[], now) {
            self.tell_end(id, Event::Ended { session: id, ending: Ending::Timeout });
            self.forget(id, now);
        }
    }

    /// The caller's PRACK.
    pub(super) fn prack_received(&mut self, id: SessionId, flow: Flow, request: &Arc<Message>, now: Instant) {
        let session = self.sessions.get(&id);
        let invite = session.and_then(|s| s.invite_cseq);
        let rseq = session.and_then(|s| s.reliable.as_ref()).map(|r| r.rseq);
        if rseq.is_none() || acknowledges(request) != rseq.zip(invite) {
            self.answer(flow, request, 481, &[], now);
            return;
        }
        if !wire::is_sdp(request) {
            self.answer(flow, request, 415, &[("Accept", wire::SDP)], now);
            return;
        }
        self.timers.cancel(Due::Session(id, Clock::RepeatRing));
        self.timers.cancel(Due::Session(id, Clock::PrackLate));
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let had_sdp = session.reliable.take().is_some_and(|r| r.sdp);
        let ours_offered = session.theirs.is_none();
        match wire::sdp_of(request) {
            Some(answer) if had_sdp && ours_offered => {
                session.theirs = Some(answer.clone());
                session.late_answer = Some(answer);
                self.answer(flow, request, 200, &[], now);
            }
            // RFC 3262 section 5: once the first exchange is done, PRACK may begin another.
            Some(offer) if session.early_sdp.is_some() && session.state == State::Incoming => {
                self.take_offer(id, flow, request, offer, now);
            }
            Some(_) => self.answer(flow, request, 488, &[], now),
            None => self.answer(flow, request, 200, &[], now),
        }
        self.go_on(id, now);
    }

    /// Begins an offer of the peer that comes in PRACK or UPDATE: the switch answers it, soon.
    pub(super) fn take_offer(
        &mut self,
        id: SessionId,
        flow: Flow,
        request: &Arc<Message>,
        sdp: Vec<u8>,
        now: Instant,
    ) {
        let Some(tx) = self.take_up(flow, request, User::Reoffered(id), now) else { return };
        if let Some(session) = self.sessions.get_mut(&id) {
            session.pending = Some(Pending { tx, request: Arc::clone(request) });
        }
        self.timers.set(Due::Session(id, Clock::OfferLate), now + OFFER_MAX);
        self.tell_of(id, Event::Reoffered { session: id, sdp: Some(sdp) });
    }

    /// What waited for a PRACK, or for the answer to an offer in one: the next 18x, or the answer to the call.
    pub(super) fn go_on(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        if session.state != State::Incoming || session.reliable.is_some() || session.pending.is_some() {
            return;
        }
        if let Some(sdp) = session.held.take() {
            self.accept(id, sdp, now);
        } else if let Some((status, sdp)) = session.ring_next.take() {
            self.ring(id, status, sdp, now);
        } else {
            self.try_reoffer(id, now);
        }
    }

    /// A provisional answer to our call: notes its early dialog, acknowledges it when it asks for that. `None`: it
    /// came before or out of order, or its dialog is one too many. Else the number of the early dialog.
    pub(super) fn early(&mut self, id: SessionId, response: &Message, now: Instant) -> Option<usize> {
        let tag = response.tag_in_to().unwrap_or_default().to_owned();
        let rseq = response.header("RSeq").and_then(text::saturating_u32);
        let rseq = rseq.filter(|_| wire::lists(response, "Require", "100rel"));
        let session = self.sessions.get_mut(&id)?;
        let at = session.early.iter().position(|early| early.tag == tag);
        let at = match at {
            Some(at) => at,
            None if session.early.len() >= EARLY_MAX => return None,
            None => {
                let mut dialog = session.dialog.clone();
                dialog.answered(response);
                session.early.push(Early { tag: tag.clone(), dialog, rseq: None, sdp: None, agreed: false });
                session.early.len() - 1
            }
        };
        let early = session.early.get_mut(at)?;
        if let Some(rseq) = rseq {
            // RFC 3262 section 4: copies and those that overtook another are passed over.
            if early.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
                return None;
            }
            early.rseq = Some(rseq);
        }
        let sdp = wire::sdp_of(response);
        if sdp.is_some() {
            early.agreed |= rseq.is_some() && session.ours.is_some();
            early.sdp = sdp;
        }
        if let (Some(rseq), Some(cseq)) = (rseq, response.cseq_number()) {
            let errand =
                Errand::new(Task::Prack, vec![("RAck", format!("{rseq} {cseq} INVITE"))]).within(tag);
            self.send_errand(id, errand, now);
        }
        Some(at)
    }
}

/// How long the switch may take to answer an offer in PRACK or UPDATE (RFC 3311 section 5.2: soon, or 504).
const OFFER_MAX: core::time::Duration = core::time::Duration::from_secs(20);

/// RAck: RSeq and CSeq of what is acknowledged, which was an INVITE's.
fn acknowledges(prack: &Message) -> Option<(u32, u32)> {
    let mut words = prack.header("RAck")?.split([' ', '\t']).filter(|word| !word.is_empty());
    let number = |word: &str| word.bytes().all(|b| b.is_ascii_digit()).then(|| word.parse().ok()).flatten();
    let (rseq, cseq) = (number(words.next()?)?, number(words.next()?)?);
    (words.next()? == "INVITE" && words.next().is_none()).then_some((rseq, cseq))
}
