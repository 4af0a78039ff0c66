//! A key counts once, however many ways it comes: some phones send it as an event and by INFO, some trunks in the sound
//! and by INFO. Each way brings every press, in order; so a press by one way that another has already brought is the
//! same one.

use core::time::Duration;
use senim_base::Instant;

/// The ways of one key differ by no more than this.
const APART_MAX: Duration = Duration::from_secs(1);
/// Presses remembered; beyond it the oldest is forgotten. Nobody keys more in a second.
const PRESSES_MAX: usize = 16;

/// How a key came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// As a telephone event (RFC 4733).
    Event,
    /// In the sound.
    Tone,
    /// By SIP INFO.
    Info,
}

/// The newest presses of one party.
#[derive(Default)]
pub(crate) struct Presses(Vec<Press>);

struct Press {
    key: char,
    at: Instant,
    /// Which ways have brought it, by bit.
    ways: u8,
}

/// Keys are private.
impl core::fmt::Debug for Presses {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Presses({})", self.0.len())
    }
}

impl Presses {
    /// A key came. `true`: it counts; `false`: another way has brought it already.
    pub(crate) fn count(&mut self, key: char, way: Way, now: Instant) -> bool {
        let way = 1 << way as u8;
        self.0.retain(|press| now.since(press.at) < APART_MAX);
        if let Some(same) = self.0.iter_mut().find(|press| press.key == key && press.ways & way == 0) {
            same.ways |= way;
            return false;
        }
        if self.0.len() >= PRESSES_MAX {
            self.0.remove(0);
        }
        self.0.push(Press { key, at: now, ways: way });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What counts of presses: key, way, milliseconds.
    fn counted(presses: &[(char, Way, u64)]) -> String {
        let mut all = Presses::default();
        let counts = |(key, way, ms): &&(char, Way, u64)| all.count(*key, *way, Instant::from_millis(*ms));
        presses.iter().filter(counts).map(|(key, ..)| *key).collect()
    }

    /// FEATURES T10.
    #[test]
    fn a_key_that_comes_two_or_three_ways_counts_once() {
        use Way::{Event, Info, Tone};
        assert_eq!(counted(&[('1', Event, 0), ('1', Info, 40), ('1', Tone, 60)]), "1");
        assert_eq!(counted(&[('1', Info, 0), ('2', Info, 200), ('1', Tone, 300), ('2', Tone, 500)]), "12");
        // The same key twice, the slower way behind both.
        assert_eq!(counted(&[('5', Event, 0), ('5', Event, 160), ('5', Info, 300), ('5', Info, 460)]), "55");
        assert_eq!(counted(&[('5', Event, 0), ('5', Info, 100), ('5', Event, 300), ('5', Info, 400)]), "55");
    }

    #[test]
    fn one_way_alone_counts_each_and_what_comes_late_is_another_press() {
        use Way::{Event, Info, Tone};
        assert_eq!(counted(&[('7', Tone, 0), ('7', Tone, 90), ('7', Tone, 180)]), "777");
        assert_eq!(counted(&[('7', Event, 0), ('7', Info, 999)]), "7");
        assert_eq!(counted(&[('7', Event, 0), ('7', Info, 1_000)]), "77");
    }

    #[test]
    fn a_machine_that_keys_without_end_costs_no_memory() {
        let mut all = Presses::default();
        for n in 0..100 {
            assert!(all.count('9', Way::Event, Instant::from_millis(n)));
        }
        assert_eq!(all.0.len(), PRESSES_MAX);
    }
}
