//! The registry of appeals as its users meet it: numbering, status, calls, replay.

use proptest::prelude::*;
use senim_appeals::{AppealNumber, Change, Refused, Registry, Status};
use senim_base::{CallId, ConsultantId, WallTime};

const BY: Option<ConsultantId> = Some(ConsultantId(4));

fn at(ms: i64) -> WallTime {
    WallTime::from_unix_millis(ms)
}

/// Proposes and performs.
fn done(r: &mut Registry, change: Result<Change, Refused>) -> AppealNumber {
    let change = change.expect("the registry allows it");
    r.apply(&change);
    change.number()
}

/// FEATURES A1.
#[test]
fn appeals_are_numbered_one_by_one_within_a_year() {
    let mut r = Registry::new();
    let first = r.register(2026, BY, Some(CallId(1)), at(0));
    let first = done(&mut r, first);
    let second = r.register(2026, None, None, at(1));
    let second = done(&mut r, second);
    let next_year = r.register(2027, BY, None, at(2));
    let next_year = done(&mut r, next_year);
    let printed = [first, second, next_year].map(|n| n.to_string()[..11].to_owned());
    assert_eq!(printed, ["2026-000001", "2026-000002", "2027-000001"]);
    assert_eq!(r.appeal(first).unwrap().by, BY);
    assert_eq!(r.len(), 3);
}

/// FEATURES A1: a proposal alone takes no number.
#[test]
fn a_number_that_was_proposed_but_not_written_down_is_given_again() {
    let r = Registry::new();
    assert_eq!(r.register(2026, BY, None, at(0)), r.register(2026, BY, None, at(0)));
    assert!(r.is_empty());
}

#[test]
fn the_last_number_of_a_year_is_given_and_the_next_refused() {
    let mut r = Registry::new();
    let last_but_one = AppealNumber::new(2026, 999_998).unwrap();
    r.apply(&Change::Registered { number: last_but_one, call: None, by: None, at: at(0) });
    let last = r.register(2026, BY, None, at(0));
    assert_eq!(done(&mut r, last).serial(), 999_999);
    assert_eq!(r.register(2026, BY, None, at(0)), Err(Refused::Exhausted { year: 2026 }));
    assert_eq!(r.next_number(2027).unwrap().serial(), 1);
    assert_eq!(r.next_number(0), Err(Refused::Exhausted { year: 0 }));
}

/// FEATURES A3.
#[test]
fn several_calls_belong_to_one_appeal_and_one_call_to_several() {
    let mut r = Registry::new();
    let a = r.register(2026, BY, Some(CallId(1)), at(0));
    let a = done(&mut r, a);
    for call in [7, 9, 7] {
        let linked = r.link(a, CallId(call), BY, at(1));
        done(&mut r, linked);
    }
    let b = r.register(2026, BY, Some(CallId(9)), at(2));
    let b = done(&mut r, b);
    assert_eq!(r.calls_of(a), [CallId(1), CallId(7), CallId(9)]);
    assert_eq!(r.appeals_of(CallId(9)), [a, b]);
    assert_eq!(r.appeal_of(CallId(9)), Some(a));
    assert_eq!(r.appeal_of(CallId(2)), None);
    let nobody = AppealNumber::new(2026, 77).unwrap();
    assert_eq!(r.link(nobody, CallId(1), BY, at(3)), Err(Refused::Unknown(nobody)));
    assert!(r.calls_of(nobody).is_empty());
}

#[test]
fn links_have_ceilings_on_both_sides() {
    let mut r = Registry::new();
    let a = r.register(2026, BY, None, at(0));
    let a = done(&mut r, a);
    for call in 0..Registry::CALLS_MAX as u64 {
        let linked = r.link(a, CallId(call), BY, at(1));
        done(&mut r, linked);
    }
    assert_eq!(r.link(a, CallId(5_000), BY, at(1)), Err(Refused::TooManyCalls(a)));
    assert!(r.link(a, CallId(5), BY, at(1)).is_ok(), "an old link is no new one");
    let call = Some(CallId(5_000));
    for _ in 0..Registry::APPEALS_OF_CALL_MAX {
        let registered = r.register(2026, BY, call, at(2));
        done(&mut r, registered);
    }
    assert_eq!(r.register(2026, BY, call, at(2)), Err(Refused::TooManyAppeals(CallId(5_000))));
}

/// FEATURES U1.
#[test]
fn a_status_follows_only_where_it_may() {
    let mut r = Registry::new();
    let n = r.register(2026, BY, None, at(0));
    let n = done(&mut r, n);
    assert_eq!(r.status(n), Some(Status::Registered));
    for to in [Status::InWork, Status::Forwarded, Status::Answered, Status::Closed, Status::InWork] {
        let set = r.set_status(n, to, BY, at(5));
        done(&mut r, set);
        assert_eq!(r.status(n), Some(to));
    }
    let refused = r.set_status(n, Status::Registered, BY, at(6)).unwrap_err();
    assert_eq!(refused, Refused::NotAllowed { from: Status::InWork, to: Status::Registered });
    assert_eq!(refused.to_string(), "an appeal that is in_work cannot become registered");
    assert_eq!(r.appeal(n).unwrap().since, at(5));
    let nobody = AppealNumber::new(2030, 1).unwrap();
    assert_eq!(r.set_status(nobody, Status::Closed, BY, at(7)), Err(Refused::Unknown(nobody)));
    assert_eq!(r.status(nobody), None);
}

proptest! {
    /// Whatever was done, reading the changes again (even each of them twice) gives the same registry.
    #[test]
    fn a_replay_of_changes_is_the_registry(steps in prop::collection::vec((0u8..3, 1u32..6, 1u64..6, 0usize..5), 0..60)) {
        let mut r = Registry::new();
        let mut written = Vec::new();
        for (i, (what, serial, call, status)) in steps.into_iter().enumerate() {
            let (now, call) = (at(i as i64), CallId(call));
            let number = AppealNumber::new(2026, serial).unwrap();
            let change = match what {
                0 => r.register(2026, BY, Some(call), now),
                1 => r.link(number, call, None, now),
                _ => r.set_status(number, Status::ALL[status], BY, now),
            };
            if let Ok(change) = change {
                let text = serde_json::to_string(&change).unwrap();
                prop_assert_eq!(serde_json::from_str::<Change>(&text).unwrap(), change);
                r.apply(&change);
                written.push(change);
            }
        }
        let mut again = Registry::new();
        for change in &written {
            again.apply(change);
            again.apply(change);
        }
        prop_assert_eq!(&again, &r);
        for (n, a) in r.iter() {
            for call in &a.calls {
                prop_assert!(r.appeals_of(*call).contains(&n));
            }
        }
    }
}
