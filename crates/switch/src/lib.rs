//! The board of all calls: one machine per call joins the rooms below, and everything that happens is a fact.
//!
//! *Invariant:* no I/O of any kind. The switch is a function of its state, an input and the time; what it wants
//! done comes out as outputs, what happened comes out as facts.
#![forbid(unsafe_code)]

pub mod api;
pub mod facts;
