//! The script speaks with the caller: what he keys goes in, what it wants said, noted or done comes out.

use super::{Call, State};
use crate::facts::{Author, EndCause, Fact};
use crate::rooms::{Rooms, Wake};
use senim_appeals::AppealNumber;
use senim_base::Redacted;
use senim_ivr::{Input, Output, SayId};
use senim_media::Order;

impl Call {
    pub(super) fn script_digit(&mut self, digit: char, rooms: &mut Rooms) {
        self.run_script(Input::Digit(digit), rooms);
    }

    pub(super) fn script_said(&mut self, say: SayId, rooms: &mut Rooms) {
        self.run_script(Input::Played(say), rooms);
    }

    pub(super) fn script_due(&mut self, rooms: &mut Rooms) {
        self.run_script(Input::Timeout, rooms);
    }

    /// Gives the script an input and does all that it asks for in return.
    pub(super) fn run_script(&mut self, input: Input<'_>, rooms: &mut Rooms) {
        let Some(mut run) = self.run.take() else { return };
        // A fault here is an input that came late (a play that was replaced, a timer of a step left): nothing is due.
        let _late = run.handle(input, rooms.now);
        loop {
            match run.poll() {
                Some(Output::AskStatus { number }) => {
                    let name = self.status_prompt(&number, rooms);
                    let _late = run.handle(Input::StatusAnswer(name), rooms.now);
                }
                Some(other) => self.script_wants(other, rooms),
                None if core::mem::take(&mut self.forward_refused) => {
                    let _late = run.handle(Input::ForwardFailed, rooms.now);
                }
                None => break,
            }
        }
        match run.deadline() {
            Some((at, _)) => rooms.timers.set((self.id, Wake::Script), at),
            None => {
                rooms.timers.cancel((self.id, Wake::Script));
            }
        }
        if !matches!(self.state, State::Over) {
            self.run = Some(run);
        }
    }

    fn script_wants(&mut self, output: Output, rooms: &mut Rooms) {
        match output {
            Output::Say { id, words, repeat } => {
                let play = rooms.say(self.id, self.caller_leg, &words, repeat);
                self.saying = Some((play, id));
            }
            Output::Hush => {
                self.saying = None;
                rooms.order(self.id, Order::Silence { leg: self.caller_leg });
            }
            Output::Entered { step } => self.fact(Fact::Step { step }, rooms),
            Output::Key { step, key } => {
                self.fact(Fact::Key { step, key: Redacted::new(key) }, rooms);
            }
            Output::LanguageSet(language) => {
                self.language = Some(language);
                self.fact(Fact::LanguageSet { language }, rooms);
            }
            Output::Queue(placement) => self.enter_queue(placement, rooms),
            Output::Forward { to, whole } => {
                self.fact(Fact::NoticeHeard { whole }, rooms);
                self.forward_by_script(&to, rooms);
            }
            Output::HangUp { .. } => {
                // A notice to a blocked caller is no service to him.
                self.marks.served |= !self.blocked;
                self.hang_up(EndCause::Completed, rooms);
            }
            Output::AskStatus { .. } => {}
        }
    }

    /// Which prompt tells the status of the keyed appeal number; `None` when there is no such appeal.
    fn status_prompt(&self, keyed: &Redacted<String>, rooms: &mut Rooms) -> Option<&'static str> {
        let number = keyed.reveal().parse::<AppealNumber>().ok();
        let status = number.and_then(|n| rooms.books.appeals().status(n));
        self.fact(Fact::StatusAsked { known: status.is_some() }, rooms);
        status.map(|s| s.prompt())
    }

    /// The forward that the script asked for did not come about: it says what then.
    pub(super) fn script_forward_failed(&mut self, rooms: &mut Rooms) {
        self.state = State::Script;
        if self.run.is_some() {
            self.run_script(Input::ForwardFailed, rooms);
        } else {
            // The script is in the middle of an input: it hears of it as soon as it has said all it wants.
            self.forward_refused = true;
        }
    }

    fn forward_by_script(&mut self, to: &str, rooms: &mut Rooms) {
        self.fact(Fact::ForwardBegan { to: to.to_owned(), by: Author::Caller }, rooms);
        self.begin_dialling(to, None, true, rooms);
    }
}
