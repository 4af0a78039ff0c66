//! Where consultants' phones are (RFC 3261 section 10). A binding is kept with the flow its registration came on: a
//! phone behind a NAT is called there, whatever its Contact says.

use crate::flow::Flow;
use crate::guard::Authenticated;
use crate::message::{Contacts, Message, NameAddr, Scheme, Uri, text};
use core::fmt;
use core::time::Duration;
use senim_base::{Instant, Timers};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Bindings of one user. One more takes the place of the one that would expire first: a phone that keeps changing
/// its port must not lock its owner out.
pub const BINDINGS_MAX: usize = 8;
/// Shortest registration, seconds; a shorter one is answered 423.
pub const EXPIRES_MIN_S: u32 = 30;
/// Longest registration, seconds; a longer one is shortened to this.
pub const EXPIRES_MAX_S: u32 = 3_600;

/// One phone of a user.
#[derive(Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its Contact, the Request-URI of calls to it.
    pub uri: Uri,
    /// The way it registered: calls go there.
    pub flow: Flow,
    /// When it is forgotten unless refreshed.
    pub expires: Instant,
    id: u64,
    call_id: String,
    cseq: u32,
    /// `+sip.instance` (RFC 5626 section 4.1): the same phone after a restart.
    instance: Option<String>,
}

impl fmt::Debug for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Binding({:?}, until {:?})", self.flow, self.expires)
    }
}

/// The answer to a REGISTER; Via, To and the rest are the endpoint's.
#[derive(Clone, PartialEq, Eq)]
pub struct RegisterReply {
    /// 200, 400, 403, 404, 423 or 500.
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
    next_id: u64,
    changes: VecDeque<Change>,
}

/// One Contact of a request, its lifetime settled.
struct Wish {
    uri: Uri,
    instance: Option<String>,
    /// 0 removes.
    expires_s: u32,
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
                423 => vec![("Min-Expires", EXPIRES_MIN_S.to_string())],
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
        let (cseq, _) = request.cseq().map_err(|_| 400u16)?;
        let user = who.user();
        match request.contact().map_err(|_| 400u16)? {
            Contacts::Star if request.expires() == Some(0) => {
                self.in_order(user, request.call_id(), cseq, |_| true)?;
                self.remove_all(user, Cause::Removed);
            }
            Contacts::Star => return Err(400),
            Contacts::List(list) => {
                let wishes = wishes(list, request.expires())?;
                let named = |b: &Binding| wishes.iter().any(|w| w.names(b));
                self.in_order(user, request.call_id(), cseq, named)?;
                let was_here = self.users.contains_key(user);
                for wish in wishes {
                    self.grant(user, wish, (request.call_id(), cseq), flow, now);
                }
                self.settle(user, was_here, Cause::Removed);
            }
        }
        let headers = self.bindings(user).iter().map(|b| ("Contact", contact(b, now))).collect();
        Ok(RegisterReply { status: 200, headers })
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

    fn grant(&mut self, user: &str, wish: Wish, (call_id, cseq): (&str, u32), flow: Flow, now: Instant) {
        let mut id = None;
        while let Some(old) = self.bindings(user).iter().find(|b| wish.names(b)).map(|b| b.id) {
            id = Some(old);
            self.forget(old);
        }
        if wish.expires_s == 0 {
            return;
        }
        if self.bindings(user).len() >= BINDINGS_MAX
            && let Some(oldest) = self.bindings(user).iter().min_by_key(|b| (b.expires, b.id)).map(|b| b.id)
        {
            self.forget(oldest);
        }
        let id = id.unwrap_or_else(|| {
            self.next_id += 1;
            self.next_id
        });
        let expires = now + Duration::from_secs(u64::from(wish.expires_s));
        self.owners.insert(id, user.to_owned());
        self.by_flow.insert((flow, id));
        self.timers.set(id, expires);
        let (call_id, instance) = (call_id.to_owned(), wish.instance);
        let binding = Binding { uri: wish.uri, flow, expires, id, call_id, cseq, instance };
        self.users.entry(user.to_owned()).or_default().push(binding);
    }

    /// Takes out one binding; an emptied user goes with it.
    fn forget(&mut self, id: u64) -> Option<String> {
        self.timers.cancel(id);
        let user = self.owners.remove(&id)?;
        let list = self.users.get_mut(&user)?;
        if let Some(at) = list.iter().position(|b| b.id == id) {
            let gone = list.remove(at);
            self.by_flow.remove(&(gone.flow, id));
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

    /// The phones of a user, the earliest registered first.
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

    /// Forgets what was not refreshed in time.
    pub fn expire(&mut self, now: Instant) {
        while let Some(id) = self.timers.expire(now) {
            self.lose(id, Cause::Expired);
        }
    }

    /// When [`Registrar::expire`] has something to do next.
    pub fn deadline(&self) -> Option<Instant> {
        self.timers.next().map(|(at, _)| at)
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

impl Wish {
    /// The same phone: an equal Contact, or the same instance.
    fn names(&self, binding: &Binding) -> bool {
        self.uri.same_as(&binding.uri) || self.instance.is_some() && self.instance == binding.instance
    }
}

/// Section 10.3 steps 6 and 7: settles how long each Contact may stay.
fn wishes(list: Vec<NameAddr>, header: Option<u32>) -> Result<Vec<Wish>, u16> {
    if list.len() > BINDINGS_MAX {
        return Err(400);
    }
    let settle = |contact: NameAddr| {
        if contact.uri.scheme != Scheme::Sip {
            return Err(400);
        }
        let asked = contact.param("expires").map(|v| v.and_then(text::saturating_u32));
        let asked = match asked {
            Some(asked) => asked.unwrap_or(EXPIRES_MAX_S),
            None => header.unwrap_or(EXPIRES_MAX_S),
        };
        if asked > 0 && asked < EXPIRES_MIN_S {
            return Err(423);
        }
        let instance = contact.param("+sip.instance").flatten().map(text::unquote);
        // Headers of a Contact's URI come back to whoever asks (RFC 4475 section 3.3.14); no call of ours takes them.
        let uri = contact.uri;
        Ok(Wish { uri, instance, expires_s: asked.min(EXPIRES_MAX_S) })
    };
    list.into_iter().map(settle).collect()
}

fn contact(binding: &Binding, now: Instant) -> String {
    let mut seconds = binding.expires.since(now).as_secs();
    if binding.expires.since(now).subsec_nanos() > 0 {
        seconds += 1;
    }
    format!("<{}>;expires={seconds}", binding.uri)
}
