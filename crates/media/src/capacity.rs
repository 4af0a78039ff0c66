//! Whether another call has room among those that are in: told by what the media threads were at work, by how late they
//! were and by how full their way to the recorder is (FEATURES H3). Nobody who is in may lose a packet to one who comes.
//!
//! A call that was let in is not felt at once, so it counts at its dearest until it is, or until it has left again; and by
//! the share of calls that stay so long, of late. What a packet costs is measured at the start and learned again from whoever
//! is in. Time that signalling takes does not count: `senim_sip::Pressure` is its rule.

use core::time::Duration;

/// A call's dearest: packets a second that come and go when two parties talk.
const CALL_PACKETS: u32 = 200;
/// … and of one party, when a line plays to it.
const LONE_PACKETS: u32 = 100;
/// Time at work that is used, in parts of a million; beyond, packets wait for packets.
const SHARE_MAX: u32 = 920_000;
/// Calls are taken again at this share.
const SHARE_EASED: u32 = 900_000;
/// What is due is late by so much on average in an overloaded worker, for so many reports in a row.
const LATE_MAX: Duration = Duration::from_millis(5);
const LATE_REPORTS: u32 = 3;
/// … and by less than this in one that is not overloaded any more.
const LATE_EASED: Duration = Duration::from_millis(2);
/// A ring to the recorder that is as full as this will lose sound soon, in per mille; and is well again at this.
const RING_MAX: u32 = 500;
const RING_EASED: u32 = 250;
/// From this share of a media thread on the whole program's time is theirs: below, it is signalling's, which has a rule
/// of its own.
const OURS_FROM: u32 = 500_000;
/// Reports after which a call that was let in is felt: two seconds of four reports each.
const UNFELT_REPORTS: usize = 8;
/// Of a thousand calls so many at least count as staying until they are felt, however short calls were of late.
const STAY_MIN: u32 = 100;
/// Costs are learned from reports with so many packets a second at least: below, waking is what costs.
const LEARNED_FROM: u32 = 5_000;
/// A packet's cost in nanoseconds until one was measured, and the bounds of what is believed.
const COST_NS: u32 = 4_000;
const COST_NS_MIN: u32 = 500;
const COST_NS_MAX: u32 = 100_000;

/// What the media threads did since the last report; a report each quarter of a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Media threads.
    pub workers: u32,
    /// Share of its time that the busiest of them was at work, in parts of a million.
    pub busiest: u32,
    /// Share of the processors it may use that the whole program used, in parts of a million.
    pub program: u32,
    /// Packets that came and went, a second.
    pub packets: u32,
    /// How late what was due was done, on average.
    pub late: Duration,
    /// How full the fullest ring to the recorder was, in per mille.
    pub ring: u32,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// The media threads are at work as much as they may be.
    Work,
    /// What is due is late.
    Late,
    /// The recorder does not keep up.
    Recorder,
}

impl Full {
    /// For a fact and the log.
    pub const fn why(self) -> &'static str {
        match self {
            Full::Work => "the media threads have no room for another call",
            Full::Late => "the media threads are late",
            Full::Recorder => "the recorder does not keep up",
        }
    }
}

/// That a call was let in, and when; to be given back as it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(u64);

/// The rule.
#[derive(Clone, Debug, Default)]
pub struct Capacity {
    load: Load,
    /// Share at work, smoothed over a second or so: a moment's rush is no reason to refuse anybody.
    share: u32,
    /// Nanoseconds of a packet; 0: not measured yet.
    cost_ns: u32,
    /// Reports that were heard.
    reports: u64,
    /// Calls that were let in since each of the last reports and are still there, the newest first.
    unfelt: [u32; UNFELT_REPORTS],
    /// Calls let in by the same report, whatever became of them.
    entered: [u32; UNFELT_REPORTS],
    /// Of a thousand who came, so many left before they were felt, of late.
    leave: u32,
    /// Talks that may begin between parties that are in.
    joins: u32,
    late_reports: u32,
    full: Option<Full>,
}

impl Capacity {
    /// What a packet of a worker costs, measured on an idle machine.
    pub fn measured(&mut self, ns: u32) {
        self.cost_ns = ns.clamp(COST_NS_MIN, COST_NS_MAX);
    }

    /// Takes a report. `joins`: how many talks may begin between callers and consultants who are there.
    pub fn heard(&mut self, load: Load, joins: u32) {
        (self.load, self.joins) = (load, joins);
        let share = if load.busiest < OURS_FROM { load.busiest } else { load.busiest.max(load.program) };
        self.share = self.share / 2 + share.min(2_000_000) / 2;
        self.reports += 1;
        self.turn();
        if load.packets >= LEARNED_FROM {
            // All workers' packets and one worker's work: right when calls are spread evenly, too dear when not.
            let work_ns = u64::from(load.busiest) * u64::from(load.workers.max(1)) * 1_000;
            let heard = u32::try_from(work_ns / u64::from(load.packets)).unwrap_or(COST_NS_MAX);
            let old = if self.cost_ns == 0 { heard } else { self.cost_ns };
            self.cost_ns = ((u64::from(old) * 7 + u64::from(heard)) / 8) as u32;
            self.cost_ns = self.cost_ns.clamp(COST_NS_MIN, COST_NS_MAX);
        }
        self.late_reports = if load.late > LATE_MAX { self.late_reports + 1 } else { 0 };
        let stays = |why| self.full == Some(why);
        self.full = if self.late_reports >= LATE_REPORTS || stays(Full::Late) && load.late > LATE_EASED {
            Some(Full::Late)
        } else if load.ring > RING_MAX || stays(Full::Recorder) && load.ring > RING_EASED {
            Some(Full::Recorder)
        } else {
            self.full.filter(|why| *why == Full::Work && self.forecast(1) > SHARE_EASED)
        };
    }

    /// A report's time is over: whoever came before the last ones is felt now.
    fn turn(&mut self) {
        self.unfelt.rotate_right(1);
        self.entered.rotate_right(1);
        let newest = (self.unfelt.first_mut(), self.entered.first_mut());
        let (Some(unfelt), Some(entered)) = newest else { return };
        let (stayed, came) = (core::mem::take(unfelt), core::mem::take(entered));
        if let Some(left) = (u64::from(came.saturating_sub(stayed)) * 1_000).checked_div(u64::from(came)) {
            self.leave = (self.leave * 3 + left as u32) / 4;
        }
    }

    /// May another call enter? If so it counts from now on.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&mut self) -> Result<Entry, Full> {
        if self.full.is_none() && self.forecast(1) > SHARE_MAX {
            self.full = Some(Full::Work);
        }
        if let Some(why) = self.full {
            return Err(why);
        }
        for newest in [&mut self.unfelt, &mut self.entered].into_iter().filter_map(|all| all.first_mut()) {
            *newest = newest.saturating_add(1);
        }
        Ok(Entry(self.reports))
    }

    /// A call left. Who leaves before it was felt was never dear: thousands may come and go in a second.
    pub fn left(&mut self, Entry(report): Entry) {
        let at = usize::try_from(self.reports.saturating_sub(report)).unwrap_or(usize::MAX);
        if let Some(entered) = self.unfelt.get_mut(at) {
            *entered = entered.saturating_sub(1);
        }
    }

    /// There is no room at the moment, and why.
    pub fn is_full(&self) -> Option<Full> {
        self.full
    }

    /// About how many calls at their dearest all workers hold, those that are in among them.
    pub fn calls(&self) -> u32 {
        let call_ns = u64::from(CALL_PACKETS) * u64::from(self.cost());
        let calls = u64::from(SHARE_MAX) * 1_000 * u64::from(self.load.workers.max(1)) / call_ns.max(1);
        u32::try_from(calls).unwrap_or(u32::MAX)
    }

    /// The last report.
    pub fn load(&self) -> Load {
        self.load
    }

    fn cost(&self) -> u32 {
        if self.cost_ns == 0 { COST_NS } else { self.cost_ns }
    }

    /// The share at work, in parts of a million, once all who are in are felt, those who may join have joined, and so
    /// many more calls came.
    fn forecast(&self, more: u32) -> u32 {
        let stay = u64::from((1_000 - self.leave).max(STAY_MIN));
        let calls = u64::from(self.unfelt.iter().sum::<u32>()) * stay / 1_000 + u64::from(more);
        let packets = calls * u64::from(CALL_PACKETS) + u64::from(self.joins) * u64::from(LONE_PACKETS);
        let work = packets * u64::from(self.cost()) / 1_000 / u64::from(self.load.workers.max(1));
        self.share.saturating_add(u32::try_from(work).unwrap_or(u32::MAX))
    }
}

/// How often the edge reports; [`Load`].
pub const REPORT_EVERY: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose calls cost so much, each felt two reports after it was let in.
    struct Machine {
        rule: Capacity,
        calls: u32,
        felt: u32,
        call_ppm: u32,
        workers: u32,
    }

    impl Machine {
        fn new(call_ppm: u32, workers: u32) -> Machine {
            let mut rule = Capacity::default();
            rule.measured(call_ppm * 5);
            Machine { rule, calls: 0, felt: 0, call_ppm, workers }
        }

        /// A quarter of a second in which so many knock; how many were let in.
        fn quarter(&mut self, knocks: u32) -> u32 {
            let share = self.felt * self.call_ppm / self.workers;
            let load = Load {
                workers: self.workers,
                busiest: share,
                program: share,
                packets: self.felt * CALL_PACKETS,
                ..Load::default()
            };
            self.rule.heard(load, 0);
            self.felt = self.calls;
            let before = self.calls;
            for _ in 0..knocks {
                self.calls += u32::from(self.rule.admit().is_ok());
            }
            self.calls - before
        }

        fn quarters(&mut self, quarters: u32, knocks: u32) {
            for _ in 0..quarters {
                self.quarter(knocks);
            }
        }

        fn share(&self) -> u32 {
            self.calls * self.call_ppm / self.workers
        }
    }

    /// FEATURES H3.
    #[test]
    fn a_rush_of_twice_what_fits_fills_nine_tenths_and_no_more_than_may_be() {
        for (call_ppm, workers) in [(700, 1), (700, 2), (5_000, 1), (20_000, 4)] {
            let mut machine = Machine::new(call_ppm, workers);
            let fits = workers * 1_000_000 / call_ppm;
            // Two of them in a minute, as a burst, then as a trickle.
            machine.quarter(fits);
            for _ in 0..240 {
                machine.quarter(fits.div_ceil(240));
                assert!(machine.share() <= SHARE_MAX, "{call_ppm} {workers}");
            }
            assert!(machine.share() >= SHARE_EASED - call_ppm, "{call_ppm} {workers}: {}", machine.share());
            assert!(machine.rule.is_full().is_some());
        }
    }

    #[test]
    fn room_that_is_given_back_is_given_again() {
        let mut machine = Machine::new(1_000, 1);
        machine.quarters(60, 100);
        assert_eq!(machine.rule.admit(), Err(Full::Work));
        machine.calls -= 100;
        assert!(machine.share() < SHARE_EASED - 50_000);
        machine.quarters(60, 100);
        assert!((SHARE_EASED - 1_000..=SHARE_MAX).contains(&machine.share()), "{}", machine.share());
    }

    /// PEERS W3: five thousand a second who hang up at once are no load to the media threads.
    #[test]
    fn whoever_left_before_he_was_felt_takes_no_room_from_the_next() {
        let mut rule = Capacity::default();
        rule.measured(4_000);
        for _ in 0..40 {
            rule.heard(Load { workers: 1, ..Load::default() }, 0);
            // Each stays for as long as the next two hundred take to come.
            let mut there = std::collections::VecDeque::new();
            for _ in 0..1_250 {
                there.push_back(rule.admit().unwrap());
                if there.len() > 200 {
                    rule.left(there.pop_front().unwrap());
                }
            }
            there.into_iter().for_each(|entry| rule.left(entry));
        }
        // Two thousand at once, where nobody stayed of late; and no more than ten times what stays.
        let burst = std::iter::from_fn(|| rule.admit().ok()).take(20_000).count();
        assert!((2_000..12_000).contains(&burst), "{burst}");
        // A call that leaves late was felt already, and gives nothing back twice.
        let (mut rule, mut early) = (Capacity::default(), Vec::new());
        while let Ok(entry) = rule.admit() {
            early.push(entry);
        }
        (0..UNFELT_REPORTS).for_each(|_| rule.heard(Load { workers: 1, ..Load::default() }, 0));
        let late = std::iter::from_fn(|| rule.admit().ok()).count();
        assert_eq!(late, early.len());
        early.into_iter().for_each(|entry| rule.left(entry));
        rule.heard(Load { workers: 1, ..Load::default() }, 0);
        assert_eq!(rule.admit(), Err(Full::Work));
    }

    #[test]
    fn what_a_packet_costs_is_learned_from_those_who_are_in() {
        let mut rule = Capacity::default();
        let before = rule.calls();
        // Twice as dear as was measured.
        rule.measured(4_000);
        assert_eq!(rule.calls(), before);
        let load =
            Load { workers: 1, busiest: 400_000, program: 400_000, packets: 50_000, ..Load::default() };
        (0..40).for_each(|_| rule.heard(load, 0));
        assert!(rule.calls() * 2 <= before + 8, "{} of {before}", rule.calls());
        // Few packets wake a worker for each: that says nothing of many.
        (0..40).for_each(|_| rule.heard(Load { busiest: 90_000, packets: 1_000, ..load }, 0));
        assert!(rule.calls() * 2 <= before + 8);
    }

    #[test]
    fn one_late_report_is_a_hiccup_and_three_are_not() {
        let mut rule = Capacity::default();
        let late = |ms| Load { workers: 1, late: Duration::from_millis(ms), ..Load::default() };
        for ms in [50, 50, 0, 50, 50] {
            rule.heard(late(ms), 0);
            assert!(rule.admit().is_ok());
        }
        rule.heard(late(6), 0);
        assert_eq!(rule.admit(), Err(Full::Late));
        rule.heard(late(3), 0);
        assert_eq!(rule.admit(), Err(Full::Late), "not well yet");
        rule.heard(late(2), 0);
        assert!(rule.admit().is_ok());
    }

    #[test]
    fn a_recorder_that_falls_behind_takes_no_further_call() {
        let mut rule = Capacity::default();
        let ring = |ring| Load { workers: 1, ring, ..Load::default() };
        for (full, room) in [(500, true), (501, false), (251, false), (250, true)] {
            rule.heard(ring(full), 0);
            assert_eq!(rule.admit().is_ok(), room, "{full}");
        }
    }

    #[test]
    fn what_signalling_works_at_is_not_the_media_threads_matter_until_they_are_busy() {
        let mut rule = Capacity::default();
        let load = |busiest| Load { workers: 1, busiest, program: 1_000_000, ..Load::default() };
        (0..20).for_each(|_| rule.heard(load(OURS_FROM - 1), 0));
        assert!(rule.admit().is_ok());
        rule.heard(load(OURS_FROM), 0);
        assert!(rule.admit().is_ok(), "a moment");
        (0..20).for_each(|_| rule.heard(load(OURS_FROM), 0));
        assert_eq!(rule.admit(), Err(Full::Work));
    }

    #[test]
    fn callers_whom_a_consultant_is_free_for_count_as_talks() {
        let mut rule = Capacity::default();
        rule.measured(5_000);
        let load = Load { workers: 1, busiest: 700_000, ..Load::default() };
        (0..20).for_each(|_| rule.heard(load, 0));
        assert!(rule.admit().is_ok());
        // 500 joins of 100 packets of 5 µs are a quarter of the time.
        rule.heard(load, 500);
        assert_eq!(rule.admit(), Err(Full::Work));
    }
}
