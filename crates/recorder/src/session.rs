//! Which sound of a call goes to which track: from the first syllable of the greeting to the last of the talk,
//! every party on its own track, over hold, transfer and conference (FEATURES R1–R4).

use core::fmt;
use senim_base::{LegId, TrackId};
use std::collections::{BTreeMap, VecDeque};

/// Legs recorded at one time, at most. One more gets [`Fault::TooManyLegs`].
const LEGS_MAX: usize = 32;

/// Who speaks on a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The caller.
    Caller,
    /// A consultant.
    Consultant,
    /// The other side of a forward, or a third party of a conference.
    Other,
}

/// What happens in the call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// The caller is answered: the recording begins before anything is played to him (FEATURES R3).
    Answered {
        /// His leg.
        caller: LegId,
    },
    /// Somebody joins the talk.
    LegJoined {
        /// His leg.
        leg: LegId,
        /// Who he is.
        role: Role,
    },
    /// Somebody left. The recording goes on.
    Left {
        /// His leg.
        leg: LegId,
    },
    /// The call ended.
    Ended,
}

/// What is to be recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// What comes from this leg.
    Record {
        /// The leg.
        leg: LegId,
        /// Where to.
        track: TrackId,
    },
    /// What the line plays to this leg.
    RecordHeard {
        /// The leg.
        leg: LegId,
        /// Where to.
        track: TrackId,
    },
    /// Nothing more.
    Stop,
}

/// What does not fit the call as the plan knows it (ours: the switch said it in the wrong order).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The call is not answered yet, or ended.
    NotRecording,
    /// It is answered already.
    Recording,
    /// The leg is on a track already.
    LegKnown(LegId),
    /// No such leg is recorded.
    UnknownLeg(LegId),
    /// So many legs are recorded already.
    TooManyLegs,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::NotRecording => f.write_str("the call is not being recorded"),
            Fault::Recording => f.write_str("the call is recorded already"),
            Fault::LegKnown(leg) => write!(f, "{leg} is recorded already"),
            Fault::UnknownLeg(leg) => write!(f, "{leg} is not recorded"),
            Fault::TooManyLegs => write!(f, "more than {LEGS_MAX} legs cannot be recorded at one time"),
        }
    }
}

impl core::error::Error for Fault {}

/// The plan of one call's recording.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    legs: BTreeMap<LegId, TrackId>,
    next: u8,
    recording: bool,
    orders: VecDeque<Order>,
}

impl Plan {
    /// The caller's track.
    pub const CALLER: TrackId = TrackId(0);
    /// The track of what the line plays to the caller.
    pub const LINE: TrackId = TrackId(1);

    /// A call that is not answered yet.
    pub fn new() -> Self {
        Plan::default()
    }

    /// Tells the plan what happened; drain [`Plan::poll`] afterwards.
    pub fn handle(&mut self, input: Input) -> Result<(), Fault> {
        match input {
            Input::Answered { .. } if self.recording => return Err(Fault::Recording),
            Input::Answered { caller } => {
                self.recording = true;
                self.next = 2;
                self.legs.insert(caller, Self::CALLER);
                self.orders.push_back(Order::Record { leg: caller, track: Self::CALLER });
                self.orders.push_back(Order::RecordHeard { leg: caller, track: Self::LINE });
            }
            _ if !self.recording => return Err(Fault::NotRecording),
            Input::LegJoined { leg, role } => self.join(leg, role)?,
            Input::Left { leg } => {
                self.legs.remove(&leg).ok_or(Fault::UnknownLeg(leg))?;
            }
            Input::Ended => {
                self.recording = false;
                self.legs.clear();
                self.orders.push_back(Order::Stop);
            }
        }
        Ok(())
    }

    /// The next order.
    pub fn poll(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// Track 0 is the caller's whichever leg he speaks on; everybody else gets a track of his own. Track 255, the
    /// last one, is shared by all who come after: its frames are placed by their arrival like all others.
    fn join(&mut self, leg: LegId, role: Role) -> Result<(), Fault> {
        if self.legs.contains_key(&leg) {
            return Err(Fault::LegKnown(leg));
        }
        if self.legs.len() >= LEGS_MAX {
            return Err(Fault::TooManyLegs);
        }
        let track = if role == Role::Caller {
            Self::CALLER
        } else {
            let track = TrackId(self.next);
            self.next = self.next.saturating_add(1);
            track
        };
        self.legs.insert(leg, track);
        self.orders.push_back(Order::Record { leg, track });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(plan: &mut Plan, input: Input) -> Vec<Order> {
        plan.handle(input).unwrap();
        core::iter::from_fn(|| plan.poll()).collect()
    }

    fn joins(plan: &mut Plan, leg: u64) -> Vec<Order> {
        tell(plan, Input::LegJoined { leg: LegId(leg), role: Role::Consultant })
    }

    /// FEATURES R1, R2, R3, R4 (what is ordered; the sound itself is tapped elsewhere).
    #[test]
    fn every_party_has_a_track_from_the_greeting_over_a_transfer_to_the_end() {
        let mut plan = Plan::new();
        assert_eq!(
            tell(&mut plan, Input::Answered { caller: LegId(1) }),
            [
                Order::Record { leg: LegId(1), track: TrackId(0) },
                Order::RecordHeard { leg: LegId(1), track: TrackId(1) }
            ]
        );
        assert_eq!(joins(&mut plan, 2), [Order::Record { leg: LegId(2), track: TrackId(2) }]);
        assert_eq!(tell(&mut plan, Input::Left { leg: LegId(2) }), []);
        assert_eq!(joins(&mut plan, 3), [Order::Record { leg: LegId(3), track: TrackId(3) }]);
        assert_eq!(joins(&mut plan, 2), [Order::Record { leg: LegId(2), track: TrackId(4) }]);
        assert_eq!(tell(&mut plan, Input::Ended), [Order::Stop]);
        assert_eq!(plan.handle(Input::Ended), Err(Fault::NotRecording));
    }

    #[test]
    fn legs_have_a_ceiling_and_tracks_an_end() {
        let mut plan = Plan::new();
        tell(&mut plan, Input::Answered { caller: LegId(0) });
        for leg in 1..LEGS_MAX as u64 {
            joins(&mut plan, leg);
        }
        let more = Input::LegJoined { leg: LegId(99), role: Role::Other };
        assert_eq!(plan.handle(more), Err(Fault::TooManyLegs));
        for _ in 0..300 {
            tell(&mut plan, Input::Left { leg: LegId(1) });
            joins(&mut plan, 1);
        }
        tell(&mut plan, Input::Left { leg: LegId(1) });
        assert_eq!(joins(&mut plan, 1), [Order::Record { leg: LegId(1), track: TrackId(255) }]);
    }
}
