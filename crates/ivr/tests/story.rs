//! The script of the line 111, walked with virtual time and without a phone (FEATURES I5).

mod common;

use common::{Story, script};
use expect_test::{Expect, expect};
use senim_base::{Instant, Language};
use senim_ivr::{Fault, Input, Output, Run, SayId, TYPED_AHEAD_MAX, Word, spoken};

fn check(story: &Story, expected: &Expect) {
    expected.assert_eq(&story.told);
}

/// FEATURES I1.
#[test]
fn the_caller_listens_to_all_and_chooses_russian_and_legal_help() {
    let mut s = Story::of("111");
    s.listen().listen().keys("2").listen().keys("1");
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            8.0 [language]
            8.0 > kk:language_menu ru:language_menu
            12.1 < 2
            12.1 key 2 in language
            12.1 language ru
            12.1 [topics]
            12.1 > ru:topic_menu
            14.2 < 1
            14.2 key 1 in topics
            14.2 [legal]
            14.2 > ru:connecting
            14.2 queue main ru legal priority 5
        "#]],
    );
}

/// FEATURES I1: keys barge in at any moment.
#[test]
fn a_caller_who_knows_the_menu_types_ahead_through_the_greeting() {
    let mut s = Story::of("111");
    s.keys("12");
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 1
              0.1 hush
              0.1 [language]
              0.1 key 1 in language
              0.1 language kk
              0.1 [topics]
              0.1 > kk:topic_menu
              0.2 < 2
              0.2 hush
              0.2 key 2 in topics
              0.2 [psychology]
              0.2 > kk:connecting
              0.2 queue main kk psychology priority 5
        "#]],
    );
}

/// FEATURES I2, L1.
#[test]
fn a_caller_who_presses_nothing_gets_a_human_in_the_default_language() {
    let mut s = Story::of("111");
    s.listen().listen().silence().listen().silence().listen().silence();
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            8.0 [language]
            8.0 > kk:language_menu ru:language_menu
            17.0 … NoKey
            17.0 > kk:no_key kk:language_menu ru:no_key ru:language_menu
            30.0 … NoKey
            30.0 > kk:no_key kk:language_menu ru:no_key ru:language_menu
            43.0 … NoKey
            43.0 language kk
            43.0 [human]
            43.0 > kk:connecting
            43.0 queue main kk any topic priority 5
        "#]],
    );
    assert!(!s.hung_up);
}

/// FEATURES I2, I6.
#[test]
fn a_caller_who_presses_wrong_keys_gets_a_human_and_every_key_is_told() {
    let mut s = Story::of("111");
    s.keys("7").keys("8").keys("9");
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 7
              0.1 hush
              0.1 [language]
              0.1 key 7 in language
              0.1 > kk:wrong_key kk:language_menu ru:wrong_key ru:language_menu
              0.2 < 8
              0.2 hush
              0.2 key 8 in language
              0.2 > kk:wrong_key kk:language_menu ru:wrong_key ru:language_menu
              0.3 < 9
              0.3 hush
              0.3 key 9 in language
              0.3 language kk
              0.3 [human]
              0.3 > kk:connecting
              0.3 queue main kk any topic priority 5
        "#]],
    );
}

/// FEATURES I2: in the chosen language, once it is chosen.
#[test]
fn a_caller_who_is_lost_in_the_topics_gets_a_human_in_his_language() {
    let mut s = Story::of("111");
    s.keys("2").listen().silence().keys("9").listen().silence();
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            0.1 < 2
            0.1 hush
            0.1 [language]
            0.1 key 2 in language
            0.1 language ru
            0.1 [topics]
            0.1 > ru:topic_menu
            7.1 … NoKey
            7.1 > ru:no_key ru:topic_menu
            7.2 < 9
            7.2 hush
            7.2 key 9 in topics
            7.2 > ru:wrong_key ru:topic_menu
            16.2 … NoKey
            16.2 [human]
            16.2 > ru:connecting
            16.2 queue main ru any topic priority 5
        "#]],
    );
}

/// FEATURES U1.
#[test]
fn the_status_of_an_appeal_is_told_and_the_menu_follows() {
    let mut s = Story::of("111");
    s.keys("14").keys("20260001238").then("in work", Input::StatusAnswer(Some("status_in_work"))).listen();
    // The `#` after eleven digits is not a wrong key of the next menu.
    s.keys("#");
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            0.1 < 1
            0.1 hush
            0.1 [language]
            0.1 key 1 in language
            0.1 language kk
            0.1 [topics]
            0.1 > kk:topic_menu
            0.2 < 4
            0.2 hush
            0.2 key 4 in topics
            0.2 [appeal]
            0.2 > kk:status_ask
            0.3 < 2
            0.3 hush
            0.4 < 0
            0.5 < 2
            0.6 < 6
            0.7 < 0
            0.8 < 0
            0.9 < 0
            1.0 < 1
            1.1 < 2
            1.2 < 3
            1.3 < 8
            1.3 [status]
            1.3 status of 20260001238?
            1.3 ! in work
            1.3 > kk:appeal_number_is kk:n2 kk:n0 kk:n2 kk:n6 kk:pause kk:n0 kk:n0 kk:n0 kk:pause kk:n1 kk:n2 kk:n3 kk:pause kk:n8 kk:status_is kk:status_in_work
            35.3 [topics]
            35.3 > kk:topic_menu
            35.4 < #
        "#]],
    );
}

/// FEATURES U1: three numbers that nobody knows, and a human helps.
#[test]
fn unknown_numbers_are_asked_for_again_and_then_a_human_helps() {
    let mut s = Story::of("111");
    s.keys("24").listen();
    for _ in 0..2 {
        s.keys("20260001239").then("unknown", Input::StatusAnswer(None)).listen().listen();
    }
    s.keys("20260001239").then("unknown", Input::StatusAnswer(None)).listen();
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            0.1 < 2
            0.1 hush
            0.1 [language]
            0.1 key 2 in language
            0.1 language ru
            0.1 [topics]
            0.1 > ru:topic_menu
            0.2 < 4
            0.2 hush
            0.2 key 4 in topics
            0.2 [appeal]
            0.2 > ru:status_ask
            2.3 < 2
            2.4 < 0
            2.5 < 2
            2.6 < 6
            2.7 < 0
            2.8 < 0
            2.9 < 0
            3.0 < 1
            3.1 < 2
            3.2 < 3
            3.3 < 9
            3.3 [status]
            3.3 status of 20260001239?
            3.3 ! unknown
            3.3 > ru:status_not_found
            5.3 [appeal]
            5.3 > ru:status_ask
            7.4 < 2
            7.5 < 0
            7.6 < 2
            7.7 < 6
            7.8 < 0
            7.9 < 0
            8.0 < 0
            8.1 < 1
            8.2 < 2
            8.3 < 3
            8.4 < 9
            8.4 [status]
            8.4 status of 20260001239?
            8.4 ! unknown
            8.4 > ru:status_not_found
            10.4 [appeal]
            10.4 > ru:status_ask
            12.5 < 2
            12.6 < 0
            12.7 < 2
            12.8 < 6
            12.9 < 0
            13.0 < 0
            13.1 < 0
            13.2 < 1
            13.3 < 2
            13.4 < 3
            13.5 < 9
            13.5 [status]
            13.5 status of 20260001239?
            13.5 ! unknown
            13.5 > ru:status_not_found
            15.5 [human]
            15.5 > ru:connecting
            15.5 queue main ru any topic priority 5
        "#]],
    );
}

#[test]
fn a_number_broken_off_is_wrong_and_a_star_begins_it_again() {
    let mut s = Story::of("111");
    s.keys("24").listen().keys("2026").silence().listen();
    s.keys("99*20260001238");
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            0.1 < 2
            0.1 hush
            0.1 [language]
            0.1 key 2 in language
            0.1 language ru
            0.1 [topics]
            0.1 > ru:topic_menu
            0.2 < 4
            0.2 hush
            0.2 key 4 in topics
            0.2 [appeal]
            0.2 > ru:status_ask
            2.3 < 2
            2.4 < 0
            2.5 < 2
            2.6 < 6
            7.6 … NextDigit
            7.6 > ru:status_wrong_format ru:status_ask
            11.7 < 9
            11.8 < 9
            11.9 < *
            11.9 > ru:status_ask
            12.0 < 2
            12.0 hush
            12.1 < 0
            12.2 < 2
            12.3 < 6
            12.4 < 0
            12.5 < 0
            12.6 < 0
            12.7 < 1
            12.8 < 2
            12.9 < 3
            13.0 < 8
            13.0 [status]
            13.0 status of 20260001238?
        "#]],
    );
}

/// FEATURES I3: within a number 0 is a digit; as the last key before silence it is a call for help.
#[test]
fn a_caller_who_breaks_off_a_number_and_presses_0_is_urgent() {
    let mut s = Story::of("111");
    s.keys("24").listen().keys("20260").silence();
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 2
              0.1 hush
              0.1 [language]
              0.1 key 2 in language
              0.1 language ru
              0.1 [topics]
              0.1 > ru:topic_menu
              0.2 < 4
              0.2 hush
              0.2 key 4 in topics
              0.2 [appeal]
              0.2 > ru:status_ask
              2.3 < 2
              2.4 < 0
              2.5 < 2
              2.6 < 6
              2.7 < 0
              7.7 … NextDigit
              7.7 key 0 in appeal
              7.7 [urgent]
              7.7 > ru:urgent_connecting
              7.7 queue main ru any topic priority 0, urgent
        "#]],
    );
}

#[test]
fn keys_typed_while_a_status_is_looked_up_wait_until_it_was_told() {
    let mut s = Story::of("111");
    s.keys("24").keys("20260001238#1").then("closed", Input::StatusAnswer(Some("status_closed"))).listen();
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            0.1 < 2
            0.1 hush
            0.1 [language]
            0.1 key 2 in language
            0.1 language ru
            0.1 [topics]
            0.1 > ru:topic_menu
            0.2 < 4
            0.2 hush
            0.2 key 4 in topics
            0.2 [appeal]
            0.2 > ru:status_ask
            0.3 < 2
            0.3 hush
            0.4 < 0
            0.5 < 2
            0.6 < 6
            0.7 < 0
            0.8 < 0
            0.9 < 0
            1.0 < 1
            1.1 < 2
            1.2 < 3
            1.3 < 8
            1.3 [status]
            1.3 status of 20260001238?
            1.4 < #
            1.5 < 1
            1.5 ! closed
            1.5 > ru:appeal_number_is ru:n2 ru:n0 ru:n2 ru:n6 ru:pause ru:n0 ru:n0 ru:n0 ru:pause ru:n1 ru:n2 ru:n3 ru:pause ru:n8 ru:status_is ru:status_closed
            35.5 [topics]
            35.5 key 1 in topics
            35.5 [legal]
            35.5 > ru:connecting
            35.5 queue main ru legal priority 5
        "#]],
    );
}

#[test]
fn a_status_that_nobody_tells_leads_to_a_human() {
    let mut s = Story::of("111");
    s.keys("2420260001238").silence();
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 2
              0.1 hush
              0.1 [language]
              0.1 key 2 in language
              0.1 language ru
              0.1 [topics]
              0.1 > ru:topic_menu
              0.2 < 4
              0.2 hush
              0.2 key 4 in topics
              0.2 [appeal]
              0.2 > ru:status_ask
              0.3 < 2
              0.3 hush
              0.4 < 0
              0.5 < 2
              0.6 < 6
              0.7 < 0
              0.8 < 0
              0.9 < 0
              1.0 < 1
              1.1 < 2
              1.2 < 3
              1.3 < 8
              1.3 [status]
              1.3 status of 20260001238?
              4.3 … StatusLate
              4.3 [human]
              4.3 > ru:connecting
              4.3 queue main ru any topic priority 5
        "#]],
    );
}

/// FEATURES X1: the notice first, then the forward; a failure brings the caller back to a human.
#[test]
fn a_forward_to_the_unified_contact_centre_fails_and_a_human_takes_over() {
    let mut s = Story::of("111");
    s.keys("13").listen().then("busy", Input::ForwardFailed).listen();
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 1
              0.1 hush
              0.1 [language]
              0.1 key 1 in language
              0.1 language kk
              0.1 [topics]
              0.1 > kk:topic_menu
              0.2 < 3
              0.2 hush
              0.2 key 3 in topics
              0.2 [ucc]
              0.2 > kk:ucc_notice
              2.2 forward to ucc, notice heard
              2.2 ! busy
              2.2 [ucc_failed]
              2.2 > kk:ucc_failed
              4.2 [human]
              4.2 > kk:connecting
              4.2 queue main kk any topic priority 5
        "#]],
    );
}

#[test]
fn a_forward_that_was_answered_ends_the_call_when_the_centre_hangs_up() {
    let mut s = Story::of("111");
    // His keys belong to the other centre now, even 0.
    s.keys("13")
        .keys("5")
        .then("answered", Input::ForwardAnswered)
        .keys("0")
        .then("over", Input::ForwardEnded);
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 1
              0.1 hush
              0.1 [language]
              0.1 key 1 in language
              0.1 language kk
              0.1 [topics]
              0.1 > kk:topic_menu
              0.2 < 3
              0.2 hush
              0.2 key 3 in topics
              0.2 [ucc]
              0.2 > kk:ucc_notice
              0.3 < 5
              0.3 key 5 in ucc
              0.3 hush
              0.3 forward to ucc, notice cut short
              0.3 ! answered
              0.4 < 0
              0.4 ! over
              0.4 hang up: forwarded
        "#]],
    );
}

/// FEATURES I3.
#[test]
fn urgent_is_told_once_more_while_waiting_and_not_twice() {
    let mut s = Story::of("111");
    s.keys("11").keys("5").keys("0").keys("0");
    check(
        &s,
        &expect![[r#"
              0.0 [greeting]
              0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
              0.1 < 1
              0.1 hush
              0.1 [language]
              0.1 key 1 in language
              0.1 language kk
              0.1 [topics]
              0.1 > kk:topic_menu
              0.2 < 1
              0.2 hush
              0.2 key 1 in topics
              0.2 [legal]
              0.2 > kk:connecting
              0.2 queue main kk legal priority 5
              0.3 < 5
              0.4 < 0
              0.4 key 0 in legal
              0.4 [urgent]
              0.4 queue main kk any topic priority 0, urgent
              0.5 < 0
        "#]],
    );
}

/// FEATURES I3: whatever was pressed before, and in every moment of it.
#[test]
fn the_urgent_key_works_in_every_place_of_the_script() {
    type Way = (&'static str, fn(&mut Story));
    let ways: [Way; 14] = [
        ("greeting", |_| {}),
        ("language menu", |s| {
            s.listen();
        }),
        ("language menu, silent", |s| {
            s.listen().listen();
        }),
        ("language menu again", |s| {
            s.listen().listen().silence();
        }),
        ("topics", |s| {
            s.keys("1");
        }),
        ("topics, silent", |s| {
            s.keys("2").listen();
        }),
        ("number", |s| {
            s.keys("14");
        }),
        ("number, silent", |s| {
            s.keys("14").listen();
        }),
        ("status looked up", |s| {
            s.keys("1420260001238");
        }),
        ("status told", |s| {
            s.keys("1420260001238").give(Input::StatusAnswer(Some("status_closed")));
        }),
        ("notice", |s| {
            s.keys("13");
        }),
        ("centre rings", |s| {
            s.keys("13").listen();
        }),
        ("after the failure", |s| {
            s.keys("13").listen().give(Input::ForwardFailed);
        }),
        ("waiting", |s| {
            s.keys("11");
        }),
    ];
    for (place, way) in ways {
        let mut s = Story::of("111");
        way(&mut s);
        s.keys("0");
        let last = s.queued.last().unwrap_or_else(|| panic!("{place}: not queued\n{}", s.told));
        assert!(last.urgent && last.priority == 0, "{place}\n{}", s.told);
        assert!(s.told.contains("key 0"), "{place}");
        assert!(s.run.language().is_some(), "{place}");
    }
}

#[test]
fn a_script_goes_on_when_the_end_of_a_prompt_is_never_told() {
    let mut s = Story::of("111");
    s.silence().silence().silence();
    check(
        &s,
        &expect![[r#"
            0.0 [greeting]
            0.0 > kk:greeting kk:recorded ru:greeting ru:recorded
            120.0 … PlayedLate
            120.0 [language]
            120.0 > kk:language_menu ru:language_menu
            240.0 … PlayedLate
            245.0 … NoKey
            245.0 > kk:no_key kk:language_menu ru:no_key ru:language_menu
        "#]],
    );
}

#[test]
fn late_and_foreign_inputs_change_nothing() {
    let mut s = Story::of("111");
    s.keys("11");
    let told = s.told.clone();
    s.give(Input::Played(senim_ivr::SayId(1)));
    s.give(Input::StatusAnswer(Some("status_closed"))).give(Input::ForwardFailed).give(Input::ForwardEnded);
    s.give(Input::ForwardAnswered).give(Input::Timeout);
    assert_eq!(s.told, told);
    assert_eq!(s.run.handle(Input::Digit('x'), s.now), Err(Fault::NotAKey));
    assert_eq!(s.run.handle(Input::Start, s.now), Err(Fault::StartedTwice));
    assert_eq!(s.run.poll(), None);
}

#[test]
fn keys_typed_ahead_have_a_ceiling() {
    for (pressed, kept) in [(TYPED_AHEAD_MAX, 32), (TYPED_AHEAD_MAX + 1, 32)] {
        let mut run = Run::new(script("111"));
        // Russian, status, then stars: each begins the number again and is answered with the question.
        let keys = format!("24{}", "*".repeat(pressed - 2));
        for key in keys.chars() {
            run.handle(Input::Digit(key), Instant::ZERO).expect("a key");
        }
        run.handle(Input::Start, Instant::ZERO).expect("the first start");
        let questions =
            core::iter::from_fn(|| run.poll()).filter(|o| matches!(o, Output::Say { .. })).count();
        assert_eq!(questions, kept - 2);
    }
}

#[test]
fn nothing_private_is_printed() {
    let mut s = Story::of("111");
    s.keys("24").listen().keys("777");
    let printed = format!("{:?} {:?}", s.run.place(), Input::Digit('7'));
    assert!(!printed.contains("777"), "{printed}");
    let key = Output::Key { step: "topics".into(), key: '7' };
    assert_eq!(format!("{key:?}"), "Key(topics, *)");
    let mut words = spoken::appeal_number("20260001238", Language::Kazakh);
    words.insert(0, Word::new(Language::Kazakh, "no_key"));
    let say = format!("{:?}", Output::Say { id: SayId(1), words, repeat: false });
    assert!(say.starts_with("Say(1, [kk:no_key, kk:n*, kk:n*,"), "{say}");
    assert!(!say.contains("n2"), "{say}");
}
