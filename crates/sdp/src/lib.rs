//! SDP text and model (RFC 8866), and offer/answer (RFC 3264) as one machine: [`Negotiator`].
//!
//! A body of bytes becomes a [`SessionDescription`] or a typed [`Fault`]; a negotiator turns descriptions into what
//! a media leg needs to know: [`Negotiated`].
//!
//! *Invariant:* no sockets, no codecs' code: a codec is a name and a payload type here.
#![forbid(unsafe_code)]

mod codec;
mod crypto;
mod description;
mod direction;
mod fault;
mod negotiator;
mod offered;
mod parse;
mod terms;

pub use codec::Codec;
pub use crypto::{Key, Keys, Security, Suite};
pub use description::{Attribute, Connection, MediaDescription, Origin, SessionDescription};
pub use direction::Direction;
pub use fault::Fault;
pub use negotiator::Negotiator;
pub use terms::{Capabilities, Local, Negotiated};

/// Largest body read, in bytes. A larger one is [`Fault::TooLarge`].
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// Most m= lines read. More are [`Fault::TooManyMedia`].
pub const MEDIA_MAX: usize = 32;
