//! The words that the four tables share: what happened, what to do, what to tell.

use super::timers::Timer;

/// What responses are to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
}

impl Class {
    /// The class of a status code.
    pub(crate) fn of(status: u16) -> Class {
        match status {
            0..=199 => Class::Provisional,
            200..=299 => Class::Success,
            _ => Class::Failure,
        }
    }
}

/// What happens to a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// Server: a copy of the request came.
    Request,
    /// Server: the ACK of a refusal came.
    Ack,
    /// Server: the user answers.
    Answer(Class),
    /// Client: a response came.
    Response(Class),
    /// A timer fired.
    Fired(Timer),
    /// The wire reports that it cannot carry this.
    TransportFailed,
}

/// What a transaction does about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// Send what the user gave, and keep it.
    Send,
    /// Send again what was sent last.
    Resend,
    /// Send 100 Trying.
    Trying,
    /// Send the ACK of a refusal.
    Acknowledge,
    /// Start a timer, one round later than before.
    Arm(Timer),
    /// Start a repeating timer at its longest pause.
    ArmSlow(Timer),
    /// Stop a timer.
    Disarm(Timer),
    /// Tell the user.
    Tell(News),
}

/// What the user of a transaction learns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// The response at hand.
    Response,
    /// Nobody answered in time.
    Timeout,
    /// The wire failed.
    TransportFailed,
}
