//! Datagrams: one thread reads every socket, in slots while they come thick, and whoever sends does it himself; what the
//! kernel does not take at once, the thread sends later. Outside of tokio, which is woken by each datagram that comes and
//! by each that has gone.

use super::{Arrival, Limits, Listener};
use core::time::Duration;
use mio::net::UdpSocket;
use mio::{Events, Interest, Poll, Token, Waker};
use senim_sip::{Flow, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

/// Largest datagram there is, in bytes.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// What the kernel may hold for us during a burst, in bytes; it may grant less.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;

/// Rest after an error that is not one datagram's own, so that a broken socket does not eat a core.
const ERROR_REST: Duration = Duration::from_millis(10);

/// Most datagrams read from a socket before they are handed on: one waking of the switch serves a whole burst.
const BURST_MAX: usize = 64;

/// Datagrams in a [`WINDOW`] from which on they are read in slots: a thousand a second.
const THICK: usize = 250;
/// A look that finds so many was worth its waking: the next ones are not waited for.
const WORTH_IT: usize = 32;
const WINDOW: Duration = Duration::from_millis(250);
/// A slot after nothing came; the more came, the sooner the next look.
const SLOT: Duration = Duration::from_millis(4);
/// How often the kernel is offered what it had no room for.
const AGAIN: Duration = Duration::from_millis(1);

const WAKER: Token = Token(usize::MAX);

/// Where datagrams of one socket are sent from.
pub(super) struct Port {
    pub(super) local: SocketAddr,
    /// The thread owns it: when that ends, its address is free.
    socket: Weak<UdpSocket>,
    behind: Arc<Behind>,
    waker: Arc<Waker>,
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
        let Some(socket) = self.socket.upgrade() else { return Sent::Failed };
        let (sent, first) = self.behind.send(remote, bytes, |bytes, to| socket.send_to(bytes, to));
        if first {
            // A waker that fails means a thread that is awake or gone.
            let _ = self.waker.wake();
        }
        sent
    }
}

/// Datagrams of one socket that the kernel had no room for: none is overtaken by a later one.
#[derive(Default)]
struct Behind {
    queue: Mutex<VecDeque<(SocketAddr, Vec<u8>)>>,
    /// As many as are in the queue, or in the thread's hand.
    count: AtomicUsize,
    most: usize,
}

impl Behind {
    fn new(most: usize) -> Behind {
        Behind { most: most.max(1), ..Behind::default() }
    }

    /// Nothing is done under this lock that could leave it half done.
    fn queue(&self) -> MutexGuard<'_, VecDeque<(SocketAddr, Vec<u8>)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    /// Gives a datagram to the kernel, or puts it behind those that wait. Also tells whether it is the first to wait.
    fn send(
        &self,
        remote: SocketAddr,
        bytes: Vec<u8>,
        kernel: impl Fn(&[u8], SocketAddr) -> io::Result<usize>,
    ) -> (Sent, bool) {
        if self.is_empty() {
            match kernel(&bytes, remote) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => {}
                Err(fault) if !is_passing(&fault) => return (Sent::Failed, false),
                _ => return (Sent::Taken, false),
            }
        }
        let mut queue = self.queue();
        if queue.len() >= self.most {
            return (Sent::Dropped, false);
        }
        queue.push_back((remote, bytes));
        (Sent::Taken, self.count.fetch_add(1, Ordering::AcqRel) == 0)
    }

    /// Offers what waits to the kernel again, until it takes no more. Gives those that cannot go at all.
    fn again(&self, kernel: impl Fn(&[u8], SocketAddr) -> io::Result<usize>) -> Vec<SocketAddr> {
        let mut failed = Vec::new();
        let mut queue = self.queue();
        while let Some((remote, bytes)) = queue.front() {
            match kernel(bytes, *remote) {
                Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                Err(fault) if !is_passing(&fault) => failed.push(*remote),
                _ => {}
            }
            queue.pop_front();
            self.count.fetch_sub(1, Ordering::AcqRel);
        }
        failed
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
    let socket = UdpSocket::from_std(socket.into());
    let local = socket.local_addr()?;
    Ok((socket, local))
}

/// The thread. Dropping it ends it and frees the addresses.
pub(super) struct Reader {
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was told by the hook already.
            let _ = thread.join();
        }
    }
}

/// Starts the thread for these sockets.
pub(super) fn run(
    sockets: Vec<(UdpSocket, SocketAddr)>,
    limits: &Limits,
    on: &Listener,
) -> io::Result<(Vec<Port>, Reader)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
    let (mut ports, mut doors) = (Vec::new(), Vec::new());
    for (place, (mut socket, local)) in sockets.into_iter().enumerate() {
        // Not for writing: then each datagram that has gone would wake the thread.
        poll.registry().register(&mut socket, Token(place), Interest::READABLE)?;
        let (socket, behind) = (Arc::new(socket), Arc::new(Behind::new(limits.datagram_queue)));
        let kept = Arc::downgrade(&socket);
        ports.push(Port { local, socket: kept, behind: behind.clone(), waker: waker.clone() });
        doors.push(Door { socket, local, behind });
    }
    let stop = Arc::new(AtomicBool::new(false));
    let (stopped, on) = (stop.clone(), on.clone());
    let thread = std::thread::Builder::new()
        .name("datagrams".into())
        .spawn(move || Reading { doors, on, buffer: vec![0; DATAGRAM_BYTES_MAX] }.run(poll, &stopped))?;
    Ok((ports, Reader { stop, waker, thread: Some(thread) }))
}

/// One socket, as the thread has it.
struct Door {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    behind: Arc<Behind>,
}

struct Reading {
    doors: Vec<Door>,
    on: Listener,
    buffer: Vec<u8>,
}

impl Reading {
    fn run(mut self, mut poll: Poll, stop: &AtomicBool) {
        let mut events = Events::with_capacity(16);
        let mut burst = Vec::with_capacity(BURST_MAX);
        let mut crowd = Crowd::new(Instant::now());
        // While they come thick they are looked for, not waited for.
        let mut look = false;
        while !stop.load(Ordering::Acquire) {
            if !look {
                let waits = self.doors.iter().any(|door| !door.behind.is_empty());
                let polled = poll.poll(&mut events, waits.then_some(AGAIN));
                if polled.is_err_and(|fault| fault.kind() != io::ErrorKind::Interrupted) {
                    std::thread::sleep(ERROR_REST);
                }
            }
            self.write();
            let (most, broken) = self.read(&mut burst);
            let rest = crowd.came(burst.len(), most, Instant::now());
            look = broken || !burst.is_empty() && (most >= WORTH_IT || !rest.is_zero());
            burst.drain(..).for_each(&*self.on);
            if !rest.is_zero() {
                std::thread::sleep(rest);
            }
        }
    }

    fn write(&self) {
        for Door { socket, local, behind } in self.doors.iter().filter(|door| !door.behind.is_empty()) {
            for remote in behind.again(|bytes, to| socket.send_to(bytes, to)) {
                (self.on)(Arrival::Failed(flow(*local, remote)));
            }
        }
    }

    /// Reads every socket empty, or a burst of it; gives the longest of these bursts, and whether one was left with what
    /// it holds: epoll tells of it no more.
    fn read(&mut self, burst: &mut Vec<Arrival>) -> (usize, bool) {
        let (mut most, mut broken) = (0, false);
        for door in &self.doors {
            let before = burst.len();
            while burst.len() - before < BURST_MAX {
                match door.socket.recv_from(&mut self.buffer) {
                    Ok((len, remote)) => {
                        let bytes = self.buffer.get(..len).unwrap_or_default().to_vec();
                        burst.push(Arrival::Datagram { flow: flow(door.local, remote), bytes });
                    }
                    Err(fault) if fault.kind() == io::ErrorKind::WouldBlock => break,
                    // An ICMP error of some earlier datagram: says nothing of this socket.
                    Err(fault) if is_of_one_peer(&fault) => {}
                    Err(_) => {
                        std::thread::sleep(ERROR_REST);
                        broken = true;
                        break;
                    }
                }
            }
            most = most.max(burst.len() - before);
        }
        (most, broken)
    }
}

fn flow(local: SocketAddr, remote: SocketAddr) -> Flow {
    Flow { transport: Transport::Udp, local, remote, connection: 0 }
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

    /// Counts what came, the longest burst of one socket among it, and says how long to rest after it.
    fn came(&mut self, all: usize, burst: usize, now: Instant) -> Duration {
        self.came += all;
        if now.duration_since(self.window) >= WINDOW {
            self.thick = self.came >= if self.thick { THICK / 2 } else { THICK };
            (self.window, self.came) = (now, 0);
        }
        if !self.thick {
            return Duration::ZERO;
        }
        let (room, whole) = (WORTH_IT.saturating_sub(burst) as u32, WORTH_IT as u32);
        SLOT * room / whole
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
    use core::cell::{Cell, RefCell};

    #[test]
    fn datagrams_that_come_thick_are_read_in_slots_until_they_thin_out() {
        let begin = Instant::now();
        let mut crowd = Crowd::new(begin);
        let mut rests = |every: Duration, from: Duration| {
            let mut at = from;
            let mut last = Duration::ZERO;
            while at < from + Duration::from_secs(1) {
                last = crowd.came(1, 1, begin + at);
                at += every;
            }
            last
        };
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        let slot = SLOT * 31 / 32;
        assert_eq!(rests(ms(2), s(0)), Duration::ZERO);
        assert_eq!(rests(Duration::from_micros(500), s(1)), slot);
        assert_eq!(rests(Duration::from_micros(1_500), s(2)), slot, "no flutter");
        assert_eq!(crowd.came(16, 16, begin + s(3)), SLOT / 2, "the more come, the sooner the next look");
        assert_eq!(
            crowd.came(70, WORTH_IT, begin + s(3)),
            Duration::ZERO,
            "the next ones are not waited for"
        );
        let mut rests = |every: Duration, from: Duration| {
            (0..)
                .map(|n| from + every * n)
                .take_while(|at| *at < from + s(1))
                .fold(SLOT, |_, at| crowd.came(1, 1, begin + at))
        };
        assert_eq!(rests(ms(3), s(4)), Duration::ZERO);
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

    #[test]
    fn datagrams_that_cannot_go_at_once_keep_their_order_up_to_the_ceiling() {
        let (room, gone) = (Cell::new(0), RefCell::new(Vec::<u8>::new()));
        let kernel = |bytes: &[u8], _| {
            let left = room.get();
            if left == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            room.set(left - 1);
            gone.borrow_mut().extend(bytes);
            if *bytes == [3] { Err(io::Error::from_raw_os_error(libc::EHOSTUNREACH)) } else { Ok(1) }
        };
        let (behind, peer) = (Behind::new(4), "192.0.2.1:5060".parse().unwrap());
        let sent: Vec<_> = (0..6).map(|n| behind.send(peer, vec![n], kernel)).collect();
        let taken = (Sent::Taken, false);
        assert_eq!(
            sent,
            [(Sent::Taken, true), taken, taken, taken, (Sent::Dropped, false), (Sent::Dropped, false)]
        );
        room.set(2);
        assert_eq!(behind.again(kernel), []);
        room.set(9);
        assert_eq!(behind.send(peer, vec![6], kernel), taken, "none is overtaken");
        assert_eq!(behind.again(kernel), [peer], "one could not go at all");
        assert_eq!(behind.send(peer, vec![7], kernel), taken);
        assert!(behind.is_empty() && behind.queue().is_empty());
        assert_eq!(*gone.borrow(), [0, 1, 2, 3, 6, 7]);
    }
}
