//! Telephone numbers: one E.164 form whatever a trunk sends (FEATURES T2), masked wherever they are printed.

use crate::{Masked, Redacted};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A telephone number in E.164 (`+77012345678`), or as dialled: a short code (`111`, `1414`), a local number (`2000001`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(String);

/// How a national trunk writes numbers: which country, which trunk prefix, how long a subscriber number is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NumberPlan {
    /// Country code without `+`. Kazakhstan: `7`.
    pub country_code: String,
    /// What is dialled before a national number. Kazakhstan: `8`.
    pub trunk_prefix: String,
    /// What is dialled before an international number. Kazakhstan: `810`.
    pub international_prefix: String,
    /// Digits of a national number. Kazakhstan: 10.
    pub national_digits: usize,
    /// Area code put before a local number, empty to keep local numbers as they are.
    pub area_code: String,
}

impl Default for NumberPlan {
    fn default() -> Self {
        NumberPlan {
            country_code: "7".into(),
            trunk_prefix: "8".into(),
            international_prefix: "810".into(),
            national_digits: 10,
            area_code: String::new(),
        }
    }
}

impl Number {
    /// Longest number kept: 15 digits of E.164 and the plus sign.
    pub const DIGITS_MAX: usize = 15;

    /// Brings what a trunk sent into E.164. `None` when it is not a number: a name, empty, or too long.
    ///
    /// Visual separators (RFC 3966 section 5.1.1) are dropped. Codes of up to six digits stay as they are, local numbers
    /// too when the plan has no area code.
    pub fn normalise(text: &str, plan: &NumberPlan) -> Option<Number> {
        let text = text.trim();
        let (plus, rest) = match text.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut digits = String::with_capacity(rest.len());
        for c in rest.chars() {
            match c {
                '0'..='9' => digits.push(c),
                '-' | '.' | '(' | ')' | ' ' => {}
                _ => return None,
            }
        }
        if digits.is_empty() {
            return None;
        }
        let e164 = if plus {
            digits
        } else if digits.len() <= 6 {
            return Some(Number(digits));
        } else if let Some(abroad) = strip_nonempty(&digits, &plan.international_prefix)
            && digits.len() > plan.national_digits + plan.trunk_prefix.len()
        {
            abroad.to_owned()
        } else if let Some(abroad) = strip_nonempty(&digits, "00") {
            abroad.to_owned()
        } else if let Some(national) = strip_nonempty(&digits, &plan.trunk_prefix)
            && national.len() == plan.national_digits
        {
            format!("{}{national}", plan.country_code)
        } else if digits.len() == plan.national_digits {
            format!("{}{digits}", plan.country_code)
        } else if !plan.area_code.is_empty() && digits.len() + plan.area_code.len() == plan.national_digits {
            format!("{}{}{digits}", plan.country_code, plan.area_code)
        } else if digits.len() < plan.national_digits {
            // Local to a place that the trunk does not tell.
            return Some(Number(digits));
        } else {
            digits
        };
        (e164.len() <= Self::DIGITS_MAX).then(|| Number(format!("+{e164}")))
    }

    /// The number as kept: `+77012345678` or `111`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This number behind its mask.
    pub fn redacted(self) -> Redacted<Number> {
        Redacted::new(self)
    }
}

fn strip_nonempty<'a>(digits: &'a str, prefix: &str) -> Option<&'a str> {
    if prefix.is_empty() { None } else { digits.strip_prefix(prefix) }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.mask(f)
    }
}

impl Masked for Number {
    /// `+7 *** *** 45 67` for a subscriber; short codes are public and print whole.
    fn mask(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() <= 6 {
            return f.write_str(&self.0);
        }
        let tail = &self.0[self.0.len() - 4..];
        if !self.0.starts_with('+') {
            return write!(f, "*** {tail}");
        }
        write!(f, "{} *** *** {} {}", &self.0[..2], &tail[..2], &tail[2..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn e164(text: &str) -> Option<String> {
        Number::normalise(text, &NumberPlan::default()).map(|n| n.0)
    }

    /// FEATURES T2.
    #[test]
    fn every_form_a_trunk_sends_becomes_e164() {
        for form in [
            "+77012345678",
            "87012345678",
            "77012345678",
            "7012345678",
            "+7 (701) 234-56-78",
            "0077012345678",
            "81077012345678",
        ] {
            assert_eq!(e164(form).as_deref(), Some("+77012345678"), "{form}");
        }
        assert_eq!(e164("+49301234567").as_deref(), Some("+49301234567"));
        assert_eq!(e164("81049301234567").as_deref(), Some("+49301234567"));
        for short in ["1414", "111", "102", "150"] {
            assert_eq!(e164(short).as_deref(), Some(short), "short codes stay as they are");
        }
        assert_eq!(e164("200-00-01").as_deref(), Some("2000001"), "local to a place that nobody told");
        let astana = NumberPlan { area_code: "717".into(), ..NumberPlan::default() };
        let local = Number::normalise("200-00-01", &astana).unwrap();
        assert_eq!(local.as_str(), "+77172000001");
        for not in ["", "+", "anonymous", "12345678901234567", "7701234567x"] {
            assert_eq!(e164(not), None, "{not}");
        }
    }

    #[test]
    fn a_number_prints_its_mask() {
        let n = Number::normalise("+77012344567", &NumberPlan::default()).unwrap();
        assert_eq!(format!("{n:?} {}", n.clone().redacted()), "+7 *** *** 45 67 +7 *** *** 45 67");
        let local = Number::normalise("2000001", &NumberPlan::default()).unwrap();
        assert_eq!(format!("{local:?}"), "*** 0001");
    }

    proptest! {
        #[test]
        fn normalising_never_panics_and_settles(text in "\\PC{0,24}") {
            if let Some(n) = Number::normalise(&text, &NumberPlan::default()) {
                prop_assert_eq!(Number::normalise(n.as_str(), &NumberPlan::default()), Some(n.clone()));
                let _ = format!("{n:?}");
            }
        }
    }
}
