//! Who calls again and again (FEATURES T18): a caller whose calls were answered so often within the window hears a short
//! script instead of the long one. He is never refused and never kept from a human: it may be a child who does not dare
//! to speak. Numbers are not kept for it, only tokens under a key that lives as long as the program.

use core::time::Duration;
use senim_base::{Entropy, Instant, Number};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// Callers remembered at most; beyond it the one who was quiet for longest is forgotten.
pub(crate) const CALLERS_MAX: usize = 10_000;
/// Calls of one caller that count at most.
pub const FLOOD_CALLS_MAX: u32 = 100;

/// When the short script answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FloodSettings {
    /// Answered calls of one caller within the window; the next one is short. [`FLOOD_CALLS_MAX`] at most.
    pub calls: u32,
    /// The window.
    pub window: Duration,
    /// The script.
    pub script: String,
}

/// Stands for a number and cannot be traced back to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Token(u64);

/// The answered calls of each caller, the newest last.
#[derive(Debug)]
pub(crate) struct Flood {
    key: [u8; 32],
    callers: BTreeMap<Token, VecDeque<Instant>>,
}

impl Flood {
    pub(crate) fn new(entropy: &mut Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Flood { key, callers: BTreeMap::new() }
    }

    /// What a number is called here.
    pub(crate) fn token(&self, number: &Number) -> Token {
        let hash = Sha256::new().chain_update(self.key).chain_update(number.as_str()).finalize();
        let (head, _) = hash.split_first_chunk().unwrap_or((&[0; 8], &[]));
        Token(u64::from_le_bytes(*head))
    }

    /// A call of his is answered. Only the newest that matter are kept.
    pub(crate) fn answered(&mut self, caller: Token, settings: &FloodSettings, now: Instant) {
        if !self.callers.contains_key(&caller) && self.callers.len() >= CALLERS_MAX {
            self.make_room(settings.window, now);
        }
        let calls = self.callers.entry(caller).or_default();
        calls.push_back(now);
        while calls.len() > usize::try_from(settings.calls).unwrap_or(usize::MAX) {
            calls.pop_front();
        }
    }

    /// So many calls of his were answered within the window that the next one is short.
    pub(crate) fn floods(&self, caller: Token, settings: &FloodSettings, now: Instant) -> bool {
        let Some(calls) = self.callers.get(&caller) else { return false };
        let within = calls.iter().filter(|at| now.since(**at) < settings.window).count();
        settings.calls > 0 && within >= usize::try_from(settings.calls).unwrap_or(usize::MAX)
    }

    fn make_room(&mut self, window: Duration, now: Instant) {
        let recent = |calls: &VecDeque<Instant>| calls.back().is_some_and(|at| now.since(*at) < window);
        self.callers.retain(|_, calls| recent(calls));
        if self.callers.len() >= CALLERS_MAX {
            let quietest =
                self.callers.iter().min_by_key(|(_, calls)| calls.back()).map(|(caller, _)| *caller);
            quietest.map(|caller| self.callers.remove(&caller));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_base::NumberPlan;

    fn settings() -> FloodSettings {
        FloodSettings { calls: 3, window: Duration::from_secs(60), script: "still_here".into() }
    }

    fn at(s: u64) -> Instant {
        Instant::from_secs(1_000 + s)
    }

    fn flood() -> Flood {
        Flood::new(&mut Entropy::from_seed(1))
    }

    #[test]
    fn a_caller_floods_after_so_many_calls_within_the_window_and_no_longer() {
        let (mut f, s) = (flood(), settings());
        for n in 0..3 {
            assert!(!f.floods(Token(1), &s, at(n * 10)));
            f.answered(Token(1), &s, at(n * 10));
        }
        assert!(f.floods(Token(1), &s, at(20)) && f.floods(Token(1), &s, at(59)));
        assert!(!f.floods(Token(1), &s, at(60)), "the first of them is an hour glass ago");
        assert!(!f.floods(Token(2), &s, at(20)), "another caller has nothing to do with it");
        f.answered(Token(1), &s, at(61));
        assert!(f.floods(Token(1), &s, at(61)));
        assert_eq!(f.callers[&Token(1)].len(), 3);
    }

    #[test]
    fn as_many_callers_are_remembered_as_may_be_and_the_quietest_is_forgotten() {
        let (mut f, s) = (flood(), settings());
        f.answered(Token(0), &s, at(0));
        for n in 1..CALLERS_MAX as u64 {
            f.answered(Token(n), &s, at(1));
        }
        f.answered(Token(1), &s, at(2));
        assert_eq!(f.callers.len(), CALLERS_MAX);
        f.answered(Token(u64::MAX), &s, at(2));
        assert_eq!(f.callers.len(), CALLERS_MAX);
        assert!(!f.callers.contains_key(&Token(0)) && f.callers.contains_key(&Token(1)));
        f.answered(Token(u64::MAX - 1), &s, at(300));
        assert_eq!(f.callers.len(), 1, "whose window is over is not remembered");
    }

    #[test]
    fn a_token_is_of_one_number_under_one_key() {
        let number = |text: &str| Number::normalise(text, &NumberPlan::default()).unwrap();
        let (a, b) = (flood(), Flood::new(&mut Entropy::from_seed(2)));
        assert_eq!(a.token(&number("+77012345678")), a.token(&number("87012345678")));
        assert_ne!(a.token(&number("+77012345678")), a.token(&number("+77012345679")));
        assert_ne!(a.token(&number("+77012345678")), b.token(&number("+77012345678")));
        assert!(!format!("{a:?}").contains("7701"));
    }
}
