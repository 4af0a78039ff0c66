//! Privacy by type: a value that cannot reach a log by accident.

use core::fmt;
use serde::{Deserialize, Serialize};

/// How a private value looks to somebody who may not see it.
pub trait Masked {
    /// Writes the masked form, e.g. `+7 *** *** 45 67`.
    fn mask(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result;
}

/// A private value. `Debug` and `Display` print its mask; only [`Redacted::reveal`] gives it out, and a reader of
/// the code can find every such place. Serialising keeps the value: the journal is the truth.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redacted<T>(T);

impl<T> Redacted<T> {
    /// Puts a value behind the mask.
    pub const fn new(value: T) -> Self {
        Redacted(value)
    }

    /// The value itself. Never pass it to a log or a metric label.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_revealed(self) -> T {
        self.0
    }
}

impl<T: Masked> fmt::Debug for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.mask(f)
    }
}

impl<T: Masked> fmt::Display for Redacted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.mask(f)
    }
}

impl Masked for String {
    fn mask(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Masked for Vec<u8> {
    fn mask(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Masked for char {
    fn mask(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("*")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_text_never_prints() {
        let name = Redacted::new(String::from("Айгүл"));
        assert_eq!(format!("{name} {name:?}"), "*** ***");
        assert_eq!(name.reveal(), "Айгүл");
    }
}
