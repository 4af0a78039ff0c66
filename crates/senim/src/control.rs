//! The control socket: beside a running line the command line asks the line itself. A Unix socket in the data folder,
//! for its owner only; one JSON line asks, one JSON line answers.

use senim_appeals::AppealNumber;
use senim_base::CallId;
use senim_store::views::{AppealRow, CallRow, RecordingRow, ViewFault, Views};
use senim_switch::api::{Command, Reply};
use senim_switch::facts::Record;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The socket's name in the data folder.
pub const SOCKET: &str = "control.sock";
/// Longest request, bytes; a longer one ends the connection.
const REQUEST_BYTES_MAX: u64 = 64 << 10;
/// Longest answer that a client reads, bytes.
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// Connections at once; further ones are closed.
const CONNECTIONS_MAX: usize = 32;
/// A connection that says nothing so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// A client waits so long for an answer; draining a line may take long.
const PATIENCE: Duration = Duration::from_secs(600);
/// Rows of one answer at most.
pub const ROWS_MAX: usize = 10_000;

/// What a client asks.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Request {
    /// Do something, or say how the line does.
    Command(Command),
    /// Say what is kept.
    Query(Query),
}

/// A question about what is kept; answered from the views.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "query", rename_all = "snake_case")]
pub enum Query {
    /// Calls, newest first.
    Calls {
        /// How many.
        limit: usize,
    },
    /// One call with its facts.
    Call {
        /// Which.
        call: CallId,
    },
    /// Recordings of an appeal.
    Recordings {
        /// Which.
        number: AppealNumber,
    },
    /// One appeal with its history.
    Appeal {
        /// Which.
        number: AppealNumber,
    },
    /// Who looked for recordings, opened them or was refused, newest first.
    Openings {
        /// How many.
        limit: usize,
    },
}

/// The answer to a question.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
#[allow(missing_docs)] // the fields are the words of the variant's own sentence
pub enum Answer {
    /// Calls.
    Calls { calls: Vec<CallRow> },
    /// A call and its facts; no row: there is no such call.
    Call { row: Option<Box<CallRow>>, timeline: Vec<Record> },
    /// Recordings with their calls.
    Recordings { found: Vec<(CallRow, RecordingRow)> },
    /// An appeal; no row: there is no such appeal.
    Appeal { row: Option<Box<AppealRow>> },
    /// Openings.
    Openings { openings: Vec<Record> },
    /// The views could not be read.
    Unreadable { why: String },
    /// The request was no request.
    NotUnderstood { why: String },
}

/// What the line sends back.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Response {
    /// To a command.
    Reply(Reply),
    /// To a question.
    Answer(Answer),
}

/// Answers a question from the views.
pub fn answer(views: &Views, query: &Query) -> Answer {
    let found = || -> Result<Answer, ViewFault> {
        Ok(match query {
            Query::Calls { limit } => Answer::Calls { calls: views.calls(None, (*limit).min(ROWS_MAX))? },
            Query::Call { call } => {
                let row = views.call(*call)?.map(Box::new);
                Answer::Call { row, timeline: views.timeline(*call)? }
            }
            Query::Recordings { number } => Answer::Recordings { found: views.recordings_of(*number)? },
            Query::Appeal { number } => Answer::Appeal { row: views.appeal(*number)?.map(Box::new) },
            Query::Openings { limit } => {
                Answer::Openings { openings: views.openings((*limit).min(ROWS_MAX))? }
            }
        })
    };
    found().unwrap_or_else(|fault| Answer::Unreadable { why: fault.to_string() })
}

/// What answers requests; called on the connection's own thread, and may wait.
pub type Handler = dyn Fn(Request) -> Response + Send + Sync;

/// The listening side, in the running line.
#[derive(Debug)]
pub struct ControlServer {
    path: PathBuf,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ControlServer {
    /// Listens in the data folder, whose lock the caller holds: a socket that is there is a dead one.
    ///
    /// # Errors
    /// The operating system's.
    pub fn start(data: &Path, handler: Arc<Handler>) -> io::Result<ControlServer> {
        let path = data.join(SOCKET);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
            listen(&listener, &theirs, &handler);
        })?;
        Ok(ControlServer { path, stop, thread: Some(thread) })
    }
}

impl Drop for ControlServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the listener; if it is gone already there is nobody to wake.
        let _ = UnixStream::connect(&self.path);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

fn listen(listener: &UnixListener, stop: &AtomicBool, handler: &Arc<Handler>) {
    let open = Arc::new(AtomicUsize::new(0));
    for connection in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let Ok(connection) = connection else { continue };
        if open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS_MAX {
            open.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (handler, ours) = (handler.clone(), open.clone());
        let spawned = std::thread::Builder::new().name("control-client".into()).spawn(move || {
            // A client that went away in the middle is its own affair.
            let _ = serve(&connection, &*handler);
            ours.fetch_sub(1, Ordering::AcqRel);
        });
        if spawned.is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve(connection: &UnixStream, handler: &Handler) -> io::Result<()> {
    connection.set_read_timeout(Some(IDLE))?;
    connection.set_write_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(connection);
    let mut writer = connection;
    loop {
        let mut line = Vec::new();
        Read::by_ref(&mut reader).take(REQUEST_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let response = match serde_json::from_slice(&line) {
            Ok(request) => handler(request),
            Err(e) => Response::Answer(Answer::NotUnderstood {
                why: format!("{:?} at column {}", e.classify(), e.column()),
            }),
        };
        let mut bytes = serde_json::to_vec(&response)?;
        bytes.push(b'\n');
        writer.write_all(&bytes)?;
    }
}

/// The asking side.
#[derive(Debug)]
pub struct Client {
    connection: UnixStream,
}

impl Client {
    /// Connects to the line that runs with this data folder; `None` when none does.
    ///
    /// # Errors
    /// The operating system's, other than "nobody there".
    pub fn connect(data: &Path) -> io::Result<Option<Client>> {
        match UnixStream::connect(data.join(SOCKET)) {
            Ok(connection) => {
                connection.set_read_timeout(Some(PATIENCE))?;
                Ok(Some(Client { connection }))
            }
            Err(e) => match e.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::NotADirectory => {
                    Ok(None)
                }
                _ => Err(e),
            },
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The line went away, or answered something that this program does not understand.
    pub fn ask(&mut self, request: &Request) -> io::Result<Response> {
        let mut bytes = serde_json::to_vec(request)?;
        bytes.push(b'\n');
        self.connection.write_all(&bytes)?;
        let mut line = Vec::new();
        BufReader::new(&self.connection).take(ANSWER_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&line)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_base::RecordingId;
    use senim_switch::api::Refusal;
    use senim_switch::facts::{Author, DemandNote};

    fn echo() -> Arc<Handler> {
        Arc::new(|request| match request {
            Request::Command(Command::HangUp { call }) => {
                Response::Reply(Reply::Refused { refusal: Refusal::UnknownCall { call } })
            }
            Request::Command(_) => Response::Reply(Reply::Done),
            Request::Query(Query::Calls { limit }) => {
                Response::Answer(Answer::Unreadable { why: limit.to_string() })
            }
            Request::Query(_) => Response::Answer(Answer::Openings { openings: vec![] }),
        })
    }

    #[test]
    fn commands_and_questions_travel_and_the_socket_goes_with_the_line() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Client::connect(dir.path()).unwrap().is_none());
        let server = ControlServer::start(dir.path(), echo()).unwrap();
        let mode = fs::metadata(dir.path().join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut client = Client::connect(dir.path()).unwrap().unwrap();
        let call = CallId(7);
        let refused = client.ask(&Request::Command(Command::HangUp { call })).unwrap();
        assert_eq!(refused, Response::Reply(Reply::Refused { refusal: Refusal::UnknownCall { call } }));
        let note = Command::NoteExport {
            recording: RecordingId(u128::MAX),
            number: AppealNumber::parse("2026-000001-0").or(AppealNumber::new(2026, 1)).unwrap(),
            demand: DemandNote { number: "1".into(), date: "2026-01-01".into(), authority: "court".into() },
            by: Author::Operator("auditor".into()),
        };
        assert_eq!(client.ask(&Request::Command(note)).unwrap(), Response::Reply(Reply::Done));
        let asked = client.ask(&Request::Query(Query::Calls { limit: 3 })).unwrap();
        assert_eq!(asked, Response::Answer(Answer::Unreadable { why: "3".into() }));
        drop(client);
        drop(server);
        assert!(!dir.path().join(SOCKET).exists());
        assert!(Client::connect(dir.path()).unwrap().is_none());
    }

    #[test]
    fn a_dead_socket_is_replaced_and_nonsense_is_answered() {
        let dir = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(dir.path().join(SOCKET)).unwrap());
        assert!(Client::connect(dir.path()).unwrap().is_none());
        let _server = ControlServer::start(dir.path(), echo()).unwrap();
        let mut raw = UnixStream::connect(dir.path().join(SOCKET)).unwrap();
        raw.write_all(b"{\"command\":\"fly\"}\n").unwrap();
        let mut line = String::new();
        BufReader::new(&raw).read_line(&mut line).unwrap();
        assert!(line.contains("not_understood"), "{line}");
    }

    #[test]
    fn a_request_longer_than_the_ceiling_ends_the_connection() {
        let dir = tempfile::tempdir().unwrap();
        let _server = ControlServer::start(dir.path(), echo()).unwrap();
        let mut raw = UnixStream::connect(dir.path().join(SOCKET)).unwrap();
        // The line may hang up while we still write.
        let _ = raw.write_all(&vec![b'x'; REQUEST_BYTES_MAX as usize + 1]);
        let mut rest = Vec::new();
        assert!(matches!(raw.read_to_end(&mut rest), Ok(0) | Err(_)));
    }
}
