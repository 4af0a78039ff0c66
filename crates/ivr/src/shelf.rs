//! The scripts a line serves. A new wording takes the place of the old one only when it is proven.

use crate::{Defect, Script, World};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Scripts by name. A call keeps the script it began, whatever happens here.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    scripts: BTreeMap<String, Arc<Script>>,
}

impl Shelf {
    /// Scripts at most; a further one is refused.
    pub const SCRIPTS_MAX: usize = 1_000;

    /// No scripts.
    pub fn new() -> Self {
        Shelf::default()
    }

    /// Reads a script and serves it from now on (FEATURES I4).
    ///
    /// # Errors
    /// All of its defects; the script that was served under its name is served as before.
    pub fn put(&mut self, file: &str, text: &str, world: &World) -> Result<Arc<Script>, Vec<Defect>> {
        let script = Arc::new(Script::read(file, text, world)?);
        if self.scripts.len() >= Self::SCRIPTS_MAX && !self.scripts.contains_key(script.name()) {
            return Err(vec![Defect {
                file: file.to_owned(),
                line: 1,
                column: 1,
                what: "there are too many scripts".to_owned(),
                write_instead: format!("keep at most {}", Self::SCRIPTS_MAX),
            }]);
        }
        self.scripts.insert(script.name().to_owned(), Arc::clone(&script));
        Ok(script)
    }

    /// The script of a name.
    pub fn get(&self, name: &str) -> Option<&Arc<Script>> {
        self.scripts.get(name)
    }

    /// All scripts by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Script>)> {
        self.scripts.iter().map(|(name, script)| (name.as_str(), script))
    }
}
