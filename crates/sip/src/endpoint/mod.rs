//! The endpoint: one value that turns bytes into sessions and back. It answers by itself what needs no switch
//! (OPTIONS, REGISTER, retransmissions, everything that is not allowed) and tells the switch the rest.
//!
//! After every [`Endpoint::handle`] and every verb (`invite`, `ring`, `accept` …) drain [`Endpoint::poll`] until it
//! gives nothing, then ask [`Endpoint::deadline`] when to come back. Strangers cost no memory: whatever is not
//! authenticated is answered without a transaction.

mod bye;
mod cancel;
mod crowded;
mod errand;
mod incoming;
mod info;
mod invite;
mod options;
mod prack;
mod receive;
mod refer;
mod register;
mod registration;
mod reinvite;
mod replaces;
mod respond;
mod session;
mod session_timer;
mod stream;
mod stun;
mod types;
mod update;
mod wire;
mod within;

pub use refer::Referral;
pub use registration::{ENROLMENTS_MAX, Enrolment, EnrolmentGrant, EnrolmentId};
pub use replaces::Replaced;
pub use session_timer::SessionTimer;
pub use stream::STREAMS_MAX;
pub use types::*;

use crate::guard::{Guard, Tally};
use crate::overload::{Budgets, Strangers};
use crate::registrar::{Binding, Expiry, Handset, Registrar};
use crate::transaction::{News, Transactions, TxId};
use crate::{Credentials, Flow, Message};
use core::time::Duration;
use senim_base::{Entropy, Instant, Timers};
use session::{Clock, Peer, Session, State};
use std::collections::{BTreeMap, VecDeque};
use stream::Stream;

/// Most sessions alive at once. Beyond, an INVITE gets 503 with Retry-After and ours are refused.
pub const SESSIONS_MAX: usize = 20_000;

/// Whose transaction it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum User {
    /// Our INVITE.
    Invite(SessionId),
    /// Our re-INVITE.
    Reinvite(SessionId),
    /// Our BYE.
    Bye(SessionId),
    /// Another request of ours within a session, by its number there.
    Errand(SessionId, u32),
    /// Our OPTIONS.
    Probe(RequestId),
    /// Our OPTIONS to a phone that registered, by its binding.
    Phone(u64),
    /// The peer's INVITE.
    Incoming(SessionId),
    /// The peer's re-INVITE or UPDATE.
    Reoffered(SessionId),
    /// Our REGISTER.
    Enrolment(EnrolmentId),
    /// Nobody waits for the outcome.
    Nobody,
}

/// The timers of the endpoint itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Due {
    Session(SessionId, Clock),
    Idle(Flow),
    Enrolment(EnrolmentId),
}

/// Everything SIP of one line. See the file's first paragraph for how to drive it.
#[derive(Clone)]
pub struct Endpoint {
    settings: Settings,
    entropy: Entropy,
    /// Makes the To tags of answers without memory, the same for each copy of a request.
    secret: [u8; 32],
    guard: Guard,
    /// What challenges of a trunk within its own calls are answered with, by its name.
    trunk_credentials: BTreeMap<String, Credentials>,
    registrar: Registrar,
    strangers: Strangers,
    crowd: crowded::Crowd,
    transactions: Transactions<User>,
    sessions: BTreeMap<SessionId, Session>,
    /// By Call-ID and our tag.
    by_dialog: BTreeMap<(String, String), SessionId>,
    /// Talks whose connection ended, by user, and the phone that is to come back: a session each at most.
    parted: BTreeMap<(String, SessionId), Handset>,
    streams: BTreeMap<Flow, Stream>,
    enrolments: BTreeMap<EnrolmentId, registration::Enrolled>,
    timers: Timers<Due>,
    next_session: u64,
    next_request: u64,
    next_enrolment: u64,
    out: VecDeque<Output>,
    /// Whole messages of streams that came with the last input.
    frames: VecDeque<(Flow, Vec<u8>)>,
}

impl core::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Endpoint").field("live", &self.live()).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// An endpoint without users; [`Endpoint::guard_mut`] takes their secrets.
    pub fn new(settings: Settings, mut entropy: Entropy) -> Endpoint {
        let mut secret = [0; 32];
        entropy.fill(&mut secret);
        let mut guard = Guard::new(&settings.realm, entropy.fork());
        guard.offer(&settings.digest);
        let mut transactions = Transactions::new();
        let peers = settings.trunks.iter().flat_map(|trunk| trunk.sources.iter().copied()).collect();
        transactions.large_by_tcp(settings.streams.clone(), peers);
        Endpoint {
            guard,
            trunk_credentials: BTreeMap::new(),
            settings,
            entropy,
            secret,
            registrar: Registrar::new(),
            strangers: Strangers::new(Budgets::default()),
            crowd: crowded::Crowd::default(),
            transactions,
            sessions: BTreeMap::new(),
            by_dialog: BTreeMap::new(),
            parted: BTreeMap::new(),
            streams: BTreeMap::new(),
            enrolments: BTreeMap::new(),
            timers: Timers::new(),
            next_session: 0,
            next_request: 0,
            next_enrolment: 0,
            out: VecDeque::new(),
            frames: VecDeque::new(),
        }
    }

    /// The keeper of passwords.
    pub fn guard_mut(&mut self) -> &mut Guard {
        &mut self.guard
    }

    /// What a trunk that asks for a password within a call that it brought is answered with.
    pub fn set_trunk_credentials(&mut self, trunk: &str, credentials: Credentials) {
        self.trunk_credentials.insert(trunk.to_owned(), credentials);
    }

    /// What was counted of passwords.
    pub fn passwords(&self) -> Tally {
        self.guard.tally()
    }

    /// Other budgets for strangers than the usual ones. A test that floods on purpose may lift them.
    pub fn set_budgets(&mut self, budgets: Budgets) {
        self.strangers.set(budgets);
    }

    /// Other bounds for registrations than the usual ones.
    pub fn set_expiry(&mut self, expiry: Expiry) {
        self.registrar.set_expiry(expiry);
    }

    /// How often registered phones are asked whether they live (OPTIONS); `None`: never. One that does not answer
    /// [`SILENT_PROBES`](crate::registrar::SILENT_PROBES) times is gone.
    pub fn set_probing(&mut self, every: Option<Duration>) {
        self.registrar.set_probing(every);
    }

    /// Messages of strangers that got silence since the start, and budgets remembered at the moment.
    pub fn silenced(&self) -> (u64, usize) {
        (self.strangers.silenced, self.strangers.kept())
    }

    /// Who is reachable where.
    pub fn registrar(&self) -> &Registrar {
        &self.registrar
    }

    /// The phones of a user, oldest registration first.
    pub fn bindings(&self, user: &str) -> &[Binding] {
        self.registrar.bindings(user)
    }

    /// The Call-ID of a session that is not forgotten yet.
    pub fn call_id(&self, session: SessionId) -> Option<&str> {
        self.sessions.get(&session).map(|s| s.dialog.call_id.as_str())
    }

    /// Takes a user's account away, and his phones with it.
    pub fn remove_user(&mut self, user: &str) {
        self.guard.remove_account(user);
        self.registrar.remove_user(user);
        self.tell_registrations();
    }

    /// Takes an input. The fault has been dealt with on the wire; it is told for counting.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) -> Result<(), Fault> {
        self.expire(now);
        self.frames.clear();
        let result = match input {
            Input::Datagram { flow, bytes } => self.datagram(flow, bytes, now),
            Input::Stream { flow, bytes } => self.stream(flow, bytes, now),
            Input::FlowClosed(flow) => {
                self.flow_closed(flow, now);
                Ok(())
            }
            Input::FlowFailed(flow) => {
                self.registrar.flow_lost(flow);
                self.flow_failed(flow, now);
                Ok(())
            }
            Input::Timeout => Ok(()),
        };
        self.tell_registrations();
        while let Some(user) = self.guard.poll_attacked() {
            self.tell(Event::AccountAttacked { user });
        }
        result
    }

    /// What to do next; drain it after every input and every verb.
    pub fn poll(&mut self) -> Option<Output> {
        self.flush();
        self.out.pop_front()
    }

    /// When to come back with [`Input::Timeout`], and why.
    pub fn deadline(&self) -> Option<(Instant, Reason)> {
        let transaction = self.transactions.deadline().map(|at| (at, Reason::Transaction));
        let own = self.timers.next().map(|(at, due)| {
            let reason = match due {
                Due::Idle(_) => Reason::IdleStream,
                Due::Enrolment(_) => Reason::Enrolment,
                Due::Session(_, Clock::RepeatOk | Clock::AckLate) => Reason::Acknowledgement,
                Due::Session(_, Clock::RepeatRing | Clock::PrackLate) => Reason::Reliability,
                Due::Session(_, Clock::OfferLate | Clock::AnswerLate) => Reason::Offer,
                Due::Session(_, Clock::Refresh | Clock::Expired) => Reason::SessionTimer,
                Due::Session(_, Clock::KeepRinging) => Reason::KeepRinging,
                Due::Session(_, Clock::CancelGivenUp) => Reason::CancelGivenUp,
                Due::Session(_, Clock::Glare) => Reason::Glare,
                Due::Session(_, Clock::Referral | Clock::ReportsLate) => Reason::Referral,
            };
            (at, reason)
        });
        let registration = self.registrar.deadline().map(|at| (at, Reason::Registration));
        [transaction, own, registration].into_iter().flatten().min()
    }

    /// What is alive.
    pub fn live(&self) -> Counts {
        Counts {
            sessions: self.sessions.len(),
            transactions: self.transactions.len(),
            timers: self.timers.len() + self.transactions.timers_len(),
            streams: self.streams.len(),
        }
    }

    /// Runs every timer that is due.
    fn expire(&mut self, now: Instant) {
        while let Some(told) = self.transactions.expire(now) {
            if let Some((tx, user, news)) = told {
                self.unanswered(tx, user, news, now);
            }
        }
        while let Some(due) = self.timers.expire(now) {
            match due {
                Due::Idle(flow) => self.idle(flow),
                Due::Enrolment(id) => self.enrolment_due(id, now),
                Due::Session(id, Clock::RepeatOk) => self.repeat_ok(id, now),
                Due::Session(id, Clock::AckLate) => self.ack_late(id, now),
                Due::Session(id, Clock::KeepRinging) => self.keep_ringing(id, now),
                Due::Session(id, Clock::CancelGivenUp) => self.cancel_given_up(id),
                Due::Session(id, Clock::Glare) => self.glare_over(id, now),
                Due::Session(id, Clock::Referral) => self.referral_late(id, now),
                Due::Session(id, Clock::ReportsLate) => self.reports_late(id),
                Due::Session(id, Clock::RepeatRing) => self.repeat_ring(id, now),
                Due::Session(id, Clock::PrackLate) => self.prack_late(id, now),
                Due::Session(id, Clock::OfferLate) => self.offer_late(id, now),
                Due::Session(id, Clock::AnswerLate) => self.answer_late(id, None, now),
                Due::Session(id, Clock::Refresh) => self.refresh(id, now),
                Due::Session(id, Clock::Expired) => self.session_expired(id, now),
            }
        }
        self.registrar.expire(now);
        while let Some(phone) = self.registrar.probe(now) {
            self.probe_phone(&phone, now);
        }
    }

    /// A transaction ended without a response.
    fn unanswered(&mut self, tx: TxId, user: User, news: News, now: Instant) {
        match user {
            User::Invite(id) => self.invite_unanswered(id, news, now),
            User::Reinvite(id) => self.reinvite_unanswered(id, news, now),
            User::Bye(id) => self.forget(id, now),
            User::Errand(id, number) => self.errand_unanswered(id, number, news, now),
            User::Probe(request) => self.tell(Event::OptionsFailed { request }),
            User::Phone(id) => self.registrar.probed(id, false, now),
            User::Enrolment(id) => self.enrolment_unanswered(id, tx, news, now),
            User::Incoming(id) => self.caller_lost(id, now),
            User::Reoffered(id) => self.reoffer_lost(id, tx),
            User::Nobody => {}
        }
    }

    /// A response to one of our requests.
    fn responded(&mut self, user: User, response: &Message, now: Instant) {
        match user {
            User::Invite(id) => self.invite_answered(id, response, now),
            User::Reinvite(id) => self.reinvite_answered(id, response, now),
            User::Bye(id) => self.bye_answered(id, response, now),
            User::Errand(id, number) => self.errand_answered(id, number, response, now),
            User::Probe(request) => {
                let status = response.status().unwrap_or_default();
                self.tell(Event::OptionsAnswered { request, status });
            }
            User::Phone(id) => self.registrar.probed(id, true, now),
            User::Enrolment(id) => self.enrolment_answered(id, response, now),
            User::Incoming(_) | User::Reoffered(_) | User::Nobody => {}
        }
    }

    /// A connection ended. Talks go on: their sound does not need it, and a goodbye may open another.
    fn flow_closed(&mut self, flow: Flow, now: Instant) {
        self.streams.remove(&flow);
        self.timers.cancel(Due::Idle(flow));
        self.part(flow);
        self.registrar.flow_lost(flow);
        self.flow_failed(flow, now);
        for session in self.sessions.values_mut().filter(|s| s.flow == flow) {
            session.flow.connection = 0;
        }
    }

    fn flow_failed(&mut self, flow: Flow, now: Instant) {
        for (tx, user, news) in self.transactions.flow_failed(flow, now) {
            self.unanswered(tx, user, news, now);
        }
        self.enrolments_lost(flow, now);
    }

    /// Tells the switch of a session, unless it was told the end already.
    fn tell_of(&mut self, id: SessionId, event: Event) {
        if self.sessions.get(&id).is_some_and(|s| !s.over) {
            self.tell(event);
        }
    }

    /// Tells the switch the end of a session, once.
    fn tell_end(&mut self, id: SessionId, event: Event) {
        if let Some(session) = self.sessions.get_mut(&id)
            && !core::mem::replace(&mut session.over, true)
        {
            self.tell(event);
        }
    }

    fn tell(&mut self, event: Event) {
        self.flush();
        self.out.push_back(Output::Event(event));
    }

    /// Sends outside of any transaction.
    fn transmit(&mut self, flow: Flow, bytes: Vec<u8>) {
        self.flush();
        self.out.push_back(Output::Transmit { flow, bytes });
    }

    /// Takes over what the transactions want to send, so that order on the wire is order of doing.
    fn flush(&mut self) {
        while let Some((flow, bytes)) = self.transactions.poll() {
            self.out.push_back(Output::Transmit { flow, bytes });
        }
    }

    fn add_session(
        &mut self,
        state: State,
        flow: Flow,
        dialog: crate::dialog::Dialog,
        peer: Peer,
    ) -> SessionId {
        self.next_session += 1;
        let id = SessionId(self.next_session);
        self.by_dialog.insert((dialog.call_id.clone(), dialog.local_tag.clone()), id);
        self.sessions.insert(id, Session::new(state, flow, dialog, peer));
        id
    }

    /// Drops a session and all its timers. Requests of the peer that still wait get 487 (RFC 3261 section 15.1.2).
    fn forget(&mut self, id: SessionId, now: Instant) {
        self.drop_pending(id, now);
        self.end_referral(id, now);
        if let Some(session) = self.sessions.remove(&id) {
            if let Peer::User(user) = session.peer {
                self.parted.remove(&(user, id));
            }
            self.by_dialog.remove(&(session.dialog.call_id, session.dialog.local_tag));
        }
        self.stop_clocks(id);
    }

    fn stop_clocks(&mut self, id: SessionId) {
        self.timers.cancel_between(Due::Session(id, Clock::FIRST), Due::Session(id, Clock::LAST));
    }
}
