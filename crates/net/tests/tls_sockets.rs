//! SIP under TLS on loopback, with real handshakes: good ones, broken ones, and certificates that change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod wires;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use senim_net::sip::{Arrival, Limits, TlsFiles, TlsWhy};
use senim_sip::{Flow, Transport};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use wires::{Authority, House, LONG, NAME, free, tls, until_end};

/// A phone's TLS: trusts the authority; shows a certificate if it has one.
fn phone(authority: &Authority, shown: Option<&str>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_file(authority.file("ca.pem")).unwrap();
    roots.add(ca).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let (certificate, key) = authority.issue("phone", &[name]);
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

async fn dial(
    house: &House,
    phone: &TlsConnector,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(house.address(Transport::Tls)).await.unwrap();
    phone.connect(ServerName::try_from(name).unwrap(), socket).await
}

/// FEATURES T9: signalling under TLS, either version that is still safe.
#[tokio::test]
async fn a_message_comes_byte_by_byte_under_tls_and_is_answered_on_its_connection() {
    let authority = Authority::new();
    let (tls, _) = tls(authority.files(), vec![]);
    let mut house = House::open(Some(tls), Limits::default()).await;
    let mut line = dial(&house, &phone(&authority, None), NAME).await.unwrap();
    for byte in b"OPTIONS sip:111" {
        line.write_all(&[*byte]).await.unwrap();
        line.flush().await.unwrap();
    }
    let (flow, bytes) = house.stream(15).await;
    assert_eq!((flow.transport, &bytes[..]), (Transport::Tls, &b"OPTIONS sip:111"[..]));
    let sender = house.sockets.sender();
    sender.send(flow, b"200 ".to_vec());
    // A request of ours to it goes on the connection that is open.
    sender.send(Flow { connection: 0, ..flow }, b"INVITE".to_vec());
    let mut said = [0; 10];
    tokio::time::timeout(LONG, line.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"200 INVITE");
    sender.disconnect(flow);
    assert!(until_end(&mut line).await.is_empty());
    assert!(matches!(house.next().await, Arrival::Closed(closed) if closed == flow));
}

#[tokio::test]
async fn a_handshake_of_garbage_or_none_at_all_is_cut_and_never_heard_of() {
    let authority = Authority::new();
    let (tls, _) = tls(authority.files(), vec![]);
    let limits = Limits { unanswered: Duration::from_millis(300), ..Limits::default() };
    let mut house = House::open(Some(tls), limits).await;
    let address = house.address(Transport::Tls);
    for first in [&b""[..], b"\x16\x03\x01\x40", b"OPTIONS sip:x SIP/2.0\r\n\r\n", &[0xFF; 3000]] {
        let mut stranger = TcpStream::connect(address).await.unwrap();
        stranger.write_all(first).await.unwrap();
        until_end(&mut stranger).await;
    }
    // A handshake cut off at each of its bytes, by a reset.
    let hello = client_hello(&authority).await;
    for cut in (0..hello.len()).step_by(7) {
        let stranger = TcpStream::connect(address).await.unwrap();
        let mut stranger = stranger;
        stranger.write_all(&hello[..cut]).await.unwrap();
        socket2::SockRef::from(&stranger).set_linger(Some(Duration::ZERO)).unwrap();
        drop(stranger);
    }
    house.empty().await;
    // Finished, and then silent: the same time is all it has.
    let mut silent = dial(&house, &phone(&authority, None), NAME).await.unwrap();
    assert!(until_end(&mut silent).await.is_empty());
    assert!(matches!(house.next().await, Arrival::Closed(_)), "only a whole handshake is a connection");
    assert!(house.arrivals.try_recv().is_err());
}

/// The first flight of a client.
async fn client_hello(authority: &Authority) -> Vec<u8> {
    let listener = TcpListener::bind(free()).await.unwrap();
    let to = listener.local_addr().unwrap();
    let connector = phone(authority, None);
    let dialled = tokio::spawn(async move {
        let socket = TcpStream::connect(to).await.unwrap();
        connector.connect(ServerName::try_from(NAME).unwrap(), socket).await.is_ok()
    });
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut hello = vec![0; 4096];
    let len = socket.read(&mut hello).await.unwrap();
    drop(socket);
    assert!(!dialled.await.unwrap());
    hello.truncate(len);
    hello
}

#[tokio::test]
async fn certificates_change_under_a_live_flow_and_a_broken_one_changes_nothing() {
    let authority = Authority::new();
    let (tls, told) = tls(authority.files(), vec![]);
    let mut house = House::open(Some(tls.clone()), Limits::default()).await;
    let mut old = dial(&house, &phone(&authority, None), NAME).await.unwrap();
    old.write_all(b"REGISTER").await.unwrap();
    let (flow, _) = house.stream(8).await;
    assert_eq!(tls.look(), None);

    authority.issue("line", &["new.example"]);
    // The task that watches sees it by itself.
    tokio::time::timeout(LONG, async {
        while told.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("seen");
    assert_eq!(told.lock().unwrap()[..], [Ok(())]);
    assert!(dial(&house, &phone(&authority, None), NAME).await.is_err(), "the old name is no more");
    let mut new = dial(&house, &phone(&authority, None), "new.example").await.unwrap();
    new.write_all(b"OPTIONS").await.unwrap();
    assert_ne!(house.stream(7).await.0, flow);

    fs::write(authority.file("line.pem"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
        .unwrap();
    let fault = tls.look().unwrap().unwrap_err();
    assert_eq!((fault.file.clone(), fault.why.clone()), (authority.file("line.pem"), TlsWhy::BadCertificate));
    assert!(dial(&house, &phone(&authority, None), "new.example").await.is_ok());

    house.sockets.sender().send(flow, b"200".to_vec());
    let mut said = [0; 3];
    tokio::time::timeout(LONG, old.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"200", "the flow of before lives through it all");
}

#[tokio::test]
async fn the_name_that_a_client_asks_for_picks_the_certificate() {
    let authority = Authority::new();
    let chains = vec![authority.issue("a", &["a.example"]), authority.issue("b", &["b.example"])];
    let (tls, _) = tls(TlsFiles { chains, ..TlsFiles::default() }, vec![]);
    let house = House::open(Some(tls), Limits::default()).await;
    for name in ["a.example", "b.example"] {
        assert!(dial(&house, &phone(&authority, None), name).await.is_ok(), "{name}");
    }
    assert!(dial(&house, &phone(&authority, None), "c.example").await.is_err());
}

/// FEATURES T9: a carrier proves by certificate that it is one.
#[tokio::test]
async fn who_comes_from_a_carriers_address_must_show_its_certificate() {
    let authority = Authority::new();
    let demands = vec![("127.0.0.0/8".parse().unwrap(), "carrier.example".to_owned())];
    let (tls, _) = tls(authority.files(), demands);
    let mut house = House::open(Some(tls), Limits::default()).await;
    for shown in [None, Some("other.example")] {
        // Under TLS 1.3 the client is done before the server has seen its certificate: the connection ends after it.
        if let Ok(mut line) = dial(&house, &phone(&authority, shown), NAME).await {
            let _ = line.write_all(b"INVITE").await;
            assert!(until_end(&mut line).await.is_empty());
        }
    }
    let stranger = Authority::new();
    let mut foreign = phone(&stranger, Some("carrier.example")).config().as_ref().clone();
    foreign.dangerous().set_certificate_verifier(phone_verifier(&authority));
    if let Ok(mut line) = dial(&house, &TlsConnector::from(Arc::new(foreign)), NAME).await {
        let _ = line.write_all(b"INVITE").await;
        assert!(until_end(&mut line).await.is_empty());
    }
    house.empty().await;
    assert!(house.arrivals.try_recv().is_err(), "none of them was heard");
    let mut carrier = dial(&house, &phone(&authority, Some("carrier.example")), NAME).await.unwrap();
    carrier.write_all(b"INVITE").await.unwrap();
    assert_eq!(house.stream(6).await.1, b"INVITE");
}

fn phone_verifier(authority: &Authority) -> Arc<rustls::client::WebPkiServerVerifier> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
}

/// A carrier's end for connections of ours: what it was asked for, and who we said we are.
async fn carrier(authority: &Authority, names: &[&str]) -> (TcpListener, TlsAcceptor) {
    let (certificate, key) = authority.issue("carrier", names);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority.file("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients =
        rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(
            vec![CertificateDer::from_pem_file(certificate).unwrap()],
            PrivateKeyDer::from_pem_file(key).unwrap(),
        )
        .unwrap();
    (TcpListener::bind(free()).await.unwrap(), TlsAcceptor::from(Arc::new(config)))
}

#[tokio::test]
async fn a_connection_of_ours_proves_the_peers_name_and_shows_our_own_certificate() {
    let authority = Authority::new();
    let (tls, _) = tls(authority.files(), vec![]);
    let mut house = House::open(Some(tls.clone()), Limits::default()).await;
    let (listener, acceptor) = carrier(&authority, &["carrier.example"]).await;
    let remote = listener.local_addr().unwrap();
    let flow =
        Flow { transport: Transport::Tls, local: house.address(Transport::Tls), remote, connection: 0 };

    // Its address is not in its certificate; nor is another name.
    for name in [None, Some("other.example")] {
        if let Some(name) = name {
            tls.name_peer(remote, name);
        }
        house.sockets.sender().send(flow, b"OPTIONS".to_vec());
        let (socket, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(socket).await.is_err());
        assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow), "{name:?}");
    }
    tls.name_peer(remote, "carrier.example");
    house.sockets.sender().send(flow, b"OPTIONS".to_vec());
    let (socket, _) = listener.accept().await.unwrap();
    let mut line = acceptor.accept(socket).await.unwrap();
    assert_eq!(line.get_ref().1.server_name(), Some("carrier.example"));
    let mut said = [0; 7];
    tokio::time::timeout(LONG, line.read_exact(&mut said)).await.unwrap().unwrap();
    assert_eq!(&said, b"OPTIONS");
    line.write_all(b"200").await.unwrap();
    line.flush().await.unwrap();
    assert_eq!(house.stream(3).await.1, b"200");
}

#[tokio::test]
async fn without_certificates_nobody_gets_a_handshake_and_none_of_ours_is_tried() {
    let mut house = House::open(None, Limits::default()).await;
    let mut stranger = TcpStream::connect(house.address(Transport::Tls)).await.unwrap();
    assert!(until_end(&mut stranger).await.is_empty());
    let listener = TcpListener::bind(free()).await.unwrap();
    let (local, remote) = (house.address(Transport::Tls), listener.local_addr().unwrap());
    let flow = Flow { transport: Transport::Tls, local, remote, connection: 0 };
    house.sockets.sender().send(flow, b"OPTIONS".to_vec());
    assert!(matches!(house.next().await, Arrival::Failed(failed) if failed == flow));
}

#[test]
fn every_file_that_is_not_right_is_named_with_what_to_write() {
    let authority = Authority::new();
    let good = authority.issue("good", &[NAME]);
    let other = authority.issue("other", &[NAME]);
    let file = |name: &str, text: &str| {
        fs::write(authority.file(name), text).unwrap();
        authority.file(name)
    };
    let empty = file("empty", "");
    let damaged = file("damaged", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let missing = authority.file("missing");
    for (certificate, key, guilty, word) in [
        (&missing, &good.1, &missing, "no such file"),
        (&good.0, &missing, &missing, "no such file"),
        (&empty, &good.1, &empty, "BEGIN CERTIFICATE"),
        (&damaged, &good.1, &damaged, "damaged"),
        (&good.0, &empty, &empty, "BEGIN PRIVATE KEY"),
        (&good.0, &other.1, &other.1, "not the key of"),
    ] {
        let files = TlsFiles { chains: vec![(certificate.clone(), key.clone())], ..TlsFiles::default() };
        let fault = files.load().unwrap_err();
        assert_eq!(&fault.file, guilty);
        assert!(fault.to_string().contains(word), "{fault}");
    }
    let files = TlsFiles { authorities: Some(empty.clone()), ..TlsFiles::default() };
    assert_eq!(files.load().unwrap_err().file, empty);
    let identity = TlsFiles { chains: vec![good.clone()], ..TlsFiles::default() }.load().unwrap();
    assert_eq!(identity.expiries()[0].0, good.0);
}
