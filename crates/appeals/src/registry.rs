//! All appeals: numbered without a hole within a year, with their status and their calls.

use crate::{AppealNumber, Change, Status};
use core::fmt;
use senim_base::{CallId, ConsultantId, WallTime};
use std::collections::BTreeMap;

/// What is known of one appeal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appeal {
    /// Where it stands.
    pub status: Status,
    /// When that began.
    pub since: WallTime,
    /// When it was registered.
    pub registered: WallTime,
    /// Who registered it.
    pub by: Option<ConsultantId>,
    /// Its calls, in the order they were linked.
    pub calls: Vec<CallId>,
}

/// Why a change was not proposed. Nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// No appeal has this number.
    Unknown(AppealNumber),
    /// The year has used up its 999 999 numbers, or is not a year.
    Exhausted {
        /// The year.
        year: u16,
    },
    /// This status cannot follow that one.
    NotAllowed {
        /// Where it stands.
        from: Status,
        /// Where it was to go.
        to: Status,
    },
    /// The appeal has [`Registry::CALLS_MAX`] calls: it is not one appeal any more. Register another.
    TooManyCalls(AppealNumber),
    /// The call is linked to [`Registry::APPEALS_OF_CALL_MAX`] appeals already.
    TooManyAppeals(CallId),
}

/// The registry. Its methods propose changes; only [`Registry::apply`] performs them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Registry {
    appeals: BTreeMap<AppealNumber, Appeal>,
    by_call: BTreeMap<CallId, Vec<AppealNumber>>,
    last: BTreeMap<u16, u32>,
}

impl Registry {
    /// Calls of one appeal at most; a further link is refused.
    pub const CALLS_MAX: usize = 1_000;
    /// Appeals of one call at most; a further link is refused.
    pub const APPEALS_OF_CALL_MAX: usize = 20;

    /// No appeals.
    pub fn new() -> Self {
        Registry::default()
    }

    /// The number that the next appeal of a year gets: one more than the last, so none is left out.
    ///
    /// # Errors
    /// [`Refused::Exhausted`] after 999 999.
    pub fn next_number(&self, year: u16) -> Result<AppealNumber, Refused> {
        let serial = self.last.get(&year).map_or(1, |last| last.saturating_add(1));
        AppealNumber::new(year, serial).map_err(|_| Refused::Exhausted { year })
    }

    /// Proposes a new appeal.
    ///
    /// # Errors
    /// [`Refused::Exhausted`] when the year has no number left.
    pub fn register(
        &self,
        year: u16,
        by: Option<ConsultantId>,
        call: Option<CallId>,
        at: WallTime,
    ) -> Result<Change, Refused> {
        if let Some(call) = call {
            self.room_for_appeal(call)?;
        }
        Ok(Change::Registered { number: self.next_number(year)?, call, by, at })
    }

    /// Proposes that a call belongs to an appeal. Linking what is linked already is no fault and changes nothing.
    ///
    /// # Errors
    /// An unknown number, or a ceiling.
    pub fn link(
        &self,
        number: AppealNumber,
        call: CallId,
        by: Option<ConsultantId>,
        at: WallTime,
    ) -> Result<Change, Refused> {
        let appeal = self.appeals.get(&number).ok_or(Refused::Unknown(number))?;
        if !appeal.calls.contains(&call) {
            if appeal.calls.len() >= Self::CALLS_MAX {
                return Err(Refused::TooManyCalls(number));
            }
            self.room_for_appeal(call)?;
        }
        Ok(Change::Linked { number, call, by, at })
    }

    /// Proposes a status.
    ///
    /// # Errors
    /// An unknown number, or a step that [`Status::may_become`] does not allow.
    pub fn set_status(
        &self,
        number: AppealNumber,
        to: Status,
        by: Option<ConsultantId>,
        at: WallTime,
    ) -> Result<Change, Refused> {
        let from = self.status(number).ok_or(Refused::Unknown(number))?;
        if !from.may_become(to) {
            return Err(Refused::NotAllowed { from, to });
        }
        Ok(Change::StatusSet { number, status: to, by, at })
    }

    /// Performs a change. A change that was written down is believed: it is not judged again, doing it twice is
    /// doing it once, and one about an appeal that nobody registered is passed over.
    pub fn apply(&mut self, change: &Change) {
        match *change {
            Change::Registered { number, call, by, at } => {
                let last = self.last.entry(number.year()).or_insert(0);
                *last = (*last).max(number.serial());
                self.appeals.entry(number).or_insert_with(|| Appeal {
                    status: Status::Registered,
                    since: at,
                    registered: at,
                    by,
                    calls: Vec::new(),
                });
                if let Some(call) = call {
                    self.tie(number, call);
                }
            }
            Change::Linked { number, call, .. } => self.tie(number, call),
            Change::StatusSet { number, status, at, .. } => {
                if let Some(appeal) = self.appeals.get_mut(&number) {
                    appeal.status = status;
                    appeal.since = at;
                }
            }
        }
    }

    /// An appeal's status, if there is such an appeal.
    pub fn status(&self, number: AppealNumber) -> Option<Status> {
        self.appeals.get(&number).map(|a| a.status)
    }

    /// All that is known of an appeal.
    pub fn appeal(&self, number: AppealNumber) -> Option<&Appeal> {
        self.appeals.get(&number)
    }

    /// An appeal's calls, in the order they were linked.
    pub fn calls_of(&self, number: AppealNumber) -> &[CallId] {
        self.appeals.get(&number).map_or(&[], |a| &a.calls)
    }

    /// The appeals a call belongs to, in the order they were linked.
    pub fn appeals_of(&self, call: CallId) -> &[AppealNumber] {
        self.by_call.get(&call).map_or(&[], Vec::as_slice)
    }

    /// The appeal a call was first linked to.
    pub fn appeal_of(&self, call: CallId) -> Option<AppealNumber> {
        self.appeals_of(call).first().copied()
    }

    /// Every appeal, by number.
    pub fn iter(&self) -> impl Iterator<Item = (AppealNumber, &Appeal)> {
        self.appeals.iter().map(|(&n, a)| (n, a))
    }

    /// How many appeals there are.
    pub fn len(&self) -> usize {
        self.appeals.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.appeals.is_empty()
    }

    fn room_for_appeal(&self, call: CallId) -> Result<(), Refused> {
        if self.appeals_of(call).len() >= Self::APPEALS_OF_CALL_MAX {
            return Err(Refused::TooManyAppeals(call));
        }
        Ok(())
    }

    fn tie(&mut self, number: AppealNumber, call: CallId) {
        let Some(appeal) = self.appeals.get_mut(&number) else { return };
        if !appeal.calls.contains(&call) {
            appeal.calls.push(call);
            self.by_call.entry(call).or_default().push(number);
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Unknown(number) => write!(f, "no appeal has the number {number}"),
            Refused::Exhausted { year } => write!(f, "the appeal numbers of {year} are used up"),
            Refused::NotAllowed { from, to } => write!(f, "an appeal that is {from} cannot become {to}"),
            Refused::TooManyCalls(number) => {
                write!(f, "{number} has {} calls; register another appeal", Registry::CALLS_MAX)
            }
            Refused::TooManyAppeals(call) => {
                write!(f, "{call} belongs to {} appeals already", Registry::APPEALS_OF_CALL_MAX)
            }
        }
    }
}

impl core::error::Error for Refused {}
