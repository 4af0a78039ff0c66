//! Dialogs, RFC 3261 section 12: who talks to whom, in which order, by which route. No state of a call is here.

use crate::message::{Message, MessageBuilder, Method, Uri};

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
}

/// Most Route headers of a dialog; a peer that wants more gets none of them kept.
const ROUTES_MAX: usize = 32;

/// First CSeq of our own dialogs: small, so that it cannot wrap within a call.
const CSEQ_FIRST: u32 = 1;

impl Dialog {
    /// Before the INVITE of ours is sent (RFC 3261 section 8.1.1).
    pub(crate) fn outgoing(call_id: String, local_tag: String, from: &str, to: &str, uri: &str) -> Dialog {
        Dialog {
            local: format!("{from};tag={local_tag}"),
            remote: to.to_owned(),
            call_id,
            local_tag,
            remote_tag: None,
            local_cseq: CSEQ_FIRST,
            remote_cseq: None,
            target: uri.to_owned(),
            routes: Vec::new(),
        }
    }

    /// From the peer's INVITE (RFC 3261 section 12.1.1). `None` when it lacks what a dialog needs: Contact, Call-ID.
    pub(crate) fn incoming(invite: &Message, local_tag: String) -> Option<Dialog> {
        let to = invite.header("To")?;
        let mut dialog = Dialog {
            call_id: invite.call_id().to_owned(),
            local: format!("{to};tag={local_tag}"),
            remote: invite.header("From")?.to_owned(),
            local_tag,
            remote_tag: Some(invite.from().ok()?.tag().unwrap_or_default().to_owned()),
            local_cseq: CSEQ_FIRST,
            remote_cseq: Some(invite.cseq().ok()?.0),
            target: contact_of(invite)?,
            routes: Vec::new(),
        };
        dialog.routes = record_routes(invite);
        Some(dialog)
    }

    /// From a response to our INVITE that makes a dialog (RFC 3261 section 12.1.2).
    pub(crate) fn answered(&mut self, response: &Message) {
        if let Some(to) = response.header("To") {
            self.remote = to.to_owned();
        }
        self.remote_tag = response.to().ok().map(|to| to.tag().unwrap_or_default().to_owned());
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

fn record_routes(message: &Message) -> Vec<String> {
    let routes: Vec<String> = message.values("Record-Route").into_iter().map(str::to_owned).collect();
    if routes.len() > ROUTES_MAX { Vec::new() } else { routes }
}

/// The URI of the first Contact.
fn contact_of(message: &Message) -> Option<String> {
    let mut uri = message.contact().ok()?.first()?.uri.clone();
    // RFC 3261 section 19.1.5: headers of a URI are not for a Request-URI.
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
    Uri::parse(bare(route)).is_ok_and(|uri| uri.param("lr").is_some())
}
