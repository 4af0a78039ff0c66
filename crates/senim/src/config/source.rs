//! The configuration file as text: which line a key stands on, so that every complaint can say `file:line`.

use core::fmt;
use std::path::{Path, PathBuf};
use toml::de::{DeTable, DeValue};

/// One thing that is wrong with the configuration, and what to write instead.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Complaint {
    /// The file, or what stands for it: `--set`, an environment variable.
    pub file: String,
    /// Its line, from 1; absent when the complaint is about the whole.
    pub line: Option<usize>,
    /// What is wrong and what to write.
    pub what: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// A file's text with its name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Source {
    /// As the operator named it.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

impl Source {
    /// A file that was read.
    pub fn new(file: &Path, text: &str) -> Source {
        Source { file: file.to_owned(), text: text.to_owned() }
    }

    /// The file's folder: relative paths in the file begin here.
    pub fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// A complaint about the key at `path`, as in `["trunk", "0", "uri"]`: at its line, or its nearest parent's.
    pub fn complain(&self, path: &[&str], what: impl Into<String>) -> Complaint {
        Complaint { file: self.file.display().to_string(), line: self.line_of(path), what: what.into() }
    }

    /// A complaint about a place in the text, in bytes.
    pub fn complain_at(&self, byte: usize, what: impl Into<String>) -> Complaint {
        let line = Some(self.line_at(byte));
        Complaint { file: self.file.display().to_string(), line, what: what.into() }
    }

    /// The line, from 1, of the key at `path`, or of the nearest parent that is written.
    pub fn line_of(&self, path: &[&str]) -> Option<usize> {
        let table = DeTable::parse(&self.text).ok()?;
        find(table.get_ref(), path).map(|byte| self.line_at(byte))
    }

    /// Whether the file itself gives the key at `path`.
    pub fn gives(&self, path: &[&str]) -> bool {
        DeTable::parse(&self.text).is_ok_and(|t| reaches(t.get_ref(), path))
    }

    /// The line, from 1, that holds a byte of the text.
    pub fn line_at(&self, byte: usize) -> usize {
        self.text.bytes().take(byte).filter(|b| *b == b'\n').count() + 1
    }
}

/// Where the key at `path` begins, or its deepest written parent.
fn find(table: &DeTable<'_>, path: &[&str]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(k, _)| k.get_ref() == first)?;
    let here = key.span().start;
    match value.get_ref() {
        DeValue::Table(inner) => Some(find(inner, rest).unwrap_or(here)),
        DeValue::Array(array) => {
            let Some((index, rest)) = rest.split_first() else { return Some(here) };
            let element = index.parse::<usize>().ok().and_then(|i| array.get(i));
            let Some(element) = element else { return Some(here) };
            let inner = element.get_ref().as_table().and_then(|t| find(t, rest));
            Some(inner.unwrap_or(element.span().start))
        }
        _ => Some(here),
    }
}

fn reaches(table: &DeTable<'_>, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let Some((_, value)) = table.iter().find(|(k, _)| k.get_ref() == first) else { return false };
    match value.get_ref() {
        DeValue::Table(inner) => reaches(inner, rest),
        DeValue::Array(array) => {
            let Some((index, rest)) = rest.split_first() else { return true };
            let element = index.parse::<usize>().ok().and_then(|i| array.get(i));
            element
                .is_some_and(|e| rest.is_empty() || e.get_ref().as_table().is_some_and(|t| reaches(t, rest)))
        }
        _ => rest.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_on_its_line_and_else_its_parent() {
        let s = Source::new(
            Path::new("x.toml"),
            "[sip]\nudp = [\n \"a\",\n \"b\"]\n\n[[trunk]]\nname = \"a\"\n\n[[trunk]]\nname = \"b\"\n",
        );
        assert_eq!(s.line_of(&["sip", "udp"]), Some(2));
        assert_eq!(s.line_of(&["sip", "udp", "1"]), Some(4));
        assert_eq!(s.line_of(&["trunk", "1", "name"]), Some(10));
        assert_eq!(s.line_of(&["trunk", "1", "uri"]), Some(9));
        assert_eq!(s.line_of(&["media"]), None);
        assert!(s.gives(&["trunk", "1", "name"]) && !s.gives(&["trunk", "1", "uri"]));
    }
}
