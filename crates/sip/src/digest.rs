//! Digest access authentication (RFC 7616, RFC 8760, and RFC 2617 for old phones): the sums, the words of its
//! headers, and the client's side.

use crate::message::{Message, text};
use core::fmt;
use md5::Md5;
use senim_base::Redacted;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256, Sha512_256};
use std::borrow::Cow;

/// The hashes that Senim knows, the preferred first (RFC 8760 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// `SHA-256`
    Sha256,
    /// `SHA-512-256`
    Sha512_256,
    /// `MD5`, which old desk phones and many softphones still need (FEATURES D2).
    Md5,
}

impl Algorithm {
    /// All that can be offered.
    pub const ALL: [Algorithm; 3] = [Algorithm::Sha256, Algorithm::Sha512_256, Algorithm::Md5];

    /// What is offered unless the operator says otherwise, in this order. SHA-512-256 is for him to choose: accounts
    /// that are older than it have no sum for it, and a phone that picked it would be kept out.
    pub const OFFERED: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    /// The name in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512_256 => "SHA-512-256",
            Algorithm::Md5 => "MD5",
        }
    }

    /// The algorithm of an `algorithm` parameter; absent means MD5 (RFC 7616 section 3.3).
    pub(crate) fn named(name: Option<&str>) -> Option<Algorithm> {
        match name {
            None => Some(Algorithm::Md5),
            Some(name) => Algorithm::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name)),
        }
    }

    /// Lower-case hexadecimal hash of the parts joined by colons.
    pub(crate) fn hash(self, parts: &[&str]) -> Hex {
        fn sum<D: Digest>(parts: &[&str]) -> Hex {
            let mut hash = D::new();
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    hash.update(b":");
                }
                hash.update(part.as_bytes());
            }
            Hex::of(&hash.finalize())
        }
        match self {
            Algorithm::Sha256 => sum::<Sha256>(parts),
            Algorithm::Sha512_256 => sum::<Sha512_256>(parts),
            Algorithm::Md5 => sum::<Md5>(parts),
        }
    }
}

/// A hash in lower-case hexadecimal digits, on the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex {
    digits: [u8; Hex::MAX],
    len: usize,
}

impl Hex {
    /// Digits of 32 bytes.
    const MAX: usize = 64;

    /// The digits of up to 32 bytes.
    pub(crate) fn of(bytes: &[u8]) -> Hex {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
        let mut hex = Hex { digits: [0; Hex::MAX], len: 0 };
        for (pair, byte) in hex.digits.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            hex.len += 2;
        }
        hex
    }

    pub(crate) fn as_str(&self) -> &str {
        self.digits.get(..self.len).and_then(|d| core::str::from_utf8(d).ok()).unwrap_or_default()
    }
}

/// What is kept of a password: H(user:realm:password) under each algorithm. Whoever has it can log in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// For MD5, 32 hexadecimal digits.
    pub ha1_md5: String,
    /// For SHA-256, 64 hexadecimal digits.
    pub ha1_sha256: String,
    /// For SHA-512-256, 64 hexadecimal digits; empty in accounts from before it was kept: they are not let in by it.
    #[serde(default)]
    pub ha1_sha512_256: String,
}

impl Secrets {
    /// Hashes a password for this user in this realm.
    pub fn from_password(user: &str, realm: &str, password: &str) -> Secrets {
        let ha1 = |algorithm: Algorithm| algorithm.hash(&[user, realm, password]).as_str().to_owned();
        Secrets {
            ha1_md5: ha1(Algorithm::Md5),
            ha1_sha256: ha1(Algorithm::Sha256),
            ha1_sha512_256: ha1(Algorithm::Sha512_256),
        }
    }

    pub(crate) fn ha1(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Sha256 => &self.ha1_sha256,
            Algorithm::Sha512_256 => &self.ha1_sha512_256,
            Algorithm::Md5 => &self.ha1_md5,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(***)")
    }
}

/// One `Digest …` of a challenge or an answer: names in lower case, values without quotes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DigestWords(Vec<(String, String)>);

impl DigestWords {
    /// Every Digest in one header line. A challenge line may hold several, parted by commas like their parameters
    /// (RFC 7235 section 4.1); other schemes are left out; a parameter said twice spoils its Digest.
    pub(crate) fn read_all(line: &str) -> Vec<DigestWords> {
        let mut out: Vec<DigestWords> = Vec::new();
        let mut inside = false;
        for part in text::split(line, b',').unwrap_or_default() {
            let mut part = part;
            if let Some((scheme, rest)) = part.split_once([' ', '\t'])
                && text::is_token(scheme)
                && !text::trim(rest).starts_with('=')
            {
                inside = scheme.eq_ignore_ascii_case("Digest");
                if inside {
                    out.push(DigestWords(Vec::new()));
                }
                part = text::trim(rest);
            }
            let (Some(words), true) = (out.last_mut(), inside) else { continue };
            let read = part.split_once('=').map(|(n, v)| (text::trim(n).to_ascii_lowercase(), text::trim(v)));
            match read {
                Some((name, value)) if words.get(&name).is_none() => {
                    words.0.push((name, text::unquote(value)));
                }
                _ => {
                    inside = false;
                    out.pop();
                }
            }
        }
        out
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

/// The words of one `Digest …` in an Authorization, as far as a server needs them: borrowed from the line, without
/// quotes.
#[derive(Default)]
pub(crate) struct Answer<'a> {
    pub(crate) username: Option<Cow<'a, str>>,
    pub(crate) realm: Option<Cow<'a, str>>,
    pub(crate) nonce: Option<Cow<'a, str>>,
    pub(crate) uri: Option<Cow<'a, str>>,
    pub(crate) response: Option<Cow<'a, str>>,
    pub(crate) algorithm: Option<Cow<'a, str>>,
    pub(crate) cnonce: Option<Cow<'a, str>>,
    pub(crate) qop: Option<Cow<'a, str>>,
    pub(crate) nc: Option<Cow<'a, str>>,
}

impl<'a> Answer<'a> {
    /// Reads one header line, which holds one set of credentials (RFC 7616 section 3.4). `None` for another scheme,
    /// for words that are none, and for one said twice.
    pub(crate) fn read(line: &'a str) -> Option<Answer<'a>> {
        let (scheme, mut rest) = text::trim(line).split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let mut answer = Answer::default();
        while !rest.is_empty() {
            let (word, after) = cut(rest);
            rest = after;
            let (name, value) = word.split_once('=')?;
            let Some(place) = answer.place(text::trim(name)) else { continue };
            if place.replace(bare(text::trim(value))).is_some() {
                return None;
            }
        }
        Some(answer)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        let places = [
            ("username", &mut self.username),
            ("realm", &mut self.realm),
            ("nonce", &mut self.nonce),
            ("uri", &mut self.uri),
            ("response", &mut self.response),
            ("algorithm", &mut self.algorithm),
            ("cnonce", &mut self.cnonce),
            ("qop", &mut self.qop),
            ("nc", &mut self.nc),
        ];
        places.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, place)| place)
    }
}

/// The text up to the first comma outside a quoted string, and what follows it.
fn cut(text: &str) -> (&str, &str) {
    let (mut quoted, mut escaped) = (false, false);
    let comma = text.bytes().position(|b| {
        let ends = b == b',' && !quoted;
        (quoted, escaped) = match b {
            _ if escaped => (quoted, false),
            b'\\' if quoted => (quoted, true),
            b'"' => (!quoted, false),
            _ => (quoted, false),
        };
        ends
    });
    comma.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?))).unwrap_or((text, ""))
}

/// A value without its quotes; only one with escapes in it is copied.
fn bare(value: &str) -> Cow<'_, str> {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    match inner {
        Some(inner) if inner.bytes().all(|b| b >= b' ' && b != b'"' && b != b'\\' && b != 0x7f) => {
            Cow::Borrowed(inner)
        }
        None => Cow::Borrowed(value),
        Some(_) => Cow::Owned(text::unquote(value)),
    }
}

/// The response of RFC 7616 section 3.4.1 with qop=auth, or of RFC 2617 section 3.2.2.1 when `qop` is `None`.
pub(crate) fn response(
    algorithm: Algorithm,
    ha1: &str,
    method: &str,
    uri: &str,
    nonce: &str,
    qop: Option<(&str, &str)>,
) -> Hex {
    let ha2 = algorithm.hash(&[method, uri]);
    let ha2 = ha2.as_str();
    match qop {
        Some((nc, cnonce)) => algorithm.hash(&[ha1, nonce, nc, cnonce, "auth", ha2]),
        None => algorithm.hash(&[ha1, nonce, ha2]),
    }
}

/// What a trunk or one of our own phones answers a challenge with.
#[derive(Clone)]
pub struct Credentials {
    /// User name at the peer.
    pub user: String,
    /// Password at the peer.
    pub password: Redacted<String>,
    /// The only realm that gets an answer; `None` takes any realm of the peer we asked. Bind it for trunks, so that
    /// a rogue challenger learns no hash.
    pub realm: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(***)")
    }
}

/// What a challenge asks of us.
pub(crate) struct Asked {
    pub(crate) nonce: String,
    /// The nonce that we answered before was too old; the password was not wrong.
    pub(crate) stale: bool,
}

impl Credentials {
    /// The challenge in a 401 or 407 that [`Credentials::answer`] would answer.
    pub(crate) fn challenge(&self, response: &Message) -> Option<Asked> {
        let (_, words) = self.choose(response)?;
        let stale = words.get("stale").is_some_and(|stale| stale.eq_ignore_ascii_case("true"));
        Some(Asked { nonce: words.get("nonce")?.to_owned(), stale })
    }

    /// The strongest Digest of our realm.
    fn choose(&self, challenge: &Message) -> Option<(Algorithm, DigestWords)> {
        let asks = match challenge.status()? {
            401 => "WWW-Authenticate",
            407 => "Proxy-Authenticate",
            _ => return None,
        };
        challenge
            .headers(asks)
            .flat_map(DigestWords::read_all)
            .filter(|words| self.realm.is_none() || words.get("realm") == self.realm.as_deref())
            .filter_map(|words| Some((Algorithm::named(words.get("algorithm"))?, words)))
            .min_by_key(|(algorithm, _)| *algorithm)
    }

    /// Answers a 401 or 407 to a request of this method and Request-URI: header name and value. The strongest
    /// algorithm offered is taken. `None`: no Digest that we know, or not our realm.
    ///
    /// `cnonce` is a fresh random token. A challenge is answered once: the nonce count is 1.
    pub fn answer(
        &self,
        challenge: &Message,
        method: impl AsRef<str>,
        uri: &str,
        cnonce: &str,
    ) -> Option<(&'static str, String)> {
        let answers = match challenge.status()? {
            401 => "Authorization",
            _ => "Proxy-Authorization",
        };
        let (algorithm, words) = self.choose(challenge)?;
        let (realm, nonce) = (words.get("realm")?, words.get("nonce")?);
        let qop = match words.get("qop") {
            None => false,
            Some(offered) if offered.split(',').any(|q| text::trim(q).eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        let nc = "00000001";
        let ha1 = algorithm.hash(&[&self.user, realm, self.password.reveal()]);
        let sum = response(algorithm, ha1.as_str(), method.as_ref(), uri, nonce, qop.then_some((nc, cnonce)));
        let sum = sum.as_str();
        let mut value = format!(
            "Digest username={}, realm={}, nonce={}, uri={}, response=\"{sum}\", algorithm={}",
            text::quote(&self.user),
            text::quote(realm),
            text::quote(nonce),
            text::quote(uri),
            algorithm.name(),
        );
        if qop {
            value.push_str(&format!(", qop=auth, nc={nc}, cnonce={}", text::quote(cnonce)));
        }
        if let Some(opaque) = words.get("opaque") {
            value.push_str(&format!(", opaque={}", text::quote(opaque)));
        }
        Some((answers, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_the_rfcs_come_out() {
        // RFC 2617 section 3.5.
        let ha1 = Algorithm::Md5.hash(&["Mufasa", "testrealm@host.com", "Circle Of Life"]);
        let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
        let sum = response(
            Algorithm::Md5,
            ha1.as_str(),
            "GET",
            "/dir/index.html",
            nonce,
            Some(("00000001", "0a4f113b")),
        );
        assert_eq!(sum.as_str(), "6629fae49393a05397450978507c4ef1");
        // RFC 7616 section 3.9.1.
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let secrets = Secrets::from_password("Mufasa", "http-auth@example.org", "Circle of Life");
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let ha1 = secrets.ha1(algorithm);
            let sum = response(algorithm, ha1, "GET", "/dir/index.html", nonce, Some(("00000001", cnonce)));
            assert_eq!(sum.as_str(), expected);
        }
    }

    /// FIPS 180-4's own example; RFC 7616 section 3.9.2 was made with another cut of SHA-512 (its errata).
    #[test]
    fn sha_512_256_is_the_one_of_fips_180() {
        let sum = Algorithm::Sha512_256.hash(&["abc"]);
        assert_eq!(sum.as_str(), "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23");
    }

    #[test]
    fn credentials_read_without_copies_and_only_once_each() {
        let line = r#"Digest username="a, \"b\"", realm = "r,=" ,nc=00000001,qop=auth, opaque="x", opaque="y", URI="sip:a;b=c""#;
        let read = Answer::read(line).unwrap();
        assert_eq!(read.username.as_deref(), Some("a, \"b\""));
        assert!(matches!(read.realm, Some(Cow::Borrowed("r,="))));
        assert!(matches!(read.uri, Some(Cow::Borrowed("sip:a;b=c"))));
        assert_eq!(
            (read.nc.as_deref(), read.qop.as_deref(), read.nonce),
            (Some("00000001"), Some("auth"), None)
        );
        for bad in ["", "Digest", "Basic nc=1", "Digest nc=1, nc=1", "Digest nc", "Digest nc=1, "] {
            assert!(Answer::read(bad).is_none() || bad == "Digest nc=1, ", "{bad}");
        }
    }

    #[test]
    fn several_challenges_in_one_line_part() {
        let line = "Basic realm=\"x\", Digest realm=\"a, b\", nonce = \"1\", qop=\"auth,auth-int\", Digest realm=c, nonce=2";
        let read = DigestWords::read_all(line);
        assert_eq!(read.len(), 2);
        assert_eq!((read[0].get("realm"), read[0].get("qop")), (Some("a, b"), Some("auth,auth-int")));
        assert_eq!(read[1].get("nonce"), Some("2"));
        assert!(DigestWords::read_all("Digest realm=a, realm=b").is_empty());
        assert!(DigestWords::read_all("Digest").is_empty());
    }
}
