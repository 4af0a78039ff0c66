//! The first 112 bytes: what the file is, whose, when it began, and its key, wrapped.

use crate::key::{MasterKey, RecordingKey, WRAP_NONCE, WRAPPED};
use senim_base::{Entropy, RecordingId, WallTime};
use sha2::{Digest, Sha256};

/// The first bytes of every container.
const MAGIC: &[u8; 8] = b"SENIMREC";
/// The version of the format that this program writes and reads.
pub(crate) const VERSION: u16 = 1;
/// Bytes that the wrapped key is bound to: magic, version, reserved, recording, start.
const BOUND: usize = 40;
/// Bytes of the header.
pub(crate) const HEADER: usize = BOUND + WRAP_NONCE + WRAPPED;

/// What a header says.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) recording: RecordingId,
    pub(crate) started: WallTime,
    pub(crate) key: RecordingKey,
    /// Hash of the header: what the chain begins with.
    pub(crate) chain: [u8; 32],
}

/// Why a header cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unread {
    TooShort,
    NotOurs,
    Version(u16),
    Key,
}

/// Writes the header of a new container with a new key.
pub(crate) fn write(
    recording: RecordingId,
    started: WallTime,
    master: &MasterKey,
    entropy: &mut Entropy,
) -> Option<(Vec<u8>, Header)> {
    let mut bytes = Vec::with_capacity(HEADER);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 6]);
    bytes.extend_from_slice(&recording.0.to_be_bytes());
    bytes.extend_from_slice(&started.unix_millis().to_le_bytes());
    let key = RecordingKey::draw(entropy);
    let (nonce, wrapped) = master.wrap(&key, &bytes, entropy)?;
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&wrapped);
    let chain = Sha256::digest(&bytes).into();
    Some((bytes, Header { recording, started, key, chain }))
}

/// Reads the header of a container.
pub(crate) fn read(file: &[u8], master: &MasterKey) -> Result<Header, Unread> {
    let bytes = file.first_chunk::<HEADER>().ok_or(Unread::TooShort)?;
    let (bound, rest) = bytes.split_at(BOUND);
    if bound.first_chunk() != Some(MAGIC) {
        return Err(Unread::NotOurs);
    }
    let version = u16::from_le_bytes(array(bound, 8).ok_or(Unread::TooShort)?);
    if version != VERSION {
        return Err(Unread::Version(version));
    }
    let recording = RecordingId(u128::from_be_bytes(array(bound, 16).ok_or(Unread::TooShort)?));
    let started = WallTime::from_unix_millis(i64::from_le_bytes(array(bound, 32).ok_or(Unread::TooShort)?));
    let nonce = array(rest, 0).ok_or(Unread::TooShort)?;
    let wrapped = array(rest, WRAP_NONCE).ok_or(Unread::TooShort)?;
    let key = master.unwrap(nonce, &wrapped, bound).ok_or(Unread::Key)?;
    Ok(Header { recording, started, key, chain: Sha256::digest(bytes).into() })
}

/// `N` bytes from `at` on, if there are so many.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
