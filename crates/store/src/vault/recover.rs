//! At start: recordings that a kill interrupted are closed at their last whole second or less (FEATURES R5).

use super::folder::Folder;
use senim_base::{Entropy, RecordingId};
use senim_seal::{Disk, DiskFault, Fault, MasterKey, RepairFault, repair};
use senim_switch::RecordingReport;

/// Closes the recordings named, which the journal knows as begun and not closed. What cannot be closed now is
/// reported as failed and stays as it is: another key, or a disk that works, may help at the next start.
pub fn recover(
    folder: &mut Folder,
    master: &MasterKey,
    entropy: &mut Entropy,
    unclosed: impl IntoIterator<Item = RecordingId>,
) -> Vec<RecordingReport> {
    unclosed.into_iter().map(|recording| one(folder, master, entropy, recording)).collect()
}

fn one(
    folder: &mut Folder,
    master: &MasterKey,
    entropy: &mut Entropy,
    recording: RecordingId,
) -> RecordingReport {
    let nothing = RecordingReport::Closed { recording, length_ms: 0, bytes: 0, lost_frames: 0, torn: true };
    let name = recording.to_string();
    if !folder.exists(&name) {
        return nothing;
    }
    match repair(folder, &name, master, entropy) {
        Ok(r) => RecordingReport::Closed {
            recording,
            length_ms: r.length_ms,
            bytes: r.bytes,
            lost_frames: r.lost_frames,
            // One that was closed in good order and only not reported is not torn.
            torn: r.closed_now || r.cut_bytes > 0,
        },
        // The kill came between the file's making and its header: there never was any sound.
        Err(RepairFault::Unreadable(Fault::NoHeader) | RepairFault::Disk(DiskFault::Missing)) => nothing,
        Err(fault) => RecordingReport::Failed { recording, why: fault.to_string() },
    }
}
