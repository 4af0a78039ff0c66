//! The configuration: one TOML file, overrides from the command line, secrets from the environment; proved before
//! anything starts (FEATURES N1).

mod lint;
mod plan;
mod read;
mod source;
mod tables;
pub mod wires;

pub use lint::lint;
pub use plan::{Env, Plan, Target, TrunkPlan, read_text};
pub use source::{Complaint, Source};
pub use tables::{Config, Data, Line, Media, Network, Number, Queue, Recording, Sip, Trunk, Web};

use std::path::Path;

/// Reads, overrides and proves the configuration in `file`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(file: &Path, set: &[String], env: Env<'_>) -> Result<Plan, Vec<Complaint>> {
    let text = read_text(file).map_err(|c| vec![c])?;
    let sorted = |mut complaints: Vec<Complaint>| {
        complaints.sort();
        complaints
    };
    load_text(&Source::new(file, &text), set, env).map_err(sorted)
}

/// As [`load`], from text.
///
/// # Errors
/// As [`load`].
pub fn load_text(source: &Source, set: &[String], env: Env<'_>) -> Result<Plan, Vec<Complaint>> {
    let mut config = read::read(source)?;
    let mut complaints = Vec::new();
    for change in set {
        match read::set(&config, change) {
            Ok(changed) => config = changed,
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() { plan::plan(config, source, env) } else { Err(complaints) }
}

#[cfg(test)]
mod tests;
