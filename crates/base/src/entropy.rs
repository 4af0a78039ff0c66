//! Randomness as data: a stream of bytes drawn from a seed that the edge read from the operating system.

use sha2::{Digest, Sha256};

/// A deterministic source of unpredictable bytes: SHA-256 of (key, counter), the key replaced after every block so
/// that a later leak of the state tells nothing of what was drawn before. Same seed, same stream: runs replay.
#[derive(Clone)]
pub struct Entropy {
    key: [u8; 32],
    block: [u8; 32],
    used: usize,
}

impl Entropy {
    /// A stream from 32 bytes of seed. At the edge these come from the operating system; in tests from a number.
    pub fn new(seed: [u8; 32]) -> Self {
        Entropy { key: seed, block: [0; 32], used: 32 }
    }

    /// A stream for tests and simulations.
    pub fn from_seed(seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Entropy::new(key)
    }

    /// An independent stream, so that two machines do not disturb each other's draws.
    pub fn fork(&mut self) -> Self {
        let mut key = [0; 32];
        self.fill(&mut key);
        Entropy::new(key)
    }

    /// Fills `out`.
    pub fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            if self.used == self.block.len() {
                self.block = Sha256::new().chain_update(self.key).chain_update([0]).finalize().into();
                self.key = Sha256::new().chain_update(self.key).chain_update([1]).finalize().into();
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.block[self.used] = 0;
            self.used += 1;
        }
    }

    /// 64 bits.
    pub fn u64(&mut self) -> u64 {
        let mut b = [0; 8];
        self.fill(&mut b);
        u64::from_le_bytes(b)
    }

    /// 32 bits.
    pub fn u32(&mut self) -> u32 {
        self.u64() as u32
    }

    /// 128 bits.
    pub fn u128(&mut self) -> u128 {
        let mut b = [0; 16];
        self.fill(&mut b);
        u128::from_le_bytes(b)
    }

    /// A whole number below `bound`; 0 when `bound` is 0. The bias of at most 2⁻³² does not matter to a queue.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.u32()) * u64::from(bound)) >> 32) as u32
    }

    /// `true` once in `n` on average.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    /// `len` lower-case hexadecimal digits, for tags, branches and Call-IDs.
    pub fn token(&mut self, len: usize) -> String {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = String::with_capacity(len + 1);
        while out.len() < len {
            let mut byte = [0];
            self.fill(&mut byte);
            out.extend([byte[0] >> 4, byte[0] & 15].map(|half| char::from(HEX[usize::from(half)])));
        }
        out.truncate(len);
        out
    }
}

impl core::fmt::Debug for Entropy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Entropy")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_and_forks_differ() {
        let (mut a, mut b) = (Entropy::from_seed(7), Entropy::from_seed(7));
        assert_eq!(a.token(40), b.token(40));
        let mut c = a.fork();
        assert_ne!(c.u64(), a.u64());
        assert!((0..1000).all(|_| b.below(6) < 6));
        assert_eq!(b.below(0), 0);
    }
}
