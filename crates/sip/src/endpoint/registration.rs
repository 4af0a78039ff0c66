//! Registrations of our own at carriers (FEATURES T7): begun when told, refreshed out of what was granted, begun anew
//! after a failure with the pauses of RFC 5626 section 4.5, and ended when the line stops.

use super::{Due, Endpoint, Event, User, wire};
use crate::message::{Contacts, Message, MessageBuilder, Method, Uri, text};
use crate::transaction::{News, Request, TxId};
use crate::{Credentials, Flow};
use core::fmt;
use core::time::Duration;
use senim_base::Instant;

/// Most registrations of ours. Beyond, none is begun.
pub const ENROLMENTS_MAX: usize = 256;
/// RFC 5626 section 4.5: the first pause after a failure at most, doubled with each further one …
const PAUSE_BASE: Duration = Duration::from_secs(30);
/// … up to this.
const PAUSE_MAX: Duration = Duration::from_secs(1_800);
/// Challenges answered in one go: the first, and one more when the carrier says that our nonce was old.
const ANSWERS_MAX: u32 = 2;
/// Longest registration that a carrier's 423 can make us ask for, seconds.
const EXPIRES_MAX_S: u32 = 86_400;
/// How long the line waits at its end for a carrier to take a registration back.
const LEAVING_MAX: Duration = Duration::from_secs(2);

/// Ways to one carrier at most; more are left out.
const WAYS_MAX: usize = 16;

/// One registration of ours. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnrolmentId(pub u64);

impl fmt::Display for EnrolmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "enrolment-{}", self.0)
    }
}

impl fmt::Debug for EnrolmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where to register, and as whom.
#[derive(Clone)]
pub struct Enrolment {
    /// The ways to the carrier, best first, 16 at most; none as long as it is not found.
    pub flows: Vec<Flow>,
    /// The carrier's domain, `host` or `host:port`: the Request-URI of REGISTER.
    pub domain: String,
    /// Our user name at the carrier: with the domain our address of record.
    pub user: String,
    /// User part of our Contact: what the carrier's calls to us will dial.
    pub contact_user: String,
    /// How long to ask for, seconds.
    pub expires_s: u32,
    /// The answer to its challenges.
    pub credentials: Option<Credentials>,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment").field("flows", &self.flows).finish_non_exhaustive()
    }
}

/// What is true of a registration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// A REGISTER is out.
    Asking,
    /// The carrier knows us; refreshed when the clock says so.
    Up,
    /// It failed; tried again when the clock says so.
    Pausing,
    /// We take it back.
    Leaving,
}

/// One registration.
#[derive(Clone)]
pub(super) struct Enrolled {
    order: Enrolment,
    state: State,
    /// The carrier knows us as far as we were told.
    up: bool,
    call_id: String,
    tag: String,
    cseq: u32,
    /// What is asked for: more than was ordered after a 423.
    expires_s: u32,
    authorization: Option<(&'static str, String)>,
    /// Nonces answered in this go, the last of them.
    answers: u32,
    nonce: Option<String>,
    /// Failures in a row.
    failures: u32,
    /// Which of the ways is taken, and how many were in this go.
    way: usize,
    tried: usize,
    /// The REGISTER that is out.
    tx: Option<TxId>,
    grant: Option<EnrolmentGrant>,
}

/// What a carrier granted last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EnrolmentGrant {
    /// When.
    pub granted: Instant,
    /// When it ends unless it is refreshed.
    pub expires: Instant,
}

impl Enrolled {
    fn flow(&self) -> Option<Flow> {
        self.order.flows.get(self.way).copied()
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.answers = 0;
        self.authorization = None;
    }
}

impl Endpoint {
    /// Registers us at a carrier, and again and again until [`Endpoint::leave`]. Tells [`Event::Enrolled`] when the
    /// carrier took it, [`Event::EnrolmentFailed`] at each failure. `None`: too many, or the domain or a user part is
    /// no part of a SIP address.
    pub fn enrol(&mut self, order: Enrolment, now: Instant) -> Option<EnrolmentId> {
        let names = [&order.user, &order.contact_user].iter().all(|user| !user.is_empty());
        let readable = names && Uri::parse(&format!("sip:{}", order.domain)).is_ok_and(|u| u.user.is_none());
        if !readable || self.enrolments.len() >= ENROLMENTS_MAX {
            return None;
        }
        self.next_enrolment += 1;
        let id = EnrolmentId(self.next_enrolment);
        let enrolled = Enrolled {
            state: State::Asking,
            up: false,
            call_id: self.entropy.token(32),
            tag: self.entropy.token(16),
            cseq: 0,
            expires_s: order.expires_s.max(1),
            authorization: None,
            answers: 0,
            nonce: None,
            failures: 0,
            way: 0,
            tried: 0,
            tx: None,
            grant: None,
            order,
        };
        self.enrolments.insert(id, enrolled);
        self.ask(id, now);
        Some(id)
    }

    /// Where the carrier is to be found was asked again: these are the ways now, best first. A way that is still among
    /// them is kept; otherwise we register anew by the first, at once. With none of them all stays as it was.
    pub fn rehome(&mut self, id: EnrolmentId, flows: &[Flow], now: Instant) {
        let Some(e) = self.enrolments.get_mut(&id).filter(|e| e.state != State::Leaving) else { return };
        if flows.is_empty() {
            return;
        }
        let present = e.flow();
        e.order.flows = flows.iter().take(WAYS_MAX).copied().collect();
        match e.order.flows.iter().position(|flow| Some(*flow) == present) {
            Some(way) => e.way = way,
            None => {
                e.way = 0;
                self.ask(id, now);
            }
        }
    }

    /// What the carrier granted last, as long as the registration stands.
    pub fn enrolment_grant(&self, id: EnrolmentId) -> Option<EnrolmentGrant> {
        self.enrolments.get(&id).filter(|e| e.up)?.grant
    }

    /// Takes a registration back. Ends with [`Event::EnrolmentEnded`], after two seconds at most.
    pub fn leave(&mut self, id: EnrolmentId, now: Instant) {
        let Some(e) = self.enrolments.get_mut(&id).filter(|e| e.state != State::Leaving) else { return };
        // An answer may be on its way to us.
        let known = e.up || e.state == State::Asking;
        e.begin(State::Leaving);
        if known {
            self.timers.set(Due::Enrolment(id), now + LEAVING_MAX);
            self.send_register(id, now);
        } else {
            self.left(id);
        }
    }

    /// Begins a go: first try, refresh, or try after a pause.
    fn ask(&mut self, id: EnrolmentId, now: Instant) {
        let Some(e) = self.enrolments.get_mut(&id) else { return };
        if e.order.flows.is_empty() {
            // The switch is told; it knows when there is a way.
            e.begin(State::Pausing);
            self.tell(Event::EnrolmentFailed { enrolment: id, status: 503, retry: Duration::ZERO });
            return;
        }
        e.begin(State::Asking);
        e.tried = 1;
        self.timers.cancel(Due::Enrolment(id));
        self.send_register(id, now);
    }

    fn send_register(&mut self, id: EnrolmentId, now: Instant) {
        let branch = self.branch();
        let Some(e) = self.enrolments.get_mut(&id) else { return };
        e.cseq = e.cseq.saturating_add(1);
        let (Some(flow), domain) = (e.flow(), &e.order.domain) else { return };
        let aor = text::escape_user(&e.order.user);
        let seconds = if e.state == State::Leaving { 0 } else { e.expires_s };
        let contact = self.settings.contact_of(&e.order.contact_user, flow);
        let via = format!(
            "SIP/2.0/{} {};branch={branch};rport",
            flow.transport.name(),
            self.settings.address(flow)
        );
        let mut builder = MessageBuilder::request(&Method::Register, &format!("sip:{domain}"))
            .header("Via", &via)
            .header("Max-Forwards", "70")
            .header("From", &format!("<sip:{aor}@{domain}>;tag={}", e.tag))
            .header("To", &format!("<sip:{aor}@{domain}>"))
            .header("Call-ID", &e.call_id)
            .header("CSeq", &format!("{} REGISTER", e.cseq))
            .header("Contact", &contact)
            .header("Expires", &seconds.to_string())
            .header("Allow", wire::ALLOW);
        if let Some((name, value)) = &e.authorization {
            builder = builder.header(name, value);
        }
        let bytes = self.settings.sign(builder).finish();
        let request = Request { flow, method: "REGISTER".into(), branch, bytes };
        let tx = self.transactions.request(request, User::Enrolment(id), now);
        if let Some(e) = self.enrolments.get_mut(&id) {
            e.tx = tx;
        }
        if tx.is_none() {
            self.pause(id, 503, None, now);
        }
    }

    pub(super) fn enrolment_answered(&mut self, id: EnrolmentId, response: &Message, now: Instant) {
        let status = response.status().unwrap_or_default();
        let number = response.cseq_number().unwrap_or_default();
        let Some(state) = self.enrolments.get(&id).filter(|e| e.cseq == number).map(|e| e.state) else {
            return;
        };
        match (status, state) {
            // A late answer to what we do not wait for any more.
            (..200, _) | (_, State::Up | State::Pausing) => {}
            (401 | 407, _) if self.answer_challenge(id, response) => self.send_register(id, now),
            (_, State::Leaving) => self.left(id),
            (200..300, _) => self.enrolled(id, response, now),
            (423, _) if self.ask_for_more(id, response) => self.send_register(id, now),
            _ => {
                let wait = response.header("Retry-After").and_then(seconds);
                self.enrolment_failed(id, status, wait, now);
            }
        }
    }

    /// Prepares the answer to a challenge. `false`: it was answered already, or is none of ours to answer.
    fn answer_challenge(&mut self, id: EnrolmentId, response: &Message) -> bool {
        let cnonce = self.entropy.token(16);
        let Some(e) = self.enrolments.get_mut(&id) else { return false };
        let Some(credentials) = &e.order.credentials else { return false };
        let uri = format!("sip:{}", e.order.domain);
        let Some(asked) = credentials.challenge(response) else { return false };
        // A new nonce for an old one is a fresh start; any other second challenge says that our password is wrong.
        let may = e.answers == 0 || (asked.stale && e.answers < ANSWERS_MAX);
        if !may || e.nonce.as_ref() == Some(&asked.nonce) {
            return false;
        }
        let Some(answer) = credentials.answer(response, &Method::Register, &uri, &cnonce) else {
            return false;
        };
        e.nonce = Some(asked.nonce);
        e.answers += 1;
        e.authorization = Some(answer);
        true
    }

    /// RFC 3261 section 10.2.8: the carrier wants longer registrations.
    fn ask_for_more(&mut self, id: EnrolmentId, response: &Message) -> bool {
        let Some(e) = self.enrolments.get_mut(&id) else { return false };
        let wanted = response.header("Min-Expires").and_then(text::saturating_u32);
        match wanted.filter(|wanted| (e.expires_s + 1..=EXPIRES_MAX_S).contains(wanted)) {
            Some(wanted) => {
                e.expires_s = wanted;
                true
            }
            None => false,
        }
    }

    /// The carrier knows us. How long it says itself: at our Contact, else in Expires (RFC 3261 section 10.2.4).
    fn enrolled(&mut self, id: EnrolmentId, response: &Message, now: Instant) {
        let Some(e) = self.enrolments.get_mut(&id) else { return };
        let Some(flow) = e.flow() else { return };
        let ours = self.settings.contact_of(&e.order.contact_user, flow);
        let granted = granted(response, &ours).unwrap_or(e.expires_s);
        if granted == 0 {
            self.enrolment_failed(id, 200, None, now);
            return;
        }
        e.state = State::Up;
        e.failures = 0;
        let expires = now + Duration::from_secs(granted.into());
        e.grant = Some(EnrolmentGrant { granted: now, expires });
        let news = !core::mem::replace(&mut e.up, true);
        self.timers.set(Due::Enrolment(id), now + refresh_after(granted));
        if news {
            self.tell(Event::Enrolled { enrolment: id, granted_s: granted });
        }
    }

    pub(super) fn enrolment_unanswered(&mut self, id: EnrolmentId, tx: TxId, news: News, now: Instant) {
        let status = match news {
            News::TransportFailed => 503,
            News::Timeout | News::Response => 408,
        };
        // One that was sent another way meanwhile is not waited for.
        match self.enrolments.get(&id).filter(|e| e.tx == Some(tx)).map(|e| e.state) {
            Some(State::Leaving) => self.left(id),
            Some(State::Asking) => self.enrolment_failed(id, status, None, now),
            _ => {}
        }
    }

    /// It failed: by a server that cannot or is not there the next way is tried, all of them in one go (RFC 3263
    /// section 4.3).
    fn enrolment_failed(&mut self, id: EnrolmentId, status: u16, wait: Option<Duration>, now: Instant) {
        let Some(e) = self.enrolments.get_mut(&id) else { return };
        if e.state == State::Leaving {
            self.left(id);
            return;
        }
        let ways = e.order.flows.len();
        if matches!(status, 408 | 430 | 500..=599) && e.tried < ways {
            e.begin(State::Asking);
            e.tried += 1;
            e.way = (e.way + 1) % ways;
            self.send_register(id, now);
        } else {
            self.pause(id, status, wait, now);
        }
    }

    /// RFC 5626 section 4.5: a random pause between half and the whole of what doubles with each failure.
    fn pause(&mut self, id: EnrolmentId, status: u16, wait: Option<Duration>, now: Instant) {
        let Some(e) = self.enrolments.get_mut(&id) else { return };
        let most = PAUSE_BASE.saturating_mul(1 << e.failures.min(16)).min(PAUSE_MAX);
        e.failures = e.failures.saturating_add(1);
        e.state = State::Pausing;
        e.up = false;
        let half = most / 2;
        let drawn = self.entropy.below(u32::try_from(half.as_millis()).unwrap_or(u32::MAX));
        let pause = (half + Duration::from_millis(drawn.into())).max(wait.unwrap_or_default().min(PAUSE_MAX));
        self.timers.set(Due::Enrolment(id), now + pause);
        self.tell(Event::EnrolmentFailed { enrolment: id, status, retry: pause });
    }

    /// The connection of a registration that stands broke, and with it the way of the carrier's calls to us.
    pub(super) fn enrolments_lost(&mut self, flow: Flow, now: Instant) {
        let hit = |e: &Enrolled| {
            let ours = e.flow();
            let same = ours.is_some_and(|f| f.transport == flow.transport && f.remote == flow.remote);
            e.state == State::Up && same && flow.transport.is_reliable()
        };
        let lost: Vec<_> = self.enrolments.iter().filter(|(_, e)| hit(e)).map(|(id, _)| *id).collect();
        for id in lost {
            if let Some(e) = self.enrolments.get_mut(&id) {
                e.up = false;
            }
            self.tell(Event::EnrolmentFailed { enrolment: id, status: 503, retry: Duration::ZERO });
            self.ask(id, now);
        }
    }

    /// Its clock: refresh, try again, or give up waiting for the carrier to let us go.
    pub(super) fn enrolment_due(&mut self, id: EnrolmentId, now: Instant) {
        match self.enrolments.get(&id).map(|e| e.state) {
            Some(State::Up | State::Pausing) => self.ask(id, now),
            Some(State::Leaving) => self.left(id),
            Some(State::Asking) | None => {}
        }
    }

    fn left(&mut self, id: EnrolmentId) {
        self.timers.cancel(Due::Enrolment(id));
        if self.enrolments.remove(&id).is_some() {
            self.tell(Event::EnrolmentEnded { enrolment: id });
        }
    }
}

/// How long after a grant it is refreshed: with time left for a whole failed try, as long as that is possible.
fn refresh_after(granted_s: u32) -> Duration {
    let granted = Duration::from_secs(granted_s.into());
    let spare = Duration::from_secs(64).min(granted / 2);
    (granted - spare).max(granted / 2).max(Duration::from_secs(1))
}

/// What the carrier granted, seconds.
fn granted(response: &Message, ours: &str) -> Option<u32> {
    let ours = crate::NameAddr::parse(ours).ok()?.uri;
    let contacts = match response.contact() {
        Ok(Contacts::List(list)) => list,
        _ => Vec::new(),
    };
    let mine = contacts.iter().find(|c| c.uri.same_as(&ours)).or(match contacts.as_slice() {
        // A carrier that rewrites the address of our Contact still means us when it names nobody else.
        [only] => Some(only),
        _ => None,
    });
    let said = mine.and_then(|c| c.param("expires").flatten()).and_then(text::saturating_u32);
    said.or_else(|| response.expires())
}

/// `120 (we are busy);duration=60` as two minutes.
fn seconds(retry_after: &str) -> Option<Duration> {
    let digits = retry_after.split(|c: char| !c.is_ascii_digit()).next()?;
    text::saturating_u32(digits).map(|s| Duration::from_secs(s.into()))
}
