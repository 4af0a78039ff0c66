//! What can happen to an appeal: the one way the registry changes, so that a replay of changes is the registry.

use crate::{AppealNumber, Status};
use senim_base::{CallId, ConsultantId, WallTime};
use serde::{Deserialize, Serialize};

/// One change of the registry. `by` is the consultant who did it; absent for the line itself or an operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// An appeal got its number.
    Registered {
        /// The number.
        number: AppealNumber,
        /// The call it came in with, if it came by phone.
        call: Option<CallId>,
        /// Who registered it.
        by: Option<ConsultantId>,
        /// When, by the calendar.
        at: WallTime,
    },
    /// A further call belongs to it.
    Linked {
        /// The appeal.
        number: AppealNumber,
        /// The call.
        call: CallId,
        /// Who linked them.
        by: Option<ConsultantId>,
        /// When, by the calendar.
        at: WallTime,
    },
    /// Its status changed.
    StatusSet {
        /// The appeal.
        number: AppealNumber,
        /// Where it stands now.
        status: Status,
        /// Who said so.
        by: Option<ConsultantId>,
        /// When, by the calendar.
        at: WallTime,
    },
}

impl Change {
    /// The appeal that changes.
    pub const fn number(&self) -> AppealNumber {
        match self {
            Change::Registered { number, .. }
            | Change::Linked { number, .. }
            | Change::StatusSet { number, .. } => *number,
        }
    }
}
