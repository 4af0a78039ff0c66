//! What a recording says about itself, sealed inside it: enough to find its call again when all else is lost. No
//! number and no name: who called is in the facts of the call.

use senim_base::{CallId, RecordingId, WallTime};
use serde::{Deserialize, Serialize};

/// A recording's words about itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RecordingMeta {
    /// The recording.
    pub recording: RecordingId,
    /// Its call; appeals are linked to calls (FEATURES R9).
    pub call: CallId,
    /// The calendar at its first millisecond.
    pub started: WallTime,
    /// The program that wrote it: name and version.
    pub program: String,
}

impl RecordingMeta {
    /// As sealed in the container: JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// `None`: not written by [`RecordingMeta::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FEATURES R9 (the recording's side of it): a recording leads to its call without any index.
    #[test]
    fn a_recording_tells_its_call() {
        let meta = RecordingMeta {
            recording: RecordingId(0xabc),
            call: CallId(17),
            started: WallTime::from_unix_millis(1_795_480_574_000),
            program: "senim 0.1.0".into(),
        };
        assert_eq!(RecordingMeta::from_bytes(&meta.to_bytes()), Some(meta));
        assert_eq!(RecordingMeta::from_bytes(b"{}"), None);
    }
}
