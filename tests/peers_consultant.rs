//! What a consultant does at a softphone that somebody else wrote: signs in, is rung, holds, keys an appeal.

use crate::house::baresip::{Baresip, Setup};
use crate::house::sound::hears;
use crate::house::{House, until, wait};
use senim_audio::listen::contains_tone;

/// A wrong password and an unknown name look the same from outside.
#[test]
fn a_wrong_password_is_refused_like_an_unknown_name() {
    let house = House::open("");
    house.consultant("aigul");
    let wrong = Baresip::start(&house, &Setup { password: "guess", ..Setup::consultant("aigul") });
    let unknown = Baresip::start(&house, &Setup { slot: 72, ..Setup::consultant("nobody") });
    // This softphone never gives up by itself; it is refused again and again.
    let answers = |phone: &Baresip| {
        let log = phone.log();
        log.lines().filter(|l| l.starts_with("SIP/2.0 ")).map(str::to_owned).collect::<Vec<_>>()
    };
    for phone in [&wrong, &unknown] {
        let said = wait("three refusals", || Some(answers(phone)).filter(|a| a.len() >= 3));
        assert!(said.iter().take(3).all(|a| a == "SIP/2.0 401 Unauthorized"), "{said:?}");
    }
    assert_eq!(house.board()["consultants"][0]["reachable"], false);
}

/// FEATURES D2.
#[test]
fn a_consultant_signs_in_by_dialling() {
    let house = House::open("");
    house.consultant("aigul");
    let mut phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    assert!(!house.board()["consultants"][0]["doing"].to_string().contains("ready"));
    phone.dial("*10");
    house.see_doing("aigul", "ready");
}

/// FEATURES Q7.
#[test]
fn a_caller_who_hangs_up_stops_the_ringing() {
    let house = House::open("");
    house.consultant("aigul");
    let phone = Baresip::registered(&house, &Setup { auto: false, ..Setup::consultant("aigul") });
    house.sign_in("aigul");
    let mut caller = Baresip::start(&house, &Setup::caller());
    caller.dial("222");
    phone.tells("CALL_INCOMING", 1);
    caller.tell("hangup", "");
    phone.tells("CALL_CLOSED", 1);
    assert_eq!(phone.told("CALL_ESTABLISHED"), 0);
    house.see("nobody waits", |b| b["waiting"].as_array().is_some_and(Vec::is_empty));
}

/// FEATURES A1, R9: the number keyed for in the talk finds its recording. Then the consultant holds the caller.
#[test]
fn an_appeal_is_keyed_in_talk_and_a_caller_on_hold_hears_music() {
    let house = House::open("");
    house.consultant("aigul");
    let mut phone = Baresip::registered(&house, &Setup::consultant("aigul"));
    house.sign_in("aigul");
    let mut caller = Baresip::start(&house, &Setup::caller());
    caller.dial("222");
    house.see("they talked for 2 s", |b| b["talking"][0]["talked_ms"].as_u64().is_some_and(|ms| ms > 2_000));
    let appeal = || house.board()["talking"][0]["appeal"].as_str().map(str::to_owned);
    let appeal = until("the talk has an appeal", || phone.keys("*20"), appeal);
    phone.tell("hold", "");
    let talked = |b: &serde_json::Value| b["talking"][0]["talked_ms"].as_u64().unwrap_or(0);
    let held = talked(&house.see("the caller is on hold", |b| b["talking"][0]["on_hold"] == true));
    house.see("on hold for 3 s", |b| talked(b) > held + 3_000);
    caller.tell("hangup", "");
    caller.tells("CALL_CLOSED", 1);
    let heard = wait("what the caller heard", || Some(caller.heard()).filter(|h| h.len() > 24_000));
    hears("the caller", &heard, 700.0);
    let last = &heard[heard.len() - 16_000..];
    let loud = last.chunks_exact(800).filter(|part| part.iter().any(|s| s.unsigned_abs() > 300)).count();
    assert!(loud > 5 && !contains_tone(last, 700.0), "music in {loud} tenths of 20");
    let found = house.command(&format!("recordings find --appeal {appeal}"), "");
    assert!(found.contains("call-1 "), "{found}");
}
