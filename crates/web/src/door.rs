//! What the interface may reach of the line: one way to ask for something to be done, one to look at what is kept.

use senim_appeals::AppealNumber;
use senim_base::{CallId, Redacted};
use senim_switch::api::{Command, Reply};
use std::sync::Arc;

/// Gives a command and waits for its answer.
pub type Ask = dyn Fn(Command) -> Reply + Send + Sync;
/// Looks something up; the error is a disk's, in words for the operator.
pub type Look = dyn Fn(Question) -> Result<serde_json::Value, String> + Send + Sync;

/// A question about what is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Question {
    /// Calls, newest first.
    Calls {
        /// How many.
        limit: usize,
    },
    /// One call and its facts; `null` when there is none.
    Call(CallId),
    /// The recordings of an appeal.
    Recordings(AppealNumber),
    /// Facts from a sequence number on, in order.
    Facts {
        /// The first.
        from: u64,
        /// How many.
        limit: usize,
    },
}

/// The door to the line.
#[derive(Clone)]
pub struct Door {
    /// Commands.
    pub ask: Arc<Ask>,
    /// Questions.
    pub look: Arc<Look>,
    /// The bearer token of the API; without one the API answers nobody.
    pub token: Option<Redacted<String>>,
}
