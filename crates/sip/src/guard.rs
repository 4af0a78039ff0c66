//! [`Guard`]: the one door through which a request becomes somebody's. Nonces carry their own proof, each use of one
//! is counted, guesses are rationed, and an unknown name is told exactly what a wrong password is told.

use crate::digest::{Algorithm, DigestWords, Secrets, response};
use crate::message::{Message, StartLine, text};
use core::fmt;
use core::time::Duration;
use senim_base::{Entropy, Instant};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use subtle::ConstantTimeEq;

/// How long a nonce is good for; later a right answer is asked again with `stale=true`.
pub const NONCE_LIFE: Duration = Duration::from_secs(60);
/// Nonces in use at a time. Beyond it the oldest is forgotten, and with it every nonce as old: all stale.
pub const NONCES_MAX: usize = 16_384;
/// Wrong answers one source may give for one account in a [`FAILURE_WINDOW`]. The next is refused unread.
pub const FAILURES_MAX: u32 = 10;
/// The minute in which failures are counted, from the first of them.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Pairs of source and account watched at a time. Beyond it the oldest pair is forgotten: to wash one guess away an
/// attacker must spend as many others.
pub const WATCHED_MAX: usize = 65_536;
/// Longest user name, cnonce and the like taken, bytes; longer is a wrong answer.
const WORD_MAX: usize = 256;

/// A user whose password was proved. Only [`Guard::check`] makes one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authenticated {
    user: String,
}

impl Authenticated {
    /// The account.
    pub fn user(&self) -> &str {
        &self.user
    }
}

impl fmt::Debug for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authenticated(***)")
    }
}

/// What is to be done with a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is this user's.
    Authenticated(Authenticated),
    /// Answer 401 with these headers.
    Challenge {
        /// One `WWW-Authenticate` an algorithm, the stronger first.
        headers: Vec<(&'static str, String)>,
    },
    /// Answer 403: too many wrong answers for this account from there.
    Forbidden,
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Authenticated(_) => "Authenticated",
            Verdict::Challenge { .. } => "Challenge",
            Verdict::Forbidden => "Forbidden",
        })
    }
}

/// Checks digests of requests for one realm.
#[derive(Clone)]
pub struct Guard {
    realm: String,
    /// What is offered, in this order; an answer in another algorithm is a wrong answer.
    offered: Vec<Algorithm>,
    key: [u8; 32],
    entropy: Entropy,
    accounts: BTreeMap<String, Secrets>,
    /// What an unknown user's answer is checked against, so that it takes as long and fails as well.
    nobody: Secrets,
    /// Counts used of every nonce that somebody proved himself with, by birth.
    used: BTreeMap<(Instant, u64), Counts>,
    /// Nonces born at or before this are stale, for their counts were forgotten.
    forgotten: Option<Instant>,
    failures: BTreeMap<Pair, Failures>,
    /// The same pairs by age.
    failures_by_age: BTreeMap<(Instant, Pair), ()>,
}

/// Source and account, hashed: of constant size whatever a stranger sends.
type Pair = [u8; 16];

#[derive(Clone, Copy)]
struct Failures {
    since: Instant,
    count: u32,
}

/// Which nonce counts were seen: the highest, and the 64 below it as bits. Datagrams overtake each other.
#[derive(Clone, Copy, Default)]
struct Counts {
    highest: u32,
    below: u64,
}

impl Counts {
    fn is_new(&self, nc: u32) -> bool {
        match self.highest.checked_sub(nc) {
            None => true,
            Some(0) => false,
            Some(back) => back <= 64 && self.below & (1 << (back - 1)) == 0,
        }
    }

    fn mark(&mut self, nc: u32) {
        match nc.checked_sub(self.highest) {
            None => self.below |= 1u64.checked_shl(self.highest - nc - 1).unwrap_or(0),
            Some(ahead) => {
                let shifted = self.below.checked_shl(ahead).unwrap_or(0);
                // The old highest becomes a bit; there was none before the first count.
                let bit =
                    if self.highest == 0 { 0 } else { 1u64.checked_shl(ahead.wrapping_sub(1)).unwrap_or(0) };
                self.below = shifted | bit;
                self.highest = nc;
            }
        }
    }
}

/// A nonce of ours, its proof checked.
struct Nonce {
    born: Instant,
    id: u64,
}

impl Guard {
    /// A guard without accounts. `realm` is what phones show their user and what passwords are hashed with.
    pub fn new(realm: &str, mut entropy: Entropy) -> Guard {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        let nobody = Secrets { ha1_md5: entropy.token(32), ha1_sha256: entropy.token(64) };
        Guard {
            realm: realm.to_owned(),
            offered: Algorithm::OFFERED.to_vec(),
            key,
            entropy,
            accounts: BTreeMap::new(),
            nobody,
            used: BTreeMap::new(),
            forgotten: None,
            failures: BTreeMap::new(),
            failures_by_age: BTreeMap::new(),
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Offers these algorithms only, in this order, from the next challenge on. Phones that know MD5 alone may give
    /// up at the sight of another. None at all is taken for all of them.
    pub fn offer(&mut self, algorithms: &[Algorithm]) {
        self.offered = if algorithms.is_empty() { Algorithm::OFFERED.to_vec() } else { algorithms.to_vec() };
    }

    /// Adds an account or changes its secrets.
    pub fn set_account(&mut self, user: &str, secrets: Secrets) {
        self.accounts.insert(user.to_owned(), secrets);
    }

    /// Forgets an account; whether there was one.
    pub fn remove_account(&mut self, user: &str) -> bool {
        self.accounts.remove(user).is_some()
    }

    /// Decides on a request that came from `source`. Reads every `Authorization: Digest` of our realm; the answer to
    /// an unknown user and to a wrong password is the same but for the nonce.
    pub fn check(&mut self, request: &Message, source: IpAddr, now: Instant) -> Verdict {
        self.forget(now);
        let ours = |words: &DigestWords| words.get("realm") == Some(self.realm.as_str());
        let Some(words) = request.headers("Authorization").flat_map(DigestWords::read_all).find(ours) else {
            return self.challenge(source, now, false);
        };
        let Some(user) = words.get("username").filter(|user| user.len() <= WORD_MAX) else {
            return self.challenge(source, now, false);
        };
        let pair = self.pair(source, user);
        if self.failures.get(&pair).is_some_and(|f| f.count >= FAILURES_MAX) {
            return Verdict::Forbidden;
        }
        let Some(nonce) = words.get("nonce").and_then(|n| self.nonce(n, source, now)) else {
            return self.challenge(source, now, false);
        };
        let nc = words.get("nc").filter(|nc| nc.len() == 8).and_then(|nc| u32::from_str_radix(nc, 16).ok());
        let nc = nc.filter(|nc| *nc > 0);
        let used = nc.is_some_and(|nc| self.used.get(&(nonce.born, nonce.id)).is_some_and(|c| !c.is_new(nc)));
        if self.is_stale(&nonce, now) || used {
            return self.challenge(source, now, true);
        }
        match nc {
            Some(nc) if self.is_right(request, &words, user) => {
                self.used.entry((nonce.born, nonce.id)).or_default().mark(nc);
                self.forget(now);
                Verdict::Authenticated(Authenticated { user: user.to_owned() })
            }
            _ => {
                self.note_failure(pair, now);
                self.challenge(source, now, false)
            }
        }
    }

    /// The sum is right for what the request says, under the qop that was offered.
    fn is_right(&self, request: &Message, words: &DigestWords, user: &str) -> bool {
        let StartLine::Request { method, uri } = request.start() else { return false };
        let read = || {
            let algorithm = Algorithm::named(words.get("algorithm")).filter(|a| self.offered.contains(a))?;
            words.get("qop").filter(|qop| qop.eq_ignore_ascii_case("auth"))?;
            let cnonce = words.get("cnonce").filter(|c| !c.is_empty() && c.len() <= WORD_MAX)?;
            let theirs = words.get("uri").filter(|theirs| names_same(theirs, uri))?;
            Some((algorithm, cnonce, theirs, words.get("nonce")?, words.get("nc")?, words.get("response")?))
        };
        let Some((algorithm, cnonce, theirs, nonce, nc, said)) = read() else { return false };
        let account = self.accounts.get(user);
        let ha1 = account.unwrap_or(&self.nobody).ha1(algorithm);
        let right = response(algorithm, ha1, method.as_str(), theirs, nonce, Some((nc, cnonce)));
        let equal = bool::from(right.as_bytes().ct_eq(said.to_ascii_lowercase().as_bytes()));
        equal & account.is_some()
    }

    fn challenge(&mut self, source: IpAddr, now: Instant, stale: bool) -> Verdict {
        let id = self.entropy.u64();
        let nonce = format!("{:016x}{id:016x}{}", now.as_nanos(), self.proof(now, id, source));
        let stale = if stale { ", stale=true" } else { "" };
        let header = |algorithm: Algorithm| {
            let value = format!(
                "Digest realm={}, nonce=\"{nonce}\", qop=\"auth\", algorithm={}{stale}",
                text::quote(&self.realm),
                algorithm.name()
            );
            ("WWW-Authenticate", value)
        };
        Verdict::Challenge { headers: self.offered.iter().copied().map(header).collect() }
    }

    /// A nonce that this guard gave to this source, whatever its age.
    fn nonce(&self, nonce: &str, source: IpAddr, now: Instant) -> Option<Nonce> {
        let (born, rest) = nonce.split_at_checked(16)?;
        let (id, proof) = rest.split_at_checked(16)?;
        let born = Instant::from_nanos(u64::from_str_radix(born, 16).ok()?);
        let id = u64::from_str_radix(id, 16).ok()?;
        let ours = self.proof(born, id, source);
        (bool::from(ours.as_bytes().ct_eq(proof.as_bytes())) && born <= now).then_some(Nonce { born, id })
    }

    /// Keyed hash of birth, id and source: HMAC (RFC 2104) with SHA-256.
    fn proof(&self, born: Instant, id: u64, source: IpAddr) -> String {
        let pad = |byte: u8| {
            let mut block = [byte; 64];
            block.iter_mut().zip(self.key).for_each(|(b, k)| *b ^= k);
            block
        };
        let source = match source.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let inner = Sha256::new()
            .chain_update(pad(0x36))
            .chain_update(born.as_nanos().to_be_bytes())
            .chain_update(id.to_be_bytes())
            .chain_update(source.octets())
            .finalize();
        let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
        outer.iter().take(16).fold(String::with_capacity(32), |mut out, byte| {
            use fmt::Write;
            let _ = write!(out, "{byte:02x}");
            out
        })
    }

    fn is_stale(&self, nonce: &Nonce, now: Instant) -> bool {
        now.since(nonce.born) >= NONCE_LIFE || self.forgotten.is_some_and(|at| nonce.born <= at)
    }

    /// One pair a source and an account; an IPv6 network of 64 bits is one source, for one phone owns it whole.
    fn pair(&self, source: IpAddr, user: &str) -> Pair {
        let source = match source.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64),
        };
        let sum = Sha256::new()
            .chain_update(self.key)
            .chain_update(source.octets())
            .chain_update(user.as_bytes())
            .finalize();
        let mut pair = [0; 16];
        pair.iter_mut().zip(sum).for_each(|(to, from)| *to = from);
        pair
    }

    fn note_failure(&mut self, pair: Pair, now: Instant) {
        let failures = self.failures.entry(pair).or_insert(Failures { since: now, count: 0 });
        failures.count += 1;
        self.failures_by_age.insert((failures.since, pair), ());
        self.forget(now);
    }

    /// Drops what is too old or too much.
    fn forget(&mut self, now: Instant) {
        while let Some((&(born, id), _)) = self.used.first_key_value() {
            let full = self.used.len() > NONCES_MAX;
            if !full && now.since(born) < NONCE_LIFE {
                break;
            }
            if full {
                self.forgotten = self.forgotten.max(Some(born));
            }
            self.used.remove(&(born, id));
        }
        while let Some((&(since, pair), ())) = self.failures_by_age.first_key_value() {
            if self.failures_by_age.len() <= WATCHED_MAX && now.since(since) < FAILURE_WINDOW {
                break;
            }
            self.failures_by_age.remove(&(since, pair));
            self.failures.remove(&pair);
        }
    }

    /// Nonces and failing pairs kept at the moment, to be watched against their ceilings.
    pub fn kept(&self) -> (usize, usize) {
        (self.used.len(), self.failures.len())
    }
}

/// The `uri` of a Digest names the Request-URI, letter by letter or by the rules of comparing.
fn names_same(theirs: &str, uri: &str) -> bool {
    use crate::message::Uri;
    theirs == uri || matches!((Uri::parse(theirs), Uri::parse(uri)), (Ok(a), Ok(b)) if a.same_as(&b))
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Guard({} accounts)", self.accounts.len())
    }
}
