//! Stories of callers who call again and again, and of one who is blocked for a time.
#![allow(clippy::unwrap_used, clippy::panic)]

use core::time::Duration;
use senim_audio::listen::contains_tone;
use senim_base::{Language, Number, NumberPlan, Redacted};
use senim_phone::{Event, Voice};
use senim_sim::{LineConfig, PhoneId, Wire, World, prompt_hz};
use senim_switch::Live;
use senim_switch::api::{Command, Refusal, Reply};
use senim_switch::facts::{Author, Disposition, Fact};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn world() -> World {
    World::new(3, LineConfig { flood_calls: Some(3), ..LineConfig::story() }, Wire::GOOD)
}

fn wait_for(world: &mut World, phone: PhoneId, event: Event) {
    let found = world.run_until(secs(60), |w| {
        while let Some(news) = w.told() {
            if news == (phone, event) {
                return true;
            }
        }
        false
    });
    assert!(found, "{phone:?} never told {event:?}; facts {:#?}", world.facts);
}

fn calls(world: &mut World, caller: PhoneId) {
    world.with_phone(caller, |p, now| {
        p.say(Voice::Tone(1_000.0));
        assert!(p.dial("111", now));
    });
    wait_for(world, caller, Event::Answered);
    world.run(secs(1));
}

fn hangs_up(world: &mut World, caller: PhoneId) {
    world.with_phone(caller, |p, now| p.hang_up(now));
    world.run(secs(5));
}

/// The script of the last call.
fn script(world: &World) -> String {
    let last = world.facts.iter().rev().find_map(|r| match &r.fact {
        Fact::ScriptBegan { script, .. } => Some(script.clone()),
        _ => None,
    });
    last.unwrap()
}

fn hears(world: &World, phone: PhoneId, name: &str) -> bool {
    let hz = prompt_hz(Language::Kazakh, name).unwrap();
    contains_tone(world.look(phone).heard().last(Duration::from_millis(300)), hz)
}

fn nothing_left(world: &mut World) {
    world.run(secs(60));
    assert_eq!(world.live(), Live::default());
    assert_eq!(world.media_sessions(), 0);
    senim_sim::check_facts(&world.facts).unwrap();
}

/// FEATURES T18.
#[test]
fn who_calls_again_and_again_hears_the_short_script_and_silence_leads_him_to_a_human() {
    let mut w = world();
    let consultant = w.consultant("both", &Language::ALL, &[]);
    w.sign_in("both");
    let (caller, other) = (w.caller("+77010000001"), w.caller("+77010000002"));
    for _ in 0..3 {
        calls(&mut w, caller);
        assert_eq!(script(&w), "111");
        hangs_up(&mut w, caller);
    }
    calls(&mut w, other);
    assert_eq!(script(&w), "111", "another caller is not counted with him");
    hangs_up(&mut w, other);
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, caller, Event::Answered);
    w.run(Duration::from_millis(350));
    assert_eq!(script(&w), "still_here");
    assert!(hears(&w, caller, "still_here"));
    assert!(w.facts.iter().any(|r| matches!(r.fact, Fact::Flooding { calls: 3, window_s: 600 })));
    // He says and presses nothing: a human all the same.
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    assert!(w.look(caller).is_talking());
    hangs_up(&mut w, caller);
    w.run(secs(600));
    calls(&mut w, caller);
    assert_eq!(script(&w), "111", "the window is over");
    hangs_up(&mut w, caller);
    nothing_left(&mut w);
}

/// FEATURES T18: callers who hide their numbers are many, not one.
#[test]
fn callers_who_withhold_their_numbers_are_never_counted_as_one() {
    let mut w = world();
    for _ in 0..5 {
        let caller = w.caller("anonymous");
        calls(&mut w, caller);
        assert_eq!(script(&w), "111");
        hangs_up(&mut w, caller);
    }
    nothing_left(&mut w);
}

fn number(text: &str) -> Redacted<Number> {
    Number::normalise(text, &NumberPlan::default()).unwrap().redacted()
}

fn block(for_s: u64) -> Command {
    let by = Author::Operator("oleg".into());
    Command::Block { number: number("+77010000001"), for_s, reason: Redacted::new("threats".into()), by }
}

/// FEATURES T19.
#[test]
fn a_blocked_caller_hears_so_until_the_block_ends_and_the_urgent_key_leads_to_a_human() {
    let mut w = world();
    let consultant = w.consultant("both", &Language::ALL, &[]);
    w.sign_in("both");
    let caller = w.caller("+77010000001");
    assert_eq!(w.command(block(3_600)), Reply::Done);
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, caller, Event::Answered);
    w.run(Duration::from_millis(350));
    assert_eq!(script(&w), "blocked");
    assert!(hears(&w, caller, "blocked_notice"));
    wait_for(&mut w, caller, Event::Ended { by_peer: true });
    assert!(!w.look(consultant).is_busy());
    let ended = w.facts.iter().rev().find_map(|r| match r.fact {
        Fact::Ended { disposition, .. } => Some(disposition),
        _ => None,
    });
    assert_eq!(ended, Some(Some(Disposition::LeftInScript)), "a notice is no service");
    // In danger.
    calls(&mut w, caller);
    w.with_phone(caller, |p, _| p.press("0"));
    wait_for(&mut w, consultant, Event::Incoming);
    hangs_up(&mut w, caller);
    let blocked = w.facts.iter().filter(|r| matches!(r.fact, Fact::BlockedCall { .. })).count();
    assert_eq!(blocked, 2, "each call is a fact");
    w.run(secs(3_600));
    calls(&mut w, caller);
    assert_eq!(script(&w), "111", "the block is over by itself");
    hangs_up(&mut w, caller);
    nothing_left(&mut w);
}

/// FEATURES T19: who, why, until when is on record; a lift is, too.
#[test]
fn a_block_is_a_fact_with_its_author_and_can_be_lifted() {
    let mut w = world();
    let caller = w.caller("+77010000001");
    assert_eq!(w.command(block(3_600)), Reply::Done);
    let Reply::Blocks { blocks } = w.command(Command::ListBlocks) else { panic!() };
    assert_eq!(blocks.len(), 1);
    assert_eq!(blocks[0].until.unix_millis() - blocks[0].since.unix_millis(), 3_600_000);
    assert_eq!(blocks[0].by, Author::Operator("oleg".into()));
    let lift = || Command::LiftBlock { number: number("87010000001"), by: Author::Operator("anna".into()) };
    assert_eq!(w.command(lift()), Reply::Done);
    assert_eq!(w.command(lift()), Reply::Refused { refusal: Refusal::NotBlocked });
    calls(&mut w, caller);
    assert_eq!(script(&w), "111");
    hangs_up(&mut w, caller);
    let told: Vec<String> = w.facts.iter().map(|r| format!("{:?}", r.fact)).collect();
    let said = told.join("\n");
    assert!(said.contains("CallerBlocked {") && said.contains("BlockLifted {") && said.contains("anna"));
    assert!(!said.contains("7010000001") && !said.contains("threats"), "{said}");
    nothing_left(&mut w);
}

/// FEATURES T19: 24 hours, five years, and both sides of the bounds.
#[test]
fn a_block_lasts_a_minute_at_least_and_five_years_at_most() {
    let mut w = world();
    let longest = 5 * 366 * 86_400;
    for for_s in [60, 86_400, 5 * 365 * 86_400, longest] {
        assert_eq!(w.command(block(for_s)), Reply::Done, "{for_s}");
    }
    for for_s in [0, 59, longest + 1, u64::MAX] {
        let refusal = Refusal::BadBlockTime { for_s };
        assert_eq!(w.command(block(for_s)), Reply::Refused { refusal });
    }
    for reason in [String::new(), " ".into(), "r".repeat(501)] {
        let Command::Block { number, for_s, by, .. } = block(60) else { panic!() };
        let command = Command::Block { number, for_s, reason: Redacted::new(reason), by };
        assert_eq!(w.command(command), Reply::Refused { refusal: Refusal::BadBlockReason });
    }
}
