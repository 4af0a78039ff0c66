//! The client's request other than INVITE: RFC 3261 figure 6.

use super::table::{Action, Class, Event, News};
use super::timers::Timer;

/// Where the transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Sent, nothing heard.
    Trying,
    /// A provisional response was heard.
    Proceeding,
    /// A final response was heard; copies of it are dropped.
    Completed,
    /// Over.
    Terminated,
}

/// The table.
pub(crate) fn step(state: State, event: Event) -> (State, &'static [Action]) {
    use Action::{Arm, ArmSlow, Disarm, Resend, Tell};
    use Class::{Failure, Provisional, Success};
    use State::{Completed, Proceeding, Terminated, Trying};
    use Timer::{E, F, K};
    match (state, event) {
        (Trying, Event::Fired(E)) => (Trying, &[Resend, Arm(E)]),
        // RFC 3261 section 17.1.2.2: once heard, repeats come every T2.
        (Proceeding, Event::Fired(E)) => (Proceeding, &[Resend, ArmSlow(E)]),
        (Trying | Proceeding, Event::Fired(F)) => (Terminated, &[Tell(News::Timeout)]),
        (Trying | Proceeding, Event::Response(Provisional)) => (Proceeding, &[ArmSlow(E)]),
        (Trying | Proceeding, Event::Response(Success | Failure)) => {
            (Completed, &[Disarm(E), Disarm(F), Arm(K), Tell(News::Response)])
        }
        (Trying | Proceeding, Event::TransportFailed) => (Terminated, &[Tell(News::TransportFailed)]),
        (Completed, Event::Fired(K) | Event::TransportFailed) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}
