//! One RTP stream each way on its own socket: an even A-law talker whose packets tell when they left and which they
//! are, and what it hears.

use crate::stats::Histogram;
use crate::track::{TICK_NS, Track};
use crate::wire;
use serde::Serialize;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// RTP header and 20 ms of A-law.
const PACKET: usize = HEADER + 160;
const HEADER: usize = 12;
/// Payload types: PCMA, telephone-event as our SDP numbers it.
const PCMA: u8 = 8;
const EVENT: u8 = 101;
/// Silence in A-law.
const SILENCE: u8 = 0xd5;
/// What our payloads begin with; then the moment of sending (8 bytes) and the packet's number (2 bytes).
const MARK: [u8; 6] = *b"senim\0";
/// Packets of a key: six while it is down, three saying that it is up (RFC 4733 section 2.5.1.4).
const KEY_DOWN: u8 = 6;
const KEY_UP: u8 = 3;

/// What several legs measure together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Gaps of what is heard, against 20 ms.
    pub(crate) deviations: Histogram,
    /// Other end's sending to kernel's receipt here.
    pub(crate) latencies: Histogram,
    /// How late our own packets left.
    pub(crate) lateness: Histogram,
}

/// Counts of one leg in the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LegCounts {
    /// Packets we sent to the line.
    pub sent: u64,
    /// Packets that came from the line.
    pub received: u64,
    /// Packets the line numbered that never came.
    pub lost: u64,
    /// Packets the wall clock asked of the line that it did not send.
    pub not_sent: u64,
    /// Packets the wall clock asked of the line.
    pub expected: u64,
    /// Of the other end's packets, those that did not come through.
    pub lost_end_to_end: u64,
}

/// A talker and listener.
pub(crate) struct Leg {
    pub(crate) socket: UdpSocket,
    packet: [u8; PACKET],
    seq: u16,
    timestamp: u32,
    ssrc: u32,
    key: Option<(u8, u8)>,
    sent: u64,
    heard: Track,
    /// The other end's packets, by the numbers in their payloads.
    through: Track,
    pub(crate) talking: bool,
    /// Something of the other end was heard, now or before.
    pub(crate) is_through: bool,
}

impl Leg {
    /// A leg on a free port of this address.
    pub(crate) fn bind(address: SocketAddr, ssrc: u32) -> io::Result<Leg> {
        let mut packet = [SILENCE; PACKET];
        packet[0] = 0x80;
        Ok(Leg {
            socket: wire::bind_stamped(address)?,
            packet,
            seq: ssrc as u16,
            timestamp: ssrc.wrapping_mul(0x9e37_79b9),
            ssrc,
            key: None,
            sent: 0,
            heard: Track::default(),
            through: Track::default(),
            talking: false,
            is_through: false,
        })
    }

    /// Talks to this address from now on, and hears nobody else.
    pub(crate) fn talk_to(&mut self, remote: SocketAddr) -> io::Result<()> {
        self.socket.connect(remote)?;
        self.talking = true;
        Ok(())
    }

    /// Keys a digit (0 to 9) instead of the next packets.
    pub(crate) fn press(&mut self, digit: u8) {
        self.key = Some((digit, 0));
    }

    /// Sends the packet that is due, stamped with the moment it leaves.
    pub(crate) fn send(&mut self, now: u64) {
        self.seq = self.seq.wrapping_add(1);
        let length = match self.key {
            Some((digit, step)) => self.key_packet(digit, step),
            None => self.sound_packet(now),
        };
        self.timestamp = self.timestamp.wrapping_add(160);
        if self.socket.send(self.packet.get(..length).unwrap_or_default()).is_ok() {
            self.sent += 1;
        }
    }

    fn sound_packet(&mut self, now: u64) -> usize {
        self.header(PCMA, self.timestamp);
        self.packet[HEADER..HEADER + 6].copy_from_slice(&MARK);
        self.packet[HEADER + 6..HEADER + 14].copy_from_slice(&now.to_be_bytes());
        self.packet[HEADER + 14..HEADER + 16].copy_from_slice(&self.seq.to_be_bytes());
        PACKET
    }

    /// All packets of one key carry the timestamp of its beginning (RFC 4733 section 2.3).
    fn key_packet(&mut self, digit: u8, step: u8) -> usize {
        let begun = self.timestamp.wrapping_sub(u32::from(step) * 160);
        self.header(if step == 0 { EVENT | 0x80 } else { EVENT }, begun);
        let duration = 160 * (u16::from(step.min(KEY_DOWN - 1)) + 1);
        let up = if step >= KEY_DOWN { 0x80 } else { 0 };
        let [high, low] = duration.to_be_bytes();
        self.packet[HEADER..HEADER + 4].copy_from_slice(&[digit, up | 10, high, low]);
        self.key = (step + 1 < KEY_DOWN + KEY_UP).then_some((digit, step + 1));
        HEADER + 4
    }

    fn header(&mut self, second: u8, timestamp: u32) {
        self.packet[1] = second;
        self.packet[2..4].copy_from_slice(&self.seq.to_be_bytes());
        self.packet[4..8].copy_from_slice(&timestamp.to_be_bytes());
        self.packet[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
    }

    /// Takes a packet that the kernel received at this moment.
    pub(crate) fn hear(&mut self, packet: &[u8], at: u64, measured: &mut Measured) {
        let [first, kind, s0, s1, _, _, _, _, _, _, _, _, payload @ ..] = packet else { return };
        if first >> 6 != 2 || (192..=223).contains(kind) {
            return; // RTCP on the same port.
        }
        if let Some(deviation) = self.heard.take(u16::from_be_bytes([*s0, *s1]), at) {
            measured.deviations.record(deviation);
        }
        let Some([t @ .., s0, s1]) = payload.strip_prefix(&MARK).and_then(|p| p.first_chunk::<10>()) else {
            return;
        };
        self.is_through = true;
        let left = t.iter().fold(0u64, |all, byte| all << 8 | u64::from(*byte));
        measured.latencies.record(Duration::from_nanos(at.saturating_sub(left)));
        self.through.take(u16::from_be_bytes([*s0, *s1]), at);
    }

    /// Forgets what was counted: the window opens.
    pub(crate) fn open_window(&mut self) {
        self.sent = 0;
        self.heard = Track::default();
        self.through = Track::default();
    }

    /// What was counted in the window. A line that shall say nothing on this leg has sent all that was asked.
    pub(crate) fn counts(&self, begin: u64, end: u64) -> LegCounts {
        LegCounts {
            sent: self.sent,
            received: self.heard.received(),
            lost: self.heard.lost(),
            not_sent: self.heard.not_sent(begin, end),
            expected: self.heard.expected(begin, end),
            lost_end_to_end: self.through.lost(),
        }
    }
}

/// The next moment on the grid of a leg: `phase` (below 20 ms) into a tick, at or after `now`.
pub(crate) fn next_on_grid(now: u64, phase: u64) -> u64 {
    let tick = now / TICK_NS * TICK_NS + phase;
    if tick >= now { tick } else { tick + TICK_NS }
}

/// Phases of leg after leg, spread evenly over the tick whatever their number (golden section), rounded to `grain_ns`.
pub(crate) fn phase(leg: usize, grain_ns: u64) -> u64 {
    let turn = (leg as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let phase = (turn * TICK_NS) >> 32;
    phase / grain_ns.max(1) * grain_ns.max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pair() -> (Leg, Leg) {
        let any = "127.0.0.1:0".parse().unwrap();
        let (mut a, mut b) = (Leg::bind(any, 1).unwrap(), Leg::bind(any, 2).unwrap());
        a.talk_to(b.socket.local_addr().unwrap()).unwrap();
        b.talk_to(a.socket.local_addr().unwrap()).unwrap();
        (a, b)
    }

    /// Loopback delivers within `send`, so what was sent is there.
    fn drain(leg: &mut Leg, measured: &mut Measured) -> Vec<Vec<u8>> {
        let (mut buffer, mut room) = ([0; 2_048], wire::stamp_room());
        let mut all = Vec::new();
        while let Some((length, at)) = wire::receive(&leg.socket, &mut buffer, &mut room) {
            leg.hear(&buffer[..length], at, measured);
            all.push(buffer[..length].to_vec());
        }
        all
    }

    #[test]
    fn packets_say_which_they_are_and_when_they_left() {
        let (mut a, mut b) = pair();
        let mut measured = Measured::default();
        for _ in 0..50 {
            a.send(wire::wall_ns());
        }
        assert_eq!(drain(&mut b, &mut measured).len(), 50);
        assert!(b.is_through && !a.is_through);
        assert_eq!(measured.latencies.count(), 50);
        let counts = b.counts(0, 0);
        assert_eq!((counts.received, counts.lost, counts.lost_end_to_end), (50, 0, 0));
        b.open_window();
        assert_eq!(b.counts(0, 0), LegCounts::default());
    }

    #[test]
    fn a_key_is_nine_packets_of_one_timestamp_with_growing_duration() {
        let (mut a, mut b) = pair();
        a.press(9);
        for _ in 0..10 {
            a.send(wire::wall_ns());
        }
        let packets = drain(&mut b, &mut Measured::default());
        let keys: Vec<&[u8]> = packets.iter().filter(|p| p[1] & 0x7f == EVENT).map(|p| &p[..]).collect();
        assert_eq!(keys.len(), 9);
        assert!(keys.iter().all(|p| p[4..8] == keys[0][4..8] && p[12] == 9 && p.len() == 16));
        assert_eq!(keys.iter().filter(|p| p[1] & 0x80 != 0).count(), 1);
        let durations: Vec<u16> = keys.iter().map(|p| u16::from_be_bytes([p[14], p[15]])).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 960, 960, 960, 960]);
        assert_eq!(keys.iter().filter(|p| p[13] & 0x80 != 0).count(), 3);
        assert_eq!(packets[9][1], PCMA);
        let (key, sound) = (&packets[0][4..8], &packets[9][4..8]);
        let stamp = |b: &[u8]| u32::from_be_bytes(b.try_into().unwrap());
        assert_eq!(stamp(sound).wrapping_sub(stamp(key)), 9 * 160);
    }

    #[test]
    fn phases_are_spread_and_the_grid_is_kept() {
        let mut phases: Vec<u64> = (0..200).map(|leg| phase(leg, 100_000)).collect();
        phases.sort_unstable();
        assert!(phases.iter().all(|p| *p < TICK_NS && p % 100_000 == 0));
        assert!(phases.windows(2).all(|w| w[1] - w[0] <= 400_000), "{phases:?}");
        assert_eq!(next_on_grid(TICK_NS * 7, 3), TICK_NS * 7 + 3);
        assert_eq!(next_on_grid(TICK_NS * 7 + 4, 3), TICK_NS * 8 + 3);
    }
}
