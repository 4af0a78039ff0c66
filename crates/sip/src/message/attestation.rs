//! What a network claims of who calls: the Identity header with its PASSporT (RFC 8224, 8225; SHAKEN, RFC 8588), the
//! `verstat` of the asserted number, P-Attestation-Indicator. Nothing here is verified: no certificate is fetched, no
//! signature computed. It is read to be kept beside the call, never to decide anything.

use super::{Message, NameAddr};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use senim_base::Redacted;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Characters of an Identity header kept; what follows is cut off. A PASSporT of SHAKEN has about 600.
pub const IDENTITY_MAX: usize = 4_096;
/// Identity headers looked at; those behind them are not.
const IDENTITIES_MAX: usize = 4;
/// Longest word kept of `verstat`, `ppt` or P-Attestation-Indicator; a longer one is none.
const WORD_MAX: usize = 48;

/// How far the caller's network says it knows him (RFC 8588 section 4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Attest {
    /// Full: it knows the customer, and that the number is his.
    A,
    /// Partial: it knows the customer, not the number.
    B,
    /// Gateway: it only knows where the call entered.
    C,
}

/// What is claimed of the caller.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Claims {
    /// The Identity header as it stood, [`IDENTITY_MAX`] characters at most. It holds the numbers of both sides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Redacted<String>>,
    /// The extension of the PASSporT: `shaken`, `div`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ppt: Option<String>,
    /// Its attestation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attest: Option<Attest>,
    /// When it says it was signed, seconds of Unix time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// The caller's number in it, as written. Kept only as long as it takes to compare it.
    #[serde(skip)]
    pub orig: Option<Redacted<String>>,
    /// That number is the one that the call presents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub orig_is_caller: Option<bool>,
    /// What the network before us says of its own verification (3GPP TS 24.229): `TN-Validation-Passed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verstat: Option<String>,
    /// P-Attestation-Indicator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indicator: Option<String>,
}

impl Claims {
    /// Reads what an INVITE claims; `None` when it claims nothing.
    pub fn of(invite: &Message) -> Option<Claims> {
        let all: Vec<&str> = invite.headers("Identity").take(IDENTITIES_MAX).collect();
        let read: Vec<Claims> = all.into_iter().map(passport).collect();
        let shaken = read.iter().position(|c| c.attest.is_some()).unwrap_or(0);
        let mut claims = read.into_iter().nth(shaken).unwrap_or_default();
        claims.verstat = ["P-Asserted-Identity", "From"].into_iter().find_map(|name| verstat(invite, name));
        claims.indicator = invite.header("P-Attestation-Indicator").and_then(word);
        (claims != Claims::default()).then_some(claims)
    }
}

/// One Identity header: a PASSporT in base64url, then parameters. The compact form has no claims (RFC 8225 section 7).
fn passport(header: &str) -> Claims {
    let (token, params) = header.split_once(';').unwrap_or((header, ""));
    let mut claims = Claims {
        identity: Some(Redacted::new(header.chars().take(IDENTITY_MAX).collect())),
        ..Claims::default()
    };
    claims.ppt = params.split(';').find_map(|p| p.trim().strip_prefix("ppt=")).and_then(word);
    let mut parts = token.trim().split('.').take(2).map(json);
    let (head, body) = (parts.next().flatten(), parts.next().flatten());
    let head_ppt = head.as_ref().and_then(|h| h.get("ppt")?.as_str()).and_then(word);
    claims.ppt = claims.ppt.or(head_ppt);
    let Some(body) = body else { return claims };
    claims.attest = body.get("attest").and_then(Value::as_str).and_then(|a| match a {
        "A" => Some(Attest::A),
        "B" => Some(Attest::B),
        "C" => Some(Attest::C),
        _ => None,
    });
    claims.iat = body.get("iat").and_then(Value::as_i64);
    let orig = body.get("orig").and_then(|o| o.get("tn")?.as_str());
    claims.orig = orig.filter(|tn| tn.len() <= WORD_MAX).map(|tn| Redacted::new(tn.to_owned()));
    claims
}

fn json(part: &str) -> Option<Value> {
    let fits = !part.is_empty() && part.len() <= IDENTITY_MAX;
    let bytes = fits.then(|| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()).flatten()?;
    serde_json::from_slice(&bytes).ok()
}

/// The parameter may be one of the tel URI, of the number in a sip URI, or of the header.
fn verstat(invite: &Message, name: &str) -> Option<String> {
    let lines = if name == "From" { invite.headers(name).collect() } else { invite.values(name) };
    lines.into_iter().filter_map(|v| NameAddr::parse(v).ok()).find_map(|addr| {
        let user = addr.uri.user.as_deref().unwrap_or_default();
        let in_user = user.split(';').find_map(|p| p.strip_prefix("verstat=")).map(str::to_owned);
        let in_uri = || addr.uri.param("verstat").flatten().map(str::to_owned);
        let in_header = || addr.param("verstat").flatten().map(str::to_owned);
        in_user.or_else(in_uri).or_else(in_header).as_deref().and_then(word)
    })
}

/// A short token (RFC 3261 section 25.1), so that nothing else of a peer's reaches a page.
fn word(text: &str) -> Option<String> {
    let text = text.trim().trim_matches('"');
    let token = |b: u8| b.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&b);
    (!text.is_empty() && text.len() <= WORD_MAX && text.bytes().all(token)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claims(headers: &str) -> Option<Claims> {
        let text = format!(
            "INVITE sip:111@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nTo: <sip:111@h>\r\n\
             From: <sip:+77012345678@h>;tag=1\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n{headers}\r\n\r\n"
        );
        Claims::of(&Message::parse(text.as_bytes()).unwrap())
    }

    fn signed(head: &str, body: &str) -> String {
        format!("{}.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(body))
    }

    const HEAD: &str =
        r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"https://cert.example/a.pem"}"#;
    const BODY: &str =
        r#"{"attest":"B","dest":{"tn":["111"]},"iat":1767207600,"orig":{"tn":"77012345678"},"origid":"1"}"#;

    /// FEATURES T17.
    #[test]
    fn what_a_passport_claims_is_read_and_kept_as_it_came() {
        let token = signed(HEAD, BODY);
        let header = format!("{token};info=<https://cert.example/a.pem>;alg=ES256;ppt=shaken");
        let c = claims(&format!("Identity: {header}")).unwrap();
        assert_eq!(
            (c.attest, c.iat, c.ppt.as_deref()),
            (Some(Attest::B), Some(1_767_207_600), Some("shaken"))
        );
        assert_eq!(c.orig.as_ref().unwrap().reveal(), "77012345678");
        assert_eq!(c.identity.as_ref().unwrap().reveal(), &header);
        assert!(!format!("{c:?}").contains("7701"));
        assert!(!serde_json::to_string(&Claims { identity: None, ..c }).unwrap().contains("7701"));
    }

    #[test]
    fn a_passport_with_an_attestation_goes_before_one_without() {
        let div = signed(r#"{"ppt":"div"}"#, r#"{"iat":1,"div":{"tn":"1"}}"#);
        let c = claims(&format!("Identity: {div}\r\nIdentity: {}", signed(HEAD, BODY))).unwrap();
        assert_eq!((c.attest, c.ppt.as_deref()), (Some(Attest::B), Some("shaken")));
        let c = claims("Identity: ..c2lnbmF0dXJl;info=<https://c.example/>;ppt=\"shaken\"").unwrap();
        assert_eq!((c.attest, c.iat, c.ppt.as_deref()), (None, None, Some("shaken")), "the compact form");
    }

    /// FEATURES T17.
    #[test]
    fn other_networks_words_are_read_wherever_they_stand() {
        for from in [
            "P-Asserted-Identity: <tel:+77012345678;verstat=TN-Validation-Passed>",
            "P-Asserted-Identity: <sip:+77012345678;verstat=TN-Validation-Passed@h;user=phone>",
            "P-Asserted-Identity: <sip:+77012345678@h>;verstat=TN-Validation-Passed",
        ] {
            assert_eq!(claims(from).unwrap().verstat.as_deref(), Some("TN-Validation-Passed"), "{from}");
        }
        assert_eq!(claims("P-Attestation-Indicator: C").unwrap().indicator.as_deref(), Some("C"));
        assert_eq!(claims("P-Attestation-Indicator: <script>"), None);
        assert_eq!(claims("Subject: nothing claimed"), None);
    }

    #[test]
    fn a_header_of_any_length_is_kept_up_to_its_ceiling() {
        let long = "a".repeat(IDENTITY_MAX + 1);
        let c = claims(&format!("Identity: {long}")).unwrap();
        assert_eq!(c.identity.unwrap().reveal().len(), IDENTITY_MAX);
        assert_eq!(word(&"a".repeat(WORD_MAX)).map(|w| w.len()), Some(WORD_MAX));
        assert_eq!(word(&"a".repeat(WORD_MAX + 1)), None);
    }

    proptest! {
        #[test]
        fn any_identity_gives_claims_or_none(header in "[ -~]{0,80}", body in "[ -~]{0,80}") {
            let _ = passport(&header);
            let c = passport(&signed("{}", &body));
            prop_assert!(c.attest.is_none());
        }
    }
}
