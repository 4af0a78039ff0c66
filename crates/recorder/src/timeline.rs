//! Where a frame lies on the timeline of its recording (FEATURES R6). Arrival decides; the sender's timestamps only
//! put frames side by side that belong side by side, while the two agree. So loss, silence suppression, a jump of
//! timestamps or a new sender can neither shift nor cut what follows, and a sender whose clock runs fast or slow is
//! followed sample by sample.

use core::time::Duration;
use senim_base::TrackId;
use std::collections::VecDeque;

/// Gaps listed, at most; more of them are no longer told one by one.
pub const GAPS_MAX: usize = 10_000;

/// Samples a millisecond: the 8 kHz clock of G.711 (RFC 3551 section 4.5.14).
const PER_MS: i64 = 8;
/// Timestamps and arrival agree while they differ by no more than this.
const AGREE: i64 = 120 * PER_MS;
/// A stall: frames that come late by no more than this keep their place if the sender is in time again soon.
const STALL: i64 = 3_000 * PER_MS;
/// How soon.
const STALL_OVER: i64 = 500 * PER_MS;
/// A frame that was overtaken fits a hole that differs from its place by no more than this.
const NEAR: i64 = 4 * PER_MS;
/// A frame that was overtaken is looked for so far back.
const REORDER: i64 = 1_000 * PER_MS;
/// Frames after which the sender's clock is judged anew.
const WINDOW: u32 = 100;
/// Samples by which a sender's clock may be off before it is followed.
const DRIFT_FREE: i64 = 30 * PER_MS;
/// Samples of correction in one window, at most: 0.05 %, so that no pitch is bent.
const DRIFT_STEP_MAX: i64 = 8;
/// Samples cut from a frame that lies too far ahead of its arrival (1 % of 20 ms).
const AHEAD_STEP: i64 = 2;
/// Frames remembered, to know a frame that comes twice.
const RECENT_MAX: usize = 16;

/// Why there is no sound in a gap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GapCause {
    /// The sender's timestamps count it, but it never came: lost, or not sent (silence suppression).
    NotReceived,
    /// Nothing came for a while, and then the timestamps did not fit: hold, a new sender, a restarted softphone.
    Jump,
    /// It came and was dropped on the way to the disk.
    Dropped,
}

/// A part of a track without sound, longer than a millisecond.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Gap {
    /// Whose.
    pub track: TrackId,
    /// Milliseconds since the start of the recording.
    pub from_ms: u64,
    /// The same, where sound goes on.
    pub to_ms: u64,
    /// Why.
    pub cause: GapCause,
}

/// The place of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placed {
    /// Its first sample, in samples of 8 kHz since the start of the recording.
    pub offset: u64,
    /// Samples just before it that the sender's slow clock left open: repeat the last sample there. 0 or 1.
    pub stretch: u32,
}

#[derive(Clone, Copy, Debug)]
struct Spot {
    timestamp: u32,
    at: i64,
    samples: i64,
}

#[derive(Clone, Copy, Debug)]
struct Hole {
    from: i64,
    to: i64,
    /// `None`: before the first frame.
    cause: Option<GapCause>,
}

/// Timestamps of a clock that is a multiple of 8 kHz (RFC 7587 section 4.1: Opus has 48), as samples of 8 kHz that wrap as
/// [`Placer::place`] wants them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scale {
    /// Ticks a sample, the last timestamp, and what became of it.
    last: Option<(u32, u32, u32)>,
}

impl Scale {
    /// The timestamp of a frame, in samples. Another clock than before begins anew: the frame's arrival will tell.
    pub fn samples(&mut self, timestamp: u32, clock_hz: u32) -> u32 {
        let ticks = (clock_hz / (PER_MS as u32 * 1_000)).max(1);
        let samples = match self.last {
            Some((same, before, samples)) if same == ticks => {
                let step = timestamp.wrapping_sub(before).cast_signed() / ticks.cast_signed();
                samples.wrapping_add_signed(step)
            }
            _ => timestamp / ticks,
        };
        self.last = Some((ticks, timestamp, samples));
        samples
    }
}

/// Places the frames of one track, in the order of their arrival.
#[derive(Clone, Debug)]
pub struct Placer {
    track: TrackId,
    last: Option<Spot>,
    end: i64,
    late_since: Option<i64>,
    recent: VecDeque<Spot>,
    holes: Vec<Hole>,
    dropped: bool,
    in_window: u32,
    window_best: i64,
    correct: i64,
}

impl Placer {
    /// A track without sound so far.
    pub fn new(track: TrackId) -> Self {
        Placer {
            track,
            last: None,
            end: 0,
            late_since: None,
            recent: VecDeque::new(),
            holes: Vec::new(),
            dropped: false,
            in_window: 0,
            window_best: i64::MIN,
            correct: 0,
        }
    }

    /// The place of a frame of `samples` samples that arrived `arrival` after the start of the recording.
    ///
    /// Frames that follow each other by timestamp do not overlap by more than two samples; a frame that was
    /// overtaken goes to the hole that was left for it, one that comes twice to where it was.
    pub fn place(&mut self, arrival: Duration, timestamp: u32, samples: u32) -> Placed {
        // 2^62 samples are eighteen million years: sums of two of these cannot overflow.
        let arrived = i64::try_from(arrival.as_micros() / 125).unwrap_or(i64::MAX).min(1 << 62);
        let samples = i64::from(samples);
        let Some(last) = self.last else {
            self.holes.push(Hole { from: 0, to: arrived, cause: None });
            return self.put(Spot { timestamp, at: arrived, samples }, 0);
        };
        let step = i64::from(timestamp.wrapping_sub(last.timestamp).cast_signed());
        if step <= 0 {
            if let Some(placed) = self.place_overtaken(timestamp, last.at + step, samples, step) {
                return placed;
            }
            return self.jump(timestamp, arrived, samples);
        }
        let follows = step == last.samples;
        let expected = (last.at + step).max(self.end);
        let ahead = expected - arrived;
        if ahead > AGREE {
            if !follows {
                return self.jump(timestamp, arrived, samples);
            }
            return self.put(Spot { timestamp, at: expected - AHEAD_STEP.min(samples), samples }, 0);
        }
        if ahead < -AGREE {
            let since = *self.late_since.get_or_insert(arrived);
            if ahead < -STALL || arrived - since > STALL_OVER {
                return self.jump(timestamp, arrived, samples);
            }
            return self.after_hole(Spot { timestamp, at: expected, samples }, GapCause::NotReceived, 0);
        }
        self.late_since = None;
        let correction = self.follow_drift(ahead);
        let at = (expected + correction).max(0);
        self.after_hole(Spot { timestamp, at, samples }, GapCause::NotReceived, correction.max(0))
    }

    /// Frames of this track were dropped on the way to the disk: the next gap is theirs.
    pub fn dropped(&mut self) {
        self.dropped = true;
    }

    /// Parts without sound between the first and the last frame, in order.
    pub fn gaps(&self) -> Vec<Gap> {
        let ms = |samples: i64| u64::try_from(samples / PER_MS).unwrap_or(0);
        let told = self.holes.iter().filter(|h| h.to - h.from > PER_MS);
        told.filter_map(|h| {
            let cause = h.cause?;
            Some(Gap { track: self.track, from_ms: ms(h.from), to_ms: ms(h.to), cause })
        })
        .collect()
    }

    /// The end of the sound, in samples since the start of the recording.
    pub fn end(&self) -> u64 {
        u64::try_from(self.end).unwrap_or(0)
    }

    /// Timestamps say nothing here: the frame lies where it arrived, behind all that is there already.
    fn jump(&mut self, timestamp: u32, arrived: i64, samples: i64) -> Placed {
        self.late_since = None;
        self.new_window();
        self.recent.clear();
        let at = arrived.max(self.end);
        self.after_hole(Spot { timestamp, at, samples }, GapCause::Jump, 0)
    }

    fn place_overtaken(&mut self, timestamp: u32, at: i64, samples: i64, step: i64) -> Option<Placed> {
        if step < -REORDER || at < 0 {
            return None;
        }
        let placed = Placed { offset: u64::try_from(at).ok()?, stretch: 0 };
        let again = self.recent.iter().find(|r| r.timestamp == timestamp);
        if let Some(again) = again {
            return Some(Placed { offset: u64::try_from(again.at).ok()?, ..placed });
        }
        // Frames beside it may have been moved since, by the drift of their clock.
        let fits =
            |h: &Hole| h.from - NEAR <= at && at + samples <= h.to + NEAR && h.to - h.from >= samples - NEAR;
        let index = self.holes.iter().rposition(fits)?;
        let hole = self.holes.remove(index);
        let at = at.min(hole.to - samples).max(hole.from);
        let end = (at + samples).min(hole.to);
        let placed = Placed { offset: u64::try_from(at).ok()?, ..placed };
        let parts = [Hole { to: at, ..hole }, Hole { from: end, ..hole }];
        for part in parts.into_iter().rev().filter(|h| h.to > h.from) {
            self.holes.insert(index, part);
        }
        self.remember(Spot { timestamp, at, samples });
        Some(placed)
    }

    /// Puts the next frame; what lies open before it, beyond what is stretched, is a hole.
    fn after_hole(&mut self, spot: Spot, cause: GapCause, stretch: i64) -> Placed {
        let open = spot.at - self.end;
        if open <= stretch {
            return self.put(spot, open.max(0));
        }
        let cause = if core::mem::take(&mut self.dropped) { GapCause::Dropped } else { cause };
        if self.holes.len() < GAPS_MAX {
            self.holes.push(Hole { from: self.end, to: spot.at, cause: Some(cause) });
        }
        self.put(spot, 0)
    }

    fn put(&mut self, spot: Spot, stretch: i64) -> Placed {
        self.end = self.end.max(spot.at + spot.samples);
        self.last = Some(spot);
        self.remember(spot);
        Placed { offset: u64::try_from(spot.at).unwrap_or(0), stretch: u32::try_from(stretch).unwrap_or(0) }
    }

    fn remember(&mut self, spot: Spot) {
        if self.recent.len() >= RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(spot);
    }

    /// The frame that was delayed least in a window tells how far the sender's clock has gone from ours. Half of
    /// the frames of the next window are moved by one sample until that is made good.
    fn follow_drift(&mut self, ahead: i64) -> i64 {
        self.window_best = self.window_best.max(ahead);
        self.in_window += 1;
        if self.in_window >= WINDOW {
            let off = self.window_best;
            self.new_window();
            if off.abs() > DRIFT_FREE {
                self.correct = (-off).clamp(-DRIFT_STEP_MAX, DRIFT_STEP_MAX);
            }
        }
        if self.correct == 0 || self.in_window % 2 == 1 {
            return 0;
        }
        let step = self.correct.signum();
        self.correct -= step;
        step
    }

    fn new_window(&mut self) {
        self.in_window = 0;
        self.window_best = i64::MIN;
        self.correct = 0;
    }
}
