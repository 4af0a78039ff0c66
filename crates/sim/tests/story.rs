//! Stories of single calls, told in virtual time and listened to.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use core::time::Duration;
use senim_audio::listen::{contains_tone, tone_level_db};
use senim_base::{Language, TrackId};
use senim_media::Lamp;
use senim_phone::{Event, Voice};
use senim_sim::{LineConfig, MUSIC_HZ, PhoneId, Wire, World};
use senim_switch::facts::{Disposition, EndCause, Fact, ForwardResult, OfferOutcome};
use stage::*;

/// FEATURES R1, R2, Q3, T10: both hear each other, each is on his own track and nowhere else.
#[test]
fn caller_and_consultant_talk_and_each_has_his_track() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77011234567");
    wait_for(&mut w, consultant, Event::Incoming);
    assert!(heard(&w, caller, 400, MUSIC_HZ) || w.look(caller).heard().packets() > 50);
    w.run(secs(2));
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(5));
    assert!(heard(&w, consultant, 2_000, CALLER_HZ), "the consultant hears the caller");
    assert!(heard(&w, caller, 2_000, CONSULTANT_HZ), "the caller hears the consultant");
    assert!(!heard(&w, caller, 2_000, MUSIC_HZ), "the music is over");
    let facts = w.facts.clone();
    let recording = facts
        .iter()
        .find_map(|r| match r.fact {
            Fact::RecordingBegan { recording } => Some(recording),
            _ => None,
        })
        .unwrap();
    w.with_phone(caller, |p, now| p.hang_up(now));
    wait_for(&mut w, consultant, Event::Ended { by_peer: true });
    let tracks: Vec<Vec<i16>> = (0..3).map(|t| w.tape.track(recording, TrackId(t))).collect();
    let tail = |t: &[i16]| t[t.len() - 16_000..].to_vec();
    assert!(
        contains_tone(&tail(&tracks[0]), CALLER_HZ)
            && tone_level_db(&tail(&tracks[0]), CONSULTANT_HZ) < -50.0
    );
    assert!(
        contains_tone(&tail(&tracks[2]), CONSULTANT_HZ)
            && tone_level_db(&tail(&tracks[2]), CALLER_HZ) < -50.0
    );
    let music = tracks[1].chunks(800).any(|part| contains_tone(part, MUSIC_HZ));
    assert!(music, "what the line played is on the line's track");
    nothing_left(&mut w);
    assert_eq!(ended(&w), (EndCause::CallerHungUp, Some(Disposition::Served)));
}

/// FEATURES I2: no key at all leads to a human, never to a hang-up.
#[test]
fn a_caller_who_presses_nothing_reaches_a_human() {
    let mut w = world();
    let consultant = w.consultant("both", &Language::ALL, &[]);
    w.sign_in("both");
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
    assert_eq!(ended(&w), (EndCause::CallerHungUp, Some(Disposition::Abandoned)));
}

/// FEATURES I3: the urgent key works at once, at any moment, and goes before all others.
#[test]
fn the_urgent_key_goes_before_all_others() {
    let mut w = world();
    let first = queued_caller(&mut w, "+77010000001");
    let second = queued_caller(&mut w, "+77010000002");
    w.with_phone(second, |p, _| p.press("0"));
    w.run(secs(2));
    let board = w.switch().board();
    let urgent: Vec<u8> = board.waiting.iter().map(|row| row.priority).collect();
    assert!(urgent[0] < urgent[1], "{urgent:?}");
    assert!(w.look(first).is_talking() && w.look(second).is_talking());
    w.with_phone(first, |p, now| p.hang_up(now));
    w.with_phone(second, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES Q7: the caller hangs up and the consultant's phone falls silent within 200 ms.
#[test]
fn a_caller_who_hangs_up_stops_the_ringing() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(caller, |p, now| p.hang_up(now));
    w.run(Duration::from_millis(200));
    assert!(!w.look(consultant).is_busy());
    nothing_left(&mut w);
}

/// FEATURES Q8: unanswered and refused offers put the caller back at the front, and the next consultant rings.
#[test]
fn a_refused_call_goes_to_the_next_consultant() {
    let mut w = world();
    let one = staff(&mut w, "one", Language::Russian);
    let two = staff(&mut w, "two", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, one, Event::Incoming);
    w.with_phone(one, |p, now| p.decline(486, now));
    wait_for(&mut w, two, Event::Incoming);
    w.run(secs(25));
    assert!(!w.look(two).is_busy(), "it rang out");
    let outcomes: Vec<OfferOutcome> = w
        .facts
        .iter()
        .filter_map(|r| match r.fact {
            Fact::OfferEnded { outcome, .. } => Some(outcome),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes[..2], [OfferOutcome::Rejected, OfferOutcome::NoAnswer]);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES T14: a consultant whose cable is cut is found out, and the caller goes back to the front.
#[test]
fn a_lost_softphone_puts_the_caller_back_at_the_front() {
    let mut w = world();
    let one = staff(&mut w, "one", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, one, Event::Incoming);
    w.with_phone(one, |p, now| p.answer(now));
    w.run(secs(3));
    let host = w.host(one).unwrap();
    w.net.cut(host, true);
    w.run(secs(10));
    let two = staff(&mut w, "two", Language::Russian);
    wait_for(&mut w, two, Event::Incoming);
    w.with_phone(two, |p, now| p.answer(now));
    w.run(secs(3));
    assert!(heard(&w, caller, 1_000, CONSULTANT_HZ), "the caller talks again");
    w.with_phone(two, |p, now| p.hang_up(now));
    wait_for(&mut w, caller, Event::Ended { by_peer: true });
    w.net.cut(host, false);
    w.with_phone(one, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// Hold plays music to the caller, resume joins the two again; the recording goes on (R4).
#[test]
fn hold_and_resume() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    w.with_phone(consultant, |p, now| p.hold(true, now));
    w.run(secs(3));
    assert!(heard(&w, caller, 1_000, MUSIC_HZ) && !heard(&w, caller, 1_000, CONSULTANT_HZ));
    w.with_phone(consultant, |p, now| p.hold(false, now));
    w.run(secs(3));
    assert!(heard(&w, caller, 1_000, CONSULTANT_HZ) && heard(&w, consultant, 1_000, CALLER_HZ));
    let moved = w.look(consultant).rtp_address().ip();
    w.with_phone(consultant, |p, now| p.move_to((moved, 4_002).into(), now));
    w.run(secs(3));
    assert!(heard(&w, consultant, 1_000, CALLER_HZ), "FEATURES T13: the new port is honoured");
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES A1, R9: the consultant keys the code; both hear the number; the call is linked.
#[test]
fn an_appeal_is_registered_while_they_talk() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    w.with_phone(consultant, |p, _| p.press("*20"));
    w.run(secs(3));
    let number = w
        .facts
        .iter()
        .find_map(|r| match r.fact {
            Fact::AppealRegistered { number, .. } => Some(number),
            _ => None,
        })
        .unwrap();
    assert_eq!(number.to_string(), "2026-000001-5");
    assert!(!heard(&w, caller, 400, CONSULTANT_HZ), "the number is being read out");
    w.run(secs(12));
    assert!(heard(&w, caller, 400, CONSULTANT_HZ), "they hear each other again");
    w.with_phone(caller, |p, now| p.hang_up(now));
    w.run(secs(5));
    // In the wrap-up the consultant links the same call to it once more, by dialling.
    w.with_phone(consultant, |p, now| p.dial("*2120260000015", now));
    w.run(secs(30));
    assert!(w.facts.iter().any(|r| matches!(r.fact, Fact::AppealLinked { .. })));
    nothing_left(&mut w);
}

/// FEATURES U1: the caller keys his appeal's number and hears its status.
#[test]
fn a_caller_hears_the_status_of_his_appeal() {
    let mut w = world();
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, caller, Event::Answered);
    w.run(secs(1));
    for keys in ["2", "4", "20260000015#"] {
        w.with_phone(caller, |p, _| p.press(keys));
        w.run(secs(4));
    }
    assert!(w.facts.iter().any(|r| matches!(r.fact, Fact::StatusAsked { known: false })), "{:#?}", w.facts);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES X1, X2: the caller hears so first, then 1414 is dialled; busy brings him back to his consultant.
#[test]
fn a_forward_by_the_consultant_comes_back_when_busy_and_joins_when_answered() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let centre = w.centre();
    w.with_phone(centre, |p, _| p.say(Voice::Tone(1_500.0)));
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    w.with_phone(consultant, |p, _| p.press("*14"));
    wait_for(&mut w, centre, Event::Incoming);
    w.with_phone(centre, |p, now| p.decline(486, now));
    w.run(secs(4));
    assert!(heard(&w, caller, 1_000, CONSULTANT_HZ), "back with the consultant");
    w.with_phone(consultant, |p, _| p.press("*14"));
    wait_for(&mut w, centre, Event::Incoming);
    w.with_phone(centre, |p, now| p.answer(now));
    wait_for(&mut w, consultant, Event::Ended { by_peer: true });
    w.run(secs(3));
    assert!(heard(&w, caller, 1_000, 1_500.0) && heard(&w, centre, 1_000, CALLER_HZ));
    let results: Vec<ForwardResult> = w
        .facts
        .iter()
        .filter_map(|r| match r.fact {
            Fact::ForwardEnded { result, .. } => Some(result),
            _ => None,
        })
        .collect();
    assert_eq!(results, [ForwardResult::Busy, ForwardResult::Connected]);
    w.with_phone(centre, |p, now| p.hang_up(now));
    wait_for(&mut w, caller, Event::Ended { by_peer: true });
    nothing_left(&mut w);
    assert_eq!(ended(&w), (EndCause::ForwardHungUp, Some(Disposition::Served)));
}

/// FEATURES X1: by the caller's own choice; nobody answers at 1414, and he comes to a human.
#[test]
fn a_forward_by_the_caller_that_fails_ends_at_a_human() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let centre = w.centre();
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, caller, Event::Answered);
    w.run(secs(1));
    for keys in ["2", "3"] {
        w.with_phone(caller, |p, _| p.press(keys));
        w.run(secs(2));
    }
    wait_for(&mut w, centre, Event::Incoming);
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// D2: sign in, break, ready and sign out by dialling.
#[test]
fn consultants_work_by_dialling_codes() {
    let mut w = world();
    let phone = w.consultant("aigerim", &[Language::Kazakh], &[]);
    for (code, doing) in [("*10", "Ready"), ("*12", "Break"), ("*13", "Ready"), ("*11", "SignedOut")] {
        w.with_phone(phone, |p, now| assert!(p.dial(code, now)));
        wait_for(&mut w, phone, Event::Ended { by_peer: true });
        let row = w.switch().board().consultants.remove(0);
        assert!(format!("{:?}", row.doing).starts_with(doing), "{code} {row:?}");
    }
    nothing_left(&mut w);
}

/// FEATURES T3, T4: a withheld number is accepted and flagged, and kept or not as configured.
#[test]
fn an_anonymous_caller_is_answered_and_flagged() {
    for keep in [true, false] {
        let mut w = World::new(3, LineConfig { keep_restricted: keep, ..LineConfig::story() }, Wire::GOOD);
        let caller = w.caller("anonymous");
        w.with_phone(caller, |p, now| {
            let headers = vec![
                ("P-Asserted-Identity".to_owned(), "<sip:87011234567@carrier.example>".to_owned()),
                ("Privacy".to_owned(), "id".to_owned()),
            ];
            p.dial_with("111", headers, now)
        });
        wait_for(&mut w, caller, Event::Answered);
        let identity = w.facts.iter().find_map(|r| match &r.fact {
            Fact::Arrived { caller, .. } => Some(caller.clone()),
            _ => None,
        });
        let identity = identity.unwrap();
        assert!(identity.anonymous);
        assert_eq!(identity.number.as_ref().map(|n| n.reveal().as_str()), keep.then_some("+77011234567"));
        w.with_phone(caller, |p, now| p.hang_up(now));
        nothing_left(&mut w);
    }
}

/// FEATURES I3: also while 1414 is being dialled.
#[test]
fn the_urgent_key_works_while_another_centre_is_dialled() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let centre = w.centre();
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| p.dial("111", now));
    wait_for(&mut w, caller, Event::Answered);
    w.run(secs(1));
    for keys in ["2", "3"] {
        w.with_phone(caller, |p, _| p.press(keys));
        w.run(secs(2));
    }
    wait_for(&mut w, centre, Event::Incoming);
    w.with_phone(caller, |p, _| p.press("0"));
    wait_for(&mut w, consultant, Event::Incoming);
    assert!(!w.look(centre).is_busy(), "1414 rings no longer");
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES L1, L5: a caller waits rather than talk with somebody who does not speak his language.
#[test]
fn a_caller_is_never_given_to_somebody_who_does_not_speak_his_language() {
    let mut w = world();
    let kazakh = staff(&mut w, "kazakh", Language::Kazakh);
    let caller = queued_caller(&mut w, "+77010000001");
    w.run(secs(90));
    assert!(!w.look(kazakh).is_busy() && w.look(caller).is_talking());
    let positions = w.facts.iter().filter(|r| matches!(r.fact, Fact::PositionSaid { position: 1 })).count();
    assert!(positions >= 2, "FEATURES Q12: he hears his place at intervals");
    let russian = staff(&mut w, "russian", Language::Russian);
    wait_for(&mut w, russian, Event::Incoming);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES T6: whoever is neither a trunk nor a known user gets no call; an unknown number gets 404; no codec, 488.
#[test]
fn strangers_unknown_numbers_and_foreign_codecs_are_refused() {
    let mut w = world();
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| p.dial("999", now));
    wait_for(&mut w, caller, Event::Refused(404));
    let line = std::net::SocketAddr::from(([10, 0, 0, 1], 5060));
    let stranger = std::net::SocketAddr::from(([172, 16, 0, 9], 5060));
    let invite = "INVITE sip:111@senim SIP/2.0\r\nVia: SIP/2.0/UDP 172.16.0.9:5060;branch=z9hG4bKx\r\n\
                  Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=1\r\nTo: <sip:111@senim>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
                  Contact: <sip:x@172.16.0.9>\r\nContent-Length: 0\r\n\r\n";
    w.throw(stranger, line, invite.as_bytes().to_vec());
    w.throw(stranger, line, vec![0xFF; 700]);
    w.run(secs(40));
    assert!(!w.facts.iter().any(|r| matches!(r.fact, Fact::Arrived { .. })));
    let trunk = std::net::SocketAddr::from(([10, 1, 200, 200], 5060));
    let body = "v=0\r\no=- 1 1 IN IP4 10.1.200.200\r\ns=-\r\nc=IN IP4 10.1.200.200\r\nt=0 0\r\nm=audio 9 RTP/AVP 18\r\n";
    let invite = invite.replace("172.16.0.9", "10.1.200.200").replace(
        "Content-Length: 0",
        &format!("Content-Type: application/sdp\r\nContent-Length: {}", body.len()),
    );
    w.throw(trunk, line, format!("{invite}{body}").into_bytes());
    w.run(secs(40));
    assert!(w.facts.iter().any(|r| matches!(r.fact, Fact::Refused { status: 488, .. })), "{:#?}", w.facts);
    nothing_left(&mut w);
}

/// THREATS, RTP inject: a stranger's packets are neither heard nor recorded, and nothing is sent to him.
#[test]
fn a_strangers_sound_is_not_heard() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.with_phone(caller, |p, _| p.say(Voice::Silence));
    w.run(secs(1));
    let stranger = std::net::SocketAddr::from(([172, 16, 0, 9], 7_000));
    let loud = senim_audio::tone::sine(2_100.0, -10.0, 20);
    for n in 0..250u32 {
        for port in w.rtp_ports() {
            let mut packet = vec![0x80, 8];
            packet.extend((n as u16).to_be_bytes());
            packet.extend((n * 160).to_be_bytes());
            packet.extend([9; 4]);
            packet.extend(loud.iter().map(|s| senim_audio::g711::alaw_encode(*s)));
            w.throw(stranger, ([10, 0, 0, 1], port).into(), packet);
        }
        w.run(Duration::from_millis(20));
    }
    for phone in [caller, consultant] {
        assert!(tone_level_db(w.look(phone).heard().last(secs(4)), 2_100.0) < -50.0);
    }
    let told = w.facts.iter().filter(|r| matches!(r.fact, Fact::Strangers { .. })).count();
    assert!((1..6).contains(&told), "told, and not each second: {told}");
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES T10: unequal packet times, payload types and laws on the two sides.
#[test]
fn caller_and_consultant_with_different_codecs_hear_each_other() {
    use senim_sdp::{Capabilities, Codec};
    let mut w = world();
    let theirs = Capabilities {
        codecs: vec![Codec::Pcmu],
        telephone_event: false,
        ptime_ms: 30,
        rtcp_mux: false,
        ..Capabilities::default()
    };
    let consultant = w.consultant_with("aigerim", &Language::ALL, &[], theirs);
    w.with_phone(consultant, |p, _| p.say(Voice::Tone(CONSULTANT_HZ)));
    w.sign_in("aigerim");
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(4));
    assert!(heard(&w, consultant, 2_000, CALLER_HZ) && heard(&w, caller, 2_000, CONSULTANT_HZ));
    w.with_phone(consultant, |p, now| p.hang_up(now));
    wait_for(&mut w, caller, Event::Ended { by_peer: true });
    nothing_left(&mut w);
}

/// FEATURES T5: a trunk that does not answer its probes is out of rotation, and back after it recovered.
#[test]
fn a_dead_trunk_is_out_of_rotation_and_comes_back() {
    let mut w = World::new(5, LineConfig { probe_every: Some(secs(10)), ..LineConfig::story() }, Wire::GOOD);
    let centre = w.centre();
    w.run(secs(60));
    let host = w.host(centre).unwrap();
    w.net.cut(host, true);
    w.run(secs(300));
    assert!(!w.switch().board().trunks[1].alive);
    w.net.cut(host, false);
    w.run(secs(120));
    assert!(w.switch().board().trunks[1].alive);
    let turns = w.facts.iter().filter(|r| matches!(r.fact, Fact::TrunkNow { .. })).count();
    assert_eq!(turns, 2);
}

/// FEATURES T8 (begun): calls beyond a trunk's limit get 503, and the calls in progress go on.
#[test]
fn a_trunk_brings_no_more_calls_than_it_may() {
    let mut w = World::new(6, LineConfig { calls_max: (2, 100), ..LineConfig::story() }, Wire::GOOD);
    let callers: Vec<PhoneId> = (0..3).map(|n| w.caller(&format!("+7701000000{n}"))).collect();
    for caller in &callers {
        w.with_phone(*caller, |p, now| p.dial("111", now));
    }
    wait_for(&mut w, callers[2], Event::Refused(503));
    w.run(secs(2));
    assert!(w.look(callers[0]).is_talking() && w.look(callers[1]).is_talking());
    for caller in callers {
        w.with_phone(caller, |p, now| p.hang_up(now));
    }
    nothing_left(&mut w);
}

/// FEATURES T14: a caller from whom nothing comes any more is gone, and the cause is recorded.
#[test]
fn a_caller_whose_sound_stops_is_ended_with_its_cause() {
    let mut w = world();
    let caller = queued_caller(&mut w, "+77010000001");
    w.with_phone(caller, |p, _| p.say(Voice::Off));
    wait_for(&mut w, caller, Event::Ended { by_peer: true });
    nothing_left(&mut w);
    assert_eq!(ended(&w), (EndCause::MediaLost, Some(Disposition::Abandoned)));
}

/// FEATURES Q10: after a talk there is time to finish, which a code ends early.
#[test]
fn wrap_up_follows_a_talk_and_ends_early_by_code() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    w.with_phone(caller, |p, now| p.hang_up(now));
    w.run(secs(1));
    let doing = |w: &World| format!("{:?}", w.switch().board().consultants[0].doing);
    assert_eq!(doing(&w), "WrapUp");
    w.with_phone(consultant, |p, now| p.dial("*13", now));
    w.run(secs(5));
    assert_eq!(doing(&w), "Ready");
    nothing_left(&mut w);
}

/// FEATURES R3, I1: the recording begins before the greeting, and the notice that the talk is recorded is in it, in
/// both languages, heard by the caller within a second of the answer.
#[test]
fn the_recording_begins_before_the_greeting_and_holds_the_notice() {
    let mut w = world();
    let caller = w.caller("+77010000001");
    w.with_phone(caller, |p, now| {
        p.say(Voice::Tone(CALLER_HZ));
        p.dial("111", now)
    });
    wait_for(&mut w, caller, Event::Answered);
    w.run(secs(1));
    assert!(w.look(caller).heard().pcm().len() > 7_000, "sound within the first second");
    w.run(secs(6));
    let recording = w
        .facts
        .iter()
        .find_map(|r| match r.fact {
            Fact::RecordingBegan { recording } => Some(recording),
            _ => None,
        })
        .unwrap();
    let line = w.tape.track(recording, TrackId(1));
    let at = |language, name| {
        let hz = senim_sim::prompt_hz(language, name).unwrap();
        line.chunks(400).position(|part| contains_tone(part, hz)).unwrap_or(usize::MAX)
    };
    let order = [
        at(Language::Kazakh, "greeting"),
        at(Language::Kazakh, "recorded"),
        at(Language::Russian, "greeting"),
        at(Language::Russian, "recorded"),
    ];
    assert!(order.iter().all(|n| *n < usize::MAX), "{order:?}");
    assert!(order[0] <= 2, "from the first syllable: {order:?}");
    let caller_track = w.tape.track(recording, TrackId(0));
    assert!(contains_tone(&caller_track[..8_000], CALLER_HZ), "the caller too, from the first second");
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES Q14, Q12: music, the caller's place at intervals, and a word of comfort from the second time on, in his
/// language; the music comes back after each.
#[test]
fn who_waits_hears_music_his_place_and_comfort() {
    let mut w = world();
    let caller = queued_caller(&mut w, "+77010000001");
    w.run(secs(58));
    let heard_all = w.look(caller).heard().pcm().to_vec();
    let times = |hz: f32| {
        let there: Vec<bool> = heard_all.chunks(400).map(|part| contains_tone(part, hz)).collect();
        there.windows(2).filter(|w| !w[0] && w[1]).count()
    };
    let prompt = |name| senim_sim::prompt_hz(Language::Russian, name).unwrap();
    assert_eq!(times(prompt("queue_next")), 2, "his place, twice in a minute");
    assert_eq!(times(prompt("comfort")), 1);
    assert_eq!(times(MUSIC_HZ), 3, "music before, between and after");
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES Q11: a break has its reason and its duration in the facts.
#[test]
fn a_break_is_kept_with_its_reason_and_duration() {
    use senim_switch::api::{Command, Duty};
    use senim_switch::facts::Doing;
    let mut w = world();
    staff(&mut w, "aigerim", Language::Kazakh);
    w.command(Command::Duty { login: "aigerim".into(), duty: Duty::Break("after a hard call".into()) });
    w.run(secs(300));
    w.command(Command::Duty { login: "aigerim".into(), duty: Duty::Ready });
    let facts: Vec<(Doing, u64)> = w
        .facts
        .iter()
        .filter_map(|r| match &r.fact {
            Fact::ConsultantNow { doing, after_ms, .. } => Some((doing.clone(), *after_ms)),
            _ => None,
        })
        .collect();
    let tail = &facts[facts.len() - 2..];
    assert_eq!(tail[0].0, Doing::Break("after a hard call".into()));
    assert_eq!(tail[1], (Doing::Ready, 300_000));
}

/// A consultant who dials a code is offered nobody before he has heard the line out.
#[test]
fn a_caller_who_waits_is_offered_after_the_code_is_heard_out() {
    let mut w = world();
    let caller = queued_caller(&mut w, "+77010000001");
    let phone = w.consultant("aigerim", &[Language::Russian], &[]);
    w.run(secs(1));
    w.with_phone(phone, |p, now| p.dial("*10", now));
    wait_for(&mut w, phone, Event::Ended { by_peer: true });
    wait_for(&mut w, phone, Event::Incoming);
    let at = |which: fn(&Fact) -> bool| w.facts.iter().position(|r| which(&r.fact)).unwrap();
    assert!(at(|f| matches!(f, Fact::Ended { .. })) < at(|f| matches!(f, Fact::Offered { .. })));
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
}

/// FEATURES D10, T13, T14: sound that goes one way only is on the board and in the facts within three seconds, the lamp
/// follows the network, and each leg's record says how it sounded.
#[test]
fn a_talk_that_one_party_cannot_be_heard_in_is_seen_by_the_operator_at_once() {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77011234567");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(12));
    let row = |w: &World| w.switch().board().talking[0].clone();
    assert_eq!((row(&w).caller_sound.lamp, row(&w).caller_sound.unheard), (Some(Lamp::Good), false));
    w.with_phone(consultant, |p, _| p.say(Voice::Off));
    w.run(secs(3));
    let seen = row(&w);
    assert!(seen.consultant_sound.unheard && !seen.caller_sound.unheard, "{seen:?}");
    assert_eq!(w.switch().board().totals.one_way, 1);
    w.with_phone(consultant, |p, _| p.say(Voice::Tone(CONSULTANT_HZ)));
    w.run(secs(1));
    assert!(!row(&w).consultant_sound.unheard);
    w.with_phone(caller, |p, now| p.hang_up(now));
    nothing_left(&mut w);
    let missing: Vec<bool> = w
        .facts
        .iter()
        .filter_map(|r| match r.fact {
            Fact::OneWay { missing, .. } => Some(missing),
            _ => None,
        })
        .collect();
    assert_eq!(missing, [true, false]);
    let scores: Vec<u16> = w
        .facts
        .iter()
        .filter_map(|r| match r.fact {
            Fact::Sounded { report, .. } => report.mos_x100,
            _ => None,
        })
        .collect();
    assert!(scores.len() == 2 && scores.iter().all(|mos| *mos > 400), "{scores:?}");
}
