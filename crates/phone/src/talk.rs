//! One call of a phone, either way.

use crate::hold::Spelling;
use crate::phone::{Event, Output, Phone};
use crate::sound::Microphone;
use senim_audio::{Band, Coding, DECODED_MAX, Decoder};
use senim_base::Instant;
use senim_rtp::{Kind, Packet};
use senim_sdp::{Direction, Local, Negotiated, Negotiator};
use senim_sip::{Ending, Event as SipEvent, Invitation, Outgoing, SessionId};

/// The call.
#[derive(Debug)]
pub(crate) struct Talk {
    session: SessionId,
    sdp: Negotiator,
    /// The caller's offer, while the phone rings.
    offer: Option<Vec<u8>>,
    agreed: Option<Negotiated>,
    want: Direction,
    /// Our INVITE brought no offer: the answer to the other side's goes with the ACK.
    late: Late,
    /// The ACK that went last: that of the 200 when the talk begins.
    last_ack: Vec<u8>,
    names: Option<String>,
    /// Who sent the caller here, as the INVITE says.
    pub(crate) referred_by: Option<String>,
}

/// What the ACK says to the other side's offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LateAnswer {
    /// An answer that fits.
    Fits,
    /// Nothing, though it must.
    Missing,
    /// An answer with a codec that was not offered.
    Unfit,
}

/// An offer of the other side's that the ACK answers.
#[derive(Debug, Default, PartialEq, Eq)]
enum Late {
    #[default]
    No,
    /// The ACK waits here for the answer.
    Waits(Vec<u8>, LateAnswer),
    Answer(String),
}

impl Talk {
    fn new(session: SessionId, sdp: Negotiator, offer: Option<Vec<u8>>) -> Talk {
        Talk {
            session,
            sdp,
            offer,
            agreed: None,
            want: Direction::SendRecv,
            late: Late::No,
            last_ack: Vec::new(),
            names: None,
            referred_by: None,
        }
    }

    pub(crate) fn session(&self) -> SessionId {
        self.session
    }

    /// The offer in the 200 to a call that brought none: what its ACK is to say.
    fn offered(&mut self, offer: &[u8]) -> Option<String> {
        let Late::Waits(_, how) = self.late else { return None };
        self.late = Late::No;
        let (answer, agreed) = self.sdp.answer_to(offer, Direction::SendRecv).ok()?;
        self.agreed = Some(agreed);
        Some(match how {
            LateAnswer::Fits => answer,
            LateAnswer::Missing => String::new(),
            LateAnswer::Unfit => answer.replace("RTP/AVP 8", "RTP/AVP 18").replace("RTP/AVP 0", "RTP/AVP 18"),
        })
    }

    /// The other side's 200: its answer, or its offer to a late re-INVITE; then the ACK that answers it comes back.
    fn answered(&mut self, sdp: &[u8]) -> Option<Option<Vec<u8>>> {
        let Late::Waits(ack, _) = &mut self.late else {
            self.agreed = Some(self.sdp.accept(sdp).ok()?);
            return Some(None);
        };
        let ack = core::mem::take(ack);
        let (answer, agreed) = self.sdp.answer_to(sdp, Direction::SendRecv).ok()?;
        self.agreed = Some(agreed);
        let whole = with_body(&ack, &answer);
        self.late = Late::Answer(answer);
        Some(Some(whole))
    }

    /// The other side's change of media, or its wish to hear ours.
    pub(crate) fn reoffered(&mut self, sdp: Option<&[u8]>) -> Result<String, u16> {
        let Some(sdp) = sdp else { return Ok(self.sdp.offer(self.want)) };
        let (answer, agreed) = self.sdp.answer_to(sdp, self.want).map_err(|_| 488u16)?;
        self.agreed = Some(agreed);
        Ok(answer)
    }

    /// The other side's answer to our offer.
    pub(crate) fn accept(&mut self, sdp: &[u8]) {
        if let Ok(agreed) = self.sdp.accept(sdp) {
            self.agreed = Some(agreed);
        }
    }

    /// The names of the dialog as the other side has them, once our ACK went.
    pub(crate) fn names(&self) -> Option<&str> {
        self.names.as_deref()
    }

    /// What is to be sent in place of these bytes; `None`: nothing yet.
    pub(crate) fn on_the_way(&mut self, bytes: Vec<u8>) -> Option<Vec<u8>> {
        if bytes.starts_with(b"SIP/2.0 200") && self.names.is_none() {
            self.names = crate::transfer::names_of_answer(&bytes);
        }
        if bytes.starts_with(b"ACK ") {
            self.last_ack.clone_from(&bytes);
        }
        match &mut self.late {
            Late::Waits(ack, _) if bytes.starts_with(b"ACK ") => {
                *ack = bytes;
                None
            }
            Late::Answer(answer) if bytes.starts_with(b"ACK ") => Some(with_body(&bytes, answer)),
            _ => Some(bytes),
        }
    }

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
        let mut sdp = self.negotiator();
        let offer = sdp.offer(Direction::SendRecv);
        self.invite(number, headers, sdp, Some(offer), now)
    }

    /// Calls a number with an INVITE that brings no offer: ours is asked for, and answered in the ACK (RFC 3261 section
    /// 13.2.1).
    pub fn dial_late(&mut self, number: &str, answer: LateAnswer, now: Instant) -> bool {
        let sdp = self.negotiator();
        let dialled = self.invite(number, Vec::new(), sdp, None, now);
        if let Some(talk) = self.talk.as_mut().filter(|_| dialled) {
            talk.late = Late::Waits(Vec::new(), answer);
        }
        dialled
    }

    /// Asks for the other side's offer within the talk, as phones do that come back from hold: a re-INVITE that brings
    /// none.
    pub fn ask_for_offer(&mut self, now: Instant) {
        let Some(talk) = self.talk.as_mut().filter(|t| t.agreed.is_some()) else { return };
        talk.want = Direction::SendRecv;
        talk.late = Late::Waits(Vec::new(), LateAnswer::Fits);
        self.endpoint.reoffer(talk.session, String::new(), now);
        self.flush(now);
    }

    /// Plays what it says to the caller before it picks up: 183 with an answer.
    pub fn play_early(&mut self, now: Instant) {
        let Some(talk) = &mut self.talk else { return };
        let Some(offer) = &talk.offer else { return };
        if let Ok((answer, agreed)) = talk.sdp.answer_to(offer, Direction::SendRecv) {
            talk.agreed = Some(agreed);
            self.endpoint.ring(talk.session, 183, Some(answer), now);
            self.open_microphone(now);
        }
        self.flush(now);
    }

    fn invite(
        &mut self,
        number: &str,
        headers: Vec<(String, String)>,
        sdp: Negotiator,
        offer: Option<String>,
        now: Instant,
    ) -> bool {
        if self.talk.is_some() {
            return false;
        }
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
            sdp: offer,
            credentials,
        };
        let Ok(session) = self.endpoint.invite(outgoing, now) else { return false };
        self.begin(Talk::new(session, sdp, None));
        self.flush(now);
        true
    }

    fn begin(&mut self, talk: Talk) {
        self.heard = crate::Heard::new(self.config.keep);
        self.decoder = None;
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

    /// Picks up a ringing phone with its sound at another port than it said before.
    pub fn answer_at(&mut self, rtp: std::net::SocketAddr, now: Instant) {
        self.config.rtp = rtp;
        let session_id = self.entropy.u64() >> 2;
        if let Some(talk) = &mut self.talk {
            talk.sdp.set_local(Local { address: rtp, session_id });
        }
        self.answer(now);
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
        self.change(yes, Spelling::SendOnly, now);
    }

    /// Puts the other side on hold in the words of other phones.
    pub fn hold_as(&mut self, spelling: Spelling, now: Instant) {
        self.change(true, spelling, now);
    }

    fn change(&mut self, hold: bool, spelling: Spelling, now: Instant) {
        let Some(talk) = self.talk.as_mut().filter(|t| t.agreed.is_some()) else { return };
        talk.want = if hold { Direction::SendOnly } else { Direction::SendRecv };
        let offer = talk.sdp.offer(talk.want);
        let offer = if hold { spelling.spell(&offer) } else { offer };
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

    pub(crate) fn flush(&mut self, now: Instant) {
        self.handle(crate::Input::Sip(senim_sip::Input::Timeout), now);
    }

    pub(crate) fn open_microphone(&mut self, now: Instant) {
        let seed = self.entropy.u64();
        self.microphone = Some(Microphone::new(self.voice.clone(), seed, now));
    }

    pub(crate) fn listen(&mut self, bytes: &[u8], now: Instant) {
        let Some(agreed) = self.talk.as_ref().and_then(Talk::agreed) else { return };
        if Kind::of(bytes) == Kind::Rtcp {
            return;
        }
        let Ok(packet) = Packet::read(bytes) else { return };
        if packet.header.payload_type != agreed.receive_payload_type {
            return;
        }
        let coding = Coding::of_number(agreed.codec.payload_type());
        let decoder = match &mut self.decoder {
            Some(same) if same.coding() == coding => same,
            other => other.insert(Decoder::new(coding, Band::Narrow)),
        };
        let mut pcm = [0; DECODED_MAX];
        let len = decoder.decode(packet.payload, &mut pcm);
        self.heard.put(pcm.into_iter().take(len), now);
    }

    pub(crate) fn event(&mut self, event: SipEvent, now: Instant) {
        if let SipEvent::Incoming(invitation) = event {
            self.rings(*invitation, now);
            return;
        }
        if self.parked.as_ref().is_some_and(|t| event.session() == Some(t.session)) {
            self.parked_event(event, now);
            return;
        }
        let Some(talk) = self.talk.as_mut().filter(|t| event.session() == Some(t.session)) else { return };
        let told = match event {
            SipEvent::Ringing { .. } => Some(Event::Ringing),
            SipEvent::Answered { sdp, session } => {
                talk.names = crate::transfer::names_of(&talk.last_ack);
                let late = sdp.as_deref().and_then(|sdp| talk.offered(sdp));
                if let Some(answer) = late {
                    self.endpoint.answer_late(session, Some(answer), now);
                    self.open_microphone(now);
                    self.out.push_back(Output::Event(Event::Answered));
                    return;
                }
                match sdp.and_then(|sdp| talk.answered(&sdp)) {
                    Some(ack) => {
                        let flow = self.config.flow;
                        self.out.extend(ack.map(|bytes| Output::Sip { flow, bytes }));
                    }
                    None => self.endpoint.hang_up(session, None, now),
                }
                self.open_microphone(now);
                Some(Event::Answered)
            }
            SipEvent::Reoffered { session, sdp } => {
                let answer = talk.reoffered(sdp.as_deref());
                self.endpoint.answer_reoffer(session, answer, now);
                Some(Event::Changed)
            }
            SipEvent::ReofferAnswered { sdp: Some(sdp), .. } => {
                if let Some(Some(bytes)) = talk.answered(&sdp) {
                    self.out.push_back(Output::Sip { flow: self.config.flow, bytes });
                }
                Some(Event::Changed)
            }
            SipEvent::ReferAnswered { status, .. } => Some(Event::Referred(status)),
            SipEvent::ReferProgress { status, .. } => Some(Event::Progress(status)),
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
    fn rings(&mut self, invitation: Invitation, now: Instant) {
        let Invitation { session, offer, request, .. } = invitation;
        if self.talk.is_some() || self.parked.is_some() || offer.is_none() {
            let status = if offer.is_none() { 488 } else { 486 };
            self.endpoint.reject(session, status, Vec::new(), now);
            return;
        }
        let sdp = self.negotiator();
        self.endpoint.ring(session, 180, None, now);
        let mut talk = Talk::new(session, sdp, offer);
        talk.referred_by = request.header("Referred-By").map(str::to_owned);
        self.begin(talk);
        self.out.push_back(Output::Event(Event::Incoming));
    }
}

/// The same message with a session description.
fn with_body(message: &[u8], sdp: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    let head = text.trim_end_matches("\r\n").trim_end_matches("Content-Length: 0").to_owned();
    format!("{head}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len()).into_bytes()
}
