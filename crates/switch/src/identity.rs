//! Who is calling: RFC 3325 P-Asserted-Identity of a trunk before From; RFC 3323 Privacy and the anonymous From are
//! flagged, never refused (FEATURES T2, T3, T4).

use crate::facts::CallerIdentity;
use senim_base::{Number, NumberPlan, Redacted};
use senim_sip::{Message, NameAddr};

/// Longest header kept as it came.
const ORIGINAL_MAX: usize = 512;

/// Reads the caller's identity from an INVITE that came on a trunk.
pub(crate) fn of_trunk(request: &Message, plan: &NumberPlan, keep_restricted: bool) -> CallerIdentity {
    let asserted = request.header("P-Asserted-Identity");
    let header = asserted.or_else(|| request.header("From")).unwrap_or_default();
    let anonymous = withheld(request);
    if anonymous && !keep_restricted {
        return CallerIdentity { number: None, original: Redacted::new("anonymous".into()), anonymous };
    }
    let number = header.parse::<NameAddr>().ok().and_then(|name| {
        let user = name.uri.user.as_deref().unwrap_or(&name.uri.host);
        // Parameters of a tel-like user part (RFC 3966) are not part of the number.
        Number::normalise(user.split(';').next().unwrap_or_default(), plan)
    });
    let original = header.chars().take(ORIGINAL_MAX).collect();
    CallerIdentity { number: number.map(Number::redacted), original: Redacted::new(original), anonymous }
}

fn withheld(request: &Message) -> bool {
    let privacy = request.header("Privacy").unwrap_or_default();
    let asked = privacy.split(';').map(str::trim).any(|p| matches!(p, "id" | "user" | "header"));
    let from = request.header("From").and_then(|f| f.parse::<NameAddr>().ok());
    let hidden = from.is_some_and(|f| {
        f.uri.host.eq_ignore_ascii_case("anonymous.invalid")
            || f.uri.user.is_some_and(|u| u.eq_ignore_ascii_case("anonymous"))
    });
    asked || hidden
}
