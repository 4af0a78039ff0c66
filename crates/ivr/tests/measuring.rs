//! The scripts that a measuring program dials.

mod common;

use common::Story;
use expect_test::expect;

#[test]
fn a_measured_call_stays_silent() {
    let mut s = Story::of("bench-sig");
    s.keys("019#");
    assert_eq!(s.run.deadline(), None);
    expect![[r#"
          0.0 [silence]
          0.1 < 0
          0.2 < 1
          0.3 < 9
          0.4 < #
    "#]]
    .assert_eq(&s.told);
}

#[test]
fn a_measured_call_hears_a_prompt_for_ever_until_9() {
    let mut s = Story::of("bench-ivr");
    s.keys("10");
    assert_eq!(s.run.deadline(), None);
    s.keys("9");
    expect![[r#"
          0.0 [prompt]
          0.0 > kk:greeting kk:recorded kk:topic_menu ru:greeting ru:recorded ru:topic_menu for ever
          0.1 < 1
          0.2 < 0
          0.3 < 9
          0.3 key 9 in prompt
          0.3 hush
          0.3 [bye]
          0.3 hang up: measured
    "#]]
    .assert_eq(&s.told);
}

#[test]
fn a_measured_call_queues_at_once() {
    let s = Story::of("bench-queue");
    expect![[r#"
          0.0 [wait]
          0.0 language ru
          0.0 queue main ru any topic priority 5
    "#]]
    .assert_eq(&s.told);
}
