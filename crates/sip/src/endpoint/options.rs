//! OPTIONS both ways: what we can do, and whether a trunk lives (FEATURES T5).

use super::{Endpoint, RequestId, User, wire};
use crate::Flow;
use crate::message::{Message, MessageBuilder, Method};
use crate::registrar::Probe;
use crate::transaction::Request;
use senim_base::Instant;

impl Endpoint {
    /// Asks a peer whether it lives. Ends with one of [`Event::OptionsAnswered`](super::Event::OptionsAnswered) and
    /// [`Event::OptionsFailed`](super::Event::OptionsFailed).
    pub fn options(&mut self, flow: Flow, uri: impl AsRef<str>, now: Instant) -> RequestId {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        let request = self.question(flow, uri.as_ref(), &[]);
        if self.transactions.request(request, User::Probe(id), now).is_none() {
            self.tell(super::Event::OptionsFailed { request: id });
        }
        id
    }

    /// Asks a registered phone whether it lives.
    pub(super) fn probe_phone(&mut self, phone: &Probe, now: Instant) {
        let request = self.question(phone.flow, &phone.uri, &phone.path);
        if self.transactions.request(request, User::Phone(phone.id), now).is_none() {
            // We are too full to ask: that says nothing of the phone.
            self.registrar.probed(phone.id, true, now);
        }
    }

    fn question(&mut self, flow: Flow, uri: &str, routes: &[String]) -> Request {
        let branch = self.branch();
        let (tag, call_id) = (self.entropy.token(16), self.entropy.token(32));
        let sips = uri.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"));
        let contact = self.settings.contact(flow, sips);
        let mut builder = MessageBuilder::request(&Method::Options, uri)
            .header("Via", &self.via(flow, &branch))
            .header("Max-Forwards", "70");
        for route in routes {
            builder = builder.header("Route", route);
        }
        let builder = builder
            .header("From", &format!("{contact};tag={tag}"))
            .header("To", &format!("<{uri}>"))
            .header("Call-ID", &call_id)
            .header("CSeq", "1 OPTIONS")
            .header("Contact", &contact)
            .header("Accept", wire::SDP);
        let bytes = self.settings.sign(builder).finish();
        Request { flow, method: "OPTIONS".into(), branch, bytes }
    }

    /// Says what we can do (RFC 3261 section 11.2). Anybody may ask, and nothing of a user is said.
    pub(super) fn capabilities(&mut self, flow: Flow, request: &Message) {
        let headers = [
            ("Allow", wire::ALLOW),
            ("Accept", wire::SDP),
            ("Accept-Encoding", "identity"),
            ("Supported", wire::SUPPORTED),
            ("Allow-Events", wire::EVENTS),
        ];
        self.refuse(flow, request, 200, &headers);
    }
}
