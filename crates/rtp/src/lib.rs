//! RTP as bytes: what a datagram is, packets (RFC 3550), their reports (RTCP), telephone events (RFC 4733), the jitter
//! buffer, how a path sounds, and the rule which address may speak (latching). Total functions: any bytes give a value or a fault, never a
//! panic.
//!
//! *Invariant:* no audio samples. What a payload sounds like is not known here; nor are sockets or clocks.
#![forbid(unsafe_code)]

mod demux;
mod digit;
mod event;
mod latch;
mod packet;
mod playout;
mod quality;
mod receiver;
mod rtcp;
mod srtp;

pub use demux::Kind;
pub use digit::Digit;
pub use event::{Event, EventDetector, EventSender, MAX_QUEUED_DIGITS, Step};
pub use latch::{Admit, Latch};
pub use packet::{Fault, HEADER_LEN, Header, Packet};
pub use playout::{
    Advice, DELAY_MAX, DELAY_MIN, Incoming, Next, PLAYOUT_BYTES_MAX, PLAYOUT_PACKETS_MAX,
    PLAYOUT_PAYLOAD_MAX, Playout, PlayoutFigures, Put,
};
pub use quality::{Impairment, Path, mos};
pub use receiver::{Arrival, Receiver};
pub use rtcp::{REPORT_LEN_MAX, Report, ReportBlock, ReportFault, SenderInfo, ntp};
pub use srtp::{MasterKey, Opener, SOURCES_MAX, SRTP_OVERHEAD_MAX, Sealer, SrtpFault, Suite};
