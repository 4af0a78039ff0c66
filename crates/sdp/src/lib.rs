//! Session descriptions (RFC 8866) as text and as a model, and the offer/answer machine of RFC 3264: what each side
//! wants to hear, in which codec, where.
//!
//! *Invariant:* no sockets and no codec code: a codec is a name and a clock here.
#![forbid(unsafe_code)]

mod codec;
mod fault;
mod model;
mod negotiator;
mod read;
mod stream;
mod write;

pub use codec::{Capabilities, Codec, Direction};
pub use fault::Fault;
pub use model::{Attribute, Connection, MediaDescription, Origin, SessionDescription};
pub use negotiator::{Local, Negotiated, Negotiator};

/// Longest description read, in bytes.
pub const BYTES_MAX: usize = 65_536;
/// Most media lines read.
pub const MEDIA_MAX: usize = 32;
