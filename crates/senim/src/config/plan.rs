//! From tables to values: addresses, ports, rules and paths as the program uses them. Everything that is wrong is
//! found at once and says its line and what to write instead.

use super::source::{Complaint, Source};
use super::tables::{Config, Trunk};
use super::wires::{Wires, wires};
use core::time::Duration;
use senim_base::Redacted;
use senim_queue::QueueSettings;
use senim_sdp::{Codec, Security};
use senim_sip::{Algorithm, Ask, Credentials, Hop, Place, Scheme, Uri};
use senim_switch::{Destination, NumberRule};
use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// Longest time that a key may give, seconds: a day.
const SECONDS_MAX: u32 = 86_400;
/// Fewest ports that carry one call with a consultant.
const PORTS_MIN: u16 = 4;

/// Where a variable of the environment is looked up.
pub type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The configuration, proved.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tables as read, overrides applied.
    pub config: Config,
    /// The file.
    pub source: Source,
    /// Folder of the scripts.
    pub scripts: PathBuf,
    /// Folder of the recorded prompts.
    pub prompts: PathBuf,
    /// The data folder.
    pub data: PathBuf,
    /// The folder of the recordings.
    pub recordings: PathBuf,
    /// The file of the master key.
    pub master_key: PathBuf,
    /// The file of consultants to begin with.
    pub seed: Option<PathBuf>,
    /// Datagrams are taken here.
    pub udp: Vec<SocketAddr>,
    /// Connections are taken here.
    pub tcp: Vec<SocketAddr>,
    /// Password algorithms offered to softphones.
    pub digest: Vec<Algorithm>,
    /// What Via and Contact say, with the port if one was given.
    pub advertised: Option<(IpAddr, Option<u16>)>,
    /// Sound packets are taken here.
    pub media_bind: IpAddr,
    /// What SDP says.
    pub media_address: IpAddr,
    /// First and last media port.
    pub ports: (u16, u16),
    /// What softphones may speak, the best first.
    pub softphone_codecs: Vec<Codec>,
    /// HTTP is served here.
    pub web: Option<SocketAddr>,
    /// The bearer token of the HTTP interface.
    pub web_token: Option<Redacted<String>>,
    /// What may be dialled.
    pub numbers: Vec<NumberRule>,
    /// Trunks.
    pub trunks: Vec<TrunkPlan>,
    /// Queues.
    pub queues: Vec<QueueSettings>,
    /// The service level's time.
    pub service_level: Duration,
    /// What else SIP is heard on, and how.
    pub wires: Wires,
    /// The trunk that leads to the Unified Contact Centre; an empty name: those that may carry forwards.
    pub ucc_trunk: Option<String>,
}

impl Plan {
    /// Every codec that a leg may speak.
    pub fn codecs(&self) -> BTreeSet<Codec> {
        let trunks = self.trunks.iter().flat_map(|t| &t.codecs);
        trunks.chain(&self.softphone_codecs).copied().collect()
    }
}

/// One trunk, proved.
#[derive(Clone, Debug)]
pub struct TrunkPlan {
    /// Its table.
    pub table: Trunk,
    /// Networks that calls may come from: address and length of the prefix.
    pub sources: Vec<(IpAddr, u8)>,
    /// Where calls go out to.
    pub target: Option<Target>,
    /// Answers to its challenges.
    pub credentials: Option<Credentials>,
    /// What it may speak, the best first.
    pub codecs: Vec<Codec>,
}

/// Where a trunk's calls go out to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// As written: `host` or `host:port`, for the Request-URI.
    pub host: String,
    /// What has to be found, and how to go there.
    pub place: Place,
}

impl Target {
    /// Where it is by its addresses alone, as the system knows them; what services its name offers is the line's to
    /// ask. `None`: it has no address.
    pub fn hop(&self) -> Option<Hop> {
        let (transport, port) = match self.place.ask() {
            Ask::Nothing(transport, address) => return Some(Hop { transport, address }),
            _ => self.place.without_service(),
        };
        let address = (self.place.host.as_str(), port).to_socket_addrs().ok()?.next()?;
        Some(Hop { transport, address })
    }
}

/// Proves a configuration.
///
/// # Errors
/// Everything that is wrong with its values.
pub(super) fn plan(config: Config, source: &Source, env: Env<'_>) -> Result<Plan, Vec<Complaint>> {
    let mut b = Builder { source, complaints: Vec::new() };
    let within = |path: &str| source.folder().join(path);
    let scripts = within(&config.line.scripts);
    let data = within(&config.data.folder);
    let or = |path: &str, otherwise: PathBuf| if path.is_empty() { otherwise } else { within(path) };
    b.seconds(&config);
    let media_bind: Option<IpAddr> =
        b.parse(&["media", "bind"], &config.media.bind, "an address, as in 192.0.2.1");
    let media_address = match config.media.advertised.as_str() {
        "" => media_bind,
        text => b.parse(&["media", "advertised"], text, "an address, as in 192.0.2.1"),
    };
    if media_address.is_some_and(|a| a.is_unspecified()) {
        b.say(
            &["media", "bind"],
            "no peer can send to \"any address\"; write the line's own address in [media] advertised",
        );
    }
    let udp = b.sockets("udp", &config.sip.udp);
    let tcp = b.sockets("tcp", &config.sip.tcp);
    let (tls, wss) = (&config.sip.tls, &config.sip.wss);
    if [&config.sip.udp, &config.sip.tcp, tls, &config.sip.ws, wss].iter().all(|all| all.is_empty()) {
        b.say(&["sip", "udp"], "the line listens nowhere; write udp = [\"192.0.2.1:5060\"]");
    }
    let advertised = b.advertised(&config.sip.advertised, udp.iter().chain(&tcp));
    if config.sip.realm.is_empty() || config.sip.realm.chars().any(|c| c.is_control() || c == '"') {
        b.say(&["sip", "realm"], "a realm is a word, as in realm = \"senim\"");
    }
    let (expires, min) = (config.sip.session_expires_s, config.sip.session_min_s);
    if !(90..=3_600).contains(&min) {
        b.say(
            &["sip", "session_min_s"],
            format!("RFC 4028 wants 90 or more, and phones know an hour; not {min}"),
        );
    }
    if expires != 0 && !(min..=86_400).contains(&expires) {
        b.say(&["sip", "session_expires_s"], format!("write 0, or session_min_s to 86400; not {expires}"));
    }
    let digest = b.digest(&config.sip.digest);
    let ports = b.ports(&config.media.ports);
    let softphone_codecs = b.codecs(&["media", "softphone_codecs"], &config.media.softphone_codecs);
    let offset = config.line.utc_offset_minutes;
    if !(-720..=840).contains(&offset) {
        b.say(
            &["line", "utc_offset_minutes"],
            format!("no place on earth is {offset} minutes east; write -720 to 840"),
        );
    }
    let web = match config.web.listen.as_str() {
        "" => None,
        text => b.parse(&["web", "listen"], text, "address:port, as in 127.0.0.1:8111"),
    };
    let web_token = b.secret(
        env("SENIM_WEB_TOKEN"),
        (&["web", "token"], &config.web.token),
        (&["web", "token_file"], &config.web.token_file),
    );
    let numbers = b.numbers(&config);
    let trunks = b.trunks(&config, env);
    let wires = wires(&mut b, &config, &trunks);
    let queues = b.queues(&config);
    let ucc_trunk = b.ucc_trunk(&config, &trunks);
    let service_level_s =
        config.queue.first().map_or(super::Queue::default().service_level_s, |q| q.service_level_s);
    let seed = (!config.data.seed.is_empty()).then(|| within(&config.data.seed));
    if seed.as_ref().is_some_and(|s| !s.is_file()) {
        b.say(
            &["data", "seed"],
            format!("there is no file {}; write its path from the folder of this file", config.data.seed),
        );
    }
    if !scripts.is_dir() {
        let what = format!(
            "there is no folder {}; write its path from the folder of this file",
            config.line.scripts
        );
        b.say(&["line", "scripts"], what);
    }
    let (Some(media_bind), Some(media_address), Some(ports), true) =
        (media_bind, media_address, ports, b.complaints.is_empty())
    else {
        return Err(b.complaints);
    };
    Ok(Plan {
        prompts: or(&config.line.prompts, scripts.join("prompts/audio")),
        recordings: or(&config.recording.folder, data.join("recordings")),
        master_key: or(&config.recording.master_key_file, data.join("master.key")),
        service_level: Duration::from_secs(u64::from(service_level_s)),
        config,
        source: source.clone(),
        scripts,
        data,
        seed,
        udp,
        tcp,
        digest,
        advertised,
        media_bind,
        media_address,
        ports,
        softphone_codecs,
        web,
        web_token,
        numbers,
        trunks,
        queues,
        wires,
        ucc_trunk,
    })
}

/// Collects what is wrong.
pub(super) struct Builder<'a> {
    source: &'a Source,
    complaints: Vec<Complaint>,
}

impl Builder<'_> {
    /// The folder that paths begin in.
    pub(super) fn folder(&self) -> &Path {
        self.source.folder()
    }

    pub(super) fn say(&mut self, path: &[&str], what: impl Into<String>) {
        self.complaints.push(self.source.complain(path, what));
    }

    pub(super) fn parse<T: core::str::FromStr>(
        &mut self,
        path: &[&str],
        text: &str,
        wanted: &str,
    ) -> Option<T> {
        let value = text.trim().parse().ok();
        if value.is_none() {
            self.say(path, format!("{text:?} is not what is wanted here; write {wanted}"));
        }
        value
    }

    fn seconds(&mut self, c: &Config) {
        let one = [
            (["line", "ucc_ring_s"], c.line.ucc_ring_s, 1),
            (["line", "softphone_silence_s"], c.line.softphone_silence_s, 1),
            (["line", "grace_s"], c.line.grace_s, 0),
            (["line", "flood_window_s"], c.line.flood_window_s, 1),
            (["line", "priority_worth_s"], c.line.priority_worth_s, 0),
            (["sip", "register_min_s"], c.sip.register_min_s, 1),
            (["sip", "register_max_s"], c.sip.register_max_s, c.sip.register_min_s.max(1)),
            (["sip", "softphone_probe_s"], c.sip.softphone_probe_s, 0),
            (["media", "caller_inactivity_s"], c.media.caller_inactivity_s, 0),
            (["media", "consultant_inactivity_s"], c.media.consultant_inactivity_s, 0),
        ];
        for (path, seconds, least) in one {
            self.bounded(&path, seconds, least);
        }
        if c.line.flood_calls > senim_switch::FLOOD_CALLS_MAX {
            let what =
                format!("so many calls cannot be counted; write 0 to {}", senim_switch::FLOOD_CALLS_MAX);
            self.say(&["line", "flood_calls"], what);
        }
        for (i, q) in c.queue.iter().enumerate() {
            let keys = [
                ("ring_s", q.ring_s, 1),
                ("wrap_up_s", q.wrap_up_s, 0),
                ("announce_first_s", q.announce_first_s, 0),
                ("announce_every_s", q.announce_every_s, 0),
                ("widen_after_s", q.widen_after_s, 0),
                ("service_level_s", q.service_level_s, 1),
            ];
            for (key, seconds, least) in keys {
                self.bounded(&["queue", &i.to_string(), key], seconds, least);
            }
        }
        for (i, t) in c.trunk.iter().enumerate() {
            self.bounded(&["trunk", &i.to_string(), "probe_s"], t.probe_s, 0);
            self.bounded(&["trunk", &i.to_string(), "register_expires_s"], t.register_expires_s, 30);
        }
    }

    fn bounded(&mut self, path: &[&str], seconds: u32, least: u32) {
        if !(least..=SECONDS_MAX).contains(&seconds) {
            self.say(path, format!("{seconds} seconds is out of range; write {least} to {SECONDS_MAX}"));
        }
    }

    pub(super) fn sockets(&mut self, key: &str, texts: &[String]) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for (i, text) in texts.iter().enumerate() {
            let path = ["sip", key, &i.to_string()];
            found.extend(self.parse::<SocketAddr>(&path, text, "address:port, as in 192.0.2.1:5060"));
        }
        found
    }

    fn advertised<'s>(
        &mut self,
        text: &str,
        mut listening: impl Iterator<Item = &'s SocketAddr>,
    ) -> Option<(IpAddr, Option<u16>)> {
        let path = ["sip", "advertised"];
        if text.is_empty() {
            if listening.any(|s| s.ip().is_unspecified()) {
                self.say(&path, "a line that listens on every address must say which one is its own; write advertised = \"192.0.2.1\"");
            }
            return None;
        }
        if let Ok(socket) = text.parse::<SocketAddr>() {
            return Some((socket.ip(), Some(socket.port())));
        }
        self.parse(&path, text, "an address, as in 192.0.2.1, or address:port").map(|ip| (ip, None))
    }

    fn digest(&mut self, names: &[String]) -> Vec<Algorithm> {
        let known = |name: &String| Algorithm::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name));
        if names.is_empty() {
            self.say(&["sip", "digest"], "no softphone could register; write [\"SHA-256\", \"MD5\"]");
        }
        for name in names.iter().filter(|n| known(n).is_none()) {
            self.say(
                &["sip", "digest"],
                format!("{name:?} is not offered here; write \"SHA-256\", \"SHA-512-256\" or \"MD5\""),
            );
        }
        names.iter().filter_map(known).collect()
    }

    fn codecs(&mut self, path: &[&str], names: &[String]) -> Vec<Codec> {
        if names.is_empty() {
            self.say(path, "nobody could be heard; write [\"PCMA\", \"PCMU\"]");
        }
        let mut codecs = Vec::new();
        for name in names {
            let what = match Codec::from_name(name) {
                None => "is not spoken here",
                Some(codec) if codecs.contains(&codec) => "stands here twice",
                Some(codec) => {
                    codecs.push(codec);
                    continue;
                }
            };
            self.say(
                path,
                format!("{name:?} {what}; write each once of \"PCMA\", \"PCMU\", \"G722\", \"opus\""),
            );
        }
        codecs
    }

    fn ports(&mut self, text: &str) -> Option<(u16, u16)> {
        let path = ["media", "ports"];
        let pair =
            text.split_once('-').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
        let Some((first, last)) = pair else {
            self.say(
                &path,
                format!("{text:?} is no range of ports; write first-last, as in \"20000-29999\""),
            );
            return None;
        };
        if first < 1024 || last < first || last - first + 1 < PORTS_MIN {
            let what = format!(
                "{first}-{last} cannot be used; write a first port from 1024 up and at least {PORTS_MIN} ports"
            );
            self.say(&path, what);
            return None;
        }
        Some((first, last))
    }

    /// A secret from the environment, a key, or a file, in this order.
    fn secret(
        &mut self,
        env: Option<String>,
        (_, key): (&[&str], &str),
        (path, file): (&[&str], &str),
    ) -> Option<Redacted<String>> {
        if let Some(secret) = env.filter(|s| !s.is_empty()) {
            return Some(Redacted::new(secret));
        }
        if !key.is_empty() {
            return Some(Redacted::new(key.to_owned()));
        }
        if file.is_empty() {
            return None;
        }
        match fs::read_to_string(self.source.folder().join(file)) {
            Ok(text) if !text.trim().is_empty() => Some(Redacted::new(text.trim().to_owned())),
            Ok(_) => {
                self.say(path, format!("the file {file} is empty; write the secret into it"));
                None
            }
            Err(e) => {
                self.say(path, format!("the file {file} cannot be read: {e}"));
                None
            }
        }
    }

    fn numbers(&mut self, c: &Config) -> Vec<NumberRule> {
        let mut rules = Vec::new();
        let mut seen = BTreeSet::new();
        for (i, n) in c.number.iter().enumerate() {
            let i = i.to_string();
            let path = |key| ["number", i.as_str(), key];
            let stem = n.dial.strip_suffix('*').unwrap_or(&n.dial);
            if n.dial.is_empty() || stem.contains('*') && !stem.starts_with('*') {
                self.say(
                    &path("dial"),
                    "write what is dialled: \"111\", or a beginning with one star: \"b*\"",
                );
            }
            if !seen.insert(n.dial.as_str()) {
                self.say(
                    &path("dial"),
                    format!("{:?} is there twice; the first one answers, take this one out", n.dial),
                );
            }
            let then = match (n.script.as_str(), n.consultant.as_str()) {
                ("", "") => {
                    self.say(
                        &path("dial"),
                        format!(
                            "nothing answers {:?}; write script = \"111\" or consultant = \"LOGIN\"",
                            n.dial
                        ),
                    );
                    continue;
                }
                (script, "") => Destination::Script(script.to_owned()),
                ("", consultant) => {
                    if consultant.contains('*') && !n.dial.ends_with('*') {
                        self.say(&path("consultant"), "the star stands for nothing: dial has none; write a login, or a star in dial too");
                    }
                    Destination::Consultant(consultant.to_owned())
                }
                _ => {
                    self.say(
                        &path("consultant"),
                        "a script and a consultant cannot both answer; take one out",
                    );
                    continue;
                }
            };
            if let Destination::Script(script) = &then
                && !self.source.folder().join(&c.line.scripts).join(format!("{script}.toml")).is_file()
            {
                self.say(
                    &path("script"),
                    format!("there is no script {script}.toml in {}; write the name of one", c.line.scripts),
                );
            }
            rules.push(NumberRule { dial: n.dial.clone(), then, record: n.record });
        }
        rules
    }

    fn trunks(&mut self, c: &Config, env: Env<'_>) -> Vec<TrunkPlan> {
        let mut plans = Vec::new();
        let mut seen = BTreeSet::new();
        for (i, t) in c.trunk.iter().enumerate() {
            let i = i.to_string();
            let path = |key| ["trunk", i.as_str(), key];
            if t.name.is_empty() || !seen.insert(t.name.as_str()) {
                self.say(
                    &path("name"),
                    format!("{:?} cannot be the name; write one that no other trunk has", t.name),
                );
            }
            let mut sources = Vec::new();
            for source in &t.sources {
                match network(source) {
                    Some(network) => sources.push(network),
                    None => self.say(
                        &path("sources"),
                        format!("{source:?} is no address; write one, as in 192.0.2.10, or a network, as in 192.0.2.0/24"),
                    ),
                }
            }
            if t.sources.is_empty() && t.uri.is_empty() {
                self.say(
                    &path("name"),
                    "the trunk neither brings calls nor takes them; write sources or uri",
                );
            }
            for (key, n) in [
                ("calls_max", t.calls_max),
                ("calls_per_second_max", t.calls_per_second_max),
                ("probes_to_turn", t.probes_to_turn),
                ("silence_s", t.silence_s),
            ] {
                if n == 0 {
                    self.say(
                        &path(key),
                        format!("0 would shut the trunk; write a number from 1 up for {key}"),
                    );
                }
            }
            let target = match t.uri.as_str() {
                "" => None,
                uri => match target(uri) {
                    Ok(target) => Some(target),
                    Err(why) => {
                        self.say(&path("uri"), format!("{uri:?} {why}; write sip:host:port;transport=udp"));
                        None
                    }
                },
            };
            if t.srtp == Security::Require && target.as_ref().is_some_and(|t| !t.place.is_secure()) {
                self.say(
                    &path("srtp"),
                    "keys would be told in signalling that anybody can read; write ;transport=tls in uri, or srtp = \"prefer\"",
                );
            }
            if t.forwards && t.uri.is_empty() {
                self.say(
                    &path("forwards"),
                    "a trunk without uri carries no call out; write uri, or forwards = false",
                );
            }
            if t.probe_s > 0 && t.uri.is_empty() {
                self.say(
                    &path("probe_s"),
                    "a trunk without uri cannot be asked whether it lives; write uri, or probe_s = 0",
                );
            }
            if t.register && (t.uri.is_empty() || t.username.is_empty()) {
                self.say(
                    &path("register"),
                    "the line cannot register without knowing where and as whom; write uri and username",
                );
            }
            if t.register && t.contact_user.is_empty() {
                self.say(&path("contact_user"), "the carrier's calls would dial nothing; write \"111\"");
            }
            let variable = variable_of(&t.name);
            let password = self.secret(
                env(&variable),
                (&path("password"), &t.password),
                (&path("password_file"), &t.password_file),
            );
            let credentials = match (t.username.as_str(), password) {
                ("", None) => None,
                ("", Some(_)) => {
                    self.say(&path("password"), "a password without a name; write username");
                    None
                }
                (_, None) => {
                    self.say(
                        &path("username"),
                        format!("no password for it; write password_file, or set {variable}"),
                    );
                    None
                }
                (user, Some(password)) => {
                    let realm = Some(t.realm.clone()).filter(|realm| !realm.is_empty());
                    Some(Credentials { user: user.to_owned(), password, realm })
                }
            };
            let codecs = self.codecs(&path("codecs"), &t.codecs);
            plans.push(TrunkPlan { table: t.clone(), sources, target, credentials, codecs });
        }
        plans
    }

    fn queues(&mut self, c: &Config) -> Vec<QueueSettings> {
        let mut seen = BTreeSet::new();
        let fallback = [super::Queue::default()];
        let tables = if c.queue.is_empty() { &fallback[..] } else { &c.queue };
        for (i, q) in tables.iter().enumerate() {
            if q.name.is_empty() || !seen.insert(q.name.as_str()) {
                let what = format!("{:?} cannot be the name; write one that no other queue has", q.name);
                self.say(&["queue", &i.to_string(), "name"], what);
            }
        }
        let settings = |q: &super::Queue| QueueSettings {
            name: q.name.clone(),
            ring_s: q.ring_s,
            wrap_up_s: q.wrap_up_s,
            announce_first_s: q.announce_first_s,
            announce_every_s: q.announce_every_s,
            strategy: q.strategy,
            widen_after_s: q.widen_after_s,
        };
        tables.iter().map(settings).collect()
    }

    fn ucc_trunk(&mut self, c: &Config, trunks: &[TrunkPlan]) -> Option<String> {
        let mut out = trunks.iter().filter(|t| !t.table.uri.is_empty());
        match c.line.ucc_trunk.as_str() {
            // Those that say `forwards` are tried by priority: none is named.
            "" if trunks.iter().any(|t| t.table.forwards) => Some(String::new()),
            "" => out.next().map(|t| t.table.name.clone()),
            name if out.any(|t| t.table.name == name) => Some(name.to_owned()),
            name => {
                let known: Vec<&str> = trunks.iter().map(|t| t.table.name.as_str()).collect();
                let what =
                    format!("no trunk with a uri is called {name:?}; write one of: {}", known.join(", "));
                self.say(&["line", "ucc_trunk"], what);
                None
            }
        }
    }
}

/// The variable that holds a trunk's password: `SENIM_TRUNK_CARRIER_PASSWORD`.
fn variable_of(trunk: &str) -> String {
    let name: String =
        trunk.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("SENIM_TRUNK_{name}_PASSWORD")
}

/// `192.0.2.10` or `192.0.2.0/24`.
fn network(text: &str) -> Option<(IpAddr, u8)> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.trim().parse().ok()?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    (prefix <= longest).then_some((address, prefix))
}

/// Reads `sip:host:port;transport=udp`, or `sips:host`.
fn target(uri: &str) -> Result<Target, String> {
    let uri = Uri::parse(uri).map_err(|_| "is no SIP address")?;
    if !matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        return Err("is no SIP address".into());
    }
    if uri.user.is_some() || uri.host.is_empty() {
        return Err("names no host alone".into());
    }
    if uri.params.iter().any(|(name, _)| !name.eq_ignore_ascii_case("transport")) || uri.headers.is_some() {
        return Err("has parameters that are not known here".into());
    }
    let place =
        Place::of(&uri).filter(|d| d.can_be_reached()).ok_or("has a transport that is not known here")?;
    let port = uri.port.map(|port| format!(":{port}")).unwrap_or_default();
    Ok(Target { host: format!("{}{port}", uri.host), place })
}

/// Reads a file as text with a complaint that names it.
///
/// # Errors
/// The operating system's, and bytes that are no text.
pub fn read_text(file: &Path) -> Result<String, Complaint> {
    let complain = |what: String| Complaint { file: file.display().to_string(), line: None, what };
    let bytes = fs::read(file).map_err(|e| complain(format!("cannot be read: {e}")))?;
    String::from_utf8(bytes)
        .map_err(|e| complain(format!("no UTF-8 text at byte {}", e.utf8_error().valid_up_to())))
}
