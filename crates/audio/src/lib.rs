//! Sound as samples: G.711, tones, digits within the sound, loudness, resampling, the bank of prompts, and the ears
//! with which tests listen. Samples are 8 kHz, 16 bits, one channel, unless a name says otherwise.
//!
//! *Invariant:* no packets: nothing here knows how sound travels.
#![forbid(unsafe_code)]

mod bank;
mod decode;
pub mod dtmf;
pub mod g711;
mod goertzel;
pub mod listen;
pub mod loudness;
pub mod music;
mod resample;
pub mod tone;

pub use bank::{Bank, Clip};
pub use decode::{DecodeFault, SECONDS_MAX, decode};
pub use goertzel::power;
pub use resample::resample;

/// Samples a second.
pub const RATE: u32 = 8_000;
