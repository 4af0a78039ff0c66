//! Who of the free gets the next caller, how a caller's circle widens, and what a priority is worth.

mod world;

use senim_base::ConsultantId;
use senim_queue::{Caller, Input, QueueSettings, Settings, Strategy};
use world::{KK, RU, World, only};

/// One queue, `main`, without wrap-up.
fn with(strategy: Strategy, widen_after_s: u32, priority_worth_s: u32) -> World {
    let main = QueueSettings {
        strategy,
        widen_after_s,
        wrap_up_s: 0,
        announce_first_s: 100_000,
        ..Default::default()
    };
    World::with(Settings { queues: vec![main], priority_worth_s, ..Settings::default() })
}

/// Three consultants, free since seconds 0, 1 and 2; then a caller every ten seconds who talks for `lasts(consultant)`.
/// Whom each caller got.
fn served(strategy: Strategy, callers: u64, lasts: impl Fn(u32) -> u64) -> Vec<u32> {
    let mut w = with(strategy, 0, 0);
    for id in 1..=3 {
        w.at_work(id, &[RU], &[]);
        w.until(u64::from(id));
    }
    let (mut got, mut talks) = (Vec::new(), Vec::new());
    for call in 1..=callers {
        w.until(call * 10);
        talks.retain(|(end, id, call)| {
            let over = *end <= w.now;
            if over {
                w.talk_ends(*id, *call);
            }
            !over
        });
        let line = only(w.enters(call, RU), &["offer"]).remove(0);
        let id = line.split([' ', '-']).nth(5).and_then(|n| n.parse().ok()).expect("a consultant");
        w.accepts(call);
        talks.push((w.now + world::s(lasts(id)), id, call));
        got.push(id);
    }
    got
}

/// FEATURES Q4.
#[test]
fn every_strategy_chooses_as_it_is_called() {
    // Each talk is over when the next caller comes.
    let short = |strategy| served(strategy, 6, |_| 10);
    assert_eq!(short(Strategy::Linear), [1, 1, 1, 1, 1, 1]);
    assert_eq!(short(Strategy::RoundRobin), [1, 2, 3, 1, 2, 3]);
    assert_eq!(short(Strategy::LongestIdle), [1, 2, 3, 1, 2, 3]);
    // The second one talks for long: who is back sooner has more talks, and is idle longer.
    let long = |strategy| served(strategy, 7, |id| if id == 2 { 45 } else { 10 });
    assert_eq!(long(Strategy::FewestCalls), [1, 2, 3, 1, 3, 1, 2]);
    assert_eq!(long(Strategy::LongestIdle), [1, 2, 3, 1, 3, 1, 3]);
}

/// FEATURES Q4, Q24.
#[test]
fn lots_fall_on_everybody_and_fall_again_as_they_fell() {
    let lots = || served(Strategy::Random, 300, |_| 10);
    let got = lots();
    for id in 1..=3 {
        let share = got.iter().filter(|g| **g == id).count();
        assert!((60..=140).contains(&share), "consultant {id} got {share} of 300");
    }
    assert_eq!(got, lots());
}

/// FEATURES L5.
#[test]
fn a_caller_waits_for_his_own_language_first_and_is_never_given_to_a_wrong_one() {
    let mut w = with(Strategy::LongestIdle, 30, 0);
    w.at_work(1, &[KK, RU], &[]);
    w.at_work(2, &[KK], &[]);
    assert_eq!(w.enters(1, RU), ["entered call-1 as 1"]);
    assert_eq!(w.until_ms(29_999), Vec::<String>::new());
    assert_eq!(only(w.until(30), &["offer"]), ["30.000 offer call-1 to consultant-1 as offer-1"]);
    w.enters(2, RU);
    assert_eq!(only(w.until(49), &["offer"]), Vec::<String>::new(), "the Kazakh one is free, and not asked");
    w.at_work(3, &[RU, KK], &[]);
    assert_eq!(w.queue.snapshot().waiting[1].offered.map(|o| o.1), Some(ConsultantId(3)), "at once");
}

/// FEATURES L5, Q20: what he has waited stays with him.
#[test]
fn a_caller_who_comes_back_does_not_wait_for_his_language_anew() {
    let mut w = with(Strategy::LongestIdle, 30, 0);
    w.at_work(1, &[KK, RU], &[]);
    let early = w.caller(1, RU);
    w.until(31);
    assert_eq!(only(w.tell(Input::CallerEnters(early)), &["offer"]).len(), 1);
}

/// FEATURES Q1, Q2.
#[test]
fn who_waited_long_enough_goes_before_a_higher_priority_but_not_before_an_urgent_one() {
    let mut w = with(Strategy::LongestIdle, 0, 60);
    w.enters(1, RU);
    w.until(241);
    for (call, priority) in [(2, 1), (3, 0)] {
        let caller = Caller { priority, ..w.caller(call, RU) };
        w.tell(Input::CallerEnters(caller));
    }
    let order: Vec<u64> = w.queue.snapshot().waiting.iter().map(|p| p.caller.call.0).collect();
    assert_eq!(order, [3, 1, 2]);
}

/// A burst of ten thousand calls does not delay an urgent one.
#[test]
fn an_urgent_caller_after_ten_thousand_others_gets_the_next_consultant() {
    let mut w = with(Strategy::LongestIdle, 0, 60);
    for call in 1..=10_000 {
        w.until_ms(call * 6);
        w.enters(call, RU);
    }
    let urgent = Caller { priority: 0, ..w.caller(10_001, RU) };
    assert_eq!(w.tell(Input::CallerEnters(urgent)), ["entered call-10001 as 1"]);
    let offer = only(w.at_work(1, &[RU], &[]), &["offer"]);
    assert_eq!(offer, ["offer call-10001 to consultant-1 as offer-1"]);
}
