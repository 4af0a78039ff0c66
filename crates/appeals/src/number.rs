//! The number of an appeal: the year, a serial number within it, and a check digit, so that a number misheard on
//! the phone or mistyped on a keypad is told from somebody else's appeal.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A number such as `2026-000123-8`, keyed on a phone as the same 11 digits.
///
/// The check digit is Damm's (H. M. Damm, “Total anti-symmetrische Quasigruppen”, 2004): it finds every single
/// wrong digit and every transposition of neighbours, and unlike ISO 7064 MOD 11-2 it never needs an `X`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppealNumber {
    year: u16,
    serial: u32,
}

/// Why a text is not an appeal number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NumberFault {
    /// Something that is neither a digit nor a separator.
    NotADigit,
    /// Not 11 digits; this many were found.
    WrongLength(usize),
    /// The check digit does not fit: a digit is wrong, or two are exchanged.
    CheckDigit,
    /// The year is before 2000.
    Year(u16),
    /// Serial numbers are 1 to 999 999.
    Serial(u32),
}

/// The quasigroup of the check digit. Row: what was reached so far; column: the next digit.
#[rustfmt::skip]
const DAMM: [[u8; 10]; 10] = [
    [0, 3, 1, 7, 5, 9, 8, 6, 4, 2],
    [7, 0, 9, 2, 1, 5, 4, 8, 6, 3],
    [4, 2, 0, 6, 8, 7, 1, 3, 5, 9],
    [1, 7, 5, 0, 9, 8, 3, 4, 2, 6],
    [6, 1, 2, 3, 0, 4, 5, 9, 7, 8],
    [3, 6, 7, 4, 2, 0, 9, 5, 8, 1],
    [5, 8, 6, 9, 7, 2, 0, 1, 3, 4],
    [8, 9, 4, 5, 3, 6, 2, 0, 1, 7],
    [9, 4, 3, 8, 6, 1, 7, 2, 0, 5],
    [2, 5, 8, 1, 4, 3, 6, 7, 9, 0],
];

impl AppealNumber {
    /// Digits of a keyed number.
    pub const DIGITS: usize = 11;
    /// The last serial number of a year; after it registering fails, and nothing is numbered twice.
    pub const SERIAL_MAX: u32 = 999_999;
    /// The first year that can be told from a mistyped number.
    pub const YEAR_MIN: u16 = 2000;

    /// The `serial`-th appeal of a year.
    ///
    /// # Errors
    /// [`NumberFault::Year`] outside 2000 to 9999, [`NumberFault::Serial`] outside 1 to 999 999.
    pub const fn new(year: u16, serial: u32) -> Result<Self, NumberFault> {
        if year < Self::YEAR_MIN || year > 9999 {
            Err(NumberFault::Year(year))
        } else if serial == 0 || serial > Self::SERIAL_MAX {
            Err(NumberFault::Serial(serial))
        } else {
            Ok(AppealNumber { year, serial })
        }
    }

    /// The year.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The place within the year, from 1.
    pub const fn serial(self) -> u32 {
        self.serial
    }

    /// The check digit, 0 to 9.
    pub fn check_digit(self) -> u8 {
        damm(format!("{:04}{:06}", self.year, self.serial).bytes().map(|b| b.wrapping_sub(b'0')))
    }

    /// As keyed on a phone: 11 digits.
    pub fn keyed(self) -> String {
        format!("{:04}{:06}{}", self.year, self.serial, self.check_digit())
    }

    /// Reads the printed or the keyed form. Spaces, hyphens and dashes are passed over wherever they stand.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, NumberFault> {
        let (mut digits, mut count) = ([0u8; Self::DIGITS], 0usize);
        for c in text.chars() {
            match c.to_digit(10) {
                Some(d) => {
                    if let Some(place) = digits.get_mut(count) {
                        *place = d as u8;
                    }
                    count += 1;
                }
                None if matches!(c, ' ' | '-' | '\u{2010}'..='\u{2015}') => {}
                None => return Err(NumberFault::NotADigit),
            }
        }
        if count != Self::DIGITS {
            return Err(NumberFault::WrongLength(count));
        }
        if damm(digits.iter().copied()) != 0 {
            return Err(NumberFault::CheckDigit);
        }
        let value = |part: &[u8]| part.iter().fold(0u32, |n, &d| n * 10 + u32::from(d));
        let (year, rest) = digits.split_at(4);
        let serial = rest.split_last().map_or(0, |(_, serial)| value(serial));
        AppealNumber::new(u16::try_from(value(year)).unwrap_or(u16::MAX), serial)
    }
}

/// What the digits lead to; 0 exactly when the last of them is the check digit of the others.
fn damm(digits: impl Iterator<Item = u8>) -> u8 {
    digits.fold(0, |reached, digit| {
        DAMM.get(usize::from(reached)).and_then(|row| row.get(usize::from(digit))).copied().unwrap_or(reached)
    })
}

impl fmt::Display for AppealNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:06}-{}", self.year, self.serial, self.check_digit())
    }
}

impl fmt::Debug for AppealNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl core::str::FromStr for AppealNumber {
    type Err = NumberFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        AppealNumber::parse(text)
    }
}

impl Serialize for AppealNumber {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AppealNumber {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        AppealNumber::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for NumberFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NumberFault::NotADigit => f.write_str("an appeal number is made of digits, as in 2026-000123-8"),
            NumberFault::WrongLength(n) => write!(f, "an appeal number has 11 digits, this has {n}"),
            NumberFault::CheckDigit => {
                f.write_str("the check digit does not fit: a digit is wrong, or two are exchanged")
            }
            NumberFault::Year(y) => write!(f, "no appeal was numbered in the year {y}"),
            NumberFault::Serial(s) => write!(f, "serial numbers are 1 to 999999, this is {s}"),
        }
    }
}

impl core::error::Error for NumberFault {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_check_digit_is_damms() {
        // The example of the article: 572 gets 4.
        assert_eq!(damm([5, 7, 2].into_iter()), 4);
        assert_eq!(damm([5, 7, 2, 4].into_iter()), 0);
    }

    #[test]
    fn printed_and_keyed_forms_read_back() {
        let n = AppealNumber::new(2026, 123).unwrap();
        assert_eq!(n.to_string(), "2026-000123-8");
        assert_eq!(n.keyed(), "20260001238");
        for text in ["2026-000123-8", "20260001238", " 2026 000123 8", "2026–000123–8"] {
            assert_eq!(text.parse(), Ok(n), "{text}");
        }
        assert_eq!(serde_json::from_str::<AppealNumber>("\"2026-000123-8\"").unwrap(), n);
    }

    #[test]
    fn each_fault_has_its_name() {
        let fault = |text: &str| AppealNumber::parse(text).unwrap_err();
        assert_eq!(fault(""), NumberFault::WrongLength(0));
        assert_eq!(fault("2026-000123"), NumberFault::WrongLength(10));
        assert_eq!(fault("202600012385"), NumberFault::WrongLength(12));
        assert_eq!(fault("2026-000123-5"), NumberFault::CheckDigit);
        assert_eq!(fault("2026/000123/8"), NumberFault::NotADigit);
        assert_eq!(fault("00000000000"), NumberFault::Year(0));
        assert_eq!(AppealNumber::new(2026, 0), Err(NumberFault::Serial(0)));
        assert_eq!(AppealNumber::new(2026, 1_000_000), Err(NumberFault::Serial(1_000_000)));
        assert!(AppealNumber::new(2026, 999_999).is_ok());
        assert_eq!(AppealNumber::new(10_000, 1), Err(NumberFault::Year(10_000)));
    }

    /// FEATURES A1: the table itself, whatever the number: no wrong digit and no exchange leads to the same place.
    #[test]
    fn the_table_finds_every_wrong_digit_and_every_exchange() {
        for row in &DAMM {
            let mut seen: Vec<u8> = row.to_vec();
            seen.sort_unstable();
            assert_eq!(seen, (0..10).collect::<Vec<u8>>(), "a wrong digit would pass");
        }
        for reached in 0..10u8 {
            for (a, b) in (0..10u8).flat_map(|a| (0..10u8).map(move |b| (a, b))).filter(|(a, b)| a != b) {
                let step = |from: u8, d: u8| DAMM[usize::from(from)][usize::from(d)];
                assert_ne!(
                    step(step(reached, a), b),
                    step(step(reached, b), a),
                    "{a}{b} exchanged would pass"
                );
            }
        }
    }

    fn numbers() -> impl Strategy<Value = AppealNumber> {
        (2000u16..=9999, 1u32..=999_999).prop_map(|(y, s)| AppealNumber::new(y, s).unwrap())
    }

    proptest! {
        #[test]
        fn numbers_round_trip(n in numbers()) {
            prop_assert_eq!(AppealNumber::parse(&n.to_string()), Ok(n));
            prop_assert_eq!(AppealNumber::parse(&n.keyed()), Ok(n));
        }

        /// FEATURES A1.
        #[test]
        fn every_single_error_and_every_transposition_is_found(n in numbers()) {
            let keyed = n.keyed().into_bytes();
            for at in 0..keyed.len() {
                for digit in b'0'..=b'9' {
                    let mut wrong = keyed.clone();
                    wrong[at] = digit;
                    if wrong != keyed {
                        prop_assert_eq!(AppealNumber::parse(core::str::from_utf8(&wrong).unwrap()), Err(NumberFault::CheckDigit));
                    }
                }
                let mut wrong = keyed.clone();
                if at + 1 < wrong.len() && wrong[at] != wrong[at + 1] {
                    wrong.swap(at, at + 1);
                    prop_assert_eq!(AppealNumber::parse(core::str::from_utf8(&wrong).unwrap()), Err(NumberFault::CheckDigit));
                }
            }
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,40}") {
            if let Ok(n) = AppealNumber::parse(&text) {
                prop_assert_eq!(AppealNumber::parse(&n.to_string()), Ok(n));
            }
        }
    }
}
