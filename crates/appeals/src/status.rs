//! The life of an appeal, as its caller may hear it.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Where an appeal stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It has a number; nobody works on it yet.
    Registered,
    /// A consultant or a lawyer of the line works on it.
    InWork,
    /// It was sent on to a state body.
    Forwarded,
    /// The caller can have his answer.
    Answered,
    /// Nothing more is done about it.
    Closed,
}

impl Status {
    /// Every status, in the order of an appeal's life.
    pub const ALL: [Status; 5] =
        [Status::Registered, Status::InWork, Status::Forwarded, Status::Answered, Status::Closed];

    /// Whether an appeal may go from here to `next`. Nothing goes back to `Registered`; a closed or answered appeal
    /// is taken up again as `InWork` when its caller comes back.
    pub const fn may_become(self, next: Status) -> bool {
        use Status::{Answered, Closed, Forwarded, InWork, Registered};
        matches!(
            (self, next),
            (Registered, InWork | Forwarded | Answered | Closed)
                | (InWork, Forwarded | Answered | Closed)
                | (Forwarded, InWork | Answered | Closed)
                | (Answered, InWork | Closed)
                | (Closed, InWork)
        )
    }

    /// The word of the command line and the API: `in_work`.
    pub const fn code(self) -> &'static str {
        match self {
            Status::Registered => "registered",
            Status::InWork => "in_work",
            Status::Forwarded => "forwarded",
            Status::Answered => "answered",
            Status::Closed => "closed",
        }
    }

    /// The prompt that tells it to a caller: `status_in_work`.
    pub const fn prompt(self) -> &'static str {
        match self {
            Status::Registered => "status_registered",
            Status::InWork => "status_in_work",
            Status::Forwarded => "status_forwarded",
            Status::Answered => "status_answered",
            Status::Closed => "status_closed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::str::FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Status::ALL.into_iter().find(|s| s.code() == text).ok_or(UnknownStatus)
    }
}

/// The text names no status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownStatus;

impl fmt::Display for UnknownStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown status: write registered, in_work, forwarded, answered or closed")
    }
}

impl core::error::Error for UnknownStatus {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back_and_name_their_prompt() {
        for s in Status::ALL {
            assert_eq!(s.code().parse(), Ok(s));
            assert_eq!(s.prompt(), format!("status_{s}"));
        }
        assert_eq!("lost".parse::<Status>(), Err(UnknownStatus));
    }

    #[test]
    fn every_appeal_can_be_closed_and_none_is_registered_twice() {
        for s in Status::ALL {
            assert!(!s.may_become(Status::Registered));
            assert!(!s.may_become(s), "staying is no change");
            assert!(s == Status::Closed || s.may_become(Status::Closed));
        }
    }
}
