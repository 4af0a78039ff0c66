//! The line's own registrations at carriers (FEATURES T7): which trunk each belongs to, and whether it stands.

use crate::api::RegistrationRow;
use crate::facts::ms;
use crate::settings::RegistrationSettings;
use senim_base::Instant;
use senim_sip::{Endpoint, EnrolmentId, Flow};
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

    /// Where a trunk is to be found was asked again: its registration follows.
    pub(crate) fn rehome(&self, trunk: &str, ways: &[Flow], sip: &mut Endpoint, now: Instant) {
        for (id, _) in self.by_id.iter().filter(|(_, r)| r.trunk == trunk) {
            sip.rehome(*id, ways, now);
        }
    }

    /// How each stands.
    pub(crate) fn rows(&self, sip: &Endpoint, now: Instant) -> Vec<RegistrationRow> {
        let row = |(id, r): (&EnrolmentId, &Registration)| {
            let grant = sip.enrolment_grant(*id);
            RegistrationRow {
                trunk: r.trunk.clone(),
                up: r.up == Some(true),
                granted_ms: grant.map(|g| ms(now.since(g.granted))),
                expires_ms: grant.map(|g| ms(g.expires.since(now))),
            }
        };
        self.by_id.iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_base::Entropy;
    use senim_sip::{Enrolment, Output, Transport};
    use std::net::SocketAddr;

    fn flow(host: u8) -> Flow {
        let at = |host: u8| SocketAddr::from(([192, 0, 2, host], 5060));
        Flow { transport: Transport::Udp, local: at(0), remote: at(host), connection: 0 }
    }

    fn endpoint() -> Endpoint {
        let settings = senim_sip::Settings::of_realm("senim");
        Endpoint::new(settings, Entropy::from_seed(1))
    }

    fn asked(sip: &mut Endpoint) -> Vec<Flow> {
        let out = std::iter::from_fn(|| sip.poll());
        let flow = |output| match output {
            Output::Transmit { flow, .. } => Some(flow),
            _ => None,
        };
        out.filter_map(flow).collect()
    }

    #[test]
    fn the_registration_of_a_trunk_that_moves_goes_with_it_and_no_other() {
        let (mut sip, now) = (endpoint(), Instant::from_secs(1));
        let wanted = |trunk: &str, host| RegistrationSettings {
            trunk: trunk.into(),
            enrolment: Enrolment {
                flows: vec![flow(host)],
                domain: "carrier.example".into(),
                user: "line".into(),
                contact_user: "111".into(),
                expires_s: 600,
                credentials: None,
            },
        };
        let mut registrations = Registrations::default();
        registrations.begin(&[wanted("a", 1), wanted("b", 2)], &mut sip, now);
        assert_eq!(asked(&mut sip), [flow(1), flow(2)]);
        registrations.rehome("b", &[flow(3)], &mut sip, now);
        assert_eq!(asked(&mut sip), [flow(3)]);
        registrations.rehome("c", &[flow(4)], &mut sip, now);
        assert!(asked(&mut sip).is_empty());
        let rows = registrations.rows(&sip, now);
        let row = |r: &RegistrationRow| (r.trunk.clone(), r.up, r.granted_ms, r.expires_ms);
        assert_eq!(
            rows.iter().map(row).collect::<Vec<_>>(),
            [("a".into(), false, None, None), ("b".into(), false, None, None)]
        );
    }
}
