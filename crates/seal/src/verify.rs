//! The judgement on a container: whole, open, torn, or changed, and where.

use crate::key::MasterKey;
use crate::manifest::End;
use crate::reader::{Damage, Fault, Torn, read};
use core::fmt;

/// The judgement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Closed, and every byte is what was written.
    Sound {
        /// Until the end of the last frame, milliseconds.
        length_ms: u32,
        /// Frames of sound.
        frames: u64,
        /// How it ended. [`End::Interrupted`]: the program was killed, and what was whole by then is here.
        end: End,
        /// The last hash of the chain.
        chain: [u8; 32],
    },
    /// Not closed: being written, or its writer was killed. What is there is what was written.
    Open {
        /// Until the end of the last frame, milliseconds.
        length_ms: u32,
        /// It ends within a chunk.
        torn: Option<Torn>,
    },
    /// Changed after it was written, in these places. Bytes behind the end count, too.
    Damaged(Vec<Damage>),
    /// Nothing can be said about its sound.
    Unreadable(Fault),
}

impl Verdict {
    /// Closed, and every byte is what was written.
    pub const fn is_sound(&self) -> bool {
        matches!(self, Verdict::Sound { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = |ms: u32| f64::from(ms) / 1_000.0;
        match self {
            Verdict::Sound { length_ms, frames, end: End::Interrupted, .. } => {
                write!(f, "sound, interrupted after {:.1} s ({frames} frames)", s(*length_ms))
            }
            Verdict::Sound { length_ms, frames, .. } => {
                write!(f, "sound, {:.1} s ({frames} frames)", s(*length_ms))
            }
            Verdict::Open { length_ms, torn: None } => write!(f, "open, {:.1} s so far", s(*length_ms)),
            Verdict::Open { length_ms, torn: Some(torn) } => {
                write!(f, "torn at byte {} after {:.1} s", torn.at_byte, s(*length_ms))
            }
            Verdict::Damaged(places) => {
                f.write_str("CHANGED after it was written:")?;
                for d in places {
                    write!(f, " chunk {} at byte {}, from {:.1} s", d.chunk, d.at_byte, s(d.from_ms))?;
                    match d.to_ms {
                        Some(to) => write!(f, " to {:.1} s;", s(to))?,
                        None => f.write_str(" to the end;")?,
                    }
                }
                Ok(())
            }
            Verdict::Unreadable(fault) => write!(f, "unreadable: {fault}"),
        }
    }
}

/// Judges a container. A changed chunk is located to its own sound, one second or less.
pub fn verify(bytes: &[u8], master: &MasterKey) -> Verdict {
    let found = match read(bytes, master) {
        Ok(found) => found,
        Err(fault) => return Verdict::Unreadable(fault),
    };
    let (length_ms, torn) = (found.length_ms, found.torn);
    if !found.damage.is_empty() {
        return Verdict::Damaged(found.damage);
    }
    match (found.manifest, torn) {
        (None, torn) => Verdict::Open { length_ms, torn },
        (Some(m), None) => {
            Verdict::Sound { length_ms, frames: m.frames.values().sum(), end: m.end, chain: found.chain }
        }
        (Some(m), Some(torn)) => {
            let behind =
                Damage { chunk: m.chunks + 1, at_byte: torn.at_byte, from_ms: length_ms, to_ms: None };
            Verdict::Damaged(vec![behind])
        }
    }
}
