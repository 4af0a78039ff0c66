//! Which way a stream flows (RFC 3264 sections 5.1 and 6.1).

use core::fmt;
use serde::{Deserialize, Serialize};

/// The direction of a stream, seen from whoever says it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Only sends: the other party is on hold.
    SendOnly,
    /// Only receives.
    RecvOnly,
    /// Neither way.
    Inactive,
}

impl Direction {
    /// Every direction.
    pub const ALL: [Direction; 4] =
        [Direction::SendRecv, Direction::SendOnly, Direction::RecvOnly, Direction::Inactive];

    /// From what is done.
    pub const fn new(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// Whether whoever says this sends.
    pub const fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    /// Whether whoever says this receives.
    pub const fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    /// The same stream seen from the other end.
    pub const fn reversed(self) -> Direction {
        Direction::new(self.receives(), self.sends())
    }

    /// What both allow.
    pub const fn and(self, other: Direction) -> Direction {
        Direction::new(self.sends() && other.sends(), self.receives() && other.receives())
    }

    /// The attribute's name: `sendrecv`, `sendonly`, `recvonly`, `inactive`.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The direction an attribute's name says, whatever its case.
    pub fn from_name(name: &str) -> Option<Direction> {
        Direction::ALL.into_iter().find(|direction| direction.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_reversed_twice_is_itself() {
        for direction in Direction::ALL {
            assert_eq!(direction.reversed().reversed(), direction);
            assert_eq!(direction.and(Direction::SendRecv), direction);
            assert_eq!(direction.and(Direction::Inactive), Direction::Inactive);
            assert_eq!(Direction::from_name(direction.name()), Some(direction));
        }
        assert_eq!(Direction::SendOnly.reversed(), Direction::RecvOnly);
        assert_eq!(Direction::SendOnly.and(Direction::RecvOnly), Direction::Inactive);
    }
}
