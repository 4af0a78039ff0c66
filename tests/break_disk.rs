//! A disk that fills up in mid-call: the call goes on, the alarm stands in the log, and what was there stays whole.
//! Needs the right to mount a small file system of its own; a machine without it is told so and nothing is proved.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Street, eventually};
use senim_phone::Event;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few megabytes, taken away at the end.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path) -> Option<Small> {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", "size=8m", "senim-test"]).arg(at).output();
        done.is_ok_and(|d| d.status.success()).then(|| Small(at.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Writes until nothing more fits.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    while file.write_all(&[0x5a; 4_096]).is_ok() {}
    while file.write_all(&[0x5a]).is_ok() {}
}

/// FEATURES R8 begun: a full disk does not end a call; it is said, and after room was made everything goes on.
#[test]
fn a_full_disk_does_not_end_a_call() {
    let house = House::new();
    let Some(small) = Small::mount(&house.path("data")) else {
        eprintln!("no right to mount a file system here: nothing was proved");
        return;
    };
    let mut line = house.start();
    let street = Street::new(&house);
    let aigul = street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let caller = street.caller("+77012345678", 700.0);
    street.talk(caller, aigul);
    let appeal = house.ok("appeal register --consultant aigul");
    fill(&house.path("data/ballast"));
    eventually("an alarm", || line.log().contains("ERROR").then_some(()));
    let heard = street.phones.heard(aigul).len();
    street.hears(aigul, heard + 16_000);
    assert!(line.runs());
    assert_eq!(street.phones.ask(caller, |p, _| p.is_talking()), Some(true));
    fs::remove_file(house.path("data/ballast")).unwrap();
    let heard = street.phones.heard(aigul).len();
    street.hears(aigul, heard + 16_000);
    street.hang_up(caller);
    street.until(aigul, Event::Ended { by_peer: true });
    // What could not be written waited in memory.
    let found = eventually("the recording is closed", || {
        let found = house.json(&format!("recordings find --appeal {} --json", appeal.trim()));
        (found[0]["state"] == "closed").then_some(found)
    });
    assert_eq!(found[0]["lost_frames"], 0, "{found}");
    house.ok("duty aigul out");
    line.terminate();
    let (code, said) = line.wait();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    house.ok("recordings verify");
    drop(small);
}
