//! The bare machine: the least work that a media worker could do, as a process of its own. What a line costs beyond
//! it is the line's doing.

use crate::args::{Args, Bare, Technique};
use crate::track::TICK_NS;
use crate::wire::{self, DATAGRAM_MAX, Watch};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

/// A slotted process wakes once in this.
const SLOT_NS: u64 = 1_000_000;
/// A process that has nothing to do looks up so often, milliseconds.
const IDLE_MS: u16 = 100;
/// Packets taken from one socket in a look.
const TAKEN_MAX: usize = 8;

/// A socket that talks to whoever talked to it first.
struct Port {
    socket: UdpSocket,
    latched: bool,
}

impl Port {
    fn take(&mut self, buffer: &mut [u8]) -> Option<usize> {
        if self.latched {
            return self.socket.recv(buffer).ok();
        }
        let (length, from) = wire::receive_from(&self.socket, buffer)?;
        self.latched = self.socket.connect(from).is_ok();
        Some(length)
    }
}

/// A bare process with its ports open.
pub struct BareProcess {
    kind: Bare,
    technique: Technique,
    ports: Vec<Port>,
    watch: Watch,
    ready: Vec<u64>,
    buffer: Vec<u8>,
    packet: [u8; 172],
    /// Ticks since the start that were played, of each port.
    played: Vec<u64>,
    slots: u64,
}

impl BareProcess {
    /// Opens the ports: consecutive from that of the target, two a call; with port 0, any.
    ///
    /// # Errors
    /// The operator's: a port is taken, or too few files may be open.
    pub fn open(kind: Bare, args: &Args) -> io::Result<BareProcess> {
        let watch = Watch::new()?;
        let mut ports = Vec::new();
        for call in 0..args.calls {
            for side in 0..if kind == Bare::Relay { 2 } else { 1 } {
                let mut address = args.target;
                if address.port() != 0 {
                    address.set_port(port_of(address.port(), call, side)?);
                }
                let socket = wire::bind(address)?;
                watch.add(&socket, ports.len() as u64)?;
                ports.push(Port { socket, latched: false });
            }
        }
        let mut packet = [0xd5; 172];
        packet[..2].copy_from_slice(&[0x80, 8]);
        Ok(BareProcess {
            kind,
            technique: args.technique,
            played: vec![0; ports.len()],
            ports,
            watch,
            ready: Vec::new(),
            buffer: vec![0; DATAGRAM_MAX],
            packet,
            slots: wire::wall_ns() / SLOT_NS,
        })
    }

    /// The addresses that were opened, in order.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.ports.iter().filter_map(|port| port.socket.local_addr().ok()).collect()
    }

    /// Works for ever.
    pub fn run(&mut self) {
        loop {
            self.turn();
        }
    }

    /// Waits for its moment, then does all that is to be done.
    pub fn turn(&mut self) {
        let wait_ms = match (self.technique, self.kind) {
            (Technique::Slot, _) => {
                self.sleep_to_slot();
                0
            }
            (Technique::Wake, Bare::Relay) => IDLE_MS,
            (Technique::Wake, Bare::Play) => 1,
        };
        self.watch.ready(wait_ms, &mut self.ready);
        for at in 0..self.ready.len() {
            let number = self.ready.get(at).and_then(|n| usize::try_from(*n).ok()).unwrap_or(usize::MAX);
            self.take(number);
        }
        if self.kind == Bare::Play {
            self.play();
        }
    }

    fn sleep_to_slot(&mut self) {
        let now = wire::wall_ns();
        self.slots = (self.slots + 1).max(now / SLOT_NS);
        std::thread::sleep(Duration::from_nanos((self.slots * SLOT_NS).saturating_sub(now)));
    }

    fn take(&mut self, number: usize) {
        for _ in 0..TAKEN_MAX {
            let Some(port) = self.ports.get_mut(number) else { return };
            let Some(length) = port.take(&mut self.buffer) else { return };
            if self.kind == Bare::Play {
                continue;
            }
            if let Some(peer) = self.ports.get(number ^ 1).filter(|peer| peer.latched) {
                // A full or refused socket drops the packet, as a line would.
                let _dropped = peer.socket.send(self.buffer.get(..length).unwrap_or_default());
            }
        }
    }

    /// Sends what is due on every latched port, each at its own slot of the tick.
    fn play(&mut self) {
        let now = wire::wall_ns();
        for (number, (port, played)) in self.ports.iter().zip(&mut self.played).enumerate() {
            if !port.latched {
                continue;
            }
            let tick = (now - number as u64 * 7 % 20 * SLOT_NS) / TICK_NS;
            if tick == *played {
                continue;
            }
            *played = tick;
            let [s0, s1] = (tick as u16).to_be_bytes();
            let [t0, t1, t2, t3] = (tick as u32).wrapping_mul(160).to_be_bytes();
            self.packet[2..8].copy_from_slice(&[s0, s1, t0, t1, t2, t3]);
            let _dropped = port.socket.send(&self.packet);
        }
    }
}

/// The port of a side (0, 1) of a call.
pub(crate) fn port_of(first: u16, call: u32, side: u32) -> io::Result<u16> {
    u16::try_from(u32::from(first) + 2 * call + side)
        .map_err(|_| io::Error::other("operator: ports run past 65535; begin lower or ask for fewer calls"))
}
