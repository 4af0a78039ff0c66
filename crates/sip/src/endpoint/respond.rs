//! Responses: with a transaction for those who are known, without one for strangers (RFC 3261 section 8.2.7), and
//! the way back by the top Via (RFC 3261 section 18.2.2, RFC 3581).

use super::{Endpoint, User, wire};
use crate::digest::Hex;
use crate::message::{Message, MessageBuilder};
use crate::transaction::TxId;
use crate::{Flow, Transport};
use senim_base::Instant;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// More headers of a response.
pub(super) type Headers<'a> = &'a [(&'a str, &'a str)];

impl Endpoint {
    /// Answers a request and remembers nothing: copies of it are answered anew, alike.
    pub(super) fn refuse(&mut self, flow: Flow, request: &Message, status: u16, headers: Headers<'_>) {
        let tag = self.tag_for(request);
        let bytes = self.response(request, status, &tag, headers, None);
        self.transmit(way_back(flow, request), bytes);
    }

    /// Answers a request within a transaction, so that copies of it get the same answer. Where there is no room for
    /// one it is answered all the same, and a copy is answered anew.
    pub(super) fn answer(
        &mut self,
        flow: Flow,
        request: &Arc<Message>,
        status: u16,
        headers: Headers<'_>,
        now: Instant,
    ) {
        let Some(tx) = self.take_up(flow, request, User::Nobody, now) else {
            self.refuse(flow, request, status, headers);
            return;
        };
        let tag = self.tag_for(request);
        let bytes = self.response(request, status, &tag, headers, None);
        self.transactions.answer(tx, status, bytes, now);
    }

    /// Begins a transaction for a request of the peer. `None`: too many are alive.
    pub(super) fn take_up(
        &mut self,
        flow: Flow,
        request: &Arc<Message>,
        user: User,
        now: Instant,
    ) -> Option<TxId> {
        self.transactions.accept(request, way_back(flow, request), user, now)
    }

    /// A response, whole. To gets `tag` unless it has one; SDP and Contact go together, as in an INVITE's 2xx.
    pub(super) fn response(
        &self,
        request: &Message,
        status: u16,
        tag: &str,
        headers: Headers<'_>,
        sdp: Option<&str>,
    ) -> Vec<u8> {
        let mut builder = MessageBuilder::response(status, request, Some(tag));
        if (101..300).contains(&status) {
            builder = builder.record_route(request);
        }
        if !self.settings.user_agent.is_empty() {
            builder = builder.header("Server", &self.settings.user_agent);
        }
        for (name, value) in headers {
            builder = builder.header(name, value);
        }
        if let Some(sdp) = sdp {
            builder = builder.body(wire::SDP, sdp.as_bytes());
        }
        builder.finish()
    }

    /// The To tag of a response that makes no dialog: none for a request that brings one.
    fn tag_for(&self, request: &Message) -> String {
        if request.has_to_tag() { String::new() } else { self.stateless_tag(request) }
    }

    /// A To tag that needs no memory: the same for each copy of a request, guessable by nobody.
    pub(super) fn stateless_tag(&self, request: &Message) -> String {
        Hex::of(&self.stateless_sum(request)).as_str().to_owned()
    }

    /// What such a tag spells. The ACK of an INVITE has the same.
    pub(super) fn stateless_sum(&self, request: &Message) -> [u8; 8] {
        let mut hash = Sha256::new().chain_update(self.secret);
        for part in [request.call_id(), request.header("From").unwrap_or_default()] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        hash.update(request.cseq_number().unwrap_or_default().to_be_bytes());
        hash.finalize().first_chunk().copied().unwrap_or_default()
    }
}

/// A status and the headers that explain it.
pub(super) type Refused = (u16, Headers<'static>);

/// Seconds after which somebody who found us full may come back.
pub(super) const RETRY_AFTER: &str = "10";

/// Where a response goes: back on the connection; for datagrams to the address they came from, at the port they came
/// from when the sender asked so, else at the port it named.
pub(super) fn way_back(flow: Flow, request: &Message) -> Flow {
    match (flow.transport, request.response_address()) {
        (Transport::Udp, Some(remote)) => Flow { remote, ..flow },
        _ => flow,
    }
}
