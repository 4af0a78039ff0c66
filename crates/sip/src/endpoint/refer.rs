//! REFER within a session, both ways (RFC 3515): one party asks the other to call a third. The house is asked by
//! consultants who transfer; whether they may is the switch's word, which then tells how the call goes. The same
//! verb is there for our own phones.

use super::errand::{Errand, Task};
use super::replaces::{Names, Replaced};
use super::respond::Refused;
use super::session::{Clock, State};
use super::{Due, Endpoint, Event, SessionId, User, wire};
use crate::Flow;
use crate::message::{Message, NameAddr, Scheme, Uri, reason, text};
use crate::transaction::TxId;
use core::fmt;
use core::time::Duration;
use senim_base::{Instant, Redacted};
use std::sync::Arc;

/// How long a REFER may wait for [`Endpoint::answer_referral`] before it is declined: less than its sender waits.
const ANSWER_MAX: Duration = Duration::from_secs(20);
/// How long we report on the call that was asked for. Then the last report says that it is over.
const REPORTS_MAX: Duration = Duration::from_secs(180);
/// How long we wait for the last report on a REFER of our own: longer than its peer may take.
const REPORTS_LATE: Duration = Duration::from_secs(240);
/// The body of a report: the start of a response (RFC 3420).
const SIPFRAG: &str = "message/sipfrag;version=2.0";

/// The peer asks us to call somebody.
#[derive(Clone)]
pub struct Referral {
    /// Whom to call: Refer-To, its headers taken out. A `sip:` or `tel:` URI.
    pub to: Uri,
    /// The call that the new one is to take the place of, when Refer-To names one (RFC 3891).
    pub replaces: Option<Replaced>,
    /// Who refers, as he says (RFC 3892): the URI of Referred-By. Nothing proves it.
    pub referred_by: Option<Redacted<String>>,
    /// The peer wants to hear how it goes.
    pub reports: bool,
}

impl fmt::Debug for Referral {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Referral").field("replaces", &self.replaces).finish_non_exhaustive()
    }
}

/// The peer's REFER, until its last report is sent.
#[derive(Clone)]
pub(super) struct Asked {
    cseq: u32,
    /// The REFER itself, until it is answered.
    waits: Option<(TxId, Arc<Message>)>,
    /// RFC 4488: no reports.
    quiet: bool,
    /// The session's first REFER: its reports need no `id` (RFC 3515 section 2.4.6).
    first: bool,
    ends: Instant,
    /// A report is out; the next one waits, so that they cannot overtake each other.
    out: bool,
    /// What is to be reported next.
    next: Option<u16>,
    /// What was reported last.
    said: u16,
    /// The peer wants no more reports than one: it has unsubscribed.
    unsubscribed: bool,
}

impl Endpoint {
    /// The peer's REFER.
    pub(super) fn refer(&mut self, id: SessionId, flow: Flow, request: &Arc<Message>, now: Instant) {
        let referral = match self.referral(id, request) {
            Ok(read) => read,
            Err((status, headers)) => return self.answer(flow, request, status, headers, now),
        };
        let Some(tx) = self.take_up(flow, request, User::Nobody, now) else { return };
        let cseq = request.cseq_number().unwrap_or_default();
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.dialog.refresh(request);
        let first = !core::mem::replace(&mut session.was_referred, true);
        let waits = Some((tx, Arc::clone(request)));
        let quiet = !referral.reports;
        let ends = now + REPORTS_MAX;
        session.asked = Some(Asked {
            cseq,
            waits,
            quiet,
            first,
            ends,
            out: false,
            next: None,
            said: 100,
            unsubscribed: false,
        });
        self.timers.set(Due::Session(id, Clock::Referral), now + ANSWER_MAX);
        self.tell_of(id, Event::Referred { session: id, referral: Box::new(referral) });
    }

    /// Reads a REFER.
    fn referral(&self, id: SessionId, request: &Message) -> Result<Referral, Refused> {
        let session = self.sessions.get(&id).filter(|s| !s.over).ok_or((481, &[][..]))?;
        if session.state != State::Confirmed || session.asked.is_some() {
            return Err((491, &[]));
        }
        let addresses = request.addresses("Refer-To").map_err(|_| (400, &[][..]))?;
        let [address] = addresses.as_slice() else { return Err((400, &[])) };
        let mut to = address.uri.clone();
        let headers = to.headers.take();
        match to.scheme {
            Scheme::Sip | Scheme::Tel => {}
            _ => return Err((416, &[])),
        }
        // A REFER may ask for any method (RFC 3515 section 2.1); we make calls.
        if to.param("method").is_some_and(|m| !m.is_some_and(|m| m.eq_ignore_ascii_case("INVITE"))) {
            return Err((403, &[]));
        }
        to.params.retain(|(name, _)| !name.eq_ignore_ascii_case("method"));
        let replaces = self.replaced(id, headers.as_deref())?;
        let quiet = request.header("Refer-Sub").is_some_and(|v| text::trim(v).eq_ignore_ascii_case("false"));
        let referred_by = referred_by(request)?;
        Ok(Referral { to, replaces, referred_by, reports: !quiet })
    }

    /// What the Replaces header in a Refer-To's URI names. Only calls of the same party count as ours.
    fn replaced(&self, id: SessionId, headers: Option<&str>) -> Result<Option<Replaced>, Refused> {
        let mut found = headers.unwrap_or_default().split('&').filter_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            text::unescape(name).eq_ignore_ascii_case("Replaces").then(|| text::unescape(value).into_owned())
        });
        let Some(value) = found.next() else { return Ok(None) };
        let names = Names::parse(&value).filter(|_| found.next().is_none()).ok_or((400, &[][..]))?;
        let peer = self.sessions.get(&id).map(|s| &s.peer);
        let named = self.named(&names).filter(|other| {
            *other != id && self.sessions.get(other).is_some_and(|s| peer.is_some_and(|p| s.peer.is_same(p)))
        });
        Ok(Some(named.map_or(Replaced::Unknown, Replaced::Session)))
    }

    /// Answers [`Event::Referred`]: `Ok` says 202 and, unless the peer wants no reports, that we are trying; `Err` is
    /// the status of a refusal, 300 to 699. Ignored when no REFER waits for an answer.
    pub fn answer_referral(&mut self, session: SessionId, answer: Result<(), u16>, now: Instant) {
        let Some(s) = self.sessions.get_mut(&session) else { return };
        let Some(asked) = &mut s.asked else { return };
        let Some((tx, request)) = asked.waits.take() else { return };
        let (ends, quiet, tag) = (asked.ends, asked.quiet, s.dialog.local_tag.clone());
        let contact = self.settings.contact(s.flow, s.dialog.sips);
        if let Err(status) = answer {
            let status = if (300..700).contains(&status) { status } else { 603 };
            let bytes = self.response(&request, status, &tag, &[], None);
            self.transactions.answer(tx, status, bytes, now);
            self.drop_referral(session);
            return;
        }
        let mut headers = vec![("Contact", contact.as_str())];
        if quiet {
            headers.push(("Refer-Sub", "false"));
        }
        let bytes = self.response(&request, 202, &tag, &headers, None);
        self.transactions.answer(tx, 202, bytes, now);
        self.timers.set(Due::Session(session, Clock::Referral), ends);
        self.referral_progress(session, 100, now);
    }

    /// Reports how the call goes that the peer asked for: its statuses as they come, 100 to 699. One of 200 or more
    /// is the last. Ignored when there is no REFER to report on.
    pub fn referral_progress(&mut self, session: SessionId, status: u16, now: Instant) {
        if !(100..700).contains(&status) {
            return;
        }
        let Some(asked) = self.sessions.get_mut(&session).and_then(|s| s.asked.as_mut()) else { return };
        if asked.waits.is_some() || asked.next.is_some_and(|next| next >= 200) {
            return;
        }
        if !asked.quiet {
            asked.next = Some(status);
            self.report(session, "noresource", now);
        } else if status >= 200 {
            self.drop_referral(session);
        }
    }

    /// Sends the report that waits, unless one is out.
    fn report(&mut self, id: SessionId, why: &str, now: Instant) {
        let Some(asked) = self.sessions.get_mut(&id).and_then(|s| s.asked.as_mut()) else { return };
        if asked.out {
            return;
        }
        let Some(status) = asked.next.take() else { return };
        asked.out = true;
        asked.said = status;
        let (cseq, first, last) = (asked.cseq, asked.first, status >= 200 || asked.unsubscribed);
        let why = if status < 200 { "timeout" } else { why };
        let left = asked.ends.since(now).as_secs().max(1);
        let event = if first { "refer".to_owned() } else { format!("refer;id={cseq}") };
        let state = if last { format!("terminated;reason={why}") } else { format!("active;expires={left}") };
        let errand = Errand::new(Task::Report(cseq), vec![("Event", event), ("Subscription-State", state)])
            .with_body(SIPFRAG, format!("SIP/2.0 {status} {}\r\n", reason(status)));
        if last {
            self.drop_referral(id);
        }
        self.send_errand(id, errand, now);
    }

    /// Outside of a dialog nothing can be subscribed to (RFC 6665 section 8.3.2): not even what we know.
    pub(super) fn subscribed_outside(&mut self, flow: Flow, request: &Arc<Message>, now: Instant) {
        match kind_of(request.header("Event").unwrap_or_default()) {
            known if known.eq_ignore_ascii_case(wire::EVENTS) => self.answer(flow, request, 403, &[], now),
            _ => self.answer(flow, request, 489, &[("Allow-Events", wire::EVENTS)], now),
        }
    }

    /// The peer asks to hear of its REFER for longer, or no longer (RFC 6665 section 4.1.2): what there is to tell is told
    /// at once. A subscription of its own is refused: REFER alone makes one (RFC 3515 section 2.4.4).
    pub(super) fn subscribed(&mut self, id: SessionId, flow: Flow, request: &Arc<Message>, now: Instant) {
        let event = request.header("Event").unwrap_or_default();
        if !kind_of(event).eq_ignore_ascii_case("refer") {
            return self.answer(flow, request, 489, &[("Allow-Events", wire::EVENTS)], now);
        }
        let named = |asked: &Asked| match event.split_once("id=") {
            Some((_, cseq)) => text::saturating_u32(text::trim(cseq)) == Some(asked.cseq),
            None => asked.first,
        };
        let Some(session) = self.sessions.get_mut(&id) else { return };
        let (peer, sips) = (session.flow, session.dialog.sips);
        let Some(asked) = session.asked.as_mut().filter(|a| a.waits.is_none() && !a.quiet && named(a)) else {
            return self.answer(flow, request, 403, &[], now);
        };
        asked.unsubscribed |= request.expires() == Some(0);
        asked.next = asked.next.or(Some(asked.said));
        let left = if asked.unsubscribed { 0 } else { asked.ends.since(now).as_secs().max(1) };
        let (contact, left) = (self.settings.contact(peer, sips), left.to_string());
        self.answer(flow, request, 200, &[("Contact", &contact), ("Expires", &left)], now);
        self.report(id, "noresource", now);
    }

    /// The peer took a report, or did not: then it wants no more of them (RFC 3515 section 2.4.7).
    pub(super) fn reported(&mut self, id: SessionId, cseq: u32, status: u16, now: Instant) {
        let Some(asked) = self.sessions.get_mut(&id).and_then(|s| s.asked.as_mut()) else { return };
        if asked.cseq != cseq {
            return;
        }
        asked.out = false;
        if (200..300).contains(&status) {
            self.report(id, "noresource", now);
        } else {
            self.drop_referral(id);
        }
    }

    /// The switch said nothing for too long.
    pub(super) fn referral_late(&mut self, id: SessionId, now: Instant) {
        let Some(asked) = self.sessions.get_mut(&id).and_then(|s| s.asked.as_mut()) else { return };
        if asked.waits.is_some() {
            self.answer_referral(id, Err(603), now);
            return;
        }
        // Whatever is out is out: this report is the last.
        asked.out = false;
        asked.next = Some(408);
        if asked.quiet {
            self.drop_referral(id);
        } else {
            self.report(id, "timeout", now);
        }
    }

    fn drop_referral(&mut self, id: SessionId) {
        self.timers.cancel(Due::Session(id, Clock::Referral));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.asked = None;
        }
    }

    /// The session ends: a REFER that waits is refused, and the last report does not wait for the one before it.
    pub(super) fn end_referral(&mut self, id: SessionId, now: Instant) {
        self.answer_referral(id, Err(487), now);
        if let Some(asked) = self.sessions.get_mut(&id).and_then(|s| s.asked.as_mut())
            && asked.next.is_some_and(|next| next >= 200)
        {
            asked.out = false;
            self.report(id, "noresource", now);
        }
        self.drop_referral(id);
    }

    /// Asks the peer to call `to`, the value of a Refer-To header: `<sip:1@example.com?Replaces=…>`. Ends with
    /// [`Event::ReferAnswered`], and after a 2xx with the last [`Event::ReferProgress`], unless the session ends
    /// first. `false`, and nothing is sent: the session does not stand, another is under way, or `to` is no address.
    pub fn refer_to(
        &mut self,
        session: SessionId,
        to: &str,
        referred_by: Option<&str>,
        now: Instant,
    ) -> bool {
        let readable = [Some(to), referred_by].into_iter().flatten().all(|a| NameAddr::parse(a).is_ok());
        let Some(s) = self.sessions.get_mut(&session).filter(|s| !s.over && s.state == State::Confirmed)
        else {
            return false;
        };
        if !readable || s.asking {
            return false;
        }
        s.asking = true;
        let mut headers = vec![("Refer-To", to.to_owned())];
        headers.extend(referred_by.map(|by| ("Referred-By", by.to_owned())));
        self.timers.set(Due::Session(session, Clock::ReportsLate), now + REPORTS_LATE);
        self.send_errand(session, Errand::new(Task::Refer, headers), now);
        true
    }

    pub(super) fn refer_answered(&mut self, id: SessionId, status: u16, response: Option<&Message>) {
        let silent = response.and_then(|r| r.header("Refer-Sub")).is_some_and(|v| text::trim(v) == "false");
        if silent || !(200..300).contains(&status) {
            self.end_asking(id);
        }
        self.tell_of(id, Event::ReferAnswered { session: id, status });
    }

    fn end_asking(&mut self, id: SessionId) {
        self.timers.cancel(Due::Session(id, Clock::ReportsLate));
        if let Some(session) = self.sessions.get_mut(&id) {
            session.asking = false;
        }
    }

    /// The last report never came.
    pub(super) fn reports_late(&mut self, id: SessionId) {
        self.end_asking(id);
        self.tell_of(id, Event::ReferProgress { session: id, status: 408, last: true });
    }

    /// NOTIFY of the peer: a report on our REFER. Other packages are not ours (RFC 6665 section 7.2.3).
    pub(super) fn notified(&mut self, id: SessionId, flow: Flow, request: &Arc<Message>, now: Instant) {
        let event = request.header("Event").unwrap_or_default();
        if !kind_of(event).eq_ignore_ascii_case("refer") {
            self.answer(flow, request, 489, &[("Allow-Events", wire::EVENTS)], now);
            return;
        }
        if self.sessions.get(&id).is_none_or(|s| !s.asking) {
            self.answer(flow, request, 481, &[], now);
            return;
        }
        let (Some(state), Some(status)) = (request.header("Subscription-State"), fragment(request)) else {
            self.answer(flow, request, 400, &[], now);
            return;
        };
        let last = kind_of(state).eq_ignore_ascii_case("terminated");
        self.answer(flow, request, 200, &[], now);
        if last {
            self.end_asking(id);
        }
        self.tell_of(id, Event::ReferProgress { session: id, status, last });
    }
}

/// RFC 3892: the URI of Referred-By, which stands at most once.
fn referred_by(request: &Message) -> Result<Option<Redacted<String>>, Refused> {
    let mut all = request.headers("Referred-By");
    let Some(value) = all.next() else { return Ok(None) };
    match (NameAddr::parse(value), all.next()) {
        (Ok(address), None) => Ok(Some(Redacted::new(address.uri.to_string()))),
        _ => Err((400, &[])),
    }
}

/// The word before the parameters.
fn kind_of(value: &str) -> &str {
    text::trim(value.split(';').next().unwrap_or_default())
}

/// The status of a `message/sipfrag` body.
fn fragment(request: &Message) -> Option<u16> {
    let body = core::str::from_utf8(request.body_of("message/sipfrag")?).ok()?;
    let status = body.strip_prefix("SIP/2.0 ")?.get(..3)?;
    status.parse().ok().filter(|status| (100..700).contains(status))
}
