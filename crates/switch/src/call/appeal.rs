//! The appeal's number, given within the talk (FEATURES A1) or in the wrap-up, and read out.

use super::{Call, State};
use crate::api::{CallOf, Command, Reply};
use crate::facts::Author;
use crate::rooms::{Output, Rooms};
use senim_appeals::AppealNumber;
use senim_base::{CallId, ConsultantId, Language};
use senim_ivr::{Word, spoken};

impl Call {
    /// Registers a new appeal for this call, or links it to the one keyed; both hear the number.
    pub(super) fn appeal_while_talking(&mut self, keyed: Option<&str>, rooms: &mut Rooms) {
        let State::Talking(t) = &self.state else { return };
        let consultant = t.consultant;
        let language = self.language();
        let call = CallOf::Call(self.id);
        match appeal(consultant, call, keyed, language, rooms) {
            Some(words) => self.tell(&words, true, rooms),
            None => self.tell_consultant("appeal_unknown", rooms),
        }
    }

    pub(super) fn tell_consultant(&mut self, prompt: &str, rooms: &mut Rooms) {
        let State::Talking(t) = &self.state else { return };
        let language = super::arrive::language_of(t.consultant, rooms);
        self.tell(&[Word { language, name: prompt.to_owned() }], false, rooms);
    }
}

/// Registers or links, and gives the words that say so; `None` when the number is not known or none is left.
pub(super) fn appeal(
    consultant: ConsultantId,
    call: CallOf,
    keyed: Option<&str>,
    language: Language,
    rooms: &mut Rooms,
) -> Option<Vec<Word>> {
    let by = Author::Consultant(consultant);
    let (command, number) = match keyed {
        None => (Command::RegisterAppeal { call, by }, None),
        Some(digits) => {
            let number = digits.parse::<AppealNumber>().ok()?;
            (Command::LinkAppeal { number, call, by }, Some(number))
        }
    };
    let (facts, reply) = rooms.books.decide(&command, rooms.wall()).ok()?;
    enter(facts, rooms);
    rooms.out.push_back(Output::Settle);
    let (name, number) = match reply {
        Reply::Registered { number, .. } => ("appeal_registered", number),
        _ => ("appeal_linked", number?),
    };
    let mut words = vec![Word { language, name: name.to_owned() }];
    words.extend(spoken::appeal_number(&number.keyed(), language));
    Some(words)
}

/// Enters the facts of a decided command.
pub(crate) fn enter(facts: Vec<(Option<CallId>, crate::facts::Fact)>, rooms: &mut Rooms) {
    for (call, fact) in facts {
        rooms.totals.appeals += u64::from(matches!(fact, crate::facts::Fact::AppealRegistered { .. }));
        rooms.fact(call, fact);
    }
}
