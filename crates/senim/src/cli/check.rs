//! Proofs before anything runs: `senim check`, `senim ivr check` (FEATURES N1).

use super::{Common, Failure, World, plan, stories, talk};
use crate::config::{self, Complaint};
use crate::serve::clock;
use crate::{people, prompts, scripts};
use clap::Subcommand;
use senim_store::lock::FolderLock;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Subcommand, Debug)]
pub(crate) enum IvrVerb {
    /// Prove every script of a folder, and that its prompts are sound.
    Check {
        /// The folder; without it: the one of the configuration.
        dir: Option<PathBuf>,
    },
    /// Walk the stories that the scripts of a folder tell of themselves, and say which steps and ways none of them takes.
    Test {
        /// The folder; without it: the one of the configuration.
        dir: Option<PathBuf>,
        /// Fail when a step or a way is taken by no story.
        #[arg(long)]
        whole: bool,
    },
    /// Be the caller: read the prompts, type the keys.
    Talk {
        /// The script's file. The texts of its prompts are those of prompts/ beside it.
        script: PathBuf,
    },
}

/// `senim check`.
pub(crate) fn check(common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let plan = plan(common, world)?;
    let mut complaints = Vec::new();
    let loaded = scripts::load(&plan, true).map_err(|more| complaints.extend(more));
    if plan.ucc_trunk.is_none() && loaded.is_err() && scripts::load(&plan, false).is_ok() {
        let what = "no trunk leads to the Unified Contact Centre, and a script forwards there; write a [[trunk]] with uri";
        complaints.push(plan.source.complain(&["line", "ucc_trunk"], what));
    }
    complaints.extend(config::lint(&plan, loaded.as_ref().unwrap_or(&BTreeMap::new())));
    complaints.extend(config::wires::prove(&plan, clock::wall()));
    let bank = prompts::load(&plan.prompts, &[]).map_err(|more| complaints.extend(more));
    if let Some(seed) = &plan.seed {
        complaints.extend(people::read(seed, &plan.config.sip.realm).err().unwrap_or_default());
    }
    complaints.extend(writable(&plan.data).map(|what| plan.source.complain(&["data", "folder"], what)));
    let (Ok(loaded), Ok(bank), true) = (loaded, bank, complaints.is_empty()) else {
        return Err(Failure::Complaints(complaints));
    };
    writeln!(
        world.out,
        "{}: {} numbers, {} scripts, {} trunks, {} queues, {} sounds: all is well",
        plan.source.file.display(),
        plan.numbers.len(),
        loaded.len(),
        plan.trunks.len(),
        plan.queues.len(),
        bank.names().count()
    )?;
    Ok(())
}

/// Why the data folder cannot be written, if it cannot. A running line holds it: then it can.
fn writable(data: &Path) -> Option<String> {
    let nearest = data.ancestors().find(|p| p.exists())?;
    if !nearest.is_dir() {
        return Some(format!("{} is no folder; write another one", nearest.display()));
    }
    if nearest != data {
        // Nothing is made by a check: whether it could be made is read from the parent.
        let read_only = fs::metadata(nearest).map_or(true, |m| m.permissions().readonly());
        return read_only
            .then(|| format!("{} cannot be made: {} is read-only", data.display(), nearest.display()));
    }
    match FolderLock::take(data) {
        Ok(_) | Err(senim_store::lock::LockFault::Held { .. }) => None,
        Err(fault) => Some(fault.to_string()),
    }
}

/// `senim ivr …`.
pub(crate) fn ivr(verb: &IvrVerb, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    match verb {
        IvrVerb::Check { dir } => ivr_check(dir.as_deref(), common, world),
        IvrVerb::Test { dir, whole } => {
            let dir = match dir {
                Some(dir) => dir.clone(),
                None => plan(common, world)?.scripts,
            };
            stories::run(&dir, *whole, world)
        }
        IvrVerb::Talk { script } => talk::run(script, world),
    }
}

/// `senim ivr check [DIR]`.
fn ivr_check(dir: Option<&Path>, common: &Common, world: &mut World<'_>) -> Result<(), Failure> {
    let (dir, around, sounds) = match dir {
        None => {
            let plan = plan(common, world)?;
            (plan.scripts.clone(), scripts::world(&plan, false), Some(plan.prompts))
        }
        Some(dir) => {
            let sounds = Some(dir.join("prompts/audio")).filter(|d| d.is_dir());
            let around =
                senim_ivr::World { prompts: sounds.as_deref().map(prompts::available), ..Default::default() };
            (dir.to_owned(), around, sounds)
        }
    };
    let files = scripts::files(&dir);
    let mut complaints: Vec<Complaint> =
        files.iter().flat_map(|f| scripts::read(f, &around).err().unwrap_or_default()).collect();
    if files.is_empty() {
        let what = "there is no script here; name a folder with .toml files".to_owned();
        complaints.push(Complaint { file: dir.display().to_string(), line: None, what });
    }
    if let Some(sounds) = &sounds {
        complaints.extend(prompts::load(sounds, &[]).err().unwrap_or_default());
    }
    if !complaints.is_empty() {
        return Err(Failure::Complaints(complaints));
    }
    writeln!(world.out, "{}: {} scripts: all is well", dir.display(), files.len())?;
    Ok(())
}
