//! The board of all calls: one machine per call joins the rooms below, and everything that happens is a fact.
//!
//! The switch is a function of its state, an input and the time. What it wants done comes out as [`Output`]s in the
//! order they must be done, what happened comes out as facts among them. After every [`Switch::handle`] poll until
//! empty.
//!
//! *Invariant:* no I/O of any kind: no socket, file, clock or thread, and no order that depends on chance.
#![forbid(unsafe_code)]

pub mod api;
mod board;
mod books;
mod call;
mod commands;
mod duty;
pub mod facts;
mod flood;
mod identity;
mod ports;
mod registrations;
mod rooms;
mod settings;
mod switch;
mod trace;
mod trunks;

pub use books::{BLOCKS_MAX, Books, Decided, OpenCall, Person};
pub use flood::{FLOOD_CALLS_MAX, FloodSettings};
pub use rooms::Output;
pub use settings::{
    Catalogue, Destination, Features, ForwardSettings, MediaSettings, NumberRule, OutIdentity,
    RegistrationSettings, Settings, ShowNumber, TrunkSettings, own_prompts,
};
pub use switch::{Due, Input, Live, RecordingReport, Switch};
pub use trunks::TARGETS_MAX;
