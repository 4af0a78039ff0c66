//! Where trunks are: asked before the line answers its first call, and again whenever an answer's time is over.

use super::settings::way;
use crate::config::{Plan, TrunkPlan};
use core::time::Duration;
use senim_base::Entropy;
use senim_net::resolve::{self, Finds, Found, ResolveFault, Resolver};
use senim_net::sip::Tls;
use senim_sip::{Ask, Flow, Hop, Transport};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// How long the start waits for the names of trunks; a caller must not wait for a name server.
const FIRST_MAX: Duration = Duration::from_secs(5);

/// The ways to each trunk, best first.
pub(crate) type Places = BTreeMap<String, Vec<Flow>>;

/// Who finds trunks.
#[derive(Clone)]
pub(super) struct Finder<F = Resolver> {
    /// Absent when no trunk has a name.
    resolver: Option<Result<F, ResolveFault>>,
    local: Vec<(Transport, SocketAddr)>,
    tls: Option<Arc<Tls>>,
}

impl Finder {
    /// Must be made within the network's runtime.
    pub(super) fn new(plan: &Plan, local: &[(Transport, SocketAddr)], tls: Option<Arc<Tls>>) -> Finder {
        let named = plan.trunks.iter().any(has_name);
        let resolver = named.then(|| Resolver::new(&plan.wires.nameservers));
        Finder { resolver, local: local.to_vec(), tls }
    }
}

impl<F: Finds> Finder<F> {
    /// Every trunk that is found in time. One that is not is said in the log and has no way out.
    pub(super) async fn first(&self, plan: &Plan, entropy: &mut Entropy) -> Places {
        let mut places = Places::new();
        for trunk in &plan.trunks {
            let Some(target) = &trunk.target else { continue };
            let hops = match (target.place.ask(), &self.resolver) {
                (Ask::Nothing(transport, address), _) => Ok(vec![Hop { transport, address }]),
                (_, Some(Ok(resolver))) => {
                    let finding = tokio::time::timeout(FIRST_MAX, resolver.find(&target.place, entropy));
                    finding.await.unwrap_or(Err(ResolveFault::Silent)).map(|found| found.hops)
                }
                (_, Some(Err(fault))) => Err(fault.clone()),
                (_, None) => continue,
            };
            match hops {
                Ok(hops) => {
                    places.insert(trunk.table.name.clone(), self.flows(trunk, &hops));
                }
                Err(fault) => tracing::error!(trunk = trunk.table.name, "the trunk is not found: {fault}"),
            }
        }
        places
    }

    /// Asks for ever, in tasks of the runtime it is called in. `on` is told the ways to a trunk by its name; what it
    /// was told last holds while name servers are silent.
    pub(super) fn follow(
        &self,
        plan: &Plan,
        entropy: &mut Entropy,
        on: impl Fn(&str, Vec<Flow>) + Send + Clone + 'static,
    ) {
        let Some(Ok(resolver)) = &self.resolver else { return };
        for trunk in plan.trunks.iter().filter(|t| has_name(t)) {
            let Some(target) = &trunk.target else { continue };
            let (finder, on, own) = (self.clone(), on.clone(), trunk.clone());
            let told = move |news: Result<Found, ResolveFault>| match news {
                Ok(found) => on(&own.table.name, finder.flows(&own, &found.hops)),
                Err(fault) => {
                    tracing::warn!(
                        trunk = own.table.name,
                        "the trunk is not found, it stays where it was: {fault}"
                    );
                }
            };
            tokio::spawn(resolve::follow(resolver.clone(), target.place.clone(), entropy.fork(), told));
        }
    }

    /// The ways that lead along these hops; TLS learns by which name each peer must prove itself.
    fn flows(&self, trunk: &TrunkPlan, hops: &[Hop]) -> Vec<Flow> {
        if let Some(tls) = &self.tls {
            let name = proved_name(trunk).unwrap_or_default();
            for hop in hops.iter().filter(|hop| hop.transport == Transport::Tls && !name.is_empty()) {
                tls.name_peer(hop.address, name);
            }
        }
        hops.iter().filter_map(|hop| way(*hop, &self.local)).collect()
    }
}

fn has_name(trunk: &TrunkPlan) -> bool {
    trunk.target.as_ref().is_some_and(|t| !matches!(t.place.ask(), Ask::Nothing(..)))
}

/// What a trunk's certificate must bear: the name that is written, or the host that was asked for (RFC 5922 section
/// 7.1); an address proves itself.
fn proved_name(trunk: &TrunkPlan) -> Option<&str> {
    match trunk.table.tls_name.as_str() {
        "" => trunk.target.as_ref().map(|t| t.place.host.as_str()),
        name => Some(name),
    }
}

#[cfg(test)]
mod tests;
