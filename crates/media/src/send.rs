//! The outgoing stream of a leg: one SSRC, one run of sequence numbers, one media clock, whatever plays.

use crate::config::StreamConfig;
use crate::outbox::Outbox;
use crate::secure::Seal;
use core::net::SocketAddr;
use senim_base::{Entropy, Instant, LegId};
use senim_rtp::{Arrival, Event, Header};

/// How another leg's packets are renumbered into this stream, so that their losses stay visible.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Map {
    from: LegId,
    ssrc: u32,
    first_seq: u16,
    first_timestamp: u32,
    seq_offset: u16,
    timestamp_offset: u32,
}

/// A foreign packet's place in its own stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) leg: LegId,
    pub(crate) ssrc: u32,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) arrival: Arrival,
}

/// From one SSRC of a leg to its next: the golden section of the circle, so that none comes twice soon.
const SSRC_STEP: u32 = 0x9e37_79b9;

#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) leg: LegId,
    pub(crate) ssrc: u32,
    next_seq: u16,
    /// Ticks of the media clock a second.
    clock_hz: u32,
    /// Media clock = base + ticks of the instant.
    base: u32,
    /// The first timestamp that is free, once something was sent.
    free_timestamp: Option<u32>,
    /// The next packet begins a talkspurt (RFC 3551 §4.1).
    fresh: bool,
    map: Option<Map>,
    pub(crate) seal: Seal,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
    pub(crate) not_sent: u64,
}

/// Ticks of a clock; it wraps.
fn ticks(at: Instant, clock_hz: u32) -> u32 {
    // 8 and 48 kHz divide the microsecond's thousandth part: no tick is lost over years.
    (u128::from(at.as_nanos()) * u128::from(clock_hz) / 1_000_000_000) as u32
}

impl Outgoing {
    pub(crate) fn new(leg: LegId, seed: u64) -> Outgoing {
        let mut entropy = Entropy::from_seed(seed ^ leg.0.rotate_left(32));
        Outgoing {
            leg,
            ssrc: entropy.u32(),
            next_seq: entropy.u32() as u16,
            clock_hz: 8_000,
            base: entropy.u32(),
            free_timestamp: None,
            fresh: true,
            map: None,
            seal: Seal::default(),
            packets: 0,
            octets: 0,
            not_sent: 0,
        }
    }

    /// The clock of the codec that is sent from now on. Another rate is another stream (RFC 7160 section 4.1): what was
    /// sent by the old one says nothing of where the new one stands.
    pub(crate) fn set_clock(&mut self, clock_hz: u32) {
        if self.clock_hz == clock_hz {
            return;
        }
        self.clock_hz = clock_hz;
        if self.packets > 0 {
            self.ssrc = self.ssrc.wrapping_add(SSRC_STEP);
        }
        self.free_timestamp = None;
        self.begin_source();
    }

    /// The media clock at a moment. It follows the wall of instants, so what was not sent shows as time; it never
    /// goes behind what was sent already.
    pub(crate) fn clock(&mut self, at: Instant) -> u32 {
        let now = self.base.wrapping_add(ticks(at, self.clock_hz));
        match self.free_timestamp {
            Some(free) if (now.wrapping_sub(free) as i32) < 0 => {
                self.base = self.base.wrapping_add(free.wrapping_sub(now));
                free
            }
            _ => now,
        }
    }

    /// The media clock for a report: not moved by asking.
    pub(crate) fn clock_now(&self, at: Instant) -> u32 {
        self.base.wrapping_add(ticks(at, self.clock_hz))
    }

    /// What the leg hears has changed.
    pub(crate) fn begin_source(&mut self) {
        self.fresh = true;
        self.map = None;
    }

    /// Packets whose time has passed leave a gap in the numbers.
    pub(crate) fn skip(&mut self, packets: u64) {
        self.not_sent += packets;
        self.next_seq = self.next_seq.wrapping_add(packets as u16);
    }

    /// Sends sound of our own making: one packet's worth.
    pub(crate) fn audio(
        &mut self,
        to: SocketAddr,
        stream: &StreamConfig,
        timestamp: u32,
        sound: &[u8],
        out: &mut Outbox,
    ) {
        self.map = None;
        let marker = core::mem::take(&mut self.fresh);
        let header = Header {
            marker,
            payload_type: stream.send_payload_type,
            seq: self.next_seq,
            timestamp,
            ssrc: self.ssrc,
        };
        self.free_timestamp = Some(timestamp.wrapping_add(stream.ptime_ticks()));
        self.put(to, header, sound, out);
    }

    /// Sends a telephone event of our own making.
    pub(crate) fn event(
        &mut self,
        to: SocketAddr,
        (payload_type, event_hz): (u8, u32),
        timestamp: u32,
        marker: bool,
        event: Event,
        out: &mut Outbox,
    ) {
        self.begin_source();
        let header = Header { marker, payload_type, seq: self.next_seq, timestamp, ssrc: self.ssrc };
        let lasted = u32::from(event.duration) * (self.clock_hz / event_hz).max(1);
        self.free_timestamp = Some(timestamp.wrapping_add(lasted));
        self.put(to, header, &event.to_bytes(), out);
    }

    /// Another leg's packets run through this stream unbroken.
    pub(crate) fn is_mapped(&self, from: LegId) -> bool {
        self.map.is_some_and(|m| m.from == from)
    }

    /// Sends another leg's packet on: renumbered, its gaps and its spacing kept. `len` is its sound in ticks.
    pub(crate) fn pass(
        &mut self,
        to: SocketAddr,
        payload_type: u8,
        origin: Origin,
        payload: &[u8],
        (now, len): (Instant, u32),
        out: &mut Outbox,
    ) {
        let known = self.map.filter(|m| {
            m.from == origin.leg
                && m.ssrc == origin.ssrc
                && !matches!(origin.arrival, Arrival::First | Arrival::Restarted)
        });
        let map = match known {
            Some(map) => map,
            // A straggler cannot begin a run: what follows would seem late.
            None if origin.arrival == Arrival::Late => return,
            None => {
                let clock = self.clock(now);
                self.fresh = true;
                Map {
                    from: origin.leg,
                    ssrc: origin.ssrc,
                    first_seq: origin.seq,
                    first_timestamp: origin.timestamp,
                    seq_offset: self.next_seq.wrapping_sub(origin.seq),
                    timestamp_offset: clock.wrapping_sub(origin.timestamp),
                }
            }
        };
        if (origin.seq.wrapping_sub(map.first_seq) as i16) < 0 {
            return;
        }
        // A mapping half the circle old would take new packets for old ones.
        let first_seq = if origin.seq.wrapping_sub(map.first_seq) > 0x2000 {
            origin.seq.wrapping_sub(0x1000)
        } else {
            map.first_seq
        };
        self.map = Some(Map { first_seq, ..map });
        let marker = core::mem::take(&mut self.fresh) || origin.marker;
        let seq = origin.seq.wrapping_add(map.seq_offset);
        let timestamp = origin.timestamp.wrapping_add(map.timestamp_offset);
        let next_seq = if origin.arrival == Arrival::Late { self.next_seq } else { seq.wrapping_add(1) };
        if origin.arrival != Arrival::Late {
            self.free_timestamp = Some(timestamp.wrapping_add(len));
        }
        self.put(to, Header { marker, payload_type, seq, timestamp, ssrc: self.ssrc }, payload, out);
        self.next_seq = next_seq;
    }

    /// An event that began before this run is already under way in another form.
    pub(crate) fn began_before_run(&self, timestamp: u32) -> bool {
        self.map.is_some_and(|m| (timestamp.wrapping_sub(m.first_timestamp) as i32) < 0)
    }

    /// A packet of the other leg is held back on purpose: that must not look like a loss.
    pub(crate) fn hold_back(&mut self, origin: Origin) {
        if let Some(map) =
            self.map.as_mut().filter(|m| m.from == origin.leg && origin.arrival != Arrival::Late)
        {
            map.seq_offset = map.seq_offset.wrapping_sub(1);
            map.first_seq = origin.seq.wrapping_add(1);
        }
    }

    fn put(&mut self, to: SocketAddr, header: Header, payload: &[u8], out: &mut Outbox) {
        self.next_seq = header.seq.wrapping_add(1);
        let leg = self.leg;
        let packet = (&header.to_bytes()[..], payload);
        if self.seal.send(false, packet, |head, rest| out.send(leg, to, false, head, rest)) {
            self.packets += 1;
            self.octets += payload.len() as u64;
        } else {
            self.not_sent += 1;
        }
    }
}
