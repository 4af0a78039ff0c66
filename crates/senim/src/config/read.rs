//! From text to tables: every unknown key and wrong type at once, each with its line and the nearest known word.

use super::source::{Complaint, Source};
use super::tables::Config;
use serde::Deserialize;
use toml::{Table, Value};

/// Complaints of one reading at most; a file with more of them is another kind of file.
const COMPLAINTS_MAX: usize = 20;

/// Reads the tables.
///
/// # Errors
/// Everything that is wrong with words and types.
pub(super) fn read(source: &Source) -> Result<Config, Vec<Complaint>> {
    let mut text = source.text.clone();
    let mut complaints = Vec::new();
    loop {
        let fault = match toml::from_str::<Config>(&text) {
            Ok(config) if complaints.is_empty() => return Ok(config),
            Ok(_) => return Err(complaints),
            Err(fault) => fault,
        };
        let Some(span) = fault.span() else {
            complaints.push(source.complain(&[], said(fault.message(), None)));
            return Err(complaints);
        };
        let table = table_at(&source.text, span.start);
        complaints.push(source.complain_at(span.start, said(fault.message(), table.as_deref())));
        // Look for the next one with this one's key taken out.
        let taken = take_out(&mut text, span.start);
        if !taken || complaints.len() >= COMPLAINTS_MAX {
            return Err(complaints);
        }
    }
}

/// Applies `key.path=value` (`trunk.0.uri`, or `trunk.NAME.uri`) to a configuration. The value is TOML, or else text.
///
/// # Errors
/// What is wrong with it, as a complaint about `--set`.
pub(super) fn set(config: &Config, change: &str) -> Result<Config, Complaint> {
    let complain = |what: String| Complaint { file: format!("--set {}", key_of(change)), line: None, what };
    let Some((path, value)) = change.split_once('=') else {
        return Err(complain("write key.path=value, as in sip.realm=\"senim\"".into()));
    };
    let path: Vec<&str> = path.trim().split('.').collect();
    let as_toml = format!("value = {value}").parse::<Table>().ok().and_then(|mut t| t.remove("value"));
    let as_text = Value::String(value.to_owned());
    let tree = Table::try_from(config).map_err(|e| complain(e.to_string()))?;
    let mut last = None;
    for value in as_toml.into_iter().chain([as_text]) {
        let mut tree = Value::Table(tree.clone());
        put(&mut tree, &path, value).map_err(&complain)?;
        match Config::deserialize(tree) {
            Ok(config) => return Ok(config),
            // The first reading tells what the key wants: `ring_s=soon` shall not be told about texts.
            Err(fault) => {
                last = last
                    .or(Some(said(fault.message(), path.split_last().map(|(_, t)| t.join(".")).as_deref())));
            }
        }
    }
    Err(complain(last.unwrap_or_default()))
}

/// The key of a `--set` for a message: its value could be a secret.
fn key_of(change: &str) -> &str {
    change.split('=').next().unwrap_or_default()
}

fn put(tree: &mut Value, path: &[&str], value: Value) -> Result<(), String> {
    let Some((first, rest)) = path.split_first() else {
        *tree = value;
        return Ok(());
    };
    match tree {
        Value::Table(table) => {
            let slot = table.entry((*first).to_owned()).or_insert_with(|| Value::Table(Table::new()));
            put(slot, rest, value)
        }
        Value::Array(array) => {
            let named =
                |v: &Value| ["name", "dial"].iter().any(|k| v.get(k).and_then(Value::as_str) == Some(first));
            let index = first.parse().ok().or_else(|| array.iter().position(named));
            match index.and_then(|i: usize| if i <= array.len() { Some(i) } else { None }) {
                Some(i) => {
                    if i == array.len() {
                        array.push(Value::Table(Table::new()));
                    }
                    array.get_mut(i).map_or(Ok(()), |slot| put(slot, rest, value))
                }
                None => {
                    Err(format!("there is no {first:?}; write a number from 0 to {}, or a name", array.len()))
                }
            }
        }
        _ => Err(format!("{first:?} is not a table")),
    }
}

/// The reader's message in our words: unknown keys with the nearest known one.
fn said(message: &str, table: Option<&str>) -> String {
    let words: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let in_table = table.map(|t| format!(" in [{t}]")).unwrap_or_default();
    match (message.starts_with("unknown field"), words.split_first()) {
        (true, Some((unknown, known))) => {
            let mut near: Vec<_> =
                known.iter().map(|k| (strsim::damerau_levenshtein(unknown, k), k)).collect();
            near.sort();
            let advice = match near.first() {
                Some((distance, word)) if *distance <= 1 + unknown.chars().count() / 3 => {
                    format!("; did you mean {word:?}?")
                }
                _ => format!("; write one of {}", known.join(", ")),
            };
            format!("unknown key {unknown:?}{in_table}{advice}")
        }
        _ => {
            let first = message.lines().next().unwrap_or_default();
            // The machine's word for a number is none of the operator's.
            let number = ["u8", "u16", "u32", "u64", "i32", "i64", "usize"]
                .iter()
                .find_map(|t| first.strip_suffix(&format!("expected {t}")));
            number.map_or_else(|| first.to_owned(), |said| format!("{said}expected a whole number"))
        }
    }
}

/// The table whose header stands last before a byte: `line`, `trunk`.
fn table_at(text: &str, byte: usize) -> Option<String> {
    let before = text.get(..byte)?;
    let header = |l: &str| {
        let l = l.split('#').next().unwrap_or_default().trim();
        let name = l.strip_prefix("[[").and_then(|l| l.strip_suffix("]]"));
        name.or_else(|| l.strip_prefix('[').and_then(|l| l.strip_suffix(']'))).map(str::to_owned)
    };
    before.lines().rev().find_map(header)
}

/// Blanks the line that holds a byte; `false` when it is blank already, or a header, whose taking out would move keys
/// into another table.
fn take_out(text: &mut String, byte: usize) -> bool {
    let begin = text.get(..byte).and_then(|t| t.rfind('\n')).map_or(0, |n| n + 1);
    let end = text.get(byte..).and_then(|t| t.find('\n')).map_or(text.len(), |n| byte + n);
    let Some(line) = text.get(begin..end) else { return false };
    if line.trim().is_empty() || line.trim_start().starts_with('[') || !line.contains('=') {
        return false;
    }
    text.replace_range(begin..end, &" ".repeat(end - begin));
    true
}
