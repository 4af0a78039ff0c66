//! The phone's door: what one can do with it, what it is told, what it wants and tells.

use crate::heard::Heard;
use crate::register::{Outcome, Registration};
use crate::sound::{Microphone, Voice};
use crate::talk::Talk;
use core::time::Duration;
use senim_audio::Decoder;
use senim_base::{Entropy, Instant, Redacted};
use senim_rtp::Digit;
use senim_sdp::Capabilities;
use senim_sip::{Credentials, Endpoint, Flow, IpNet, Message, Method, Settings, TrunkSource};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// What a phone is.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its user: a login, or a caller's number.
    pub user: String,
    /// Its password; callers on a trunk have none.
    pub password: Option<Redacted<String>>,
    /// The domain it writes behind the user.
    pub host: String,
    /// Its way to the line.
    pub flow: Flow,
    /// Where it wants to hear: its RTP socket.
    pub rtp: SocketAddr,
    /// Codecs and packet time.
    pub capabilities: Capabilities,
    /// How much of what it hears it keeps.
    pub keep: Duration,
}

/// What happens to a phone.
#[derive(Debug)]
pub enum Input<'a> {
    /// SIP from the line.
    Sip(senim_sip::Input<'a>),
    /// A packet on the RTP socket.
    Rtp(&'a [u8]),
    /// The deadline came.
    Timeout,
}

/// What a phone wants, or tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Send SIP.
    Sip {
        /// The way.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// Send from the RTP socket.
    Rtp {
        /// To whom.
        to: SocketAddr,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// Something happened.
    Event(Event),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The line took the registration.
    Registered,
    /// It was taken back.
    Unregistered,
    /// The line refused it, with this status.
    RegisterRefused(u16),
    /// The phone rings.
    Incoming,
    /// The called side rings.
    Ringing,
    /// The talk begins.
    Answered,
    /// The call was refused with this status.
    Refused(u16),
    /// The other side changed its media (hold, resume).
    Changed,
    /// The other side's answer to our REFER.
    Referred(u16),
    /// How the call goes that we asked for.
    Progress(u16),
    /// The talk on hold is over.
    ParkedEnded,
    /// The call is over; whether the other side ended it.
    Ended {
        /// The other side did.
        by_peer: bool,
    },
}

/// A phone with one line.
#[derive(Debug)]
pub struct Phone {
    pub(crate) config: Config,
    pub(crate) entropy: Entropy,
    pub(crate) endpoint: Endpoint,
    registration: Option<Registration>,
    pub(crate) talk: Option<Talk>,
    /// A talk on hold while another one is made.
    pub(crate) parked: Option<Talk>,
    pub(crate) microphone: Option<Microphone>,
    pub(crate) voice: Voice,
    pub(crate) heard: Heard,
    /// What makes sound of packets, once some came.
    pub(crate) decoder: Option<Decoder>,
    pub(crate) out: VecDeque<Output>,
}

impl Phone {
    /// A phone at rest.
    pub fn new(config: Config, mut entropy: Entropy) -> Self {
        let line = config.flow.remote.ip();
        let prefix = if line.is_ipv4() { 32 } else { 128 };
        let settings = Settings {
            user_agent: "Senim phone".into(),
            trunks: vec![TrunkSource {
                name: "line".into(),
                sources: vec![IpNet { addr: line, prefix }],
                tls_only: false,
            }],
            accept_users: false,
            ..Settings::of_realm(&config.host)
        };
        let endpoint = Endpoint::new(settings, entropy.fork());
        let registration = config.password.clone().map(|password| {
            let transport = config.flow.transport;
            let contact =
                format!("sip:{}@{};transport={}", config.user, config.flow.local, transport.param());
            let via = format!("SIP/2.0/{} {}", transport.name(), config.flow.local);
            let credentials = Credentials { user: config.user.clone(), password, realm: None };
            Registration::new(&config.user, &config.host, contact, via, credentials, &mut entropy)
        });
        let heard = Heard::new(config.keep);
        Phone {
            config,
            entropy,
            endpoint,
            registration,
            talk: None,
            parked: None,
            microphone: None,
            voice: Voice::default(),
            heard,
            decoder: None,
            out: VecDeque::new(),
        }
    }

    /// Registers for `expires_s` seconds and keeps it up; 0 takes it back.
    pub fn register(&mut self, expires_s: u32, now: Instant) {
        if let Some(r) = &mut self.registration {
            let bytes = r.ask(expires_s, &mut self.entropy, now);
            self.out.push_back(Output::Sip { flow: self.config.flow, bytes });
        }
    }

    /// Says something else from now on.
    pub fn say(&mut self, voice: Voice) {
        if let Some(m) = &mut self.microphone {
            m.say(voice.clone());
        }
        self.voice = voice;
    }

    /// Keys digits, one after the other. Keys that no telephone has are passed over.
    pub fn press(&mut self, keys: &str) {
        if let Some(m) = &mut self.microphone {
            for digit in keys.chars().filter_map(Digit::from_char) {
                m.press(digit);
            }
        }
    }

    /// What was heard in the current or last call.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// Its SIP address.
    pub fn sip_address(&self) -> SocketAddr {
        self.config.flow.local
    }

    /// Where it wants to hear now.
    pub fn rtp_address(&self) -> SocketAddr {
        self.config.rtp
    }

    /// In a call, ringing or talking.
    pub fn is_busy(&self) -> bool {
        self.talk.is_some() || self.parked.is_some()
    }

    /// The talk stands.
    pub fn is_talking(&self) -> bool {
        self.talk.as_ref().is_some_and(|t| t.agreed().is_some())
    }

    /// Takes an input; poll until empty afterwards.
    #[allow(clippy::needless_pass_by_value)] // an input is used up, whatever it is
    pub fn handle(&mut self, input: Input<'_>, now: Instant) {
        match input {
            Input::Sip(input) => self.sip(input, now),
            Input::Rtp(bytes) => self.listen(bytes, now),
            Input::Timeout => self.timeout(now),
        }
        self.drain(now);
    }

    /// What the phone wants next.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to call with [`Input::Timeout`].
    pub fn deadline(&self) -> Option<Instant> {
        let sip = self.endpoint.deadline().map(|(at, _)| at);
        let registration = self.registration.as_ref().and_then(Registration::deadline);
        let sound = self.microphone.as_ref().filter(|_| self.is_talking()).map(Microphone::due);
        [sip, registration, sound].into_iter().flatten().min()
    }

    fn sip(&mut self, input: senim_sip::Input<'_>, now: Instant) {
        if let senim_sip::Input::Datagram { bytes, .. } | senim_sip::Input::Stream { bytes, .. } = input
            && let Some(response) = register_response(bytes)
            && let Some(r) = &mut self.registration
        {
            let next = r.response(&response, &mut self.entropy, now);
            self.registered(next);
            return;
        }
        // Bad bytes from the line would be the line's fault; its tests would see the call fail.
        let _counted = self.endpoint.handle(input, now);
    }

    fn registered(&mut self, (bytes, outcome): (Option<Vec<u8>>, Option<Outcome>)) {
        let flow = self.config.flow;
        self.out.extend(bytes.map(|bytes| Output::Sip { flow, bytes }));
        let event = outcome.map(|o| match o {
            Outcome::Registered => Event::Registered,
            Outcome::Unregistered => Event::Unregistered,
            Outcome::Refused(status) => Event::RegisterRefused(status),
        });
        self.out.extend(event.map(Output::Event));
    }

    fn timeout(&mut self, now: Instant) {
        let _counted = self.endpoint.handle(senim_sip::Input::Timeout, now);
        if let Some(r) = &mut self.registration {
            let next = r.timeout(&mut self.entropy, now);
            self.registered(next);
        }
        self.speak(now);
    }

    /// Sends every packet that is due.
    fn speak(&mut self, now: Instant) {
        let Some(agreed) = self.talk.as_ref().and_then(Talk::agreed) else { return };
        let Some(m) = &mut self.microphone else { return };
        while m.due() <= now {
            if let Some(bytes) = m.packet(agreed, now) {
                self.out.push_back(Output::Rtp { to: agreed.remote, bytes });
            }
        }
    }

    fn drain(&mut self, now: Instant) {
        while let Some(output) = self.endpoint.poll() {
            match output {
                senim_sip::Output::Transmit { flow, bytes } | senim_sip::Output::Refuse { flow, bytes } => {
                    let bytes = match &mut self.talk {
                        Some(talk) => talk.on_the_way(bytes),
                        None => Some(bytes),
                    };
                    self.out.extend(bytes.map(|bytes| Output::Sip { flow, bytes }));
                }
                senim_sip::Output::Disconnect(_) => {}
                senim_sip::Output::Event(event) => self.event(event, now),
            }
        }
    }
}

/// A response to REGISTER, if these bytes are one: the endpoint never sent it and would not know it.
fn register_response(bytes: &[u8]) -> Option<Message> {
    if !bytes.starts_with(b"SIP/2.0") {
        return None;
    }
    let message = Message::parse(bytes).ok()?;
    let (_, method) = message.cseq().ok()?;
    (method == Method::Register).then_some(message)
}
