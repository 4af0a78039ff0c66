//! A chunk: 56 bytes that say where it stands, then what is sealed.

use crate::CHUNK_BYTES_MAX;
use crate::header::{Header, array};
use senim_base::RecordingId;
use sha2::{Digest, Sha256};

/// Bytes before the ciphertext.
pub(crate) const HEAD: usize = 56;
/// Bytes of the tag at the end of the ciphertext.
const TAG: usize = 16;

/// What a chunk says in the clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Head {
    /// Bytes of ciphertext, tag included.
    pub(crate) len: u32,
    /// 0, 1, 2 … without holes.
    pub(crate) seq: u32,
    /// The earliest moment in it, milliseconds since the start.
    pub(crate) from_ms: u32,
    /// Random, one a writer: with `seq` it makes the nonce.
    pub(crate) salt: [u8; 8],
    /// SHA-256 of (chain before, the fields above, ciphertext).
    pub(crate) chain: [u8; 32],
}

impl Head {
    /// Reads a head. `None` when it is not whole, does not belong to this recording, or was changed.
    pub(crate) fn read(bytes: &[u8], recording: RecordingId) -> Option<Head> {
        let head = bytes.first_chunk::<HEAD>()?;
        let len = u32::from_le_bytes(array(head, 0)?);
        if !(TAG..=CHUNK_BYTES_MAX + TAG).contains(&(len as usize)) {
            return None;
        }
        let found = Head {
            len,
            seq: u32::from_le_bytes(array(head, 4)?),
            from_ms: u32::from_le_bytes(array(head, 8)?),
            salt: array(head, 16)?,
            chain: array(head, 24)?,
        };
        (found.check(recording) == array(head, 12)?).then_some(found)
    }

    /// The four bytes that tell a head from anything else.
    fn check(&self, recording: RecordingId) -> [u8; 4] {
        let hash =
            Sha256::new().chain_update(recording.0.to_be_bytes()).chain_update(self.fields()).finalize();
        array(&hash, 0).unwrap_or_default()
    }

    /// The fields that the chain and the seal are bound to, in their order in the file.
    fn fields(&self) -> [u8; 20] {
        let mut fields = [0; 20];
        let bytes = self.len.to_le_bytes().into_iter().chain(self.seq.to_le_bytes());
        let bytes = bytes.chain(self.from_ms.to_le_bytes()).chain(self.salt);
        for (to, from) in fields.iter_mut().zip(bytes) {
            *to = from;
        }
        fields
    }

    fn bound(&self, recording: RecordingId) -> Vec<u8> {
        let mut bound = recording.0.to_be_bytes().to_vec();
        bound.extend_from_slice(&self.fields());
        bound
    }

    fn nonce(&self) -> [u8; 12] {
        let mut nonce = [0; 12];
        for (to, from) in nonce.iter_mut().zip(self.seq.to_le_bytes().into_iter().chain(self.salt)) {
            *to = from;
        }
        nonce
    }

    /// Bytes of the whole chunk.
    pub(crate) fn whole(&self) -> usize {
        HEAD + self.len as usize
    }

    /// What the chain says after this chunk, if `before` was said before it.
    pub(crate) fn chain_after(&self, before: &[u8; 32], ciphertext: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(before)
            .chain_update(self.fields())
            .chain_update(ciphertext)
            .finalize()
            .into()
    }

    /// Opens the ciphertext that follows the head. `None`: a byte was changed.
    pub(crate) fn open(&self, header: &Header, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = ciphertext.to_vec();
        header.key.open(self.nonce(), &self.bound(header.recording), &mut bytes)?;
        Some(bytes)
    }
}

/// Seals `plain` as the chunk `seq` after `chain`. Gives back the chunk's bytes and the new chain.
/// `None` only for more than [`CHUNK_BYTES_MAX`] bytes.
pub(crate) fn seal(
    header: &Header,
    seq: u32,
    from_ms: u32,
    salt: [u8; 8],
    chain: &[u8; 32],
    mut plain: Vec<u8>,
) -> Option<(Vec<u8>, [u8; 32])> {
    if plain.len() > CHUNK_BYTES_MAX {
        return None;
    }
    let len = u32::try_from(plain.len() + TAG).ok()?;
    let mut head = Head { len, seq, from_ms, salt, chain: [0; 32] };
    header.key.seal(head.nonce(), &head.bound(header.recording), &mut plain)?;
    head.chain = head.chain_after(chain, &plain);
    let mut bytes = Vec::with_capacity(head.whole());
    bytes.extend_from_slice(&len.to_le_bytes());
    bytes.extend_from_slice(&seq.to_le_bytes());
    bytes.extend_from_slice(&from_ms.to_le_bytes());
    bytes.extend_from_slice(&head.check(header.recording));
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(&head.chain);
    bytes.extend_from_slice(&plain);
    Some((bytes, head.chain))
}
