//! The voice menu: a script is data that is read, proven, and then stepped through, one [`Run`] a call.
//!
//! [`Script::read`] takes a TOML text and gives a script or *all* of its defects, each with its line and what to
//! write instead. [`Run`] follows a script for one caller: mutate it with one [`Input`], then [`Run::poll`] until
//! nothing comes. [`Walk`] does so on a virtual clock, for the stories that a script tells of itself. [`spoken`] turns numbers into the names of recorded words, in Kazakh and Russian.
//!
//! *Invariant:* this room knows nothing of RTP or SIP: it says *what* to play, not how.
#![forbid(unsafe_code)]

mod defect;
mod edge;
mod prove;
mod read;
mod run;
mod script;
mod shelf;
pub mod spoken;
mod story;

pub use defect::Defect;
pub use edge::{EVERYWHERE, Edge, Way};
pub use prove::{KEYS_TO_HUMAN_MAX, World};
pub use run::{
    ENTERED_MAX, Fault, Input, Output, PLAYED_MAX, PRIORITY_NORMAL, PRIORITY_URGENT, Place, Placement,
    Reason, Run, STATUS_MAX, SayId, ScriptChanged, TYPED_AHEAD_MAX, Word,
};
pub use script::{FORWARDED, Purpose, Script};
pub use shelf::Shelf;
pub use story::{Act, Coverage, Told, Unfit, Walk};
