//! The status of an appeal, by the number that was collected (FEATURES U1).

use super::{Doing, Output, PLAYED_MAX, Run, Word};
use crate::script::{Name, Step};
use crate::spoken;
use core::time::Duration;
use senim_base::Instant;
use std::sync::Arc;

/// A status that is not told after so long counts as a failure, and a human takes over.
pub const STATUS_MAX: Duration = Duration::from_secs(3);

impl Run {
    /// Asks whoever drives the run; the answer comes as [`super::Input::StatusAnswer`].
    pub(super) fn ask_status(&mut self, now: Instant) {
        self.out.push_back(Output::AskStatus { number: self.place.number.clone() });
        self.place.doing = Doing::AskingStatus { until: now + STATUS_MAX };
    }

    pub(super) fn status_late(&mut self, now: Instant) {
        let script = Arc::clone(&self.script);
        if let Some(Step::Status { otherwise, .. }) = script.steps.get(&self.place.step) {
            self.go_on(Some(otherwise.text.clone()), now);
        }
    }

    pub(super) fn status(&mut self, answer: Option<&str>, now: Instant) {
        let script = Arc::clone(&self.script);
        let Doing::AskingStatus { .. } = self.place.doing else { return };
        let Some(Step::Status { number_is, found, unknown, tries, again, then, otherwise }) =
            script.steps.get(&self.place.step)
        else {
            return;
        };
        let (words, then) = if let Some(prompt) = answer {
            self.place.lookups = 0;
            let words = self.status_words(number_is, found, prompt);
            (words, then)
        } else {
            self.place.lookups = self.place.lookups.saturating_add(1);
            let spent = self.place.lookups >= *tries;
            (self.words(unknown, false), if spent { otherwise } else { again })
        };
        // Keys typed while the answer was looked up wait: they must not cut off what the caller asked for.
        let say = self.say(words, false);
        self.place.doing = Doing::Saying { say, then: then.text.clone(), until: now + PLAYED_MAX };
    }

    /// “The number of your appeal is … its status is …”, in each language the caller is to hear.
    fn status_words(&self, number_is: &[Name], found: &[Name], status: &str) -> Vec<Word> {
        let mut words = Vec::new();
        for language in self.in_languages(false) {
            if !number_is.is_empty() {
                words.extend(number_is.iter().map(|p| Word::new(language, p.text.clone())));
                words.extend(spoken::appeal_number(self.place.number.reveal(), language));
            }
            words.extend(found.iter().map(|p| Word::new(language, p.text.clone())));
            words.push(Word::new(language, status));
        }
        words
    }
}
