//! Registration as a phone does it (RFC 3261 section 10.2): ask, answer the challenge, refresh before it expires.

use core::time::Duration;
use senim_base::{Entropy, Instant};
use senim_sip::{Builder, Credentials, Message, Method};

/// A request that is not answered is sent again so often before the phone gives up.
const TRIES_MAX: u32 = 7;
/// How long a try waits for its answer.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// The registering side.
#[derive(Debug)]
pub(crate) struct Registration {
    user: String,
    host: String,
    contact: String,
    via: String,
    credentials: Credentials,
    call_id: String,
    tag: String,
    cseq: u32,
    expires_s: u32,
    pending: Option<Pending>,
    refresh: Option<Instant>,
}

#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    again: Instant,
    tries: u32,
    answered_challenge: bool,
}

/// What came of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    Registered,
    Unregistered,
    Refused(u16),
}

impl Registration {
    pub(crate) fn new(
        user: &str,
        host: &str,
        contact: String,
        via: String,
        credentials: Credentials,
        entropy: &mut Entropy,
    ) -> Self {
        Registration {
            user: user.to_owned(),
            host: host.to_owned(),
            contact,
            via,
            credentials,
            call_id: entropy.token(24),
            tag: entropy.token(12),
            cseq: 0,
            expires_s: 0,
            pending: None,
            refresh: None,
        }
    }

    /// Asks for `expires_s` seconds; 0 takes the registration back. Returns the request to send.
    pub(crate) fn ask(&mut self, expires_s: u32, entropy: &mut Entropy, now: Instant) -> Vec<u8> {
        self.expires_s = expires_s;
        self.send(None, entropy, now)
    }

    fn send(&mut self, challenge: Option<&Message>, entropy: &mut Entropy, now: Instant) -> Vec<u8> {
        self.cseq += 1;
        let uri = format!("sip:{}", self.host);
        let me = format!("<sip:{}@{}>", self.user, self.host);
        let mut request = Builder::request(&Method::Register, &uri)
            .header("Via", &format!("{};branch=z9hG4bK{};rport", self.via, entropy.token(16)))
            .header("Max-Forwards", "70")
            .header("From", &format!("{me};tag={}", self.tag))
            .header("To", &me)
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{} REGISTER", self.cseq))
            .header("Contact", &format!("<{}>", self.contact))
            .header("Expires", &self.expires_s.to_string());
        let answer =
            challenge.and_then(|c| self.credentials.answer(c, &Method::Register, &uri, &entropy.token(16)));
        if let Some((name, value)) = &answer {
            request = request.header(name, value);
        }
        let bytes = request.finish();
        self.pending = Some(Pending {
            bytes: bytes.clone(),
            again: now + PATIENCE,
            tries: 1,
            answered_challenge: challenge.is_some(),
        });
        bytes
    }

    /// A response to REGISTER came. Gives a request to send next, or what came of it.
    pub(crate) fn response(
        &mut self,
        response: &Message,
        entropy: &mut Entropy,
        now: Instant,
    ) -> (Option<Vec<u8>>, Option<Outcome>) {
        let fits = response.cseq().is_ok_and(|(n, method)| n == self.cseq && method == Method::Register);
        let Some(pending) = self.pending.as_ref().filter(|_| fits) else { return (None, None) };
        match response.status().unwrap_or(0) {
            0..200 => (None, None),
            401 | 407 if !pending.answered_challenge => (Some(self.send(Some(response), entropy, now)), None),
            200..300 => {
                self.pending = None;
                if self.expires_s == 0 {
                    self.refresh = None;
                    return (None, Some(Outcome::Unregistered));
                }
                self.refresh = Some(now + Duration::from_secs(u64::from(self.expires_s) / 2));
                (None, Some(Outcome::Registered))
            }
            status => {
                self.pending = None;
                (None, Some(Outcome::Refused(status)))
            }
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.as_ref().map(|p| p.again).or(self.refresh)
    }

    /// The deadline came: what to send.
    pub(crate) fn timeout(
        &mut self,
        entropy: &mut Entropy,
        now: Instant,
    ) -> (Option<Vec<u8>>, Option<Outcome>) {
        if let Some(pending) = &mut self.pending {
            if pending.again > now {
                return (None, None);
            }
            if pending.tries >= TRIES_MAX {
                self.pending = None;
                return (None, Some(Outcome::Refused(408)));
            }
            pending.tries += 1;
            pending.again = now + PATIENCE;
            return (Some(pending.bytes.clone()), None);
        }
        if self.refresh.is_some_and(|at| at <= now) {
            self.refresh = None;
            let expires_s = self.expires_s;
            return (Some(self.ask(expires_s, entropy, now)), None);
        }
        (None, None)
    }
}
