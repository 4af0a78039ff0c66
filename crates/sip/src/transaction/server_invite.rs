//! The server's INVITE: RFC 3261 figure 7 with the Accepted state of RFC 6026 section 7.1.

use super::table::{Action, Class, Event, News};
use super::timers::Timer;

/// Where the transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Received; the user of the transaction thinks or rings.
    Proceeding,
    /// A 2xx was sent; the user repeats it until its ACK, this absorbs copies of the INVITE.
    Accepted,
    /// A refusal was sent and is repeated here.
    Completed,
    /// The refusal was acknowledged.
    Confirmed,
    /// Over.
    Terminated,
}

/// The table.
pub(crate) fn step(state: State, event: Event) -> (State, &'static [Action]) {
    use Action::{Arm, Disarm, Resend, Send, Tell, Trying as SayTrying};
    use Class::{Failure, Provisional, Success};
    use State::{Accepted, Completed, Confirmed, Proceeding, Terminated};
    use Timer::{G, H, I, L, Trying};
    match (state, event) {
        (Proceeding, Event::Request) => (Proceeding, &[Resend]),
        (Proceeding, Event::Fired(Trying)) => (Proceeding, &[SayTrying]),
        (Proceeding, Event::Answer(Provisional)) => (Proceeding, &[Disarm(Trying), Send]),
        (Proceeding, Event::Answer(Success)) => (Accepted, &[Disarm(Trying), Send, Arm(L)]),
        (Proceeding, Event::Answer(Failure)) => (Completed, &[Disarm(Trying), Send, Arm(G), Arm(H)]),
        // RFC 6026 section 7.1: copies of an accepted INVITE are absorbed; the user repeats the 2xx by its own clock.
        (Accepted, Event::Answer(Success)) => (Accepted, &[Send]),
        (Accepted, Event::Fired(L)) => (Terminated, &[]),
        (Completed, Event::Request) => (Completed, &[Resend]),
        (Completed, Event::Fired(G)) => (Completed, &[Resend, Arm(G)]),
        (Completed, Event::Fired(H)) => (Terminated, &[]),
        (Completed, Event::Ack) => (Confirmed, &[Disarm(G), Disarm(H), Arm(I)]),
        (Confirmed, Event::Fired(I)) => (Terminated, &[]),
        (Proceeding, Event::TransportFailed) => (Terminated, &[Tell(News::TransportFailed)]),
        (Completed | Confirmed, Event::TransportFailed) => (Terminated, &[]),
        (state, _) => (state, &[]),
    }
}
