//! What an event costs does not grow with the line: looks are counted, not time.

mod world;

use senim_base::{ConsultantId, Instant, Language};
use senim_queue::{Caller, Consultant, Input, Settings};
use world::{KK, RU, World};

const SKILLS: usize = 20;

/// A consultant who has 20 of 40 topics, another mixture each.
fn known(id: u32) -> Consultant {
    let skills = (0..SKILLS).map(|i| topic(id as usize * 7 + i * (1 + id as usize % 3)));
    Consultant { id: ConsultantId(id), languages: vec![KK], skills: skills.collect() }
}

fn topic(i: usize) -> String {
    format!("topic-{:02}", i % 40)
}

fn wanting(w: &World, call: u64, language: Language) -> Caller {
    Caller { skills: vec![topic(call as usize)], ..w.caller(call, language) }
}

/// A line of so many Russian callers whom nobody can take, and so many free Kazakh consultants. Then Kazakh callers come
/// and are served. How much was looked at, at most, for one of their events.
fn looks(waiting: u64, consultants: u32) -> u64 {
    let mut w = World::with(Settings::default());
    for id in 1..=consultants {
        w.tell(Input::ConsultantKnown(known(id)));
        w.tell(Input::Reachable { id: ConsultantId(id), yes: true });
        w.tell(Input::SignIn(ConsultantId(id)));
    }
    w.now = Instant::from_secs(2_000_000);
    for call in 1..=waiting {
        // Each in front of the last, so that no place is counted.
        let since = Instant::from_secs(1_000_000 - call);
        w.tell(Input::CallerEnters(Caller { since, ..wanting(&w, call, RU) }));
    }
    let mut most = 0;
    for call in 1_000_000..1_000_080 {
        let before = w.queue.looks();
        let said = w.tell(Input::CallerEnters(Caller { priority: 0, ..wanting(&w, call, KK) }));
        assert!(said.iter().any(|line| line.starts_with("offer")), "{said:?}");
        // The first one of each topic opens its group: that is counted apart.
        if call >= 1_000_040 {
            most = most.max(w.queue.looks() - before);
        }
    }
    most
}

/// FEATURES Q24.
#[test]
fn an_event_looks_at_no_more_in_a_long_line_with_many_consultants() {
    let short = looks(10, 1_000);
    assert!(short > 0);
    assert_eq!(looks(1_000, 10_000), short);
    assert_eq!(looks(99_000, 10_000), short);
}
