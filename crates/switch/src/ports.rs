//! RTP ports: even ones, handed out round robin, rested after use so that late packets of one call cannot reach the next.

use core::time::Duration;
use senim_base::Instant;
use std::collections::{BTreeSet, VecDeque};

/// How long a port rests.
const REST: Duration = Duration::from_secs(5);

/// The pool.
#[derive(Clone, Debug)]
pub(crate) struct Ports {
    free: VecDeque<u16>,
    used: BTreeSet<u16>,
    resting: VecDeque<(Instant, u16)>,
}

impl Ports {
    /// Even ports between the two, both included, whose odd neighbour is included too.
    pub(crate) fn new((first, last): (u16, u16)) -> Self {
        let free = (first..last).filter(|p| p % 2 == 0).collect();
        Ports { free, used: BTreeSet::new(), resting: VecDeque::new() }
    }

    /// A port, or `None` when all are in use or rest: the call that wanted it is refused with 503.
    pub(crate) fn take(&mut self, now: Instant) -> Option<u16> {
        while let Some(&(until, port)) = self.resting.front() {
            if until > now {
                break;
            }
            self.resting.pop_front();
            self.free.push_back(port);
        }
        let port = self.free.pop_front()?;
        self.used.insert(port);
        Some(port)
    }

    /// Gives a port back.
    pub(crate) fn give(&mut self, port: u16, now: Instant) {
        if self.used.remove(&port) {
            self.resting.push_back((now + REST, port));
        }
    }

    /// How many are in use.
    pub(crate) fn used(&self) -> usize {
        self.used.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_rests_before_it_is_used_again() {
        let mut ports = Ports::new((4000, 4003));
        let t0 = Instant::from_secs(1);
        assert_eq!((ports.take(t0), ports.take(t0), ports.take(t0)), (Some(4000), Some(4002), None));
        ports.give(4000, t0);
        ports.give(4000, t0);
        assert_eq!(ports.take(t0 + REST / 2), None);
        assert_eq!(ports.take(t0 + REST), Some(4000));
        assert_eq!(ports.take(t0 + REST), None);
        assert_eq!(ports.used(), 2);
    }
}
