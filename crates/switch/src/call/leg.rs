//! One party's connection within a call: a SIP session, its offer/answer machine, a port of ours.

use super::{Recording, dial::Tries, press::Presses};
use crate::api::{Peer, SoundRow};
use crate::facts::{Fact, Party};
use crate::rooms::Rooms;
use senim_base::{CallId, LegId, RecordingId, TrackId};
use senim_media::{Order, Quality, StreamConfig, StreamKeys, Way};
use senim_sdp::{Capabilities, Codec, Direction, Fault, Key, Local, Negotiated, Negotiator, Security, Suite};
use senim_sip::{Flow, Invitation, SessionId};
use std::net::{IpAddr, SocketAddr};

/// Pairs of ports that are tried for a leg: a call shall not be refused because another program has one of them.
const PAIRS_MAX: u8 = 8;

/// Whom a leg is for: where his signalling comes from, and the rules for his sound.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    peer: IpAddr,
    security: Security,
    codecs: Vec<Codec>,
}

impl Side {
    /// One who invites us. If he makes the offer, it is for him to know who reads his keys on the way.
    pub(crate) fn inviting(invitation: &Invitation, trunk: Option<&str>, rooms: &Rooms) -> Side {
        match invitation.offer {
            Some(_) => Side {
                peer: invitation.flow.remote.ip(),
                security: rooms.security(trunk),
                codecs: rooms.codecs(trunk),
            },
            None => Side::offered(invitation.flow, trunk, rooms),
        }
    }

    /// One to whom we make an offer. Keys that may be left out stay out of signalling that anybody can read.
    pub(crate) fn offered(flow: Flow, trunk: Option<&str>, rooms: &Rooms) -> Side {
        let security = match rooms.security(trunk) {
            Security::Prefer if !flow.transport.is_secure() => Security::Refuse,
            security => security,
        };
        Side { peer: flow.remote.ip(), security, codecs: rooms.codecs(trunk) }
    }

    /// What he speaks with whom this one is to talk comes first, if it may be spoken here at all; then what costs least
    /// to be made of it.
    pub(crate) fn beside(mut self, other: Option<Codec>) -> Side {
        if let Some(other) = other {
            self.codecs.sort_by_key(|codec| (*codec != other, codec.is_foreign_to(other)));
        }
        self
    }

    /// What our side of his leg can do: a fresh key for each suite.
    fn capabilities(self, rooms: &mut Rooms) -> Capabilities {
        let mut key = |suite: Suite| {
            let mut bytes = vec![0; suite.key_len()];
            rooms.entropy.fill(&mut bytes);
            Key::new(suite, &bytes)
        };
        let keys = match self.security {
            Security::Refuse => Vec::new(),
            Security::Prefer | Security::Require => Suite::ALL.into_iter().filter_map(&mut key).collect(),
        };
        Capabilities { codecs: self.codecs, security: self.security, keys, ..Capabilities::default() }
    }
}

/// Why an offer was not taken, for the facts.
pub(crate) fn unfit(fault: Fault) -> (u16, &'static str) {
    match fault {
        Fault::Unencrypted => (488, "its sound is not encrypted, and must be"),
        _ => (488, "the SDP offers no codec that the line speaks"),
    }
}

/// A leg.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) party: Party,
    pub(crate) session: Option<SessionId>,
    pub(crate) sdp: Negotiator,
    /// The trunk that it went out on: it counts there until the leg is closed.
    pub(crate) trunk: Option<String>,
    /// The ways by which its party was dialled, if we called him.
    pub(crate) tries: Tries,
    /// What its party keyed of late.
    pub(super) presses: Presses,
    port: u16,
    /// Pairs that were tried before this one.
    failed: u8,
    /// Where the signalling of this party comes from: only its sound may come from elsewhere than SDP says.
    peer: IpAddr,
    direction: Direction,
    /// The codec that the facts know of.
    told: Option<Codec>,
    encrypted: bool,
    recorded: bool,
    pub(crate) sound: Sound,
}

/// How the leg sounds at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sound {
    pub(crate) quality: Option<Quality>,
    unheard: bool,
    deaf: bool,
}

impl Sound {
    pub(crate) fn now(&mut self, way: Way, missing: bool) {
        match way {
            Way::FromParty => self.unheard = missing,
            Way::ToParty => self.deaf = missing,
        }
    }

    pub(crate) fn row(self) -> SoundRow {
        SoundRow {
            lamp: self.quality.map(Quality::lamp),
            mos_x100: self.quality.map(|q| q.mos_x100),
            peer_mos_x100: self.quality.and_then(|q| q.peer_mos_x100),
            loss_per_mille: self.quality.map(|q| q.loss_per_mille),
            jitter_us: self.quality.map(|q| q.jitter_us),
            unheard: self.unheard,
            hears_nothing: self.deaf,
        }
    }
}

impl Leg {
    /// Takes a port and has it opened. `None` when no port is free.
    pub(crate) fn open(call: CallId, party: Party, side: Side, rooms: &mut Rooms) -> Option<Leg> {
        let port = rooms.ports.take(rooms.now)?;
        let id = rooms.leg_id();
        let address = rooms.settings.media.address_for(side.peer);
        let local = Local { address: SocketAddr::new(address, port), session_id: rooms.entropy.u64() >> 2 };
        let peer = side.peer;
        let sdp = Negotiator::new(side.capabilities(rooms), local);
        rooms.order(call, Order::Open { leg: id, port, ipv6: address.is_ipv6() });
        Some(Leg {
            id,
            party,
            session: None,
            sdp,
            trunk: None,
            tries: Tries::new(rooms.now),
            presses: Presses::default(),
            port,
            failed: 0,
            peer,
            direction: Direction::SendRecv,
            told: None,
            encrypted: false,
            recorded: false,
            sound: Sound::default(),
        })
    }

    /// Somebody else has its port: has the next one opened. `false` after [`PAIRS_MAX`], or when no port is free.
    pub(crate) fn open_another(&mut self, call: CallId, rooms: &mut Rooms) -> bool {
        self.failed += 1;
        if self.failed >= PAIRS_MAX {
            return false;
        }
        let Some(port) = rooms.ports.take(rooms.now) else { return false };
        rooms.ports.give(self.port, rooms.now);
        self.port = port;
        self.sdp.move_unheard(port);
        let ipv6 = rooms.settings.media.address_for(self.peer).is_ipv6();
        rooms.order(call, Order::Open { leg: self.id, port, ipv6 });
        true
    }

    /// Ties the leg to its SIP session, so that events of the session find it.
    pub(crate) fn attach(&mut self, call: CallId, session: SessionId, rooms: &mut Rooms) {
        self.session = Some(session);
        rooms.sessions.insert(session, (call, self.id));
        if let Some(peer) = self.peer_of_trace(rooms)
            && let Some(call_id) = rooms.sip.call_id(session)
        {
            rooms.trace.belongs(call_id, call, peer);
        }
    }

    /// How the trace calls the party; a caller is known by how he came in.
    fn peer_of_trace(&self, rooms: &Rooms) -> Option<Peer> {
        match self.party {
            Party::Consultant(_) => Some(Peer::Consultant),
            Party::Forward => {
                let number = rooms.settings.forwards.get(super::UCC).map(|f| f.number.clone());
                Some(Peer::Forward(number.unwrap_or_default()))
            }
            Party::Caller | Party::Line => None,
        }
    }

    /// Has our side of the sound for an INVITE said: the answer to its offer, or our own offer when it brings none (RFC
    /// 3261 section 13.2.1). What was agreed in the second case comes with the ACK.
    pub(crate) fn invited(&mut self, offer: Option<&[u8]>) -> Result<Option<Negotiated>, Fault> {
        match offer {
            Some(offer) => self.sdp.answer_to(offer, Direction::SendRecv).map(|(_, agreed)| Some(agreed)),
            None => {
                self.sdp.offer(Direction::SendRecv);
                Ok(None)
            }
        }
    }

    /// The party answered an offer of ours. Without an answer, or with one that does not fit, all stays as it was.
    pub(crate) fn answered(
        &mut self,
        call: CallId,
        answer: Option<&[u8]>,
        rooms: &mut Rooms,
    ) -> Result<(), Fault> {
        match answer.map_or(Err(Fault::NoAudio), |answer| self.sdp.accept(answer)) {
            Ok(agreed) => {
                self.configure(call, &agreed, rooms);
                Ok(())
            }
            Err(fault) => {
                self.sdp.reset_offer();
                Err(fault)
            }
        }
    }

    /// The party picked up. A 200 without SDP confirms what an earlier answer said; one that differs from it wins
    /// (FEATURES T13).
    pub(crate) fn final_answer(
        &mut self,
        call: CallId,
        answer: Option<&[u8]>,
        rooms: &mut Rooms,
    ) -> Result<(), Fault> {
        if answer.is_none() && self.sdp.current().is_some() {
            return Ok(());
        }
        self.answered(call, answer, rooms)
    }

    /// Tells the media worker what was agreed.
    pub(crate) fn configure(&mut self, call: CallId, agreed: &Negotiated, rooms: &mut Rooms) {
        self.direction = agreed.direction;
        let stream = StreamConfig::from((agreed, self.peer));
        let keys = agreed.keys.as_ref().and_then(StreamKeys::agreed);
        if keys.is_some() || self.encrypted {
            self.encrypted = keys.is_some();
            rooms.order(call, Order::Secure { leg: self.id, keys });
        }
        rooms.order(call, Order::Configure { leg: self.id, stream });
        let codec = agreed.codec;
        if self.told.replace(codec) != Some(codec) {
            let transcoded = self.tries.beside.is_some_and(|other| codec.is_foreign_to(other));
            rooms.fact(Some(call), Fact::Speaks { leg: self.id, party: self.party, codec, transcoded });
        }
    }

    /// The party does not want to hear us: it has put us on hold.
    pub(crate) fn holds_us(&self) -> bool {
        matches!(self.direction, Direction::RecvOnly | Direction::Inactive)
    }

    /// The party changes its media within the dialog. Answers it; the leg keeps sounding as it did on a fault.
    pub(crate) fn reoffered(
        &mut self,
        call: CallId,
        offer: Option<&[u8]>,
        rooms: &mut Rooms,
    ) -> Result<(), Fault> {
        let Some(session) = self.session else { return Ok(()) };
        let now = rooms.now;
        let Some(offer) = offer else {
            let ours = self.sdp.offer(Direction::SendRecv);
            rooms.sip.answer_reoffer(session, Ok(ours), now);
            return Ok(());
        };
        match self.sdp.answer_to(offer, Direction::SendRecv) {
            Ok((answer, agreed)) => {
                rooms.sip.answer_reoffer(session, Ok(answer), now);
                self.configure(call, &agreed, rooms);
                Ok(())
            }
            Err(fault) => {
                rooms.sip.answer_reoffer(session, Err(fault.status()), now);
                Err(fault)
            }
        }
    }

    /// Puts what the party says on a track of its own, once.
    pub(crate) fn record(&mut self, call: CallId, recording: &mut Recording, rooms: &mut Rooms) {
        if !core::mem::replace(&mut self.recorded, true) {
            let track = recording.track();
            self.record_on(call, recording.id, track, rooms);
        }
    }

    /// Puts what the party says on this track.
    pub(crate) fn record_on(&self, call: CallId, recording: RecordingId, track: TrackId, rooms: &mut Rooms) {
        rooms.order(call, Order::Record { leg: self.id, recording, track });
        rooms.fact(Some(call), Fact::TrackBegan { recording, track, party: self.party });
    }

    /// Ends the session, if it still stands, and gives the port back.
    pub(crate) fn close(mut self, call: CallId, rooms: &mut Rooms) {
        if let Some(session) = self.session.take() {
            rooms.sessions.remove(&session);
            rooms.sip.hang_up(session, None, rooms.now);
        }
        self.free(call, rooms);
    }

    /// The session has ended by itself: only the port is given back.
    pub(crate) fn closed(mut self, call: CallId, rooms: &mut Rooms) {
        if let Some(session) = self.session.take() {
            rooms.sessions.remove(&session);
        }
        self.free(call, rooms);
    }

    fn free(self, call: CallId, rooms: &mut Rooms) {
        if let Some(trunk) = &self.trunk {
            rooms.trunks.left(trunk);
        }
        rooms.order(call, Order::Close { leg: self.id });
        rooms.ports.give(self.port, rooms.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_speaks_is_offered_first_then_what_costs_least() {
        let side = |other| {
            let codecs = vec![Codec::Opus, Codec::G722, Codec::Pcmu];
            let side = Side { peer: IpAddr::from([192, 0, 2, 1]), security: Security::Refuse, codecs };
            side.beside(other).codecs
        };
        assert_eq!(side(None), [Codec::Opus, Codec::G722, Codec::Pcmu], "as it is configured");
        assert_eq!(side(Some(Codec::G722)), [Codec::G722, Codec::Opus, Codec::Pcmu]);
        assert_eq!(side(Some(Codec::Pcma)), [Codec::Pcmu, Codec::Opus, Codec::G722], "a law beside a law");
    }
}
