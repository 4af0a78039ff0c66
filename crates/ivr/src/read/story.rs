//! The stories of a script: tables `[[test]]`.

use super::fields::Fields;
use crate::defect::{Defects, suggest};
use crate::script::{Name, Script};
use crate::story::{Act, Story};
use core::ops::Range;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::DeValue;

/// Words that a story has at most, of each kind.
const WORDS_MAX: usize = 64;

pub(super) fn read<'t>(
    head: &mut Fields<'_, 't, '_>,
    key: &'static str,
    value: &'t Spanned<DeValue<'t>>,
) -> Option<Vec<Story>> {
    head.tables(key, value, Script::STORIES_MAX, story)
}

fn story<'t>(f: &mut Fields<'_, 't, '_>) -> Option<Story> {
    let name = f.required("name", "\"a sentence\"", Fields::sentence);
    let acts = f.required("do", "[\"listen\", \"1\"]", |f, k, v| f.names_to(k, v, WORDS_MAX));
    let acts = acts.and_then(|words| acts_of(f, &words));
    let passes = f.optional("passes", |f, k, v| f.names_to(k, v, WORDS_MAX));
    let hears = f.optional("hears", |f, k, v| f.names_to(k, v, WORDS_MAX)).unwrap_or_default();
    let ends = f.required("ends", "\"A STEP\"", Fields::name);
    let span = f.key_span("language");
    let language = f.optional("language", Fields::language).map(|l| (l, span));
    Some(Story { name: name?, acts: acts?, passes, hears, ends: ends?, language })
}

/// Every word of `do`; the first that means nothing is told.
fn acts_of(f: &mut Fields<'_, '_, '_>, words: &[Name]) -> Option<Vec<(Act, Range<usize>)>> {
    let mut acts = Vec::new();
    for word in words {
        let Some(read) = Act::read(&word.text) else {
            let instead = suggest(&word.text, Act::WORDS.iter().map(|(name, _)| *name));
            let what = format!("`{}` is neither keys nor something that happens", word.text);
            f.defect(word.span.clone(), what, instead);
            return None;
        };
        acts.extend(read.into_iter().map(|act| (act, word.span.clone())));
    }
    Some(acts)
}

/// Every step that a story names exists.
pub(super) fn references(
    stories: &[Story],
    headings: &BTreeMap<String, Range<usize>>,
    defects: &mut Defects<'_>,
) {
    for name in stories.iter().flat_map(|s| s.passes.iter().flatten().chain([&s.ends])) {
        if !headings.contains_key(&name.text) {
            let instead = suggest(&name.text, headings.keys().map(String::as_str));
            defects.add(name.span.clone(), format!("unknown step `{}`", name.text), instead);
        }
    }
}
