//! The schedule of a leg: one packet each packet time, on a grid that differs from leg to leg, so that a thousand
//! calls do not leave in one burst. A late tick catches up with a few packets; what is older was not sent.

use crate::config::{StreamConfig, silence};
use crate::event::Event;
use crate::leg::{Leg, Source};
use crate::outbox::Outbox;
use crate::play::Filled;
use core::f32::consts::TAU;
use core::net::SocketAddr;
use core::time::Duration;
use senim_audio::{Bank, g711};
use senim_base::{Instant, LegId};
use senim_rtp::{Digit, Event as TelephoneEvent, Step};
use senim_sdp::Codec;

/// A late tick sends at most this many packets of a leg at once.
const BURST_MAX: u64 = 3;
/// Samples in the longest packet: 60 ms.
pub(crate) const CHUNK_MAX: usize = 480;
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
        let step = self.digits.step(clock, config.ptime_samples());
        if let (Source::Mix(mix), Step::Send { .. } | Step::Gap) = (&mut self.source, &step) {
            mix.skip(usize::from(config.ptime_samples()));
        }
        match step {
            Step::Send { timestamp, marker, event } if config.sends() => match config.send_telephone_event {
                Some(payload_type) => self.out.event(to, payload_type, timestamp, marker, event, out),
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
        let mut buffer = [silence(config.codec); CHUNK_MAX];
        let len = usize::from(config.ptime_samples()).min(CHUNK_MAX);
        let Some(chunk) = buffer.get_mut(..len) else { return };
        let filled = match &mut self.source {
            Source::Play(play) => play.fill(bank, config.codec, chunk),
            Source::Leg(_) => {
                if self.fifo.pull(chunk) && config.sends() {
                    self.out.audio(to, config, clock, chunk, out);
                }
                return;
            }
            Source::Mix(mix) => {
                if crate::mix::fill(mix, config.codec, chunk) && config.sends() {
                    self.out.audio(to, config, clock, chunk, out);
                } else {
                    // Silence is not sent; whoever speaks next begins a talkspurt.
                    self.out.begin_source();
                }
                return;
            }
            Source::Nothing => return,
        };
        // A held leg hears nothing, but the script's time goes on: a prompt ends when it would have ended.
        if config.sends() && !matches!(filled, Filled::Last { samples: 0, .. }) {
            self.out.audio(to, config, clock, chunk, out);
            for tap in &self.record_heard {
                out.tap(*tap, slot, config.codec, clock, chunk);
            }
        }
        if let Filled::Last { completed, .. } = filled
            && let Source::Play(play) = core::mem::take(&mut self.source)
        {
            out.event(Event::PlayEnded { leg: self.id, play: play.id, completed });
            self.out.begin_source();
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
        let len = usize::from(config.ptime_samples()).min(CHUNK_MAX);
        let mut buffer = [0; CHUNK_MAX];
        let Some(chunk) = buffer.get_mut(..len) else { return };
        // The phase hangs on the clock alone, so the tone goes on smoothly from packet to packet.
        for (n, byte) in (0u32..).zip(chunk.iter_mut()) {
            let t = (clock.wrapping_add(n) % 8_000) as f32 / 8_000.0;
            let sample = 5_000.0 * (TAU * low * t).sin() + 6_000.0 * (TAU * high * t).sin();
            *byte = match config.codec {
                Codec::Pcma => g711::alaw_encode(sample as i16),
                Codec::Pcmu => g711::ulaw_encode(sample as i16),
            };
        }
        self.out.audio(to, config, clock, chunk, out);
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
