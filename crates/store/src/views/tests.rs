//! Views, dropped and damaged.

use super::*;
use crate::journal::Journal;
use senim_appeals::Status;
use senim_base::{ConsultantId, Instant, Language, Number, NumberPlan, Redacted, TrackId};
use senim_switch::facts::{
    Author, CallerIdentity, DemandNote, Disposition, EndCause, Fact, ForwardResult, Party,
};
use std::path::PathBuf;
use std::time::Duration;

const UTC_OFFSET: i32 = 300;

struct World {
    dir: tempfile::TempDir,
    journal: Journal,
}

impl World {
    fn new() -> World {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("journal")).unwrap();
        World { dir, journal }
    }

    fn journal_dir(&self) -> PathBuf {
        self.dir.path().join("journal")
    }

    fn views_dir(&self) -> PathBuf {
        self.dir.path().join("views")
    }

    fn open(&self) -> (Views, Found) {
        Views::open(&self.views_dir(), &self.journal_dir(), UTC_OFFSET).unwrap()
    }

    fn fact(&mut self, call: Option<u64>, fact: Fact) {
        let seq = self.journal.last_seq() + 1;
        let record = Record {
            seq,
            wall: WallTime::from_unix_millis(1_795_478_400_000 + seq as i64 * 1_000),
            at: Instant::from_secs(seq),
            call: call.map(CallId),
            fact,
        };
        self.journal.append(&record).unwrap();
    }

    /// One call from arrival to end, linked to an appeal.
    fn call(&mut self, n: u64, number: AppealNumber) {
        let consultant = ConsultantId(1 + n as u32 % 3);
        let recording = RecordingId(u128::from(n) << 64 | 7);
        let caller = CallerIdentity {
            number: Number::normalise("+77012345678", &NumberPlan::default()).map(Redacted::new),
            ..CallerIdentity::default()
        };
        let c = Some(n);
        self.fact(
            c,
            Fact::Arrived { dialled: "111".into(), trunk: Some("carrier".into()), user: None, caller },
        );
        self.fact(c, Fact::Answered { after_ms: 20 });
        self.fact(c, Fact::RecordingBegan { recording });
        self.fact(c, Fact::TrackBegan { recording, track: TrackId(0), party: Party::Caller });
        self.fact(c, Fact::LanguageSet { language: Language::Kazakh });
        self.fact(
            c,
            Fact::Queued {
                queue: "main".into(),
                topic: Some("legal".into()),
                priority: 5,
                language: Language::Kazakh,
                urgent: false,
            },
        );
        self.fact(c, Fact::Talking { consultant, waited_ms: 4_000 });
        let by = Author::Consultant(consultant);
        match self.open_appeal(number) {
            false => self.fact(c, Fact::AppealRegistered { number, by }),
            true => self.fact(c, Fact::AppealLinked { number, by }),
        }
        self.fact(c, Fact::TalkEnded { consultant, talked_ms: 60_000 });
        self.fact(
            c,
            Fact::RecordingClosed {
                recording,
                length_ms: 70_000,
                bytes: 560_000,
                lost_frames: 0,
                torn: false,
            },
        );
        self.fact(
            c,
            Fact::Ended {
                cause: EndCause::CallerHungUp,
                disposition: Some(Disposition::Served),
                length_ms: 70_000,
            },
        );
    }

    fn open_appeal(&self, number: AppealNumber) -> bool {
        let registered =
            |r: &Record| matches!(r.fact, Fact::AppealRegistered { number: n, .. } if n == number);
        self.journal.read_from(1).any(|r| registered(&r.unwrap()))
    }
}

fn number(serial: u32) -> AppealNumber {
    AppealNumber::new(2026, serial).unwrap()
}

fn busy() -> World {
    let mut w = World::new();
    for n in 1..=30 {
        w.call(n, number(1 + n as u32 % 4));
    }
    w.fact(
        None,
        Fact::AppealStatus {
            number: number(2),
            status: Status::InWork,
            by: Author::Operator("chief".into()),
        },
    );
    w.fact(
        None,
        Fact::RecordingsSearched { number: number(2), by: Author::Operator("chief".into()), found: 8 },
    );
    w
}

/// FEATURES R9.
#[test]
fn an_appeal_finds_every_recording_of_every_call() {
    let w = busy();
    let (views, found) = w.open();
    assert_eq!(found, Found::New);
    let rows = views.recordings_of(number(2)).unwrap();
    let calls: Vec<u64> = rows.iter().map(|(c, _)| c.call.0).collect();
    assert_eq!(calls, [1, 5, 9, 13, 17, 21, 25, 29]);
    assert!(rows.iter().all(|(c, r)| r.call == Some(c.call) && r.length_ms == Some(70_000)));
    assert!(views.recordings_of(number(999)).unwrap().is_empty());
    let appeal = views.appeal(number(2)).unwrap().unwrap();
    assert_eq!((appeal.status, appeal.calls.len(), appeal.history.len()), (Status::InWork, 8, 2));
}

#[test]
fn a_call_row_tells_what_the_facts_told() {
    let mut w = World::new();
    w.call(1, number(1));
    w.fact(
        Some(2),
        Fact::Arrived { dialled: "111".into(), trunk: None, user: None, caller: CallerIdentity::default() },
    );
    w.fact(Some(2), Fact::ForwardBegan { to: "ucc".into(), by: Author::Caller });
    w.fact(Some(2), Fact::NoticeHeard { whole: true });
    w.fact(
        Some(2),
        Fact::ForwardEnded { to: "ucc".into(), result: ForwardResult::Busy, status: Some(486), after_ms: 1 },
    );
    let (views, _) = w.open();
    let one = views.call(CallId(1)).unwrap().unwrap();
    assert_eq!((one.waited_ms, one.talked_ms, one.length_ms), (Some(4_000), 60_000, Some(70_000)));
    assert_eq!((one.language, one.topic.as_deref()), (Some(Language::Kazakh), Some("legal")));
    assert_eq!(one.appeals, [number(1)]);
    assert!(!format!("{one:?}").contains("77012345678"));
    let two = views.call(CallId(2)).unwrap().unwrap();
    let forward = Forward { to: "ucc".into(), result: Some(ForwardResult::Busy), notice_heard: true };
    assert_eq!(two.forward, Some(forward));
    assert_eq!(views.timeline(CallId(1)).unwrap().len(), 11);
    assert_eq!(views.calls(None, 10).unwrap().len(), 2);
    assert_eq!(views.calls(Some(CallId(2)), 10).unwrap().len(), 1);
    assert_eq!(views.calls_of_day(one.arrived).unwrap().len(), 2);
    assert!(views.calls_of_day(one.arrived.plus(Duration::from_secs(86_400))).unwrap().is_empty());
    assert_eq!(views.call(CallId(3)).unwrap(), None);
}

#[test]
fn a_call_whose_facts_lie_in_many_pieces_is_told_whole() {
    let mut w = World::new();
    let calls = PIECE as u64;
    for step in 0..3 {
        (1..=calls).for_each(|call| w.fact(Some(call), Fact::Step { step: step.to_string() }));
    }
    let views = Views::in_memory(&w.journal_dir(), UTC_OFFSET).unwrap();
    assert_eq!(views.timeline.len(), 3);
    for call in [1, 2, calls] {
        let told = views.timeline(CallId(call)).unwrap();
        let steps: Vec<_> = told.iter().map(|r| (r.call, &r.fact)).collect();
        let wanted: Vec<_> = (0..3).map(|n| Fact::Step { step: n.to_string() }).collect();
        assert_eq!(steps, wanted.iter().map(|f| (Some(CallId(call)), f)).collect::<Vec<_>>());
    }
    assert!(views.timeline(CallId(calls + 1)).unwrap().is_empty());
    let ids =
        |before, limit| views.calls(before, limit).unwrap().iter().map(|r| r.call.0).collect::<Vec<_>>();
    assert_eq!(ids(None, 100), (1..=calls).rev().collect::<Vec<_>>());
    assert_eq!((ids(None, 3), ids(Some(CallId(BLOCK)), 2)), (vec![calls, calls - 1, calls - 2], vec![7, 6]));
    assert_eq!((ids(Some(CallId(1)), 2), ids(None, 0)), (vec![], vec![]));
}

/// FEATURES R12 (begun).
#[test]
fn every_opening_is_listed() {
    let mut w = busy();
    let demand = DemandNote { number: "17/3".into(), date: "2026-11-20".into(), authority: "court".into() };
    let by = Author::Operator("auditor".into());
    w.fact(None, Fact::ExportRefused { number: Some(number(2)), by: by.clone(), why: "no demand".into() });
    w.fact(None, Fact::RecordingExported { recording: RecordingId(7), number: number(2), demand, by });
    let (views, _) = w.open();
    let openings = views.openings(10).unwrap();
    assert!(matches!(openings[0].fact, Fact::RecordingExported { .. }));
    assert_eq!(openings.len(), 3);
}

#[test]
fn a_deleted_folder_becomes_the_same_views() {
    let w = busy();
    let (views, _) = w.open();
    let before = views.dump().unwrap();
    drop(views);
    fs::remove_dir_all(w.views_dir()).unwrap();
    let (views, found) = w.open();
    assert_eq!(found, Found::New);
    assert_eq!(views.dump().unwrap(), before);
    assert_eq!(Views::in_memory(&w.journal_dir(), UTC_OFFSET).unwrap().dump().unwrap(), before);
}

#[test]
fn facts_one_by_one_in_groups_and_twice_make_the_same_views() {
    let w = busy();
    let whole = Views::in_memory(&w.journal_dir(), UTC_OFFSET).unwrap();
    let views = Views::with(sled::Config::new().temporary(true), UTC_OFFSET).unwrap();
    for record in w.journal.read_from(1) {
        let record = record.unwrap();
        views.apply(&record).unwrap();
        views.apply(&record).unwrap();
    }
    assert_eq!(views.dump().unwrap(), whole.dump().unwrap());
    // As after a kill between the rows and the note of where they stand: everything once more.
    views.db.remove("stand").unwrap();
    views.catch_up(&w.journal_dir()).unwrap();
    assert_eq!(views.dump().unwrap(), whole.dump().unwrap());
}

#[test]
fn views_of_another_journal_or_zone_are_dropped_and_said() {
    let mut w = busy();
    drop(w.open());
    assert_eq!(w.open().1, Found::Kept);
    let (_, found) = Views::open(&w.views_dir(), &w.journal_dir(), 0).unwrap();
    assert_eq!(found, Found::Dropped("made for another time zone"));
    drop(w.open());
    fs::remove_dir_all(w.journal_dir()).unwrap();
    w.journal = Journal::open(&w.journal_dir()).unwrap().0;
    w.call(1, number(1));
    let (views, found) = w.open();
    assert_eq!(found, Found::Dropped("made from another journal"));
    assert_eq!(views.calls(None, 100).unwrap().len(), 1);
}

#[test]
fn damaged_views_are_made_again_whatever_the_damage() {
    let w = busy();
    let (views, _) = w.open();
    let before = views.dump().unwrap();
    drop(views);
    for name in ["db", "conf"] {
        let path = w.views_dir().join(name);
        let length = fs::metadata(&path).unwrap().len();
        for (from, to) in [(0, length), (length / 3, length / 2), (length.saturating_sub(64), length)] {
            let mut bytes = fs::read(&path).unwrap();
            bytes[from as usize..to as usize].iter_mut().for_each(|b| *b = !*b);
            fs::write(&path, bytes).unwrap();
            let (views, _) = w.open();
            assert_eq!(views.dump().unwrap(), before, "{name} {from}..{to}");
        }
    }
}

#[test]
fn a_row_that_is_no_row_is_damage() {
    let mut w = busy();
    let (views, _) = w.open();
    views.calls.insert(block(CallId(30)).to_be_bytes(), "no row").unwrap();
    drop(views);
    w.fact(Some(30), Fact::Answered { after_ms: 1 });
    let (views, found) = w.open();
    assert_eq!(found, Found::Dropped("damaged"));
    assert_eq!(views.call(CallId(30)).unwrap().unwrap().call, CallId(30));
}

#[test]
fn the_follower_brings_views_to_what_is_safe_and_no_further() {
    let mut w = World::new();
    let (views, _) = w.open();
    let follower = Follower::start(views, &w.journal_dir()).unwrap();
    w.call(1, number(1));
    follower.safe(5);
    let views = follower.fresh(Duration::from_secs(20)).unwrap();
    assert_eq!(views.applied().unwrap(), 5);
    follower.safe(w.journal.last_seq());
    assert!(
        follower.fresh(Duration::from_secs(20)).unwrap().call(CallId(1)).unwrap().unwrap().cause.is_some()
    );
    assert_eq!(follower.lag(), (0, false));
}

#[test]
fn who_asks_after_a_fact_was_handed_over_sees_it() {
    let mut w = World::new();
    let (views, _) = w.open();
    w.call(1, number(1));
    let records: Vec<Record> = w.journal.read_from(1).map(Result::unwrap).collect();
    let other = tempfile::tempdir().unwrap();
    let journal = Journal::open(other.path()).unwrap().0;
    let follower = std::sync::Arc::new(Follower::start(views, other.path()).unwrap());
    let follow = follower.clone();
    let writer = crate::JournalWriter::start(journal, move |notice| {
        if let crate::journal::Notice::Synced(group) = notice {
            group.last().into_iter().for_each(|r| follow.safe(r.seq));
        }
    })
    .unwrap();
    follower.watch(writer.watch());
    for record in &records {
        writer.submit(vec![record.clone()]).unwrap();
        assert_eq!(follower.fresh(Duration::from_secs(20)).unwrap().applied().unwrap(), record.seq);
    }
    assert_eq!(writer.watch().submitted(), records.len() as u64);
}

#[test]
fn facts_at_hand_need_no_reading_and_a_gap_is_read_from_the_journal() {
    let mut w = World::new();
    let (views, _) = w.open();
    w.call(1, number(1));
    w.call(2, number(2));
    let records: Vec<Record> = w.journal.read_from(1).map(Result::unwrap).collect();
    let (first, rest) = records.split_at(4);
    // A journal that knows the first facts alone: what comes beyond them was at hand.
    let other = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(other.path()).unwrap().0;
    journal.append_all(first).unwrap();
    let follower = Follower::start(views, other.path()).unwrap();
    follower.safe_facts(first[2..].to_vec());
    assert_eq!(follower.fresh(Duration::from_secs(20)).unwrap().applied().unwrap(), 4);
    follower.safe_facts(rest.to_vec());
    let views = follower.fresh(Duration::from_secs(20)).unwrap();
    assert_eq!(views.applied().unwrap(), records.len() as u64);
    assert!(views.call(CallId(2)).unwrap().unwrap().cause.is_some());
    assert_eq!(follower.lag(), (0, false));
}

#[test]
fn views_that_somebody_still_reads_are_not_opened_anew_beneath_him() {
    let mut w = World::new();
    w.call(1, number(1));
    let (reads, _) = w.open();
    let home = reads.home().unwrap();
    assert!(follow::open_anew(&home, &w.journal_dir()).is_none());
    let mark = w.views_dir().join("mark");
    std::fs::write(&mark, "").unwrap();
    assert!(follow::open_anew(&home, &w.journal_dir()).is_none());
    assert!(mark.exists(), "the folder was not dropped beneath him");
    let told = reads.dump().unwrap();
    drop(reads);
    assert_eq!(follow::open_anew(&home, &w.journal_dir()).unwrap().dump().unwrap(), told);
    assert!(mark.exists(), "and needs not be made again");
}
