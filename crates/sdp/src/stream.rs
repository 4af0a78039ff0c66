//! What one `m=audio` line of the peer means: where it wants to hear, what it can speak, which payload types.

use crate::model::{self, MediaDescription, SessionDescription};
use crate::{Codec, Direction, Fault};
use std::net::{IpAddr, SocketAddr};

/// The peer's audio, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Stream {
    pub(crate) remote: SocketAddr,
    pub(crate) rtcp: SocketAddr,
    pub(crate) rtcp_mux: bool,
    /// As the peer says it, holds in all spellings included.
    pub(crate) direction: Direction,
    /// Codecs of ours that it speaks, in its order, with its payload types.
    pub(crate) codecs: Vec<(u8, Codec)>,
    pub(crate) telephone_event: Option<u8>,
    pub(crate) ptime_ms: Option<u16>,
}

/// An audio line over RTP that is not refused.
pub(crate) fn is_live_audio(m: &MediaDescription) -> bool {
    m.kind.eq_ignore_ascii_case("audio") && m.port != 0 && is_plain_rtp(m)
}

fn is_plain_rtp(m: &MediaDescription) -> bool {
    matches!(m.protocol.to_ascii_uppercase().as_str(), "RTP/AVP" | "RTP/AVPF")
}

impl Stream {
    pub(crate) fn read(session: &SessionDescription, m: &MediaDescription) -> Result<Stream, Fault> {
        let connection = m.connection.as_ref().or(session.connection.as_ref());
        let ip = connection.and_then(model::Connection::address).ok_or(Fault::NotAnAddress)?;
        let mut direction = direction_of(session, m);
        if ip.is_unspecified() {
            // RFC 2543 hold: no address to send to. What the peer sends it may go on sending.
            direction = direction.and(Direction::SendOnly);
        }
        let remote = SocketAddr::new(ip, m.port);
        Ok(Stream {
            remote,
            rtcp: rtcp_of(m, ip),
            rtcp_mux: m.attributes.iter().any(|a| a.name.eq_ignore_ascii_case("rtcp-mux")),
            direction,
            codecs: codecs_of(m),
            telephone_event: telephone_event_of(m),
            ptime_ms: ptime_of(m),
        })
    }
}

fn direction_of(session: &SessionDescription, m: &MediaDescription) -> Direction {
    let find = |attributes: &[model::Attribute]| {
        attributes.iter().filter(|a| a.value.is_none()).find_map(|a| Direction::from_name(&a.name))
    };
    find(&m.attributes).or_else(|| find(&session.attributes)).unwrap_or(Direction::SendRecv)
}

/// RFC 3605 `a=rtcp:port [IN IP4 address]`, or the next port.
fn rtcp_of(m: &MediaDescription, ip: IpAddr) -> SocketAddr {
    let told = model::value(&m.attributes, "rtcp").and_then(|v| {
        let mut words = v.split_whitespace();
        let port = words.next()?.parse().ok()?;
        let ip = words.nth(2).and_then(|a| a.parse().ok()).unwrap_or(ip);
        Some(SocketAddr::new(ip, port))
    });
    told.unwrap_or_else(|| SocketAddr::new(ip, m.port.saturating_add(1)))
}

/// `rtpmap` lines of the media, odd ones passed over: `(payload type, encoding)`.
fn maps(m: &MediaDescription) -> impl Iterator<Item = (u8, &str)> {
    m.attributes.iter().filter(|a| a.name.eq_ignore_ascii_case("rtpmap")).filter_map(|a| {
        let (pt, encoding) = a.value.as_deref()?.trim().split_once(char::is_whitespace)?;
        Some((pt.parse().ok().filter(|pt| *pt < 128)?, encoding.trim()))
    })
}

fn payload_types(m: &MediaDescription) -> impl Iterator<Item = u8> {
    m.formats.iter().filter_map(|f| f.parse().ok()).filter(|pt| *pt < 128)
}

fn codecs_of(m: &MediaDescription) -> Vec<(u8, Codec)> {
    let codec = |pt: u8| match maps(m).find(|(n, _)| *n == pt) {
        Some((_, encoding)) => Codec::from_encoding(encoding),
        None => Codec::from_payload_type(pt),
    };
    payload_types(m).filter_map(|pt| Some((pt, codec(pt)?))).collect()
}

fn telephone_event_of(m: &MediaDescription) -> Option<u8> {
    let is_event =
        |pt: u8| maps(m).any(|(n, e)| n == pt && e.to_ascii_lowercase().starts_with("telephone-event/8000"));
    payload_types(m).find(|pt| is_event(*pt))
}

fn ptime_of(m: &MediaDescription) -> Option<u16> {
    let read = |name| model::value(&m.attributes, name).and_then(|v| v.trim().parse::<u16>().ok());
    match (read("ptime"), read("maxptime")) {
        (Some(p), Some(max)) => Some(p.min(max)),
        (Some(p), None) => Some(p),
        (None, Some(max)) => Some(max.min(20)),
        (None, None) => None,
    }
}
