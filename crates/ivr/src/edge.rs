//! The ways between steps, each by what the caller does or what happens to him: what stories cover and pictures show.

use crate::script::{Script, Step};
use core::fmt;
use std::collections::BTreeSet;

/// The place of an edge that begins everywhere.
pub const EVERYWHERE: &str = "*";

/// Why a way is taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Way {
    /// The caller pressed this key.
    Key(char),
    /// The step is done: `then`.
    Then,
    /// The number was not known: `again`.
    Again,
    /// After the last try: `otherwise`.
    Otherwise,
    /// The other centre was not reached: `on_failure`.
    OnFailure,
    /// The urgent key, from everywhere.
    Urgent(char),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Way::Key(key) => write!(f, "key {key}"),
            Way::Then => f.write_str("then"),
            Way::Again => f.write_str("again"),
            Way::Otherwise => f.write_str("otherwise"),
            Way::OnFailure => f.write_str("on_failure"),
            Way::Urgent(key) => write!(f, "urgent key {key}"),
        }
    }
}

/// One way from a step to another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    /// The step it leaves, or [`EVERYWHERE`].
    pub from: String,
    /// Why it is taken.
    pub way: Way,
    /// The step it leads to.
    pub to: String,
}

impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {} ({})", self.from, self.to, self.way)
    }
}

impl Script {
    /// Every way between its steps.
    pub fn edges(&self) -> BTreeSet<Edge> {
        let of_step = |(from, step): (&String, &Step)| {
            let edge = |(way, to)| Edge { from: from.clone(), way, to };
            ways(step).into_iter().map(edge).collect::<Vec<_>>()
        };
        let urgent = self.urgent.as_ref().map(|u| Edge {
            from: EVERYWHERE.to_owned(),
            way: Way::Urgent(u.key),
            to: u.to.text.clone(),
        });
        self.steps.iter().flat_map(of_step).chain(urgent).collect()
    }
}

fn ways(step: &Step) -> Vec<(Way, String)> {
    let one = |way, to: &crate::script::Name| (way, to.text.clone());
    match step {
        Step::Say { then, .. } => vec![one(Way::Then, then)],
        Step::Menu { keys, asks, .. } => {
            let keys = keys.iter().map(|(key, to)| one(Way::Key(*key), to));
            keys.chain([one(Way::Otherwise, &asks.otherwise)]).collect()
        }
        Step::Language { then, asks, .. } | Step::Collect { then, asks, .. } => {
            vec![one(Way::Then, then), one(Way::Otherwise, &asks.otherwise)]
        }
        Step::Status { again, then, otherwise, .. } => {
            vec![one(Way::Then, then), one(Way::Again, again), one(Way::Otherwise, otherwise)]
        }
        Step::Forward { on_failure, .. } => vec![one(Way::OnFailure, on_failure)],
        Step::Loop { keys, .. } => keys.iter().map(|(key, to)| one(Way::Key(*key), to)).collect(),
        Step::Queue { .. } | Step::HangUp { .. } | Step::Silent => Vec::new(),
    }
}
