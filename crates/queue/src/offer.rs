//! Offers: who is offered to whom, how long it rings, and how it ends. A caller is offered to one consultant at a
//! time and a consultant gets one offer at a time, whatever the queues (FEATURES Q5).

use crate::crew::{Pause, first_for};
use crate::line::Rank;
use crate::{Back, Fault, Leaving, Output, Queue, Reason, Refusal, Withdrawn, seconds};
use senim_base::{CallId, ConsultantId, OfferId};

/// One offer that is open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) call: CallId,
    pub(crate) consultant: ConsultantId,
    rings: bool,
}

impl Queue {
    /// Offers until no free consultant fits a free caller.
    pub(crate) fn pair_up(&mut self) {
        while let Some((call, consultant)) = self.next_pair() {
            self.offer(call, consultant);
        }
    }

    /// The first caller in the order of the line whom somebody free can take, and the one whom his queue's strategy
    /// puts first. Costs a look at the head of every need, however many have it.
    fn next_pair(&mut self) -> Option<(CallId, ConsultantId)> {
        if !self.crew.any_ready() {
            return None;
        }
        let mut best: Option<(Rank, ConsultantId)> = None;
        for (need, ranks) in self.line.free() {
            self.crew.open_group(need, &mut self.looks);
            let Some(group) = self.crew.group(need).filter(|group| !group.is_empty()) else { continue };
            for rank in ranks.iter().take_while(|rank| best.is_none_or(|(b, _)| **rank < b)) {
                self.looks += 1;
                let Some(place) = self.line.get(rank.2) else { continue };
                if let Some(consultant) = first_for(group, place, &mut self.looks) {
                    best = Some((*rank, consultant));
                    break;
                }
            }
        }
        best.map(|(rank, consultant)| (rank.2, consultant))
    }

    fn offer(&mut self, call: CallId, consultant: ConsultantId) {
        let offer = OfferId(self.next_offer);
        self.next_offer += 1;
        let queue = self.line.get(call).map_or(0, |p| p.queue);
        self.line.change(call, |place| place.offer = Some(offer));
        if let Some(m) = self.crew.get_mut(consultant) {
            m.offer = Some(offer);
            m.offered = offer.0;
        }
        self.offers.insert(offer, Offer { call, consultant, rings: false });
        let ring = seconds(self.queue_settings(queue).ring_s);
        self.timers.set(Reason::Ring(offer), self.now + ring);
        self.out.push_back(Output::Offer { offer, call, consultant });
        self.settle(consultant);
    }

    pub(crate) fn ringing(&mut self, offer: OfferId) -> Result<(), Fault> {
        let open = self.offers.get_mut(&offer).ok_or(Fault::UnknownOffer(offer))?;
        if !open.rings {
            open.rings = true;
            let queue = self.line.get(open.call).map_or(0, |p| p.queue);
            let ring = seconds(self.queue_settings(queue).ring_s);
            self.timers.set(Reason::Ring(offer), self.now + ring);
        }
        Ok(())
    }

    pub(crate) fn accepted(&mut self, offer: OfferId) -> Result<(), Fault> {
        let Offer { call, consultant, .. } = self.close(offer).ok_or(Fault::UnknownOffer(offer))?;
        let queue = self.line.get(call).map_or(0, |p| p.queue);
        self.talks.insert(call, consultant);
        if let Some(m) = self.crew.get_mut(consultant) {
            m.talk = Some((call, queue));
            m.talks += 1;
        }
        self.out.push_back(Output::Connect { offer, call, consultant });
        self.caller_out(call, Leaving::Answered);
        self.settle(consultant);
        Ok(())
    }

    pub(crate) fn refused(&mut self, offer: OfferId, refusal: Refusal) -> Result<(), Fault> {
        let Offer { call, consultant, .. } = self.close(offer).ok_or(Fault::UnknownOffer(offer))?;
        if refusal == Refusal::Failed && self.settings.unreachable_pause_s > 0 {
            self.pause(consultant, Pause::Unreachable, self.settings.unreachable_pause_s);
        }
        self.give_back(call, consultant, Back::Refused(refusal));
        Ok(())
    }

    pub(crate) fn rung_out(&mut self, offer: OfferId) {
        let Some(Offer { call, consultant, .. }) = self.close(offer) else { return };
        self.pause(consultant, Pause::NoAnswer, self.settings.no_answer_pause_s);
        self.out.push_back(Output::Withdraw { offer, why: Withdrawn::NoAnswer });
        self.give_back(call, consultant, Back::Withdrawn(Withdrawn::NoAnswer));
    }

    /// Ends an offer for a reason that is not the consultant's answer to it.
    pub(crate) fn take_back(&mut self, offer: OfferId, why: Withdrawn) {
        let Some(Offer { call, consultant, .. }) = self.close(offer) else { return };
        self.out.push_back(Output::Withdraw { offer, why });
        if let Some(m) = self.crew.get_mut(consultant) {
            m.keeps_turn = matches!(why, Withdrawn::CallerLeft | Withdrawn::Changed);
        }
        match why {
            Withdrawn::CallerLeft => self.settle(consultant),
            _ => self.give_back(call, consultant, Back::Withdrawn(why)),
        }
    }

    /// The caller is free again where he was; the consultant does not get him again at once.
    fn give_back(&mut self, call: CallId, consultant: ConsultantId, why: Back) {
        if why != Back::Withdrawn(Withdrawn::Changed) {
            self.avoid(call, consultant);
        }
        self.out.push_back(Output::Returned { call, why });
        self.settle(consultant);
    }

    fn avoid(&mut self, call: CallId, consultant: ConsultantId) {
        let pause = seconds(self.settings.same_pair_pause_s);
        if pause.is_zero() {
            return;
        }
        if let Some(forgiven) = self.line.avoid(call, consultant) {
            self.timers.cancel(Reason::SamePair(call, forgiven));
        }
        self.timers.set(Reason::SamePair(call, consultant), self.now + pause);
    }

    /// Forgets an open offer on both sides.
    fn close(&mut self, offer: OfferId) -> Option<Offer> {
        let open = self.offers.remove(&offer)?;
        self.timers.cancel(Reason::Ring(offer));
        self.line.change(open.call, |place| place.offer = None);
        if let Some(m) = self.crew.get_mut(open.consultant) {
            m.offer = None;
        }
        Some(open)
    }

    fn pause(&mut self, id: ConsultantId, pause: Pause, for_s: u32) {
        if let Some(m) = self.crew.get_mut(id) {
            m.pause = Some(pause);
        }
        if for_s > 0 {
            self.timers.set(Reason::Pause(id), self.now + seconds(for_s));
        }
    }
}
