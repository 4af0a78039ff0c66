//! Streams: accepting, opening, reading, writing. One task a connection.

use super::{Arrival, Sender};
use core::pin::pin;
use core::time::Duration;
use senim_sip::{Flow, Transport};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// Connections the kernel may hold until we accept them.
const BACKLOG: i32 = 1024;

/// Rest after a failed accept: mostly no file descriptors are left, and some close meanwhile.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// How long what is queued may still be written after the peer has stopped sending.
const LAST_WORDS: Duration = Duration::from_secs(2);

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
pub(super) async fn accept(listener: TcpListener, local: SocketAddr, sender: Sender) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                let flow = Flow { transport: Transport::Tcp, local, remote, connection: 0 };
                if let Some((flow, waiting)) = sender.enter(flow) {
                    tokio::spawn(serve(stream, flow, waiting, sender.clone(), Opened::ByPeer));
                }
            }
            Err(_) => tokio::time::sleep(ACCEPT_REST).await,
        }
    }
}

/// Opens the connection that `flow` numbers, then serves it. `asked` is the flow as the sender knows it.
pub(super) async fn connect(asked: Flow, flow: Flow, waiting: mpsc::Receiver<Vec<u8>>, sender: Sender) {
    match tokio::time::timeout(sender.limits().connect, TcpStream::connect(flow.remote)).await {
        Ok(Ok(stream)) => serve(stream, flow, waiting, sender, Opened::ByUs).await,
        Ok(Err(_)) | Err(_) => {
            sender.forget(flow);
            sender.tell(Arrival::Failed(asked));
        }
    }
}

/// Who began a connection: only a stranger's has to earn its stay.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opened {
    ByPeer,
    ByUs,
}

/// Reads and writes until either side ends, then says so once.
async fn serve(
    stream: TcpStream,
    flow: Flow,
    mut waiting: mpsc::Receiver<Vec<u8>>,
    sender: Sender,
    opened: Opened,
) {
    // Best effort: without them the connection works, only less well.
    let _ = stream.set_nodelay(true);
    let _ = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_AFTER));
    let (reader, mut writer) = stream.into_split();
    let answered = AtomicBool::new(opened == Opened::ByUs);
    {
        let mut writing = pin!(write(&mut writer, &mut waiting, sender.limits().write, &answered));
        let read_ended = tokio::select! {
            () = read(reader, flow, &sender) => true,
            () = &mut writing => false,
            () = unanswered(sender.limits().unanswered, &answered) => false,
        };
        // Forgotten, the connection has no queue any more: writing ends with what is in it.
        sender.forget(flow);
        if read_ended {
            let _ = tokio::time::timeout(LAST_WORDS, writing).await;
        }
    }
    let _ = tokio::time::timeout(LAST_WORDS, writer.shutdown()).await;
    sender.tell(Arrival::Closed(flow));
}

/// Returns at the end of the stream or a fault.
async fn read(mut reader: OwnedReadHalf, flow: Flow, sender: &Sender) {
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(len @ 1..) = reader.read(&mut buffer).await {
        let bytes = buffer.get(..len).unwrap_or_default().to_vec();
        sender.tell(Arrival::Stream { flow, bytes });
    }
}

/// Returns when the queue has ended and is empty, or when the peer does not take what is written.
async fn write(
    writer: &mut OwnedWriteHalf,
    waiting: &mut mpsc::Receiver<Vec<u8>>,
    limit: Duration,
    answered: &AtomicBool,
) {
    while let Some(bytes) = waiting.recv().await {
        match tokio::time::timeout(limit, writer.write_all(&bytes)).await {
            Ok(Ok(())) => answered.store(true, Ordering::Relaxed),
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Returns when the connection has earned no answer in its time: it has sent no whole message.
async fn unanswered(limit: Duration, answered: &AtomicBool) {
    tokio::time::sleep(limit).await;
    if answered.load(Ordering::Relaxed) {
        core::future::pending::<()>().await;
    }
}
