//! Caller and consultant talk: joined, on hold, told something by the line, parted.

use super::{Call, State, keys::Keys, leg::Leg};
use crate::facts::{EndCause, Fact, ms};
use crate::rooms::Rooms;
use senim_base::{ConsultantId, Instant, LegId, PlayId};
use senim_ivr::Word;
use senim_media::Order;
use senim_queue::Input as QueueInput;

/// A talk.
#[derive(Debug)]
pub(crate) struct Talking {
    pub(crate) consultant: ConsultantId,
    pub(crate) leg: Leg,
    pub(crate) since: Instant,
    pub(crate) held: bool,
    /// What the line tells the two (an appeal's number): they hear each other again when the last of it ended.
    telling: Vec<PlayId>,
    pub(super) keys: Keys,
}

impl Talking {
    pub(super) fn new(consultant: ConsultantId, leg: Leg, since: Instant) -> Self {
        Talking { consultant, leg, since, held: false, telling: Vec::new(), keys: Keys::default() }
    }
}

impl Call {
    /// Each hears the other; a caller on hold hears music.
    pub(super) fn join(&mut self, rooms: &mut Rooms) {
        let State::Talking(t) = &mut self.state else { return };
        t.telling.clear();
        rooms.order(self.id, Order::Bridge { a: self.caller_leg, b: t.leg.id });
        if t.held {
            rooms.loop_common(self.id, self.caller_leg, "music");
        }
    }

    /// A consultant's keys are for the line, not for the caller's ear; his silence means a lost softphone.
    pub(super) fn guard_consultant(&mut self, rooms: &mut Rooms) {
        let State::Talking(t) = &self.state else { return };
        let leg = t.leg.id;
        let after = rooms.settings.media.consultant_inactivity;
        rooms.order(self.id, Order::AbsorbDigits { leg, on: true });
        rooms.order(self.id, Order::Inactivity { leg, after });
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
    pub(super) fn part(&mut self, t: Talking, rooms: &mut Rooms) {
        let (consultant, call) = (t.consultant, self.id);
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
            State::Talking(t) if t.leg.id == leg && !t.held => {
                self.consultant_lost(EndCause::MediaLost, rooms);
            }
            State::Forwarded(l) if l.id == leg => self.on_party_gone(leg, EndCause::MediaLost, rooms),
            State::Direct(_) => self.on_party_gone(leg, EndCause::MediaLost, rooms),
            _ => {}
        }
    }
}
