//! What is asked for.

use clap::{Parser, ValueEnum};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Callers and consultants for measuring a line, or the bare machine under it.
#[derive(Clone, Debug, Parser)]
#[command(name = "senim-load")]
pub struct Args {
    /// Where the line takes SIP datagrams; with a bare work, the first port of the bare process.
    #[arg(long, default_value = "127.0.0.1:5060")]
    pub target: SocketAddr,
    /// What the callers do.
    #[arg(long, value_enum, conflicts_with = "bare", required_unless_present = "bare")]
    pub work: Option<Work>,
    /// Instead of calling: be the bare relay or player that a bare work talks to, until killed.
    #[arg(long, value_enum)]
    pub bare: Option<Bare>,
    /// When the bare process wakes.
    #[arg(long, value_enum, default_value = "slot")]
    pub technique: Technique,
    /// Calls at a time; registrations in flight at a time.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=9_999))]
    pub calls: u32,
    /// Length of the measured window.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,
    /// New calls a second.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,
    /// The line's process: its cost is read while calls run.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Packets leave on multiples of so many microseconds.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub grain_us: u32,
    /// Address that callers call from: a trunk's, and not the line's own, whose ports would be taken.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)))]
    pub callers: IpAddr,
    /// Address of the consultants' softphones; not the line's own either.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)))]
    pub consultants: IpAddr,
    /// Print everything, each call too, as JSON.
    #[arg(long)]
    pub json: bool,
}

/// What the callers do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Work {
    /// Dial `ivr`, talk and listen, key 9 at the end (W1).
    Ivr,
    /// Dial `b0001`…, be recorded, talk to consultant `c0001`… (W2).
    Bridge,
    /// Dial `d0001`…, the same without recording (W2n).
    BridgeNorec,
    /// Dial `sig` at a rate, hang up once answered (W3).
    Sig,
    /// Register consultants, each again as soon as it is done (W5).
    Register,
    /// Dial `queue`, hear music, talk meanwhile (W4).
    Queue,
    /// Talk in pairs through a bare relay.
    BareRelay,
    /// The same through rtpengine, whose ng port is the target.
    Rtpengine,
    /// Talk and listen to a bare player.
    BarePlay,
}

impl Work {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Work::Ivr => "ivr",
            Work::Bridge => "bridge",
            Work::BridgeNorec => "bridge-norec",
            Work::Sig => "sig",
            Work::Register => "register",
            Work::Queue => "queue",
            Work::BareRelay => "bare-relay",
            Work::Rtpengine => "rtpengine",
            Work::BarePlay => "bare-play",
        }
    }

    /// The other end of the call is ours too.
    pub(crate) fn is_bridged(self) -> bool {
        matches!(self, Work::Bridge | Work::BridgeNorec)
    }

    /// Legs stand without any SIP.
    pub(crate) fn is_bare(self) -> bool {
        matches!(self, Work::BareRelay | Work::BarePlay | Work::Rtpengine)
    }

    /// Consultants are needed.
    pub(crate) fn registers(self) -> bool {
        self.is_bridged() || self == Work::Register
    }

    /// Only signalling is measured.
    pub(crate) fn is_silent(self) -> bool {
        matches!(self, Work::Sig | Work::Register)
    }

    /// What caller `index` (from 0) dials.
    pub(crate) fn number(self, index: usize) -> String {
        match self {
            Work::Bridge => format!("b{:04}", index + 1),
            Work::BridgeNorec => format!("d{:04}", index + 1),
            Work::Sig => "sig".into(),
            Work::Queue => "queue".into(),
            _ => "ivr".into(),
        }
    }
}

/// What a bare process does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Bare {
    /// Passes packets between ports 2n and 2n+1.
    Relay,
    /// Sends a packet every 20 ms from port 2n and reads what comes.
    Play,
}

/// When a bare process wakes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Technique {
    /// As packets come.
    Wake,
    /// Once a millisecond.
    Slot,
}
