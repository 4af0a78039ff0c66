//! Scripts from the folder: each is proven against the prompts, queues and forwards there are, before a caller hears it.

use crate::config::{Plan, read_text};
use senim_audio::Bank;
use senim_base::Language;
use senim_ivr::{Shelf, World};
use std::collections::BTreeSet;
use std::fs;

/// Names that the line itself says: they must have sound whatever the scripts say.
const OWN_PROMPTS: [&str; 14] = [
    "appeal_linked",
    "appeal_registered",
    "appeal_unknown",
    "consultant_ask_appeal",
    "consultant_break",
    "consultant_ready",
    "consultant_refused",
    "consultant_signed_in",
    "consultant_signed_out",
    "feature_unknown",
    "music",
    "transfer_back",
    "ucc_failed",
    "ucc_notice",
];

/// What scripts may name.
fn world(plan: &Plan, bank: &Bank) -> World {
    let mut prompts = BTreeSet::new();
    for (language, name, _) in bank.names() {
        let languages = language.map_or_else(|| Language::ALL.to_vec(), |l| vec![l]);
        prompts.extend(languages.into_iter().map(|l| (l, name.to_owned())));
    }
    World {
        prompts: Some(prompts),
        queues: Some(plan.queues.iter().map(|q| q.name.clone()).collect()),
        forwards: Some([super::settings::UCC.to_owned()].into()),
    }
}

/// Reads and proves every script of the folder.
///
/// # Errors
/// Every defect of every script, a line each: `file:line:column: what; what to write`.
pub fn load(plan: &Plan, bank: &Bank) -> Result<Shelf, Vec<String>> {
    let world = world(plan, bank);
    let mut faults: Vec<String> = OWN_PROMPTS
        .iter()
        .flat_map(|name| Language::ALL.map(|l| (l, *name)))
        .filter(|(l, name)| bank.find(Some(*l), name).is_none())
        .map(|(l, name)| {
            format!("{}: the prompt {name:?} has no sound in {l}; make it with `cargo xtask prompts`", plan.prompts.display())
        })
        .collect();
    let mut shelf = Shelf::new();
    let folder = match fs::read_dir(&plan.scripts) {
        Ok(folder) => folder,
        Err(e) => {
            faults.push(format!("{}: the folder of the scripts cannot be read: {e}", plan.scripts.display()));
            return Err(faults);
        }
    };
    let mut files: Vec<_> = folder.filter_map(|e| Some(e.ok()?.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    for file in files {
        match read_text(&file) {
            Ok(text) => {
                if let Err(defects) = shelf.put(&file.display().to_string(), &text, &world) {
                    faults.extend(defects.iter().map(ToString::to_string));
                }
            }
            Err(complaint) => faults.push(complaint.to_string()),
        }
    }
    if faults.is_empty() { Ok(shelf) } else { Err(faults) }
}
