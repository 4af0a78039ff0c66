//! Both sides of every ceiling, and inputs that fit nothing.

mod world;

use senim_base::{CallId, ConsultantId, Instant, OfferId};
use senim_queue::{CALLERS_MAX, CONSULTANTS_MAX, Caller, Consultant, Fault, Input, Refusal, SKILLS_MAX};
use world::{RU, World};

#[test]
fn the_last_caller_who_fits_waits_and_the_next_one_is_told() {
    let mut w = World::new();
    for call in 0..CALLERS_MAX as u64 {
        w.enters(call, RU);
    }
    let one_more = w.caller(u64::MAX, RU);
    assert_eq!(w.try_tell(Input::CallerEnters(one_more.clone())), Err(Fault::TooManyCallers));
    w.tell(Input::CallerLeaves { call: CallId(7) });
    assert!(w.try_tell(Input::CallerEnters(one_more)).is_ok());
    assert_eq!(w.queue.snapshot().waiting.len(), CALLERS_MAX);
}

#[test]
fn the_last_consultant_who_fits_is_known_and_the_next_one_is_not() {
    let mut w = World::new();
    let known = |id| Input::ConsultantKnown(Consultant { id, languages: vec![RU], skills: vec![] });
    for id in 0..CONSULTANTS_MAX as u32 {
        w.tell(known(ConsultantId(id)));
    }
    assert_eq!(w.try_tell(known(ConsultantId(u32::MAX))), Err(Fault::TooManyConsultants));
    assert!(w.try_tell(known(ConsultantId(3))).is_ok(), "who is known may change");
}

#[test]
fn skills_have_a_ceiling() {
    let mut w = World::new();
    let skills = |n: usize| (0..n).map(|i| format!("skill {i}")).collect::<Vec<_>>();
    let caller = |w: &World, n| Caller { skills: skills(n), ..w.caller(1, RU) };
    let (few, many) = (caller(&w, SKILLS_MAX), caller(&w, SKILLS_MAX + 1));
    assert_eq!(w.try_tell(Input::CallerEnters(many)), Err(Fault::TooManySkills));
    assert!(w.try_tell(Input::CallerEnters(few)).is_ok());
}

#[test]
fn inputs_that_fit_nothing_are_named_and_change_nothing() {
    let mut w = World::new();
    w.at_work(1, &[RU], &[]);
    w.enters(1, RU);
    let before = w.queue.snapshot();
    let elsewhere = Caller { queue: "nowhere".into(), ..w.caller(2, RU) };
    let again = w.caller(1, RU);
    let (nobody, no_call, no_offer) = (ConsultantId(9), CallId(9), OfferId(9));
    let faults = [
        (Input::CallerEnters(elsewhere), Fault::UnknownQueue("nowhere".into())),
        (Input::CallerEnters(again), Fault::CallerKnown(CallId(1))),
        (Input::CallerLeaves { call: no_call }, Fault::UnknownCaller(no_call)),
        (Input::Accepted(no_offer), Fault::UnknownOffer(no_offer)),
        (Input::Ringing(no_offer), Fault::UnknownOffer(no_offer)),
        (Input::Refused(no_offer, Refusal::Failed), Fault::UnknownOffer(no_offer)),
        (Input::SignIn(nobody), Fault::UnknownConsultant(nobody)),
        (Input::ConsultantRemoved(nobody), Fault::UnknownConsultant(nobody)),
        (
            Input::TalkEnded { id: ConsultantId(1), call: no_call },
            Fault::NotTalking(ConsultantId(1), no_call),
        ),
    ];
    for (input, fault) in faults {
        assert!(!fault.to_string().is_empty());
        assert_eq!(w.try_tell(input), Err(fault));
        assert_eq!(w.queue.snapshot(), before);
    }
}

#[test]
fn a_clock_that_goes_back_is_not_believed() {
    let mut w = World::new();
    w.now = Instant::from_secs(100);
    w.at_work(1, &[RU], &[]);
    w.now = Instant::from_secs(1);
    w.enters(10, RU);
    assert_eq!(w.queue.deadline().map(|(at, _)| at), Some(Instant::from_secs(120)));
}
