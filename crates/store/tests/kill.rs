//! A real kill: a child process appends until it is killed; every fact that it acknowledged is there.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

use senim_base::{Instant, WallTime};
use senim_store::Journal;
use senim_switch::facts::{Fact, Record};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// Set in the child only: the folder to write in.
const FOLDER: &str = "SENIM_TEST_JOURNAL";

fn record(seq: u64) -> Record {
    let fact = Fact::Step { step: format!("step{seq}") };
    Record { seq, wall: WallTime::default(), at: Instant::from_millis(seq), call: None, fact }
}

/// Not a test of its own: what the child does.
#[test]
fn child() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let (mut journal, recovered) = Journal::open(Path::new(&dir)).unwrap();
    let mut out = std::io::stdout();
    for seq in recovered.last_seq + 1.. {
        journal.append(&record(seq)).unwrap();
        if seq % 7 == 0 {
            journal.sync().unwrap();
        }
        writeln!(out, "wrote {seq}").unwrap();
    }
}

/// FEATURES E1.
#[test]
fn every_fact_written_before_a_kill_is_there_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut last = 0;
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture"])
            .env(FOLDER, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = 0;
        while heard < 40 + round * 31 {
            let line = lines.next().unwrap().unwrap();
            if let Some(seq) = line.strip_prefix("wrote ") {
                last = seq.parse().unwrap();
                heard += 1;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let (journal, recovered) = Journal::open(dir.path()).unwrap();
        assert!(recovered.last_seq >= last, "{} facts of {last}", recovered.last_seq);
        assert_eq!(journal.read_from(1).map(Result::unwrap).count() as u64, recovered.last_seq);
    }
}
