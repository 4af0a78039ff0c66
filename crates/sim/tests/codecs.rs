//! Callers and consultants who speak different codecs, through the whole line: script, queue, talk, recording.

mod stage;

use core::time::Duration;
use senim_audio::listen::contains_tone;
use senim_base::{Language, RecordingId, TrackId};
use senim_phone::{Event, Voice};
use senim_sdp::{Capabilities, Codec};
use senim_sim::{LineConfig, PhoneId, Wire, World};
use senim_switch::facts::{Fact, Party};
use stage::{CALLER_HZ, CONSULTANT_HZ, heard, nothing_left, secs, wait_for};

fn only(codec: Codec) -> Capabilities {
    Capabilities { codecs: vec![codec], ..Capabilities::default() }
}

/// A line that speaks everything to everybody.
fn world() -> World {
    let codecs = (Codec::ALL.to_vec(), Codec::ALL.to_vec());
    let mut world = World::new(1, LineConfig { codecs, ..LineConfig::story() }, Wire::GOOD);
    world.tape.keep = true;
    world
}

/// The caller hears the greeting, presses keys, waits, and talks with a consultant.
fn talk(w: &mut World, caller: Codec, consultant: Codec) -> (PhoneId, PhoneId) {
    let theirs = w.consultant_with("aigerim", &Language::ALL, &[], only(consultant));
    w.with_phone(theirs, |p, _| p.say(Voice::Tone(CONSULTANT_HZ)));
    w.sign_in("aigerim");
    let ours = w.caller_with("+77010000001", only(caller));
    w.with_phone(ours, |p, now| {
        p.say(Voice::Tone(CALLER_HZ));
        assert!(p.dial("111", now));
    });
    wait_for(w, ours, Event::Answered);
    for key in ["2", "1"] {
        w.run(secs(2));
        w.with_phone(ours, |p, _| p.press(key));
    }
    wait_for(w, theirs, Event::Incoming);
    w.with_phone(theirs, |p, now| p.answer(now));
    w.run(secs(4));
    (ours, theirs)
}

/// What the facts say of each party's sound.
fn spoken(w: &World) -> Vec<(Party, Codec, bool)> {
    let told = w.facts.iter().filter_map(|r| match r.fact {
        Fact::Speaks { party, codec, transcoded, .. } => Some((party, codec, transcoded)),
        _ => None,
    });
    told.collect()
}

fn recording(w: &World) -> RecordingId {
    let begun = w.facts.iter().find_map(|r| match r.fact {
        Fact::RecordingBegan { recording } => Some(recording),
        _ => None,
    });
    begun.expect("every talk is recorded")
}

/// FEATURES T11, R7.
#[test]
fn every_codec_talks_with_every_other_and_is_recorded() {
    for caller in Codec::ALL {
        for consultant in Codec::ALL {
            let mut w = world();
            let (ours, theirs) = talk(&mut w, caller, consultant);
            let what = format!("{caller} caller, {consultant} consultant");
            assert!(heard(&w, theirs, 2_000, CALLER_HZ), "{what}: the consultant hears");
            assert!(heard(&w, ours, 2_000, CONSULTANT_HZ), "{what}: the caller hears");
            let told = spoken(&w);
            assert_eq!(told[0], (Party::Caller, caller, false), "{what}");
            assert!(matches!(told[1], (Party::Consultant(_), _, _)), "{what}");
            assert_eq!((told[1].1, told[1].2), (consultant, caller.is_foreign_to(consultant)), "{what}");
            w.with_phone(theirs, |p, now| p.hang_up(now));
            wait_for(&mut w, ours, Event::Ended { by_peer: true });
            let ended = w.now();
            nothing_left(&mut w);
            let (id, began) = (recording(&w), began(&w));
            for (track, hz) in [(0, CALLER_HZ), (2, CONSULTANT_HZ)] {
                let pcm = w.tape.track(id, TrackId(track));
                let last = &pcm[pcm.len() - 16_000..pcm.len() - 800];
                assert!(contains_tone(last, hz), "{what}: track {track}");
                let wall = ended.since(began).as_millis() as usize * 8;
                assert!(pcm.len().abs_diff(wall) <= 8 * 60, "{what}: {} samples of {wall}", pcm.len());
            }
            let line = w.tape.track(id, TrackId(1));
            assert!(line.chunks(800).any(|c| c.iter().any(|s| s.unsigned_abs() > 2_000)), "{what}: prompts");
        }
    }
}

fn began(w: &World) -> senim_base::Instant {
    w.facts.iter().find(|r| matches!(r.fact, Fact::RecordingBegan { .. })).map(|r| r.at).expect("recorded")
}

/// FEATURES T11: hold, resume and a third one aside, across codecs.
#[test]
fn an_opus_consultant_holds_resumes_and_asks_a_colleague_of_g722_aside() {
    let mut w = world();
    let colleague = w.consultant_with("002", &[Language::Kazakh], &[], only(Codec::G722));
    w.sign_in("002");
    w.with_phone(colleague, |p, _| p.say(Voice::Tone(1_500.0)));
    w.run(secs(1));
    let (ours, theirs) = talk(&mut w, Codec::Pcma, Codec::Opus);
    w.with_phone(theirs, |p, now| p.hold(true, now));
    w.run(secs(3));
    assert!(heard(&w, ours, 1_000, senim_sim::MUSIC_HZ), "music while held");
    w.with_phone(theirs, |p, now| p.hold(false, now));
    w.run(secs(3));
    assert!(heard(&w, theirs, 1_000, CALLER_HZ) && heard(&w, ours, 1_000, CONSULTANT_HZ), "and resumed");
    w.with_phone(theirs, |p, _| p.press("*157002#"));
    wait_for(&mut w, colleague, Event::Incoming);
    w.with_phone(colleague, |p, now| p.answer(now));
    w.run(secs(3));
    assert!(heard(&w, theirs, 1_000, 1_500.0) && heard(&w, colleague, 1_000, CONSULTANT_HZ), "aside");
    w.with_phone(theirs, |p, _| p.press("*16"));
    w.run(secs(4));
    for (phone, hears) in [
        (ours, [CONSULTANT_HZ, 1_500.0]),
        (theirs, [CALLER_HZ, 1_500.0]),
        (colleague, [CALLER_HZ, CONSULTANT_HZ]),
    ] {
        assert!(hears.iter().all(|hz| heard(&w, phone, 1_000, *hz)), "{phone:?} hears both others");
    }
    w.with_phone(ours, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// A phone that speaks nothing which the line may speak to it is refused, not left in silence.
#[test]
fn a_codec_that_the_configuration_does_not_allow_is_refused() {
    let mut w = World::new(1, LineConfig::story(), Wire::GOOD);
    let caller = w.caller_with("+77010000001", only(Codec::Opus));
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, caller, Event::Refused(488));
    nothing_left(&mut w);
}

/// The tone is there in every second, in most of its tenths.
fn is_in_every_second(pcm: &[i16], hz: f32) -> bool {
    let tenths = |second: &[i16]| second.chunks_exact(800).filter(|tenth| contains_tone(tenth, hz)).count();
    pcm.chunks_exact(8_000).all(|second| tenths(second) >= 7)
}

/// FEATURES R6, R7, X3: whatever the network does to one of them, and whether their codecs differ or not, both hear each
/// other all the time, and each second lies in the recording where it was said.
#[test]
fn loss_disorder_and_doubles_leave_both_heard_and_the_recording_in_its_place() {
    let good = Wire::GOOD;
    let wires = [
        ("5 % lost", Wire { lost_one_in: 20, ..good }),
        ("15 % lost", Wire { lost_one_in: 7, ..good }),
        ("out of order", Wire { jitter: Duration::from_millis(60), ..good }),
        ("many twice", Wire { doubled_one_in: 3, ..good }),
        ("all of it", Wire::BAD),
    ];
    for (what, wire) in wires {
        for (caller, consultant) in [
            (Codec::Pcma, Codec::Pcma),
            (Codec::Pcmu, Codec::Pcma),
            (Codec::Pcma, Codec::G722),
            (Codec::Opus, Codec::Pcma),
        ] {
            let codecs = (Codec::ALL.to_vec(), Codec::ALL.to_vec());
            let mut w = World::new(5, LineConfig { codecs, ..LineConfig::story() }, wire);
            w.tape.keep = true;
            let what = format!("{what}, {caller} caller, {consultant} consultant");
            let (ours, theirs) = talk(&mut w, caller, consultant);
            let talks = w.now();
            w.run(secs(15));
            for (ear, hz) in [(theirs, CALLER_HZ), (ours, CONSULTANT_HZ)] {
                let last = w.look(ear).heard().last(secs(10));
                assert!(is_in_every_second(last, hz), "{what}: {hz} Hz is heard in every second");
            }
            w.with_phone(theirs, |p, now| p.hang_up(now));
            wait_for(&mut w, ours, Event::Ended { by_peer: true });
            let ended = w.now();
            nothing_left(&mut w);
            let (id, began) = (recording(&w), began(&w));
            let at = |moment: senim_base::Instant| moment.since(began).as_millis() as usize * 8;
            for (track, hz) in [(0, CALLER_HZ), (2, CONSULTANT_HZ)] {
                let pcm = w.tape.track(id, TrackId(track));
                let talk = &pcm[at(talks)..at(talks + secs(14))];
                assert!(is_in_every_second(talk, hz), "{what}: track {track}");
                // The last packets may be lost, and the goodbye takes its way.
                assert!(pcm.len().abs_diff(at(ended)) <= 8 * 500, "{what}: {} of {}", pcm.len(), at(ended));
            }
        }
    }
}
