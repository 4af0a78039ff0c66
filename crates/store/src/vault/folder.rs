//! The real disk under the containers: one file a recording, in sub-folders by the first two digits of its name.

use senim_base::RecordingId;
use senim_seal::{Disk, DiskFault};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What every container's file name ends with.
pub const ENDING: &str = "srec";

/// A folder of recordings. Names are the 32 digits of a [`RecordingId`]; no other name is taken.
#[derive(Clone, Debug)]
pub struct Folder {
    dir: PathBuf,
    /// Written and not synced, when syncing is somebody else's work.
    dirty: Option<BTreeSet<String>>,
}

impl Folder {
    /// The folder at `dir`, which is made (for its owner only) when something is written.
    pub fn new(dir: &Path) -> Folder {
        Folder { dir: dir.to_owned(), dirty: None }
    }

    /// As [`Folder::new`], but [`Disk::sync`] only notes the name for [`Folder::take_dirty`].
    pub(crate) fn synced_elsewhere(dir: &Path) -> Folder {
        Folder { dir: dir.to_owned(), dirty: Some(BTreeSet::new()) }
    }

    /// Names written since the last call.
    pub(crate) fn take_dirty(&mut self) -> BTreeSet<String> {
        self.dirty.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// The file of a recording, whether it is there or not.
    pub fn file_of(&self, recording: RecordingId) -> PathBuf {
        let name = recording.to_string();
        let sub = name.get(..2).unwrap_or_default();
        self.dir.join(sub).join(format!("{name}.{ENDING}"))
    }

    /// No recording is here.
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// Brings a file and its name to the disk.
    pub(crate) fn sync_now(&self, name: &str) -> Result<(), DiskFault> {
        let path = self.path(name)?;
        File::open(&path).and_then(|f| f.sync_data()).map_err(|e| fault(&e))?;
        let sub = path.parent().unwrap_or(&self.dir);
        File::open(sub).and_then(|d| d.sync_all()).map_err(|e| fault(&e))
    }

    /// The disk under all of them. Held open, it tells of every fault since.
    pub(crate) fn whole(&self) -> Option<Whole> {
        File::open(&self.dir).ok().map(Whole)
    }

    fn path(&self, name: &str) -> Result<PathBuf, DiskFault> {
        // What does not print as it was read is not a name of ours: `../x`, capitals, too short.
        let id: RecordingId = name.parse().map_err(|_| DiskFault::Denied)?;
        if id.to_string() == name { Ok(self.file_of(id)) } else { Err(DiskFault::Denied) }
    }
}

/// A file system. To bring all of it to the disk at once is one order, and one emptying of the drive's own memory, where
/// file by file it is hundreds.
#[derive(Debug)]
pub(crate) struct Whole(File);

impl Whole {
    /// Brings everything to the disk: files and their names.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(&self.0)?)
    }
}

impl Disk for Folder {
    fn create(&mut self, name: &str) -> Result<(), DiskFault> {
        let path = self.path(name)?;
        let made =
            |path: &Path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop);
        let first = made(&path);
        let done = match (&first, path.parent()) {
            (Err(e), Some(sub)) if e.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(sub).and_then(|()| {
                    // The new sub-folder's own name has to last, too.
                    File::open(&self.dir)?.sync_all()?;
                    made(&path)
                })
            }
            _ => first,
        };
        done.map_err(|e| fault(&e))
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), DiskFault> {
        let path = self.path(name)?;
        let written = OpenOptions::new().append(true).open(path).and_then(|mut f| f.write_all(bytes));
        written.map_err(|e| fault(&e))?;
        if let Some(dirty) = &mut self.dirty {
            dirty.insert(name.to_owned());
        }
        Ok(())
    }

    fn sync(&mut self, name: &str) -> Result<(), DiskFault> {
        match &mut self.dirty {
            Some(dirty) => {
                dirty.insert(name.to_owned());
                Ok(())
            }
            None => self.sync_now(name),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, DiskFault> {
        fs::read(self.path(name)?).map_err(|e| fault(&e))
    }

    fn list(&self) -> Vec<String> {
        let entries = |dir: &Path| fs::read_dir(dir).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries(&self.dir)
            .flat_map(|sub| entries(&sub.path()))
            .filter_map(|file| {
                let name = file.file_name();
                let stem = name.to_str()?.strip_suffix(ENDING)?.strip_suffix('.')?;
                self.path(stem).is_ok_and(|p| p == file.path()).then(|| stem.to_owned())
            })
            .collect();
        names.sort_unstable();
        names
    }

    fn truncate(&mut self, name: &str, len: u64) -> Result<(), DiskFault> {
        let path = self.path(name)?;
        OpenOptions::new().write(true).open(path).and_then(|f| f.set_len(len)).map_err(|e| fault(&e))
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).is_ok_and(|p| p.exists())
    }
}

fn fault(e: &io::Error) -> DiskFault {
    match e.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            DiskFault::Full
        }
        io::ErrorKind::AlreadyExists => DiskFault::Exists,
        io::ErrorKind::NotFound => DiskFault::Missing,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => DiskFault::Denied,
        _ => DiskFault::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NAME: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_container_is_a_private_file_in_its_sub_folder() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(&dir.path().join("recordings"));
        assert!(folder.is_empty());
        folder.create(NAME).unwrap();
        assert_eq!(folder.create(NAME), Err(DiskFault::Exists));
        folder.append(NAME, b"one").unwrap();
        folder.append(NAME, b"two").unwrap();
        folder.truncate(NAME, 4).unwrap();
        folder.sync(NAME).unwrap();
        assert_eq!(folder.read(NAME).unwrap(), b"onet");
        assert_eq!(folder.list(), [NAME]);
        let path = dir.path().join("recordings/01").join(format!("{NAME}.srec"));
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        let other = NAME.replace('0', "f");
        assert_eq!(folder.append(&other, b""), Err(DiskFault::Missing));
        assert_eq!(folder.read(&other), Err(DiskFault::Missing));
    }

    #[test]
    fn no_other_name_leaves_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(dir.path());
        for name in ["", "../secret", "0123", &NAME.to_uppercase(), "a/b", "+0123456789abcdef0123456789abcde"]
        {
            assert_eq!(folder.create(name), Err(DiskFault::Denied), "{name}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_syncs_elsewhere_tells_what_to_sync_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::synced_elsewhere(dir.path());
        folder.create(NAME).unwrap();
        folder.append(NAME, b"x").unwrap();
        folder.sync(NAME).unwrap();
        assert_eq!(folder.take_dirty(), BTreeSet::from([NAME.to_owned()]));
        assert!(folder.take_dirty().is_empty());
    }
}
