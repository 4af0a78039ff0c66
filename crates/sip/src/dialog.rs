//! Dialogs, RFC 3261 section 12: who talks to whom, in which order, by which route. No state of a call is here.

use crate::message::{Kind, Message, MessageBuilder, Method, UriParts};

/// One side's view of a dialog. From and To are kept as they stand on the wire, tags and all.
#[derive(Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    /// `None` until the peer has spoken.
    pub(crate) remote_tag: Option<String>,
    /// Our From, its tag included.
    local: String,
    /// The peer's To, its tag included once known.
    remote: String,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    /// The peer's Contact: where requests within the dialog are addressed to.
    target: String,
    /// Route headers, in the order of our requests.
    routes: Vec<String>,
    /// It was begun with a `sips:` URI: our Contact is one, too (RFC 3261 sections 8.1.1.8 and 12.1.1).
    pub(crate) sips: bool,
}

/// Most Route headers of a dialog; a peer that wants more gets none of them kept.
const ROUTES_MAX: usize = 32;

/// First CSeq of our own dialogs: small, so that it cannot wrap within a call.
const CSEQ_FIRST: u32 = 1;

impl Dialog {
    /// Before the INVITE of ours is sent (RFC 3261 section 8.1.1). What stands behind the `?` of a URI is left out: it
    /// may not stand in a Request-URI, and a Route of somebody's choosing is not to be honoured (section 19.1.5).
    pub(crate) fn outgoing(call_id: String, local_tag: String, from: &str, to: &str, uri: &str) -> Dialog {
        Dialog {
            local: format!("{from};tag={local_tag}"),
            remote: to.to_owned(),
            call_id,
            local_tag,
            remote_tag: None,
            local_cseq: CSEQ_FIRST,
            remote_cseq: None,
            target: without_headers(uri),
            routes: Vec::new(),
            sips: is_sips(uri),
        }
    }

    /// From the peer's INVITE (RFC 3261 section 12.1.1). `None` when it lacks what a dialog needs: Contact, Call-ID.
    /// A caller of RFC 2543 make, told by its branch, need not have a Contact: it is called back at its From.
    pub(crate) fn incoming(invite: &Message, local_tag: String) -> Option<Dialog> {
        let to = invite.header("To")?;
        let mut dialog = Dialog {
            call_id: invite.call_id().to_owned(),
            local: format!("{to};tag={local_tag}"),
            remote: invite.header("From")?.to_owned(),
            local_tag,
            remote_tag: Some(invite.tag_in_from().unwrap_or_default().to_owned()),
            local_cseq: CSEQ_FIRST,
            remote_cseq: Some(invite.cseq_number()?),
            target: contact_of(invite).or_else(|| from_of_old(invite))?,
            routes: Vec::new(),
            sips: invite.request_uri_parts().is_some_and(|uri| uri.kind == Kind::Sips),
        };
        dialog.routes = record_routes(invite);
        dialog.sips |= is_sips(dialog.routes.first().map_or(dialog.target.as_str(), |top| bare(top)));
        Some(dialog)
    }

    /// From a response to our INVITE that makes a dialog (RFC 3261 section 12.1.2).
    pub(crate) fn answered(&mut self, response: &Message) {
        if let Some(to) = response.header("To") {
            self.remote = to.to_owned();
        }
        self.remote_tag = Some(response.tag_in_to().unwrap_or_default().to_owned());
        self.routes = record_routes(response);
        self.routes.reverse();
        self.refresh(response);
    }

    /// Takes the peer's new Contact (RFC 3261 section 12.2.1.2).
    pub(crate) fn refresh(&mut self, message: &Message) {
        if let Some(contact) = contact_of(message) {
            self.target = contact;
        }
    }

    /// Our INVITE goes by this route first.
    pub(crate) fn goes_by(&mut self, top: &str) {
        self.sips |= is_sips(bare(top));
    }

    /// Whether `tag` is the peer's, or could be since it has not spoken yet.
    pub(crate) fn is_peer(&self, tag: &str) -> bool {
        self.remote_tag.as_deref().is_none_or(|known| known == tag)
    }

    /// Takes the number of a request of the peer; `false` when it is older than one seen before (RFC 3261 section
    /// 12.2.2), which deserves a 500.
    pub(crate) fn in_order(&mut self, cseq: u32) -> bool {
        let fresh = self.remote_cseq.is_none_or(|seen| cseq > seen);
        if fresh {
            self.remote_cseq = Some(cseq);
        }
        fresh
    }

    /// The number for our next request.
    pub(crate) fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.local_cseq
    }

    /// The number of our last request.
    pub(crate) fn cseq(&self) -> u32 {
        self.local_cseq
    }

    /// A request of ours within the dialog, its headers up to CSeq (RFC 3261 section 12.2.1.1).
    pub(crate) fn request(&self, method: &Method, cseq: u32, via: &str) -> MessageBuilder {
        let strict = self.routes.first().filter(|first| !is_loose(first));
        let uri = strict.map_or(self.target.as_str(), |first| bare(first));
        let mut builder = MessageBuilder::request(method, uri)
            .header("Via", via)
            .header("Max-Forwards", "70")
            .header("From", &self.local)
            .header("To", &self.remote)
            .header("Call-ID", &self.call_id)
            .header("CSeq", &format!("{cseq} {}", method.as_str()));
        for route in self.routes.iter().skip(usize::from(strict.is_some())) {
            builder = builder.header("Route", route);
        }
        if strict.is_some() {
            builder = builder.header("Route", &format!("<{}>", self.target));
        }
        builder
    }

    /// The Request-URI that [`Dialog::request`] writes: digest answers must name the same.
    pub(crate) fn request_uri(&self) -> &str {
        self.routes.first().filter(|first| !is_loose(first)).map_or(self.target.as_str(), |first| bare(first))
    }
}

fn without_headers(uri: &str) -> String {
    UriParts::read(uri).map_or(uri, |read| read.without_headers()).to_owned()
}

fn is_sips(uri: &str) -> bool {
    UriParts::read(uri).is_ok_and(|read| read.kind == Kind::Sips)
}

fn record_routes(message: &Message) -> Vec<String> {
    let routes: Vec<String> = message.values("Record-Route").into_iter().map(str::to_owned).collect();
    if routes.len() > ROUTES_MAX { Vec::new() } else { routes }
}

/// The URI of the first Contact.
fn contact_of(message: &Message) -> Option<String> {
    // RFC 3261 section 19.1.5: headers of a URI are not for a Request-URI.
    message.contact_uri().map(|uri| uri.without_headers().to_owned())
}

/// The From of a request that was made before RFC 3261, which had Contact mandatory only later (RFC 4475 3.4.1).
fn from_of_old(message: &Message) -> Option<String> {
    let old = message.hop().is_some_and(|hop| hop.branch.is_none()) && message.header("Contact").is_none();
    let mut uri = message.from().ok().filter(|_| old)?.uri;
    uri.headers = None;
    Some(uri.to_string())
}

/// The URI of a Route header, without its angle brackets.
fn bare(route: &str) -> &str {
    match (route.find('<'), route.rfind('>')) {
        (Some(open), Some(close)) if open < close => route.get(open + 1..close).unwrap_or(route),
        _ => route,
    }
}

fn is_loose(route: &str) -> bool {
    UriParts::read(bare(route)).is_ok_and(|uri| uri.param("lr").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::StartLine;

    fn invite(extra: &str) -> Message {
        Message::parse(invite_text(extra).as_bytes()).unwrap()
    }

    fn invite_text(extra: &str) -> String {
        format!(
            "INVITE sip:111@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1\r\n\
             From: \"A\" <sip:a@example.com>;tag=theirs\r\nTo: <sip:111@192.0.2.1>\r\nCall-ID: c\r\nCSeq: 5 INVITE\r\n\
             Contact: <sip:a@198.51.100.7:5070;x=1?Route=%3Csip:evil%3E>\r\n{extra}Content-Length: 0\r\n\r\n"
        )
    }

    fn sent(dialog: &Dialog) -> (String, Vec<String>, Message) {
        let via = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2";
        let message = Message::parse(&dialog.request(&Method::Bye, 2, via).finish()).unwrap();
        let StartLine::Request { uri, .. } = message.start() else { panic!() };
        (uri.to_owned(), message.headers("Route").map(str::to_owned).collect(), message.clone())
    }

    #[test]
    fn the_callee_goes_back_by_the_routes_in_order_to_the_contact_without_its_headers() {
        let routes = "Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\n";
        let dialog = Dialog::incoming(&invite(routes), "ours".into()).unwrap();
        let (uri, routes, message) = sent(&dialog);
        assert_eq!(uri, "sip:a@198.51.100.7:5070;x=1");
        assert_eq!(routes, ["<sip:p2;lr>", "<sip:p1;lr>"]);
        assert_eq!(message.header("From"), Some("<sip:111@192.0.2.1>;tag=ours"));
        assert_eq!(message.header("To"), Some("\"A\" <sip:a@example.com>;tag=theirs"));
    }

    #[test]
    fn what_a_contact_hides_behind_its_question_mark_is_not_taken_over() {
        let uri = "sip:a?b@desk?Route=%3Csip:evil%3E&Subject=x";
        let dialog = Dialog::outgoing("c".into(), "ours".into(), "<sip:l@x>", "<sip:a@y>", uri);
        assert_eq!(dialog.request_uri(), "sip:a?b@desk");
    }

    #[test]
    fn the_caller_goes_by_the_routes_in_reverse() {
        let mut dialog = Dialog::outgoing("c".into(), "ours".into(), "<sip:l@x>", "<sip:a@y>", "sip:a@y");
        assert!(dialog.is_peer("anybody"));
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:l@x>;tag=ours\r\n\
                    To: <sip:a@y>;tag=theirs\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:a@z>\r\n\
                    Record-Route: <sip:p2;lr>\r\nRecord-Route: <sip:p1;lr>\r\nContent-Length: 0\r\n\r\n";
        dialog.answered(&Message::parse(text.as_bytes()).unwrap());
        let (uri, routes, message) = sent(&dialog);
        assert_eq!(
            (uri.as_str(), routes),
            ("sip:a@z", vec!["<sip:p1;lr>".to_owned(), "<sip:p2;lr>".to_owned()])
        );
        assert_eq!(message.header("To"), Some("<sip:a@y>;tag=theirs"));
        assert!(dialog.is_peer("theirs") && !dialog.is_peer("other"));
    }

    /// RFC 3261 sections 8.1.1.8 and 12.1.1: the Request-URI, the topmost route, or without a route the Contact.
    #[test]
    fn a_dialog_begun_with_a_sips_uri_is_one_of_sips() {
        let begun = |from: &str, to: &str, extra: &str| {
            let text =
                if from.is_empty() { invite_text(extra) } else { invite_text(extra).replace(from, to) };
            Dialog::incoming(&Message::parse(text.as_bytes()).unwrap(), "ours".into()).unwrap().sips
        };
        let (uri, contact) = ("INVITE sip:", "Contact: <sip:");
        assert!(!begun("", "", ""));
        assert!(begun(uri, "INVITE sips:", ""));
        assert!(begun(contact, "Contact: <sips:", ""));
        assert!(!begun(contact, "Contact: <sips:", "Record-Route: <sip:p;lr>\r\n"));
        assert!(begun("", "", "Record-Route: <sips:p2;lr>, <sip:p1;lr>\r\n"));
        assert!(!begun("", "", "Record-Route: <sip:p2;lr>, <sips:p1;lr>\r\n"));
        let ours = |uri: &str| Dialog::outgoing("c".into(), "t".into(), "<sip:l@x>", "<sip:a@y>", uri);
        assert!(ours("sips:a@y").sips && !ours("sip:a@y").sips);
        let mut by_route = ours("sip:a@y");
        by_route.goes_by("<sips:p;lr>");
        assert!(by_route.sips);
    }

    /// RFC 3261 section 12.2.1.1: a proxy of RFC 2543 make takes the Request-URI, the target goes last.
    #[test]
    fn a_strict_router_gets_the_request_uri() {
        let dialog =
            Dialog::incoming(&invite("Record-Route: <sip:old>, <sip:p1;lr>\r\n"), "ours".into()).unwrap();
        let (uri, routes, _) = sent(&dialog);
        assert_eq!(uri, "sip:old");
        assert_eq!(routes, ["<sip:p1;lr>", "<sip:a@198.51.100.7:5070;x=1>"]);
        assert_eq!(dialog.request_uri(), "sip:old");
    }

    #[test]
    fn too_many_routes_are_none() {
        let routes = |n: usize| format!("Record-Route: {}\r\n", vec!["<sip:p;lr>"; n].join(","));
        let kept = |n| sent(&Dialog::incoming(&invite(&routes(n)), "t".into()).unwrap()).1.len();
        assert_eq!((kept(ROUTES_MAX), kept(ROUTES_MAX + 1)), (ROUTES_MAX, 0));
    }

    #[test]
    fn old_numbers_are_out_of_order() {
        let mut dialog = Dialog::incoming(&invite(""), "ours".into()).unwrap();
        assert!(!dialog.in_order(5) && dialog.in_order(6) && !dialog.in_order(6) && dialog.in_order(900));
    }
}
