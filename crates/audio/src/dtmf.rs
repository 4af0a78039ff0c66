//! Digits in band: DTMF as ITU-T Q.23 sends and Q.24 wants it received, for callers whose trunk has no RFC 4733.
//!
//! Blocks of 16 ms, one each 8 ms. A block shows a key when one row and one column stand out, carry nearly all of the
//! power, sit on their frequencies, keep the twist and have no second harmonic. Three such blocks running are a press:
//! 40 ms always suffice, 24 ms never do. A voice fails one of these sooner or later (“talk-off”).

use crate::goertzel::{self, Goertzel};
use crate::tone::{HIGH_HZ, KEYPAD, LOW_HZ};
use crate::{FULL_SCALE_DBM0, amplitude_of_dbm0};

/// Weakest tone heard, dBm0 each: Q.24 wants −25 and finer; −33 leaves room below −30.
pub const LEVEL_DBM0_MIN: f32 = -33.0;
/// High group over low group, dB, at most (Q.24: +4), with 1 dB for our own error.
pub const TWIST_DB_MAX: f32 = 5.0;
/// Low group over high group, dB, at most (Q.24: 8), with 1 dB for our own error.
pub const TWIST_REVERSE_DB_MAX: f32 = 9.0;

/// Samples looked at together: 16 ms.
const BLOCK: usize = 128;
/// Samples between two looks: 8 ms.
const HOP: usize = 64;
/// Blocks running that make a press.
const BLOCKS_TO_PRESS: u8 = 3;
/// Quiet blocks running that end a press: a break of 10 ms does not, a pause of 40 ms does (Q.24).
const BLOCKS_TO_RELEASE: u8 = 2;
/// Keys found in one long [`Detector::feed`] and not yet given out; later ones of that feed are dropped.
pub const PENDING_MAX: usize = 32;

/// Row and column over the next best of their group: 8 dB.
const STANDS_OUT: f32 = 6.3;
/// Share of the block’s power that the two tones carry. Noise 12 dB below a tone still passes; of eleven hours of
/// synthetic voices nothing did (at 0.88, one press in ten hours).
const SHARE_MIN: f32 = 0.90;
/// Second harmonic under its tone: 13 dB.
const HARMONIC_MAX: f32 = 0.05;
/// A press keeps its level from block to block within 6 dB.
const STEADY: f32 = 4.0;
/// … and its twist within 2 dB: two oscillators do, two harmonics of a voice seldom.
const TWIST_STEADY_DB: f32 = 2.0;
/// Power under which a held tone has gone, of its level: 10 dB.
const GONE: f32 = 0.1;
/// On frequency: up to these of the nominal (Q.24: ±1.5 % must pass) …
const NEAR: [f32; 3] = [0.988, 1.0, 1.012];
/// … and not better at these.
const FAR: [f32; 4] = [0.955, 0.971, 1.029, 1.045];

/// Hears keys in 8 kHz samples, whatever the size of the blocks it is fed with. No allocation while it listens.
#[derive(Clone)]
pub struct Detector {
    window: [i16; BLOCK],
    filled: usize,
    low: [Goertzel; 4],
    high: [Goertzel; 4],
    state: State,
    pending: [char; PENDING_MAX],
    pending_len: usize,
}

/// A digit is private: only the shape prints.
impl core::fmt::Debug for Detector {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Detector")
    }
}

impl Default for Detector {
    fn default() -> Detector {
        Detector::new()
    }
}

/// What one block shows: a key, by row and column, and the power of its two tones.
#[derive(Clone, Copy)]
struct Seen {
    row: usize,
    column: usize,
    power: f32,
    twist_db: f32,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// A key seen, and in how many blocks running.
    rising: Option<(Seen, u8)>,
    /// The key that is held down, and for how many blocks it has been gone.
    held: Option<(Seen, u8)>,
}

impl Detector {
    /// A detector that has heard nothing yet.
    pub fn new() -> Detector {
        Detector {
            window: [0; BLOCK],
            filled: 0,
            low: LOW_HZ.map(Goertzel::new),
            high: HIGH_HZ.map(Goertzel::new),
            state: State::default(),
            pending: [' '; PENDING_MAX],
            pending_len: 0,
        }
    }

    /// Listens on; a key (`0`–`9`, `*`, `#`, `A`–`D`) once a press, as soon as it is sure. A feed of 20 ms can hold one
    /// at most; after a longer one ask for the rest with `feed(&[])` until `None`.
    pub fn feed(&mut self, pcm: &[i16]) -> Option<char> {
        for sample in pcm {
            if let Some(slot) = self.window.get_mut(self.filled) {
                *slot = *sample;
            }
            self.filled += 1;
            if self.filled >= BLOCK {
                self.look();
                self.window.copy_within(HOP.., 0);
                self.filled = BLOCK - HOP;
            }
        }
        self.take_pending()
    }

    fn take_pending(&mut self) -> Option<char> {
        if self.pending_len == 0 {
            return None;
        }
        let first = self.pending.first().copied();
        self.pending.copy_within(1.., 0);
        self.pending_len -= 1;
        first
    }

    fn look(&mut self) {
        let seen = self.seen();
        self.release(seen);
        let Some(seen) = seen.filter(|s| !self.state.held.is_some_and(|(h, _)| same(&h, s))) else {
            self.state.rising = None;
            return;
        };
        let running = match self.state.rising {
            Some((before, n)) if same(&before, &seen) && steady(&before, &seen) => n + 1,
            _ => 1,
        };
        if running < BLOCKS_TO_PRESS {
            self.state.rising = Some((seen, running));
            return;
        }
        self.state = State { rising: None, held: Some((seen, 0)) };
        let key = KEYPAD.get(seen.row).and_then(|row| row.get(seen.column)).copied();
        if let (Some(key), Some(slot)) = (key, self.pending.get_mut(self.pending_len)) {
            *slot = key;
            self.pending_len += 1;
        }
    }

    /// Counts how long the held key has been gone, and lets go of it.
    fn release(&mut self, seen: Option<Seen>) {
        let Some((mut held, mut gone)) = self.state.held else { return };
        let tones = |i: usize, all: &[Goertzel; 4]| all.get(i).map_or(0.0, |g| g.power(&self.window));
        let now = tones(held.row, &self.low) + tones(held.column, &self.high);
        if seen.is_some_and(|s| same(&held, &s)) {
            held.power = held.power.max(now);
            gone = 0;
        } else if now < held.power * GONE {
            gone += 1;
        }
        self.state.held = (gone < BLOCKS_TO_RELEASE).then_some((held, gone));
    }

    fn seen(&self) -> Option<Seen> {
        let all = goertzel::mean_square(&self.window);
        let floor = amplitude_of_dbm0(LEVEL_DBM0_MIN).powi(2) / 2.0;
        if all < floor {
            return None;
        }
        let (row, low) = best(self.low.map(|g| g.power(&self.window)))?;
        let (column, high) = best(self.high.map(|g| g.power(&self.window)))?;
        let twist_db = 10.0 * (high / low).log10();
        if low < floor || high < floor || !(-TWIST_REVERSE_DB_MAX..=TWIST_DB_MAX).contains(&twist_db) {
            return None;
        }
        let (low_hz, high_hz) = (*LOW_HZ.get(row)?, *HIGH_HZ.get(column)?);
        let (low, high) = (self.on_frequency(low_hz)?, self.on_frequency(high_hz)?);
        if low + high < SHARE_MIN * all || self.has_harmonics(low_hz, low, high_hz, high) {
            return None;
        }
        Some(Seen { row, column, power: low + high, twist_db: 10.0 * (high / low).log10() })
    }

    /// The power at the tone's true place near `hz`; `None` when it lies off frequency.
    fn on_frequency(&self, hz: f32) -> Option<f32> {
        let at = |share: f32| goertzel::power(&self.window, hz * share);
        let near = NEAR.map(at).into_iter().fold(0.0, f32::max);
        let far = FAR.map(at).into_iter().fold(0.0, f32::max);
        (near > far).then_some(near)
    }

    fn has_harmonics(&self, low_hz: f32, low: f32, high_hz: f32, high: f32) -> bool {
        // Twice a row may fall beside the column itself; then it says nothing.
        let row_tells = (2.0 * low_hz - high_hz).abs() > 150.0;
        (row_tells && goertzel::power(&self.window, 2.0 * low_hz) > low * HARMONIC_MAX)
            || goertzel::power(&self.window, 2.0 * high_hz) > high * HARMONIC_MAX
    }
}

fn same(a: &Seen, b: &Seen) -> bool {
    (a.row, a.column) == (b.row, b.column)
}

fn steady(a: &Seen, b: &Seen) -> bool {
    let level = a.power < b.power * STEADY && b.power < a.power * STEADY;
    level && (a.twist_db - b.twist_db).abs() < TWIST_STEADY_DB
}

/// The strongest of a group when it stands out from the others.
fn best(powers: [f32; 4]) -> Option<(usize, f32)> {
    let (at, top) = powers.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let alone = powers.into_iter().enumerate().all(|(i, p)| i == at || p * STANDS_OUT <= top);
    (alone && top > 0.0).then_some((at, top))
}

const _: () = assert!(LEVEL_DBM0_MIN < FULL_SCALE_DBM0);
