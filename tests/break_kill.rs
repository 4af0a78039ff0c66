//! kill -9 at the worst moment: what was said is recorded and found, what was acknowledged is there, who worked works.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Street};
use senim_audio::{decode, listen};
use senim_phone::Event;
use std::fs;
use std::sync::mpsc;

/// FEATURES R5, R9: the recording of a call that a kill cut is found by the appeal number, whole to within a second.
#[test]
fn the_recording_of_a_killed_call_is_found_by_its_appeal() {
    let house = House::new();
    let line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    let appeal = house.ok("appeal register --consultant aigul");
    let appeal = appeal.trim();
    street.hears(aigul, 8_000 * 4);
    let talked_ms = street.phones.heard(aigul).len() as u64 / 8;
    drop(line.kill());

    let again = house.start();
    let found = house.json(&format!("recordings find --appeal {appeal} --json"));
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["state"], "interrupted", "{found}");
    let kept = found[0]["length_ms"].as_u64().unwrap();
    assert!(kept + 1_000 >= talked_ms, "{kept} ms are kept of {talked_ms} or more");

    let call = found[0]["call"].as_str().unwrap().to_owned();
    let shown = house.json(&format!("calls {call} --json"));
    assert_eq!(shown["cause"], "interrupted", "{shown}");

    let out = house.path("handed-out");
    house.ok(&format!(
        "recordings export --appeal {appeal} --demand-number 7 --demand-date 2026-11-01 --demand-authority court --out {}",
        out.display()
    ));
    let wav = fs::read_dir(&out).unwrap().map(|f| f.unwrap().path());
    let wav = wav.filter(|p| p.extension().is_some_and(|e| e == "wav")).collect::<Vec<_>>();
    assert!(!wav.is_empty());
    let pcm = decode::decode(fs::read(&wav[0]).unwrap(), "wav").unwrap();
    // The second before the last one: everybody is heard to the end.
    let end = &pcm[pcm.len() - 8_000..pcm.len() - 800];
    assert!(listen::contains_tone(end, 700.0), "the caller is heard to the end");
    assert!(listen::contains_tone(end, 1_100.0), "the consultant is heard to the end");
    house.ok("recordings verify");
    drop(again);
}

/// FEATURES Q23 begun: who was signed in is signed in after a kill, and the next caller rings his softphone.
#[test]
fn a_consultant_goes_on_working_after_a_kill() {
    let house = House::new();
    let line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    drop(line.kill());
    let _again = house.start();
    let people = house.json("consultant list --json");
    let of_aigul = people.as_array().unwrap().iter().find(|p| p["login"] == "aigul").unwrap();
    assert_ne!(of_aigul["does"], "signed out", "{people}");
    street.phones.with(aigul, |p, now| p.register(600, now));
    street.until(aigul, Event::Registered);
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    street.hang_up(caller);
    street.until(aigul, Event::Ended { by_peer: true });
}

/// FEATURES E1 begun: a number that was printed exists after any kill, and no number is given twice or left out.
#[test]
fn ten_kills_lose_no_appeal_that_was_acknowledged() {
    let house = House::new();
    let line = house.start();
    let street = Street::new(&house);
    let caller = street.caller("+77012345678", 700.0);
    street.dial(caller, "queue");
    street.until(caller, Event::Answered);
    street.hang_up(caller);
    // Nobody was told of the call: only what is asked for is surely in the journal.
    house.ok("calls call-1");
    drop(line);

    let mut acknowledged = Vec::new();
    for round in 0..10 {
        let line = house.start();
        let (to, printed) = mpsc::channel();
        std::thread::scope(|scope| {
            let house = &house;
            scope.spawn(move || {
                // The first one that fails met the kill.
                while let Some(number) = register(house) {
                    if to.send(number).is_err() {
                        break;
                    }
                }
            });
            // Killed after one acknowledgement, two, three …, while the next one is on its way.
            acknowledged.extend(printed.iter().take(1 + round % 4));
            drop(line.kill());
            acknowledged.extend(printed.try_iter());
            drop(printed);
        });
    }

    let _line = house.start();
    let call = house.json("calls call-1 --json");
    let appeals: Vec<&str> =
        call["appeals"].as_array().unwrap().iter().map(|a| a.as_str().unwrap()).collect();
    assert!(acknowledged.len() >= 20);
    for number in &acknowledged {
        assert!(appeals.contains(&number.as_str()), "{number} was printed and is not there");
    }
    let serials: Vec<u32> = appeals.iter().map(|a| a.split('-').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(serials, (1..=serials.len() as u32).collect::<Vec<_>>());
    house.ok("recordings verify");
}

fn register(house: &House) -> Option<String> {
    let done = house.senim("appeal register --call call-1");
    done.ok.then(|| done.out.trim().to_owned())
}

/// FEATURES E1 begun: killed at every step of a call, the line starts again, knows how the call ended, and takes the
/// next one.
#[test]
fn a_kill_at_any_step_of_a_call_is_survived() {
    let house = House::new();
    let mut line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    for step in 0..6 {
        let caller = street.caller("+77012345678", 700.0);
        street.dial(caller, "queue");
        if step > 0 {
            street.until(caller, Event::Answered);
        }
        if step > 1 {
            street.until(aigul, Event::Incoming);
        }
        if step > 2 {
            street.phones.with(aigul, |p, now| p.answer(now));
            street.until(aigul, Event::Answered);
        }
        if step > 3 {
            house.ok("appeal register --consultant aigul");
        }
        if step > 4 {
            street.phones.with(caller, |p, now| p.hang_up(now));
        }
        let said = line.kill();
        assert!(!said.contains("panicked"), "{said}");
        street.hush(&[caller, aigul]);
        line = house.start();
        let calls = house.json("calls --json");
        for call in calls.as_array().unwrap() {
            assert!(
                !call["cause"].is_null() || !call["refused"].is_null(),
                "step {step}: {call} is still live"
            );
        }
        house.ok("recordings verify");
        street.phones.with(aigul, |p, now| p.register(600, now));
        street.until(aigul, Event::Registered);
    }
    let recordings = fs::read_dir(house.path("data/recordings")).unwrap().count();
    assert!(recordings > 0);
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    street.hang_up(caller);
}
