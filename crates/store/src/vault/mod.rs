//! The vault: sealed recordings on the real disk, the key they are sealed under, the thread that writes them.

mod folder;
mod key;
mod recover;
mod syncer;
mod thread;

pub use folder::{ENDING, Folder};
pub use key::{KeyFault, load, load_or_make};
pub use recover::recover;
pub use thread::{Begin, RECORDINGS_MAX, RecordingHealth, RecordingThread};
