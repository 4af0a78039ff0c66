//! Callers: INVITE, ACK, what is heard, BYE from either side.

use crate::args::Work;
use crate::engine::{Engine, Side, Timer};
use crate::pending::{Pending, Turn};
use crate::words::{self, Speaker};
use senim_sip::{Builder, Message, Method};
use std::time::Duration;

/// The digit that ends a call to `ivr`.
const NINE: u8 = 9;
/// A refused or lost call is told as this when nothing came at all.
const TIMEOUT: u16 = 408;

/// Where a call is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum State {
    #[default]
    Inviting,
    Talking,
    /// BYE or CANCEL is on its way.
    Ending,
    Over,
}

/// A call of a caller.
#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    pub(crate) state: State,
    pub(crate) leg: Option<usize>,
    pub(crate) begun: u64,
    pub(crate) set_up_ns: Option<u64>,
    pub(crate) refused: Option<u16>,
    /// The consultant was heard.
    pub(crate) through: bool,
    speaker: Speaker,
    pending: Option<Pending>,
    ack: Vec<u8>,
}

impl Call {
    /// One that stands without any signalling.
    pub(crate) fn standing(leg: Option<usize>) -> Call {
        Call { leg, state: State::Talking, ..Call::default() }
    }
}

impl Engine {
    /// The next caller dials, and the one after him is told when.
    pub(crate) fn begin_call(&mut self, due: u64, now: u64) {
        let index = self.calls.len();
        let done = if self.work == Work::Sig { !self.is_open() } else { index >= self.args.calls as usize };
        if done {
            return;
        }
        self.at(due + 1_000_000_000 / u64::from(self.args.rate).max(1), Timer::Begin);
        let leg = if self.work == Work::Sig { None } else { self.leg_for(Side::Callers) };
        let (me, line) = (self.address(Side::Callers), self.args.target);
        let target = format!("sip:{}@{line}", self.work.number(index));
        let speaker = Speaker {
            from: format!("<sip:+7700{index:07}@{me}>;tag={}{index}", self.run),
            to: format!("<{target}>"),
            call_id: words::call_id(index, &self.run),
            target,
        };
        let bytes = words::request(&Method::Invite, &speaker, 1, &self.branch(index, "i"), me)
            .header("Contact", &format!("<sip:{index}@{me}>"))
            .header("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO")
            .body("application/sdp", self.sound_of(Side::Callers, leg).as_bytes())
            .finish();
        self.send(Side::Callers, &bytes);
        let pending = Pending::new(bytes, now);
        self.at(pending.due(), Timer::Again(Side::Callers, index));
        self.tally.tried += 1;
        self.calls.push(Call { leg, begun: now, speaker, pending: Some(pending), ..Call::default() });
    }

    fn branch(&self, index: usize, of: &str) -> String {
        format!("{}{of}{index}", self.run)
    }

    /// The clock asks for an unanswered message.
    pub(crate) fn caller_again(&mut self, index: usize, now: u64) {
        let Some(call) = self.calls.get_mut(index) else { return };
        let Some(pending) = &mut call.pending else { return };
        match pending.turn(now) {
            Turn::Wait(due) => self.at(due, Timer::Again(Side::Callers, index)),
            Turn::Send(due) => {
                let bytes = pending.bytes.clone();
                self.send(Side::Callers, &bytes);
                self.at(due, Timer::Again(Side::Callers, index));
            }
            Turn::GiveUp if call.state == State::Inviting => self.refused(index, None, now),
            Turn::GiveUp => self.over(index),
        }
    }

    /// Something came for the callers.
    pub(crate) fn caller_hears(&mut self, message: &Message, now: u64) {
        let index = words::index_of(message.call_id())
            .filter(|i| self.calls.get(*i).is_some_and(|call| call.speaker.call_id == message.call_id()));
        match (message.status(), index) {
            (Some(status), Some(index)) => self.caller_answered(index, status, message, now),
            (None, index) => self.caller_asked(index, message, now),
            (Some(_), None) => {}
        }
    }

    fn caller_answered(&mut self, index: usize, status: u16, message: &Message, now: u64) {
        let Ok((_, method)) = message.cseq() else { return };
        let Some(call) = self.calls.get_mut(index) else { return };
        match (method, status) {
            (Method::Invite, 100..=199) => call.pending = None,
            (Method::Invite, 200..=299) => self.accepted(index, message, now),
            (Method::Invite, _) => {
                self.acknowledge_refusal(index, message);
                self.refused(index, Some(status), now);
            }
            (Method::Bye, 200..) => self.over(index),
            _ => {}
        }
    }

    fn accepted(&mut self, index: usize, message: &Message, now: u64) {
        let me = self.address(Side::Callers);
        let branch = self.branch(index, "a");
        let Some(call) = self.calls.get_mut(index) else { return };
        if call.state != State::Inviting {
            // Our ACK was lost: the answer came again (RFC 3261 section 13.2.2.4).
            let ack = call.ack.clone();
            self.send(Side::Callers, &ack);
            return;
        }
        call.speaker.to = message.header("To").unwrap_or_default().to_owned();
        if let Some(contact) = message.contact().ok().and_then(|all| all.first().map(|c| c.uri.to_string())) {
            call.speaker.target = contact;
        }
        call.ack = words::request(&Method::Ack, &call.speaker, 1, &branch, me).finish();
        (call.state, call.pending) = (State::Talking, None);
        let (ack, leg, took) = (call.ack.clone(), call.leg, now.saturating_sub(call.begun));
        call.set_up_ns = Some(took);
        self.send(Side::Callers, &ack);
        self.tally.answered += 1;
        self.tally.answered_in_window += u64::from(self.is_open());
        self.tally.set_up.record(Duration::from_nanos(took));
        match (leg, message.body_of("application/sdp").and_then(words::sound_address)) {
            (Some(leg), Some(remote)) => self.media.talk(leg, remote, now),
            _ if self.work == Work::Sig => self.hang_up(index, now),
            _ => {}
        }
    }

    /// An ACK for a refusal is of the INVITE's own transaction (RFC 3261 section 17.1.1.3).
    fn acknowledge_refusal(&mut self, index: usize, message: &Message) {
        let me = self.address(Side::Callers);
        let branch = self.branch(index, "i");
        let Some(call) = self.calls.get_mut(index) else { return };
        let mut speaker = call.speaker.clone();
        speaker.to = message.header("To").unwrap_or_default().to_owned();
        let ack = words::request(&Method::Ack, &speaker, 1, &branch, me).finish();
        self.send(Side::Callers, &ack);
    }

    /// With a status, or because nothing came.
    fn refused(&mut self, index: usize, status: Option<u16>, now: u64) {
        let Some(call) = self.calls.get_mut(index) else { return };
        if !matches!(call.state, State::Inviting | State::Ending) {
            return;
        }
        if call.set_up_ns.is_none() {
            call.refused = status.or(Some(TIMEOUT));
            self.tally.failed += 1;
            if let Some(status) = status {
                self.tally.refused += 1;
                self.tally.refused_503 += u64::from(status == 503);
                self.tally.refusal.record(Duration::from_nanos(now.saturating_sub(call.begun)));
            }
        }
        self.over(index);
    }

    /// Ends a call from our side: BYE, or CANCEL while it rings.
    pub(crate) fn hang_up(&mut self, index: usize, now: u64) {
        let me = self.address(Side::Callers);
        let (invite, bye) = (self.branch(index, "i"), self.branch(index, "b"));
        let Some(call) = self.calls.get_mut(index) else { return };
        let bytes = match call.state {
            State::Talking => words::request(&Method::Bye, &call.speaker, 2, &bye, me).finish(),
            State::Inviting => words::request(&Method::Cancel, &call.speaker, 1, &invite, me).finish(),
            State::Ending | State::Over => return,
        };
        if self.work == Work::Ivr && call.state == State::Talking {
            self.tally.keys_unheard += 1;
        }
        call.state = State::Ending;
        let pending = Pending::new(bytes.clone(), now);
        let due = pending.due();
        call.pending = Some(pending);
        self.send(Side::Callers, &bytes);
        self.at(due, Timer::Again(Side::Callers, index));
    }

    /// Keys 9 on a call that stands.
    pub(crate) fn press_nine(&mut self, index: usize) {
        let Some(call) = self.calls.get(index).filter(|call| call.state == State::Talking) else { return };
        if let Some(leg) = call.leg.and_then(|leg| self.media.legs.get_mut(leg)) {
            leg.press(NINE);
        }
    }

    /// A call is at its end, whoever ended it.
    pub(crate) fn over(&mut self, index: usize) {
        let other = self.other_leg(index);
        let (silent, open) = (self.work == Work::Sig, self.is_open());
        let Some(call) = self.calls.get_mut(index) else { return };
        if call.state == State::Over {
            return;
        }
        if call.set_up_ns.is_some() {
            self.tally.done_in_window += u64::from(open);
        }
        (call.state, call.pending) = (State::Over, None);
        if silent {
            // A run may make millions of these.
            (call.ack, call.speaker.from, call.speaker.to) = Default::default();
        }
        for leg in [call.leg, other].into_iter().flatten() {
            self.media.hush(leg);
        }
    }

    /// A request of the line to a caller.
    fn caller_asked(&mut self, index: Option<usize>, message: &Message, now: u64) {
        let method = message.method().cloned();
        if method == Some(Method::Ack) {
            return;
        }
        let Some(index) = index else {
            self.send(Side::Callers, &Builder::response(481, message, None).finish());
            return;
        };
        let leg = self.calls.get(index).and_then(|call| call.leg);
        self.agree_again(Side::Callers, leg, message, now);
        if method == Some(Method::Bye) {
            self.over(index);
        }
    }

    /// Answers a request within a dialog: with our side of the sound where it brings a description or asks for one.
    pub(crate) fn agree_again(&mut self, side: Side, leg: Option<usize>, message: &Message, now: u64) {
        let mut answer = Builder::response(200, message, None);
        let offer = message.body_of("application/sdp");
        if offer.is_some() || message.method() == Some(&Method::Invite) {
            let contact = format!("<sip:phone@{}>", self.address(side));
            answer = answer
                .header("Contact", &contact)
                .body("application/sdp", self.sound_of(side, leg).as_bytes());
        }
        self.send(side, &answer.finish());
        if let (Some(leg), Some(remote)) = (leg, offer.and_then(words::sound_address)) {
            self.media.talk(leg, remote, now);
        }
    }

    /// Counts calls whose caller hears the consultant since the last look.
    pub(crate) fn count_through(&mut self, now: u64) {
        for call in self.calls.iter_mut().filter(|call| !call.through) {
            let leg = call.leg.and_then(|leg| self.media.legs.get(leg));
            if leg.is_some_and(|leg| leg.is_through) {
                call.through = true;
                self.tally.through.record(Duration::from_nanos(now.saturating_sub(call.begun)));
            }
        }
    }
}
