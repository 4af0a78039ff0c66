//! From the rings of the media workers to sealed files, with a kill in between.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests are tests

use rtrb::{Producer, RingBuffer};
use senim_base::{CallId, Entropy, Instant, RecordingId, TrackId, WallTime};
use senim_recorder::{Frame, RecordingMeta};
use senim_seal::{Disk, End, MasterKey, Verdict, read, verify};
use senim_store::vault::{Begin, Folder, RecordingThread, recover};
use senim_switch::RecordingReport;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, SystemTime};

const RECORDING: RecordingId = RecordingId(0xabcd);
/// Set in the child only: the folder to write in.
const FOLDER: &str = "SENIM_TEST_RECORDINGS";

fn key() -> MasterKey {
    MasterKey::new([7; 32])
}

fn clock() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Instant::from_nanos(since.as_nanos() as u64)
}

struct World {
    rings: Vec<Producer<Frame>>,
    thread: RecordingThread,
    reports: Receiver<RecordingReport>,
}

fn world(dir: &Path, rings: usize) -> World {
    let (producers, consumers) = (0..rings).map(|_| RingBuffer::new(4096)).unzip();
    let (tell, reports) = mpsc::channel();
    let on = move |r| drop(tell.send(r));
    let thread = RecordingThread::start(consumers, dir, key(), Entropy::from_seed(1), clock, on).unwrap();
    World { rings: producers, thread, reports }
}

fn begin(recording: RecordingId, at: Instant) -> Begin {
    Begin { recording, call: CallId(9), at, wall: WallTime::from_unix_millis(1_795_000_000_000) }
}

fn sound(recording: RecordingId, track: u8, start: Instant, n: u64) -> Frame {
    let at = start + Duration::from_millis(20 * n);
    Frame::audio(recording, TrackId(track), at, 8, 160 * n as u32, &[n as u8; 160]).unwrap()
}

#[test]
fn frames_become_a_sealed_file_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = world(dir.path(), 2);
    let start = clock();
    w.thread.begin(begin(RECORDING, start));
    for n in 0..300 {
        w.rings[0].push(sound(RECORDING, (n % 2) as u8, start, n / 2)).unwrap();
    }
    w.rings[0]
        .push(Frame::Lost {
            recording: RECORDING,
            track: TrackId(1),
            at: start + Duration::from_secs(3),
            frames: 4,
        })
        .unwrap();
    w.rings[0].push(Frame::End { recording: RECORDING }).unwrap();
    let report = w.reports.recv_timeout(Duration::from_secs(20)).unwrap();
    let RecordingReport::Closed { recording, bytes, lost_frames, torn, .. } = report else {
        panic!("{report:?}")
    };
    assert_eq!((recording, lost_frames, torn), (RECORDING, 4, false));
    let file = Folder::new(dir.path()).read(&RECORDING.to_string()).unwrap();
    assert_eq!(file.len() as u64, bytes);
    let found = read(&file, &key()).unwrap();
    assert_eq!(found.frames.len(), 300);
    assert_eq!(RecordingMeta::from_bytes(&found.about).unwrap().call, CallId(9));
    assert!(verify(&file, &key()).is_sound());
    assert_eq!(w.thread.health().strays, 0);
}

/// The beginning travels by another way than the frames: which one comes first must not matter.
#[test]
fn frames_that_overtake_their_beginning_are_not_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = world(dir.path(), 1);
    for n in 1..=200u128 {
        let (recording, start) = (RecordingId(n), clock());
        w.thread.begin(begin(recording, start));
        w.rings[0].push(sound(recording, 0, start, 1)).unwrap();
        w.rings[0].push(Frame::End { recording }).unwrap();
    }
    for _ in 0..200 {
        let report = w.reports.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(matches!(report, RecordingReport::Closed { .. }), "{report:?}");
    }
    assert_eq!(w.thread.health().strays, 0);
    let folder = Folder::new(dir.path());
    for name in folder.list() {
        assert_eq!(read(&folder.read(&name).unwrap(), &key()).unwrap().frames.len(), 1);
    }
}

#[test]
fn frames_of_a_recording_that_nobody_began_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = world(dir.path(), 1);
    w.rings[0].push(sound(RECORDING, 0, clock(), 1)).unwrap();
    w.thread.begin(begin(RecordingId(2), clock()));
    w.rings[0].push(Frame::End { recording: RecordingId(2) }).unwrap();
    w.reports.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!(w.thread.health().strays, 1);
}

#[test]
fn stopping_closes_what_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = world(dir.path(), 1);
    let start = clock();
    w.thread.begin(begin(RECORDING, start));
    w.rings[0].push(sound(RECORDING, 0, start, 1)).unwrap();
    w.thread.stop();
    assert!(matches!(w.reports.try_recv(), Ok(RecordingReport::Closed { .. })));
    let file = Folder::new(dir.path()).read(&RECORDING.to_string()).unwrap();
    assert!(matches!(verify(&file, &key()), Verdict::Sound { end: End::Stopped, .. }));
}

#[test]
fn a_disk_that_refuses_is_told_and_the_thread_lives() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file, no folder");
    std::fs::write(&file, "").unwrap();
    let mut w = world(&file.join("recordings"), 1);
    let start = clock();
    w.thread.begin(begin(RECORDING, start));
    w.rings[0].push(sound(RECORDING, 0, start, 1)).unwrap();
    w.rings[0].push(Frame::End { recording: RECORDING }).unwrap();
    let report = w.reports.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(matches!(report, RecordingReport::Failed { recording: RECORDING, .. }), "{report:?}");
    // The disk comes back, the recording is closed after all.
    std::fs::remove_file(&file).unwrap();
    let report = w.reports.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(matches!(report, RecordingReport::Closed { recording: RECORDING, .. }), "{report:?}");
}

/// Not a test of its own: what the child does until it is killed.
#[test]
fn child() {
    let Ok(dir) = std::env::var(FOLDER) else { return };
    let mut w = world(Path::new(&dir), 1);
    let start = clock();
    w.thread.begin(begin(RECORDING, start));
    for n in 0.. {
        // Ten times faster than life: a chunk of sound each tenth of a second.
        w.rings[0].push(sound(RECORDING, 0, start, n)).unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// FEATURES R5.
#[test]
fn a_kill_leaves_every_whole_chunk_and_the_next_start_closes_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env(FOLDER, dir.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut folder = Folder::new(dir.path());
    let name = RECORDING.to_string();
    while folder.read(&name).map_or(0, |f| f.len()) < 40_000 {
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = read(&folder.read(&name).unwrap(), &key()).unwrap();
    assert!(before.manifest.is_none() && before.length_ms >= 3_000);
    let unclosed = [RECORDING, RecordingId(5)];
    let reports = recover(&mut folder, &key(), &mut Entropy::from_seed(2), unclosed);
    let RecordingReport::Closed { length_ms, torn: true, .. } = reports[0] else { panic!("{reports:?}") };
    assert_eq!(length_ms, u64::from(before.length_ms));
    assert!(matches!(reports[1], RecordingReport::Closed { length_ms: 0, torn: true, .. }));
    let after = folder.read(&name).unwrap();
    assert!(matches!(verify(&after, &key()), Verdict::Sound { end: End::Interrupted, .. }));
    assert_eq!(read(&after, &key()).unwrap().frames, before.frames);
    let again = recover(&mut folder, &key(), &mut Entropy::from_seed(2), [RECORDING]);
    assert!(matches!(again[0], RecordingReport::Closed { torn: false, .. }), "{again:?}");
    let wrong = recover(&mut folder, &MasterKey::new([8; 32]), &mut Entropy::from_seed(2), [RECORDING]);
    assert!(matches!(wrong[0], RecordingReport::Failed { .. }));
}
