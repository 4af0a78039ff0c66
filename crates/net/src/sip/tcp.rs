//! Connections: accepting and opening them, for TCP, TLS and WebSockets alike. One task a connection.

use super::stream::{self, Link};
use super::{Arrival, Sender, websocket};
use core::time::Duration;
use rustls::ServerConfig;
use senim_sip::{Flow, Transport};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::split;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Connections the kernel may hold until we accept them.
const BACKLOG: i32 = 1024;

/// Rest after a failed accept: mostly no file descriptors are left, and some close meanwhile.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// After so long a silence the kernel asks whether the peer is still there; phones may be silent for an hour.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// A listening socket and its real address.
pub(super) fn open(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of a run just ended linger; they must not keep the next run from starting.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let local = listener.local_addr()?;
    Ok((listener, local))
}

/// Accepts for ever.
pub(super) async fn accept(listener: TcpListener, transport: Transport, local: SocketAddr, sender: Sender) {
    loop {
        match listener.accept().await {
            Ok((socket, remote)) => {
                let flow = Flow { transport, local, remote, connection: 0 };
                if let Some((flow, waiting)) = sender.enter(flow) {
                    let link = Link::accepted(flow, waiting, sender.limits().unanswered);
                    tokio::spawn(welcome(socket, link, sender.clone()));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
}

/// Best effort: without them the connection works, only less well.
fn tune(socket: &TcpStream) {
    let _ = socket.set_nodelay(true);
    let _ = SockRef::from(socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER));
}

/// Serves a connection that was accepted, after whatever handshake it needs.
async fn welcome(socket: TcpStream, link: Link, sender: Sender) {
    tune(&socket);
    if !link.flow.transport.is_secure() {
        return match link.flow.transport {
            Transport::Ws => websocket::serve(socket, link, sender).await,
            _ => {
                let (reader, writer) = socket.into_split();
                stream::serve(reader, writer, link, sender).await;
            }
        };
    }
    let Some(config) = sender.tls().and_then(|tls| tls.server()) else { return sender.forget(link.flow) };
    let Some(secured) = secure(socket, config, &link, &sender).await else {
        return sender.forget(link.flow);
    };
    match link.flow.transport {
        Transport::Wss => websocket::serve(secured, link, sender).await,
        _ => {
            let (reader, writer) = split(secured);
            stream::serve(reader, writer, link, sender).await;
        }
    }
}

/// The handshake of TLS, in the time that a connection has to be of use. `None`: it failed, or the client did not
/// show the certificate that is asked of its address.
async fn secure(
    socket: TcpStream,
    config: Arc<ServerConfig>,
    link: &Link,
    sender: &Sender,
) -> Option<TlsStream<TcpStream>> {
    let handshake = TlsAcceptor::from(config).accept(socket);
    let secured = timeout(stream::left(link.due), handshake).await.ok()?.ok()?;
    let shown = secured.get_ref().1.peer_certificates();
    sender.tls()?.admits(link.flow.remote.ip(), shown).then_some(secured)
}

/// Opens the connection that `flow` numbers, then serves it. `asked` is the flow as the sender knows it.
pub(super) async fn connect(asked: Flow, flow: Flow, waiting: mpsc::Receiver<Vec<u8>>, sender: Sender) {
    let limit = sender.limits().connect;
    let failed = || {
        sender.forget(flow);
        sender.tell(Arrival::Failed(asked));
    };
    let Ok(Ok(socket)) = timeout(limit, TcpStream::connect(flow.remote)).await else { return failed() };
    tune(&socket);
    let link = Link::opened(flow, waiting, limit);
    if flow.transport == Transport::Tcp {
        let (reader, writer) = socket.into_split();
        return stream::serve(reader, writer, link, sender.clone()).await;
    }
    let opening = sender.tls().and_then(|tls| Some((tls.client()?, tls.name_of(flow.remote)?)));
    let Some((config, name)) = opening else { return failed() };
    let handshake = TlsConnector::from(config).connect(name, socket);
    let Ok(Ok(secured)) = timeout(limit, handshake).await else { return failed() };
    let (reader, writer) = split(secured);
    stream::serve(reader, writer, link, sender.clone()).await;
}
