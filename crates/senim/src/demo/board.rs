//! The board as text: who waits, what the consultants do, how well the line does, what was recorded last. 22 lines of
//! at most 79 letters: with two lines of hints it fits every terminal.

use core::fmt::Write;
use senim_media::Lamp;
use senim_switch::api::{Board, ConsultantRow, TalkingRow, WaitingRow};
use senim_switch::facts::Doing;

/// Letters of a line.
const WIDTH: usize = 79;
/// Waiting callers that are shown.
const WAITING_MAX: usize = 3;
/// Consultants that are shown.
const CONSULTANTS_MAX: usize = 7;
/// Recordings that are shown.
pub(super) const RECORDINGS_MAX: usize = 3;

/// A recording on the board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RecordingLine {
    /// `call-17`.
    pub(super) call: String,
    /// Milliseconds.
    pub(super) length_ms: u64,
    /// The call's appeal, if it has one.
    pub(super) appeal: Option<String>,
    /// The file, within the folder of the recordings.
    pub(super) file: String,
}

/// Everything that the board shows.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// The line's own picture.
    pub(super) board: Board,
    /// Last closed recordings, newest first.
    pub(super) recordings: Vec<RecordingLine>,
    /// A recording goes on.
    pub(super) recording_now: bool,
    /// Where the line answers SIP.
    pub(super) sip: String,
    /// Where it answers HTTP.
    pub(super) web: String,
    /// Milliseconds since the demo began.
    pub(super) since_ms: u64,
    /// Calls that the simulated callers made.
    pub(super) calls: usize,
}

/// Milliseconds as `1:05`.
pub(super) fn clock(ms: u64) -> String {
    format!("{}:{:02}", ms / 60_000, ms / 1_000 % 60)
}

/// Draws the board.
pub(super) fn draw(look: &Look) -> Vec<String> {
    let board = &look.board;
    let mut lines = vec![
        format!("SENIM demo  {}   sip:{}   {}", clock(look.since_ms), look.sip, look.web),
        format!(
            "in the menu {}   waiting {}   talking {}   with 1414 {}   service level {}",
            board.in_script,
            board.waiting.len(),
            board.talking.len(),
            board.forwarded,
            board.totals.service_level().map_or_else(|| "-".to_owned(), |p| format!("{p} %")),
        ),
        String::new(),
    ];
    lines.push(format!(
        "{:<10} {:<5} {:<12} {:<7} {:>5}  {}",
        "WAITING", "lang", "topic", "", "waits", "rings at"
    ));
    lines.extend(padded(board.waiting.iter().map(waiting), WAITING_MAX));
    lines.push(String::new());
    lines.push(format!("{:<10} {:<5} {:<11} {:>5}  {}", "CONSULTANT", "lang", "does", "for", "with"));
    let row = |c: &ConsultantRow| consultant(c, board.talking.iter().find(|t| t.consultant == c.login));
    lines.extend(padded(board.consultants.iter().map(row), CONSULTANTS_MAX));
    lines.push(String::new());
    lines.push(format!("{:<10} {:>6}  {:<14} {}", "RECORDING", "length", "appeal", "file"));
    lines.extend(padded(look.recordings.iter().map(recording), RECORDINGS_MAX));
    lines.push(totals(look));
    lines.iter().map(|l| l.chars().take(WIDTH).collect::<String>().trim_end().to_owned()).collect()
}

/// Exactly `most` lines; the last one says how many more there are.
fn padded(rows: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let more = rows.len().saturating_sub(most);
    let mut lines: Vec<String> = rows.take(if more > 0 { most - 1 } else { most }).collect();
    if more > 0 {
        lines.push(format!("  and {} more", more + 1));
    }
    lines.resize(most, String::new());
    lines
}

fn waiting(w: &WaitingRow) -> String {
    let urgent = if w.priority == 0 { "URGENT" } else { "" };
    format!(
        "{:<10} {:<5} {:<12} {urgent:<7} {:>5}  {}",
        w.call.to_string(),
        w.language.to_string(),
        w.topic.as_deref().unwrap_or("any"),
        clock(w.waited_ms),
        w.ringing.as_deref().unwrap_or("-"),
    )
}

fn consultant(c: &ConsultantRow, talk: Option<&TalkingRow>) -> String {
    let mut languages = String::new();
    for language in &c.languages {
        let gap = if languages.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(languages, "{gap}{language}");
    }
    // His caller hears that he is being sent on to 1414.
    let sends_on = if c.doing == Doing::Talking { "sends on".to_owned() } else { String::new() };
    let with = talk.map_or(sends_on, |t| {
        let held = if t.on_hold { "  ON HOLD" } else { "" };
        let appeal = t.appeal.as_ref().map_or_else(String::new, |a| format!("  appeal {a}"));
        format!("{} {}{}{held}{appeal}", t.call, t.language, sound(t))
    });
    let since = if c.doing == Doing::SignedOut { "-".to_owned() } else { clock(c.since_ms) };
    format!("{:<10} {languages:<5} {:<11} {since:>5}  {with}", c.login, doing(&c.doing))
}

/// What is wrong with the sound of a talk.
fn sound(talk: &TalkingRow) -> String {
    let mut words = String::new();
    for (who, row) in [("caller", &talk.caller_sound), ("he", &talk.consultant_sound)] {
        let what = match (row.unheard, row.hears_nothing, row.lamp) {
            (true, ..) => "UNHEARD",
            (_, true, _) => "DEAF",
            (.., Some(Lamp::Poor)) => "poor",
            (.., Some(Lamp::Fair)) => "fair",
            _ => continue,
        };
        // Writing to a string cannot fail.
        let _ = write!(words, "  {who} {what}");
    }
    words
}

fn doing(doing: &Doing) -> &str {
    match doing {
        Doing::SignedOut => "signed out",
        Doing::Ready => "ready",
        Doing::Offered => "rings",
        Doing::Talking => "talks",
        Doing::WrapUp => "wraps up",
        Doing::Break(_) => "on a break",
        Doing::NoAnswer => "no answer",
        Doing::Unreachable => "unreachable",
        Doing::Busy => "busy",
    }
}

fn recording(r: &RecordingLine) -> String {
    let length = clock(r.length_ms);
    format!("{:<10} {length:>6}  {:<14} {}", r.call, r.appeal.as_deref().unwrap_or("-"), r.file)
}

fn totals(look: &Look) -> String {
    let t = &look.board.totals;
    format!(
        "calls {}  served {}  abandoned {}  to 1414 {}  appeals {}  recordings {}  refused {}",
        look.calls, t.served, t.abandoned, t.forwarded, t.appeals, t.recordings, t.refused
    )
}

/// One line about the line, for those who have no terminal.
pub(super) fn progress(look: &Look) -> String {
    let b = &look.board;
    format!(
        "{:>5}  menu {}  waiting {}  talking {}  1414 {}  |  {}",
        clock(look.since_ms),
        b.in_script,
        b.waiting.len(),
        b.talking.len(),
        b.forwarded,
        totals(look)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use senim_base::{CallId, ConsultantId, Language, Redacted};
    use senim_switch::api::SoundRow;
    use senim_switch::api::Totals;

    fn person(n: u32, login: &str, languages: &[Language], doing: Doing) -> ConsultantRow {
        ConsultantRow {
            id: ConsultantId(n),
            login: login.into(),
            name: Redacted::new(login.into()),
            languages: languages.to_vec(),
            skills: vec![],
            doing,
            since_ms: 61_000,
            reachable: true,
        }
    }

    fn waiting(call: u64, priority: u8) -> WaitingRow {
        WaitingRow {
            call: CallId(call),
            position: 1,
            language: Language::Kazakh,
            topic: Some("legal".into()),
            priority,
            waited_ms: 4_000,
            ringing: None,
        }
    }

    fn look() -> Look {
        let talk = TalkingRow {
            call: CallId(9),
            consultant: "dana".into(),
            language: Language::Russian,
            talked_ms: 5_000,
            on_hold: true,
            appeal: Some("2026-000003-1".into()),
            caller_sound: SoundRow { unheard: true, ..SoundRow::default() },
            consultant_sound: SoundRow { lamp: Some(Lamp::Fair), ..SoundRow::default() },
        };
        let board = Board {
            in_script: 1,
            waiting: (0..6).map(|n| waiting(n + 10, u8::from(n > 0))).collect(),
            talking: vec![talk],
            consultants: vec![
                person(1, "dana", &Language::ALL, Doing::Talking),
                person(2, "marat", &[Language::Kazakh], Doing::SignedOut),
            ],
            totals: Totals { arrived: 9, served: 3, served_in_time: 2, abandoned: 1, ..Totals::default() },
            ..Board::default()
        };
        let file = RecordingLine {
            call: "call-3".into(),
            length_ms: 12_300,
            appeal: Some("2026-000002-3".into()),
            file: "ab/ab0123.srec".into(),
        };
        Look {
            board,
            recordings: vec![file],
            recording_now: false,
            sip: "127.0.0.1:5060".into(),
            web: "http://x".into(),
            since_ms: 75_000,
            calls: 9,
        }
    }

    #[test]
    fn the_board_shows_who_waits_who_talks_and_what_was_recorded() {
        let lines = draw(&look());
        expect![[r#"
            SENIM demo  1:15   sip:127.0.0.1:5060   http://x
            in the menu 1   waiting 6   talking 1   with 1414 0   service level 50 %

            WAITING    lang  topic                waits  rings at
            call-10    kk    legal        URGENT   0:04  -
            call-11    kk    legal                 0:04  -
              and 4 more

            CONSULTANT lang  does          for  with
            dana       kk ru talks        1:01  call-9 ru  caller UNHEARD  he fair  ON HOLD
            marat      kk    signed out      -






            RECORDING  length  appeal         file
            call-3       0:12  2026-000002-3  ab/ab0123.srec


            calls 9  served 3  abandoned 1  to 1414 0  appeals 0  recordings 0  refused 0"#]]
        .assert_eq(&lines.join("\n"));
        assert_eq!(lines.len(), 22);
        assert!(lines.iter().all(|l| l.chars().count() <= WIDTH));
        assert_eq!(draw(&Look::default()).len(), lines.len(), "the board does not jump");
    }

    #[test]
    fn a_line_of_progress_says_the_same_shortly() {
        expect![" 1:15  menu 1  waiting 6  talking 1  1414 0  |  calls 9  served 3  abandoned 1  to 1414 0  appeals 0  recordings 0  refused 0"].assert_eq(&progress(&look()));
    }
}
