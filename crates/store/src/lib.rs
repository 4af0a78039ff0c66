//! The store.
//!
//! *Invariant:* no rules of the domain.
