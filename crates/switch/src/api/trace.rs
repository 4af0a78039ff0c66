//! What the SIP trace tells: the messages of a call as a ladder needs them. By its types it names no person: no number,
//! no name, no address, no digit; only whole texts do, which an operator has to switch on (`[sip] trace = "full"`).

use core::fmt;
use senim_base::{CallId, Instant, Redacted, WallTime};
use serde::{Deserialize, Serialize};

/// How much of each message is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceMode {
    /// Nothing.
    Off,
    /// What was asked and answered, and when; nobody's number, name, address or words.
    #[default]
    Redacted,
    /// Whole messages too, in memory only.
    Full,
}

/// Which conversation is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhichTrace {
    /// This call's.
    Call(CallId),
    /// One that became no call: a registration, a probe, a refusal.
    Other(u64),
    /// The newest call's.
    Last,
}

impl fmt::Display for WhichTrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WhichTrace::Call(call) => write!(f, "{call}"),
            WhichTrace::Other(n) => write!(f, "other-{n}"),
            WhichTrace::Last => f.write_str("the last call"),
        }
    }
}

impl core::str::FromStr for WhichTrace {
    type Err = &'static str;
    /// Reads `call-17` or `other-3`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let other = text.strip_prefix("other-").map(|n| n.parse().map(WhichTrace::Other).ok());
        let which = other.unwrap_or_else(|| text.parse().map(WhichTrace::Call).ok());
        which.ok_or("write a call, as in call-17, or another conversation, as in other-3")
    }
}

/// Whom the line spoke with. Consultants have no names here.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer {
    /// The caller; the trunk he came in on, absent for a softphone.
    Caller(Option<String>),
    /// A consultant's softphone.
    Consultant,
    /// Whoever a call was sent on to, by the number that the configuration gives it.
    Forward(String),
    /// A trunk, outside of any call.
    Trunk(String),
    /// A softphone that proved its password, outside of any call.
    Softphone,
    /// Anybody else.
    Stranger,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Peer::Caller(_) => f.write_str("caller"),
            Peer::Consultant => f.write_str("consultant"),
            Peer::Forward(number) => f.write_str(number),
            Peer::Trunk(name) => f.write_str(name),
            Peer::Softphone => f.write_str("softphone"),
            Peer::Stranger => f.write_str("stranger"),
        }
    }
}

/// A call's messages, or another conversation's, in the order they passed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Traced {
    /// Whose.
    pub which: WhichTrace,
    /// The moment of the first message, in this run of the line.
    pub began: Instant,
    /// The same on the calendar.
    pub wall: WallTime,
    /// Whom the line spoke with, in the order they came in.
    pub parties: Vec<Peer>,
    /// The messages.
    pub steps: Vec<Step>,
    /// Messages beyond the ceiling: counted, not kept.
    pub cut: u64,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Milliseconds since the first message.
    pub after_ms: u64,
    /// Which of the parties.
    pub party: usize,
    /// It came from the party; else the line sent it.
    pub incoming: bool,
    /// `udp`, `tcp` …
    pub transport: String,
    /// What it is.
    pub what: What,
    /// The number in CSeq.
    pub cseq: Option<u32>,
    /// The same bytes had passed this way before: a retransmission.
    pub again: bool,
    /// Its size.
    pub bytes: u32,
    /// Names of the headers in it, as registered; which others there are is not told, only how many.
    pub headers: Vec<String>,
    /// How many others.
    pub headers_other: u8,
    /// What its session description says, a row a media line.
    pub media: Vec<MediaSeen>,
    /// The whole of it, if the line keeps that and it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Redacted<String>>,
}

/// What a message is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A request; a method that is not registered reads `other`.
    Request(String),
    /// A response: its status, and the method that it answers.
    Response(u16, String),
    /// No SIP message.
    Unreadable,
}

/// One media line of a session description.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MediaSeen {
    /// `audio`, `video`, `text`, `image`, or `other`.
    pub kind: String,
    /// Its port; 0 when it is refused.
    pub port: u16,
    /// Codecs in the order of preference; those without a registered name read `other`.
    pub codecs: Vec<String>,
    /// `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    pub direction: String,
    /// Milliseconds a packet, if said.
    pub ptime: Option<u8>,
    /// The profile is an encrypted one.
    pub encrypted: bool,
    /// The address is 0.0.0.0 or ::, an old spelling of hold.
    pub nowhere: bool,
}

/// One row of the list of conversations.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TraceRow {
    /// Which.
    pub which: WhichTrace,
    /// When it began.
    pub wall: WallTime,
    /// From the first message to the last, milliseconds.
    pub length_ms: u64,
    /// Whom the line spoke with.
    pub parties: Vec<Peer>,
    /// How many messages.
    pub messages: u64,
    /// How many of them came or went again.
    pub again: u64,
    /// What began it.
    pub first: What,
    /// The last response.
    pub status: Option<u16>,
}
