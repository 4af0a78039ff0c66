//! The words of the endpoint's door: what goes in, what comes out, what the operator sets.

use super::EnrolmentId;
use super::refer::Referral;
use super::session_timer::SessionTimer;
use crate::{Algorithm, Authenticated, Cause, Credentials, Flow, IpNet, Message, Transport};
use core::fmt;
use core::time::Duration;
use senim_base::Redacted;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// One INVITE session, either way: from the INVITE to its one terminal event. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "session-{}", self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One request of ours outside a session. Never used twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request-{}", self.0)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Goes into `Server` and `User-Agent`; empty to say nothing.
    pub user_agent: String,
    /// The digest realm of our own users.
    pub realm: String,
    /// The address that peers are to use for a transport, for Via and Contact, when it is not the socket's own.
    pub advertised: Vec<(Transport, SocketAddr)>,
    /// The same for peers of certain networks, before all others; the first that fits.
    pub networks: Vec<Network>,
    /// Our own TCP addresses: a request to a trunk that is too large for a datagram goes from there (RFC 3261 section
    /// 18.1.1). None: it goes as a datagram all the same.
    pub streams: Vec<SocketAddr>,
    /// Who may bring calls without a password.
    pub trunks: Vec<TrunkSource>,
    /// Digest algorithms offered to users, the first first; none: all that we know, the stronger first.
    pub digest: Vec<Algorithm>,
    /// Whether users with passwords may register and call. Otherwise strangers get 403.
    pub accept_users: bool,
    /// How long sessions live without a refresh (RFC 4028).
    pub session_timer: SessionTimer,
}

impl Settings {
    /// Users of a realm and nobody else, told the sockets' own addresses.
    pub fn of_realm(realm: &str) -> Settings {
        Settings {
            user_agent: String::new(),
            realm: realm.to_owned(),
            advertised: Vec::new(),
            networks: Vec::new(),
            streams: Vec::new(),
            trunks: Vec::new(),
            digest: Vec::new(),
            accept_users: true,
            session_timer: SessionTimer::default(),
        }
    }
}

/// A trunk by the addresses it speaks from (FEATURES T6).
#[derive(Clone, Debug)]
pub struct TrunkSource {
    /// Its name in the configuration.
    pub name: String,
    /// Its addresses.
    pub sources: Vec<IpNet>,
    /// It is itself over TLS alone: on an open wire its addresses are anybody's.
    pub tls_only: bool,
}

/// Peers who know us by another address than others do.
#[derive(Clone, Debug)]
pub struct Network {
    /// Their addresses.
    pub peers: Vec<IpNet>,
    /// The address that they are to use for us.
    pub address: IpAddr,
    /// The port, when it is not the socket's own.
    pub port: Option<u16>,
}

/// What happens to the endpoint.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// A datagram came.
    Datagram {
        /// Its way; `connection` is 0.
        flow: Flow,
        /// Its whole content.
        bytes: &'a [u8],
    },
    /// Some bytes of a connection came: of a stream, cut anywhere; of a WebSocket, one whole message.
    Stream {
        /// The connection.
        flow: Flow,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A connection ended, whoever ended it.
    FlowClosed(Flow),
    /// Something sent on this flow could not be sent: no connection, or the network said unreachable. The flow is
    /// the one of the [`Output::Transmit`] that failed.
    FlowFailed(Flow),
    /// [`Endpoint::deadline`](crate::Endpoint::deadline) has come.
    Timeout,
}

impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Datagram { flow, bytes } => write!(f, "Datagram({flow:?}, {} bytes)", bytes.len()),
            Input::Stream { flow, bytes } => write!(f, "Stream({flow:?}, {} bytes)", bytes.len()),
            Input::FlowClosed(flow) => write!(f, "FlowClosed({flow:?})"),
            Input::FlowFailed(flow) => write!(f, "FlowFailed({flow:?})"),
            Input::Timeout => f.write_str("Timeout"),
        }
    }
}

/// What was wrong with an input. It has been answered, dropped or cut already: this is for counting.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// The peer: bytes that are no SIP message, dropped.
    Garbage,
    /// The peer: a request that cannot be read or served, refused with this status.
    Malformed(u16),
    /// The peer: a stream whose framing is lost, cut.
    Framing,
    /// Us: more than [`STREAMS_MAX`](crate::STREAMS_MAX) connections; this one was cut.
    TooManyStreams,
    /// The peer: a stranger whose budget is spent ([`Budgets`](crate::Budgets)); he got silence.
    Silenced,
    /// Us: no time for a new call; it was refused, or this acknowledges its refusal.
    Crowded,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Garbage => f.write_str("peer: no SIP message"),
            Fault::Malformed(status) => write!(f, "peer: unreadable request, refused with {status}"),
            Fault::Framing => f.write_str("peer: stream framing lost, connection cut"),
            Fault::TooManyStreams => f.write_str("us: too many connections"),
            Fault::Silenced => f.write_str("peer: a stranger asks too much"),
            Fault::Crowded => f.write_str("us: no time for a new call"),
        }
    }
}

impl core::error::Error for Fault {}

/// What the endpoint wants.
#[derive(Clone)]
pub enum Output {
    /// Send these bytes. A stream flow with `connection: 0` asks for a connection to `remote` to be opened, or for
    /// one that was opened so before to be used again.
    Transmit {
        /// The way.
        flow: Flow,
        /// One whole message, or the answer to a keep-alive.
        bytes: Vec<u8>,
    },
    /// Send these bytes: a new call is refused because there is no time for it ([`Endpoint::set_crowded`]). Apart, so
    /// that whoever counts or traces need not look into it.
    ///
    /// [`Endpoint::set_crowded`]: crate::Endpoint::set_crowded
    Refuse {
        /// The way.
        flow: Flow,
        /// One whole message.
        bytes: Vec<u8>,
    },
    /// Close this connection: its framing is lost, or it said nothing of use for too long.
    Disconnect(Flow),
    /// Tell the switch.
    Event(Event),
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Transmit { flow, bytes } => write!(f, "Transmit({flow:?}, {} bytes)", bytes.len()),
            Output::Refuse { flow, bytes } => write!(f, "Refuse({flow:?}, {} bytes)", bytes.len()),
            Output::Disconnect(flow) => write!(f, "Disconnect({flow:?})"),
            Output::Event(event) => write!(f, "Event({event:?})"),
        }
    }
}

/// Who called, as verified: strangers never become events.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A trunk, known by its address; its name.
    Trunk(String),
    /// A user who proved his password.
    User(Authenticated),
}

/// Somebody calls.
#[derive(Clone)]
pub struct Invitation {
    /// The session that begins.
    pub session: SessionId,
    /// The way it came.
    pub flow: Flow,
    /// Who called.
    pub origin: Origin,
    /// The INVITE, for its headers: From, P-Asserted-Identity, Privacy.
    pub request: Arc<Message>,
    /// User part of the Request-URI, decoded: what was dialled. The whole number of a `tel:` URI.
    pub dialled: String,
    /// The offer; `None` when the caller wants ours.
    pub offer: Option<Vec<u8>>,
    /// The session of the same user or trunk whose place this call is to take (RFC 3891).
    pub replaces: Option<SessionId>,
    /// The session of the same user or trunk that this call is to join (RFC 3911).
    pub joins: Option<SessionId>,
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("session", &self.session)
            .field("flow", &self.flow)
            .field("offer", &self.offer.as_ref().map(Vec::len))
            .field("replaces", &self.replaces)
            .field("joins", &self.joins)
            .finish_non_exhaustive()
    }
}

/// What the switch learns. Each session ends with exactly one of [`Event::Cancelled`], [`Event::Rejected`] and
/// [`Event::Ended`]; after that nothing more is told of it, though the endpoint may still say goodbye on the wire.
#[derive(Clone)]
pub enum Event {
    /// Somebody calls. Answer with `ring`, `accept`, `reject` or `hang_up`.
    Incoming(Box<Invitation>),
    /// The caller gave up before we answered; 487 was sent. Terminal.
    Cancelled {
        /// The session.
        session: SessionId,
    },
    /// The caller acknowledged our 200: talk.
    Confirmed {
        /// The session.
        session: SessionId,
        /// His answer, in the ACK or a PRACK, when the offer was ours.
        sdp: Option<Vec<u8>>,
    },
    /// The callee's phone rings, or something plays before the answer.
    Ringing {
        /// The session.
        session: SessionId,
        /// 101 to 198.
        status: u16,
        /// Early media.
        sdp: Option<Vec<u8>>,
        /// Which of the phones that ring, from 0, when the call was forked: its media is another's no longer.
        fork: usize,
    },
    /// The callee answered; the ACK was sent.
    Answered {
        /// The session.
        session: SessionId,
        /// The answer to our offer; the one in this phone's last 18x when the 2xx itself has none. When we sent no
        /// offer this is the callee's, to be answered with `answer_late`.
        sdp: Option<Vec<u8>>,
    },
    /// The callee did not answer. Terminal.
    Rejected {
        /// The session.
        session: SessionId,
        /// The status: as received, 408 for a timeout, 503 for a broken wire.
        status: u16,
        /// Why.
        reason: Rejection,
        /// Seconds for which the peer wants to be left in peace (Retry-After), if it said so.
        retry_after_s: Option<u32>,
    },
    /// The peer wants other media (re-INVITE or UPDATE). Answer with `answer_reoffer`.
    Reoffered {
        /// The session.
        session: SessionId,
        /// The offer; `None` when the peer wants ours.
        sdp: Option<Vec<u8>>,
    },
    /// The peer answered our offer of other media.
    ReofferAnswered {
        /// The session.
        session: SessionId,
        /// The answer.
        sdp: Option<Vec<u8>>,
    },
    /// The peer refused our offer of other media: everything stays as it was.
    ReofferRejected {
        /// The session.
        session: SessionId,
        /// The status; 408 for a timeout, 503 for a broken wire.
        status: u16,
    },
    /// The session is over. Terminal.
    Ended {
        /// The session.
        session: SessionId,
        /// Who or what ended it.
        ending: Ending,
    },
    /// The peer sent INFO within the session (digits of old phones, RFC 6086); 200 was sent.
    Info {
        /// The session.
        session: SessionId,
        /// The digit, from `application/dtmf-relay` or `application/dtmf`: `0`-`9`, `*`, `#`, `A`-`D`.
        digit: Option<char>,
        /// Content-Type.
        content_type: String,
        /// The body.
        body: Redacted<Vec<u8>>,
    },
    /// The peer asks us to call somebody (RFC 3515). Answer with `answer_referral`, then tell how it goes with
    /// `referral_progress`.
    Referred {
        /// The session.
        session: SessionId,
        /// What is asked for.
        referral: Box<Referral>,
    },
    /// The peer answered our REFER.
    ReferAnswered {
        /// The session.
        session: SessionId,
        /// The status; 408 for a timeout, 503 for a broken wire. Reports follow a 2xx.
        status: u16,
    },
    /// How the call goes that we asked the peer for.
    ReferProgress {
        /// The session.
        session: SessionId,
        /// The status that the call has met; 408 when the peer stopped to report.
        status: u16,
        /// No more is told.
        last: bool,
    },
    /// A user has a phone now.
    Registered {
        /// The user.
        user: String,
    },
    /// A user has no phone any more.
    Unregistered {
        /// The user.
        user: String,
        /// Why.
        cause: Cause,
    },
    /// A probe was answered: the peer lives, whatever it said.
    OptionsAnswered {
        /// The probe.
        request: RequestId,
        /// The status.
        status: u16,
    },
    /// A probe was not answered.
    OptionsFailed {
        /// The probe.
        request: RequestId,
    },
    /// So many wrong passwords came for this user, from so many places, that strange ones are not heard for a while.
    AccountAttacked {
        /// The user.
        user: String,
    },
    /// A carrier knows us now. Refreshes are not told.
    Enrolled {
        /// Which registration of ours.
        enrolment: EnrolmentId,
        /// For how long, seconds.
        granted_s: u32,
    },
    /// A carrier does not take our registration, or the way to it broke; it is tried again.
    EnrolmentFailed {
        /// Which.
        enrolment: EnrolmentId,
        /// The status; 408 for a timeout, 503 for a broken wire.
        status: u16,
        /// After how long it is tried again.
        retry: Duration,
    },
    /// A registration of ours was taken back. Terminal.
    EnrolmentEnded {
        /// Which.
        enrolment: EnrolmentId,
    },
}

/// Why a call of ours was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rejection {
    /// The peer said so.
    Response,
    /// The peer said nothing.
    Timeout,
    /// The wire failed.
    Transport,
    /// The peer wants a password that we do not have, or does not take ours.
    AuthFailed,
}

/// Who or what ended a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The peer said BYE.
    RemoteBye,
    /// We did, by `hang_up` or `reject`.
    LocalBye,
    /// The peer never acknowledged our 200, or knows nothing of the session any more (481, 408).
    Timeout,
    /// The wire failed before the session stood.
    Transport,
    /// The peer took our offer and gave no answer.
    NoAnswer,
    /// The peer did not refresh the session in time (RFC 4028).
    SessionExpired,
}

/// A call of ours to be made.
#[derive(Clone)]
pub struct Outgoing {
    /// The way: a binding's flow, or a trunk's.
    pub flow: Flow,
    /// The Request-URI.
    pub uri: String,
    /// The From header without tag: `"Senim" <sip:111@senim.example>`.
    pub from: String,
    /// The To header without tag.
    pub to: String,
    /// More headers, e.g. P-Asserted-Identity, Alert-Info.
    pub headers: Vec<(String, String)>,
    /// The offer. With `None` the callee's own offer comes in [`Event::Answered`] and waits for `answer_late`.
    pub sdp: Option<String>,
    /// The answer to one 401 or 407.
    pub credentials: Option<Credentials>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("flow", &self.flow).finish_non_exhaustive()
    }
}

/// Why a call of ours was not begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// We: too many sessions live already ([`SESSIONS_MAX`](crate::SESSIONS_MAX)).
    TooManySessions,
    /// The operator: the Request-URI, From or To cannot be read.
    BadAddress,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::TooManySessions => "too many sessions are live",
            Refusal::BadAddress => "the Request-URI, From or To of the call is not a SIP address",
        })
    }
}

impl core::error::Error for Refusal {}

/// Why the endpoint wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// A transaction repeats itself, gives up, or has lingered long enough (RFC 3261 table 4).
    Transaction,
    /// A 200 is repeated until its ACK comes, or is given up (RFC 3261 section 13.3.1.4).
    Acknowledgement,
    /// A ringing call is kept alive with another 18x (RFC 3261 section 13.3.1.1).
    KeepRinging,
    /// A reliable 18x is repeated until its PRACK comes, or is given up (RFC 3262 section 3).
    Reliability,
    /// An offer waits for the switch's answer for too long (RFC 3311 section 5.2).
    Offer,
    /// A session is to be refreshed, or was not (RFC 4028).
    SessionTimer,
    /// A cancelled call was not answered by anything (RFC 3261 section 9.1).
    CancelGivenUp,
    /// Offers crossed; ours is tried again (RFC 3261 section 14.1).
    Glare,
    /// A REFER waits too long for its answer or its last report (RFC 3515).
    Referral,
    /// A connection has said nothing of use for too long.
    IdleStream,
    /// A registration ends, or a registered phone is probed.
    Registration,
    /// A registration of ours is refreshed, or tried again.
    Enrolment,
}

/// What is alive, for gauges and for tests that look for leaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Sessions not yet forgotten.
    pub sessions: usize,
    /// Transactions, all four kinds.
    pub transactions: usize,
    /// Timers running, without those of registrations.
    pub timers: usize,
    /// Connections with a framer.
    pub streams: usize,
}

impl Event {
    /// The session it is about, if any.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Event::Incoming(invitation) => Some(invitation.session),
            Event::Cancelled { session }
            | Event::Confirmed { session, .. }
            | Event::Ringing { session, .. }
            | Event::Answered { session, .. }
            | Event::Rejected { session, .. }
            | Event::Reoffered { session, .. }
            | Event::ReofferAnswered { session, .. }
            | Event::ReofferRejected { session, .. }
            | Event::Ended { session, .. }
            | Event::Referred { session, .. }
            | Event::ReferAnswered { session, .. }
            | Event::ReferProgress { session, .. }
            | Event::Info { session, .. } => Some(*session),
            Event::Registered { .. }
            | Event::Unregistered { .. }
            | Event::OptionsAnswered { .. }
            | Event::OptionsFailed { .. }
            | Event::AccountAttacked { .. }
            | Event::Enrolled { .. }
            | Event::EnrolmentFailed { .. }
            | Event::EnrolmentEnded { .. } => None,
        }
    }

    /// Its name, for logs and transcripts: never a body or an identity.
    pub fn name(&self) -> &'static str {
        match self {
            Event::Incoming(_) => "Incoming",
            Event::Cancelled { .. } => "Cancelled",
            Event::Confirmed { .. } => "Confirmed",
            Event::Ringing { .. } => "Ringing",
            Event::Answered { .. } => "Answered",
            Event::Rejected { .. } => "Rejected",
            Event::Reoffered { .. } => "Reoffered",
            Event::ReofferAnswered { .. } => "ReofferAnswered",
            Event::ReofferRejected { .. } => "ReofferRejected",
            Event::Ended { .. } => "Ended",
            Event::Info { .. } => "Info",
            Event::Referred { .. } => "Referred",
            Event::ReferAnswered { .. } => "ReferAnswered",
            Event::ReferProgress { .. } => "ReferProgress",
            Event::Registered { .. } => "Registered",
            Event::Unregistered { .. } => "Unregistered",
            Event::OptionsAnswered { .. } => "OptionsAnswered",
            Event::OptionsFailed { .. } => "OptionsFailed",
            Event::AccountAttacked { .. } => "AccountAttacked",
            Event::Enrolled { .. } => "Enrolled",
            Event::EnrolmentFailed { .. } => "EnrolmentFailed",
            Event::EnrolmentEnded { .. } => "EnrolmentEnded",
        }
    }
}

impl fmt::Debug for Event {
    /// Names, ids and statuses only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match self {
            Event::Ringing { session, status, .. }
            | Event::ReofferRejected { session, status }
            | Event::ReferAnswered { session, status }
            | Event::ReferProgress { session, status, .. } => {
                write!(f, "({session}, {status})")
            }
            Event::Rejected { session, status, reason, .. } => write!(f, "({session}, {status}, {reason:?})"),
            Event::Ended { session, ending } => write!(f, "({session}, {ending:?})"),
            Event::OptionsAnswered { request, status } => write!(f, "({request}, {status})"),
            Event::OptionsFailed { request } => write!(f, "({request})"),
            Event::Unregistered { cause, .. } => write!(f, "({cause:?})"),
            Event::Enrolled { enrolment, .. } | Event::EnrolmentEnded { enrolment } => {
                write!(f, "({enrolment})")
            }
            Event::EnrolmentFailed { enrolment, status, .. } => write!(f, "({enrolment}, {status})"),
            other => other.session().map_or(Ok(()), |session| write!(f, "({session})")),
        }
    }
}
