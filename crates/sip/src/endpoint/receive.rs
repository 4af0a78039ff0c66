//! What came in: read it, find whose it is, refuse what cannot be served. The order follows RFC 3261 section 8.2 and
//! keeps strangers out before anything is remembered of them.

use super::{Endpoint, Fault, Origin, TrunkSource, stun, wire};
use crate::guard::{Authenticated, Verdict};
use crate::message::{Kind, Malformed, Message, Method, ParseFault};
use crate::overload::Peek;
use crate::registrar::EXTENSIONS;
use crate::transaction::Heard;
use crate::{Flow, FramingFault, Transport};
use senim_base::Instant;
use std::sync::Arc;

impl Endpoint {
    pub(super) fn datagram(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        // Keep-alives of phones behind NATs: CRLF, zeros, nothing. No answer is expected over UDP.
        if bytes.iter().all(|b| matches!(b, b'\r' | b'\n' | 0)) {
            return Ok(());
        }
        if let Some(answer) = stun::answer(bytes, flow.remote).filter(|_| self.may_ask(flow, now)) {
            self.charge(flow, now);
            self.transmit(flow, answer);
            return Ok(());
        }
        self.message(flow, bytes, now)
    }

    pub(super) fn message(&mut self, flow: Flow, bytes: &[u8], now: Instant) -> Result<(), Fault> {
        if !self.strangers.may(flow.remote, now) && !self.belongs(flow, bytes) {
            self.strangers.silenced += 1;
            return Err(Fault::Silenced);
        }
        if self.acknowledges_refusal(bytes, now) {
            return Err(Fault::Crowded);
        }
        match Message::parse(bytes) {
            Ok(mut message) if message.is_request() => {
                message.stamp_source(flow.remote);
                self.request(flow, &Arc::new(message), now)
            }
            Ok(message) => {
                self.heard(flow, &message, now);
                Ok(())
            }
            Err(fault) => self.unreadable(flow, fault, now),
        }
    }

    /// Whether this is from somebody we know, or of a dialog that lives: then no flood of strangers concerns it.
    fn belongs(&self, flow: Flow, bytes: &[u8]) -> bool {
        if self.is_known(flow) {
            return true;
        }
        match Peek::at(bytes) {
            Peek::Within { call_id, tag } => {
                self.by_dialog.contains_key(&(call_id.to_owned(), tag.to_owned()))
            }
            _ => false,
        }
    }

    /// Whether a question that belongs to nothing is answered to somebody there.
    fn may_ask(&self, flow: Flow, now: Instant) -> bool {
        self.strangers.may(flow.remote, now) || self.is_known(flow)
    }

    /// Whether a trunk, a registered phone, or somebody who has proved himself on his connection speaks here.
    fn is_known(&self, flow: Flow) -> bool {
        self.registrar.has_flow(flow)
            || self.streams.get(&flow).is_some_and(|stream| stream.is_trusted())
            || self.is_trunk(flow)
    }

    /// An answer was given that was not earned, or none deserved: strangers pay.
    pub(super) fn charge(&mut self, flow: Flow, now: Instant) {
        if !self.is_known(flow) {
            self.strangers.charge(flow.remote, now);
        }
    }

    /// Half-read requests get the status that says why, as far as they can be answered at all.
    fn unreadable(&mut self, flow: Flow, fault: ParseFault, now: Instant) -> Result<(), Fault> {
        self.charge(flow, now);
        let (Some(status), Some(mut request)) = (fault.status(), fault.partial) else {
            return Err(Fault::Garbage);
        };
        request.stamp_source(flow.remote);
        let headers: &[_] = if status == 501 { &[("Allow", wire::ALLOW)] } else { &[] };
        self.refuse(flow, &request, status, headers);
        Err(Fault::Malformed(status))
    }

    /// The head of a message whose end cannot be found: its sender is told before the connection goes.
    pub(super) fn unframed(&mut self, flow: Flow, head: &[u8], fault: FramingFault, now: Instant) {
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
        let _ = self.unreadable(flow, ParseFault { kind, partial }, now);
    }

    fn heard(&mut self, flow: Flow, response: &Message, now: Instant) {
        // A challenge is met for whom we asked, and for nobody who got to see our request.
        if matches!(response.status(), Some(401 | 407))
            && self.transactions.asked(response).is_some_and(|asked| asked.remote.ip() != flow.remote.ip())
        {
            self.charge(flow, now);
            return;
        }
        match self.transactions.response(response, now) {
            Heard::Told(_, user) => {
                self.trust(flow);
                self.responded(user, response, now);
            }
            Heard::Absorbed => {}
            Heard::Stray => self.charge(flow, now),
        }
    }

    fn request(&mut self, flow: Flow, request: &Arc<Message>, now: Instant) -> Result<(), Fault> {
        let Some(method) = request.method() else { return Err(Fault::Garbage) };
        let within = request.has_to_tag();
        // Neither takes memory outside of a dialog, so there is nothing that a copy could meet.
        let forgotten = !within && matches!(method, Method::Register | Method::Options);
        if !forgotten && self.transactions.repeated(request, now) {
            return Ok(());
        }
        if *method == Method::Ack {
            if self.session_of(request).is_none() {
                self.charge(flow, now);
            }
            self.acknowledged(flow, request, now);
            return Ok(());
        }
        if *method == Method::Cancel {
            self.cancel(flow, request, now);
            return Ok(());
        }
        if *method == Method::Invite && !within && self.turn_away(flow, request, now) {
            return Err(Fault::Crowded);
        }
        if let Err((status, headers)) = readable(flow, request, method) {
            self.charge(flow, now);
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            self.refuse(flow, request, status, &headers);
            return Err(Fault::Malformed(status));
        }
        if within {
            self.within(flow, request, method, now);
            return Ok(());
        }
        if !forgotten && self.transactions.is_merged(request) {
            self.refuse(flow, request, 482, &[]);
            return Ok(());
        }
        self.outside(flow, request, method, now);
        Ok(())
    }

    /// A request outside of any dialog: who may do what.
    fn outside(&mut self, flow: Flow, request: &Arc<Message>, method: &Method, now: Instant) {
        match method {
            Method::Options => {
                self.charge(flow, now);
                self.capabilities(flow, request);
            }
            Method::Register => self.register(flow, request, now),
            Method::Invite => {
                if let Some(origin) = self.admit(flow, request, now) {
                    self.invited(flow, request, origin, now);
                }
            }
            // These belong to dialogs that we know nothing of.
            Method::Bye | Method::Update | Method::Info | Method::Prack | Method::Notify => {
                self.charge(flow, now);
                self.refuse(flow, request, 481, &[]);
            }
            Method::Subscribe => {
                if self.admit(flow, request, now).is_some() {
                    self.subscribed_outside(flow, request, now);
                }
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
        self.prove(flow, request, now).map(Origin::User)
    }

    /// The user who proves himself with this request. Anybody else is refused here.
    pub(super) fn prove(&mut self, flow: Flow, request: &Message, now: Instant) -> Option<Authenticated> {
        if !self.settings.accept_users {
            self.charge(flow, now);
            self.refuse(flow, request, 403, &[]);
            return None;
        }
        let at_home = |user: &str| self.registrar.is_at(user, flow);
        match self.guard.check_knowing(request, flow.remote.ip(), at_home, now) {
            Verdict::Authenticated(who) => {
                self.trust(flow);
                // The challenge that led here, and the ACK of an INVITE's.
                self.strangers.forgive(flow.remote, 2, now);
                return Some(who);
            }
            Verdict::Challenge { headers } => {
                self.charge(flow, now);
                self.challenge(flow, request, &headers);
            }
            Verdict::Forbidden => {
                self.charge(flow, now);
                self.refuse(flow, request, 403, &[]);
            }
        }
        None
    }

    pub(super) fn is_trunk(&self, flow: Flow) -> bool {
        let ip = flow.remote.ip();
        self.settings.trunks.iter().any(|trunk| trunk.sources.iter().any(|net| net.contains(ip)))
    }

    /// The trunk whose addresses this flow comes from, by its name.
    pub fn trunk_of(&self, flow: Flow) -> Option<String> {
        let ip = flow.remote.ip();
        let open = |trunk: &&TrunkSource| !trunk.tls_only || flow.transport == Transport::Tls;
        let from = |trunk: &&TrunkSource| trunk.sources.iter().any(|net| net.contains(ip));
        let trunk = self.settings.trunks.iter().filter(open).find(from)?;
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
    match request.request_uri_parts().map(|uri| uri.kind) {
        Some(Kind::Sip | Kind::Tel) => {}
        Some(Kind::Sips) if flow.transport.is_secure() => {}
        // A sips: call on an open wire would be promised what it does not get.
        Some(_) => return Err((416, Vec::new())),
        None => return Err((400, Vec::new())),
    }
    let served = |tag: &&str| match method {
        Method::Register => EXTENSIONS.iter().any(|ours| ours.eq_ignore_ascii_case(tag)),
        _ => wire::SUPPORTED.split(", ").any(|ours| ours.eq_ignore_ascii_case(tag)),
    };
    let mut unsupported = request.values("Require");
    unsupported.retain(|tag| !served(tag));
    if !unsupported.is_empty() {
        unsupported.truncate(UNSUPPORTED_MAX);
        return Err((420, vec![("Unsupported", unsupported.join(", "))]));
    }
    match method {
        Method::Register if !request.to_uri().is_some_and(|to| matches!(to.kind, Kind::Sip | Kind::Sips)) => {
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
