//! What a peer's description says of its audio: which stream is ours to talk on, and its terms.

use crate::crypto::Crypto;
use crate::{
    Capabilities, Codec, Connection, Direction, Fault, MediaDescription, Security, SessionDescription,
};
use core::str::FromStr;
use std::net::IpAddr;

/// Largest payload type there is: seven bits (RFC 3550 section 5.1).
const PAYLOAD_TYPE_MAX: u8 = 127;

/// Shortest and longest packet of sound we send, in milliseconds, whatever a peer asks for.
pub(crate) const PTIME_MS: core::ops::RangeInclusive<u16> = 10..=60;

/// The peer's audio stream as it described it.
pub(crate) struct Stream {
    /// Where it listens; `None` is hold in the old spelling, c=0.0.0.0 (RFC 3264 section 8.4).
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    pub(crate) rtcp_port: u16,
    pub(crate) rtcp_address: Option<IpAddr>,
    pub(crate) rtcp_mux: bool,
    /// Codecs with their payload types, in the peer's order.
    pub(crate) codecs: Vec<(Codec, u8)>,
    /// Telephone events by their clock in Hz and payload type, in the peer's order.
    events: Vec<(u32, u8)>,
    /// What the peer would like of Opus.
    pub(crate) opus: Wishes,
    /// Already within [`PTIME_MS`].
    pub(crate) ptime_ms: Option<u16>,
    /// As the peer sees it, hold in every spelling understood.
    pub(crate) direction: Direction,
}

/// What a peer wishes of an Opus sender (RFC 7587 section 6.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// `useinbandfec=1`.
    pub(crate) fec: bool,
    /// `usedtx=1`.
    pub(crate) dtx: bool,
}

/// Clocks of telephone events that we know: those of our codecs.
const EVENT_CLOCKS_HZ: [u32; 2] = [8_000, 48_000];

/// How a stream is protected, under our rule: `Ok(None)` is plain RTP. SAVP wants a key of ours (RFC 4568); AVP may bring
/// one (RFC 8643).
pub(crate) fn protection(
    media: &MediaDescription,
    capabilities: &Capabilities,
) -> Result<Option<Crypto>, Fault> {
    let ours = |crypto: &Crypto| capabilities.keys.iter().any(|key| key.suite() == crypto.key.suite());
    let key = || media.values("crypto").filter_map(Crypto::parse).find(ours);
    let key = if capabilities.security == Security::Refuse { None } else { key() };
    let is = |protocols: [&str; 2]| protocols.iter().any(|p| media.protocol.eq_ignore_ascii_case(p));
    match key {
        // With or without early RTCP feedback (RFC 4585), which may stay unused.
        None if is(["RTP/AVP", "RTP/AVPF"]) => match capabilities.security {
            Security::Require => Err(Fault::Unencrypted),
            Security::Refuse | Security::Prefer => Ok(None),
        },
        Some(key) if is(["RTP/AVP", "RTP/AVPF"]) || is(["RTP/SAVP", "RTP/SAVPF"]) => Ok(Some(key)),
        _ => Err(Fault::NoCommonProtocol),
    }
}

/// The index of the stream to talk on: `used` so far if it still will do, else the first that will.
pub(crate) fn choose(
    description: &SessionDescription,
    capabilities: &Capabilities,
    used: Option<usize>,
) -> Result<usize, Fault> {
    let common =
        |media: &MediaDescription| codecs(media).iter().any(|(codec, _)| capabilities.codecs.contains(codec));
    let mut fault = Fault::NoAudio;
    let mut fit = Vec::with_capacity(1);
    for (index, media) in description.media.iter().enumerate().filter(|(_, media)| is_audio(media)) {
        match protection(media, capabilities) {
            Ok(keys) if common(media) => fit.push((index, keys.is_some())),
            // What could be heard, were there a codec, says more than what could not.
            Ok(_) => fault = Fault::NoCommonCodec,
            Err(why) if fault == Fault::NoAudio => fault = why,
            Err(_) => {}
        }
    }
    // Some peers offer the same sound twice, encrypted and plain: the encrypted one is taken.
    let best = fit.iter().find(|(_, sealed)| *sealed).or(fit.first()).ok_or(fault)?.0;
    Ok(used.filter(|used| fit.iter().any(|(index, _)| index == used)).unwrap_or(best))
}

/// An audio stream that is switched on.
pub(crate) fn is_audio(media: &MediaDescription) -> bool {
    media.media.eq_ignore_ascii_case("audio") && media.port != 0
}

impl Stream {
    /// The terms of `media`, those of the session where it has none of its own.
    pub(crate) fn read(description: &SessionDescription, media: &MediaDescription) -> Result<Stream, Fault> {
        let address = match media.connection.as_ref().or(description.connection.as_ref()) {
            None => return Err(Fault::NoConnection),
            Some(Connection::Name(_)) => return Err(Fault::HostName),
            Some(Connection::Ip(ip)) if ip.is_multicast() => return Err(Fault::Unreachable),
            Some(Connection::Ip(ip)) => Some(ip.to_canonical()).filter(|ip| !ip.is_unspecified()),
        };
        let said = direction(media).or_else(|| first_direction(&description.attributes)).unwrap_or_default();
        let codecs = codecs(media);
        let (rtcp_port, rtcp_address) = rtcp(media);
        Ok(Stream {
            address,
            port: media.port,
            rtcp_port,
            rtcp_address,
            rtcp_mux: media.has("rtcp-mux"),
            events: events(media).filter(|(_, pt)| codecs.iter().all(|(_, other)| other != pt)).collect(),
            opus: codecs
                .iter()
                .find(|(c, _)| *c == Codec::Opus)
                .map(|(_, pt)| wishes(media, *pt))
                .unwrap_or_default(),
            codecs,
            ptime_ms: ptime_ms(media),
            direction: if address.is_none() { said.and(Direction::SendOnly) } else { said },
        })
    }

    /// Telephone events beside this codec: clock and payload type. They share its clock (RFC 4733 section 2.1); of a
    /// peer that has them on another one only, that is taken, for a key is known by its packets' common timestamp.
    pub(crate) fn event(&self, codec: Codec) -> Option<(u32, u8)> {
        let own = self.events.iter().find(|(clock_hz, _)| *clock_hz == codec.clock_hz());
        own.or(self.events.first()).copied()
    }
}

fn direction(media: &MediaDescription) -> Option<Direction> {
    first_direction(&media.attributes)
}

fn first_direction(attributes: &[crate::Attribute]) -> Option<Direction> {
    attributes.iter().filter(|a| a.value.is_none()).find_map(|a| Direction::from_name(&a.name))
}

/// Payload types of the m= line, in order.
fn payload_types(media: &MediaDescription) -> impl Iterator<Item = u8> {
    media.formats.iter().filter_map(|f| f.parse().ok()).filter(|pt| *pt <= PAYLOAD_TYPE_MAX)
}

/// `name`, clock and channels that an rtpmap gives to a payload type. Lines that cannot be read are as if they were not
/// there.
fn rtpmap(media: &MediaDescription, payload_type: u8) -> Option<(&str, u32, u8)> {
    media.values("rtpmap").find_map(|value| {
        let (number, encoding) = value.split_once(char::is_whitespace)?;
        if number.parse() != Ok(payload_type) {
            return None;
        }
        let mut parts = encoding.trim().split('/');
        let (name, clock_hz) = (parts.next()?, parts.next()?.trim().parse().ok()?);
        let channels = parts.next().map_or(Some(1), |channels| channels.trim().parse().ok())?;
        Some((name, clock_hz, channels))
    })
}

fn codecs(media: &MediaDescription) -> Vec<(Codec, u8)> {
    // Another number of channels or another clock is another format under the same name.
    let is = |codec: &Codec, clock_hz, channels| (codec.clock_hz(), codec.channels()) == (clock_hz, channels);
    let codec = |pt| match rtpmap(media, pt) {
        Some((name, clock_hz, channels)) => Codec::from_name(name).filter(|c| is(c, clock_hz, channels)),
        None => Codec::from_payload_type(pt),
    };
    payload_types(media).filter_map(|pt| Some((codec(pt)?, pt))).collect()
}

fn events(media: &MediaDescription) -> impl Iterator<Item = (u32, u8)> {
    payload_types(media).filter_map(|pt| {
        let (name, clock_hz, _) = rtpmap(media, pt)?;
        let known = name.eq_ignore_ascii_case("telephone-event") && EVENT_CLOCKS_HZ.contains(&clock_hz);
        known.then_some((clock_hz, pt))
    })
}

/// What the fmtp of a payload type says; parameters that we do not know are passed over.
fn wishes(media: &MediaDescription, payload_type: u8) -> Wishes {
    let of_type = media.values("fmtp").filter_map(|value| {
        let (number, parameters) = value.split_once(char::is_whitespace)?;
        (number.parse() == Ok(payload_type)).then_some(parameters)
    });
    let mut wishes = Wishes::default();
    for (name, value) in of_type.flat_map(|p| p.split(';')).filter_map(|p| p.split_once('=')) {
        let on = value.trim() == "1";
        match name.trim().to_ascii_lowercase().as_str() {
            "useinbandfec" => wishes.fec = on,
            "usedtx" => wishes.dtx = on,
            _ => {}
        }
    }
    wishes
}

/// `a=ptime` under `a=maxptime`, within our bounds and whole tens: frames of 10 ms are our grain.
fn ptime_ms(media: &MediaDescription) -> Option<u16> {
    let wish = number::<u16>(media, "ptime");
    let limit = number::<u16>(media, "maxptime");
    let ms = match (wish, limit) {
        (None, None) => return None,
        // A limit alone says no more than: not longer. 20 ms is the default of RFC 3551 section 4.2.
        (wish, limit) => wish.unwrap_or(20).min(limit.unwrap_or(u16::MAX)),
    };
    Some(ms.clamp(*PTIME_MS.start(), *PTIME_MS.end()) / 10 * 10)
}

/// The leading number of an attribute; some peers write `20.0`. Zero says nothing.
fn number<N: FromStr + PartialOrd + Default>(media: &MediaDescription, name: &str) -> Option<N> {
    let value = media.values(name).next()?;
    let digits = value.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|n| *n > N::default())
}

/// Port and address of RTCP (RFC 3605), or one port above RTP.
fn rtcp(media: &MediaDescription) -> (u16, Option<IpAddr>) {
    match number(media, "rtcp") {
        Some(port) => {
            let address = media.values("rtcp").next().and_then(|v| v.split_whitespace().last()?.parse().ok());
            (port, address.filter(|ip: &IpAddr| !ip.is_unspecified() && !ip.is_multicast()))
        }
        None => (media.port.saturating_add(1), None),
    }
}
