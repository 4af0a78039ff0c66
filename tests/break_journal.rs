//! A damaged disk: views are made again, a torn tail is cut and said, damage in the middle is refused by its place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Street};
use senim_phone::Event;
use std::fs::{self, OpenOptions};
use std::io::Write;

/// A house with one call that ended and two appeals, not running.
fn lived_in() -> House {
    let house = House::new();
    let line = house.start();
    let street = Street::new(&house);
    let caller = street.caller("+77012345678", 700.0);
    street.dial(caller, "queue");
    street.until(caller, Event::Answered);
    street.hang_up(caller);
    house.ok("appeal register --call call-1");
    house.ok("appeal register --call call-1");
    line.terminate();
    assert_eq!(line.wait().0, Some(0));
    // Settles what is written at the first start after an end.
    drop(house.start());
    house
}

/// The journal is the truth: without the views, the same is told.
#[test]
fn views_that_are_lost_are_made_again() {
    let house = lived_in();
    let before = house.ok("calls --json");
    assert!(before.contains("call-1"));
    fs::remove_dir_all(house.path("data/views")).unwrap();
    assert_eq!(house.ok("calls --json"), before);
    fs::remove_dir_all(house.path("data/views")).unwrap();
    let _line = house.start();
    assert_eq!(house.ok("calls --json"), before);
}

/// Rubbish in the views is no truth either.
#[test]
fn views_that_are_damaged_are_made_again() {
    let house = lived_in();
    let before = house.ok("calls --json");
    let mut damaged = 0;
    for file in fs::read_dir(house.path("data/views")).unwrap().map(|f| f.unwrap().path()) {
        if file.is_file() {
            let mut bytes = fs::read(&file).unwrap();
            bytes.iter_mut().step_by(3).for_each(|b| *b ^= 0x5a);
            fs::write(&file, bytes).unwrap();
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    let line = house.start();
    assert_eq!(house.ok("calls --json"), before);
    assert!(line.log().contains("made again"), "{}", line.log());
}

/// FEATURES E1 begun: an unfinished fact is cut, kept aside and said; everything before it is there.
#[test]
fn a_torn_tail_is_cut_and_said() {
    let house = lived_in();
    let before = house.ok("calls --json");
    let whole = fs::metadata(house.journal()).unwrap().len();
    let torn = b"\x40\x00\x00\x00\x12\x34\x56\x78{\"seq\":";
    OpenOptions::new().append(true).open(house.journal()).unwrap().write_all(torn).unwrap();
    let line = house.start();
    let said = line.log();
    assert!(
        said.contains(&format!("cut {} bytes of an unfinished fact at byte {whole}", torn.len())),
        "{said}"
    );
    assert!(said.contains("kept in"), "{said}");
    assert_eq!(house.ok("calls --json"), before);
    drop(line);
    let again = house.start();
    assert!(!again.log().contains("unfinished"), "it is said once: {}", again.log());
}

/// FEATURES E1 begun: a power cut within the last bytes written.
#[test]
fn a_tail_that_is_cut_short_loses_nothing_before_it() {
    let house = lived_in();
    let before = house.ok("calls --json");
    let journal = house.journal();
    let length = fs::metadata(&journal).unwrap().len();
    OpenOptions::new().write(true).open(&journal).unwrap().set_len(length - 3).unwrap();
    let line = house.start();
    assert!(line.log().contains("unfinished fact"), "{}", line.log());
    assert_eq!(house.ok("calls --json"), before);
}

/// FEATURES E1 begun: what was acknowledged and is damaged is never passed over.
#[test]
fn a_flipped_byte_is_refused_by_file_and_place() {
    let house = lived_in();
    let journal = house.journal();
    let mut bytes = fs::read(&journal).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&journal, &bytes).unwrap();
    for said in [house.refuses(), house.senim("calls").err] {
        assert!(said.contains("000001.log"), "{said}");
        let place = said.split("byte ").nth(1).and_then(|s| s.split(|c: char| !c.is_ascii_digit()).next());
        let place: usize = place.and_then(|p| p.parse().ok()).unwrap_or_else(|| panic!("a place: {said}"));
        assert!((1..=middle).contains(&place) && middle - place < 2_000, "byte {middle} is near {place}");
    }
    let verdict = house.senim("recordings verify");
    assert!(!verdict.ok && verdict.out.contains("000001.log"), "verify finds it too: {}", verdict.out);
    assert_eq!(fs::read(&journal).unwrap(), bytes, "nothing was changed");
}

/// FEATURES R14 begun: a lost key is never replaced beside recordings that only it opens.
#[test]
fn a_lost_key_is_refused_and_not_replaced() {
    let house = lived_in();
    let key = house.path("data/master.key");
    fs::rename(&key, house.path("kept.key")).unwrap();
    let said = house.refuses();
    assert!(said.contains("master.key"), "{said}");
    assert!(!key.exists());
    fs::rename(house.path("kept.key"), &key).unwrap();
    drop(house.start());
    house.ok("recordings verify");
}

/// FEATURES R13 begun: a recording that was changed is found, named, and the line goes on.
#[test]
fn a_changed_recording_is_found_by_verify() {
    let house = lived_in();
    house.ok("recordings verify");
    let folders = fs::read_dir(house.path("data/recordings")).unwrap().map(|f| f.unwrap().path());
    let folder = folders
        .filter(|p| p.is_dir())
        .find(|p| fs::read_dir(p).is_ok_and(|mut d| d.next().is_some()))
        .unwrap();
    let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let done = house.senim("recordings verify");
    assert!(!done.ok, "{done:?}");
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    assert!(format!("{}{}", done.out, done.err).contains(&name), "{done:?}");
    drop(house.start());
}
