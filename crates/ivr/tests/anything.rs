//! Whatever a caller does, in whatever order, he is never lost: a human is always one patience away.

mod common;

use common::{Story, script};
use proptest::prelude::*;
use senim_base::Instant;
use senim_ivr::{ENTERED_MAX, Input, Output, Place, Run, SayId, ScriptChanged};

/// One thing that can happen.
#[derive(Clone, Debug)]
enum Thing {
    Key(char),
    Played,
    Status(bool),
    Answered,
    Failed,
    Ended,
    Patience,
    Crash,
}

fn thing() -> impl Strategy<Value = Thing> {
    let keys: Vec<char> = "0123456789*#AD".chars().collect();
    prop_oneof![
        8 => prop::sample::select(keys).prop_map(Thing::Key),
        4 => Just(Thing::Played),
        1 => any::<bool>().prop_map(Thing::Status),
        1 => Just(Thing::Answered),
        1 => Just(Thing::Failed),
        1 => Just(Thing::Ended),
        2 => Just(Thing::Patience),
        1 => Just(Thing::Crash),
    ]
}

/// A caller and a line that lose nothing of what the run says.
struct World {
    run: Run,
    now: Instant,
    playing: Option<SayId>,
    queued: bool,
    forwarding: bool,
    hung_up: bool,
    languages: u32,
}

impl World {
    fn of(name: &str) -> World {
        let run = Run::new(script(name));
        let mut w = World {
            run,
            now: Instant::ZERO,
            playing: None,
            queued: false,
            forwarding: false,
            hung_up: false,
            languages: 0,
        };
        w.give(Input::Start);
        w
    }

    fn give(&mut self, input: Input<'_>) {
        self.run.handle(input, self.now).expect("a possible input");
        while let Some(output) = self.run.poll() {
            assert!(!self.hung_up, "nothing follows the end");
            match output {
                Output::Say { id, words, .. } => {
                    assert!(!words.is_empty());
                    self.playing = Some(id);
                }
                Output::Hush => self.playing = None,
                Output::LanguageSet(language) => {
                    self.languages += 1;
                    assert_eq!(self.run.language(), Some(language));
                }
                Output::Queue(p) => {
                    assert_eq!(Some(p.language), self.run.language());
                    (self.queued, self.forwarding) = (true, false);
                }
                Output::Forward { .. } => self.forwarding = true,
                Output::HangUp { .. } => self.hung_up = true,
                Output::Entered { .. } | Output::Key { .. } | Output::AskStatus { .. } => {}
            }
        }
    }

    fn meet(&mut self, thing: &Thing) {
        match thing {
            Thing::Key(key) => self.give(Input::Digit(*key)),
            Thing::Played => {
                let say = self.playing.take().unwrap_or_default();
                self.give(Input::Played(say));
            }
            Thing::Status(known) => self.give(Input::StatusAnswer(known.then_some("status_closed"))),
            Thing::Answered => self.give(Input::ForwardAnswered),
            Thing::Failed => self.give(Input::ForwardFailed),
            Thing::Ended => self.give(Input::ForwardEnded),
            Thing::Patience => {
                if let Some((at, _)) = self.run.deadline() {
                    self.now = at;
                }
                self.give(Input::Timeout);
            }
            Thing::Crash => self.crash(),
        }
    }

    /// The program is killed and takes the call up again from what it had saved.
    fn crash(&mut self) {
        let saved = serde_json::to_string(self.run.place()).expect("plain data");
        let place: Place = serde_json::from_str(&saved).expect("the same data");
        let script = self.run.script().clone();
        self.run = Run::resume(script, place, self.now).expect("the same script");
        while let Some(output) = self.run.poll() {
            if let Output::Say { id, .. } = output {
                self.playing = Some(id);
            }
        }
    }
}

proptest! {
    /// FEATURES I2, Z4.
    #[test]
    fn after_anything_a_caller_who_does_nothing_more_gets_a_human(
        things in prop::collection::vec(thing(), 0..80),
        name in prop::sample::select(vec!["111", "minimal"]),
    ) {
        let mut w = World::of(name);
        for t in &things {
            w.meet(t);
        }
        prop_assert!(w.languages <= 1, "the language is set once");
        // The script of the line hangs up only when the other centre did.
        prop_assert!(!w.hung_up || things.iter().any(|t| matches!(t, Thing::Ended)));
        for _ in 0..40 {
            if w.run.deadline().is_some() {
                w.meet(&Thing::Patience);
            } else if w.forwarding && !w.hung_up {
                w.meet(&Thing::Failed);
            }
        }
        prop_assert!(w.queued || w.hung_up, "lost in {}", w.run.step());
    }
}

#[test]
fn a_killed_program_takes_the_call_up_where_it_was() {
    let mut w = World::of("111");
    for key in "2420260".chars() {
        w.give(Input::Digit(key));
    }
    w.crash();
    assert_eq!(w.run.step(), "appeal");
    assert_eq!(w.run.language().map(|l| l.code()), Some("ru"), "he is not asked again");
    w.give(Input::Digit('0'));
    assert!(w.queued, "the number is asked for anew, so 0 is urgent");
    w.crash();
    assert_eq!((w.run.step(), w.run.deadline()), ("urgent", None), "he waits as before");
}

#[test]
fn a_call_of_another_wording_is_not_taken_up() {
    let place = Run::new(script("111")).place().clone();
    assert_eq!(Run::resume(script("minimal"), place, Instant::ZERO).err(), Some(ScriptChanged));
}

#[test]
fn who_plays_with_the_menu_without_end_gets_a_human() {
    let mut s = Story::of("111");
    s.keys("2");
    let mut rounds = 0;
    while s.queued.is_empty() {
        s.keys("420260001238").give(Input::StatusAnswer(Some("status_closed"))).listen();
        rounds += 1;
        assert!(rounds <= ENTERED_MAX, "he goes round for ever");
    }
    assert!(rounds > ENTERED_MAX / 4, "nobody is cut short who only looks up a few appeals");
    assert_eq!(s.queued[0].topic, None);
    assert!(!s.queued[0].urgent);
}
