//! Callers who wait, consultants who answer, and who gets whom: a pure function of (state, event, time).
//!
//! Call [`Queue::handle`], then [`Queue::poll`] until it is empty; call again with [`Input::Timeout`] at
//! [`Queue::deadline`]. The same inputs at the same moments give the same outputs (FEATURES Q24).
//!
//! *Invariant:* the queue has never heard of SIP: it offers, it does not ring.
#![forbid(unsafe_code)]

mod words;

pub use words::*;

/// Callers who wait, at most. One more gets [`Fault::TooManyCallers`].
pub const CALLERS_MAX: usize = 100_000;
/// Consultants who are known, at most. One more gets [`Fault::TooManyConsultants`].
pub const CONSULTANTS_MAX: usize = 10_000;
/// Skills of one caller or consultant, at most. More get [`Fault::TooManySkills`].
pub const SKILLS_MAX: usize = 64;
