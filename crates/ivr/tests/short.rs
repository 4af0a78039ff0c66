//! The two short scripts: for a caller who calls again and again, and for one who is blocked for a time.

mod common;

use common::{Story, text};
use senim_ivr::{Script, World};

/// FEATURES T18: any key leads to a human at once, silence leads to one as well, and nothing is refused.
#[test]
fn whoever_calls_again_and_again_reaches_a_human_by_any_key_and_by_none() {
    for key in "123456789*#".chars() {
        let mut s = Story::of("still_here");
        s.keys(&key.to_string());
        let placed = s.queued.last().unwrap_or_else(|| panic!("{key}: {}", s.told));
        assert!(!placed.urgent && !s.hung_up, "{}", s.told);
    }
    let mut s = Story::of("still_here");
    s.keys("0");
    assert!(s.queued.last().is_some_and(|p| p.urgent && p.priority == 0), "{}", s.told);
    let mut s = Story::of("still_here");
    s.listen().silence().listen().silence();
    assert!(s.queued.last().is_some_and(|p| !p.urgent) && !s.hung_up, "{}", s.told);
}

/// FEATURES T19: a block never shuts out danger.
#[test]
fn a_blocked_caller_is_told_so_and_the_urgent_key_leads_to_a_human_at_every_moment() {
    type Way = fn(&mut Story);
    let ways: [Way; 4] = [
        |_| {},
        |s| {
            s.listen();
        },
        |s| {
            s.listen().silence();
        },
        |s| {
            s.keys("5");
        },
    ];
    for way in ways {
        let mut s = Story::of("blocked");
        way(&mut s);
        s.keys("0");
        assert!(s.queued.last().is_some_and(|p| p.urgent && p.priority == 0), "{}", s.told);
    }
    let mut s = Story::of("blocked");
    s.listen().silence().listen().silence();
    assert!(s.hung_up && s.queued.is_empty(), "{}", s.told);
    assert!(s.told.contains("kk:blocked_notice ru:blocked_notice"), "in both languages: {}", s.told);
}

#[test]
fn a_script_for_the_blocked_must_have_the_urgent_key_and_an_end() {
    let said = |from: &str, to: &str| {
        let changed = text("blocked").replacen(from, to, 1);
        assert_ne!(changed, text("blocked"), "{from}");
        let read = Script::read("blocked.toml", &changed, &World::unknown());
        read.map_or_else(|defects| defects.iter().map(ToString::to_string).collect(), |_| String::new())
    };
    assert!(said("urgent = {", "# urgent = {").contains("urgent"));
    assert!(said("priority = 0", "priority = 5").contains("priority"));
    assert!(said("otherwise = \"bye\"\n", "").contains("otherwise"));
    assert!(said("otherwise = \"bye\"", "otherwise = \"notice\"").contains("goes round for ever"));
    assert!(said("purpose = \"blocked\"\n", "").contains("human"));
}
