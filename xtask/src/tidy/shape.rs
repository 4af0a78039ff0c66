//! The shape of files: how they open, how long they are, and what may stand in none of them.

use super::Sin;
use super::source::{Views, line_of};

/// Longest source file, in lines.
const LINES_MAX: usize = 900;

/// Marks of unfinished work. The macros are looked for in code, the words in comments, too.
const UNFINISHED_CODE: [&str; 2] = ["todo!", "unimplemented!"];
const UNFINISHED_WORDS: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Rules for every source file.
pub(super) fn check(file: &str, source: &str, views: &Views) -> Vec<Sin> {
    let sin = |line, what: String| Sin { file: file.into(), line, what };
    let mut sins = Vec::new();
    let lines = source.lines().count();
    if lines > LINES_MAX {
        sins.push(sin(LINES_MAX, format!("{lines} lines, more than {LINES_MAX}: one verb, one file")));
    }
    if !opening(source).starts_with("//!") {
        sins.push(sin(1, "must open with `//!`: its subject and its why".into()));
    }
    for (text, marks) in [(&views.code, &UNFINISHED_CODE[..]), (&views.words, &UNFINISHED_WORDS[..])] {
        for mark in marks {
            let at = text.match_indices(mark).map(|(at, _)| at).filter(|at| stands_alone(text, *at, mark));
            sins.extend(at.map(|at| sin(line_of(text, at), format!("`{mark}`: finish it or leave it out"))));
        }
    }
    sins
}

/// Whether a mark is not a part of a longer word.
fn stands_alone(text: &str, at: usize, mark: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    let before = text[..at].chars().next_back();
    let after = text[at + mark.len()..].chars().next();
    !before.is_some_and(joins) && (mark.ends_with('!') || !after.is_some_and(joins))
}

/// The source from its first line that is neither empty nor a script line.
fn opening(source: &str) -> &str {
    source.trim_start_matches('\u{feff}').trim_start()
}

/// Rules for the root of a crate: lib.rs or main.rs.
pub(super) fn check_root(file: &str, source: &str, below_the_edges: bool) -> Vec<Sin> {
    const FORBID: &str = "#![forbid(unsafe_code)]";
    const DENY: &str = "#![deny(unsafe_code)]";
    let sin = |what: &str| Sin { file: file.into(), line: 1, what: what.into() };
    let mut attributes = source.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//"));
    let mut sins = Vec::new();
    if below_the_edges {
        if attributes.next() != Some(FORBID) {
            sins.push(sin("the first line after the crate's doc must be `#![forbid(unsafe_code)]`"));
        }
    } else if !attributes.take_while(|l| l.starts_with("#!")).any(|l| l == FORBID || l == DENY) {
        sins.push(sin("`#![deny(unsafe_code)]` must stand at the head"));
    }
    let is_library = file.ends_with("lib.rs");
    if is_library && !source.lines().any(|l| l.starts_with("//! *Invariant:*")) {
        sins.push(sin("the crate's doc must say what is absent: a line `//! *Invariant:* …`"));
    }
    sins
}

/// Paths of the machine that the file was written on, in any text.
pub(super) fn check_paths(file: &str, text: &str, machine: &[String]) -> Vec<Sin> {
    let mut sins = Vec::new();
    for path in machine {
        for (at, _) in text.match_indices(path.as_str()) {
            // `crates/x/src/` is no path of a machine that keeps its work in /src.
            let before = text[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || "._-}~*)".contains(c)) {
                let what = "a path of this machine: write it relative to the repository".into();
                sins.push(Sin { file: file.into(), line: line_of(text, at), what });
            }
        }
    }
    sins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::source::views;

    fn sins(source: &str) -> Vec<String> {
        check("x.rs", source, &views(source)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn unfinished_work_bites_in_code_and_in_comments() {
        for source in [
            "//! x\nfn f() { todo!() }",
            "//! x\nfn f() { unimplemented!(\"later\") }",
            "//! x\n\n// TODO: y",
            "//! FIXME",
        ] {
            assert_eq!(sins(source).len(), 1, "{source}");
        }
        assert!(sins("//! x\nconst MARK: &str = \"TODO\"; // METODOLOGY").is_empty());
    }

    #[test]
    fn a_file_without_a_subject_and_one_too_long_bite() {
        assert_eq!(sins("fn f() {}"), ["x.rs:1: must open with `//!`: its subject and its why"]);
        let long = |lines: usize| format!("//! x\n{}", "\n".repeat(lines - 1));
        assert!(sins(&long(LINES_MAX)).is_empty());
        assert_eq!(sins(&long(LINES_MAX + 1)).len(), 1);
    }

    #[test]
    fn a_root_must_refuse_unsafe_code_and_say_its_invariant() {
        let good = "//! Words.\n//!\n//! *Invariant:* no clock.\n#![forbid(unsafe_code)]\nmod a;";
        assert!(check_root("lib.rs", good, true).is_empty());
        assert!(check_root("lib.rs", good, false).is_empty());
        let edge = good.replace("forbid", "deny");
        assert!(check_root("lib.rs", &edge, false).is_empty());
        assert_eq!(check_root("lib.rs", &edge, true).len(), 1);
        assert_eq!(check_root("lib.rs", &good.replace("#![forbid(unsafe_code)]\n", ""), true).len(), 1);
        assert_eq!(check_root("lib.rs", &good.replace("#![forbid(unsafe_code)]\n", ""), false).len(), 1);
        let late = good.replace("#![forbid(unsafe_code)]\nmod a;", "mod a;\n#![forbid(unsafe_code)]");
        assert_eq!(check_root("lib.rs", &late, true).len(), 1);
        assert_eq!(check_root("lib.rs", &good.replace("*Invariant:*", "Invariant"), true).len(), 1);
        assert!(check_root("main.rs", "//! Starts.\n#![deny(unsafe_code)]\nfn main() {}", false).is_empty());
    }

    #[test]
    fn paths_of_the_machine_bite_and_relative_ones_do_not() {
        let machine = ["/src/house/".to_owned()];
        assert_eq!(check_paths("x.md", "\nsee /src/house/notes", &machine).len(), 1);
        assert!(check_paths("x.md", "see crates/src/house/a.rs", &machine).is_empty());
    }
}
