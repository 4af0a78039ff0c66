//! What a worker waits for: its sockets, by number, and a bell that others ring.
//!
//! A socket is told of as long as it holds something, so one read a telling is enough: asking each socket whether there
//! is more would be dearer than all of our own work on a packet.

use core::time::Duration;
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fd::{AsFd, OwnedFd};
use std::io;
use std::sync::Arc;

/// Sockets told of in one look; the others come with the next one.
const READY_MAX: usize = 1_024;
/// The number of the bell; sockets count from 0.
const BELL: u64 = u64::MAX;

/// Sockets under watch.
#[derive(Debug)]
pub(crate) struct Watch {
    epoll: OwnedFd,
    bell: Bell,
}

/// What a look found.
#[derive(Default)]
pub(crate) struct Ready(Vec<epoll::Event>);

impl Ready {
    /// The sockets that hold something.
    pub(crate) fn sockets(&self) -> impl Iterator<Item = usize> {
        self.0.iter().map(|event| event.data.u64()).filter(|number| *number != BELL).map(|n| n as usize)
    }
}

/// Wakes whoever waits on its [`Watch`].
#[derive(Clone, Debug)]
pub(crate) struct Bell(Arc<OwnedFd>);

impl Bell {
    pub(crate) fn ring(&self) {
        // Full of rings is rung.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

impl Watch {
    pub(crate) fn new() -> io::Result<Watch> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &bell, EventData::new_u64(BELL), EventFlags::IN)?;
        Ok(Watch { epoll, bell: Bell(Arc::new(bell)) })
    }

    pub(crate) fn bell(&self) -> Bell {
        self.bell.clone()
    }

    /// Watches a socket under this number until it is closed.
    pub(crate) fn add(&self, socket: impl AsFd, number: usize) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, socket, EventData::new_u64(number as u64), EventFlags::IN)?)
    }

    /// Waits until something is there, at most so long.
    ///
    /// # Errors
    /// The operating system's; not that a signal came between.
    pub(crate) fn wait(&self, at_most: Duration) -> io::Result<()> {
        // Not `epoll_wait` itself: it counts in milliseconds, and what is due would be late.
        let time = Timespec::try_from(at_most).ok();
        match poll(&mut [PollFd::new(&self.epoll, PollFlags::IN)], time.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Notes which sockets hold something now, at most [`READY_MAX`] of them, and hears the bell.
    pub(crate) fn look(&self, ready: &mut Ready) {
        ready.0.clear();
        ready.0.reserve(READY_MAX);
        // Interrupted is nothing found.
        let _ = epoll::wait(&self.epoll, spare_capacity(&mut ready.0), Some(&Timespec::default()));
        if ready.0.iter().any(|event| event.data.u64() == BELL) {
            let _ = rustix::io::read(&*self.bell.0, &mut [0u8; 8]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    #[test]
    fn a_socket_is_told_of_until_it_is_read_and_a_bell_once() {
        let (watch, mut ready) = (Watch::new().unwrap(), Ready::default());
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        watch.add(&socket, 7).unwrap();
        for _ in 0..2 {
            socket.send_to(&[1], socket.local_addr().unwrap()).unwrap();
        }
        watch.wait(Duration::from_secs(20)).unwrap();
        for found in [&[7][..], &[7], &[]] {
            watch.look(&mut ready);
            assert_eq!(ready.sockets().collect::<Vec<_>>(), found);
            found.iter().for_each(|_| assert_eq!(socket.recv(&mut [0]).unwrap(), 1));
        }
        watch.bell().ring();
        watch.bell().ring();
        watch.wait(Duration::from_secs(20)).unwrap();
        watch.look(&mut ready);
        assert_eq!(ready.sockets().count(), 0);
        let began = std::time::Instant::now();
        watch.wait(Duration::from_millis(1)).unwrap();
        assert!(began.elapsed() >= Duration::from_millis(1), "the bell has ended");
    }
}
