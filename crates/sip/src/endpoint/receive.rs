//! What came in: read it, find whose it is, refuse what cannot be served. The order follows RFC 3261 section 8.2 and
//! keeps strangers out before anything is remembered of them.

use super::{Endpoint, Fault, Origin, wire};
use crate::guard::Verdict;
use crate::message::{Malformed, Message, Method, ParseFault, Scheme};
use crate::transaction::Heard;
use crate::{Flow, FramingFault};
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
        let headers: &[_] = if status == 501 { &[("Allow", wire::ALLOW)] } else { &[] };
        self.refuse(flow, &request, status, headers);
        Err(Fault::Malformed(status))
    }

    /// The head of a message whose end cannot be found: its sender is told before the connection goes.
    pub(super) fn unframed(&mut self, flow: Flow, head: &[u8], fault: FramingFault) {
        let partial = match Message::parse(head) {
            Ok(message) => Some(Box::new(message)),
            Err(fault) => fault.partial,
        };
        let kind = match fault {
            FramingFault::TooLarge | FramingFault::HeadTooLarge => Malformed::TooLarge,
            FramingFault::NoLength => Malformed::Missing("Content-Length"),
            FramingFault::BadLength => Malformed::Header("Content-Length"),
        };
        // What is wrong is counted as framing, whatever it was answered.
        let _ = self.unreadable(flow, ParseFault { kind, partial });
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
            self.acknowledged(flow, request, now);
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

/// Most names told in Unsupported; whoever requires more learns the first of them.
const UNSUPPORTED_MAX: usize = 16;

type Refused = (u16, Vec<(&'static str, String)>);

/// What nobody may send, known or not: RFC 3261 sections 8.2.1 (methods), 8.2.2.1 (scheme), 8.2.2.3 (Require), 8.2.3
/// (content), and the To of a REGISTER (section 10.2). It tells nothing of us, so it may stand before the question who
/// asks, and a peer learns what is wrong with his message whoever he is.
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
        unsupported.truncate(UNSUPPORTED_MAX);
        return Err((420, vec![("Unsupported", unsupported.join(", "))]));
    }
    match method {
        Method::Register
            if !request.to().is_ok_and(|to| matches!(to.uri.scheme, Scheme::Sip | Scheme::Sips)) =>
        {
            Err((400, vec![("Warning", "399 senim \"To is no sip address\"".into())]))
        }
        Method::Invite | Method::Update => content(request),
        _ => Ok(()),
    }
}

/// Whether we can read what an offer comes in, and its sender what our answer would come in.
fn content(request: &Message) -> Result<(), Refused> {
    let coded = request.values("Content-Encoding").into_iter().any(|c| !c.eq_ignore_ascii_case("identity"));
    if coded && !request.body().is_empty() {
        return Err((415, vec![("Accept-Encoding", "identity".into())]));
    }
    if !wire::is_sdp(request) {
        return Err((415, vec![("Accept", wire::SDP.into())]));
    }
    if request.header("Accept").is_some() && !request.values("Accept").into_iter().any(takes_sdp) {
        return Err((406, vec![("Warning", "399 senim \"Accept leaves out application/sdp\"".into())]));
    }
    Ok(())
}

/// Whether one media range of Accept holds SDP (RFC 3261 section 20.1).
fn takes_sdp(range: &str) -> bool {
    let range: String = range.split(';').next().unwrap_or_default().split_whitespace().collect();
    ["*/*", "application/*", wire::SDP].iter().any(|known| range.eq_ignore_ascii_case(known))
}
