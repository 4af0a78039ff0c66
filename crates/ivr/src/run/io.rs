//! What goes into a run and what comes out of it.

use core::fmt;
use senim_base::{Language, Redacted};
use serde::{Deserialize, Serialize};

/// One saying of words, so that its end can be told from the end of an older one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SayId(pub u64);

/// One recorded word or prompt, by the name of its clip.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Word {
    /// In which language.
    pub language: Language,
    /// The clip's name.
    pub name: String,
}

impl Word {
    /// A word.
    pub fn new(language: Language, name: impl Into<String>) -> Self {
        Word { language, name: name.into() }
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Words of numbers are `n` and a digit: together they may tell somebody's appeal number.
        let number =
            self.name.strip_prefix('n').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        write!(f, "{}:{}", self.language, if number { "n*" } else { &self.name })
    }
}

/// What happened to the caller.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The call was answered and can be heard.
    Start,
    /// He pressed a key: `0` to `9`, `*`, `#`, `A` to `D`.
    Digit(char),
    /// The words of this [`Output::Say`] were played to their end.
    Played(SayId),
    /// What [`Output::AskStatus`] found: the prompt that tells the status, or nothing.
    StatusAnswer(Option<&'a str>),
    /// The centre of [`Output::Forward`] answered: from now on keys are meant for it, and are not read here.
    ForwardAnswered,
    /// The forward failed.
    ForwardFailed,
    /// The centre answered, and then hung up.
    ForwardEnded,
    /// The deadline passed.
    Timeout,
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Start => f.write_str("Start"),
            Input::Digit(_) => f.write_str("Digit(*)"), // a key may be part of a number
            Input::Played(say) => write!(f, "Played({})", say.0),
            Input::StatusAnswer(answer) => write!(f, "StatusAnswer({answer:?})"),
            Input::ForwardAnswered => f.write_str("ForwardAnswered"),
            Input::ForwardFailed => f.write_str("ForwardFailed"),
            Input::ForwardEnded => f.write_str("ForwardEnded"),
            Input::Timeout => f.write_str("Timeout"),
        }
    }
}

/// What the run wants, in this order.
#[derive(Clone, PartialEq, Eq)]
pub enum Output {
    /// Play these words, in place of what plays now. Tell [`Input::Played`] at the end, unless they repeat.
    Say {
        /// Which saying it is.
        id: SayId,
        /// What is said.
        words: Vec<Word>,
        /// For ever.
        repeat: bool,
    },
    /// Stop what plays at once: the caller pressed a key.
    Hush,
    /// The call came to a step.
    Entered {
        /// Its name.
        step: String,
    },
    /// The caller pressed a key that the script read. Digits of a collected number are not told.
    Key {
        /// The step it was pressed in.
        step: String,
        /// The key.
        key: char,
    },
    /// The caller's language is known. Told once a call.
    LanguageSet(Language),
    /// The caller waits for a human from now on; a second one replaces the first. An [`Output::Say`] just before it
    /// is heard while he already waits, then the music begins.
    Queue(Placement),
    /// Send the caller on to another centre; he heard the notice.
    Forward {
        /// The centre, by the name the configuration gives it.
        to: String,
        /// He heard the notice to its end.
        whole: bool,
    },
    /// Look up an appeal and tell [`Input::StatusAnswer`].
    AskStatus {
        /// The number as keyed.
        number: Redacted<String>,
    },
    /// End the call.
    HangUp {
        /// The ending's name in the script, or [`crate::FORWARDED`].
        ending: String,
    },
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Say { id, words, repeat } => {
                write!(f, "Say({}, {words:?}{})", id.0, if *repeat { ", for ever" } else { "" })
            }
            Output::Hush => f.write_str("Hush"),
            Output::Entered { step } => write!(f, "Entered({step})"),
            Output::Key { step, .. } => write!(f, "Key({step}, *)"), // what a caller keys is private
            Output::LanguageSet(language) => write!(f, "LanguageSet({language})"),
            Output::Queue(p) => write!(f, "{p:?}"),
            Output::Forward { to, whole } => write!(f, "Forward({to}, whole: {whole})"),
            Output::AskStatus { number } => write!(f, "AskStatus({number})"),
            Output::HangUp { ending } => write!(f, "HangUp({ending})"),
        }
    }
}

/// The priority of the urgent queue: before everybody else.
pub const PRIORITY_URGENT: u8 = 0;
/// The priority of a caller who presses nothing special.
pub const PRIORITY_NORMAL: u8 = 5;

/// How a caller waits.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Placement {
    /// In which queue.
    pub queue: String,
    /// What he wants to talk about.
    pub topic: Option<String>,
    /// 0 before everybody else.
    pub priority: u8,
    /// He pressed the urgent key.
    pub urgent: bool,
    /// His language.
    pub language: Language,
}

/// Why the run has a deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The caller has pressed no key.
    NoKey,
    /// The caller has not gone on with his number.
    NextDigit,
    /// Nobody has told the end of what plays: the sound is broken, the script goes on without it.
    PlayedLate,
    /// Nobody has told the status.
    StatusLate,
}

/// An input that cannot be: a fault of whoever drives the run. The run stays as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// There is no such key on a phone.
    NotAKey,
    /// The run was started before.
    StartedTwice,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotAKey => f.write_str("a key is 0 to 9, *, # or A to D"),
            Fault::StartedTwice => f.write_str("a run is started once"),
        }
    }
}

impl core::error::Error for Fault {}

/// A saved place belongs to another wording of the script; the call goes to a human instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScriptChanged;

impl fmt::Display for ScriptChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script was changed since the call began it")
    }
}

impl core::error::Error for ScriptChanged {}
