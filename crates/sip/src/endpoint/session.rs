//! What the endpoint remembers of one INVITE session. States say what is true; the verbs in the files beside this
//! one change them.

use super::errand::Errand;
use super::refer::Asked;
use super::types::{Origin, Outgoing};
use crate::dialog::Dialog;
use crate::transaction::TxId;
use crate::{Credentials, Flow, Message};

/// Who is at the other end, as far as it was proved.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// A trunk, by its name.
    Trunk(String),
    /// A user, by his account: he called with his password, or was called where he had registered with it.
    User(String),
    /// Somebody whom we called by his address.
    Address,
}

impl Peer {
    /// Whether both are the same trunk or user. Of a mere address nobody knows who is behind it.
    pub(super) fn is_same(&self, other: &Peer) -> bool {
        self == other && *self != Peer::Address
    }
}

impl From<&Origin> for Peer {
    fn from(origin: &Origin) -> Peer {
        match origin {
            Origin::Trunk(name) => Peer::Trunk(name.clone()),
            Origin::User(who) => Peer::User(who.user().to_owned()),
        }
    }
}

/// What is true of a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// Our INVITE is out, nothing heard.
    Calling,
    /// Our INVITE was heard; the phone may ring.
    Early,
    /// We gave up: a CANCEL is out, or waits for the first provisional response (RFC 3261 section 9.1). A 2xx that
    /// crosses is acknowledged and said goodbye to.
    Cancelling,
    /// The peer's INVITE is here, unanswered.
    Incoming,
    /// We said 200 and wait for its ACK.
    Accepted,
    /// Both sides know that the session stands.
    Confirmed,
    /// Our BYE is out.
    Leaving,
}

/// A 200 of ours to an INVITE, repeated until its ACK comes (RFC 3261 section 13.3.1.4).
#[derive(Clone)]
pub(super) struct Unacknowledged {
    pub(super) tx: TxId,
    pub(super) cseq: u32,
    pub(super) bytes: Vec<u8>,
    pub(super) round: u32,
    /// Our 200 carried the offer: the ACK carries the answer.
    pub(super) offered: bool,
}

/// The peer's re-INVITE or UPDATE, unanswered.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) tx: TxId,
    pub(super) request: Box<Message>,
}

/// Our own change of media.
#[derive(Clone)]
pub(super) enum Reoffer {
    /// Waits until nothing else is under way.
    Wanted { sdp: String, tries: u32 },
    /// Sent.
    Sent { sdp: String, tries: u32 },
    /// Crossed with the peer's; waits for its timer.
    Crossed { sdp: String, tries: u32 },
}

/// How many ACKs of ours are kept to be repeated: the INVITE's and the latest re-INVITEs'. Older ones are dropped.
const ACKS_MAX: usize = 4;

/// How many strangers' branches of a forked INVITE are told goodbye. More are left to time out.
pub(super) const FORKS_MAX: usize = 8;

#[derive(Clone)]
pub(super) struct Session {
    pub(super) state: State,
    pub(super) flow: Flow,
    pub(super) dialog: Dialog,
    pub(super) peer: Peer,
    /// We made the call: the Call-ID is ours (RFC 3261 section 14.1 wants to know).
    pub(super) caller: bool,
    /// The terminal event was told.
    pub(super) over: bool,
    /// The INVITE's transaction, either way.
    pub(super) invite: Option<TxId>,
    /// The peer's INVITE, until our final answer.
    pub(super) request: Option<Box<Message>>,
    /// The last 18x of ours, to be said again each minute.
    pub(super) ringing: Option<(u16, Vec<u8>)>,
    pub(super) ok: Option<Unacknowledged>,
    pub(super) acks: Vec<(u32, Vec<u8>)>,
    pub(super) forks: Vec<String>,
    /// What we called with, until it is answered: for the second try with a password.
    pub(super) outgoing: Option<Box<Outgoing>>,
    pub(super) credentials: Option<Credentials>,
    /// A CANCEL is out.
    pub(super) cancelled: bool,
    /// BYE is to be said as soon as it is legal, with this reason.
    pub(super) leaving: Option<Option<String>>,
    /// The answer to the last 401 or 407: name and value. An INVITE's ACK carries it, too.
    pub(super) authorization: Option<(String, String)>,
    pub(super) pending: Option<Pending>,
    pub(super) reoffer: Option<Reoffer>,
    /// What to offer after the offer that is out.
    pub(super) next_offer: Option<String>,
    /// Requests of ours that are neither INVITE nor BYE, by number.
    pub(super) errands: Vec<(u32, Errand)>,
    pub(super) last_errand: u32,
    /// The peer's REFER.
    pub(super) asked: Option<Asked>,
    /// There was one.
    pub(super) was_referred: bool,
    /// Our own REFER is under way: reports on it are taken.
    pub(super) asking: bool,
}

impl Session {
    pub(super) fn new(state: State, flow: Flow, dialog: Dialog, peer: Peer) -> Session {
        Session {
            state,
            flow,
            dialog,
            peer,
            caller: state == State::Calling,
            over: false,
            invite: None,
            request: None,
            ringing: None,
            ok: None,
            acks: Vec::new(),
            forks: Vec::new(),
            outgoing: None,
            credentials: None,
            cancelled: false,
            leaving: None,
            authorization: None,
            pending: None,
            reoffer: None,
            next_offer: None,
            errands: Vec::new(),
            last_errand: 0,
            asked: None,
            was_referred: false,
            asking: false,
        }
    }

    /// Keeps an ACK to be repeated.
    pub(super) fn keep_ack(&mut self, cseq: u32, bytes: Vec<u8>) {
        self.acks.retain(|(kept, _)| *kept != cseq);
        if self.acks.len() >= ACKS_MAX {
            self.acks.remove(0);
        }
        self.acks.push((cseq, bytes));
    }

    /// The ACK that answers copies of the 2xx to the INVITE of this number.
    pub(super) fn ack(&self, cseq: u32) -> Option<Vec<u8>> {
        self.acks.iter().find(|(kept, _)| *kept == cseq).map(|(_, bytes)| bytes.clone())
    }
}

/// A timer of a session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Clock {
    /// Say the 200 again.
    RepeatOk,
    /// The ACK does not come.
    AckLate,
    /// Say 18x again.
    KeepRinging,
    /// The CANCEL achieved nothing.
    CancelGivenUp,
    /// Try our crossed offer again.
    Glare,
    /// The peer's REFER waits for its answer, or for its last report.
    Referral,
    /// The last report on our REFER does not come.
    ReportsLate,
}

impl Clock {
    pub(super) const ALL: [Clock; 7] = [
        Clock::RepeatOk,
        Clock::AckLate,
        Clock::KeepRinging,
        Clock::CancelGivenUp,
        Clock::Glare,
        Clock::Referral,
        Clock::ReportsLate,
    ];
}
