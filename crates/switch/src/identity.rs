//! Who is calling, brought into E.164 by the trunk's own number plan (FEATURES T2). A caller who withholds his number
//! is flagged and never refused (T3); whether it is kept is the operator's choice (T4).

use crate::facts::CallerIdentity;
use senim_base::{Number, NumberPlan, Redacted};
use senim_sip::{Caller, Message};

/// Longest header kept as it came.
const ORIGINAL_MAX: usize = 512;

/// Reads the caller's identity from an INVITE that came on a trunk.
pub(crate) fn of_trunk(request: &Message, plan: &NumberPlan, keep_restricted: bool) -> CallerIdentity {
    let caller = Caller::of(request);
    let anonymous = caller.withheld;
    if anonymous && !keep_restricted {
        return CallerIdentity { number: None, original: Redacted::new("anonymous".into()), anonymous };
    }
    // Parameters of a tel-like user part (RFC 3966) are not part of the number.
    let address = caller.address.as_ref().map(|a| a.reveal().split(';').next().unwrap_or_default());
    let number = address.and_then(|a| Number::normalise(a, plan)).map(Number::redacted);
    let original = Redacted::new(caller.header.reveal().chars().take(ORIGINAL_MAX).collect());
    CallerIdentity { number, original, anonymous }
}
