//! Memory with a ceiling that forgets by halves: this generation and the last one. What is old goes in one step, and
//! nobody has to look for it.

use senim_base::Instant;
use std::collections::BTreeMap;

/// Two generations of what is remembered by key.
#[derive(Clone)]
pub(crate) struct Generations<K, V> {
    young: BTreeMap<K, V>,
    old: BTreeMap<K, V>,
    turned: Instant,
}

impl<K: Ord, V> Default for Generations<K, V> {
    fn default() -> Self {
        Generations { young: BTreeMap::new(), old: BTreeMap::new(), turned: Instant::ZERO }
    }
}

impl<K: Ord, V> Generations<K, V> {
    /// What is remembered of it.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    /// Remembers it in this generation.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.young.insert(key, value);
    }

    /// How many are in this generation.
    pub(crate) fn young(&self) -> usize {
        self.young.len()
    }

    /// How many are remembered.
    pub(crate) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// When this generation began.
    pub(crate) fn turned(&self) -> Instant {
        self.turned
    }

    /// Begins a new generation; the one before the last is forgotten.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.old = core::mem::take(&mut self.young);
        self.turned = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_renewed_is_forgotten_with_the_second_turn() {
        let mut g = Generations::default();
        g.insert('a', 1);
        g.insert('b', 1);
        g.turn(Instant::from_secs(1));
        g.insert('b', 2);
        assert_eq!((g.get(&'a'), g.get(&'b'), g.young(), g.len()), (Some(&1), Some(&2), 1, 3));
        g.turn(Instant::from_secs(2));
        assert_eq!((g.get(&'a'), g.get(&'b'), g.turned()), (None, Some(&2), Instant::from_secs(2)));
    }
}
