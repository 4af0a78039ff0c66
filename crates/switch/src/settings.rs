//! What the line is: its numbers, trunks, queues, scripts and sounds, as the edge read them from the configuration.

use crate::api::TraceMode;
use crate::flood::FloodSettings;
use core::time::Duration;
use senim_base::{ClipId, Language, NumberPlan};
use senim_ivr::Script;
use senim_queue::QueueSettings;
use senim_sdp::{Codec, Security};
use senim_sip::{Credentials, Enrolment, Expiry, Flow, IpNet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// Every prompt that the line itself says, whatever the scripts say: its own and the words of numbers. Each must have
/// sound in every language before the line starts (FEATURES L2).
pub fn own_prompts() -> Vec<String> {
    let mut names = senim_ivr::spoken::vocabulary();
    names.extend(OWN_PROMPTS.map(str::to_owned));
    names
}

const OWN_PROMPTS: [&str; 18] = [
    "appeal_linked",
    "appeal_registered",
    "appeal_unknown",
    "comfort",
    "consult_failed",
    "consultant_ask_appeal",
    "consultant_break",
    "consultant_ready",
    "consultant_refused",
    "consultant_signed_in",
    "consultant_signed_out",
    "feature_unknown",
    "music",
    "tone.ring",
    "transfer_back",
    "transfer_failed",
    "ucc_failed",
    "ucc_notice",
];

/// Everything that the switch is told once, at start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Shown in facts: the program's version.
    pub version: String,
    /// Minutes east of Greenwich; decides the year of an appeal number. Kazakhstan: 300.
    pub utc_offset_minutes: i32,
    /// What may be dialled, first match wins.
    pub numbers: Vec<NumberRule>,
    /// Trunks.
    pub trunks: Vec<TrunkSettings>,
    /// Our own registrations at carriers.
    pub registrations: Vec<RegistrationSettings>,
    /// How long softphones may register for.
    pub register_expiry: Expiry,
    /// How often registered softphones are asked whether they live; `None`: never.
    pub softphone_probe: Option<Duration>,
    /// Queues.
    pub queues: Vec<QueueSettings>,
    /// Waiting that one step of priority is worth in a queue, seconds; 0: priority goes before any waiting.
    pub priority_worth_s: u32,
    /// Scripts by name.
    pub scripts: BTreeMap<String, Arc<Script>>,
    /// Sounds by name.
    pub catalogue: Catalogue,
    /// Where forwards go, by the name that scripts and feature codes use (`ucc`).
    pub forwards: BTreeMap<String, ForwardSettings>,
    /// Sound packets.
    pub media: MediaSettings,
    /// The number of a caller who withholds it is kept all the same, for the authorised body (FEATURES T4).
    pub keep_restricted: bool,
    /// What consultants' softphones show of a caller's number.
    pub show_number: ShowNumber,
    /// Feature codes of consultants.
    pub features: Features,
    /// Whoever calls again and again hears a short script; `None`: nobody does.
    pub flood: Option<FloodSettings>,
    /// The script that answers a caller who is blocked.
    pub blocked_script: String,
    /// A caller served within this time counts for the service level.
    pub service_level: Duration,
    /// How much of each SIP message the trace keeps.
    pub trace: TraceMode,
    /// A registered softphone that gives no sign of life to an INVITE within this time is unreachable.
    pub progress_max: Duration,
}

/// What happens to a dialled number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberRule {
    /// `111`, or a prefix pattern `b*`.
    pub dial: String,
    /// What answers it.
    pub then: Destination,
    /// The talk is recorded. Only numbers for measuring and training may say no.
    pub record: bool,
}

/// What answers a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The script of this name.
    Script(String),
    /// One consultant: `c*` takes what the pattern's star stood for.
    Consultant(String),
}

impl NumberRule {
    /// What the pattern's star stands for, if `dialled` fits (empty for an exact number).
    pub fn matches<'a>(&self, dialled: &'a str) -> Option<&'a str> {
        match self.dial.strip_suffix('*') {
            Some(prefix) => dialled.strip_prefix(prefix),
            None => (self.dial == dialled).then_some(""),
        }
    }
}

/// One trunk.
#[derive(Clone, Debug)]
pub struct TrunkSettings {
    /// Its name in facts and on the board.
    pub name: String,
    /// Where calls go out to, and probes, in order of preference, [`TARGETS_MAX`](crate::TARGETS_MAX) at most; none for
    /// a trunk that only brings calls. [`Input::Targets`](crate::Input::Targets) replaces them.
    pub targets: Vec<Flow>,
    /// Host part for the Request-URI of outgoing calls, `host` or `host:port`.
    pub host: String,
    /// How the carrier writes numbers.
    pub plan: NumberPlan,
    /// It may carry a forward when the trunk that is named for it cannot.
    pub forwards: bool,
    /// Among trunks that may: the lowest number goes first.
    pub priority: u16,
    /// Share of the calls among trunks of one priority; one with 0 is drawn only when all are 0.
    pub weight: u16,
    /// Who calls, toward it.
    pub identity: OutIdentity,
    /// Live calls at most; more get 503.
    pub calls_max: u32,
    /// New calls a second at most; more get 503.
    pub calls_per_second_max: u32,
    /// How often it is probed with OPTIONS; `None`: never, and it counts as alive.
    pub probe_every: Option<Duration>,
    /// How many probes must fail in a row to take it out, and succeed to bring it back.
    pub probes_to_turn: u32,
    /// An INVITE that got no answer at all for so long goes by the next way.
    pub silence_max: Duration,
    /// Whether its sound is encrypted; when it must be, its signalling must be, too (FEATURES T9).
    pub srtp: Security,
    /// What it may speak, the best first.
    pub codecs: Vec<Codec>,
    /// Answers to its challenges.
    pub credentials: Option<Credentials>,
}

/// What consultants' softphones show of a caller's number. One that is withheld is never shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShowNumber {
    /// All of it.
    Full,
    /// Its country and its last four digits.
    Masked,
    /// Nothing: the call's own name is shown.
    #[default]
    Hidden,
}

/// Who calls, as a trunk is told of a call that goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutIdentity {
    /// The line itself: 111.
    #[default]
    Own,
    /// The caller, unless he withholds his number, diverted by the line.
    Caller,
}

/// A registration of ours at a carrier, begun at the start and kept up.
#[derive(Clone, Debug)]
pub struct RegistrationSettings {
    /// The trunk it belongs to.
    pub trunk: String,
    /// Where, as whom, for how long.
    pub enrolment: Enrolment,
}

/// Where a forward goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardSettings {
    /// The trunk that is tried first; empty: those that may carry forwards, by their priority.
    pub trunk: String,
    /// What is dialled there: `1414`.
    pub number: String,
    /// How long it may ring.
    pub ring: Duration,
}

/// Sound packets.
#[derive(Clone, Debug)]
pub struct MediaSettings {
    /// What SDP says where to send to.
    pub address: IpAddr,
    /// The same for peers of IPv6; `None`: there is no sound over IPv6.
    pub address6: Option<IpAddr>,
    /// What it says to peers of certain networks, before all others; the first that fits.
    pub networks: Vec<(Vec<IpNet>, IpAddr)>,
    /// First and last RTP port; the even ones are used, the odd ones are for RTCP.
    pub ports: (u16, u16),
    /// Whether the sound of softphones is encrypted; when it must be, their signalling must be, too.
    pub softphone_srtp: Security,
    /// What softphones may speak, the best first.
    pub softphone_codecs: Vec<Codec>,
    /// A caller from whom no packet comes for so long is gone.
    pub caller_inactivity: Duration,
    /// A consultant from whom no packet comes for so long has lost his softphone.
    pub consultant_inactivity: Duration,
}

impl MediaSettings {
    /// What SDP says to a peer whose signalling comes from this address.
    pub fn address_for(&self, peer: IpAddr) -> IpAddr {
        let of_network = |(nets, _): &&(Vec<IpNet>, IpAddr)| nets.iter().any(|net| net.contains(peer));
        if let Some((_, address)) = self.networks.iter().find(of_network) {
            return *address;
        }
        self.address6.filter(|_| peer.to_canonical().is_ipv6()).unwrap_or(self.address)
    }
}

/// Codes a consultant dials, or keys while talking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Features {
    /// Starts work.
    pub sign_in: String,
    /// Ends work.
    pub sign_out: String,
    /// Takes a break.
    pub take_break: String,
    /// Ends a break or the wrap-up.
    pub ready: String,
    /// Sends the caller to the Unified Contact Centre.
    pub forward: String,
    /// Asks somebody while the caller waits: his number and `#` follow. Without a number it gives the caller to him.
    pub transfer: String,
    /// Brings the caller, the consultant and the one whom he asked together; again: not any more.
    pub conference: String,
    /// Back to the caller: whom he asked is let go.
    pub take_back: String,
    /// Registers a new appeal.
    pub appeal_new: String,
    /// Links to a known appeal: its 11 digits follow.
    pub appeal_link: String,
}

impl Default for Features {
    fn default() -> Self {
        Features {
            sign_in: "*10".into(),
            sign_out: "*11".into(),
            take_break: "*12".into(),
            ready: "*13".into(),
            forward: "*14".into(),
            transfer: "*15".into(),
            conference: "*16".into(),
            take_back: "*17".into(),
            appeal_new: "*20".into(),
            appeal_link: "*21".into(),
        }
    }
}

/// Sounds by name: which clip a name means in a language. Names common to both have no language.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    clips: BTreeMap<(Option<Language>, String), ClipId>,
}

impl Catalogue {
    /// Adds a name.
    pub fn add(&mut self, language: Option<Language>, name: &str, clip: ClipId) {
        self.clips.insert((language, name.to_owned()), clip);
    }

    /// The clip of a name in a language, or the one common to both.
    pub fn find(&self, language: Language, name: &str) -> Option<ClipId> {
        let own = (Some(language), name.to_owned());
        self.clips.get(&own).or_else(|| self.clips.get(&(None, own.1))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sound_is_asked_for_at_the_address_of_the_peers_network_and_family() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let mut media = MediaSettings {
            address: ip("192.0.2.1"),
            address6: None,
            softphone_srtp: Security::Refuse,
            softphone_codecs: vec![Codec::Pcma],
            networks: vec![(vec!["10.0.0.0/8".parse().unwrap()], ip("10.0.0.1"))],
            ports: (20_000, 20_100),
            caller_inactivity: Duration::ZERO,
            consultant_inactivity: Duration::ZERO,
        };
        assert_eq!(media.address_for(ip("10.1.2.3")), ip("10.0.0.1"));
        assert_eq!(media.address_for(ip("198.51.100.7")), ip("192.0.2.1"));
        assert_eq!(media.address_for(ip("2001:db8::7")), ip("192.0.2.1"));
        media.address6 = Some(ip("2001:db8::1"));
        assert_eq!(media.address_for(ip("2001:db8::7")), ip("2001:db8::1"));
        assert_eq!(media.address_for(ip("198.51.100.7")), ip("192.0.2.1"));
    }

    #[test]
    fn a_pattern_tells_what_its_star_stands_for() {
        let rule = |dial: &str| NumberRule {
            dial: dial.into(),
            then: Destination::Consultant("c*".into()),
            record: true,
        };
        assert_eq!(rule("111").matches("111"), Some(""));
        assert_eq!(rule("111").matches("1111"), None);
        assert_eq!(rule("b*").matches("b0001"), Some("0001"));
        assert_eq!(rule("b*").matches("c0001"), None);
    }
}
