//! A consultant dials a feature code: it is carried out, confirmed in his language, and the line hangs up.

use super::{Call, State, arrive::language_of, keys::APPEAL_DIGITS, keys::Code};
use crate::api::{CallOf, Duty};
use crate::facts::EndCause;
use crate::rooms::Rooms;
use senim_base::{ConsultantId, PlayId};
use senim_ivr::Word;
use senim_media::Order;

/// A feature call.
#[derive(Debug)]
pub(crate) struct Feature {
    pub(super) consultant: ConsultantId,
    /// What was said last; the call ends with it, unless digits are being asked for.
    saying: Option<PlayId>,
    asking: Option<Digits>,
}

/// Digits being keyed.
#[derive(Default)]
struct Digits(String);

impl core::fmt::Debug for Digits {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Digits({} keyed)", self.0.len())
    }
}

impl Feature {
    pub(super) fn new(consultant: ConsultantId) -> Self {
        Feature { consultant, saying: None, asking: None }
    }
}

impl Call {
    pub(super) fn feature_dialled(&mut self, dialled: &str, rooms: &mut Rooms) {
        let State::Feature(f) = &self.state else { return };
        let consultant = f.consultant;
        let name = match Code::read(dialled, &rooms.settings.features) {
            Some(Code::SignIn) => self.duty(consultant, &Duty::SignIn, "consultant_signed_in", rooms),
            Some(Code::SignOut) => self.duty(consultant, &Duty::SignOut, "consultant_signed_out", rooms),
            Some(Code::TakeBreak) => {
                self.duty(consultant, &Duty::Break("break".into()), "consultant_break", rooms)
            }
            Some(Code::Ready) => self.duty(consultant, &Duty::Ready, "consultant_ready", rooms),
            Some(Code::AppealNew) => return self.appeal_after_talk(consultant, None, rooms),
            Some(Code::AppealLink(digits)) if digits.len() == APPEAL_DIGITS => {
                return self.appeal_after_talk(consultant, Some(&digits), rooms);
            }
            Some(Code::AppealLink(digits)) if digits.is_empty() => {
                if let State::Feature(f) = &mut self.state {
                    f.asking = Some(Digits::default());
                }
                "consultant_ask_appeal"
            }
            Some(Code::AppealLink(_)) => "appeal_unknown",
            Some(Code::Forward | Code::Transfer(_) | Code::Conference | Code::TakeBack) => {
                "consultant_refused"
            }
            None => "feature_unknown",
        };
        self.feature_say_prompt(name, rooms);
    }

    fn duty(
        &self,
        consultant: ConsultantId,
        duty: &Duty,
        done: &'static str,
        rooms: &mut Rooms,
    ) -> &'static str {
        let login = rooms.books.person(consultant).map(|p| p.login.clone()).unwrap_or_default();
        match crate::duty::carry_out(&login, duty, rooms) {
            Ok(()) => done,
            Err(_) => "consultant_refused",
        }
    }

    fn appeal_after_talk(&mut self, consultant: ConsultantId, keyed: Option<&str>, rooms: &mut Rooms) {
        let language = language_of(consultant, rooms);
        let login = rooms.books.person(consultant).map(|p| p.login.clone()).unwrap_or_default();
        match super::appeal::appeal(consultant, CallOf::Consultant(login), keyed, language, rooms) {
            Some(words) => self.feature_say(&words, rooms),
            None if keyed.is_none() => self.feature_say_prompt("consultant_refused", rooms),
            None => self.feature_say_prompt("appeal_unknown", rooms),
        }
    }

    /// Digits of the appeal number that was asked for; `#` ends them early.
    pub(super) fn feature_key(&mut self, key: char, rooms: &mut Rooms) {
        let State::Feature(f) = &mut self.state else { return };
        let Some(digits) = &mut f.asking else { return };
        if key.is_ascii_digit() {
            digits.0.push(key);
        }
        if key != '#' && digits.0.len() < APPEAL_DIGITS {
            return;
        }
        let keyed = core::mem::take(&mut digits.0);
        let consultant = f.consultant;
        f.asking = None;
        self.appeal_after_talk(consultant, Some(&keyed), rooms);
    }

    fn feature_say_prompt(&mut self, name: &str, rooms: &mut Rooms) {
        let State::Feature(f) = &self.state else { return };
        let language = language_of(f.consultant, rooms);
        self.feature_say(&[Word { language, name: name.to_owned() }], rooms);
    }

    fn feature_say(&mut self, words: &[Word], rooms: &mut Rooms) {
        let play = rooms.say(self.id, self.caller_leg, words, false);
        // A consultant who stops keying is not asked for ever.
        rooms.order(
            self.id,
            Order::Inactivity { leg: self.caller_leg, after: rooms.settings.media.consultant_inactivity },
        );
        if let State::Feature(f) = &mut self.state {
            f.saying = Some(play);
        }
    }

    pub(super) fn feature_said(&mut self, play: PlayId, rooms: &mut Rooms) {
        let State::Feature(f) = &mut self.state else { return };
        if f.saying.take_if(|p| *p == play).is_some() && f.asking.is_none() {
            self.hang_up(EndCause::Completed, rooms);
        }
    }
}
