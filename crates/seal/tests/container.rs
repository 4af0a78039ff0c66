//! What is written is read, whatever is cut off, changed, or refused by the disk on the way.

use core::time::Duration;
use expect_test::expect;
use proptest::prelude::*;
use senim_base::{Entropy, Instant, RecordingId, TrackId, WallTime};
use senim_seal::{
    ABOUT_MAX, About, BACKLOG_MAX, Cause, Closed, Disk, DiskFault, End, Fault, MARK_MAX, MasterKey, MemDisk,
    OpenFault, PAYLOAD_MAX, Trouble, Verdict, Writer, read, repair, verify,
};
use sha2::{Digest, Sha256};

const NAME: &str = "r";
/// Bytes of the header.
const HEADER: usize = 112;

fn master() -> MasterKey {
    MasterKey::new([42; 32])
}

fn about(text: &[u8]) -> About<'_> {
    let started = WallTime::from_unix_millis(1_795_480_574_000);
    About { recording: RecordingId(0xabc), started, start: Instant::from_secs(100), about: text }
}

fn at(ms: u64) -> Instant {
    Instant::from_millis(100_000 + ms)
}

fn open(disk: &mut MemDisk) -> Writer {
    Writer::open(disk, NAME, &about(b"call-17"), &master(), &mut Entropy::from_seed(1), at(0)).expect("opens")
}

/// Two tracks, a packet each every 20 ms; the sound is the packet's own number.
fn talk(writer: &mut Writer, disk: &mut MemDisk, from_ms: u64, to_ms: u64) {
    for ms in (from_ms..to_ms).step_by(20) {
        for track in 0..2 {
            let n = u32::try_from(ms / 20).expect("small");
            writer.push(TrackId(track), 8, n * 160, &n.to_le_bytes(), at(ms));
        }
        let _ = writer.flush_due(disk, at(ms));
    }
}

fn closed(ms: u64) -> (MemDisk, Closed) {
    let mut disk = MemDisk::new();
    let mut writer = open(&mut disk);
    talk(&mut writer, &mut disk, 0, ms / 2);
    writer.mark("language kk", at(ms / 2));
    talk(&mut writer, &mut disk, ms / 2, ms);
    let closed = writer.close(&mut disk, End::Completed, at(ms)).expect("closes");
    (disk, closed)
}

fn bytes(disk: &MemDisk) -> Vec<u8> {
    disk.read(NAME).expect("is there")
}

/// Where the chunks begin: walked as FORMAT.md tells it, without the reader.
fn chunks(file: &[u8]) -> Vec<usize> {
    let (mut at, mut places) = (HEADER, Vec::new());
    while at < file.len() {
        places.push(at);
        let len = u32::from_le_bytes(file[at..at + 4].try_into().expect("four"));
        at += 56 + len as usize;
    }
    places
}

/// FEATURES R2: every party on its own track; what is read is what was written.
#[test]
fn a_closed_recording_is_read_whole() {
    let (disk, closed) = closed(3_000);
    let file = bytes(&disk);
    let found = read(&file, &master()).expect("reads");
    assert_eq!((found.recording, found.about.as_slice()), (RecordingId(0xabc), &b"call-17"[..]));
    assert_eq!(found.started, WallTime::from_unix_millis(1_795_480_574_000));
    assert_eq!((found.frames.len(), found.marks.len()), (300, 1));
    let frame = &found.frames[201];
    assert_eq!((frame.track, frame.at_ms, frame.codec, frame.timestamp), (TrackId(1), 2_000, 8, 16_000));
    assert_eq!(frame.payload, 100_u32.to_le_bytes());
    assert_eq!((found.marks[0].at_ms, found.marks[0].kind.as_str()), (1_500, "language kk"));
    let manifest = found.manifest.expect("closed");
    assert_eq!((manifest.end, manifest.length_ms, manifest.lost_frames), (End::Completed, 2_980, 0));
    assert_eq!((closed.length_ms, closed.bytes, closed.lost_frames), (2_980, file.len() as u64, 0));
    let sound = Verdict::Sound { length_ms: 2_980, frames: 300, end: End::Completed, chain: closed.chain };
    assert_eq!(verify(&file, &master()), sound);
}

/// No chunk holds more than a second, so no more than that can be lost.
#[test]
fn a_chunk_is_on_the_disk_a_second_after_its_first_frame() {
    let mut disk = MemDisk::new();
    let mut writer = open(&mut disk);
    assert_eq!(writer.deadline(), None);
    writer.push(TrackId(0), 8, 0, b"x", at(500));
    assert_eq!(writer.deadline(), Some(at(1_500)));
    assert_eq!((writer.flush_due(&mut disk, at(1_499)), disk.appends()), (Ok(()), 1));
    assert_eq!((writer.flush_due(&mut disk, at(1_500)), disk.appends()), (Ok(()), 2));
    assert_eq!(writer.deadline(), None);
    assert_eq!(read(&bytes(&disk), &master()).expect("reads").frames.len(), 1);
}

/// FEATURES R5: killed at any byte, the file is readable to the last whole chunk, and repair closes it.
#[test]
fn cut_at_every_byte_it_is_read_to_the_last_whole_chunk() {
    let (disk, _) = closed(2_500);
    let file = bytes(&disk);
    let places = chunks(&file);
    let frames_before: Vec<usize> =
        places.iter().map(|p| read(&file[..*p], &master()).expect("reads").frames.len()).collect();
    for cut in 0..file.len() {
        let part = &file[..cut];
        if cut < HEADER {
            assert_eq!(read(part, &master()), Err(Fault::NoHeader));
            continue;
        }
        let found = read(part, &master()).expect("reads");
        let whole = places.iter().rposition(|p| *p <= cut).unwrap_or(0);
        assert_eq!(found.frames.len(), frames_before[whole], "cut at {cut}");
        assert!(found.manifest.is_none() && found.damage.is_empty());
        let torn = (places[whole] != cut).then_some(places[whole] as u64);
        assert_eq!(found.torn.map(|t| t.at_byte), torn, "cut at {cut}");
        assert!(matches!(verify(part, &master()), Verdict::Open { .. }));

        let mut disk = MemDisk::new();
        disk.put(NAME, part.to_vec());
        let fixed = repair(&mut disk, NAME, &master(), &mut Entropy::from_seed(2)).expect("repairs");
        assert!(fixed.closed_now && fixed.cut_bytes == torn.map_or(0, |t| cut as u64 - t));
        let file = bytes(&disk);
        let verdict = verify(&file, &master());
        assert!(matches!(verdict, Verdict::Sound { end: End::Interrupted, .. }), "cut at {cut}: {verdict}");
        assert_eq!(read(&file, &master()).expect("reads").frames.len(), found.frames.len());
    }
}

#[test]
fn who_closed_it_before_need_not_repair_it() {
    let (mut disk, closed) = closed(500);
    let before = bytes(&disk);
    let fixed = repair(&mut disk, NAME, &master(), &mut Entropy::from_seed(2)).expect("reads");
    assert_eq!((fixed.closed_now, fixed.bytes, fixed.length_ms), (false, closed.bytes, closed.length_ms));
    assert_eq!(bytes(&disk), before);
}

#[test]
fn a_repair_that_is_killed_can_be_done_again() {
    let (disk, _) = closed(1_500);
    let file = bytes(&disk);
    let cut = chunks(&file).last().expect("a manifest") - 9;
    for torn in 0..400 {
        let mut disk = MemDisk::new();
        disk.put(NAME, file[..cut].to_vec());
        disk.fail_append(0, Trouble::Torn(torn));
        let fault = repair(&mut disk, NAME, &master(), &mut Entropy::from_seed(2));
        assert_eq!(fault, Err(senim_seal::RepairFault::Disk(DiskFault::Broken)));
        repair(&mut disk, NAME, &master(), &mut Entropy::from_seed(3)).expect("repairs");
        assert!(verify(&bytes(&disk), &master()).is_sound());
    }
}

/// FEATURES R5, N1: any changed byte is found, and located to its own second.
#[test]
fn any_changed_byte_is_found_and_located() {
    let (disk, _) = closed(2_500);
    let file = bytes(&disk);
    let places = chunks(&file);
    for i in 0..file.len() {
        let mut changed = file.clone();
        changed[i] ^= 1 << (i % 8);
        let verdict = verify(&changed, &master());
        assert!(!verdict.is_sound(), "byte {i}: {verdict}");
        if i < HEADER {
            assert!(matches!(verdict, Verdict::Unreadable(_)), "byte {i}: {verdict}");
            continue;
        }
        let chunk = places.iter().rposition(|p| *p <= i).expect("in a chunk");
        match verdict {
            Verdict::Damaged(found) => {
                assert_eq!(found.len(), 1, "byte {i}: {found:?}");
                assert_eq!((found[0].chunk as usize, found[0].at_byte), (chunk, places[chunk] as u64));
                // Chunk n holds second n; chunk 0 and the last one hold no sound.
                if (1..places.len() - 1).contains(&chunk) {
                    let (from, to) = (found[0].from_ms, found[0].to_ms.expect("sound follows"));
                    let second = (chunk as u32 - 1) * 1_000;
                    assert!(from + 20 >= second && to <= second + 1_020, "byte {i}: {from} to {to}");
                }
            }
            // Nobody can tell the changed head of the last chunk from a torn one: it is not closed.
            Verdict::Open { torn: Some(torn), .. } => {
                assert_eq!((chunk, torn.at_byte), (places.len() - 1, places[chunk] as u64));
            }
            other => panic!("byte {i}: {other}"),
        }
        let found = read(&changed, &master()).expect("reads");
        let lost = if (1..places.len() - 1).contains(&chunk) { 100 } else { 0 };
        assert!(found.frames.len() + lost >= 250, "byte {i}: the rest is still read");
    }
}

#[test]
fn chunks_taken_away_put_twice_or_exchanged_are_found() {
    let (disk, _) = closed(4_500);
    let file = bytes(&disk);
    let places = chunks(&file);
    let part = |n: usize| file[places[n]..*places.get(n + 1).unwrap_or(&file.len())].to_vec();
    let build = |order: &[usize]| {
        let mut out = file[..HEADER].to_vec();
        order.iter().for_each(|n| out.extend(part(*n)));
        verify(&out, &master())
    };
    let last = places.len() - 1;
    assert_eq!(last, 6);
    assert!(build(&[0, 1, 2, 3, 4, 5, 6]).is_sound());
    for order in [
        &[0, 1, 3, 4, 5, 6][..],
        &[0, 1, 2, 2, 3, 4, 5, 6],
        &[0, 2, 1, 3, 4, 5, 6],
        &[1, 2, 3, 4, 5, 6],
        &[0, 1, 2, 3, 4, 6],
        &[0, 6],
        &[0, 1, 2, 3, 4, 5, 6, 6],
        &[0, 1, 2, 3, 4, 5, 6, 1],
    ] {
        let verdict = build(order);
        assert!(matches!(verdict, Verdict::Damaged(_)), "{order:?}: {verdict}");
    }
    assert!(matches!(build(&[0, 1, 2]), Verdict::Open { torn: None, .. }), "a cut end is not closed");
    let mut longer = file.clone();
    longer.extend_from_slice(b"behind the end");
    assert!(matches!(verify(&longer, &master()), Verdict::Damaged(_)));
}

#[test]
fn another_master_key_opens_nothing() {
    let (disk, _) = closed(500);
    let file = bytes(&disk);
    assert_eq!(read(&file, &MasterKey::new([43; 32])), Err(Fault::WrongKey));
    assert_eq!(read(b"RIFF", &master()), Err(Fault::NoHeader));
    assert_eq!(read(&[b'R'; 200], &master()), Err(Fault::NotARecording));
    let mut newer = file;
    newer[8] = 2;
    assert_eq!(read(&newer, &master()), Err(Fault::UnknownVersion(2)));
}

/// FEATURES R8 (the container's part): a disk that fails at any append delays bytes and loses none.
#[test]
fn a_disk_that_fails_at_any_append_loses_nothing() {
    let clean = bytes(&closed(6_000).0);
    for n in 0..8 {
        for trouble in
            [Trouble::Full, Trouble::Broken, Trouble::Torn(0), Trouble::Torn(30), Trouble::Torn(1_000_000)]
        {
            let mut disk = MemDisk::new();
            disk.fail_append(n, trouble);
            let mut writer = open(&mut disk);
            talk(&mut writer, &mut disk, 0, 3_000);
            writer.mark("language kk", at(3_000));
            talk(&mut writer, &mut disk, 3_000, 6_000);
            let mut closed = writer.close(&mut disk, End::Completed, at(6_000));
            if closed.is_err() {
                closed = writer.close(&mut disk, End::Completed, at(7_000));
            }
            assert_eq!(closed.expect("closes").lost_frames, 0);
            assert_eq!(writer.refusals(), 1, "append {n}, {trouble:?}");
            assert_eq!(bytes(&disk), clean, "append {n}, {trouble:?}");
        }
    }
}

#[test]
fn a_file_that_could_not_be_made_at_first_is_made_later() {
    let mut disk = MemDisk::new();
    disk.fail_creates(1);
    let mut writer = open(&mut disk);
    assert_eq!((writer.refusals(), writer.deadline()), (1, Some(at(1_000))));
    talk(&mut writer, &mut disk, 0, 2_000);
    writer.close(&mut disk, End::Completed, at(2_000)).expect("closes");
    assert_eq!(read(&bytes(&disk), &master()).expect("reads").frames.len(), 200);
}

proptest! {
    /// Any bytes in any places: no panic, and never taken for what was written.
    #[test]
    fn no_change_makes_the_reader_panic(
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
        tail in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let whole = bytes(&closed(1_500).0);
        let mut file = whole.clone();
        edits.iter().for_each(|(i, byte)| *i.get_mut(&mut file) = *byte);
        file.truncate(cut.index(file.len() + 1));
        file.extend(tail);
        prop_assert!(file == whole || !verify(&file, &master()).is_sound());
        let mut disk = MemDisk::new();
        disk.put(NAME, file);
        if repair(&mut disk, NAME, &master(), &mut Entropy::from_seed(2)).is_ok() {
            let verdict = verify(&bytes(&disk), &master());
            prop_assert!(!matches!(verdict, Verdict::Open { .. } | Verdict::Unreadable(_)), "{}", verdict);
        }
    }
}

/// The ceiling of what is kept in memory, from both sides.
#[test]
fn a_disk_that_stays_full_costs_what_memory_cannot_bridge_and_no_more() {
    let mut disk = MemDisk::new();
    let mut writer = open(&mut disk);
    disk.limit(Some(0));
    let sound = [0xd5; 1_000];
    let (mut ms, mut kept) = (0, 0);
    while writer.lost_frames() == 0 {
        writer.push(TrackId(0), 8, 0, &sound, at(ms));
        kept += u64::from(writer.lost_frames() == 0);
        let _ = writer.flush_due(&mut disk, at(ms));
        assert!(writer.waiting_bytes() <= BACKLOG_MAX);
        ms += 20;
    }
    assert!(kept * 1_000 > BACKLOG_MAX as u64 - 20_000, "{kept}");
    assert!(writer.refusals() <= ms / 1_000 + 1, "the disk is asked once a second");
    for _ in 0..9 {
        writer.push(TrackId(0), 8, 0, &sound, at(ms));
    }
    disk.limit(None);
    writer.flush_due(&mut disk, at(ms + 1_000)).expect("it takes bytes again");
    assert_eq!(writer.waiting_bytes() / 1_100, 0, "less than one frame waits");
    writer.push(TrackId(0), 8, 0, &sound, at(ms + 1_000));
    let closed = writer.close(&mut disk, End::Completed, at(ms + 2_000)).expect("closes");
    assert_eq!(closed.lost_frames, 10);
    let found = read(&bytes(&disk), &master()).expect("reads");
    assert_eq!(found.frames.len() as u64, kept + 1);
    let gap = found.manifest.expect("closed").gaps[0];
    assert_eq!((gap.frames, gap.cause, u64::from(gap.to_ms)), (10, Cause::Disk, ms + 1_000));
    assert!(verify(&bytes(&disk), &master()).is_sound());
}

#[test]
fn frames_lost_before_they_came_here_are_told() {
    let mut disk = MemDisk::new();
    let mut writer = open(&mut disk);
    writer.push(TrackId(2), 8, 0, &[0; 160], at(100));
    writer.lost(TrackId(2), 5, at(220));
    writer.push(TrackId(2), 8, 0, &[0; PAYLOAD_MAX], at(240));
    writer.push(TrackId(2), 8, 0, &[0; PAYLOAD_MAX + 1], at(260));
    assert_eq!(writer.close(&mut disk, End::Stopped, at(300)).map(|c| c.lost_frames), Ok(6));
    let found = read(&bytes(&disk), &master()).expect("reads");
    assert_eq!((found.lost_frames(), found.frames.len()), (6, 2));
    let gaps = found.manifest.expect("closed").gaps;
    assert_eq!((gaps[0].from_ms, gaps[0].to_ms, gaps[0].cause), (120, 220, Cause::Ring));
    assert_eq!(gaps[1].cause, Cause::TooLong);
}

#[test]
fn names_are_used_once_and_words_have_a_ceiling() {
    let mut disk = MemDisk::new();
    let opens = |disk: &mut MemDisk, name: &str, len: usize| {
        let words = vec![b'x'; len];
        Writer::open(disk, name, &about(&words), &master(), &mut Entropy::from_seed(1), at(0))
    };
    assert_eq!(opens(&mut disk, "a", ABOUT_MAX + 1).err(), Some(OpenFault::AboutTooLong));
    let mut writer = opens(&mut disk, "a", ABOUT_MAX).expect("opens");
    assert_eq!(opens(&mut disk, "a", 1).err(), Some(OpenFault::Exists));
    writer.mark(&"қ".repeat(MARK_MAX), at(1));
    writer.close(&mut disk, End::Completed, at(2)).expect("closes");
    let found = read(&disk.read("a").expect("is there"), &master()).expect("reads");
    assert_eq!(
        (found.about.len(), found.marks[0].kind.as_str()),
        (ABOUT_MAX, "қ".repeat(MARK_MAX / 2).as_str())
    );
    writer.push(TrackId(0), 8, 0, b"late", at(3));
    assert_eq!(writer.close(&mut disk, End::Stopped, at(4)).map(|c| c.length_ms), Ok(1), "closed is closed");
}

#[test]
fn a_recording_of_a_whole_day_is_one_chunk_a_second() {
    let mut disk = MemDisk::new();
    let mut writer = open(&mut disk);
    for s in 0..86_400 {
        writer.push(TrackId(0), 8, 0, b"z", at(s * 1_000));
        writer.flush_due(&mut disk, at(s * 1_000)).expect("writes");
    }
    writer.close(&mut disk, End::Completed, at(86_400_000)).expect("closes");
    assert_eq!(writer.deadline().map(|d| d.since(Instant::ZERO)), None::<Duration>);
    assert_eq!(chunks(&bytes(&disk)).len(), 86_402);
}

/// The format is a promise: the same recording is the same bytes, in this version and in every later one.
#[test]
fn the_format_does_not_change() {
    let (disk, _) = closed(2_500);
    let hash = Sha256::digest(bytes(&disk));
    let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
    expect!["fbc9eb2684d4da95685e26f1f5997fd6375aa5c79ac697c6696dfcbdd7de4c87"].assert_eq(&hex);
}
