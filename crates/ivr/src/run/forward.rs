//! The caller is sent on to another centre, after a notice; when that fails he comes back (FEATURES X1).

use super::{Doing, Output, Run};
use crate::script::{FORWARDED, Step};
use senim_base::Instant;
use std::sync::Arc;

impl Run {
    pub(super) fn forward(&mut self, whole: bool) {
        let script = Arc::clone(&self.script);
        if let Some(Step::Forward { to, .. }) = script.steps.get(&self.place.step) {
            self.place.doing = Doing::Forwarding;
            self.out.push_back(Output::Forward { to: to.text.clone(), whole });
        }
    }

    pub(super) fn forward_failed(&mut self, now: Instant) {
        let script = Arc::clone(&self.script);
        if matches!(self.place.doing, Doing::Forwarding | Doing::Away)
            && let Some(Step::Forward { on_failure, .. }) = script.steps.get(&self.place.step)
        {
            self.go_on(Some(on_failure.text.clone()), now);
        }
    }

    /// From now on the caller's keys are meant for the other centre.
    pub(super) fn forward_answered(&mut self) {
        if self.place.doing == Doing::Forwarding {
            self.place.doing = Doing::Away;
        }
    }

    pub(super) fn forward_ended(&mut self) {
        if matches!(self.place.doing, Doing::Forwarding | Doing::Away) {
            self.hang_up(FORWARDED);
        }
    }
}
