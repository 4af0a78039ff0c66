//! Where consultants' phones are (RFC 3261 section 10). A binding is kept with the flow its registration came on: a
//! phone behind a NAT is called there, whatever its Contact says.

use crate::flow::Flow;
use crate::guard::Authenticated;
use crate::message::{Contacts, Message, NameAddr, Scheme, Uri, text};
use crate::transaction::timers::T64;
use core::fmt;
use core::time::Duration;
use senim_base::{Instant, Timers};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;

/// Bindings of one user. One more takes the place of the one that would expire first: a phone that keeps changing
/// its port must not lock its owner out.
pub const BINDINGS_MAX: usize = 8;
/// Shortest registration, seconds; a shorter one is answered 423.
pub const EXPIRES_MIN_S: u32 = 30;
/// Longest registration, seconds; a longer one is shortened to this.
pub const EXPIRES_MAX_S: u32 = 3_600;
/// Hops of a Path. A REGISTER by way of more is refused.
pub const PATH_MAX: usize = 8;
/// How often a phone that registered by RFC 5626 is to show itself on its connection, seconds.
const FLOW_TIMER_S: &str = "120";
/// So many probes must go unanswered in a row until a phone is gone.
pub const SILENT_PROBES: u32 = 2;

/// The extensions of REGISTER that may be required of us.
pub(crate) const EXTENSIONS: [&str; 2] = ["path", "outbound"];

/// One phone of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its Contact, the Request-URI of calls to it.
    pub uri: Uri,
    /// The way it registered: calls go there.
    pub flow: Flow,
    /// The proxies that calls to it go through, the first first: Route headers (RFC 3327).
    pub path: Vec<String>,
    /// How much the phone itself is preferred among its owner's, in thousandths.
    pub q: u16,
    /// When it is forgotten unless refreshed.
    pub expires: Instant,
    id: u64,
    call_id: String,
    cseq: u32,
    /// `+sip.instance` (RFC 5626 section 4.1): the same phone after a restart.
    instance: Option<String>,
    /// `reg-id` (RFC 5626 section 4.2): which of an instance's flows.
    reg_id: Option<u32>,
    /// When it was granted last, and what proved the request: a copy of that gets the same answer.
    granted: Instant,
    proof: String,
    /// Probes that were not answered, in a row.
    silent: u32,
}

/// Bounds of a registration's life, seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expiry {
    /// A shorter one is answered 423.
    pub min_s: u32,
    /// A longer one is shortened to this; it is also what is granted to those who do not say.
    pub max_s: u32,
}

impl Default for Expiry {
    fn default() -> Self {
        Expiry { min_s: EXPIRES_MIN_S, max_s: EXPIRES_MAX_S }
    }
}

impl Binding {
    /// Its number: a refresh keeps it.
    pub fn id(&self) -> u64 {
        self.id
    }

    fn handset(&self) -> Handset {
        Handset { instance: self.instance.clone(), uri: self.uri.clone(), host: self.flow.remote.ip() }
    }

    /// The Route headers of a call to it: its Path (RFC 3327 section 5.4).
    pub fn routes(&self) -> Vec<(String, String)> {
        self.path.iter().map(|hop| ("Route".to_owned(), hop.clone())).collect()
    }
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({:?}, until {:?})", self.flow, self.expires)
    }
}

/// By what a phone is known again on another flow.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Handset {
    instance: Option<String>,
    uri: Uri,
    host: IpAddr,
}

impl Handset {
    /// The same phone, whatever its flow: by its instance (RFC 5626 section 4.1), or for one that names none by its
    /// Contact, which is unlike others' on its own host only.
    pub(crate) fn is(&self, binding: &Binding) -> bool {
        match (&self.instance, &binding.instance) {
            (Some(ours), Some(theirs)) => ours == theirs,
            (None, None) => self.host == binding.flow.remote.ip() && self.uri.same_as(&binding.uri),
            _ => false,
        }
    }
}

/// A phone to be asked whether it lives.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) id: u64,
    pub(crate) flow: Flow,
    pub(crate) uri: String,
    pub(crate) path: Vec<String>,
}

/// The answer to a REGISTER; Via, To and the rest are the endpoint's.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisterReply {
    /// 200, 400, 403, 404, 420, 423, 439 or 500.
    pub status: u16,
    /// Contact of every binding, Min-Expires …
    pub headers: Vec<(&'static str, String)>,
}

impl fmt::Debug for RegisterReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RegisterReply({})", self.status)
    }
}

/// Why a user's last phone is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cause {
    /// Not refreshed in time.
    Expired,
    /// The phone signed off, or the account was removed.
    Removed,
    /// Its connection closed or cannot be sent to.
    FlowLost,
    /// It answered no probe.
    Silent,
}

/// A user came within reach or went out of it. Refreshes and second phones are no change.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// The first phone registered.
    Registered {
        /// Account.
        user: String,
    },
    /// The last phone is gone.
    Unregistered {
        /// Account.
        user: String,
        /// Why.
        cause: Cause,
    },
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Registered { .. } => f.write_str("Registered"),
            Change::Unregistered { cause, .. } => write!(f, "Unregistered({cause:?})"),
        }
    }
}

/// Every binding of every user. Bounded by the accounts, for only an authenticated user gets in.
#[derive(Clone, Default)]
pub struct Registrar {
    users: BTreeMap<String, Vec<Binding>>,
    owners: BTreeMap<u64, String>,
    by_flow: BTreeSet<(Flow, u64)>,
    timers: Timers<u64>,
    /// When each binding is probed next.
    probes: Timers<u64>,
    probe_every: Option<Duration>,
    expiry: Expiry,
    next_id: u64,
    /// How often the set of flows changed.
    turns: u64,
    changes: VecDeque<Change>,
}

/// One Contact of a request, its lifetime settled.
struct Wish {
    uri: Uri,
    instance: Option<String>,
    reg_id: Option<u32>,
    q: u16,
    /// 0 removes.
    expires_s: u32,
}

/// What a request says about all its Contacts.
struct Terms {
    /// Expires.
    header: Option<u32>,
    /// `reg-id` counts.
    outbound: bool,
    /// It came by a way on which a `sips:` Contact means something.
    secure: bool,
}

/// What all Contacts of a request share.
struct Request<'a> {
    call_id: &'a str,
    cseq: u32,
    path: Vec<String>,
    proof: String,
    flow: Flow,
}

impl Registrar {
    /// No bindings.
    pub fn new() -> Registrar {
        Registrar::default()
    }

    /// Handles an authenticated REGISTER (RFC 3261 section 10.3): 403 for another's address, 404 for one that is
    /// none, 400 for a Contact that cannot be called, 423 for too short, 500 for out of order, else 200. All Contacts
    /// of a request take effect or none.
    pub fn register(
        &mut self,
        who: &Authenticated,
        request: &Message,
        flow: Flow,
        now: Instant,
    ) -> RegisterReply {
        self.expire(now);
        let answered = self.try_register(who, request, flow, now);
        answered.unwrap_or_else(|status| {
            let headers = match status {
                420 => vec![("Unsupported", "path".to_owned())],
                423 => vec![("Min-Expires", self.expiry.min_s.to_string())],
                500 => vec![("Retry-After", "1".to_owned())],
                _ => Vec::new(),
            };
            RegisterReply { status, headers }
        })
    }

    fn try_register(
        &mut self,
        who: &Authenticated,
        request: &Message,
        flow: Flow,
        now: Instant,
    ) -> Result<RegisterReply, u16> {
        let to = request.to().map_err(|_| 400u16)?.uri;
        if !matches!(to.scheme, Scheme::Sip | Scheme::Sips) {
            return Err(404);
        }
        if to.user().as_deref() != Some(who.user()) {
            return Err(403);
        }
        let cseq = request.cseq_number().ok_or(400u16)?;
        let user = who.user();
        let (path, outbound) = way(request)?;
        match request.contact().map_err(|_| 400u16)? {
            Contacts::Star if request.expires() == Some(0) => {
                self.in_order(user, request.call_id(), cseq, |_| true)?;
                self.remove_all(user, Cause::Removed);
            }
            Contacts::Star => return Err(400),
            Contacts::List(list) => {
                let terms = Terms { header: request.expires(), outbound, secure: flow.transport.is_secure() };
                let wishes = self.wishes(list, &terms)?;
                let named = |b: &Binding| wishes.iter().any(|w| w.names(b));
                self.in_order(user, request.call_id(), cseq, named)?;
                let was_here = self.users.contains_key(user);
                let proof = who.clone().into_proof();
                let told = Request { call_id: request.call_id(), cseq, path, proof, flow };
                for wish in wishes {
                    self.grant(user, wish, &told, now);
                }
                self.settle(user, was_here, Cause::Removed);
            }
        }
        Ok(self.granted(user, request, now))
    }

    /// What a copy of a REGISTER that was granted gets, so that no transaction needs to remember it: the answer made
    /// again. A copy comes on the same flow, with the same number and the same proof, while a transaction would live.
    pub fn repeated(&self, request: &Message, flow: Flow, now: Instant) -> Option<RegisterReply> {
        if !self.has_flow(flow) {
            return None;
        }
        let to = request.to().ok()?.uri;
        let (user, cseq) = (to.user()?, request.cseq_number()?);
        let same = |b: &Binding| {
            b.flow == flow && b.cseq == cseq && b.call_id == request.call_id() && now.since(b.granted) < T64
        };
        let proved = |b: &Binding| {
            !b.proof.is_empty() && request.headers("Authorization").any(|line| line.contains(&b.proof))
        };
        let known = self.bindings(&user).iter().any(|b| same(b) && proved(b));
        known.then(|| self.granted(&user, request, now))
    }

    /// 200 with every Contact, and what RFC 3327 section 5.3 and RFC 5626 section 6 want said.
    fn granted(&self, user: &str, request: &Message, now: Instant) -> RegisterReply {
        let bindings = self.bindings(user);
        let mut headers: Vec<_> = bindings.iter().map(|b| ("Contact", contact(b, now))).collect();
        headers.extend(request.headers("Path").map(|path| ("Path", path.to_owned())));
        let cseq = request.cseq_number().unwrap_or_default();
        let here = |b: &Binding| b.reg_id.is_some() && b.cseq == cseq && b.call_id == request.call_id();
        if bindings.iter().any(here) {
            headers.push(("Require", "outbound".to_owned()));
            headers.push(("Flow-Timer", FLOW_TIMER_S.to_owned()));
        }
        RegisterReply { status: 200, headers }
    }

    /// Section 10.3 step 7: within one Call-ID an update must have a higher CSeq than what it updates.
    fn in_order(
        &self,
        user: &str,
        call_id: &str,
        cseq: u32,
        named: impl Fn(&Binding) -> bool,
    ) -> Result<(), u16> {
        let late = self.bindings(user).iter().any(|b| named(b) && b.call_id == call_id && b.cseq >= cseq);
        if late { Err(500) } else { Ok(()) }
    }

    fn grant(&mut self, user: &str, wish: Wish, told: &Request<'_>, now: Instant) {
        let named: Vec<u64> = self.bindings(user).iter().filter(|b| wish.names(b)).map(|b| b.id).collect();
        // A refresh keeps the number and moves to the end: the latest heard of its rank.
        for id in &named {
            self.forget(*id);
        }
        if wish.expires_s == 0 {
            return;
        }
        if self.bindings(user).len() >= BINDINGS_MAX
            && let Some(oldest) = self.bindings(user).iter().min_by_key(|b| (b.expires, b.id)).map(|b| b.id)
        {
            self.forget(oldest);
        }
        let id = named.last().copied().unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id
        });
        let expires = now + Duration::from_secs(u64::from(wish.expires_s));
        self.owners.insert(id, user.to_owned());
        self.turns += u64::from(self.by_flow.insert((told.flow, id)));
        self.timers.set(id, expires);
        if let Some(every) = self.probe_every {
            self.probes.set(id, now + every);
        }
        let binding = Binding {
            uri: wish.uri,
            flow: told.flow,
            path: told.path.clone(),
            q: wish.q,
            expires,
            id,
            call_id: told.call_id.to_owned(),
            cseq: told.cseq,
            instance: wish.instance,
            reg_id: wish.reg_id,
            granted: now,
            proof: told.proof.clone(),
            silent: 0,
        };
        let list = self.users.entry(user.to_owned()).or_default();
        let place = list.partition_point(|b| b.q <= binding.q);
        list.insert(place, binding);
    }

    /// Takes out one binding; an emptied user goes with it.
    fn forget(&mut self, id: u64) -> Option<String> {
        self.timers.cancel(id);
        self.probes.cancel(id);
        let user = self.owners.remove(&id)?;
        let list = self.users.get_mut(&user)?;
        if let Some(at) = list.iter().position(|b| b.id == id) {
            let gone = list.remove(at);
            self.turns += u64::from(self.by_flow.remove(&(gone.flow, id)));
        }
        if list.is_empty() {
            self.users.remove(&user);
        }
        Some(user)
    }

    /// Notes the change, if there was one.
    fn settle(&mut self, user: &str, was_here: bool, cause: Cause) {
        let user = user.to_owned();
        match (was_here, self.users.contains_key(&user)) {
            (false, true) => self.changes.push_back(Change::Registered { user }),
            (true, false) => self.changes.push_back(Change::Unregistered { user, cause }),
            _ => {}
        }
    }

    fn lose(&mut self, id: u64, cause: Cause) {
        if let Some(user) = self.forget(id) {
            self.settle(&user, true, cause);
        }
    }

    fn remove_all(&mut self, user: &str, cause: Cause) {
        let ids: Vec<u64> = self.bindings(user).iter().map(|b| b.id).collect();
        for id in ids {
            self.lose(id, cause);
        }
    }

    /// The phones of a user, the most preferred last: by `q` (RFC 3261 section 20.10), then by when they were heard.
    pub fn bindings(&self, user: &str) -> &[Binding] {
        self.users.get(user).map_or(&[], Vec::as_slice)
    }

    /// Whose phone is at the end of this flow. When several users share it, the one whose Contact `uri` is goes first.
    pub fn user_at(&self, flow: Flow, uri: &str) -> Option<&str> {
        let here =
            || self.by_flow.range((flow, 0)..=(flow, u64::MAX)).filter_map(|(_, id)| self.owners.get(id));
        let named =
            |user: &&String| self.bindings(user).iter().any(|b| b.flow == flow && b.uri.to_string() == uri);
        here().find(named).or_else(|| here().next()).map(String::as_str)
    }

    /// A user's phones, and their flows, that are not on this one.
    pub(crate) fn elsewhere(&self, user: &str, flow: Flow) -> Vec<(Flow, Handset)> {
        self.bindings(user).iter().filter(|b| b.flow != flow).map(|b| (b.flow, b.handset())).collect()
    }

    /// A user's phone on this flow, the latest.
    pub(crate) fn handset(&self, user: &str, flow: Flow) -> Option<Handset> {
        self.bindings(user).iter().rfind(|b| b.flow == flow).map(Binding::handset)
    }

    /// How many bindings there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Nobody is registered.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Forgets every binding of a user whose account was removed.
    pub fn remove_user(&mut self, user: &str) {
        self.remove_all(user, Cause::Removed);
    }

    /// Forgets every binding that came on this flow: it closed, or cannot be sent to.
    pub fn flow_lost(&mut self, flow: Flow) {
        let ids: Vec<u64> = self.by_flow.range((flow, 0)..=(flow, u64::MAX)).map(|(_, id)| *id).collect();
        for id in ids {
            self.lose(id, Cause::FlowLost);
        }
    }

    /// Whether somebody registered on this flow.
    pub fn has_flow(&self, flow: Flow) -> bool {
        self.by_flow.range((flow, 0)..=(flow, u64::MAX)).next().is_some()
    }

    /// Whether this user did.
    pub fn is_at(&self, user: &str, flow: Flow) -> bool {
        self.bindings(user).iter().any(|b| b.flow == flow)
    }

    /// Every flow that somebody registered on, one several times if several did.
    pub fn flows(&self) -> impl Iterator<Item = Flow> {
        self.by_flow.iter().map(|(flow, _)| *flow)
    }

    /// A number that changes with [`Registrar::flows`].
    pub fn turns(&self) -> u64 {
        self.turns
    }

    /// Other bounds, for registrations from now on.
    pub fn set_expiry(&mut self, expiry: Expiry) {
        self.expiry = expiry;
    }

    /// How often phones are asked whether they live; `None`: never. For registrations from now on.
    pub fn set_probing(&mut self, every: Option<Duration>) {
        self.probe_every = every;
    }

    /// The next phone to be asked.
    pub(crate) fn probe(&mut self, now: Instant) -> Option<Probe> {
        let id = self.probes.expire(now)?;
        let user = self.owners.get(&id)?;
        let binding = self.bindings(user).iter().find(|b| b.id == id)?;
        Some(Probe { id, flow: binding.flow, uri: binding.uri.to_string(), path: binding.path.clone() })
    }

    /// A phone answered its probe, whatever it said, or did not.
    pub(crate) fn probed(&mut self, id: u64, answered: bool, now: Instant) {
        let Some(user) = self.owners.get(&id) else { return };
        let list = self.users.get_mut(user);
        let Some(binding) = list.and_then(|l| l.iter_mut().find(|b| b.id == id)) else { return };
        binding.silent = if answered { 0 } else { binding.silent + 1 };
        if binding.silent >= SILENT_PROBES {
            self.lose(id, Cause::Silent);
        } else if let Some(every) = self.probe_every {
            self.probes.set(id, now + every);
        }
    }

    /// Forgets what was not refreshed in time.
    pub fn expire(&mut self, now: Instant) {
        while let Some(id) = self.timers.expire(now) {
            self.lose(id, Cause::Expired);
        }
    }

    /// When something is to be done next: to expire, or to probe.
    pub fn deadline(&self) -> Option<Instant> {
        [self.timers.next(), self.probes.next()].into_iter().flatten().map(|(at, _)| at).min()
    }

    /// The next change, in order; drain it after every call.
    pub fn poll(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registrar({} users, {} bindings)", self.users.len(), self.owners.len())
    }
}

impl Registrar {
    /// Section 10.3 steps 6 and 7: settles how long each Contact may stay.
    fn wishes(&self, list: Vec<NameAddr>, terms: &Terms) -> Result<Vec<Wish>, u16> {
        if list.len() > BINDINGS_MAX {
            return Err(400);
        }
        let wishes = list.into_iter().map(|contact| self.wish(contact, terms));
        let wishes = wishes.collect::<Result<Vec<_>, _>>()?;
        // RFC 5626 section 6: one flow a request.
        let lasting = wishes.iter().filter(|w| w.expires_s > 0).count();
        if lasting > 1 && wishes.iter().any(|w| w.reg_id.is_some()) {
            return Err(400);
        }
        Ok(wishes)
    }

    fn wish(&self, contact: NameAddr, terms: &Terms) -> Result<Wish, u16> {
        match contact.uri.scheme {
            Scheme::Sip => {}
            Scheme::Sips if terms.secure => {}
            _ => return Err(400),
        }
        let asked = contact.param("expires").map(|v| v.and_then(text::saturating_u32));
        let asked = match asked {
            Some(asked) => asked.unwrap_or(self.expiry.max_s),
            None => terms.header.unwrap_or(self.expiry.max_s),
        };
        if asked > 0 && asked < self.expiry.min_s {
            return Err(423);
        }
        let instance = contact.param("+sip.instance").flatten().map(text::unquote);
        let reg_id = contact.param("reg-id").flatten().and_then(text::saturating_u32);
        let reg_id = reg_id.filter(|id| terms.outbound && instance.is_some() && (1..1 << 31).contains(id));
        let q = contact.param("q").flatten().map_or(1_000, thousandths);
        // Headers of a Contact's URI come back to whoever asks (RFC 4475 section 3.3.14); no call of ours takes them.
        let uri = contact.uri;
        Ok(Wish { uri, instance, reg_id, q, expires_s: asked.min(self.expiry.max_s) })
    }
}

impl Wish {
    /// The same phone: an equal Contact, or the same instance. With `reg-id` on both sides the same flow of the same
    /// instance (RFC 5626 section 6), whatever their Contacts.
    fn names(&self, binding: &Binding) -> bool {
        let instance = self.instance.is_some() && self.instance == binding.instance;
        match (self.reg_id, binding.reg_id) {
            (Some(ours), Some(theirs)) => instance && ours == theirs,
            (None, Some(_)) => self.uri.same_as(&binding.uri),
            _ => instance || self.uri.same_as(&binding.uri),
        }
    }
}

/// By which proxies a REGISTER came (RFC 3327 section 5.3), and whether its flows are kept as RFC 5626 section 6 says.
/// 420 for a phone that does not know of Path; 439 for one that insists on a flow behind a proxy that keeps none.
fn way(request: &Message) -> Result<(Vec<String>, bool), u16> {
    let names = |header: &str, tag: &str| request.values(header).iter().any(|v| v.eq_ignore_ascii_case(tag));
    let path = request.addresses("Path").map_err(|_| 400u16)?;
    let wants_flow = names("Supported", "outbound") || names("Require", "outbound");
    let Some(edge) = path.last() else { return Ok((Vec::new(), wants_flow)) };
    if path.len() > PATH_MAX {
        return Err(400);
    }
    if !names("Supported", "path") && !names("Require", "path") {
        return Err(420);
    }
    let keeps_flow = edge.uri.param("ob").is_some();
    if !keeps_flow && names("Require", "outbound") {
        return Err(439);
    }
    Ok((path.iter().map(ToString::to_string).collect(), wants_flow && keeps_flow))
}

/// `0.75` as 750. What is no such number counts as 1.
fn thousandths(q: &str) -> u16 {
    let (whole, rest) = q.split_once('.').unwrap_or((q, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    match (whole, rest.len()) {
        ("0", ..=3) if digits(rest) => format!("{rest:0<3}").parse().unwrap_or(1_000),
        _ => 1_000,
    }
}

fn contact(binding: &Binding, now: Instant) -> String {
    let mut seconds = binding.expires.since(now).as_secs();
    if binding.expires.since(now).subsec_nanos() > 0 {
        seconds += 1;
    }
    format!("<{}>;expires={seconds}", binding.uri)
}
