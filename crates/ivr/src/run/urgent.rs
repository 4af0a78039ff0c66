//! The urgent key: from every place to the queue that goes before all others (FEATURES I3).

use super::{Doing, Output, Run};
use senim_base::{Instant, Redacted};
use std::sync::Arc;

impl Run {
    /// Whether the urgent key means what it says here. Within a number that has begun it is a digit; see
    /// [`Run::no_key`] for what it means as the last one.
    pub(super) fn urgent_lives(&self) -> bool {
        match &self.place.doing {
            Doing::Asking { digits, .. } => digits.reveal().is_empty(),
            Doing::Waiting => self.script.urgent.as_ref().is_some_and(|u| u.to.text != self.place.step),
            Doing::Nothing | Doing::Away | Doing::Ended => false,
            _ => true,
        }
    }

    /// Jumps to the urgent queue.
    pub(super) fn urgent(&mut self, now: Instant) {
        let script = Arc::clone(&self.script);
        let Some(urgent) = &script.urgent else { return };
        self.tell_key(urgent.key);
        if self.plays() {
            self.out.push_back(Output::Hush);
        }
        self.place.typed = Redacted::default();
        self.go_on(Some(urgent.to.text.clone()), now);
    }

    fn plays(&self) -> bool {
        matches!(
            self.place.doing,
            Doing::Saying { .. }
                | Doing::Asking { say: Some(_), .. }
                | Doing::Noticing { .. }
                | Doing::Leaving { .. }
                | Doing::Looping
        )
    }
}
