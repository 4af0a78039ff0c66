//! A script's text, read: TOML with a header and one table a step. All faults are told at once, each with its line.
//!
//! ```toml
//! schema = 1
//! start = "greeting"
//! default_language = "kk"
//! urgent = { key = "0", to = "urgent" }
//! human = "human"
//!
//! [step.greeting]
//! say = ["greeting", "recorded"]
//! languages = "both"
//! then = "language"
//! ```

mod fields;
mod step;
mod story;

use crate::defect::{Defect, Defects};
use crate::prove::{World, prove};
use crate::script::{Name, Purpose, Script, Step, Urgent};
use core::fmt::Write;
use core::ops::Range;
use fields::Fields;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use toml::de::{DeTable, DeValue};

/// The version of the script language this program reads.
const SCHEMA: u32 = 1;
/// Letters of a name at most.
const NAME_MAX: usize = 64;

impl Script {
    /// Reads a script, proves it (FEATURES Z4) and walks its stories (FEATURES I5). `file` is its path as defects shall name it; `world` is what lives
    /// around it: prompts, queues, forwards.
    ///
    /// # Errors
    /// Every defect, in the order of the text. Faults of its shape hide faults of its paths, which are looked for
    /// once the shape is right.
    pub fn read(file: &str, text: &str, world: &World) -> Result<Script, Vec<Defect>> {
        let mut defects = Defects::new(file, text);
        if text.len() > Script::BYTES_MAX {
            defects.add(0..0, "the script is too long", format!("write at most {} bytes", Script::BYTES_MAX));
            return Err(defects.sorted());
        }
        let (table, faults) = DeTable::parse_recoverable(text);
        // The first fault of the notation draws others behind it that are none.
        if let Some(fault) = faults.first() {
            let what = format!("this is not TOML: {}", fault.message());
            defects.add(fault.span().unwrap_or(0..0), what, "mend it, then the rest is read");
        }
        if !defects.is_empty() {
            return Err(defects.sorted());
        }
        let script = script(file, text, table.get_ref(), &mut defects);
        match script {
            Some(script) => {
                prove(&script, world, &mut defects);
                if defects.is_empty() {
                    crate::story::prove(&script, &mut defects);
                }
                if defects.is_empty() { Ok(script) } else { Err(defects.sorted()) }
            }
            None => Err(defects.sorted()),
        }
    }
}

/// What the header says, as steps need it.
pub(crate) struct Header {
    pub(crate) purpose: Option<Purpose>,
    pub(crate) human: Option<Name>,
}

fn script(file: &str, text: &str, table: &DeTable<'_>, defects: &mut Defects<'_>) -> Option<Script> {
    let whole = 0..0;
    let mut head = Fields::new("the script", whole, table, defects);
    schema(&mut head);
    let purpose = match head.optional("purpose", Fields::name) {
        None => Some(Purpose::Line),
        Some(name) => match name.text.as_str() {
            "line" => Some(Purpose::Line),
            "measuring" => Some(Purpose::Measuring),
            "blocked" => Some(Purpose::Blocked),
            other => head.unknown_word("purpose", other, name.span, &["line", "measuring", "blocked"]),
        },
    };
    let start = head.required("start", "the first step", Fields::name);
    let language = head.required("default_language", "\"kk\" or \"ru\"", Fields::language);
    let line = purpose == Some(Purpose::Line);
    let urgent = if line || purpose == Some(Purpose::Blocked) {
        head.required("urgent", "{ key = \"0\", to = \"urgent\" }", Fields::urgent)
    } else {
        head.optional("urgent", Fields::urgent)
    };
    let human = if line {
        head.required("human", "\"A STEP\", for callers whom the script cannot help", Fields::name)
    } else {
        head.optional("human", Fields::name)
    };
    let endings = head.optional("endings", Fields::names).unwrap_or_default();
    let tables = head.required("step", "tables [step.NAME]", Fields::table);
    let stories = head.optional("test", story::read).unwrap_or_default();
    head.finish();
    let header = Header { purpose, human: human.clone() };
    let (steps, headings) = steps(tables?, &header, defects);
    // Every heading is known, also of a step that could not be read: references can be judged all the same.
    references(&steps, &headings, start.as_ref(), urgent.as_ref(), human.as_ref(), defects);
    story::references(&stories, &headings, defects);
    if !defects.is_empty() {
        return None;
    }
    Some(Script {
        name: stem(file).to_owned(),
        hash: hash(text),
        purpose: purpose?,
        start: start?,
        default_language: language?,
        urgent,
        human,
        endings,
        steps,
        stories,
        headings,
    })
}

fn schema(head: &mut Fields<'_, '_, '_>) {
    if let Some((schema, span)) = head.required("schema", &SCHEMA.to_string(), Fields::whole)
        && schema != u64::from(SCHEMA)
    {
        head.defect(
            span,
            format!("this program does not read schema {schema}"),
            format!("write schema = {SCHEMA}"),
        );
    }
}

type Steps = (BTreeMap<String, Step>, BTreeMap<String, Range<usize>>);

fn steps(tables: &DeTable<'_>, header: &Header, defects: &mut Defects<'_>) -> Steps {
    let (mut steps, mut headings) = (BTreeMap::new(), BTreeMap::new());
    if tables.len() > Script::STEPS_MAX {
        defects.add(
            0..0,
            format!("{} steps are too many", tables.len()),
            format!("write at most {}", Script::STEPS_MAX),
        );
        return (steps, headings);
    }
    for (name, value) in tables {
        let text = name.get_ref().to_string();
        if !is_name(&text) {
            defects.add(
                name.span(),
                format!("`{text}` cannot be the name of a step"),
                format!("write 1 to {NAME_MAX} of a-z, 0-9, _ and -"),
            );
        }
        headings.insert(text.clone(), name.span());
        let DeValue::Table(table) = value.get_ref() else {
            defects.add(
                value.span(),
                format!("`{text}` is no step"),
                format!("write [step.{text}] and its keys below"),
            );
            continue;
        };
        if let Some(step) = step::read(&text, name.span(), table, header, defects) {
            steps.insert(text, step);
        }
    }
    (steps, headings)
}

/// Every step that is named exists.
fn references(
    steps: &BTreeMap<String, Step>,
    headings: &BTreeMap<String, Range<usize>>,
    start: Option<&Name>,
    urgent: Option<&Urgent>,
    human: Option<&Name>,
    defects: &mut Defects<'_>,
) {
    let of_steps = steps.values().flat_map(Step::targets).map(|(_, name)| name);
    for name in of_steps.chain(start).chain(urgent.map(|u| &u.to)).chain(human) {
        if !headings.contains_key(&name.text) {
            let known = headings.keys().map(String::as_str);
            let instead = crate::defect::suggest(&name.text, known);
            defects.add(name.span.clone(), format!("unknown step `{}`", name.text), instead);
        }
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    !text.is_empty() && text.len() <= NAME_MAX && text.chars().all(fits)
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

/// `ivr-scripts/111.toml` is the script `111`.
fn stem(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    name.strip_suffix(".toml").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_named_by_its_file() {
        assert_eq!(stem("ivr-scripts/111.toml"), "111");
        assert_eq!(stem("bench-ivr"), "bench-ivr");
    }

    #[test]
    fn the_hash_is_sha_256_of_the_text() {
        assert_eq!(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
