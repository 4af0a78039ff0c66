//! The closed set of commands the outside may give and of answers it gets. The command line, the control socket
//! and the HTTP pages speak these words and no others.

mod board;
mod trace;

pub use board::{
    Board, ConsultantRow, MediaRow, RegistrationRow, SoundRow, TalkingRow, Totals, TrunkRow, WaitingRow,
};
pub use trace::{MediaSeen, Peer, Step, TraceMode, TraceRow, Traced, What, WhichTrace};

use crate::facts::{Author, DemandNote, Doing};
use core::fmt;
use senim_appeals::{AppealNumber, Status};
use senim_base::{CallId, ConsultantId, Language, Number, RecordingId, Redacted, WallTime};
use senim_sip::Secrets;
use serde::{Deserialize, Serialize};

/// Ties a reply to its command.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ticket(pub u64);

/// What somebody outside wants.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant's own sentence
pub enum Command {
    /// Make a consultant known, or replace what is known of the same login.
    AddConsultant {
        login: String,
        name: Redacted<String>,
        languages: Vec<Language>,
        skills: Vec<String>,
        secrets: Secrets,
    },
    /// Forget a consultant.
    RemoveConsultant { login: String },
    /// Who is known and what each one does.
    ListConsultants,
    /// Sign a consultant in or out, send him to a break, make him ready.
    Duty { login: String, duty: Duty },
    /// Register a new appeal for a call.
    RegisterAppeal { call: CallOf, by: Author },
    /// Link a call to a known appeal.
    LinkAppeal { number: AppealNumber, call: CallOf, by: Author },
    /// Move an appeal to another status.
    SetStatus { number: AppealNumber, status: Status, by: Author },
    /// An appeal's status and its calls.
    Appeal { number: AppealNumber },
    /// Send the caller in talk with this consultant to the Unified Contact Centre.
    Forward { login: String },
    /// End a call.
    HangUp { call: CallId },
    /// The live board.
    Board,
    /// Answer the calls of a number with a notice for so many seconds.
    Block { number: Redacted<Number>, for_s: u64, reason: Redacted<String>, by: Author },
    /// Answer them as all others again.
    LiftBlock { number: Redacted<Number>, by: Author },
    /// Who is blocked.
    ListBlocks,
    /// Note that recordings of an appeal were searched; answered once the fact is safe.
    NoteSearch { number: AppealNumber, by: Author, found: u32 },
    /// Note that a recording is being handed out; answered once the fact is safe.
    NoteExport { recording: RecordingId, number: AppealNumber, demand: DemandNote, by: Author },
    /// Note that a recording was refused.
    NoteRefusal { number: Option<AppealNumber>, by: Author, why: String },
    /// What was said on the wires lately, a row a conversation: so many calls, and so many others.
    Traces { limit: usize },
    /// The messages of one conversation. Whole texts, if the line keeps them, only for somebody who says who he is: that
    /// is a fact, and answered once it is safe.
    Trace { which: WhichTrace, texts_for: Option<Author> },
    /// No new calls; answered when the last one has ended.
    Drain,
}

/// Shortest and longest block, seconds: a minute, five years.
pub const BLOCK_S: core::ops::RangeInclusive<u64> = 60..=5 * 366 * 86_400;
/// Longest reason of a block, letters.
pub const BLOCK_REASON_MAX: usize = 500;

/// A block that stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BlockRow {
    /// Whose calls.
    pub number: Redacted<Number>,
    /// Since when.
    pub since: WallTime,
    /// Until when.
    pub until: WallTime,
    /// Why.
    pub reason: Redacted<String>,
    /// Who decided so.
    pub by: Author,
}

/// What a consultant does about his work.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Starts work.
    SignIn,
    /// Ends work.
    SignOut,
    /// Takes a break, with its reason.
    Break(String),
    /// Ends a break or the wrap-up.
    Ready,
}

/// Which call an appeal is about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOf {
    /// This one.
    Call(CallId),
    /// The one this consultant talks in, or else his last one.
    Consultant(String),
}

/// What the outside gets back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Reply {
    /// Done, and safe on disk.
    Done,
    /// A consultant was made known under this id.
    ConsultantAdded { consultant: ConsultantId },
    /// Everybody.
    Consultants { consultants: Vec<ConsultantRow> },
    /// The appeal's number.
    Registered { number: AppealNumber, call: CallId },
    /// An appeal as it stands.
    Appeal { number: AppealNumber, status: Status, calls: Vec<CallId> },
    /// The live board.
    Board { board: Box<Board> },
    /// Conversations, newest first: calls, then the rest.
    Traces { mode: TraceMode, rows: Vec<TraceRow> },
    /// One conversation.
    Trace { mode: TraceMode, trace: Box<Traced> },
    /// Blocks that stand.
    Blocks { blocks: Vec<BlockRow> },
    /// Not done, and nothing changed.
    Refused { refusal: Refusal },
}

/// Why a command was not carried out. Each says what to do instead.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Refusal {
    /// No consultant has this login.
    UnknownConsultant { login: String },
    /// A login is 1 to 64 letters, digits, `.`, `-`, `_`.
    BadLogin { login: String },
    /// A consultant needs at least one language.
    NoLanguage,
    /// No call has this id.
    UnknownCall { call: CallId },
    /// The consultant has not talked with anybody yet.
    NoCall { login: String },
    /// No appeal has this number.
    UnknownAppeal { number: AppealNumber },
    /// This status cannot follow that one.
    StatusNotAllowed { from: Status, to: Status },
    /// The year has used up its numbers.
    NumbersExhausted { year: u16 },
    /// A block lasts a minute to five years.
    BadBlockTime { for_s: u64 },
    /// A block needs a reason, short enough to be read.
    BadBlockReason,
    /// More numbers cannot be blocked.
    BlocksFull,
    /// The number is not blocked.
    NotBlocked,
    /// That cannot be done while he is doing this.
    NotNow { doing: Doing },
    /// Only a running line can do this: start `senim serve` first.
    LineNotRunning,
    /// The line has no trunk to the Unified Contact Centre: add a `[[trunk]]` and name it in `[line] ucc_trunk`.
    NoForwardTrunk,
    /// The fact could not be brought to the disk in time; what depends on it is not done.
    NotOnDisk,
    /// Nothing is kept of this conversation.
    NoTrace { which: WhichTrace },
    /// The line keeps no trace, or not so much of it.
    NotTraced { mode: TraceMode },
    /// The line is about to stop.
    Draining,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::UnknownConsultant { login } => {
                write!(f, "no consultant has the login {login:?}; `senim consultant list` shows all of them")
            }
            Refusal::BadLogin { login } => {
                write!(f, "{login:?} cannot be a login; write 1 to 64 letters, digits, '.', '-' or '_'")
            }
            Refusal::NoLanguage => f.write_str("a consultant needs a language; write --languages kk,ru"),
            Refusal::UnknownCall { call } => write!(f, "there is no {call}; `senim calls` shows all of them"),
            Refusal::NoCall { login } => {
                write!(f, "{login} has not talked with a caller yet; name the call itself, as in call-17")
            }
            Refusal::UnknownAppeal { number } => {
                write!(f, "no appeal has the number {number}; check the digits against the paper")
            }
            Refusal::StatusNotAllowed { from, to } => {
                write!(f, "an appeal that is {from} cannot become {to}")
            }
            Refusal::NumbersExhausted { year } => {
                write!(f, "all appeal numbers of {year} are used up; tell the vendor")
            }
            Refusal::BadBlockTime { for_s } => {
                write!(f, "nobody is blocked for {for_s} s; write 1 minute to 5 years, as in 24h, 30d, 5y")
            }
            Refusal::BadBlockReason => write!(f, "a block needs a reason of 1 to {BLOCK_REASON_MAX} letters"),
            Refusal::BlocksFull => {
                f.write_str("no more numbers can be blocked; lift blocks that are not needed any more")
            }
            Refusal::NotBlocked => {
                f.write_str("this number is not blocked; `senim block list` shows those that are")
            }
            Refusal::NotNow { doing } => write!(f, "not possible while the consultant is {doing:?}"),
            Refusal::LineNotRunning => {
                f.write_str("only a running line can do this; start `senim serve` first")
            }
            Refusal::NoForwardTrunk => {
                f.write_str("the line knows no way to 1414; add a [[trunk]] and name it in [line] ucc_trunk")
            }
            Refusal::NotOnDisk => {
                f.write_str("the disk did not take the note of this in time, so it is not done; see to the disk and ask again")
            }
            Refusal::NoTrace { which } => {
                write!(f, "no message of {which} is kept (the newest calls of this run are); `senim sip trace` lists what is")
            }
            Refusal::NotTraced { mode: TraceMode::Off } => {
                f.write_str("the line keeps no trace: [sip] trace is \"off\"; write \"redacted\" and start it again")
            }
            Refusal::NotTraced { .. } => f.write_str(
                "the line keeps no texts: [sip] trace is \"redacted\"; write \"full\" and start it again, if the law lets you",
            ),
            Refusal::Draining => f.write_str("the line is about to stop and takes nothing new"),
        }
    }
}

impl core::error::Error for Refusal {}
