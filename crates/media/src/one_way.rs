//! Sound that goes one way only is the commonest fault of calls over networks, and neither party can tell what it is. A
//! party that should be heard and is not is told of within three seconds; one that hears nothing, by the second of its own
//! reports that says so (RTCP comes every five seconds or so).
//!
//! Not expected is who is held, whom nobody hears and nobody records, and who said that he is silent (comfort noise, or a
//! packet of Opus without sound).

use crate::event::{Event, Way};
use crate::leg::Leg;
use crate::outbox::Outbox;
use core::time::Duration;
use senim_base::{Instant, LegId};
use senim_rtp::ReportBlock;
use senim_sdp::Direction;

/// Silence on the wire for so long is told.
const AFTER: Duration = Duration::from_millis(2_500);
/// Packets that went out between two reports of the peer, none of which it received: then it is deaf. Three seconds of
/// 20 ms.
const UNHEARD_MIN: u64 = 150;

/// What is expected of a leg, and what came.
#[derive(Debug, Default)]
pub(crate) struct OneWay {
    expected: bool,
    since: Instant,
    resting: bool,
    missing: bool,
    /// The peer's last word on what it receives, and how much had gone out by then.
    highest: Option<u32>,
    sent_then: u64,
    deaf: bool,
}

impl OneWay {
    /// When silence becomes an event.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.expected && !self.resting && !self.missing).then(|| self.since + AFTER)
    }

    /// A packet came; `rests`: it says that no sound follows for a while.
    pub(crate) fn heard(&mut self, leg: LegId, rests: bool, now: Instant, out: &mut Outbox) {
        (self.since, self.resting) = (now, rests);
        if core::mem::take(&mut self.missing) {
            out.event(Event::OneWay { leg, way: Way::FromParty, missing: false });
        }
    }
}

impl Leg {
    /// Somebody hears this leg, or nobody does: only orders change it.
    pub(crate) fn expect_sound(&mut self, is_heard: bool, now: Instant, out: &mut Outbox) {
        let speaks = self.stream.as_ref().is_some_and(|s| s.config.direction == Direction::SendRecv);
        let expected = speaks && (is_heard || !self.record.is_empty());
        if core::mem::replace(&mut self.one_way.expected, expected) == expected {
            return;
        }
        if expected {
            self.one_way.since = now;
        } else {
            self.one_way.heard(self.id, false, now, out);
        }
    }

    pub(crate) fn tell_one_way(&mut self, now: Instant, out: &mut Outbox) {
        if self.one_way.due().is_some_and(|due| due <= now) {
            self.one_way.missing = true;
            out.event(Event::OneWay { leg: self.id, way: Way::FromParty, missing: true });
        }
    }

    /// What the peer reports of our packets; a peer that never did says nothing by not doing so.
    pub(crate) fn note_peers_ear(&mut self, block: Option<&ReportBlock>, out: &mut Outbox) {
        let sent = self.out.packets;
        let watch = &mut self.one_way;
        let highest = block.map(|block| block.highest_seq).or(watch.highest);
        let (Some(highest), before) = (highest, watch.highest) else { return };
        watch.highest = Some(highest);
        if before != Some(highest) {
            watch.sent_then = sent;
            if core::mem::take(&mut watch.deaf) {
                out.event(Event::OneWay { leg: self.id, way: Way::ToParty, missing: false });
            }
        } else if sent.saturating_sub(watch.sent_then) >= UNHEARD_MIN && !watch.deaf {
            watch.deaf = true;
            out.event(Event::OneWay { leg: self.id, way: Way::ToParty, missing: true });
        }
    }
}
