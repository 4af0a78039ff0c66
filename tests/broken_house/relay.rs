//! A wire between a phone that speaks UDP and a line that is spoken to by TLS or by a WebSocket: what a softphone of the
//! one kind would say in the words of the other, Via and Contact included.

use crate::broken_house::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use senim_sip::{Frame, Framer, Transport};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Who is certified, and how a peer of the line trusts it.
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    pub(crate) line: SocketAddr,
    pub(crate) name: &'static str,
    pub(crate) authority: PathBuf,
    /// A certificate and its key, to be shown.
    pub(crate) shown: Option<(PathBuf, PathBuf)>,
    pub(crate) origin: &'static str,
}

impl Wire {
    /// Opens the wire from an address; a phone that takes what comes back for the line talks over it. The wire
    /// ends with the test.
    pub(crate) fn open(self, from: IpAddr) -> SocketAddr {
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let phone = UdpSocket::bind((from, 0)).await.unwrap();
                let secured = self.dial(from).await;
                tell.send(phone.local_addr().unwrap()).unwrap();
                match self.transport {
                    Transport::Wss => self.browse(secured, phone).await,
                    _ => stream(secured, phone).await,
                }
            });
        });
        told.recv_timeout(PATIENCE).expect("the handshake ends well")
    }

    async fn dial(&self, from: IpAddr) -> TlsStream<TcpStream> {
        let socket = if from.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        let socket = socket.connect(self.line).await.unwrap();
        let config = trusting(&self.authority, self.shown.as_ref());
        let name = ServerName::try_from(self.name).unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap()
    }

    async fn browse(&self, secured: TlsStream<TcpStream>, phone: UdpSocket) {
        let mut request = format!("wss://{}/", self.name).into_client_request().unwrap();
        request.headers_mut().insert("Origin", self.origin.parse().unwrap());
        request.headers_mut().insert("Sec-WebSocket-Protocol", "sip".parse().unwrap());
        let (mut socket, _) = tokio_tungstenite::client_async(request, secured).await.unwrap();
        let (mut datagram, mut at) = (vec![0; 65_535], None);
        loop {
            tokio::select! {
                Ok((len, from)) = phone.recv_from(&mut datagram) => {
                    at = Some(from);
                    let text = translated(&datagram[..len], "UDP", "WSS", "transport=udp", "transport=ws");
                    socket.send(Message::text(text)).await.unwrap();
                }
                came = socket.next() => {
                    let Some(Ok(came)) = came else { return };
                    if let (Message::Text(text), Some(at)) = (came, at) {
                        let text = translated(text.as_bytes(), "WSS", "UDP", "transport=ws", "transport=udp");
                        phone.send_to(text.as_bytes(), at).await.unwrap();
                    }
                }
            }
        }
    }
}

async fn stream(mut secured: TlsStream<TcpStream>, phone: UdpSocket) {
    let (mut datagram, mut bytes, mut at) = (vec![0; 65_535], vec![0; 65_535], None);
    let mut framer = Framer::new();
    loop {
        tokio::select! {
            Ok((len, from)) = phone.recv_from(&mut datagram) => {
                at = Some(from);
                let text = translated(&datagram[..len], "UDP", "TLS", "transport=udp", "transport=tls");
                secured.write_all(text.as_bytes()).await.unwrap();
                secured.flush().await.unwrap();
            }
            read = secured.read(&mut bytes) => {
                let Ok(len @ 1..) = read else { return };
                framer.push(&bytes[..len]);
                while let Some(frame) = framer.next() {
                    if let (Frame::Message(message), Some(at)) = (frame.unwrap(), at) {
                        let text = translated(&message, "TLS", "UDP", "transport=tls", "transport=udp");
                        phone.send_to(text.as_bytes(), at).await.unwrap();
                    }
                }
            }
        }
    }
}

/// The same message for the other wire.
fn translated(bytes: &[u8], via: &str, to_via: &str, param: &str, to_param: &str) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.replace(&format!("SIP/2.0/{via} "), &format!("SIP/2.0/{to_via} ")).replace(param, to_param)
}

fn trusting(authority: &Path, shown: Option<&(PathBuf, PathBuf)>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
            builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_file(key).unwrap()).unwrap()
        }
    }
}
