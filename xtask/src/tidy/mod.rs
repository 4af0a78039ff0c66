//! `cargo xtask tidy`: the house's rules, proven from `cargo metadata` and the source.

mod arrows;
mod shape;
mod source;
mod words;

use core::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A broken rule, where, and what to do.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Sin {
    file: String,
    /// From 1; 0 is the whole file.
    line: usize,
    what: String,
}

impl fmt::Display for Sin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

/// Folders that are made, not written.
const NOT_OURS: [&str; 6] = ["target", ".git", "data", "recordings", "corpus", "node_modules"];

/// Endings of files that are searched for paths of the machine, besides those without an ending.
const TEXTS: [&str; 12] =
    ["rs", "toml", "md", "sh", "yml", "yaml", "json", "html", "css", "js", "txt", "xml"];

/// Where many machines keep things; a repository there says nothing of one machine.
const COMMON_FOLDERS: [&str; 10] =
    ["/", "/tmp", "/home", "/root", "/opt", "/srv", "/var", "/usr", "/etc", "/mnt"];

/// Checks and prints.
pub(crate) fn verb(root: &Path) -> ExitCode {
    match check(root) {
        Ok(sins) if sins.is_empty() => {
            eprintln!("tidy: the house is in order");
            ExitCode::SUCCESS
        }
        Ok(sins) => {
            for sin in &sins {
                eprintln!("{sin}");
            }
            eprintln!("tidy: {} to mend", sins.len());
            ExitCode::FAILURE
        }
        Err(why) => {
            eprintln!("tidy: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Every sin of the house, in order of files.
pub(crate) fn check(root: &Path) -> Result<Vec<Sin>, String> {
    let crates = arrows::read(root)?;
    let mut sins = arrows::check(&crates);
    let machine = machine_paths(root);
    let mut files = Vec::new();
    walk(root, &mut files)?;
    for path in files {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let file = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        sins.extend(shape::check_paths(&file, &text, &machine));
        if file.ends_with(".rs") {
            sins.extend(check_source(&file, &text));
        }
    }
    sins.sort();
    sins.dedup();
    Ok(sins)
}

/// Every rule for one source file, by where it stands.
fn check_source(file: &str, source: &str) -> Vec<Sin> {
    let views = source::views(source);
    let mut sins = shape::check(file, source, &views);
    let mut parts = file.split('/');
    let (place, name) = (parts.next(), parts.next().unwrap_or_default());
    let rest: Vec<&str> = parts.collect();
    if place != Some("crates") {
        if file == "xtask/src/main.rs" {
            sins.extend(shape::check_root(file, source, false));
        }
        return sins;
    }
    let below = arrows::is_below_the_edges(name);
    if matches!(rest.as_slice(), ["src", "lib.rs" | "main.rs"]) {
        sins.extend(shape::check_root(file, source, below));
    }
    if below {
        sins.extend(words::check(file, &views.code, rest.first() != Some(&"src")));
    }
    sins
}

/// How this machine would write the way to the repository, and to its user's home.
fn machine_paths(root: &Path) -> Vec<String> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let candidates = [root.parent().map(Path::to_owned), Some(root.to_owned()), home];
    let telling = |path: &PathBuf| !COMMON_FOLDERS.iter().any(|common| Path::new(common) == path);
    candidates.into_iter().flatten().filter(telling).map(|path| format!("{}/", path.display())).collect()
}

/// Every text file below `folder`, in order of names.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let fault = |why: std::io::Error| format!("cannot read {}: {why}", folder.display());
    let mut entries: Vec<_> = std::fs::read_dir(folder).map_err(fault)?.filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            walk(&path, files)?;
        } else if kind.is_file() && is_text(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    path.extension().is_none_or(|ending| TEXTS.iter().any(|text| ending == *text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_follow_from_where_a_file_stands() {
        let sinful = "//! x\nfn f() { std::fs::read(p); }";
        assert_eq!(check_source("crates/sip/src/a.rs", sinful).len(), 1);
        assert_eq!(check_source("crates/sim/src/a.rs", sinful).len(), 1);
        assert!(check_source("crates/sip/tests/a.rs", sinful).is_empty());
        assert!(check_source("crates/store/src/a.rs", sinful).is_empty());
        assert!(check_source("xtask/src/a.rs", sinful).is_empty());
        // A root without the attribute and the invariant.
        assert_eq!(check_source("crates/sip/src/lib.rs", "//! x\nmod a;").len(), 2);
        assert_eq!(check_source("crates/net/src/lib.rs", "//! x\nmod a;").len(), 2);
        assert_eq!(check_source("xtask/src/main.rs", "//! x\nfn main() {}").len(), 1);
    }

    #[test]
    fn folders_that_every_machine_has_tell_nothing() {
        let paths = machine_paths(Path::new("/tmp/house"));
        assert!(paths.contains(&"/tmp/house/".to_owned()) && !paths.contains(&"/tmp/".to_owned()));
    }

    #[test]
    fn a_sin_names_its_place() {
        let sin = Sin { file: "a.rs".into(), line: 7, what: "x".into() };
        assert_eq!(sin.to_string(), "a.rs:7: x");
        assert_eq!(Sin { line: 0, ..sin }.to_string(), "a.rs: x");
    }
}
