//! SIP's sockets: datagrams and streams in, each with its [`Flow`]; bytes out by flow, never blocking the sender.
//!
//! Nothing is framed, parsed or decided here. Whoever is told of an [`Arrival`] must return at once.

mod der;
mod sender;
mod stream;
mod table;
mod tcp;
mod tls;
mod udp;
mod upgrade;
mod websocket;

pub use sender::{Counters, Sender};
pub use tls::{Identity, OnReload, Tls, TlsFault, TlsFiles, TlsWhy};
pub use upgrade::{HEAD_BYTES_MAX, Refusal, WebSocketRules, answer, head_end};
pub use websocket::{MESSAGE_BYTES_MAX, limits};

use core::fmt;
use core::time::Duration;
use senim_sip::{Flow, Transport};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::task::AbortHandle;

/// Addresses to listen on; port 0 takes a free one.
#[derive(Clone, Debug, Default)]
pub struct Listen {
    /// For datagrams.
    pub udp: Vec<SocketAddr>,
    /// For streams.
    pub tcp: Vec<SocketAddr>,
    /// For streams under TLS.
    pub tls: Vec<SocketAddr>,
    /// For WebSockets.
    pub ws: Vec<SocketAddr>,
    /// For WebSockets under TLS.
    pub wss: Vec<SocketAddr>,
    /// What TLS is made of, either way; without it handshakes fail.
    pub secure: Option<Arc<Tls>>,
    /// Who may open WebSockets.
    pub websocket: WebSocketRules,
}

impl Listen {
    /// The addresses of connections, each with what is spoken there.
    fn streams(&self) -> impl Iterator<Item = (Transport, SocketAddr)> {
        let kinds = [
            (Transport::Tcp, &self.tcp),
            (Transport::Tls, &self.tls),
            (Transport::Ws, &self.ws),
            (Transport::Wss, &self.wss),
        ];
        kinds.into_iter().flat_map(|(transport, all)| all.iter().map(move |address| (transport, *address)))
    }
}

/// Ceilings of the sockets, and what happens there.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Connections from one address; a further one is closed at once and counted.
    pub connections_per_address: usize,
    /// Connections in all; a further one is closed at once and counted.
    pub connections: usize,
    /// A caller's connection that has earned no answer of ours for so long after it opened is closed;
    /// handshakes of TLS and WebSocket are within that time.
    pub unanswered: Duration,
    /// How long opening a connection may take, and its handshake again, before it [failed](Arrival::Failed).
    pub connect: Duration,
    /// How long a peer may leave our bytes unread before its connection is closed.
    pub write: Duration,
    /// Messages waiting for one connection; one more closes it, since a hole in a stream cannot be mended.
    pub stream_queue: usize,
    /// Datagrams waiting for one socket; further ones are dropped and counted, and SIP's own timers repeat them.
    pub datagram_queue: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections_per_address: 64,
            connections: 4096,
            unanswered: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            write: Duration::from_secs(10),
            stream_queue: 256,
            datagram_queue: 4096,
        }
    }
}

/// What came from outside.
#[derive(Clone)]
pub enum Arrival {
    /// One datagram.
    Datagram {
        /// Its way.
        flow: Flow,
        /// The whole of it.
        bytes: Vec<u8>,
    },
    /// A piece of a stream, cut anywhere; of a WebSocket, one whole message.
    Stream {
        /// Its connection.
        flow: Flow,
        /// The next bytes.
        bytes: Vec<u8>,
    },
    /// A connection is gone, whoever closed it. Said once for every connection that was open.
    Closed(Flow),
    /// Nothing can be sent on this flow: no such connection, none could be opened, or the network refused.
    Failed(Flow),
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arrival::Datagram { flow, bytes } => write!(f, "Datagram({flow:?}, {} bytes)", bytes.len()),
            Arrival::Stream { flow, bytes } => write!(f, "Stream({flow:?}, {} bytes)", bytes.len()),
            Arrival::Closed(flow) => write!(f, "Closed({flow:?})"),
            Arrival::Failed(flow) => write!(f, "Failed({flow:?})"),
        }
    }
}

/// Operator: an address that cannot be listened on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BindFault {
    /// What should be spoken there.
    pub transport: Transport,
    /// As configured.
    pub address: SocketAddr,
    /// What the system said.
    pub why: io::ErrorKind,
}

impl fmt::Display for BindFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, port) = (self.transport.word(), self.address.port());
        write!(f, "cannot listen for SIP on {transport}:{}: ", self.address)?;
        match self.why {
            io::ErrorKind::AddrInUse => write!(
                f,
                "port in use; stop the program that has it (see `ss -lnp sport = :{port}`) or write another port"
            ),
            io::ErrorKind::AddrNotAvailable => {
                f.write_str("no such address on this machine; write one that `ip address` shows, or 0.0.0.0")
            }
            io::ErrorKind::PermissionDenied => {
                f.write_str("not permitted; write a port above 1023, or grant CAP_NET_BIND_SERVICE")
            }
            why => write!(f, "{why}"),
        }
    }
}

impl core::error::Error for BindFault {}

/// The open sockets. Dropping them stops listening and closes every connection.
pub struct SipSockets {
    local: Vec<(Transport, SocketAddr)>,
    sender: Sender,
    listeners: Vec<AbortHandle>,
    /// Of datagrams.
    _reader: Option<udp::Reader>,
}

/// Whoever is told of arrivals.
type Listener = Arc<dyn Fn(Arrival) + Send + Sync>;

/// Opens every address or none, with the default [`Limits`]. `on` is told of arrivals, from several tasks at once.
///
/// # Errors
/// [`BindFault`] names the first address that could not be had.
pub async fn bind(
    listen: &Listen,
    on: impl Fn(Arrival) + Send + Sync + Clone + 'static,
) -> Result<SipSockets, BindFault> {
    bind_with(listen, Limits::default(), on).await
}

/// [`bind`] with limits of one's own.
///
/// # Errors
/// [`BindFault`] names the first address that could not be had.
pub async fn bind_with(
    listen: &Listen,
    limits: Limits,
    on: impl Fn(Arrival) + Send + Sync + Clone + 'static,
) -> Result<SipSockets, BindFault> {
    let on: Listener = Arc::new(on);
    let fault = |transport, address, why: io::Error| BindFault { transport, address, why: why.kind() };
    let mut udp = Vec::new();
    for address in &listen.udp {
        udp.push(udp::open(*address).map_err(|why| fault(Transport::Udp, *address, why))?);
    }
    let mut streams = Vec::new();
    for (transport, address) in listen.streams() {
        streams.push((transport, tcp::open(address).map_err(|why| fault(transport, address, why))?));
    }

    let mut listeners = Vec::new();
    let (mut ports, mut reader) = (Vec::new(), None);
    if let Some(address) = listen.udp.first() {
        let run = udp::run(udp, &limits, &on).map_err(|why| fault(Transport::Udp, *address, why))?;
        (ports, reader) = (run.0, Some(run.1));
    }
    let mut local: Vec<_> = ports.iter().map(|port| (Transport::Udp, port.local)).collect();
    let sender = Sender::new(ports, limits, listen.secure.clone(), listen.websocket.clone(), on);
    for (transport, (listener, address)) in streams {
        local.push((transport, address));
        listeners
            .push(tokio::spawn(tcp::accept(listener, transport, address, sender.clone())).abort_handle());
    }
    if let Some(tls) = &listen.secure {
        listeners.push(tokio::spawn(tls.clone().watch()).abort_handle());
    }
    Ok(SipSockets { local, sender, listeners, _reader: reader })
}

impl SipSockets {
    /// What is listened on, with real ports where 0 was asked for; datagrams first, in the order configured.
    pub fn local(&self) -> Vec<(Transport, SocketAddr)> {
        self.local.clone()
    }

    /// A hand to send with, for any thread.
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }
}

impl Drop for SipSockets {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
        self.sender.close_all();
    }
}
