//! Stories of who offers what and when: offers that come late, sound before the answer, hold in every spelling.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use senim_audio::listen::{contains_tone, tone_level_db};
use senim_base::{Language, TrackId};
use senim_phone::{Event, LateAnswer, Spelling, Voice};
use senim_sim::{MUSIC_HZ, PhoneId, World, prompt_hz};
use senim_switch::facts::{EndCause, Fact, ForwardResult, Party};
use stage::*;

const CENTRE_HZ: f32 = 1_500.0;

/// Caller and consultant talk.
fn talk(w: &mut World) -> (PhoneId, PhoneId) {
    let consultant = staff(w, "aigerim", Language::Russian);
    let caller = queued_caller(w, "+77010000001");
    wait_for(w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    (caller, consultant)
}

fn hear_each_other(w: &World, a: PhoneId, b: PhoneId) -> bool {
    heard(w, a, 1_000, CONSULTANT_HZ) && heard(w, b, 1_000, CALLER_HZ)
}

/// FEATURES T13: an INVITE without an offer is answered with ours; the answer in the ACK is honoured.
#[test]
fn a_caller_who_brings_no_offer_is_answered_with_ours_and_heard() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| {
        p.say(Voice::Tone(CALLER_HZ));
        assert!(p.dial_late("111", LateAnswer::Fits, now));
    });
    wait_for(&mut w, caller, Event::Answered);
    w.run(secs(1));
    let greeting = prompt_hz(Language::Kazakh, "greeting").unwrap();
    let first = w.look(caller).heard().pcm().chunks(400).position(|part| contains_tone(part, greeting));
    assert!(first.is_some_and(|at| at <= 2), "the greeting from its first syllable: {first:?}");
    for key in ["2", "1"] {
        w.with_phone(caller, |p, _| p.press(key));
        w.run(secs(2));
    }
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(3));
    assert!(hear_each_other(&w, caller, consultant));
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// A consultant dialled directly by such a phone is heard, too.
#[test]
fn a_consultant_is_reached_without_an_offer() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| {
        p.say(Voice::Tone(CALLER_HZ));
        assert!(p.dial_late("7aigerim", LateAnswer::Fits, now));
    });
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    wait_for(&mut w, caller, Event::Answered);
    w.run(secs(3));
    assert!(hear_each_other(&w, caller, consultant));
    w.with_phone(consultant, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// An ACK without the answer, or with one that does not fit, leaves no sound: the call ends and says why.
#[test]
fn a_late_answer_that_is_missing_or_does_not_fit_ends_the_call_with_its_cause() {
    for how in [LateAnswer::Missing, LateAnswer::Unfit] {
        let mut w = world();
        let caller = w.caller("+77010000001");
        w.with_phone(caller, |p, now| assert!(p.dial_late("111", how, now)));
        wait_for(&mut w, caller, Event::Ended { by_peer: true });
        nothing_left(&mut w);
        assert!(
            matches!(ended(&w).0, EndCause::NoCommonSound | EndCause::SignallingLost),
            "{how:?} {:?}",
            ended(&w)
        );
    }
}

/// A re-INVITE without an offer gets ours, and what its ACK answers holds: here the way back from hold.
#[test]
fn a_phone_comes_back_from_hold_by_asking_for_our_offer() {
    let mut w = world();
    let (caller, consultant) = talk(&mut w);
    w.with_phone(consultant, |p, now| p.hold(true, now));
    w.run(secs(2));
    assert!(heard(&w, caller, 1_000, MUSIC_HZ));
    w.with_phone(consultant, |p, now| p.ask_for_offer(now));
    w.run(secs(2));
    assert!(hear_each_other(&w, caller, consultant), "{:#?}", w.facts);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES T13, R4: hold in every spelling plays music to the caller, what was said before and after is recorded, and
/// resuming joins the two again. A caller may hold his consultant, too.
#[test]
fn hold_is_understood_in_every_spelling() {
    let mut w = world();
    let (caller, consultant) = talk(&mut w);
    for spelling in Spelling::ALL {
        w.with_phone(consultant, |p, now| p.hold_as(spelling, now));
        w.run(secs(2));
        assert!(heard(&w, caller, 1_000, MUSIC_HZ), "music: {spelling:?}");
        assert!(!heard(&w, caller, 1_000, CONSULTANT_HZ), "on hold: {spelling:?}");
        let before = w.look(consultant).heard().packets();
        w.run(secs(1));
        assert_eq!(
            w.look(consultant).heard().packets(),
            before,
            "nothing is sent to who holds: {spelling:?}"
        );
        w.with_phone(consultant, |p, now| p.hold(false, now));
        w.run(secs(2));
        assert!(hear_each_other(&w, caller, consultant), "resumed: {spelling:?}");
    }
    for spelling in Spelling::ALL {
        w.with_phone(caller, |p, now| p.hold_as(spelling, now));
        w.run(secs(2));
        let before = w.look(caller).heard().packets();
        w.run(secs(1));
        assert_eq!(w.look(caller).heard().packets(), before, "nothing is sent to the caller: {spelling:?}");
        w.with_phone(caller, |p, now| p.hold(false, now));
        w.run(secs(2));
        assert!(hear_each_other(&w, caller, consultant), "the caller resumed: {spelling:?}");
    }
    let count = |w: &World, which: fn(&Fact) -> bool| w.facts.iter().filter(|r| which(&r.fact)).count();
    assert_eq!(count(&w, |f| matches!(f, Fact::Held { .. })), Spelling::ALL.len());
    assert_eq!(count(&w, |f| matches!(f, Fact::Resumed { .. })), Spelling::ALL.len());
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES T13: the other centre plays its own announcement before it answers, and answers from another port: the
/// caller hears both, and what he heard is recorded on the centre's track.
#[test]
fn early_sound_is_heard_and_a_different_final_answer_wins() {
    let mut w = world();
    let (caller, consultant) = talk(&mut w);
    let centre = w.centre();
    w.with_phone(centre, |p, _| p.say(Voice::Tone(CENTRE_HZ)));
    w.with_phone(consultant, |p, _| p.press("*14"));
    wait_for(&mut w, centre, Event::Incoming);
    w.with_phone(centre, |p, now| p.play_early(now));
    w.run(secs(2));
    assert!(heard(&w, caller, 1_000, CENTRE_HZ), "the announcement before the answer");
    assert!(heard(&w, consultant, 1_000, CENTRE_HZ), "the consultant hears it, too");
    assert_eq!(w.look(centre).heard().packets(), 0, "the centre hears nobody before it answers");
    let host = w.host(centre).unwrap();
    w.with_phone(centre, |p, now| {
        p.say(Voice::Tone(CENTRE_HZ + 200.0));
        p.answer_at((host, 4_010).into(), now);
    });
    w.run(secs(3));
    assert!(heard(&w, caller, 1_000, CENTRE_HZ + 200.0) && heard(&w, centre, 1_000, CALLER_HZ));
    let ended = w.facts.iter().find_map(|r| match r.fact {
        Fact::ForwardEnded { result, .. } => Some(result),
        _ => None,
    });
    assert_eq!(ended, Some(ForwardResult::Connected));
    let tracks: Vec<(senim_base::RecordingId, TrackId)> = w
        .facts
        .iter()
        .filter_map(|r| match r.fact {
            Fact::TrackBegan { recording, track, party: Party::Forward } => Some((recording, track)),
            _ => None,
        })
        .collect();
    let [(recording, track)] = tracks.as_slice() else { panic!("one track of the centre: {tracks:?}") };
    let sound = w.tape.track(*recording, *track);
    let has = |hz| sound.chunks(800).any(|part| contains_tone(part, hz));
    assert!(has(CENTRE_HZ) && has(CENTRE_HZ + 200.0) && tone_level_db(&sound, CALLER_HZ) < -40.0);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES T13: a softphone that speaks before it is picked up is not heard before; where it says at last that it is,
/// there it is heard and hears.
#[test]
fn a_softphone_that_speaks_early_is_heard_from_the_answer_on() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.play_early(now));
    w.run(secs(2));
    assert!(!heard(&w, caller, 1_000, CONSULTANT_HZ) && heard(&w, caller, 1_000, MUSIC_HZ));
    let host = w.host(consultant).unwrap();
    w.with_phone(consultant, |p, now| p.answer_at((host, 4_010).into(), now));
    w.run(secs(3));
    assert!(hear_each_other(&w, caller, consultant));
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}
