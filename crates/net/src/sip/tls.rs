//! TLS (RFC 3261 section 26.2): certificates and authorities from files. A change of the files is seen and taken over
//! whole or not at all; connections that stand keep what they were opened with.

use super::der;
use core::fmt;
use core::time::Duration;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, RootCertStore, ServerConfig};
use senim_sip::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::{fs, io};

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Largest file that is read, bytes: a bundle of every public authority has a quarter of a megabyte.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The files that TLS is made of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsFiles {
    /// Certificates, each with its key, in PEM. A client is shown the first that bears the name it asks for (SNI), or
    /// else the first.
    pub chains: Vec<(PathBuf, PathBuf)>,
    /// Authorities that vouch for the peers we open connections to; none: none can be opened.
    pub authorities: Option<PathBuf>,
    /// Authorities that vouch for clients; none: no client is asked who it is.
    pub client_authorities: Option<PathBuf>,
}

/// The operator: a file that TLS cannot be made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFault {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub why: TlsWhy,
}

/// What is wrong with a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TlsWhy {
    /// The system gives no such file.
    Unreadable(io::ErrorKind),
    /// More than four megabytes.
    TooLarge,
    /// No certificate in it.
    NoCertificate,
    /// A certificate that cannot be read.
    BadCertificate,
    /// No private key in it.
    NoKey,
    /// A key that cannot be used.
    BadKey,
    /// The key of another certificate than this.
    KeyOfAnother(PathBuf),
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file.display())?;
        match &self.why {
            TlsWhy::Unreadable(io::ErrorKind::NotFound) => {
                f.write_str("there is no such file; write its path from the folder of the configuration")
            }
            TlsWhy::Unreadable(io::ErrorKind::PermissionDenied) => {
                f.write_str("it may not be read; let the user that runs the line read it")
            }
            TlsWhy::Unreadable(why) => write!(f, "cannot be read: {why}"),
            TlsWhy::TooLarge => f.write_str("too large for a certificate; write the path of a PEM file"),
            TlsWhy::NoCertificate => {
                f.write_str("no certificate in it; write a PEM file that begins -----BEGIN CERTIFICATE-----")
            }
            TlsWhy::BadCertificate => f.write_str("a certificate in it is damaged; have it issued again"),
            TlsWhy::NoKey => {
                f.write_str("no private key in it; write a PEM file that begins -----BEGIN PRIVATE KEY-----")
            }
            TlsWhy::BadKey => f.write_str("its key cannot be used; make one of P-256, Ed25519 or RSA 2048"),
            TlsWhy::KeyOfAnother(certificate) => {
                let certificate = certificate.display();
                write!(f, "it is not the key of {certificate}; write the key that this was made for")
            }
        }
    }
}

impl core::error::Error for TlsFault {}

/// What was made of the files.
pub struct Identity {
    server: Option<Arc<ServerConfig>>,
    client: Option<Arc<ClientConfig>>,
    /// The bytes that it was made of, to see a change.
    read: Vec<Vec<u8>>,
    expiries: Vec<(PathBuf, u64)>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity of {} certificates", self.expiries.len())
    }
}

impl Identity {
    /// When each of our certificates ends, seconds since 1970.
    pub fn expiries(&self) -> &[(PathBuf, u64)] {
        &self.expiries
    }
}

impl TlsFiles {
    /// Reads and proves the files.
    ///
    /// # Errors
    /// The first file that is not right, and why.
    pub fn load(&self) -> Result<Identity, TlsFault> {
        let provider = Arc::new(ring::default_provider());
        let mut read = Vec::new();
        let mut chains = Vec::new();
        let mut expiries = Vec::new();
        for (certificate, key) in &self.chains {
            let (chain_pem, key_pem) = (bytes_of(certificate)?, bytes_of(key)?);
            let chain = certificates(certificate, &chain_pem)?;
            expiries.push((certificate.clone(), expiry(certificate, &chain)?));
            let private = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_| at(key, TlsWhy::NoKey))?;
            chains.push((certified(certificate, &chain, key, &private, &provider)?, chain, private));
            read.extend([chain_pem, key_pem]);
        }
        let mut roots = |file: &Option<PathBuf>| {
            let Some(file) = file else { return Ok(None) };
            let pem = bytes_of(file)?;
            let mut store = RootCertStore::empty();
            for certificate in certificates(file, &pem)? {
                store.add(certificate).map_err(|_| at(file, TlsWhy::BadCertificate))?;
            }
            read.push(pem);
            Ok(Some(Arc::new(store)))
        };
        let authorities = roots(&self.authorities)?;
        let clients = roots(&self.client_authorities)?;
        let own = chains.first().map(|(_, chain, key)| (chain.clone(), key.clone_key()));
        let client = authorities.and_then(|roots| opener(roots, own, &provider).ok()).map(Arc::new);
        let keys: Vec<_> = chains.into_iter().map(|(key, ..)| Arc::new(key)).collect();
        let server = match keys.is_empty() {
            true => None,
            false => acceptor(keys, clients, &provider).ok().map(Arc::new),
        };
        Ok(Identity { server, client, read, expiries })
    }

    fn all(&self) -> impl Iterator<Item = &PathBuf> {
        let chains = self.chains.iter().flat_map(|(certificate, key)| [certificate, key]);
        chains.chain(&self.authorities).chain(&self.client_authorities)
    }
}

fn at(file: &Path, why: TlsWhy) -> TlsFault {
    TlsFault { file: file.to_owned(), why }
}

fn bytes_of(file: &Path) -> Result<Vec<u8>, TlsFault> {
    let unreadable = |e: io::Error| at(file, TlsWhy::Unreadable(e.kind()));
    if fs::metadata(file).map_err(unreadable)?.len() > FILE_BYTES_MAX {
        return Err(at(file, TlsWhy::TooLarge));
    }
    fs::read(file).map_err(unreadable)
}

fn certificates(file: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(at(file, TlsWhy::NoCertificate)),
        Ok(all) => Ok(all),
        Err(_) => Err(at(file, TlsWhy::BadCertificate)),
    }
}

/// When the first of a chain ends, which is our own.
fn expiry(file: &Path, chain: &[CertificateDer<'static>]) -> Result<u64, TlsFault> {
    chain.first().and_then(|own| der::not_after(own)).ok_or_else(|| at(file, TlsWhy::BadCertificate))
}

fn certified(
    certificate: &Path,
    chain: &[CertificateDer<'static>],
    key: &Path,
    private: &PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsFault> {
    CertifiedKey::from_der(chain.to_vec(), private.clone_key(), provider).map_err(|e| match e {
        Error::InconsistentKeys(_) => at(key, TlsWhy::KeyOfAnother(certificate.to_owned())),
        Error::InvalidCertificate(_) => at(certificate, TlsWhy::BadCertificate),
        _ => at(key, TlsWhy::BadKey),
    })
}

/// What accepts connections: TLS 1.2 and 1.3.
fn acceptor(
    keys: Vec<Arc<CertifiedKey>>,
    clients: Option<Arc<RootCertStore>>,
    provider: &Arc<CryptoProvider>,
) -> Result<ServerConfig, Error> {
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            // Phones have no certificate; who must show one is asked after the handshake.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
                .allow_unauthenticated()
                .build()
                .map_err(|e| Error::General(e.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(builder.with_cert_resolver(Arc::new(ByName(keys))))
}

/// What opens connections; it shows our first certificate to a peer that asks for one.
fn opener(
    roots: Arc<RootCertStore>,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    provider: &Arc<CryptoProvider>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

/// Picks a certificate by the name that a client asks for.
#[derive(Debug)]
struct ByName(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let fits = |key: &&Arc<CertifiedKey>| {
            name.as_ref().is_some_and(|name| key.cert.first().is_some_and(|own| bears(own, name)))
        };
        self.0.iter().find(fits).or(self.0.first()).cloned()
    }
}

/// Whether a certificate was made out to this name.
fn bears(certificate: &CertificateDer<'_>, name: &ServerName<'_>) -> bool {
    ParsedCertificate::try_from(certificate).is_ok_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

/// Who is told when the files changed: they were taken over, or are refused and what was before stays.
pub type OnReload = Arc<dyn Fn(Result<(), TlsFault>) + Send + Sync>;

/// TLS of the line, as it is now.
pub struct Tls {
    files: TlsFiles,
    current: RwLock<Arc<Identity>>,
    /// By which name a peer proves who it is, for connections of ours. Without one it is its address.
    names: RwLock<BTreeMap<SocketAddr, String>>,
    /// From these addresses a connection must show a certificate that bears the name.
    demands: Vec<(IpNet, String)>,
    on_reload: OnReload,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files. `demands`: the names that clients from some addresses must prove, which takes
    /// [`TlsFiles::client_authorities`].
    ///
    /// # Errors
    /// The first file that is not right, and why.
    pub fn new(files: TlsFiles, demands: Vec<(IpNet, String)>, on_reload: OnReload) -> Result<Tls, TlsFault> {
        let current = RwLock::new(Arc::new(files.load()?));
        Ok(Tls { files, current, names: RwLock::default(), demands, on_reload })
    }

    /// Tells by which name the peer at an address is to prove itself; the newest word counts.
    pub fn name_peer(&self, peer: SocketAddr, name: &str) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).insert(peer, name.to_owned());
    }

    pub(super) fn server(&self) -> Option<Arc<ServerConfig>> {
        self.identity().server.clone()
    }

    pub(super) fn client(&self) -> Option<Arc<ClientConfig>> {
        self.identity().client.clone()
    }

    /// What the peer at an address must prove to be.
    pub(super) fn name_of(&self, peer: SocketAddr) -> Option<ServerName<'static>> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        match names.get(&peer) {
            Some(name) => ServerName::try_from(name.clone()).ok(),
            None => Some(ServerName::from(peer.ip())),
        }
    }

    /// Whether a client from `peer` has shown the certificate that is asked of it.
    pub(super) fn admits(&self, peer: IpAddr, shown: Option<&[CertificateDer<'_>]>) -> bool {
        let asked: Vec<_> = self.demands.iter().filter(|(net, _)| net.contains(peer)).collect();
        asked.is_empty()
            || asked.iter().any(|(_, name)| {
                let name = ServerName::try_from(name.as_str());
                let own = shown.and_then(<[_]>::first);
                name.is_ok_and(|name| own.is_some_and(|own| bears(own, &name)))
            })
    }

    /// What is made of the files now.
    pub fn identity(&self) -> Arc<Identity> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the files once. `None`: nothing has changed.
    pub fn look(&self) -> Option<Result<(), TlsFault>> {
        let before = self.identity();
        let read: Result<Vec<_>, _> = self.files.all().map(|file| bytes_of(file)).collect();
        match read {
            Err(fault) => Some(Err(fault)),
            Ok(read) if read == before.read => None,
            Ok(_) => Some(self.files.load().map(|identity| {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(identity);
            })),
        }
    }

    /// Looks at the files for ever. A fault is told once until it changes.
    pub(super) async fn watch(self: Arc<Self>) {
        let mut told = None;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let tls = self.clone();
            let Ok(news) = tokio::task::spawn_blocking(move || tls.look()).await else { return };
            match news {
                None => told = None,
                Some(Ok(())) => {
                    told = None;
                    (self.on_reload)(Ok(()));
                }
                Some(Err(fault)) => {
                    if told.as_ref() != Some(&fault) {
                        (self.on_reload)(Err(fault.clone()));
                        told = Some(fault);
                    }
                }
            }
        }
    }
}
