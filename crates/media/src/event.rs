//! What a session tells the switch.

use crate::Quality;
use core::time::Duration;
use senim_base::{LegId, PlayId};
use senim_rtp::Digit;
use serde::{Deserialize, Serialize};

/// How a key was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DigitSource {
    /// As a telephone event.
    Rfc4733,
    /// As a pair of tones in the sound.
    InBand,
}

/// An event of one leg.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The edge bound the leg's port.
    Opened {
        /// The leg.
        leg: LegId,
    },
    /// The port is taken by somebody else, or the session has no room for the leg.
    OpenFailed {
        /// The leg.
        leg: LegId,
        /// The port that was asked for.
        port: u16,
    },
    /// A playing is over.
    PlayEnded {
        /// The leg.
        leg: LegId,
        /// Which.
        play: PlayId,
        /// Played to its last sample; `false` when it was cut off or a clip was not in the bank.
        completed: bool,
    },
    /// A key, once a press whatever was repeated or lost.
    Digit {
        /// The leg.
        leg: LegId,
        /// The key; it does not print.
        digit: Digit,
        /// How it was heard.
        source: DigitSource,
        /// How long the key was down when we heard of it: keys are told at their beginning. 0 when in-band.
        duration_ms: u32,
    },
    /// The leg was heard for the first time.
    FirstPacket {
        /// The leg.
        leg: LegId,
    },
    /// No RTP came for as long as `Inactivity` allows.
    Inactive {
        /// The leg.
        leg: LegId,
        /// How long it is silent now.
        silent_for: Duration,
    },
    /// RTP came again after `Inactive`.
    Resumed {
        /// The leg.
        leg: LegId,
    },
    /// Sound that should be there is missing, or is there again: from the party within three seconds, to it by its reports.
    OneWay {
        /// The leg.
        leg: LegId,
        /// Which way.
        way: Way,
        /// It is missing.
        missing: bool,
    },
    /// How the leg sounds now, told when it changes.
    Quality {
        /// The leg.
        leg: LegId,
        /// How.
        quality: Quality,
    },
    /// The peer speaks from another address than its SDP names, and is sent to there.
    Relatched {
        /// The leg.
        leg: LegId,
    },
    /// Packets from addresses that may not speak; at most one such event a second.
    Strangers {
        /// The leg.
        leg: LegId,
        /// How many since the last such event.
        packets: u32,
    },
    /// How the stream went, told as the leg closes.
    Report {
        /// The leg.
        leg: LegId,
        /// The figures.
        report: LegReport,
    },
    /// The leg is gone; its ports are free.
    Closed {
        /// The leg.
        leg: LegId,
    },
}

/// A way of a leg's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the party to us.
    FromParty,
    /// From us to the party: its own reports say that nothing comes.
    ToParty,
}

/// Figures of one leg over its whole life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegReport {
    /// Packets sent.
    pub sent: u64,
    /// Payload bytes sent.
    pub sent_bytes: u64,
    /// Packets whose time passed before we came to send them. A gap in sequence numbers tells the peer.
    pub not_sent: u64,
    /// Packets received from the address in use.
    pub received: u64,
    /// Of those expected, how many never came.
    pub lost: u64,
    /// Interarrival jitter in microseconds (RFC 3550 A.8).
    pub jitter_us: u32,
    /// What the peer says it lost of ours, if it reported.
    pub peer_lost: Option<u32>,
    /// Round trip in microseconds by the last report of the peer (RFC 3550 §6.4.1).
    pub round_trip_us: Option<u32>,
    /// Packets from addresses that may not speak.
    pub strangers: u64,
    /// Datagrams that were no RTP.
    pub malformed: u64,
    /// Packets that the key did not open: forged, replayed, or sealed with another.
    pub forged: u64,
    /// Mean opinion score of what came, in hundredths (ITU-T G.107); `None`: nothing did.
    #[serde(default)]
    pub mos_x100: Option<u16>,
}
