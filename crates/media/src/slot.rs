//! The schedule of a leg: one packet each packet time, on a grid that differs from leg to leg, so that a thousand
//! calls do not leave in one burst. A late tick catches up with a few packets; what is older was not sent.

use crate::config::{StreamConfig, coding, silence};
use crate::event::Event;
use crate::leg::{Leg, Source};
use crate::outbox::Outbox;
use crate::play::Filled;
use core::f32::consts::TAU;
use core::net::SocketAddr;
use core::time::Duration;
use senim_audio::{Bank, ENCODED_MAX};
use senim_base::{Instant, LegId};
use senim_rtp::{Digit, Event as TelephoneEvent, Step};
use senim_sdp::Codec;

/// A late tick sends at most this many packets of a leg at once.
const BURST_MAX: u64 = 3;
/// Bytes in the longest packet of a codec that has a byte a tick: 60 ms.
pub(crate) const CHUNK_MAX: usize = 480;
/// Samples in the longest packet: 60 ms of 16 kHz.
pub(crate) const SAMPLES_MAX: usize = 960;
/// Legs are spread over this many milliseconds, one millisecond apart.
const SPREAD_MS: u64 = 20;

/// When packets are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    phase_ms: u64,
    every_ms: u64,
    due: Option<Instant>,
}

impl Schedule {
    pub(crate) fn new(leg: LegId) -> Schedule {
        // 7 and 20 have no common factor: neighbours are 7 ms apart, all phases are used alike.
        Schedule { phase_ms: leg.0 % SPREAD_MS * 7 % SPREAD_MS, every_ms: 20, due: None }
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(crate) fn stop(&mut self) {
        self.due = None;
    }

    /// Runs from the next point of the grid on; goes on undisturbed when it runs already.
    pub(crate) fn start(&mut self, every_ms: u16, now: Instant) {
        let every_ms = u64::from(every_ms.max(1));
        if self.due.is_some() && self.every_ms == every_ms {
            return;
        }
        self.every_ms = every_ms;
        let phase = self.phase_ms % every_ms;
        let now_ms = now.as_nanos().div_ceil(1_000_000);
        let into = (now_ms + every_ms - phase) % every_ms;
        let due_ms = if into == 0 { now_ms } else { now_ms + every_ms - into };
        self.due = Some(Instant::from_millis(due_ms));
    }

    /// The slot that is due at `now`, and how many before it were missed for good.
    fn take(&mut self, now: Instant) -> Option<(Instant, u64)> {
        let due = self.due.filter(|due| *due <= now)?;
        let every = self.every_ms.max(1);
        let behind = (now.since(due).as_nanos() / 1_000_000) as u64 / every + 1;
        let missed = behind.saturating_sub(BURST_MAX);
        let slot = due + Duration::from_millis(missed.saturating_mul(every));
        self.due = Some(slot + Duration::from_millis(every));
        Some((slot, missed))
    }
}

impl Leg {
    /// Sends what is due.
    pub(crate) fn run_slots(&mut self, bank: &Bank, now: Instant, out: &mut Outbox) {
        while let Some((slot, missed)) = self.schedule.take(now) {
            let Some((config, to)) = self.stream.as_ref().map(|s| (s.config, s.latch.in_use())) else {
                self.schedule.stop();
                return;
            };
            if missed > 0 && config.sends() {
                self.out.skip(missed);
            }
            self.run_slot(&config, to, bank, slot, out);
            if self.schedule.due().is_none_or(|due| due > now) {
                self.arm(now);
                return;
            }
        }
    }

    fn run_slot(
        &mut self,
        config: &StreamConfig,
        to: SocketAddr,
        bank: &Bank,
        slot: Instant,
        out: &mut Outbox,
    ) {
        let clock = self.out.clock(slot);
        let step = self.digits.step(clock, config.ptime_ms(), config.telephone_event_hz);
        if let Step::Send { .. } | Step::Gap = step {
            self.skip_sound(config.ptime_ms(), slot);
        }
        match step {
            Step::Send { timestamp, marker, event } if config.sends() => match config.send_telephone_event {
                Some(payload_type) => {
                    let kind = (payload_type, config.telephone_event_hz);
                    self.out.event(to, kind, timestamp, marker, event, out);
                }
                None => self.send_tones(config, to, clock, event, out),
            },
            Step::Send { .. } | Step::Gap => {}
            Step::Idle => self.send_sound(config, to, bank, (slot, clock), out),
        }
    }

    fn send_sound(
        &mut self,
        config: &StreamConfig,
        to: SocketAddr,
        bank: &Bank,
        (slot, clock): (Instant, u32),
        out: &mut Outbox,
    ) {
        match self.source {
            Source::Play(_) => self.send_clip(config, to, bank, (slot, clock), out),
            Source::Leg(_) | Source::Mix(_) => {
                let mut payload = [0; ENCODED_MAX];
                let len = self.encode(config, &mut payload, |leg, sum| leg.pull(sum, slot));
                match payload.get(..len) {
                    Some(sound) if len > 0 && config.sends() => self.out.audio(to, config, clock, sound, out),
                    // Silence is not sent; whoever speaks next begins a talkspurt.
                    _ => self.out.begin_source(),
                }
            }
            Source::Nothing => {}
        }
    }

    /// Codes one packet's worth of what `make` makes, if it makes anything. Gives its bytes, 0 for none.
    fn encode(
        &mut self,
        config: &StreamConfig,
        payload: &mut [u8; ENCODED_MAX],
        make: impl FnOnce(&mut Leg, &mut [i16]) -> bool,
    ) -> usize {
        let Some(mut encoder) = self.encoder.take() else { return 0 };
        let mut buffer = [0; SAMPLES_MAX];
        let samples = usize::from(config.ptime_ms()) * encoder.band().per_ms();
        let mut len = 0;
        if let Some(sum) = buffer.get_mut(..samples)
            && make(self, sum)
        {
            len = encoder.encode(sum, payload);
        }
        self.encoder = Some(encoder);
        len
    }

    /// What is played, as it lies in the bank.
    fn send_clip(
        &mut self,
        config: &StreamConfig,
        to: SocketAddr,
        bank: &Bank,
        (slot, clock): (Instant, u32),
        out: &mut Outbox,
    ) {
        let Source::Play(play) = &mut self.source else { return };
        let mut buffer = [silence(config.codec); CHUNK_MAX];
        let chunk = buffer.get_mut(..usize::from(config.ptime_ms()) * 8).unwrap_or(&mut []);
        let (sound, ended) = if config.codec == Codec::Opus {
            let packet = play.packet(bank);
            (packet, packet.is_none().then(|| play.is_whole()))
        } else {
            match play.fill(bank, coding(config.codec), chunk) {
                Filled::More => (Some(&*chunk), None),
                Filled::Last { samples, completed } => {
                    (Some(&*chunk).filter(|_| samples > 0), Some(completed))
                }
            }
        };
        // A held leg hears nothing, but the script's time goes on: a prompt ends when it would have ended.
        if let Some(sound) = sound.filter(|_| config.sends()) {
            self.out.audio(to, config, clock, sound, out);
            for tap in &self.record_heard {
                out.tap(*tap, slot, config.codec, clock, sound);
            }
        }
        if let Some(completed) = ended
            && let Source::Play(play) = core::mem::take(&mut self.source)
        {
            out.event(Event::PlayEnded { leg: self.id, play: play.id, completed });
            self.out.begin_source();
        }
    }

    /// Adds what the others said to the sum. `false`: nobody says anything.
    fn pull(&mut self, sum: &mut [i16], slot: Instant) -> bool {
        match (&mut self.source, &mut self.recut) {
            (Source::Mix(mix), _) => mix.pull(sum, slot),
            (Source::Leg(_), Some(mouth)) => mouth.pull(sum, slot),
            _ => false,
        }
    }

    /// A key is sent in place of sound: what was said meanwhile is not said later.
    fn skip_sound(&mut self, ms: u16, slot: Instant) {
        let per_ms = self.encoder.as_ref().map_or(8, |encoder| encoder.band().per_ms());
        let mut unheard = [0; SAMPLES_MAX];
        if let Some(unheard) = unheard.get_mut(..usize::from(ms) * per_ms) {
            self.pull(unheard, slot);
        }
    }

    /// The key as tones, for a peer that takes no telephone events.
    fn send_tones(
        &mut self,
        config: &StreamConfig,
        to: SocketAddr,
        clock: u32,
        event: TelephoneEvent,
        out: &mut Outbox,
    ) {
        let Some((low, high)) = Digit::from_code(event.code).map(frequencies) else { return };
        let clock_hz = config.codec.clock_hz();
        let rate = self.encoder.as_ref().map_or(8_000, |encoder| encoder.band().rate_hz());
        // The phase hangs on the clock alone, so the tone goes on smoothly from packet to packet.
        let since = (clock % clock_hz) as f32 / clock_hz as f32;
        let mut payload = [0; ENCODED_MAX];
        let len = self.encode(config, &mut payload, |_, tones| {
            for (n, sample) in (0u16..).zip(tones.iter_mut()) {
                let t = since + f32::from(n) / rate as f32;
                *sample = (5_000.0 * (TAU * low * t).sin() + 6_000.0 * (TAU * high * t).sin()) as i16;
            }
            true
        });
        if let Some(sound) = payload.get(..len).filter(|_| len > 0) {
            self.out.audio(to, config, clock, sound, out);
        }
    }
}

/// Low and high tone of a key, hertz (ITU-T Q.23).
fn frequencies(digit: Digit) -> (f32, f32) {
    let low = match digit.as_char() {
        '1' | '2' | '3' | 'A' => 697.0,
        '4' | '5' | '6' | 'B' => 770.0,
        '7' | '8' | '9' | 'C' => 852.0,
        _ => 941.0,
    };
    let high = match digit.as_char() {
        '1' | '4' | '7' | '*' => 1209.0,
        '2' | '5' | '8' | '0' => 1336.0,
        '3' | '6' | '9' | '#' => 1477.0,
        _ => 1633.0,
    };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn legs_are_spread_over_the_packet_time() {
        let phases: std::collections::BTreeSet<u64> = (0..20)
            .map(|n| {
                let mut schedule = Schedule::new(LegId(n));
                schedule.start(20, Instant::from_millis(100));
                schedule.due().unwrap().as_millis()
            })
            .collect();
        assert_eq!(phases, (100..120).collect());
    }

    #[test]
    fn a_late_tick_sends_three_and_counts_the_rest() {
        let mut schedule = Schedule::new(LegId(0));
        schedule.start(20, Instant::from_millis(100));
        let now = Instant::from_millis(300);
        assert_eq!(schedule.take(now), Some((Instant::from_millis(260), 8)));
        assert_eq!(schedule.take(now), Some((Instant::from_millis(280), 0)));
        assert_eq!(schedule.take(now), Some((Instant::from_millis(300), 0)));
        assert_eq!(schedule.take(now), None);
        assert_eq!(schedule.due(), Some(Instant::from_millis(320)));
    }
}
