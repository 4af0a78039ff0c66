//! Sound before the answer: the other side's own ring tone or announcement (183, RFC 3960), heard as soon as its first
//! packet is here; until then, and if none ever comes, who waits hears ours.

use super::{Call, State, leg::Leg};
use crate::rooms::Rooms;
use senim_base::LegId;
use senim_media::Order;

impl Call {
    /// A provisional answer to our offer. One that does not fit is passed over: the final one counts (FEATURES T13).
    pub(super) fn early_sound(&mut self, leg: LegId, sdp: Option<&[u8]>, rooms: &mut Rooms) {
        let id = self.id;
        let called = match &mut self.state {
            // A phone that rings for a caller of the queue's is not heard before it is picked up.
            State::Waiting(w) => w.ringing.as_mut().map(|r| &mut r.leg).filter(|l| l.id == leg),
            State::Direct(d) => d.leg_mut().filter(|l| l.id == leg),
            _ => self.being_called(leg).map(|(called, _)| called),
        };
        let (Some(sdp), Some(called)) = (sdp, called) else { return };
        if let Ok(agreed) = called.sdp.accept(sdp) {
            called.configure(id, &agreed, rooms);
        }
    }

    /// Something is heard of a leg for the first time. Who waits for its answer hears it in place of our ring tone; it
    /// hears nobody before it has answered.
    pub(super) fn first_heard(&mut self, leg: LegId, rooms: &mut Rooms) {
        let id = self.id;
        let mut recording = self.recording.take();
        if let Some((called, ears)) = self.being_called(leg) {
            if let Some(recording) = &mut recording {
                called.record(id, recording, rooms);
            }
            for ear in ears.into_iter().flatten() {
                rooms.order(id, Order::Hear { leg: ear, from: leg });
            }
        }
        self.recording = recording;
    }

    /// A leg that is being called, and who waits for its answer with his ear at the ring tone.
    fn being_called(&mut self, leg: LegId) -> Option<(&mut Leg, [Option<LegId>; 2])> {
        let caller = Some(self.caller_leg);
        let (called, ears) = match &mut self.state {
            State::Forwarding(f) => {
                let ears = [caller, f.consultant_leg()];
                (f.leg_mut(leg).filter(|_| Some(leg) != ears[1])?, ears)
            }
            State::Transferring(t) => (&mut t.leg, [caller, None]),
            State::Talking(t) => {
                let aside = t.aside.as_mut().filter(|aside| !aside.answered)?;
                // His second call rings by itself.
                let ear = Some(t.leg.id).filter(|_| aside.own.is_none());
                (&mut aside.leg, [ear, None])
            }
            _ => return None,
        };
        (called.id == leg).then_some((called, ears))
    }
}
