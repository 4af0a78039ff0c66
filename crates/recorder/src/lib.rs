//! What is recorded of a call, where each sound lies on its timeline, and who may open it.
//!
//! *Invariant:* there is no codec here: sound is bytes with a length in samples.
#![forbid(unsafe_code)]

mod frame;
mod meta;
mod right;
mod timeline;

pub use frame::{FRAME_BYTES_MAX, Frame};
pub use meta::RecordingMeta;
pub use right::{Demand, Permit, Refused, TEXT_MAX, may_export};
pub use timeline::{GAPS_MAX, Gap, GapCause, Placed, Placer, Scale};
