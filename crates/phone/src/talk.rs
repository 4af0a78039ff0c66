//! One call of a phone, either way.

use crate::phone::{Event, Output, Phone};
use crate::sound::Microphone;
use senim_audio::g711;
use senim_base::Instant;
use senim_rtp::{Packet, is_rtcp};
use senim_sdp::{Codec, Direction, Local, Negotiated, Negotiator};
use senim_sip::{Ending, Event as SipEvent, Outgoing, SessionId};

/// The call.
#[derive(Debug)]
pub(crate) struct Talk {
    session: SessionId,
    sdp: Negotiator,
    /// The caller's offer, while the phone rings.
    offer: Option<Vec<u8>>,
    agreed: Option<Negotiated>,
    want: Direction,
}

impl Talk {
    pub(crate) fn agreed(&self) -> Option<&Negotiated> {
        self.agreed.as_ref()
    }
}

impl Phone {
    fn negotiator(&mut self) -> Negotiator {
        let local = Local { address: self.config.rtp, session_id: self.entropy.u64() >> 2 };
        Negotiator::new(self.config.capabilities.clone(), local)
    }

    /// Calls a number. `false`: the phone is busy, or the number cannot be dialled.
    pub fn dial(&mut self, number: &str, now: Instant) -> bool {
        self.dial_with(number, Vec::new(), now)
    }

    /// Calls a number with more headers in the INVITE.
    pub fn dial_with(&mut self, number: &str, headers: Vec<(String, String)>, now: Instant) -> bool {
        if self.talk.is_some() {
            return false;
        }
        let mut sdp = self.negotiator();
        let offer = sdp.offer(Direction::SendRecv);
        let uri = format!("sip:{number}@{}", self.config.host);
        let credentials = self.config.password.clone().map(|password| senim_sip::Credentials {
            user: self.config.user.clone(),
            password,
            realm: None,
        });
        let outgoing = Outgoing {
            flow: self.config.flow,
            to: format!("<{uri}>"),
            uri,
            from: format!("<sip:{}@{}>", self.config.user, self.config.host),
            headers,
            sdp: Some(offer),
            credentials,
        };
        let Ok(session) = self.endpoint.invite(outgoing, now) else { return false };
        self.begin(Talk { session, sdp, offer: None, agreed: None, want: Direction::SendRecv });
        self.flush(now);
        true
    }

    fn begin(&mut self, talk: Talk) {
        self.heard = crate::Heard::new(self.config.keep);
        self.talk = Some(talk);
    }

    /// Picks up a ringing phone.
    pub fn answer(&mut self, now: Instant) {
        let Some(talk) = &mut self.talk else { return };
        let Some(offer) = talk.offer.take() else { return };
        match talk.sdp.answer_to(&offer, Direction::SendRecv) {
            Ok((answer, agreed)) => {
                talk.agreed = Some(agreed);
                self.endpoint.accept(talk.session, answer, now);
                self.open_microphone(now);
                self.out.push_back(Output::Event(Event::Answered));
            }
            Err(_) => self.decline(488, now),
        }
        self.flush(now);
    }

    /// Refuses a ringing call.
    pub fn decline(&mut self, status: u16, now: Instant) {
        if let Some(talk) = self.talk.take() {
            self.endpoint.reject(talk.session, status, Vec::new(), now);
        }
        self.flush(now);
    }

    /// Hangs up, at whatever stage.
    pub fn hang_up(&mut self, now: Instant) {
        if let Some(talk) = self.talk.take() {
            self.endpoint.hang_up(talk.session, None, now);
            self.out.push_back(Output::Event(Event::Ended { by_peer: false }));
        }
        self.microphone = None;
        self.flush(now);
    }

    /// Puts the other side on hold, or takes it back.
    pub fn hold(&mut self, yes: bool, now: Instant) {
        let Some(talk) = self.talk.as_mut().filter(|t| t.agreed.is_some()) else { return };
        talk.want = if yes { Direction::SendOnly } else { Direction::SendRecv };
        let offer = talk.sdp.offer(talk.want);
        self.endpoint.reoffer(talk.session, offer, now);
        self.flush(now);
    }

    /// Moves its sound to another port within the call, as a phone does that changed its network.
    pub fn move_to(&mut self, rtp: std::net::SocketAddr, now: Instant) {
        self.config.rtp = rtp;
        let Some(talk) = self.talk.as_mut().filter(|t| t.agreed.is_some()) else { return };
        let session_id = self.entropy.u64() >> 2;
        talk.sdp.set_local(Local { address: rtp, session_id });
        let offer = talk.sdp.offer(talk.want);
        self.endpoint.reoffer(talk.session, offer, now);
        self.flush(now);
    }

    fn flush(&mut self, now: Instant) {
        self.handle(crate::Input::Sip(senim_sip::Input::Timeout), now);
    }

    fn open_microphone(&mut self, now: Instant) {
        let seed = self.entropy.u64();
        self.microphone = Some(Microphone::new(self.voice.clone(), seed, now));
    }

    pub(crate) fn listen(&mut self, bytes: &[u8], now: Instant) {
        let Some(agreed) = self.talk.as_ref().and_then(Talk::agreed) else { return };
        if is_rtcp(bytes) {
            return;
        }
        let Ok(packet) = Packet::read(bytes) else { return };
        if packet.header.payload_type != agreed.receive_payload_type {
            return;
        }
        let decode = match agreed.codec {
            Codec::Pcma => g711::alaw_decode,
            Codec::Pcmu => g711::ulaw_decode,
        };
        self.heard.put(packet.payload.iter().map(|b| decode(*b)), now);
    }

    pub(crate) fn event(&mut self, event: SipEvent, now: Instant) {
        if let SipEvent::Incoming(invitation) = event {
            self.rings(invitation.session, invitation.offer, now);
            return;
        }
        let Some(talk) = self.talk.as_mut().filter(|t| event.session() == Some(t.session)) else { return };
        let told = match event {
            SipEvent::Ringing { .. } => Some(Event::Ringing),
            SipEvent::Answered { sdp, session } => {
                match sdp.map(|sdp| talk.sdp.accept(&sdp)) {
                    Some(Ok(agreed)) => talk.agreed = Some(agreed),
                    _ => self.endpoint.hang_up(session, None, now),
                }
                self.open_microphone(now);
                Some(Event::Answered)
            }
            SipEvent::Reoffered { session, sdp } => {
                let answer = match sdp {
                    None => Ok(talk.sdp.offer(talk.want)),
                    Some(sdp) => match talk.sdp.answer_to(&sdp, talk.want) {
                        Ok((answer, agreed)) => {
                            talk.agreed = Some(agreed);
                            Ok(answer)
                        }
                        Err(_) => Err(488),
                    },
                };
                self.endpoint.answer_reoffer(session, answer, now);
                Some(Event::Changed)
            }
            SipEvent::ReofferAnswered { sdp: Some(sdp), .. } => {
                if let Ok(agreed) = talk.sdp.accept(&sdp) {
                    talk.agreed = Some(agreed);
                }
                Some(Event::Changed)
            }
            SipEvent::Rejected { status, .. } => self.over(Event::Refused(status)),
            SipEvent::Cancelled { .. } => self.over(Event::Ended { by_peer: true }),
            SipEvent::Ended { ending, .. } => self.over(Event::Ended { by_peer: ending != Ending::LocalBye }),
            _ => None,
        };
        self.out.extend(told.map(Output::Event));
    }

    fn over(&mut self, event: Event) -> Option<Event> {
        self.talk = None;
        self.microphone = None;
        Some(event)
    }

    /// A second call finds the phone busy.
    fn rings(&mut self, session: SessionId, offer: Option<Vec<u8>>, now: Instant) {
        if self.talk.is_some() || offer.is_none() {
            let status = if offer.is_none() { 488 } else { 486 };
            self.endpoint.reject(session, status, Vec::new(), now);
            return;
        }
        let sdp = self.negotiator();
        self.endpoint.ring(session, 180, None, now);
        self.begin(Talk { session, sdp, offer, agreed: None, want: Direction::SendRecv });
        self.out.push_back(Output::Event(Event::Incoming));
    }
}
