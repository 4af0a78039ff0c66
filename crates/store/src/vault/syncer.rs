//! Brings files to the disk, then says what is closed. The kernel tells a file's fault once, and the next order may succeed
//! over what was lost: so a fault is told at once, and its recording is never said to be whole afterwards.

use super::thread::{Job, RECORDINGS_MAX};
use senim_base::RecordingId;
use senim_switch::RecordingReport;
use std::collections::BTreeMap;

/// From so many files on the whole file system is brought to the disk at once.
const WHOLE_FROM: usize = 4;
/// Recordings whose fault is remembered until they are closed; beyond it the one that began first is forgotten.
const FAULTY_MAX: usize = RECORDINGS_MAX;
/// What is said of files that a fault of the whole disk may concern, when none of them says that it is its own.
const DOUBTFUL: &str = "the disk failed, and did not say for which file";

/// The disk as the syncer sees it.
pub(super) trait Platter {
    /// Brings everything to the disk. `None`: that cannot be had.
    fn whole(&mut self) -> Option<Result<(), String>>;
    /// Brings one file and its name to the disk.
    fn one(&mut self, name: &str) -> Result<(), String>;
}

/// What was not brought to the disk, of recordings that are still being written.
#[derive(Debug, Default)]
pub(super) struct Syncer {
    faulty: BTreeMap<String, String>,
}

impl Syncer {
    pub(super) fn work(&mut self, disk: &mut impl Platter, job: Job, on: &impl Fn(RecordingReport)) {
        let whole = if job.names.len() >= WHOLE_FROM { disk.whole() } else { None };
        if !matches!(whole, Some(Ok(()))) {
            let mut failed: Vec<(String, String)> = Vec::new();
            for name in &job.names {
                failed.extend(disk.one(name).err().map(|why| (name.clone(), why)));
            }
            if whole.is_some() && failed.is_empty() {
                failed.extend(job.names.iter().map(|name| (name.clone(), DOUBTFUL.to_owned())));
            }
            failed.into_iter().for_each(|(name, why)| self.note(name, why, on));
        }
        for report in job.reports {
            let (RecordingReport::Closed { recording, .. } | RecordingReport::Failed { recording, .. }) =
                &report;
            // Of a recording whose fault was told nothing more is said: it is not whole, whatever its end is.
            if self.faulty.remove(&recording.to_string()).is_none() {
                on(report);
            }
        }
    }

    /// Tells the fault of a recording the first time.
    fn note(&mut self, name: String, why: String, on: &impl Fn(RecordingReport)) {
        if self.faulty.contains_key(&name) {
            return;
        }
        if let Ok(recording) = name.parse::<RecordingId>() {
            on(RecordingReport::Failed { recording, why: why.clone() });
        }
        if self.faulty.len() >= FAULTY_MAX {
            self.faulty.pop_first();
        }
        self.faulty.insert(name, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    /// A disk that fails when and where it is told to, once, as the kernel does.
    #[derive(Default)]
    struct Bad {
        whole: Option<Result<(), String>>,
        files: BTreeSet<String>,
    }

    impl Platter for Bad {
        fn whole(&mut self) -> Option<Result<(), String>> {
            self.whole.clone()
        }

        fn one(&mut self, name: &str) -> Result<(), String> {
            if self.files.remove(name) { Err("EIO".to_owned()) } else { Ok(()) }
        }
    }

    fn closed(n: u128) -> RecordingReport {
        let recording = RecordingId(n);
        RecordingReport::Closed { recording, length_ms: 1, bytes: 1, lost_frames: 0, torn: false }
    }

    fn job(names: core::ops::Range<u128>, reports: Vec<RecordingReport>) -> Job {
        Job { names: names.map(|n| RecordingId(n).to_string()).collect(), reports }
    }

    /// What was told: of which recordings that they failed, and of which that they are closed.
    fn told(syncer: &mut Syncer, disk: &mut Bad, job: Job) -> (Vec<u128>, Vec<u128>) {
        let told = RefCell::new((Vec::new(), Vec::new()));
        syncer.work(disk, job, &|report| match report {
            RecordingReport::Failed { recording, .. } => told.borrow_mut().0.push(recording.0),
            RecordingReport::Closed { recording, .. } => told.borrow_mut().1.push(recording.0),
        });
        told.into_inner()
    }

    /// FEATURES R4: the alarm comes with the fault, and nothing is said to be whole over it.
    #[test]
    fn a_fault_while_a_recording_is_written_is_told_at_once_and_not_forgotten_at_its_end() {
        let (mut syncer, mut disk) = (Syncer::default(), Bad::default());
        disk.files.insert(RecordingId(1).to_string());
        assert_eq!(told(&mut syncer, &mut disk, job(1..3, vec![])), (vec![1], vec![]));
        assert_eq!(told(&mut syncer, &mut disk, job(1..3, vec![])), (vec![], vec![]), "once");
        assert_eq!(told(&mut syncer, &mut disk, job(1..3, vec![closed(1), closed(2)])), (vec![], vec![2]));
        assert_eq!(
            told(&mut syncer, &mut disk, job(1..2, vec![closed(1)])),
            (vec![], vec![1]),
            "forgotten then"
        );
    }

    #[test]
    fn a_fault_of_the_whole_disk_is_the_files_own_or_might_be_anybodys() {
        let (mut syncer, mut disk) = (Syncer::default(), Bad::default());
        disk.whole = Some(Err("EIO".to_owned()));
        disk.files.insert(RecordingId(3).to_string());
        assert_eq!(told(&mut syncer, &mut disk, job(0..5, vec![closed(2)])), (vec![3], vec![2]));
        assert_eq!(told(&mut syncer, &mut disk, job(0..5, vec![])), (vec![0, 1, 2, 4], vec![]));
        disk.whole = Some(Ok(()));
        assert_eq!(told(&mut syncer, &mut disk, job(0..6, vec![closed(4), closed(5)])), (vec![], vec![5]));
    }

    #[test]
    fn faults_are_remembered_up_to_a_ceiling() {
        let (mut syncer, mut disk) = (Syncer::default(), Bad::default());
        let all = 0..FAULTY_MAX as u128 + 3;
        disk.files.extend(all.clone().map(|n| RecordingId(n).to_string()));
        assert_eq!(told(&mut syncer, &mut disk, job(all.clone(), vec![])).0.len(), FAULTY_MAX + 3);
        assert_eq!(syncer.faulty.len(), FAULTY_MAX);
    }
}
