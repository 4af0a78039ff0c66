//! The HTTP interface: health, metrics, the API and its description. It speaks the switch's closed set of commands.
//!
//! *Invariant:* no SIP and no media, and no rule of the line: it asks, and shows answers.
#![deny(unsafe_code)]

mod answer;
mod door;
mod metrics;
mod openapi;
mod routes;
mod server;

pub use door::{Ask, Door, Look, Question};
pub use server::Server;
