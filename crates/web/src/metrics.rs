//! Metrics in the Prometheus text format, drawn from the board. Labels are names of the configuration only: no person,
//! number or login is ever a label.

use core::fmt::Write;
use senim_switch::api::Board;
use senim_switch::facts::Doing;

/// The page.
pub(crate) fn page(board: &Board) -> String {
    let mut page = String::new();
    let t = &board.totals;
    let counters = [
        ("calls_arrived", "Calls that came in for the line", t.arrived),
        ("calls_answered", "Calls answered", t.answered),
        ("calls_queued", "Callers who asked for a human", t.queued),
        ("calls_served", "Callers who talked with a consultant", t.served),
        ("calls_served_in_time", "Of those, within the service level's time", t.served_in_time),
        ("calls_abandoned", "Callers who left while waiting", t.abandoned),
        ("calls_forwarded", "Callers joined to another centre", t.forwarded),
        ("calls_refused", "Calls refused before they were answered", t.refused),
        ("calls_refused_crowded", "Of those, for want of time: the machine is too small", t.refused_crowded),
        ("calls_refused_full", "Of those, since no media thread had room", t.refused_full),
        (
            "sound_one_way",
            "Times that a party was not heard for three seconds, or reported to hear nothing",
            t.one_way,
        ),
        ("sip_silenced", "SIP messages of strangers that got silence", t.sip_silenced),
        ("sip_turned_away", "SIP of strangers that found no room", t.sip_turned_away),
        ("sip_turned_away_known", "SIP of trunks and softphones that found no room", t.sip_turned_away_known),
        ("passwords_wrong", "Wrong passwords", t.passwords_wrong),
        ("passwords_unheard", "Passwords not looked at after too many wrong ones", t.passwords_unheard),
        ("appeals_registered", "Appeals registered", t.appeals),
        ("recordings_closed", "Recordings closed", t.recordings),
        ("facts_written", "The last fact's number", board.seq),
    ];
    for (name, help, value) in counters {
        put(&mut page, name, "counter", "_total", help, &[("", value)]);
    }
    let longest = board.waiting.iter().map(|w| w.waited_ms).max().unwrap_or(0);
    let gauges = [
        ("calls_in_script", "Calls in the script", u64::from(board.in_script)),
        ("callers_waiting", "Callers who wait for a human", board.waiting.len() as u64),
        ("longest_wait_milliseconds", "The longest wait now", longest),
        ("talks", "Talks", board.talking.len() as u64),
        (
            "media_busy_per_mille",
            "Share at work of the busiest media thread",
            u64::from(board.media.busy_per_mille),
        ),
        ("media_late_microseconds", "How late what is due is sent, on average", board.media.late_us),
        (
            "media_ring_per_mille",
            "How full the way to the recorder is",
            u64::from(board.media.ring_per_mille),
        ),
        ("media_talks_fit", "About how many talks the media threads hold", u64::from(board.media.calls_fit)),
        ("media_full", "1: no media thread has room for another call", u64::from(board.media.full.is_some())),
        ("draining", "1: the line takes no new calls", u64::from(board.draining)),
    ];
    for (name, help, value) in gauges {
        put(&mut page, name, "gauge", "", help, &[("", value)]);
    }
    let count =
        |which: fn(&Doing) -> bool| board.consultants.iter().filter(|c| which(&c.doing)).count() as u64;
    let doing = [
        ("state=\"ready\"", count(|d| *d == Doing::Ready)),
        ("state=\"offered\"", count(|d| *d == Doing::Offered)),
        ("state=\"talking\"", count(|d| *d == Doing::Talking)),
        ("state=\"wrap_up\"", count(|d| *d == Doing::WrapUp)),
        ("state=\"break\"", count(|d| matches!(d, Doing::Break(_)))),
        ("state=\"no_answer\"", count(|d| *d == Doing::NoAnswer)),
        ("state=\"unreachable\"", count(|d| *d == Doing::Unreachable)),
        ("state=\"busy\"", count(|d| *d == Doing::Busy)),
        ("state=\"signed_out\"", count(|d| *d == Doing::SignedOut)),
    ];
    put(&mut page, "consultants", "gauge", "", "Consultants by what they do", &doing);
    let label = |name: &str| format!("trunk=\"{}\"", name.replace(['"', '\\', '\n'], "_"));
    let alive: Vec<(String, u64)> =
        board.trunks.iter().map(|t| (label(&t.name), u64::from(t.alive))).collect();
    let calls: Vec<(String, u64)> =
        board.trunks.iter().map(|t| (label(&t.name), u64::from(t.calls))).collect();
    put(&mut page, "trunk_alive", "gauge", "", "1: the trunk answers its probes", &alive);
    let refused: Vec<(String, u64)> = board.trunks.iter().map(|t| (label(&t.name), t.refused)).collect();
    put(&mut page, "trunk_refused", "counter", "_total", "Calls of the trunk that were refused", &refused);
    let registered: Vec<(String, u64)> =
        board.registrations.iter().map(|r| (label(&r.trunk), u64::from(r.up))).collect();
    put(&mut page, "trunk_registered", "gauge", "", "1: the carrier knows the line", &registered);
    put(&mut page, "trunk_calls", "gauge", "", "Live calls on the trunk", &calls);
    page
}

fn put<L: AsRef<str>>(page: &mut String, name: &str, kind: &str, end: &str, help: &str, values: &[(L, u64)]) {
    // Writing to a string cannot fail.
    let _ = writeln!(page, "# HELP senim_{name}{end} {help}\n# TYPE senim_{name}{end} {kind}");
    for (label, value) in values {
        let label = label.as_ref();
        let _ = match label {
            "" => writeln!(page, "senim_{name}{end} {value}"),
            _ => writeln!(page, "senim_{name}{end}{{{label}}} {value}"),
        };
    }
}
