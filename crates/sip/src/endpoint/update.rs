//! UPDATE (RFC 3311): other media before the call is answered, when a re-INVITE cannot be. The peer's UPDATE is read
//! where its re-INVITE is.

use super::errand::{Errand, Task};
use super::session::{Clock, Pending, Reoffer};
use super::{Due, Endpoint, SessionId, wire};
use crate::message::{Message, text};
use core::time::Duration;
use senim_base::Instant;

/// Longest pause that a peer may ask for before our offer is made again (RFC 3311 section 5.2: up to 10 s).
const PAUSE_MAX_S: u32 = 10;

impl Endpoint {
    pub(super) fn send_update(&mut self, id: SessionId, tag: Option<String>, now: Instant) {
        let settings = self.settings.session_timer;
        let Some(session) = self.sessions.get(&id) else { return };
        let Some(Reoffer::Sent { sdp, .. }) = &session.reoffer else { return };
        let mut headers = session.timer_headers(settings);
        headers.push(("Allow", wire::ALLOW.to_owned()));
        headers.push(("Supported", wire::SUPPORTED.to_owned()));
        let mut errand = Errand::new(Task::Update, headers).with_body(wire::SDP, sdp.clone());
        errand.tag = tag;
        self.send_errand(id, errand, now);
    }

    pub(super) fn update_answered(
        &mut self,
        id: SessionId,
        status: u16,
        response: Option<&Message>,
        now: Instant,
    ) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match (status, response) {
            (200..300, Some(response)) => {
                let sdp = wire::sdp_of(response);
                if let Some(early) = session.early.first_mut().filter(|_| session.dialog.remote_tag.is_none())
                {
                    early.dialog.refresh(response);
                    early.sdp.clone_from(&sdp);
                } else {
                    session.dialog.refresh(response);
                }
                self.reoffer_answered(id, sdp, now);
            }
            (491, _) => self.crossed(id, now),
            // The peer has an offer to answer first.
            (500, Some(response)) if response.header("Retry-After").is_some() => {
                let pause = response.header("Retry-After").and_then(text::saturating_u32);
                let pause = pause.unwrap_or(PAUSE_MAX_S).min(PAUSE_MAX_S);
                self.offer_again(id, Duration::from_secs(pause.into()), status, now);
            }
            _ => self.reoffer_refused(id, status, now),
        }
    }

    /// The switch does not answer an offer in PRACK or UPDATE, which cannot wait (RFC 3311 section 5.2).
    pub(super) fn offer_late(&mut self, id: SessionId, now: Instant) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let Some(Pending { tx, request }) = session.pending.take() else { return };
        let tag = session.dialog.local_tag.clone();
        let bytes = self.response(&request, 504, &tag, &[], None);
        self.transactions.answer(tx, 504, bytes, now);
        self.go_on(id, now);
        self.try_reoffer(id, now);
    }

    /// An offer was answered or dropped.
    pub(super) fn offer_in_time(&mut self, id: SessionId) {
        self.timers.cancel(Due::Session(id, Clock::OfferLate));
    }
}
