//! Offer/answer of one dialog (RFC 3264) for one audio stream, as plain data.
//!
//! Lines of m= keep their order and count for the dialog's life; what is not our audio is refused in place.
//! A fault leaves everything as it was before.

use crate::crypto::Crypto;
use crate::offered::{PTIME_MS, Stream, choose, is_audio, protection};
use crate::{
    Attribute, Capabilities, Codec, Connection, Direction, Fault, Keys, Local, MediaDescription, Negotiated,
    Origin, Security, SessionDescription,
};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};

/// The offer/answer machine of one dialog.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Negotiator {
    capabilities: Capabilities,
    local: Local,
    version: u64,
    /// Our last description, to see whether the next differs.
    said: String,
    /// The m= lines of the dialog; `lines[audio]` is ours.
    lines: Vec<Line>,
    audio: usize,
    types: PayloadTypes,
    /// The tag of the key line in use. Our key of a suite stays the same for the dialog, whoever offers.
    key_tag: u32,
    offered: Option<Offered>,
    current: Option<Negotiated>,
}

/// One m= line as it must appear in every description from now on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    media: String,
    protocol: String,
    format: String,
}

/// An offer of ours.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Offered {
    direction: Direction,
    /// No answer yet. A provisional answer may be followed by a final one that differs (FEATURES T13).
    open: bool,
    /// What held before, should the offer be refused.
    before: Option<Negotiated>,
}

/// What our side of the dialog calls what. A number never changes its meaning within a dialog (RFC 3264 section
/// 8.3.2), so an offer of ours repeats what an answer of ours took over from the peer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct PayloadTypes {
    /// In the order of [`Codec::ALL`].
    codecs: [u8; Codec::ALL.len()],
    /// Telephone events on the clock of 8 kHz, and on that of 48.
    events: [u8; 2],
}

impl Negotiator {
    /// A machine for a new dialog.
    pub fn new(capabilities: Capabilities, local: Local) -> Self {
        let protocol = if capabilities.security == Security::Require { "RTP/SAVP" } else { "RTP/AVP" };
        let audio = Line { media: "audio".into(), protocol: protocol.into(), format: "0".into() };
        Negotiator {
            capabilities,
            local,
            version: 1,
            said: String::new(),
            lines: vec![audio],
            audio: 0,
            types: PayloadTypes { codecs: Codec::ALL.map(Codec::payload_type), events: [101, 110] },
            key_tag: 1,
            offered: None,
            current: None,
        }
    }

    /// Our side moves; said in the next offer or answer. The session id stays what it was: a dialog has one for
    /// its life (RFC 3264 section 8).
    pub fn set_local(&mut self, local: Local) {
        self.local.address = local.address;
    }

    /// Our last description: an offer or an answer; empty before the first.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// Our side takes another port before anybody was told of the last one. What was [said](Negotiator::said) is put
    /// right; its version stays.
    pub fn move_unheard(&mut self, port: u16) {
        self.local.address.set_port(port);
        if let Ok(mut description) = SessionDescription::parse(self.said.as_bytes())
            && let Some(line) = description.media.get_mut(self.audio)
        {
            line.port = port;
            self.said = description.to_string();
        }
    }

    /// What holds now.
    pub fn current(&self) -> Option<&Negotiated> {
        self.current.as_ref()
    }

    /// Our offer, for the first time or anew. Replaces an offer of ours that is still open.
    pub fn offer(&mut self, direction: Direction) -> String {
        let formats: Vec<_> =
            self.offer_codecs().into_iter().map(|codec| (codec, self.types.of(codec))).collect();
        let events = self.offer_events();
        let before = match self.offered.take() {
            Some(open) if open.open => open.before,
            _ => self.current.clone(),
        };
        self.offered = Some(Offered { direction, open: true, before });
        let keys = self.key_lines();
        let audio = self.audio_line(&formats, &events, direction, self.capabilities.rtcp_mux, &keys);
        self.say(audio)
    }

    /// Takes the peer's offer and gives our answer; `want` is the most that we would do.
    ///
    /// # Errors
    /// [`Fault::OfferPending`] while an offer of ours is open; else what is wrong with the peer's, see [`Fault`].
    pub fn answer_to(&mut self, offer: &[u8], want: Direction) -> Result<(String, Negotiated), Fault> {
        if self.offered.as_ref().is_some_and(|offered| offered.open) {
            return Err(Fault::OfferPending);
        }
        let description = SessionDescription::parse(offer)?;
        let used = self.current.is_some().then_some(self.audio);
        let index = choose(&description, &self.capabilities, used)?;
        let media = description.media.get(index).ok_or(Fault::NoAudio)?;
        let stream = Stream::read(&description, media)?;
        let ours = self.capabilities.codecs.iter();
        let (codec, payload_type) = ours
            .filter_map(|codec| stream.codecs.iter().find(|(theirs, _)| theirs == codec))
            .next()
            .copied()
            .ok_or(Fault::NoCommonCodec)?;
        let event = stream.event(codec).filter(|_| self.capabilities.telephone_event);
        let line = protection(media, &self.capabilities)?;
        let ours = |line: &Crypto| self.capabilities.keys.iter().find(|key| key.suite() == line.key.suite());
        let keys = line.as_ref().and_then(|line| Some((line.tag, ours(line)?.clone(), line.key.clone())));
        let said: Vec<Crypto> =
            keys.iter().map(|(tag, ours, _)| Crypto { tag: *tag, key: ours.clone() }).collect();
        let terms = Terms {
            codec,
            send: payload_type,
            receive: payload_type,
            events: event.map(|(clock_hz, pt)| (clock_hz, pt, pt)),
            keys: keys.map(|(_, send, receive)| Keys { send, receive }),
        };
        let agreed = self.agree(&stream, &terms, want)?;

        self.types.learn(codec, payload_type, event);
        self.lines = description.media.iter().map(Line::of).collect();
        self.audio = index;
        self.offered = None;
        self.current = Some(agreed.clone());
        self.key_tag = said.first().map_or(self.key_tag, |line| line.tag);
        let line = self.audio_line(
            &[(codec, payload_type)],
            event.as_slice(),
            agreed.direction,
            agreed.rtcp_mux,
            &said,
        );
        Ok((self.say(line), agreed))
    }

    /// Takes the peer's answer to our offer. May be called again for the same offer: the final answer after a
    /// provisional one wins (FEATURES T13).
    ///
    /// # Errors
    /// [`Fault::NoOffer`] when we offered nothing; else what is wrong with the answer, see [`Fault`].
    pub fn accept(&mut self, answer: &[u8]) -> Result<Negotiated, Fault> {
        let direction = self.offered.as_ref().ok_or(Fault::NoOffer)?.direction;
        let description = SessionDescription::parse(answer)?;
        let media = description.media.get(self.audio).filter(|m| is_audio(m)).ok_or(Fault::NoAudio)?;
        let (tag, keys) = self.answered_keys(media)?;
        let stream = Stream::read(&description, media)?;
        let ours = &self.capabilities.codecs;
        // RFC 3264 section 6.1: the answer's order is the answerer's preference.
        let known = stream.codecs.iter().find(|(codec, _)| ours.contains(codec));
        let (codec, send) = known.copied().ok_or(Fault::NoCommonCodec)?;
        let event = stream.event(codec).filter(|_| self.capabilities.telephone_event);
        let events = event.map(|(clock_hz, send)| (clock_hz, send, self.types.event(clock_hz)));
        let terms = Terms { codec, send, receive: self.types.of(codec), events, keys };
        let agreed = self.agree(&stream, &terms, direction)?;
        self.key_tag = tag;

        if let Some(offered) = &mut self.offered {
            offered.open = false;
        }
        self.current = Some(agreed.clone());
        Ok(agreed)
    }

    /// Our offer was refused (RFC 3264 section 8): what held before it holds on.
    pub fn reset_offer(&mut self) {
        if let Some(offered) = self.offered.take() {
            self.current = offered.before;
        }
    }

    /// The key lines of an offer of ours: the one in use, or for the first time one of each suite (RFC 4568 section
    /// 7.1.1). A stream that runs in the clear is not offered keys later.
    fn key_lines(&self) -> Vec<Crypto> {
        let line = |(tag, key): (u32, &crate::Key)| Crypto { tag, key: key.clone() };
        let stands = self.offered.as_ref().map_or(self.current.as_ref(), |offered| offered.before.as_ref());
        match stands {
            Some(Negotiated { keys: Some(keys), .. }) => vec![line((self.key_tag, &keys.send))],
            Some(_) => Vec::new(),
            None if self.capabilities.security == Security::Refuse => Vec::new(),
            None => (1..).zip(&self.capabilities.keys).map(line).collect(),
        }
    }

    /// The keys that an answer leaves us with: it takes one of our lines by its tag (RFC 4568 section 7.1.2), or none
    /// (RFC 8643 section 3.1).
    fn answered_keys(&self, media: &MediaDescription) -> Result<(u32, Option<Keys>), Fault> {
        let ours = self.key_lines();
        let Some(theirs) = protection(media, &self.capabilities)?.filter(|_| !ours.is_empty()) else {
            return Ok((self.key_tag, None));
        };
        let taken = ours.into_iter().find(|l| l.tag == theirs.tag && l.key.suite() == theirs.key.suite());
        let send = taken.ok_or(Fault::NoCommonProtocol)?.key;
        Ok((theirs.tag, Some(Keys { send, receive: theirs.key })))
    }

    /// The codec in use first, lest a re-offer switch it for nothing.
    fn offer_codecs(&self) -> Vec<Codec> {
        let mut codecs = self.capabilities.codecs.clone();
        let used = self.current.as_ref().map(|current| current.codec);
        codecs.sort_by_key(|codec| Some(*codec) != used);
        codecs
    }

    /// Events on the clock of each codec that is offered.
    fn offer_events(&self) -> Vec<(u32, u8)> {
        let mut clocks: Vec<u32> = self.capabilities.codecs.iter().map(|codec| codec.clock_hz()).collect();
        clocks.sort_unstable();
        clocks.dedup();
        clocks.retain(|_| self.capabilities.telephone_event);
        clocks.into_iter().map(|clock_hz| (clock_hz, self.types.event(clock_hz))).collect()
    }

    fn agree(&self, stream: &Stream, terms: &Terms, want: Direction) -> Result<Negotiated, Fault> {
        let local = self.local.address.ip().to_canonical();
        if stream.address.is_some_and(|ip| ip.is_ipv4() != local.is_ipv4()) {
            return Err(Fault::Unreachable);
        }
        let rtcp_mux = stream.rtcp_mux && self.capabilities.rtcp_mux;
        // Old-style hold hides the address; the one that held so far is the better guess at where the peer is.
        let known = self.current.as_ref().map(|current| current.remote.ip());
        let unspecified = || IpAddr::from(core::net::Ipv4Addr::UNSPECIFIED);
        let ip = stream.address.or(known).unwrap_or_else(unspecified);
        let remote = SocketAddr::new(ip, stream.port);
        let rtcp_ip = stream.rtcp_address.filter(|rtcp| rtcp.is_ipv4() == ip.is_ipv4()).unwrap_or(ip);
        Ok(Negotiated {
            remote,
            remote_rtcp: if rtcp_mux { remote } else { SocketAddr::new(rtcp_ip, stream.rtcp_port) },
            codec: terms.codec,
            send_payload_type: terms.send,
            receive_payload_type: terms.receive,
            send_telephone_event: terms.events.map(|(_, send, _)| send),
            receive_telephone_event: terms.events.map(|(_, _, receive)| receive),
            telephone_event_hz: terms.events.map_or(terms.codec.clock_hz(), |(clock_hz, ..)| clock_hz),
            opus_fec: stream.opus.fec,
            opus_dtx: stream.opus.dtx,
            send_ptime_ms: stream
                .ptime_ms
                .unwrap_or_else(|| self.capabilities.ptime_ms.clamp(*PTIME_MS.start(), *PTIME_MS.end())),
            direction: stream.direction.reversed().and(want),
            rtcp_mux,
            keys: terms.keys.clone(),
        })
    }

    fn audio_line(
        &self,
        codecs: &[(Codec, u8)],
        events: &[(u32, u8)],
        direction: Direction,
        rtcp_mux: bool,
        keys: &[Crypto],
    ) -> MediaDescription {
        let mut attributes = Vec::with_capacity(8);
        attributes.extend(keys.iter().map(|line| Attribute::new("crypto", line)));
        for (codec, pt) in codecs {
            let clock_hz = codec.clock_hz();
            if *codec == Codec::Opus {
                attributes.push(Attribute::new("rtpmap", format_args!("{pt} {codec}/{clock_hz}/2")));
                attributes.push(Attribute::new("fmtp", format_args!("{pt} {OPUS_PARAMETERS}")));
            } else {
                attributes.push(Attribute::new("rtpmap", format_args!("{pt} {codec}/{clock_hz}")));
            }
        }
        for (clock_hz, pt) in events {
            attributes.push(Attribute::new("rtpmap", format_args!("{pt} telephone-event/{clock_hz}")));
            attributes.push(Attribute::new("fmtp", format_args!("{pt} 0-15")));
        }
        attributes.push(Attribute::new("ptime", self.capabilities.ptime_ms));
        if rtcp_mux {
            attributes.push(Attribute::flag("rtcp-mux"));
        }
        attributes.push(Attribute::flag(direction.name()));
        let types = codecs.iter().map(|(_, pt)| *pt).chain(events.iter().map(|(_, pt)| *pt));
        MediaDescription {
            media: "audio".into(),
            port: self.local.address.port(),
            protocol: self.lines.get(self.audio).map_or("RTP/AVP", |line| &line.protocol).into(),
            formats: types.map(|pt| pt.to_string()).collect(),
            connection: None,
            attributes,
        }
    }

    /// Prints our description around `audio`; the version rises if and only if it differs from the last one.
    fn say(&mut self, audio: MediaDescription) -> String {
        let mut media: Vec<MediaDescription> = self.lines.iter().map(Line::refused).collect();
        if let Some(line) = media.get_mut(self.audio) {
            *line = audio;
        }
        let connection = Connection::Ip(self.local.address.ip());
        let mut description = SessionDescription {
            origin: Origin {
                username: "-".into(),
                session_id: self.local.session_id.to_string(),
                version: self.version.to_string(),
                address: connection.to_string(),
            },
            name: "-".into(),
            connection: Some(connection),
            timing: "0 0".into(),
            attributes: Vec::new(),
            media,
        };
        let mut text = description.to_string();
        if !self.said.is_empty() && self.said != text {
            self.version = self.version.saturating_add(1);
            description.origin.version = self.version.to_string();
            text = description.to_string();
        }
        text.clone_into(&mut self.said);
        text
    }
}

/// Payload types both ways, before they are put beside addresses.
struct Terms {
    codec: Codec,
    send: u8,
    receive: u8,
    /// Their clock in Hz; their payload type, ours.
    events: Option<(u32, u8, u8)>,
    keys: Option<Keys>,
}

impl Line {
    fn of(media: &MediaDescription) -> Line {
        let format = media.formats.first().cloned().unwrap_or_else(|| "0".into());
        Line { media: media.media.clone(), protocol: media.protocol.clone(), format }
    }

    /// RFC 3264 section 6: port 0, and a format only because the grammar wants one.
    fn refused(&self) -> MediaDescription {
        MediaDescription {
            media: self.media.clone(),
            port: 0,
            protocol: self.protocol.clone(),
            formats: vec![self.format.clone()],
            ..MediaDescription::default()
        }
    }
}

impl PayloadTypes {
    fn of(self, codec: Codec) -> u8 {
        self.codecs[codec as usize]
    }

    /// Of telephone events on this clock.
    fn event(self, clock_hz: u32) -> u8 {
        self.events[usize::from(clock_hz != 8_000)]
    }

    /// Takes over the peer's numbers; whatever else of ours had one of them moves to a free dynamic one.
    fn learn(&mut self, codec: Codec, payload_type: u8, event: Option<(u32, u8)>) {
        self.take(codec as usize, payload_type);
        if let Some((clock_hz, payload_type)) = event {
            self.take(self.codecs.len() + usize::from(clock_hz != 8_000), payload_type);
        }
    }

    /// The `place`th of all, codecs first, is this number from now on.
    fn take(&mut self, place: usize, payload_type: u8) {
        let all =
            |types: &PayloadTypes| -> Vec<u8> { types.codecs.into_iter().chain(types.events).collect() };
        let taken = all(self);
        let free = (96..=127).find(|pt| *pt != payload_type && !taken.contains(pt)).unwrap_or(96);
        for (n, own) in self.codecs.iter_mut().chain(&mut self.events).enumerate() {
            if n == place {
                *own = payload_type;
            } else if *own == payload_type {
                *own = free;
            }
        }
    }
}

/// What we tell of our Opus (RFC 7587 section 6.1): we hear 16 kHz and make use of its redundancy, silence need not be
/// sent, and voice needs no more than this.
const OPUS_PARAMETERS: &str = "maxplaybackrate=16000;maxaveragebitrate=40000;useinbandfec=1;usedtx=1";

/// Prints no address and no text of a peer.
impl fmt::Debug for Negotiator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Negotiator")
            .field("version", &self.version)
            .field("media_lines", &self.lines.len())
            .field("offer_open", &self.offered.as_ref().is_some_and(|offered| offered.open))
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}
