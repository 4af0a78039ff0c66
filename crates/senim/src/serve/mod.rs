//! The running line: every room wired to its edges, started in an order in which nothing is missed and stopped in one
//! in which nothing is lost.

pub mod clock;
mod engine;
mod inbox;
mod places;
pub mod settings;
mod start;

pub use engine::Arrival;
pub use inbox::{Entrance, Gone};
pub use start::StartFault;

use crate::config::Plan;
use crate::control::{self, ControlServer, Request, Response};
use core::time::Duration;
use engine::Edges;
use senim_sip::Transport;
use senim_store::FolderLock;
use senim_store::views::{Follower, ViewFault, Views};
use senim_switch::api::{Command, Refusal, Reply};
use senim_switch::facts::Fact;
use senim_web::Question;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

/// How long a question about what is kept waits for the views.
const VIEWS_LAG_MAX: Duration = Duration::from_secs(2);

/// A running line.
pub struct Line {
    arrivals: Entrance,
    engine: Option<JoinHandle<Edges>>,
    views: Arc<Follower>,
    journal: Arc<Path>,
    control: Option<ControlServer>,
    web: Option<senim_web::Server>,
    runtime: Option<tokio::runtime::Runtime>,
    local: Vec<(Transport, SocketAddr)>,
    grace: Duration,
    _lock: FolderLock,
}

/// Asks a running line, from any thread.
#[derive(Clone)]
pub struct Handle {
    arrivals: Entrance,
    views: Arc<Follower>,
    journal: Arc<Path>,
}

impl Handle {
    /// Gives a command and waits for its answer; what it changed is safe on disk then.
    pub fn ask(&self, command: Command) -> Reply {
        let (to, answer) = mpsc::sync_channel(1);
        let stopped = || Reply::Refused { refusal: Refusal::LineNotRunning };
        if self.arrivals.send(Arrival::Ask(command, to)).is_err() {
            return stopped();
        }
        answer.recv().unwrap_or_else(|_| stopped())
    }

    /// What is kept, as fresh as the journal.
    ///
    /// # Errors
    /// While the disk keeps the views from being made.
    pub fn views(&self) -> Result<Views, ViewFault> {
        self.views.fresh(VIEWS_LAG_MAX)
    }
}

impl Line {
    /// Starts the line.
    ///
    /// # Errors
    /// Whatever keeps it from answering, in the operator's words.
    pub fn start(plan: &Plan) -> Result<Line, StartFault> {
        start::start(plan)
    }

    /// A handle for other threads.
    pub fn handle(&self) -> Handle {
        Handle { arrivals: self.arrivals.clone(), views: self.views.clone(), journal: self.journal.clone() }
    }

    /// Where it answers SIP.
    pub fn sip(&self) -> &[(Transport, SocketAddr)] {
        &self.local
    }

    /// Where it answers HTTP.
    pub fn web(&self) -> Option<SocketAddr> {
        self.web.as_ref().map(senim_web::Server::local)
    }

    /// The line that says that it answers: `ready sip=udp:127.0.0.1:5060 web=http://127.0.0.1:8111`.
    pub fn ready(&self) -> String {
        let sip: Vec<String> = self.local.iter().map(|(t, a)| format!("{}:{a}", t.word())).collect();
        match self.web() {
            Some(web) => format!("ready sip={} web=http://{web}", sip.join(",")),
            None => format!("ready sip={}", sip.join(",")),
        }
    }

    /// Stops in good order: no new calls, live ones may end within the grace period, the rest is ended; every fact and
    /// every recording is on disk when this returns.
    pub fn stop(mut self) {
        let (to, drained) = mpsc::sync_channel(1);
        if self.arrivals.send(Arrival::Ask(Command::Drain, to)).is_ok()
            && drained.recv_timeout(self.grace).is_err()
        {
            tracing::warn!("the grace period is over: the calls that are left are ended");
            // The engine ends only below: it takes this, and says goodbye to every caller.
            let _ = self.arrivals.send(Arrival::EndAll);
            let _ = drained.recv_timeout(Duration::from_secs(2));
        }
        self.control = None;
        if let Some(web) = self.web.take() {
            web.stop();
        }
        self.close();
    }

    /// Closes the edges in the order in which sound and facts flow.
    fn close(&mut self) {
        let Some(engine) = self.engine.take() else { return };
        start::close(engine, &self.arrivals);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.control = None;
        self.close();
    }
}

/// Answers the web's questions about what is kept.
fn look(handle: &Handle, question: Question) -> Result<serde_json::Value, String> {
    let views = handle.views().map_err(|fault| fault.to_string())?;
    let value = match question {
        Question::Calls { limit } => views.calls(None, limit).map(serde_json::to_value),
        Question::Call(call) => views.call(call).and_then(|row| {
            let Some(row) = row else { return Ok(Ok(serde_json::Value::Null)) };
            let facts = views.timeline(call)?;
            Ok(Ok(serde_json::json!({ "call": row, "facts": facts })))
        }),
        Question::Recordings(number) => views.recordings_of(number).map(serde_json::to_value),
        Question::Facts { from, limit } => return facts(handle, from, limit),
    };
    value.map_err(|fault| fault.to_string())?.map_err(|fault| fault.to_string())
}

/// Facts come from the journal itself: the one place that has all of them.
fn facts(handle: &Handle, from: u64, limit: usize) -> Result<serde_json::Value, String> {
    let mut reader = senim_store::journal::Reader::open(&handle.journal, from.max(1));
    let mut facts = Vec::new();
    while facts.len() < limit {
        match reader.read().map_err(|fault| fault.to_string())? {
            Some(mut record) => {
                without_secrets(&mut record.fact);
                facts.push(record);
            }
            None => break,
        }
    }
    serde_json::to_value(facts).map_err(|fault| fault.to_string())
}

/// What proves a consultant's password does not leave the house.
fn without_secrets(fact: &mut Fact) {
    if let Fact::ConsultantAdded { secrets, .. } | Fact::ConsultantChanged { secrets, .. } = fact {
        secrets.ha1_md5.clear();
        secrets.ha1_sha256.clear();
        secrets.ha1_sha512_256.clear();
    }
}

/// Answers the control socket.
fn answer(handle: &Handle, request: Request) -> Response {
    match request {
        Request::Command(command) => Response::Reply(handle.ask(command)),
        Request::Query(query) => Response::Answer(match handle.views() {
            Ok(views) => control::answer(&views, &query),
            Err(fault) => control::Answer::Unreadable { why: fault.to_string() },
        }),
    }
}
