//! The journal, failed at every step.

use super::*;
use core::time::Duration;
use segment::{MAGIC, real_files};
use senim_base::{CallId, Instant, WallTime};
use senim_switch::facts::Fact;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};

fn record(seq: u64) -> Record {
    Record {
        seq,
        wall: WallTime::from_unix_millis(1_795_000_000_000 + seq as i64),
        at: Instant::from_millis(seq),
        call: Some(CallId(seq / 3)),
        fact: Fact::Step { step: format!("step{seq}") },
    }
}

fn records(from: u64, to: u64) -> Vec<Record> {
    (from..=to).map(record).collect()
}

fn all(dir: &Path) -> Vec<Record> {
    Reader::open(dir, 1).collect::<Result<_, _>>().unwrap()
}

fn filled(dir: &Path, n: u64) {
    let (mut journal, _) = Journal::open(dir).unwrap();
    for seq in 1..=n {
        journal.append(&record(seq)).unwrap();
        journal.sync().unwrap();
    }
}

#[test]
fn facts_come_back_in_order_from_any_number() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 20);
    let (journal, recovered) = Journal::open(dir.path()).unwrap();
    assert_eq!(recovered, Recovered { torn: None, last_seq: 20 });
    assert_eq!(all(dir.path()), records(1, 20));
    let from_seven: Vec<_> = journal.read_from(7).map(Result::unwrap).collect();
    assert_eq!(from_seven, records(7, 20));
    assert_eq!(journal.read_from(21).count(), 0);
}

#[test]
fn a_reader_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open_with(dir.path(), real_files(), 200).unwrap();
    let mut reader = Reader::open(dir.path(), 1);
    for seq in 1..=30 {
        assert_eq!(reader.read().unwrap(), None);
        journal.append(&record(seq)).unwrap();
        if seq % 4 == 0 {
            journal.sync().unwrap();
        }
        assert_eq!(reader.read().unwrap(), Some(record(seq)));
    }
    assert!(segment::list(dir.path()).unwrap().len() > 5);
}

#[test]
fn a_fact_out_of_order_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    journal.append(&record(1)).unwrap();
    assert!(matches!(journal.append(&record(3)), Err(Fault::Hole { expected: 2, found: 3, .. })));
    assert!(matches!(journal.append(&record(1)), Err(Fault::Hole { .. })));
    journal.append(&record(2)).unwrap();
    assert_eq!(all(dir.path()), records(1, 2));
}

#[test]
fn segments_follow_each_other_and_a_missing_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open_with(dir.path(), real_files(), 300).unwrap();
    for seq in 1..=40 {
        journal.append(&record(seq)).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    let (mut journal, recovered) = Journal::open_with(dir.path(), real_files(), 300).unwrap();
    assert_eq!(recovered.last_seq, 40);
    journal.append(&record(41)).unwrap();
    drop(journal);
    assert_eq!(all(dir.path()), records(1, 41));
    fs::remove_file(segment::path(dir.path(), 2)).unwrap();
    let fault = Journal::open(dir.path()).unwrap_err();
    assert!(matches!(fault, Fault::Hole { .. }), "{fault}");
}

/// FEATURES E1. Torn at every byte of the last fact: cut, kept aside, said, and the facts before it are there.
#[test]
fn a_torn_tail_is_cut_at_every_byte_and_said() {
    let whole = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(whole.path()).unwrap();
    journal.append(&record(1)).unwrap();
    journal.append(&record(2)).unwrap();
    let before = journal.length;
    journal.append(&record(3)).unwrap();
    let bytes = fs::read(segment::path(whole.path(), 1)).unwrap();
    for cut in before as usize + 1..bytes.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(segment::path(dir.path(), 1), &bytes[..cut]).unwrap();
        let (mut journal, recovered) = Journal::open(dir.path()).unwrap();
        let torn = recovered.torn.unwrap();
        assert_eq!((recovered.last_seq, torn.at_byte), (2, before));
        assert_eq!(fs::read(&torn.kept).unwrap(), bytes[before as usize..cut]);
        assert!(torn.to_string().contains("000001.log"), "{torn}");
        journal.append(&record(3)).unwrap();
        drop(journal);
        assert_eq!(all(dir.path()), records(1, 3));
        assert_eq!(Journal::open(dir.path()).unwrap().1.torn, None);
    }
}

#[test]
fn a_header_torn_at_every_byte_is_written_anew() {
    for cut in 0..MAGIC.len() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(segment::path(dir.path(), 1), &MAGIC[..cut]).unwrap();
        let (mut journal, recovered) = Journal::open(dir.path()).unwrap();
        assert_eq!(recovered.last_seq, 0);
        journal.append(&record(1)).unwrap();
        drop(journal);
        assert_eq!(all(dir.path()), records(1, 1));
    }
}

#[test]
fn any_byte_flipped_before_the_last_acknowledged_fact_refuses_the_start_and_names_it() {
    let whole = tempfile::tempdir().unwrap();
    filled(whole.path(), 4);
    let bytes = fs::read(segment::path(whole.path(), 1)).unwrap();
    // The last mark proves the rest; damage to it alone loses nothing that was acknowledged.
    let proven = bytes.windows(7).rposition(|w| w == b"{\"safe\"").unwrap() - frame::HEAD;
    for at in MAGIC.len()..proven {
        let dir = tempfile::tempdir().unwrap();
        let mut broken = bytes.clone();
        broken[at] ^= 0x20;
        fs::write(segment::path(dir.path(), 1), &broken).unwrap();
        let fault = Journal::open(dir.path()).unwrap_err();
        let Fault::Corrupt { at_byte, .. } = fault else { panic!("byte {at}: {fault}") };
        assert!(at_byte <= at as u64);
        assert!(fault.to_string().contains("000001.log") && fault.to_string().contains("backup"), "{fault}");
        assert_eq!(fs::read(segment::path(dir.path(), 1)).unwrap(), broken, "nothing may be touched");
    }
}

#[test]
fn what_a_power_cut_left_half_written_is_cut_even_when_later_blocks_arrived() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 2);
    let (mut journal, _) = Journal::open(dir.path()).unwrap();
    let safe = journal.length as usize;
    journal.append_all(&records(3, 9)).unwrap();
    drop(journal);
    let path = segment::path(dir.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    bytes[safe + 20..safe + 60].fill(0);
    fs::write(&path, &bytes).unwrap();
    let (_, recovered) = Journal::open(dir.path()).unwrap();
    assert_eq!(recovered.last_seq, 2);
    assert_eq!(recovered.torn.unwrap().at_byte as usize, safe);
}

#[test]
fn another_file_in_the_folder_is_not_taken_for_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(segment::path(dir.path(), 1), "something else").unwrap();
    assert!(matches!(Journal::open(dir.path()), Err(Fault::NotAJournal { .. })));
}

/// A disk on which every step can fail once: the step's number counts appends, syncs and cuts together.
struct Faulty {
    file: fs::File,
    steps: Arc<AtomicUsize>,
    fail_at: usize,
    half: bool,
}

impl Faulty {
    fn step(&self) -> bool {
        self.steps.fetch_add(1, Ordering::Relaxed) == self.fail_at
    }
}

impl Medium for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.step() {
            if self.half {
                self.file.append(&bytes[..bytes.len() / 2])?;
            }
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.step() { Err(io::ErrorKind::Other.into()) } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.step() { Err(io::ErrorKind::Other.into()) } else { self.file.cut(length) }
    }
}

fn faulty(fail_at: usize, half: bool) -> (Opener, Arc<AtomicUsize>) {
    let steps = Arc::new(AtomicUsize::new(0));
    let counter = steps.clone();
    let opener: Opener = Box::new(move |path, new| {
        let file = fs::OpenOptions::new().append(true).create_new(new).open(path)?;
        Ok(Box::new(Faulty { file, steps: counter.clone(), fail_at, half }))
    });
    (opener, steps)
}

#[test]
fn whichever_step_fails_once_the_next_try_leaves_every_fact_there_once() {
    for half in [false, true] {
        for fail_at in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let (opener, steps) = faulty(fail_at, half);
            let open = Journal::open_with(dir.path(), opener, 400);
            let Ok((mut journal, _)) = open else {
                // The first header could not be written: the next start writes it.
                filled(dir.path(), 3);
                assert_eq!(all(dir.path()), records(1, 3));
                continue;
            };
            let mut next = 1;
            while next <= 12 {
                let group = records(next, next + 1);
                while journal.append_all(&group).is_err() {}
                while journal.sync().is_err() {}
                next += 2;
            }
            drop(journal);
            assert_eq!(all(dir.path()), records(1, 12), "step {fail_at}, half written {half}");
            let (_, recovered) = Journal::open(dir.path()).unwrap();
            assert_eq!(recovered.last_seq, 12);
            if steps.load(Ordering::Relaxed) < fail_at {
                break;
            }
        }
    }
}

#[test]
fn the_writer_tells_what_is_safe_in_groups() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let on = move |n| {
        if let Notice::Synced(group) = n {
            sink.lock().unwrap().extend(group);
        }
    };
    let writer = JournalWriter::start(journal, on).unwrap();
    for seq in 1..=500 {
        writer.submit(vec![record(seq)]).unwrap();
        writer.ring();
    }
    assert!(writer.wait(500, Duration::from_secs(20)));
    assert_eq!(writer.health(), Health { synced: 500, ..Health::default() });
    let journal = writer.stop().unwrap();
    assert_eq!(journal.last_seq(), 500);
    assert_eq!(*told.lock().unwrap(), records(1, 500));
    assert_eq!(all(dir.path()), records(1, 500));
}

/// A disk that takes nothing until it is told to.
struct Gate(fs::File, Arc<Mutex<bool>>);

impl Medium for Gate {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if *self.1.lock().unwrap() { self.0.append(bytes) } else { Err(io::ErrorKind::StorageFull.into()) }
    }
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }
}

#[test]
fn a_full_disk_raises_the_alarm_and_keeps_facts_up_to_the_ceiling() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(true));
    let theirs = gate.clone();
    let opener: Opener = Box::new(move |path, new| {
        let file = fs::OpenOptions::new().append(true).create_new(new).open(path)?;
        Ok(Box::new(Gate(file, theirs.clone())))
    });
    let (journal, _) = Journal::open_with(dir.path(), opener, SEGMENT_BYTES).unwrap();
    *gate.lock().unwrap() = false;
    let (tell, told) = mpsc::channel();
    let on = move |n| tell.send(n).unwrap();
    let writer = JournalWriter::start_with(journal, 3, Duration::from_millis(5), on).unwrap();
    writer.submit(records(1, 2)).unwrap();
    writer.ring();
    assert!(matches!(told.recv().unwrap(), Notice::Stalled(fault) if fault.is_full()));
    assert!(writer.health().stalled);
    let Full(back) = writer.submit(records(3, 4)).unwrap_err();
    assert_eq!(back, records(3, 4));
    writer.submit(records(3, 3)).unwrap();
    writer.ring();
    assert_eq!((writer.health().waiting, writer.health().refused), (3, 2));
    *gate.lock().unwrap() = true;
    assert!(matches!(told.recv().unwrap(), Notice::Resumed));
    assert!(writer.wait(3, Duration::from_secs(20)));
    assert!(!writer.health().stalled);
    writer.submit(back[1..].to_vec()).unwrap();
    writer.ring();
    writer.stop();
    assert_eq!(all(dir.path()), records(1, 4));
}

#[test]
fn the_writer_ends_beside_a_dead_disk() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(Mutex::new(true));
    let theirs = gate.clone();
    let opener: Opener = Box::new(move |path, new| {
        let file = fs::OpenOptions::new().append(true).create_new(new).open(path)?;
        Ok(Box::new(Gate(file, theirs.clone())))
    });
    let (journal, _) = Journal::open_with(dir.path(), opener, SEGMENT_BYTES).unwrap();
    *gate.lock().unwrap() = false;
    let writer = JournalWriter::start(journal, |_| {}).unwrap();
    writer.submit(records(1, 2)).unwrap();
    writer.ring();
    assert_eq!(writer.stop().map(|j| j.last_seq()), Some(0));
}

#[test]
fn facts_that_nobody_waits_for_become_safe_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path()).unwrap();
    let (tell, told) = mpsc::channel();
    let on = move |n| tell.send(n).unwrap();
    let writer = JournalWriter::start(journal, on).unwrap();
    writer.submit(records(1, 3)).unwrap();
    writer.ring();
    assert!(matches!(told.recv().unwrap(), Notice::Synced(facts) if facts == records(1, 3)));
    assert_eq!(writer.synced(), 3);
    // In the file at once, synced or not: what the end of the program still has to do is little.
    writer.submit(records(4, 5)).unwrap();
    writer.ring();
    assert_eq!(writer.stop().unwrap().last_seq(), 5);
    assert_eq!(all(dir.path()), records(1, 5));
}
