//! A caller on a script with virtual time: no phone, no sound, no clock. What happens is written down as it happens.
#![allow(dead_code)] // each test file uses its part

use core::fmt::Write;
use core::time::Duration;
use senim_base::Instant;
use senim_ivr::{Input, Output, Run, SayId, Script, Word, World};
use std::sync::Arc;

/// How long each recorded word is, here.
const WORD: Duration = Duration::from_secs(2);

/// The text of a shipped script.
pub(crate) fn text(name: &str) -> String {
    let path = format!("{}/../../ivr-scripts/{name}.toml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).expect("the script is shipped")
}

/// The text of a shipped script without its own stories: what is changed in it is judged by the proof alone.
pub(crate) fn steps(name: &str) -> String {
    text(name).split("\n[[test]]").next().expect("the steps come first").to_owned()
}

/// A shipped script.
pub(crate) fn script(name: &str) -> Arc<Script> {
    Arc::new(Script::read(&format!("{name}.toml"), &text(name), &World::unknown()).expect("it is proven"))
}

/// One call, told as a story.
pub(crate) struct Story {
    pub(crate) run: Run,
    pub(crate) now: Instant,
    pub(crate) told: String,
    playing: Option<(SayId, usize)>,
    pub(crate) hung_up: bool,
    pub(crate) queued: Vec<senim_ivr::Placement>,
}

impl Story {
    /// The call is answered.
    pub(crate) fn of(name: &str) -> Story {
        Story::follow(script(name))
    }

    pub(crate) fn follow(script: Arc<Script>) -> Story {
        let mut story = Story {
            run: Run::new(script),
            now: Instant::from_secs(100),
            told: String::new(),
            playing: None,
            hung_up: false,
            queued: Vec::new(),
        };
        story.give(Input::Start);
        story
    }

    pub(crate) fn give(&mut self, input: Input<'_>) -> &mut Self {
        self.run.handle(input, self.now).expect("a possible input");
        while let Some(output) = self.run.poll() {
            self.tell(output);
        }
        self
    }

    /// The caller presses keys, one a tenth of a second.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for key in keys.chars() {
            self.now += Duration::from_millis(100);
            self.line(&format!("< {key}"));
            self.give(Input::Digit(key));
        }
        self
    }

    /// What plays is heard to its end.
    pub(crate) fn listen(&mut self) -> &mut Self {
        let (say, words) = self.playing.take().expect("something plays");
        self.now += WORD * u32::try_from(words).expect("few");
        self.give(Input::Played(say))
    }

    /// The caller does nothing until the script loses patience.
    pub(crate) fn silence(&mut self) -> &mut Self {
        let (at, reason) = self.run.deadline().expect("the script waits for something");
        self.now = at;
        self.line(&format!("… {reason:?}"));
        self.give(Input::Timeout)
    }

    /// Something else happens.
    pub(crate) fn then(&mut self, what: &str, input: Input<'_>) -> &mut Self {
        self.line(&format!("! {what}"));
        self.give(input)
    }

    fn line(&mut self, text: &str) {
        let at = self.now.since(Instant::from_secs(100)).as_millis();
        writeln!(self.told, "{}.{} {text}", at / 1000, at % 1000 / 100).expect("memory");
    }

    fn tell(&mut self, output: Output) {
        match output {
            Output::Say { id, words, repeat } => {
                self.playing = Some((id, words.len()));
                let all: Vec<String> =
                    words.iter().map(|Word { language, name }| format!("{language}:{name}")).collect();
                self.line(&format!("> {}{}", all.join(" "), if repeat { " for ever" } else { "" }));
            }
            Output::Hush => {
                assert!(self.playing.take().is_some(), "nothing plays that could be hushed");
                self.line("hush");
            }
            Output::Entered { step } => self.line(&format!("[{step}]")),
            Output::Key { step, key } => self.line(&format!("key {key} in {step}")),
            Output::LanguageSet(language) => self.line(&format!("language {language}")),
            Output::Queue(p) => {
                let topic = p.topic.as_deref().unwrap_or("any topic");
                let urgent = if p.urgent { ", urgent" } else { "" };
                self.line(&format!(
                    "queue {} {} {topic} priority {}{urgent}",
                    p.queue, p.language, p.priority
                ));
                self.queued.push(p);
            }
            Output::Forward { to, whole } => {
                self.line(&format!("forward to {to}, notice {}", if whole { "heard" } else { "cut short" }));
            }
            Output::AskStatus { number } => self.line(&format!("status of {}?", number.reveal())),
            Output::HangUp { ending } => {
                self.hung_up = true;
                self.line(&format!("hang up: {ending}"));
            }
        }
    }
}
