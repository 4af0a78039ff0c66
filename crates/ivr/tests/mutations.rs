//! Scripts with one thing wrong: each is refused at the line that is wrong, with a word that helps
//! (FEATURES I4, Z4).

mod common;

use common::steps as text;
use expect_test::expect;
use senim_base::Language;
use senim_ivr::{Script, Shelf, World};
use std::collections::BTreeSet;

/// The world of the line: its queue, its forward, and every prompt that the script names as it is shipped.
fn world() -> World {
    let script = Script::read("111.toml", &text("111"), &World::unknown()).expect("it is proven");
    let all = |l: Language| script.prompts().into_iter().map(move |p| (l, p.to_owned()));
    World {
        prompts: Some(Language::ALL.into_iter().flat_map(all).collect()),
        queues: Some(BTreeSet::from(["main".to_owned()])),
        forwards: Some(BTreeSet::from(["ucc".to_owned()])),
    }
}

/// What the reader says of a text, one defect a line.
fn told(text: &str, world: &World) -> String {
    match Script::read("111.toml", text, world) {
        Ok(_) => "proven".to_owned(),
        Err(defects) => defects.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// The shipped script with one place changed.
fn changed(from: &str, to: &str) -> String {
    let text = text("111");
    assert_eq!(text.matches(from).count(), 1, "{from:?} must stand there once");
    text.replacen(from, to, 1)
}

const LEGAL: &str = "[step.legal]\nqueue = \"main\"\ntopic = \"legal\"\nnotice = \"connecting\"\n";

#[test]
fn every_broken_script_is_refused_at_its_line_with_a_word_that_helps() {
    let swaps: Vec<(&str, &str, &str)> = vec![
        ("a step misspelt", "1 = \"legal\"", "1 = \"legall\""),
        ("a start that is nowhere", "start = \"greeting\"", "start = \"welcome\""),
        ("an urgent step misspelt", "to = \"urgent\"", "to = \"urgnt\""),
        ("a human who is no queue", "human = \"human\"\n\n", "human = \"topics\"\n\n"),
        ("an urgent key to no queue", "to = \"urgent\"", "to = \"topics\""),
        ("the urgent key in a menu", "4 = \"appeal\"", "4 = \"appeal\", 0 = \"human\""),
        ("the urgent key of the language", "2 = \"ru\"", "0 = \"ru\""),
        ("the urgent key ends a number", "terminator = \"#\"", "terminator = \"0\""),
        ("a digit ends a number", "terminator = \"#\"", "terminator = \"5\""),
        ("urgent is not first", "priority = 0", "priority = 5"),
        ("somebody else is first", LEGAL, "[step.legal]\nqueue = \"main\"\npriority = 0\n"),
        ("no urgent key", "urgent = { key", "# urgent = { key"),
        ("an urgent key without step", "key = \"0\", to = \"urgent\"", "key = \"0\""),
        ("no human", "human = \"human\"\n\n", "\n"),
        ("an unknown key", "priority = 0", "prioritty = 0"),
        ("a misspelt verb", "say = [\"greeting\"", "sya = [\"greeting\""),
        ("a step without verb", "say = \"ucc_failed\"\n", ""),
        ("a step with two verbs", "forward = \"ucc\"", "forward = \"ucc\"\nqueue = \"main\""),
        ("an unknown prompt", "say = \"ucc_failed\"", "say = \"ucc_faild\""),
        ("an unknown queue", LEGAL, "[step.legal]\nqueue = \"mian\"\n"),
        ("an unknown forward", "forward = \"ucc\"", "forward = \"ukc\""),
        ("no language key for Russian", "1 = \"kk\", 2 = \"ru\"", "1 = \"kk\""),
        ("an unknown language", "2 = \"ru\"", "2 = \"rus\""),
        ("an unknown default language", "default_language = \"kk\"", "default_language = \"en\""),
        ("a key that no phone has", "1 = \"legal\"", "10 = \"legal\""),
        ("no keys", "{ 1 = \"legal\", 2 = \"psychology\", 3 = \"ucc\", 4 = \"appeal\" }", "{}"),
        ("too many digits", "digits = 11", "digits = 99"),
        ("digits in words", "digits = 11", "digits = \"eleven\""),
        ("no tries", "tries = 3\nagain", "tries = 0\nagain"),
        ("a step that nobody reaches", "1 = \"legal\", ", ""),
        ("silence goes round", "then = \"human\"", "then = \"ucc\""),
        ("silence goes round one step", "then = \"human\"", "then = \"ucc_failed\""),
        ("a status without a number", "4 = \"appeal\"", "4 = \"status\", 5 = \"appeal\""),
        ("an undeclared ending", LEGAL, "[step.legal]\nhang_up = \"advised\"\n"),
        ("an ending nobody uses", "default_language", "endings = [\"advised\"]\ndefault_language"),
        ("a silent step for callers", LEGAL, "[step.legal]\nsilent = true\n"),
        ("a loop for callers", LEGAL, "[step.legal]\nloop = \"connecting\"\nkeys = { 1 = \"human\" }\n"),
        (
            "no way on",
            "[step.ucc_failed]\nsay = \"ucc_failed\"\nthen = \"human\"",
            "[step.ucc_failed]\nsay = \"ucc_failed\"",
        ),
        ("a notice forgotten", "notice = \"ucc_notice\"\n", ""),
        ("another schema", "schema = 1", "schema = 2"),
        ("no schema", "schema = 1", ""),
        ("an unknown purpose", "schema = 1", "schema = 1\npurpose = \"test\""),
        ("not TOML", "keys = { 1 = \"kk\"", "keys = { 1 = \"kk"),
        ("a step twice", "[step.human]", "[step.legal]"),
        ("a name of a step with a blank", "[step.human]", "[step.\"hu man\"]"),
        ("languages of what", "languages = \"both\"", "languages = \"all\""),
        ("an empty name", "topic = \"legal\"", "topic = \"\""),
        ("an unknown table", "[step.human]", "[steps.human]"),
    ];
    let world = world();
    assert_eq!(told(&text("111"), &world), "proven");
    let mut all = String::new();
    for (what, from, to) in swaps {
        let defects = told(&changed(from, to), &world);
        assert_ne!(defects, "proven", "{what} was not found");
        all.push_str(&format!("# {what}\n{defects}\n"));
    }
    expect![[r##"
        # a step misspelt
        111.toml:30: unknown step `legall`; did you mean `legal`?
        # a start that is nowhere
        111.toml:5: unknown step `welcome`; write one of `appeal`, `greeting`, `human`, `language`, `legal`, `psychology`, `status`, `topics`, `ucc`, `ucc_failed`, `urgent`
        # an urgent step misspelt
        111.toml:10: unknown step `urgnt`; did you mean `urgent`?
        # a human who is no queue
        111.toml:12: `human` leads to `topics`, which is no queue; name a step with `queue`
        111.toml:12: a caller who presses nothing goes round for ever: topics → topics; lead to a step with `queue`
        # an urgent key to no queue
        111.toml:10: the urgent key leads to `topics`, which is no queue; name a step with `queue`
        111.toml:81: no way leads to step `urgent`; lead a key or a `then` to it, or take it out
        # the urgent key in a menu
        111.toml:30: step `topics` uses key 0, which is the urgent key everywhere; choose another key
        # the urgent key of the language
        111.toml:19: step `language` uses key 0, which is the urgent key everywhere; choose another key
        # the urgent key ends a number
        111.toml:62: `terminator` 0 is a digit of numbers; write "#" or "*"
        # a digit ends a number
        111.toml:62: `terminator` 5 is a digit of numbers; write "#" or "*"
        # urgent is not first
        111.toml:81: the urgent step `urgent` has priority 5; write priority = 0
        # somebody else is first
        111.toml:37: step `legal` has the priority of the urgent step; write priority = 5
        # no urgent key
        111.toml:1: the script lacks `urgent`; write urgent = { key = "0", to = "urgent" }
        # an urgent key without step
        111.toml:10: `urgent` lacks `to`; write to = "A STEP" with the urgent queue
        # no human
        111.toml:1: the script lacks `human`; write human = "A STEP", for callers whom the script cannot help
        # an unknown key
        111.toml:83: unknown key `prioritty` in step `urgent`; did you mean `priority`?
        # a misspelt verb
        111.toml:15: step `greeting` does nothing; did you mean `say`?
        # a step without verb
        111.toml:54: step `ucc_failed` does nothing; write one of say, menu, language, collect, status, queue, forward, hang_up, silent, loop
        # a step with two verbs
        111.toml:51: step `ucc` does two things, `forward` and `queue`; make two steps of it and join them with `then`
        # an unknown prompt
        111.toml:55: unknown prompt `ucc_faild`; did you mean `ucc_failed`?
        # an unknown queue
        111.toml:38: unknown queue `mian`; did you mean `main`?
        # an unknown forward
        111.toml:50: unknown forward `ukc`; did you mean `ucc`?
        # no language key for Russian
        111.toml:19: step `language` has no key for ru; add a key = "ru" to its keys
        # an unknown language
        111.toml:21: `keys` cannot be `rus`; did you mean `ru`?
        # an unknown default language
        111.toml:7: `default_language` cannot be `en`; write one of `kk`, `ru`
        # a key that no phone has
        111.toml:30: `10` is no key of a phone; write one of 0 to 9, "*" or "#"
        # no keys
        111.toml:30: `keys` has no key; write at least one, as in { 1 = "legal" }
        # too many digits
        111.toml:61: `digits` is 99; write 1 to 32
        # digits in words
        111.toml:61: `digits` is not a whole number but text; write a whole number
        # no tries
        111.toml:73: `tries` is 0; write 1 to 9
        # a step that nobody reaches
        111.toml:37: no way leads to step `legal`; lead a key or a `then` to it, or take it out
        # silence goes round
        111.toml:56: a caller who presses nothing goes round for ever: ucc → ucc_failed → ucc; lead to a step with `queue`
        # silence goes round one step
        111.toml:56: a caller who presses nothing goes round for ever: ucc_failed → ucc_failed; lead to a step with `queue`
        # a status without a number
        111.toml:30: `status` tells a status, but no number was asked for; lead to a step with `collect` that goes on to it
        # an undeclared ending
        111.toml:38: unknown ending `advised`; write endings = ["advised"] at the top
        # an ending nobody uses
        111.toml:7: no step ends with `advised`; take it out, or write a step with hang_up
        # a silent step for callers
        111.toml:37: step `legal` never ends: `silent` is not for callers; write purpose = "measuring" at the top, or take the step out
        # a loop for callers
        111.toml:37: step `legal` never ends: `loop` is not for callers; write purpose = "measuring" at the top, or take the step out
        # no way on
        111.toml:54: step `ucc_failed` lacks `then`; write then = "A STEP"
        # a notice forgotten
        111.toml:49: step `ucc` lacks `notice`; write notice = "A PROMPT"
        # another schema
        111.toml:4: this program does not read schema 2; write schema = 1
        # no schema
        111.toml:1: the script lacks `schema`; write schema = 1
        # an unknown purpose
        111.toml:5: `purpose` cannot be `test`; write one of `line`, `measuring`, `blocked`
        # not TOML
        111.toml:21: this is not TOML: missing comma between key-value pairs, expected `,`; mend it, then the rest is read
        # a step twice
        111.toml:77: this is not TOML: duplicate key; mend it, then the rest is read
        # a name of a step with a blank
        111.toml:12: unknown step `human`; did you mean `hu man`?
        111.toml:56: unknown step `human`; did you mean `hu man`?
        111.toml:77: `hu man` cannot be the name of a step; write 1 to 64 of a-z, 0-9, _ and -
        # languages of what
        111.toml:16: `languages` cannot be `all`; write one of `both`, `callers`
        # an empty name
        111.toml:39: `topic` is empty or too long; write 1 to 64 letters
        # an unknown table
        111.toml:12: unknown step `human`; write one of `appeal`, `greeting`, `language`, `legal`, `psychology`, `status`, `topics`, `ucc`, `ucc_failed`, `urgent`
        111.toml:56: unknown step `human`; write one of `appeal`, `greeting`, `language`, `legal`, `psychology`, `status`, `topics`, `ucc`, `ucc_failed`, `urgent`
        111.toml:77: unknown key `steps` in the script; did you mean `step`?
    "##]].assert_eq(&all);
}

/// FEATURES I2: who gives no answer is never hung up on, nor kept from a human.
#[test]
fn a_caller_whom_nobody_helped_is_not_hung_up_on() {
    let bye = "\n[step.bye]\nhang_up = \"gone\"\n";
    let with_ending = |text: String| text.replacen("schema = 1", "schema = 1\nendings = [\"gone\"]", 1) + bye;
    let menu = with_ending(changed("4 = \"appeal\" }", "4 = \"appeal\" }\notherwise = \"bye\""));
    let forward = with_ending(changed("then = \"human\"", "then = \"bye\""));
    let status = with_ending(changed("again = \"appeal\"", "again = \"appeal\"\notherwise = \"bye\""));
    expect![[r#"
        111.toml:32: a caller whom nobody helped yet is hung up on in `bye`; lead to a step with `queue`
        111.toml:53: a caller whom nobody helped yet is hung up on in `bye`; lead to a step with `queue`
        111.toml:76: a caller whom nobody helped yet is hung up on in `bye`; lead to a step with `queue`"#]]
    .assert_eq(&[menu, forward, status].map(|t| told(&t, &World::unknown())).join("\n"));
}

/// FEATURES Z4: an ending that the caller chose is one.
#[test]
fn a_caller_may_choose_to_hear_and_go() {
    let text = changed("4 = \"appeal\"", "4 = \"appeal\", 9 = \"bye\"").replacen(
        "schema = 1",
        "schema = 1\nendings = [\"gone\"]",
        1,
    ) + "\n[step.bye]\nhang_up = \"gone\"\nafter = \"goodbye\"\n";
    assert_eq!(told(&text, &World::unknown()), "proven");
}

/// FEATURES Z4.
#[test]
fn a_human_is_never_more_than_three_answers_away() {
    let deep = |menus: usize| {
        let mut text = String::from(
            "schema = 1\nstart = \"m1\"\ndefault_language = \"kk\"\nhuman = \"human\"\nurgent = { key = \"0\", to = \"urgent\" }\n",
        );
        for n in 1..=menus {
            let to = if n == menus { "human".to_owned() } else { format!("m{}", n + 1) };
            text += &format!("[step.m{n}]\nmenu = \"topic_menu\"\nkeys = {{ 1 = \"{to}\" }}\n");
        }
        text + "[step.human]\nqueue = \"main\"\n[step.urgent]\nqueue = \"main\"\npriority = 0\n"
    };
    assert_eq!(told(&deep(3), &World::unknown()), "proven");
    expect![
        "111.toml:2: no human within 3 keys of the start; lead a key of an early menu to a step with `queue`"
    ]
    .assert_eq(&told(&deep(4), &World::unknown()));
}

/// FEATURES L2: a prompt with sound in one language only is no prompt.
#[test]
fn a_prompt_must_have_sound_in_both_languages() {
    let mut world = world();
    world.prompts.as_mut().expect("known").remove(&(Language::Kazakh, "ucc_notice".to_owned()));
    expect![
        "111.toml:51: prompt `ucc_notice` has no sound in kk; add `ucc_notice` to kk.toml and make its sound"
    ]
    .assert_eq(&told(&text("111"), &world));
}

#[test]
fn a_script_with_many_faults_tells_all_of_them_at_once() {
    let text = changed("1 = \"legal\"", "1 = \"legall\"")
        .replacen("priority = 0", "prioritty = 0", 1)
        .replacen("digits = 11", "digits = 99", 1)
        .replacen("default_language = \"kk\"", "default_language = \"kz\"", 1);
    expect![[r#"
        111.toml:7: `default_language` cannot be `kz`; did you mean `kk`?
        111.toml:30: unknown step `legall`; did you mean `legal`?
        111.toml:61: `digits` is 99; write 1 to 32
        111.toml:83: unknown key `prioritty` in step `urgent`; did you mean `priority`?"#]]
    .assert_eq(&told(&text, &world()));
}

/// FEATURES I4: a bad file is refused and the old one stays live, a good one takes its place.
#[test]
fn a_bad_script_leaves_the_old_one_live() {
    let mut shelf = Shelf::new();
    let old = shelf.put("ivr-scripts/111.toml", &text("111"), &world()).expect("it is proven");
    let defects = shelf.put("ivr-scripts/111.toml", &changed("1 = \"legal\"", "1 = \"legall\""), &world());
    assert_eq!(defects.map(|_| ()).map_err(|d| d.len()), Err(1));
    assert_eq!(shelf.get("111").map(|s| s.hash()), Some(old.hash()));
    let new = shelf.put("ivr-scripts/111.toml", &changed("tries = 3\nagain", "tries = 2\nagain"), &world());
    assert_ne!(new.expect("it is proven").hash(), old.hash());
    assert_ne!(shelf.get("111").map(|s| s.hash()), Some(old.hash()));
    assert_eq!(shelf.iter().count(), 1);
}

#[test]
fn a_script_has_ceilings_on_both_sides() {
    let minimal = text("minimal");
    let padded = |bytes: usize| format!("{minimal}#{}", "x".repeat(bytes - minimal.len() - 1));
    assert_eq!(told(&padded(Script::BYTES_MAX), &World::unknown()), "proven");
    assert!(told(&padded(Script::BYTES_MAX + 1), &World::unknown()).contains("too long"));
    let says = |steps: usize| {
        // Four steps stand there already.
        let mut text = minimal.replacen("then = \"language\"", "then = \"s4\"", 1);
        for n in 4..steps {
            let to = if n + 1 == steps { "language".to_owned() } else { format!("s{}", n + 1) };
            text += &format!("\n[step.s{n}]\nsay = \"comfort\"\nthen = \"{to}\"\n");
        }
        text
    };
    assert_eq!(told(&says(Script::STEPS_MAX), &World::unknown()), "proven");
    assert!(told(&says(Script::STEPS_MAX + 1), &World::unknown()).contains("501 steps are too many"));
}

proptest::proptest! {
    /// Whatever is cut out of a script, or put into it, the reader answers and does not break.
    #[test]
    fn no_text_breaks_the_reader(at in 0usize..4_000, cut in 0usize..40, put in "[\\[\\]{}=\"#a-z0-9\\n ]{0,12}") {
        let whole: Vec<char> = text("111").chars().collect();
        let (at, end) = (at.min(whole.len()), (at + cut).min(whole.len()));
        let text: String = whole[..at].iter().copied().chain(put.chars()).chain(whole[end..].iter().copied()).collect();
        let _answer = told(&text, &World::unknown());
    }
}
