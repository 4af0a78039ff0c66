//! The lent outbox: what a session wants done, as items that point into one arena of bytes. Emptied, it keeps its
//! memory, so a warm outbox never allocates.

use crate::Event;
use core::net::SocketAddr;
use core::ops::Range;
use senim_base::{Instant, LegId, RecordingId, TrackId};
use senim_sdp::Codec;

/// Ceiling of items between two clearings. A session leaves a few at a call, so this is met only by a caller who
/// forgets to read; what comes beyond is dropped and counted.
pub const OUTBOX_ITEMS_MAX: usize = 1 << 16;
const ITEMS_AT_START: usize = 256;
const BYTES_AT_START: usize = 64 * 1024;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// Send a datagram from the leg's RTP or RTCP socket.
    Send {
        /// Whose socket.
        leg: LegId,
        /// Where to.
        to: SocketAddr,
        /// From the RTCP socket.
        rtcp: bool,
        /// The datagram.
        bytes: &'a [u8],
    },
    /// Sound for a recording.
    Tap {
        /// The recording.
        recording: RecordingId,
        /// Whose track.
        track: TrackId,
        /// When it arrived, or was due to be sent.
        at: Instant,
        /// How it is coded.
        codec: Codec,
        /// RTP timestamp of its first sample.
        timestamp: u32,
        /// The payload.
        bytes: &'a [u8],
    },
    /// No more sound for this recording.
    TapEnd {
        /// The recording.
        recording: RecordingId,
    },
    /// Something the switch must know.
    Event(Event),
}

#[derive(Debug)]
enum Slot {
    Send {
        leg: LegId,
        to: SocketAddr,
        rtcp: bool,
        range: Range<usize>,
    },
    Tap {
        recording: RecordingId,
        track: TrackId,
        at: Instant,
        codec: Codec,
        timestamp: u32,
        range: Range<usize>,
    },
    TapEnd {
        recording: RecordingId,
    },
    Event(Event),
}

/// The buffer that sessions write into. The default one has no memory yet: it stands in while a full one is read.
#[derive(Debug, Default)]
pub struct Outbox {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
    dropped: u64,
}

impl Outbox {
    /// An empty outbox with room for a slot's worth of packets.
    pub fn new() -> Outbox {
        Outbox {
            slots: Vec::with_capacity(ITEMS_AT_START),
            bytes: Vec::with_capacity(BYTES_AT_START),
            dropped: 0,
        }
    }

    /// What is to be done, in order.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.slots.iter().map(|slot| match slot {
            Slot::Send { leg, to, rtcp, range } => {
                Item::Send { leg: *leg, to: *to, rtcp: *rtcp, bytes: self.slice(range) }
            }
            Slot::Tap { recording, track, at, codec, timestamp, range } => Item::Tap {
                recording: *recording,
                track: *track,
                at: *at,
                codec: *codec,
                timestamp: *timestamp,
                bytes: self.slice(range),
            },
            Slot::TapEnd { recording } => Item::TapEnd { recording: *recording },
            Slot::Event(event) => Item::Event(event.clone()),
        })
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.slots.clear();
        self.bytes.clear();
    }

    /// Nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Items dropped at the ceiling since the outbox was made.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(crate) fn send(&mut self, leg: LegId, to: SocketAddr, rtcp: bool, head: &[u8], body: &[u8]) {
        if self.has_room() {
            let range = self.store(head, body);
            self.slots.push(Slot::Send { leg, to, rtcp, range });
        }
    }

    pub(crate) fn tap(
        &mut self,
        (recording, track): (RecordingId, TrackId),
        at: Instant,
        codec: Codec,
        timestamp: u32,
        body: &[u8],
    ) {
        if self.has_room() {
            let range = self.store(&[], body);
            self.slots.push(Slot::Tap { recording, track, at, codec, timestamp, range });
        }
    }

    pub(crate) fn tap_end(&mut self, recording: RecordingId) {
        if self.has_room() {
            self.slots.push(Slot::TapEnd { recording });
        }
    }

    pub(crate) fn event(&mut self, event: Event) {
        if self.has_room() {
            self.slots.push(Slot::Event(event));
        }
    }

    fn has_room(&mut self) -> bool {
        let room = self.slots.len() < OUTBOX_ITEMS_MAX;
        self.dropped += u64::from(!room);
        room
    }

    fn store(&mut self, head: &[u8], body: &[u8]) -> Range<usize> {
        let from = self.bytes.len();
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(body);
        from..self.bytes.len()
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unread_outbox_stops_at_its_ceiling_and_counts() {
        let mut out = Outbox::new();
        for _ in 0..OUTBOX_ITEMS_MAX + 3 {
            out.event(Event::Closed { leg: LegId(1) });
        }
        assert_eq!((out.len(), out.dropped()), (OUTBOX_ITEMS_MAX, 3));
        out.clear();
        out.send(LegId(1), "127.0.0.1:9".parse().unwrap(), false, &[1, 2], &[3]);
        assert_eq!(out.dropped(), 3);
        assert!(matches!(out.items().next(), Some(Item::Send { bytes: [1, 2, 3], .. })));
    }
}
