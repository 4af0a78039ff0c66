//! The load generator: callers and consultants by the thousand on real sockets, one thread, and what it measures of
//! the line: set-up, loss, packets never sent, evenness, latency, processor time and memory. The same program
//! measures the bare machine, so that both stand in one table.
//!
//! *Invariant:* it knows the line as a peer does, by SIP and RTP; only `/proc` tells it of the line's cost.
#![forbid(unsafe_code)]

pub mod args;
pub mod bare;
mod caller;
mod consultant;
pub mod cost;
pub mod engine;
mod leg;
mod media;
mod ng;
mod pending;
mod phases;
pub mod report;
pub mod stats;
pub mod track;
mod wire;
mod words;

pub use leg::LegCounts;
