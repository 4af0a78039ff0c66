//! Opening a recording for somebody who has the right to: a stereo WAV, the caller on the left, everybody who spoke to
//! him on the right, each frame in its place on the wall-clock timeline (FEATURES R2, R6, R7). Takes a [`Permit`]:
//! without a written demand there is no way to this code.

use core::fmt;
use core::time::Duration;
use hound::{SampleFormat, WavSpec, WavWriter};
use senim_audio::{Band, Coding, Decoder};
use senim_base::{RecordingId, TrackId};
use senim_recorder::{Gap, Permit, Placer, Scale};
use senim_seal::{Damage, End, Fault, MasterKey, Recording, read};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Samples a second of the file.
pub const RATE_HZ: u32 = 8_000;
/// Longest recording that is opened: half a day. A longer one is damaged, or no talk.
pub const HOURS_MAX: u64 = 12;
/// The caller's track: the left side.
const CALLER: TrackId = TrackId(0);
/// Samples written between two words about the progress.
const PROGRESS_EVERY: usize = 80_000;
/// Bytes hashed at once.
const HASH_AT_ONCE: usize = 1 << 16;

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exported {
    /// The file.
    pub file: PathBuf,
    /// SHA-256 of the whole file.
    pub sha256: [u8; 32],
    /// Length of the sound, milliseconds.
    pub length_ms: u64,
    /// Places without sound, by track.
    pub gaps: Vec<Gap>,
    /// Places that were changed after they were written; nothing from them is in the file.
    pub damage: Vec<Damage>,
    /// The recording was not closed in good order.
    pub interrupted: bool,
}

impl Exported {
    /// The hash as 64 hexadecimal digits.
    pub fn sha256_hex(&self) -> String {
        self.sha256.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// Why nothing was written.
#[derive(Debug)]
pub enum ExportFault {
    /// The recording cannot be read.
    Unreadable(Fault),
    /// The file holds another recording than the permit names.
    Another(RecordingId),
    /// It is longer than [`HOURS_MAX`].
    TooLong,
    /// The file for the sound cannot be written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for ExportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExportFault::Unreadable(fault) => fault.fmt(f),
            ExportFault::Another(found) => {
                write!(f, "the file holds recording {found}, which was not asked for")
            }
            ExportFault::TooLong => write!(f, "the recording is longer than {HOURS_MAX} hours"),
            ExportFault::Io(file, e) => write!(f, "{}: {e}", file.display()),
        }
    }
}

impl core::error::Error for ExportFault {}

/// Opens the container `sealed` and writes its sound to `out`, which must not exist. `progress` is told parts of a
/// thousand.
///
/// # Errors
/// [`ExportFault`]. No file is left then.
pub fn export(
    permit: &Permit,
    sealed: &[u8],
    master: &MasterKey,
    out: &Path,
    progress: &mut dyn FnMut(u32),
) -> Result<Exported, ExportFault> {
    let found = read(sealed, master).map_err(ExportFault::Unreadable)?;
    if found.recording != permit.recording() {
        return Err(ExportFault::Another(found.recording));
    }
    let sound = Sound::of(&found)?;
    let io = |e| ExportFault::Io(out.to_owned(), e);
    let part = out.with_extension("part");
    if out.exists() {
        return Err(io(io::ErrorKind::AlreadyExists.into()));
    }
    let written = sound.write(&part, progress).and_then(|()| {
        let sha256 = hash(&part)?;
        fs::rename(&part, out)?;
        Ok(sha256)
    });
    let sha256 = written.map_err(|e| {
        // The first fault is the one to tell.
        let _ = fs::remove_file(&part);
        io(e)
    })?;
    Ok(Exported {
        file: out.to_owned(),
        sha256,
        length_ms: sound.left.len().max(sound.right.len()) as u64 * 1_000 / u64::from(RATE_HZ),
        gaps: sound.gaps,
        damage: found.damage,
        interrupted: found.manifest.is_none_or(|m| m.end == End::Interrupted),
    })
}

/// Both sides, placed.
#[derive(Debug, Default)]
struct Sound {
    left: Vec<i16>,
    right: Vec<i16>,
    gaps: Vec<Gap>,
}

impl Sound {
    fn of(found: &Recording) -> Result<Sound, ExportFault> {
        let tracks: BTreeSet<TrackId> = found.frames.iter().map(|f| f.track).collect();
        let mut sound = Sound::default();
        for track in tracks {
            let (samples, gaps) = place(found, track)?;
            sound.gaps.extend(gaps);
            mix(if track == CALLER { &mut sound.left } else { &mut sound.right }, &samples);
        }
        Ok(sound)
    }

    fn write(&self, file: &Path, progress: &mut dyn FnMut(u32)) -> io::Result<()> {
        let spec = WavSpec {
            channels: 2,
            sample_rate: RATE_HZ,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        let new = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
        let mut wav = WavWriter::new(BufWriter::new(new), spec).map_err(io_error)?;
        let total = self.left.len().max(self.right.len());
        for n in 0..total {
            for side in [&self.left, &self.right] {
                wav.write_sample(side.get(n).copied().unwrap_or(0)).map_err(io_error)?;
            }
            if n % PROGRESS_EVERY == 0 {
                progress(u32::try_from(n * 1_000 / total).unwrap_or(1_000));
            }
        }
        wav.finalize().map_err(io_error)?;
        File::open(file)?.sync_all()?;
        progress(1_000);
        Ok(())
    }
}

/// One party's sound on the timeline of the recording.
fn place(found: &Recording, track: TrackId) -> Result<(Vec<i16>, Vec<Gap>), ExportFault> {
    let longest = HOURS_MAX * 3_600 * u64::from(RATE_HZ);
    let (mut placer, mut scale) = (Placer::new(track), Scale::default());
    let mut decoder: Option<Decoder> = None;
    let mut samples: Vec<i16> = Vec::new();
    let mut lost = found.lost.iter().filter(|l| l.track == track).peekable();
    for frame in found.frames.iter().filter(|f| f.track == track) {
        while lost.next_if(|l| l.at_ms <= frame.at_ms).is_some() {
            placer.dropped();
        }
        let coding = Coding::of_number(frame.codec);
        let length = coding.ticks(&frame.payload);
        let arrival = Duration::from_millis(u64::from(frame.at_ms));
        let timestamp = scale.samples(frame.timestamp, coding.clock_hz());
        let placed = placer.place(arrival, timestamp, length);
        let end = placed.offset.saturating_add(u64::from(length));
        if end > longest {
            return Err(ExportFault::TooLong);
        }
        let (begin, end) = (
            usize::try_from(placed.offset).unwrap_or(usize::MAX),
            usize::try_from(end).unwrap_or(usize::MAX),
        );
        if samples.len() < end {
            samples.resize(end, 0);
        }
        stretch(&mut samples, begin, placed.stretch);
        // What a codec gives depends on what came before: one decoder follows the track, until the party changes its codec.
        let decoder = match &mut decoder {
            Some(same) if same.coding() == coding => same,
            other => other.insert(Decoder::new(coding, Band::Narrow)),
        };
        if let Some(room) = samples.get_mut(begin..end) {
            decoder.decode(&frame.payload, room);
        }
    }
    Ok((samples, placer.gaps()))
}

/// Repeats the last sample over what the sender's slow clock left open.
fn stretch(samples: &mut [i16], begin: usize, open: u32) {
    let Some(from) = begin.checked_sub(open as usize) else { return };
    let last = from.checked_sub(1).and_then(|i| samples.get(i)).copied().unwrap_or(0);
    if let Some(room) = samples.get_mut(from..begin) {
        room.fill(last);
    }
}

/// Adds one party to a side; what is too loud is clipped, never wrapped.
fn mix(side: &mut Vec<i16>, samples: &[i16]) {
    if side.len() < samples.len() {
        side.resize(samples.len(), 0);
    }
    for (sum, sample) in side.iter_mut().zip(samples) {
        *sum = sum.saturating_add(*sample);
    }
}

fn hash(file: &Path) -> io::Result<[u8; 32]> {
    let mut from = File::open(file)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; HASH_AT_ONCE];
    loop {
        let n = from.read(&mut buffer)?;
        if n == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(buffer.get(..n).unwrap_or_default());
    }
}

fn io_error(e: hound::Error) -> io::Error {
    match e {
        hound::Error::IoError(e) => e,
        other => io::Error::other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_audio::{ENCODED_MAX, Encoder, Wishes, g711, listen};
    use senim_base::{Entropy, Instant, WallTime};
    use senim_recorder::{Demand, may_export};
    use senim_seal::{About, Disk, MemDisk, Writer};

    const RECORDING: RecordingId = RecordingId(77);
    const NOW: WallTime = WallTime::from_unix_millis(1_795_480_574_000);

    fn key() -> MasterKey {
        MasterKey::new([3; 32])
    }

    fn permit(recording: RecordingId) -> Permit {
        let demand = Demand::new("17/3", Some(NOW), "court").unwrap();
        may_export(&demand, recording, &[recording], NOW).unwrap()
    }

    /// A sealed recording: frames of (track, n-th 20 ms, law, level).
    fn sealed(frames: &[(u8, u64, u8, i16)]) -> Vec<u8> {
        let mut disk = MemDisk::new();
        let start = Instant::from_secs(1);
        let about = About { recording: RECORDING, started: NOW, start, about: b"" };
        let mut w = Writer::open(&mut disk, "r", &about, &key(), &mut Entropy::from_seed(1), start).unwrap();
        let mut end = start;
        for &(track, n, law, level) in frames {
            let at = start + Duration::from_millis(20 * n);
            let code = if law == 0 { g711::ulaw_encode(level) } else { g711::alaw_encode(level) };
            w.push(TrackId(track), law, 160 * n as u32, &[code; 160], at);
            end = end.max(at);
        }
        w.close(&mut disk, End::Completed, end).unwrap();
        disk.read("r").unwrap()
    }

    fn near(sample: i16, level: i16) -> bool {
        (i32::from(sample) - i32::from(level)).abs() <= 1 + i32::from(level).abs() / 16
    }

    /// FEATURES R2, R7.
    #[test]
    fn the_caller_is_on_the_left_and_all_others_mixed_on_the_right_whatever_their_law() {
        let frames: Vec<_> =
            (0..50).flat_map(|n| [(0, n, 8, 1_000), (1, n, 0, 300), (2, n, 8, 2_000)]).collect();
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("talk.wav");
        let mut told = Vec::new();
        let done = export(&permit(RECORDING), &sealed(&frames), &key(), &out, &mut |p| told.push(p)).unwrap();
        assert_eq!((done.length_ms, told.last()), (1_000, Some(&1_000)));
        assert!(done.gaps.is_empty() && done.damage.is_empty() && !done.interrupted);
        let mut wav = hound::WavReader::open(&out).unwrap();
        assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, 8_000));
        let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
        assert_eq!(samples.len(), 16_000);
        for pair in samples[..15_800].chunks_exact(2) {
            assert!(near(pair[0], 1_000) && near(pair[1], 2_300), "{pair:?}");
        }
        let text: String =
            Sha256::digest(fs::read(&out).unwrap()).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(done.sha256_hex(), text);
    }

    /// A second of a tone, sealed as this party said it in its codec; its clock begins anywhere.
    fn say(w: &mut Writer, disk: &mut MemDisk, track: u8, number: u8, hz: f32, from_ms: u64) {
        let coding = Coding::of_number(number);
        let mut encoder = Encoder::new(coding, Band::Narrow, Wishes::default());
        let tone = senim_audio::tone::sine(hz, -10.0, 1_000);
        let mut payload = [0; ENCODED_MAX];
        for (n, frame) in (0u32..).zip(tone.chunks(160)) {
            let len = encoder.encode(frame, &mut payload);
            let timestamp = 0xffff_f000u32.wrapping_add(n * coding.clock_hz() / 50);
            let at = Instant::from_secs(1) + Duration::from_millis(from_ms + 20 * u64::from(n));
            w.push(TrackId(track), number, timestamp, &payload[..len], at);
            w.flush_due(disk, at).unwrap();
        }
    }

    /// FEATURES R6, R7: whatever the parties speak, and though one of them changes it, each is heard in its place.
    #[test]
    fn every_codec_is_heard_at_its_place_beside_the_others() {
        for (left, right) in [(8, 111), (111, 9), (9, 0), (111, 8)] {
            let mut disk = MemDisk::new();
            let start = Instant::from_secs(1);
            let about = About { recording: RECORDING, started: NOW, start, about: b"" };
            let mut w =
                Writer::open(&mut disk, "r", &about, &key(), &mut Entropy::from_seed(1), start).unwrap();
            say(&mut w, &mut disk, 0, left, 500.0, 0);
            say(&mut w, &mut disk, 2, right, 900.0, 500);
            say(&mut w, &mut disk, 0, right, 700.0, 2_000);
            w.close(&mut disk, End::Completed, start + Duration::from_millis(2_980)).unwrap();
            let dir = tempfile::tempdir().unwrap();
            let out = dir.path().join("talk.wav");
            let sealed = disk.read("r").unwrap();
            let done = export(&permit(RECORDING), &sealed, &key(), &out, &mut |_| {}).unwrap();
            assert!(done.length_ms.abs_diff(3_000) <= 20, "{left} {right}: {} ms", done.length_ms);
            let all: Vec<i16> = hound::WavReader::open(&out).unwrap().samples().map(Result::unwrap).collect();
            let side = |n: usize, from_ms: usize, to_ms: usize| -> Vec<i16> {
                all.iter().skip(n).step_by(2).copied().take(to_ms * 8).skip(from_ms * 8).collect()
            };
            for (n, from, hz) in [(0, 50, 500.0), (1, 550, 900.0), (0, 2_050, 700.0)] {
                let heard = side(n, from, from + 900);
                assert!(listen::contains_tone(&heard, hz), "{left} {right}: {hz} Hz at {from} ms");
                assert!(heard.iter().map(|s| s.unsigned_abs()).max() > Some(5_000), "{left} {right}");
            }
            for (n, from, to) in [(0, 1_020, 1_990), (1, 0, 490), (1, 1_520, 2_900)] {
                assert!(side(n, from, to).iter().all(|s| *s == 0), "{left} {right}: silence at {from} ms");
            }
            assert!(done.gaps.iter().any(|g| g.track == CALLER && g.from_ms.abs_diff(1_000) <= 20));
        }
    }

    /// FEATURES R6.
    #[test]
    fn silence_stands_where_nothing_came_and_what_follows_is_in_its_place() {
        let frames: Vec<_> = (0..20).chain(60..80).map(|n| (0, n, 8, 4_000)).collect();
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("talk.wav");
        let done = export(&permit(RECORDING), &sealed(&frames), &key(), &out, &mut |_| {}).unwrap();
        assert_eq!((done.gaps[0].from_ms, done.gaps[0].to_ms), (400, 1_200));
        let left: Vec<i16> =
            hound::WavReader::open(&out).unwrap().samples().step_by(2).map(Result::unwrap).collect();
        assert!(near(left[3_000], 4_000) && left[6_000] == 0 && near(left[9_700], 4_000));
    }

    #[test]
    fn loud_voices_clip_and_never_wrap() {
        let frames: Vec<_> = (0..5).flat_map(|n| [(1, n, 8, 30_000), (2, n, 8, 30_000)]).collect();
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("talk.wav");
        export(&permit(RECORDING), &sealed(&frames), &key(), &out, &mut |_| {}).unwrap();
        let right: Vec<i16> =
            hound::WavReader::open(&out).unwrap().samples().skip(1).step_by(2).map(Result::unwrap).collect();
        assert_eq!(right[100], i16::MAX);
    }

    #[test]
    fn another_recording_another_key_and_a_file_that_is_there_are_refused_and_leave_nothing() {
        let bytes = sealed(&[(0, 0, 8, 100)]);
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("talk.wav");
        let try_with = |permit: &Permit, key: &MasterKey| export(permit, &bytes, key, &out, &mut |_| {});
        assert!(matches!(try_with(&permit(RecordingId(1)), &key()), Err(ExportFault::Another(RECORDING))));
        let wrong = MasterKey::new([4; 32]);
        assert!(matches!(
            try_with(&permit(RECORDING), &wrong),
            Err(ExportFault::Unreadable(Fault::WrongKey))
        ));
        fs::write(&out, "mine").unwrap();
        assert!(matches!(try_with(&permit(RECORDING), &key()), Err(ExportFault::Io(..))));
        assert_eq!(fs::read(&out).unwrap(), b"mine");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_recording_of_absurd_length_is_refused() {
        let far = HOURS_MAX * 3_600 * 50;
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("talk.wav");
        let done = export(&permit(RECORDING), &sealed(&[(0, far, 8, 1)]), &key(), &out, &mut |_| {});
        assert!(matches!(done, Err(ExportFault::TooLong)));
    }
}
