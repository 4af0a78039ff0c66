//! A table of timers, each a word with a reason: one entry a key, the earliest first, ties in key order.

use crate::Instant;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Timers by key. Setting a key again moves it; popping is in order of time, then key, so runs repeat exactly.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Timers<K: Ord> {
    by_key: BTreeMap<K, Instant>,
    by_time: BTreeSet<(Instant, K)>,
}

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Timers { by_key: BTreeMap::new(), by_time: BTreeSet::new() }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts (or moves) the timer `key` to fire at `at`.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.by_key.insert(key, at) {
            self.by_time.remove(&(old, key));
        }
        self.by_time.insert((at, key));
    }

    /// Stops a timer; `true` when it was running.
    pub fn cancel(&mut self, key: K) -> bool {
        match self.by_key.remove(&key) {
            Some(at) => self.by_time.remove(&(at, key)),
            None => false,
        }
    }

    /// Stops every timer from `first` to `last`, both included.
    pub fn cancel_between(&mut self, first: K, last: K) {
        while let Some((&key, &at)) = self.by_key.range(first..=last).next() {
            self.by_key.remove(&key);
            self.by_time.remove(&(at, key));
        }
    }

    /// When `key` fires, if it runs.
    pub fn at(&self, key: K) -> Option<Instant> {
        self.by_key.get(&key).copied()
    }

    /// The earliest timer and its key, still running.
    pub fn next(&self) -> Option<(Instant, K)> {
        self.by_time.first().copied()
    }

    /// Takes the earliest timer that is due at `now`, if any.
    pub fn expire(&mut self, now: Instant) -> Option<K> {
        let (at, key) = self.next()?;
        if at > now {
            return None;
        }
        self.cancel(key);
        Some(key)
    }

    /// Stops every timer that `keep` refuses.
    pub fn retain(&mut self, mut keep: impl FnMut(K) -> bool) {
        self.by_key.retain(|key, _| keep(*key));
        self.by_time.retain(|(_, key)| self.by_key.contains_key(key));
    }

    /// How many timers run.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// No timer runs.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_time_and_can_move() {
        let mut t = Timers::new();
        t.set('b', Instant::from_secs(2));
        t.set('a', Instant::from_secs(2));
        t.set('c', Instant::from_secs(1));
        t.set('c', Instant::from_secs(3));
        assert_eq!(t.expire(Instant::from_secs(1)), None);
        assert_eq!(t.next(), Some((Instant::from_secs(2), 'a')));
        assert_eq!(t.expire(Instant::from_secs(9)), Some('a'));
        assert!(t.cancel('b'));
        assert!(!t.cancel('b'));
        assert_eq!(t.expire(Instant::from_secs(9)), Some('c'));
        assert!(t.is_empty());
        for key in 'a'..='e' {
            t.set(key, Instant::from_secs(1));
        }
        t.cancel_between('b', 'd');
        assert_eq!(
            (t.len(), t.expire(Instant::from_secs(1)), t.expire(Instant::from_secs(1))),
            (2, Some('a'), Some('e'))
        );
    }
}
