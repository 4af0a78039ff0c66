//! What a phone sees under TLS: the certificates of the line, and a handshake at its doors.

use super::Finding;
use crate::config::{Plan, wires};
use core::fmt;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use senim_base::WallTime;
use std::io;
use std::net::TcpStream;
use std::sync::Arc;

/// The files of TLS: whole, belonging together, and until when.
pub(super) fn certificates(plan: &Plan, now: WallTime) -> Option<Finding> {
    if !plan.wires.is_secure() {
        return None;
    }
    let what = "certificates";
    let mend = "have a new one issued, put it in place of the old file; the running line takes it by itself";
    let identity = match plan.wires.files.load() {
        Ok(identity) => identity,
        Err(fault) => {
            let mend = "mend the file; until then the running line keeps the old one, and `senim serve` does not start";
            return Some(Finding::fail(what, fault.to_string(), mend));
        }
    };
    if let Some(ended) = wires::prove(plan, now).first() {
        return Some(Finding::fail(what, ended.to_string(), mend));
    }
    Some(match wires::ending(&identity, now).first() {
        Some(near) => Finding::warn(what, near.clone(), mend),
        None => {
            let now = u64::try_from(now.unix_millis()).unwrap_or_default() / 1_000;
            let days = identity.expiries().iter().map(|(_, end)| end.saturating_sub(now) / 86_400).min();
            let until =
                days.map_or_else(|| "authorities alone".into(), |d| format!("whole, for {d} days yet"));
            Finding::ok(what, until)
        }
    })
}

/// TLS as a client that looks and trusts nothing: whether the certificate is vouched for is the phones' own question,
/// and nothing is said here that anybody might not hear.
pub(super) fn client(stream: TcpStream, host: &str) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
    let provider = Arc::new(ring::default_provider());
    let plain = super::wires::bare_host(host).to_owned();
    let name = ServerName::try_from(plain).map_err(io::Error::other)?;
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Looker(provider)))
        .with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Takes any certificate whose owner has its key.
struct Looker(Arc<CryptoProvider>);

impl fmt::Debug for Looker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Looker")
    }
}

impl ServerCertVerifier for Looker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
