//! A fault in a script, told to the person who wrote it.

use core::fmt;
use core::ops::Range;

/// One fault of a script: where it is, what is wrong, what to write instead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Defect {
    /// The file as it was named to the reader.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub what: String,
    /// What to write instead.
    pub write_instead: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.what, self.write_instead)
    }
}

impl core::error::Error for Defect {}

/// Gathers the defects of one text.
pub(crate) struct Defects<'t> {
    file: &'t str,
    text: &'t str,
    found: Vec<Defect>,
}

impl<'t> Defects<'t> {
    /// Defects told of one text at most: after so many, the first ones say enough.
    pub(crate) const MAX: usize = 200;

    pub(crate) fn new(file: &'t str, text: &'t str) -> Self {
        Defects { file, text, found: Vec::new() }
    }

    /// Notes a defect at a place of the text, given in bytes.
    pub(crate) fn add(
        &mut self,
        span: Range<usize>,
        what: impl Into<String>,
        write_instead: impl Into<String>,
    ) {
        if self.found.len() >= Self::MAX {
            return;
        }
        let (line, column) = place(self.text, span.start);
        let (what, write_instead) = (what.into(), write_instead.into());
        self.found.push(Defect { file: self.file.to_owned(), line, column, what, write_instead });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The defects in the order of the text, none twice.
    pub(crate) fn sorted(mut self) -> Vec<Defect> {
        self.found.sort();
        self.found.dedup();
        self.found
    }
}

/// Line and column, from 1, of a byte of the text.
fn place(text: &str, byte: usize) -> (u32, u32) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// “did you mean `x`?” when a known word is near, otherwise the list of what may stand there.
pub(crate) fn suggest<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    let near = known
        .clone()
        .into_iter()
        .map(|k| (strsim::osa_distance(written, k), k))
        .min_by_key(|(distance, k)| (*distance, *k))
        .filter(|(distance, k)| *distance <= k.chars().count().div_ceil(3));
    match near {
        Some((_, k)) => format!("did you mean `{k}`?"),
        None => {
            let mut all: Vec<String> =
                known.into_iter().take(LISTED_MAX + 1).map(|k| format!("`{k}`")).collect();
            if all.len() > LISTED_MAX {
                all.truncate(LISTED_MAX);
                all.push("…".to_owned());
            }
            if all.is_empty() {
                "there is none yet".to_owned()
            } else {
                format!("write one of {}", all.join(", "))
            }
        }
    }
}

/// Known words listed in a suggestion at most.
const LISTED_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let text = "a\nқазақ x\n";
        assert_eq!(place(text, 0), (1, 1));
        assert_eq!(place(text, text.find('x').unwrap()), (2, 7));
        assert_eq!(place(text, 999), (3, 1));
        assert_eq!(place(text, 3), (3, 1), "a byte within a letter does not panic");
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_gets_the_list() {
        assert_eq!(suggest("topicz", ["topics", "human"]), "did you mean `topics`?");
        assert_eq!(suggest("zzz", ["topics", "human"]), "write one of `topics`, `human`");
        assert_eq!(suggest("zzz", []), "there is none yet");
    }

    #[test]
    fn defects_have_a_ceiling() {
        let mut d = Defects::new("f", "");
        for i in 0..=Defects::MAX {
            d.add(0..0, format!("{i:04}"), "");
        }
        assert_eq!(d.sorted().len(), Defects::MAX);
    }
}
