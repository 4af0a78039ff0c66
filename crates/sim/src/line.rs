//! The line of a world: the shipped scripts, prompts that are tones (so that ears can tell them apart), one queue, one
//! carrier, the Unified Contact Centre.

use crate::world::{BACKUP, CARRIER, CENTRE, LINE};
use core::time::Duration;
use senim_audio::{Bank, Coding, tone};
use senim_base::{Language, NumberPlan};
use senim_ivr::{Script, World};
use senim_queue::QueueSettings;
use senim_sdp::{Codec, Security};
use senim_sip::{Expiry, Flow, IpNet, Transport, TrunkSource};
use senim_switch::{
    Catalogue, Destination, Features, FloodSettings, ForwardSettings, MediaSettings, NumberRule, OutIdentity,
    RegistrationSettings, Settings, ShowNumber, TrunkSettings,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// The tone of the music, in hertz.
pub const MUSIC_HZ: f32 = 1_900.0;

/// A line's configuration.
#[derive(Clone, Debug)]
pub struct LineConfig {
    /// Realm of the consultants' passwords.
    pub realm: String,
    /// The queue.
    pub queue: QueueSettings,
    /// Calls the carrier may bring at once, and a second.
    pub calls_max: (u32, u32),
    /// So many answered calls of one caller within ten minutes, and the next one is short.
    pub flood_calls: Option<u32>,
    /// A second trunk leads to the Unified Contact Centre, for when the first one cannot.
    pub backup: bool,
    /// How often trunks are probed.
    pub probe_every: Option<Duration>,
    /// Prompts last so long.
    pub prompt: Duration,
    /// How much of what they hear phones keep.
    pub keep_heard: Duration,
    /// Registrations of the line at carriers.
    pub registrations: Vec<RegistrationSettings>,
    /// How often softphones are asked whether they live.
    pub softphone_probe: Option<Duration>,
    /// Numbers of callers who withhold them are kept.
    pub keep_restricted: bool,
    /// What trunks, and what softphones may speak, the best first.
    pub codecs: (Vec<Codec>, Vec<Codec>),
    /// The longest time without a packet from a caller, and from a consultant.
    pub inactivity: (Duration, Duration),
}

impl LineConfig {
    /// The line as it is shipped.
    pub fn shipped() -> Self {
        LineConfig {
            realm: "senim".into(),
            queue: QueueSettings::default(),
            calls_max: (500, 100),
            flood_calls: None,
            backup: false,
            probe_every: None,
            prompt: Duration::from_millis(1_500),
            keep_heard: Duration::ZERO,
            registrations: Vec::new(),
            softphone_probe: None,
            keep_restricted: true,
            codecs: (vec![Codec::Pcma, Codec::Pcmu], vec![Codec::Pcma, Codec::Pcmu]),
            inactivity: (Duration::from_secs(60), Duration::from_secs(8)),
        }
    }

    /// The same for a story that listens: everything heard is kept, prompts are short.
    pub fn story() -> Self {
        LineConfig {
            prompt: Duration::from_millis(400),
            keep_heard: Duration::from_secs(600),
            ..LineConfig::shipped()
        }
    }

    /// Every sound the line may make.
    pub(crate) fn bank(&self) -> Arc<Bank> {
        let spoken: Vec<Coding> = [&self.codecs.0, &self.codecs.1]
            .into_iter()
            .flatten()
            .map(|codec| Coding::of_number(codec.payload_type()))
            .collect();
        let mut bank = Bank::speaking(&spoken);
        let ms = u32::try_from(self.prompt.as_millis()).unwrap_or(u32::MAX);
        for (n, name) in prompt_names().iter().enumerate() {
            for language in Language::ALL {
                bank.add(Some(language), name, &tone::sine(tone_of(n, language), -10.0, ms));
            }
        }
        bank.add(None, "music", &tone::sine(MUSIC_HZ, -10.0, 1_000));
        Arc::new(bank)
    }

    pub(crate) fn settings(&self, bank: &Bank) -> Arc<Settings> {
        let mut catalogue = Catalogue::default();
        for (language, name, clip) in bank.names() {
            catalogue.add(language, name, clip);
        }
        let number = |dial: &str, then| NumberRule { dial: dial.into(), then, record: true };
        let flow = |remote| {
            let local = SocketAddr::new(LINE, 5060);
            Some(Flow { transport: Transport::Udp, local, remote, connection: 0 })
        };
        let trunk = |name: &str, flow: Option<Flow>, host: &str| TrunkSettings {
            name: name.into(),
            targets: flow.into_iter().collect(),
            host: host.into(),
            plan: NumberPlan::default(),
            forwards: false,
            identity: OutIdentity::Own,
            priority: 10,
            weight: 10,
            calls_max: self.calls_max.0,
            calls_per_second_max: self.calls_max.1,
            probe_every: self.probe_every.filter(|_| flow.is_some()),
            probes_to_turn: 3,
            silence_max: Duration::from_secs(4),
            srtp: Security::Refuse,
            codecs: self.codecs.0.clone(),
            credentials: None,
        };
        let mut trunks = vec![
            trunk("carrier", None, ""),
            trunk("ucc", flow(SocketAddr::new(CENTRE, 5060)), "10.3.0.1:5060"),
        ];
        if self.backup {
            let backup = trunk("backup", flow(SocketAddr::new(BACKUP, 5060)), "10.3.0.2:5060");
            trunks.push(TrunkSettings { forwards: true, identity: OutIdentity::Caller, ..backup });
        }
        let ucc =
            ForwardSettings { trunk: "ucc".into(), number: "1414".into(), ring: Duration::from_secs(30) };
        Arc::new(Settings {
            version: "sim".into(),
            utc_offset_minutes: 300,
            numbers: vec![
                number("111", Destination::Script("111".into())),
                number("7*", Destination::Consultant("*".into())),
            ],
            trunks,
            registrations: self.registrations.clone(),
            register_expiry: Expiry::default(),
            softphone_probe: self.softphone_probe,
            queues: vec![self.queue.clone()],
            priority_worth_s: 60,
            scripts: scripts().map(|s| (s.name().to_owned(), Arc::new(s))).into(),
            catalogue,
            forwards: BTreeMap::from([("ucc".to_owned(), ucc)]),
            media: MediaSettings {
                address: LINE,
                softphone_srtp: Security::Refuse,
                softphone_codecs: self.codecs.1.clone(),
                address6: None,
                networks: Vec::new(),
                ports: (20_000, 39_999),
                caller_inactivity: self.inactivity.0,
                consultant_inactivity: self.inactivity.1,
            },
            keep_restricted: self.keep_restricted,
            trace: senim_switch::api::TraceMode::Redacted,
            show_number: ShowNumber::Hidden,
            flood: self.flood_calls.map(|calls| FloodSettings {
                calls,
                window: Duration::from_secs(600),
                script: "still_here".into(),
            }),
            blocked_script: "blocked".into(),
            features: Features::default(),
            service_level: Duration::from_secs(20),
            progress_max: Duration::from_secs(4),
        })
    }

    pub(crate) fn sip(&self) -> senim_sip::Settings {
        let source = |name: &str, ip: IpAddr, prefix| TrunkSource {
            name: name.into(),
            sources: vec![IpNet { addr: ip, prefix }],
            tls_only: false,
        };
        let [a, b] = CARRIER;
        senim_sip::Settings {
            user_agent: "Senim".into(),
            trunks: vec![
                source("carrier", IpAddr::V4(Ipv4Addr::new(a, b, 0, 0)), 16),
                source("ucc", CENTRE, 32),
            ],
            ..senim_sip::Settings::of_realm(&self.realm)
        }
    }
}

/// The tone that stands for a prompt, in hertz; `None` when the line has no such prompt.
pub fn prompt_hz(language: Language, name: &str) -> Option<f32> {
    let n = prompt_names().iter().position(|p| p == name)?;
    Some(tone_of(n, language))
}

/// 500 Hz and up in Kazakh, 400 Hz more in Russian, below the music; neighbours in the list are far apart in tone.
fn tone_of(n: usize, language: Language) -> f32 {
    let hz = 500.0 + 4.0 * (n * 37 % 200) as f32;
    if language == Language::Russian { hz + 400.0 } else { hz }
}

/// The shipped scripts of the line.
pub fn script_files() -> [(&'static str, &'static str); 3] {
    [
        ("111.toml", include_str!("../../../ivr-scripts/111.toml")),
        ("still_here.toml", include_str!("../../../ivr-scripts/still_here.toml")),
        ("blocked.toml", include_str!("../../../ivr-scripts/blocked.toml")),
    ]
}

#[allow(clippy::panic)] // a shipped script that is not proven is a fault of the build, found by its own tests
fn scripts() -> [Script; 3] {
    script_files().map(|(file, text)| {
        Script::read(file, text, &World::unknown()).unwrap_or_else(|defects| panic!("{defects:?}"))
    })
}

/// Names of prompts that the script and the rooms may say.
fn prompt_names() -> Vec<String> {
    let mut names = senim_switch::own_prompts();
    names.retain(|n| !matches!(n.as_str(), "music" | "tone.ring"));
    names.extend(["registered", "in_work", "forwarded", "answered", "closed"].map(|s| format!("status_{s}")));
    for script in scripts() {
        names.extend(script.prompts().into_iter().map(str::to_owned));
    }
    names.sort();
    names.dedup();
    names
}
