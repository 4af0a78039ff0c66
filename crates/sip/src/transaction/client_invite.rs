//! The client's INVITE: RFC 3261 figure 5 with the Accepted state of RFC 6026 section 7.2.

use super::table::{Action, Class, Event, News};
use super::timers::Timer;

/// Where the transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Sent, nothing heard.
    Calling,
    /// A provisional response was heard.
    Proceeding,
    /// A 2xx was heard; copies of it go up, the dialog acknowledges them.
    Accepted,
    /// A refusal was heard; copies of it are acknowledged here.
    Completed,
    /// Over.
    Terminated,
}

/// The table.
pub(crate) fn step(state: State, event: Event) -> (State, &'static [Action]) {
    use Action::{Acknowledge, Arm, Disarm, Resend, Tell};
    use Class::{Failure, Provisional, Success};
    use State::{Accepted, Calling, Completed, Proceeding, Terminated};
    use Timer::{A, B, D, M};
    match (state, event) {
        (Calling, Event::Fired(A)) => (Calling, &[Resend, Arm(A)]),
        (Calling, Event::Fired(B)) => (Terminated, &[Tell(News::Timeout)]),
        (Calling, Event::Response(Provisional)) => {
            (Proceeding, &[Disarm(A), Disarm(B), Tell(News::Response)])
        }
        (Proceeding, Event::Response(Provisional)) => (Proceeding, &[Tell(News::Response)]),
        (Calling | Proceeding, Event::Response(Success)) => {
            (Accepted, &[Disarm(A), Disarm(B), Arm(M), Tell(News::Response)])
        }
        (Calling | Proceeding, Event::Response(Failure)) => {
            (Completed, &[Disarm(A), Disarm(B), Acknowledge, Arm(D), Tell(News::Response)])
        }
        // RFC 6026 section 7.2: every copy goes up, since only the dialog can repeat the ACK of a 2xx.
        (Accepted, Event::Response(Success)) => (Accepted, &[Tell(News::Response)]),
        (Accepted, Event::Fired(M)) => (Terminated, &[]),
        (Completed, Event::Response(Failure)) => (Completed, &[Acknowledge]),
        (Completed, Event::Fired(D)) => (Terminated, &[]),
        (Calling | Proceeding, Event::TransportFailed) => (Terminated, &[Tell(News::TransportFailed)]),
        // The final response was told already: nothing is left to say.
        (Completed, Event::TransportFailed) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}
