//! What a hop says to its neighbour only: the keys that tell transactions apart, the ACK of a refusal, the CANCEL.

use crate::message::{Message, MessageBuilder, Method, StartLine};
use core::fmt::Write;

/// The Request-URI of a request, as it stood.
pub(crate) fn request_uri(message: &Message) -> &str {
    match message.start() {
        StartLine::Request { uri, .. } => uri,
        StartLine::Response { .. } => "",
    }
}

/// The method of a request; of a response, nothing.
pub(super) fn method_of(message: &Message) -> &str {
    message.method().map_or("", Method::as_str)
}

/// RFC 3261 section 17.2.3: branch, sent-by and method; for branches of older make, what RFC 2543 compared, less the
/// To tag, which an ACK has and its INVITE has not.
pub(super) fn server_key(request: &Message, method: &str) -> String {
    let hop = request.hop();
    let mut key = String::with_capacity(128);
    for part in [method, " "] {
        key.push_str(part);
    }
    // Writing to a string cannot fail.
    match hop.and_then(|hop| hop.branch) {
        Some(branch) => key.push_str(branch),
        None => {
            let (uri, call) = (request_uri(request), request.call_id());
            let cseq = request.cseq_number().unwrap_or_default();
            let tag = request.tag_in_from().unwrap_or_default();
            let _ = write!(key, "2543 {uri} {call} {cseq} {tag}");
        }
    }
    if let Some(hop) = hop {
        key.push(' ');
        key.extend(hop.host.chars().map(|c| c.to_ascii_lowercase()));
        let _ = write!(key, ":{}", hop.port.unwrap_or(0));
    }
    key
}

/// RFC 3261 section 8.2.2.2: same From tag, Call-ID and CSeq, and no To tag.
pub(super) fn merge_key(request: &Message) -> Option<String> {
    if request.has_to_tag() {
        return None;
    }
    let number = request.cseq_number()?;
    let (method, tag) = (method_of(request), request.tag_in_from().unwrap_or_default());
    Some(format!("{method} {number} {tag} {}", request.call_id()))
}

/// The ACK of a refusal, RFC 3261 section 17.1.1.3: the INVITE's own hop, the response's To.
pub(crate) fn ack_of_refusal(invite: &[u8], response: &Message) -> Option<Vec<u8>> {
    let invite = Message::parse(invite).ok()?;
    of_same_hop(&invite, &Method::Ack, response.header("To")?)
}

/// The CANCEL of an INVITE, RFC 3261 section 9.1, and its branch.
pub(crate) fn cancel_of(invite: &[u8]) -> Option<(Vec<u8>, String)> {
    let invite = Message::parse(invite).ok()?;
    let bytes = of_same_hop(&invite, &Method::Cancel, invite.header("To")?)?;
    let branch = invite.hop()?.branch?.to_owned();
    Some((bytes, branch))
}

fn of_same_hop(invite: &Message, method: &Method, to: &str) -> Option<Vec<u8>> {
    let StartLine::Request { uri, .. } = invite.start() else { return None };
    let number = invite.cseq_number()?;
    let mut builder = MessageBuilder::request(method, uri)
        .header("Via", &invite.top_via().ok()?.to_string())
        .header("Max-Forwards", "70")
        .header("From", invite.header("From")?)
        .header("To", to)
        .header("Call-ID", invite.call_id())
        .header("CSeq", &format!("{number} {}", method.as_str()));
    for route in invite.headers("Route") {
        builder = builder.header("Route", route);
    }
    Some(builder.finish())
}
