//! [`Guard`]: the one door through which a request becomes somebody's. Nonces carry their own proof, each use of one
//! is counted, guesses are rationed, and an unknown name is told exactly what a wrong password is told.

use crate::digest::{Algorithm, Answer, Hex, Secrets, response};
use crate::message::{Message, StartLine, text};
use crate::overload::Source;
use core::fmt;
use core::time::Duration;
use senim_base::{Entropy, Instant};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// How long a nonce is good for; later a right answer is asked again with `stale=true`.
pub const NONCE_LIFE: Duration = Duration::from_secs(60);
/// Nonces in use at a time. Beyond it the oldest is forgotten, and with it every nonce as old: all stale.
pub const NONCES_MAX: usize = 16_384;
/// Wrong answers one source may give for one account in a [`FAILURE_WINDOW`]. The next is refused unread.
pub const FAILURES_MAX: u32 = 10;
/// Wrong answers that all strange sources together may give for one account in a [`FAILURE_WINDOW`]. Then it is under
/// attack: until the window ends only sources where its password was proved before are heard, and the operator is told.
pub const ACCOUNT_FAILURES_MAX: u32 = 100;
/// Sources remembered of an account, the latest. One more takes the place of the one that was there longest.
pub const HOMES_MAX: usize = 4;
/// The minute in which failures are counted, from the first of them.
pub const FAILURE_WINDOW: Duration = Duration::from_secs(60);
/// Pairs of source and account watched at a time. Beyond it the oldest pair is forgotten: to wash one guess away an
/// attacker must spend as many others.
pub const WATCHED_MAX: usize = 65_536;
/// Accounts under attack that nobody has asked for yet; more are counted, not told.
const ATTACKED_MAX: usize = 256;
/// Longest user name, cnonce and the like taken, bytes; longer is a wrong answer.
const WORD_MAX: usize = 256;

/// A user whose password was proved. Only [`Guard::check`] makes one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authenticated {
    user: String,
    /// The sum that proved it: a copy of the request carries it, too.
    proof: String,
}

impl Authenticated {
    /// The account.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What proved it.
    pub(crate) fn into_proof(self) -> String {
        self.proof
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
    /// The realm as it stands in a challenge.
    quoted: String,
    key: [u8; 32],
    /// The keyed hash after its inner and its outer pad.
    pads: [Sha256; 2],
    entropy: Entropy,
    accounts: BTreeMap<String, Account>,
    /// What an unknown user's answer is checked against, so that it takes as long and fails as well.
    nobody: Secrets,
    /// Counts used of every nonce that somebody proved himself with, by birth.
    used: BTreeMap<(Instant, u64), Counts>,
    /// Nonces born at or before this are stale, for their counts were forgotten.
    forgotten: Option<Instant>,
    failures: BTreeMap<Pair, Failures>,
    /// The same pairs by age.
    failures_by_age: BTreeMap<(Instant, Pair), ()>,
    /// Accounts that came under attack and were not told of yet.
    attacked: VecDeque<String>,
    tally: Tally,
}

/// What was counted since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Passwords proved.
    pub proved: u64,
    /// Wrong answers.
    pub failed: u64,
    /// Answers that were not looked at, since too many had been wrong.
    pub unheard: u64,
    /// Digests computed: the work that answers have cost.
    pub sums: u64,
}

/// What is known of a user.
#[derive(Clone)]
struct Account {
    secrets: Secrets,
    /// Where the password was proved, the latest last.
    homes: Vec<Source>,
}

/// Source and account, or an account alone, hashed: of constant size whatever a stranger sends.
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
        let nobody = Secrets {
            ha1_md5: entropy.token(32),
            ha1_sha256: entropy.token(64),
            ha1_sha512_256: entropy.token(64),
        };
        let padded = |pad: u8| {
            let mut block = [pad; 64];
            block.iter_mut().zip(key).for_each(|(b, k)| *b ^= k);
            Sha256::new().chain_update(block)
        };
        Guard {
            realm: realm.to_owned(),
            quoted: text::quote(realm),
            offered: Algorithm::OFFERED.to_vec(),
            key,
            pads: [padded(0x36), padded(0x5c)],
            entropy,
            accounts: BTreeMap::new(),
            nobody,
            used: BTreeMap::new(),
            forgotten: None,
            failures: BTreeMap::new(),
            failures_by_age: BTreeMap::new(),
            attacked: VecDeque::new(),
            tally: Tally::default(),
        }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// Offers these algorithms only, in this order, from the next challenge on. Phones that know MD5 alone may give
    /// up at the sight of another. None at all is taken for [`Algorithm::OFFERED`].
    pub fn offer(&mut self, algorithms: &[Algorithm]) {
        self.offered = if algorithms.is_empty() { Algorithm::OFFERED.to_vec() } else { algorithms.to_vec() };
    }

    /// Adds an account or changes its secrets.
    pub fn set_account(&mut self, user: &str, secrets: Secrets) {
        let account = self.accounts.entry(user.to_owned());
        let account = account.or_insert_with(|| Account { secrets: secrets.clone(), homes: Vec::new() });
        account.secrets = secrets;
    }

    /// Forgets an account; whether there was one.
    pub fn remove_account(&mut self, user: &str) -> bool {
        self.accounts.remove(user).is_some()
    }

    /// Decides on a request that came from `source`. Reads every `Authorization: Digest` of our realm; the answer to
    /// an unknown user and to a wrong password is the same but for the nonce, and so is the work.
    pub fn check(&mut self, request: &Message, source: IpAddr, now: Instant) -> Verdict {
        self.check_knowing(request, source, |_| false, now)
    }

    /// [`Guard::check`] for somebody who may be at home there already: a phone that holds a registration on this very
    /// flow is heard whatever others behind its router have guessed.
    pub fn check_knowing(
        &mut self,
        request: &Message,
        source: IpAddr,
        at_home: impl Fn(&str) -> bool,
        now: Instant,
    ) -> Verdict {
        self.forget(now);
        let ours = |answer: &Answer<'_>| answer.realm.as_deref() == Some(self.realm.as_str());
        let Some(answer) = request.headers("Authorization").filter_map(Answer::read).find(ours) else {
            return self.challenge(source, now, false);
        };
        let Some(user) = answer.username.as_deref().filter(|user| user.len() <= WORD_MAX) else {
            return self.challenge(source, now, false);
        };
        if self.is_shut(source, user) && !at_home(user) {
            self.tally.unheard += 1;
            return Verdict::Forbidden;
        }
        let Some(nonce) = answer.nonce.as_deref().and_then(|n| self.nonce(n, source, now)) else {
            return self.challenge(source, now, false);
        };
        let nc = answer.nc.as_deref().filter(|nc| nc.len() == 8);
        let nc = nc.and_then(|nc| u32::from_str_radix(nc, 16).ok()).filter(|nc| *nc > 0);
        let used = nc.is_some_and(|nc| self.used.get(&(nonce.born, nonce.id)).is_some_and(|c| !c.is_new(nc)));
        if self.is_stale(&nonce, now) || used {
            return self.challenge(source, now, true);
        }
        match nc {
            Some(nc) if self.is_right(request, &answer, user) => {
                self.used.entry((nonce.born, nonce.id)).or_default().mark(nc);
                self.forget(now);
                self.tally.proved += 1;
                self.note_home(user, source);
                let proof = answer.response.as_deref().unwrap_or_default().to_owned();
                Verdict::Authenticated(Authenticated { user: user.to_owned(), proof })
            }
            _ => {
                self.note_failure(source, user, now);
                self.challenge(source, now, false)
            }
        }
    }

    /// Whether answers for this account from there are not heard for a while.
    fn is_shut(&self, source: IpAddr, user: &str) -> bool {
        if self.failures.is_empty() {
            return false;
        }
        let spent = |pair: Pair, most: u32| self.failures.get(&pair).is_some_and(|f| f.count >= most);
        let source = Source::of(source);
        spent(self.pair(Some(source), user), FAILURES_MAX)
            || (spent(self.pair(None, user), ACCOUNT_FAILURES_MAX) && !self.is_home(user, source))
    }

    fn is_home(&self, user: &str, source: Source) -> bool {
        self.accounts.get(user).is_some_and(|account| account.homes.contains(&source))
    }

    fn note_home(&mut self, user: &str, source: IpAddr) {
        let source = Source::of(source);
        let Some(account) = self.accounts.get_mut(user) else { return };
        if account.homes.last() == Some(&source) {
            return;
        }
        account.homes.retain(|home| *home != source);
        if account.homes.len() >= HOMES_MAX {
            account.homes.remove(0);
        }
        account.homes.push(source);
    }

    /// The sum is right for what the request says, under the qop that was offered.
    fn is_right(&mut self, request: &Message, answer: &Answer<'_>, user: &str) -> bool {
        let StartLine::Request { method, uri } = request.start() else { return false };
        let read = || {
            let algorithm = answer.algorithm.as_deref();
            let algorithm = Algorithm::named(algorithm).filter(|a| self.offered.contains(a))?;
            answer.qop.as_deref().filter(|qop| qop.eq_ignore_ascii_case("auth"))?;
            let cnonce = answer.cnonce.as_deref().filter(|c| !c.is_empty() && c.len() <= WORD_MAX)?;
            let theirs = answer.uri.as_deref().filter(|theirs| names_same(theirs, uri))?;
            let (nonce, nc) = (answer.nonce.as_deref()?, answer.nc.as_deref()?);
            Some((algorithm, cnonce, theirs, nonce, nc, answer.response.as_deref()?))
        };
        let Some((algorithm, cnonce, theirs, nonce, nc, said)) = read() else { return false };
        let account = self.accounts.get(user).map(|account| account.secrets.ha1(algorithm));
        // An account from before this algorithm is like nobody's, and costs what nobody costs.
        let account = account.filter(|ha1| !ha1.is_empty());
        let ha1 = account.unwrap_or(self.nobody.ha1(algorithm));
        let right = response(algorithm, ha1, method.as_str(), theirs, nonce, Some((nc, cnonce)));
        let equal = bool::from(right.as_str().as_bytes().ct_eq(said.to_ascii_lowercase().as_bytes()));
        let right = equal & account.is_some();
        self.tally.sums += 2;
        right
    }

    fn challenge(&mut self, source: IpAddr, now: Instant, stale: bool) -> Verdict {
        let id = self.entropy.u64();
        let (born, id_hex) = (Hex::of(&now.as_nanos().to_be_bytes()), Hex::of(&id.to_be_bytes()));
        let proof = self.proof(now, id, source);
        let stale = if stale { ", stale=true" } else { "" };
        let header = |algorithm: Algorithm| {
            let parts = [
                "Digest realm=",
                &self.quoted,
                ", nonce=\"",
                born.as_str(),
                id_hex.as_str(),
                proof.as_str(),
                "\", qop=\"auth\", algorithm=",
                algorithm.name(),
                stale,
            ];
            ("WWW-Authenticate", parts.concat())
        };
        Verdict::Challenge { headers: self.offered.iter().copied().map(header).collect() }
    }

    /// A nonce that this guard gave to this source, whatever its age.
    fn nonce(&mut self, nonce: &str, source: IpAddr, now: Instant) -> Option<Nonce> {
        let (born, rest) = nonce.split_at_checked(16)?;
        let (id, proof) = rest.split_at_checked(16)?;
        let born = Instant::from_nanos(u64::from_str_radix(born, 16).ok()?);
        let id = u64::from_str_radix(id, 16).ok()?;
        let ours = self.proof(born, id, source);
        let ours = bool::from(ours.as_str().as_bytes().ct_eq(proof.as_bytes()));
        (ours && born <= now).then_some(Nonce { born, id })
    }

    /// Keyed hash of birth, id and source: HMAC (RFC 2104) with SHA-256, its pads hashed already.
    fn proof(&mut self, born: Instant, id: u64, source: IpAddr) -> Hex {
        self.tally.sums += 1;
        let source = match source.to_canonical() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let [inner, outer] = self.pads.clone();
        let inner = inner
            .chain_update(born.as_nanos().to_be_bytes())
            .chain_update(id.to_be_bytes())
            .chain_update(source.octets())
            .finalize();
        let outer = outer.chain_update(inner).finalize();
        Hex::of(outer.get(..16).unwrap_or_default())
    }

    fn is_stale(&self, nonce: &Nonce, now: Instant) -> bool {
        now.since(nonce.born) >= NONCE_LIFE || self.forgotten.is_some_and(|at| nonce.born <= at)
    }

    /// One pair a source and an account, or an account from anywhere.
    fn pair(&self, source: Option<Source>, user: &str) -> Pair {
        let sum = Sha256::new()
            .chain_update(self.key)
            .chain_update(source.map(Source::to_bytes).unwrap_or_default())
            .chain_update(user.as_bytes())
            .finalize();
        let mut pair = [0; 16];
        pair.iter_mut().zip(sum).for_each(|(to, from)| *to = from);
        pair
    }

    fn note_failure(&mut self, source: IpAddr, user: &str, now: Instant) {
        self.tally.failed += 1;
        let source = Source::of(source);
        self.count_failure(self.pair(Some(source), user), now);
        let strange = !self.is_home(user, source);
        if strange && self.count_failure(self.pair(None, user), now) == ACCOUNT_FAILURES_MAX {
            let known = self.accounts.contains_key(user) && self.attacked.len() < ATTACKED_MAX;
            self.attacked.extend(known.then(|| user.to_owned()));
        }
        self.forget(now);
    }

    fn count_failure(&mut self, pair: Pair, now: Instant) -> u32 {
        let failures = self.failures.entry(pair).or_insert(Failures { since: now, count: 0 });
        failures.count += 1;
        self.failures_by_age.insert((failures.since, pair), ());
        failures.count
    }

    /// The next account that came under attack; drain it after every check.
    pub fn poll_attacked(&mut self) -> Option<String> {
        self.attacked.pop_front()
    }

    /// What was counted.
    pub fn tally(&self) -> Tally {
        self.tally
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
