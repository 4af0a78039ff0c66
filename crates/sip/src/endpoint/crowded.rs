//! More calls than there is time for: new ones get 503 and leave nothing behind but a mark (RFC 3261 sections 8.2.7 and
//! 21.5.4). Whatever belongs to a call that was taken goes on: copies of its INVITE by whatever way, CANCEL, everything
//! within its dialog, an INVITE that names it by Replaces or Join, and the calls of phones that are signed in, which are
//! how consultants ask a colleague.

use super::respond::way_back;
use super::{Endpoint, Output};
use crate::Flow;
use crate::digest::Hex;
use crate::generations::Generations;
use crate::message::Message;
use crate::overload::Peek;
use core::time::Duration;
use senim_base::Instant;

/// Seconds after which to try again. A carrier that takes it at its word sends nothing at all for so long, so it is
/// short: there is time for most calls, though not for all.
const RETRY_AFTER: &str = "1";

/// Refused calls remembered, twice: this generation and the last one. A copy of one that is forgotten is a new call.
const REMEMBERED_MAX: usize = 65_536;

/// How long its sender may repeat a request (RFC 3261 section 17.1.1.2, timer B).
const REPEATED_MAX: Duration = Duration::from_secs(32);

/// The new calls that were refused for want of time.
#[derive(Clone, Default)]
pub(super) struct Crowd {
    /// They are refused now.
    now: bool,
    /// By the sum of their To tag: a copy of one is refused, too, however little there is to do by then, for its sender
    /// may have heard the first answer already.
    refused: Generations<[u8; 8], ()>,
    count: u64,
}

impl Crowd {
    fn remember(&mut self, sum: [u8; 8], now: Instant) {
        self.pass(now);
        if self.refused.young() >= REMEMBERED_MAX {
            self.refused.turn(now);
        }
        self.refused.insert(sum, ());
    }

    fn knows(&mut self, sum: [u8; 8], now: Instant) -> bool {
        self.pass(now);
        self.refused.get(&sum).is_some()
    }

    /// Forgets what is too old.
    fn pass(&mut self, now: Instant) {
        let age = now.since(self.refused.turned());
        if age >= 2 * REPEATED_MAX {
            self.refused = Generations::default();
        }
        if age >= REPEATED_MAX {
            self.refused.turn(now);
        }
    }

    fn is_idle(&self) -> bool {
        !self.now && self.refused.len() == 0
    }
}

impl Endpoint {
    /// Refuses new calls from now on, or no longer; [`Pressure`](crate::Pressure) says when.
    pub fn set_crowded(&mut self, yes: bool) {
        self.crowd.now = yes;
    }

    /// New calls that were refused for want of time since the start, copies among them, and how many of them are
    /// remembered at the moment.
    pub fn crowded_out(&self) -> (u64, usize) {
        (self.crowd.count, self.crowd.refused.len())
    }

    /// Refuses an INVITE that begins a call, if there is no time for it. No copy of a call that was taken comes here:
    /// its transaction knows it, or what is left of its dialog.
    pub(super) fn turn_away(&mut self, flow: Flow, invite: &Message, now: Instant) -> bool {
        if self.crowd.is_idle() {
            return false;
        }
        let sum = self.stateless_sum(invite);
        if !self.crowd.knows(sum, now) {
            let of_a_talk = ["Replaces", "Join"].iter().any(|name| invite.header(name).is_some());
            if !self.crowd.now
                || of_a_talk
                || self.registrar.has_flow(flow)
                || self.transactions.is_merged(invite)
            {
                return false;
            }
            self.crowd.remember(sum, now);
        }
        self.crowd.count += 1;
        self.charge(flow, now);
        let tag = Hex::of(&sum);
        let bytes = self.response(invite, 503, tag.as_str(), &[("Retry-After", RETRY_AFTER)], None);
        let flow = way_back(flow, invite);
        self.flush();
        self.out.push_back(Output::Refuse { flow, bytes });
        true
    }

    /// Whether this is the ACK of such a refusal, by the To tag that it brings back: it ends here, unread.
    pub(super) fn acknowledges_refusal(&mut self, bytes: &[u8], now: Instant) -> bool {
        if self.crowd.is_idle() || !bytes.starts_with(b"ACK ") {
            return false;
        }
        let Peek::Within { tag, .. } = Peek::at(bytes) else { return false };
        sum_of(tag).is_some_and(|sum| self.crowd.knows(sum, now))
    }
}

/// The sum that a tag of ours spells.
fn sum_of(tag: &str) -> Option<[u8; 8]> {
    let sum = u64::from_str_radix(tag, 16).ok().filter(|_| tag.len() == 16)?;
    Some(sum.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_calls_are_remembered_up_to_a_ceiling_and_for_a_time() {
        let (mut crowd, now) = (Crowd::default(), Instant::from_secs(100));
        let sum = |n: usize| n.to_be_bytes();
        for n in 0..3 * REMEMBERED_MAX {
            crowd.remember(sum(n), now);
            assert!(crowd.knows(sum(n), now));
        }
        assert!(!crowd.knows(sum(0), now), "forgotten for newer ones");
        assert!(crowd.refused.len() <= 2 * REMEMBERED_MAX);
        assert!(crowd.knows(sum(3 * REMEMBERED_MAX - 1), now + REPEATED_MAX));
        assert!(!crowd.knows(sum(3 * REMEMBERED_MAX - 1), now + 2 * REPEATED_MAX));
        crowd.remember(sum(0), now + 3 * REPEATED_MAX);
        assert!(!crowd.knows(sum(0), now + 6 * REPEATED_MAX), "nobody asked meanwhile");
        assert!(crowd.is_idle());
    }
}
