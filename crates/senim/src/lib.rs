//! The only program: configuration, command line, control socket, and the wiring of the rooms.
//!
//! *Invariant:* no rule of the line is decided here. A command is decided by the switch, or by its books when the line
//! does not run; this room reads words, asks, and shows answers.
#![forbid(unsafe_code)]

pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod desk;
pub mod doctor;
pub mod ladder;
pub mod people;
pub mod prompts;
pub mod scripts;
pub mod serve;
