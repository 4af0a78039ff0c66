//! A datagram from a peer: is he the one who may speak, what did he say, a sound or a key.

use crate::config::{StreamConfig, coding};
use crate::event::{DigitSource, Event};
use crate::leg::Leg;
use crate::outbox::Outbox;
use crate::send::Origin;
use core::net::SocketAddr;
use senim_audio::dtmf::Detector;
use senim_audio::{Band, Coding, DECODED_MAX, Decoder, OPUS_SILENT_BYTES_MAX};
use senim_base::Instant;
use senim_rtp::{Admit, Arrival, Digit, Event as TelephoneEvent, Packet};
use senim_sdp::Codec;

/// The static payload type of comfort noise at 8 kHz (RFC 3389 section 4): some peers send it without having said so.
const COMFORT_NOISE: u8 = 13;

/// What one packet said, and where it stands in its stream.
#[derive(Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) origin: Origin,
    pub(crate) payload: &'a [u8],
    pub(crate) said: Said,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Said {
    Sound {
        codec: Codec,
    },
    /// What silence is like there (RFC 3389); nothing more comes until somebody speaks.
    Noise,
    /// A telephone event; `digit` only on the packet that told of it first.
    Key {
        digit: Option<Digit>,
        absorbed: bool,
        /// The clock that it counts by.
        clock_hz: u32,
    },
}

impl Leg {
    /// Takes a datagram from the RTP socket. What it gives may be heard by other legs.
    pub(crate) fn hear<'a>(
        &mut self,
        from: SocketAddr,
        bytes: &'a [u8],
        now: Instant,
        out: &mut Outbox,
    ) -> Option<Heard<'a>> {
        let stream = self.stream.as_mut()?;
        let Ok(packet) = Packet::read(bytes) else {
            self.malformed += 1;
            return None;
        };
        match stream.latch.admit(from, now) {
            Admit::Accept => {}
            Admit::Relatched => out.event(Event::Relatched { leg: self.id }),
            Admit::Probation => return None,
            Admit::Stranger => {
                self.strangers.all += 1;
                self.strangers.untold = self.strangers.untold.saturating_add(1);
                self.strangers.tell(self.id, now, out);
                return None;
            }
        }
        let config = stream.config;
        self.note_alive(now, out);
        let header = packet.header;
        let rests = header.payload_type == COMFORT_NOISE
            || config.codec == Codec::Opus && packet.payload.len() <= OPUS_SILENT_BYTES_MAX;
        self.one_way.heard(self.id, rests, now, out);
        let arrival =
            self.receiver.packet(header.ssrc, header.seq, (header.timestamp, config.codec.clock_hz()), now);
        match arrival {
            Arrival::Doubtful => return None,
            Arrival::Restarted => self.events.reset(),
            _ => {}
        }
        if !config.receives() {
            return None;
        }
        let origin = Origin {
            leg: self.id,
            ssrc: header.ssrc,
            seq: header.seq,
            timestamp: header.timestamp,
            marker: header.marker,
            arrival,
        };
        let said = self.understand(&config, &packet, now, out)?;
        Some(Heard { origin, payload: packet.payload, said })
    }

    fn note_alive(&mut self, now: Instant, out: &mut Outbox) {
        self.watch.since = now;
        if !core::mem::replace(&mut self.watch.heard, true) {
            out.event(Event::FirstPacket { leg: self.id });
        }
        if core::mem::take(&mut self.watch.told) {
            out.event(Event::Resumed { leg: self.id });
        }
    }

    fn understand(
        &mut self,
        config: &StreamConfig,
        packet: &Packet<'_>,
        now: Instant,
        out: &mut Outbox,
    ) -> Option<Said> {
        if config.receive_telephone_event == Some(packet.header.payload_type) {
            let event = TelephoneEvent::read(packet.payload)?;
            return Some(self.understand_key(config, packet.header.timestamp, event, out));
        }
        if packet.header.payload_type == COMFORT_NOISE && config.receive_payload_type != COMFORT_NOISE {
            return Some(Said::Noise);
        }
        let codec = codec_of(config, packet.header.payload_type)?;
        if packet.payload.is_empty() {
            return None;
        }
        for tap in &self.record {
            out.tap(*tap, now, codec, packet.header.timestamp, packet.payload);
        }
        self.listen_for_tones(codec, packet.payload, out);
        Some(Said::Sound { codec })
    }

    fn understand_key(
        &mut self,
        config: &StreamConfig,
        timestamp: u32,
        event: TelephoneEvent,
        out: &mut Outbox,
    ) -> Said {
        let digit = self.events.packet(timestamp, event);
        if let Some(digit) = digit {
            let duration_ms = u32::from(event.duration) * 1_000 / config.telephone_event_hz.max(1);
            out.event(Event::Digit { leg: self.id, digit, source: DigitSource::Rfc4733, duration_ms });
        }
        Said::Key { digit, absorbed: self.absorb_digits, clock_hz: config.telephone_event_hz }
    }

    /// Looks for keys in the sound, if the peer has no telephone events.
    fn listen_for_tones(&mut self, codec: Codec, payload: &[u8], out: &mut Outbox) {
        let Some(tones) = &mut self.in_band else { return };
        let mut pcm = [0; DECODED_MAX];
        let len = tones.decode(codec, payload, &mut pcm);
        for chunk in pcm.get(..len).unwrap_or(&pcm).chunks(TONES_AT_ONCE) {
            if let Some(digit) = tones.detector.feed(chunk).and_then(Digit::from_char) {
                out.event(Event::Digit { leg: self.id, digit, source: DigitSource::InBand, duration_ms: 0 });
            }
        }
    }
}

/// Samples of 20 ms: in so many one key is found at most.
const TONES_AT_ONCE: usize = 160;

/// An ear for keys in a leg's sound.
#[derive(Debug)]
pub(crate) struct Tones {
    detector: Detector,
    decoder: Decoder,
}

impl Tones {
    pub(crate) fn new(codec: Codec) -> Tones {
        Tones { detector: Detector::new(), decoder: Decoder::new(coding(codec), Band::Narrow) }
    }

    /// It understands this codec.
    pub(crate) fn is_for(&self, codec: Codec) -> bool {
        self.decoder.coding() == coding(codec)
    }

    fn decode(&mut self, codec: Codec, payload: &[u8], pcm: &mut [i16]) -> usize {
        match coding(codec) {
            same if same == self.decoder.coding() => self.decoder.decode(payload, pcm),
            // The other law, which needs no memory, from a peer that sends what was not agreed.
            law @ (Coding::Alaw | Coding::Ulaw) => Decoder::new(law, Band::Narrow).decode(payload, pcm),
            Coding::G722 | Coding::Opus => 0,
        }
    }
}

/// The codec that a payload type means: as agreed, or by its static number if a peer sends another law than agreed. Only
/// the laws are taken so: what else was not agreed has no decoder.
fn codec_of(config: &StreamConfig, payload_type: u8) -> Option<Codec> {
    if payload_type == config.receive_payload_type {
        return Some(config.codec);
    }
    Codec::from_payload_type(payload_type).filter(|codec| codec.is_law() && config.codec.is_law())
}
