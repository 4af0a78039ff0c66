//! Datagrams: one task a socket reads, one writes.

use super::{Arrival, Limits, Listener};
use core::time::Duration;
use senim_sip::{Flow, Transport};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// Largest datagram there is, in bytes.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// What the kernel may hold for us during a burst, in bytes; it may grant less.
const KERNEL_BUFFER_BYTES: usize = 4 << 20;

/// Rest after an error that is not one datagram's own, so that a broken socket does not eat a core.
const ERROR_REST: Duration = Duration::from_millis(10);

/// Where datagrams of one socket are put for sending.
pub(super) struct Port {
    pub(super) local: SocketAddr,
    pub(super) queue: mpsc::Sender<(SocketAddr, Vec<u8>)>,
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
    tasks.push(tokio::spawn(write(socket, local, waiting, on.clone())).abort_handle());
    Port { local, queue }
}

async fn read(socket: Arc<UdpSocket>, local: SocketAddr, on: Listener) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((len, remote)) => {
                let flow = Flow { transport: Transport::Udp, local, remote, connection: 0 };
                let bytes = buffer.get(..len).unwrap_or_default().to_vec();
                on(Arrival::Datagram { flow, bytes });
            }
            // An ICMP error of some earlier datagram: says nothing of this socket.
            Err(fault) if is_of_one_peer(&fault) => {}
            Err(_) => tokio::time::sleep(ERROR_REST).await,
        }
    }
}

async fn write(
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    mut waiting: mpsc::Receiver<(SocketAddr, Vec<u8>)>,
    on: Listener,
) {
    while let Some((remote, bytes)) = waiting.recv().await {
        if let Err(fault) = socket.send_to(&bytes, remote).await
            && !is_of_one_peer(&fault)
        {
            on(Arrival::Failed(Flow { transport: Transport::Udp, local, remote, connection: 0 }));
        }
    }
}

/// Late news of an earlier datagram, reported on whatever call comes next; it cannot be tied to this one.
fn is_of_one_peer(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
