//! Who may open a recording: nobody without a written demand. The demand names its appeal, and only recordings of
//! that appeal's calls are handed out (FEATURES R9, R10 begun). Code that opens a recording takes a [`Permit`], and
//! a permit cannot be made anywhere but here.

use core::fmt;
use senim_base::{RecordingId, WallTime};

/// Letters of a demand's number or authority, at most.
pub const TEXT_MAX: usize = 200;
/// A demand dated so far ahead is one of tomorrow: time zones and wrong clocks are forgiven, wrong years are not.
const AHEAD_MAX_MS: i64 = 24 * 3_600_000;

/// A letter that demands recordings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Demand {
    number: String,
    date: WallTime,
    authority: String,
}

/// Why nothing is handed out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The letter's number is missing.
    NoNumber,
    /// The letter's date is missing.
    NoDate,
    /// It is not said who demands.
    NoAuthority,
    /// The number or the authority is longer than [`TEXT_MAX`] letters.
    TooLong,
    /// The letter is dated in the future.
    NotYetWritten,
    /// The recording is of no call of the appeal that the letter is about.
    NotOfThisAppeal(RecordingId),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NoNumber => f.write_str("a written demand is needed: its number is missing"),
            Refused::NoDate => f.write_str("a written demand is needed: its date is missing"),
            Refused::NoAuthority => f.write_str("a written demand is needed: it is not said who demands"),
            Refused::TooLong => write!(f, "a demand's number and authority have at most {TEXT_MAX} letters"),
            Refused::NotYetWritten => f.write_str("the demand is dated in the future; check the date"),
            Refused::NotOfThisAppeal(recording) => {
                write!(f, "recording {recording} is of no call of this appeal")
            }
        }
    }
}

impl core::error::Error for Refused {}

impl Demand {
    /// A demand as somebody keyed it in. Each missing part is named.
    pub fn new(number: &str, date: Option<WallTime>, authority: &str) -> Result<Demand, Refused> {
        let (number, authority) = (number.trim(), authority.trim());
        if number.is_empty() {
            return Err(Refused::NoNumber);
        }
        let date = date.ok_or(Refused::NoDate)?;
        if authority.is_empty() {
            return Err(Refused::NoAuthority);
        }
        if [number, authority].iter().any(|t| t.chars().count() > TEXT_MAX) {
            return Err(Refused::TooLong);
        }
        Ok(Demand { number: number.to_owned(), date, authority: authority.to_owned() })
    }

    /// The letter's number.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// The letter's date.
    pub fn date(&self) -> WallTime {
        self.date
    }

    /// Who demands.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

/// The right to open one recording once, under one demand.
#[derive(Debug)]
#[must_use = "a permit that is not used should not have been given"]
pub struct Permit {
    recording: RecordingId,
    demand: Demand,
}

impl Permit {
    /// What may be opened.
    pub fn recording(&self) -> RecordingId {
        self.recording
    }

    /// Under which letter.
    pub fn demand(&self) -> &Demand {
        &self.demand
    }
}

/// Decides whether `recording` may leave the house. `of_appeal` are the recordings of the calls of the appeal that
/// the letter is about; `now` is what the calendar says.
pub fn may_export(
    demand: &Demand,
    recording: RecordingId,
    of_appeal: &[RecordingId],
    now: WallTime,
) -> Result<Permit, Refused> {
    if demand.date.unix_millis() > now.unix_millis().saturating_add(AHEAD_MAX_MS) {
        return Err(Refused::NotYetWritten);
    }
    if !of_appeal.contains(&recording) {
        return Err(Refused::NotOfThisAppeal(recording));
    }
    Ok(Permit { recording, demand: demand.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallTime = WallTime::from_unix_millis(1_795_480_574_000);

    fn demand() -> Demand {
        Demand::new("12-3/456", Some(NOW), "District court No 2").unwrap()
    }

    /// FEATURES R10 (begun).
    #[test]
    fn nothing_is_handed_out_without_a_whole_demand() {
        let new = Demand::new;
        assert_eq!(new(" ", Some(NOW), "court"), Err(Refused::NoNumber));
        assert_eq!(new("1", None, "court"), Err(Refused::NoDate));
        assert_eq!(new("1", Some(NOW), ""), Err(Refused::NoAuthority));
        assert!(new(&"1".repeat(TEXT_MAX), Some(NOW), "court").is_ok());
        assert_eq!(new(&"1".repeat(TEXT_MAX + 1), Some(NOW), "court"), Err(Refused::TooLong));
    }

    /// FEATURES R9.
    #[test]
    fn only_recordings_of_the_appeal_are_handed_out() {
        let of_appeal = [RecordingId(1), RecordingId(2)];
        let permit = may_export(&demand(), RecordingId(2), &of_appeal, NOW).unwrap();
        assert_eq!((permit.recording(), permit.demand().number()), (RecordingId(2), "12-3/456"));
        let refused = may_export(&demand(), RecordingId(3), &of_appeal, NOW).unwrap_err();
        assert_eq!(refused, Refused::NotOfThisAppeal(RecordingId(3)));
        assert!(refused.to_string().contains("no call of this appeal"));
    }

    #[test]
    fn a_letter_of_tomorrow_is_forgiven_and_one_of_next_week_is_not() {
        let ahead = |ms| {
            let date = WallTime::from_unix_millis(NOW.unix_millis() + ms);
            let demand = Demand::new("1", Some(date), "court").unwrap();
            may_export(&demand, RecordingId(1), &[RecordingId(1)], NOW)
        };
        assert!(ahead(AHEAD_MAX_MS).is_ok());
        assert_eq!(ahead(AHEAD_MAX_MS + 1).unwrap_err(), Refused::NotYetWritten);
    }
}
