//! All legs together: sends what is due, hears what came.

use crate::leg::{Leg, LegCounts, Measured, next_on_grid, phase};
use crate::track::TICK_NS;
use crate::wire::{self, DATAGRAM_MAX, Watch};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Numbers of the watched sockets below this are not legs.
pub(crate) const FIRST_LEG: u64 = 2;
/// Packets heard from one leg in a look; the rest wait for the next look.
const HEARD_MAX: usize = 8;

/// The legs, and when each sends next.
pub(crate) struct Media {
    pub(crate) legs: Vec<Leg>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    grain_ns: u64,
    pub(crate) measured: Measured,
    buffer: Vec<u8>,
    room: Vec<u8>,
}

impl Media {
    pub(crate) fn new(grain: Duration) -> Media {
        Media {
            legs: Vec::new(),
            due: BinaryHeap::new(),
            grain_ns: u64::try_from(grain.as_nanos()).unwrap_or(u64::MAX),
            measured: Measured::default(),
            buffer: vec![0; DATAGRAM_MAX],
            room: wire::stamp_room(),
        }
    }

    /// A new leg on any port of this address; its number.
    pub(crate) fn add(&mut self, address: SocketAddr, watch: &Watch) -> io::Result<usize> {
        let number = self.legs.len();
        let leg = Leg::bind(address, 0x5e00_0000 + u32::try_from(number).unwrap_or(u32::MAX))?;
        watch.add(&leg.socket, number as u64 + FIRST_LEG)?;
        self.legs.push(leg);
        Ok(number)
    }

    /// A leg talks to this address; to another one than before, if it talks already.
    pub(crate) fn talk(&mut self, leg: usize, remote: SocketAddr, now: u64) {
        let Some(this) = self.legs.get_mut(leg) else { return };
        let talked = this.talking;
        if this.talk_to(remote).is_ok() && !talked {
            let first = next_on_grid(now, phase(leg, self.grain_ns));
            self.due.push(Reverse((first, leg)));
        }
    }

    /// A leg falls silent.
    pub(crate) fn hush(&mut self, leg: usize) {
        if let Some(leg) = self.legs.get_mut(leg) {
            leg.talking = false;
        }
    }

    /// Sends all that is due. A late packet is sent at once, and its lateness counted.
    pub(crate) fn send_due(&mut self) {
        while let Some(Reverse((due, number))) = self.due.peek().copied() {
            let now = wire::wall_ns();
            if due > now {
                return;
            }
            self.due.pop();
            let Some(leg) = self.legs.get_mut(number).filter(|leg| leg.talking) else { continue };
            leg.send(now);
            self.measured.lateness.record(Duration::from_nanos(now - due));
            self.due.push(Reverse((due + TICK_NS, number)));
        }
    }

    /// When the next packet is due.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.peek().map(|Reverse((due, _))| *due)
    }

    /// Hears what came on the socket watched under this number.
    pub(crate) fn hear(&mut self, number: u64) {
        let index = usize::try_from(number.wrapping_sub(FIRST_LEG)).unwrap_or(usize::MAX);
        let Some(leg) = self.legs.get_mut(index) else { return };
        for _ in 0..HEARD_MAX {
            let Some((length, at)) = wire::receive(&leg.socket, &mut self.buffer, &mut self.room) else {
                break;
            };
            leg.hear(self.buffer.get(..length).unwrap_or_default(), at, &mut self.measured);
            if length == 0 {
                break;
            }
        }
    }

    /// Forgets what was measured: the window opens.
    pub(crate) fn open_window(&mut self) {
        self.measured = Measured::default();
        self.legs.iter_mut().for_each(Leg::open_window);
    }

    /// What each leg counted in the window.
    pub(crate) fn counts(&self, begin: u64, end: u64) -> Vec<LegCounts> {
        self.legs.iter().map(|leg| leg.counts(begin, end)).collect()
    }
}
