//! The caller waits: music, his place now and then, and consultants' phones ringing for him one at a time.

use super::{
    Call, State, Talking,
    dial::{self, Refused},
    leg::Leg,
    show,
};
use crate::facts::{EndCause, Fact, OfferOutcome, TransferTo, ms};
use crate::rooms::{Rooms, Wake};
use senim_base::{ConsultantId, Instant, Language, LegId, OfferId, PlayId};
use senim_ivr::{Placement, Word, spoken};
use senim_queue::{Caller, Input as QueueInput, Refusal, Withdrawn};
use senim_sdp::Direction;
use senim_sip::{Outgoing, Rejection};

/// Where a caller stands in the queue.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) queue: String,
    pub(crate) topic: Option<String>,
    pub(crate) priority: u8,
    pub(crate) language: Language,
    /// When he entered: he keeps it when he comes back.
    pub(crate) since: Instant,
}

/// A caller who waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) ringing: Option<Ringing>,
    announcing: Option<PlayId>,
}

/// A consultant's phone rings for the caller.
#[derive(Debug)]
pub(crate) struct Ringing {
    pub(crate) offer: OfferId,
    pub(crate) consultant: ConsultantId,
    pub(crate) leg: Leg,
    pub(crate) since: Instant,
}

impl Waiting {
    pub(super) fn ringing_leg(&mut self) -> Option<&mut Leg> {
        self.ringing.as_mut().map(|r| &mut r.leg)
    }
}

impl Call {
    /// The caller asks for a human, or presses the urgent key while he waits.
    pub(super) fn enter_queue(&mut self, p: Placement, rooms: &mut Rooms) {
        self.give_up_forward(rooms);
        let since = self.place.as_ref().map_or(rooms.now, |place| place.since);
        let skills = p.topic.iter().cloned().collect::<Vec<_>>();
        self.fact(
            Fact::Queued {
                queue: p.queue.clone(),
                topic: p.topic.clone(),
                priority: p.priority,
                language: p.language,
                urgent: p.urgent,
            },
            rooms,
        );
        let place =
            Place { queue: p.queue, topic: p.topic, priority: p.priority, language: p.language, since };
        self.place = Some(place.clone());
        if !self.marks.queued {
            self.marks.queued = true;
            rooms.totals.queued += 1;
        }
        if let State::Waiting(_) = self.state {
            rooms.queue_inputs.push_back(QueueInput::CallerChanges {
                call: self.id,
                queue: place.queue,
                priority: place.priority,
                language: place.language,
                skills,
            });
            return;
        }
        self.wait_at(place, rooms);
    }

    /// The caller goes (back) to his place: behind nobody who came after him.
    pub(super) fn wait_again(&mut self, rooms: &mut Rooms) {
        let place = self.place.clone().unwrap_or_else(|| Place {
            queue: rooms.settings.queues.first().map(|q| q.name.clone()).unwrap_or_default(),
            topic: None,
            priority: senim_ivr::PRIORITY_NORMAL,
            language: self.language(),
            since: self.born,
        });
        self.wait_at(place, rooms);
    }

    fn wait_at(&mut self, place: Place, rooms: &mut Rooms) {
        let caller = Caller {
            call: self.id,
            queue: place.queue.clone(),
            language: place.language,
            skills: place.topic.iter().cloned().collect(),
            priority: place.priority,
            since: place.since,
        };
        self.place = Some(place);
        rooms.queue_inputs.push_back(QueueInput::CallerEnters(caller));
        self.state = State::Waiting(Waiting { ringing: None, announcing: None });
        // What the script says last (“we connect you”) is heard to its end, then the music begins.
        if self.saying.is_none() {
            rooms.loop_common(self.id, self.caller_leg, "music");
        } else if let (Some((play, _)), State::Waiting(w)) = (self.saying.take(), &mut self.state) {
            w.announcing = Some(play);
        }
    }

    /// The caller hears his place, and from the second time on a word of comfort with it. The music goes on
    /// afterwards; a consultant who picks up cuts it short.
    pub(crate) fn announce(&mut self, position: u32, first: bool, rooms: &mut Rooms) {
        let language = self.language();
        let (id, leg) = (self.id, self.caller_leg);
        let State::Waiting(w) = &mut self.state else { return };
        if w.announcing.is_some() {
            return;
        }
        let mut words = spoken::position(position, language);
        if !first {
            words.push(Word { language, name: "comfort".to_owned() });
        }
        w.announcing = Some(rooms.say(id, leg, &words, false));
        self.fact(Fact::PositionSaid { position }, rooms);
    }

    pub(super) fn announced(&mut self, play: PlayId, rooms: &mut Rooms) {
        let State::Waiting(w) = &mut self.state else { return };
        if w.announcing.take_if(|p| *p == play).is_some() {
            rooms.loop_common(self.id, self.caller_leg, "music");
        }
    }

    /// The queue offers the caller to a consultant: his phone is to ring.
    pub(crate) fn offer(&mut self, offer: OfferId, consultant: ConsultantId, rooms: &mut Rooms) {
        self.fact(Fact::Offered { offer, consultant }, rooms);
        let tries = self.tries(rooms);
        let State::Waiting(w) = &mut self.state else { return };
        match TransferTo::Consultant(consultant).next_leg(self.id, tries, rooms) {
            Some(leg) => w.ringing = Some(Ringing { offer, consultant, leg, since: rooms.now }),
            None => {
                let outcome = OfferOutcome::Unreachable;
                self.fact(Fact::OfferEnded { offer, consultant, outcome, after_ms: 0 }, rooms);
                rooms.queue_inputs.push_back(QueueInput::Refused(offer, Refusal::Failed));
            }
        }
    }

    /// The consultant's leg has its port: call his softphone.
    pub(super) fn ring_consultant(&mut self, leg: LegId, rooms: &mut Rooms) {
        let (id, rule) = (self.id, rooms.settings.show_number);
        let shown = show::to_consultant(rule, id, Some(self.language()), self.shown.as_ref());
        let State::Waiting(Waiting { ringing: Some(r), .. }) = &mut self.state else { return };
        if r.leg.id != leg {
            return;
        }
        if !ring(id, &mut r.leg, r.consultant, shown, rooms) {
            self.consultant_declines(leg, Refused::unheard(Rejection::Transport), rooms);
        }
    }

    pub(super) fn consultant_rings(&mut self, leg: LegId, rooms: &mut Rooms) {
        if let State::Waiting(Waiting { ringing: Some(r), .. }) = &self.state
            && r.leg.id == leg
        {
            rooms.queue_inputs.push_back(QueueInput::Ringing(r.offer));
        }
    }

    /// The consultant picks up. He is joined to the caller as soon as the queue agrees, in the same instant.
    pub(super) fn consultant_picks_up(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let State::Waiting(Waiting { ringing: Some(r), .. }) = &mut self.state else { return };
        if r.leg.id != leg {
            return;
        }
        match r.leg.final_answer(id, sdp, rooms) {
            Ok(()) => rooms.queue_inputs.push_back(QueueInput::Accepted(r.offer)),
            Err(_) => self.end_ringing(OfferOutcome::Unreachable, rooms),
        }
    }

    /// The consultant declines, or his phone cannot be reached: then his next one rings.
    pub(super) fn consultant_declines(&mut self, leg: LegId, refused: Refused, rooms: &mut Rooms) {
        let id = self.id;
        let State::Waiting(Waiting { ringing: Some(r), .. }) = &mut self.state else { return };
        if r.leg.id != leg || r.leg.try_next(id, &TransferTo::Consultant(r.consultant), refused, rooms) {
            return;
        }
        let declined =
            refused.reason == Rejection::Response && matches!(refused.status, 480 | 486 | 600 | 603);
        let outcome = if declined { OfferOutcome::Rejected } else { OfferOutcome::Unreachable };
        self.end_ringing(outcome, rooms);
    }

    /// Stops the ringing for a reason of the consultant's, and tells the queue.
    fn end_ringing(&mut self, outcome: OfferOutcome, rooms: &mut Rooms) {
        if let Some(r) = self.take_ringing() {
            let refusal = match outcome {
                OfferOutcome::Rejected => Refusal::Rejected,
                _ => Refusal::Failed,
            };
            rooms.queue_inputs.push_back(QueueInput::Refused(r.offer, refusal));
            self.ringing_ended(r, outcome, rooms);
        }
    }

    /// The queue takes the offer back.
    pub(crate) fn withdraw(&mut self, offer: OfferId, why: Withdrawn, rooms: &mut Rooms) {
        if !matches!(&self.state, State::Waiting(Waiting { ringing: Some(r), .. }) if r.offer == offer) {
            return;
        }
        let outcome = match why {
            Withdrawn::CallerLeft => OfferOutcome::CallerLeft,
            Withdrawn::NoAnswer => OfferOutcome::NoAnswer,
            Withdrawn::Unreachable => OfferOutcome::Unreachable,
            _ => OfferOutcome::Withdrawn,
        };
        if let Some(r) = self.take_ringing() {
            self.ringing_ended(r, outcome, rooms);
        }
    }

    pub(super) fn ringing_ended(&mut self, r: Ringing, outcome: OfferOutcome, rooms: &mut Rooms) {
        rooms.timers.cancel((self.id, Wake::NoProgress));
        let after_ms = ms(rooms.now.since(r.since));
        let (offer, consultant) = (r.offer, r.consultant);
        self.fact(Fact::OfferEnded { offer, consultant, outcome, after_ms }, rooms);
        r.leg.close(self.id, rooms);
    }

    pub(super) fn take_ringing(&mut self) -> Option<Ringing> {
        match &mut self.state {
            State::Waiting(w) => w.ringing.take(),
            _ => None,
        }
    }

    /// The queue gives the caller to the consultant who picked up.
    pub(crate) fn connect(&mut self, offer: OfferId, rooms: &mut Rooms) {
        let Some(mut r) = self.take_ringing() else { return };
        if r.offer != offer {
            self.ringing_ended(r, OfferOutcome::Withdrawn, rooms);
            return;
        }
        let (consultant, after_ms) = (r.consultant, ms(rooms.now.since(r.since)));
        self.fact(Fact::OfferEnded { offer, consultant, outcome: OfferOutcome::Answered, after_ms }, rooms);
        let waited = self.place.as_ref().map_or(rooms.now, |p| p.since);
        let waited = rooms.now.since(waited);
        self.fact(Fact::Talking { consultant, waited_ms: ms(waited) }, rooms);
        if !self.marks.served {
            self.marks.served = true;
            rooms.totals.served += 1;
            rooms.totals.served_in_time += u64::from(waited <= rooms.settings.service_level);
        }
        self.record_party(&mut r.leg, rooms);
        self.saying = None;
        self.state = State::Talking(Talking::new(consultant, r.leg, rooms.now));
        self.join(rooms);
        self.guard_consultant(rooms);
    }

    /// The caller left (or was lost) while he waited.
    pub(super) fn abandon(&mut self, cause: EndCause, rooms: &mut Rooms) {
        rooms.queue_inputs.push_back(QueueInput::CallerLeaves { call: self.id });
        if let Some(r) = self.take_ringing() {
            self.ringing_ended(r, OfferOutcome::CallerLeft, rooms);
        }
        self.caller_gone(cause, rooms);
    }
}

/// Sends a consultant's softphone an INVITE. `false`: it cannot be reached.
pub(super) fn ring(
    call: senim_base::CallId,
    leg: &mut Leg,
    consultant: ConsultantId,
    (from, mut headers): show::Shown,
    rooms: &mut Rooms,
) -> bool {
    let phone = dial::phones(consultant, rooms).find(|b| leg.tries.phone() == Some(b.id()));
    let Some(binding) = phone else { return false };
    let (uri, flow, routes) = (binding.uri.to_string(), binding.flow, binding.routes());
    let sdp = leg.sdp.offer(Direction::SendRecv);
    headers.extend(routes);
    let outgoing =
        Outgoing { flow, to: format!("<{uri}>"), uri, from, headers, sdp: Some(sdp), credentials: None };
    match rooms.sip.invite(outgoing, rooms.now) {
        Ok(session) => {
            leg.attach(call, session, rooms);
            let at = rooms.now + rooms.settings.progress_max;
            rooms.timers.set((call, Wake::NoProgress), at);
            true
        }
        Err(_) => false,
    }
}
