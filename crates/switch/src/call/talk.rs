//! Caller and consultant talk: joined, on hold, told something by the line, parted.

use super::{Call, State, consult::Aside, keys::Keys, leg::Leg, second_phone::SecondPhone};
use crate::facts::{EndCause, Fact, ForwardResult, ms};
use crate::rooms::Rooms;
use core::time::Duration;
use senim_base::{ConsultantId, Instant, LegId, PlayId};
use senim_ivr::Word;
use senim_media::Order;
use senim_queue::Input as QueueInput;
use senim_sip::SessionId;

/// Who hangs up within this time after a caller was given to him has not noticed it.
const UNKNOWING: Duration = Duration::from_secs(1);

/// A talk.
#[derive(Debug)]
pub(crate) struct Talking {
    pub(crate) consultant: ConsultantId,
    pub(crate) leg: Leg,
    pub(crate) since: Instant,
    pub(crate) held: bool,
    /// Whom he asks while the caller waits.
    pub(super) aside: Option<Aside>,
    /// A second phone of his in the talk.
    pub(super) second: Option<SecondPhone>,
    /// The caller was given to him while he talked with his colleague.
    pub(super) given: bool,
    /// On this session his phone asked by REFER for what is being done, and waits to hear how it goes.
    pub(super) referred: Option<SessionId>,
    /// What the line tells the two (an appeal's number): they hear each other again when the last of it ended.
    pub(super) telling: Vec<PlayId>,
    pub(super) keys: Keys,
}

impl Talking {
    pub(super) fn new(consultant: ConsultantId, leg: Leg, since: Instant) -> Self {
        Talking {
            consultant,
            leg,
            since,
            held: false,
            aside: None,
            second: None,
            given: false,
            referred: None,
            telling: Vec::new(),
            keys: Keys::default(),
        }
    }
}

impl Talking {
    /// He hangs up so soon that he means his colleague: he cannot know yet that he has the caller.
    pub(super) fn hangs_up_unknowing(&self, now: Instant) -> bool {
        self.given && now.since(self.since) < UNKNOWING
    }

    /// The legs of his phones that are in the talk.
    pub(super) fn phones(&self) -> Vec<LegId> {
        let second = self.second.as_ref().filter(|s| s.in_talk).map(|s| s.own.leg.id);
        [Some(self.leg.id), second].into_iter().flatten().collect()
    }

    /// What is keyed on this leg is for the line.
    pub(super) fn keys_come_from(&self, leg: LegId) -> bool {
        self.phones().contains(&leg) || self.aside.as_ref().is_some_and(|aside| aside.is_own(leg))
    }

    /// His leg, or one of those with whom he talks aside.
    pub(super) fn leg_mut(&mut self, leg: LegId) -> Option<&mut Leg> {
        let second = self.second.as_mut().map(|s| &mut s.own.leg);
        let mut his = [Some(&mut self.leg), second].into_iter().flatten();
        match his.find(|l| l.id == leg) {
            Some(found) => Some(found),
            None => self.aside.as_mut().and_then(|aside| aside.leg_mut(leg)),
        }
    }
}

impl Call {
    /// A consultant's keys are for the line, not for the caller's ear; his silence means a lost softphone.
    pub(super) fn guard_consultant(&mut self, rooms: &mut Rooms) {
        let State::Talking(t) = &self.state else { return };
        let after = rooms.settings.media.consultant_inactivity;
        for leg in t.phones() {
            rooms.order(self.id, Order::AbsorbDigits { leg, on: true });
            rooms.order(self.id, Order::Inactivity { leg, after });
        }
    }

    /// Tells the consultant something, and the caller too when it is for both.
    pub(super) fn tell(&mut self, words: &[Word], caller_too: bool, rooms: &mut Rooms) {
        let (id, caller) = (self.id, self.caller_leg);
        let State::Talking(t) = &mut self.state else { return };
        t.telling = vec![rooms.say(id, t.leg.id, words, false)];
        if caller_too && !t.held {
            t.telling.push(rooms.say(id, caller, words, false));
        }
    }

    /// Tells the caller something; the consultant waits.
    pub(super) fn tell_caller(&mut self, prompt: &str, rooms: &mut Rooms) {
        let play = rooms.prompt(self.id, self.caller_leg, self.language(), prompt);
        if let State::Talking(t) = &mut self.state {
            t.telling.push(play);
        }
    }

    pub(super) fn told(&mut self, play: PlayId, rooms: &mut Rooms) {
        let State::Talking(t) = &mut self.state else { return };
        let before = t.telling.len();
        t.telling.retain(|p| *p != play);
        if before > 0 && t.telling.is_empty() {
            self.join(rooms);
        }
    }

    /// The consultant's softphone changed its media: hold, resume, or only another port.
    pub(super) fn consultant_media_changed(&mut self, rooms: &mut Rooms) {
        let State::Talking(t) = &mut self.state else { return };
        let (held, consultant) = (t.leg.holds_us(), t.consultant);
        if held == t.held {
            return;
        }
        t.held = held;
        let fact = if held { Fact::Held { consultant } } else { Fact::Resumed { consultant } };
        self.fact(fact, rooms);
        self.join(rooms);
    }

    /// The consultant's side was lost, not hung up: the caller goes back to the front, with a word.
    pub(super) fn consultant_lost(&mut self, why: EndCause, rooms: &mut Rooms) {
        let State::Talking(t) = core::mem::replace(&mut self.state, State::Script) else { return };
        self.fact(Fact::ConsultantLost { consultant: t.consultant, why }, rooms);
        self.part(t, rooms);
        self.wait_with_a_word("transfer_back", rooms);
    }

    /// The caller hears a word, then waits at his old place.
    pub(super) fn wait_with_a_word(&mut self, prompt: &str, rooms: &mut Rooms) {
        let play = rooms.prompt(self.id, self.caller_leg, self.language(), prompt);
        self.saying = Some((play, senim_ivr::SayId::default()));
        self.wait_again(rooms);
    }

    /// Ends the talk for the consultant: his leg is closed, his wrap-up begins.
    pub(super) fn part(&mut self, mut t: Talking, rooms: &mut Rooms) {
        let (consultant, call) = (t.consultant, self.id);
        if let Some(aside) = t.aside.take() {
            let result = if aside.answered { ForwardResult::Connected } else { ForwardResult::CallerLeft };
            self.drop_aside(consultant, aside, result, None, rooms);
        }
        if let Some(second) = t.second.take() {
            second.own.end(call, second.in_talk, None, rooms);
        }
        let talked_ms = ms(rooms.now.since(t.since));
        self.fact(Fact::TalkEnded { consultant, talked_ms }, rooms);
        rooms.queue_inputs.push_back(QueueInput::TalkEnded { id: consultant, call });
        t.leg.close(call, rooms);
    }

    /// A leg fell silent for too long (FEATURES T14).
    pub(super) fn on_media_lost(&mut self, leg: LegId, rooms: &mut Rooms) {
        if leg == self.caller_leg {
            self.on_party_gone(leg, EndCause::MediaLost, rooms);
            return;
        }
        match &self.state {
            State::Talking(t) if t.leg.id == leg && t.held => {}
            State::Talking(_) => self.on_party_gone(leg, EndCause::MediaLost, rooms),
            State::Transferring(_) => self.left_transferring(leg, EndCause::MediaLost, rooms),
            State::Forwarded(l) if l.id == leg => self.on_party_gone(leg, EndCause::MediaLost, rooms),
            State::Direct(_) => self.on_party_gone(leg, EndCause::MediaLost, rooms),
            _ => {}
        }
    }
}
