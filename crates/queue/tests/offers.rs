//! Who is offered to whom, and how an offer ends.

mod world;

use senim_base::{CallId, ConsultantId, OfferId};
use senim_queue::{Caller, Consultant, ConsultantState, Fault, Input, Refusal};
use world::{KK, RU, World, only, s, strings};

/// FEATURES Q1.
#[test]
fn the_longest_waiting_of_the_highest_priority_gets_the_next_free_consultant() {
    let mut w = World::new();
    w.enters(1, RU);
    w.until(1);
    w.enters(2, RU);
    w.until(2);
    let urgent = Caller { priority: 0, ..w.caller(3, RU) };
    assert_eq!(w.tell(Input::CallerEnters(urgent)), ["entered call-3 as 1"]);
    let offers: Vec<String> = (1..=3).flat_map(|id| only(w.at_work(id, &[RU], &[]), &["offer"])).collect();
    assert_eq!(
        offers,
        [
            "offer call-3 to consultant-1 as offer-1",
            "offer call-1 to consultant-2 as offer-2",
            "offer call-2 to consultant-3 as offer-3"
        ]
    );
}

/// FEATURES Q2 (begun): a raised caller is next at once, and keeps his moment.
#[test]
fn a_caller_who_presses_the_urgent_key_is_next() {
    let mut w = World::new();
    w.enters(1, RU);
    w.until(1);
    w.enters(2, RU);
    let (call, queue) = (CallId(2), "main".to_owned());
    w.tell(Input::CallerChanges { call, queue, priority: 0, language: RU, skills: vec![] });
    let order: Vec<CallId> = w.queue.snapshot().waiting.iter().map(|p| p.caller.call).collect();
    assert_eq!(order, [CallId(2), CallId(1)]);
    assert_eq!(only(w.at_work(1, &[RU], &[]), &["offer"]), ["offer call-2 to consultant-1 as offer-1"]);
}

/// FEATURES Q3.
#[test]
fn the_longest_idle_consultant_is_offered_first() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.until(1);
    w.at_work(2, &[RU], &[]);
    w.until(2);
    w.enters(10, RU);
    w.accepts(1);
    w.talk_ends(1, 10);
    w.tell(Input::Ready(ConsultantId(1)));
    assert_eq!(only(w.enters(11, RU), &["offer"]), ["offer call-11 to consultant-2 as offer-2"]);
    assert_eq!(only(w.enters(12, RU), &["offer"]), ["offer call-12 to consultant-1 as offer-3"]);
}

/// FEATURES Q5.
#[test]
fn a_consultant_gets_one_offer_at_a_time_whatever_the_queues() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    assert_eq!(only(w.enters(1, RU), &["offer"]).len(), 1);
    let night = Caller { queue: "night".into(), priority: 0, ..w.caller(2, RU) };
    assert_eq!(w.tell(Input::CallerEnters(night)), ["entered call-2 as 1"]);
    let snapshot = w.queue.snapshot();
    assert_eq!(snapshot.counts.offered, 1);
    assert_eq!(snapshot.waiting[1].offered, Some((OfferId(1), ConsultantId(1))));
}

/// FEATURES Q7 (timing): the order to stop ringing comes out of the very input that says that the caller left.
#[test]
fn a_caller_who_hangs_up_stops_the_ringing_at_once_and_the_consultant_keeps_his_turn() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.until(1);
    w.at_work(2, &[RU], &[]);
    w.enters(10, RU);
    w.until(3);
    assert_eq!(
        w.tell(Input::CallerLeaves { call: CallId(10) }),
        ["withdraw offer-1: CallerLeft", "state consultant-1 Ready", "left call-10 Gone after 2s"]
    );
    assert_eq!(w.try_tell(Input::Accepted(OfferId(1))), Err(Fault::UnknownOffer(OfferId(1))));
    assert_eq!(only(w.enters(11, RU), &["offer"]), ["offer call-11 to consultant-1 as offer-2"]);
}

/// FEATURES Q8.
#[test]
fn an_unanswered_caller_goes_to_the_next_consultant_and_the_first_one_rests() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.until(1);
    w.at_work(2, &[RU], &[]);
    w.enters(10, RU);
    w.until_ms(3_000);
    w.tell(Input::Ringing(OfferId(1)));
    assert_eq!(w.until_ms(22_999), Vec::<String>::new());
    assert_eq!(
        w.until(23),
        [
            "23.000 withdraw offer-1: NoAnswer",
            "23.000 returned call-10: NoAnswer",
            "23.000 state consultant-1 NoAnswer",
            "23.000 offer call-10 to consultant-2 as offer-2",
            "23.000 state consultant-2 Offered { offer: offer-2 }"
        ]
    );
    w.accepts(2);
    assert_eq!(w.until(53), ["53.000 state consultant-1 Ready"]);
}

#[test]
fn who_picks_up_in_the_moment_his_time_is_over_has_picked_up() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    w.now = senim_base::Instant::from_secs(20);
    assert_eq!(w.accepts(1)[0], "connect call-10 with consultant-1");
}

#[test]
fn the_only_consultant_who_refused_is_asked_again_after_a_pause() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    w.until(2);
    assert_eq!(
        w.tell(Input::Refused(OfferId(1), Refusal::Rejected)),
        ["returned call-10: Rejected", "state consultant-1 Ready"]
    );
    assert_eq!(only(w.enters(11, RU), &["offer"]), ["offer call-11 to consultant-1 as offer-2"]);
    w.tell(Input::CallerLeaves { call: CallId(11) });
    assert_eq!(only(w.until(7), &["offer"]), ["7.000 offer call-10 to consultant-1 as offer-3"]);
}

#[test]
fn a_refused_caller_goes_at_once_to_somebody_else_who_is_free() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.until(1);
    w.at_work(2, &[RU], &[]);
    w.enters(10, RU);
    let said = w.tell(Input::Refused(OfferId(1), Refusal::Rejected));
    assert_eq!(only(said, &["offer"]), ["offer call-10 to consultant-2 as offer-2"]);
}

/// FEATURES Q9.
#[test]
fn a_consultant_without_a_softphone_is_never_offered_anybody() {
    let mut w = World::new();
    w.tell(Input::ConsultantKnown(Consultant { id: ConsultantId(1), languages: vec![RU], skills: vec![] }));
    assert_eq!(w.tell(Input::SignIn(ConsultantId(1))), ["state consultant-1 Unreachable"]);
    assert_eq!(w.enters(10, RU), ["entered call-10 as 1"]);
    let said = w.tell(Input::Reachable { id: ConsultantId(1), yes: true });
    assert_eq!(only(said, &["offer"]), ["offer call-10 to consultant-1 as offer-1"]);
    assert_eq!(
        w.tell(Input::Reachable { id: ConsultantId(1), yes: false }),
        ["withdraw offer-1: Unreachable", "returned call-10: Unreachable", "state consultant-1 Unreachable"]
    );
    assert_eq!(only(w.until(100), &["offer"]), Vec::<String>::new());
}

#[test]
fn a_softphone_that_fails_rests_until_it_registers_again_or_a_while_passed() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    w.tell(Input::Refused(OfferId(1), Refusal::Failed));
    assert_eq!(w.state(1), ConsultantState::Unreachable);
    assert_eq!(only(w.until(15), &["offer"]), ["15.000 offer call-10 to consultant-1 as offer-2"]);
    w.tell(Input::Refused(OfferId(2), Refusal::Failed));
    w.tell(Input::Reachable { id: ConsultantId(1), yes: true });
    assert_eq!(w.state(1), ConsultantState::Ready);
    assert_eq!(only(w.until(20), &["offer"]), ["20.000 offer call-10 to consultant-1 as offer-3"]);
}

/// FEATURES X1 (return to the front) and T14: the caller whose consultant was lost is before those who came later.
#[test]
fn a_caller_who_comes_back_is_at_the_front() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    let first = w.caller(10, RU);
    w.tell(Input::CallerEnters(first.clone()));
    w.accepts(1);
    w.until(60);
    w.enters(11, RU);
    w.tell(Input::Reachable { id: ConsultantId(1), yes: false });
    w.talk_ends(1, 10);
    assert_eq!(w.tell(Input::CallerEnters(first)), ["entered call-10 as 1"]);
    assert_eq!(only(w.at_work(2, &[RU], &[]), &["offer"]), ["offer call-10 to consultant-2 as offer-2"]);
}

#[test]
fn who_waits_again_talks_to_nobody() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    let first = w.caller(10, RU);
    w.tell(Input::CallerEnters(first.clone()));
    w.accepts(1);
    let said = w.tell(Input::CallerEnters(first));
    assert_eq!(said, ["state consultant-1 WrapUp { until: 30.000000s }", "entered call-10 as 1"]);
}

/// FEATURES L5.
#[test]
fn a_kazakh_caller_waits_rather_than_get_a_consultant_without_kazakh() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    assert_eq!(w.enters(10, KK), ["entered call-10 as 1"]);
    w.until(3_600);
    assert_eq!(only(w.at_work(2, &[KK, RU], &[]), &["offer"]), ["offer call-10 to consultant-2 as offer-1"]);
    let (call, queue) = (CallId(10), "main".to_owned());
    let said = w.tell(Input::CallerChanges { call, queue, priority: 5, language: RU, skills: vec![] });
    assert_eq!(said, Vec::<String>::new(), "he still fits");
}

#[test]
fn a_caller_gets_a_consultant_who_knows_all_that_is_needed() {
    let mut w = World::new();
    w.at_work(1, &[RU], &["legal"]);
    let both = Caller { skills: strings(&["psychology", "legal"]), ..w.caller(10, RU) };
    assert_eq!(w.tell(Input::CallerEnters(both)), ["entered call-10 as 1"]);
    let (call, queue) = (CallId(10), "main".to_owned());
    let legal = strings(&["legal"]);
    let said = w.tell(Input::CallerChanges { call, queue, priority: 5, language: RU, skills: legal });
    assert_eq!(only(said, &["offer"]), ["offer call-10 to consultant-1 as offer-1"]);
    let who = Consultant { id: ConsultantId(1), languages: vec![RU], skills: strings(&["other"]) };
    assert_eq!(
        w.tell(Input::ConsultantKnown(who)),
        ["withdraw offer-1: Changed", "returned call-10: Changed", "state consultant-1 Ready"]
    );
}

/// FEATURES Q12, Q14 (timing only: the place is a number and a moment; words and voice are elsewhere).
#[test]
fn places_are_told_at_the_chosen_interval_and_never_after_the_bridge() {
    let mut w = World::with(senim_queue::Settings::default());
    w.enters(1, RU);
    w.until(5);
    w.enters(2, KK);
    assert_eq!(
        w.until(50),
        [
            "10.000 announce call-1 is 1 first",
            "15.000 announce call-2 is 2 first",
            "40.000 announce call-1 is 1",
            "45.000 announce call-2 is 2"
        ]
    );
    w.tell(Input::CallerLeaves { call: CallId(1) });
    w.at_work(1, &[KK], &[]);
    w.accepts(1);
    assert_eq!(w.until(200), Vec::<String>::new());
}

/// FEATURES Q10.
#[test]
fn wrap_up_follows_a_talk_is_extended_and_ends_early_by_a_button() {
    let mut w = World::new();
    let id = ConsultantId(1);
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    w.accepts(1);
    w.until(100);
    assert_eq!(w.talk_ends(1, 10), ["state consultant-1 WrapUp { until: 130.000000s }"]);
    w.enters(11, RU);
    w.until(120);
    let said = w.tell(Input::ExtendWrapUp { id, by: s(60) });
    assert_eq!(said, ["state consultant-1 WrapUp { until: 190.000000s }"]);
    assert_eq!(w.until(180), Vec::<String>::new());
    let said = w.tell(Input::Ready(id));
    assert_eq!(said[1], "offer call-11 to consultant-1 as offer-2");
    w.accepts(2);
    w.talk_ends(1, 11);
    assert_eq!(w.until(300), ["210.000 state consultant-1 Ready"]);
    assert_eq!(w.try_tell(Input::ExtendWrapUp { id, by: s(60) }), Err(Fault::NotInWrapUp(id)));
}

#[test]
fn a_wrap_up_cannot_be_extended_for_ever() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    w.accepts(1);
    w.talk_ends(1, 10);
    for _ in 0..3 {
        w.tell(Input::ExtendWrapUp { id: ConsultantId(1), by: s(1_200) });
    }
    let ConsultantState::WrapUp { until } = w.state(1) else { panic!("he finishes") };
    assert_eq!(until, senim_base::Instant::from_secs(1_800));
}

/// FEATURES Q11: the reason and the moment in which it began are in the state; the next state's moment ends it.
#[test]
fn a_break_has_a_reason_and_takes_the_ringing_away() {
    let mut w = World::new();
    let id = ConsultantId(1);
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    assert_eq!(
        w.tell(Input::Break { id, reason: "after a hard call".into() }),
        [
            "withdraw offer-1: OnBreak",
            "returned call-10: OnBreak",
            "state consultant-1 Break { reason: \"after a hard call\" }"
        ]
    );
    w.until(600);
    let duty = w.queue.snapshot().consultants.remove(0);
    assert_eq!(duty.since, senim_base::Instant::ZERO);
    assert_eq!(w.tell(Input::Ready(id))[0], "state consultant-1 Ready");
}

#[test]
fn who_goes_while_he_talks_is_gone_after_the_talk() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    w.accepts(1);
    assert_eq!(w.tell(Input::SignOut(ConsultantId(1))), Vec::<String>::new());
    assert_eq!(w.talk_ends(1, 10), ["state consultant-1 SignedOut"]);
}

#[test]
fn who_is_in_a_call_of_his_own_is_not_offered_anybody() {
    let mut w = World::new();
    let id = ConsultantId(1);
    w.at_work(1, &[RU], &[]);
    w.tell(Input::Busy { id, yes: true });
    assert_eq!(w.enters(10, RU), ["entered call-10 as 1"]);
    assert_eq!(only(w.tell(Input::Busy { id, yes: false }), &["offer"]).len(), 1);
    assert_eq!(w.tell(Input::Busy { id, yes: true })[0], "withdraw offer-1: Busy");
}

#[test]
fn a_consultant_who_is_removed_leaves_nobody_behind() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(10, RU);
    let said = w.tell(Input::ConsultantRemoved(ConsultantId(1)));
    assert_eq!(only(said, &["withdraw", "returned"]).len(), 2);
    assert_eq!(w.queue.snapshot().counts.offered, 0);
    assert_eq!(w.try_tell(Input::Ready(ConsultantId(1))), Err(Fault::UnknownConsultant(ConsultantId(1))));
}

/// FEATURES X3, Q10: who is handed a caller by a colleague is offered nobody meanwhile, and has time to finish, too.
#[test]
fn a_caller_who_is_handed_over_makes_a_talk_like_any_other() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.at_work(2, &[KK], &[]);
    w.enters(10, RU);
    w.accepts(1);
    let (two, call) = (ConsultantId(2), CallId(10));
    w.tell(Input::Busy { id: two, yes: true });
    w.talk_ends(1, 10);
    w.tell(Input::TalkBegan { id: two, call, queue: "main".into() });
    w.tell(Input::Busy { id: two, yes: false });
    assert_eq!(w.state(2), ConsultantState::Talking { call });
    assert_eq!(only(w.enters(11, KK), &["offer"]), strings(&[]), "he is offered nobody");
    let again = Input::TalkBegan { id: two, call: CallId(11), queue: "main".into() };
    assert_eq!(w.try_tell(again), Err(Fault::Talking(two)), "one talk at a time");
    let nobody = Input::TalkBegan { id: ConsultantId(9), call, queue: "main".into() };
    assert_eq!(w.try_tell(nobody), Err(Fault::UnknownConsultant(ConsultantId(9))));
    w.talk_ends(2, 10);
    assert!(matches!(w.state(2), ConsultantState::WrapUp { .. }));
}
