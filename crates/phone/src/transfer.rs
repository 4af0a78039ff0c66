//! A phone with a second call: the first one waits on hold, the two others may be joined (RFC 3515, RFC 3891).

use crate::phone::{Event, Output, Phone};
use crate::talk::Talk;
use senim_base::Instant;
use senim_sip::{Event as SipEvent, Message, Method};

impl Phone {
    /// Puts the talk on hold and calls somebody else. `false`: there is no talk to hold, or one is on hold already.
    pub fn consult(&mut self, number: &str, now: Instant) -> bool {
        if self.parked.is_some() || !self.is_talking() {
            return false;
        }
        self.hold(true, now);
        self.parked = self.talk.take();
        self.microphone = None;
        if self.dial(number, now) {
            return true;
        }
        self.retrieve(now);
        false
    }

    /// Goes back to the talk on hold, when the second one is over.
    pub fn retrieve(&mut self, now: Instant) {
        if self.talk.is_none() && self.parked.is_some() {
            self.talk = self.parked.take();
            self.open_microphone(now);
            self.hold(false, now);
        }
    }

    /// How the other side names this talk: the value of a Replaces or Join header (RFC 3891, RFC 3911).
    pub fn names(&self) -> Option<&str> {
        self.talk.as_ref().and_then(Talk::names)
    }

    /// Who sent the caller to this phone, as the INVITE says (RFC 3892).
    pub fn referred_by(&self) -> Option<&str> {
        self.talk.as_ref()?.referred_by.as_deref()
    }

    /// A talk waits on hold.
    pub fn has_parked(&self) -> bool {
        self.parked.is_some()
    }

    /// Asks the line to call `to` for the other side: a blind transfer. The answer comes as [`Event::Referred`].
    pub fn refer(&mut self, to: &str, now: Instant) -> bool {
        let Some(session) = self.talk.as_ref().map(Talk::session) else { return false };
        let (to, by) = (format!("<{to}>"), format!("<sip:{}@{}>", self.config.user, self.config.host));
        let sent = self.endpoint.refer_to(session, &to, Some(&by), now);
        self.flush(now);
        sent
    }

    /// Asks the line to join the talk on hold and the second one: an attended transfer.
    pub fn refer_attended(&mut self, now: Instant) -> bool {
        let (Some(parked), Some(talk)) = (&self.parked, &self.talk) else { return false };
        let Some(names) = talk.names() else { return false };
        let escaped: String = names.bytes().map(escape).collect();
        let (to, session) =
            (format!("<sip:transfer@{}?Replaces={escaped}>", self.config.host), parked.session());
        let sent = self.endpoint.refer_to(session, &to, None, now);
        self.flush(now);
        sent
    }

    /// Something happened to the talk on hold.
    pub(crate) fn parked_event(&mut self, event: SipEvent, now: Instant) {
        let Some(talk) = &mut self.parked else { return };
        let told = match event {
            SipEvent::Reoffered { session, sdp } => {
                let answer = talk.reoffered(sdp.as_deref());
                self.endpoint.answer_reoffer(session, answer, now);
                None
            }
            SipEvent::ReofferAnswered { sdp: Some(sdp), .. } => {
                talk.accept(&sdp);
                None
            }
            SipEvent::ReferAnswered { status, .. } => Some(Event::Referred(status)),
            SipEvent::ReferProgress { status, .. } => Some(Event::Progress(status)),
            SipEvent::Ended { .. } => {
                self.parked = None;
                Some(Event::ParkedEnded)
            }
            _ => None,
        };
        self.out.extend(told.map(Output::Event));
    }

    /// Ends the talk on hold.
    pub fn hang_up_parked(&mut self, now: Instant) {
        if let Some(parked) = self.parked.take() {
            self.endpoint.hang_up(parked.session(), None, now);
            self.flush(now);
        }
    }
}

/// A talk's names as the other side has them, from the ACK that we send (RFC 3891 section 3).
pub(crate) fn names_of(ack: &[u8]) -> Option<String> {
    let ack = Message::parse(ack).ok()?;
    let (to, from) = (ack.to().ok()?, ack.from().ok()?);
    Some(format!("{};to-tag={};from-tag={}", ack.header("Call-ID")?, to.tag()?, from.tag()?))
}

/// The same from our 200 to the other side's INVITE.
pub(crate) fn names_of_answer(answer: &[u8]) -> Option<String> {
    let answer = Message::parse(answer).ok()?;
    if answer.cseq().ok()?.1 != Method::Invite {
        return None;
    }
    let (to, from) = (answer.to().ok()?, answer.from().ok()?);
    Some(format!("{};to-tag={};from-tag={}", answer.header("Call-ID")?, from.tag()?, to.tag()?))
}

/// A byte within a URI's header (RFC 3261 section 25.1).
fn escape(byte: u8) -> String {
    if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
        char::from(byte).to_string()
    } else {
        format!("%{byte:02X}")
    }
}
