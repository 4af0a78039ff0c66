//! Facts: what happened, in the order it happened. The journal of facts is the truth; every table, report and
//! statistic is a view of it, and a program that reads all facts again knows all that this one knew.

use core::time::Duration;
use senim_appeals::{AppealNumber, Status};
use senim_base::{
    CallId, ConsultantId, Instant, Language, LegId, Number, OfferId, RecordingId, Redacted, TrackId, WallTime,
};
use senim_media::{LegReport, Way};
use senim_sdp::Codec;
use senim_sip::{Claims, Secrets};
use serde::{Deserialize, Serialize};

/// One fact with its place in the order of all facts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Record {
    /// 1, 2, 3 … without holes in a data folder.
    pub seq: u64,
    /// What the calendar said.
    pub wall: WallTime,
    /// The monotonic moment within the run of the program that wrote it (see [`Fact::LineStarted`]).
    pub at: Instant,
    /// The call it belongs to, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallId>,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

/// Who is calling, as far as the trunk tells (FEATURES T2, T3).
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CallerIdentity {
    /// E.164, absent when withheld or not a number.
    pub number: Option<Redacted<Number>>,
    /// The identity header as it came.
    pub original: Redacted<String>,
    /// The caller withheld his number: he is accepted, routed and flagged.
    pub anonymous: bool,
    /// Somebody else was called first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverted: Option<Box<Diverted>>,
    /// What networks claim of who he is; nobody has verified it (FEATURES T17).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Box<Claims>>,
}

/// How a call came to the line although somebody else was called.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Diverted {
    /// Whom the caller dialled in the beginning.
    pub dialled: Option<Redacted<Number>>,
    /// Who sent the call on, last.
    pub by: Option<Redacted<Number>>,
    /// Why, in the word of RFC 5806.
    pub reason: Option<String>,
    /// The headers as they came.
    pub headers: Vec<Redacted<String>>,
}

/// Who did something, for facts about appeals, forwards and openings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The caller, by a key.
    Caller,
    /// A consultant.
    Consultant(ConsultantId),
    /// Somebody at the command line or the HTTP API, by the name he gave.
    Operator(String),
    /// The line itself.
    Line,
}

/// How an offer to a consultant ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OfferOutcome {
    /// He picked up.
    Answered,
    /// He refused.
    Rejected,
    /// He let it ring.
    NoAnswer,
    /// His softphone could not be reached, or was lost.
    Unreachable,
    /// The caller hung up first.
    CallerLeft,
    /// The offer was taken back: he signed out, or the caller was moved.
    Withdrawn,
}

/// How a forward ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForwardResult {
    /// The other centre answered and the caller was joined to it.
    Connected,
    /// It was busy (486, 600).
    Busy,
    /// It rang out.
    NoAnswer,
    /// It refused, or could not be reached.
    Failed,
    /// The caller hung up meanwhile.
    CallerLeft,
}

/// Whom a consultant asks, or sends a caller to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferTo {
    /// A colleague.
    Consultant(ConsultantId),
    /// Another centre, by the name that the configuration gives to the forward.
    Forward(String),
}

/// What became of one way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TryOutcome {
    /// The called answered.
    Answered,
    /// Somebody said no, with a status.
    Refused,
    /// Nobody said anything in time.
    Silent,
    /// The wire failed.
    Unreachable,
    /// It rang until the time was over.
    RangOut,
    /// We took the call back.
    Withdrawn,
}

/// Why a call ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The caller hung up.
    CallerHungUp,
    /// The consultant hung up.
    ConsultantHungUp,
    /// The other centre hung up after a forward.
    ForwardHungUp,
    /// The script came to an ending it names as complete.
    Completed,
    /// No sound packets came from the caller any more (FEATURES T14).
    MediaLost,
    /// The caller's side of the signalling was lost.
    SignallingLost,
    /// A fault of ours: no port could be opened.
    OurFault,
    /// The offer of sound was ours, and the peer's answer was missing or did not fit.
    NoCommonSound,
    /// An operator ended it, or the line was stopped.
    LineStopped,
    /// The program was killed; found at the next start.
    Interrupted,
}

/// Which of the three final states a line call reached (FEATURES P2: each call is in exactly one).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disposition {
    /// A consultant, or the other centre, spoke with the caller; or the script gave him what he asked for.
    Served,
    /// The caller left in the script, before he asked for a human.
    LeftInScript,
    /// The caller left (or was lost) while waiting for a human.
    Abandoned,
    /// The line failed him.
    Failed,
}

/// What a consultant is doing, as facts tell it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    /// Not at work.
    SignedOut,
    /// Free for the next caller.
    Ready,
    /// A caller is offered.
    Offered,
    /// In a talk.
    Talking,
    /// Finishing after a talk.
    WrapUp,
    /// On a break, with its reason.
    Break(String),
    /// Did not pick up.
    NoAnswer,
    /// No softphone registered.
    Unreachable,
    /// In a call of his own.
    Busy,
}

/// The written demand under which a recording is opened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DemandNote {
    /// The letter's number.
    pub number: String,
    /// The letter's date, `YYYY-MM-DD`.
    pub date: String,
    /// Who demands.
    pub authority: String,
}

/// What happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant's own sentence
pub enum Fact {
    /// The program started to answer; monotonic moments below belong to this run.
    LineStarted { version: String },
    /// The program stopped in good order.
    LineStopped,

    /// A consultant was made known. `name` is what colleagues call him.
    ConsultantAdded {
        consultant: ConsultantId,
        login: String,
        name: Redacted<String>,
        languages: Vec<Language>,
        skills: Vec<String>,
        secrets: Secrets,
    },
    /// A consultant's languages, skills or password changed.
    ConsultantChanged {
        consultant: ConsultantId,
        name: Redacted<String>,
        languages: Vec<Language>,
        skills: Vec<String>,
        secrets: Secrets,
    },
    /// A consultant was removed; what he did stays.
    ConsultantRemoved { consultant: ConsultantId },
    /// He signed in.
    SignedIn { consultant: ConsultantId },
    /// He signed out.
    SignedOut { consultant: ConsultantId },
    /// What he does changed.
    ConsultantNow { consultant: ConsultantId, doing: Doing, after_ms: u64 },

    /// A call came in on a trunk (or from a softphone, by `user`).
    Arrived { dialled: String, trunk: Option<String>, user: Option<ConsultantId>, caller: CallerIdentity },
    /// It was refused before it was answered. Of calls that a trunk brings and that do not even begin, one a second is
    /// told, with the count of all that were refused to the trunk since the program started.
    Refused {
        status: u16,
        why: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trunk: Option<String>,
        #[serde(default)]
        in_all: u64,
    },
    /// It was answered.
    Answered { after_ms: u64 },
    /// The script it follows.
    ScriptBegan { script: String, hash: String },
    /// It came to a step.
    Step { step: String },
    /// The caller pressed a key that the script read. Digits of a collected number are not in the facts.
    Key { step: String, key: Redacted<char> },
    /// The caller's language.
    LanguageSet { language: Language },
    /// It waits for a human. The order is priority, then who came first.
    Queued { queue: String, topic: Option<String>, priority: u8, language: Language, urgent: bool },
    /// The caller heard his place.
    PositionSaid { position: u32 },
    /// It was offered to a consultant.
    Offered { offer: OfferId, consultant: ConsultantId },
    /// The offer ended.
    OfferEnded { offer: OfferId, consultant: ConsultantId, outcome: OfferOutcome, after_ms: u64 },
    /// They talk. `waited_ms` since the caller entered the queue.
    Talking { consultant: ConsultantId, waited_ms: u64 },
    /// The consultant put the caller on hold.
    Held { consultant: ConsultantId },
    /// He took him back.
    Resumed { consultant: ConsultantId },
    /// The consultant's side was lost; the caller goes back to the front.
    ConsultantLost { consultant: ConsultantId, why: EndCause },
    /// The talk ended.
    TalkEnded { consultant: ConsultantId, talked_ms: u64 },
    /// What a leg speaks from now on; `transcoded`: the caller, beside whom it was called, spoke something that must be
    /// decoded and coded anew for it.
    Speaks { leg: LegId, party: Party, codec: Codec, transcoded: bool },
    /// No sound came from a leg for a while.
    MediaSilent { leg: LegId, silent_ms: u64 },
    /// Sound of a leg is missing one way, or is there again.
    OneWay { leg: LegId, way: Way, missing: bool },
    /// How a leg sounded over its whole life; told as it is closed, unless nothing went either way.
    Sounded { leg: LegId, report: LegReport },
    /// Packets from addresses that have no part in the call were ignored: so many by now. Told at first, and each
    /// time there are twice as many.
    Strangers { leg: LegId, packets: u64 },

    /// Somebody sends the caller on. He hears a notice first.
    ForwardBegan { to: String, by: Author },
    /// The notice was heard, wholly or not.
    NoticeHeard { whole: bool },
    /// One way to another centre was tried, for a forward, a transfer or a consultant's question: a trunk and one of
    /// its addresses. The first that answers, or that speaks for the centre, ends it; otherwise the next way is tried
    /// within the same ring.
    ForwardTried {
        to: String,
        trunk: String,
        way: String,
        outcome: TryOutcome,
        status: Option<u16>,
        after_ms: u64,
    },
    /// A phone of a consultant's could not be reached: his next one is tried within the same ring, if he has one.
    PhoneTried { consultant: ConsultantId, outcome: TryOutcome, status: Option<u16>, after_ms: u64 },
    /// The forward ended.
    ForwardEnded { to: String, result: ForwardResult, status: Option<u16>, after_ms: u64 },

    /// A consultant asks somebody aside; the caller waits.
    ConsultBegan { by: ConsultantId, to: TransferTo },
    /// That ended: `connected` when the two had spoken, `caller_left` when the consultant, or the caller, did not wait
    /// for it.
    ConsultEnded { to: TransferTo, result: ForwardResult, status: Option<u16>, after_ms: u64 },
    /// The caller, his consultant and the one whom he asked hear each other.
    ConferenceBegan { by: ConsultantId },
    /// They do no longer.
    ConferenceEnded { by: ConsultantId },
    /// A consultant sends the caller on to somebody.
    TransferBegan { by: ConsultantId, to: TransferTo },
    /// The transfer ended. What is not `connected` brought the caller back to his consultant, or to the queue.
    TransferEnded { to: TransferTo, result: ForwardResult, status: Option<u16>, after_ms: u64 },

    /// An appeal got its number.
    AppealRegistered { number: AppealNumber, by: Author },
    /// The call was linked to an appeal.
    AppealLinked { number: AppealNumber, by: Author },
    /// The appeal's status changed.
    AppealStatus { number: AppealNumber, status: Status, by: Author },
    /// The caller asked for a status; whether the number was known.
    StatusAsked { known: bool },

    /// The recording began.
    RecordingBegan { recording: RecordingId },
    /// A party speaks on a track of the recording from now on.
    TrackBegan { recording: RecordingId, track: TrackId, party: Party },
    /// The recording was closed.
    RecordingClosed { recording: RecordingId, length_ms: u64, bytes: u64, lost_frames: u64, torn: bool },
    /// The recording could not be written; the call went on.
    RecordingFailed { recording: RecordingId, why: String },

    /// Somebody looked for recordings.
    RecordingsSearched { number: AppealNumber, by: Author, found: u32 },
    /// A recording was handed out under a written demand.
    RecordingExported { recording: RecordingId, number: AppealNumber, demand: DemandNote, by: Author },
    /// Somebody asked for a recording without the right to.
    ExportRefused { number: Option<AppealNumber>, by: Author, why: String },

    /// Somebody read whole SIP messages of the call, or of a conversation that was none.
    TraceOpened { by: Author },

    /// The call ended.
    Ended { cause: EndCause, disposition: Option<Disposition>, length_ms: u64 },

    /// Calls of this number are answered with a notice for a time. The urgent key leads to a human all the same.
    CallerBlocked { number: Redacted<Number>, until: WallTime, reason: Redacted<String>, by: Author },
    /// No longer.
    BlockLifted { number: Redacted<Number>, by: Author },
    /// The caller is blocked until then: the call hears the notice.
    BlockedCall { until: WallTime },
    /// The caller's calls were answered so often within so many seconds that this one hears the short script.
    Flooding { calls: u32, window_s: u64 },

    /// A trunk answers its probes, or does no longer.
    TrunkNow { trunk: String, alive: bool },

    /// A carrier took the line's registration, or does not any more: with the status of its refusal, 408 for silence, 503
    /// for a broken wire.
    RegistrationNow { trunk: String, up: bool, status: Option<u16> },

    /// Many wrong passwords came for this consultant from many places.
    AccountAttacked { consultant: ConsultantId },
}

/// Who speaks on a track.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The caller: always track 0.
    Caller,
    /// The line: prompts and music as the caller heard them. Always track 1.
    Line,
    /// A consultant.
    Consultant(ConsultantId),
    /// The other side of a forward.
    Forward,
}

/// Whole milliseconds, as facts tell durations.
pub(crate) fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}
