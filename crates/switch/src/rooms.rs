//! What every call may reach for: the rooms below, the ids, the way out. One value, lent to one call at a time.

use crate::api::{Reply, Ticket, Totals};
use crate::books::Books;
use crate::facts::{Fact, Record};
use crate::flood::Flood;
use crate::ports::Ports;
use crate::registrations::Registrations;
use crate::settings::Settings;
use crate::trace::Trace;
use crate::trunks::Trunks;
use core::time::Duration;
use senim_base::{
    CallId, ConsultantId, Entropy, Instant, Language, LegId, PlayId, RecordingId, Timers, WallClock, WallTime,
};
use senim_ivr::Word;
use senim_media::Order;
use senim_media::capacity::Capacity;
use senim_sdp::{Codec, Security};
use senim_sip::{Endpoint, Flow, SessionId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What the switch wants the edge to do, in this order.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write this fact to the journal before anything that comes after it is done.
    Record(Record),
    /// Wait until every fact so far is safe on disk, then go on: what follows acknowledges them.
    Settle,
    /// Send bytes.
    Transmit {
        /// The way.
        flow: Flow,
        /// One SIP message.
        bytes: Vec<u8>,
    },
    /// Close a connection.
    Disconnect(Flow),
    /// Tell the media worker of this call.
    Media(CallId, Order),
    /// A recording begins: its file is opened.
    OpenRecording {
        /// Its name.
        recording: RecordingId,
        /// Its call.
        call: CallId,
        /// The moment of its first second.
        at: Instant,
        /// The same on the calendar.
        wall: WallTime,
    },
    /// A command's answer.
    Reply(Ticket, Reply),
    /// The line was drained: no call is left.
    Drained,
}

/// Why a call wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Wake {
    /// The script's own deadline.
    Script,
    /// A called softphone or centre gave no sign of life.
    NoProgress,
    /// A called centre rang long enough.
    RungOut,
}

/// The rooms.
#[derive(Debug)]
pub(crate) struct Rooms {
    pub(crate) settings: Arc<Settings>,
    pub(crate) now: Instant,
    pub(crate) clock: WallClock,
    pub(crate) entropy: Entropy,
    pub(crate) sip: Endpoint,
    pub(crate) books: Books,
    pub(crate) ports: Ports,
    pub(crate) trunks: Trunks,
    pub(crate) trace: Trace,
    pub(crate) flood: Flood,
    pub(crate) capacity: Capacity,
    pub(crate) registrations: Registrations,
    pub(crate) sessions: BTreeMap<SessionId, (CallId, LegId)>,
    pub(crate) timers: Timers<(CallId, Wake)>,
    /// Consultants who talk, or are asked by a colleague, and in which call: nobody else's call rings for them.
    pub(crate) engaged: BTreeMap<ConsultantId, CallId>,
    pub(crate) queue_inputs: VecDeque<senim_queue::Input>,
    pub(crate) out: VecDeque<Output>,
    pub(crate) totals: Totals,
    /// Calls of which nothing is left: the switch forgets them after the input that ended them.
    pub(crate) over: Vec<CallId>,
    pub(crate) next_leg: u64,
    pub(crate) next_play: u64,
}

impl Rooms {
    /// What the calendar says.
    pub(crate) fn wall(&self) -> WallTime {
        self.clock.at(self.now)
    }

    /// The rule for the sound of a trunk, or of a softphone.
    pub(crate) fn security(&self, trunk: Option<&str>) -> Security {
        match trunk {
            Some(name) => self.trunks.settings(name).map(|t| t.srtp).unwrap_or_default(),
            None => self.settings.media.softphone_srtp,
        }
    }

    /// What a trunk, or a softphone, may speak, the best first.
    pub(crate) fn codecs(&self, trunk: Option<&str>) -> Vec<Codec> {
        let of_trunk = trunk.and_then(|name| self.trunks.settings(name)).map(|t| &t.codecs);
        match trunk {
            Some(_) => of_trunk.cloned().unwrap_or_default(),
            None => self.settings.media.softphone_codecs.clone(),
        }
    }

    /// A whole SIP message came or goes: the trace sees it.
    pub(crate) fn passed(&mut self, incoming: bool, flow: Flow, bytes: &[u8]) {
        let sip = &self.sip;
        self.trace.passed(incoming, flow, bytes, |flow| sip.trunk_of(flow), self.now);
    }

    /// States what happened.
    pub(crate) fn fact(&mut self, call: Option<CallId>, fact: Fact) {
        let record = Record { seq: self.books.seq() + 1, wall: self.wall(), at: self.now, call, fact };
        self.books.apply(&record);
        match (&record.fact, call) {
            (Fact::Talking { consultant, .. }, Some(call)) => {
                self.engaged.insert(*consultant, call);
            }
            (Fact::TalkEnded { consultant, .. }, Some(call)) => self.disengage(*consultant, call),
            _ => {}
        }
        self.out.push_back(Output::Record(record));
    }

    /// A consultant's phone rings for a colleague: he is offered no caller meanwhile.
    pub(crate) fn engage(&mut self, consultant: ConsultantId, call: CallId) {
        self.engaged.insert(consultant, call);
        self.queue_inputs.push_back(senim_queue::Input::Busy { id: consultant, yes: true });
    }

    /// The colleague needs him no longer.
    pub(crate) fn release(&mut self, consultant: ConsultantId, call: CallId) {
        self.disengage(consultant, call);
        self.queue_inputs.push_back(senim_queue::Input::Busy { id: consultant, yes: false });
    }

    fn disengage(&mut self, consultant: ConsultantId, call: CallId) {
        if self.engaged.get(&consultant) == Some(&call) {
            self.engaged.remove(&consultant);
        }
    }

    /// A ring of this length begins, unless one goes on: all ways to one who is called share it.
    pub(crate) fn ring_out(&mut self, call: CallId, ring: Duration) {
        if self.timers.at((call, Wake::RungOut)).is_none() {
            self.timers.set((call, Wake::RungOut), self.now + ring);
        }
    }

    /// Tells the media worker.
    pub(crate) fn order(&mut self, call: CallId, order: Order) {
        self.out.push_back(Output::Media(call, order));
    }

    /// A new leg's id.
    pub(crate) fn leg_id(&mut self) -> LegId {
        self.next_leg += 1;
        LegId(self.next_leg)
    }

    /// Plays words to a leg.
    pub(crate) fn say(&mut self, call: CallId, leg: LegId, words: &[Word], repeat: bool) -> PlayId {
        let clips = words.iter().filter_map(|w| self.settings.catalogue.find(w.language, &w.name)).collect();
        self.next_play += 1;
        let play = PlayId(self.next_play);
        self.order(call, Order::Play { leg, play, clips, repeat });
        play
    }

    /// Plays one prompt to a leg, once.
    pub(crate) fn prompt(&mut self, call: CallId, leg: LegId, language: Language, name: &str) -> PlayId {
        self.say(call, leg, &[Word { language, name: name.to_owned() }], false)
    }

    /// Plays a sound common to both languages to a leg, for ever: music, ring tone.
    pub(crate) fn loop_common(&mut self, call: CallId, leg: LegId, name: &str) -> PlayId {
        self.say(call, leg, &[Word { language: Language::Russian, name: name.to_owned() }], true)
    }
}
