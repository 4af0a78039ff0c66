//! The switch itself: takes an input, finds the call it belongs to, lets the rooms speak until they are silent.

use crate::api::{Command, Peer, Ticket};
use crate::books::Books;
use crate::call::leg::Side;
use crate::call::{Call, Knock, SecondCall, State, Then};
use crate::facts::{CallerIdentity, Doing, Fact, ms};
use crate::flood::{Flood, Token};
use crate::identity;
use crate::ports::Ports;
use crate::registrations::Registrations;
use crate::rooms::{Output, Rooms};
use crate::settings::{Destination, Settings};
use crate::trace::Trace;
use crate::trunks::{Trunks, Turned};
use senim_base::{CallId, ConsultantId, Entropy, Instant, OfferId, RecordingId, Timers, WallClock, WallTime};
use senim_ivr::Purpose;
use senim_media::Event as MediaEvent;
use senim_media::capacity::{Capacity, Entry, Load};
use senim_queue::{Consultant, Input as QueueInput, Output as QueueOutput, Queue};
use senim_sdp::Security;
use senim_sip::{Endpoint, Event as SipEvent, Invitation, Origin};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The wall clock may differ so far from what was expected before it is read anew, in milliseconds.
const SKEW_MS_MAX: i64 = 500;
/// Live calls at most; more get 503.
const CALLS_MAX: usize = 20_000;

/// What happens to the switch.
#[derive(Debug)]
pub enum Input<'a> {
    /// From the SIP sockets.
    Sip(senim_sip::Input<'a>),
    /// From the media worker of a call.
    Media(CallId, senim_media::Event),
    /// From the recording thread.
    Recording(RecordingReport),
    /// From the outside.
    Command(Ticket, Command),
    /// Where a trunk is to be found was asked again: its targets now, in order of preference.
    Targets {
        /// The trunk's name.
        trunk: String,
        /// [`TARGETS_MAX`](crate::TARGETS_MAX) at most; the others are left out.
        targets: Vec<senim_sip::Flow>,
    },
    /// The calendar was read.
    Wall(WallTime),
    /// SIP that found no room at the edge since the start: of strangers, and of those who are known.
    TurnedAway {
        /// Their own flood.
        strangers: u64,
        /// The machine is too small.
        known: u64,
    },
    /// What a datagram costs a media thread, nanoseconds, measured at the start.
    Measured(u32),
    /// What the media threads did since the last report; [`REPORT_EVERY`](senim_media::capacity::REPORT_EVERY).
    Load(Load),
    /// The grace period is over: every call ends now.
    EndAll,
    /// A deadline passed.
    Timeout,
}

/// What became of a recording.
#[derive(Clone, Debug)]
pub enum RecordingReport {
    /// Closed.
    Closed {
        /// Which.
        recording: RecordingId,
        /// Its length.
        length_ms: u64,
        /// Its size on disk.
        bytes: u64,
        /// Frames that found no room on their way to the disk.
        lost_frames: u64,
        /// It was cut by a kill and repaired at start.
        torn: bool,
    },
    /// Could not be written.
    Failed {
        /// Which.
        recording: RecordingId,
        /// The disk's words.
        why: String,
    },
}

/// Why the switch wants to be called again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// A SIP timer.
    Sip,
    /// A ring, wrap-up, announcement or pause in the queue.
    Queue,
    /// A call's own timer.
    Call,
    /// A trunk's probe.
    Probe,
}

/// What is alive, for tests that nothing is left over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Live {
    /// Calls.
    pub calls: usize,
    /// SIP sessions that calls know of.
    pub sessions: usize,
    /// Ports in use.
    pub ports: usize,
    /// Timers of calls.
    pub timers: usize,
    /// Callers waiting in the queue.
    pub waiting: usize,
    /// Consultants who talk, or are asked by a colleague.
    pub engaged: usize,
}

/// The switch.
#[derive(Debug)]
pub struct Switch {
    pub(crate) rooms: Rooms,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) queue: Queue,
    offers: BTreeMap<OfferId, CallId>,
    pub(crate) doing: BTreeMap<ConsultantId, (Doing, Instant)>,
    pub(crate) draining: Option<Vec<Ticket>>,
    /// Recordings of this run that are not closed yet.
    recording: BTreeSet<RecordingId>,
    next_call: u64,
}

impl Switch {
    /// A switch that goes on from what the books tell. Calls that the last run left open are closed as interrupted.
    pub fn new(
        settings: Arc<Settings>,
        sip: senim_sip::Settings,
        books: Books,
        mut entropy: Entropy,
        now: Instant,
        wall: WallTime,
    ) -> Self {
        let next_call = books.last_call().0 + 1;
        let queue_settings = senim_queue::Settings {
            queues: settings.queues.clone(),
            priority_worth_s: settings.priority_worth_s,
            ..senim_queue::Settings::default()
        };
        let queue = Queue::new(queue_settings, books.next_offer());
        let trace = Trace::new(settings.trace, entropy.fork().u64());
        let mut sip = Endpoint::new(sip, entropy.fork());
        for trunk in &settings.trunks {
            if let Some(credentials) = &trunk.credentials {
                sip.set_trunk_credentials(&trunk.name, credentials.clone());
            }
        }
        let rooms = Rooms {
            now,
            clock: WallClock::read(now, wall),
            sip,
            flood: Flood::new(&mut entropy),
            capacity: Capacity::default(),
            entropy,
            books,
            ports: Ports::new(settings.media.ports),
            trunks: Trunks::new(&settings.trunks, now),
            trace,
            registrations: Registrations::default(),
            sessions: BTreeMap::new(),
            timers: Timers::new(),
            engaged: BTreeMap::new(),
            queue_inputs: VecDeque::new(),
            out: VecDeque::new(),
            totals: crate::api::Totals::default(),
            over: Vec::new(),
            next_leg: 0,
            next_play: 0,
            settings,
        };
        let mut switch = Switch {
            rooms,
            calls: BTreeMap::new(),
            queue,
            offers: BTreeMap::new(),
            doing: BTreeMap::new(),
            draining: None,
            recording: BTreeSet::new(),
            next_call,
        };
        switch.start();
        switch
    }

    fn start(&mut self) {
        for (call, fact) in self.rooms.books.interrupted() {
            self.rooms.fact(call, fact);
        }
        let version = self.rooms.settings.version.clone();
        self.rooms.fact(None, Fact::LineStarted { version });
        let people: Vec<ConsultantId> = self.rooms.books.people().map(|p| p.id).collect();
        for id in people {
            self.know(id);
        }
        let Rooms { registrations, sip, settings, now, .. } = &mut self.rooms;
        registrations.begin(&settings.registrations, sip, *now);
        sip.set_expiry(settings.register_expiry);
        sip.set_probing(settings.softphone_probe);
        self.pump();
    }

    /// Makes a consultant known to the rooms, as the books know him.
    pub(crate) fn know(&mut self, id: ConsultantId) {
        let Some(p) = self.rooms.books.person(id).cloned() else { return };
        self.rooms.sip.guard_mut().set_account(&p.login, p.secrets);
        let known = Consultant { id, languages: p.languages, skills: p.skills };
        let reachable = !self.rooms.sip.bindings(&p.login).is_empty();
        let inputs = &mut self.rooms.queue_inputs;
        inputs.push_back(QueueInput::ConsultantKnown(known));
        inputs.push_back(QueueInput::Reachable { id, yes: reachable });
        if p.signed_in {
            inputs.push_back(QueueInput::SignIn(id));
            if let Some(reason) = p.on_break {
                inputs.push_back(QueueInput::Break { id, reason });
            }
        }
    }

    /// Takes an input.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        self.rooms.now = self.rooms.now.max(now);
        let now = self.rooms.now;
        match input {
            Input::Sip(input) => {
                // Bad bytes are the peer's fault; the endpoint has answered or counted them.
                let counted = self.rooms.sip.handle(input, now);
                match input {
                    // Whoever is refused for want of time costs no more than that.
                    _ if counted == Err(senim_sip::Fault::Crowded) => {}
                    senim_sip::Input::Datagram { flow, bytes } => self.rooms.passed(true, flow, bytes),
                    senim_sip::Input::Stream { flow, bytes } if flow.transport.keeps_bounds() => {
                        self.rooms.passed(true, flow, bytes);
                    }
                    _ => {}
                }
                while let Some((flow, frame)) = self.rooms.sip.next_frame() {
                    self.rooms.passed(true, flow, &frame);
                }
            }
            Input::Media(call, MediaEvent::Report { leg, report }) => {
                // Its call may be over already.
                if report.sent + report.received > 0 {
                    self.rooms.fact(Some(call), Fact::Sounded { leg, report });
                }
            }
            Input::Media(call, event) => self.with_call(call, |c, rooms| c.on_media(&event, rooms)),
            Input::Recording(report) => self.recording_report(report),
            Input::Command(ticket, command) => self.command(ticket, &command),
            Input::Targets { trunk, targets } => {
                let Rooms { registrations, sip, .. } = &mut self.rooms;
                registrations.rehome(&trunk, &targets, sip, now);
                let turned = self.rooms.trunks.retarget(&trunk, &targets);
                self.turned(turned);
            }
            Input::Wall(wall) => {
                if self.rooms.clock.skew_ms(now, wall).abs() > SKEW_MS_MAX {
                    self.rooms.clock = WallClock::read(now, wall);
                }
            }
            Input::TurnedAway { strangers, known } => {
                self.rooms.totals.sip_turned_away = strangers;
                self.rooms.totals.sip_turned_away_known = known;
            }
            Input::Measured(ns) => self.rooms.capacity.measured(ns),
            Input::Load(load) => {
                let joins = self.joins();
                self.rooms.capacity.heard(load, joins);
            }
            Input::EndAll => {
                let live: Vec<CallId> = self.calls.keys().copied().collect();
                for call in live {
                    self.with_call(call, Call::end_by_operator);
                }
            }
            Input::Timeout => self.timeout(now),
        }
        self.pump();
    }

    /// What is to be done next. Drain after every [`Switch::handle`].
    pub fn poll(&mut self) -> Option<Output> {
        let output = self.rooms.out.pop_front();
        if let Some(Output::OpenRecording { recording, .. }) = output {
            self.recording.insert(recording);
        }
        output
    }

    /// When to call with [`Input::Timeout`], and why.
    pub fn deadline(&self) -> Option<(Instant, Due)> {
        [
            self.rooms.sip.deadline().map(|(at, _)| (at, Due::Sip)),
            self.queue.deadline().map(|(at, _)| (at, Due::Queue)),
            self.rooms.timers.next().map(|(at, _)| (at, Due::Call)),
            self.rooms.trunks.deadline().map(|at| (at, Due::Probe)),
        ]
        .into_iter()
        .flatten()
        .min_by_key(|(at, _)| *at)
    }

    /// The flows that softphones are registered on, and a number that changes with them.
    pub fn registered_flows(&self) -> (u64, impl Iterator<Item = senim_sip::Flow>) {
        let registrar = self.rooms.sip.registrar();
        (registrar.turns(), registrar.flows())
    }

    /// Refuses new calls from now on, or no longer: live ones have the time that there is.
    pub fn set_crowded(&mut self, yes: bool) {
        self.rooms.sip.set_crowded(yes);
    }

    /// Why no further call has room, if none has.
    pub fn is_full(&self) -> Option<&'static str> {
        self.rooms.capacity.is_full().map(|full| full.why())
    }

    /// The books.
    pub fn books(&self) -> &Books {
        &self.rooms.books
    }

    /// What is alive.
    pub fn live(&self) -> Live {
        Live {
            calls: self.calls.len(),
            sessions: self.rooms.sessions.len(),
            ports: self.rooms.ports.used(),
            timers: self.rooms.timers.len(),
            waiting: self.queue.snapshot().waiting.len(),
            engaged: self.rooms.engaged.len(),
        }
    }

    fn timeout(&mut self, now: Instant) {
        while let Some((call, wake)) = self.rooms.timers.expire(now) {
            self.with_call(call, |c, rooms| c.on_wake(wake, rooms));
        }
        let _counted = self.rooms.sip.handle(senim_sip::Input::Timeout, now);
        self.rooms.queue_inputs.push_back(QueueInput::Timeout);
        let Rooms { trunks, sip, .. } = &mut self.rooms;
        let turned = trunks.probe(sip, now);
        self.turned(turned);
    }

    /// Lets the rooms speak until they are silent.
    fn pump(&mut self) {
        loop {
            if let Some(output) = self.rooms.sip.poll() {
                self.sip_output(output);
            } else if let Some(input) = self.rooms.queue_inputs.pop_front() {
                // A fault is an input about an offer or caller that is over already.
                let _late = self.queue.handle(input, self.rooms.now);
                while let Some(output) = self.queue.poll() {
                    self.queue_output(output);
                }
            } else {
                break;
            }
        }
        self.see_off();
    }

    fn see_off(&mut self) {
        for call in self.rooms.over.drain(..) {
            if let Some(entry) = self.calls.remove(&call).and_then(|call| call.entry) {
                self.rooms.capacity.left(entry);
            }
        }
        if self.calls.is_empty()
            && self.recording.is_empty()
            && self.rooms.registrations.is_empty()
            && let Some(tickets) = self.draining.as_mut().filter(|t| !t.is_empty())
        {
            let tickets = core::mem::take(tickets);
            self.rooms.fact(None, Fact::LineStopped);
            self.rooms.out.push_back(Output::Settle);
            let replies = tickets.into_iter().map(|t| Output::Reply(t, crate::api::Reply::Done));
            self.rooms.out.extend(replies);
            self.rooms.out.push_back(Output::Drained);
        }
    }

    pub(crate) fn with_call(&mut self, call: CallId, f: impl FnOnce(&mut Call, &mut Rooms)) {
        if let Some(c) = self.calls.get_mut(&call) {
            f(c, &mut self.rooms);
        }
    }

    fn sip_output(&mut self, output: senim_sip::Output) {
        match output {
            senim_sip::Output::Transmit { flow, bytes } => {
                self.rooms.passed(false, flow, &bytes);
                self.rooms.out.push_back(Output::Transmit { flow, bytes });
            }
            senim_sip::Output::Refuse { flow, bytes } => {
                self.crowded_out(flow);
                self.rooms.out.push_back(Output::Transmit { flow, bytes });
            }
            senim_sip::Output::Disconnect(flow) => self.rooms.out.push_back(Output::Disconnect(flow)),
            senim_sip::Output::Event(event) => self.sip_event(event),
        }
    }

    fn sip_event(&mut self, event: SipEvent) {
        match event {
            SipEvent::Incoming(invitation) => self.invited(&invitation),
            SipEvent::Registered { user } => self.reachable(&user, true),
            SipEvent::Unregistered { user, .. } => self.reachable(&user, false),
            SipEvent::OptionsAnswered { request, .. } => self.probed(request, true),
            SipEvent::OptionsFailed { request } => self.probed(request, false),
            SipEvent::AccountAttacked { user } => self.attacked(&user),
            SipEvent::Enrolled { enrolment, .. } => self.enrolled(enrolment, None),
            SipEvent::EnrolmentFailed { enrolment, status, .. } => self.enrolled(enrolment, Some(status)),
            SipEvent::EnrolmentEnded { enrolment } => self.rooms.registrations.ended(enrolment),
            event => {
                let found = event.session().and_then(|s| self.rooms.sessions.get(&s).copied());
                if let Some((call, leg)) = found {
                    self.with_call(call, |c, rooms| c.on_sip(leg, &event, rooms));
                }
            }
        }
    }

    fn probed(&mut self, request: senim_sip::RequestId, answered: bool) {
        let turned = self.rooms.trunks.probed(request, answered);
        self.turned(turned);
    }

    fn turned(&mut self, turned: impl IntoIterator<Item = Turned>) {
        for (trunk, alive) in turned {
            self.rooms.fact(None, Fact::TrunkNow { trunk, alive });
        }
    }

    fn attacked(&mut self, login: &str) {
        if let Some(consultant) = self.rooms.books.by_login(login).map(|p| p.id) {
            self.rooms.fact(None, Fact::AccountAttacked { consultant });
        }
    }

    /// A carrier took our registration, or did not, with this status.
    fn enrolled(&mut self, enrolment: senim_sip::EnrolmentId, failure: Option<u16>) {
        if let Some(trunk) = self.rooms.registrations.turned(enrolment, failure.is_none()) {
            self.rooms.fact(None, Fact::RegistrationNow { trunk, up: failure.is_none(), status: failure });
        }
    }

    fn reachable(&mut self, login: &str, yes: bool) {
        if let Some(id) = self.rooms.books.by_login(login).map(|p| p.id) {
            self.rooms.queue_inputs.push_back(QueueInput::Reachable { id, yes });
        }
    }

    /// An INVITE from a trunk or from a consultant's softphone.
    fn invited(&mut self, invitation: &Invitation) {
        let rooms = &mut self.rooms;
        let (trunk, user) = match &invitation.origin {
            Origin::Trunk(name) => (Some(name.clone()), None),
            Origin::User(who) => (None, rooms.books.by_login(who.user()).map(|p| p.id)),
        };
        if let Some((named, replaces)) = named(invitation) {
            self.second_phone(named, replaces, invitation);
            return;
        }
        if let Some(call) = user.and_then(|user| self.talk_of(user, &invitation.dialled)) {
            self.consulted(call, invitation);
            return;
        }
        let open = !invitation.flow.transport.is_secure();
        let decided = self.destination(&invitation.dialled, user).and_then(|then| {
            if open && self.rooms.security(trunk.as_deref()) == Security::Require {
                return Err((403, "its signalling is not encrypted, and must be"));
            }
            if self.draining.is_some() {
                return Err((503, "the line is about to stop"));
            }
            if self.calls.len() >= CALLS_MAX {
                return Err((503, "too many calls"));
            }
            let admitted = trunk.as_deref().map_or(Ok(()), |t| self.rooms.trunks.admit(t, self.rooms.now));
            admitted.map_err(|excess| (503, excess.why()))?;
            let room = self.room(user.is_some());
            if let (Err(_), Some(trunk)) = (room, &trunk) {
                self.rooms.trunks.left(trunk);
            }
            room.map(|entry| (then, entry))
        });
        let id = CallId(self.next_call);
        let mut fact = None;
        let result = decided.and_then(|((then, record), entry)| {
            self.next_call += 1;
            let caller = Peer::Caller(trunk.clone());
            self.rooms.trace.belongs(invitation.request.call_id(), id, caller);
            let identity = self.identity(invitation, trunk.as_deref());
            let counted = self.counted(&then, &identity);
            let (then, why) = self.shortened(then, &identity, counted);
            fact = why;
            let knock = Knock {
                session: invitation.session,
                offer: invitation.offer.as_deref(),
                side: Side::inviting(invitation, trunk.as_deref(), &self.rooms),
                dialled: invitation.dialled.clone(),
                identity,
                counted,
                trunk: trunk.clone(),
                user,
                then,
                record,
            };
            let mut arrived = Call::arrive(id, knock, &mut self.rooms);
            match &mut arrived {
                Ok(call) => call.entry = entry,
                Err(_) => {
                    trunk.iter().for_each(|trunk| self.rooms.trunks.left(trunk));
                    entry.into_iter().for_each(|entry| self.rooms.capacity.left(entry));
                }
            }
            arrived
        });
        match result {
            Ok(call) => {
                self.rooms.totals.arrived += u64::from(call.is_for_the_line());
                if let Some(fact) = fact {
                    self.rooms.fact(Some(id), fact);
                }
                self.calls.insert(id, call);
            }
            Err((status, why)) => self.turn_away(invitation, trunk, status, why),
        }
    }

    /// Whether the media threads have room for another call. What a consultant dials is how the line does its work: it is
    /// let in.
    fn room(&mut self, of_a_consultant: bool) -> Result<Option<Entry>, (u16, &'static str)> {
        match self.rooms.capacity.admit() {
            Ok(entry) => Ok(Some(entry)),
            Err(_) if of_a_consultant => Ok(None),
            Err(full) => {
                self.rooms.totals.refused_full += 1;
                Err((503, full.why()))
            }
        }
    }

    /// Talks that may begin between callers and consultants who are there.
    fn joins(&self) -> u32 {
        let ready = self.doing.values().filter(|(doing, _)| *doing == Doing::Ready).count();
        let alone = self.calls.len().saturating_sub(self.rooms.engaged.len());
        u32::try_from(ready.min(alone)).unwrap_or(u32::MAX)
    }

    /// The call in which this consultant talks with a caller, if he dials somebody whom he may ask there.
    fn talk_of(&self, consultant: ConsultantId, dialled: &str) -> Option<CallId> {
        let call = self.rooms.engaged.get(&consultant)?;
        let call = self.calls.get(call).filter(|c| c.may_consult(consultant, dialled, &self.rooms))?;
        Some(call.id)
    }

    /// An INVITE that names a session of ours: a second phone of the one who talks there.
    fn second_phone(&mut self, named: senim_sip::SessionId, replaces: bool, invitation: &Invitation) {
        let call = self.rooms.sessions.get(&named).and_then(|(call, _)| self.calls.get_mut(call));
        let came = match call {
            Some(call) => {
                call.second_phone(named, replaces, &second_call(invitation, &self.rooms), &mut self.rooms)
            }
            None => Err((481, "no call is there")),
        };
        if let Err((status, why)) = came {
            self.turn_away(invitation, None, status, why);
        }
    }

    /// A consultant who talks calls somebody: that lies within the caller's call.
    fn consulted(&mut self, call: CallId, invitation: &Invitation) {
        let Some(c) = self.calls.get_mut(&call) else { return };
        if let Err((status, why)) = c.consult_by_call(&second_call(invitation, &self.rooms), &mut self.rooms)
        {
            self.turn_away(invitation, None, status, why);
        }
    }

    fn turn_away(&mut self, invitation: &Invitation, trunk: Option<String>, status: u16, why: &str) {
        let headers = if status == 503 { vec![("Retry-After".into(), "10".into())] } else { Vec::new() };
        let rooms = &mut self.rooms;
        let now = rooms.now;
        rooms.sip.reject(invitation.session, status, headers, now);
        rooms.totals.refused += 1;
        let in_all = trunk.as_deref().map(|t| rooms.trunks.refused(t, status, now));
        if in_all != Some(None) {
            let in_all = in_all.flatten().unwrap_or(0);
            rooms.fact(None, Fact::Refused { status, why: why.to_owned(), trunk, in_all });
        }
    }

    /// The endpoint refused a new call for want of time.
    fn crowded_out(&mut self, flow: senim_sip::Flow) {
        let rooms = &mut self.rooms;
        rooms.totals.refused += 1;
        rooms.totals.refused_crowded += 1;
        let Some(trunk) = rooms.sip.trunk_of(flow) else { return };
        if let Some(in_all) = rooms.trunks.refused(&trunk, 503, rooms.now) {
            let why = "no time for new calls".to_owned();
            rooms.fact(None, Fact::Refused { status: 503, why, trunk: Some(trunk), in_all });
        }
    }

    fn identity(&self, invitation: &Invitation, trunk: Option<&str>) -> CallerIdentity {
        let Some(trunk) = trunk else { return CallerIdentity::default() };
        let plan = self.rooms.trunks.settings(trunk).map(|t| t.plan.clone()).unwrap_or_default();
        identity::of_trunk(&invitation.request, &plan, self.rooms.settings.keep_restricted)
    }

    /// What a caller of the line counts under; nothing for one whose number is not known: those who hide are many.
    fn counted(&self, then: &Then, identity: &CallerIdentity) -> Option<Token> {
        let number = identity.number.as_ref()?;
        let for_callers = matches!(then, Then::Script(s) if s.purpose() == Purpose::Line);
        for_callers.then(|| self.rooms.flood.token(number.reveal()))
    }

    /// A caller who is blocked hears a notice, one who calls again and again a short script: both lead to a human
    /// (FEATURES T18, T19).
    fn shortened(
        &self,
        then: Then,
        identity: &CallerIdentity,
        counted: Option<Token>,
    ) -> (Then, Option<Fact>) {
        let (rooms, settings) = (&self.rooms, &self.rooms.settings);
        let (Some(token), Some(number)) = (counted, &identity.number) else { return (then, None) };
        let script = |name: &str| settings.scripts.get(name).cloned().map(Then::Script);
        let block = rooms.books.block(number, rooms.wall());
        if let (Some(block), Some(notice)) = (block, script(&settings.blocked_script)) {
            return (notice, Some(Fact::BlockedCall { until: block.until }));
        }
        let flood = settings.flood.as_ref().filter(|f| rooms.flood.floods(token, f, rooms.now));
        match flood.and_then(|f| Some((script(&f.script)?, f))) {
            Some((short, f)) => {
                let (calls, window_s) = (f.calls, f.window.as_secs());
                (short, Some(Fact::Flooding { calls, window_s }))
            }
            None => (then, None),
        }
    }

    /// What answers a dialled number: a consultant's feature code, or the first rule that fits.
    fn destination(
        &self,
        dialled: &str,
        user: Option<ConsultantId>,
    ) -> Result<(Then, bool), (u16, &'static str)> {
        if let Some(user) = user.filter(|_| dialled.starts_with('*')) {
            return Ok((Then::Feature(user, dialled.to_owned()), false));
        }
        let settings = &self.rooms.settings;
        let (rule, star) = settings
            .numbers
            .iter()
            .find_map(|rule| Some((rule, rule.matches(dialled)?)))
            .ok_or((404, "nobody answers this number"))?;
        let then = match &rule.then {
            Destination::Script(name) => settings.scripts.get(name).cloned().map(Then::Script),
            Destination::Consultant(login) => {
                let login = login.replace('*', star);
                self.rooms.books.by_login(&login).map(|p| Then::Consultant(p.id))
            }
        };
        then.map(|then| (then, rule.record)).ok_or((404, "nobody answers this number"))
    }

    fn queue_output(&mut self, output: QueueOutput) {
        match output {
            QueueOutput::Offer { offer, call, consultant } => {
                self.offers.insert(offer, call);
                self.with_call(call, |c, rooms| c.offer(offer, consultant, rooms));
            }
            QueueOutput::Withdraw { offer, why } => {
                if let Some(call) = self.offers.remove(&offer) {
                    self.with_call(call, |c, rooms| c.withdraw(offer, why, rooms));
                }
            }
            QueueOutput::Connect { offer, call, .. } => {
                self.offers.remove(&offer);
                self.with_call(call, |c, rooms| c.connect(offer, rooms));
            }
            QueueOutput::Announce { call, position, first } => {
                self.with_call(call, |c, rooms| c.announce(position, first, rooms));
            }
            QueueOutput::State { consultant, state, .. } => {
                let doing = crate::duty::doing(&state);
                let now = self.rooms.now;
                let before = self.doing.insert(consultant, (doing.clone(), now));
                if before.as_ref().is_none_or(|(d, _)| *d != doing) {
                    let after_ms = before.map_or(0, |(_, since)| ms(now.since(since)));
                    self.rooms.fact(None, Fact::ConsultantNow { consultant, doing, after_ms });
                }
            }
            QueueOutput::Returned { .. } | QueueOutput::Entered { .. } | QueueOutput::Left { .. } => {}
        }
        self.offers.retain(|_, call| self.calls.contains_key(call));
    }

    fn recording_report(&mut self, report: RecordingReport) {
        let (recording, fact) = match report {
            RecordingReport::Closed { recording, length_ms, bytes, lost_frames, torn } => {
                self.rooms.totals.recordings += 1;
                (recording, Fact::RecordingClosed { recording, length_ms, bytes, lost_frames, torn })
            }
            RecordingReport::Failed { recording, why } => {
                (recording, Fact::RecordingFailed { recording, why })
            }
        };
        self.recording.remove(&recording);
        let call = self.rooms.books.unclosed_recordings().get(&recording).copied().flatten();
        self.rooms.fact(call, fact);
    }

    /// Whether a call is in the state's words: for the board.
    pub(crate) fn count(&self, which: impl Fn(&State) -> bool) -> u32 {
        u32::try_from(self.calls.values().filter(|c| which(&c.state)).count()).unwrap_or(u32::MAX)
    }
}

/// Which session an INVITE names, and whether it is to take its place.
fn named(invitation: &Invitation) -> Option<(senim_sip::SessionId, bool)> {
    let replaced = invitation.replaces.map(|session| (session, true));
    replaced.or(invitation.joins.map(|session| (session, false)))
}

fn second_call<'a>(invitation: &'a Invitation, rooms: &Rooms) -> SecondCall<'a> {
    SecondCall {
        session: invitation.session,
        offer: invitation.offer.as_deref(),
        side: Side::inviting(invitation, None, rooms),
        dialled: &invitation.dialled,
    }
}
