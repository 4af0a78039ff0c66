//! The buffer alone: a sender with its own clock, a network that delays each packet as told, a player that asks every
//! 20 ms. A payload is its packet's number, so what was played is told from what was sent.

use super::*;
use std::collections::BTreeMap;

const LEN: u32 = 160;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Heard {
    Sent(u64),
    Lost(u32),
    Pause(u32),
    Dry,
    Idle,
}

struct Line {
    playout: Playout<()>,
    now: Instant,
    /// Packets on the wire: `(arrival, order)` to number, sequence number, timestamp and SSRC.
    wire: BTreeMap<(Instant, u64), (u64, u16, u32, u32)>,
    sent: u64,
    pull: Instant,
    /// Decoded ticks that the player has left over.
    left: i64,
    heard: Vec<(Instant, Heard)>,
    /// From leaving the sender to being played, by packet.
    delays: Vec<(u64, Duration)>,
    left_sender: BTreeMap<u64, Instant>,
}

impl Line {
    fn new() -> Line {
        Line {
            playout: Playout::default(),
            now: Instant::from_secs(100),
            wire: BTreeMap::new(),
            sent: 0,
            pull: Instant::from_secs(100) + Duration::from_millis(7),
            left: 0,
            heard: Vec::new(),
            delays: Vec::new(),
            left_sender: BTreeMap::new(),
        }
    }

    /// A packet leaves at `at` and is so long on the way.
    fn send(&mut self, at: Instant, way: Duration, (seq, timestamp, ssrc): (u16, u32, u32)) {
        self.left_sender.insert(self.sent, at);
        self.wire.insert((at + way, self.sent), (self.sent, seq, timestamp, ssrc));
        self.sent += 1;
    }

    /// So many packets, 20 ms apart by a clock that is fast by `ppm`; the way and the loss of each as told by number.
    fn stream(&mut self, packets: u64, ppm: i64, way: impl Fn(u64) -> Option<Duration>) {
        let from = self.now;
        for n in 0..packets {
            let nanos = 20_000_000 * n as i128;
            let at = from + Duration::from_nanos((nanos - nanos * i128::from(ppm) / 1_000_000) as u64);
            let place = (60_000u16.wrapping_add(n as u16), 0xffff_f000u32.wrapping_add(n as u32 * LEN), 7);
            match way(n) {
                Some(way) => self.send(at, way, place),
                None => self.sent += 1,
            }
        }
    }

    fn run(&mut self, for_: Duration) {
        let until = self.now + for_;
        loop {
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let next = arrival.map_or(self.pull, |at| at.min(self.pull));
            if next > until {
                self.now = until;
                return;
            }
            self.now = next;
            if arrival.is_some_and(|at| at <= self.pull) {
                let Some((_, (n, seq, timestamp, ssrc))) = self.wire.pop_first() else { return };
                self.put(n, (seq, timestamp, ssrc));
            } else {
                self.pull += Duration::from_millis(20);
                self.play();
            }
        }
    }

    fn put(&mut self, n: u64, (seq, timestamp, ssrc): (u16, u32, u32)) -> Put {
        let packet =
            Incoming { ssrc, seq, timestamp, clock_hz: 8_000, ticks: LEN, restarted: false, tag: () };
        let mut payload = [0; LEN as usize];
        payload[..8].copy_from_slice(&n.to_be_bytes());
        self.playout.put(&packet, &payload, self.now)
    }

    fn play(&mut self) {
        self.left -= i64::from(LEN);
        let mut payload = [0; PLAYOUT_PAYLOAD_MAX];
        while self.left < 0 {
            let heard = match self.playout.next(&mut payload, self.now) {
                Next::Packet { len, ticks, advice, .. } => {
                    assert_eq!((len, ticks), (LEN as usize, LEN));
                    let n = u64::from_be_bytes(payload[..8].try_into().unwrap());
                    let by = match advice {
                        Advice::Keep => 0,
                        Advice::Shorten(most) => -i64::from(most.min(80)),
                        Advice::Lengthen(most) => i64::from(most.min(80)),
                    };
                    self.playout.stretched(by);
                    self.left += i64::from(ticks) + by;
                    self.delays.push((n, self.now.since(self.left_sender[&n])));
                    Heard::Sent(n)
                }
                Next::Lost { ticks } => {
                    self.left += i64::from(ticks);
                    Heard::Lost(ticks)
                }
                Next::Pause { ticks } => {
                    self.left += i64::from(ticks);
                    Heard::Pause(ticks)
                }
                Next::Dry => {
                    self.playout.concealed((-self.left) as u32);
                    self.left = 0;
                    Heard::Dry
                }
                Next::Idle => {
                    self.left = 0;
                    Heard::Idle
                }
            };
            self.heard.push((self.now, heard));
        }
    }

    fn count(&self, what: impl Fn(&Heard) -> bool) -> usize {
        self.heard.iter().filter(|(_, h)| what(h)).count()
    }

    fn sent_heard(&self) -> Vec<u64> {
        let sent = |h: &Heard| if let Heard::Sent(n) = h { Some(*n) } else { None };
        self.heard.iter().filter_map(|(_, h)| sent(h)).collect()
    }

    /// Everything heard is in the order of sending.
    fn assert_in_order(&self) {
        let heard = self.sent_heard();
        assert!(heard.windows(2).all(|pair| pair[0] < pair[1]), "order");
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Unpredictable enough, the same in every run.
fn dice(n: u64) -> u64 {
    let x = (n ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ x >> 31).wrapping_mul(0x94d0_49bb_1331_11eb) >> 33
}

#[test]
fn a_calm_stream_is_played_whole_and_soon() {
    let mut line = Line::new();
    line.stream(500, 0, |_| Some(ms(30)));
    line.run(ms(10_500));
    assert_eq!(line.sent_heard(), (0..500).collect::<Vec<_>>());
    let most = line.delays.iter().map(|(_, d)| *d).max().unwrap();
    assert!(most <= ms(30 + 10 + 20), "the way, the least wait, and the player's own 20 ms: {most:?}");
    assert_eq!(line.playout.figures(), PlayoutFigures { played: 500, ..PlayoutFigures::default() });
    assert_eq!(line.playout.target(), DELAY_MIN);
    assert!(line.playout.is_idle());
}

#[test]
fn reordered_packets_are_played_in_order_and_doubles_once() {
    let mut line = Line::new();
    line.stream(1_000, 0, |n| Some(if n % 7 == 3 { ms(45) } else { ms(10) }));
    for n in (0..1_000).step_by(5) {
        let again = (60_000u16.wrapping_add(n as u16), 0xffff_f000u32.wrapping_add(n as u32 * LEN), 7);
        let at = line.now + ms(20 * n);
        line.left_sender.insert(n, at);
        line.wire.insert((at + ms(60), 5_000 + n), (n, again.0, again.1, again.2));
    }
    line.run(ms(20_500));
    line.assert_in_order();
    let figures = line.playout.figures();
    assert!(figures.late <= 3, "the delay rises after the second late packet: {figures:?}");
    assert_eq!(figures.played + figures.late, 1_000, "{figures:?}");
    assert_eq!(figures.duplicates, 200, "{figures:?}");
    assert!(line.playout.target() >= ms(30), "{:?}", line.playout.target());
}

/// The target follows the jitter up and down, within its bounds.
#[test]
fn the_delay_follows_the_jitter_between_its_bounds() {
    let mut line = Line::new();
    line.stream(1_500, 0, |n| {
        Some(match n {
            500..1_000 => ms(10 + dice(n) % 60),
            _ => ms(10),
        })
    });
    line.run(ms(10_000));
    let calm = line.playout.delay();
    line.run(ms(10_000));
    let rough = (line.playout.delay(), line.playout.target());
    line.run(ms(9_900));
    let after = line.playout.delay();
    assert!(calm <= ms(30), "{calm:?}");
    assert!((ms(30)..=ms(110)).contains(&rough.0) && (ms(45)..=ms(100)).contains(&rough.1), "{rough:?}");
    assert!(after <= ms(40), "{after:?}");
    let figures = line.playout.figures();
    assert!(figures.late + figures.lost <= 12, "only while it learns: {figures:?}");
    line.assert_in_order();

    let mut mad = Line::new();
    mad.stream(1_000, 0, |n| Some(ms(dice(n) % 800)));
    mad.run(ms(21_000));
    assert!(mad.playout.target() <= DELAY_MAX && mad.playout.delay() <= DELAY_MAX + ms(20));
    mad.assert_in_order();
}

#[test]
fn what_is_lost_is_told_once_with_its_length_and_counted() {
    let mut line = Line::new();
    line.stream(1_000, 0, |n| (n % 20 != 7 && !(500..503).contains(&n)).then_some(ms(10)));
    line.run(ms(20_500));
    assert_eq!(line.playout.figures().lost, 53);
    let concealed: u32 =
        line.heard.iter().map(|(_, h)| if let Heard::Lost(ticks) = h { *ticks } else { 0 }).sum();
    let dry = line.count(|h| *h == Heard::Dry) as u32;
    // What was lost, and what is bridged once more when the sender stops.
    let ends = (DRY_MAX.as_millis() / 20) as u32;
    assert!((53..=53 + ends).contains(&(concealed / LEN + dry)), "{} {dry}", concealed / LEN);
    assert!(line.delays.iter().all(|(_, d)| *d <= ms(60)), "loss adds no delay");
    line.assert_in_order();
}

/// FEATURES T14: a sender that is silent loses nothing, and comes back at once.
#[test]
fn a_silence_of_the_senders_is_no_loss() {
    let mut line = Line::new();
    let start = line.now;
    let mut seq = 10u16;
    let mut ts = 5_000u32;
    for spurt in 0..20u64 {
        for n in 0..25u64 {
            line.send(start + ms(spurt * 1_300 + n * 20), ms(10 + dice(seq.into()) % 8), (seq, ts, 7));
            seq += 1;
            ts += LEN;
        }
        ts += 800 * 8;
    }
    // A short one, as in the middle of a word.
    line.send(start + ms(26_000), ms(10), (seq, ts, 7));
    line.send(start + ms(26_060), ms(10), (seq + 1, ts + 3 * LEN, 7));
    line.run(ms(27_000));
    let figures = line.playout.figures();
    assert_eq!((figures.played, figures.lost, figures.late), (502, 0, 0));
    assert_eq!(line.count(|h| matches!(h, Heard::Lost(_))), 0);
    assert!(line.delays.iter().all(|(_, d)| *d <= ms(70)));
    line.assert_in_order();
}

#[test]
fn a_new_source_and_a_jump_of_the_clock_go_on_without_loss() {
    let mut line = Line::new();
    let start = line.now;
    let mut place = (65_530u16, 9_000u32, 7u32);
    for n in 0..400u64 {
        match n {
            100 => place = (3, 77, 8),
            200 => place.1 = place.1.wrapping_add(4_000_000),
            300 => place = (40_000, place.1.wrapping_sub(80_000), 8),
            _ => {}
        }
        line.send(start + ms(n * 20), ms(15), place);
        place = (place.0.wrapping_add(1), place.1.wrapping_add(LEN), place.2);
    }
    line.run(ms(8_500));
    assert_eq!(line.sent_heard(), (0..400).collect::<Vec<_>>());
    assert_eq!(line.count(|h| matches!(h, Heard::Lost(_) | Heard::Pause(_))), 0);
    assert_eq!(line.playout.figures(), PlayoutFigures { played: 400, ..PlayoutFigures::default() });
    assert!(line.delays.iter().all(|(_, d)| *d <= ms(60)), "and without more delay");
}

/// A stall is caught up with: what comes in order is played, late as it is, and the delay comes down again.
#[test]
fn a_stall_delays_what_follows_and_the_delay_comes_down_again() {
    let mut line = Line::new();
    line.stream(1_000, 0, |n| Some(if (200..205).contains(&n) { ms(10 + (205 - n) * 20) } else { ms(10) }));
    line.run(ms(20_500));
    let figures = line.playout.figures();
    assert_eq!((figures.played, figures.late, figures.lost), (1_000, 0, 0), "nothing is thrown away");
    let delay = |n: u64| line.delays.iter().find(|(m, _)| *m == n).unwrap().1;
    assert!(delay(206) >= ms(80), "{:?}", delay(206));
    assert!(delay(600) <= ms(60), "{:?}", delay(600));
    line.assert_in_order();
}

/// FEATURES T13: clocks 200 ppm apart over an hour: the delay neither grows nor is anything lost or made up.
#[test]
fn clocks_that_differ_cost_neither_delay_nor_packets_over_an_hour() {
    for ppm in [-200, 200] {
        let mut line = Line::new();
        line.stream(180_000, ppm, |n| Some(ms(10 + dice(n) % 5)));
        line.run(Duration::from_secs(3_590));
        let figures = line.playout.figures();
        assert_eq!((figures.lost, figures.late), (0, 0), "{ppm} ppm");
        assert_eq!(
            line.count(|h| matches!(h, Heard::Dry | Heard::Lost(_) | Heard::Pause(_))),
            0,
            "{ppm} ppm"
        );
        let most = line.delays.iter().map(|(_, d)| *d).max().unwrap();
        assert!(most <= ms(75), "{ppm} ppm: {most:?}");
        line.assert_in_order();
    }
}

#[test]
fn every_ceiling_holds() {
    let mut line = Line::new();
    for n in 0..200u64 {
        line.left_sender.insert(n, line.now);
        assert_eq!(line.put(n, (n as u16, n as u32 * LEN, 7)), Put::Kept);
    }
    assert!(line.playout.queue.len() <= 11, "no more waits than may wait: {}", line.playout.queue.len());
    assert!(line.playout.figures().late >= 189);
    let packet =
        |seq| Incoming { ssrc: 7, seq, timestamp: 0, clock_hz: 8_000, ticks: 0, restarted: false, tag: () };
    let now = line.now;
    let too_long = [0; PLAYOUT_PAYLOAD_MAX + 1];
    assert_eq!(line.playout.put(&packet(300), &too_long, now), Put::Unfit);
    // Packets of no length at all fill the table, long ones the bytes: the oldest goes.
    for n in 200..300 {
        line.playout.put(&packet(n), &[], now);
        assert!(line.playout.queue.len() <= PLAYOUT_PACKETS_MAX);
    }
    for n in 300..310 {
        line.playout.put(&packet(n), &too_long[1..], now);
        assert!(line.playout.stored <= PLAYOUT_BYTES_MAX);
    }
    let stored: usize = line.playout.queue.iter().map(|w| w.len).sum();
    assert_eq!(stored, line.playout.stored);
}

proptest::proptest! {
    /// Whatever numbers and times come, nothing panics, time goes on, and nothing is played twice.
    #[test]
    fn any_packets_leave_it_whole(
        packets in proptest::collection::vec((0u16..40, 0u32..20_000, 0u64..60, 0u8..20, 0usize..400), 1..300),
    ) {
        let mut playout = Playout::default();
        let mut now = Instant::from_secs(5);
        let mut payload = [0; PLAYOUT_PAYLOAD_MAX];
        for (seq, timestamp, wait, kind, len) in packets {
            now += ms(wait);
            let packet = Incoming {
                ssrc: u32::from(kind == 0),
                seq: if kind == 1 { seq.wrapping_mul(1_700) } else { seq },
                timestamp: if kind == 2 { timestamp.wrapping_mul(900_000) } else { timestamp },
                clock_hz: if kind == 3 { 48_000 } else { 8_000 },
                ticks: len as u32,
                restarted: kind == 4,
                tag: (),
            };
            playout.put(&packet, &payload[..len], now);
            for _ in 0..4 {
                match playout.next(&mut payload, now) {
                    Next::Packet { len, .. } => assert!(len <= 400),
                    Next::Lost { ticks } | Next::Pause { ticks } => assert!(ticks > 0),
                    Next::Dry => playout.concealed(160),
                    Next::Idle => {}
                }
            }
            let stored: usize = playout.queue.iter().map(|w| w.len).sum();
            proptest::prop_assert_eq!(stored, playout.stored);
            proptest::prop_assert!(playout.queue.windows(2).all(|w| w[0].seq < w[1].seq));
        }
    }
}
