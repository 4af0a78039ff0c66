//! The two languages of the line.

use core::fmt;
use serde::{Deserialize, Serialize};

/// The caller's language: an attribute of the call, visible wherever the call is (FEATURES L1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub enum Language {
    /// Қазақ тілі.
    #[serde(rename = "kk")]
    Kazakh,
    /// Русский язык.
    #[serde(rename = "ru")]
    Russian,
}

impl Language {
    /// Every language, in the order of the menu.
    pub const ALL: [Language; 2] = [Language::Kazakh, Language::Russian];

    /// ISO 639-1: `kk` or `ru`.
    pub const fn code(self) -> &'static str {
        match self {
            Language::Kazakh => "kk",
            Language::Russian => "ru",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::str::FromStr for Language {
    type Err = UnknownLanguage;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Language::ALL.into_iter().find(|l| l.code() == text).ok_or(UnknownLanguage)
    }
}

/// The text names no language of the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnknownLanguage;

impl fmt::Display for UnknownLanguage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown language: write \"kk\" or \"ru\"")
    }
}

impl core::error::Error for UnknownLanguage {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_read_back() {
        for l in Language::ALL {
            assert_eq!(l.code().parse(), Ok(l));
        }
        assert_eq!("en".parse::<Language>(), Err(UnknownLanguage));
    }
}
