//! Datagrams: one task a socket reads, and whoever sends does it himself; what the kernel does not take at once, a second
//! task writes.

use super::{Arrival, Limits, Listener};
use core::time::Duration;
use senim_sip::{Flow, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::AbortHandle;

/// Largest datagram there is, in bytes.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// What the kernel may hold for us during a burst, in bytes; it may grant less.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;

/// Rest after an error that is not one datagram's own, so that a broken socket does not eat a core.
const ERROR_REST: Duration = Duration::from_millis(10);

/// Most datagrams read before they are handed on: one waking of the switch serves a whole burst.
const BURST_MAX: usize = 64;

/// Datagrams in a [`WINDOW`] from which on they are read in slots: a thousand a second.
const THICK: usize = 250;
/// A waking that brings so many was worth it: the next ones are not waited for.
const WORTH_IT: usize = 8;
const WINDOW: Duration = Duration::from_millis(250);
const SLOT: Duration = Duration::from_millis(1);

/// Where datagrams of one socket are sent from.
pub(super) struct Port {
    pub(super) local: SocketAddr,
    /// Its tasks own it: when they end, its address is free.
    socket: Weak<UdpSocket>,
    queue: mpsc::Sender<(SocketAddr, Vec<u8>)>,
    /// Datagrams in the queue or in the writer's hand: none is overtaken by a later one.
    behind: Arc<AtomicUsize>,
}

/// What became of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sent {
    /// It is gone, or waits for its turn.
    Taken,
    /// The queue was full.
    Dropped,
    /// The network refused it, or the socket is closed.
    Failed,
}

impl Port {
    /// Sends from the caller's own thread, and never blocks it: what the kernel has no room for waits in the queue.
    pub(super) fn send(&self, remote: SocketAddr, bytes: Vec<u8>) -> Sent {
        if self.behind.load(Ordering::Acquire) == 0
            && let Some(socket) = self.socket.upgrade()
        {
            match socket.try_send_to(&bytes, remote) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) if !is_passing(&fault) => return Sent::Failed,
                _ => return Sent::Taken,
            }
        }
        self.behind.fetch_add(1, Ordering::AcqRel);
        let refused = match self.queue.try_send((remote, bytes)) {
            Ok(()) => return Sent::Taken,
            Err(TrySendError::Full(_)) => Sent::Dropped,
            Err(TrySendError::Closed(_)) => Sent::Failed,
        };
        self.behind.fetch_sub(1, Ordering::AcqRel);
        refused
    }
}

/// A bound socket and its real address.
pub(super) fn open(address: SocketAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // So that [::]:5060 and 0.0.0.0:5060 can both be listened on, and IPv4 never comes mapped.
        socket.set_only_v6(true)?;
    }
    // Best effort: the kernel's limit may be lower, and a smaller buffer still works.
    let _ = socket.set_recv_buffer_size(KERNEL_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(KERNEL_BUFFER_BYTES);
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    let local = socket.local_addr()?;
    Ok((socket, local))
}

/// Starts both tasks of a socket.
pub(super) fn run(
    (socket, local): (UdpSocket, SocketAddr),
    limits: &Limits,
    on: &Listener,
    tasks: &mut Vec<AbortHandle>,
) -> Port {
    let socket = Arc::new(socket);
    let (queue, waiting) = mpsc::channel(limits.datagram_queue.max(1));
    tasks.push(tokio::spawn(read(socket.clone(), local, on.clone())).abort_handle());
    let (kept, behind) = (Arc::downgrade(&socket), Arc::new(AtomicUsize::new(0)));
    let writer = write(socket, local, waiting, behind.clone(), on.clone());
    tasks.push(tokio::spawn(writer).abort_handle());
    Port { local, socket: kept, queue, behind }
}

async fn read(socket: Arc<UdpSocket>, local: SocketAddr, on: Listener) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut burst = Vec::with_capacity(BURST_MAX);
    let mut crowd = Crowd::new(Instant::now());
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((len, remote)) => {
                burst.push(datagram(local, remote, &buffer, len));
                while burst.len() < BURST_MAX
                    && let Ok((len, remote)) = socket.try_recv_from(&mut buffer)
                {
                    burst.push(datagram(local, remote, &buffer, len));
                }
                let rest = crowd.came(burst.len(), Instant::now());
                burst.drain(..).for_each(&*on);
                if !rest.is_zero() {
                    tokio::time::sleep(rest).await;
                }
            }
            // An ICMP error of some earlier datagram: says nothing of this socket.
            Err(fault) if is_of_one_peer(&fault) => {}
            Err(_) => tokio::time::sleep(ERROR_REST).await,
        }
    }
}

/// Whether datagrams come so thick that waking for each costs more than waiting for some.
struct Crowd {
    window: Instant,
    came: usize,
    thick: bool,
}

impl Crowd {
    fn new(now: Instant) -> Crowd {
        Crowd { window: now, came: 0, thick: false }
    }

    /// Counts a burst and says how long to rest after it.
    fn came(&mut self, burst: usize, now: Instant) -> Duration {
        self.came += burst;
        if now.duration_since(self.window) >= WINDOW {
            self.thick = self.came >= if self.thick { THICK / 2 } else { THICK };
            (self.window, self.came) = (now, 0);
        }
        if self.thick && burst < WORTH_IT { SLOT } else { Duration::ZERO }
    }
}

fn datagram(local: SocketAddr, remote: SocketAddr, buffer: &[u8], len: usize) -> Arrival {
    let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
    Arrival::Datagram { flow, bytes: buffer.get(..len).unwrap_or_default().to_vec() }
}

async fn write(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    mut waiting: mpsc::Receiver<(SocketAddr, Vec<u8>)>,
    behind: Arc<AtomicUsize>,
    on: Listener,
) {
    while let Some((remote, bytes)) = waiting.recv().await {
        if let Err(fault) = socket.send_to(&bytes, remote).await
            && !is_passing(&fault)
        {
            on(Arrival::Failed(Flow { transport: Transport::Udp, local, remote, connection: 0 }));
        }
        behind.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Says nothing of the way that a datagram was to go: news of an earlier one, or that the kernel had no memory for this
/// one at the moment. SIP's own timers repeat what was lost; a phone is not lost with it.
fn is_passing(fault: &io::Error) -> bool {
    let no_room = fault.kind() == io::ErrorKind::OutOfMemory || fault.raw_os_error() == Some(libc::ENOBUFS);
    no_room || is_of_one_peer(fault)
}

/// Late news of an earlier datagram, reported on whatever call comes next; it cannot be tied to this one.
fn is_of_one_peer(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_that_come_thick_are_read_in_slots_until_they_thin_out() {
        let begin = Instant::now();
        let mut crowd = Crowd::new(begin);
        let mut rests = |every: Duration, from: Duration| {
            let mut at = from;
            let mut last = Duration::ZERO;
            while at < from + Duration::from_secs(1) {
                last = crowd.came(1, begin + at);
                at += every;
            }
            last
        };
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        assert_eq!(rests(ms(2), s(0)), Duration::ZERO);
        assert_eq!(rests(Duration::from_micros(500), s(1)), SLOT);
        assert_eq!(rests(Duration::from_micros(1_500), s(2)), SLOT, "no flutter");
        assert_eq!(rests(ms(3), s(3)), Duration::ZERO);
        crowd.thick = true;
        assert_eq!(crowd.came(WORTH_IT - 1, begin + s(4)), SLOT);
        assert_eq!(crowd.came(WORTH_IT, begin + s(4)), Duration::ZERO);
    }

    #[test]
    fn a_full_kernel_loses_a_datagram_and_no_phone() {
        for passing in [libc::ENOBUFS, libc::ENOMEM, libc::ECONNREFUSED, libc::EINTR] {
            assert!(is_passing(&io::Error::from_raw_os_error(passing)), "{passing}");
        }
        for lasting in [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES, libc::EMSGSIZE] {
            assert!(!is_passing(&io::Error::from_raw_os_error(lasting)), "{lasting}");
        }
    }
}
