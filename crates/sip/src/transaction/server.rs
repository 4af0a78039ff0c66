//! The server's request other than INVITE: RFC 3261 figure 8. RFC 4320 forbids it to say 100 early or 408 at all:
//! it says neither.

use super::table::{Action, Class, Event};
use super::timers::Timer;

/// Where the transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Received; the user of the transaction has not answered.
    Trying,
    /// Answered; copies of the request get the same answer.
    Completed,
    /// Over.
    Terminated,
}

/// The table.
pub(crate) fn step(state: State, event: Event) -> (State, &'static [Action]) {
    use Action::{Arm, Resend, Send};
    use Class::{Failure, Success};
    use State::{Completed, Terminated, Trying};
    use Timer::J;
    match (state, event) {
        (Trying, Event::Answer(Success | Failure)) => (Completed, &[Send, Arm(J)]),
        (Completed, Event::Request) => (Completed, &[Resend]),
        (Completed, Event::Fired(J)) | (_, Event::TransportFailed) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}
