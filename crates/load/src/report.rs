//! What came of a run, for people and for programs.

use crate::cost::Cost;
use crate::leg::LegCounts;
use crate::stats::{Spread, per_cent};
use core::fmt;
use serde::Serialize;

/// Bounds within which a line “holds” (the goals' own words).
const LOSS_MAX_PER_CENT: f64 = 0.1;
const NOT_SENT_MAX_PER_CENT: f64 = 0.3;
const DEVIATION_P99_MAX_MS: f64 = 10.0;
const SET_UP_P99_MAX_MS: f64 = 500.0;
const FAILED_MAX_PER_CENT: f64 = 0.1;

/// A run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The work's name.
    pub work: String,
    /// Calls asked for (at a time).
    pub calls: u64,
    /// Seconds of the measured window, as it was.
    pub seconds: f64,
    /// Calls or registrations tried, answered, failed; of the failed, those refused with 503.
    pub tried: u64,
    /// See `tried`.
    pub answered: u64,
    /// See `tried`; a key that did not end its call counts too.
    pub failed: u64,
    /// See `tried`.
    pub refused_503: u64,
    /// Calls or registrations done a second of the window (signalling works).
    pub done_per_second: f64,
    /// Calls answered a second of the window (signalling works): what is left when more is asked for than can be done.
    pub answered_per_second: f64,
    /// Of the failed, those that nobody said a word about.
    pub silent: u64,
    /// INVITE to its refusal.
    pub refusal: Spread,
    /// Calls that the line did not end when 9 was keyed.
    pub keys_unheard: u64,
    /// INVITE to 200, or first REGISTER to 200.
    pub set_up: Spread,
    /// INVITE to the consultant's first packet at the caller.
    pub through: Spread,
    /// All legs together.
    pub sound: LegCounts,
    /// Of what the line numbered.
    pub loss_per_cent: f64,
    /// Of what the wall clock asked for.
    pub not_sent_per_cent: f64,
    /// Gaps of what is heard, against 20 ms.
    pub deviation: Spread,
    /// Other end's sending to arrival.
    pub latency: Spread,
    /// Our own lateness: where it is large, the measuring machine was too small and the run says nothing.
    pub own_lateness: Spread,
    /// The line's cost.
    pub line: Option<LineCost>,
    /// Our own processor time in the window, per cent of a core.
    pub own_cpu_per_cent: f64,
    /// Each call's legs: caller's, and consultant's where there is one.
    pub each: Vec<CallReport>,
}

/// One call.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallReport {
    /// INVITE to 200.
    pub set_up_ms: Option<f64>,
    /// The status that refused it; 408 when nothing came.
    pub refused: Option<u16>,
    /// The caller's leg.
    pub caller: Option<LegCounts>,
    /// The consultant's leg.
    pub consultant: Option<LegCounts>,
}

/// What the line's process cost.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct LineCost {
    /// Milliseconds of processor a second of a call; in signalling works a call or a registration.
    pub cpu_ms_per_unit: f64,
    /// Per cent of one core.
    pub cpu_per_cent: f64,
    /// Resident memory that came with a live call, kB.
    pub rss_kb_per_call: f64,
    /// Resident memory left a second after the last call, kB a call.
    pub left_behind_kb_per_call: f64,
    /// Resident memory before the first call, kB.
    pub rss_before_kb: u64,
    /// Threads before, and while calls ran.
    pub threads_before: u64,
    /// See `threads_before`.
    pub threads: u64,
}

impl LineCost {
    /// From looks before the first call, at the window's begin and end, and after the last call. `units` is calls
    /// times seconds, or calls done; `calls` those alive.
    pub fn of(
        before: Cost,
        begin: Cost,
        end: Cost,
        after: Cost,
        units: f64,
        calls: u64,
        seconds: f64,
    ) -> LineCost {
        let cpu = end.cpu_ms.saturating_sub(begin.cpu_ms) as f64;
        let kb = |cost: Cost| {
            if calls == 0 { 0.0 } else { (cost.rss_kb as f64 - before.rss_kb as f64) / calls as f64 }
        };
        LineCost {
            cpu_ms_per_unit: if units > 0.0 { cpu / units } else { 0.0 },
            cpu_per_cent: if seconds > 0.0 { cpu / seconds / 10.0 } else { 0.0 },
            rss_kb_per_call: kb(end),
            left_behind_kb_per_call: kb(after),
            rss_before_kb: before.rss_kb,
            threads_before: before.threads,
            threads: end.threads,
        }
    }
}

impl Report {
    /// Whether the line held, or the first bound it broke.
    pub fn broken(&self) -> Option<&'static str> {
        let failed = per_cent(self.failed, self.tried);
        let spoken = self.sound.expected > 0;
        let bounds = [
            (spoken && self.failed > 0, "a call failed"),
            (failed > FAILED_MAX_PER_CENT, "more than 0.1 % failed"),
            (!spoken && self.set_up.p99_ms >= SET_UP_P99_MAX_MS, "p99 of set-up is 500 ms or more"),
            (self.loss_per_cent >= LOSS_MAX_PER_CENT, "0.1 % of packets or more were lost"),
            (self.not_sent_per_cent >= NOT_SENT_MAX_PER_CENT, "0.3 % of packets or more were never sent"),
            (
                self.deviation.p99_ms >= DEVIATION_P99_MAX_MS,
                "p99 of the deviation from 20 ms is 10 ms or more",
            ),
        ];
        bounds.into_iter().find_map(|(broken, why)| broken.then_some(why))
    }

    /// Fills in what follows from the rest.
    pub(crate) fn finish(mut self) -> Report {
        let sum = |pick: fn(&LegCounts) -> u64| {
            self.each
                .iter()
                .flat_map(|c| [c.caller, c.consultant])
                .flatten()
                .map(|leg| pick(&leg))
                .sum::<u64>()
        };
        self.sound = LegCounts {
            sent: sum(|l| l.sent),
            received: sum(|l| l.received),
            lost: sum(|l| l.lost),
            not_sent: sum(|l| l.not_sent),
            expected: sum(|l| l.expected),
            lost_end_to_end: sum(|l| l.lost_end_to_end),
        };
        self.loss_per_cent = per_cent(self.sound.lost, self.sound.lost + self.sound.received);
        self.not_sent_per_cent = per_cent(self.sound.not_sent, self.sound.expected);
        self
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spread = |s: &Spread| format!("p50 {:.3}  p99 {:.3}  max {:.3} ms", s.p50_ms, s.p99_ms, s.max_ms);
        writeln!(f, "{}: {} calls, {:.1} s measured", self.work, self.calls, self.seconds)?;
        writeln!(
            f,
            "  tried {}  answered {}  failed {} (503: {}, silence: {})  keys unheard {}",
            self.tried, self.answered, self.failed, self.refused_503, self.silent, self.keys_unheard
        )?;
        writeln!(f, "  set-up      {}", spread(&self.set_up))?;
        if self.through.count > 0 {
            writeln!(f, "  through     {}", spread(&self.through))?;
        }
        if self.refusal.count > 0 {
            writeln!(f, "  refusal     {}", spread(&self.refusal))?;
        }
        if self.done_per_second > 0.0 {
            let (answered, done) = (self.answered_per_second, self.done_per_second);
            writeln!(f, "  a second    answered {answered:.0}  done {done:.0}")?;
        }
        if self.sound.expected > 0 {
            let s = &self.sound;
            writeln!(
                f,
                "  packets     sent {}  received {}  end-to-end lost {}",
                s.sent, s.received, s.lost_end_to_end
            )?;
            writeln!(
                f,
                "  lost        {:.3} %   never sent {:.3} %",
                self.loss_per_cent, self.not_sent_per_cent
            )?;
            writeln!(f, "  off 20 ms   {}", spread(&self.deviation))?;
            writeln!(f, "  own late    {}", spread(&self.own_lateness))?;
        }
        if self.latency.count > 0 {
            writeln!(f, "  one way     {}", spread(&self.latency))?;
        }
        if let Some(line) = &self.line {
            writeln!(
                f,
                "  the line    {:.3} CPU-ms a unit  {:.1} % of a core  {:.1} kB a call  {:.1} kB left a call  \
                 {} -> {} threads",
                line.cpu_ms_per_unit,
                line.cpu_per_cent,
                line.rss_kb_per_call,
                line.left_behind_kb_per_call,
                line.threads_before,
                line.threads
            )?;
        }
        writeln!(f, "  ourselves   {:.1} % of a core", self.own_cpu_per_cent)?;
        match self.broken() {
            None => writeln!(f, "  holds"),
            Some(why) => writeln!(f, "  DOES NOT HOLD: {why}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(received: u64, lost: u64, not_sent: u64) -> Report {
        let leg = LegCounts {
            received,
            lost,
            not_sent,
            expected: received + lost + not_sent,
            ..LegCounts::default()
        };
        let each = vec![CallReport { caller: Some(leg), ..CallReport::default() }];
        Report { tried: 1, answered: 1, each, ..Report::default() }.finish()
    }

    #[test]
    fn each_bound_breaks_and_only_beyond_it() {
        assert_eq!(run(100_000, 99, 290).broken(), None);
        assert_eq!(run(100_000, 101, 0).broken(), Some("0.1 % of packets or more were lost"));
        assert_eq!(run(100_000, 0, 310).broken(), Some("0.3 % of packets or more were never sent"));
        let uneven = Spread { p99_ms: 10.0, ..Spread::default() };
        assert!(Report { deviation: uneven, ..run(1_000, 0, 0) }.broken().is_some());
        assert_eq!(Report { failed: 1, ..run(1_000, 0, 0) }.broken(), Some("a call failed"));
        let signalling = Report { tried: 10_000, failed: 10, ..Report::default() };
        assert_eq!(signalling.broken(), None);
        assert!(Report { failed: 11, ..signalling.clone() }.broken().is_some());
        let slow = Spread { p99_ms: 500.0, ..Spread::default() };
        assert!(Report { set_up: slow, ..signalling }.broken().is_some());
    }

    #[test]
    fn cost_is_told_by_call_and_second() {
        let look = |cpu_ms, rss_kb| Cost { cpu_ms, rss_kb, threads: 3 };
        let line = LineCost::of(
            look(0, 1_000),
            look(100, 2_000),
            look(1_100, 4_000),
            look(1_200, 900),
            1_000.0,
            100,
            10.0,
        );
        assert_eq!((line.cpu_ms_per_unit, line.cpu_per_cent, line.rss_kb_per_call), (1.0, 10.0, 30.0));
        assert_eq!(line.left_behind_kb_per_call, -1.0);
        assert_eq!(
            LineCost::of(Cost::default(), Cost::default(), Cost::default(), Cost::default(), 0.0, 0, 0.0)
                .cpu_ms_per_unit,
            0.0
        );
    }
}
