//! The whole line in one process and in virtual time, from a seed: the real switch, its real rooms and real phones
//! on a virtual, lossy network (FEATURES E4, Z3). A day takes milliseconds, and every failure replays bit for bit.
//!
//! *Invariant:* nobody depends on it, and it reads no clock: time is what the [`World`] says it is.
#![forbid(unsafe_code)]

mod actors;
mod checks;
mod day;
mod line;
mod net;
mod recordings;
mod world;

pub use actors::{Caller, Centre, Consultant, Plan};
pub use checks::{Broken, check_facts};
pub use day::{Day, DayReport, Wrong, run_day};
pub use line::{LineConfig, MUSIC_HZ, prompt_hz, script_files};
pub use net::{Net, Wire};
pub use recordings::Tape;
pub use world::{PhoneId, World};
