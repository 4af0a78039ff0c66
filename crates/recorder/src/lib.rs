//! What is recorded of a call, where each sound lies on its timeline, and who may open it.
//!
//! *Invariant:* there is no codec here: sound is bytes with a length in samples.
#![forbid(unsafe_code)]

mod frame;

pub use frame::{FRAME_BYTES_MAX, Frame};
