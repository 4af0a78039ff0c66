//! Digits of a telephone keypad, as RFC 4733 §3.2 numbers them. A digit is private (it may be part of an appeal
//! number or a password), so it never prints.

use core::fmt;
use serde::{Deserialize, Serialize};

/// One key: 0–9, `*`, `#`, A–D. Holds the RFC 4733 event code, 0 to 15.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "char", into = "char")]
pub struct Digit(u8);

const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// From an RFC 4733 event code; `None` above 15 (tones that are not keys).
    pub const fn from_code(code: u8) -> Option<Digit> {
        if code < 16 { Some(Digit(code)) } else { None }
    }

    /// From the character on the key, either case.
    pub fn from_char(key: char) -> Option<Digit> {
        let key = u8::try_from(key).ok()?.to_ascii_uppercase();
        let code = KEYS.iter().position(|k| *k == key)?;
        u8::try_from(code).ok().map(Digit)
    }

    /// The RFC 4733 event code, 0 to 15.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// The character on the key. Private: never log it.
    pub const fn as_char(self) -> char {
        KEYS[(self.0 & 15) as usize] as char
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("*")
    }
}

impl From<Digit> for char {
    fn from(digit: Digit) -> char {
        digit.as_char()
    }
}

impl TryFrom<char> for Digit {
    type Error = &'static str;
    fn try_from(key: char) -> Result<Digit, Self::Error> {
        Digit::from_char(key).ok_or("not a key of a telephone: 0-9, *, #, A-D")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes_agree_and_a_digit_never_prints() {
        for code in 0..16 {
            let digit = Digit::from_code(code).unwrap();
            assert_eq!(Digit::from_char(digit.as_char()), Some(digit));
        }
        assert_eq!(Digit::from_char('#').map(Digit::code), Some(11));
        assert_eq!(Digit::from_char('d').map(Digit::code), Some(15));
        assert_eq!(Digit::from_code(16), None);
        assert_eq!(Digit::from_char('ж'), None);
        assert_eq!(format!("{:?}", Digit::from_code(7)), "Some(*)");
    }
}
