//! SIP's sockets on loopback, with real peers.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use senim_net::sip::{Arrival, Limits, Listen, SipSockets, bind, bind_with};
use senim_sip::{Flow, Transport};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;

const LONG: Duration = Duration::from_secs(10);

fn free() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

struct House {
    sockets: SipSockets,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl House {
    async fn open(limits: Limits) -> House {
        let (on, arrivals) = mpsc::unbounded_channel();
        let listen = Listen { udp: vec![free()], tcp: vec![free()], ..Listen::default() };
        let sockets =
            bind_with(&listen, limits, move |arrival| on.send(arrival).unwrap_or(())).await.unwrap();
        House { sockets, arrivals }
    }

    fn address(&self, transport: Transport) -> SocketAddr {
        self.sockets.local().into_iter().find(|(t, _)| *t == transport).unwrap().1
    }

    async fn next(&mut self) -> Arrival {
        tokio::time::timeout(LONG, self.arrivals.recv()).await.expect("in time").expect("open")
    }

    /// Stream bytes until there are `len` of them.
    async fn stream(&mut self, len: usize) -> (Flow, Vec<u8>) {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Arrival::Stream { flow, bytes } => {
                    all.extend(bytes);
                    if all.len() >= len {
                        return (flow, all);
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn to(&self, remote: SocketAddr) -> Flow {
        Flow { transport: Transport::Tcp, local: self.address(Transport::Tcp), remote, connection: 0 }
    }
}

async fn read_exactly(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    tokio::time::timeout(LONG, stream.read_exact(&mut bytes)).await.expect("in time").expect("read");
    bytes
}

async fn reads_end(stream: &mut TcpStream) -> bool {
    let mut rest = Vec::new();
    // A reset is an end, too.
    tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.is_ok()
}

#[tokio::test]
async fn a_datagram_is_answered_on_its_flow() {
    let mut house = House::open(Limits::default()).await;
    let peer = UdpSocket::bind(free()).await.unwrap();
    let large = vec![7; 60_000];
    for bytes in [b"OPTIONS".to_vec(), large, Vec::new()] {
        peer.send_to(&bytes, house.address(Transport::Udp)).await.unwrap();
        let Arrival::Datagram { flow, bytes: came } = house.next().await else { panic!("a datagram") };
        assert_eq!(came, bytes);
        assert_eq!((flow.local, flow.remote), (house.address(Transport::Udp), peer.local_addr().unwrap()));
        // From a thread that knows no runtime, as the switch is.
        let sender = house.sockets.sender();
        std::thread::spawn(move || sender.send(flow, b"200".to_vec())).join().unwrap();
        let mut answer = [0; 10];
        let (len, from) = tokio::time::timeout(LONG, peer.recv_from(&mut answer)).await.unwrap().unwrap();
        assert_eq!((&answer[..len], from), (&b"200"[..], house.address(Transport::Udp)));
    }
}

#[tokio::test]
async fn a_peer_whose_port_is_closed_does_not_stop_the_others() {
    let mut house = House::open(Limits::default()).await;
    let gone = UdpSocket::bind(free()).await.unwrap().local_addr().unwrap();
    let local = house.address(Transport::Udp);
    let flow = Flow { transport: Transport::Udp, local, remote: gone, connection: 0 };
    let peer = UdpSocket::bind(free()).await.unwrap();
    for _ in 0..20 {
        house.sockets.sender().send(flow, b"lost".to_vec());
        peer.send_to(b"here", local).await.unwrap();
        assert!(matches!(house.next().await, Arrival::Datagram { .. }));
    }
}

#[tokio::test]
async fn a_datagram_that_cannot_go_comes_back_as_failed() {
    let mut house = House::open(Limits::default()).await;
    let local = house.address(Transport::Udp);
    let flow =
        Flow { transport: Transport::Udp, local, remote: "127.0.0.1:9".parse().unwrap(), connection: 0 };
    house.sockets.sender().send(flow, vec![0; 70_000]);
    assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
    let flow = Flow { remote: "[2001:db8::1]:5060".parse().unwrap(), ..flow };
    house.sockets.sender().send(flow, b"no IPv6 socket".to_vec());
    assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
}

#[tokio::test]
async fn a_burst_comes_whole_and_in_order() {
    let mut house = House::open(Limits::default()).await;
    let peer = UdpSocket::bind(free()).await.unwrap();
    for n in 0..100 {
        peer.send_to(&[n], house.address(Transport::Udp)).await.unwrap();
    }
    for n in 0..100 {
        assert!(matches!(house.next().await, Arrival::Datagram { bytes, .. } if bytes == [n]));
    }
}

#[tokio::test]
async fn an_address_in_use_is_named_and_nothing_else_stays_open() {
    let house = House::open(Limits::default()).await;
    let (udp, tcp) = (house.address(Transport::Udp), house.address(Transport::Tcp));
    for (transport, address, listen) in [
        (Transport::Udp, udp, Listen { udp: vec![free(), udp], ..Listen::default() }),
        (Transport::Tcp, tcp, Listen { tcp: vec![tcp], ..Listen::default() }),
    ] {
        let fault = bind(&listen, |_| ()).await.err().expect("in use");
        assert_eq!((fault.transport, fault.address, fault.why), (transport, address, ErrorKind::AddrInUse));
        let text = fault.to_string();
        assert!(text.contains(&address.to_string()) && text.contains("port in use"), "{text}");
    }
    let elsewhere = Listen { udp: vec!["192.0.2.1:5060".parse().unwrap()], ..Listen::default() };
    let fault = bind(&elsewhere, |_| ()).await.err().expect("not ours");
    assert!(fault.to_string().contains("no such address on this machine"), "{fault}");
}

#[tokio::test]
async fn a_stream_comes_in_pieces_and_is_answered_on_its_connection() {
    let mut house = House::open(Limits::default()).await;
    let mut peer = TcpStream::connect(house.address(Transport::Tcp)).await.unwrap();
    for piece in [&b"INV"[..], b"ITE", b" sip:111"] {
        peer.write_all(piece).await.unwrap();
        peer.flush().await.unwrap();
    }
    let (flow, bytes) = house.stream(14).await;
    assert_eq!(bytes, b"INVITE sip:111");
    assert_ne!(flow.connection, 0);
    assert_eq!((flow.local, flow.remote), (house.address(Transport::Tcp), peer.local_addr().unwrap()));
    house.sockets.sender().send(flow, b"100 ".to_vec());
    // Connection 0 finds the one that is open on that way.
    house.sockets.sender().send(Flow { connection: 0, ..flow }, b"200".to_vec());
    assert_eq!(read_exactly(&mut peer, 7).await, b"100 200");

    drop(peer);
    assert!(matches!(house.next().await, Arrival::Closed(closed) if closed == flow));
    house.sockets.sender().send(flow, b"late".to_vec());
    assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
}

#[tokio::test]
async fn a_connection_is_opened_on_demand_and_used_again() {
    let mut house = House::open(Limits::default()).await;
    let phone = TcpListener::bind(free()).await.unwrap();
    let flow = house.to(phone.local_addr().unwrap());
    let sender = house.sockets.sender();
    sender.send(flow, b"INVITE ".to_vec());
    sender.send(flow, b"CANCEL ".to_vec());
    let (mut line, _) = tokio::time::timeout(LONG, phone.accept()).await.unwrap().unwrap();
    assert_eq!(read_exactly(&mut line, 14).await, b"INVITE CANCEL ");
    sender.send(flow, b"BYE".to_vec());
    assert_eq!(read_exactly(&mut line, 3).await, b"BYE");
    assert_eq!(sender.counters().connections, 1);

    line.write_all(b"200").await.unwrap();
    let (came, _) = house.stream(3).await;
    assert_eq!((came.local, came.remote), (flow.local, flow.remote));
    sender.send(came, b"last".to_vec());
    sender.disconnect(came);
    assert_eq!(read_exactly(&mut line, 4).await, b"last", "what was queued is written before the end");
    assert!(reads_end(&mut line).await);
    assert!(matches!(house.next().await, Arrival::Closed(closed) if closed == came));
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_fails_once() {
    let mut house = House::open(Limits::default()).await;
    let gone = TcpListener::bind(free()).await.unwrap().local_addr().unwrap();
    let flow = house.to(gone);
    house.sockets.sender().send(flow, b"OPTIONS".to_vec());
    assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
    assert_eq!(house.sockets.sender().counters().connections, 0);
}

#[tokio::test]
async fn too_many_connections_of_one_address_are_turned_away_and_counted() {
    let limits = Limits { connections_per_address: 2, ..Limits::default() };
    let mut house = House::open(limits).await;
    let address = house.address(Transport::Tcp);
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    for peer in [&mut first, &mut second] {
        peer.write_all(b"hello").await.unwrap();
        house.stream(5).await;
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    assert!(reads_end(&mut third).await);
    assert_eq!(house.sockets.sender().counters().connections_refused, 1);
    drop(first);
    assert!(matches!(house.next().await, Arrival::Closed(_)));
    let mut fourth = TcpStream::connect(address).await.unwrap();
    fourth.write_all(b"again").await.unwrap();
    house.stream(5).await;
}

#[tokio::test]
async fn a_connection_that_earns_no_answer_is_closed_and_one_that_did_stays() {
    let limits = Limits { unanswered: Duration::from_secs(1), ..Limits::default() };
    let mut house = House::open(limits).await;
    let address = house.address(Transport::Tcp);
    let mut good = TcpStream::connect(address).await.unwrap();
    good.write_all(b"REGISTER").await.unwrap();
    let (flow, _) = house.stream(8).await;
    house.sockets.sender().send(flow, b"200".to_vec());
    assert_eq!(read_exactly(&mut good, 3).await, b"200");

    let mut idle = TcpStream::connect(address).await.unwrap();
    assert!(reads_end(&mut idle).await);
    assert!(matches!(house.next().await, Arrival::Closed(closed) if closed != flow));
    good.write_all(b"INVITE").await.unwrap();
    assert_eq!(house.stream(6).await.0, flow);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_at_the_ceiling() {
    let limits = Limits { stream_queue: 4, ..Limits::default() };
    let mut house = House::open(limits).await;
    let mut peer = TcpStream::connect(house.address(Transport::Tcp)).await.unwrap();
    peer.write_all(b"hello").await.unwrap();
    let (flow, _) = house.stream(5).await;
    let sender = house.sockets.sender();
    // The kernel takes some megabytes before our own queue fills.
    while sender.counters().streams_overflowed == 0 {
        sender.send(flow, vec![0; 60_000]);
        tokio::task::yield_now().await;
    }
    assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
    drop(peer);
    while !matches!(house.next().await, Arrival::Closed(closed) if closed == flow) {}
}

#[tokio::test]
async fn dropping_the_sockets_closes_connections_and_frees_the_ports() {
    let mut house = House::open(Limits::default()).await;
    let local = house.sockets.local();
    let mut peer = TcpStream::connect(house.address(Transport::Tcp)).await.unwrap();
    peer.write_all(b"hello").await.unwrap();
    house.stream(5).await;
    let late = house.sockets.sender();
    drop(house.sockets);
    assert!(reads_end(&mut peer).await);
    let listen = Listen { udp: vec![local[0].1], tcp: vec![local[1].1], ..Listen::default() };
    let again = tokio::time::timeout(LONG, async {
        loop {
            match bind(&listen, |_| ()).await {
                Ok(sockets) => return sockets,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    assert_eq!(again.await.expect("free again, whoever still holds a sender").local(), local);
    let udp = Flow { transport: Transport::Udp, local: local[0].1, remote: local[0].1, connection: 0 };
    late.send(udp, b"late".to_vec());
    while !matches!(house.arrivals.recv().await, Some(Arrival::Failed(failed)) if failed == udp) {}
}
