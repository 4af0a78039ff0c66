//! Whom a consultant may ask or send a caller to: what the numbers of the line let him dial, and nothing else. Of what
//! his phone asks for only the number counts, never a host: nobody is called whom the configuration does not name
//! (THREATS, toll fraud).

use super::{
    dial::{self, Tries},
    leg::Leg,
    show::{self, Who},
    wait,
};
use crate::facts::{Party, TransferTo};
use crate::rooms::Rooms;
use crate::settings::Destination;
use core::time::Duration;
use senim_base::{CallId, ConsultantId, Language};
use senim_sdp::Direction;
use senim_sip::Outgoing;

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
        (!self.is_reachable(rooms)).then_some(480)
    }

    /// Takes a port to call from. `None`: he cannot be reached, or no port is free.
    pub(super) fn open(&self, call: CallId, tries: Tries, rooms: &mut Rooms) -> Option<Leg> {
        let leg = self.next_leg(call, tries, rooms)?;
        if let Some(id) = self.consultant() {
            rooms.engage(id, call);
        }
        Some(leg)
    }

    /// The leg has its port: calls. Gives how long it may ring, or `None` when he cannot be reached. A colleague sees
    /// the caller's language and who sends him (RFC 3892), as we know him and not as his phone says.
    pub(super) fn call(
        &self,
        call: CallId,
        leg: &mut Leg,
        (language, by): (Language, Option<ConsultantId>),
        who: Who<'_>,
        rooms: &mut Rooms,
    ) -> Option<Duration> {
        match self {
            TransferTo::Consultant(id) => {
                let rule = rooms.settings.show_number;
                let (from, mut headers) = show::to_consultant(rule, call, Some(language), who.number());
                let by = by
                    .and_then(|by| rooms.books.person(by))
                    .map(|p| format!("<sip:{}@senim.invalid>", p.login));
                headers.extend(by.map(|by| ("Referred-By".to_owned(), by)));
                wait::ring(call, leg, *id, (from, headers), rooms).then_some(RING)
            }
            TransferTo::Forward(name) => {
                let to = rooms.settings.forwards.get(name).cloned()?;
                let way = leg.tries.way()?.clone();
                let trunk = rooms.trunks.settings(&way.trunk)?;
                let uri = format!("sip:{}@{}", to.number, trunk.host);
                let silence = trunk.silence_max;
                let (from, headers) = show::to_trunk(trunk, who);
                let outgoing = Outgoing {
                    flow: way.flow,
                    to: format!("<{uri}>"),
                    uri,
                    from,
                    headers,
                    sdp: Some(leg.sdp.offer(Direction::SendRecv)),
                    credentials: trunk.credentials.clone(),
                };
                let session = rooms.sip.invite(outgoing, rooms.now).ok()?;
                leg.attach(call, session, rooms);
                let at = rooms.now + silence;
                rooms.timers.set((call, crate::rooms::Wake::NoProgress), at);
                Some(to.ring)
            }
        }
    }

    fn is_reachable(&self, rooms: &Rooms) -> bool {
        match self {
            TransferTo::Consultant(id) => dial::phones(*id, rooms).next().is_some(),
            TransferTo::Forward(name) => {
                let to = rooms.settings.forwards.get(name);
                to.is_some_and(|to| rooms.trunks.leads(&to.trunk, rooms.now))
            }
        }
    }
}
