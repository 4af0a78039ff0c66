//! What the switch may ask of a session.

use crate::{StreamConfig, StreamKeys};
use core::time::Duration;
use senim_base::{ClipId, LegId, PlayId, RecordingId, TrackId};
use senim_rtp::Digit;

/// An order. One for a leg that is not there is ignored (it may have closed meanwhile), but every play that was
/// ordered ends with an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Makes a leg. The edge has bound `port` for RTP and the next one for RTCP.
    Open {
        /// The leg.
        leg: LegId,
        /// Its RTP port.
        port: u16,
        /// The sockets are of IPv6, where the edge has an address of both families.
        ipv6: bool,
    },
    /// Tells how the leg's stream runs: at the answer, and again at each re-INVITE. A new remote address is honoured at
    /// once; sequence numbers, timestamps and SSRC go on.
    Configure {
        /// The leg.
        leg: LegId,
        /// What was agreed.
        stream: StreamConfig,
    },
    /// How the leg's packets are protected from now on; before the `Configure` of the same answer. The same keys again
    /// change nothing; what is not under them is neither heard nor learned from.
    Secure {
        /// The leg.
        leg: LegId,
        /// The keys; `None`: packets go in the clear.
        keys: Option<StreamKeys>,
    },
    /// Plays clips one after the other, in place of what the leg hears now. Ends with `PlayEnded` when the last
    /// sample went out, or at once when something else takes its place.
    Play {
        /// The leg.
        leg: LegId,
        /// Names this playing.
        play: PlayId,
        /// What to play.
        clips: Vec<ClipId>,
        /// From the beginning again, for ever.
        repeat: bool,
    },
    /// Stops what the leg hears; nothing is sent to it.
    Silence {
        /// The leg.
        leg: LegId,
    },
    /// Each hears the other, in place of what it heard.
    Bridge {
        /// One leg.
        a: LegId,
        /// The other.
        b: LegId,
    },
    /// One ear only: `leg` hears `from`.
    Hear {
        /// The ear.
        leg: LegId,
        /// The mouth.
        from: LegId,
    },
    /// Who hears whom: a row of the matrix for each ear, in place of what it heard. An ear with one mouth hears it as
    /// by `Hear`, with none it hears nothing; with several it hears their sum. An ear that stands in its own row does
    /// not hear itself. A conference is each with all others; who listens is in no row but his own; who whispers is
    /// in the row of one.
    Mix {
        /// Ear and mouths.
        rows: Vec<(LegId, Vec<LegId>)>,
    },
    /// What this leg says goes to a track, as received.
    Record {
        /// The leg.
        leg: LegId,
        /// The recording.
        recording: RecordingId,
        /// Its track.
        track: TrackId,
    },
    /// What is played to this leg (prompts, music; not other legs) goes to a track.
    RecordHeard {
        /// The leg.
        leg: LegId,
        /// The recording.
        recording: RecordingId,
        /// Its track.
        track: TrackId,
    },
    /// Ends a recording on all legs; `TapEnd` follows its last frame.
    StopRecording {
        /// The recording.
        recording: RecordingId,
    },
    /// Sends keys to the leg.
    SendDigits {
        /// The leg.
        leg: LegId,
        /// The keys; beyond the sender's ceiling they are dropped.
        digits: Vec<Digit>,
    },
    /// Whether keys of this leg stay with us (commands of a consultant) or also reach whoever hears it.
    AbsorbDigits {
        /// The leg.
        leg: LegId,
        /// They stay with us.
        on: bool,
    },
    /// Raises `Inactive` when no RTP came for so long; zero turns it off. Does not run while the agreed direction
    /// excludes receiving.
    Inactivity {
        /// The leg.
        leg: LegId,
        /// How long.
        after: Duration,
    },
    /// Says RTCP BYE, reports, and drops the leg.
    Close {
        /// The leg.
        leg: LegId,
    },
    /// Ends every recording and closes every leg.
    CloseSession,
}
