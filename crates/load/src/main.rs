//! `senim-load`: see the crate's page.
#![forbid(unsafe_code)]

fn main() {}
