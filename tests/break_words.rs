//! What an operator can get wrong before the line answers: each is refused in words that he can act on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::House;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::Path;

fn says(said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{word:?} is said in: {said}");
    }
    assert!(!said.contains("panicked") && !said.contains("RUST_BACKTRACE"), "{said}");
}

/// FEATURES N1 begun.
#[test]
fn an_unknown_key_is_told_with_its_line_and_what_was_meant() {
    let house = House::new();
    house.rewrite("grace_s = 20", "grase_s = 20");
    says(&house.refuses(), &["senim.toml:3:", "grase_s", "grace_s"]);
    says(&house.senim("check").err, &["senim.toml:3:", "grase_s", "grace_s"]);
    let house = House::new();
    let done = house.senim("serve --set sip.raelm=x");
    assert!(!done.ok);
    says(&done.err, &["raelm", "realm"]);
}

#[test]
fn values_of_a_wrong_kind_are_told_with_their_line() {
    for (from, to, words) in [
        ("grace_s = 20", "grace_s = \"soon\"", &["senim.toml:3:", "whole number"][..]),
        ("ports = \"20000-20399\"", "ports = \"20399-20000\"", &["senim.toml:9:", "ports"]),
        ("workers = 1", "workers = -1", &["senim.toml:10:"]),
        ("script = \"111\"", "script = \"112\"", &["112", "senim.toml:"]),
        ("[web]", "[web", &["senim.toml:"]),
    ] {
        let house = House::new();
        house.rewrite(from, to);
        says(&house.refuses(), words);
    }
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let house = House::new();
    fs::remove_file(house.config()).unwrap();
    says(&house.refuses(), &["senim.toml"]);
    fs::create_dir(house.config()).unwrap();
    says(&house.refuses(), &["senim.toml"]);
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|e| e.unwrap().path()) {
        let there = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &there);
        } else {
            fs::copy(&entry, &there).unwrap();
        }
    }
}

/// A house with scripts of its own.
fn own_scripts() -> House {
    let house = House::new();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ivr-scripts");
    copy(&shipped, &house.path("scripts"));
    house.rewrite(&format!("scripts = \"{}\"", shipped.display()), "scripts = \"scripts\"");
    house
}

/// FEATURES N1 begun.
#[test]
fn a_missing_prompt_is_named_with_its_language() {
    let house = own_scripts();
    fs::remove_file(house.path("scripts/prompts/audio/kk/greeting.wav")).unwrap();
    for said in [house.refuses(), house.senim("check").err, house.senim("ivr check").err] {
        says(&said, &["111.toml:", "greeting", "kk"]);
    }
}

#[test]
fn a_prompt_that_is_no_sound_is_named() {
    let house = own_scripts();
    fs::write(house.path("scripts/prompts/audio/ru/greeting.wav"), "<html>not found</html>").unwrap();
    says(&house.refuses(), &["ru/greeting.wav"]);
    fs::write(house.path("scripts/prompts/audio/ru/greeting.wav"), "").unwrap();
    says(&house.refuses(), &["ru/greeting.wav", "no sound"]);
}

/// FEATURES N1 begun: a script in which a caller gets lost is not served.
#[test]
fn a_script_with_a_dead_end_is_refused_with_its_line() {
    let house = own_scripts();
    let script = house.path("scripts/111.toml");
    let text = fs::read_to_string(&script).unwrap();
    let line = 1 + text.lines().position(|l| l == "on_failure = \"ucc_failed\"").unwrap();
    fs::write(&script, text.replacen("on_failure = \"ucc_failed\"", "on_failure = \"nowhere\"", 1)).unwrap();
    says(&house.refuses(), &["111.toml:", "nowhere"]);
    says(&house.senim("ivr check").err, &[&format!("111.toml:{line}"), "nowhere"]);
    // Round and round without ever asking for a key: nobody gets out of there.
    let circle = text.replacen("then = \"human\"\n", "then = \"ucc_failed\"\n", 1);
    assert_ne!(circle, text);
    fs::write(&script, circle).unwrap();
    says(&house.refuses(), &["111.toml:", "ucc_failed"]);
}

#[test]
fn a_port_in_use_is_named() {
    let house = House::new();
    let taken = UdpSocket::bind(house.sip()).unwrap();
    says(&house.refuses(), &["5060", "in use"]);
    drop(taken);
    let taken = TcpListener::bind(house.sip()).unwrap();
    says(&house.refuses(), &["5060", "in use"]);
    drop(taken);
    let taken = TcpListener::bind((house.line_ip(), 8111)).unwrap();
    says(&house.refuses(), &["8111", "in use"]);
    drop(taken);
    drop(house.start());
}

#[test]
fn an_address_of_another_machine_is_named() {
    let house = House::new();
    let own = format!("udp = [\"{}\"]", house.sip());
    house.rewrite(&own, "udp = [\"192.0.2.1:5060\"]");
    says(&house.refuses(), &["192.0.2.1:5060"]);
    let house = House::new();
    house.rewrite(&format!("bind = \"{}\"", house.line_ip()), "bind = \"192.0.2.1\"");
    says(&house.refuses(), &["192.0.2.1", "senim.toml:8:", "address of this machine"]);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let house = House::new();
    fs::write(house.path("file"), "").unwrap();
    house.rewrite("folder = \"data\"", "folder = \"file/data\"");
    says(&house.refuses(), &["file/data", "[data] folder"]);
    let said = house.senim("check");
    assert!(!said.ok);
    says(&said.err, &["file", "senim.toml:"]);
}

#[test]
fn a_data_folder_of_another_line_is_refused_with_its_process() {
    let house = House::new();
    let mut line = house.start();
    let pid = line.pid().to_string();
    says(&house.refuses(), &["in use", &pid, "data"]);
    assert!(line.runs());
    drop(line);
    drop(house.start());
}

/// The key opens all recordings: a wrong one is not written over.
#[test]
fn a_damaged_master_key_is_refused() {
    let house = House::new();
    drop(house.start());
    fs::write(house.path("data/master.key"), "rubbish").unwrap();
    says(&house.refuses(), &["master.key"]);
    assert_eq!(fs::read_to_string(house.path("data/master.key")).unwrap(), "rubbish");
}

#[test]
fn a_file_of_people_with_faults_is_refused_line_by_line() {
    let house = House::new();
    fs::write(
        house.path("people.csv"),
        "login,name,languages,skills,password\na b,x,kk,,hush\nc,x,en,,hush\n",
    )
    .unwrap();
    let said = house.refuses();
    says(&said, &["people.csv:2:", "people.csv:3:"]);
    assert!(!said.contains("hush"));
    fs::remove_file(house.path("people.csv")).unwrap();
    says(&house.refuses(), &["people.csv"]);
}
