//! Whom a consultant may ask or send a caller to: what the numbers of the line let him dial, and nothing else. Of what
//! his phone asks for only the number counts, never a host: nobody is called whom the configuration does not name
//! (THREATS, toll fraud).

use super::{leg::Leg, wait};
use crate::facts::{Party, TransferTo};
use crate::rooms::Rooms;
use crate::settings::Destination;
use core::time::Duration;
use senim_base::{CallId, ConsultantId};
use senim_sdp::Direction;
use senim_sip::Outgoing;
use std::net::IpAddr;

/// How long a consultant's phone rings who is asked by a colleague.
const RING: Duration = Duration::from_secs(30);

impl TransferTo {
    /// Reads what was dialled: the number of a centre that calls are forwarded to, or a number that rings one
    /// consultant.
    pub(super) fn dialled(number: &str, rooms: &Rooms) -> Option<TransferTo> {
        let settings = &rooms.settings;
        if let Some((name, _)) = settings.forwards.iter().find(|(_, f)| f.number == number) {
            return Some(TransferTo::Forward(name.clone()));
        }
        let (rule, star) = settings.numbers.iter().find_map(|rule| Some((rule, rule.matches(number)?)))?;
        match &rule.then {
            Destination::Consultant(login) => {
                let person = rooms.books.by_login(&login.replace('*', star))?;
                Some(TransferTo::Consultant(person.id))
            }
            Destination::Script(_) => None,
        }
    }

    pub(super) fn consultant(&self) -> Option<ConsultantId> {
        match self {
            TransferTo::Consultant(id) => Some(*id),
            TransferTo::Forward(_) => None,
        }
    }

    pub(super) fn party(&self) -> Party {
        self.consultant().map_or(Party::Forward, Party::Consultant)
    }

    /// Why he cannot be called now, as a SIP status.
    pub(super) fn unfit(&self, asked_by: ConsultantId, rooms: &Rooms) -> Option<u16> {
        let engaged = self.consultant().is_some_and(|id| id == asked_by || rooms.engaged.contains_key(&id));
        if engaged {
            return Some(486);
        }
        self.peer(rooms).is_none().then_some(480)
    }

    /// Takes a port to call from. `None`: he cannot be reached, or no port is free.
    pub(super) fn open(&self, call: CallId, rooms: &mut Rooms) -> Option<Leg> {
        let peer = self.peer(rooms)?;
        let leg = Leg::open(call, self.party(), peer, rooms)?;
        if let Some(id) = self.consultant() {
            rooms.engage(id, call);
        }
        Some(leg)
    }

    /// The leg has its port: calls. Gives how long it may ring, or `None` when he cannot be reached.
    pub(super) fn call(&self, call: CallId, leg: &mut Leg, rooms: &mut Rooms) -> Option<Duration> {
        match self {
            TransferTo::Consultant(id) => {
                let from = format!("\"{call}\" <sip:{call}@senim.invalid>");
                wait::ring(call, leg, *id, &from, rooms).then_some(RING)
            }
            TransferTo::Forward(name) => {
                let to = rooms.settings.forwards.get(name).cloned()?;
                let sdp = leg.sdp.offer(Direction::SendRecv);
                let (trunk, flow) = rooms.trunks.out(&to.trunk)?;
                let uri = format!("sip:{}@{}", to.number, trunk.host);
                let outgoing = Outgoing {
                    flow,
                    to: format!("<{uri}>"),
                    uri,
                    from: format!("<sip:111@{}>", trunk.host),
                    headers: Vec::new(),
                    sdp: Some(sdp),
                    credentials: trunk.credentials.clone(),
                };
                let name = trunk.name.clone();
                let session = rooms.sip.invite(outgoing, rooms.now).ok()?;
                rooms.trunks.carry(&name);
                leg.trunk = Some(name);
                leg.attach(call, session, rooms);
                rooms
                    .timers
                    .set((call, crate::rooms::Wake::NoProgress), rooms.now + rooms.settings.progress_max);
                Some(to.ring)
            }
        }
    }

    fn peer(&self, rooms: &Rooms) -> Option<IpAddr> {
        match self {
            TransferTo::Consultant(id) => wait::softphone(*id, rooms).map(|(_, flow)| flow.remote.ip()),
            TransferTo::Forward(name) => {
                let trunk = &rooms.settings.forwards.get(name)?.trunk;
                rooms.trunks.out(trunk).map(|(_, flow)| flow.remote.ip())
            }
        }
    }
}
