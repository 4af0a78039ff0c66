//! The jitter buffer, for streams that are decoded here: packets wait in the order of their sequence numbers, and
//! whoever plays asks for the next one on a schedule of his own. How long they wait follows what the network does:
//! each packet's *slack*, the time from its arrival to its turn, is watched (`slack.rs`); the player is told to take a
//! little sound out when even the slowest packet waits too long, and to put a little in when the slowest is nearly
//! late. The same rule absorbs clocks that differ.
//!
//! Nothing is late before something behind it was played: when the queue ran dry the player conceals, and what comes
//! then in order is played after all. A silence of the sender's (timestamps go on, sequence numbers do not) is no loss;
//! a new SSRC, or a jump of the sender's clock, goes on where the old stream ended.

mod slack;

use arrayvec::ArrayVec;
use core::fmt;
use core::time::Duration;
use senim_base::Instant;
use slack::Slack;

/// Ceiling of packets that wait; beyond it the oldest goes, and is counted as late.
pub const PLAYOUT_PACKETS_MAX: usize = 40;
/// Ceiling of their bytes, 400 ms of G.711; beyond it the oldest goes, and is counted as late.
pub const PLAYOUT_BYTES_MAX: usize = 3_200;
/// A longer payload, 200 ms of G.711, is nothing that a telephone sends: it is not taken.
pub const PLAYOUT_PAYLOAD_MAX: usize = 1_600;
/// The first packet of a talkspurt waits at least this long.
pub const DELAY_MIN: Duration = Duration::from_millis(10);
/// … and at most this long; what waits behind it is kept within the same bound.
pub const DELAY_MAX: Duration = Duration::from_millis(200);
/// So long nothing came: the talkspurt is over, and the next packet begins one.
const DRY_MAX: Duration = Duration::from_millis(120);
/// The sender's clock jumped if it differs so much from both the calendar of arrivals and its own packets.
const JUMP: Duration = Duration::from_millis(500);
/// Behind a longer gap a talkspurt begins: what lies between is not filled.
const GAP_MAX: Duration = DELAY_MAX;
/// Sequence numbers that go further at once have begun anew (RFC 3550 appendix A.1).
const STEP_MAX: i64 = 3_000;

/// A packet on its way to the player; `tag` is what the player must know to decode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Incoming<T> {
    /// Who sends.
    pub ssrc: u32,
    /// Its sequence number.
    pub seq: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Ticks a second.
    pub clock_hz: u32,
    /// How much sound it holds, in ticks; 0 for a packet that only says what silence is like.
    pub ticks: u32,
    /// The receiver's rules say that the stream began anew ([`crate::Arrival::Restarted`]).
    pub restarted: bool,
    /// For the player.
    pub tag: T,
}

/// What becomes of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// It waits for its turn.
    Kept,
    /// Something behind it was played already.
    Late,
    /// It is there, or was.
    Duplicate,
    /// It is longer than [`PLAYOUT_PAYLOAD_MAX`].
    Unfit,
}

/// What is to be played next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<T> {
    /// A packet: so many bytes of the lent buffer.
    Packet {
        /// What it is.
        tag: T,
        /// Bytes.
        len: usize,
        /// Its sound in ticks.
        ticks: u32,
        /// What else is to be done with it.
        advice: Advice,
    },
    /// A packet is missing: conceal so many ticks.
    Lost {
        /// How long.
        ticks: u32,
    },
    /// The sender is silent for so many ticks; nothing is lost.
    Pause {
        /// How long.
        ticks: u32,
    },
    /// Nothing is there although it is time: conceal, and tell by [`Playout::concealed`] how much.
    Dry,
    /// Between talkspurts.
    Idle,
}

/// How the sound of this packet should be stretched, so that the delay comes to what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Advice {
    /// Not at all.
    #[default]
    Keep,
    /// Up to so many ticks less.
    Shorten(u32),
    /// Up to so many ticks more.
    Lengthen(u32),
}

/// Counts of one buffer over its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PlayoutFigures {
    /// Packets played.
    pub played: u64,
    /// Packets that were not there when it was their turn.
    pub lost: u64,
    /// Packets that came after their turn, or found no room.
    pub late: u64,
    /// Packets that came twice.
    pub duplicates: u64,
}

/// The buffer.
pub struct Playout<T> {
    queue: ArrayVec<Waiting<T>, PLAYOUT_PACKETS_MAX>,
    /// Payloads of the queue, in its order.
    bytes: [u8; PLAYOUT_BYTES_MAX],
    stored: usize,
    newest: Option<Newest>,
    turn: Option<Turn>,
    state: State,
    slack: Slack,
    figures: PlayoutFigures,
}

#[derive(Clone, Copy, Debug)]
struct Waiting<T> {
    seq: i64,
    /// Where its sound begins, in ticks of a line that never jumps.
    at: i64,
    ticks: u32,
    len: usize,
    arrived: Instant,
    tag: T,
}

/// The packet with the highest number that came.
#[derive(Clone, Copy, Debug)]
struct Newest {
    ssrc: u32,
    clock_hz: u32,
    seq: i64,
    timestamp: u32,
    at: i64,
    ticks: u32,
    arrived: Instant,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
struct Turn {
    seq: i64,
    at: i64,
    /// Bit n: the packet n + 1 before was played.
    seen: u64,
    /// When the last packet was played.
    played: Instant,
    /// Concealed while the queue was dry: taken off the next gap.
    ahead: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Idle,
    Gathering { since: Instant },
    Playing,
}

impl<T> fmt::Debug for Playout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are voices: only their number shows.
        write!(f, "Playout({:?}, {} packets wait, {:?})", self.state, self.queue.len(), self.figures)
    }
}

impl<T: Copy> Default for Playout<T> {
    fn default() -> Self {
        Playout {
            queue: ArrayVec::new(),
            bytes: [0; PLAYOUT_BYTES_MAX],
            stored: 0,
            newest: None,
            turn: None,
            state: State::Idle,
            slack: Slack::default(),
            figures: PlayoutFigures::default(),
        }
    }
}

impl<T: Copy> Playout<T> {
    /// Takes a packet that came at `now`.
    pub fn put(&mut self, packet: &Incoming<T>, payload: &[u8], now: Instant) -> Put {
        if payload.len() > PLAYOUT_PAYLOAD_MAX {
            return Put::Unfit;
        }
        let (seq, at) = self.locate(packet, now);
        if let Some(turn) = self.turn.filter(|turn| seq < turn.seq) {
            return self.too_late(turn, seq, at, packet.clock_hz, now);
        }
        let place = match self.queue.binary_search_by_key(&seq, |w| w.seq) {
            Ok(_) => {
                self.figures.duplicates += 1;
                return Put::Duplicate;
            }
            Err(place) => place,
        };
        let waiting =
            Waiting { seq, at, ticks: packet.ticks, len: payload.len(), arrived: now, tag: packet.tag };
        if !self.insert(place, waiting, payload) {
            self.figures.late += 1;
            return Put::Late;
        }
        if self.state == State::Idle {
            self.state = State::Gathering { since: now };
        }
        while self.waits_too_long() {
            self.drop_oldest();
        }
        Put::Kept
    }

    /// What is to be played at `now`; a packet's payload is copied into the lent buffer.
    pub fn next(&mut self, payload: &mut [u8; PLAYOUT_PAYLOAD_MAX], now: Instant) -> Next<T> {
        loop {
            match self.state {
                State::Idle => return Next::Idle,
                State::Gathering { since } if now < since + self.target() => return Next::Idle,
                State::Gathering { .. } => self.begin(now),
                State::Playing => {}
            }
            let (Some(front), Some(turn)) = (self.queue.first().copied(), self.turn.as_mut()) else {
                return Next::Dry;
            };
            let gap = front.at - turn.at;
            let missing = front.seq - turn.seq;
            if gap > ticks_of(GAP_MAX, self.newest) {
                self.rest();
            } else if missing > 0 {
                self.figures.lost += 1;
                let unit = gap.max(0) / missing;
                turn.pass(1, unit, false);
                if let Some(ticks) = turn.not_ahead(unit) {
                    return Next::Lost { ticks };
                }
            } else if gap > 0 {
                // The sender was silent: here the delay can be made what it should be, and nobody notices.
                let spare = ticks_of_us(self.slack.excess_us(), self.newest).min(gap);
                turn.at = front.at;
                self.slack.shift(-us_of(spare, self.newest));
                if let Some(ticks) = turn.not_ahead(gap - spare) {
                    return Next::Pause { ticks };
                }
            } else {
                return self.play(front, payload, now);
            }
        }
    }

    /// The payload behind a packet that was just told lost, if it is there: some codecs repeat in it what was lost.
    pub fn successor(&self) -> Option<&[u8]> {
        let front = self.queue.first().filter(|front| self.turn.is_some_and(|turn| turn.seq == front.seq))?;
        self.bytes.get(..front.len)
    }

    /// So many ticks were concealed because the queue was dry. After long enough the talkspurt is over.
    pub fn concealed(&mut self, ticks: u32) {
        if let Some(turn) = &mut self.turn {
            turn.ahead += i64::from(ticks);
            if turn.ahead >= ticks_of(DRY_MAX, self.newest) {
                self.rest();
            }
        }
    }

    /// The talkspurt is over: the next packet begins one.
    pub fn rest(&mut self) {
        if let Some(turn) = &mut self.turn {
            turn.ahead = 0;
        }
        self.slack.begin_talkspurt();
        self.state = match self.queue.first() {
            Some(front) => State::Gathering { since: front.arrived },
            None => State::Idle,
        };
    }

    /// The sound was made so many ticks longer, or shorter when negative, as advised.
    pub fn stretched(&mut self, ticks: i64) {
        self.slack.shift(us_of(ticks, self.newest));
    }

    /// Nothing waits and nothing is to be concealed.
    pub fn is_idle(&self) -> bool {
        self.state == State::Idle
    }

    /// How long the first packet of a talkspurt waits now: what the slack of late varied by, within [`DELAY_MIN`] and
    /// [`DELAY_MAX`].
    pub fn target(&self) -> Duration {
        self.slack.target()
    }

    /// How long packets wait here on average.
    pub fn delay(&self) -> Duration {
        self.slack.mean()
    }

    /// Counts.
    pub fn figures(&self) -> PlayoutFigures {
        self.figures
    }

    /// The packet's place in a line of numbers and ticks that goes on over wraps, restarts and jumps.
    fn locate(&mut self, packet: &Incoming<T>, now: Instant) -> (i64, i64) {
        let fresh = Newest {
            ssrc: packet.ssrc,
            clock_hz: packet.clock_hz.max(1),
            seq: 0,
            timestamp: packet.timestamp,
            at: 0,
            ticks: packet.ticks,
            arrived: now,
        };
        let Some(old) = self.newest else {
            let seq = i64::from(packet.seq);
            self.newest = Some(Newest { seq, ..fresh });
            return (seq, 0);
        };
        let step = i64::from(packet.seq.wrapping_sub(old.seq as u16) as i16);
        let moved = i64::from(packet.timestamp.wrapping_sub(old.timestamp) as i32);
        let same = old.ssrc == packet.ssrc && old.clock_hz == fresh.clock_hz && !packet.restarted;
        if !same || step.abs() > STEP_MAX || (step > 0 && jumped(&old, step, moved, now)) {
            let played_to = self.turn.map_or(0, |turn| turn.at);
            // What is still to be heard of the old stream comes first. Both lines have ticks of their own length: only
            // what waits shows the difference, and it is short.
            let at = (old.at + i64::from(old.ticks)).max(played_to);
            // 16 bits of the number are the packet's own, so that steps can be told from it.
            let seq = next_with_low_bits(old.seq, packet.seq);
            self.skip_numbers(old.seq + 1, seq);
            self.newest = Some(Newest { seq, at, ..fresh });
            return (seq, at);
        }
        let (seq, at) = (old.seq + step, old.at + moved);
        if step > 0 {
            self.newest = Some(Newest { seq, at, ..fresh });
        }
        (seq, at)
    }

    /// A stream that began anew has lost nothing between its old numbers and its new ones.
    fn skip_numbers(&mut self, from: i64, to: i64) {
        let by = to - from;
        for waiting in &mut self.queue {
            waiting.seq += by;
        }
        if let Some(turn) = &mut self.turn {
            turn.seq += by;
        }
    }

    fn too_late(&mut self, turn: Turn, seq: i64, at: i64, clock_hz: u32, now: Instant) -> Put {
        let before = turn.seq - seq - 1;
        if (0..64).contains(&before) && turn.seen >> before & 1 == 1 {
            self.figures.duplicates += 1;
            return Put::Duplicate;
        }
        self.figures.late += 1;
        if let Some(turn) = self.turn.as_mut().filter(|_| (0..64).contains(&before)) {
            turn.seen |= 1 << before;
        }
        let behind = (turn.at - at).max(0) * 1_000_000 / i64::from(clock_hz.max(1));
        let since = i64::try_from(now.since(turn.played).as_micros()).unwrap_or(i64::MAX);
        self.slack.note_late(behind.saturating_add(since), now);
        Put::Late
    }

    /// `false`: there is no room, and the packet is the oldest itself.
    fn insert(&mut self, mut place: usize, waiting: Waiting<T>, payload: &[u8]) -> bool {
        while self.queue.is_full() || self.stored + payload.len() > PLAYOUT_BYTES_MAX {
            if place == 0 {
                return false;
            }
            self.drop_oldest();
            place -= 1;
        }
        let from: usize = self.queue.iter().take(place).map(|w| w.len).sum();
        self.bytes.copy_within(from..self.stored, from + payload.len());
        if let Some(slot) = self.bytes.get_mut(from..from + payload.len()) {
            slot.copy_from_slice(payload);
        }
        self.stored += payload.len();
        self.queue.insert(place, waiting);
        true
    }

    fn waits_too_long(&self) -> bool {
        let (Some(first), Some(last)) = (self.queue.first(), self.queue.last()) else { return false };
        self.queue.len() > 1 && last.at - first.at > ticks_of(DELAY_MAX, self.newest)
    }

    /// The oldest packet goes unheard, so that what follows does not come too late.
    fn drop_oldest(&mut self) {
        let Some(front) = self.queue.first().copied() else { return };
        self.figures.late += 1;
        self.take_out(front.len);
        if let Some(turn) = &mut self.turn {
            turn.go_to(front.seq, front.at);
            turn.pass(1, i64::from(front.ticks), false);
        }
    }

    fn take_out(&mut self, len: usize) {
        self.bytes.copy_within(len..self.stored, 0);
        self.stored -= len;
        self.queue.remove(0);
    }

    /// The first packet of a talkspurt has waited long enough.
    fn begin(&mut self, now: Instant) {
        self.state = State::Playing;
        let Some(front) = self.queue.first() else { return };
        let turn =
            self.turn.get_or_insert(Turn { seq: front.seq, at: front.at, seen: 0, played: now, ahead: 0 });
        self.figures.lost += u64::try_from(front.seq - turn.seq).unwrap_or(0);
        turn.go_to(front.seq, front.at);
    }

    fn play(&mut self, front: Waiting<T>, payload: &mut [u8; PLAYOUT_PAYLOAD_MAX], now: Instant) -> Next<T> {
        if let (Some(to), Some(from)) = (payload.get_mut(..front.len), self.bytes.get(..front.len)) {
            to.copy_from_slice(from);
        }
        self.take_out(front.len);
        if let Some(turn) = &mut self.turn {
            turn.ahead = 0;
            turn.played = now;
            turn.at = front.at;
            turn.pass(1, i64::from(front.ticks), true);
        }
        self.figures.played += 1;
        self.slack.note(now.since(front.arrived), now);
        let advice = match self.slack.wants_us() {
            us if us < 0 => Advice::Shorten(ticks_of_us(-us, self.newest) as u32),
            us if us > 0 => Advice::Lengthen(ticks_of_us(us, self.newest) as u32),
            _ => Advice::Keep,
        };
        Next::Packet { tag: front.tag, len: front.len, ticks: front.ticks, advice }
    }
}

impl Turn {
    /// So many packets are behind us.
    fn pass(&mut self, packets: i64, ticks: i64, played: bool) {
        self.seq += packets;
        self.at += ticks;
        self.seen = self.seen << 1 | u64::from(played);
    }

    /// Goes on from here, whatever lay between.
    fn go_to(&mut self, seq: i64, at: i64) {
        let by = u32::try_from(seq - self.seq).unwrap_or(0);
        self.seen = self.seen.checked_shl(by).unwrap_or(0);
        (self.seq, self.at) = (seq, at);
    }

    /// What of a gap was not concealed ahead of it.
    fn not_ahead(&mut self, gap: i64) -> Option<u32> {
        let concealed = self.ahead.min(gap);
        self.ahead -= concealed;
        u32::try_from(gap - concealed).ok().filter(|ticks| *ticks > 0)
    }
}

/// The sender's clock agrees neither with its own packets nor with their arrival.
fn jumped(old: &Newest, step: i64, moved: i64, now: Instant) -> bool {
    let limit = ticks_of(JUMP, Some(*old));
    let arrived = ticks_of(now.since(old.arrived), Some(*old));
    (moved - arrived).abs() > limit && (moved - step * i64::from(old.ticks)).abs() > limit
}

/// The lowest number above `old` whose low 16 bits are `low`.
fn next_with_low_bits(old: i64, low: u16) -> i64 {
    let ahead = low.wrapping_sub((old + 1) as u16);
    old + 1 + i64::from(ahead)
}

fn clock(newest: Option<Newest>) -> i64 {
    newest.map_or(8_000, |n| i64::from(n.clock_hz))
}

fn ticks_of(time: Duration, newest: Option<Newest>) -> i64 {
    ticks_of_us(i64::try_from(time.as_micros()).unwrap_or(i64::MAX / 100_000), newest)
}

fn ticks_of_us(us: i64, newest: Option<Newest>) -> i64 {
    us.saturating_mul(clock(newest)) / 1_000_000
}

fn us_of(ticks: i64, newest: Option<Newest>) -> i64 {
    ticks.saturating_mul(1_000_000) / clock(newest)
}

#[cfg(test)]
mod tests;
