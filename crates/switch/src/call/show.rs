//! Who calls, as others than the record are shown: consultants' softphones and other centres, each by its rule. A number
//! that its owner withholds is shown to nobody.

use crate::settings::{OutIdentity, ShowNumber, TrunkSettings};
use senim_base::{CallId, Language, Number, Redacted};

/// A From header without tag, and what goes with it.
pub(super) type Shown = (String, Vec<(String, String)>);

/// In whose name a call goes out.
#[derive(Clone, Copy)]
pub(super) enum Who<'a> {
    /// The line's own: somebody of it wants to ask something.
    Line,
    /// A caller's, with his number unless he withholds it.
    Caller(Option<&'a Redacted<Number>>),
}

impl<'a> Who<'a> {
    /// The number that may be shown.
    pub(super) fn number(self) -> Option<&'a Redacted<Number>> {
        match self {
            Who::Line => None,
            Who::Caller(number) => number,
        }
    }
}

/// Toward a consultant: the language he should speak and the call's name, and of the number what the rule gives away.
pub(super) fn to_consultant(
    rule: ShowNumber,
    call: CallId,
    language: Option<Language>,
    number: Option<&Redacted<Number>>,
) -> Shown {
    let language = language.map(|l| format!("{} ", l.code())).unwrap_or_default();
    let by_name = |more: &str| format!("\"{language}{call}{more}\" <sip:{call}@senim.invalid>");
    match (rule, number) {
        (ShowNumber::Hidden, _) | (_, None) => (by_name(""), Vec::new()),
        (ShowNumber::Masked, Some(number)) => (by_name(&format!(" {number}")), Vec::new()),
        (ShowNumber::Full, Some(number)) => {
            let number = number.reveal().as_str();
            let address = format!("<sip:{number}@senim.invalid;user=phone>");
            let asserted = ("P-Asserted-Identity".to_owned(), address.clone());
            (format!("\"{language}{call} {number}\" {address}"), vec![asserted])
        }
    }
}

/// Toward another centre: the line itself, or its caller with the line as the one who diverted him (RFC 5806). Of a
/// caller who withholds his number only that is told (RFC 3323).
pub(super) fn to_trunk(trunk: &TrunkSettings, who: Who<'_>) -> Shown {
    let host = &trunk.host;
    let own = format!("<sip:111@{host}>");
    let header = |name: &str, value: String| (name.to_owned(), value);
    let diversion = || header("Diversion", format!("{own};reason=unconditional;counter=1"));
    match (trunk.identity, who) {
        (OutIdentity::Own, _) | (_, Who::Line) => (own, Vec::new()),
        (OutIdentity::Caller, Who::Caller(Some(number))) => {
            let caller = format!("<sip:{}@{host};user=phone>", number.reveal().as_str());
            (caller.clone(), vec![header("P-Asserted-Identity", caller), diversion()])
        }
        (OutIdentity::Caller, Who::Caller(None)) => (
            "\"Anonymous\" <sip:anonymous@anonymous.invalid>".to_owned(),
            vec![header("Privacy", "id".to_owned()), diversion()],
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_base::NumberPlan;

    fn number() -> Redacted<Number> {
        Number::normalise("+77012344567", &NumberPlan::default()).unwrap().redacted()
    }

    fn shown(rule: ShowNumber, number: Option<&Redacted<Number>>) -> String {
        let (from, headers) = to_consultant(rule, CallId(17), Some(Language::Russian), number);
        format!("{from} {headers:?}")
    }

    #[test]
    fn a_consultant_is_shown_what_the_rule_gives_away_and_never_a_withheld_number() {
        let hidden = "\"ru call-17\" <sip:call-17@senim.invalid> []";
        assert_eq!(shown(ShowNumber::Hidden, Some(&number())), hidden);
        for rule in [ShowNumber::Hidden, ShowNumber::Masked, ShowNumber::Full] {
            assert_eq!(shown(rule, None), hidden);
        }
        let masked = shown(ShowNumber::Masked, Some(&number()));
        assert_eq!(masked, "\"ru call-17 +7 *** *** 45 67\" <sip:call-17@senim.invalid> []");
        let full = shown(ShowNumber::Full, Some(&number()));
        assert!(
            full.starts_with("\"ru call-17 +77012344567\" <sip:+77012344567@senim.invalid;user=phone> [(")
        );
        assert!(full.contains("P-Asserted-Identity"));
    }

    #[test]
    fn another_centre_is_told_of_the_line_or_of_its_caller() {
        let trunk = |identity| TrunkSettings { identity, ..crate::trunks::tests::trunk("ucc", &[1]) };
        let told =
            |identity, number: Option<&Redacted<Number>>| to_trunk(&trunk(identity), Who::Caller(number));
        assert_eq!(told(OutIdentity::Own, Some(&number())), ("<sip:111@h>".into(), vec![]));
        let (from, headers) = told(OutIdentity::Caller, Some(&number()));
        assert_eq!(from, "<sip:+77012344567@h;user=phone>");
        assert_eq!(headers[0], ("P-Asserted-Identity".into(), from));
        assert_eq!(headers[1], ("Diversion".into(), "<sip:111@h>;reason=unconditional;counter=1".into()));
        let asked = to_trunk(&trunk(OutIdentity::Caller), Who::Line);
        assert_eq!(asked, ("<sip:111@h>".into(), vec![]), "a consultant who asks is the line");
        let (from, headers) = told(OutIdentity::Caller, None);
        assert_eq!(from, "\"Anonymous\" <sip:anonymous@anonymous.invalid>");
        assert_eq!(headers[0], ("Privacy".into(), "id".into()));
        assert!(headers.iter().all(|(name, _)| name != "P-Asserted-Identity"));
    }
}
