//! What a hop says to its neighbour only: the keys that tell transactions apart, the ACK of a refusal, the CANCEL.

use crate::message::{Message, MessageBuilder, Method, StartLine};

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

/// The branch of the top Via, in the one case that comparing wants.
pub(super) fn branch_of(message: &Message) -> Option<String> {
    message.top_via().ok()?.branch
}

/// The method that CSeq names.
pub(super) fn cseq_method(message: &Message) -> Option<String> {
    message.cseq().ok().map(|(_, method)| method.as_str().to_owned())
}

/// RFC 3261 section 17.2.3: branch, sent-by and method; for branches of older make, what RFC 2543 compared, less the
/// To tag, which an ACK has and its INVITE has not.
pub(super) fn server_key(request: &Message, method: &str) -> String {
    let via = request.top_via().ok();
    let branch = via.as_ref().filter(|v| v.is_rfc3261()).and_then(|v| v.branch.as_deref());
    let sent_by = via
        .as_ref()
        .map(|v| format!("{}:{}", v.host.to_ascii_lowercase(), v.port.unwrap_or(0)))
        .unwrap_or_default();
    match branch {
        Some(branch) => format!("{method} {branch} {sent_by}"),
        None => {
            let uri = request_uri(request);
            let cseq = request.cseq().map_or(0, |(number, _)| number);
            let tag = request.from().ok().and_then(|f| f.tag().map(str::to_owned)).unwrap_or_default();
            let call = request.call_id();
            format!("{method} 2543 {uri} {call} {cseq} {tag} {sent_by}")
        }
    }
}

/// RFC 3261 section 8.2.2.2: same From tag, Call-ID and CSeq, and no To tag.
pub(super) fn merge_key(request: &Message) -> Option<String> {
    if request.to().ok()?.tag().is_some() {
        return None;
    }
    let (number, method) = request.cseq().ok()?;
    let from = request.from().ok()?;
    Some(format!("{} {number} {} {}", method.as_str(), from.tag().unwrap_or_default(), request.call_id()))
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
    Some((bytes, branch_of(&invite)?))
}

fn of_same_hop(invite: &Message, method: &Method, to: &str) -> Option<Vec<u8>> {
    let StartLine::Request { uri, .. } = invite.start() else { return None };
    let (number, _) = invite.cseq().ok()?;
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
