//! Consultants: they register, answer what rings at once, talk, and hang up when told.

use crate::args::Work;
use crate::engine::{Engine, Side, Timer};
use crate::pending::{Pending, Turn};
use crate::phases::Phase;
use crate::words::{self, Speaker};
use senim_sip::{Builder, Message, Method};
use std::io;
use std::time::Duration;

/// Seconds a registration is asked to last: longer than any run.
const EXPIRES_S: &str = "3600";
/// REGISTER requests a second while softphones come up, so that none is lost at the door.
const CLOCK_IN_A_SECOND: u64 = 500;

/// A nonce may go stale on its way, so a challenge may follow an answer; more in a row is a wrong password.
const CHALLENGES_MAX: u32 = 3;

/// A softphone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Consultant {
    pub(crate) leg: Option<usize>,
    pub(crate) registered: bool,
    /// Not to be asked again: refused.
    refused: bool,
    cseq: u32,
    /// Challenges since the first REGISTER of this round.
    challenges: u32,
    /// When the first REGISTER of this round left.
    begun: u64,
    /// REGISTER, or the answer to an INVITE until its ACK.
    pending: Option<Pending>,
    /// Call-ID, CSeq and bytes of the last answer to an INVITE, for when the INVITE comes again.
    answered: (String, u32, Vec<u8>),
}

impl Engine {
    /// Makes the consultants, each with a place to hear where they will talk.
    pub(crate) fn hire(&mut self) -> io::Result<()> {
        for _ in 0..self.args.calls {
            let leg = if self.work.is_bridged() { self.leg_for(Side::Consultants) } else { None };
            if self.work.is_bridged() && leg.is_none() {
                return Err(io::Error::other("operator: no more sockets; raise the limit of open files"));
            }
            self.consultants.push(Consultant { leg, ..Consultant::default() });
        }
        Ok(())
    }

    /// All begin to register: one after the other, or at once where registrations are the work.
    pub(crate) fn clock_in(&mut self, now: u64) {
        for index in 0..self.consultants.len() {
            let wait = index as u64 * 1_000_000_000 / CLOCK_IN_A_SECOND;
            self.at(now + wait, Timer::Again(Side::Consultants, index));
        }
    }

    pub(crate) fn all_registered(&self) -> bool {
        self.consultants.iter().all(|consultant| consultant.registered || consultant.refused)
    }

    fn ask_to_register(&mut self, index: usize, challenge: Option<&Message>, now: u64) {
        let (me, line) = (self.address(Side::Consultants), self.args.target);
        let Some(consultant) = self.consultants.get_mut(index) else { return };
        consultant.cseq += 1;
        consultant.challenges += 1;
        let cseq = consultant.cseq;
        if challenge.is_none() {
            (consultant.begun, consultant.challenges) = (now, 0);
            self.tally.tried += 1;
        }
        let login = words::login(index);
        let aor = format!("<sip:{login}@{}>", line.ip());
        let target = format!("sip:{}", line.ip());
        let speaker = Speaker {
            from: format!("{aor};tag={}{index}", self.run),
            to: aor,
            call_id: words::call_id(index, &self.run),
            target,
        };
        let branch = format!("{}r{index}n{cseq}", self.run);
        let mut request = words::request(&Method::Register, &speaker, cseq, &branch, me)
            .header("Contact", &format!("<sip:{login}@{me}>"))
            .header("Expires", EXPIRES_S);
        let cnonce = format!("{:x}", now ^ index as u64);
        if let Some((name, value)) = challenge
            .and_then(|c| words::credentials(index).answer(c, &Method::Register, &speaker.target, &cnonce))
        {
            request = request.header(name, &value);
        }
        self.post(index, request.finish(), now);
    }

    /// Sends from a consultant, and again until it is answered.
    fn post(&mut self, index: usize, bytes: Vec<u8>, now: u64) {
        self.send(Side::Consultants, &bytes);
        let pending = Pending::new(bytes, now);
        // In a closed loop thousands a second are answered at once: one timer a softphone looks after them all.
        let due = pending.due();
        let Some(consultant) = self.consultants.get_mut(index) else { return };
        let watched = consultant.pending.replace(pending).is_some();
        if !watched {
            self.at(due, Timer::Again(Side::Consultants, index));
        }
    }

    /// The clock asks for an unanswered message, or for the first.
    pub(crate) fn consultant_again(&mut self, index: usize, now: u64) {
        let Some(consultant) = self.consultants.get_mut(index) else { return };
        let Some(pending) = &mut consultant.pending else {
            if !consultant.registered && !consultant.refused {
                self.ask_to_register(index, None, now);
            }
            return;
        };
        match pending.turn(now) {
            Turn::Wait(due) => self.at(due, Timer::Again(Side::Consultants, index)),
            Turn::Send(due) => {
                let bytes = pending.bytes.clone();
                self.send(Side::Consultants, &bytes);
                self.at(due, Timer::Again(Side::Consultants, index));
            }
            Turn::GiveUp => {
                consultant.pending = None;
                if !consultant.registered {
                    consultant.refused = true;
                    self.tally.failed += 1;
                }
            }
        }
    }

    /// Something came for the consultants.
    pub(crate) fn consultant_hears(&mut self, message: &Message, now: u64) {
        match (message.status(), message.method()) {
            (Some(status), _) => self.register_answered(status, message, now),
            (None, Some(Method::Invite)) => self.rung(message, now),
            (None, Some(Method::Ack)) => self.acknowledged(message, now),
            _ => self.consultant_asked(message, now),
        }
    }

    fn register_answered(&mut self, status: u16, message: &Message, now: u64) {
        let Some(index) = words::index_of(message.call_id()) else { return };
        let Some(consultant) = self.consultants.get_mut(index) else { return };
        if !message.cseq().is_ok_and(|(n, method)| n == consultant.cseq && method == Method::Register) {
            return;
        }
        match status {
            100..=199 => {}
            401 | 407 if consultant.challenges < CHALLENGES_MAX => {
                self.ask_to_register(index, Some(message), now);
            }
            200..=299 => {
                let took = now.saturating_sub(consultant.begun);
                consultant.registered = true;
                self.registered(index, took, now);
            }
            _ => {
                self.tally.failed += 1;
                self.tally.refused += 1;
                self.tally.refused_503 += u64::from(status == 503);
                (consultant.pending, consultant.refused) = (None, true);
            }
        }
    }

    fn registered(&mut self, index: usize, took: u64, now: u64) {
        if self.work != Work::Register {
            self.tally.tried -= 1;
            if let Some(consultant) = self.consultants.get_mut(index) {
                consultant.pending = None;
            }
            return;
        }
        self.tally.answered += 1;
        if matches!(self.phase, Phase::Measure(_)) {
            self.tally.done_in_window += 1;
            self.tally.set_up.record(Duration::from_nanos(took));
        }
        if self.is_open() {
            self.ask_to_register(index, None, now);
        } else if let Some(consultant) = self.consultants.get_mut(index) {
            consultant.pending = None;
        }
    }

    /// An INVITE: answered at once, with the same words when it comes again.
    fn rung(&mut self, message: &Message, now: u64) {
        let (call_id, cseq) = (message.call_id(), message.cseq().map_or(0, |(n, _)| n));
        if let Some(index) = self.incoming.get(call_id).copied() {
            let Some(consultant) = self.consultants.get(index) else { return };
            if (call_id, cseq) == (consultant.answered.0.as_str(), consultant.answered.1) {
                self.send(Side::Consultants, &consultant.answered.2);
            } else {
                let leg = consultant.leg;
                self.agree_again(Side::Consultants, leg, message, now);
            }
            return;
        }
        let Some(index) = words::consultant_of(message).filter(|i| *i < self.consultants.len()) else {
            self.send(Side::Consultants, &Builder::response(404, message, Some("none")).finish());
            return;
        };
        let leg = self.consultants.get(index).and_then(|consultant| consultant.leg);
        let tag = format!("{}c{index}", self.run);
        let bytes = Builder::response(200, message, Some(&tag))
            .record_route(message)
            .header("Contact", &format!("<sip:{}@{}>", words::login(index), self.address(Side::Consultants)))
            .header("Allow", "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO")
            .body("application/sdp", self.sound_of(Side::Consultants, leg).as_bytes())
            .finish();
        let old = self.consultants.get_mut(index).map(|consultant| {
            core::mem::replace(&mut consultant.answered, (call_id.to_owned(), cseq, bytes.clone())).0
        });
        old.map(|old| self.incoming.remove(&old));
        self.incoming.insert(call_id.to_owned(), index);
        self.post(index, bytes, now);
        self.listen(leg, message, now);
    }

    fn acknowledged(&mut self, message: &Message, now: u64) {
        let Some(index) = self.incoming.get(message.call_id()).copied() else { return };
        let Some(consultant) = self.consultants.get_mut(index) else { return };
        consultant.pending = None;
        let leg = consultant.leg;
        self.listen(leg, message, now);
    }

    fn listen(&mut self, leg: Option<usize>, message: &Message, now: u64) {
        let remote = message.body_of("application/sdp").and_then(words::sound_address);
        if let (Some(leg), Some(remote)) = (leg, remote) {
            self.media.talk(leg, remote, now);
        }
    }

    fn consultant_asked(&mut self, message: &Message, now: u64) {
        let index = self.incoming.get(message.call_id()).copied();
        let leg = index.and_then(|index| self.consultants.get(index)).and_then(|c| c.leg);
        self.agree_again(Side::Consultants, leg, message, now);
        if message.method() == Some(&Method::Bye) {
            if let Some(leg) = leg {
                self.media.hush(leg);
            }
            self.incoming.remove(message.call_id());
        }
    }
}
