//! The only main.
//!
//! *Invariant:* no logic worth a unit test of its own floor.
