//! The routes: one table from which both the server and its description are made, so that neither can lie.

#![allow(clippy::result_large_err)] // an error here is the whole response

use crate::answer::{problem, reply};
use crate::door::{Door, Question};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post, put};
use senim_appeals::{AppealNumber, Status};
use senim_base::{CallId, Number, NumberPlan, Redacted};
use senim_switch::api::{CallOf, Command, Duty};
use senim_switch::facts::Author;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Rows of one answer.
const LIMIT: usize = 100;
/// Rows of one answer at most.
const LIMIT_MAX: usize = 1_000;

/// One route.
pub(crate) struct Route {
    /// `get`, `post`, `put`.
    pub(crate) method: &'static str,
    /// With `{names}`.
    pub(crate) path: &'static str,
    /// What it does.
    pub(crate) summary: &'static str,
    /// Keys of the JSON body, with their kind.
    pub(crate) body: &'static [(&'static str, &'static str)],
    /// Query parameters.
    pub(crate) query: &'static [&'static str],
    /// What answers.
    pub(crate) handler: fn() -> MethodRouter<Door>,
}

/// Every route of the API.
pub(crate) const ROUTES: &[Route] = &[
    Route {
        method: "get",
        path: "/api/v1/board",
        summary: "Who waits, who talks, what every consultant does, counts since the start",
        body: &[],
        query: &[],
        handler: || get(board),
    },
    Route {
        method: "get",
        path: "/api/v1/consultants",
        summary: "Everybody who answers",
        body: &[],
        query: &[],
        handler: || get(consultants),
    },
    Route {
        method: "put",
        path: "/api/v1/consultants/{login}/duty",
        summary: "Sign in or out, take a break, become ready",
        body: &[("duty", "\"sign_in\", \"sign_out\", \"ready\" or {\"break\": reason}")],
        query: &[],
        handler: || put(duty),
    },
    Route {
        method: "post",
        path: "/api/v1/consultants/{login}/forward",
        summary: "Send the caller in talk to the Unified Contact Centre",
        body: &[],
        query: &[],
        handler: || post(forward),
    },
    Route {
        method: "get",
        path: "/api/v1/calls",
        summary: "Calls, newest first",
        body: &[],
        query: &["limit"],
        handler: || get(calls),
    },
    Route {
        method: "get",
        path: "/api/v1/calls/{call}",
        summary: "One call and its facts in order",
        body: &[],
        query: &[],
        handler: || get(call),
    },
    Route {
        method: "post",
        path: "/api/v1/appeals",
        summary: "Register a new appeal for a call",
        body: &[
            ("call", "17, or instead"),
            ("consultant", "login: the talk he is in, or his last one"),
            ("by", "who"),
        ],
        query: &[],
        handler: || post(register),
    },
    Route {
        method: "get",
        path: "/api/v1/appeals/{number}",
        summary: "An appeal's status and its calls",
        body: &[],
        query: &[],
        handler: || get(appeal),
    },
    Route {
        method: "post",
        path: "/api/v1/appeals/{number}/calls",
        summary: "Link a call to an appeal",
        body: &[("call", "17, or instead"), ("consultant", "login"), ("by", "who")],
        query: &[],
        handler: || post(link),
    },
    Route {
        method: "put",
        path: "/api/v1/appeals/{number}/status",
        summary: "Move an appeal to another status",
        body: &[("status", "registered, in_work, forwarded, answered, closed"), ("by", "who")],
        query: &[],
        handler: || put(status),
    },
    Route {
        method: "get",
        path: "/api/v1/appeals/{number}/recordings",
        summary: "Recordings of an appeal's calls; the search is noted",
        body: &[],
        query: &["by"],
        handler: || get(recordings),
    },
    Route {
        method: "get",
        path: "/api/v1/blocks",
        summary: "Who is blocked, until when, why, by whom",
        body: &[],
        query: &[],
        handler: || get(blocks),
    },
    Route {
        method: "post",
        path: "/api/v1/blocks",
        summary: "Answer a number's calls with a notice for a time; the urgent key still leads to a human",
        body: &[("number", "+77012345678"), ("for_s", "60 to 158112000"), ("reason", "why"), ("by", "who")],
        query: &[],
        handler: || post(block),
    },
    Route {
        method: "post",
        path: "/api/v1/blocks/lift",
        summary: "Answer a number's calls as all others again",
        body: &[("number", "+77012345678"), ("by", "who")],
        query: &[],
        handler: || post(lift_block),
    },
    Route {
        method: "get",
        path: "/api/v1/facts",
        summary: "Facts from a sequence number on: the event stream",
        body: &[],
        query: &["from", "limit"],
        handler: || get(facts),
    },
];

/// Gives a command on a thread that may wait.
pub(crate) async fn ask(door: &Door, command: Command) -> Response {
    let ask = door.ask.clone();
    match tokio::task::spawn_blocking(move || ask(command)).await {
        Ok(r) => reply(r),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the line did not answer"),
    }
}

async fn look(door: &Door, question: Question) -> Response {
    let look = door.look.clone();
    match tokio::task::spawn_blocking(move || look(question)).await {
        Ok(Ok(serde_json::Value::Null)) => problem(StatusCode::NOT_FOUND, "there is no such thing"),
        Ok(Ok(value)) => axum::Json(value).into_response(),
        Ok(Err(why)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &why),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the views did not answer"),
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Response> {
    serde_json::from_slice(body).map_err(|e| problem(StatusCode::UNPROCESSABLE_ENTITY, &e.to_string()))
}

fn number(text: &str) -> Result<AppealNumber, Response> {
    text.parse().map_err(|e| problem(StatusCode::UNPROCESSABLE_ENTITY, &format!("{e}")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    from: Option<u64>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DutyBody {
    duty: Duty,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody {
    call: Option<CallId>,
    consultant: Option<String>,
    by: String,
}

impl CallBody {
    fn of(self) -> Result<(CallOf, Author), Response> {
        let call = match (self.call, self.consultant) {
            (Some(call), None) => CallOf::Call(call),
            (None, Some(login)) => CallOf::Consultant(login),
            _ => {
                return Err(problem(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "write either \"call\" or \"consultant\"",
                ));
            }
        };
        Ok((call, Author::Operator(self.by)))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StatusBody {
    status: Status,
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockBody {
    number: Redacted<String>,
    for_s: u64,
    reason: Redacted<String>,
    by: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LiftBody {
    number: Redacted<String>,
    by: String,
}

/// A number as it is kept. No trunk's way of writing it is known here: it is E.164.
fn telephone(text: &Redacted<String>) -> Result<Redacted<Number>, Response> {
    let whole = text.reveal().trim().starts_with('+').then_some(text.reveal());
    let number = whole.and_then(|text| Number::normalise(text, &NumberPlan::default()));
    number
        .map(Number::redacted)
        .ok_or_else(|| problem(StatusCode::UNPROCESSABLE_ENTITY, "write a number as in +77012345678"))
}

async fn board(State(door): State<Door>) -> Response {
    ask(&door, Command::Board).await
}

async fn consultants(State(door): State<Door>) -> Response {
    ask(&door, Command::ListConsultants).await
}

async fn duty(State(door): State<Door>, Path(login): Path<String>, body: Bytes) -> Response {
    match read::<DutyBody>(&body) {
        Ok(body) => ask(&door, Command::Duty { login, duty: body.duty }).await,
        Err(response) => response,
    }
}

async fn forward(State(door): State<Door>, Path(login): Path<String>) -> Response {
    ask(&door, Command::Forward { login }).await
}

async fn calls(State(door): State<Door>, Query(q): Query<Limit>) -> Response {
    look(&door, Question::Calls { limit: q.limit.unwrap_or(LIMIT).min(LIMIT_MAX) }).await
}

async fn call(State(door): State<Door>, Path(call): Path<String>) -> Response {
    match call.parse() {
        Ok(call) => look(&door, Question::Call(call)).await,
        Err(_) => problem(StatusCode::UNPROCESSABLE_ENTITY, "write a call as call-17 or 17"),
    }
}

async fn register(State(door): State<Door>, body: Bytes) -> Response {
    match read::<CallBody>(&body).and_then(CallBody::of) {
        Ok((call, by)) => ask(&door, Command::RegisterAppeal { call, by }).await,
        Err(response) => response,
    }
}

async fn appeal(State(door): State<Door>, Path(text): Path<String>) -> Response {
    match number(&text) {
        Ok(number) => ask(&door, Command::Appeal { number }).await,
        Err(response) => response,
    }
}

async fn link(State(door): State<Door>, Path(text): Path<String>, body: Bytes) -> Response {
    match number(&text).and_then(|n| Ok((n, read::<CallBody>(&body)?.of()?))) {
        Ok((number, (call, by))) => ask(&door, Command::LinkAppeal { number, call, by }).await,
        Err(response) => response,
    }
}

async fn status(State(door): State<Door>, Path(text): Path<String>, body: Bytes) -> Response {
    match number(&text).and_then(|n| Ok((n, read::<StatusBody>(&body)?))) {
        Ok((number, body)) => {
            let by = Author::Operator(body.by);
            ask(&door, Command::SetStatus { number, status: body.status, by }).await
        }
        Err(response) => response,
    }
}

/// The search is a fact before its answer leaves; if the fact cannot be written, the answer is no.
async fn recordings(State(door): State<Door>, Path(text): Path<String>, Query(q): Query<By>) -> Response {
    let number = match number(&text) {
        Ok(number) => number,
        Err(response) => return response,
    };
    let (finder, asker) = (door.look.clone(), door.ask.clone());
    let work = move || -> Result<_, String> {
        let value = finder(Question::Recordings(number))?;
        let found = value.as_array().map_or(0, |a| u32::try_from(a.len()).unwrap_or(u32::MAX));
        let noted = asker(Command::NoteSearch { number, by: Author::Operator(q.by), found });
        Ok((value, noted))
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(Ok((value, senim_switch::api::Reply::Done))) => axum::Json(value).into_response(),
        Ok(Ok((_, refused))) => reply(refused),
        Ok(Err(why)) => problem(StatusCode::INTERNAL_SERVER_ERROR, &why),
        Err(_) => problem(StatusCode::INTERNAL_SERVER_ERROR, "the line did not answer"),
    }
}

async fn blocks(State(door): State<Door>) -> Response {
    ask(&door, Command::ListBlocks).await
}

async fn block(State(door): State<Door>, body: Bytes) -> Response {
    match read::<BlockBody>(&body).and_then(|b| Ok((telephone(&b.number)?, b))) {
        Ok((number, body)) => {
            let by = Author::Operator(body.by);
            ask(&door, Command::Block { number, for_s: body.for_s, reason: body.reason, by }).await
        }
        Err(response) => response,
    }
}

async fn lift_block(State(door): State<Door>, body: Bytes) -> Response {
    match read::<LiftBody>(&body).and_then(|b| Ok((telephone(&b.number)?, b.by))) {
        Ok((number, by)) => ask(&door, Command::LiftBlock { number, by: Author::Operator(by) }).await,
        Err(response) => response,
    }
}

async fn facts(State(door): State<Door>, Query(q): Query<From>) -> Response {
    let limit = q.limit.unwrap_or(LIMIT).min(LIMIT_MAX);
    look(&door, Question::Facts { from: q.from.unwrap_or(1), limit }).await
}
