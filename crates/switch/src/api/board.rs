//! The live board: who waits, who talks, what every consultant does, how well the line does today.

use crate::facts::Doing;
use senim_base::{CallId, ConsultantId, Language, Redacted};
use senim_media::Lamp;
use serde::{Deserialize, Serialize};

/// A picture of the line at one moment.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Board {
    /// Calls in the script.
    pub in_script: u32,
    /// Callers waiting, first the one who is next.
    pub waiting: Vec<WaitingRow>,
    /// Talks.
    pub talking: Vec<TalkingRow>,
    /// Calls forwarded or being forwarded.
    pub forwarded: u32,
    /// Consultants by login.
    pub consultants: Vec<ConsultantRow>,
    /// Our registrations at carriers.
    #[serde(default)]
    pub registrations: Vec<RegistrationRow>,
    /// Trunks by name.
    pub trunks: Vec<TrunkRow>,
    /// Counts since the program started.
    pub totals: Totals,
    /// The media threads.
    #[serde(default)]
    pub media: MediaRow,
    /// The last fact that this picture knows.
    pub seq: u64,
    /// The line takes no new calls.
    pub draining: bool,
}

/// What the media threads do, by their last report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct MediaRow {
    /// How many there are; 0 before the first report.
    pub workers: u32,
    /// Share of its time that the busiest is at work.
    pub busy_per_mille: u32,
    /// How late what is due is done, microseconds on average.
    pub late_us: u64,
    /// How full the fullest ring to the recorder is.
    pub ring_per_mille: u32,
    /// About how many talks they hold in all.
    pub calls_fit: u32,
    /// Why there is no room for another call, if there is none.
    pub full: Option<String>,
}

/// One waiting caller.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WaitingRow {
    /// The call.
    pub call: CallId,
    /// 1 is next.
    pub position: u32,
    /// The caller's language.
    pub language: Language,
    /// What he wants to talk about.
    pub topic: Option<String>,
    /// 0 is urgent.
    pub priority: u8,
    /// Milliseconds since he entered the queue.
    pub waited_ms: u64,
    /// Whose phone rings for him.
    pub ringing: Option<String>,
}

/// One talk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TalkingRow {
    /// The call.
    pub call: CallId,
    /// The consultant's login.
    pub consultant: String,
    /// The caller's language.
    pub language: Language,
    /// Milliseconds since they began.
    pub talked_ms: u64,
    /// The caller hears music.
    pub on_hold: bool,
    /// The call's appeal, printed form.
    pub appeal: Option<String>,
    /// How the caller sounds, and hears.
    #[serde(default)]
    pub caller_sound: SoundRow,
    /// The same of the consultant.
    #[serde(default)]
    pub consultant_sound: SoundRow,
}

/// How one party of a talk sounds: the first figures come after five seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct SoundRow {
    /// The lamp, by the worse way.
    pub lamp: Option<Lamp>,
    /// Mean opinion score of what comes from the party, in hundredths (ITU-T G.107).
    pub mos_x100: Option<u16>,
    /// The same of what goes to it, if it reports that.
    pub peer_mos_x100: Option<u16>,
    /// Its packets that did not come of late.
    pub loss_per_mille: Option<u16>,
    /// Jitter of those that did, microseconds.
    pub jitter_us: Option<u32>,
    /// It should be heard, and is not.
    pub unheard: bool,
    /// It reports that it hears nothing.
    pub hears_nothing: bool,
}

/// One consultant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConsultantRow {
    /// Id.
    pub id: ConsultantId,
    /// What he registers his softphone with.
    pub login: String,
    /// What colleagues call him.
    pub name: Redacted<String>,
    /// What he speaks.
    pub languages: Vec<Language>,
    /// Topics he takes; empty: all.
    pub skills: Vec<String>,
    /// What he does.
    pub doing: Doing,
    /// Milliseconds since that began.
    pub since_ms: u64,
    /// A softphone is registered.
    pub reachable: bool,
}

/// One registration of ours.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RegistrationRow {
    /// The trunk that it is at.
    pub trunk: String,
    /// It stands.
    pub up: bool,
    /// Milliseconds since the carrier granted it last; none while it does not stand.
    pub granted_ms: Option<u64>,
    /// Milliseconds until it ends unless it is refreshed.
    pub expires_ms: Option<u64>,
}

/// One trunk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TrunkRow {
    /// Its name in the configuration.
    pub name: String,
    /// It answers its probes (a trunk that is not probed counts as alive).
    pub alive: bool,
    /// Calls on it now.
    pub calls: u32,
    /// Calls of its that were refused since the program started.
    #[serde(default)]
    pub refused: u64,
}

/// Counts since the program started.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Calls that came in for the line.
    pub arrived: u64,
    /// Answered by the line.
    pub answered: u64,
    /// Asked for a human.
    pub queued: u64,
    /// Talked with a consultant.
    pub served: u64,
    /// Of those, within the service level's time.
    pub served_in_time: u64,
    /// Left while waiting.
    pub abandoned: u64,
    /// Joined to the other centre.
    pub forwarded: u64,
    /// SIP messages of strangers that got silence: their budget was spent.
    #[serde(default)]
    pub sip_silenced: u64,
    /// SIP of strangers that found no room before the switch.
    #[serde(default)]
    pub sip_turned_away: u64,
    /// The same of trunks and registered softphones: the machine is too small.
    #[serde(default)]
    pub sip_turned_away_known: u64,
    /// Passwords that were wrong.
    #[serde(default)]
    pub passwords_wrong: u64,
    /// Passwords that were not looked at, since too many had been wrong.
    #[serde(default)]
    pub passwords_unheard: u64,
    /// Refused (limits, unknown numbers).
    pub refused: u64,
    /// Of those, because there was no time for new calls: the machine is too small.
    #[serde(default)]
    pub refused_crowded: u64,
    /// Of those, because the media threads or the recorder had no room for another call.
    #[serde(default)]
    pub refused_full: u64,
    /// Times that a party was not heard for three seconds, or reported to hear nothing.
    #[serde(default)]
    pub one_way: u64,
    /// Appeals registered.
    pub appeals: u64,
    /// Recordings closed.
    pub recordings: u64,
}

impl Totals {
    /// Service level in per cent of all who asked for a human and are no longer waiting; `None` before the first.
    pub fn service_level(&self) -> Option<u32> {
        let ended = self.served + self.abandoned;
        (ended > 0).then(|| u32::try_from(self.served_in_time * 100 / ended).unwrap_or(100))
    }
}
