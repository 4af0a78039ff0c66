//! The offer/answer machine of one dialog (RFC 3264): media lines keep their order and count, unknown media are
//! refused in place, and our description gets a new version only when it changes.

use crate::model::{Attribute, Connection, MediaDescription, Origin, SessionDescription};
use crate::stream::{Stream, is_live_audio};
use crate::{Capabilities, Codec, Direction, Fault};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Payload type of our own RFC 4733 events.
const TELEPHONE_EVENT: u8 = 101;
/// Packet times we send, in milliseconds.
const PTIME_MS: core::ops::RangeInclusive<u16> = 10..=60;
/// What a peer gets that names no packet time.
const PTIME_MS_DEFAULT: u16 = 20;

/// Our side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Local {
    /// Where we want to hear.
    pub address: SocketAddr,
    /// Our `o=` session id.
    pub session_id: u64,
}

/// What was agreed, as the media path needs it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Negotiated {
    /// Where the peer wants to hear.
    pub remote: SocketAddr,
    /// Where it wants RTCP.
    pub remote_rtcp: SocketAddr,
    /// The codec, both ways.
    pub codec: Codec,
    /// What the peer wants this codec to be called.
    pub send_payload_type: u8,
    /// What we wanted it to be called.
    pub receive_payload_type: u8,
    /// Digits to the peer; `None`: it takes none as events.
    pub send_telephone_event: Option<u8>,
    /// Digits from the peer.
    pub receive_telephone_event: Option<u8>,
    /// How long a packet to the peer lasts, 10 to 60 ms in steps of 10.
    pub send_ptime_ms: u16,
    /// Ours: whether we send, whether we hear.
    pub direction: Direction,
    /// RTP and RTCP share the port.
    pub rtcp_mux: bool,
}

/// One dialog's machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Negotiator {
    capabilities: Capabilities,
    local: Local,
    version: u64,
    last_text: Option<String>,
    /// The direction we offered and have no answer for.
    offered: Option<Direction>,
    /// Kinds, protocols and formats of the media lines, so that later offers keep them.
    lines: Vec<(String, String, String)>,
    /// Which of the lines is our audio.
    audio: usize,
    /// Payload types that the peer chose for a codec of ours: kept in later offers.
    receive: Option<(u8, Codec, Option<u8>)>,
    current: Option<Negotiated>,
}

impl Negotiator {
    /// A machine that has agreed on nothing yet.
    pub fn new(capabilities: Capabilities, local: Local) -> Self {
        Negotiator {
            capabilities,
            local,
            version: 1,
            last_text: None,
            offered: None,
            lines: Vec::new(),
            audio: 0,
            receive: None,
            current: None,
        }
    }

    /// We want to hear elsewhere from the next offer or answer on.
    pub fn set_local(&mut self, local: Local) {
        self.local.address = local.address;
    }

    /// What was agreed last.
    pub fn current(&self) -> Option<&Negotiated> {
        self.current.as_ref()
    }

    /// Our offer.
    pub fn offer(&mut self, direction: Direction) -> String {
        if self.lines.is_empty() {
            self.lines.push(("audio".into(), "RTP/AVP".into(), String::new()));
            self.audio = 0;
        }
        self.offered = Some(direction);
        let codecs: Vec<(u8, Codec)> = match self.receive {
            Some((pt, codec, _)) => {
                let others = self.capabilities.codecs.iter().filter(|c| **c != codec);
                core::iter::once((pt, codec)).chain(others.map(|c| (c.payload_type(), *c))).collect()
            }
            None => self.capabilities.codecs.iter().map(|c| (c.payload_type(), *c)).collect(),
        };
        let event = match self.receive {
            Some((_, _, event)) => event,
            None => self.capabilities.telephone_event.then_some(TELEPHONE_EVENT),
        };
        let audio = self.audio_line(&codecs, event, direction, false);
        self.describe(audio)
    }

    /// The peer refused our offer, or it was overtaken: what was agreed before stands.
    pub fn reset_offer(&mut self) {
        self.offered = None;
    }

    /// The peer's offer gets our answer.
    ///
    /// # Errors
    /// The peer's fault; what was agreed before stands. [`Fault::NoCommonCodec`] and [`Fault::NoAudio`] are a 488.
    pub fn answer_to(&mut self, offer: &[u8], want: Direction) -> Result<(String, Negotiated), Fault> {
        let theirs = SessionDescription::parse(offer)?;
        let audio = theirs.media.iter().position(is_live_audio).ok_or(Fault::NoAudio)?;
        let media = theirs.media.get(audio).ok_or(Fault::NoAudio)?;
        let stream = Stream::read(&theirs, media)?;
        let (pt, codec) = self.best(&stream).ok_or(Fault::NoCommonCodec)?;
        let event = stream.telephone_event.filter(|_| self.capabilities.telephone_event);
        let direction = want.and(stream.direction.reversed());
        let agreed = self.agree(&stream, codec, pt, pt, event, event, direction);
        self.offered = None;
        self.lines =
            theirs.media.iter().map(|m| (m.kind.clone(), m.protocol.clone(), m.formats.join(" "))).collect();
        self.audio = audio;
        self.receive = Some((pt, codec, event));
        let line = self.audio_line(&[(pt, codec)], event, direction, stream.rtcp_mux);
        let text = self.describe(line);
        self.current = Some(agreed.clone());
        Ok((text, agreed))
    }

    /// The peer's answer to our offer.
    ///
    /// # Errors
    /// The peer's fault; what was agreed before stands. [`Fault::NothingOffered`] is ours.
    pub fn accept(&mut self, answer: &[u8]) -> Result<Negotiated, Fault> {
        let wanted = self.offered.ok_or(Fault::NothingOffered)?;
        let theirs = SessionDescription::parse(answer)?;
        if theirs.media.len() != self.lines.len() {
            return Err(Fault::MediaCount { offered: self.lines.len(), answered: theirs.media.len() });
        }
        let media = theirs.media.get(self.audio).filter(|m| is_live_audio(m)).ok_or(Fault::NoAudio)?;
        let stream = Stream::read(&theirs, media)?;
        // An answer lists what the peer will speak and hear, its first choice first (RFC 3264 section 6.1).
        let (pt, codec) = stream
            .codecs
            .iter()
            .copied()
            .find(|(_, c)| self.capabilities.codecs.contains(c))
            .ok_or(Fault::NoCommonCodec)?;
        let (receive, our_event) = match self.receive {
            Some((own, c, event)) if c == codec => (own, event),
            Some((_, _, event)) => (codec.payload_type(), event),
            None => (codec.payload_type(), self.capabilities.telephone_event.then_some(TELEPHONE_EVENT)),
        };
        let send_event = stream.telephone_event;
        let receive_event = our_event.filter(|_| send_event.is_some());
        let direction = wanted.and(stream.direction.reversed());
        let agreed = self.agree(&stream, codec, pt, receive, send_event, receive_event, direction);
        self.offered = None;
        self.receive = Some((receive, codec, our_event));
        self.current = Some(agreed.clone());
        Ok(agreed)
    }

    /// Our best codec that the peer speaks, under the name it gave it.
    fn best(&self, stream: &Stream) -> Option<(u8, Codec)> {
        self.capabilities.codecs.iter().find_map(|c| stream.codecs.iter().copied().find(|(_, s)| s == c))
    }

    #[allow(clippy::too_many_arguments)] // the words of one sentence, each used once
    fn agree(
        &self,
        stream: &Stream,
        codec: Codec,
        send: u8,
        receive: u8,
        send_event: Option<u8>,
        receive_event: Option<u8>,
        direction: Direction,
    ) -> Negotiated {
        let asked = stream.ptime_ms.unwrap_or(PTIME_MS_DEFAULT);
        let ptime = asked.clamp(*PTIME_MS.start(), *PTIME_MS.end()) / 10 * 10;
        Negotiated {
            remote: stream.remote,
            remote_rtcp: if stream.rtcp_mux { stream.remote } else { stream.rtcp },
            codec,
            send_payload_type: send,
            receive_payload_type: receive,
            send_telephone_event: send_event,
            receive_telephone_event: receive_event,
            send_ptime_ms: ptime,
            direction,
            rtcp_mux: stream.rtcp_mux,
        }
    }

    fn audio_line(
        &self,
        codecs: &[(u8, Codec)],
        event: Option<u8>,
        direction: Direction,
        rtcp_mux: bool,
    ) -> MediaDescription {
        let mut formats: Vec<String> = codecs.iter().map(|(pt, _)| pt.to_string()).collect();
        let mut attributes: Vec<Attribute> = codecs
            .iter()
            .map(|(pt, c)| Attribute::new("rtpmap", format!("{pt} {}/{}", c.name(), c.clock_hz())))
            .collect();
        if let Some(event) = event {
            formats.push(event.to_string());
            attributes.push(Attribute::new("rtpmap", format!("{event} telephone-event/8000")));
            attributes.push(Attribute::new("fmtp", format!("{event} 0-15")));
        }
        attributes.push(Attribute::new("ptime", self.capabilities.ptime_ms.to_string()));
        if rtcp_mux {
            attributes.push(Attribute::flag("rtcp-mux"));
        }
        attributes.push(Attribute::flag(direction.name()));
        let protocol = self.lines.get(self.audio).map_or_else(|| "RTP/AVP".into(), |l| l.1.clone());
        MediaDescription {
            kind: "audio".into(),
            port: self.local.address.port(),
            protocol,
            formats,
            connection: None,
            attributes,
        }
    }

    /// The whole description: our audio in its place, every other line refused.
    fn describe(&mut self, audio: MediaDescription) -> String {
        let media = self
            .lines
            .iter()
            .enumerate()
            .map(|(n, (kind, protocol, formats))| {
                if n == self.audio {
                    return audio.clone();
                }
                MediaDescription {
                    kind: kind.clone(),
                    port: 0,
                    protocol: protocol.clone(),
                    formats: formats.split_whitespace().map(str::to_owned).collect(),
                    connection: None,
                    attributes: Vec::new(),
                }
            })
            .collect();
        let mut description = SessionDescription {
            origin: Origin {
                username: "-".into(),
                session_id: self.local.session_id.to_string(),
                version: self.version.to_string(),
                address: self.local.address.ip().to_string(),
            },
            name: "-".into(),
            connection: Some(Connection::Address(self.local.address.ip())),
            attributes: Vec::new(),
            media,
        };
        let text = description.to_string();
        if self.last_text.as_ref().is_some_and(|last| *last != text) {
            self.version += 1;
            description.origin.version = self.version.to_string();
            let text = description.to_string();
            self.last_text = Some(text.clone());
            return text;
        }
        self.last_text = Some(text.clone());
        text
    }
}
