//! Keys: one a recording, drawn at random, and the master key that wraps it. Destroying the header's 72 bytes of
//! wrapped key, or the master key, destroys the recording.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, XChaCha20Poly1305, XNonce};
use core::fmt;
use senim_base::Entropy;

/// Bytes of the nonce a recording's key is wrapped with.
pub(crate) const WRAP_NONCE: usize = 24;
/// Bytes of a wrapped key: the key and the tag.
pub(crate) const WRAPPED: usize = 48;

/// The key of the house. It never leaves the machine; every recording's own key is wrapped by it.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    /// From 32 random bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        MasterKey(bytes)
    }

    /// Seals a recording's key. `bound` is the part of the header that must not be changed.
    pub(crate) fn wrap(
        &self,
        key: &RecordingKey,
        bound: &[u8],
        entropy: &mut Entropy,
    ) -> Option<([u8; WRAP_NONCE], [u8; WRAPPED])> {
        let mut nonce = [0; WRAP_NONCE];
        entropy.fill(&mut nonce);
        let cipher = XChaCha20Poly1305::new(&Key::from(self.0));
        let mut sealed = key.0.to_vec();
        cipher.encrypt_in_place(&XNonce::from(nonce), bound, &mut sealed).ok()?;
        Some((nonce, sealed.try_into().ok()?))
    }

    /// Opens a recording's key. `None`: another master key, or a header that was changed.
    pub(crate) fn unwrap(
        &self,
        nonce: [u8; WRAP_NONCE],
        wrapped: &[u8; WRAPPED],
        bound: &[u8],
    ) -> Option<RecordingKey> {
        let cipher = XChaCha20Poly1305::new(&Key::from(self.0));
        let mut open = wrapped.to_vec();
        cipher.decrypt_in_place(&XNonce::from(nonce), bound, &mut open).ok()?;
        Some(RecordingKey(open.try_into().ok()?))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(***)")
    }
}

/// The key of one recording.
#[derive(Clone)]
pub(crate) struct RecordingKey([u8; 32]);

impl RecordingKey {
    pub(crate) fn draw(entropy: &mut Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        RecordingKey(key)
    }

    /// Seals in place; the tag is appended. `None` cannot happen below 256 GB.
    pub(crate) fn seal(&self, nonce: [u8; 12], bound: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
        let cipher = ChaCha20Poly1305::new(&Key::from(self.0));
        cipher.encrypt_in_place(&Nonce::from(nonce), bound, bytes).ok()
    }

    /// Opens in place; the tag is taken off. `None`: a byte was changed.
    pub(crate) fn open(&self, nonce: [u8; 12], bound: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
        let cipher = ChaCha20Poly1305::new(&Key::from(self.0));
        cipher.decrypt_in_place(&Nonce::from(nonce), bound, bytes).ok()
    }
}

impl fmt::Debug for RecordingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordingKey(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrapped_key_opens_with_its_master_and_its_header_only() {
        let mut entropy = Entropy::from_seed(1);
        let (master, other) = (MasterKey::new([7; 32]), MasterKey::new([8; 32]));
        let key = RecordingKey::draw(&mut entropy);
        let (nonce, wrapped) = master.wrap(&key, b"header", &mut entropy).unwrap();
        assert_eq!(master.unwrap(nonce, &wrapped, b"header").unwrap().0, key.0);
        assert!(master.unwrap(nonce, &wrapped, b"Header").is_none());
        assert!(other.unwrap(nonce, &wrapped, b"header").is_none());
        assert_eq!(format!("{master:?} {key:?}"), "MasterKey(***) RecordingKey(***)");
    }
}
