//! A softphone as a machine.
//!
//! *Invariant:* no sockets.
#![forbid(unsafe_code)]
