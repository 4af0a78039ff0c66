//! The words of the queue: who waits, who answers, what may happen to them, and what the queue says about it.

use core::fmt;
use core::time::Duration;
use senim_base::{CallId, ConsultantId, Instant, Language, OfferId};
use serde::{Deserialize, Serialize};

/// A caller is named by his call.
pub type CallerId = CallId;

/// Which of the free consultants who fit gets the next caller (FEATURES Q3, Q4). Whatever it says first, the longest
/// idle comes second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Who is idle longest.
    #[default]
    LongestIdle,
    /// Who had the fewest talks since he signed in.
    FewestCalls,
    /// Who was offered a caller longest ago.
    RoundRobin,
    /// A lot, drawn whenever somebody becomes free.
    Random,
    /// The one who was made known first.
    Linear,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Strategy; 5] = [
        Strategy::LongestIdle,
        Strategy::FewestCalls,
        Strategy::RoundRobin,
        Strategy::Random,
        Strategy::Linear,
    ];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Strategy::LongestIdle => "longest_idle",
            Strategy::FewestCalls => "fewest_calls",
            Strategy::RoundRobin => "round_robin",
            Strategy::Random => "random",
            Strategy::Linear => "linear",
        }
    }
}

/// One queue of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSettings {
    /// The name that scripts use.
    pub name: String,
    /// Seconds a consultant's phone rings before the caller goes to the next one.
    pub ring_s: u32,
    /// Seconds a consultant has after a talk before the next caller; 0: none.
    pub wrap_up_s: u32,
    /// Seconds of waiting before the first announcement of the caller's place.
    pub announce_first_s: u32,
    /// Seconds between announcements after the first; 0: only the first.
    pub announce_every_s: u32,
    /// Who gets the next caller.
    pub strategy: Strategy,
    /// Seconds of waiting in which a caller goes only to consultants whose first language is his; then he goes to all
    /// who speak it (FEATURES L5). 0: to all of them at once.
    pub widen_after_s: u32,
}

impl Default for QueueSettings {
    fn default() -> Self {
        QueueSettings {
            name: "main".into(),
            ring_s: 20,
            wrap_up_s: 30,
            announce_first_s: 10,
            announce_every_s: 30,
            strategy: Strategy::LongestIdle,
            widen_after_s: 0,
        }
    }
}

/// What the queue is told once, at start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Queues by name.
    pub queues: Vec<QueueSettings>,
    /// Seconds without offers for a consultant who let it ring; 0: until he says that he is ready.
    pub no_answer_pause_s: u32,
    /// Seconds without offers for a consultant whose softphone could not be reached although it is registered;
    /// 0: none. A new registration ends it.
    pub unreachable_pause_s: u32,
    /// Seconds before a caller is offered again to a consultant who did not take him.
    pub same_pair_pause_s: u32,
    /// Seconds of waiting that one step of priority is worth, so that nobody starves behind those who are put before
    /// him; 0: priority goes before any waiting. An urgent caller goes before everybody in either case.
    pub priority_worth_s: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            queues: vec![QueueSettings::default()],
            no_answer_pause_s: 30,
            unreachable_pause_s: 15,
            same_pair_pause_s: 5,
            priority_worth_s: 0,
        }
    }
}

/// A caller who wants a human.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Caller {
    /// His call.
    pub call: CallerId,
    /// The queue's name.
    pub queue: String,
    /// Only a consultant who speaks it is offered.
    pub language: Language,
    /// What a consultant must know: all of these.
    pub skills: Vec<String>,
    /// 0 is urgent; smaller goes first, as far as [`Settings::priority_worth_s`] says.
    pub priority: u8,
    /// Since when he waits. A caller who comes back brings his old moment, so that he is at the front again.
    pub since: Instant,
}

/// Somebody who answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Consultant {
    /// Id.
    pub id: ConsultantId,
    /// What he speaks, the language that he speaks best first.
    pub languages: Vec<Language>,
    /// What he knows; empty: everything.
    pub skills: Vec<String>,
}

/// Why a consultant did not take an offer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// He pressed the red button (SIP 486, 603).
    Rejected,
    /// His softphone could not be reached, or was lost while it rang.
    Failed,
}

/// What happens.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // the fields are the words of the variant's own sentence
pub enum Input {
    /// A caller asks for a human, or comes back.
    CallerEnters(Caller),
    /// He hung up, or was taken elsewhere.
    CallerLeaves { call: CallerId },
    /// He pressed the urgent key, changed his language, or was moved. His moment stays.
    CallerChanges { call: CallerId, queue: String, priority: u8, language: Language, skills: Vec<String> },
    /// A consultant is made known (signed out), or his languages and skills are replaced.
    ConsultantKnown(Consultant),
    /// A consultant is forgotten.
    ConsultantRemoved(ConsultantId),
    /// A softphone of his is registered, or none is.
    Reachable { id: ConsultantId, yes: bool },
    /// He starts work.
    SignIn(ConsultantId),
    /// He ends work; a talk goes on to its end.
    SignOut(ConsultantId),
    /// He takes a break; a talk goes on to its end.
    Break { id: ConsultantId, reason: String },
    /// He ends his break, his wrap-up, or the pause after an unanswered call.
    Ready(ConsultantId),
    /// He needs longer to finish after a talk.
    ExtendWrapUp { id: ConsultantId, by: Duration },
    /// His phone rings: the ring time counts from the first such sign.
    Ringing(OfferId),
    /// He picked up.
    Accepted(OfferId),
    /// He did not take it.
    Refused(OfferId, Refusal),
    /// A caller was handed to him without an offer: the talk began. It ends with `TalkEnded`, and the wrap-up is that
    /// of the named queue (of the first one, if it is unknown).
    TalkBegan { id: ConsultantId, call: CallerId, queue: String },
    /// The talk ended for him.
    TalkEnded { id: ConsultantId, call: CallerId },
    /// He is in a call of his own, or no longer.
    Busy { id: ConsultantId, yes: bool },
    /// The deadline has come.
    Timeout,
}

/// Why an offer is taken back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Withdrawn {
    /// The caller left.
    CallerLeft,
    /// The consultant let it ring.
    NoAnswer,
    /// His softphone is no longer registered.
    Unreachable,
    /// He signed out, or was removed.
    SignedOut,
    /// He took a break.
    OnBreak,
    /// He began a call of his own.
    Busy,
    /// Caller and consultant do not fit any more: one of them was changed.
    Changed,
}

/// Why a caller is back among those who wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Back {
    /// The consultant refused.
    Refused(Refusal),
    /// The offer was taken back.
    Withdrawn(Withdrawn),
}

/// How a caller left the queue.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Leaving {
    /// A consultant picked up.
    Answered,
    /// He went.
    Gone,
}

/// What the queue wants done, or tells. Orders and news come in the order in which they are to be carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Output {
    /// Ring this consultant for this caller; answer with `Ringing`, `Accepted` or `Refused`.
    Offer { offer: OfferId, call: CallerId, consultant: ConsultantId },
    /// Stop ringing now. An `Accepted` that crosses this gets [`Fault::UnknownOffer`]: hang that leg up.
    Withdraw { offer: OfferId, why: Withdrawn },
    /// He picked up: join the two.
    Connect { offer: OfferId, call: CallerId, consultant: ConsultantId },
    /// The caller waits again, at the front of those of his priority.
    Returned { call: CallerId, why: Back },
    /// Tell the caller his place. Never wait for the end of it before a `Connect`.
    Announce { call: CallerId, position: u32, first: bool },
    /// What a consultant does changed.
    State { consultant: ConsultantId, state: ConsultantState, since: Instant },
    /// The caller waits; 1 is next in his queue.
    Entered { call: CallerId, position: u32 },
    /// The caller waits no longer. `waited` counts from his `since`.
    Left { call: CallerId, why: Leaving, waited: Duration },
}

/// What a consultant does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum ConsultantState {
    /// Not at work.
    SignedOut,
    /// Free for the next caller.
    Ready,
    /// A caller is offered.
    Offered { offer: OfferId },
    /// In a talk.
    Talking { call: CallerId },
    /// Finishing after a talk.
    WrapUp { until: Instant },
    /// On a break.
    Break { reason: String },
    /// Let it ring; gets no offer until the pause is over or he says that he is ready.
    NoAnswer,
    /// No softphone registered, or the registered one could not be reached a moment ago.
    Unreachable,
    /// In a call of his own.
    Busy,
}

/// What cannot be done. Nothing changed, except that time passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The caller waits already (ours: the switch asked twice).
    CallerKnown(CallerId),
    /// Nobody waits under this id (ours, or an input that crossed another).
    UnknownCaller(CallerId),
    /// No consultant has this id.
    UnknownConsultant(ConsultantId),
    /// The offer has ended: what comes about it came too late.
    UnknownOffer(OfferId),
    /// The consultant is in a talk already.
    Talking(ConsultantId),
    /// The consultant is not in this talk.
    NotTalking(ConsultantId, CallerId),
    /// The consultant is not finishing after a talk.
    NotInWrapUp(ConsultantId),
    /// The configuration has no queue of this name (the operator: name it in the script as in `[[queue]]`).
    UnknownQueue(String),
    /// [`crate::CALLERS_MAX`] callers wait: tell the caller that the line is overloaded.
    TooManyCallers,
    /// [`crate::CONSULTANTS_MAX`] consultants are known.
    TooManyConsultants,
    /// A caller needs more than [`crate::SKILLS_MAX`] skills, or a consultant has more.
    TooManySkills,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::CallerKnown(call) => write!(f, "{call} waits already"),
            Fault::UnknownCaller(call) => write!(f, "{call} does not wait"),
            Fault::UnknownConsultant(id) => write!(f, "{id} is not known to the queue"),
            Fault::UnknownOffer(offer) => write!(f, "{offer} has ended"),
            Fault::Talking(id) => write!(f, "{id} talks already"),
            Fault::NotTalking(id, call) => write!(f, "{id} does not talk with {call}"),
            Fault::NotInWrapUp(id) => write!(f, "{id} is not finishing after a talk"),
            Fault::UnknownQueue(name) => write!(f, "no [[queue]] has the name {name:?}"),
            Fault::TooManyCallers => f.write_str("no more callers can wait"),
            Fault::TooManyConsultants => f.write_str("no more consultants can be known"),
            Fault::TooManySkills => f.write_str("too many skills"),
        }
    }
}

impl core::error::Error for Fault {}

/// What the queue waits for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// The phone rang long enough.
    Ring(OfferId),
    /// A wrap-up ends.
    WrapUp(ConsultantId),
    /// A pause after an unanswered call, or one that could not be delivered, ends.
    Pause(ConsultantId),
    /// A caller may be offered to this consultant again.
    SamePair(CallerId, ConsultantId),
    /// A caller is to hear his place.
    Announce(CallerId),
    /// A caller goes to everybody who speaks his language from now on.
    Widen(CallerId),
}

/// The queue at one moment, for boards.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Who waits, the next one first (over all queues).
    pub waiting: Vec<Waiting>,
    /// Consultants by id.
    pub consultants: Vec<Duty>,
    /// How many of them do what.
    pub counts: Counts,
}

/// One who waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Who, and what he needs.
    pub caller: Caller,
    /// 1 is next in his queue.
    pub position: u32,
    /// Whose phone rings for him.
    pub offered: Option<(OfferId, ConsultantId)>,
}

/// What one consultant does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Duty {
    /// Who.
    pub id: ConsultantId,
    /// What he does.
    pub state: ConsultantState,
    /// Since when.
    pub since: Instant,
    /// A softphone is registered.
    pub reachable: bool,
}

/// Counts for the head of a board.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Callers who wait.
    pub waiting: u32,
    /// Of those: somebody's phone rings for them.
    pub offered: u32,
    /// Consultants who are signed in.
    pub signed_in: u32,
    /// Free ones.
    pub ready: u32,
    /// In a talk.
    pub talking: u32,
    /// Finishing after a talk.
    pub wrap_up: u32,
    /// On a break.
    pub on_break: u32,
}
