//! [`MessageBuilder`]: the only way out. Nothing given to it can add a line that it was not told to add.

use super::{Message, Method, text};

/// Builds a request or a response. Content-Length is added by [`MessageBuilder::finish`].
#[derive(Clone)]
#[must_use]
pub struct MessageBuilder {
    /// Start line and headers.
    head: String,
    body: Vec<u8>,
}

/// Most messages are no longer: one piece of memory, never moved.
const USUAL: usize = 1_024;

impl MessageBuilder {
    fn begin(start: &[&str]) -> MessageBuilder {
        let mut head = String::with_capacity(USUAL);
        start.iter().for_each(|part| head.push_str(part));
        head.push_str("\r\n");
        MessageBuilder { head, body: Vec::new() }
    }

    /// `METHOD uri SIP/2.0`. White space and control characters in the URI are dropped.
    pub fn request(method: &Method, uri: &str) -> MessageBuilder {
        let begin = |uri: &str| MessageBuilder::begin(&[method.as_str(), " ", uri, " SIP/2.0"]);
        if text::is_unbroken(uri) {
            return begin(uri);
        }
        begin(&uri.chars().filter(|c| !c.is_control() && !c.is_whitespace()).collect::<String>())
    }

    /// A response to `to` with its Vias, From, To, Call-ID and CSeq (RFC 3261 section 8.2.6.2) and the usual reason.
    /// `to_tag` is added to a To that has none. What a malformed request lacks is left out.
    pub fn response(status: u16, to: &Message, to_tag: Option<&str>) -> MessageBuilder {
        let mut builder = MessageBuilder::begin(&["SIP/2.0 ", &status.to_string(), " ", reason(status)]);
        for via in to.headers("Via") {
            builder.push("Via", via);
        }
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let Some(value) = to.header(name) else { continue };
            builder.push(name, value);
            if let ("To", Some(tag)) = (name, to_tag)
                && !to.has_to_tag()
                && text::is_token(tag)
            {
                // A To without brackets takes parameters as the header's own: appending is right in both forms.
                builder.head.truncate(builder.head.len() - 2);
                [";tag=", tag, "\r\n"].iter().for_each(|part| builder.head.push_str(part));
            }
        }
        builder
    }

    /// Another reason phrase, in a response.
    pub fn reason(mut self, phrase: &str) -> MessageBuilder {
        const STATUS: usize = "SIP/2.0 200 ".len();
        let line = self.head.find("\r\n").filter(|_| self.head.starts_with("SIP/2.0 "));
        if let Some(end) = line.filter(|end| *end >= STATUS) {
            let phrase: String = phrase.chars().map(without_control).collect();
            self.head.replace_range(STATUS..end, &phrase);
        }
        self
    }

    /// Copies the Record-Route lines of the request, as a response that makes a dialog must (RFC 3261 12.1.1).
    pub fn record_route(mut self, of: &Message) -> MessageBuilder {
        for route in of.headers("Record-Route") {
            self.push("Record-Route", route);
        }
        self
    }

    /// One header line. Control characters of the value become spaces, so that no value can start another line; a
    /// name that is no token, and Content-Length, which is ours to say, are left out.
    pub fn header(mut self, name: &str, value: &str) -> MessageBuilder {
        if !name.eq_ignore_ascii_case("Content-Length") && !name.eq_ignore_ascii_case("l") {
            self.push(name, value);
        }
        self
    }

    /// The body and its type.
    pub fn body(mut self, content_type: &str, bytes: &[u8]) -> MessageBuilder {
        self.push("Content-Type", content_type);
        self.body = bytes.to_vec();
        self
    }

    /// The message on the wire.
    pub fn finish(self) -> Vec<u8> {
        let mut out = self.head;
        let length = self.body.len().to_string();
        out.reserve(length.len() + self.body.len() + 20);
        ["Content-Length: ", &length, "\r\n\r\n"].iter().for_each(|part| out.push_str(part));
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body);
        out
    }

    fn push(&mut self, name: &str, value: &str) {
        if !text::is_token(name) {
            return;
        }
        self.head.push_str(name);
        self.head.push_str(": ");
        if text::is_plain(value) {
            self.head.push_str(value);
        } else {
            self.head.extend(value.chars().map(without_control));
        }
        self.head.push_str("\r\n");
    }
}

fn without_control(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

impl core::fmt::Debug for MessageBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MessageBuilder")
    }
}

/// The usual reason phrase of a status (RFC 3261 section 21 and the registry of response codes).
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        182 => "Queued",
        183 => "Session Progress",
        200 => "OK",
        202 => "Accepted",
        301 => "Moved Permanently",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        413 => "Request Entity Too Large",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        421 => "Extension Required",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
        439 => "First Hop Lacks Outbound Support",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        489 => "Bad Event",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        505 => "Version Not Supported",
        513 => "Message Too Large",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        _ => match status / 100 {
            1 => "Progress",
            2 => "Success",
            3 => "Redirected",
            4 => "Request Failure",
            5 => "Server Failure",
            _ => "Failure",
        },
    }
}
