//! A world of one session: it owns the time, the phones at the other ends, and keeps what each of them hears.
#![allow(dead_code)] // each test file uses its part
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value)] // helpers of tests, outside any #[test]

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use senim_audio::{Band, Bank, Coding, DECODED_MAX, Decoder, ENCODED_MAX, Encoder, Wishes, listen};
use senim_base::{CallId, ClipId, Instant, LegId, PlayId, RecordingId, TrackId};
use senim_media::{Event, Item, LegReport, Order, Outbox, Session, StreamConfig, StreamKeys};
use senim_rtp::{
    Digit, Event as TelephoneEvent, EventDetector, EventSender, Header, MasterKey, Opener, Packet,
    SRTP_OVERHEAD_MAX, Sealer, Step, Suite,
};
use senim_sdp::Codec;
use std::collections::BTreeMap;

pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) to: SocketAddr,
    pub(crate) rtcp: bool,
    pub(crate) header: Header,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Tap {
    pub(crate) recording: RecordingId,
    pub(crate) track: TrackId,
    pub(crate) at: Instant,
    pub(crate) codec: Codec,
    pub(crate) timestamp: u32,
    pub(crate) bytes: Vec<u8>,
}

/// A phone: says a tone, presses keys, on its own clock.
pub(crate) struct Phone {
    pub(crate) address: SocketAddr,
    pub(crate) codec: Codec,
    pub(crate) payload_type: u8,
    pub(crate) event_type: Option<u8>,
    pub(crate) ptime_ms: u16,
    pub(crate) hz: Option<f32>,
    pub(crate) seq: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    pub(crate) marker: bool,
    pub(crate) due: Instant,
    pub(crate) keys: EventSender,
    pub(crate) lose: fn(u16) -> bool,
    /// Its clock is fast by so many millionths.
    pub(crate) ppm: i64,
    pub(crate) phase: u32,
    pub(crate) events_hz: u32,
    pub(crate) encoder: Encoder,
}

impl Phone {
    fn packet(&mut self) -> Option<Vec<u8>> {
        let ms = self.ptime_ms;
        let at = self.timestamp;
        self.timestamp = at.wrapping_add(u32::from(ms) * self.codec.clock_hz() / 1_000);
        let step = match self.event_type {
            Some(_) => self.keys.step(at, ms, self.events_hz),
            None => Step::Idle,
        };
        let (payload_type, timestamp, payload) = match step {
            Step::Send { timestamp, event, .. } => (self.event_type?, timestamp, event.to_bytes().to_vec()),
            Step::Gap => return None,
            Step::Idle => (self.payload_type, at, self.sound(self.hz?, ms)),
        };
        let seq = self.seq;
        self.seq = seq.wrapping_add(1);
        if (self.lose)(seq) {
            return None;
        }
        let marker = std::mem::take(&mut self.marker);
        Some(bytes(Header { marker, payload_type, seq, timestamp, ssrc: self.ssrc }, &payload))
    }

    /// What it says now.
    pub(crate) fn say(&mut self) -> Option<Vec<u8>> {
        self.packet()
    }

    /// Says a tone as wide as its codec carries.
    pub(crate) fn speak_wide(&mut self, hz: f32) {
        self.hz = Some(hz);
        self.encoder = Encoder::new(coding(self.codec), Band::Wide, Wishes::default());
    }

    /// Takes another codec.
    pub(crate) fn speak(&mut self, codec: Codec) {
        (self.codec, self.payload_type) = (codec, codec.payload_type());
        self.events_hz = codec.clock_hz();
        self.encoder = Encoder::new(coding(codec), Band::Narrow, Wishes::default());
    }

    fn sound(&mut self, hz: f32, ms: u16) -> Vec<u8> {
        let band = self.encoder.band();
        let pcm: Vec<i16> = (0..usize::from(ms) * band.per_ms())
            .map(|_| {
                self.phase = (self.phase + 1) % band.rate_hz();
                let turn = hz * self.phase as f32 / band.rate_hz() as f32;
                (8_000.0 * (core::f32::consts::TAU * turn).sin()) as i16
            })
            .collect();
        let mut payload = [0; ENCODED_MAX];
        let len = self.encoder.encode(&pcm, &mut payload);
        payload[..len].to_vec()
    }
}

pub(crate) fn bytes(header: Header, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header.to_bytes().to_vec();
    bytes.extend_from_slice(payload);
    bytes
}

pub(crate) fn config(remote: &str) -> StreamConfig {
    StreamConfig::of_telephone(remote.parse().unwrap())
}

/// The same for a phone that speaks this codec.
pub(crate) fn speaking(codec: Codec, remote: &str) -> StreamConfig {
    StreamConfig {
        codec,
        send_payload_type: codec.payload_type(),
        receive_payload_type: codec.payload_type(),
        telephone_event_hz: codec.clock_hz(),
        ..config(remote)
    }
}

pub(crate) fn coding(codec: Codec) -> Coding {
    Coding::of_number(codec.payload_type())
}

pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) bank: Bank,
    pub(crate) now: Instant,
    pub(crate) out: Outbox,
    pub(crate) phones: BTreeMap<LegId, Phone>,
    pub(crate) sent: BTreeMap<LegId, Vec<Sent>>,
    pub(crate) configs: BTreeMap<LegId, StreamConfig>,
    /// What the phones of these legs seal and open with.
    pub(crate) sealed: BTreeMap<LegId, (Sealer, Opener)>,
    pub(crate) taps: Vec<Tap>,
    pub(crate) ended: Vec<(RecordingId, usize)>,
    pub(crate) events: Vec<(Instant, Event)>,
}

pub(crate) const A: LegId = LegId(1);
pub(crate) const B: LegId = LegId(2);
pub(crate) const C: LegId = LegId(3);

impl World {
    pub(crate) fn new() -> World {
        World {
            session: Session::new(CallId(1), 7),
            bank: Bank::speaking(&Coding::ALL),
            now: Instant::from_secs(1_000),
            out: Outbox::new(),
            phones: BTreeMap::new(),
            sent: BTreeMap::new(),
            configs: BTreeMap::new(),
            sealed: BTreeMap::new(),
            taps: Vec::new(),
            ended: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A world with legs A (tone 500 Hz) and B (tone 900 Hz), each as its configuration says.
    pub(crate) fn pair(a: StreamConfig, b: StreamConfig) -> World {
        let mut world = World::new();
        world.leg(A, a, Some(500.0));
        world.leg(B, b, Some(900.0));
        world
    }

    pub(crate) fn leg(&mut self, id: LegId, config: StreamConfig, hz: Option<f32>) {
        self.order(Order::Open { leg: id, port: 20_000 + 2 * id.0 as u16, ipv6: false });
        self.configure(id, config);
        let phone = Phone {
            address: config.remote,
            codec: config.codec,
            payload_type: config.receive_payload_type,
            event_type: config.receive_telephone_event,
            ptime_ms: config.send_ptime_ms,
            hz,
            seq: 60_000 + id.0 as u16,
            timestamp: 0xffff_0000 + id.0 as u32,
            ssrc: 0x1000 + id.0 as u32,
            marker: true,
            due: self.now + Duration::from_millis(3 * id.0),
            keys: EventSender::default(),
            lose: |_| false,
            ppm: 0,
            phase: 0,
            events_hz: config.telephone_event_hz,
            encoder: Encoder::new(coding(config.codec), Band::Narrow, Wishes { fec: true, dtx: false }),
        };
        self.phones.insert(id, phone);
    }

    pub(crate) fn configure(&mut self, id: LegId, stream: StreamConfig) {
        self.configs.insert(id, stream);
        self.order(Order::Configure { leg: id, stream });
    }

    /// From now on the leg and its phone encrypt.
    pub(crate) fn secure(&mut self, leg: LegId, suite: Suite, byte: u8) {
        let keys = stream_keys(suite, byte);
        self.sealed.insert(leg, (Sealer::new(&keys.receive).unwrap(), Opener::new(&keys.send).unwrap()));
        self.order(Order::Secure { leg, keys: Some(keys) });
    }

    pub(crate) fn order(&mut self, order: Order) {
        self.session.order(&order, self.now, &mut self.out);
        self.drain();
    }

    pub(crate) fn play(&mut self, leg: LegId, play: u64, clips: &[ClipId], repeat: bool) {
        self.order(Order::Play { leg, play: PlayId(play), clips: clips.to_vec(), repeat });
    }

    /// A clip of a tone, in the bank.
    pub(crate) fn clip(&mut self, name: &str, hz: f32, ms: u32) -> ClipId {
        self.bank.add(None, name, &sine(hz, ms))
    }

    pub(crate) fn phone(&mut self, id: LegId) -> &mut Phone {
        self.phones.get_mut(&id).unwrap()
    }

    pub(crate) fn press(&mut self, id: LegId, keys: &str) {
        for key in keys.chars() {
            assert!(self.phone(id).keys.push(Digit::from_char(key).unwrap()));
        }
    }

    pub(crate) fn packet(&mut self, leg: LegId, from: SocketAddr, bytes: &[u8]) {
        self.session.packet(leg, from, false, bytes, self.now, &mut self.out);
        self.drain();
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn run(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += Duration::from_millis(1);
            self.speak();
            if self.session.deadline().is_some_and(|at| at <= self.now) {
                self.session.tick(&self.bank, self.now, &mut self.out);
                self.drain();
                assert!(self.session.deadline().is_none_or(|at| at > self.now), "a tick leaves nothing due");
            }
        }
    }

    /// Lets time pass in which nobody ticks the session.
    pub(crate) fn starve(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
    }

    fn speak(&mut self) {
        let now = self.now;
        let mut arrived = Vec::new();
        for (leg, phone) in &mut self.phones {
            while phone.due <= now {
                let nanos = i64::from(phone.ptime_ms) * (1_000_000 - phone.ppm);
                phone.due += Duration::from_nanos(nanos.unsigned_abs());
                arrived.extend(phone.packet().map(|bytes| (*leg, phone.address, bytes)));
            }
        }
        for (leg, from, mut bytes) in arrived {
            if let Some((sealer, _)) = self.sealed.get_mut(&leg) {
                let len = bytes.len();
                bytes.resize(len + SRTP_OVERHEAD_MAX, 0);
                let len = sealer.rtp(&mut bytes, len).unwrap();
                bytes.truncate(len);
            }
            self.packet(leg, from, &bytes);
        }
    }

    fn drain(&mut self) {
        for item in self.out.items() {
            match item {
                Item::Send { leg, to, rtcp, bytes } => {
                    let mut bytes = bytes.to_vec();
                    if let Some((_, opener)) = self.sealed.get_mut(&leg) {
                        let opened = if rtcp { opener.rtcp(&mut bytes) } else { opener.rtp(&mut bytes) };
                        bytes.truncate(opened.expect("the phone can open what is sent to it"));
                    }
                    let bytes = &bytes[..];
                    let (header, payload) = match Packet::read(bytes) {
                        Ok(packet) if !rtcp => (packet.header, packet.payload.to_vec()),
                        _ => (Header::default(), bytes.to_vec()),
                    };
                    let sent = Sent { at: self.now, to, rtcp, header, payload };
                    self.sent.entry(leg).or_default().push(sent);
                }
                Item::Tap { recording, track, at, codec, timestamp, bytes } => {
                    let tap = Tap { recording, track, at, codec, timestamp, bytes: bytes.to_vec() };
                    self.taps.push(tap);
                }
                Item::TapEnd { recording } => self.ended.push((recording, self.taps.len())),
                Item::Event(event) => self.events.push((self.now, event)),
            }
        }
        self.out.clear();
    }

    /// Forgets what was sent and told so far.
    pub(crate) fn forget(&mut self) {
        self.sent.clear();
        self.events.clear();
        self.taps.clear();
    }

    pub(crate) fn rtp(&self, leg: LegId) -> Vec<&Sent> {
        self.sent.get(&leg).into_iter().flatten().filter(|s| !s.rtcp).collect()
    }

    pub(crate) fn audio(&self, leg: LegId) -> Vec<&Sent> {
        let events = self.configs[&leg].send_telephone_event;
        self.rtp(leg).into_iter().filter(|s| Some(s.header.payload_type) != events).collect()
    }

    /// What the phone of a leg hears, as samples.
    pub(crate) fn heard(&self, leg: LegId) -> Vec<i16> {
        self.heard_in(leg, Band::Narrow)
    }

    /// The same, as wide as its codec carries.
    pub(crate) fn heard_in(&self, leg: LegId, band: Band) -> Vec<i16> {
        let mut decoder = Decoder::new(coding(self.configs[&leg].codec), band);
        let mut pcm = [0; DECODED_MAX];
        let mut heard = Vec::new();
        for sent in self.audio(leg) {
            let len = decoder.decode(&sent.payload, &mut pcm);
            heard.extend_from_slice(&pcm[..len]);
        }
        heard
    }

    pub(crate) fn hears(&self, leg: LegId, hz: f32) -> bool {
        listen::contains_tone(&self.heard(leg), hz)
    }

    /// The keys that the phone of a leg hears as telephone events.
    pub(crate) fn keys_heard(&self, leg: LegId) -> String {
        let mut detector = EventDetector::default();
        let events = self.configs[&leg].send_telephone_event;
        self.rtp(leg)
            .into_iter()
            .filter(|s| Some(s.header.payload_type) == events)
            .filter_map(|s| detector.packet(s.header.timestamp, TelephoneEvent::read(&s.payload)?))
            .map(Digit::as_char)
            .collect()
    }

    /// The keys that the switch is told of.
    pub(crate) fn keys_told(&self) -> String {
        let digit = |event: &Event| match event {
            Event::Digit { digit, .. } => Some(digit.as_char()),
            _ => None,
        };
        self.events.iter().filter_map(|(_, event)| digit(event)).collect()
    }

    pub(crate) fn told(&self, wanted: impl Fn(&Event) -> bool) -> Vec<Instant> {
        self.events.iter().filter(|(_, event)| wanted(event)).map(|(at, _)| *at).collect()
    }

    pub(crate) fn close(&mut self, leg: LegId) -> LegReport {
        self.order(Order::Close { leg });
        let report = |event: &Event| match event {
            Event::Report { leg: l, report } if *l == leg => Some(*report),
            _ => None,
        };
        self.events.iter().find_map(|(_, event)| report(event)).unwrap()
    }

    /// One SSRC, marker only where a talkspurt begins, timestamps that never go back.
    pub(crate) fn assert_one_stream(&self, leg: LegId) {
        for pair in self.audio(leg).windows(2) {
            let (a, b) = (&pair[0], &pair[1]);
            assert_eq!(a.header.ssrc, b.header.ssrc, "the SSRC stays");
            let forward = b.header.timestamp.wrapping_sub(a.header.timestamp) as i32;
            let codec = self.configs[&leg].codec;
            let lasts = coding(codec).ticks(&a.payload) * codec.clock_hz() / 8_000;
            assert!(forward >= lasts as i32, "timestamps overlap by {forward} at {:?}", b.at);
            assert!((b.header.seq.wrapping_sub(a.header.seq) as i16) > 0, "sequence numbers go on");
        }
    }
}

/// Keys that differ by their byte.
pub(crate) fn stream_keys(suite: Suite, byte: u8) -> StreamKeys {
    let (key, salt) = suite.master_len();
    let master = |byte| MasterKey::new(suite, &vec![byte; key + salt]).unwrap();
    StreamKeys { send: master(byte), receive: master(!byte) }
}

/// A tone of so many milliseconds.
pub(crate) fn sine(hz: f32, ms: u32) -> Vec<i16> {
    (0..ms * 8).map(|n| (8_000.0 * (core::f32::consts::TAU * hz * n as f32 / 8_000.0).sin()) as i16).collect()
}

/// Keys as pairs of tones, 100 ms on and 100 ms off.
pub(crate) fn tones(pairs: &[(f32, f32)]) -> Vec<i16> {
    let mut pcm = Vec::new();
    for (low, high) in pairs {
        pcm.extend(sine(*low, 100).into_iter().zip(sine(*high, 100)).map(|(a, b)| a / 2 + b / 2));
        pcm.extend([0; 800]);
    }
    pcm
}

/// One payload that hangs on none before it.
pub(crate) fn decode(codec: Codec, payload: &[u8]) -> Vec<i16> {
    let mut pcm = [0; DECODED_MAX];
    let len = Decoder::new(coding(codec), Band::Narrow).decode(payload, &mut pcm);
    pcm[..len].to_vec()
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
