//! The machine: its limits and its clock.

use super::Finding;
use super::sound::{PORTS_A_CALL, calls_allowed, calls_of};
use crate::config::Plan;
use crate::desk::wall_now;
use senim_base::{Civil, WallTime};
use senim_store::lock::{FolderLock, LockFault};
use std::fs;
use std::process::Command;

/// Descriptors that a line needs beside its sound ports: SIP connections, files, threads' own.
const DESCRIPTORS_BESIDE: usize = 1_024;
/// What the SIP sockets ask of the kernel for datagrams that wait.
const RECEIVE_BUFFER: u64 = 4 << 20;
/// A clock of a peer may differ so far, seconds; then whose is wrong is worth a look.
const SKEW_S_MAX: i64 = 5;

/// What the system lets the line have.
pub(super) fn limits(plan: &Plan, running: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let pid = running.then(|| pid(plan)).flatten();
    let whose = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let wanted = PORTS_A_CALL * calls_allowed(plan).min(calls_of(plan)) + DESCRIPTORS_BESIDE;
    let files = fs::read_to_string(format!("/proc/{whose}/limits")).ok();
    findings.extend(files.and_then(|text| descriptors(&text, wanted)));
    if let Ok(text) = fs::read_to_string("/proc/sys/net/core/rmem_max") {
        findings.extend(text.trim().parse().ok().map(receive_buffer));
    }
    findings
}

fn pid(plan: &Plan) -> Option<u32> {
    match FolderLock::take(&plan.data) {
        Err(LockFault::Held { pid, .. }) => pid,
        _ => None,
    }
}

fn descriptors(limits: &str, wanted: usize) -> Option<Finding> {
    let line = limits.lines().find(|l| l.starts_with("Max open files"))?;
    let soft = line.split_whitespace().nth(3)?;
    let what = "open files";
    let found = format!("{soft} may be open; all calls at once need {wanted}");
    let enough = soft == "unlimited" || soft.parse::<usize>().is_ok_and(|n| n >= wanted);
    Some(match enough {
        true => Finding::ok(what, found),
        false => {
            let mend = format!(
                "write LimitNOFILE={wanted} into the service, or `ulimit -n {wanted}` before `senim serve`"
            );
            Finding::warn(what, found, mend)
        }
    })
}

fn receive_buffer(max: u64) -> Finding {
    let what = "udp buffer";
    let found = format!("net.core.rmem_max is {max} bytes; the line asks for {RECEIVE_BUFFER}");
    match max >= RECEIVE_BUFFER {
        true => Finding::ok(what, found),
        false => {
            let mend = format!(
                "a burst of calls may be lost; write net.core.rmem_max = {RECEIVE_BUFFER} into /etc/sysctl.d"
            );
            Finding::warn(what, found, mend)
        }
    }
}

/// The calendar: set by somebody, near the trunks' own, and the place of the line.
pub(super) fn clock(plan: &Plan, dates: &[String]) -> Vec<Finding> {
    let offset = plan.config.line.utc_offset_minutes;
    let now = wall_now();
    let local: String =
        now.rfc3339(offset).chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect();
    let sign = if offset < 0 { '-' } else { '+' };
    let zone = format!("{local} at UTC{sign}{}:{:02}", offset.abs() / 60, offset.abs() % 60);
    let mut findings = vec![synchronised(&zone, said_by_timedatectl().as_deref())];
    findings.extend(dates.iter().filter_map(|d| skew(now, d)));
    findings
}

fn said_by_timedatectl() -> Option<String> {
    let done =
        Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"]).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn synchronised(zone: &str, ntp: Option<&str>) -> Finding {
    let what = "clock";
    let mend = "run chrony or systemd-timesyncd: times of calls and recordings are evidence";
    match ntp {
        Some("yes") => Finding::ok(what, format!("{zone}, synchronised")),
        Some(_) => Finding::warn(what, format!("{zone}, not synchronised"), mend),
        None => {
            Finding::warn(what, format!("{zone}; this system does not tell whether it is synchronised"), mend)
        }
    }
}

fn skew(now: WallTime, date: &str) -> Option<Finding> {
    let theirs = http_date(date)?;
    let seconds = (now.unix_millis() - theirs.unix_millis()) / 1_000;
    let found = format!("{} s {} a trunk's", seconds.abs(), if seconds < 0 { "behind" } else { "before" });
    Some(match seconds.abs() <= SKEW_S_MAX {
        true => Finding::ok("clock beside", found),
        false => Finding::warn("clock beside", found, "one of the two is wrong; see the row `clock`"),
    })
}

/// `Sat, 13 Nov 2010 23:29:00 GMT` (RFC 3261 section 20.17).
fn http_date(text: &str) -> Option<WallTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = text.split([' ', ',', ':']).filter(|w| !w.is_empty()).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let civil = Civil {
        year: year.parse().ok()?,
        month: u8::try_from(month).ok()?,
        day: day.parse().ok()?,
        hour: hour.parse().ok()?,
        minute: minute.parse().ok()?,
        second: second.parse().ok()?,
        millisecond: 0,
    };
    WallTime::from_civil(civil, 0)
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn limits_are_told_on_both_sides() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(descriptors(text, 1_024).map(|f| f.verdict), Some(Verdict::Ok));
        let short = descriptors(text, 1_025).unwrap();
        assert!(short.verdict == Verdict::Warn && short.mend.unwrap().contains("LimitNOFILE=1025"));
        assert_eq!(receive_buffer(RECEIVE_BUFFER).verdict, Verdict::Ok);
        assert_eq!(receive_buffer(RECEIVE_BUFFER - 1).verdict, Verdict::Warn);
        assert_eq!(descriptors("nonsense", 1), None);
    }

    #[test]
    fn clocks_are_told_on_both_sides() {
        let now = http_date("Sat, 13 Nov 2010 23:29:05 GMT").unwrap();
        assert_eq!(now.unix_millis(), 1_289_690_945_000);
        assert_eq!(skew(now, "Sat, 13 Nov 2010 23:29:00 GMT").map(|f| f.verdict), Some(Verdict::Ok));
        let late = skew(now, "Sat, 13 Nov 2010 23:29:11 GMT").unwrap();
        assert_eq!((late.verdict, late.found.as_str()), (Verdict::Warn, "6 s behind a trunk's"));
        assert_eq!(skew(now, "yesterday"), None);
        let of = |ntp| synchronised("now", ntp).verdict;
        assert_eq!((of(Some("yes")), of(Some("no")), of(None)), (Verdict::Ok, Verdict::Warn, Verdict::Warn));
    }
}
