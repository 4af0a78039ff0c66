//! Facts in words, for whoever reads a call's record. Numbers and names come out masked, as everywhere.

use super::table::minutes;
use senim_base::{ConsultantId, LegId, Number, Redacted, WallTime};
use senim_media::{LegReport, Way};
use senim_switch::facts::{Author, CallerIdentity, Fact, ForwardResult, Party, TransferTo};
use std::collections::BTreeMap;

/// Logins by id.
pub(crate) type Logins = BTreeMap<ConsultantId, String>;

/// `2026-11-24 05:36:14`, local time.
pub(crate) fn moment(at: WallTime, utc_offset_minutes: i32) -> String {
    at.rfc3339(utc_offset_minutes).chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// Who did something.
pub(crate) fn author(by: &Author) -> String {
    match by {
        Author::Caller => "the caller".into(),
        Author::Consultant(id) => id.to_string(),
        Author::Operator(name) => name.clone(),
        Author::Line => "the line".into(),
    }
}

/// A consultant's login, or his id when he was removed.
pub(crate) fn who(id: ConsultantId, logins: &Logins) -> String {
    logins.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

/// A word of the journal without its underscores.
fn word(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned));
    text.unwrap_or_default().replace('_', " ")
}

/// Whom a consultant asked, or sent a caller to.
fn sent_to(to: &TransferTo, logins: &Logins) -> String {
    match to {
        TransferTo::Consultant(id) => who(*id, logins),
        TransferTo::Forward(name) => name.clone(),
    }
}

/// How a call of ours on the caller's behalf ended.
fn outcome(result: ForwardResult, status: Option<u16>, after_ms: u64) -> String {
    let status = status.map(|s| format!(" ({s})")).unwrap_or_default();
    format!("{}{status} after {} s", word(&result), after_ms / 1_000)
}

/// Who was called first, and who sent the call on.
fn diverted(caller: &CallerIdentity) -> String {
    let Some(d) = &caller.diverted else { return String::new() };
    let number =
        |n: Option<&Redacted<Number>>| n.map_or_else(|| "an unknown number".into(), |n| n.to_string());
    let reason = d.reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default();
    format!(", diverted by {}{reason}, first dialled {}", number(d.by.as_ref()), number(d.dialled.as_ref()))
}

/// What networks claim of the caller. None of it is verified, and the words say so.
fn claimed(caller: &CallerIdentity) -> String {
    let Some(c) = &caller.claimed else { return String::new() };
    let attest = c.attest.map(|a| format!("attested {a:?}"));
    let orig =
        c.orig_is_caller.map(|yes| if yes { "for this number" } else { "for ANOTHER number" }.to_owned());
    let verstat = c.verstat.clone();
    let indicator = c.indicator.as_ref().map(|i| format!("indicator {i}"));
    let words: Vec<String> = [attest, orig, verstat, indicator].into_iter().flatten().collect();
    format!(", claimed, not verified: {}", words.join(", "))
}

/// How a leg sounded over its life.
fn sounded(leg: LegId, report: &LegReport) -> String {
    let came = report.mos_x100.map_or_else(
        || "nothing came".to_owned(),
        |mos| {
            let lost = report.lost as f64 * 100.0 / (report.lost + report.received).max(1) as f64;
            let jitter = f64::from(report.jitter_us) / 1_000.0;
            format!("{}.{:02} of 5, {lost:.1} % lost, jitter {jitter:.1} ms", mos / 100, mos % 100)
        },
    );
    let late = match report.not_sent {
        0 => String::new(),
        packets => format!(", {packets} packets not sent in time"),
    };
    format!("{leg} sounded: {came}{late}")
}

/// One fact in words.
pub(crate) fn fact(fact: &Fact, logins: &Logins) -> String {
    let who = |id: &ConsultantId| who(*id, logins);
    match fact {
        Fact::Arrived { dialled, trunk, user, caller } => {
            let from = match (&caller.number, caller.anonymous) {
                (Some(number), _) => number.to_string(),
                (None, true) => "a withheld number".into(),
                (None, false) => "an unknown number".into(),
            };
            let over = match (trunk, user) {
                (Some(trunk), _) => format!(" over {trunk}"),
                (None, Some(id)) => format!(" from {}", who(id)),
                (None, None) => String::new(),
            };
            format!("came in for {dialled} from {from}{over}{}{}", diverted(caller), claimed(caller))
        }
        Fact::Refused { status, why, .. } => format!("refused with {status}: {why}"),
        Fact::Answered { .. } => "answered".into(),
        Fact::ScriptBegan { script, hash } => {
            format!("script {script} ({})", hash.chars().take(8).collect::<String>())
        }
        Fact::Step { step } => format!("step {step}"),
        Fact::Key { step, key } => format!("key {} in {step}", key.reveal()),
        Fact::LanguageSet { language } => format!("language {language}"),
        Fact::Queued { queue, topic, urgent, .. } => {
            let topic = topic.as_ref().map(|t| format!(", topic {t}")).unwrap_or_default();
            format!("waits in {queue}{topic}{}", if *urgent { ", urgent" } else { "" })
        }
        Fact::PositionSaid { position } => format!("heard his place: {position}"),
        Fact::Offered { consultant, .. } => format!("offered to {}", who(consultant)),
        Fact::OfferEnded { consultant, outcome, after_ms, .. } => {
            format!("offer to {}: {} after {} s", who(consultant), word(outcome), after_ms / 1_000)
        }
        Fact::Talking { consultant, waited_ms } => {
            format!("talks with {} after waiting {}", who(consultant), minutes(*waited_ms))
        }
        Fact::Held { consultant } => format!("held by {}", who(consultant)),
        Fact::Resumed { consultant } => format!("taken back by {}", who(consultant)),
        Fact::ConsultantLost { consultant, why } => format!("lost {}: {}", who(consultant), word(why)),
        Fact::TalkEnded { consultant, talked_ms } => {
            format!("talk with {} ended after {}", who(consultant), minutes(*talked_ms))
        }
        Fact::Speaks { leg, codec, transcoded, .. } => {
            format!("{leg} speaks {codec}{}", if *transcoded { ", transcoded for the caller" } else { "" })
        }
        Fact::MediaSilent { leg, silent_ms } => {
            format!("nothing heard from {leg} for {} s", silent_ms / 1_000)
        }
        Fact::OneWay { leg, way, missing } => {
            let now = if *missing { "nothing" } else { "sound again" };
            match way {
                Way::FromParty => format!("{now} from {leg}"),
                Way::ToParty => format!("{leg} reports to hear {now}"),
            }
        }
        Fact::Sounded { leg, report } => sounded(*leg, report),
        Fact::Strangers { leg, packets } => format!("{packets} packets of strangers for {leg} ignored"),
        Fact::ForwardBegan { to, by } => format!("being sent on to {to} by {}", author(by)),
        Fact::NoticeHeard { whole } => format!("notice heard{}", if *whole { "" } else { " in part" }),
        Fact::ForwardTried { trunk, way, outcome: what, status, after_ms, .. } => {
            let status = status.map(|s| format!(" ({s})")).unwrap_or_default();
            format!("by trunk {trunk}, {way}: {}{status} after {} s", word(what), after_ms / 1_000)
        }
        Fact::PhoneTried { consultant, outcome: what, status, after_ms } => {
            let status = status.map(|s| format!(" ({s})")).unwrap_or_default();
            format!("a phone of {}: {}{status} after {} s", who(consultant), word(what), after_ms / 1_000)
        }
        Fact::ForwardEnded { to, result, status, after_ms } => {
            format!("forward to {to}: {}", outcome(*result, *status, *after_ms))
        }
        Fact::ConsultBegan { by, to } => format!("{} asks {}", who(by), sent_to(to, logins)),
        Fact::ConsultEnded { to, result, status, after_ms } => {
            format!("asking {}: {}", sent_to(to, logins), outcome(*result, *status, *after_ms))
        }
        Fact::ConferenceBegan { by } => format!("all together with {}", who(by)),
        Fact::ConferenceEnded { by } => format!("no longer all together with {}", who(by)),
        Fact::TransferBegan { by, to } => format!("sent on to {} by {}", sent_to(to, logins), who(by)),
        Fact::TransferEnded { to, result, status, after_ms } => {
            format!("transfer to {}: {}", sent_to(to, logins), outcome(*result, *status, *after_ms))
        }
        Fact::AppealRegistered { number, by } => format!("appeal {number} registered by {}", author(by)),
        Fact::AppealLinked { number, by } => format!("linked to appeal {number} by {}", author(by)),
        Fact::AppealStatus { number, status, by } => format!("appeal {number} is {status} by {}", author(by)),
        Fact::StatusAsked { known } => {
            format!("asked for a status; the number was {}", if *known { "known" } else { "not known" })
        }
        Fact::RecordingBegan { recording } => format!("recording {recording} began"),
        Fact::TrackBegan { track, party, .. } => {
            let party = match party {
                Party::Caller => "the caller".into(),
                Party::Line => "the line".into(),
                Party::Consultant(id) => who(id),
                Party::Forward => "the other centre".into(),
            };
            format!("{track} records {party}")
        }
        Fact::RecordingClosed { length_ms, lost_frames, torn, .. } => {
            let torn = if *torn { ", cut by a kill" } else { "" };
            format!("recording closed at {}, {lost_frames} frames lost{torn}", minutes(*length_ms))
        }
        Fact::RecordingFailed { why, .. } => format!("recording failed: {why}"),
        Fact::RecordingsSearched { number, by, found } => {
            format!("{found} recordings of {number} found by {}", author(by))
        }
        Fact::RecordingExported { recording, number, demand, by } => format!(
            "recording {recording} of {number} handed out by {} under {} of {} ({})",
            author(by),
            demand.number,
            demand.date,
            demand.authority
        ),
        Fact::ExportRefused { by, why, .. } => format!("recording refused to {}: {why}", author(by)),
        Fact::TraceOpened { by } => format!("SIP messages read in full by {}", author(by)),
        Fact::BlockedCall { .. } => "the caller is blocked and hears so".into(),
        Fact::Flooding { calls, window_s } => {
            format!("the short script, after {calls} answered calls within {window_s} s")
        }
        Fact::Ended { cause, disposition, length_ms } => {
            let disposition = disposition.map(|d| format!(", {}", word(&d))).unwrap_or_default();
            format!("ended: {}{disposition}, {}", word(cause), minutes(*length_ms))
        }
        other => {
            let tag = serde_json::to_value(other).ok();
            tag.and_then(|v| v.get("fact").and_then(|f| f.as_str()).map(|f| f.replace('_', " ")))
                .unwrap_or_default()
        }
    }
}
