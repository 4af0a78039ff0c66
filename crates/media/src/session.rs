//! The door of the room: orders, packets and time go into a call's session here.

use crate::event::Event;
use crate::leg::{Leg, Source};
use crate::mix::Mix;
use crate::order::Order;
use crate::outbox::Outbox;
use crate::play::Play;
use crate::secure::SEALED_MAX;
use arrayvec::ArrayVec;
use core::net::SocketAddr;
use senim_audio::Bank;
use senim_base::{CallId, Instant, LegId, PlayId, RecordingId};
use senim_rtp::Kind;

/// Ceiling of legs in one call; a further one is refused with `OpenFailed`.
pub const LEGS_MAX: usize = 16;
/// Ceiling of recordings in one call whose end the session remembers; a further one is not recorded.
pub const RECORDINGS_MAX: usize = 8;

/// The sound of one call.
#[derive(Debug)]
pub struct Session {
    id: CallId,
    seed: u64,
    legs: Vec<Leg>,
    recordings: Vec<RecordingId>,
}

impl Session {
    /// A session without legs. `seed` is unpredictable to outsiders: SSRCs, first sequence numbers and timestamps
    /// come from it (RFC 3550 §5.1).
    pub fn new(id: CallId, seed: u64) -> Session {
        Session { id, seed, legs: Vec::with_capacity(2), recordings: Vec::new() }
    }

    /// The call.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// No leg is open.
    pub fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    /// Packets of some leg are passed on to another as they come: who carries them shall not let them wait.
    pub fn passes(&self) -> bool {
        self.legs.iter().any(|leg| matches!(leg.source, Source::Leg(_)))
    }

    /// Obeys an order. May allocate; packets and ticks do not.
    pub fn order(&mut self, order: &Order, now: Instant, out: &mut Outbox) {
        match order {
            Order::Open { leg, port, .. } => self.open(*leg, *port, now, out),
            Order::Play { leg, play, clips, repeat } => {
                self.play(*leg, Play::new(*play, clips.clone(), *repeat), now, out);
            }
            Order::Silence { leg } => self.set_source(*leg, Source::Nothing, now, out),
            Order::Hear { leg, from } => self.set_source(*leg, Source::Leg(*from), now, out),
            Order::Bridge { a, b } => {
                self.set_source(*a, Source::Leg(*b), now, out);
                self.set_source(*b, Source::Leg(*a), now, out);
            }
            Order::Mix { rows } => {
                for (ear, mouths) in rows {
                    self.set_source(*ear, Source::of(*ear, mouths), now, out);
                }
            }
            Order::StopRecording { recording } => self.stop_recording(*recording, out),
            Order::Close { leg } => self.close(*leg, now, out),
            Order::CloseSession => self.close_all(now, out),
            Order::Record { leg, recording, .. } | Order::RecordHeard { leg, recording, .. } => {
                if self.remember(*recording)
                    && let Some(leg) = self.leg(*leg)
                {
                    leg.obey(order, now);
                }
            }
            Order::Configure { leg, .. }
            | Order::Secure { leg, .. }
            | Order::SendDigits { leg, .. }
            | Order::AbsorbDigits { leg, .. }
            | Order::Inactivity { leg, .. } => {
                if let Some(leg) = self.leg(*leg) {
                    leg.obey(order, now);
                }
            }
        }
        if !matches!(order, Order::SendDigits { .. } | Order::AbsorbDigits { .. }) {
            self.prepare();
            self.expect_sound(now, out);
        }
    }

    /// Takes the memory that ears need which take packets of another size than the mouth's, or another codec, and gives
    /// back what is not needed any more: not on the path of a packet.
    fn prepare(&mut self) {
        let spoken: ArrayVec<_, LEGS_MAX> = self.legs.iter().filter_map(Leg::speaks).collect();
        for ear in &mut self.legs {
            ear.prepare(&spoken);
        }
    }

    /// Whoever is heard by somebody is expected to say something.
    fn expect_sound(&mut self, now: Instant, out: &mut Outbox) {
        let mut heard = ArrayVec::<LegId, LEGS_MAX>::new();
        for leg in &self.legs {
            let id = leg.id;
            let hears = |ear: &Leg| match &ear.source {
                Source::Leg(from) => *from == id,
                Source::Mix(mix) => mix.hears(id),
                Source::Nothing | Source::Play(_) => false,
            };
            if self.legs.iter().any(hears) {
                heard.push(id);
            }
        }
        for leg in &mut self.legs {
            leg.expect_sound(heard.contains(&leg.id), now, out);
        }
    }

    /// Takes a datagram that came for a leg; `rtcp` when it came to the RTCP port.
    pub fn packet(
        &mut self,
        leg: LegId,
        from: SocketAddr,
        rtcp: bool,
        bytes: &[u8],
        now: Instant,
        out: &mut Outbox,
    ) {
        let Some(speaker) = self.leg(leg) else { return };
        let is_report = match Kind::of(bytes) {
            Kind::Rtcp => true,
            Kind::Rtp => rtcp,
            // No leg has keys or ways of its own to agree on: such datagrams mean nothing here.
            Kind::Stun | Kind::Dtls | Kind::Other => {
                speaker.malformed += 1;
                return;
            }
        };
        let mut room;
        let bytes = if speaker.is_sealed() {
            room = [0; SEALED_MAX];
            let Some(opened) = speaker.open_sealed(from, is_report, bytes, &mut room) else { return };
            opened
        } else {
            bytes
        };
        if is_report {
            speaker.hear_report(from, bytes, now, out);
            return;
        }
        let Some(heard) = speaker.hear(from, bytes, now, out) else { return };
        for ear in &mut self.legs {
            match ear.source {
                Source::Leg(_) => ear.hear_from(&heard, now, out),
                Source::Mix(_) => ear.mix_from(&heard, now),
                Source::Nothing | Source::Play(_) => {}
            }
        }
    }

    /// Does everything that is due.
    pub fn tick(&mut self, bank: &Bank, now: Instant, out: &mut Outbox) {
        for leg in &mut self.legs {
            leg.run_slots(bank, now, out);
            leg.watch(now, out);
            leg.run_reports(now, out);
        }
    }

    /// When to call [`Session::tick`] next.
    pub fn deadline(&self) -> Option<Instant> {
        self.legs.iter().filter_map(Leg::deadline).min()
    }

    fn leg(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }

    fn open(&mut self, id: LegId, port: u16, now: Instant, out: &mut Outbox) {
        if self.leg(id).is_some() {
            return;
        }
        if self.legs.len() >= LEGS_MAX {
            out.event(Event::OpenFailed { leg: id, port });
            return;
        }
        self.legs.push(Leg::new(id, self.seed, now));
    }

    fn set_source(&mut self, leg: LegId, source: Source, now: Instant, out: &mut Outbox) {
        if let Some(leg) = self.leg(leg) {
            leg.set_source(source, now, out);
        }
    }

    fn play(&mut self, leg: LegId, play: Play, now: Instant, out: &mut Outbox) {
        match self.leg(leg) {
            Some(leg) => leg.set_source(Source::Play(play), now, out),
            // The script waits for this end whatever became of the leg.
            None => out.event(Event::PlayEnded { leg, play: PlayId(play.id.0), completed: false }),
        }
    }

    fn remember(&mut self, recording: RecordingId) -> bool {
        if self.recordings.contains(&recording) {
            return true;
        }
        let room = self.recordings.len() < RECORDINGS_MAX;
        if room {
            self.recordings.push(recording);
        }
        room
    }

    fn stop_recording(&mut self, recording: RecordingId, out: &mut Outbox) {
        for leg in &mut self.legs {
            leg.record.retain(|(r, _)| *r != recording);
            leg.record_heard.retain(|(r, _)| *r != recording);
        }
        self.recordings.retain(|r| *r != recording);
        out.tap_end(recording);
    }

    fn close(&mut self, id: LegId, now: Instant, out: &mut Outbox) {
        let Some(at) = self.legs.iter().position(|leg| leg.id == id) else { return };
        let mut leg = self.legs.remove(at);
        leg.set_source(Source::Nothing, now, out);
        leg.send_report(true, now, out);
        if leg.strangers.untold > 0 {
            out.event(Event::Strangers { leg: id, packets: leg.strangers.untold });
        }
        out.event(Event::Report { leg: id, report: leg.figures() });
        out.event(Event::Closed { leg: id });
        for ear in &mut self.legs {
            let deaf = match &mut ear.source {
                Source::Leg(from) => *from == id,
                Source::Mix(mix) => !mix.forget(id),
                Source::Nothing | Source::Play(_) => false,
            };
            if deaf {
                ear.set_source(Source::Nothing, now, out);
            }
        }
    }

    fn close_all(&mut self, now: Instant, out: &mut Outbox) {
        while let Some(recording) = self.recordings.first().copied() {
            self.stop_recording(recording, out);
        }
        while let Some(leg) = self.legs.first().map(|leg| leg.id) {
            self.close(leg, now, out);
        }
    }
}

impl Source {
    /// One row of the matrix.
    fn of(ear: LegId, mouths: &[LegId]) -> Source {
        let mut others: Vec<LegId> = mouths.iter().copied().filter(|mouth| *mouth != ear).collect();
        others.sort_unstable();
        others.dedup();
        others.truncate(LEGS_MAX);
        match *others.as_slice() {
            [] => Source::Nothing,
            [one] => Source::Leg(one),
            _ => Source::Mix(Mix::new(others.into_iter())),
        }
    }
}

impl Leg {
    /// Orders that concern one leg alone.
    fn obey(&mut self, order: &Order, now: Instant) {
        match order {
            Order::Configure { stream, .. } => self.configure(*stream, now),
            Order::Secure { keys, .. } => self.secure(keys.as_ref()),
            Order::Record { recording, track, .. } => add(&mut self.record, (*recording, *track)),
            Order::RecordHeard { recording, track, .. } => add(&mut self.record_heard, (*recording, *track)),
            Order::SendDigits { digits, .. } => {
                for digit in digits {
                    self.digits.push(*digit);
                }
                self.arm(now);
            }
            Order::AbsorbDigits { on, .. } => self.absorb_digits = *on,
            Order::Inactivity { after, .. } => {
                self.watch.after = *after;
                self.watch.since = now;
                self.watch.told = false;
            }
            _ => {}
        }
    }
}

fn add(taps: &mut crate::leg::Taps, tap: (RecordingId, senim_base::TrackId)) {
    if !taps.contains(&tap) && !taps.is_full() {
        taps.push(tap);
    }
}
