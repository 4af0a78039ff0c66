//! A phone's place on the network, bound before the phone is there, so that others can be told its address first.

use mio::net::UdpSocket;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A SIP and an RTP socket on free ports.
#[derive(Debug)]
pub struct Seat {
    pub(super) sip: UdpSocket,
    pub(super) rtp: UdpSocket,
    addresses: [SocketAddr; 2],
}

impl Seat {
    /// Binds both sockets on this address, on ports that the system gives.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bind(ip: IpAddr) -> io::Result<Seat> {
        let sip = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        let rtp = UdpSocket::bind(SocketAddr::new(ip, 0))?;
        let addresses = [sip.local_addr()?, rtp.local_addr()?];
        Ok(Seat { sip, rtp, addresses })
    }

    /// Where it takes SIP.
    pub fn sip_address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Where it takes RTP.
    pub fn rtp_address(&self) -> SocketAddr {
        self.addresses[1]
    }
}
