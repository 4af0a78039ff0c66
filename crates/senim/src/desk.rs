//! The desk: where a command of the command line goes. To the running line through its control socket, or, when none
//! runs, to the books themselves, under the lock of the data folder.

use crate::config::Plan;
use crate::control::{self, Answer, Client, Query, Request, Response};
use core::fmt;
use senim_base::{CallId, Instant, WallTime};
use senim_store::journal::{self, Journal, Torn};
use senim_store::lock::{FolderLock, LockFault};
use senim_store::views::{ViewFault, Views};
use senim_switch::Books;
use senim_switch::api::{Command, ConsultantRow, Refusal, Reply};
use senim_switch::facts::{Doing, Fact, Record};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Why a command was not carried out.
#[derive(Debug)]
pub enum DeskFault {
    /// The line, or the books, refused: the operator's.
    Refused(Refusal),
    /// The data folder cannot be had.
    Lock(LockFault),
    /// The journal cannot be read or written: the disk's.
    Journal(journal::Fault),
    /// The views cannot be read: the disk's.
    Views(ViewFault),
    /// The running line went away, or is another version.
    Control(io::Error),
    /// The running line did not understand: it is another version.
    Answer(String),
}

impl fmt::Display for DeskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeskFault::Refused(refusal) => refusal.fmt(f),
            DeskFault::Lock(fault) => fault.fmt(f),
            DeskFault::Journal(fault) => fault.fmt(f),
            DeskFault::Views(fault) => fault.fmt(f),
            DeskFault::Control(e) => write!(f, "the running line does not answer: {e}"),
            DeskFault::Answer(why) => write!(f, "the running line answers something else: {why}"),
        }
    }
}

impl core::error::Error for DeskFault {}

impl From<LockFault> for DeskFault {
    fn from(fault: LockFault) -> Self {
        DeskFault::Lock(fault)
    }
}

impl From<journal::Fault> for DeskFault {
    fn from(fault: journal::Fault) -> Self {
        DeskFault::Journal(fault)
    }
}

impl From<ViewFault> for DeskFault {
    fn from(fault: ViewFault) -> Self {
        DeskFault::Views(fault)
    }
}

/// Where commands go.
#[derive(Debug)]
pub enum Desk {
    /// To the running line.
    Line(Client),
    /// To the books, which this program holds.
    Books(Box<Archive>),
}

/// The data folder, held by this program.
#[derive(Debug)]
pub struct Archive {
    /// The folder's lock.
    pub lock: FolderLock,
    /// The journal.
    pub journal: Journal,
    /// What all facts of it come to.
    pub books: Books,
    /// A tail that was cut at opening.
    pub torn: Option<Torn>,
    views: Option<Views>,
    data: std::path::PathBuf,
    utc_offset_minutes: i32,
}

impl Archive {
    /// Takes the folder, proves the journal and reads it into the books.
    ///
    /// # Errors
    /// The lock's and the journal's faults.
    pub fn open(data: &Path, utc_offset_minutes: i32) -> Result<Archive, DeskFault> {
        let lock = FolderLock::take(data)?;
        let (journal, recovered) = Journal::open(&data.join("journal"))?;
        let mut books = Books::new(utc_offset_minutes);
        for record in journal.read_from(1) {
            books.apply(&record?);
        }
        let torn = recovered.torn;
        Ok(Archive { lock, journal, books, torn, views: None, data: data.to_owned(), utc_offset_minutes })
    }

    /// The views, brought up to the journal; a folder that had to be made again is said in the second value.
    ///
    /// # Errors
    /// The disk's.
    pub fn views(&mut self) -> Result<(&Views, Option<&'static str>), DeskFault> {
        let mut said = None;
        let views = match self.views.take() {
            Some(views) => {
                views.catch_up(self.journal.dir())?;
                views
            }
            None => {
                let (views, found) =
                    Views::open(&self.data.join("views"), self.journal.dir(), self.utc_offset_minutes)?;
                if let senim_store::views::Found::Dropped(why) = found {
                    said = Some(why);
                }
                views
            }
        };
        Ok((self.views.insert(views), said))
    }

    /// Writes facts durably and enters them into the books.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, facts: Vec<(Option<CallId>, Fact)>, wall: WallTime) -> Result<(), DeskFault> {
        self.append(facts, wall)?;
        self.journal.sync()?;
        Ok(())
    }

    fn append(&mut self, facts: Vec<(Option<CallId>, Fact)>, wall: WallTime) -> Result<(), DeskFault> {
        let first = self.journal.last_seq() + 1;
        let record = |(seq, (call, fact))| Record { seq, wall, at: Instant::ZERO, call, fact };
        let records: Vec<Record> = (first..).zip(facts).map(record).collect();
        self.journal.append_all(&records)?;
        records.iter().for_each(|r| self.books.apply(r));
        Ok(())
    }

    /// Carries out many commands with one wait for the disk. A refused one ends it; those before it stay done.
    pub(crate) fn commands(&mut self, commands: &[Command]) -> Result<(), DeskFault> {
        let wall = wall_now();
        let mut refused = Ok(());
        for command in commands {
            match self.books.decide(command, wall) {
                Ok((facts, _)) => self.append(facts, wall)?,
                Err(refusal) => {
                    refused = Err(DeskFault::Refused(refusal));
                    break;
                }
            }
        }
        self.journal.sync()?;
        refused
    }

    pub(crate) fn command(&mut self, command: &Command) -> Result<Reply, DeskFault> {
        if *command == Command::ListConsultants {
            return Ok(Reply::Consultants { consultants: self.people() });
        }
        let wall = wall_now();
        let (facts, reply) = self.books.decide(command, wall).map_err(DeskFault::Refused)?;
        self.write(facts, wall)?;
        Ok(reply)
    }

    fn people(&self) -> Vec<ConsultantRow> {
        let row = |p: &senim_switch::Person| ConsultantRow {
            id: p.id,
            login: p.login.clone(),
            name: p.name.clone(),
            languages: p.languages.clone(),
            skills: p.skills.clone(),
            doing: match (&p.on_break, p.signed_in) {
                (Some(reason), true) => Doing::Break(reason.clone()),
                (None, true) => Doing::Unreachable,
                (_, false) => Doing::SignedOut,
            },
            since_ms: 0,
            reachable: false,
        };
        let mut rows: Vec<_> = self.books.people().map(row).collect();
        rows.sort_by(|a, b| a.login.cmp(&b.login));
        rows
    }
}

impl Desk {
    /// Finds the running line, or takes the data folder.
    ///
    /// # Errors
    /// The lock's, the journal's, the socket's.
    pub fn open(plan: &Plan) -> Result<Desk, DeskFault> {
        if let Some(client) = Client::connect(&plan.data).map_err(DeskFault::Control)? {
            return Ok(Desk::Line(client));
        }
        let archive = Archive::open(&plan.data, plan.config.line.utc_offset_minutes)?;
        Ok(Desk::Books(Box::new(archive)))
    }

    /// Gives a command; what it changes is safe on disk when this returns.
    ///
    /// # Errors
    /// [`DeskFault::Refused`] with the line's own words; the disk's and the socket's.
    pub fn command(&mut self, command: &Command) -> Result<Reply, DeskFault> {
        let reply = match self {
            Desk::Books(archive) => archive.command(command)?,
            Desk::Line(client) => {
                match client.ask(&Request::Command(command.clone())).map_err(DeskFault::Control)? {
                    Response::Reply(reply) => reply,
                    Response::Answer(other) => return Err(unexpected(&other)),
                }
            }
        };
        match reply {
            Reply::Refused { refusal } => Err(DeskFault::Refused(refusal)),
            reply => Ok(reply),
        }
    }

    /// Gives many commands, in order; the first one that is refused ends it.
    ///
    /// # Errors
    /// As [`Desk::command`].
    pub fn commands(&mut self, commands: &[Command]) -> Result<(), DeskFault> {
        match self {
            Desk::Books(archive) => archive.commands(commands),
            Desk::Line(_) => commands.iter().try_for_each(|c| self.command(c).map(drop)),
        }
    }

    /// Asks what is kept.
    ///
    /// # Errors
    /// The disk's and the socket's.
    pub fn query(&mut self, query: &Query) -> Result<Answer, DeskFault> {
        let answer = match self {
            Desk::Books(archive) => control::answer(archive.views()?.0, query),
            Desk::Line(client) => {
                match client.ask(&Request::Query(query.clone())).map_err(DeskFault::Control)? {
                    Response::Answer(answer) => answer,
                    Response::Reply(other) => return Err(DeskFault::Answer(format!("{other:?}"))),
                }
            }
        };
        match answer {
            Answer::Unreadable { .. } | Answer::NotUnderstood { .. } => Err(unexpected(&answer)),
            answer => Ok(answer),
        }
    }

    /// What an operator should know about how the folder was found.
    pub fn notice(&self) -> Option<String> {
        match self {
            Desk::Books(archive) => archive.torn.as_ref().map(Torn::to_string),
            Desk::Line(_) => None,
        }
    }
}

/// The desk's fault for an answer that does not fit its question.
pub fn unexpected(answer: &Answer) -> DeskFault {
    DeskFault::Answer(match answer {
        Answer::Unreadable { why } | Answer::NotUnderstood { why } => why.clone(),
        _ => "an answer to another question".to_owned(),
    })
}

/// What the calendar says now.
pub fn wall_now() -> WallTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    WallTime::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
