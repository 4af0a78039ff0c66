//! Which steps and ways of a script its stories took, and which no story has ever taken.

use super::Walk;
use crate::edge::Edge;
use crate::script::Script;
use core::fmt;
use std::collections::BTreeSet;

/// Steps and ways, taken and not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coverage {
    steps: BTreeSet<String>,
    edges: BTreeSet<Edge>,
    steps_missed: BTreeSet<String>,
    edges_missed: BTreeSet<Edge>,
}

impl Coverage {
    /// Nothing is taken yet.
    pub(crate) fn of(script: &Script) -> Self {
        let steps: BTreeSet<String> = script.steps().map(str::to_owned).collect();
        let edges = script.edges();
        Coverage { steps_missed: steps.clone(), edges_missed: edges.clone(), steps, edges }
    }

    pub(crate) fn add(&mut self, walk: &Walk) {
        for step in walk.passed() {
            self.steps_missed.remove(step);
        }
        for edge in walk.edges() {
            self.edges_missed.remove(edge);
        }
    }

    /// Every step and every way was taken.
    pub fn is_whole(&self) -> bool {
        self.steps_missed.is_empty() && self.edges_missed.is_empty()
    }

    /// Steps that no story enters.
    pub fn steps_missed(&self) -> impl Iterator<Item = &str> {
        self.steps_missed.iter().map(String::as_str)
    }

    /// Ways that no story takes.
    pub fn edges_missed(&self) -> impl Iterator<Item = &Edge> {
        self.edges_missed.iter()
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (steps, edges) = (self.steps.len(), self.edges.len());
        let (steps_taken, edges_taken) = (steps - self.steps_missed.len(), edges - self.edges_missed.len());
        write!(f, "{steps_taken} of {steps} steps, {edges_taken} of {edges} ways")
    }
}
