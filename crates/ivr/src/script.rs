//! What a script is, once it is read and proven: named steps, and where each leads.

use crate::story::Story;
use core::ops::Range;
use senim_base::Language;
use std::collections::{BTreeMap, BTreeSet};

/// The ending of a call whose forward was answered and then hung up: built in, no script declares it.
pub const FORWARDED: &str = "forwarded";

/// A word of the text, with the place where it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// What a script is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// It answers callers: it has an urgent key, and it never leaves a caller without a human.
    Line,
    /// It is dialled by a measuring program: it may stay silent, or play for ever.
    Measuring,
    /// It answers a caller who is blocked: it has an urgent key, too, and may hang up on him who does not press it.
    Blocked,
}

/// A key that jumps to the urgent queue from everywhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Urgent {
    pub(crate) key: char,
    pub(crate) to: Name,
}

/// How a step that takes keys asks, and what it does with a caller who presses nothing, or nothing useful.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Asks {
    /// How often the question is heard at most.
    pub(crate) tries: u8,
    /// Seconds of silence after the question, or after the last digit.
    pub(crate) wait_s: u8,
    pub(crate) no_key: Vec<Name>,
    pub(crate) wrong_key: Vec<Name>,
    /// Where the caller goes after the last try.
    pub(crate) otherwise: Name,
}

/// One step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Plays prompts and goes on. Any key skips them.
    Say { prompts: Vec<Name>, both: bool, then: Name },
    /// Asks for one key.
    Menu { prompts: Vec<Name>, keys: BTreeMap<char, Name>, asks: Asks },
    /// Asks for the language, once a call.
    Language { prompts: Vec<Name>, keys: BTreeMap<char, Language>, then: Name, asks: Asks },
    /// Asks for a number.
    Collect {
        prompts: Vec<Name>,
        digits_min: u8,
        digits_max: u8,
        terminator: Option<char>,
        then: Name,
        asks: Asks,
    },
    /// Tells the status of the appeal whose number was collected.
    Status {
        number_is: Vec<Name>,
        found: Vec<Name>,
        unknown: Vec<Name>,
        tries: u8,
        again: Name,
        then: Name,
        otherwise: Name,
    },
    /// A human: the caller waits.
    Queue { queue: Name, topic: Option<String>, priority: u8, notice: Vec<Name> },
    /// Another centre; a human when that fails.
    Forward { to: Name, notice: Vec<Name>, on_failure: Name },
    /// The end, under a declared name.
    HangUp { ending: Name, after: Vec<Name> },
    /// Stays silent until the caller hangs up.
    Silent,
    /// Plays for ever; keys may lead away.
    Loop { prompts: Vec<Name>, keys: BTreeMap<char, Name> },
}

/// Why an edge between steps is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The caller pressed keys.
    Keys,
    /// By itself, with a caller who presses nothing.
    Itself,
    /// After the last try, or a failure: the caller did not choose it.
    GivenUp,
}

impl Step {
    /// Every step this one leads to.
    pub(crate) fn targets(&self) -> Vec<(Why, &Name)> {
        match self {
            Step::Say { then, .. } => vec![(Why::Itself, then)],
            Step::Menu { keys, asks, .. } => {
                let mut all: Vec<_> = keys.values().map(|n| (Why::Keys, n)).collect();
                all.push((Why::GivenUp, &asks.otherwise));
                all
            }
            Step::Language { then, asks, .. } | Step::Collect { then, asks, .. } => {
                vec![(Why::Keys, then), (Why::GivenUp, &asks.otherwise)]
            }
            Step::Status { again, then, otherwise, .. } => {
                vec![(Why::Itself, then), (Why::Itself, again), (Why::GivenUp, otherwise)]
            }
            Step::Forward { on_failure, .. } => vec![(Why::GivenUp, on_failure)],
            Step::Loop { keys, .. } => keys.values().map(|n| (Why::Keys, n)).collect(),
            Step::Queue { .. } | Step::HangUp { .. } | Step::Silent => vec![],
        }
    }

    /// Every prompt this step may play.
    pub(crate) fn prompts(&self) -> Vec<&Name> {
        match self {
            Step::Say { prompts, .. } | Step::Loop { prompts, .. } => prompts.iter().collect(),
            Step::Menu { prompts, asks, .. }
            | Step::Language { prompts, asks, .. }
            | Step::Collect { prompts, asks, .. } => {
                prompts.iter().chain(&asks.no_key).chain(&asks.wrong_key).collect()
            }
            Step::Status { number_is, found, unknown, .. } => {
                number_is.iter().chain(found).chain(unknown).collect()
            }
            Step::Queue { notice, .. } | Step::Forward { notice, .. } => notice.iter().collect(),
            Step::HangUp { after, .. } => after.iter().collect(),
            Step::Silent => vec![],
        }
    }
}

/// A script that was read and proven ([`Script::read`]): nobody else can make one.
#[derive(Clone, Debug)]
pub struct Script {
    pub(crate) name: String,
    pub(crate) hash: String,
    pub(crate) purpose: Purpose,
    pub(crate) start: Name,
    pub(crate) default_language: Language,
    pub(crate) urgent: Option<Urgent>,
    pub(crate) human: Option<Name>,
    pub(crate) endings: Vec<Name>,
    pub(crate) steps: BTreeMap<String, Step>,
    /// What the script is to do, told by itself.
    pub(crate) stories: Vec<Story>,
    /// Where each step's name stands.
    pub(crate) headings: BTreeMap<String, Range<usize>>,
}

impl Script {
    /// Bytes of a script's text at most; a longer one is refused.
    pub const BYTES_MAX: usize = 256 * 1024;
    /// Steps at most; a script with more is refused.
    pub const STEPS_MAX: usize = 500;
    /// Stories (`[[test]]`) at most; a script with more is refused.
    pub const STORIES_MAX: usize = 500;

    /// Its name: the file's, without folder and ending (`111`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of the text, 64 hexadecimal digits: which wording of the script a call followed.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// What it is for.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// The language of a caller who chose none.
    pub fn default_language(&self) -> Language {
        self.default_language
    }

    /// The key that jumps to the urgent queue.
    pub fn urgent_key(&self) -> Option<char> {
        self.urgent.as_ref().map(|u| u.key)
    }

    /// The names of its steps.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.steps.keys().map(String::as_str)
    }

    /// The queues it places callers in.
    pub fn queues(&self) -> BTreeSet<&str> {
        self.names(|step| match step {
            Step::Queue { queue, .. } => Some(queue),
            _ => None,
        })
    }

    /// Where it forwards callers to.
    pub fn forwards(&self) -> BTreeSet<&str> {
        self.names(|step| match step {
            Step::Forward { to, .. } => Some(to),
            _ => None,
        })
    }

    /// The prompts its steps name. Each is played in both languages.
    pub fn prompts(&self) -> BTreeSet<&str> {
        self.steps.values().flat_map(Step::prompts).map(|n| n.text.as_str()).collect()
    }

    /// The endings it may hang up with.
    pub fn endings(&self) -> BTreeSet<&str> {
        self.endings.iter().map(|n| n.text.as_str()).collect()
    }

    fn names<'a>(&'a self, of: impl Fn(&'a Step) -> Option<&'a Name>) -> BTreeSet<&'a str> {
        self.steps.values().filter_map(of).map(|n| n.text.as_str()).collect()
    }
}
