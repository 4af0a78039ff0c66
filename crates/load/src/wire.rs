//! Sockets: datagrams with the kernel's arrival stamps, many of them watched by one thread.

use nix::cmsg_space;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes asked of the kernel for a signalling socket; it gives what `net.core.rmem_max` allows.
const BUFFER: usize = 4 << 20;
/// Sockets told of in one look; the rest come with the next.
const EVENTS_MAX: usize = 1_024;
/// Longest datagram read.
pub(crate) const DATAGRAM_MAX: usize = 8_192;

/// Nanoseconds since 1970, the clock of the kernel's arrival stamps.
pub(crate) fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A non-blocking socket on any free port of the address (or the given one).
pub(crate) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// The same for signalling: bursts of a thousand messages must fit in.
pub(crate) fn bind_roomy(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = bind(address)?;
    setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
    setsockopt(&socket, sockopt::SndBuf, &BUFFER)?;
    Ok(socket)
}

/// The same for sound, with arrival stamps.
pub(crate) fn bind_stamped(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = bind(address)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// Room for one arrival stamp.
pub(crate) fn stamp_room() -> Vec<u8> {
    cmsg_space!(TimeSpec)
}

/// One datagram into `buffer`, with the moment the kernel took it (ours where it has none). `None`: nothing there.
pub(crate) fn receive(socket: &UdpSocket, buffer: &mut [u8], room: &mut Vec<u8>) -> Option<(usize, u64)> {
    room.resize(room.capacity(), 0);
    let mut slices = [IoSliceMut::new(buffer)];
    let got = recvmsg::<()>(socket.as_raw_fd(), &mut slices, Some(room), MsgFlags::empty()).ok()?;
    let stamp = got.cmsgs().ok().and_then(|mut all| {
        all.find_map(|one| match one {
            ControlMessageOwned::ScmTimestampns(at) => Some(Duration::from(at)),
            _ => None,
        })
    });
    let at = stamp.map_or_else(wall_ns, |at| u64::try_from(at.as_nanos()).unwrap_or(u64::MAX));
    Some((got.bytes, at))
}

/// One datagram and who sent it. `None`: nothing there, or an ICMP error of an earlier one.
pub(crate) fn receive_from(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    loop {
        match socket.recv_from(buffer) {
            Ok(got) => return Some(got),
            Err(why) if why.kind() == ErrorKind::ConnectionRefused => {}
            Err(_) => return None,
        }
    }
}

/// Watches sockets by number.
pub(crate) struct Watch {
    epoll: Epoll,
    events: Vec<EpollEvent>,
}

impl Watch {
    pub(crate) fn new() -> io::Result<Watch> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Watch { epoll, events: vec![EpollEvent::empty(); EVENTS_MAX] })
    }

    /// Tells of this socket under this number while it holds something to read.
    pub(crate) fn add(&self, socket: &UdpSocket, number: u64) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, number))?)
    }

    /// Numbers of sockets with something to read. Waits at most so many whole milliseconds; 0: only looks.
    pub(crate) fn ready(&mut self, wait_ms: u16, out: &mut Vec<u64>) {
        out.clear();
        // An interrupted wait found nothing.
        let found = self.epoll.wait(&mut self.events, EpollTimeout::from(wait_ms)).unwrap_or(0);
        out.extend(self.events.iter().take(found).map(EpollEvent::data));
    }
}
