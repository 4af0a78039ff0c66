//! Bytes that nobody should send, and what must hold whatever they are: pure functions for fuzzers ([`targets`]), a
//! grammar of SIP and of packets that goes wrong in known ways ([`Grammar`]), an endpoint that lives through it
//! ([`House`]), and a talk that nobody breaks into ([`Studio`]).
//!
//! The same functions serve `cargo xtask fuzz`, the short run in the tests, and cargo-fuzz in the folder `fuzz`.
//!
//! *Invariant:* nobody depends on it, and it reads no clock.
#![forbid(unsafe_code)]

mod browser;
mod grammar;
mod house;
mod sound;
mod studio;
pub mod targets;

pub use grammar::Grammar;
pub use house::House;
pub use studio::Studio;

/// A promise that did not hold; the words say which.
pub type Broken = String;
