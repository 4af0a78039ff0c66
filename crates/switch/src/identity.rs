//! Who is calling, brought into E.164 by the trunk's own number plan (FEATURES T2). A caller who withholds his number
//! is flagged and never refused (T3); whether it is kept is the operator's choice (T4). Who diverted the call and what
//! networks claim of the caller (T17) is kept beside, as it came.

use crate::facts::{CallerIdentity, Diverted};
use senim_base::{Number, NumberPlan, Redacted};
use senim_sip::{Caller, Claims, Diversions, Message};

/// Longest header kept as it came.
const ORIGINAL_MAX: usize = 512;

/// Reads the caller's identity from an INVITE that came on a trunk.
pub(crate) fn of_trunk(request: &Message, plan: &NumberPlan, keep_restricted: bool) -> CallerIdentity {
    let caller = Caller::of(request);
    let anonymous = caller.withheld;
    let forget = anonymous && !keep_restricted;
    let number = number_of(&caller, plan);
    let claimed = Claims::of(request).map(|c| Box::new(compared(c, number.as_ref(), plan, forget)));
    let diverted = Diversions::of(request)
        .filter(|d| keep_restricted || !(anonymous || d.withheld))
        .map(|d| Box::new(diverted(d, plan)));
    if forget {
        let original = Redacted::new("anonymous".into());
        return CallerIdentity { number: None, original, anonymous, diverted, claimed };
    }
    let original = Redacted::new(caller.header.reveal().chars().take(ORIGINAL_MAX).collect());
    CallerIdentity { number: number.map(Number::redacted), original, anonymous, diverted, claimed }
}

/// The caller's number. One that is local to what `phone-context` names is made whole when the two fit together
/// (RFC 3966 section 5.1.5); a number that is whole by itself, or a short code, stays what it is.
fn number_of(caller: &Caller, plan: &NumberPlan) -> Option<Number> {
    // Parameters of a tel-like user part (RFC 3966) are not part of the number.
    let address = caller.address.as_ref()?.reveal().split(';').next().unwrap_or_default();
    let number = Number::normalise(address, plan)?;
    let whole = caller.context.as_ref().and_then(|context| {
        let context = context.reveal();
        let fits = context.starts_with('+') && !number.as_str().starts_with('+');
        let joined = fits.then(|| Number::normalise(&format!("{context}{}", number.as_str()), plan))??;
        (joined.as_str().len() == 1 + plan.country_code.len() + plan.national_digits).then_some(joined)
    });
    Some(whole.unwrap_or(number))
}

/// The claims with the claimed number compared to the presented one; without numbers when they are to be forgotten.
fn compared(mut claims: Claims, number: Option<&Number>, plan: &NumberPlan, forget: bool) -> Claims {
    // A PASSporT writes numbers in E.164 without the plus sign (RFC 8225 section 5.2.1).
    let orig = claims.orig.take().and_then(|tn| {
        let digits = tn.reveal().trim_start_matches('+').to_owned();
        Number::normalise(&format!("+{digits}"), plan)
    });
    claims.orig_is_caller = orig.map(|orig| number == Some(&orig));
    if forget {
        claims.identity = None;
    }
    claims
}

fn diverted(d: Diversions, plan: &NumberPlan) -> Diverted {
    let number = |text: Option<Redacted<String>>| {
        let text = text?;
        let bare = text.reveal().split(';').next().unwrap_or_default();
        Number::normalise(bare, plan).map(Number::redacted)
    };
    Diverted { dialled: number(d.dialled), by: number(d.by), reason: d.reason, headers: d.headers }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(headers: &str, keep_restricted: bool) -> CallerIdentity {
        let text = format!(
            "INVITE sip:111@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nTo: <sip:111@h>\r\nCall-ID: a\r\n\
             CSeq: 1 INVITE\r\n{headers}\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).unwrap();
        of_trunk(&message, &NumberPlan::default(), keep_restricted)
    }

    fn number(headers: &str) -> Option<String> {
        of(headers, true).number.map(|n| n.reveal().as_str().to_owned())
    }

    /// FEATURES T2.
    #[test]
    fn odd_forms_of_a_number_become_e164_and_short_codes_stay() {
        for (from, wanted) in [
            ("<sip:+7-701-(234)-56.78@h>", "+77012345678"),
            ("<sip:87012345678@h;user=phone>", "+77012345678"),
            ("<tel:0077012345678>", "+77012345678"),
            ("<tel:+77012345678;isub=1>", "+77012345678"),
            ("<sip:87012345678;phone-context=+7@h>", "+77012345678"),
            ("<tel:2000001;phone-context=+7717>", "+77172000001"),
            ("<tel:200-00-01;phone-context=+7-717>", "+77172000001"),
            ("<tel:2000001;phone-context=example.kz>", "2000001"),
            ("<tel:112;phone-context=+7>", "112"),
            ("<sip:1414@h>", "1414"),
            ("<tel:+49301234567>", "+49301234567"),
        ] {
            assert_eq!(number(&format!("From: {from};tag=1")).as_deref(), Some(wanted), "{from}");
        }
    }

    const WITHHELD: &str = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
        P-Asserted-Identity: <tel:+77012345678;verstat=No-TN-Validation>\r\nPrivacy: id\r\n\
        Diversion: <sip:+77172000001@h>;reason=user-busy\r\n\
        Identity: e30.eyJhdHRlc3QiOiJBIiwib3JpZyI6eyJ0biI6Ijc3MDEyMzQ1Njc4In19.c2ln;info=<https://c.example/>;ppt=shaken";

    /// FEATURES T3, T4, T17.
    #[test]
    fn of_a_withheld_caller_nothing_is_kept_that_names_a_number_when_so_configured() {
        let kept = of(WITHHELD, true);
        assert!(kept.anonymous && kept.number.is_some() && kept.diverted.is_some());
        let claimed = kept.claimed.unwrap();
        assert_eq!(claimed.orig_is_caller, Some(true));
        assert_eq!(claimed.verstat.as_deref(), Some("No-TN-Validation"));
        let forgotten = of(WITHHELD, false);
        assert!(forgotten.anonymous);
        assert_eq!(forgotten.claimed.as_ref().and_then(|c| c.attest), Some(senim_sip::Attest::A));
        let written = serde_json::to_string(&forgotten).unwrap();
        for number in ["7012345678", "7172000001", "NzAxMjM0NTY3"] {
            assert!(!written.contains(number), "{written}");
        }
    }

    /// FEATURES T17.
    #[test]
    fn a_claim_about_another_number_is_kept_as_such() {
        let from = "From: <sip:+77019999999@h>;tag=1\r\n";
        let identity = WITHHELD.split("\r\n").last().unwrap();
        let claimed = of(&format!("{from}{identity}"), true).claimed.unwrap();
        assert_eq!(claimed.orig_is_caller, Some(false));
        assert!(claimed.orig.is_none(), "it is compared and not kept a second time");
    }

    #[test]
    fn who_diverted_the_call_is_kept_in_e164_beside_what_came() {
        let d = of("From: <sip:x@h>;tag=1\r\nDiversion: <sip:87172000001@h>;reason=no-answer", true);
        let d = d.diverted.unwrap();
        assert_eq!(d.by.as_ref().map(|n| n.reveal().as_str()), Some("+77172000001"));
        assert_eq!(d.reason.as_deref(), Some("no-answer"));
        assert_eq!(d.headers.len(), 1);
    }
}
