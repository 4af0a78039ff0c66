//! `senim ivr test`: the stories that scripts tell of themselves, and what they leave out.

use super::{Failure, World};
use crate::config::Complaint;
use crate::scripts;
use senim_ivr::Script;
use std::path::Path;
use std::sync::Arc;

/// Walks every script of a folder; `whole` fails where a step or a way is taken by no story.
pub(super) fn run(dir: &Path, whole: bool, world: &mut World<'_>) -> Result<(), Failure> {
    let files = scripts::files(dir);
    if files.is_empty() {
        let what = "there is no script here; name a folder with .toml files".to_owned();
        let file = dir.display().to_string();
        return Err(Failure::Complaints(vec![Complaint { file, line: None, what }]));
    }
    let (mut complaints, mut all_whole) = (Vec::new(), true);
    for file in files {
        // A story that fails is a defect: the script cannot be read then.
        match scripts::read(&file, &senim_ivr::World::unknown()) {
            Ok(script) => all_whole &= tell(&Arc::new(script), world)?,
            Err(more) => complaints.extend(more),
        }
    }
    if !complaints.is_empty() {
        return Err(Failure::Complaints(complaints));
    }
    if whole && !all_whole { Err(Failure::Told) } else { Ok(()) }
}

/// One script; whether its stories take every way.
fn tell(script: &Arc<Script>, world: &mut World<'_>) -> Result<bool, Failure> {
    let (told, coverage) = script.stories();
    writeln!(world.out, "{}: {} stories came true; {coverage}", script.name(), told.len())?;
    for story in &told {
        let seconds = story.took.as_secs_f64();
        writeln!(world.out, "  {} ({seconds:.1} s, ends in {})", story.name, story.ends)?;
    }
    for step in coverage.steps_missed() {
        writeln!(world.out, "  no story enters {step}")?;
    }
    for edge in coverage.edges_missed() {
        writeln!(world.out, "  no story takes {edge}")?;
    }
    Ok(coverage.is_whole())
}
