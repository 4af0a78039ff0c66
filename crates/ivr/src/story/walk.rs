//! One call on a virtual clock, without a phone: whoever walks says what happens, the run answers.

use crate::edge::{EVERYWHERE, Edge, Way};
use crate::run::{Input, Output, Run, SayId};
use crate::script::{Script, Step};
use core::fmt;
use core::time::Duration;
use senim_base::{Instant, Language};
use std::collections::BTreeSet;
use std::sync::Arc;

/// How long each prompt is on the virtual clock.
const WORD: Duration = Duration::from_secs(2);
/// Between two keys.
const BETWEEN_KEYS: Duration = Duration::from_millis(100);
/// The status that is found on the virtual line.
const STATUS: &str = "status_closed";

/// One thing that happens to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// The caller presses a key.
    Key(char),
    /// He hears what plays to its end.
    Listen,
    /// He does nothing until the script loses patience.
    Silence,
    /// The appeal was found.
    Found,
    /// There is no such appeal.
    Unknown,
    /// The other centre answered.
    Answered,
    /// The other centre could not be reached.
    Failed,
    /// The other centre answered and hung up.
    Ended,
}

impl Act {
    /// Acts that have a name; keys are written as they are.
    pub const WORDS: [(&'static str, Act); 7] = [
        ("listen", Act::Listen),
        ("silence", Act::Silence),
        ("found", Act::Found),
        ("unknown", Act::Unknown),
        ("answered", Act::Answered),
        ("failed", Act::Failed),
        ("ended", Act::Ended),
    ];

    /// What a word of a story means: one act, or one for every key.
    pub fn read(word: &str) -> Option<Vec<Act>> {
        if let Some((_, act)) = Self::WORDS.into_iter().find(|(name, _)| *name == word) {
            return Some(vec![act]);
        }
        let keys = !word.is_empty() && word.chars().all(|c| matches!(c, '0'..='9' | '*' | '#'));
        keys.then(|| word.chars().map(Act::Key).collect())
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Act::Key(key) => write!(f, "{key}"),
            act => f.write_str(Self::WORDS.iter().find(|(_, a)| a == act).map_or("", |(name, _)| name)),
        }
    }
}

/// Why an act cannot be at this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Nothing plays that ends.
    NothingPlays,
    /// The script waits for nothing.
    NothingDue,
    /// No status was asked for.
    NoStatusAsked,
    /// The call is not on its way to another centre.
    NoForward,
    /// The call is over.
    Over,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unfit::NothingPlays => "nothing plays",
            Unfit::NothingDue => "the script waits for nothing",
            Unfit::NoStatusAsked => "no status was asked for",
            Unfit::NoForward => "the call is not on its way to another centre",
            Unfit::Over => "the call is over",
        })
    }
}

impl core::error::Error for Unfit {}

/// A call on the virtual clock.
#[derive(Debug)]
pub struct Walk {
    script: Arc<Script>,
    run: Run,
    now: Instant,
    /// What plays, and how many words it has; none for a prompt without end.
    plays: Option<(SayId, usize)>,
    asked_status: bool,
    forwarding: bool,
    over: bool,
    /// The key that was read since the present step was entered.
    key: Option<char>,
    /// The present step asked or was answered.
    touched: bool,
    passed: Vec<String>,
    heard: Vec<String>,
    took: BTreeSet<Edge>,
    out: Vec<Output>,
}

impl Walk {
    /// The call is answered.
    pub fn begin(script: Arc<Script>) -> Self {
        let mut walk = Walk {
            run: Run::new(Arc::clone(&script)),
            script,
            now: Instant::ZERO,
            plays: None,
            asked_status: false,
            forwarding: false,
            over: false,
            key: None,
            touched: false,
            passed: Vec::new(),
            heard: Vec::new(),
            took: BTreeSet::new(),
            out: Vec::new(),
        };
        walk.give(Input::Start);
        walk
    }

    /// One thing happens.
    ///
    /// # Errors
    /// It cannot happen at this moment; nothing has changed.
    pub fn act(&mut self, act: Act) -> Result<(), Unfit> {
        if self.over {
            return Err(Unfit::Over);
        }
        match act {
            Act::Key(key) => {
                self.now += BETWEEN_KEYS;
                self.give(Input::Digit(key));
            }
            Act::Listen => {
                let (say, words) = self.plays.take().ok_or(Unfit::NothingPlays)?;
                self.now += WORD * u32::try_from(words).unwrap_or(u32::MAX);
                self.give(Input::Played(say));
            }
            Act::Silence => {
                let (at, _) = self.run.deadline().ok_or(Unfit::NothingDue)?;
                self.now = at;
                self.give(Input::Timeout);
            }
            Act::Found | Act::Unknown => {
                if !core::mem::take(&mut self.asked_status) {
                    return Err(Unfit::NoStatusAsked);
                }
                self.give(Input::StatusAnswer((act == Act::Found).then_some(STATUS)));
            }
            Act::Answered | Act::Failed | Act::Ended => {
                if !self.forwarding {
                    return Err(Unfit::NoForward);
                }
                self.give(match act {
                    Act::Answered => Input::ForwardAnswered,
                    Act::Failed => Input::ForwardFailed,
                    _ => Input::ForwardEnded,
                });
            }
        }
        Ok(())
    }

    /// What can happen now, as a hint to whoever wrote an act that cannot.
    pub(crate) fn instead(&self) -> String {
        let words: Vec<String> = self.possible().iter().map(|act| format!("\"{act}\"")).collect();
        match (self.over, words.is_empty()) {
            (true, _) => "take it out: nothing follows the end".to_owned(),
            (false, true) => format!("take it out: the caller is in `{}`", self.step()),
            (false, false) => format!("in `{}` write keys, or {}", self.step(), words.join(", ")),
        }
    }

    /// The acts, besides keys, that can happen now.
    pub fn possible(&self) -> Vec<Act> {
        let fits = |act: &Act| match act {
            Act::Key(_) => false,
            Act::Listen => self.plays.is_some(),
            Act::Silence => self.run.deadline().is_some(),
            Act::Found | Act::Unknown => self.asked_status,
            Act::Answered | Act::Failed | Act::Ended => self.forwarding,
        };
        let all = Act::WORDS.into_iter().map(|(_, act)| act);
        if self.over { Vec::new() } else { all.filter(fits).collect() }
    }

    /// What came out since this was asked last.
    pub fn outputs(&mut self) -> Vec<Output> {
        core::mem::take(&mut self.out)
    }

    /// The present step.
    pub fn step(&self) -> &str {
        self.run.step()
    }

    /// The caller's language, once it is known.
    pub fn language(&self) -> Option<Language> {
        self.run.language()
    }

    /// Since the call was answered.
    pub fn took(&self) -> Duration {
        self.now.since(Instant::ZERO)
    }

    /// The script ended the call.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Every step, from the first to the present one.
    pub fn passed(&self) -> &[String] {
        &self.passed
    }

    /// Every prompt that began to play, in order; in both languages it counts twice.
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    /// The ways between steps that were taken.
    pub fn edges(&self) -> &BTreeSet<Edge> {
        &self.took
    }

    fn give(&mut self, input: Input<'_>) {
        // The inputs given here are possible ones: keys were read as keys, and the call is started once.
        let _possible = self.run.handle(input, self.now);
        while let Some(output) = self.run.poll() {
            self.note(&output);
            // Outputs nobody asks for are few: a story has a ceiling of acts.
            self.out.push(output);
        }
    }

    fn note(&mut self, output: &Output) {
        match output {
            Output::Say { id, words, repeat } => {
                self.plays = (!repeat).then_some((*id, words.len()));
                self.touched = true;
                self.heard.extend(words.iter().map(|w| w.name.clone()));
            }
            Output::Hush => self.plays = None,
            Output::Entered { step } => {
                (self.asked_status, self.forwarding) = (false, false);
                if let Some(from) = self.passed.last() {
                    let ways = self.ways(from, step);
                    self.took.extend(ways);
                }
                self.passed.push(step.clone());
                (self.key, self.touched) = (None, false);
            }
            Output::Key { key, .. } => (self.key, self.touched) = (Some(*key), true),
            Output::AskStatus { .. } => self.asked_status = true,
            Output::Forward { .. } => (self.forwarding, self.plays) = (true, None),
            Output::HangUp { .. } => (self.over, self.plays) = (true, None),
            Output::LanguageSet(_) | Output::Queue(_) => {}
        }
    }

    /// By which way the call came from one step to the next. More than one only where two outcomes of a step lead to
    /// the same place.
    fn ways(&self, from: &str, to: &str) -> Vec<Edge> {
        let pressed = match (self.script.steps.get(from), self.key) {
            (_, Some(key)) if self.script.urgent_key() == Some(key) => Some(Way::Urgent(key)),
            (Some(Step::Menu { keys, .. } | Step::Loop { keys, .. }), Some(key)) => {
                keys.contains_key(&key).then_some(Way::Key(key))
            }
            (Some(Step::Language { keys, .. }), Some(key)) => keys.contains_key(&key).then_some(Way::Then),
            // A caller whose language is known is not asked again.
            (Some(Step::Language { .. }), None) if !self.touched => Some(Way::Then),
            _ => None,
        };
        let fits = |e: &Edge| {
            (e.from == from || (e.from == EVERYWHERE && Some(e.way) == pressed))
                && e.to == to
                && match (pressed, self.script.steps.get(from)) {
                    (Some(way), _) => e.way == way,
                    (None, Some(Step::Menu { .. } | Step::Language { .. })) => e.way == Way::Otherwise,
                    _ => true,
                }
        };
        self.script.edges().into_iter().filter(fits).collect()
    }
}
