//! The scripts that are shipped: each is proven, and needs nothing that is not shipped too.

use senim_base::Language;
use senim_ivr::{Script, World, spoken};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts")
}

fn shipped() -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = fs::read_dir(folder())
        .expect("the scripts are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|e| e == "toml"))
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("readable"))
        })
        .collect();
    all.sort();
    all
}

/// The names of the texts that are shipped in a language.
fn texts(language: Language) -> Option<BTreeSet<String>> {
    let text = fs::read_to_string(folder().join(format!("prompts/{}.toml", language.code()))).ok()?;
    let table: toml::Table = text.parse().expect("prompt texts are TOML");
    Some(table.keys().cloned().collect())
}

fn world() -> World {
    let mut world = World::unknown();
    world.queues = Some(BTreeSet::from(["main".to_owned()]));
    world.forwards = Some(BTreeSet::from(["ucc".to_owned()]));
    let known: Vec<_> = Language::ALL.into_iter().filter_map(|l| Some((l, texts(l)?))).collect();
    if known.len() == Language::ALL.len() {
        let all = known.into_iter().flat_map(|(l, names)| names.into_iter().map(move |n| (l, n)));
        world.prompts = Some(all.collect());
    }
    world
}

/// FEATURES I4, Z4, L2.
#[test]
fn every_shipped_script_is_proven_with_the_shipped_prompts() {
    let names: Vec<String> = shipped().into_iter().map(|(name, _)| name).collect();
    for wanted in ["111.toml", "minimal.toml", "bench-sig.toml", "bench-ivr.toml", "bench-queue.toml"] {
        assert!(names.iter().any(|n| n == wanted), "{wanted} is missing");
    }
    for (name, text) in shipped() {
        if let Err(defects) = Script::read(&name, &text, &world()) {
            let all: Vec<String> = defects.iter().map(ToString::to_string).collect();
            panic!("{}", all.join("\n"));
        }
    }
}

/// FEATURES L2: spoken numbers have all their words in both languages.
#[test]
fn every_word_of_spoken_numbers_is_shipped() {
    for language in Language::ALL {
        if let Some(texts) = texts(language) {
            let missing: Vec<String> =
                spoken::vocabulary().into_iter().filter(|w| !texts.contains(w)).collect();
            assert!(missing.is_empty(), "{language} lacks {missing:?}");
        }
    }
}
