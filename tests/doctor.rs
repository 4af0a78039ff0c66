//! `senim doctor` on the real program: a line that is well, and each thing that can be wrong with its row.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

mod broken_house;

use broken_house::{House, Street};
use serde_json::Value;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The examination, whatever it comes to: rows, and whether the program called it well.
fn examined(house: &House) -> (Vec<Value>, bool) {
    let done = house.senim("doctor --json");
    let value: Value = serde_json::from_str(&done.out).unwrap_or_else(|e| panic!("{e}: {done:?}"));
    let failed = value["worst"] == "fail";
    assert_eq!(done.ok, !failed, "{done:?}");
    (value["findings"].as_array().unwrap().clone(), done.ok)
}

/// The row of this thing.
fn row<'a>(rows: &'a [Value], what: &str) -> &'a Value {
    rows.iter().find(|r| r["what"] == what).unwrap_or_else(|| panic!("a row {what} in {rows:#?}"))
}

fn is(rows: &[Value], what: &str, verdict: &str) {
    let row = row(rows, what);
    assert_eq!(row["verdict"], verdict, "{row:#}");
    assert_eq!(row["mend"].is_string(), verdict != "ok", "{row:#}");
}

/// A trunk's far end that answers OPTIONS, until it is let go of.
struct Carrier(Arc<AtomicBool>);

impl Carrier {
    fn new(house: &House, date: &'static str) -> Carrier {
        let socket = UdpSocket::bind((house.callers_ip(), 5060)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        std::thread::spawn(move || {
            let mut buffer = [0; 65_535];
            while !theirs.load(Ordering::Acquire) {
                let Ok((n, from)) = socket.recv_from(&mut buffer) else { continue };
                let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
                let kept =
                    |l: &&str| ["Via:", "From:", "To:", "Call-ID:", "CSeq:"].iter().any(|h| l.starts_with(h));
                let heads: Vec<&str> = text.lines().filter(kept).collect();
                let answer = format!(
                    "SIP/2.0 200 OK\r\n{}\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n",
                    heads.join("\r\n")
                );
                let _ = socket.send_to(answer.as_bytes(), from);
            }
        });
        Carrier(stop)
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_line_that_is_well_has_no_row_to_mend_and_nobody_is_named() {
    // As many calls as the range of ports carries.
    let house = House::with("calls_max = 100");
    let line = house.start();
    let street = Street::new(&house);
    street.consultant("aigul", 1_100.0);
    house.ok("duty aigul in");
    let _carrier = Carrier::new(&house, "Sat, 13 Nov 2010 23:29:00 GMT");
    let (rows, well) = examined(&house);
    assert!(well, "{rows:#?}");
    let (udp, tcp) = (format!("listens udp:{}", house.sip()), format!("listens tcp:{}", house.sip()));
    for what in ["configuration", "line", &udp, &tcp, "trunk carrier", "sound ports", "consultants", "codecs"]
    {
        is(&rows, what, "ok");
    }
    for what in ["scripts", "prompts"] {
        is(&rows, what, "ok");
    }
    assert!(row(&rows, "trunk carrier")["found"].as_str().unwrap().contains("answered 200 in"));
    // A carrier whose calendar is another one.
    is(&rows, "clock beside", "warn");
    let text = house.ok("doctor");
    assert!(text.contains(" 0 to mend") && !text.contains('\x1b'), "{text}");
    for name in ["aigul", "Айгүл", "oleg", "sesame", "house-token"] {
        assert!(
            !text.contains(name) && !Value::from(rows.clone()).to_string().contains(name),
            "{name} in {text}"
        );
    }
    drop(line);
}

#[test]
fn a_dead_trunk_and_nobody_at_work_have_their_rows() {
    let house = House::new();
    let line = house.start();
    let (rows, _) = examined(&house);
    is(&rows, "trunk carrier", "fail");
    is(&rows, "consultants", "fail");
    let text = house.senim("doctor");
    assert!(!text.ok && text.out.contains("FAIL  trunk carrier"), "{text:?}");
    assert!(text.out.contains("→ ask the carrier"), "{text:?}");
    drop(line);
}

#[test]
fn without_a_line_a_port_that_another_program_has_is_told() {
    let house = House::new();
    let (rows, _) = examined(&house);
    is(&rows, "line", "warn");
    is(&rows, "consultants", "fail");
    assert!(!house.path("data").exists(), "looking makes nothing");
    let (udp, tcp) = (format!("listens udp:{}", house.sip()), format!("listens tcp:{}", house.sip()));
    is(&rows, &udp, "ok");
    let _other = UdpSocket::bind(house.sip()).unwrap();
    let _listener = TcpListener::bind(house.sip()).unwrap();
    let (rows, _) = examined(&house);
    is(&rows, &udp, "fail");
    is(&rows, &tcp, "fail");
}

#[test]
fn a_door_that_a_running_line_has_not_opened_is_told() {
    let house = House::new();
    let line = house.start();
    // Written after the line started: the file says what the line does not do.
    house.rewrite(":5060\"]\n[media]", ":5099\"]\n[media]");
    let (rows, _) = examined(&house);
    is(&rows, &format!("listens tcp:{}:5099", house.line_ip()), "fail");
    is(&rows, &format!("listens udp:{}", house.sip()), "ok");
    drop(line);
}

#[test]
fn sound_ports_that_are_taken_or_too_few_are_told() {
    let house = House::new();
    house.rewrite("20000-20399", "20000-20003");
    let (rows, _) = examined(&house);
    is(&rows, "sound ports", "warn");
    let _taken: Vec<_> = (20_000..=20_003).map(|p| UdpSocket::bind((house.line_ip(), p)).unwrap()).collect();
    let (rows, _) = examined(&house);
    is(&rows, "sound ports", "fail");
}

#[test]
fn a_configuration_that_cannot_be_used_and_a_name_without_address_are_told() {
    let house = House::new();
    house.rewrite("uri = \"sip:", "uri = \"sip:no-such-host.invalid;transport=udp\" # ");
    let (rows, well) = examined(&house);
    assert!(!well);
    let told = Value::from(rows).to_string();
    assert!(told.contains("no-such-host.invalid"), "{told}");
    let house = House::new();
    house.rewrite("grace_s = 20", "grace_s = \"soon\"");
    let (rows, _) = examined(&house);
    is(&rows, "configuration", "fail");
}

#[test]
fn a_script_and_a_prompt_that_are_wrong_are_told() {
    let house = House::new();
    let scripts = house.path("scripts");
    std::fs::create_dir_all(scripts.join("prompts/audio/kk")).unwrap();
    std::fs::write(scripts.join("111.toml"), "nonsense = 1\n").unwrap();
    std::fs::write(scripts.join("bench-queue.toml"), "nonsense = 1\n").unwrap();
    std::fs::write(scripts.join("prompts/audio/kk/greeting.wav"), "no sound").unwrap();
    let text = std::fs::read_to_string(house.config()).unwrap();
    let old = text.lines().find(|l| l.starts_with("scripts = ")).unwrap().to_owned();
    house.rewrite(&old, &format!("scripts = \"{}\"", scripts.display()));
    let (rows, _) = examined(&house);
    is(&rows, "scripts", "fail");
    is(&rows, "prompts", "fail");
}

/// A disk of one page that is full: needs the right to mount, which a test machine may not give.
#[test]
fn a_full_disk_is_told() {
    let house = House::new();
    let disk = house.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&disk)
        .status()
        .is_ok_and(|s| s.success());
    // Where no disk can be made, a folder that is none stands for one that takes nothing.
    let folder = if mounted {
        while std::fs::write(disk.join(format!("f{}", nth(&disk))), [0; 4_096]).is_ok() {}
        disk.clone()
    } else {
        "/proc/self/nothing".into()
    };
    house.rewrite("[web]", &format!("[recording]\nfolder = \"{}\"\n[web]", folder.display()));
    let (rows, _) = examined(&house);
    is(&rows, "disk of recordings", "fail");
    assert!(
        row(&rows, "disk of recordings")["found"].as_str().unwrap().contains("nothing can be written"),
        "{rows:#?}"
    );
    assert_ne!(row(&rows, "disk of data")["verdict"], "fail");
    if mounted {
        assert!(std::process::Command::new("umount").arg(&disk).status().unwrap().success());
    }
}

/// A name that is not there yet.
fn nth(dir: &std::path::Path) -> usize {
    std::fs::read_dir(dir).unwrap().count()
}
