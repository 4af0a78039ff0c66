//! Answers: JSON with a status that fits; errors say what to do (RFC 9457 problem details, without a type).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use senim_switch::api::{Refusal, Reply};
use serde_json::json;

/// An error as JSON.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let body = json!({ "status": status.as_u16(), "title": status.canonical_reason(), "detail": detail });
    (status, Json(body)).into_response()
}

/// A reply of the switch.
pub(crate) fn reply(reply: Reply) -> Response {
    match reply {
        Reply::Refused { refusal } => problem(status_of(&refusal), &refusal.to_string()),
        Reply::Done => StatusCode::NO_CONTENT.into_response(),
        Reply::Registered { .. } | Reply::ConsultantAdded { .. } => {
            (StatusCode::CREATED, Json(reply)).into_response()
        }
        Reply::Board { board } => Json(*board).into_response(),
        Reply::Consultants { consultants } => Json(consultants).into_response(),
        Reply::Appeal { .. } | Reply::Traces { .. } | Reply::Trace { .. } => Json(reply).into_response(),
        Reply::Blocks { blocks } => Json(blocks).into_response(),
    }
}

fn status_of(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::UnknownConsultant { .. }
        | Refusal::UnknownCall { .. }
        | Refusal::UnknownAppeal { .. }
        | Refusal::NoTrace { .. }
        | Refusal::NotBlocked => StatusCode::NOT_FOUND,
        Refusal::BadLogin { .. }
        | Refusal::NoLanguage
        | Refusal::BadBlockTime { .. }
        | Refusal::BadBlockReason => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::StatusNotAllowed { .. }
        | Refusal::NotNow { .. }
        | Refusal::NoCall { .. }
        | Refusal::NotTraced { .. } => StatusCode::CONFLICT,
        Refusal::NumbersExhausted { .. }
        | Refusal::BlocksFull
        | Refusal::LineNotRunning
        | Refusal::NoForwardTrunk
        | Refusal::NotOnDisk
        | Refusal::Draining => StatusCode::SERVICE_UNAVAILABLE,
    }
}
