//! The switch's own thread: one writer, no locks. It takes what arrives, lets the switch decide, writes the facts, and
//! only then lets anything leave the house that depends on them.

use super::clock;
use super::inbox::{Inbox, RANKS, Rank, TurnedAway};
use core::time::Duration;
use senim_base::CallId;
use senim_media::capacity::REPORT_EVERY;
use senim_media::{Event as MediaEvent, Way};
use senim_net::Pace;
use senim_net::media::{MediaPool, Meter};
use senim_net::sip::{Arrival as SipArrival, Sender};
use senim_sip::{Flow, Pressure};
use senim_store::JournalWriter;
use senim_store::vault::{Begin, RecordingThread};
use senim_switch::api::{Command, Refusal, Reply, Ticket};
use senim_switch::facts::{Fact, Record};
use senim_switch::{Input, Output, RecordingReport, Switch};
use std::collections::BTreeMap;
use std::sync::mpsc::SyncSender;

/// How long an acknowledgement waits for the disk before it goes out all the same, with the alarm standing.
const SETTLE_MAX: Duration = Duration::from_millis(500);
/// The switch's thread looks at what has come in slots when it is at work for more than a twentieth of the time.
const BUSY: u32 = 20;
/// Nobody hears four milliseconds in signalling.
const SLOT: Duration = Duration::from_millis(4);
/// A turn that brought so many was worth its waking: the next ones are not waited for.
const WORTH_IT: usize = 16;
/// How often the calendar is read.
const WALL_EVERY: Duration = Duration::from_secs(10);
/// How old the inbox's picture of who is registered may become.
const KNOWN_EVERY: Duration = Duration::from_millis(500);

/// What comes to the switch's thread.
#[derive(Debug)]
pub enum Arrival {
    /// From the SIP sockets.
    Sip(SipArrival),
    /// From a media worker.
    Media(CallId, MediaEvent),
    /// From the recording thread.
    Recording(RecordingReport),
    /// Where a trunk is now.
    Targets(String, Vec<Flow>),
    /// A command, and where its answer goes.
    Ask(Command, SyncSender<Reply>),
    /// The grace period is over: every call ends now.
    EndAll,
    /// The thread ends.
    Quit,
}

/// The ways out of the house.
pub(super) struct Edges {
    /// SIP sockets.
    pub(super) sip: Sender,
    /// Media workers.
    pub(super) media: MediaPool,
    /// The journal.
    pub(super) journal: JournalWriter,
    /// The recording thread.
    pub(super) recorder: RecordingThread,
}

/// Who waits for an answer.
struct Asker {
    answer: SyncSender<Reply>,
    /// The answer is no unless its fact is safe.
    strict: bool,
}

/// The switch's thread.
pub(super) struct Engine {
    switch: Switch,
    edges: Edges,
    backlog: Vec<Record>,
    seq: u64,
    tickets: u64,
    waiting: BTreeMap<Ticket, Asker>,
    /// The last acknowledgement waited for its facts in vain.
    unsettled: bool,
    wall_due: senim_base::Instant,
    known_due: senim_base::Instant,
    /// Of each rank: whether there is time for new calls.
    pressures: [Pressure; RANKS],
    /// There was none for those who are known, at some moment since the last look at the inbox.
    crowded: bool,
    /// The operator was told so.
    crowded_told: bool,
    meter: Meter,
    load_due: senim_base::Instant,
    /// What a packet costs was told to the switch.
    measured: bool,
    /// The operator was told that no further call has room.
    full_told: bool,
    /// The inbox knows the registered flows as of this turn.
    known: u64,
    turned_away: TurnedAway,
    /// The journal took no more facts: said once.
    full: bool,
    /// The journal was not woken for the last facts yet.
    facts_given: bool,
}

impl Engine {
    /// A thread's worth of state.
    pub(super) fn new(switch: Switch, edges: Edges) -> Self {
        let seq = switch.books().seq();
        Engine {
            switch,
            edges,
            backlog: Vec::new(),
            seq,
            tickets: 0,
            waiting: BTreeMap::new(),
            unsettled: false,
            wall_due: clock::now() + WALL_EVERY,
            known_due: clock::now(),
            pressures: core::array::from_fn(|_| Pressure::default()),
            crowded: false,
            crowded_told: false,
            meter: Meter::new(clock::now()),
            load_due: clock::now(),
            measured: false,
            full_told: false,
            known: 0,
            turned_away: TurnedAway::default(),
            full: false,
            facts_given: false,
        }
    }

    /// Runs until [`Arrival::Quit`]; gives the edges back so that they close in order.
    pub(super) fn run(mut self, inbox: &Inbox) -> Edges {
        self.carry_out();
        self.ring();
        let mut pace = Pace::new(BUSY, SLOT, clock::now());
        let (mut began, mut took) = (clock::now(), 0);
        loop {
            let nap = pace.sleep(began, clock::now());
            if !nap.is_zero() && took < WORTH_IT {
                std::thread::sleep(nap);
            }
            let due = self.switch.deadline().map_or(self.wall_due, |(at, _)| at.min(self.wall_due));
            let batch = inbox.wait(clock::until(due));
            began = clock::now();
            took = batch.arrivals.len();
            for flow in batch.cut {
                self.edges.sip.disconnect(flow);
            }
            self.look_at_media();
            let mut quit = false;
            for (rank, at, arrival) in batch.arrivals {
                quit |= matches!(arrival, Arrival::Quit);
                self.feel(rank, at);
                self.take(arrival);
            }
            if quit {
                break;
            }
            self.look_at_clocks(inbox);
            self.ring();
            pace.worked(began, clock::now());
        }
        self.write();
        self.ring();
        self.edges
    }

    /// Something of this rank is looked at now, and came then: what may be taken is told by how long it waited.
    fn feel(&mut self, rank: Rank, at: senim_base::Instant) {
        if rank == Rank::House {
            return;
        }
        let now = clock::now();
        let Some(pressure) = self.pressures.get_mut(rank as usize) else { return };
        let crowded = pressure.waited(now.since(at), now);
        if rank == Rank::Known {
            self.crowded |= crowded;
        }
        self.switch.set_crowded(crowded);
    }

    /// Tells the switch what the media threads did, before it says who may come in.
    fn look_at_media(&mut self) {
        let now = clock::now();
        if self.load_due > now {
            return;
        }
        self.load_due = now + REPORT_EVERY;
        if let Some(ns) = self.edges.media.datagram_ns().filter(|_| !self.measured) {
            self.measured = true;
            self.give(Input::Measured(ns));
        }
        let load = self.meter.read(&self.edges.media, now);
        self.give(Input::Load(load));
        let full = self.switch.is_full();
        if full.is_some() != core::mem::replace(&mut self.full_told, full.is_some()) {
            match full {
                Some(why) => tracing::error!("new calls get 503, live ones go on: {why}"),
                None => tracing::warn!("there is room for calls again"),
            }
        }
    }

    fn look_at_clocks(&mut self, inbox: &Inbox) {
        let now = clock::now();
        if self.wall_due <= now {
            self.wall_due = now + WALL_EVERY;
            self.give(Input::Wall(clock::wall()));
        }
        if self.known_due <= now {
            self.known_due = now + KNOWN_EVERY;
            self.look_at_inbox(inbox);
        }
        if self.switch.deadline().is_some_and(|(at, _)| at <= now) {
            self.give(Input::Timeout);
        }
    }

    /// Tells the inbox who is registered, and the switch what found no room.
    fn look_at_inbox(&mut self, inbox: &Inbox) {
        let (turn, flows) = self.switch.registered_flows();
        let changed = (turn != self.known).then(|| flows.collect());
        if let Some(flows) = changed {
            inbox.know(flows);
            self.known = turn;
        }
        let crowded = core::mem::take(&mut self.crowded);
        if crowded != core::mem::replace(&mut self.crowded_told, crowded) {
            match crowded {
                true => tracing::error!("the machine is too small: new calls get 503 while live ones go on"),
                false => tracing::warn!("there is time for every new call again"),
            }
        }
        let turned_away = inbox.turned_away();
        if turned_away != self.turned_away {
            if turned_away.known != self.turned_away.known {
                tracing::error!("the machine is too small: SIP of trunks or registered phones found no room");
            }
            self.turned_away = turned_away;
            let TurnedAway { strangers, known } = turned_away;
            self.give(Input::TurnedAway { strangers, known });
        }
    }

    fn take(&mut self, arrival: Arrival) {
        match arrival {
            Arrival::Sip(arrival) => {
                let input = match &arrival {
                    SipArrival::Datagram { flow, bytes } => senim_sip::Input::Datagram { flow: *flow, bytes },
                    SipArrival::Stream { flow, bytes } => senim_sip::Input::Stream { flow: *flow, bytes },
                    SipArrival::Closed(flow) => senim_sip::Input::FlowClosed(*flow),
                    SipArrival::Failed(flow) => senim_sip::Input::FlowFailed(*flow),
                };
                self.give(Input::Sip(input));
            }
            Arrival::Media(call, event) => self.give(Input::Media(call, event)),
            Arrival::Targets(trunk, targets) => self.give(Input::Targets { trunk, targets }),
            Arrival::Recording(report) => self.give(Input::Recording(report)),
            Arrival::Ask(command, answer) => {
                self.tickets += 1;
                let ticket = Ticket(self.tickets);
                // Nobody opens a recording on a note that may be lost (FEATURES R12).
                // Nor whole messages of a caller.
                let strict = matches!(
                    command,
                    Command::NoteSearch { .. }
                        | Command::NoteExport { .. }
                        | Command::Trace { texts_for: Some(_), .. }
                );
                self.unsettled = false;
                self.waiting.insert(ticket, Asker { answer, strict });
                self.give(Input::Command(ticket, command));
            }
            Arrival::EndAll => self.give(Input::EndAll),
            Arrival::Quit => {}
        }
    }

    fn give(&mut self, input: Input<'_>) {
        self.switch.handle(input, clock::now());
        self.carry_out();
    }

    /// Does what the switch wants, in its order.
    fn carry_out(&mut self) {
        while let Some(output) = self.switch.poll() {
            if !matches!(output, Output::Record(_)) {
                self.write();
            }
            match output {
                Output::Record(record) => {
                    alarm(&record.fact);
                    self.seq = record.seq;
                    self.backlog.push(record);
                }
                Output::Settle => {
                    self.edges.media.ring();
                    if !self.edges.journal.wait(self.seq, SETTLE_MAX) {
                        self.unsettled = true;
                        tracing::error!(
                            seq = self.seq,
                            "the disk is slow: an acknowledgement went out before its fact was safe"
                        );
                    }
                }
                Output::Transmit { flow, bytes } => self.edges.sip.send(flow, bytes),
                Output::Disconnect(flow) => self.edges.sip.disconnect(flow),
                Output::Media(call, order) => {
                    if let Err(fault) = self.edges.media.order(call, order) {
                        tracing::error!(%call, "{fault}");
                    }
                }
                Output::OpenRecording { recording, call, at, wall } => {
                    self.edges.recorder.begin(Begin { recording, call, at, wall });
                }
                Output::Reply(ticket, reply) => {
                    if let Some(Asker { answer, strict }) = self.waiting.remove(&ticket) {
                        let refused = strict && self.unsettled;
                        let reply =
                            if refused { Reply::Refused { refusal: Refusal::NotOnDisk } } else { reply };
                        // Whoever asked may have gone meanwhile; what was done stays done.
                        let _ = answer.try_send(reply);
                    }
                }
                Output::Drained => {}
            }
        }
        self.write();
    }

    /// Wakes who has something to do, once a turn: on a busy core each waking is a change of threads and back.
    fn ring(&mut self) {
        if core::mem::take(&mut self.facts_given) {
            self.edges.journal.ring();
        }
        self.edges.media.ring();
    }

    /// Hands the facts so far to the journal. A journal that is full keeps them waiting here.
    fn write(&mut self) {
        if self.backlog.is_empty() {
            return;
        }
        match self.edges.journal.submit(core::mem::take(&mut self.backlog)) {
            Ok(()) => {
                self.full = false;
                self.facts_given = true;
            }
            Err(full) => {
                self.backlog = full.0;
                if !core::mem::replace(&mut self.full, true) {
                    tracing::error!(
                        "the disk takes no facts; free the disk: calls go on, facts wait in memory"
                    );
                }
            }
        }
    }
}

/// What the operator is to see at once, without a name.
fn alarm(fact: &Fact) {
    match fact {
        Fact::AccountAttacked { consultant } => {
            tracing::error!(%consultant, "somebody guesses this consultant's password from many places; strange sources are not heard for a minute");
        }
        Fact::RegistrationNow { trunk, up: false, status } => {
            tracing::error!(
                trunk,
                status,
                "the carrier does not take our registration; its calls do not come in"
            );
        }
        Fact::OneWay { leg, way: Way::FromParty, missing: true } => {
            tracing::warn!(%leg, "nothing is heard from this party: `senim calls` tells whose it is");
        }
        Fact::OneWay { leg, way: Way::ToParty, missing: true } => {
            tracing::warn!(%leg, "this party reports that it hears nothing");
        }
        Fact::RegistrationNow { trunk, up: true, .. } => tracing::info!(trunk, "registered at the carrier"),
        _ => {}
    }
}
