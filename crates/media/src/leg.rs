//! One leg: its stream, who may speak, what it hears, where its sound is recorded.

use crate::config::{StreamConfig, coding};
use crate::event::{Event, LegReport};
use crate::hear::Tones;
use crate::mix::Mix;
use crate::mouth::Mouth;
use crate::one_way::OneWay;
use crate::outbox::Outbox;
use crate::play::Play;
use crate::report::Reports;
use crate::secure::Unseal;
use crate::send::Outgoing;
use crate::slot::Schedule;
use arrayvec::ArrayVec;
use core::time::Duration;
use senim_audio::{Band, Encoder};
use senim_base::{Instant, LegId, RecordingId, TrackId};
use senim_rtp::{EventDetector, EventSender, Latch, Receiver};
use senim_sdp::Codec;

/// Recordings one leg can feed at once; a further one is refused (the recorder sees a track without sound).
pub(crate) const TAPS_MAX: usize = 4;
/// Strangers are told of at most this often.
pub(crate) const STRANGERS_EVERY: Duration = Duration::from_secs(1);

pub(crate) type Taps = ArrayVec<(RecordingId, TrackId), TAPS_MAX>;

/// What a leg hears.
#[derive(Debug, Default)]
pub(crate) enum Source {
    #[default]
    Nothing,
    Play(Play),
    Leg(LegId),
    Mix(Mix),
}

#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    pub(crate) stream: Option<Stream>,
    pub(crate) source: Source,
    pub(crate) out: Outgoing,
    pub(crate) schedule: Schedule,
    pub(crate) digits: EventSender,
    /// The jitter buffer of the one whom this leg hears, if his packets cannot pass as they come.
    pub(crate) recut: Option<Box<Mouth>>,
    /// Packets of the right size since the last that was not.
    pub(crate) even: u16,
    pub(crate) receiver: Receiver,
    pub(crate) events: EventDetector,
    pub(crate) in_band: Option<Box<Tones>>,
    /// What makes packets of sound that is made here: sums, tones, what another codec said.
    pub(crate) encoder: Option<Encoder>,
    pub(crate) absorb_digits: bool,
    pub(crate) record: Taps,
    pub(crate) record_heard: Taps,
    pub(crate) watch: Watch,
    pub(crate) one_way: OneWay,
    pub(crate) strangers: Strangers,
    pub(crate) malformed: u64,
    pub(crate) unseal: Unseal,
    pub(crate) reports: Reports,
}

/// The agreed stream and the rule for its peer.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) config: StreamConfig,
    pub(crate) latch: Latch,
}

/// Watches for silence on the wire.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    pub(crate) after: Duration,
    pub(crate) since: Instant,
    pub(crate) told: bool,
    pub(crate) heard: bool,
}

/// Counts those who may not speak.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    pub(crate) all: u64,
    pub(crate) untold: u32,
    pub(crate) told: Option<Instant>,
}

impl Strangers {
    /// When the untold ones may be told.
    pub(crate) fn due(&self) -> Option<Instant> {
        let told = self.told.map_or(Instant::ZERO, |at| at + STRANGERS_EVERY);
        (self.untold > 0).then_some(told)
    }

    pub(crate) fn tell(&mut self, leg: LegId, now: Instant, out: &mut Outbox) {
        if self.due().is_some_and(|due| due <= now) {
            let packets = core::mem::take(&mut self.untold);
            self.told = Some(now);
            out.event(Event::Strangers { leg, packets });
        }
    }
}

impl Leg {
    pub(crate) fn new(id: LegId, seed: u64, now: Instant) -> Leg {
        Leg {
            id,
            stream: None,
            source: Source::Nothing,
            out: Outgoing::new(id, seed),
            schedule: Schedule::new(id),
            digits: EventSender::default(),
            recut: None,
            even: 0,
            receiver: Receiver::default(),
            events: EventDetector::default(),
            in_band: None,
            encoder: None,
            absorb_digits: false,
            record: Taps::new(),
            record_heard: Taps::new(),
            watch: Watch { since: now, ..Watch::default() },
            one_way: OneWay::default(),
            strangers: Strangers::default(),
            malformed: 0,
            unseal: Unseal::default(),
            reports: Reports::new(id, now),
        }
    }

    /// Takes what offer and answer agreed, the first time or again.
    pub(crate) fn configure(&mut self, config: StreamConfig, now: Instant) {
        let received_before = self.receives();
        match &mut self.stream {
            Some(stream) => {
                stream.latch.rename(config.remote, config.signalling_peer);
                stream.config = config;
            }
            None => {
                self.stream =
                    Some(Stream { config, latch: Latch::new(config.remote, config.signalling_peer) });
                self.out.begin_source();
            }
        }
        if !received_before {
            self.watch.since = now;
        }
        self.out.set_clock(config.codec.clock_hz());
        if config.receive_telephone_event.is_some() {
            self.in_band = None;
        } else if self.in_band.as_ref().is_none_or(|tones| !tones.is_for(config.codec)) {
            self.in_band = Some(Box::new(Tones::new(config.codec)));
        }
        self.arm(now);
    }

    /// What it speaks, and how much of it a packet holds, in milliseconds, if it is as ours.
    pub(crate) fn speaks(&self) -> Option<(LegId, Codec, u16)> {
        let config = self.stream.as_ref()?.config;
        Some((self.id, config.codec, config.ptime_ms()))
    }

    /// Takes the memory that this ear needs to hear what it hears in its own codec.
    pub(crate) fn prepare(&mut self, spoken: &[(LegId, Codec, u16)]) {
        let Some(config) = self.stream.as_ref().map(|s| s.config) else { return };
        let of = |leg: LegId| spoken.iter().find(|(id, ..)| *id == leg).copied();
        let mut band = Band::Narrow;
        // An encoder of Opus is large, and most legs of Opus need none: what is played to them is coded already, and what
        // is said in Opus passes. The others are small.
        let mut encodes = config.codec != Codec::Opus || config.send_telephone_event.is_none();
        match &mut self.source {
            Source::Nothing | Source::Play(_) => {}
            Source::Mix(mix) => {
                encodes = true;
                mix.equip(|leg| of(leg).map(|(_, codec, _)| coding(codec)));
            }
            Source::Leg(from) => {
                let Some((from, codec, ms)) = of(*from) else { return };
                if codec.is_wide() && config.codec.is_wide() {
                    band = Band::Wide;
                }
                let foreign = codec.is_foreign_to(config.codec);
                encodes |= foreign;
                if foreign || (ms != config.ptime_ms() && codec != Codec::Opus) {
                    self.recut.get_or_insert_with(|| Mouth::new(from));
                }
                if let Some(mouth) = &mut self.recut {
                    mouth.equip(coding(codec), band);
                }
            }
        }
        self.equip(encodes.then_some(band));
    }

    /// Takes the memory to code sound of this width in the leg's codec, or gives it back: not on the path of a packet.
    fn equip(&mut self, band: Option<Band>) {
        let Some(config) = self.stream.as_ref().map(|s| s.config) else { return };
        let (Some(band), coding) = (band, coding(config.codec)) else {
            self.encoder = None;
            return;
        };
        let band = if config.codec.is_wide() { band } else { Band::Narrow };
        if self.encoder.as_ref().is_none_or(|e| (e.coding(), e.band()) != (coding, band)) {
            self.encoder = Some(Encoder::new(coding, band, config.opus));
        }
    }

    /// We want to hear this leg.
    pub(crate) fn receives(&self) -> bool {
        self.stream.as_ref().is_some_and(|s| s.config.receives())
    }

    /// Changes what the leg hears; a playing that loses its place ends here.
    pub(crate) fn set_source(&mut self, source: Source, now: Instant, out: &mut Outbox) {
        let same = match (&self.source, &source) {
            (Source::Leg(old), Source::Leg(new)) => old == new,
            (Source::Mix(old), Source::Mix(new)) => old.is_like(new),
            _ => false,
        };
        if same {
            return;
        }
        if let Source::Play(old) = core::mem::replace(&mut self.source, source) {
            out.event(Event::PlayEnded { leg: self.id, play: old.id, completed: false });
        }
        self.recut = None;
        self.out.begin_source();
        self.arm(now);
    }

    /// Starts the schedule when there is something to send by it, stops it when not.
    pub(crate) fn arm(&mut self, now: Instant) {
        let plays = matches!(self.source, Source::Play(_) | Source::Mix(_));
        let recuts = self.recut.as_ref().is_some_and(|mouth| mouth.flows());
        let busy = plays || recuts || !self.digits.is_idle();
        match &self.stream {
            Some(stream) if busy => self.schedule.start(stream.config.ptime_ms(), now),
            _ => self.schedule.stop(),
        }
    }

    /// When the silence on the wire becomes an event.
    pub(crate) fn inactive_at(&self) -> Option<Instant> {
        let watched = !self.watch.after.is_zero() && !self.watch.told && self.receives();
        watched.then(|| self.watch.since + self.watch.after)
    }

    /// Tells of silence on the wire and of strangers, if it is time.
    pub(crate) fn watch(&mut self, now: Instant, out: &mut Outbox) {
        if self.inactive_at().is_some_and(|at| at <= now) {
            self.watch.told = true;
            out.event(Event::Inactive { leg: self.id, silent_for: now.since(self.watch.since) });
        }
        self.tell_one_way(now, out);
        self.strangers.tell(self.id, now, out);
    }

    pub(crate) fn figures(&self) -> LegReport {
        LegReport {
            sent: self.out.packets,
            sent_bytes: self.out.octets,
            not_sent: self.out.not_sent,
            received: self.receiver.received(),
            lost: self.receiver.lost(),
            jitter_us: self.receiver.jitter_us(),
            peer_lost: self.reports.peer_lost(),
            round_trip_us: self.reports.round_trip_us(),
            strangers: self.strangers.all,
            malformed: self.malformed,
            forged: self.unseal.forged,
            mos_x100: self.life_mos_x100(),
        }
    }

    /// The earliest moment at which this leg has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let reports = self.stream.as_ref().map(|_| self.reports.due());
        [self.schedule.due(), self.inactive_at(), self.one_way.due(), self.strangers.due(), reports]
            .into_iter()
            .flatten()
            .min()
    }
}
