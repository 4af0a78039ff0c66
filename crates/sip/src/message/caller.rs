//! Who calls, as the headers of an INVITE tell it: the network's word before the caller's own (FEATURES T2, T3).

use super::{Message, NameAddr};
use senim_base::Redacted;

/// The caller as a trunk presents him. Only a trusted trunk's words may be taken for true (RFC 3325 section 5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The user part or telephone number that names him, decoded; for `senim_base::Number` to bring into E.164.
    /// `None` when nothing but “anonymous” is known.
    pub address: Option<Redacted<String>>,
    /// The header that said so, as it stood, to be kept beside the number.
    pub header: Redacted<String>,
    /// He asked not to be shown (RFC 3323, RFC 3325, or From: anonymous). Never a ground for refusal.
    pub withheld: bool,
}

impl Caller {
    /// Reads P-Asserted-Identity, else Remote-Party-ID, else From.
    pub fn of(invite: &Message) -> Caller {
        let asserted = best(invite, "P-Asserted-Identity");
        let remote = best(invite, "Remote-Party-ID");
        let from = best(invite, "From");
        let hidden_from = from.as_ref().is_none_or(|(addr, _)| addr.is_none());
        let hidden_remote = invite
            .values("Remote-Party-ID")
            .into_iter()
            .filter_map(|v| NameAddr::parse(v).ok())
            .any(|v| v.param("privacy").flatten().is_some_and(|p| !p.eq_ignore_ascii_case("off")));
        let hidden_privacy = invite
            .headers("Privacy")
            .flat_map(|line| line.split([';', ',']))
            .any(|word| ["id", "user", "header"].iter().any(|hides| word.trim().eq_ignore_ascii_case(hides)));
        let withheld = hidden_from || hidden_remote || hidden_privacy;
        let named = [asserted, remote, from].into_iter().flatten();
        let mut last = String::new();
        for (address, header) in named {
            match address {
                Some(address) => {
                    let (address, header) = (Some(Redacted::new(address)), Redacted::new(header));
                    return Caller { address, header, withheld };
                }
                None => last = header,
            }
        }
        Caller { address: None, header: Redacted::new(last), withheld }
    }
}

/// The first value of a header that names somebody, else the first value with no name. A tel URI or a number is
/// preferred to a name, as RFC 3325 section 9.1 lets both stand.
fn best(invite: &Message, name: &str) -> Option<(Option<String>, String)> {
    let lines = if name == "From" { invite.headers(name).collect() } else { invite.values(name) };
    let read: Vec<_> =
        lines.into_iter().filter_map(|v| Some((address_of(&NameAddr::parse(v).ok()?), v))).collect();
    let number = |a: &Option<String>| a.as_ref().is_some_and(|a| a.bytes().any(|b| b.is_ascii_digit()));
    let pick =
        read.iter().find(|(a, _)| number(a)).or(read.iter().find(|(a, _)| a.is_some())).or(read.first());
    pick.map(|(address, header)| (address.clone(), (*header).to_owned()))
}

/// The user, unless the address only says that it says nothing.
fn address_of(addr: &NameAddr) -> Option<String> {
    let user = addr.uri.user()?.into_owned();
    // `+7701…;phone-context=…` inside a sip URI: parameters of the number are not the number.
    let user = user.split(';').next().unwrap_or_default().to_owned();
    let nobody = ["", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld"];
    let hidden = nobody.iter().any(|n| user.eq_ignore_ascii_case(n))
        || addr.uri.host.to_ascii_lowercase().ends_with("anonymous.invalid");
    (!hidden).then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_base::{Number, NumberPlan};

    fn caller(headers: &str) -> Caller {
        let text = format!(
            "INVITE sip:111@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nTo: <sip:111@h>\r\nCall-ID: a\r\n\
             CSeq: 1 INVITE\r\n{headers}\r\n\r\n"
        );
        Caller::of(&Message::parse(text.as_bytes()).unwrap())
    }

    fn number(caller: &Caller) -> Option<String> {
        let text = caller.address.as_ref()?.reveal();
        Number::normalise(text, &NumberPlan::default()).map(|n| n.as_str().to_owned())
    }

    /// FEATURES T2.
    #[test]
    fn the_networks_word_counts_before_the_callers_own() {
        let c = caller(
            "From: <sip:87011111111@h>;tag=1\r\nP-Asserted-Identity: \"A\" <sip:name@h>, <tel:+7-701-234-56-78>",
        );
        assert_eq!(number(&c).as_deref(), Some("+77012345678"));
        assert_eq!(c.header.reveal(), "<tel:+7-701-234-56-78>");
        assert!(!c.withheld);
        let c = caller("From: sip:87012345678;phone-context=+7@h;tag=1");
        assert_eq!(number(&c).as_deref(), Some("+77012345678"));
        let c = caller(
            "From: <sip:x@h>;tag=1\r\nRemote-Party-ID: <sip:87012345678@h>;party=calling;privacy=full",
        );
        assert_eq!(number(&c).as_deref(), Some("+77012345678"));
        assert!(c.withheld);
    }

    /// FEATURES T3.
    #[test]
    fn a_withheld_caller_is_read_and_flagged() {
        let c = caller("From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1");
        assert!(c.withheld && c.address.is_none());
        let c = caller(
            "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\nP-Asserted-Identity: <tel:+77012345678>\r\nPrivacy: id;critical",
        );
        assert!(c.withheld);
        assert_eq!(number(&c).as_deref(), Some("+77012345678"));
        let c = caller("From: <sip:+77012345678@h>;tag=1\r\nPrivacy: none");
        assert!(!c.withheld);
        assert!(!format!("{c:?}").contains("7701"));
    }
}
