//! SIP's wires: what is listened on, certificates, pages that may speak, networks, name servers; proved.

use super::plan::{Builder, Plan, TrunkPlan};
use super::source::Complaint;
use super::tables::{Config, Network};
use senim_base::WallTime;
use senim_net::sip::{Identity, TlsFault, TlsFiles, WebSocketRules};
use senim_sip::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A certificate that ends within so many seconds is spoken of: two weeks.
const EXPIRY_NEAR_S: u64 = 14 * 86_400;

/// The port of a name server when none is written.
const DNS_PORT: u16 = 53;

/// The wires, proved.
#[derive(Clone, Debug, Default)]
pub struct Wires {
    /// Connections under TLS are taken here.
    pub tls: Vec<SocketAddr>,
    /// WebSockets are taken here.
    pub ws: Vec<SocketAddr>,
    /// WebSockets under TLS are taken here.
    pub wss: Vec<SocketAddr>,
    /// Certificates, keys, authorities.
    pub files: TlsFiles,
    /// By which name clients from a trunk's addresses must prove who they are.
    pub demands: Vec<(IpNet, String)>,
    /// Which pages may open WebSockets.
    pub websocket: WebSocketRules,
    /// Who is asked for names; none: whom the system asks.
    pub nameservers: Vec<SocketAddr>,
    /// What peers are told, by their network.
    pub networks: Vec<NetworkPlan>,
    /// Sound packets of IPv6 are taken here.
    pub media_bind6: Option<IpAddr>,
}

/// One network of peers.
#[derive(Clone, Debug)]
pub struct NetworkPlan {
    /// Their addresses.
    pub cidr: Vec<IpNet>,
    /// What Via and Contact say to them, with the port if one was given.
    pub advertised: Option<(IpAddr, Option<u16>)>,
    /// What SDP says to them.
    pub media_advertised: Option<IpAddr>,
}

impl Wires {
    /// Whether anything needs a certificate or an authority.
    pub fn is_secure(&self) -> bool {
        self.files != TlsFiles::default()
    }
}

/// Proves the wires. What the files hold is proved by [`prove`].
pub(super) fn wires(b: &mut Builder<'_>, c: &Config, trunks: &[TrunkPlan]) -> Wires {
    let (tls, ws, wss) =
        (b.sockets("tls", &c.sip.tls), b.sockets("ws", &c.sip.ws), b.sockets("wss", &c.sip.wss));
    let files = files(b, c, trunks);
    for (key, addresses) in [("tls", &tls), ("wss", &wss)] {
        if !addresses.is_empty() && files.chains.is_empty() {
            let what = "nothing is secure without a certificate; write certificate = [\"line.pem\"] and key = [\"line.key\"]";
            b.say(&["sip", key], what);
        }
    }
    let websocket = WebSocketRules { path: c.sip.ws_path.clone(), origins: c.sip.ws_origins.clone() };
    if !websocket.path.starts_with('/') || !websocket.path.bytes().all(|c| c.is_ascii_graphic() && c != b'?')
    {
        b.say(&["sip", "ws_path"], "a path begins with a stroke; write \"/\" or \"/sip\"");
    }
    for (i, origin) in websocket.origins.iter().enumerate() {
        let host = origin.strip_prefix("https://").or(origin.strip_prefix("http://")).unwrap_or_default();
        if host.is_empty() || host.contains(['/', '*', ' ', '?']) {
            let what = format!(
                "{origin:?} is no origin of a page; write it as browsers send it, as in \"https://desk.example.kz\""
            );
            b.say(&["sip", "ws_origins", &i.to_string()], what);
        }
    }
    if (!ws.is_empty() || !wss.is_empty()) && websocket.origins.is_empty() {
        let what = "no page may open a WebSocket; write ws_origins = [\"https://desk.example.kz\"]";
        b.say(&["sip", "ws_origins"], what);
    }
    Wires {
        demands: demands(trunks),
        nameservers: nameservers(b, &c.sip.nameservers),
        networks: c.network.iter().enumerate().map(|(i, n)| network(b, i, n)).collect(),
        media_bind6: media_bind6(b, c),
        tls,
        ws,
        wss,
        files,
        websocket,
    }
}

fn files(b: &mut Builder<'_>, c: &Config, trunks: &[TrunkPlan]) -> TlsFiles {
    let sip = &c.sip;
    if sip.certificate.len() != sip.key.len() {
        b.say(&["sip", "key"], "each certificate has one key; write as many files in key as in certificate");
    }
    let within = |b: &Builder<'_>, file: &String| b.folder().join(file);
    let chains = sip.certificate.iter().zip(&sip.key).map(|(c, k)| (within(b, c), within(b, k))).collect();
    let one = |b: &Builder<'_>, file: &String| (!file.is_empty()).then(|| within(b, file));
    let files =
        TlsFiles { chains, authorities: one(b, &sip.tls_ca), client_authorities: one(b, &sip.client_ca) };
    for (i, t) in trunks.iter().enumerate() {
        let i = i.to_string();
        if t.target.as_ref().is_some_and(|t| t.place.is_secure()) && files.authorities.is_none() {
            let what = "nobody vouches for this peer; write in [sip] tls_ca = the file of the authority that signed its certificate";
            b.say(&["trunk", &i, "uri"], what);
        }
        if !t.table.tls_name.is_empty() && !t.sources.is_empty() && files.client_authorities.is_none() {
            let what = "no client is asked for a certificate; write in [sip] client_ca = the file of the authority that signed it";
            b.say(&["trunk", &i, "tls_name"], what);
        }
    }
    files
}

fn demands(trunks: &[TrunkPlan]) -> Vec<(IpNet, String)> {
    let named = trunks.iter().filter(|t| !t.table.tls_name.is_empty());
    let net = |(addr, prefix): &(IpAddr, u8)| IpNet { addr: *addr, prefix: *prefix };
    named.flat_map(|t| t.sources.iter().map(move |s| (net(s), t.table.tls_name.clone()))).collect()
}

fn nameservers(b: &mut Builder<'_>, texts: &[String]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for (i, text) in texts.iter().enumerate() {
        match text.parse::<IpAddr>() {
            Ok(ip) => found.push(SocketAddr::new(ip, DNS_PORT)),
            Err(_) => found.extend(b.parse::<SocketAddr>(
                &["sip", "nameservers", &i.to_string()],
                text,
                "an address, as in 192.0.2.53, or address:port",
            )),
        }
    }
    found
}

fn network(b: &mut Builder<'_>, i: usize, n: &Network) -> NetworkPlan {
    let i = i.to_string();
    let path = |key| ["network", i.as_str(), key];
    let mut cidr = Vec::new();
    for text in &n.cidr {
        match text.parse() {
            Ok(net) => cidr.push(net),
            Err(why) => b.say(&path("cidr"), format!("{text:?} is {why}")),
        }
    }
    if n.cidr.is_empty() {
        b.say(
            &path("cidr"),
            "a network of nobody; write the addresses of its peers, as in cidr = [\"10.0.0.0/8\"]",
        );
    }
    if n.advertised.is_empty() && n.media_advertised.is_empty() {
        b.say(&path("name"), "the network is told nothing of its own; write advertised or media_advertised");
    }
    let advertised = match n.advertised.parse::<SocketAddr>() {
        Ok(socket) => Some((socket.ip(), Some(socket.port()))),
        Err(_) if n.advertised.is_empty() => None,
        Err(_) => {
            let wanted = "an address, as in 192.0.2.1, or address:port";
            b.parse(&path("advertised"), &n.advertised, wanted).map(|ip| (ip, None))
        }
    };
    let media_advertised = match n.media_advertised.as_str() {
        "" => None,
        text => b.parse(&path("media_advertised"), text, "an address, as in 192.0.2.1"),
    };
    for (key, ip) in [("advertised", advertised.map(|(ip, _)| ip)), ("media_advertised", media_advertised)] {
        if ip.is_some_and(|ip| ip.is_unspecified()) {
            b.say(
                &path(key),
                "no peer can send to \"any address\"; write the line's own address in that network",
            );
        }
    }
    NetworkPlan { cidr, advertised, media_advertised }
}

fn media_bind6(b: &mut Builder<'_>, c: &Config) -> Option<IpAddr> {
    let path = ["media", "bind6"];
    let text = c.media.bind6.as_str();
    if text.is_empty() {
        return None;
    }
    let wanted = "an address of IPv6, as in 2001:db8::1";
    let ip: IpAddr = b.parse(&path, text, wanted)?;
    if ip.is_ipv4() {
        b.say(&path, format!("{text:?} is none of IPv6; write it in bind, or {wanted}"));
    }
    let told = c.network.iter().any(|n| n.media_advertised.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()));
    if ip.is_unspecified() && !told {
        b.say(&path, "no peer can send to \"any address\"; write the line's own, or a [[network]] with media_advertised");
    }
    Some(ip)
}

/// Proves the files of TLS: they are there, can be read, belong together and have not ended by `now`.
pub fn prove(plan: &Plan, now: WallTime) -> Vec<Complaint> {
    match plan.wires.files.load() {
        Err(fault) => vec![complaint(plan, &fault)],
        Ok(identity) => expired(plan, &identity, seconds(now)),
    }
}

/// A fault of a file, at the key that names it.
pub fn complaint(plan: &Plan, fault: &TlsFault) -> Complaint {
    let files = &plan.wires.files;
    let at = |all: Vec<&PathBuf>| all.iter().position(|f| **f == fault.file).map(|i| i.to_string());
    let certificate = at(files.chains.iter().map(|(certificate, _)| certificate).collect());
    let key = at(files.chains.iter().map(|(_, key)| key).collect());
    let path = match (&certificate, &key) {
        (Some(i), _) => vec!["sip", "certificate", i],
        (_, Some(i)) => vec!["sip", "key", i],
        _ if files.authorities.as_ref() == Some(&fault.file) => vec!["sip", "tls_ca"],
        _ => vec!["sip", "client_ca"],
    };
    plan.source.complain(&path, fault.to_string())
}

/// Seconds since 1970.
fn seconds(now: WallTime) -> u64 {
    u64::try_from(now.unix_millis()).unwrap_or_default() / 1_000
}

/// Certificates that have ended.
fn expired(plan: &Plan, identity: &Identity, now: u64) -> Vec<Complaint> {
    let ended = identity.expiries().iter().enumerate().filter(|(_, (_, end))| *end <= now);
    let complain = |(i, (file, end)): (usize, &(PathBuf, u64))| {
        let days = (now - end) / 86_400;
        let what = format!("{}: it ended {days} days ago; have a new one issued", file.display());
        plan.source.complain(&["sip", "certificate", &i.to_string()], what)
    };
    ended.map(complain).collect()
}

/// What is to be said of certificates while the line runs: which end soon, or have.
pub fn ending(identity: &Identity, now: WallTime) -> Vec<String> {
    let now = seconds(now);
    let near = identity.expiries().iter().filter(|(_, end)| *end <= now + EXPIRY_NEAR_S);
    near.map(|(file, end)| match end.checked_sub(now) {
        Some(left) if left > 0 => {
            format!(
                "{}: the certificate ends in {} days; have a new one issued",
                file.display(),
                left / 86_400
            )
        }
        _ => format!(
            "{}: the certificate has ended; phones and carriers refuse it: have a new one issued",
            file.display()
        ),
    })
    .collect()
}
