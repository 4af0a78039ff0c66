//! a=crypto (RFC 4568): the key of a stream, told in the description that offers it. Whoever reads the description
//! reads the key, so it belongs on signalling that is encrypted itself.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Longest tag, RFC 4568 section 9.1: nine digits.
const TAG_MAX: u32 = 999_999_999;

/// How packets are protected (RFC 4568 section 6.2, RFC 7714 section 14.1).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub enum Suite {
    /// `AEAD_AES_256_GCM`
    AesGcm256,
    /// `AEAD_AES_128_GCM`
    AesGcm128,
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm80,
    /// `AES_CM_128_HMAC_SHA1_32`
    AesCm32,
}

impl Suite {
    /// Every suite, the best first: how ours are offered.
    pub const ALL: [Suite; 4] = [Suite::AesGcm256, Suite::AesGcm128, Suite::AesCm80, Suite::AesCm32];

    /// Its name in a description.
    pub const fn name(self) -> &'static str {
        match self {
            Suite::AesGcm256 => "AEAD_AES_256_GCM",
            Suite::AesGcm128 => "AEAD_AES_128_GCM",
            Suite::AesCm80 => "AES_CM_128_HMAC_SHA1_80",
            Suite::AesCm32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// Bytes of its master key and salt together.
    pub const fn key_len(self) -> usize {
        match self {
            Suite::AesGcm256 => 44,
            Suite::AesGcm128 => 28,
            Suite::AesCm80 | Suite::AesCm32 => 30,
        }
    }

    fn named(name: &str) -> Option<Suite> {
        Suite::ALL.into_iter().find(|suite| suite.name().eq_ignore_ascii_case(name))
    }
}

/// Whether the sound of a peer is encrypted: the operator's rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// Never: keys are neither offered nor taken.
    #[default]
    Refuse,
    /// If the peer can: keys are offered beside plain RTP (RFC 8643), and taken whichever way they are offered.
    Prefer,
    /// Always: what is not encrypted is refused (FEATURES T9).
    Require,
}

/// Master key and salt in one run. Prints nothing of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    suite: Suite,
    bytes: Vec<u8>,
}

impl Key {
    /// `None` when the length is not the suite's.
    pub fn new(suite: Suite, key_and_salt: &[u8]) -> Option<Key> {
        (key_and_salt.len() == suite.key_len()).then(|| Key { suite, bytes: key_and_salt.to_vec() })
    }

    /// What it is for.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Key and salt in one run.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ***)", self.suite.name())
    }
}

/// The keys of a stream, one each way.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Keys {
    /// What we seal with.
    pub send: Key,
    /// What the peer seals with.
    pub receive: Key,
}

/// One line.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Crypto {
    pub(crate) tag: u32,
    pub(crate) key: Key,
}

impl Crypto {
    /// Reads the value of an a=crypto. `None` for what we do not do: another suite, several keys, a key identifier in
    /// each packet, or parameters that weaken it; such a line counts as not there (RFC 4568 section 7.1.2).
    pub(crate) fn parse(value: &str) -> Option<Crypto> {
        let mut words = value.split_whitespace();
        let digits = words.next()?;
        let tag = digits.parse().ok().filter(|tag| *tag <= TAG_MAX && !digits.starts_with('+'))?;
        let suite = Suite::named(words.next()?)?;
        let (method, inline) = words.next()?.split_once(':')?;
        if !method.eq_ignore_ascii_case("inline") || inline.contains(';') {
            return None;
        }
        let mut parts = inline.split('|');
        let key = parts.next()?.trim_end_matches('=');
        // What is left is a lifetime, which we outlive by no call, or an identifier, which has a colon.
        if parts.any(|part| part.contains(':')) {
            return None;
        }
        // WSH only tells how far packets may come apart; a minus sign marks what may be passed over.
        if words.any(|word| !word.starts_with("WSH=") && !word.starts_with('-')) {
            return None;
        }
        let key = Key::new(suite, &STANDARD_NO_PAD.decode(key).ok()?)?;
        Some(Crypto { tag, key })
    }
}

impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} inline:{}", self.tag, self.key.suite.name(), STANDARD.encode(&self.key.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_written_as_it_was() {
        for suite in Suite::ALL {
            let key = Key::new(suite, &vec![7; suite.key_len()]).unwrap();
            let line = Crypto { tag: 3, key }.to_string();
            assert!(line.starts_with(&format!("3 {} inline:", suite.name())), "{line}");
            assert_eq!(Crypto::parse(&line).unwrap().to_string(), line);
        }
        let key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        for rest in ["", "|2^20", "|1048576", " WSH=64", " -x=y", "|2^20 WSH=128"] {
            let line = format!("1 AES_CM_128_HMAC_SHA1_80 {key}{rest}");
            assert!(Crypto::parse(&line).is_some_and(|c| c.tag == 1), "{line}");
        }
    }

    #[test]
    fn what_we_do_not_do_counts_as_not_there() {
        let key = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
        for line in [
            String::new(),
            format!("x AES_CM_128_HMAC_SHA1_80 {key}"),
            format!("+1 AES_CM_128_HMAC_SHA1_80 {key}"),
            format!("1000000000 AES_CM_128_HMAC_SHA1_80 {key}"),
            format!("1 F8_128_HMAC_SHA1_80 {key}"),
            format!("1 AEAD_AES_256_GCM {key}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}|2^20|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:4"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key};{key}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key} KDR=1"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:%%%".into(),
            "1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=".into(),
            "1 AES_CM_128_HMAC_SHA1_80 uri:c2hvcnQ=".into(),
        ] {
            assert!(Crypto::parse(&line).is_none(), "{line}");
        }
    }

    #[test]
    fn a_key_never_prints() {
        let key = Key::new(Suite::AesCm80, &[0x61; 30]).unwrap();
        assert_eq!(format!("{key:?}"), "Key(AES_CM_128_HMAC_SHA1_80, ***)");
        assert!(Key::new(Suite::AesCm80, &[0x61; 31]).is_none());
    }
}
