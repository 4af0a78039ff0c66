//! Stories that scripts tell of themselves: one that does not come true refuses the script (FEATURES I5).

mod common;

use common::{steps, text};
use expect_test::expect;
use senim_ivr::{Act, Script, Shelf, Unfit, Walk, World};
use std::sync::Arc;

/// The shortest script, with other stories than its own.
fn with(story: &str) -> String {
    format!("{}\n[[test]]\n{story}", steps("minimal"))
}

fn said(story: &str) -> String {
    match Script::read("minimal.toml", &with(story), &World::unknown()) {
        Ok(_) => "proven\n".to_owned(),
        Err(defects) => defects.iter().map(|d| format!("{}:{} {d}\n", d.line, d.column)).collect(),
    }
}

#[test]
fn a_story_that_comes_out_otherwise_refuses_the_script_at_its_line() {
    let stories = [
        "name = \"waits\"\ndo = [\"2\"]\nends = \"human\"\n",
        "name = \"waits\"\ndo = [\"2\"]\nends = \"urgent\"\n",
        "name = \"waits\"\ndo = [\"2\"]\nends = \"humann\"\n",
        "name = \"waits\"\ndo = [\"2\"]\nends = \"human\"\nlanguage = \"kk\"\n",
        "name = \"waits\"\ndo = [\"2\"]\nends = \"human\"\npasses = [\"greeting\", \"human\"]\n",
        "name = \"waits\"\ndo = [\"2\"]\nends = \"human\"\npasses = [\"greeting\", \"language\"]\n",
        "name = \"hears\"\ndo = [\"2\"]\nends = \"human\"\nhears = [\"recorded\", \"recorded\", \"greeting\"]\n",
        "name = \"hears\"\ndo = [\"2\", \"listen\"]\nends = \"human\"\n",
        "name = \"hears\"\ndo = [\"failed\"]\nends = \"human\"\n",
        "name = \"hears\"\ndo = [\"lisen\"]\nends = \"human\"\n",
        "name = \"hears\"\ndo = []\nends = \"human\"\n",
        "name = \"hears\"\ndoo = [\"2\"]\nends = \"human\"\n",
    ];
    expect![[r#"
        proven
        27:8 minimal.toml:27: test `waits` ends in `human`, not in `urgent`; mend the steps, or write ends = "human"
        27:8 minimal.toml:27: unknown step `humann`; did you mean `human`?
        28:1 minimal.toml:28: test `waits` ends in ru, not in kk; mend the steps, or write the other language
        28:23 minimal.toml:28: test `waits` passes `language` and not `human`; mend the steps, or write passes = ["greeting", "language", "human"]
        25:8 minimal.toml:25: test `waits` also passes `human`; mend the steps, or write passes = ["greeting", "language", "human"]
        28:34 minimal.toml:28: test `hears` does not hear `greeting` there; mend the steps, or choose among what is heard: greeting, recorded, greeting, recorded
        26:12 minimal.toml:26: test `hears`: `listen` cannot be: nothing plays; take it out: the caller is in `human`
        26:7 minimal.toml:26: test `hears`: `failed` cannot be: the call is not on its way to another centre; in `greeting` write keys, or "listen", "silence"
        26:7 minimal.toml:26: `lisen` is neither keys nor something that happens; did you mean `listen`?
        26:6 minimal.toml:26: `do` has 0 names; write 1 to 64
        26:1 minimal.toml:26: unknown key `doo` in a `test`; did you mean `do`?
    "#]].assert_eq(&stories.map(said).concat());
}

/// FEATURES I4.
#[test]
fn a_story_that_fails_leaves_the_old_wording_live() {
    let mut shelf = Shelf::new();
    let old = shelf.put("minimal.toml", &text("minimal"), &World::unknown()).expect("it is proven");
    let broken = text("minimal").replace("ends = \"urgent\"", "ends = \"human\"");
    assert!(shelf.put("minimal.toml", &broken, &World::unknown()).is_err());
    assert_eq!(shelf.get("minimal").map(|s| s.hash()), Some(old.hash()));
}

#[test]
fn what_no_story_tells_is_named() {
    let whole = with("name = \"waits\"\ndo = [\"2\"]\nends = \"human\"\n");
    let script = Script::read("minimal.toml", &whole, &World::unknown()).expect("it is proven");
    let (told, coverage) = Arc::new(script).stories();
    assert_eq!((told[0].name.as_str(), told[0].ends.as_str()), ("waits", "human"));
    assert!(!coverage.is_whole());
    assert_eq!(coverage.to_string(), "3 of 4 steps, 2 of 4 ways");
    assert_eq!(coverage.steps_missed().collect::<Vec<_>>(), ["urgent"]);
    let ways: Vec<String> = coverage.edges_missed().map(ToString::to_string).collect();
    assert_eq!(ways, ["* → urgent (urgent key 0)", "language → human (otherwise)"]);
}

#[test]
fn stories_and_their_words_have_a_ceiling() {
    let story = "\n[[test]]\nname = \"waits\"\ndo = [\"2\"]\nends = \"human\"\n";
    let many = |n: usize| steps("minimal") + &story.repeat(n);
    let read = |text: &str| Script::read("minimal.toml", text, &World::unknown());
    assert!(read(&many(Script::STORIES_MAX)).is_ok());
    let defects = read(&many(Script::STORIES_MAX + 1)).expect_err("too many");
    assert!(defects[0].to_string().contains("write at most 500"), "{}", defects[0]);
    let words = |n: usize| said(&format!("name = \"w\"\ndo = [{}]\nends = \"human\"\n", "\"2\",".repeat(n)));
    assert_eq!(words(64), "proven\n");
    assert!(words(65).contains("write 1 to 64"), "{}", words(65));
}

#[test]
fn an_act_that_cannot_be_changes_nothing() {
    let mut walk = Walk::begin(common::script("111"));
    for (act, why) in [
        (Act::Found, Unfit::NoStatusAsked),
        (Act::Unknown, Unfit::NoStatusAsked),
        (Act::Answered, Unfit::NoForward),
        (Act::Failed, Unfit::NoForward),
        (Act::Ended, Unfit::NoForward),
    ] {
        assert_eq!((walk.act(act), walk.step()), (Err(why), "greeting"));
    }
    assert_eq!(walk.possible(), [Act::Listen, Act::Silence]);
    ["1", "3", "listen", "ended"].iter().flat_map(|w| Act::read(w).expect("an act")).for_each(|act| {
        walk.act(act).expect("it fits");
    });
    assert!(walk.is_over() && walk.possible().is_empty());
    assert_eq!(walk.act(Act::Key('0')), Err(Unfit::Over));
}
