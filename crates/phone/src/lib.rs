//! A softphone as a machine: registers, calls, rings, answers, holds, speaks a tone or a phrase, keys digits, and
//! keeps what it heard. Simulated callers and consultants of the demo, the simulator, the load generator and the
//! tests are this phone on real or virtual wires.
//!
//! *Invariant:* no sockets and no clock, and nothing of the line's own rooms above the bytes: it knows the line only
//! as a peer would.
#![forbid(unsafe_code)]

mod heard;
mod hold;
mod phone;
mod register;
mod sound;
mod talk;
mod transfer;

pub use heard::Heard;
pub use hold::Spelling;
pub use phone::{Config, Event, Input, Output, Phone};
pub use sound::Voice;
pub use talk::LateAnswer;
