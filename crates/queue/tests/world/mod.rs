//! A world for the queue's stories: it owns the time and writes down what the queue says, one line an output.
#![allow(dead_code)] // every story uses its part

use core::time::Duration;
use senim_base::{CallId, ConsultantId, Instant, Language, OfferId};
use senim_queue::{
    Back, Caller, Consultant, ConsultantState, Fault, Input, Output, Queue, QueueSettings, Settings,
};

pub(crate) const KK: Language = Language::Kazakh;
pub(crate) const RU: Language = Language::Russian;

pub(crate) struct World {
    pub(crate) queue: Queue,
    pub(crate) now: Instant,
}

impl World {
    /// Two queues, `main` and `night`, as configured by default; places are not announced.
    pub(crate) fn new() -> Self {
        let quiet = |name: &str| QueueSettings {
            name: name.into(),
            announce_first_s: 100_000,
            ..QueueSettings::default()
        };
        Self::with(Settings { queues: vec![quiet("main"), quiet("night")], ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        World { queue: Queue::new(settings, OfferId(1)), now: Instant::ZERO }
    }

    /// Tells the queue something now; gives back what it says.
    pub(crate) fn tell(&mut self, input: Input) -> Vec<String> {
        self.try_tell(input).expect("the input fits")
    }

    pub(crate) fn try_tell(&mut self, input: Input) -> Result<Vec<String>, Fault> {
        let done = self.queue.handle(input, self.now);
        let said = self.drain();
        done.map(|()| said)
    }

    fn drain(&mut self) -> Vec<String> {
        core::iter::from_fn(|| self.queue.poll()).map(|o| line(&o)).collect()
    }

    /// Lets time pass up to `ms`, waking the queue whenever it wants to be.
    pub(crate) fn until_ms(&mut self, ms: u64) -> Vec<String> {
        let end = Instant::from_millis(ms);
        let mut said = Vec::new();
        while let Some((at, _)) = self.queue.deadline().filter(|(at, _)| *at <= end) {
            self.now = self.now.max(at);
            let lines = self.tell(Input::Timeout);
            let clock = self.now.as_millis();
            said.extend(lines.into_iter().map(|l| format!("{}.{:03} {l}", clock / 1000, clock % 1000)));
        }
        self.now = end;
        said
    }

    pub(crate) fn until(&mut self, s: u64) -> Vec<String> {
        self.until_ms(s * 1000)
    }

    /// A consultant who is at work, registered, and free.
    pub(crate) fn at_work(&mut self, id: u32, languages: &[Language], skills: &[&str]) -> Vec<String> {
        let who = Consultant { id: ConsultantId(id), languages: languages.to_vec(), skills: strings(skills) };
        let mut said = self.tell(Input::ConsultantKnown(who));
        said.extend(self.tell(Input::Reachable { id: ConsultantId(id), yes: true }));
        said.extend(self.tell(Input::SignIn(ConsultantId(id))));
        said
    }

    /// A caller to `main` at normal priority.
    pub(crate) fn enters(&mut self, call: u64, language: Language) -> Vec<String> {
        let caller = self.caller(call, language);
        self.tell(Input::CallerEnters(caller))
    }

    pub(crate) fn caller(&self, call: u64, language: Language) -> Caller {
        Caller {
            call: CallId(call),
            queue: "main".into(),
            language,
            skills: Vec::new(),
            priority: 5,
            since: self.now,
        }
    }

    pub(crate) fn accepts(&mut self, offer: u64) -> Vec<String> {
        self.tell(Input::Accepted(OfferId(offer)))
    }

    pub(crate) fn talk_ends(&mut self, id: u32, call: u64) -> Vec<String> {
        self.tell(Input::TalkEnded { id: ConsultantId(id), call: CallId(call) })
    }

    pub(crate) fn state(&self, id: u32) -> ConsultantState {
        let snapshot = self.queue.snapshot();
        snapshot.consultants.into_iter().find(|d| d.id == ConsultantId(id)).expect("known").state
    }
}

pub(crate) fn strings(words: &[&str]) -> Vec<String> {
    words.iter().map(|s| (*s).to_owned()).collect()
}

pub(crate) fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Only the lines that begin with one of `words` (a clock before it does not matter).
pub(crate) fn only(lines: Vec<String>, words: &[&str]) -> Vec<String> {
    lines.into_iter().filter(|l| words.iter().any(|w| l.split(' ').any(|x| x == *w))).collect()
}

fn line(output: &Output) -> String {
    match output {
        Output::Offer { offer, call, consultant } => format!("offer {call} to {consultant} as {offer}"),
        Output::Withdraw { offer, why } => format!("withdraw {offer}: {why:?}"),
        Output::Connect { call, consultant, .. } => format!("connect {call} with {consultant}"),
        Output::Returned { call, why: Back::Refused(why) } => format!("returned {call}: {why:?}"),
        Output::Returned { call, why: Back::Withdrawn(why) } => format!("returned {call}: {why:?}"),
        Output::Announce { call, position, first } => {
            format!("announce {call} is {position}{}", if *first { " first" } else { "" })
        }
        Output::State { consultant, state, .. } => format!("state {consultant} {state:?}"),
        Output::Entered { call, position } => format!("entered {call} as {position}"),
        Output::Left { call, why, waited } => format!("left {call} {why:?} after {}s", waited.as_secs()),
    }
}
