//! Digest access authentication (RFC 7616, RFC 8760, and RFC 2617 for old phones): the sums, the words of its
//! headers, and the client's side.

use crate::message::{Message, text};
use core::fmt;
use md5::Md5;
use senim_base::Redacted;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The two hashes that Senim offers, the stronger first (RFC 8760 section 2.3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Algorithm {
    /// `SHA-256`
    Sha256,
    /// `MD5`, which old desk phones and many softphones still need (FEATURES D2).
    Md5,
}

impl Algorithm {
    /// Both, in the order they are offered.
    pub const OFFERED: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Md5];

    /// The name in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Md5 => "MD5",
        }
    }

    /// The algorithm of an `algorithm` parameter; absent means MD5 (RFC 7616 section 3.3).
    pub(crate) fn named(name: Option<&str>) -> Option<Algorithm> {
        match name {
            None => Some(Algorithm::Md5),
            Some(name) => Algorithm::OFFERED.into_iter().find(|a| a.name().eq_ignore_ascii_case(name)),
        }
    }

    /// Lower-case hexadecimal hash of the parts joined by colons.
    pub(crate) fn hash(self, parts: &[&str]) -> String {
        fn sum<D: Digest>(parts: &[&str]) -> String {
            let mut hash = D::new();
            for (at, part) in parts.iter().enumerate() {
                if at > 0 {
                    hash.update(b":");
                }
                hash.update(part.as_bytes());
            }
            hash.finalize().iter().fold(String::new(), |mut out, byte| {
                use fmt::Write;
                let _ = write!(out, "{byte:02x}");
                out
            })
        }
        match self {
            Algorithm::Sha256 => sum::<Sha256>(parts),
            Algorithm::Md5 => sum::<Md5>(parts),
        }
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
}

impl Secrets {
    /// Hashes a password for this user in this realm.
    pub fn from_password(user: &str, realm: &str, password: &str) -> Secrets {
        let ha1 = |algorithm: Algorithm| algorithm.hash(&[user, realm, password]);
        Secrets { ha1_md5: ha1(Algorithm::Md5), ha1_sha256: ha1(Algorithm::Sha256) }
    }

    pub(crate) fn ha1(&self, algorithm: Algorithm) -> &str {
        match algorithm {
            Algorithm::Sha256 => &self.ha1_sha256,
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

/// The response of RFC 7616 section 3.4.1 with qop=auth, or of RFC 2617 section 3.2.2.1 when `qop` is `None`.
pub(crate) fn response(
    algorithm: Algorithm,
    ha1: &str,
    method: &str,
    uri: &str,
    nonce: &str,
    qop: Option<(&str, &str)>,
) -> String {
    let ha2 = algorithm.hash(&[method, uri]);
    match qop {
        Some((nc, cnonce)) => algorithm.hash(&[ha1, nonce, nc, cnonce, "auth", &ha2]),
        None => algorithm.hash(&[ha1, nonce, &ha2]),
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

impl Credentials {
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
        let (asks, answers) = match challenge.status()? {
            401 => ("WWW-Authenticate", "Authorization"),
            407 => ("Proxy-Authenticate", "Proxy-Authorization"),
            _ => return None,
        };
        let (algorithm, words) = challenge
            .headers(asks)
            .flat_map(DigestWords::read_all)
            .filter(|words| self.realm.is_none() || words.get("realm") == self.realm.as_deref())
            .filter_map(|words| Some((Algorithm::named(words.get("algorithm"))?, words)))
            .min_by_key(|(algorithm, _)| *algorithm)?;
        let (realm, nonce) = (words.get("realm")?, words.get("nonce")?);
        let qop = match words.get("qop") {
            None => false,
            Some(offered) if offered.split(',').any(|q| text::trim(q).eq_ignore_ascii_case("auth")) => true,
            Some(_) => return None,
        };
        let nc = "00000001";
        let ha1 = algorithm.hash(&[&self.user, realm, self.password.reveal()]);
        let sum = response(algorithm, &ha1, method.as_ref(), uri, nonce, qop.then_some((nc, cnonce)));
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
        let sum =
            response(Algorithm::Md5, &ha1, "GET", "/dir/index.html", nonce, Some(("00000001", "0a4f113b")));
        assert_eq!(sum, "6629fae49393a05397450978507c4ef1");
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
            assert_eq!(sum, expected);
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
