//! Appeals: their numbers, their status, and which calls belong to which. One appeal may gather many calls
//! (FEATURES A3), and one call may touch several appeals.
//!
//! *Invariant:* there is no storage here. [`Registry`] proposes a [`Change`]; whoever keeps the facts writes it
//! down and then applies it, so that reading the facts again rebuilds the registry.
#![forbid(unsafe_code)]

mod change;
mod number;
mod registry;
mod status;

pub use change::Change;
pub use number::{AppealNumber, NumberFault};
pub use registry::{Appeal, Refused, Registry};
pub use status::{Status, UnknownStatus};
