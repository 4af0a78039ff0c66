//! Who calls, as the headers of an INVITE tell it: the network's word before the caller's own (FEATURES T2, T3).

use super::{AddrParts, Message};
use senim_base::Redacted;

/// The caller as a trunk presents him. Only a trusted trunk's words may be taken for true (RFC 3325 section 5).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The user part or telephone number that names him, decoded; for `senim_base::Number` to bring into E.164.
    /// `None` when nothing but “anonymous” is known.
    pub address: Option<Redacted<String>>,
    /// What the number is local to (`phone-context`, RFC 3966 section 5.1.5).
    pub context: Option<Redacted<String>>,
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
            .filter_map(|v| AddrParts::read(v).ok())
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
                    let context = context_of(&header).map(Redacted::new);
                    let (address, header) = (Some(Redacted::new(address)), Redacted::new(header));
                    return Caller { address, context, header, withheld };
                }
                None => last = header,
            }
        }
        Caller { address: None, context: None, header: Redacted::new(last), withheld }
    }
}

/// Diversion and History-Info headers kept, and characters of each; what follows is cut off.
pub const DIVERSIONS_MAX: usize = 8;
const DIVERSION_CHARS_MAX: usize = 256;
/// Longest reason kept; a longer one is none.
const REASON_MAX: usize = 32;

/// How the call came to be ours although somebody else was called (RFC 5806, RFC 7044).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diversions {
    /// Whom the caller dialled in the beginning.
    pub dialled: Option<Redacted<String>>,
    /// Who sent the call on, last.
    pub by: Option<Redacted<String>>,
    /// Why, in the word of RFC 5806: `unconditional`, `user-busy`, `no-answer`.
    pub reason: Option<String>,
    /// Somebody among them asks not to be shown.
    pub withheld: bool,
    /// The headers as they stood, [`DIVERSIONS_MAX`] at most.
    pub headers: Vec<Redacted<String>>,
}

impl Diversions {
    /// Reads Diversion (the last one who diverted stands first) and History-Info (the first one who was called stands
    /// first); `None` when the INVITE has neither.
    pub fn of(invite: &Message) -> Option<Diversions> {
        let read = |name| -> Vec<AddrParts<'_>> {
            let values = invite.values(name).into_iter().take(DIVERSIONS_MAX);
            values.filter_map(|v| AddrParts::read(v).ok()).collect()
        };
        let (diverted, history) = (read("Diversion"), read("History-Info"));
        let redacted = |addr: Option<&AddrParts<'_>>| addr.and_then(address_of).map(Redacted::new);
        // The last entry of a history is the request itself: who sent it on stands before.
        let sent_on = history.iter().rev().nth(1);
        let kept = ["Diversion", "History-Info"].into_iter().flat_map(|name| invite.headers(name));
        let headers: Vec<_> = kept
            .take(DIVERSIONS_MAX)
            .map(|h| Redacted::new(h.chars().take(DIVERSION_CHARS_MAX).collect()))
            .collect();
        let reason = diverted.first().and_then(|d| d.param("reason").flatten());
        let short =
            |r: &&str| r.len() <= REASON_MAX && r.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let hides =
            |d: &AddrParts<'_>| d.param("privacy").flatten().is_some_and(|p| !p.eq_ignore_ascii_case("off"));
        let asks = |h: &AddrParts<'_>| h.uri.headers.is_some_and(|h| h.contains("Privacy="));
        (!headers.is_empty()).then(|| Diversions {
            dialled: redacted(history.first()).or_else(|| redacted(diverted.last())),
            by: redacted(diverted.first()).or_else(|| redacted(sent_on)),
            reason: reason.filter(short).map(str::to_owned),
            withheld: diverted.iter().any(hides) || history.iter().any(asks),
            headers,
        })
    }
}

/// The `phone-context` of a header's number, wherever its parameters stand.
fn context_of(header: &str) -> Option<String> {
    let addr = AddrParts::read(header).ok()?;
    let user = addr.uri.user().unwrap_or_default();
    let in_user = user.split(';').filter_map(|p| p.strip_prefix("phone-context=")).next().map(str::to_owned);
    let in_uri = || addr.uri.param("phone-context").flatten().map(str::to_owned);
    in_user.or_else(in_uri).or_else(|| addr.param("phone-context").flatten().map(str::to_owned))
}

/// The first value of a header that names somebody, else the first value with no name. A tel URI or a number is
/// preferred to a name, as RFC 3325 section 9.1 lets both stand.
fn best(invite: &Message, name: &str) -> Option<(Option<String>, String)> {
    let lines = if name == "From" { invite.headers(name).collect() } else { invite.values(name) };
    let read: Vec<_> =
        lines.into_iter().filter_map(|v| Some((address_of(&AddrParts::read(v).ok()?), v))).collect();
    let number = |a: &Option<String>| a.as_ref().is_some_and(|a| a.bytes().any(|b| b.is_ascii_digit()));
    let pick =
        read.iter().find(|(a, _)| number(a)).or(read.iter().find(|(a, _)| a.is_some())).or(read.first());
    pick.map(|(address, header)| (address.clone(), (*header).to_owned()))
}

/// The user, unless the address only says that it says nothing.
fn address_of(addr: &AddrParts<'_>) -> Option<String> {
    let (user, host) = (addr.uri.user()?, addr.uri.host);
    // `+7701…;phone-context=…` inside a sip URI: parameters of the number are not the number.
    let user = user.split(';').next().unwrap_or_default();
    let nobody = ["", "anonymous", "unknown", "unavailable", "restricted", "private", "withheld"];
    let invalid = host.len().checked_sub(NOWHERE.len()).and_then(|at| host.get(at..));
    let hidden = nobody.iter().any(|n| user.eq_ignore_ascii_case(n))
        || invalid.is_some_and(|end| end.eq_ignore_ascii_case(NOWHERE));
    (!hidden).then(|| user.to_owned())
}

/// The host of those who are nowhere (RFC 3323 section 4.1.1.3).
const NOWHERE: &str = "anonymous.invalid";

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

    fn diversions(headers: &str) -> Option<Diversions> {
        let text = format!(
            "INVITE sip:111@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nTo: <sip:111@h>\r\nCall-ID: a\r\n\
             CSeq: 1 INVITE\r\nFrom: <sip:x@h>;tag=1\r\n{headers}\r\n\r\n"
        );
        Diversions::of(&Message::parse(text.as_bytes()).unwrap())
    }

    fn shown(number: Option<&Redacted<String>>) -> Option<&str> {
        number.map(|n| n.reveal().as_str())
    }

    #[test]
    fn who_was_dialled_first_and_who_sent_the_call_on_are_read() {
        let d = diversions(
            "Diversion: <sip:87172000002@h>;reason=user-busy;counter=1\r\n\
             Diversion: \"School\" <tel:+7-7172-000001>;reason=unconditional;privacy=full",
        )
        .unwrap();
        assert_eq!(shown(d.dialled.as_ref()), Some("+7-7172-000001"));
        assert_eq!(shown(d.by.as_ref()), Some("87172000002"));
        assert_eq!(d.reason.as_deref(), Some("user-busy"));
        assert!(d.withheld && d.headers.len() == 2);
        let d = diversions(
            "History-Info: <sip:150@h>;index=1, <sip:87172000001@h?Reason=SIP%3Bcause%3D302>;index=1.1;mp=1,\r\n \
             <sip:111@h>;index=1.1.1;mp=1.1",
        )
        .unwrap();
        assert_eq!((shown(d.dialled.as_ref()), shown(d.by.as_ref())), (Some("150"), Some("87172000001")));
        assert!(!d.withheld && !format!("{d:?}").contains("8717"));
        assert_eq!(diversions("Subject: none"), None);
    }

    #[test]
    fn a_history_of_any_length_is_kept_up_to_its_ceiling() {
        let many: String = (1..=DIVERSIONS_MAX + 1)
            .map(|n| format!("Diversion: <sip:{n}@{}>;reason={}\r\n", "h".repeat(300), "r".repeat(33)))
            .collect();
        let d = diversions(many.trim_end()).unwrap();
        assert_eq!(d.headers.len(), DIVERSIONS_MAX);
        assert!(d.headers.iter().all(|h| h.reveal().len() == DIVERSION_CHARS_MAX));
        assert_eq!(d.reason, None);
        assert_eq!(shown(d.dialled.as_ref()), Some("8"));
    }

    #[test]
    fn what_a_number_is_local_to_is_read_wherever_it_stands() {
        for from in [
            "From: <tel:2000001;phone-context=+77172>;tag=1",
            "From: <sip:2000001;phone-context=+77172@h;user=phone>;tag=1",
        ] {
            let c = caller(from);
            assert_eq!(shown(c.context.as_ref()), Some("+77172"), "{from}");
            assert_eq!(shown(c.address.as_ref()), Some("2000001"), "{from}");
        }
    }
}
