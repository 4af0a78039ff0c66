//! `senim demo`, as somebody runs it who looks at the house for the first time: real sockets, real time, and its own
//! verdict at the end.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::process::{Command, Output};

fn demo(args: &[&str], data: &std::path::Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_senim")).arg("demo").args(args).arg("--data").arg(data).output().unwrap()
}

fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn six_calls_end_in_one_state_each_and_their_recordings_can_be_heard() {
    let data = tempfile::tempdir().unwrap();
    let output = demo(&["--calls", "6", "--seed", "1"], data.path());
    let (out, err) = words(&output);
    assert!(output.status.success(), "{out}{err}");
    for words in
        ["ready sip=udp:127.0.0.1:", "user guest", "calls       6: served", "failed 0", "all is well"]
    {
        assert!(out.contains(words), "{words:?} is not in {out}");
    }
    let heard = std::fs::read_dir(data.path()).unwrap().flatten().find(|f| {
        f.path().extension().is_some_and(|e| e == "wav") && f.metadata().is_ok_and(|m| m.len() > 64_000)
    });
    assert!(heard.is_some(), "a recording to listen to: {out}");
    let log = std::fs::read_to_string(data.path().join("demo.log")).unwrap();
    assert!(!log.contains("+7701"), "no number of a caller in the log");
}

#[test]
fn what_keeps_a_demo_from_starting_is_said() {
    let data = tempfile::tempdir().unwrap();
    let output = demo(&["--calls", "1", "--set", "sip.nonsense=1"], data.path());
    let (out, err) = words(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(err.contains("nonsense"), "{err}");
    let output = demo(&["--calls", "0"], data.path());
    assert_eq!(output.status.code(), Some(2));
}
