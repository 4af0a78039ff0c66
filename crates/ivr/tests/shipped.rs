//! The scripts that are shipped: each is proven, and needs nothing that is not shipped too.

use senim_base::Language;
use senim_ivr::{Script, World, spoken};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
fn texts(language: Language) -> BTreeSet<String> {
    let path = folder().join(format!("prompts/{}.toml", language.code()));
    let table: toml::Table = fs::read_to_string(path).expect("the texts are there").parse().expect("TOML");
    table.keys().cloned().collect()
}

fn world() -> World {
    let of = |l: Language| texts(l).into_iter().map(move |name| (l, name));
    World {
        prompts: Some(Language::ALL.into_iter().flat_map(of).collect()),
        queues: Some(BTreeSet::from(["main".to_owned()])),
        forwards: Some(BTreeSet::from(["ucc".to_owned()])),
    }
}

/// FEATURES I4, Z4, L2.
#[test]
fn every_shipped_script_is_proven_with_the_shipped_prompts() {
    let names: Vec<String> = shipped().into_iter().map(|(name, _)| name).collect();
    for wanted in [
        "111.toml",
        "blocked.toml",
        "minimal.toml",
        "still_here.toml",
        "bench-sig.toml",
        "bench-ivr.toml",
        "bench-queue.toml",
    ] {
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
        let texts = texts(language);
        let missing: Vec<String> = spoken::vocabulary().into_iter().filter(|w| !texts.contains(w)).collect();
        assert!(missing.is_empty(), "{language} lacks {missing:?}");
    }
}

/// FEATURES I5: no step and no way of a shipped script is left untold by its own stories.
#[test]
fn the_stories_of_every_shipped_script_take_every_way() {
    for (name, text) in shipped() {
        let script = Arc::new(Script::read(&name, &text, &world()).expect("it is proven"));
        let (told, coverage) = script.stories();
        let missed: Vec<String> = coverage.edges_missed().map(ToString::to_string).collect();
        assert!(coverage.is_whole() && !told.is_empty(), "{name}: {coverage}; missed {missed:?}");
    }
}
