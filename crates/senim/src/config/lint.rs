//! No hour may leave 111 unanswered (FEATURES T1): what could is told before the line starts, with what to write. Limits
//! of 0 and a line that listens nowhere are told with the values themselves (`plan`), queues that do not exist and
//! scripts without a human with the proof of the scripts.

use super::{Complaint, Plan};
use senim_ivr::{Purpose, Script};
use senim_switch::Destination;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The number of the line.
const LINE: &str = "111";

/// Everything that could leave a caller of 111 without an answer. A line that says `measuring` serves no callers.
pub fn lint(plan: &Plan, scripts: &BTreeMap<String, Arc<Script>>) -> Vec<Complaint> {
    if plan.config.line.measuring {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    let mut say = |path: &[&str], what: String| complaints.push(plan.source.complain(path, what));
    let fits = |n: &super::Number| match n.dial.strip_suffix('*') {
        Some(stem) => LINE.starts_with(stem),
        None => n.dial == LINE,
    };
    let numbers = &plan.config.number;
    let answering = numbers.iter().position(fits);
    match answering {
        None => say(
            &["number"],
            format!("nobody answers {LINE}; write [[number]] with dial = \"{LINE}\" and script = \"{LINE}\""),
        ),
        Some(i) => {
            let at = i.to_string();
            let path = |key| ["number", at.as_str(), key];
            let Some(rule) = numbers.get(i) else { return complaints };
            if rule.dial != LINE && numbers.iter().any(|n| n.dial == LINE) {
                say(
                    &path("dial"),
                    format!("{:?} stands before {LINE:?} and answers it; write it behind", rule.dial),
                );
            }
            if !rule.consultant.is_empty() {
                say(
                    &path("consultant"),
                    format!("one consultant cannot answer {LINE} day and night; write script = \"{LINE}\""),
                );
            }
            if !rule.record {
                say(&path("record"), format!("every talk of {LINE} is recorded; take record = false out"));
            }
            let script = plan.numbers.iter().find(|n| n.matches(LINE).is_some()).map(|n| &n.then);
            if let Some(Destination::Script(name)) = script
                && scripts.get(name).is_some_and(|s| s.purpose() != Purpose::Line)
            {
                let what = format!("the script {name:?} is not for callers; write one that leads to a human");
                say(&path("script"), what);
            }
        }
    }
    let line = &plan.config.line;
    let purpose = |name: &str| scripts.get(name).map(|s| s.purpose());
    if line.flood_calls > 0 && purpose(&line.flood_script).is_some_and(|p| p != Purpose::Line) {
        let what = "it answers callers and must lead to a human; write flood_script = \"still_here\"";
        say(&["line", "flood_script"], what.to_owned());
    }
    if purpose(&line.blocked_script) == Some(Purpose::Measuring) {
        let what = "it answers callers and needs the urgent key; write blocked_script = \"blocked\"";
        say(&["line", "blocked_script"], what.to_owned());
    }
    if plan.trunks.iter().all(|t| t.sources.is_empty()) {
        let what = format!("no trunk brings calls to {LINE}; write [[trunk]] with name and sources");
        say(&["trunk"], what);
    }
    complaints
}
