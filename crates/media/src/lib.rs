//! The sound of one call: a [`Session`] holds its legs, plays clips to them, joins them, hears their keys, taps what
//! each says for the recorder, and reports. Orders and packets go in with the moment they came; packets, taps and
//! events come out into a lent [`Outbox`].
//!
//! The outbox is lent, not owned, so that a thousand sessions share one warm buffer: this takes the place of `poll`.
//! Read it whole and clear it after every call.
//!
//! *Invariant:* no sockets, no threads, no SIP; on the path of a packet no allocation, no lock, no log, no disk.
#![forbid(unsafe_code)]

pub mod capacity;
mod config;
mod event;
mod forward;
mod hear;
mod leg;
mod mix;
mod mouth;
mod one_way;
mod order;
mod outbox;
mod play;
mod quality;
mod report;
mod secure;
mod send;
mod session;
mod slot;

pub use config::{PTIME_MS_MAX, StreamConfig};
pub use event::{DigitSource, Event, LegReport, Way};
pub use order::Order;
pub use outbox::{Item, OUTBOX_ITEMS_MAX, Outbox};
pub use quality::{Lamp, Quality};
pub use secure::StreamKeys;
pub use session::{LEGS_MAX, RECORDINGS_MAX, Session};
