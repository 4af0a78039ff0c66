//! What came in: read it, find whose it is, refuse what cannot be served. The order follows RFC 3261 section 8.2 and
//! keeps strangers out before anything is remembered of them.

use super::{Endpoint, Fault, Origin, wire};
use crate::Flow;
use crate::guard::Verdict;
use crate::message::{Message, Method, ParseFault, Scheme};
use crate::transaction::Heard;
use senim_base::Instant;

impl Endpoint {
    pub(super) fn datagram(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        // Keep-alives of phones behind NATs: CRLF, zeros, nothing. No answer is expected over UDP.
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return Ok(());
        }
        self.message(flow, bytes, now)
    }

    pub(super) fn message(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        match Message::parse(bytes) {
            Ok(mut message) if message.is_request() => {
                message.stamp_source(flow.remote);
                self.request(flow, &message, now)
            }
            Ok(message) => {
                self.heard(flow, &message, now);
                Ok(())
            }
            Err(fault) => self.unreadable(flow, fault),
        }
    }

    /// Half-read requests get the status that says why, as far as they can be answered at all.
    fn unreadable(&mut self, flow: Flow, fault: ParseFault) -> Result<(), Fault> {
        let (Some(status), Some(mut request)) = (fault.status(), fault.partial) else {
            return Err(Fault::Garbage);
        };
        request.stamp_source(flow.remote);
        self.refuse(flow, &request, status, &[]);
        Err(Fault::Malformed(status))
    }

    fn heard(&mut self, flow: Flow, response: &Message, now: Instant) {
        match self.transactions.response(response, now) {
            Heard::Told(_, user) => {
                self.trust(flow);
                self.responded(user, response, now);
            }
            Heard::Absorbed | Heard::Stray => {}
        }
    }

    fn request(&mut self, flow: Flow, request: &Message, now: Instant) -> Result<(), Fault> {
        if self.transactions.repeated(request, now) {
            return Ok(());
        }
        let Some(method) = request.method() else { return Err(Fault::Garbage) };
        if *method == Method::Ack {
            self.acknowledged(request, now);
            return Ok(());
        }
        if *method == Method::Cancel {
            self.cancel(flow, request, now);
            return Ok(());
        }
        if let Err((status, headers)) = readable(flow, request, method) {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.refuse(flow, request, status, &headers);
            return Err(Fault::Malformed(status));
        }
        if self.transactions.is_full() {
            self.refuse(flow, request, 503, &[("Retry-After", super::respond::RETRY_AFTER)]);
            return Ok(());
        }
        if request.to().is_ok_and(|to| to.tag().is_some()) {
            self.within(flow, request, method, now);
            return Ok(());
        }
        if self.transactions.is_merged(request) {
            self.refuse(flow, request, 482, &[]);
            return Ok(());
        }
        self.outside(flow, request, method, now);
        Ok(())
    }

    /// A request outside of any dialog: who may do what.
    fn outside(&mut self, flow: Flow, request: &Message, method: &Method, now: Instant) {
        match method {
            Method::Options => self.capabilities(flow, request),
            Method::Register => self.register(flow, request, now),
            Method::Invite => {
                if let Some(origin) = self.admit(flow, request, now) {
                    self.invited(flow, request, origin, now);
                }
            }
            // These belong to dialogs that we know nothing of.
            Method::Bye | Method::Update | Method::Info | Method::Prack | Method::Notify => {
                self.refuse(flow, request, 481, &[]);
            }
            _ => {
                if self.admit(flow, request, now).is_some() {
                    self.answer(flow, request, 405, &[("Allow", wire::ALLOW)], now);
                }
            }
        }
    }

    /// Who it is: a trunk by its address, a user by his password. Anybody else is refused here.
    fn admit(&mut self, flow: Flow, request: &Message, now: Instant) -> Option<Origin> {
        if let Some(name) = self.trunk_of(flow) {
            return Some(Origin::Trunk(name));
        }
        if !self.settings.accept_users {
            self.refuse(flow, request, 403, &[]);
            return None;
        }
        match self.guard.check(request, flow.remote.ip(), now) {
            Verdict::Authenticated(who) => {
                self.trust(flow);
                return Some(Origin::User(who));
            }
            Verdict::Challenge { headers } => self.challenge(flow, request, &headers),
            Verdict::Forbidden => self.refuse(flow, request, 403, &[]),
        }
        None
    }

    /// The trunk whose addresses this flow comes from, by its name.
    pub fn trunk_of(&self, flow: Flow) -> Option<String> {
        let ip = flow.remote.ip();
        let trunk =
            self.settings.trunks.iter().find(|trunk| trunk.sources.iter().any(|net| net.contains(ip)))?;
        Some(trunk.name.clone())
    }
}

type Refused = (u16, Vec<(&'static str, String)>);

/// What nobody may send, known or not: RFC 3261 sections 8.2.1 (methods), 8.2.2.1 (scheme), 8.2.2.3 (Require).
fn readable(flow: Flow, request: &Message, method: &Method) -> Result<(), Refused> {
    if matches!(method, Method::Other(_)) {
        return Err((501, vec![("Allow", wire::ALLOW.into())]));
    }
    match request.request_uri().map(|uri| uri.scheme) {
        Some(Scheme::Sip | Scheme::Tel) => {}
        Some(Scheme::Sips) if flow.transport.is_secure() => {}
        // A sips: call on an open wire would be promised what it does not get.
        Some(_) => return Err((416, Vec::new())),
        None => return Err((400, Vec::new())),
    }
    let known = |tag: &&str| wire::SUPPORTED.split(", ").any(|ours| ours.eq_ignore_ascii_case(tag));
    let mut unsupported = request.values("Require");
    unsupported.retain(|tag| !known(tag));
    if !unsupported.is_empty() {
        return Err((420, vec![("Unsupported", unsupported.join(", "))]));
    }
    Ok(())
}
