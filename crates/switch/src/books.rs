//! The books: what stays true between calls. Consultants, appeals, which call was whose. A fold over the facts, so
//! that a restart knows what the last run knew, and a command at a stopped line is decided by the same rules.

use crate::api::{BLOCK_REASON_MAX, BLOCK_S, BlockRow, CallOf, Command, Duty, Refusal, Reply};
use crate::facts::{Author, Disposition, Doing, EndCause, Fact, Record};
use senim_appeals::{AppealNumber, Change, Registry};
use senim_base::{CallId, ConsultantId, Language, Number, OfferId, RecordingId, Redacted, WallTime};
use senim_sip::Secrets;
use std::collections::BTreeMap;

/// Facts that were decided and not entered yet, each with its call.
pub type Decided = Vec<(Option<CallId>, Fact)>;

/// Longest login.
const LOGIN_MAX: usize = 64;

/// A consultant as the books know him.
#[derive(Clone, Debug)]
pub struct Person {
    /// Id.
    pub id: ConsultantId,
    /// What he registers with.
    pub login: String,
    /// What colleagues call him.
    pub name: Redacted<String>,
    /// What he speaks.
    pub languages: Vec<Language>,
    /// Topics he takes; empty: all.
    pub skills: Vec<String>,
    /// Digest secrets of his softphone.
    pub secrets: Secrets,
    /// At work.
    pub signed_in: bool,
    /// On a break, with its reason.
    pub on_break: Option<String>,
    /// The last call he talked in.
    pub last_call: Option<CallId>,
}

/// A call that has no end yet.
#[derive(Clone, Debug)]
pub struct OpenCall {
    /// When it came in.
    pub arrived: WallTime,
    /// When something was last heard of it.
    pub last: WallTime,
    /// Its caller spoke with a human.
    pub served: bool,
}

/// The books.
#[derive(Clone, Debug)]
pub struct Books {
    seq: u64,
    utc_offset_minutes: i32,
    people: BTreeMap<ConsultantId, Person>,
    by_login: BTreeMap<String, ConsultantId>,
    next_consultant: u32,
    appeals: Registry,
    known_calls: u64,
    next_offer: u64,
    open: BTreeMap<CallId, OpenCall>,
    unclosed: BTreeMap<RecordingId, Option<CallId>>,
    blocks: BTreeMap<Redacted<Number>, BlockRow>,
}

/// Numbers that are blocked at once, at most.
pub const BLOCKS_MAX: usize = 10_000;

impl Books {
    /// Empty books; `utc_offset_minutes` decides the year of an appeal.
    pub fn new(utc_offset_minutes: i32) -> Self {
        Books {
            seq: 0,
            utc_offset_minutes,
            people: BTreeMap::new(),
            by_login: BTreeMap::new(),
            next_consultant: 1,
            appeals: Registry::new(),
            known_calls: 0,
            next_offer: 1,
            open: BTreeMap::new(),
            unclosed: BTreeMap::new(),
            blocks: BTreeMap::new(),
        }
    }

    /// The last fact in the books.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// No consultant is known.
    pub fn nobody_known(&self) -> bool {
        self.people.is_empty()
    }

    /// Everybody, by id.
    pub fn people(&self) -> impl Iterator<Item = &Person> {
        self.people.values()
    }

    /// One consultant.
    pub fn person(&self, id: ConsultantId) -> Option<&Person> {
        self.people.get(&id)
    }

    /// One consultant by login.
    pub fn by_login(&self, login: &str) -> Option<&Person> {
        self.people.get(self.by_login.get(login)?)
    }

    /// The appeals.
    pub fn appeals(&self) -> &Registry {
        &self.appeals
    }

    /// The highest call id used.
    pub fn last_call(&self) -> CallId {
        CallId(self.known_calls)
    }

    /// The first offer id not used.
    pub fn next_offer(&self) -> OfferId {
        OfferId(self.next_offer)
    }

    /// Calls without an end, and what is open of them. At start these are the calls that a kill interrupted.
    pub fn open_calls(&self) -> &BTreeMap<CallId, OpenCall> {
        &self.open
    }

    /// Recordings that were begun and not closed, and their calls.
    pub fn unclosed_recordings(&self) -> &BTreeMap<RecordingId, Option<CallId>> {
        &self.unclosed
    }

    /// The block of a number that stands at this moment.
    pub fn block(&self, number: &Redacted<Number>, wall: WallTime) -> Option<&BlockRow> {
        self.blocks.get(number).filter(|b| b.until > wall)
    }

    /// Blocks that stand at this moment.
    pub fn blocks(&self, wall: WallTime) -> impl Iterator<Item = &BlockRow> {
        self.blocks.values().filter(move |b| b.until > wall)
    }

    /// Enters a fact. Facts come in order; one that the books have already is passed over.
    pub fn apply(&mut self, record: &Record) {
        if record.seq <= self.seq {
            return;
        }
        self.seq = record.seq;
        if let Some(call) = record.call {
            self.known_calls = self.known_calls.max(call.0);
            if let Some(open) = self.open.get_mut(&call) {
                open.last = record.wall;
                open.served |= matches!(record.fact, Fact::Talking { .. });
            }
        }
        match &record.fact {
            Fact::ConsultantAdded { consultant, login, name, languages, skills, secrets } => {
                self.next_consultant = self.next_consultant.max(consultant.0 + 1);
                self.by_login.insert(login.clone(), *consultant);
                self.people.insert(
                    *consultant,
                    Person {
                        id: *consultant,
                        login: login.clone(),
                        name: name.clone(),
                        languages: languages.clone(),
                        skills: skills.clone(),
                        secrets: secrets.clone(),
                        signed_in: false,
                        on_break: None,
                        last_call: None,
                    },
                );
            }
            Fact::ConsultantChanged { consultant, name, languages, skills, secrets } => {
                if let Some(p) = self.people.get_mut(consultant) {
                    p.name = name.clone();
                    p.languages = languages.clone();
                    p.skills = skills.clone();
                    p.secrets = secrets.clone();
                }
            }
            Fact::ConsultantRemoved { consultant } => {
                if let Some(p) = self.people.remove(consultant) {
                    self.by_login.remove(&p.login);
                }
            }
            Fact::SignedIn { consultant } => self.on_duty(*consultant, true),
            Fact::SignedOut { consultant } => self.on_duty(*consultant, false),
            Fact::ConsultantNow { consultant, doing, .. } => {
                if let Some(p) = self.people.get_mut(consultant) {
                    match doing {
                        Doing::Break(reason) => p.on_break = Some(reason.clone()),
                        Doing::Unreachable => {}
                        _ => p.on_break = None,
                    }
                }
            }
            Fact::Talking { consultant, .. } => {
                if let Some(p) = self.people.get_mut(consultant) {
                    p.last_call = record.call;
                }
            }
            Fact::Offered { offer, .. } => self.next_offer = self.next_offer.max(offer.0 + 1),
            Fact::Arrived { .. } => {
                let open = OpenCall { arrived: record.wall, last: record.wall, served: false };
                self.open.extend(record.call.map(|c| (c, open)));
            }
            Fact::Ended { .. } | Fact::Refused { .. } => {
                if let Some(call) = record.call {
                    self.open.remove(&call);
                }
            }
            Fact::RecordingBegan { recording } => {
                self.unclosed.insert(*recording, record.call);
            }
            Fact::RecordingClosed { recording, .. } => {
                self.unclosed.remove(recording);
            }
            Fact::AppealRegistered { number, by } => self.appeals.apply(&Change::Registered {
                number: *number,
                call: record.call,
                by: consultant_of(by),
                at: record.wall,
            }),
            Fact::AppealLinked { number, by } => {
                if let Some(call) = record.call {
                    let by = consultant_of(by);
                    self.appeals.apply(&Change::Linked { number: *number, call, by, at: record.wall });
                }
            }
            Fact::AppealStatus { number, status, by } => self.appeals.apply(&Change::StatusSet {
                number: *number,
                status: *status,
                by: consultant_of(by),
                at: record.wall,
            }),
            Fact::CallerBlocked { number, until, reason, by } => {
                self.blocks.retain(|_, b| b.until > record.wall);
                let (number, since, until) = (number.clone(), record.wall, *until);
                let row =
                    BlockRow { number: number.clone(), since, until, reason: reason.clone(), by: by.clone() };
                self.blocks.insert(number, row);
            }
            Fact::BlockLifted { number, .. } => {
                self.blocks.remove(number);
            }
            _ => {}
        }
    }

    fn on_duty(&mut self, id: ConsultantId, yes: bool) {
        if let Some(p) = self.people.get_mut(&id) {
            p.signed_in = yes;
            p.on_break = None;
        }
    }

    /// Decides a command that needs no live call. The facts are not entered yet: whoever asked writes them to the
    /// journal and enters them with [`Books::apply`].
    ///
    /// # Errors
    /// What is wrong with the command; [`Refusal::LineNotRunning`] for one that only a running line can carry out.
    pub fn decide(&self, command: &Command, wall: WallTime) -> Result<(Decided, Reply), Refusal> {
        let done = |facts| Ok((facts, Reply::Done));
        match command {
            Command::AddConsultant { login, name, languages, skills, secrets } => {
                self.add_consultant(login, name, languages, skills, secrets)
            }
            Command::RemoveConsultant { login } => {
                let consultant = self.known(login)?.id;
                done(vec![(None, Fact::ConsultantRemoved { consultant })])
            }
            Command::Duty { login, duty } => {
                let p = self.known(login)?;
                done(duty_facts(p, duty)?)
            }
            Command::RegisterAppeal { call, by } => {
                let call = self.call_of(call)?;
                let number = self.new_appeal(wall)?;
                let fact = Fact::AppealRegistered { number, by: by.clone() };
                Ok((vec![(Some(call), fact)], Reply::Registered { number, call }))
            }
            Command::LinkAppeal { number, call, by } => {
                let call = self.call_of(call)?;
                self.known_appeal(*number)?;
                done(vec![(Some(call), Fact::AppealLinked { number: *number, by: by.clone() })])
            }
            Command::SetStatus { number, status, by } => {
                let from = self.known_appeal(*number)?;
                if !from.may_become(*status) {
                    return Err(Refusal::StatusNotAllowed { from, to: *status });
                }
                done(vec![(None, Fact::AppealStatus { number: *number, status: *status, by: by.clone() })])
            }
            Command::Appeal { number } => {
                let status = self.known_appeal(*number)?;
                let calls = self.appeals.calls_of(*number).to_vec();
                Ok((vec![], Reply::Appeal { number: *number, status, calls }))
            }
            Command::Block { number, for_s, reason, by } => {
                self.may_block(number, *for_s, reason.reveal(), wall)?;
                let length_ms = i64::try_from(*for_s * 1_000).unwrap_or(i64::MAX);
                let until = WallTime::from_unix_millis(wall.unix_millis().saturating_add(length_ms));
                let (number, reason, by) = (number.clone(), reason.clone(), by.clone());
                done(vec![(None, Fact::CallerBlocked { number, until, reason, by })])
            }
            Command::LiftBlock { number, by } => {
                self.block(number, wall).ok_or(Refusal::NotBlocked)?;
                done(vec![(None, Fact::BlockLifted { number: number.clone(), by: by.clone() })])
            }
            Command::ListBlocks => {
                Ok((vec![], Reply::Blocks { blocks: self.blocks(wall).cloned().collect() }))
            }
            Command::NoteSearch { number, by, found } => done(vec![(
                None,
                Fact::RecordingsSearched { number: *number, by: by.clone(), found: *found },
            )]),
            Command::NoteExport { recording, number, demand, by } => done(vec![(
                None,
                Fact::RecordingExported {
                    recording: *recording,
                    number: *number,
                    demand: demand.clone(),
                    by: by.clone(),
                },
            )]),
            Command::NoteRefusal { number, by, why } => {
                done(vec![(None, Fact::ExportRefused { number: *number, by: by.clone(), why: why.clone() })])
            }
            Command::ListConsultants
            | Command::Forward { .. }
            | Command::HangUp { .. }
            | Command::Board
            | Command::Traces { .. }
            | Command::Trace { .. }
            | Command::Drain => Err(Refusal::LineNotRunning),
        }
    }

    fn may_block(
        &self,
        number: &Redacted<Number>,
        for_s: u64,
        reason: &str,
        wall: WallTime,
    ) -> Result<(), Refusal> {
        if !BLOCK_S.contains(&for_s) {
            return Err(Refusal::BadBlockTime { for_s });
        }
        if !(1..=BLOCK_REASON_MAX).contains(&reason.trim().chars().count()) {
            return Err(Refusal::BadBlockReason);
        }
        let known = self.block(number, wall).is_some();
        if !known && self.blocks(wall).count() >= BLOCKS_MAX {
            return Err(Refusal::BlocksFull);
        }
        Ok(())
    }

    /// Facts that close what the last run left open: it was killed.
    pub fn interrupted(&self) -> Vec<(Option<CallId>, Fact)> {
        self.open
            .iter()
            .map(|(&call, open)| {
                let disposition = Some(if open.served { Disposition::Served } else { Disposition::Failed });
                let length_ms = open.last.unix_millis().saturating_sub(open.arrived.unix_millis());
                let length_ms = u64::try_from(length_ms).unwrap_or(0);
                (Some(call), Fact::Ended { cause: EndCause::Interrupted, disposition, length_ms })
            })
            .collect()
    }

    /// The number that the next appeal gets.
    pub(crate) fn new_appeal(&self, wall: WallTime) -> Result<AppealNumber, Refusal> {
        let year = u16::try_from(wall.civil(self.utc_offset_minutes).year).unwrap_or(u16::MAX);
        self.appeals.next_number(year).map_err(|_| Refusal::NumbersExhausted { year })
    }

    fn known(&self, login: &str) -> Result<&Person, Refusal> {
        self.by_login(login).ok_or_else(|| Refusal::UnknownConsultant { login: login.to_owned() })
    }

    fn known_appeal(&self, number: AppealNumber) -> Result<senim_appeals::Status, Refusal> {
        self.appeals.status(number).ok_or(Refusal::UnknownAppeal { number })
    }

    fn call_of(&self, call: &CallOf) -> Result<CallId, Refusal> {
        match call {
            CallOf::Call(call) if call.0 >= 1 && call.0 <= self.known_calls => Ok(*call),
            CallOf::Call(call) => Err(Refusal::UnknownCall { call: *call }),
            CallOf::Consultant(login) => {
                self.known(login)?.last_call.ok_or_else(|| Refusal::NoCall { login: login.clone() })
            }
        }
    }

    fn add_consultant(
        &self,
        login: &str,
        name: &Redacted<String>,
        languages: &[Language],
        skills: &[String],
        secrets: &Secrets,
    ) -> Result<(Decided, Reply), Refusal> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if login.is_empty() || login.len() > LOGIN_MAX || !login.chars().all(fits) {
            return Err(Refusal::BadLogin { login: login.to_owned() });
        }
        if languages.is_empty() {
            return Err(Refusal::NoLanguage);
        }
        let (name, languages, skills) = (name.clone(), languages.to_vec(), skills.to_vec());
        let secrets = secrets.clone();
        let (consultant, fact) = match self.by_login(login) {
            Some(p) => (p.id, Fact::ConsultantChanged { consultant: p.id, name, languages, skills, secrets }),
            None => {
                let consultant = ConsultantId(self.next_consultant);
                let login = login.to_owned();
                (consultant, Fact::ConsultantAdded { consultant, login, name, languages, skills, secrets })
            }
        };
        Ok((vec![(None, fact)], Reply::ConsultantAdded { consultant }))
    }
}

/// The facts of a change of duty as the books alone can tell it: the line is not running, nobody is in a talk.
fn duty_facts(p: &Person, duty: &Duty) -> Result<Vec<(Option<CallId>, Fact)>, Refusal> {
    let consultant = p.id;
    let now = |doing| Fact::ConsultantNow { consultant, doing, after_ms: 0 };
    let facts = match duty {
        Duty::SignIn => vec![Fact::SignedIn { consultant }],
        Duty::SignOut => vec![Fact::SignedOut { consultant }],
        Duty::Break(_) | Duty::Ready if !p.signed_in => {
            return Err(Refusal::NotNow { doing: Doing::SignedOut });
        }
        Duty::Break(reason) => vec![now(Doing::Break(reason.clone()))],
        Duty::Ready => vec![now(Doing::Ready)],
    };
    Ok(facts.into_iter().map(|f| (None, f)).collect())
}

fn consultant_of(by: &Author) -> Option<ConsultantId> {
    match by {
        Author::Consultant(id) => Some(*id),
        _ => None,
    }
}
