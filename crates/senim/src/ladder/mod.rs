//! The ladder of a call: who said what to whom and when, from the trace of the running line. Pure: rows in, text or SVG
//! out. It names nobody, since the trace does not.

mod svg;
mod text;

pub use svg::svg;
pub use text::text;

use senim_media::Way;
use senim_switch::api::{MediaSeen, Peer, Step, TraceRow, Traced, What};
use senim_switch::facts::{Fact, Record, TransferTo, TryOutcome};

/// A silence that long is marked.
const GAP_MS: u64 = 1_000;

/// A drawing before it is drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder {
    /// What it is of.
    pub title: String,
    /// Headings, from left to right; the line itself is one of them.
    pub columns: Vec<String>,
    /// Which one the line is.
    pub line: usize,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// What is missing, if anything.
    pub note: Option<String>,
}

/// One row.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    /// A message.
    Message(Arrow),
    /// What happened to the call meanwhile.
    Fact {
        /// Milliseconds since the first message; less than none before it.
        after_ms: i64,
        /// In words.
        what: String,
    },
    /// Nothing for so long.
    Gap {
        /// Milliseconds.
        ms: u64,
    },
}

/// A message on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrow {
    /// Milliseconds since the first message.
    pub after_ms: u64,
    /// The column it leaves.
    pub from: usize,
    /// The column it comes to.
    pub to: usize,
    /// `INVITE`, `486 Busy Here`, `200 OK (BYE)`.
    pub label: String,
    /// Number, transport, session description.
    pub detail: String,
    /// It had passed before.
    pub again: bool,
    /// How it looks.
    pub tone: Tone,
}

/// What kind of message it is, for the eye.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// A request.
    Request,
    /// A provisional response, or a challenge, which asks for a password and is no failure.
    Progress,
    /// Success.
    Success,
    /// Anything that went wrong.
    Failure,
}

/// Lays out a trace with the call's facts; `when` it began, in words.
pub fn ladder(traced: &Traced, facts: &[Record], when: &str) -> Ladder {
    let (columns, line) = columns(&traced.parties);
    let place = |party: usize| if party < line { party } else { party + 1 };
    let mut rows: Vec<(i64, Row)> = Vec::new();
    for step in &traced.steps {
        let there = place(step.party);
        let (from, to) = if step.incoming { (there, line) } else { (line, there) };
        let arrow = Arrow {
            after_ms: step.after_ms,
            from,
            to,
            label: label(&step.what),
            detail: detail(step),
            again: step.again,
            tone: tone(&step.what),
        };
        rows.push((millis(step.after_ms), Row::Message(arrow)));
    }
    for (after_ms, what) in happened(traced, facts) {
        rows.push((after_ms, Row::Fact { after_ms, what }));
    }
    rows.sort_by_key(|(after, _)| *after);
    let count = |n: usize| if n == 1 { "1 message".to_owned() } else { format!("{n} messages") };
    let again = match traced.steps.iter().filter(|s| s.again).count() {
        0 => String::new(),
        n => format!(", {n} of them again"),
    };
    Ladder {
        title: format!("{}  {when}  {}{again}", traced.which, count(traced.steps.len())),
        columns,
        line,
        rows: with_gaps(rows),
        note: (traced.cut > 0).then(|| format!("{} further messages were not kept", traced.cut)),
    }
}

/// What happened to the call, in milliseconds since the first message.
pub fn happened(traced: &Traced, facts: &[Record]) -> Vec<(i64, String)> {
    let after = |r: &Record| {
        let (at, began) = (r.at.as_nanos(), traced.began.as_nanos());
        millis(at).saturating_sub(millis(began)).div_euclid(1_000_000)
    };
    facts.iter().filter_map(|r| Some((after(r), words(&r.fact)?))).collect()
}

/// The first party stands left of the line, the others right of it.
fn columns(parties: &[Peer]) -> (Vec<String>, usize) {
    let consultants = parties.iter().filter(|p| **p == Peer::Consultant).count();
    let mut nth = 0;
    let mut names: Vec<String> = Vec::new();
    for party in parties {
        names.push(match party {
            Peer::Consultant if consultants > 1 => {
                nth += 1;
                format!("consultant {nth}")
            }
            Peer::Caller(Some(trunk)) => format!("caller ({trunk})"),
            party => party.to_string(),
        });
    }
    let line = names.len().min(1);
    names.insert(line, "senim".into());
    (names, line)
}

fn with_gaps(rows: Vec<(i64, Row)>) -> Vec<Row> {
    let mut out = Vec::new();
    let mut last = None;
    for (after, row) in rows {
        let silent = last.map_or(0, |last| u64::try_from(after - last).unwrap_or(0));
        if silent >= GAP_MS {
            out.push(Row::Gap { ms: silent });
        }
        last = Some(after);
        out.push(row);
    }
    out
}

fn millis(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// `12.345`, seconds.
pub(crate) fn seconds(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    format!("{sign}{}.{:03}", ms.unsigned_abs() / 1_000, ms.unsigned_abs() % 1_000)
}

/// What a message is, in words.
pub fn label(what: &What) -> String {
    match what {
        What::Request(method) => method.clone(),
        What::Response(status, method) => {
            let reason = senim_sip::message::reason(*status);
            let of = if method == "INVITE" { String::new() } else { format!(" ({method})") };
            format!("{status} {reason}").trim_end().to_owned() + &of
        }
        What::Unreadable => "no SIP message".into(),
    }
}

fn tone(what: &What) -> Tone {
    match what {
        What::Request(_) => Tone::Request,
        What::Response(100..200 | 401 | 407, _) => Tone::Progress,
        What::Response(200..300, _) => Tone::Success,
        What::Response(..) | What::Unreadable => Tone::Failure,
    }
}

fn detail(step: &Step) -> String {
    let mut parts = Vec::new();
    parts.extend(step.cseq.map(|n| format!("#{n}")));
    parts.push(step.transport.clone());
    parts.extend(step.again.then(|| "again".to_owned()));
    parts.extend(step.media.iter().map(media));
    parts.join(" · ")
}

/// `PCMA PCMU telephone-event, sendrecv, 20 ms, port 40000`.
fn media(m: &MediaSeen) -> String {
    if m.port == 0 {
        return format!("{} refused", m.kind);
    }
    let kind = if m.kind == "audio" { String::new() } else { format!("{} ", m.kind) };
    let mut text = format!("{kind}{}, {}", m.codecs.join(" "), m.direction);
    if let Some(ptime) = m.ptime {
        text.push_str(&format!(", {ptime} ms"));
    }
    text.push_str(&format!(", port {}", m.port));
    for (is, word) in [(m.encrypted, ", encrypted"), (m.nowhere, ", address 0")] {
        text.push_str(if is { word } else { "" });
    }
    text
}

/// One row of the list: what began it, and how it ended.
pub fn story(row: &TraceRow) -> String {
    let first = label(&row.first);
    match row.status {
        Some(status) => format!("{first} … {status} {}", senim_sip::message::reason(status)),
        None => first,
    }
}

/// A word of the journal without its underscores.
fn word(value: &impl serde::Serialize) -> String {
    let text = serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned));
    text.unwrap_or_default().replace('_', " ")
}

/// Somebody who is asked, or given a caller: never who.
fn whom(to: &TransferTo) -> &str {
    match to {
        TransferTo::Consultant(_) => "a colleague",
        TransferTo::Forward(name) => name,
    }
}

fn tried(outcome: &TryOutcome, status: Option<u16>) -> String {
    word(outcome) + &status.map(|s| format!(" ({s})")).unwrap_or_default()
}

/// A fact that helps to read a ladder; none that names a person.
fn words(fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Arrived { .. } => "came in".into(),
        Fact::Refused { status, .. } => format!("refused with {status}"),
        Fact::Answered { .. } => "answered".into(),
        Fact::ScriptBegan { script, .. } => format!("script {script}"),
        Fact::Queued { queue, urgent, .. } => {
            format!("waits in the queue {queue}{}", if *urgent { ", urgent" } else { "" })
        }
        Fact::Offered { .. } => "offered to a consultant".into(),
        Fact::OfferEnded { outcome, .. } => format!("offer: {}", word(outcome)),
        Fact::Talking { .. } => "they talk".into(),
        Fact::Held { .. } => "on hold".into(),
        Fact::Resumed { .. } => "taken back".into(),
        Fact::ConsultantLost { why, .. } => format!("consultant lost: {}", word(why)),
        Fact::TalkEnded { .. } => "the talk ends".into(),
        Fact::Speaks { codec, transcoded, .. } => {
            format!("speaks {codec}{}", if *transcoded { ", transcoded" } else { "" })
        }
        Fact::OneWay { way, missing, .. } => match (way, missing) {
            (Way::FromParty, true) => "is not heard".into(),
            (Way::FromParty, false) => "is heard again".into(),
            (Way::ToParty, true) => "reports to hear nothing".into(),
            (Way::ToParty, false) => "hears again".into(),
        },
        Fact::Sounded { report, .. } => match report.mos_x100 {
            Some(mos) => format!("sounded {}.{:02} of 5", mos / 100, mos % 100),
            None => "nothing was heard".into(),
        },
        Fact::MediaSilent { silent_ms, .. } => format!("no sound for {} s", silent_ms / 1_000),
        Fact::ForwardBegan { .. } => "is sent on".into(),
        Fact::ForwardTried { trunk, outcome, status, .. } => {
            format!("by {trunk}: {}", tried(outcome, *status))
        }
        Fact::PhoneTried { outcome, status, .. } => format!("a phone: {}", tried(outcome, *status)),
        Fact::ForwardEnded { result, .. } => format!("sent on: {}", word(result)),
        Fact::ConsultBegan { to, .. } => format!("the consultant asks {}", whom(to)),
        Fact::ConsultEnded { to, result, .. } => format!("asking {}: {}", whom(to), word(result)),
        Fact::ConferenceBegan { .. } => "all three together".into(),
        Fact::ConferenceEnded { .. } => "no longer all three".into(),
        Fact::TransferBegan { to, .. } => format!("transfer to {}", whom(to)),
        Fact::TransferEnded { to, result, .. } => format!("transfer to {}: {}", whom(to), word(result)),
        Fact::Ended { cause, disposition, .. } => {
            let disposition = disposition.map(|d| format!(", {}", word(&d))).unwrap_or_default();
            format!("ended: {}{disposition}", word(cause))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
