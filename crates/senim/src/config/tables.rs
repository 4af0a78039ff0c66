//! Every key of the configuration with its default. `config/senim.toml` shows the same, with units and why; a test
//! holds the two together.

use senim_base::NumberPlan;
use senim_queue::Strategy;
use senim_sdp::Security;
use senim_switch::api::TraceMode;
use senim_switch::{Features, OutIdentity, ShowNumber};
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The line itself.
    pub line: Line,
    /// Signalling.
    pub sip: Sip,
    /// Sound packets.
    pub media: Media,
    /// The data folder.
    pub data: Data,
    /// Recordings.
    pub recording: Recording,
    /// The HTTP interface.
    pub web: Web,
    /// What may be dialled; the first that fits answers.
    pub number: Vec<Number>,
    /// Carriers and other centres.
    pub trunk: Vec<Trunk>,
    /// What peers are told by their addresses; the first that fits.
    pub network: Vec<Network>,
    /// Queues of callers; none: one queue `main` with the defaults.
    pub queue: Vec<Queue>,
}

/// `[line]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Line {
    /// Folder of the scripts; `111.toml` in it is the script `111`.
    pub scripts: String,
    /// Folder of the recorded prompts; empty: `prompts/audio` within the folder of the scripts.
    pub prompts: String,
    /// The trunk to the Unified Contact Centre; empty: the first trunk with a uri.
    pub ucc_trunk: String,
    /// What is dialled there.
    pub ucc_number: String,
    /// How long it may ring, seconds.
    pub ucc_ring_s: u32,
    /// Local time, minutes east of Greenwich.
    pub utc_offset_minutes: i32,
    /// The number of a caller who withholds it is kept all the same, for the authorised body.
    pub keep_restricted: bool,
    /// What softphones show of a caller's number: `full`, `masked`, `hidden`; never of one that is withheld.
    pub show_number: ShowNumber,
    /// A softphone that gives no sign of life so long after an INVITE is unreachable, seconds.
    pub softphone_silence_s: u32,
    /// After so many answered calls of one caller within the window he hears the short script; 0: never.
    pub flood_calls: u32,
    /// The window, seconds.
    pub flood_window_s: u32,
    /// Seconds of waiting that one step of priority is worth in a queue; 0: priority goes before any waiting.
    pub priority_worth_s: u32,
    /// The short script.
    pub flood_script: String,
    /// The script that answers a caller who is blocked.
    pub blocked_script: String,
    /// How long live calls may go on after SIGTERM, seconds.
    pub grace_s: u32,
    /// A line for measuring programs: it need not answer 111.
    pub measuring: bool,
    /// What consultants dial, or key while they talk.
    pub features: Features,
}

/// `[sip]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sip {
    /// Where datagrams are taken, `address:port`.
    pub udp: Vec<String>,
    /// Where connections are taken, `address:port`.
    pub tcp: Vec<String>,
    /// Where connections under TLS are taken, `address:port`.
    pub tls: Vec<String>,
    /// Where WebSockets are taken, `address:port`.
    pub ws: Vec<String>,
    /// Where WebSockets under TLS are taken, `address:port`.
    pub wss: Vec<String>,
    /// Files of certificates, PEM; the first that bears the name that a client asks for is shown.
    pub certificate: Vec<String>,
    /// Files of their keys, PEM, in the same order.
    pub key: Vec<String>,
    /// File of the authorities that sign for peers we connect to, PEM; empty: none can be connected to by TLS.
    pub tls_ca: String,
    /// File of the authorities that sign for clients, PEM; empty: no client is asked for a certificate.
    pub client_ca: String,
    /// The path of WebSockets.
    pub ws_path: String,
    /// The pages that may open WebSockets, as their browsers say; none: nobody may.
    pub ws_origins: Vec<String>,
    /// Who is asked for names, `address` or `address:port`; none: whom the system asks.
    pub nameservers: Vec<String>,
    /// The realm of the consultants' passwords. Changing it makes all of them invalid.
    pub realm: String,
    /// What Via and Contact say, `address` or `address:port`; empty: the address that is listened on.
    pub advertised: String,
    /// What User-Agent and Server say.
    pub user_agent: String,
    /// How long a talk stands without either side saying that it lives, seconds (RFC 4028); 0: asked for by peers only.
    pub session_expires_s: u32,
    /// The shortest such time that a peer may ask for, seconds; 90 or more.
    pub session_min_s: u32,
    /// Password algorithms offered to softphones, the first first: SHA-256, SHA-512-256, MD5.
    pub digest: Vec<String>,
    /// How much of each message is kept in memory for `senim sip trace`: off, redacted, full.
    pub trace: TraceMode,
    /// A softphone that wants to register for less is told this, seconds.
    pub register_min_s: u32,
    /// A softphone that wants to register for longer, or does not say, gets this, seconds.
    pub register_max_s: u32,
    /// How often registered softphones are asked whether they live, seconds; 0: never. Two silences, and one is gone.
    pub softphone_probe_s: u32,
}

/// `[media]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Media {
    /// The address that sound packets are taken on.
    pub bind: String,
    /// The same for IPv6; empty: there is no sound over IPv6.
    pub bind6: String,
    /// What SDP says where to send sound to; empty: `bind`.
    pub advertised: String,
    /// First and last port, `first-last`: a call takes two pairs of them.
    pub ports: String,
    /// Threads; 0: one a core.
    pub workers: u32,
    /// Each thread for sound keeps to a core of its own.
    pub pin: bool,
    /// Whether the sound of softphones is encrypted: `prefer`, `require`, `refuse`.
    pub softphone_srtp: Security,
    /// What softphones may speak, the best first. What their caller speaks is offered before all.
    pub softphone_codecs: Vec<String>,
    /// A caller from whom nothing is heard so long is gone, seconds; 0: never.
    pub caller_inactivity_s: u32,
    /// A consultant from whom nothing is heard so long has lost his softphone, seconds; 0: never.
    pub consultant_inactivity_s: u32,
}

/// `[data]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Where everything that is kept is kept.
    pub folder: String,
    /// A file of consultants, imported when nobody is known yet; empty: none.
    pub seed: String,
}

/// `[recording]`. Every answered talk is recorded; only a number for measuring may say otherwise.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recording {
    /// Where recordings are kept; empty: `recordings` in the data folder.
    pub folder: String,
    /// The key that seals all recordings; empty: `master.key` in the data folder, made at the first start.
    pub master_key_file: String,
}

/// `[web]`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Web {
    /// Where HTTP is served, `address:port`; empty: not at all.
    pub listen: String,
    /// What a client must show as its bearer token; empty: see `token_file`.
    pub token: String,
    /// A file with the token; empty and no token: only health and metrics are served.
    pub token_file: String,
}

/// `[[number]]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Number {
    /// What is dialled: `111`, or a prefix with a star: `b*`.
    pub dial: String,
    /// The script that answers; empty when a consultant does.
    pub script: String,
    /// The login of the consultant who answers; its star is what the star of `dial` stood for.
    pub consultant: String,
    /// Talks are recorded. Only numbers for measuring may say no.
    pub record: bool,
}

/// `[[trunk]]`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trunk {
    /// Its name in records and on the board.
    pub name: String,
    /// Addresses that calls may come from: `192.0.2.10`, or a network: `192.0.2.0/24`.
    pub sources: Vec<String>,
    /// Where calls go out to: `sip:host:port;transport=udp`; empty: it only brings calls.
    pub uri: String,
    /// It may carry forwards when the trunk that is named for them cannot.
    pub forwards: bool,
    /// Among trunks that may carry forwards: the lowest number goes first.
    pub priority: u16,
    /// Share of the forwards among trunks of one priority.
    pub weight: u16,
    /// Who calls, as it is told: `own` (111), or `caller` (his number, unless he withholds it).
    pub identity: OutIdentity,
    /// Its calls are taken over TLS alone.
    pub tls_only: bool,
    /// The name that its certificate must bear, either way; empty: the host of `uri`, and none for calls that it brings.
    pub tls_name: String,
    /// Live calls at most; more get 503.
    pub calls_max: u32,
    /// New calls a second at most; more get 503.
    pub calls_per_second_max: u32,
    /// How often it is asked whether it lives, seconds; 0: never.
    pub probe_s: u32,
    /// So many answers must be missing in a row to take it out, and come to bring it back.
    pub probes_to_turn: u32,
    /// An address that gives no sign of life so long after an INVITE is passed over for the next, seconds.
    pub silence_s: u32,
    /// Whether its sound is encrypted: `prefer`, `require`, `refuse`.
    pub srtp: Security,
    /// What it may speak, the best first.
    pub codecs: Vec<String>,
    /// The name it knows us by; empty: it does not ask.
    pub username: String,
    /// The password for it; better in `password_file`.
    pub password: String,
    /// A file with the password.
    pub password_file: String,
    /// The realm that the password is for; empty: whatever realm it asks in.
    pub realm: String,
    /// The line registers there, from the start on, and takes it back at the end.
    pub register: bool,
    /// How long to register for, seconds; what is granted counts.
    pub register_expires_s: u32,
    /// What calls of a carrier that the line is registered at dial.
    pub contact_user: String,
    /// How it writes numbers.
    pub number_plan: NumberPlan,
}

/// `[[network]]`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Its name, for whoever reads the file.
    pub name: String,
    /// Addresses of its peers: `10.0.0.0/8`.
    pub cidr: Vec<String>,
    /// What Via and Contact say to them, `address` or `address:port`; empty: as for everybody.
    pub advertised: String,
    /// What SDP says to them where to send sound to; empty: as for everybody.
    pub media_advertised: String,
}

/// `[[queue]]`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// Its name in scripts.
    pub name: String,
    /// How long a consultant's softphone rings, seconds.
    pub ring_s: u32,
    /// Time after a talk before the next one, seconds.
    pub wrap_up_s: u32,
    /// After how long a caller first hears his place, seconds.
    pub announce_first_s: u32,
    /// How often he hears it again, seconds; 0: never.
    pub announce_every_s: u32,
    /// Which free consultant gets the next caller.
    pub strategy: Strategy,
    /// For how long a caller goes only to those whose first language is his, seconds; 0: to all who speak it at once.
    pub widen_after_s: u32,
    /// A caller who is served within so long counts for the service level, seconds.
    pub service_level_s: u32,
}

impl Default for Line {
    fn default() -> Self {
        Line {
            scripts: "../ivr-scripts".into(),
            prompts: String::new(),
            ucc_trunk: String::new(),
            ucc_number: "1414".into(),
            ucc_ring_s: 30,
            utc_offset_minutes: 300,
            softphone_silence_s: 3,
            flood_calls: 10,
            flood_window_s: 600,
            priority_worth_s: 60,
            flood_script: "still_here".into(),
            blocked_script: "blocked".into(),
            grace_s: 30,
            measuring: false,
            keep_restricted: true,
            show_number: ShowNumber::Hidden,
            features: Features::default(),
        }
    }
}

impl Default for Sip {
    fn default() -> Self {
        Sip {
            udp: vec!["127.0.0.1:5060".into()],
            tcp: vec!["127.0.0.1:5060".into()],
            tls: Vec::new(),
            ws: Vec::new(),
            wss: Vec::new(),
            certificate: Vec::new(),
            key: Vec::new(),
            tls_ca: String::new(),
            client_ca: String::new(),
            ws_path: "/".into(),
            ws_origins: Vec::new(),
            nameservers: Vec::new(),
            realm: "senim".into(),
            advertised: String::new(),
            user_agent: "Senim".into(),
            session_expires_s: 1_800,
            session_min_s: 90,
            digest: vec!["SHA-256".into(), "MD5".into()],
            trace: TraceMode::Redacted,
            register_min_s: 30,
            register_max_s: 3_600,
            softphone_probe_s: 0,
        }
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Default for Media {
    fn default() -> Self {
        Media {
            bind: "127.0.0.1".into(),
            bind6: String::new(),
            advertised: String::new(),
            ports: "20000-29999".into(),
            workers: 0,
            pin: false,
            softphone_srtp: Security::Prefer,
            softphone_codecs: names(&["PCMA", "PCMU", "G722", "opus"]),
            caller_inactivity_s: 60,
            consultant_inactivity_s: 8,
        }
    }
}

impl Default for Data {
    fn default() -> Self {
        Data { folder: "../data".into(), seed: String::new() }
    }
}

impl Default for Web {
    fn default() -> Self {
        Web { listen: "127.0.0.1:8111".into(), token: String::new(), token_file: String::new() }
    }
}

impl Default for Number {
    fn default() -> Self {
        Number { dial: String::new(), script: String::new(), consultant: String::new(), record: true }
    }
}

impl Default for Trunk {
    fn default() -> Self {
        Trunk {
            name: String::new(),
            sources: Vec::new(),
            uri: String::new(),
            forwards: false,
            priority: 10,
            weight: 10,
            identity: OutIdentity::Own,
            tls_only: false,
            tls_name: String::new(),
            calls_max: 500,
            calls_per_second_max: 50,
            probe_s: 0,
            probes_to_turn: 3,
            silence_s: 3,
            srtp: Security::Prefer,
            codecs: names(&["PCMA", "PCMU"]),
            username: String::new(),
            password: String::new(),
            password_file: String::new(),
            realm: String::new(),
            register: false,
            register_expires_s: 600,
            contact_user: "111".into(),
            number_plan: NumberPlan::default(),
        }
    }
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            name: "main".into(),
            ring_s: 20,
            wrap_up_s: 30,
            announce_first_s: 10,
            announce_every_s: 30,
            strategy: Strategy::LongestIdle,
            widen_after_s: 0,
            service_level_s: 20,
        }
    }
}

/// A secret prints whether it is there, no more.
fn masked(secret: &str) -> &'static str {
    if secret.is_empty() { "" } else { "***" }
}

impl core::fmt::Debug for Web {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut s = f.debug_struct("Web");
        s.field("listen", &self.listen).field("token", &masked(&self.token));
        s.field("token_file", &self.token_file).finish()
    }
}

impl core::fmt::Debug for Trunk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut s = f.debug_struct("Trunk");
        s.field("name", &self.name).field("sources", &self.sources).field("uri", &self.uri);
        s.field("calls_max", &self.calls_max).field("password", &masked(&self.password));
        s.finish_non_exhaustive()
    }
}
