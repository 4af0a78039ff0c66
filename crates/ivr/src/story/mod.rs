//! Stories that a script tells of itself (`[[test]]`): walked on a virtual clock each time the script is read, so that
//! a script which does not do what its author expects is refused like one that is not proven (FEATURES I5).

mod coverage;
mod walk;

pub use coverage::Coverage;
pub use walk::{Act, Unfit, Walk};

use crate::defect::Defects;
use crate::script::{Name, Script};
use core::ops::Range;
use core::time::Duration;
use senim_base::Language;
use std::sync::Arc;

/// One story: what the caller does, and what must come of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Story {
    /// A sentence.
    pub(crate) name: Name,
    /// What happens, in order.
    pub(crate) acts: Vec<(Act, Range<usize>)>,
    /// Every step from the first to the last, where the story says them.
    pub(crate) passes: Option<Vec<Name>>,
    /// Prompts that are heard in this order, perhaps with others between them.
    pub(crate) hears: Vec<Name>,
    /// The step in which the caller is in the end.
    pub(crate) ends: Name,
    /// His language in the end, where the story says it.
    pub(crate) language: Option<(Language, Range<usize>)>,
}

/// A story that came true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// Its name.
    pub name: String,
    /// The step in which it ended.
    pub ends: String,
    /// How long it took on the virtual clock.
    pub took: Duration,
}

impl Script {
    /// Walks its stories: each is told, and which steps and ways they took together.
    pub fn stories(self: &Arc<Self>) -> (Vec<Told>, Coverage) {
        let mut coverage = Coverage::of(self);
        let mut told = Vec::new();
        for story in &self.stories {
            let mut walk = Walk::begin(Arc::clone(self));
            // A script that could be read has no story that fails.
            let _true = story.acts.iter().try_for_each(|(act, _)| walk.act(*act).map(|_| ()));
            coverage.add(&walk);
            let (name, ends) = (story.name.text.clone(), walk.step().to_owned());
            told.push(Told { name, ends, took: walk.took() });
        }
        (told, coverage)
    }
}

/// Walks every story of a script that is proven, and tells each that comes out otherwise.
pub(crate) fn prove(script: &Script, defects: &mut Defects<'_>) {
    let shared = Arc::new(script.clone());
    for story in &script.stories {
        let mut walk = Walk::begin(Arc::clone(&shared));
        let unfit = story.acts.iter().find_map(|(act, span)| Some((walk.act(*act).err()?, *act, span)));
        match unfit {
            Some((why, act, span)) => {
                let what = format!("test `{}`: `{act}` cannot be: {why}", story.name.text);
                defects.add(span.clone(), what, walk.instead());
            }
            None => came_true(story, &walk, defects),
        }
    }
}

fn came_true(story: &Story, walk: &Walk, defects: &mut Defects<'_>) {
    let name = &story.name.text;
    if walk.step() != story.ends.text {
        let what = format!("test `{name}` ends in `{}`, not in `{}`", walk.step(), story.ends.text);
        let instead = format!("mend the steps, or write ends = \"{}\"", walk.step());
        defects.add(story.ends.span.clone(), what, instead);
        return;
    }
    if let Some((language, span)) = &story.language
        && walk.language() != Some(*language)
    {
        let found = walk.language().map_or("no language", Language::code);
        let what = format!("test `{name}` ends in {found}, not in {language}");
        defects.add(span.clone(), what, "mend the steps, or write the other language");
    }
    passed(story, walk, defects);
    let mut heard = walk.heard().iter();
    if let Some(prompt) = story.hears.iter().find(|p| !heard.any(|h| *h == p.text)) {
        let what = format!("test `{name}` does not hear `{}` there", prompt.text);
        let instead = format!("mend the steps, or choose among what is heard: {}", walk.heard().join(", "));
        defects.add(prompt.span.clone(), what, instead);
    }
}

/// The steps, where the story names them: the first that differs is told.
fn passed(story: &Story, walk: &Walk, defects: &mut Defects<'_>) {
    let Some(expected) = &story.passes else { return };
    let (name, whole) = (&story.name.text, walk.passed().join("\", \""));
    let instead = format!("mend the steps, or write passes = [\"{whole}\"]");
    let mut steps = walk.passed().iter();
    for wanted in expected {
        match steps.next() {
            Some(step) if *step == wanted.text => {}
            Some(step) => {
                let what = format!("test `{name}` passes `{step}` and not `{}`", wanted.text);
                return defects.add(wanted.span.clone(), what, instead);
            }
            None => {
                let what = format!("test `{name}` does not come as far as `{}`", wanted.text);
                return defects.add(wanted.span.clone(), what, instead);
            }
        }
    }
    if let Some(step) = steps.next() {
        defects.add(story.name.span.clone(), format!("test `{name}` also passes `{step}`"), instead);
    }
}
