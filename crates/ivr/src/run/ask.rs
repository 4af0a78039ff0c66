//! Steps that take keys: the question, the answer, and what happens to a caller who gives none (FEATURES I2).

use super::{Doing, Output, PLAYED_MAX, Run};
use crate::script::{Asks, Name, Step};
use core::time::Duration;
use senim_base::{Instant, Redacted};
use std::sync::Arc;

/// Clears a number half keyed, where it is not the key that ends one.
const START_AGAIN: char = '*';

impl Run {
    /// Begins a step that takes keys, with those that were typed ahead; gives the next step when they suffice.
    pub(super) fn ask(&mut self, now: Instant) -> Option<String> {
        let script = Arc::clone(&self.script);
        if let (Some(Step::Language { then, .. }), Some(_)) =
            (script.steps.get(&self.place.step), self.place.language)
        {
            return Some(then.text.clone()); // set once a call (FEATURES L1)
        }
        let until = now + self.wait();
        self.place.doing = Doing::Asking { say: None, tries: 1, digits: Redacted::default(), until };
        if self.place.typed.reveal().is_empty() {
            self.question(&[], now);
        }
        while let Some(key) = self.take_typed() {
            let next = self.press(key, now);
            if next.is_some() {
                return next;
            }
        }
        None
    }

    /// A key in a step that takes keys; gives the next step when the answer is complete.
    pub(super) fn press(&mut self, key: char, now: Instant) -> Option<String> {
        let script = Arc::clone(&self.script);
        if let Doing::Asking { say, .. } = &mut self.place.doing
            && say.take().is_some()
        {
            self.out.push_back(Output::Hush);
        }
        match script.steps.get(&self.place.step)? {
            Step::Menu { keys, asks, .. } => {
                self.tell_key(key);
                match keys.get(&key) {
                    Some(to) => Some(to.text.clone()),
                    None => self.missed(asks, &asks.wrong_key, now),
                }
            }
            Step::Language { keys, then, asks, .. } => {
                self.tell_key(key);
                match keys.get(&key) {
                    Some(language) => {
                        self.set_language(*language);
                        Some(then.text.clone())
                    }
                    None => self.missed(asks, &asks.wrong_key, now),
                }
            }
            collect @ Step::Collect { .. } => self.collect(collect, key, now),
            _ => None,
        }
    }

    /// A key of a number.
    fn collect(&mut self, step: &Step, key: char, now: Instant) -> Option<String> {
        let Step::Collect { digits_min, digits_max, terminator, then, asks, .. } = step else { return None };
        let wait = self.wait();
        let Doing::Asking { digits, until, .. } = &mut self.place.doing else { return None };
        *until = now + wait;
        if Some(key) == *terminator {
            if digits.reveal().len() >= usize::from(*digits_min) {
                return Some(self.collected(then));
            }
            return self.missed(asks, &asks.wrong_key, now);
        }
        match key {
            '0'..='9' => {
                let mut number = core::mem::take(digits).into_revealed();
                number.push(key);
                let complete = number.len() >= usize::from(*digits_max);
                *digits = Redacted::new(number);
                if complete {
                    self.place.swallow = *terminator;
                    return Some(self.collected(then));
                }
                None
            }
            START_AGAIN => {
                *digits = Redacted::default();
                self.question(&[], now);
                None
            }
            _ => self.missed(asks, &asks.wrong_key, now),
        }
    }

    fn collected(&mut self, then: &Name) -> String {
        if let Doing::Asking { digits, .. } = &self.place.doing {
            self.place.number = digits.clone();
        }
        then.text.clone()
    }

    /// The caller stayed silent. A number that was broken off at the urgent key is a call for help, not a number:
    /// so that key is live even where it is a digit (FEATURES I3).
    pub(super) fn no_key(&mut self, now: Instant) {
        let script = Arc::clone(&self.script);
        let Doing::Asking { digits, .. } = &self.place.doing else { return };
        let digits = digits.reveal();
        let next = match script.steps.get(&self.place.step) {
            Some(Step::Collect { digits_min, then, .. })
                if !digits.is_empty() && digits.len() >= usize::from(*digits_min) =>
            {
                Some(self.collected(then))
            }
            Some(Step::Collect { asks, .. }) if !digits.is_empty() => {
                if digits.chars().next_back() == script.urgent_key() {
                    return self.urgent(now);
                }
                self.missed(asks, &asks.wrong_key, now)
            }
            Some(Step::Menu { asks, .. } | Step::Language { asks, .. } | Step::Collect { asks, .. }) => {
                self.missed(asks, &asks.no_key, now)
            }
            _ => None,
        };
        self.go_on(next, now);
    }

    /// A try without an answer: the question again, or after the last try a human.
    fn missed(&mut self, asks: &Asks, why: &[Name], now: Instant) -> Option<String> {
        self.place.typed = Redacted::default(); // what was typed ahead was meant for another way
        let Doing::Asking { tries, digits, .. } = &mut self.place.doing else { return None };
        if *tries >= asks.tries {
            self.settle_language();
            return Some(asks.otherwise.text.clone());
        }
        *tries += 1;
        *digits = Redacted::default();
        self.question(why, now);
        None
    }

    /// Asks, after some words about what went wrong.
    fn question(&mut self, first: &[Name], now: Instant) {
        let script = Arc::clone(&self.script);
        let Some(Step::Menu { prompts, .. } | Step::Language { prompts, .. } | Step::Collect { prompts, .. }) =
            script.steps.get(&self.place.step)
        else {
            return;
        };
        let all: Vec<Name> = first.iter().chain(prompts).cloned().collect();
        let id = self.say(self.words(&all, false), false);
        if let Doing::Asking { say, until, .. } = &mut self.place.doing {
            *say = Some(id);
            *until = now + PLAYED_MAX;
        }
    }

    /// How long the present step waits for a key.
    pub(super) fn wait(&self) -> Duration {
        match self.script.steps.get(&self.place.step) {
            Some(Step::Menu { asks, .. } | Step::Language { asks, .. } | Step::Collect { asks, .. }) => {
                Duration::from_secs(u64::from(asks.wait_s))
            }
            _ => Duration::ZERO,
        }
    }

    fn take_typed(&mut self) -> Option<char> {
        let mut typed = core::mem::take(&mut self.place.typed).into_revealed();
        let key = (!typed.is_empty()).then(|| typed.remove(0));
        self.place.typed = Redacted::new(typed);
        key
    }
}
