//! A call comes in: its number says what answers it, its offer must fit, a port must be free. Then it is answered.

use super::{
    Call, Direct, Feature, Marks, Recording, State,
    leg::{Leg, Side, unfit},
};
use crate::facts::{CallerIdentity, EndCause, Fact, Party, ms};
use crate::flood::Token;
use crate::rooms::{Output, Rooms, Wake};
use senim_base::{CallId, ConsultantId, Language, RecordingId};
use senim_ivr::{Input as ScriptInput, Purpose, Run, Script};
use senim_media::Order;
use senim_sdp::Negotiated;
use senim_sip::SessionId;
use std::sync::Arc;

/// What answers the call.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// A script.
    Script(Arc<Script>),
    /// One consultant.
    Consultant(ConsultantId),
    /// A feature code and what was dialled behind it, for the consultant who dialled.
    Feature(ConsultantId, String),
}

/// A call whose port is being opened.
#[derive(Debug)]
pub(crate) struct Arrival {
    session: SessionId,
    /// `None`: the caller's answer to our offer comes with his ACK.
    agreed: Option<Negotiated>,
    then: Then,
    record: bool,
    counted: Option<Token>,
}

/// A call at the door.
pub(crate) struct Knock<'a> {
    pub(crate) session: SessionId,
    pub(crate) offer: Option<&'a [u8]>,
    pub(crate) side: Side,
    pub(crate) dialled: String,
    pub(crate) trunk: Option<String>,
    pub(crate) user: Option<ConsultantId>,
    pub(crate) identity: CallerIdentity,
    /// What his answered calls are counted under.
    pub(crate) counted: Option<Token>,
    pub(crate) then: Then,
    pub(crate) record: bool,
}

impl Call {
    /// Lets a call in, or gives the status it is refused with and why.
    pub(crate) fn arrive(
        id: CallId,
        knock: Knock<'_>,
        rooms: &mut Rooms,
    ) -> Result<Call, (u16, &'static str)> {
        let mut leg = Leg::open(id, Party::Caller, knock.side, rooms).ok_or((503, "no RTP port is free"))?;
        let agreed = match leg.invited(knock.offer) {
            Ok(fits) => fits,
            Err(fault) => {
                leg.closed(id, rooms);
                rooms.order(id, Order::CloseSession);
                return Err(unfit(fault));
            }
        };
        leg.attach(id, knock.session, rooms);
        let shown = knock.identity.number.clone().filter(|_| !knock.identity.anonymous);
        rooms.fact(
            Some(id),
            Fact::Arrived {
                dialled: knock.dialled,
                trunk: knock.trunk.clone(),
                user: knock.user,
                caller: knock.identity,
            },
        );
        let default_language = match &knock.then {
            Then::Script(script) => script.default_language(),
            Then::Consultant(c) | Then::Feature(c, _) => language_of(*c, rooms),
        };
        let arrival = Arrival {
            session: knock.session,
            agreed,
            then: knock.then,
            record: knock.record,
            counted: knock.counted,
        };
        Ok(Call {
            id,
            caller_leg: leg.id,
            caller: Some(leg),
            trunk: knock.trunk,
            entry: None,
            shown,
            born: rooms.now,
            answered: false,
            blocked: false,
            run: None,
            saying: None,
            forward_refused: false,
            language: None,
            default_language,
            place: None,
            recording: None,
            marks: Marks::default(),
            strange: 0,
            strange_told: 0,
            state: State::Opening(arrival),
        })
    }

    /// A caller's call, not a consultant's code.
    pub(crate) fn is_for_the_line(&self) -> bool {
        !matches!(&self.state, State::Opening(Arrival { then: Then::Feature(..), .. }))
    }

    /// The caller's port is open: answer, and begin what the number stands for.
    pub(super) fn caller_port_open(&mut self, rooms: &mut Rooms) {
        let State::Opening(arrival) = core::mem::replace(&mut self.state, State::Over) else { return };
        match arrival.then.clone() {
            Then::Consultant(consultant) => {
                self.state = State::Direct(Direct::new(consultant, arrival));
                self.call_direct(rooms);
            }
            Then::Script(script) => {
                self.answer(&arrival, rooms);
                self.state = State::Script;
                self.begin_script(script, rooms);
            }
            Then::Feature(consultant, dialled) => {
                self.answer(&arrival, rooms);
                self.state = State::Feature(Feature::new(consultant));
                // His phone is at his ear: nobody is offered to him until he has heard the line out.
                rooms.queue_inputs.push_back(senim_queue::Input::Busy { id: consultant, yes: true });
                self.feature_dialled(&dialled, rooms);
            }
        }
    }

    /// 200 OK; from here on every syllable is kept.
    pub(super) fn answer(&mut self, arrival: &Arrival, rooms: &mut Rooms) {
        let Some(caller) = &mut self.caller else { return };
        // Our answer, or our offer to a caller who brought none.
        let said = caller.sdp.said().to_owned();
        if let Some(agreed) = &arrival.agreed {
            caller.configure(self.id, agreed, rooms);
        }
        self.answered = true;
        rooms.totals.answered += u64::from(!matches!(arrival.then, Then::Feature(..)));
        if let (Some(caller), Some(flood)) = (arrival.counted, &rooms.settings.flood) {
            rooms.flood.answered(caller, flood, rooms.now);
        }
        let after_ms = ms(rooms.now.since(self.born));
        rooms.fact(Some(self.id), Fact::Answered { after_ms });
        if arrival.record {
            self.begin_recording(rooms);
        }
        rooms.sip.accept(arrival.session, said, rooms.now);
        let after = rooms.settings.media.caller_inactivity;
        rooms.order(self.id, Order::Inactivity { leg: self.caller_leg, after });
    }

    fn begin_recording(&mut self, rooms: &mut Rooms) {
        let recording = RecordingId(rooms.entropy.u128());
        let (at, wall, call, leg) = (rooms.now, rooms.wall(), self.id, self.caller_leg);
        self.fact(Fact::RecordingBegan { recording }, rooms);
        rooms.out.push_back(Output::OpenRecording { recording, call, at, wall });
        if let Some(caller) = &self.caller {
            caller.record_on(call, recording, Recording::CALLER, rooms);
        }
        self.fact(Fact::TrackBegan { recording, track: Recording::LINE, party: Party::Line }, rooms);
        rooms.order(call, Order::RecordHeard { leg, recording, track: Recording::LINE });
        self.recording = Some(Recording::new(recording));
    }

    fn begin_script(&mut self, script: Arc<Script>, rooms: &mut Rooms) {
        self.fact(
            Fact::ScriptBegan { script: script.name().to_owned(), hash: script.hash().to_string() },
            rooms,
        );
        self.blocked = script.purpose() == Purpose::Blocked;
        self.run = Some(Run::new(script));
        self.run_script(ScriptInput::Start, rooms);
    }

    /// Refuses a call that was not answered.
    pub(super) fn refuse(&mut self, status: u16, why: &str, rooms: &mut Rooms) {
        let (session, now) = (self.caller.as_ref().and_then(|c| c.session), rooms.now);
        if let Some(session) = session {
            rooms.sip.reject(session, status, Vec::new(), now);
        }
        rooms.totals.refused += 1;
        let (trunk, in_all) = (self.trunk.clone(), 0);
        self.fact(Fact::Refused { status, why: why.to_owned(), trunk, in_all }, rooms);
        if let Some(caller) = self.caller.take() {
            caller.closed(self.id, rooms);
        }
        rooms.timers.cancel((self.id, Wake::NoProgress));
        self.finish(EndCause::OurFault, rooms);
    }
}

/// A consultant's first language: what the line speaks with him.
pub(super) fn language_of(consultant: ConsultantId, rooms: &Rooms) -> Language {
    let first = rooms.books.person(consultant).and_then(|p| p.languages.first().copied());
    first.unwrap_or(Language::Kazakh)
}
