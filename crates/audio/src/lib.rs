//! Sound as the telephone knows it: 8 kHz, one channel, G.711; and the wider codecs of softphones beside it, G.722 and
//! Opus ([`codec`]). Tones, digits in band, prompts in memory, what is heard where a packet is missing, and an ear for
//! tests.
//!
//! Everything works on plain slices of samples and keeps no clock: whoever calls knows what time a block belongs to.
//! Prompts are decoded once, at start ([`decode()`]), and kept in the [`Bank`] in both laws, so that the packet path
//! copies bytes and computes nothing.
//!
//! *Invariant:* no packets: nothing here knows how sound travels.
#![forbid(unsafe_code)]

pub mod bank;
pub mod codec;
pub mod conceal;
pub mod decode;
pub mod dtmf;
pub mod g711;
pub mod g722;
pub mod goertzel;
pub mod listen;
pub mod loudness;
pub mod music;
pub mod noise;
mod opus;
mod pitch;
mod plain;
pub mod resample;
pub mod stretch;
pub mod tone;

pub use bank::{Bank, Clip, PACKET_SAMPLES};
pub use codec::{Band, Coding, DECODED_MAX, Decoder, ENCODED_MAX, Encoder, Wishes};
pub use decode::{Fault as DecodeFault, decode};
pub use goertzel::power;
pub use opus::SILENT_BYTES_MAX as OPUS_SILENT_BYTES_MAX;
pub use senim_base::ClipId;

/// Samples a second of everything in this crate after decoding: the telephone's rate (ITU-T G.711 §2).
pub const RATE: u32 = 8_000;

/// The level of a sine that just touches full scale, in dBm0 (A-law: +3.14 dBm0, ITU-T G.711 table 5).
#[expect(clippy::approx_constant, reason = "a level in dB, not the number of the circle")]
pub const FULL_SCALE_DBM0: f32 = 3.14;

/// Peak amplitude of a sine of this level in dBm0, in samples of 16 bits.
pub fn amplitude_of_dbm0(level_dbm0: f32) -> f32 {
    32_767.0 * 10f32.powf((level_dbm0 - FULL_SCALE_DBM0) / 20.0)
}

/// Rounds to a sample, clamping what does not fit: overload is clipped, never wrapped.
pub(crate) fn to_sample(x: f32) -> i16 {
    // `as` saturates, and takes NaN to 0.
    x.round() as i16
}
