//! The sockets of a worker: a pair a leg, RTP and RTCP, watched under their place in a table.

use super::watch::Watch;
use core::net::{IpAddr, SocketAddr};
use senim_base::LegId;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::UdpSocket;

/// Expedited Forwarding (RFC 3246), shifted past the ECN bits.
const TOS_EF: u32 = 46 << 2;

/// One socket and whose it is.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) socket: UdpSocket,
    pub(crate) seat: usize,
    pub(crate) leg: LegId,
    pub(crate) rtcp: bool,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    table: Vec<Option<Port>>,
    free: Vec<usize>,
}

impl Ports {
    /// Binds RTP to `port` and RTCP to the next, both or none. Gives their places.
    pub(crate) fn open(
        &mut self,
        watch: &Watch,
        bind: IpAddr,
        port: u16,
        (seat, leg): (usize, LegId),
    ) -> io::Result<[usize; 2]> {
        let next = port.checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
        let rtp = bound(SocketAddr::new(bind, port))?;
        let rtcp = bound(SocketAddr::new(bind, next))?;
        let first = self.put(watch, Port { socket: rtp, seat, leg, rtcp: false })?;
        match self.put(watch, Port { socket: rtcp, seat, leg, rtcp: true }) {
            Ok(second) => Ok([first, second]),
            Err(fault) => {
                self.close(first);
                Err(fault)
            }
        }
    }

    pub(crate) fn get(&self, place: usize) -> Option<&Port> {
        self.table.get(place)?.as_ref()
    }

    /// Closes the socket, which ends its watching, too.
    pub(crate) fn close(&mut self, place: usize) {
        if self.table.get_mut(place).is_some_and(|slot| slot.take().is_some()) {
            self.free.push(place);
        }
    }

    fn put(&mut self, watch: &Watch, port: Port) -> io::Result<usize> {
        let place = self.free.pop().unwrap_or_else(|| {
            self.table.push(None);
            self.table.len() - 1
        });
        if let Err(fault) = watch.add(&port.socket, place) {
            self.free.push(place);
            return Err(fault);
        }
        if let Some(slot) = self.table.get_mut(place) {
            *slot = Some(port);
        }
        Ok(place)
    }
}

fn bound(address: SocketAddr) -> io::Result<UdpSocket> {
    let kind = Type::DGRAM.nonblocking();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A network that forbids marking must not forbid calling.
    let _ = if address.is_ipv4() { socket.set_tos_v4(TOS_EF) } else { socket.set_tclass_v6(TOS_EF) };
    socket.bind(&address.into())?;
    Ok(socket.into())
}
