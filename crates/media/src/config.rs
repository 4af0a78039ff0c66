//! What offer and answer agreed for one leg.

use core::net::{IpAddr, SocketAddr};
use senim_audio::g711;
use senim_sdp::{Codec, Direction, Negotiated};

/// Longest packet we send, in milliseconds.
pub const PTIME_MS_MAX: u16 = 60;

/// One leg's stream: how to send, what to expect, whom to believe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// Where the peer's SDP wants RTP.
    pub remote: SocketAddr,
    /// Where it wants RTCP.
    pub remote_rtcp: SocketAddr,
    /// RTCP shares the RTP port (RFC 5761).
    pub rtcp_mux: bool,
    /// Where the peer's signalling comes from: the only host besides `remote` that may be latched.
    pub signalling_peer: IpAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// Payload type the peer wants for it.
    pub send_payload_type: u8,
    /// Payload type we told the peer to use for it.
    pub receive_payload_type: u8,
    /// Payload type the peer wants for telephone events, if it takes them.
    pub send_telephone_event: Option<u8>,
    /// Payload type we told the peer to use for them; `None` turns in-band detection on.
    pub receive_telephone_event: Option<u8>,
    /// Sound in one packet we send, in milliseconds, 10 to [`PTIME_MS_MAX`].
    pub send_ptime_ms: u16,
    /// Our direction.
    pub direction: Direction,
}

impl From<(&Negotiated, IpAddr)> for StreamConfig {
    /// From what SDP agreed and the address the peer's SIP messages come from.
    fn from((agreed, signalling_peer): (&Negotiated, IpAddr)) -> StreamConfig {
        StreamConfig {
            remote: agreed.remote,
            remote_rtcp: agreed.remote_rtcp,
            rtcp_mux: agreed.rtcp_mux,
            signalling_peer,
            codec: agreed.codec,
            send_payload_type: agreed.send_payload_type,
            receive_payload_type: agreed.receive_payload_type,
            send_telephone_event: agreed.send_telephone_event,
            receive_telephone_event: agreed.receive_telephone_event,
            send_ptime_ms: agreed.send_ptime_ms,
            direction: agreed.direction,
        }
    }
}

impl StreamConfig {
    /// Sound in one packet we send, in samples of 8 kHz.
    pub(crate) fn ptime_samples(&self) -> u16 {
        self.ptime_ms() * 8
    }

    /// Sound in one packet we send, in milliseconds, whatever the SDP said.
    pub(crate) fn ptime_ms(&self) -> u16 {
        self.send_ptime_ms.clamp(10, PTIME_MS_MAX)
    }

    /// The peer wants to hear us, and has somewhere to hear.
    pub(crate) fn sends(&self) -> bool {
        matches!(self.direction, Direction::SendRecv | Direction::SendOnly)
            && self.remote.port() != 0
            && !self.remote.ip().is_unspecified()
    }

    /// We want to hear the peer.
    pub(crate) fn receives(&self) -> bool {
        matches!(self.direction, Direction::SendRecv | Direction::RecvOnly)
    }
}

/// A byte of silence.
pub(crate) fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => g711::ULAW_SILENCE,
        Codec::Pcma => g711::ALAW_SILENCE,
    }
}
