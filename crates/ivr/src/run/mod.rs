//! One call's way through a script. Input in, outputs drained, a deadline asked for: no sound, no signalling.
//!
//! A key acts at the moment it is pressed. It stops what plays; in a step that only speaks it is kept for the next
//! step that asks, so a caller who knows the menu may type ahead.

mod ask;
mod forward;
mod io;
mod status;
mod urgent;

pub use status::STATUS_MAX;

pub use io::{
    Fault, Input, Output, PRIORITY_NORMAL, PRIORITY_URGENT, Placement, Reason, SayId, ScriptChanged, Word,
};

use crate::script::{Name, Script, Step};
use core::time::Duration;
use senim_base::{Instant, Language, Redacted};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Keys kept for later steps at most; further ones are dropped, the caller hears the menu and presses them again.
pub const TYPED_AHEAD_MAX: usize = 32;
/// Steps one call enters at most. After that it goes to a human: somebody plays with the menu, or a script that was
/// proven is wrong all the same.
pub const ENTERED_MAX: u32 = 500;
/// A prompt that has not ended after so long counts as played.
pub const PLAYED_MAX: Duration = Duration::from_secs(120);

/// Where a call is in its script: plain data, to be saved with the call and taken up again by [`Run::resume`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Place {
    script: String,
    step: String,
    doing: Doing,
    language: Option<Language>,
    typed: Redacted<String>,
    number: Redacted<String>,
    said: u64,
    entered: u32,
    lookups: u8,
    swallow: Option<char>,
}

/// What is true between two inputs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
enum Doing {
    /// Not started.
    Nothing,
    /// A prompt plays; then the call goes on.
    Saying { say: SayId, then: String, until: Instant },
    /// A step that takes keys waits for them. `say`: its question still plays.
    Asking { say: Option<SayId>, tries: u8, digits: Redacted<String>, until: Instant },
    /// A status is looked up.
    AskingStatus { until: Instant },
    /// The notice of a forward plays.
    Noticing { say: SayId, until: Instant },
    /// The other centre is called.
    Forwarding,
    /// The caller is with the other centre.
    Away,
    /// The caller waits for a human, or talks.
    Waiting,
    /// The last prompt plays; then the call ends.
    Leaving { say: SayId, until: Instant },
    /// Nothing, until the caller hangs up.
    Silent,
    /// A prompt plays for ever.
    Looping,
    /// The run has said its last.
    Ended,
}

/// One call in its script.
#[derive(Clone, Debug)]
pub struct Run {
    script: Arc<Script>,
    place: Place,
    out: VecDeque<Output>,
}

impl Run {
    /// A call that will begin the script at [`Input::Start`].
    pub fn new(script: Arc<Script>) -> Self {
        let place = Place {
            script: script.hash.clone(),
            step: script.start.text.clone(),
            doing: Doing::Nothing,
            language: None,
            typed: Redacted::default(),
            number: Redacted::default(),
            said: 0,
            entered: 0,
            lookups: 0,
            swallow: None,
        };
        Run { script, place, out: VecDeque::new() }
    }

    /// Takes up a saved call. What played is played again from the beginning of its step; a caller who waited, or
    /// was forwarded, goes on with that.
    ///
    /// # Errors
    /// [`ScriptChanged`] when the script is not the one the call began.
    pub fn resume(script: Arc<Script>, place: Place, now: Instant) -> Result<Self, ScriptChanged> {
        if place.script != script.hash || !script.steps.contains_key(&place.step) {
            return Err(ScriptChanged);
        }
        let mut run = Run { script, place, out: VecDeque::new() };
        match &run.place.doing {
            Doing::Nothing
            | Doing::Forwarding
            | Doing::Away
            | Doing::Waiting
            | Doing::Silent
            | Doing::Ended => {}
            _ => {
                let next = run.enter(now);
                run.go_on(next, now);
            }
        }
        Ok(run)
    }

    /// Where the call is, to be saved.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The script it follows.
    pub fn script(&self) -> &Arc<Script> {
        &self.script
    }

    /// The step it is in.
    pub fn step(&self) -> &str {
        &self.place.step
    }

    /// The caller's language, once he chose it or was given the default one.
    pub fn language(&self) -> Option<Language> {
        self.place.language
    }

    /// Takes in what happened. An input that comes too late (the end of an older saying, an answer nobody waits
    /// for) changes nothing.
    ///
    /// # Errors
    /// An input that cannot be; nothing has changed.
    pub fn handle(&mut self, input: Input<'_>, now: Instant) -> Result<(), Fault> {
        debug_assert!(self.out.is_empty(), "poll until nothing comes before the next input");
        match input {
            Input::Start => self.start(now)?,
            Input::Digit(key) => {
                if !matches!(key, '0'..='9' | '*' | '#' | 'A'..='D') {
                    return Err(Fault::NotAKey);
                }
                self.digit(key, now);
            }
            Input::Played(say) => self.played(say, now),
            Input::StatusAnswer(answer) => self.status(answer, now),
            Input::ForwardAnswered => self.forward_answered(),
            Input::ForwardFailed => self.forward_failed(now),
            Input::ForwardEnded => self.forward_ended(),
            Input::Timeout => self.timeout(now),
        }
        Ok(())
    }

    /// The next thing the run wants.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to hand in [`Input::Timeout`] next.
    pub fn deadline(&self) -> Option<(Instant, Reason)> {
        match &self.place.doing {
            Doing::Saying { until, .. } | Doing::Noticing { until, .. } | Doing::Leaving { until, .. } => {
                Some((*until, Reason::PlayedLate))
            }
            Doing::Asking { say: Some(_), until, .. } => Some((*until, Reason::PlayedLate)),
            Doing::Asking { digits, until, .. } if digits.reveal().is_empty() => {
                Some((*until, Reason::NoKey))
            }
            Doing::Asking { until, .. } => Some((*until, Reason::NextDigit)),
            Doing::AskingStatus { until } => Some((*until, Reason::StatusLate)),
            _ => None,
        }
    }

    fn start(&mut self, now: Instant) -> Result<(), Fault> {
        if self.place.doing != Doing::Nothing {
            return Err(Fault::StartedTwice);
        }
        let next = Some(self.place.step.clone());
        self.go_on(next, now);
        // A key that came before the call could be heard is as urgent as any other.
        if self.script.urgent_key().is_some_and(|key| self.place.typed.reveal().contains(key)) {
            self.urgent(now);
        }
        Ok(())
    }

    /// Enters steps until one waits for something.
    fn go_on(&mut self, mut next: Option<String>, now: Instant) {
        while let Some(step) = next.take() {
            self.place.entered = self.place.entered.saturating_add(1);
            self.place.step = match &self.script.human {
                Some(human) if self.place.entered > ENTERED_MAX && !self.is_queue(&step) => {
                    human.text.clone()
                }
                _ => step,
            };
            self.out.push_back(Output::Entered { step: self.place.step.clone() });
            next = self.enter(now);
        }
    }

    /// Begins the present step; gives the next one when there is nothing to wait for.
    fn enter(&mut self, now: Instant) -> Option<String> {
        let script = Arc::clone(&self.script);
        match script.steps.get(&self.place.step)? {
            Step::Say { prompts, both, then } => {
                if !self.place.typed.reveal().is_empty() {
                    return Some(then.text.clone());
                }
                let say = self.say(self.words(prompts, *both), false);
                self.place.doing = Doing::Saying { say, then: then.text.clone(), until: now + PLAYED_MAX };
                None
            }
            Step::Menu { .. } | Step::Language { .. } | Step::Collect { .. } => self.ask(now),
            Step::Status { .. } => {
                self.ask_status(now);
                None
            }
            Step::Queue { queue, topic, priority, notice } => {
                let language = self.settle_language();
                let urgent = script.urgent.as_ref().is_some_and(|u| u.to.text == self.place.step);
                self.place.typed = Redacted::default();
                // Who waits already has his music; words would only hold up a change of place.
                if !notice.is_empty() && self.place.doing != Doing::Waiting {
                    self.say(self.words(notice, false), false);
                }
                self.place.doing = Doing::Waiting;
                self.out.push_back(Output::Queue(Placement {
                    queue: queue.text.clone(),
                    topic: topic.clone(),
                    priority: *priority,
                    urgent,
                    language,
                }));
                None
            }
            Step::Forward { notice, .. } => {
                self.settle_language();
                self.place.typed = Redacted::default();
                let say = self.say(self.words(notice, false), false);
                self.place.doing = Doing::Noticing { say, until: now + PLAYED_MAX };
                None
            }
            Step::HangUp { ending, after } => {
                if after.is_empty() {
                    self.hang_up(&ending.text);
                } else {
                    let say = self.say(self.words(after, false), false);
                    self.place.doing = Doing::Leaving { say, until: now + PLAYED_MAX };
                }
                None
            }
            Step::Silent => {
                self.place.doing = Doing::Silent;
                None
            }
            Step::Loop { prompts, .. } => {
                self.say(self.words(prompts, false), true);
                self.place.doing = Doing::Looping;
                None
            }
        }
    }

    fn digit(&mut self, key: char, now: Instant) {
        if self.place.swallow.take() == Some(key) {
            return; // the `#` after a number that was complete without it
        }
        if self.script.urgent_key() == Some(key) && self.urgent_lives() {
            self.urgent(now);
            return;
        }
        match self.place.doing.clone() {
            Doing::Nothing | Doing::AskingStatus { .. } => self.type_ahead(key),
            Doing::Saying { then, .. } => {
                self.out.push_back(Output::Hush);
                self.type_ahead(key);
                self.go_on(Some(then), now);
            }
            Doing::Asking { .. } => {
                let next = self.press(key, now);
                self.go_on(next, now);
            }
            Doing::Noticing { .. } => {
                self.tell_key(key);
                self.out.push_back(Output::Hush);
                self.forward(false);
            }
            Doing::Looping => self.leave_loop(key, now),
            Doing::Forwarding
            | Doing::Away
            | Doing::Waiting
            | Doing::Leaving { .. }
            | Doing::Silent
            | Doing::Ended => {}
        }
    }

    fn played(&mut self, id: SayId, now: Instant) {
        match self.place.doing.clone() {
            Doing::Saying { say, then, .. } if say == id => self.go_on(Some(then), now),
            Doing::Asking { say: Some(say), tries, digits, .. } if say == id => {
                let until = now + self.wait();
                self.place.doing = Doing::Asking { say: None, tries, digits, until };
            }
            Doing::Noticing { say, .. } if say == id => self.forward(true),
            Doing::Leaving { say, .. } if say == id => self.leave(),
            _ => {}
        }
    }

    fn timeout(&mut self, now: Instant) {
        if self.deadline().is_none_or(|(at, _)| now < at) {
            return;
        }
        match self.place.doing.clone() {
            Doing::Saying { say, .. } | Doing::Asking { say: Some(say), .. } | Doing::Leaving { say, .. } => {
                self.played(say, now);
            }
            Doing::Asking { .. } => self.no_key(now),
            Doing::Noticing { .. } => self.forward(false),
            Doing::AskingStatus { .. } => self.status_late(now),
            _ => {}
        }
    }

    fn leave_loop(&mut self, key: char, now: Instant) {
        let script = Arc::clone(&self.script);
        if let Some(Step::Loop { keys, .. }) = script.steps.get(&self.place.step)
            && let Some(to) = keys.get(&key)
        {
            self.tell_key(key);
            self.out.push_back(Output::Hush);
            self.go_on(Some(to.text.clone()), now);
        }
    }

    fn leave(&mut self) {
        let script = Arc::clone(&self.script);
        if let Some(Step::HangUp { ending, .. }) = script.steps.get(&self.place.step) {
            self.hang_up(&ending.text);
        }
    }

    fn hang_up(&mut self, ending: &str) {
        self.place.doing = Doing::Ended;
        self.out.push_back(Output::HangUp { ending: ending.to_owned() });
    }

    fn is_queue(&self, step: &str) -> bool {
        matches!(self.script.steps.get(step), Some(Step::Queue { .. }))
    }

    fn tell_key(&mut self, key: char) {
        self.out.push_back(Output::Key { step: self.place.step.clone(), key });
    }

    fn type_ahead(&mut self, key: char) {
        let mut typed = core::mem::take(&mut self.place.typed).into_revealed();
        if typed.len() < TYPED_AHEAD_MAX {
            typed.push(key);
        }
        self.place.typed = Redacted::new(typed);
    }

    fn say(&mut self, words: Vec<Word>, repeat: bool) -> SayId {
        self.place.said = self.place.said.wrapping_add(1);
        let id = SayId(self.place.said);
        self.out.push_back(Output::Say { id, words, repeat });
        id
    }

    /// A caller whose language is not known hears every language, one after the other.
    fn in_languages(&self, both: bool) -> Vec<Language> {
        match self.place.language {
            Some(language) if !both => vec![language],
            _ => Language::ALL.to_vec(),
        }
    }

    fn words(&self, prompts: &[Name], both: bool) -> Vec<Word> {
        let languages = self.in_languages(both);
        languages.iter().flat_map(|l| prompts.iter().map(|p| Word::new(*l, p.text.clone()))).collect()
    }

    fn set_language(&mut self, language: Language) {
        if self.place.language.is_none() {
            self.place.language = Some(language);
            self.out.push_back(Output::LanguageSet(language));
        }
    }

    /// The caller's language, or from now on the default one.
    fn settle_language(&mut self) -> Language {
        self.set_language(self.script.default_language);
        self.place.language.unwrap_or(self.script.default_language)
    }
}
