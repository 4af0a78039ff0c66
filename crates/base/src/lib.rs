//! The words every room shares: moments, timers, ids, languages, numbers, redacted values, randomness as data.
//!
//! *Invariant:* there is no clock here. [`Instant`] has no `now()`; whoever stands at the edge of the house reads
//! the clock and passes it in as the last argument.
#![forbid(unsafe_code)]

mod entropy;
mod ids;
mod language;
mod number;
mod redacted;
mod time;
mod timers;

pub use entropy::Entropy;
pub use ids::*;
pub use language::Language;
pub use number::{Number, NumberPlan};
pub use redacted::{Masked, Redacted};
pub use time::{Civil, Instant, WallClock, WallTime};
pub use timers::Timers;
