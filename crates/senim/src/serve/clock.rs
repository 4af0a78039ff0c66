//! The only place where clocks are read.

use senim_base::{Instant, WallTime};
use std::sync::OnceLock;

static ORIGIN: OnceLock<std::time::Instant> = OnceLock::new();

/// The monotonic moment: since the program first asked, plus one second so that a little before it can be told too.
pub fn now() -> Instant {
    let origin = *ORIGIN.get_or_init(std::time::Instant::now);
    let nanos = u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Instant::from_nanos(nanos.saturating_add(1_000_000_000))
}

/// The calendar.
pub fn wall() -> WallTime {
    crate::desk::wall_now()
}

/// How long from now until a moment.
pub fn until(at: Instant) -> core::time::Duration {
    at.since(now())
}
