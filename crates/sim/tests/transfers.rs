//! Stories of callers who are sent on, and of three who talk (FEATURES X3, X4, R4): by keys, by REFER, by a second call.
#![allow(clippy::unwrap_used, clippy::panic)]

mod stage;

use senim_audio::listen::{contains_tone, tone_level_db};
use senim_base::{Language, RecordingId, TrackId};
use senim_phone::{Event, Voice};
use senim_sim::{MUSIC_HZ, PhoneId, World, prompt_hz};
use senim_switch::facts::{Disposition, EndCause, Fact, ForwardResult, Party, TransferTo};
use stage::*;

const OTHER_HZ: f32 = 1_500.0;
/// The colleague's number: 7 and his login.
const OTHER: &str = "7001";

/// A caller in talk with his consultant, and a colleague who is at work, too.
struct Scene {
    w: World,
    caller: PhoneId,
    consultant: PhoneId,
    other: PhoneId,
}

fn scene() -> Scene {
    let mut w = world();
    let consultant = staff(&mut w, "aigerim", Language::Russian);
    let caller = queued_caller(&mut w, "+77010000001");
    wait_for(&mut w, consultant, Event::Incoming);
    w.with_phone(consultant, |p, now| p.answer(now));
    w.run(secs(2));
    // He speaks Kazakh only: the queue never gives him this caller by itself.
    let other = w.consultant("001", &[Language::Kazakh], &[]);
    w.with_phone(other, |p, _| p.say(Voice::Tone(OTHER_HZ)));
    w.sign_in("001");
    w.run(secs(1));
    Scene { w, caller, consultant, other }
}

impl Scene {
    fn key(&mut self, keys: &str) {
        self.w.with_phone(self.consultant, |p, _| p.press(keys));
        self.w.run(secs(4));
    }

    fn answers(&mut self, phone: PhoneId) {
        wait_for(&mut self.w, phone, Event::Incoming);
        self.w.with_phone(phone, |p, now| p.answer(now));
        self.w.run(secs(2));
    }

    fn hangs_up(&mut self, phone: PhoneId) {
        self.w.with_phone(phone, |p, now| {
            p.hang_up_parked(now);
            p.hang_up(now);
        });
        self.w.run(secs(2));
    }

    fn hears(&self, phone: PhoneId, hz: &[f32]) {
        let all = [CALLER_HZ, CONSULTANT_HZ, OTHER_HZ, MUSIC_HZ];
        let last = self.w.look(phone).heard().last(secs(1));
        for tone in all {
            let level = tone_level_db(last, tone);
            let right = if hz.contains(&tone) { contains_tone(last, tone) } else { level < -45.0 };
            assert!(right, "{phone:?} and {tone} Hz ({level} dB), of {hz:?}; facts {:#?}", self.w.facts);
        }
    }

    /// Nothing is sent to this phone any more, or it is in no call.
    fn count(&self, which: impl Fn(&Fact) -> bool) -> usize {
        self.w.facts.iter().filter(|r| which(&r.fact)).count()
    }

    fn transfers(&self) -> Vec<ForwardResult> {
        let result = |f: &Fact| match f {
            Fact::TransferEnded { result, .. } => Some(*result),
            _ => None,
        };
        self.w.facts.iter().filter_map(|r| result(&r.fact)).collect()
    }

    fn recording(&self) -> RecordingId {
        let began = |f: &Fact| match f {
            Fact::RecordingBegan { recording } => Some(*recording),
            _ => None,
        };
        self.w.facts.iter().find_map(|r| began(&r.fact)).unwrap()
    }

    /// The tracks of everybody but the caller and the line, in order.
    fn tracks(&self) -> Vec<(TrackId, Party)> {
        let began = |f: &Fact| match f {
            Fact::TrackBegan { track, party, .. } if track.0 > 1 => Some((*track, *party)),
            _ => None,
        };
        self.w.facts.iter().filter_map(|r| began(&r.fact)).collect()
    }

    fn doing(&self, login: &str) -> String {
        let rows = self.w.switch().board().consultants;
        rows.iter().find(|r| r.login == login).map(|r| format!("{:?}", r.doing)).unwrap_or_default()
    }

    fn close(mut self) {
        for phone in [self.caller, self.consultant, self.other] {
            self.hangs_up(phone);
        }
        nothing_left(&mut self.w);
    }
}

/// FEATURES X3, R4: by keys: ask aside, all together, alone again, and give the caller away by leaving.
#[test]
fn by_keys_the_consultant_asks_a_colleague_brings_all_together_and_gives_the_caller_away() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.key("*157001#");
    s.w.run(secs(1));
    s.hears(caller, &[MUSIC_HZ]);
    s.answers(other);
    s.hears(caller, &[MUSIC_HZ]);
    s.hears(consultant, &[OTHER_HZ]);
    s.hears(other, &[CONSULTANT_HZ]);
    s.key("*16");
    s.hears(caller, &[CONSULTANT_HZ, OTHER_HZ]);
    s.hears(consultant, &[CALLER_HZ, OTHER_HZ]);
    s.hears(other, &[CALLER_HZ, CONSULTANT_HZ]);
    s.key("*16");
    s.hears(caller, &[MUSIC_HZ]);
    s.hears(other, &[CONSULTANT_HZ]);
    s.hangs_up(consultant);
    s.hears(caller, &[OTHER_HZ]);
    s.hears(other, &[CALLER_HZ]);
    assert_eq!(s.transfers(), [ForwardResult::Connected]);
    assert_eq!((s.doing("aigerim").as_str(), s.doing("001").as_str()), ("WrapUp", "Talking"));
    assert_eq!(s.count(|f| matches!(f, Fact::ConferenceBegan { .. })), 1);
    s.hangs_up(caller);
    assert_eq!(s.doing("001"), "WrapUp", "the colleague has time to finish, too");
    let recording = s.recording();
    let tracks = s.tracks();
    assert_eq!(tracks.len(), 2, "one track each: {tracks:?}");
    for ((track, _), own, foreign) in
        [(tracks[0], CONSULTANT_HZ, OTHER_HZ), (tracks[1], OTHER_HZ, CONSULTANT_HZ)]
    {
        let sound = s.w.tape.track(recording, track);
        assert!(contains_tone(&sound[sound.len() - 8_000..], own), "{track} goes on to the end of its party");
        assert!(tone_level_db(&sound, foreign) < -45.0, "{track} holds its own party alone");
    }
    let of_caller = s.w.tape.track(recording, TrackId(0));
    assert!(contains_tone(&of_caller[of_caller.len() - 8_000..], CALLER_HZ), "to the last second");
    nothing_left(&mut s.w);
    assert_eq!(ended(&s.w), (EndCause::CallerHungUp, Some(Disposition::Served)));
}

/// Who is asked does not answer, is let go, or hangs up: the two are together again, and the consultant is told.
#[test]
fn asking_in_vain_joins_caller_and_consultant_again() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.key("*157001#");
    wait_for(&mut s.w, other, Event::Incoming);
    s.w.with_phone(other, |p, now| p.decline(486, now));
    s.w.run(std::time::Duration::from_millis(600));
    let failed = prompt_hz(Language::Russian, "consult_failed").unwrap();
    let told = s.w.look(consultant).heard().last(std::time::Duration::from_millis(500)).to_vec();
    assert!(told.chunks(400).any(|part| contains_tone(part, failed)), "the consultant is told");
    s.w.run(secs(2));
    s.hears(caller, &[CONSULTANT_HZ]);
    s.key("*157001#");
    s.answers(other);
    s.key("*17");
    s.hears(caller, &[CONSULTANT_HZ]);
    assert!(!s.w.look(other).is_busy(), "let go");
    s.key("*157001#");
    s.answers(other);
    s.hangs_up(other);
    s.hears(caller, &[CONSULTANT_HZ]);
    s.hears(consultant, &[CALLER_HZ]);
    s.key("*157001#");
    wait_for(&mut s.w, other, Event::Incoming);
    s.w.run(secs(40));
    s.hears(caller, &[CONSULTANT_HZ]);
    let results: Vec<ForwardResult> =
        s.w.facts
            .iter()
            .filter_map(|r| match r.fact {
                Fact::ConsultEnded { result, .. } => Some(result),
                _ => None,
            })
            .collect();
    use ForwardResult::{Busy, Connected, NoAnswer};
    assert_eq!(results, [Busy, Connected, Connected, NoAnswer]);
    assert_eq!(s.doing("001"), "Ready", "he is offered callers again");
    s.close();
}

/// A number that consultants may not dial is refused, whoever asks and however; and nobody is called.
#[test]
fn only_what_the_numbers_allow_is_called() {
    let mut s = scene();
    for keys in ["*15102#", "*1577011112233#", "*15111#", "*157999#", "*15#", "*16", "*17"] {
        s.key(keys);
        let caller = s.caller;
        s.hears(caller, &[CONSULTANT_HZ]);
    }
    assert_eq!(s.count(|f| matches!(f, Fact::ConsultBegan { .. } | Fact::TransferBegan { .. })), 0);
    assert!(!s.w.look(s.other).is_busy());
    s.close();
}

/// 1414 may be asked aside as well, over its trunk, and takes the caller.
#[test]
fn the_other_centre_is_asked_and_takes_the_caller() {
    let mut s = scene();
    let centre = s.w.centre();
    s.w.with_phone(centre, |p, _| p.say(Voice::Tone(OTHER_HZ)));
    s.key("*151414#");
    s.answers(centre);
    s.hears(s.consultant, &[OTHER_HZ]);
    assert_eq!(s.w.switch().board().trunks[1].calls, 1);
    s.key("*15#");
    s.hears(s.caller, &[OTHER_HZ]);
    s.hears(centre, &[CALLER_HZ]);
    assert!(!s.w.look(s.consultant).is_busy(), "his part is done");
    let to = TransferTo::Forward("ucc".into());
    assert_eq!(s.count(|f| matches!(f, Fact::TransferEnded { to: t, .. } if *t == to)), 1);
    s.hangs_up(centre);
    assert_eq!(ended(&s.w), (EndCause::ForwardHungUp, Some(Disposition::Served)));
    assert_eq!(s.w.switch().board().trunks[1].calls, 0);
    s.close();
}

/// A consultant who leaves while it still rings has sent the caller on; when nobody answers, the caller is back at the
/// front of the queue with a word, and the next consultant's phone rings.
#[test]
fn a_caller_sent_on_while_it_rings_comes_back_to_the_front_when_nobody_answers() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.key("*157001#");
    wait_for(&mut s.w, other, Event::Incoming);
    s.hangs_up(consultant);
    assert!(s.w.look(caller).is_talking() && s.w.look(other).is_busy());
    assert_eq!(s.doing("aigerim"), "WrapUp");
    s.w.with_phone(other, |p, now| p.decline(603, now));
    s.w.run(std::time::Duration::from_millis(700));
    let word = prompt_hz(Language::Russian, "transfer_failed").unwrap();
    let last = s.w.look(caller).heard().last(std::time::Duration::from_millis(600)).to_vec();
    assert!(last.chunks(400).any(|part| contains_tone(part, word)), "he hears a word");
    assert_eq!(s.w.live().waiting, 1);
    s.answers(consultant);
    s.hears(caller, &[CONSULTANT_HZ]);
    assert_eq!(s.transfers(), [ForwardResult::Failed]);
    s.close();
}

type Step = (&'static str, fn(&mut Scene));

/// FEATURES X4: at every step of asking by keys everybody in turn hangs up: nobody is stuck, and a caller who stays is
/// with somebody or waits for somebody.
#[test]
fn whoever_leaves_at_whatever_step_of_asking_by_keys_nobody_is_stuck() {
    let steps: [Step; 5] = [
        ("talking", |_| {}),
        ("ringing", |s| {
            s.key("*157001#");
            let other = s.other;
            wait_for(&mut s.w, other, Event::Incoming);
        }),
        ("asked", |s| {
            s.w.with_phone(s.other, |p, now| p.answer(now));
            s.w.run(secs(2));
        }),
        ("together", |s| s.key("*16")),
        ("given away", |s| s.key("*15#")),
    ];
    everybody_leaves_at_each_step(&steps);
}

fn everybody_leaves_at_each_step(steps: &[Step]) {
    for last in 0..steps.len() {
        for leaver in 0..3 {
            let mut s = scene();
            for (_, step) in &steps[..=last] {
                step(&mut s);
            }
            let (name, _) = steps[last];
            let who = [s.caller, s.consultant, s.other][leaver];
            let second_call = s.w.look(s.consultant).has_parked();
            // The colleague has taken the caller already: hanging up ends the talk.
            let gone = s.doing("001") == "Talking";
            s.hangs_up(who);
            s.w.run(secs(1));
            let stays = s.w.look(s.caller).is_talking();
            match leaver {
                0 => {
                    for phone in [s.consultant, s.other] {
                        assert!(!s.w.look(phone).is_busy(), "{name}: the caller left, {phone:?} is stuck");
                    }
                    let doing = [s.doing("aigerim"), s.doing("001")];
                    assert!(doing.iter().all(|d| d == "WrapUp" || d == "Ready"), "{name}: {doing:?}");
                }
                // Who hangs up on a caller with whom he is alone has ended the talk; else the caller is with somebody,
                // on his way to somebody, or waits.
                1 if name == "talking" => assert!(!stays, "{name}: the consultant left"),
                1 if second_call => {}
                1 => assert!(stays, "{name}: the consultant left, and the caller is lost"),
                _ => assert_eq!(stays, !gone, "{name}: the colleague left"),
            }
            let settled = s.w.live().calls == usize::from(stays);
            assert!(settled, "{name}: {:?} and the caller is {stays}", s.w.live());
            s.close();
        }
    }
}

/// FEATURES X3: by REFER to a number: the caller hears the ring tone, the phone hears how it goes, the colleague takes
/// the caller, and the consultant is free.
#[test]
fn a_blind_transfer_by_refer_joins_the_caller_to_the_colleague() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.w.with_phone(consultant, |p, now| assert!(p.refer("sip:7001@anywhere.example;user=phone", now)));
    wait_for(&mut s.w, consultant, Event::Referred(202));
    wait_for(&mut s.w, other, Event::Incoming);
    assert_eq!(s.w.look(other).referred_by(), Some("<sip:aigerim@senim.invalid>"), "he sees who asks him");
    s.w.run(secs(2));
    s.hears(caller, &[]);
    s.w.with_phone(other, |p, now| p.answer(now));
    wait_for(&mut s.w, consultant, Event::Progress(200));
    s.w.run(secs(2));
    s.hears(caller, &[OTHER_HZ]);
    s.hears(other, &[CALLER_HZ]);
    assert!(!s.w.look(consultant).is_busy());
    assert_eq!((s.doing("aigerim").as_str(), s.doing("001").as_str()), ("WrapUp", "Talking"));
    assert_eq!(s.transfers(), [ForwardResult::Connected]);
    s.hangs_up(other);
    assert_eq!(ended(&s.w), (EndCause::ConsultantHungUp, Some(Disposition::Served)));
    s.close();
}

/// R4: a transfer that fails brings the caller back, with a word, and the recording goes on.
#[test]
fn a_failed_transfer_by_refer_brings_the_caller_back_and_the_recording_goes_on() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.w.with_phone(consultant, |p, now| p.hold(true, now));
    s.w.run(secs(1));
    s.w.with_phone(consultant, |p, now| assert!(p.refer("sip:7001@senim", now)));
    wait_for(&mut s.w, other, Event::Incoming);
    s.w.with_phone(other, |p, now| p.decline(486, now));
    wait_for(&mut s.w, consultant, Event::Progress(486));
    s.w.run(secs(2));
    s.hears(caller, &[MUSIC_HZ]);
    let word = prompt_hz(Language::Russian, "transfer_failed").unwrap();
    assert!(s.w.look(caller).heard().last(secs(3)).chunks(400).any(|part| contains_tone(part, word)));
    s.w.with_phone(consultant, |p, now| p.hold(false, now));
    s.w.run(secs(2));
    s.hears(caller, &[CONSULTANT_HZ]);
    s.hears(consultant, &[CALLER_HZ]);
    assert_eq!(s.transfers(), [ForwardResult::Busy]);
    s.hangs_up(caller);
    let sound = s.w.tape.track(s.recording(), TrackId(2));
    assert!(contains_tone(&sound[sound.len() - 8_000..], CONSULTANT_HZ), "the recording goes on");
    s.close();
}

/// THREATS, toll fraud: a REFER reaches only what its sender may dial, whatever host it names; and of callers and of
/// other centres none is obeyed.
#[test]
fn a_refer_reaches_only_what_the_consultant_may_dial() {
    let mut s = scene();
    let (caller, consultant) = (s.caller, s.consultant);
    let targets = ["sip:102@senim", "sip:+79001112233@premium.example", "tel:+79001112233", "sip:111@senim"];
    for to in targets {
        s.w.with_phone(consultant, |p, now| assert!(p.refer(to, now)));
        wait_for(&mut s.w, consultant, Event::Referred(404));
    }
    s.w.with_phone(caller, |p, now| assert!(p.refer("sip:7001@senim", now)));
    wait_for(&mut s.w, caller, Event::Referred(403));
    s.w.run(secs(2));
    s.hears(caller, &[CONSULTANT_HZ]);
    assert_eq!(s.count(|f| matches!(f, Fact::TransferBegan { .. })), 0);
    s.close();
}

/// FEATURES X1, X3: a REFER to 1414 is announced to the caller before it is dialled.
#[test]
fn a_refer_to_the_other_centre_is_announced_first() {
    let mut s = scene();
    let centre = s.w.centre();
    s.w.with_phone(centre, |p, _| p.say(Voice::Tone(OTHER_HZ)));
    let consultant = s.consultant;
    s.w.with_phone(consultant, |p, now| assert!(p.refer("sip:1414@senim", now)));
    wait_for(&mut s.w, centre, Event::Incoming);
    let notice = prompt_hz(Language::Russian, "ucc_notice").unwrap();
    assert!(s.w.look(s.caller).heard().last(secs(2)).chunks(400).any(|part| contains_tone(part, notice)));
    s.w.with_phone(centre, |p, now| p.answer(now));
    wait_for(&mut s.w, consultant, Event::Progress(200));
    s.w.run(secs(2));
    s.hears(s.caller, &[OTHER_HZ]);
    s.hangs_up(centre);
    s.close();
}

/// FEATURES X3, R4: the consultant's softphone calls a colleague while the caller waits, and joins the two.
#[test]
fn an_attended_transfer_by_refer_joins_the_two_calls() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.w.with_phone(consultant, |p, now| assert!(p.consult(OTHER, now)));
    s.answers(other);
    s.hears(caller, &[MUSIC_HZ]);
    s.hears(consultant, &[OTHER_HZ]);
    s.hears(other, &[CONSULTANT_HZ]);
    s.w.with_phone(consultant, |p, now| assert!(p.refer_attended(now)));
    wait_for(&mut s.w, consultant, Event::Progress(200));
    s.w.run(secs(2));
    s.hears(caller, &[OTHER_HZ]);
    s.hears(other, &[CALLER_HZ]);
    assert!(!s.w.look(consultant).is_busy(), "both his calls are over");
    let parties: Vec<Party> = s.tracks().into_iter().map(|(_, party)| party).collect();
    assert_eq!(parties.len(), 3, "his first call, the colleague, his second call: {parties:?}");
    assert_eq!(s.transfers(), [ForwardResult::Connected]);
    s.close();
}

/// A second call that ends brings the consultant back; the caller has heard music all the while.
#[test]
fn a_second_call_that_is_refused_or_ends_leaves_the_caller_on_hold_until_he_is_taken_back() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.w.with_phone(consultant, |p, now| assert!(p.consult(OTHER, now)));
    wait_for(&mut s.w, other, Event::Incoming);
    s.w.with_phone(other, |p, now| p.decline(486, now));
    wait_for(&mut s.w, consultant, Event::Refused(486));
    s.w.run(secs(2));
    s.hears(caller, &[MUSIC_HZ]);
    s.w.with_phone(consultant, |p, now| p.retrieve(now));
    s.w.run(secs(2));
    s.hears(caller, &[CONSULTANT_HZ]);
    s.w.with_phone(consultant, |p, now| assert!(p.consult(OTHER, now)));
    s.answers(other);
    s.w.with_phone(consultant, |p, now| p.hang_up(now));
    s.w.run(secs(1));
    assert!(!s.w.look(other).is_busy());
    s.w.with_phone(consultant, |p, now| p.retrieve(now));
    s.w.run(secs(2));
    s.hears(caller, &[CONSULTANT_HZ]);
    s.hears(consultant, &[CALLER_HZ]);
    s.close();
}

/// The code for all three works with a second call, too.
#[test]
fn a_second_call_and_the_first_are_brought_together_by_the_code() {
    let mut s = scene();
    let (caller, consultant, other) = (s.caller, s.consultant, s.other);
    s.w.with_phone(consultant, |p, now| assert!(p.consult(OTHER, now)));
    s.answers(other);
    s.key("*16");
    s.hears(caller, &[CONSULTANT_HZ, OTHER_HZ]);
    s.hears(consultant, &[CALLER_HZ, OTHER_HZ]);
    s.hears(other, &[CALLER_HZ, CONSULTANT_HZ]);
    s.close();
}

/// FEATURES X4: the same with a softphone's second call and REFER.
#[test]
fn whoever_leaves_at_whatever_step_of_an_attended_transfer_nobody_is_stuck() {
    let steps: [Step; 5] = [
        ("talking", |_| {}),
        ("ringing", |s| {
            s.w.with_phone(s.consultant, |p, now| assert!(p.consult(OTHER, now)));
            let other = s.other;
            wait_for(&mut s.w, other, Event::Incoming);
        }),
        ("asked", |s| {
            s.w.with_phone(s.other, |p, now| p.answer(now));
            s.w.run(secs(2));
        }),
        ("referring", |s| {
            s.w.with_phone(s.consultant, |p, now| assert!(p.refer_attended(now)));
        }),
        ("given away", |s| s.w.run(secs(2))),
    ];
    everybody_leaves_at_each_step(&steps);
}

/// FEATURES X4: and with a blind one.
#[test]
fn whoever_leaves_at_whatever_step_of_a_blind_transfer_nobody_is_stuck() {
    let steps: [Step; 4] = [
        ("talking", |_| {}),
        ("referring", |s| {
            s.w.with_phone(s.consultant, |p, now| assert!(p.refer("sip:7001@senim", now)));
        }),
        ("ringing", |s| {
            let other = s.other;
            wait_for(&mut s.w, other, Event::Incoming);
        }),
        ("given away", |s| {
            s.w.with_phone(s.other, |p, now| p.answer(now));
            s.w.run(secs(2));
        }),
    ];
    everybody_leaves_at_each_step(&steps);
}

/// RFC 3891: the consultant goes on at another phone of his; the caller notices a moment's silence at most.
#[test]
fn a_second_phone_of_the_consultants_takes_the_talk_over() {
    let mut s = scene();
    let (caller, consultant) = (s.caller, s.consultant);
    let second = s.w.second_phone("aigerim");
    s.w.with_phone(second, |p, _| p.say(Voice::Tone(OTHER_HZ)));
    let names = s.w.look(consultant).names().unwrap().to_owned();
    let header = vec![("Replaces".to_owned(), names.clone())];
    s.w.with_phone(second, |p, now| assert!(p.dial_with("111", header, now)));
    wait_for(&mut s.w, consultant, Event::Ended { by_peer: true });
    s.w.run(secs(2));
    s.hears(caller, &[OTHER_HZ]);
    s.hears(second, &[CALLER_HZ]);
    assert_eq!(s.doing("aigerim"), "Talking");
    // A stranger's call that names it is refused, and changes nothing.
    let thief = s.w.second_phone("001");
    let names = s.w.look(second).names().unwrap().to_owned();
    s.w.with_phone(thief, |p, now| assert!(p.dial_with("111", vec![("Replaces".to_owned(), names)], now)));
    wait_for(&mut s.w, thief, Event::Refused(481));
    s.hears(caller, &[OTHER_HZ]);
    s.hangs_up(second);
    assert_eq!(ended(&s.w), (EndCause::ConsultantHungUp, Some(Disposition::Served)));
    s.close();
}

/// FEATURES X3, RFC 3911: a second phone joins: all three hear each other, and either of his phones may leave.
#[test]
fn a_second_phone_of_the_consultants_joins_the_talk() {
    for first_leaves in [true, false] {
        let mut s = scene();
        let (caller, consultant) = (s.caller, s.consultant);
        let second = s.w.second_phone("aigerim");
        s.w.with_phone(second, |p, _| p.say(Voice::Tone(OTHER_HZ)));
        let names = s.w.look(consultant).names().unwrap().to_owned();
        s.w.with_phone(second, |p, now| assert!(p.dial_with("111", vec![("Join".to_owned(), names)], now)));
        wait_for(&mut s.w, second, Event::Answered);
        s.w.run(secs(2));
        s.hears(caller, &[CONSULTANT_HZ, OTHER_HZ]);
        s.hears(consultant, &[CALLER_HZ]);
        s.hears(second, &[CALLER_HZ]);
        let (leaves, stays, hz) =
            if first_leaves { (consultant, second, OTHER_HZ) } else { (second, consultant, CONSULTANT_HZ) };
        s.hangs_up(leaves);
        s.hears(caller, &[hz]);
        s.hears(stays, &[CALLER_HZ]);
        s.hangs_up(caller);
        assert!(!s.w.look(stays).is_busy());
        s.close();
    }
}
