//! What every story needs: a line, people with a tone each, and ears.
#![allow(dead_code)] // each story file uses its part
#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests, outside any #[test]

use core::time::Duration;
use senim_audio::listen::contains_tone;
use senim_base::Language;
use senim_phone::{Event, Voice};
use senim_sim::{LineConfig, PhoneId, Wire, World};
use senim_switch::Live;
use senim_switch::facts::{Disposition, EndCause, Fact};

pub(crate) const CALLER_HZ: f32 = 1_000.0;
pub(crate) const CONSULTANT_HZ: f32 = 700.0;

pub(crate) fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

pub(crate) fn world() -> World {
    let mut world = World::new(1, LineConfig::story(), Wire::GOOD);
    world.tape.keep = true;
    world
}

pub(crate) fn staff(world: &mut World, login: &str, language: Language) -> PhoneId {
    let phone = world.consultant(login, &[language], &[]);
    world.with_phone(phone, |p, _| p.say(Voice::Tone(CONSULTANT_HZ)));
    world.sign_in(login);
    world.run(secs(1));
    phone
}

pub(crate) fn heard(world: &World, phone: PhoneId, last: u64, hz: f32) -> bool {
    contains_tone(world.look(phone).heard().last(Duration::from_millis(last)), hz)
}

/// Lets time pass until a phone tells this.
pub(crate) fn wait_for(world: &mut World, phone: PhoneId, event: Event) {
    let mut seen = Vec::new();
    let found = world.run_until(secs(120), |w| {
        while let Some(news) = w.told() {
            if news == (phone, event) {
                return true;
            }
            seen.push(news);
        }
        false
    });
    assert!(found, "{phone:?} never told {event:?}; told were {seen:?}; facts {:#?}", world.facts);
}

/// A caller who chose Russian, topic 1, and whose tone is in the air.
pub(crate) fn queued_caller(world: &mut World, number: &str) -> PhoneId {
    let caller = world.caller(number);
    world.with_phone(caller, |p, now| {
        p.say(Voice::Tone(CALLER_HZ));
        assert!(p.dial("111", now));
    });
    wait_for(world, caller, Event::Answered);
    world.run(secs(1));
    world.with_phone(caller, |p, _| p.press("2"));
    world.run(secs(2));
    world.with_phone(caller, |p, _| p.press("1"));
    world.run(secs(1));
    caller
}

pub(crate) fn nothing_left(world: &mut World) {
    world.run(secs(60));
    assert_eq!(world.live(), Live::default());
    assert_eq!(world.media_sessions(), 0);
    assert_eq!(world.tape.open(), 0);
    senim_sim::check_facts(&world.facts).unwrap();
}

pub(crate) fn ended(world: &World) -> (EndCause, Option<Disposition>) {
    let call = world.facts.iter().find_map(|r| r.call).unwrap();
    world
        .story(call)
        .iter()
        .find_map(|f| match f {
            Fact::Ended { cause, disposition, .. } => Some((*cause, *disposition)),
            _ => None,
        })
        .unwrap()
}
