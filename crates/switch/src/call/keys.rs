//! Keys that a consultant presses while he talks: `*` begins a feature code, digits of an appeal number may follow.

use super::{Call, State};
use crate::rooms::Rooms;
use crate::settings::Features;

/// Longest run of keys kept: a code and an appeal number.
const KEYS_MAX: usize = 16;
/// Digits of an appeal number as keyed.
pub(super) const APPEAL_DIGITS: usize = 11;

/// What was keyed since the last `*`.
#[derive(Default)]
pub(crate) struct Keys(String);

impl core::fmt::Debug for Keys {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Keys({} keys)", self.0.len())
    }
}

/// A whole feature code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Code {
    SignIn,
    SignOut,
    TakeBreak,
    Ready,
    Forward,
    AppealNew,
    /// With the digits behind the code.
    AppealLink(String),
    /// With the number behind the code; without one, to whom was asked before.
    Transfer(String),
    Conference,
    TakeBack,
}

impl Code {
    /// Reads what was dialled. `None`: no such code.
    pub(crate) fn read(dialled: &str, features: &Features) -> Option<Code> {
        let plain = [
            (&features.sign_in, Code::SignIn),
            (&features.sign_out, Code::SignOut),
            (&features.take_break, Code::TakeBreak),
            (&features.ready, Code::Ready),
            (&features.forward, Code::Forward),
            (&features.appeal_new, Code::AppealNew),
            (&features.conference, Code::Conference),
            (&features.take_back, Code::TakeBack),
        ];
        let exact = plain.into_iter().find(|(code, _)| code.as_str() == dialled).map(|(_, c)| c);
        let behind =
            |code: &str| dialled.strip_prefix(code).filter(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        let link = || behind(&features.appeal_link).filter(|digits| digits.len() <= APPEAL_DIGITS);
        let transfer = || behind(&features.transfer);
        exact
            .or_else(|| link().map(|digits| Code::AppealLink(digits.to_owned())))
            .or_else(|| transfer().map(|number| Code::Transfer(number.to_owned())))
    }
}

impl Keys {
    /// Takes a key; gives the code once it is whole. An appeal number may be cut short by `#`; the number of a transfer
    /// always ends with it.
    pub(super) fn press(&mut self, key: char, features: &Features) -> Option<Code> {
        match key {
            '*' => self.0 = String::from("*"),
            '#' => {
                let code = Code::read(&self.0, features);
                self.0.clear();
                return code;
            }
            _ if self.0.is_empty() => return None,
            _ => self.0.push(key),
        }
        if self.0.len() > KEYS_MAX {
            self.0.clear();
            return None;
        }
        let code = match Code::read(&self.0, features)? {
            Code::AppealLink(digits) if digits.len() < APPEAL_DIGITS => return None,
            Code::Transfer(_) => return None,
            code => code,
        };
        self.0.clear();
        Some(code)
    }
}

impl Call {
    /// The consultant presses a key. `#` alone cuts short what the line tells.
    pub(super) fn consultant_key(&mut self, key: char, rooms: &mut Rooms) {
        let State::Talking(t) = &mut self.state else { return };
        let idle = t.keys.0.is_empty();
        match t.keys.press(key, &rooms.settings.features) {
            Some(Code::Transfer(number)) if number.is_empty() => self.hand_over_by_key(rooms),
            Some(Code::Transfer(number)) => self.consult_by_keys(&number, rooms),
            Some(Code::Conference) => self.conference_key(rooms),
            Some(Code::TakeBack) => self.take_back_key(rooms),
            Some(Code::Forward) => self.forward_by_consultant(rooms),
            Some(Code::AppealNew) => self.appeal_while_talking(None, rooms),
            Some(Code::AppealLink(digits)) => self.appeal_while_talking(Some(&digits), rooms),
            Some(_) => self.tell_consultant("consultant_refused", rooms),
            None if key == '#' && idle => self.join(rooms),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(keys: &str) -> Vec<Code> {
        let (mut k, f) = (Keys::default(), Features::default());
        keys.chars().filter_map(|c| k.press(c, &f)).collect()
    }

    #[test]
    fn codes_are_read_as_they_are_keyed() {
        assert_eq!(press("12*20"), vec![Code::AppealNew]);
        assert_eq!(press("*14"), vec![Code::Forward]);
        assert_eq!(press("*2120260001234"), vec![Code::AppealLink("20260001234".into())]);
        assert_eq!(press("*2*20"), vec![Code::AppealNew]);
        assert_eq!(press("*21123#"), vec![Code::AppealLink("123".into())]);
        assert_eq!(press("*99*10"), vec![Code::SignIn]);
        assert_eq!(press("*999999999999999999999"), vec![]);
        assert_eq!(press("20"), vec![]);
        assert_eq!(press("*157001"), vec![]);
        assert_eq!(press("*157001#*16"), vec![Code::Transfer("7001".into()), Code::Conference]);
        assert_eq!(press("*15#*17"), vec![Code::Transfer(String::new()), Code::TakeBack]);
    }
}
