//! A track lies where it was spoken, whatever the network and the sender do (FEATURES R6).

use core::time::Duration;
use proptest::prelude::*;
use senim_base::{Entropy, TrackId};
use senim_recorder::{Gap, GapCause, Placed, Placer};

const TRACK: TrackId = TrackId(0);
/// 20 ms of G.711.
const SAMPLES: u32 = 160;

/// A placer, and the samples that each frame was given.
struct Tape {
    placer: Placer,
    /// (offset, which frame of the sender).
    laid: Vec<(u64, u64)>,
}

impl Tape {
    fn new() -> Self {
        Tape { placer: Placer::new(TRACK), laid: Vec::new() }
    }

    /// Frame `n` of the sender, with this timestamp, arrives at `ms`.
    fn frame(&mut self, n: u64, timestamp: u32, ms: f64) -> Placed {
        let placed = self.placer.place(Duration::from_micros((ms * 1_000.0) as u64), timestamp, SAMPLES);
        self.laid.push((placed.offset, n));
        placed
    }

    /// The frames lie in the order in which they were spoken and overlap by two samples at most.
    fn assert_uncut(&self) {
        let mut laid = self.laid.clone();
        laid.sort_unstable();
        laid.dedup();
        for pair in laid.windows(2) {
            assert!(pair[0].1 < pair[1].1, "spoken in this order: {pair:?}");
            assert!(pair[0].0 + u64::from(SAMPLES) <= pair[1].0 + 2, "nothing is cut: {pair:?}");
        }
    }
}

fn gap(from_ms: u64, to_ms: u64, cause: GapCause) -> Gap {
    Gap { track: TRACK, from_ms, to_ms, cause }
}

fn rtp(n: u64) -> u32 {
    (4_294_960_000 + n * u64::from(SAMPLES)) as u32 // wraps within the first second
}

/// FEATURES R6: jitter is not heard.
#[test]
fn frames_that_arrive_unevenly_lie_side_by_side() {
    let (mut tape, mut e) = (Tape::new(), Entropy::from_seed(1));
    for n in 0..500 {
        tape.frame(n, rtp(n), 1_000.0 + n as f64 * 20.0 + f64::from(e.below(60)));
    }
    tape.assert_uncut();
    assert_eq!(tape.placer.gaps(), []);
    let (last, _) = tape.laid[499];
    let spoken = (1_000 + 499 * 20) * 8;
    assert!(last.abs_diff(spoken) <= 60 * 8, "{last} against {spoken}");
}

/// FEATURES R6: loss leaves its own gap and shifts nothing.
#[test]
fn lost_frames_leave_a_gap_of_their_own_length() {
    let mut tape = Tape::new();
    for n in (0..100).filter(|n| !(20..30).contains(n)) {
        tape.frame(n, rtp(n), n as f64 * 20.0);
    }
    assert_eq!(tape.placer.gaps(), [gap(400, 600, GapCause::NotReceived)]);
    assert_eq!(tape.laid.last(), Some(&(99 * 160, 99)));
}

/// FEATURES R6: silence suppression, with timestamps that count on and with timestamps that stand still.
#[test]
fn silence_that_was_not_sent_is_as_long_as_it_was() {
    for stands in [false, true] {
        let mut tape = Tape::new();
        for n in 0..50 {
            tape.frame(n, rtp(n), n as f64 * 20.0);
        }
        for n in 50..100 {
            let counted = if stands { n } else { n + 500 };
            tape.frame(n, rtp(counted), (n + 500) as f64 * 20.0);
        }
        let cause = if stands { GapCause::Jump } else { GapCause::NotReceived };
        assert_eq!(tape.placer.gaps(), [gap(1_000, 11_000, cause)]);
        assert_eq!(tape.laid.last(), Some(&(599 * 160, 99)));
        tape.assert_uncut();
    }
}

#[test]
fn an_overtaken_frame_goes_to_its_hole_and_a_double_one_to_its_place() {
    let mut tape = Tape::new();
    for (n, ms) in
        [(1, 20.0), (0, 21.0), (2, 40.0), (4, 80.0), (5, 100.0), (3, 101.0), (5, 102.0), (6, 120.0)]
    {
        tape.frame(n, rtp(n), ms);
    }
    tape.assert_uncut();
    assert_eq!(tape.placer.gaps(), []);
    assert_eq!(tape.laid[5], (3 * 160, 3));
    assert_eq!(tape.laid[6], tape.laid[4]);
}

/// FEATURES R6: a new sender, a restarted softphone, another port: any timestamp goes.
#[test]
fn a_jump_of_timestamps_neither_shifts_nor_cuts() {
    for jump in [
        1_u32 << 31,
        3_000_000_000,
        160_000,
        9_000,
        (-800_i32).cast_unsigned(),
        (-160_000_i32).cast_unsigned(),
    ] {
        let mut tape = Tape::new();
        for n in 0..50 {
            tape.frame(n, 77 + n as u32 * SAMPLES, n as f64 * 20.0);
        }
        for n in 50..100 {
            tape.frame(n, (83 + n as u32 * SAMPLES).wrapping_add(jump), n as f64 * 20.0);
        }
        tape.assert_uncut();
        let (last, _) = tape.laid[99];
        assert!(last.abs_diff(99 * 160) <= 8 * 20, "jump {jump}: {last}");
        assert_eq!(tape.placer.gaps(), [], "jump {jump}");
    }
}

#[test]
fn a_stall_of_the_network_is_no_gap_when_all_comes_in_the_end() {
    let mut tape = Tape::new();
    for n in 0..200_u64 {
        let sent = n as f64 * 20.0;
        let arrives = if (1_000.0..1_800.0).contains(&sent) { 1_800.0 + (n - 50) as f64 * 0.1 } else { sent };
        tape.frame(n, rtp(n), arrives);
    }
    tape.assert_uncut();
    assert_eq!(tape.placer.gaps(), []);
    assert_eq!(tape.laid[199], (199 * 160, 199));
}

#[test]
fn a_route_that_becomes_longer_is_believed_after_half_a_second() {
    let mut tape = Tape::new();
    for n in 0..200_u64 {
        let delay = if n < 100 { 0.0 } else { 400.0 };
        tape.frame(n, rtp(n), n as f64 * 20.0 + delay);
    }
    tape.assert_uncut();
    assert_eq!(tape.laid[199].0, (199 * 20 + 400) * 8);
    assert_eq!(tape.placer.gaps().len(), 1);
}

/// FEATURES R6: a clock that runs 200 ppm fast or slow is followed over an hour, sample by sample.
#[test]
fn a_sender_whose_clock_is_off_is_followed() {
    for ppm in [-200.0, 200.0] {
        let (mut tape, mut e) = (Tape::new(), Entropy::from_seed(3));
        let mut longest = 0;
        for n in 0..180_000_u64 {
            let sent = n as f64 * 20.0 * (1.0 - ppm / 1e6);
            let placed = tape.frame(n, rtp(n), sent + f64::from(e.below(30)));
            longest = longest.max(placed.stretch);
            let off = placed.offset as f64 / 8.0 - sent;
            assert!((-40.0..70.0).contains(&off), "{ppm} ppm, frame {n}: {off} ms");
        }
        tape.assert_uncut();
        assert_eq!(tape.placer.gaps(), []);
        assert!(longest <= 1);
    }
}

#[test]
fn frames_dropped_on_the_way_to_the_disk_are_told_as_such() {
    let mut tape = Tape::new();
    tape.frame(0, rtp(0), 0.0);
    tape.placer.dropped();
    tape.frame(10, rtp(10), 200.0);
    assert_eq!(tape.placer.gaps(), [gap(20, 200, GapCause::Dropped)]);
}

proptest! {
    /// Any arrivals, any timestamps, any lengths: no panic, and every frame lies within a second of its arrival or
    /// behind what was there before.
    #[test]
    fn nothing_a_sender_does_breaks_the_timeline(
        frames in proptest::collection::vec((0u64..4_000, any::<u32>(), 0u32..2_000, any::<bool>()), 1..200)
    ) {
        let mut placer = Placer::new(TRACK);
        let (mut now, mut timestamp) = (0, 0_u32);
        for (wait_ms, jump, samples, jumps) in frames {
            now += wait_ms;
            timestamp = if jumps { jump } else { timestamp.wrapping_add(samples) };
            let before = placer.end();
            let placed = placer.place(Duration::from_millis(now), timestamp, samples);
            prop_assert!(placed.offset <= before.max(now * 8) + 960);
            prop_assert!(placed.offset + 3_000 * 8 + 960 + 2_000 >= (now * 8).min(before));
            prop_assert!(placed.stretch <= 1);
        }
        let gaps = placer.gaps();
        prop_assert!(gaps.windows(2).all(|g| g[0].to_ms <= g[1].from_ms));
        prop_assert!(placer.end() / 8 >= gaps.last().map_or(0, |g| g.to_ms));
    }

    #[test]
    fn extreme_moments_do_not_overflow(arrival in any::<u64>(), timestamp in any::<u32>(), samples in any::<u32>()) {
        let mut placer = Placer::new(TRACK);
        for at in [arrival, 0, u64::MAX, arrival] {
            placer.place(Duration::from_micros(at), timestamp, samples);
            placer.place(Duration::from_secs(at), timestamp.wrapping_add(samples), u32::MAX);
        }
    }
}

/// FEATURES R6: a first packet that was late, or a burst at the start, bends no pitch: sound stays as it was sent.
#[test]
fn a_late_first_packet_is_no_drift() {
    let mut tape = Tape::new();
    for n in 0..3_000_u64 {
        let late = if n == 0 { 25.0 } else { 0.0 };
        tape.frame(n, rtp(n), n as f64 * 20.0 + late);
    }
    tape.assert_uncut();
    let first = tape.laid[0].0;
    assert_eq!(tape.laid[2_999].0, first + 2_999 * 160, "not a sample was cut or doubled");
}

/// FEATURES R6: frames that overtook each other lie in their order, also while the drift of the sender's clock moves those
/// beside them by a sample.
#[test]
fn frames_out_of_order_fill_their_holes_although_the_clock_drifts() {
    for ppm in [600i64, -600] {
        let mut placer = Placer::new(TrackId(0));
        let mut begun: Vec<(u32, u64)> = Vec::new();
        for n in 0..6_000u32 {
            // Of each seven the third comes behind the fifth.
            let n = match n % 7 {
                2 | 3 => n + 1,
                4 => n - 2,
                _ => n,
            };
            let sent = i64::from(n) * 20_000;
            let came = sent - sent * ppm / 1_000_000 + i64::from(n % 7 == 2) * 60_000;
            let placed = placer.place(Duration::from_micros(came.unsigned_abs()), n * 160, 160);
            begun.push((n, placed.offset));
        }
        begun.sort_unstable();
        for pair in begun.windows(2) {
            let step = pair[1].1.abs_diff(pair[0].1);
            assert!((150..=170).contains(&step) && pair[1].1 > pair[0].1, "{ppm}: {pair:?}");
        }
        assert!(placer.gaps().len() <= 1, "{ppm}: {:?}", placer.gaps());
    }
}
