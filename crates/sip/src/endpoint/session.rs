//! What the endpoint remembers of one INVITE session. States say what is true; the verbs in the files beside this
//! one change them.

use super::errand::Errand;
use super::prack::Reliable;
use super::refer::Asked;
use super::session_timer::Running;
use super::types::{Origin, Outgoing};
use super::wire;
use crate::dialog::Dialog;
use crate::transaction::TxId;
use crate::{Credentials, Flow, Message, Method};
use std::sync::Arc;

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
    pub(super) request: Arc<Message>,
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

/// One of the phones that our INVITE rings (RFC 3261 section 12.1.2).
#[derive(Clone)]
pub(super) struct Early {
    /// The peer's tag.
    pub(super) tag: String,
    pub(super) dialog: Dialog,
    /// The last reliable answer that was taken.
    pub(super) rseq: Option<u32>,
    /// Its last SDP.
    pub(super) sdp: Option<Vec<u8>>,
    /// That SDP came reliably and answered our offer: another may be made.
    pub(super) agreed: bool,
}

/// How an offer of ours can be made now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Reinvite,
    /// UPDATE, in the early dialog of that tag.
    Update(Option<String>),
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
    pub(super) request: Option<Arc<Message>>,
    /// Its number.
    pub(super) invite_cseq: Option<u32>,
    /// The last 18x of ours, to be said again each minute: the same bytes, unless it was a reliable one.
    pub(super) ringing: Option<(u16, Option<Vec<u8>>)>,
    /// The last reliable 18x of ours, until its PRACK.
    pub(super) reliable: Option<Reliable>,
    pub(super) last_rseq: Option<u32>,
    /// What is to be rung after that.
    pub(super) ring_next: Option<(u16, Option<String>)>,
    /// What the call is to be answered with after that.
    pub(super) held: Option<String>,
    /// Our SDP in a reliable 18x.
    pub(super) early_sdp: Option<String>,
    /// The peer's answer to it, when it was an offer.
    pub(super) late_answer: Option<Vec<u8>>,
    pub(super) ok: Option<Unacknowledged>,
    pub(super) acks: Vec<(u32, Vec<u8>)>,
    /// The phones that ring.
    pub(super) early: Vec<Early>,
    /// The 2xx whose offer waits for our answer in the ACK.
    pub(super) owed: Option<Box<Message>>,
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
    /// Our SDP and the peer's, as last said.
    pub(super) ours: Option<String>,
    pub(super) theirs: Option<Vec<u8>>,
    /// The offer that is out only refreshes the session: the switch is not told of it.
    pub(super) refreshing: bool,
    /// The session timer, while one runs.
    pub(super) timer: Option<Running>,
    /// The longest Min-SE that the peer asked for.
    pub(super) min_se_s: u32,
    /// The peer takes UPDATE.
    pub(super) takes_update: bool,
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
            invite_cseq: None,
            ringing: None,
            reliable: None,
            last_rseq: None,
            ring_next: None,
            held: None,
            early_sdp: None,
            late_answer: None,
            ok: None,
            acks: Vec::new(),
            early: Vec::new(),
            owed: None,
            forks: Vec::new(),
            outgoing: None,
            credentials: None,
            cancelled: false,
            leaving: None,
            authorization: None,
            pending: None,
            reoffer: None,
            next_offer: None,
            ours: None,
            theirs: None,
            refreshing: false,
            timer: None,
            min_se_s: 0,
            takes_update: false,
            errands: Vec::new(),
            last_errand: 0,
            asked: None,
            was_referred: false,
            asking: false,
        }
    }

    /// The peer's phone is on another flow now. Before the call stands, its answers go back where it came from.
    pub(super) fn come_to(&mut self, flow: Flow) {
        if matches!(self.state, State::Accepted | State::Confirmed) {
            self.flow = flow;
        }
    }

    /// The dialog with the phone of that tag: an early one as long as none is chosen.
    pub(super) fn dialog_with(&mut self, tag: &str) -> &mut Dialog {
        let chosen = self.dialog.remote_tag.is_some();
        match self.early.iter_mut().find(|early| !chosen && early.tag == tag) {
            Some(early) => &mut early.dialog,
            None => &mut self.dialog,
        }
    }

    /// The dialog that a request of ours goes in; `None`: its early dialog lost against another.
    pub(super) fn dialog_of(&mut self, tag: Option<&str>) -> Option<&mut Dialog> {
        let Some(tag) = tag else { return Some(&mut self.dialog) };
        if self.dialog.remote_tag.is_some() {
            return Some(&mut self.dialog).filter(|dialog| dialog.is_peer(tag));
        }
        self.early.iter_mut().find(|early| early.tag == tag).map(|early| &mut early.dialog)
    }

    /// Takes note of what the peer can do.
    pub(super) fn learn(&mut self, message: &Message) {
        if message.header("Allow").is_some() {
            self.takes_update = wire::lists(message, "Allow", Method::Update.as_str());
        }
    }

    /// How an offer of ours could be made at the moment: nothing else may be under way, and the first exchange of
    /// offer and answer must be over (RFC 3311 section 5.1).
    pub(super) fn way_to_offer(&self) -> Option<Way> {
        if self.pending.is_some() || self.owed.is_some() {
            return None;
        }
        match self.state {
            State::Confirmed if self.ok.is_none() => Some(Way::Reinvite),
            State::Incoming if self.takes_update && self.agreed_early() => Some(Way::Update(None)),
            State::Early if self.takes_update && self.agreed_early() => {
                self.early.first().map(|early| Way::Update(Some(early.tag.clone())))
            }
            _ => None,
        }
    }

    /// Before the call is answered: one exchange of offer and answer is over for certain.
    pub(super) fn agreed_early(&self) -> bool {
        match self.state {
            State::Incoming => {
                self.early_sdp.is_some()
                    && self.reliable.is_none()
                    && self.theirs.is_some()
                    && self.held.is_none()
            }
            State::Early => matches!(self.early.as_slice(), [early] if early.agreed),
            _ => false,
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
    /// Say the reliable 18x again.
    RepeatRing,
    /// Its PRACK does not come.
    PrackLate,
    /// The switch does not answer the offer in a PRACK or UPDATE.
    OfferLate,
    /// The switch does not answer the offer in a 2xx.
    AnswerLate,
    /// Refresh the session.
    Refresh,
    /// The session was not refreshed.
    Expired,
}

impl Clock {
    /// By order.
    pub(super) const FIRST: Clock = Clock::RepeatOk;
    pub(super) const LAST: Clock = Clock::Expired;
}
