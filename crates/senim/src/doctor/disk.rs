//! The disks of the journal and of the recordings: room, and how long a fact takes to be safe.

use super::Finding;
use super::knock::millis;
use crate::config::Plan;
use core::time::Duration;
use nix::sys::statvfs::statvfs;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A recorded hour of talk, bytes: three tracks of G.711 with their seals.
const HOUR: u64 = 3 * 8_000 * 3_600 + (1 << 20);
/// Below so many hours of talk the disk is short; below a tenth of it calls will be lost soon.
const HOURS_SHORT: u64 = 500;
/// A sync that takes longer than this holds callers up; longer than what an acknowledgement waits for, it fails them.
const SLOW: Duration = Duration::from_millis(50);
const TOO_SLOW: Duration = Duration::from_millis(500);
/// What is written to try: a group of facts.
const PIECE: usize = 4_096;

/// Both folders; once, when they are on one disk.
pub(super) fn folders(plan: &Plan) -> Vec<Finding> {
    let data = looked_at("data", "[data] folder", &plan.data);
    let recordings = looked_at("recordings", "[recording] folder", &plan.recordings);
    vec![data, recordings]
}

fn looked_at(name: &str, key: &str, folder: &Path) -> Finding {
    let what = format!("disk of {name}");
    let Some(there) = nearest(folder) else {
        return Finding::fail(
            what,
            format!("there is no {}", folder.display()),
            format!("write a folder in {key}"),
        );
    };
    let room = match statvfs(&there) {
        Ok(stat) => stat.blocks_available().saturating_mul(stat.fragment_size()),
        Err(e) => {
            return Finding::fail(
                what,
                e.to_string(),
                format!("see to the disk, or name another folder in {key}"),
            );
        }
    };
    match tried(&there) {
        Ok(took) => judged(what, room, took, key),
        Err(e) => {
            let found = format!("nothing can be written in {}: {e}", there.display());
            Finding::fail(
                what,
                found,
                format!("free the disk or make it writable, or name another folder in {key}"),
            )
        }
    }
}

fn judged(what: String, room: u64, took: Duration, key: &str) -> Finding {
    let hours = room / HOUR;
    let found = format!(
        "{} MiB free, room for {hours} hours of talk; a write is safe after {}",
        room >> 20,
        millis(took)
    );
    if took > TOO_SLOW {
        let mend =
            format!("callers would wait for it: see what else writes there, or name a faster disk in {key}");
        Finding::fail(what, found, mend)
    } else if hours < HOURS_SHORT / 10 {
        Finding::fail(what, found, "free the disk now, or recordings will be lost")
    } else if hours < HOURS_SHORT {
        Finding::warn(what, found, "free the disk, or give it more")
    } else if took > SLOW {
        Finding::warn(what, found, "see what else writes to this disk")
    } else {
        Finding::ok(what, found)
    }
}

/// The folder, or the nearest one above that it would be made in.
fn nearest(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|p| if p.as_os_str().is_empty() { Path::new(".") } else { p })
        .find(|p| p.is_dir())
        .map(Path::to_owned)
}

/// Writes a little, waits until it is safe, and takes it away again.
fn tried(folder: &Path) -> io::Result<Duration> {
    let path = folder.join(format!(".doctor-{}", std::process::id()));
    let began = Instant::now();
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(&[0; PIECE])?;
        file.sync_data()
    });
    let took = began.elapsed();
    let gone = fs::remove_file(&path);
    written?;
    gone.map(|()| took)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn room_and_speed_are_told_on_both_sides() {
        let of =
            |hours: u64, took: Duration| judged("disk".into(), hours * HOUR, took, "[data] folder").verdict;
        assert_eq!(of(HOURS_SHORT, SLOW), Verdict::Ok);
        assert_eq!(of(HOURS_SHORT, SLOW + Duration::from_millis(1)), Verdict::Warn);
        assert_eq!(of(HOURS_SHORT, TOO_SLOW + Duration::from_millis(1)), Verdict::Fail);
        assert_eq!(of(HOURS_SHORT - 1, SLOW), Verdict::Warn);
        assert_eq!(of(HOURS_SHORT / 10 - 1, SLOW), Verdict::Fail);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_tried_above_and_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let finding = looked_at("data", "[data] folder", &dir.path().join("a/b"));
        assert!(finding.found.contains("hours of talk"), "{finding:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_disk_that_takes_nothing_is_told() {
        // Nobody may make files in /proc.
        let finding = looked_at("data", "[data] folder", Path::new("/proc/self/fd/nothing"));
        assert!(
            finding.verdict == Verdict::Fail && finding.found.contains("nothing can be written"),
            "{finding:?}"
        );
    }
}
