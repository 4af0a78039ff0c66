//! Telephone events of RFC 4733: keys travel as packets of their own, repeated, so that a lost packet loses no key.
//! The detector gives one digit an event whatever repeats, losses and reorders do; the sender repeats its end thrice.

use crate::Digit;

/// Ceiling of digits waiting to be sent; further ones are refused.
pub const MAX_QUEUED_DIGITS: usize = 32;
/// How long a digit that we send lasts.
const DIGIT_MS: u16 = 100;
/// Silence between two digits that we send.
const GAP_MS: u16 = 60;
/// The end packet goes out this many times (RFC 4733 §2.5.1.4).
const END_PACKETS: u8 = 3;
/// An event this far behind the last one (10 s of 8 kHz, 1.7 s of 48) is no straggler but a peer whose clock jumped.
const STRAGGLER_TICKS_MAX: u32 = 80_000;

/// The payload of RFC 4733 §2.3.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Event code; 0 to 15 are keys.
    pub code: u8,
    /// This packet ends the event.
    pub end: bool,
    /// Level, 0 (loud) to 63, in -dBm0.
    pub volume: u8,
    /// Ticks of the clock since the event began.
    pub duration: u16,
}

impl Event {
    /// Reads a payload; `None` when it is shorter than four bytes. Longer ones carry redundant older events, unread.
    pub fn read(payload: &[u8]) -> Option<Event> {
        let [code, flags, d0, d1] = *payload.first_chunk::<4>()?;
        Some(Event {
            code,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([d0, d1]),
        })
    }

    /// The payload as bytes.
    pub fn to_bytes(self) -> [u8; 4] {
        let [d0, d1] = self.duration.to_be_bytes();
        [self.code, u8::from(self.end) << 7 | self.volume & 0x3f, d0, d1]
    }
}

impl core::fmt::Debug for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "event * end={} duration={}", self.end, self.duration)
    }
}

/// Gives each event once. An event is known by its timestamp, which all its packets share (RFC 4733 §2.2.1).
#[derive(Clone, Copy, Debug, Default)]
pub struct EventDetector {
    last: Option<Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    timestamp: u32,
    event: Event,
}

impl EventDetector {
    /// Takes one packet. The digit comes at the first packet of its event that arrives, so that a menu answers
    /// while the key is still down and no loss of end packets matters.
    pub fn packet(&mut self, timestamp: u32, event: Event) -> Option<Digit> {
        let Some(last) = self.last else {
            return self.begin(timestamp, event);
        };
        let ahead = timestamp.wrapping_sub(last.timestamp);
        if ahead == 0 {
            if event.duration > last.event.duration {
                self.last = Some(Seen { timestamp, event });
            }
            return None;
        }
        if ahead.wrapping_neg() <= STRAGGLER_TICKS_MAX {
            return None;
        }
        // RFC 4733 §2.5.1.3: a key held beyond 65535 ticks goes on as a new segment that starts where the old ended; by the
        // clock of the sound, should that run six times as fast as the events' own.
        let ended = [1, 6].map(|ticks| ticks * u32::from(u16::MAX));
        let goes_on = !last.event.end && last.event.code == event.code && ended.contains(&ahead);
        if goes_on {
            self.last = Some(Seen { timestamp, event });
            return None;
        }
        self.begin(timestamp, event)
    }

    /// Forgets the last event: the peer began a new stream.
    pub fn reset(&mut self) {
        self.last = None;
    }

    fn begin(&mut self, timestamp: u32, event: Event) -> Option<Digit> {
        self.last = Some(Seen { timestamp, event });
        Digit::from_code(event.code)
    }
}

/// What to send at a packet's time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// No digit waits: audio may go.
    Idle,
    /// Between two digits: nothing goes.
    Gap,
    /// An event packet.
    Send {
        /// The event's own timestamp, the same for all its packets.
        timestamp: u32,
        /// Set on the event's first packet.
        marker: bool,
        /// The payload.
        event: Event,
    },
}

/// Sends digits one after the other: 100 ms each, three end packets, 60 ms between.
#[derive(Clone, Debug, Default)]
pub struct EventSender {
    queue: [u8; MAX_QUEUED_DIGITS],
    waiting: usize,
    now: Now,
}

#[derive(Clone, Copy, Debug, Default)]
enum Now {
    #[default]
    Idle,
    Tone {
        code: u8,
        timestamp: u32,
        ms: u16,
        ends: u8,
    },
    Gap {
        ms: u16,
    },
}

impl EventSender {
    /// Queues a digit; `false` when [`MAX_QUEUED_DIGITS`] already wait and it was refused.
    pub fn push(&mut self, digit: Digit) -> bool {
        match self.queue.get_mut(self.waiting) {
            Some(slot) => {
                *slot = digit.code();
                self.waiting += 1;
                true
            }
            None => false,
        }
    }

    /// Nothing is being sent and nothing waits.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0 && matches!(self.now, Now::Idle)
    }

    /// What goes out at the time of one packet: `timestamp` is the media clock now, `ms` how long a packet lasts;
    /// durations are told in ticks of `clock_hz`, the clock of the events.
    pub fn step(&mut self, timestamp: u32, ms: u16, clock_hz: u32) -> Step {
        match self.now {
            Now::Gap { ms: left } if left > ms => {
                self.now = Now::Gap { ms: left - ms };
                Step::Gap
            }
            Now::Tone { code, timestamp, ms: lasted, ends } => {
                let lasts = lasted.saturating_add(ms).min(DIGIT_MS.max(ms));
                let ends = ends + u8::from(lasts >= DIGIT_MS);
                self.now = if ends == END_PACKETS {
                    Now::Gap { ms: GAP_MS }
                } else {
                    Now::Tone { code, timestamp, ms: lasts, ends }
                };
                let event = Event { code, end: ends > 0, volume: 10, duration: ticks(lasts, clock_hz) };
                Step::Send { timestamp, marker: false, event }
            }
            Now::Idle | Now::Gap { .. } => self.begin(timestamp, ms, clock_hz),
        }
    }

    fn begin(&mut self, timestamp: u32, ms: u16, clock_hz: u32) -> Step {
        if self.waiting == 0 {
            self.now = Now::Idle;
            return Step::Idle;
        }
        let code = self.queue[0];
        self.queue.copy_within(1.., 0);
        self.waiting -= 1;
        self.now = Now::Tone { code, timestamp, ms, ends: 0 };
        let event = Event { code, end: false, volume: 10, duration: ticks(ms, clock_hz) };
        Step::Send { timestamp, marker: true, event }
    }
}

fn ticks(ms: u16, clock_hz: u32) -> u16 {
    u16::try_from(u32::from(ms) * (clock_hz / 1_000)).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digits(text: &str) -> Vec<Digit> {
        text.chars().filter_map(Digit::from_char).collect()
    }

    /// All event packets that a sender makes for `text`, in order, with their timestamps.
    fn sent(text: &str, ms: u16, clock_hz: u32) -> Vec<(u32, Event)> {
        let mut sender = EventSender::default();
        for digit in digits(text) {
            assert!(sender.push(digit));
        }
        let mut packets = Vec::new();
        let mut clock = 5_000u32;
        while !sender.is_idle() {
            if let Step::Send { timestamp, event, .. } = sender.step(clock, ms, clock_hz) {
                packets.push((timestamp, event));
            }
            clock = clock.wrapping_add(u32::from(ticks(ms, clock_hz)));
        }
        packets
    }

    fn detected(packets: &[(u32, Event)]) -> Vec<Digit> {
        let mut detector = EventDetector::default();
        packets.iter().filter_map(|(timestamp, event)| detector.packet(*timestamp, *event)).collect()
    }

    /// FEATURES T10.
    #[test]
    fn each_digit_is_sent_with_three_ends_and_heard_once() {
        for (ms, clock_hz) in [(10, 8_000), (20, 8_000), (30, 8_000), (60, 8_000), (20, 48_000), (60, 48_000)]
        {
            let packets = sent("1290*#AD", ms, clock_hz);
            assert_eq!(detected(&packets), digits("1290*#AD"), "{ms} ms, {clock_hz} Hz");
            assert_eq!(packets.iter().filter(|(_, e)| e.end).count(), 3 * 8);
            let lasted = (clock_hz / 10) as u16;
            assert!(packets.iter().filter(|(_, e)| e.end).all(|(_, e)| e.duration == lasted));
        }
    }

    #[test]
    fn a_key_held_for_minutes_is_one_digit() {
        let mut detector = EventDetector::default();
        let mut heard = 0;
        for segment in 0..8u32 {
            for duration in (800..=65_535u16).step_by(800).chain([u16::MAX]) {
                let event = Event { code: 5, end: false, volume: 10, duration };
                heard += usize::from(detector.packet(segment * 65_535, event).is_some());
            }
        }
        assert_eq!(heard, 1);
    }

    #[test]
    fn the_queue_of_digits_has_a_ceiling() {
        let mut sender = EventSender::default();
        let one = digits("1")[0];
        assert!((0..MAX_QUEUED_DIGITS).all(|_| sender.push(one)));
        assert!(!sender.push(one));
        assert!(matches!(sender.step(0, 20, 8_000), Step::Send { marker: true, .. }));
        assert!(sender.push(one));
    }

    #[test]
    fn a_new_stream_or_a_jumped_clock_does_not_swallow_a_digit() {
        let mut detector = EventDetector::default();
        let event = Event { code: 1, end: false, volume: 10, duration: 160 };
        assert!(detector.packet(1_000_000, event).is_some());
        assert!(detector.packet(990_000, event).is_none(), "a straggler");
        assert!(detector.packet(10, event).is_some(), "a jump");
        detector.reset();
        assert!(detector.packet(10, event).is_some(), "a new stream");
    }

    proptest! {
        /// FEATURES T10: whatever is lost or doubled, each event of which one packet came is heard exactly once.
        #[test]
        fn losses_and_repeats_neither_lose_nor_double_a_digit(
            keep in proptest::collection::vec(0u8..3, 10 * 7), swap in 0usize..60,
        ) {
            let mut packets = sent("1122334455", 20, 8_000);
            let mut kept: Vec<_> = packets.drain(..).zip(keep.iter().cycle())
                .flat_map(|(p, times)| std::iter::repeat_n(p, usize::from(*times))).collect();
            if swap + 1 < kept.len() {
                kept.swap(swap, swap + 1);
            }
            let mut events: Vec<u32> = kept.iter().map(|(timestamp, _)| *timestamp).collect();
            events.sort_unstable();
            events.dedup();
            let heard = detected(&kept).len();
            // Two neighbouring events of which one packet each came, swapped, look like a straggler: at most one.
            prop_assert!(heard == events.len() || heard + 1 == events.len());
        }

        #[test]
        fn any_payload_reads_without_panic(payload in proptest::collection::vec(any::<u8>(), 0..12), timestamp: u32) {
            let mut detector = EventDetector::default();
            if let Some(event) = Event::read(&payload) {
                detector.packet(timestamp, event);
                prop_assert_eq!(Event::read(&event.to_bytes()), Some(event));
            }
        }
    }
}
