//! What tests of secure sockets share: an authority of their own, a house with every listener, certain names.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "helpers of tests; each file uses its part")]

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use senim_net::sip::{
    Arrival, Limits, Listen, SipSockets, Tls, TlsFault, TlsFiles, WebSocketRules, bind_with,
};
use senim_sip::{Flow, IpNet, Transport};
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

pub(crate) const LONG: Duration = Duration::from_secs(10);
pub(crate) const NAME: &str = "line.example";
pub(crate) const ORIGIN: &str = "https://desk.example";

pub(crate) fn free() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

/// An authority, and the folder in which its certificates lie.
pub(crate) struct Authority {
    pub(crate) dir: tempfile::TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { dir, issuer }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a certificate for these names, and its key; the same file names replace what was.
    pub(crate) fn issue(&self, file: &str, names: &[&str]) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let (at, key_at) = (self.file(&format!("{file}.pem")), self.file(&format!("{file}.key")));
        fs::write(&at, certificate.pem()).unwrap();
        fs::write(&key_at, key.serialize_pem()).unwrap();
        (at, key_at)
    }

    /// Files with which a line serves [`NAME`] and 127.0.0.1, trusts this authority, and asks clients who they are.
    pub(crate) fn files(&self) -> TlsFiles {
        let ca = Some(self.file("ca.pem"));
        let chains = vec![self.issue("line", &[NAME, "127.0.0.1"])];
        TlsFiles { chains, authorities: ca.clone(), client_authorities: ca }
    }
}

pub(crate) type Reloads = Arc<Mutex<Vec<Result<(), TlsFault>>>>;

pub(crate) fn tls(files: TlsFiles, demands: Vec<(IpNet, String)>) -> (Arc<Tls>, Reloads) {
    let told = Reloads::default();
    let to = told.clone();
    let tls = Tls::new(files, demands, Arc::new(move |news| to.lock().unwrap().push(news))).unwrap();
    (Arc::new(tls), told)
}

/// Sockets of every kind.
pub(crate) struct House {
    pub(crate) sockets: SipSockets,
    pub(crate) arrivals: mpsc::UnboundedReceiver<Arrival>,
}

impl House {
    pub(crate) async fn open(secure: Option<Arc<Tls>>, limits: Limits) -> House {
        let (on, arrivals) = mpsc::unbounded_channel();
        let one = || vec![free()];
        let websocket = WebSocketRules { path: "/".into(), origins: vec![ORIGIN.into()] };
        let listen = Listen { udp: one(), tcp: one(), tls: one(), ws: one(), wss: one(), secure, websocket };
        let sockets = bind_with(&listen, limits, move |a| on.send(a).unwrap_or(())).await.unwrap();
        House { sockets, arrivals }
    }

    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        self.sockets.local().into_iter().find(|(t, _)| *t == transport).unwrap().1
    }

    pub(crate) async fn next(&mut self) -> Arrival {
        tokio::time::timeout(LONG, self.arrivals.recv()).await.expect("in time").expect("open")
    }

    /// Bytes of one connection until there are `len` of them.
    pub(crate) async fn stream(&mut self, len: usize) -> (Flow, Vec<u8>) {
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

    /// Waits until no connection is open.
    pub(crate) async fn empty(&self) {
        tokio::time::timeout(LONG, async {
            while self.sockets.sender().counters().connections > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("every connection ends");
    }
}

/// Whatever still comes until the peer closes; a reset is an end, too.
pub(crate) async fn until_end(io: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut all = Vec::new();
    tokio::time::timeout(LONG, io.read_to_end(&mut all)).await.expect("closed in time").ok();
    all
}
