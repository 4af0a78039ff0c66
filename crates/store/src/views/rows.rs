//! The rows of the views: what a call, a recording and an appeal came to, told from facts and nothing else.

use senim_appeals::{AppealNumber, Status};
use senim_base::{CallId, ConsultantId, Language, RecordingId, TrackId, WallTime};
use senim_switch::facts::{
    Author, CallerIdentity, Disposition, EndCause, Fact, ForwardResult, Party, Record,
};
use serde::{Deserialize, Serialize};

/// One call, as a record of it is shown and counted.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct CallRow {
    /// The call.
    pub call: CallId,
    /// The last fact in this row: applying the same fact twice changes nothing.
    pub seq: u64,
    /// When it came in.
    pub arrived: WallTime,
    /// What was dialled.
    pub dialled: String,
    /// The trunk that brought it.
    pub trunk: Option<String>,
    /// The consultant who made it.
    pub user: Option<ConsultantId>,
    /// Who called; prints masked.
    pub caller: CallerIdentity,
    /// The line answered.
    pub answered: bool,
    /// The status it was refused with.
    pub refused: Option<u16>,
    /// The caller's language.
    pub language: Option<Language>,
    /// The queue he waited in.
    pub queue: Option<String>,
    /// What he wanted to talk about.
    pub topic: Option<String>,
    /// He pressed the urgent key.
    pub urgent: bool,
    /// Who talked with him, in order.
    pub consultants: Vec<ConsultantId>,
    /// Milliseconds from entering the queue to the first talk.
    pub waited_ms: Option<u64>,
    /// Milliseconds of all talks with consultants.
    pub talked_ms: u64,
    /// Where he was sent on to, and what came of it.
    pub forward: Option<Forward>,
    /// Recordings, in order.
    pub recordings: Vec<RecordingId>,
    /// Appeals it is linked to, in order.
    pub appeals: Vec<AppealNumber>,
    /// Why it ended; `None` while it lives.
    pub cause: Option<EndCause>,
    /// The final state it reached.
    pub disposition: Option<Disposition>,
    /// Milliseconds from arrival to end.
    pub length_ms: Option<u64>,
}

/// A forward.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Forward {
    /// Where to.
    pub to: String,
    /// What came of it; `None` while it goes on.
    pub result: Option<ForwardResult>,
    /// The notice was heard wholly.
    pub notice_heard: bool,
}

/// One recording.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RecordingRow {
    /// Its name.
    pub recording: RecordingId,
    /// The last fact in this row.
    pub seq: u64,
    /// Its call.
    pub call: Option<CallId>,
    /// When it began.
    pub began: WallTime,
    /// Milliseconds; `None` while it goes on.
    pub length_ms: Option<u64>,
    /// Bytes of its file, sealed.
    pub bytes: u64,
    /// Frames that the disk could not take in time.
    pub lost_frames: u64,
    /// It was cut by a kill of the program and closed at the next start.
    pub torn: bool,
    /// Why it failed, if it did.
    pub failed: Option<String>,
    /// Who speaks on which track.
    pub tracks: Vec<(TrackId, Party)>,
}

/// One appeal.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct AppealRow {
    /// Its number.
    pub number: AppealNumber,
    /// The last fact in this row.
    pub seq: u64,
    /// When it was registered.
    pub registered: WallTime,
    /// By whom.
    pub by: Author,
    /// Its status.
    pub status: Status,
    /// Its calls, in the order they were linked.
    pub calls: Vec<CallId>,
    /// Every status it had, with when and by whom.
    pub history: Vec<(WallTime, Status, Author)>,
}

impl CallRow {
    pub(crate) fn new(call: CallId) -> Self {
        CallRow {
            call,
            seq: 0,
            arrived: WallTime::default(),
            dialled: String::new(),
            trunk: None,
            user: None,
            caller: CallerIdentity::default(),
            answered: false,
            refused: None,
            language: None,
            queue: None,
            topic: None,
            urgent: false,
            consultants: Vec::new(),
            waited_ms: None,
            talked_ms: 0,
            forward: None,
            recordings: Vec::new(),
            appeals: Vec::new(),
            cause: None,
            disposition: None,
            length_ms: None,
        }
    }

    /// Enters a fact about this call.
    pub(crate) fn apply(&mut self, record: &Record) {
        match &record.fact {
            Fact::Arrived { dialled, trunk, user, caller } => {
                self.arrived = record.wall;
                self.dialled.clone_from(dialled);
                self.trunk.clone_from(trunk);
                self.user = *user;
                self.caller = caller.clone();
            }
            Fact::Refused { status, .. } => self.refused = Some(*status),
            Fact::Answered { .. } => self.answered = true,
            Fact::LanguageSet { language } => self.language = Some(*language),
            Fact::Queued { queue, topic, language, urgent, .. } => {
                self.queue = Some(queue.clone());
                self.topic = topic.clone().or(self.topic.take());
                self.language = Some(*language);
                self.urgent |= urgent;
            }
            Fact::Talking { consultant, waited_ms } => {
                self.consultants.push(*consultant);
                self.waited_ms.get_or_insert(*waited_ms);
            }
            Fact::TalkEnded { talked_ms, .. } => self.talked_ms = self.talked_ms.saturating_add(*talked_ms),
            Fact::ForwardBegan { to, .. } => {
                self.forward = Some(Forward { to: to.clone(), result: None, notice_heard: false });
            }
            Fact::NoticeHeard { whole } => {
                if let Some(forward) = &mut self.forward {
                    forward.notice_heard = *whole;
                }
            }
            Fact::ForwardEnded { to, result, .. } => {
                let notice_heard = self.forward.as_ref().is_some_and(|f| f.notice_heard);
                self.forward = Some(Forward { to: to.clone(), result: Some(*result), notice_heard });
            }
            Fact::AppealRegistered { number, .. } | Fact::AppealLinked { number, .. }
                if !self.appeals.contains(number) =>
            {
                self.appeals.push(*number);
            }
            Fact::RecordingBegan { recording } => self.recordings.push(*recording),
            Fact::Ended { cause, disposition, length_ms } => {
                self.cause = Some(*cause);
                self.disposition = *disposition;
                self.length_ms = Some(*length_ms);
            }
            _ => {}
        }
    }
}

impl RecordingRow {
    pub(crate) fn new(recording: RecordingId, record: &Record) -> Self {
        RecordingRow {
            recording,
            seq: 0,
            call: record.call,
            began: record.wall,
            length_ms: None,
            bytes: 0,
            lost_frames: 0,
            torn: false,
            failed: None,
            tracks: Vec::new(),
        }
    }

    /// Enters a fact about this recording.
    pub(crate) fn apply(&mut self, record: &Record) {
        match &record.fact {
            Fact::TrackBegan { track, party, .. } => self.tracks.push((*track, *party)),
            Fact::RecordingClosed { length_ms, bytes, lost_frames, torn, .. } => {
                self.length_ms = Some(*length_ms);
                self.bytes = *bytes;
                self.lost_frames = *lost_frames;
                self.torn = *torn;
            }
            Fact::RecordingFailed { why, .. } => self.failed = Some(why.clone()),
            _ => {}
        }
    }
}

impl AppealRow {
    pub(crate) fn new(number: AppealNumber, by: &Author, record: &Record) -> Self {
        AppealRow {
            number,
            seq: 0,
            registered: record.wall,
            by: by.clone(),
            status: Status::Registered,
            calls: Vec::new(),
            history: Vec::new(),
        }
    }

    /// Enters a fact about this appeal.
    pub(crate) fn apply(&mut self, record: &Record) {
        let mut now = |status, by: &Author| {
            self.status = status;
            self.history.push((record.wall, status, by.clone()));
        };
        match &record.fact {
            Fact::AppealRegistered { by, .. } => now(Status::Registered, by),
            Fact::AppealStatus { status, by, .. } => now(*status, by),
            _ => {}
        }
        let linked = matches!(record.fact, Fact::AppealRegistered { .. } | Fact::AppealLinked { .. });
        if let Some(call) = record.call.filter(|c| linked && !self.calls.contains(c)) {
            self.calls.push(call);
        }
    }
}

/// The recording that a fact is about.
pub(crate) fn recording_of(fact: &Fact) -> Option<RecordingId> {
    match fact {
        Fact::RecordingBegan { recording }
        | Fact::TrackBegan { recording, .. }
        | Fact::RecordingClosed { recording, .. }
        | Fact::RecordingFailed { recording, .. } => Some(*recording),
        _ => None,
    }
}

/// The appeal that a fact changes, and who did it.
pub(crate) fn appeal_of(fact: &Fact) -> Option<(AppealNumber, &Author)> {
    match fact {
        Fact::AppealRegistered { number, by }
        | Fact::AppealLinked { number, by }
        | Fact::AppealStatus { number, by, .. } => Some((*number, by)),
        _ => None,
    }
}

/// The fact tells who looked for a recording, opened it, or was refused (FEATURES R12).
pub(crate) fn is_opening(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::RecordingsSearched { .. } | Fact::RecordingExported { .. } | Fact::ExportRefused { .. }
    )
}
