//! What offer and answer agreed for one leg.

use core::net::{IpAddr, SocketAddr};
use senim_audio::{Coding, Wishes, g711};
use senim_sdp::{Codec, Direction, Negotiated};

/// Longest packet we send, in milliseconds.
pub const PTIME_MS_MAX: u16 = 60;

/// Sound in one packet of Opus that we send, in milliseconds: what prompts are coded in.
const OPUS_MS: u16 = 20;
/// G.722 of nothing: the smallest difference of the lower band, none of the upper.
const G722_SILENCE: u8 = 0xfd;

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
    /// Clock of telephone events in Hz, both ways.
    pub telephone_event_hz: u32,
    /// What the peer wishes of Opus: packets that repeat their predecessor, silence that is not sent.
    pub opus: Wishes,
    /// Sound in one packet we send, in milliseconds, 10 to [`PTIME_MS_MAX`]; of Opus always 20.
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
            telephone_event_hz: agreed.telephone_event_hz,
            opus: Wishes { fec: agreed.opus_fec, dtx: agreed.opus_dtx },
            send_ptime_ms: agreed.send_ptime_ms,
            direction: agreed.direction,
        }
    }
}

impl StreamConfig {
    /// What a plain telephone at this address agrees to: A-law both ways in packets of 20 ms, keys as telephone events of
    /// type 101, RTCP at the next port, signalling from the same host.
    pub fn of_telephone(remote: SocketAddr) -> StreamConfig {
        StreamConfig {
            remote,
            remote_rtcp: SocketAddr::new(remote.ip(), remote.port().saturating_add(1)),
            rtcp_mux: false,
            signalling_peer: remote.ip(),
            codec: Codec::Pcma,
            send_payload_type: 8,
            receive_payload_type: 8,
            send_telephone_event: Some(101),
            receive_telephone_event: Some(101),
            telephone_event_hz: 8_000,
            opus: Wishes::default(),
            send_ptime_ms: 20,
            direction: Direction::SendRecv,
        }
    }

    /// Sound in one packet we send, in milliseconds, whatever the SDP said. A receiver of Opus takes what comes (RFC 7587
    /// section 4.2).
    pub(crate) fn ptime_ms(&self) -> u16 {
        if self.codec == Codec::Opus { OPUS_MS } else { self.send_ptime_ms.clamp(10, PTIME_MS_MAX) }
    }

    /// The same, in ticks of the codec's RTP clock.
    pub(crate) fn ptime_ticks(&self) -> u32 {
        u32::from(self.ptime_ms()) * (self.codec.clock_hz() / 1_000)
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

/// A byte of silence; behind the end of a clip of G.722, of a small difference that lasts no time.
pub(crate) fn silence(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => g711::ULAW_SILENCE,
        Codec::Pcma => g711::ALAW_SILENCE,
        Codec::G722 | Codec::Opus => G722_SILENCE,
    }
}

/// What a codec's payloads sound like.
pub(crate) fn coding(codec: Codec) -> Coding {
    match codec {
        Codec::Pcma => Coding::Alaw,
        Codec::Pcmu => Coding::Ulaw,
        Codec::G722 => Coding::G722,
        Codec::Opus => Coding::Opus,
    }
}

/// Sound in a payload, in ticks of the codec's RTP clock.
pub(crate) fn ticks(codec: Codec, payload: &[u8]) -> u32 {
    coding(codec).ticks(payload).saturating_mul(codec.clock_hz() / 8_000)
}
