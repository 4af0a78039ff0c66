//! The line's own registrations at carriers (FEATURES T7): which trunk each belongs to, and whether it stands.

use crate::settings::RegistrationSettings;
use senim_base::Instant;
use senim_sip::{Endpoint, EnrolmentId};
use std::collections::BTreeMap;

/// One registration.
#[derive(Clone, Debug)]
struct Registration {
    trunk: String,
    /// `None` until the carrier was heard, or was not.
    up: Option<bool>,
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registrations {
    by_id: BTreeMap<EnrolmentId, Registration>,
}

impl Registrations {
    /// Begins every one at once.
    pub(crate) fn begin(&mut self, wanted: &[RegistrationSettings], sip: &mut Endpoint, now: Instant) {
        for wanted in wanted {
            if let Some(id) = sip.enrol(wanted.enrolment.clone(), now) {
                self.by_id.insert(id, Registration { trunk: wanted.trunk.clone(), up: None });
            }
        }
    }

    /// Takes every one back.
    pub(crate) fn leave(&mut self, sip: &mut Endpoint, now: Instant) {
        for id in self.by_id.keys() {
            sip.leave(*id, now);
        }
    }

    /// A carrier took one or refused it. Returns the trunk's name when that is news.
    pub(crate) fn turned(&mut self, id: EnrolmentId, up: bool) -> Option<String> {
        let registration = self.by_id.get_mut(&id)?;
        (registration.up.replace(up) != Some(up)).then(|| registration.trunk.clone())
    }

    /// One was taken back.
    pub(crate) fn ended(&mut self, id: EnrolmentId) {
        self.by_id.remove(&id);
    }

    /// None is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Trunk and state of each.
    pub(crate) fn rows(&self) -> Vec<(String, bool)> {
        self.by_id.values().map(|r| (r.trunk.clone(), r.up == Some(true))).collect()
    }
}
