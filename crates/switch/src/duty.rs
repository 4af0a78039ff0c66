//! A consultant starts and ends work, takes a break, becomes ready again: by feature code, command line or page.

use crate::api::{Duty, Refusal};
use crate::facts::{Doing, Fact};
use crate::rooms::Rooms;
use senim_queue::{ConsultantState, Input as QueueInput};

/// Carries out a change of duty.
///
/// # Errors
/// The login is unknown, or the consultant is not at work.
pub(crate) fn carry_out(login: &str, duty: &Duty, rooms: &mut Rooms) -> Result<(), Refusal> {
    let person =
        rooms.books.by_login(login).ok_or_else(|| Refusal::UnknownConsultant { login: login.to_owned() })?;
    let (consultant, signed_in) = (person.id, person.signed_in);
    if !signed_in && matches!(duty, Duty::Break(_) | Duty::Ready) {
        return Err(Refusal::NotNow { doing: Doing::SignedOut });
    }
    let input = match duty {
        Duty::SignIn => {
            if !signed_in {
                rooms.fact(None, Fact::SignedIn { consultant });
            }
            QueueInput::SignIn(consultant)
        }
        Duty::SignOut => {
            if signed_in {
                rooms.fact(None, Fact::SignedOut { consultant });
            }
            QueueInput::SignOut(consultant)
        }
        Duty::Break(reason) => QueueInput::Break { id: consultant, reason: reason.clone() },
        Duty::Ready => QueueInput::Ready(consultant),
    };
    rooms.queue_inputs.push_back(input);
    Ok(())
}

/// The queue's state of a consultant in the words of facts.
pub(crate) fn doing(state: &ConsultantState) -> Doing {
    match state {
        ConsultantState::SignedOut => Doing::SignedOut,
        ConsultantState::Ready => Doing::Ready,
        ConsultantState::Offered { .. } => Doing::Offered,
        ConsultantState::Talking { .. } => Doing::Talking,
        ConsultantState::WrapUp { .. } => Doing::WrapUp,
        ConsultantState::Break { reason } => Doing::Break(reason.clone()),
        ConsultantState::NoAnswer => Doing::NoAnswer,
        ConsultantState::Unreachable => Doing::Unreachable,
        ConsultantState::Busy => Doing::Busy,
    }
}
