//! Names of peers into addresses, and again when their time is over (RFC 3263). What is asked and what follows is decided
//! by `senim_sip::locate`; here is who asks.

use core::fmt;
use core::time::Duration;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use senim_base::Entropy;
use senim_sip::Transport;
use senim_sip::locate::{self, Ask, Hop, Naptr, Place, RECORDS_MAX, Srv};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Ways to one place at most; what DNS says beyond is left out.
pub const HOPS_MAX: usize = 16;

/// How long one server has for one question, and how often it is asked.
const ANSWER_MAX: Duration = Duration::from_secs(2);
const ATTEMPTS: usize = 2;

/// An answer is believed so long at least, whatever it says: a time of zero must not make us ask for ever.
const GOOD_MIN: Duration = Duration::from_secs(5);
/// And so long at most: a day's time would outlive a carrier's move.
const GOOD_MAX: Duration = Duration::from_secs(3_600);

/// How soon a question that failed is asked again; twice as late each time, up to a minute.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Why a place was not found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResolveFault {
    /// The operator: the system does not say whom to ask.
    NoServers,
    /// The operator or the peer: the name has no address.
    NoAddress,
    /// The name servers: no answer, or one of failure.
    Silent,
}

impl fmt::Display for ResolveFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ResolveFault::NoServers => {
                "the system names no name server; write nameservers = [\"192.0.2.53\"] in [sip]"
            }
            ResolveFault::NoAddress => "the name has no address; write the right one, or an address",
            ResolveFault::Silent => {
                "the name servers do not answer; see nameservers in [sip], or the network"
            }
        })
    }
}

impl core::error::Error for ResolveFault {}

/// Where a place is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// The ways there, best first, [`HOPS_MAX`] at most and one at least.
    pub hops: Vec<Hop>,
    /// How long that may be believed.
    pub good_for: Duration,
}

/// Asks name servers.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

impl Resolver {
    /// One that asks these servers, or without any those that the system asks. Must be made within a runtime.
    ///
    /// # Errors
    /// [`ResolveFault::NoServers`].
    pub fn new(nameservers: &[SocketAddr]) -> Result<Resolver, ResolveFault> {
        let mut builder = if nameservers.is_empty() {
            TokioResolver::builder_tokio().map_err(|_| ResolveFault::NoServers)?
        } else {
            let config = ResolverConfig::from_name_servers(nameservers.iter().map(server).collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        tune(builder.options_mut(), !nameservers.is_empty());
        builder.build().map(Resolver).map_err(|_| ResolveFault::NoServers)
    }

    /// Finds a place.
    ///
    /// # Errors
    /// See [`ResolveFault`].
    pub async fn find(&self, place: &Place, entropy: &mut Entropy) -> Result<Found, ResolveFault> {
        let mut search = Search { resolver: &self.0, hops: Vec::new(), until: Instant::now() + GOOD_MAX };
        match place.ask() {
            Ask::Nothing(transport, address) => search.hops.push(Hop { transport, address }),
            Ask::Addresses(transport, port) => search.addresses(&place.host, transport, port).await?,
            Ask::Service(transport, name) => search.services(place, vec![(transport, name)], entropy).await?,
            Ask::Services => {
                let names = place.services(&search.naptr(&place.host).await);
                search.services(place, names, entropy).await?;
            }
        }
        if search.hops.is_empty() {
            return Err(ResolveFault::NoAddress);
        }
        let good_for = search.until.saturating_duration_since(Instant::now()).max(GOOD_MIN);
        Ok(Found { hops: search.hops, good_for })
    }

    /// Finds a place for ever, again whenever the last answer's time is over. `on` is told each answer, and each
    /// fault once until there is an answer again: what was told last holds meanwhile.
    pub async fn follow(
        self,
        place: Place,
        entropy: Entropy,
        on: impl Fn(Result<Found, ResolveFault>) + Send,
    ) {
        follow(self, place, entropy, on).await;
    }
}

/// Somebody who finds places: name servers, or in a test a list of answers.
pub trait Finds: Clone + Send + Sync + 'static {
    /// Finds a place, or says why not.
    fn find(
        &self,
        place: &Place,
        entropy: &mut Entropy,
    ) -> impl Future<Output = Result<Found, ResolveFault>> + Send;
}

impl Finds for Resolver {
    fn find(
        &self,
        place: &Place,
        entropy: &mut Entropy,
    ) -> impl Future<Output = Result<Found, ResolveFault>> + Send {
        Resolver::find(self, place, entropy)
    }
}

/// [`Resolver::follow`], whoever is asked.
pub async fn follow(
    finds: impl Finds,
    place: Place,
    mut entropy: Entropy,
    on: impl Fn(Result<Found, ResolveFault>) + Send,
) {
    let mut told = None;
    let mut retry = RETRY_MIN;
    loop {
        match finds.find(&place, &mut entropy).await {
            Ok(found) => {
                let rest = found.good_for;
                (told, retry) = (None, RETRY_MIN);
                on(Ok(found));
                tokio::time::sleep(rest).await;
            }
            Err(fault) => {
                if told.as_ref() != Some(&fault) {
                    told = Some(fault.clone());
                    on(Err(fault));
                }
                tokio::time::sleep(retry).await;
                retry = (retry * 2).min(RETRY_MAX);
            }
        }
    }
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let at = |mut way: ConnectionConfig| {
        way.port = address.port();
        way
    };
    NameServerConfig::new(address.ip(), true, vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())])
}

fn tune(options: &mut ResolverOpts, own_servers: bool) {
    options.timeout = ANSWER_MAX;
    options.attempts = ATTEMPTS;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.positive_max_ttl = Some(GOOD_MAX);
    // Names that do not exist yet are looked for again soon.
    options.negative_max_ttl = Some(GOOD_MIN);
    if own_servers {
        options.use_hosts_file = ResolveHosts::Never;
    }
}

/// One finding, under way.
struct Search<'a> {
    resolver: &'a TokioResolver,
    hops: Vec<Hop>,
    until: Instant,
}

impl Search<'_> {
    /// NAPTR records. A server that cannot say is as one that has none: many know nothing of this type.
    async fn naptr(&mut self, host: &str) -> Vec<Naptr> {
        let Ok(Some(lookup)) = self.ask(host, RecordType::NAPTR).await else { return Vec::new() };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let record = |data: &RData| match data {
            RData::NAPTR(n) => Some(Naptr {
                order: n.order,
                preference: n.preference,
                flags: text(&n.flags),
                service: text(&n.services),
                replacement: n.replacement.to_ascii(),
            }),
            _ => None,
        };
        lookup.answers().iter().take(RECORDS_MAX).filter_map(|r| record(&r.data)).collect()
    }

    /// Servers of these services, in their order; the host's own addresses when none is known.
    async fn services(
        &mut self,
        place: &Place,
        names: Vec<(Transport, String)>,
        entropy: &mut Entropy,
    ) -> Result<(), ResolveFault> {
        let mut any = false;
        for (transport, name) in names {
            let Some(lookup) = self.ask(&name, RecordType::SRV).await? else { continue };
            let record = |data: &RData| match data {
                RData::SRV(s) => Some(Srv {
                    priority: s.priority,
                    weight: s.weight,
                    port: s.port,
                    target: s.target.to_ascii(),
                }),
                _ => None,
            };
            let records: Vec<_> = lookup.answers().iter().filter_map(|r| record(&r.data)).collect();
            any |= !records.is_empty();
            for server in locate::in_order(&records, entropy) {
                // A server that is not found is passed over: the others are what they are there for.
                let _ = self.addresses(&server.target, transport, server.port).await;
            }
        }
        if any {
            return Ok(());
        }
        let (transport, port) = place.without_service();
        self.addresses(&place.host, transport, port).await
    }

    async fn addresses(&mut self, host: &str, transport: Transport, port: u16) -> Result<(), ResolveFault> {
        if self.hops.len() >= HOPS_MAX {
            return Ok(());
        }
        let found = match self.resolver.lookup_ip(whole(host)).await {
            Ok(found) => found,
            Err(fault) => return none_or_silent(&fault),
        };
        self.until = self.until.min(found.valid_until());
        let hops = found.iter().map(|ip: IpAddr| Hop { transport, address: SocketAddr::new(ip, port) });
        self.hops.extend(hops.take(HOPS_MAX - self.hops.len()));
        Ok(())
    }

    /// `None`: the server says that there is none.
    async fn ask(&mut self, name: &str, kind: RecordType) -> Result<Option<Lookup>, ResolveFault> {
        match self.resolver.lookup(whole(name), kind).await {
            Ok(lookup) => {
                self.until = self.until.min(lookup.valid_until());
                Ok(Some(lookup))
            }
            Err(fault) => none_or_silent(&fault).map(|()| None),
        }
    }
}

/// A name with a dot is whole: search domains would only make more questions of it.
fn whole(name: &str) -> String {
    if name.contains('.') && !name.ends_with('.') { format!("{name}.") } else { name.to_owned() }
}

fn none_or_silent(fault: &NetError) -> Result<(), ResolveFault> {
    if fault.is_no_records_found() { Ok(()) } else { Err(ResolveFault::Silent) }
}
