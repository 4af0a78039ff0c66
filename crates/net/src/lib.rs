//! Sockets and media threads: bytes in, bytes out, each stamped with the moment it came.
//!
//! *Invariant:* no decisions. What a datagram means is decided below.
#![deny(unsafe_code)]

pub mod media;
mod pace;
pub mod phones;
pub mod resolve;
pub mod sip;

pub use pace::Pace;
