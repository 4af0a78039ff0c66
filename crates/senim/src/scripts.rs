//! The menu scripts of a folder, read and proved against what lives around them: prompts, queues, forwards.

use crate::config::{Complaint, Plan, read_text};
use crate::prompts;
use senim_base::Language;
use senim_ivr::{Script, World};
use senim_switch::Destination;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The name that scripts call the Unified Contact Centre by.
pub const UCC: &str = "ucc";

/// What lives around the scripts of this line. A line without a way to the Unified Contact Centre runs all the same:
/// a forward fails there as it does when the centre does not answer, and the caller comes to a human. Only `strict`
/// finds that wrong.
pub fn world(plan: &Plan, strict: bool) -> World {
    World {
        prompts: Some(prompts::available(&plan.prompts)),
        queues: Some(plan.queues.iter().map(|q| q.name.clone()).collect()),
        forwards: Some((plan.ucc_trunk.is_some() || !strict).then(|| UCC.to_owned()).into_iter().collect()),
    }
}

/// The scripts that numbers lead to, proved. `strict` as for [`world`].
///
/// # Errors
/// Every defect of every one of them.
pub fn load(plan: &Plan, strict: bool) -> Result<BTreeMap<String, Arc<Script>>, Vec<Complaint>> {
    let world = world(plan, strict);
    let wanted: BTreeSet<&str> = plan
        .numbers
        .iter()
        .filter_map(|n| match &n.then {
            Destination::Script(name) => Some(name.as_str()),
            Destination::Consultant(_) => None,
        })
        .collect();
    let mut scripts = BTreeMap::new();
    let mut complaints = unspoken(plan, &world);
    for name in wanted.into_iter().chain(short(plan)) {
        match read(&plan.scripts.join(format!("{name}.toml")), &world) {
            Ok(script) => {
                scripts.insert(name.to_owned(), Arc::new(script));
            }
            Err(more) => complaints.extend(more),
        }
    }
    if complaints.is_empty() { Ok(scripts) } else { Err(complaints) }
}

/// The scripts that answer in the place of a caller's own: they stand in the same folder and are proved alike.
fn short(plan: &Plan) -> impl Iterator<Item = &str> {
    let line = &plan.config.line;
    let flood = (line.flood_calls > 0).then_some(line.flood_script.as_str());
    let callers = (!line.measuring).then_some(line.blocked_script.as_str());
    flood.filter(|_| !line.measuring).into_iter().chain(callers)
}

/// What the line itself says and has no sound for.
fn unspoken(plan: &Plan, world: &World) -> Vec<Complaint> {
    let known = world.prompts.as_ref();
    let missing = senim_switch::own_prompts().into_iter().flat_map(|name| {
        let silent = |l: &Language| known.is_some_and(|k| !k.contains(&(*l, name.clone())));
        let languages: Vec<Language> = Language::ALL.into_iter().filter(silent).collect();
        languages.into_iter().map(move |l| (l, name.clone()))
    });
    let complaint = |(language, name): (Language, String)| Complaint {
        file: plan.prompts.join(language.code()).display().to_string(),
        line: None,
        what: format!(
            "the line says {name:?} and there is no sound of it; record {name}.wav, or run `cargo xtask prompts`"
        ),
    };
    missing.map(complaint).collect()
}

/// Every script file of a folder, by name.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_script = |p: &PathBuf| p.extension().is_some_and(|e| e == "toml") && p.is_file();
    let mut files: Vec<PathBuf> = entries.map(|e| e.path()).filter(is_script).collect();
    files.sort();
    files
}

/// Reads and proves one script.
///
/// # Errors
/// Every defect.
pub fn read(file: &Path, world: &World) -> Result<Script, Vec<Complaint>> {
    let text = read_text(file).map_err(|c| vec![c])?;
    Script::read(&file.display().to_string(), &text, world).map_err(|defects| {
        let complaint = |d: senim_ivr::Defect| Complaint {
            file: d.file.clone(),
            line: usize::try_from(d.line).ok(),
            what: format!("{}; {}", d.what, d.write_instead),
        };
        defects.into_iter().map(complaint).collect()
    })
}
