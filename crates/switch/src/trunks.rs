//! Trunks: which ones answer, how many calls each carries, how many it may bring, and by which one a call goes out. A
//! dead target is out of rotation after a few missing answers and back after as many good ones (FEATURES T5); excess
//! calls get 503 (T8); a call that one way refuses goes out by the next (RFC 3263 section 4.3).

use crate::settings::TrunkSettings;
use core::time::Duration;
use senim_base::{Entropy, Instant};
use senim_sip::{Endpoint, Flow, RequestId};
use std::collections::BTreeMap;

/// Targets of one trunk at most; what resolution found beyond is left out.
pub const TARGETS_MAX: usize = 16;
/// Longest rest that a `Retry-After` gives a target: one header must not shut the way out for a day.
const REST_MAX: Duration = Duration::from_secs(600);

/// One address of a trunk.
#[derive(Clone, Debug)]
struct Target {
    flow: Flow,
    alive: bool,
    /// Answers in a row that say the contrary of `alive`.
    turning: u32,
    probing: Option<RequestId>,
    /// It asked for this much peace (`Retry-After`).
    rests_until: Option<Instant>,
}

/// One trunk's state.
#[derive(Clone, Debug)]
struct Trunk {
    settings: TrunkSettings,
    targets: Vec<Target>,
    calls: u32,
    window: Instant,
    in_window: u32,
    /// Calls refused since the program started, and what a fact said last of it, when.
    refused: u64,
    refusal_told: Option<(u16, Instant)>,
    next_probe: Option<Instant>,
}

/// All trunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trunks {
    by_rank: Vec<Trunk>,
    probes: BTreeMap<RequestId, (usize, Flow)>,
}

/// Why a trunk's call is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Excess {
    /// Too many live calls.
    Calls,
    /// Too many new calls in this second.
    Rate,
}

/// A way out: a trunk, and which of its targets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Way {
    pub(crate) trunk: String,
    pub(crate) flow: Flow,
}

/// A trunk of this name answers its probes now, or does no longer.
pub(crate) type Turned = (String, bool);

impl Excess {
    /// In the words of a fact.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Excess::Calls => "the trunk brings more calls at once than it may",
            Excess::Rate => "the trunk brings more calls a second than it may",
        }
    }
}

impl Target {
    fn new(flow: Flow) -> Self {
        Target { flow, alive: true, turning: 0, probing: None, rests_until: None }
    }

    fn usable(&self, now: Instant) -> bool {
        self.alive && self.rests_until.is_none_or(|until| until <= now)
    }

    /// A probe told whether it lives.
    fn heard(&mut self, answered: bool, probes_to_turn: u32) {
        self.probing = None;
        if answered == self.alive {
            self.turning = 0;
            return;
        }
        self.turning += 1;
        if self.turning >= probes_to_turn {
            self.turning = 0;
            self.alive = answered;
        }
    }
}

impl Trunk {
    fn alive(&self) -> bool {
        self.targets.is_empty() || self.targets.iter().any(|t| t.alive)
    }

    /// Its first target that can carry a call and was not tried for it.
    fn next(&self, tried: &[Way], now: Instant) -> Option<Flow> {
        let fresh = |t: &&Target| !tried.iter().any(|w| w.trunk == self.settings.name && w.flow == t.flow);
        let room = self.calls < self.settings.calls_max;
        self.targets.iter().filter(|t| room && t.usable(now)).find(fresh).map(|t| t.flow)
    }

    fn way(&self, tried: &[Way], now: Instant) -> Option<Way> {
        Some(Way { trunk: self.settings.name.clone(), flow: self.next(tried, now)? })
    }
}

impl Trunks {
    pub(crate) fn new(settings: &[TrunkSettings], now: Instant) -> Self {
        let by_rank = settings
            .iter()
            .map(|s| Trunk {
                settings: s.clone(),
                targets: s.targets.iter().take(TARGETS_MAX).map(|f| Target::new(*f)).collect(),
                calls: 0,
                window: now,
                in_window: 0,
                refused: 0,
                refusal_told: None,
                next_probe: s.probe_every.map(|_| now),
            })
            .collect();
        Trunks { by_rank, probes: BTreeMap::new() }
    }

    /// A call wants in. Counts it unless it is refused.
    pub(crate) fn admit(&mut self, name: &str, now: Instant) -> Result<(), Excess> {
        let Some(t) = self.named(name) else { return Ok(()) };
        if t.calls >= t.settings.calls_max {
            return Err(Excess::Calls);
        }
        if now.since(t.window) >= Duration::from_secs(1) {
            t.window = now;
            t.in_window = 0;
        }
        if t.in_window >= t.settings.calls_per_second_max {
            return Err(Excess::Rate);
        }
        t.in_window += 1;
        t.calls += 1;
        Ok(())
    }

    /// Counts a refused call. Gives the count so far, for a fact: once a second at most as long as the status is the
    /// same, so that a flood cannot fill the journal.
    pub(crate) fn refused(&mut self, name: &str, status: u16, now: Instant) -> Option<u64> {
        let t = self.named(name)?;
        t.refused += 1;
        if t.refusal_told.is_some_and(|(s, at)| s == status && now.since(at) < Duration::from_secs(1)) {
            return None;
        }
        t.refusal_told = Some((status, now));
        Some(t.refused)
    }

    /// A call left the trunk.
    pub(crate) fn left(&mut self, name: &str) {
        if let Some(t) = self.named(name) {
            t.calls = t.calls.saturating_sub(1);
        }
    }

    /// The next way for a call that goes out: the trunk tried last as long as it has another target, then `first`,
    /// then those that may carry forwards, the lowest priority number first, by weight among equals (RFC 2782).
    pub(crate) fn way(&self, first: &str, tried: &[Way], now: Instant, entropy: &mut Entropy) -> Option<Way> {
        let last = tried.last().map(|w| w.trunk.as_str());
        for name in last.into_iter().chain([first]) {
            let trunk = self.by_rank.iter().find(|t| t.settings.name == name);
            if let Some(way) = trunk.and_then(|t| t.way(tried, now)) {
                return Some(way);
            }
        }
        let may = |t: &&Trunk| t.settings.forwards && t.next(tried, now).is_some();
        let best = self.by_rank.iter().filter(may).map(|t| t.settings.priority).min()?;
        let equals: Vec<&Trunk> =
            self.by_rank.iter().filter(may).filter(|t| t.settings.priority == best).collect();
        draw(&equals, entropy)?.way(tried, now)
    }

    /// Some way leads there now.
    pub(crate) fn leads(&self, first: &str, now: Instant) -> bool {
        let may = |t: &&Trunk| t.settings.forwards || t.settings.name == first;
        self.by_rank.iter().filter(may).any(|t| t.next(&[], now).is_some())
    }

    /// A target asked for peace: it is not used before (RFC 3261 section 21.5.4), [`REST_MAX`] at the longest.
    pub(crate) fn rest(&mut self, way: &Way, rest: Duration, now: Instant) {
        let target = self.named(&way.trunk).and_then(|t| t.targets.iter_mut().find(|t| t.flow == way.flow));
        if let Some(target) = target {
            target.rests_until = Some(now + rest.min(REST_MAX));
        }
    }

    /// A call goes out on a trunk.
    pub(crate) fn carry(&mut self, name: &str) {
        if let Some(t) = self.named(name) {
            t.calls += 1;
        }
    }

    /// The settings of a trunk by name.
    pub(crate) fn settings(&self, name: &str) -> Option<&TrunkSettings> {
        self.by_rank.iter().find(|t| t.settings.name == name).map(|t| &t.settings)
    }

    /// Where a trunk is to be found was asked again: these are its targets now, in order of preference. One that was
    /// known keeps what is known of it.
    pub(crate) fn retarget(&mut self, name: &str, targets: &[Flow]) -> Option<Turned> {
        let trunk = self.named(name)?;
        let before = trunk.alive();
        let mut known = core::mem::take(&mut trunk.targets);
        let keep = |flow: &Flow| {
            let at = known.iter().position(|t| t.flow == *flow);
            at.map_or_else(|| Target::new(*flow), |at| known.swap_remove(at))
        };
        trunk.targets = targets.iter().take(TARGETS_MAX).map(keep).collect();
        turned(trunk, before)
    }

    /// Sends the probes that are due. A target that still owes the answer to the last one has missed it.
    pub(crate) fn probe(&mut self, sip: &mut Endpoint, now: Instant) -> Vec<Turned> {
        let mut news = Vec::new();
        for (rank, t) in self.by_rank.iter_mut().enumerate() {
            let (Some(due), Some(every)) = (t.next_probe, t.settings.probe_every) else { continue };
            if due > now {
                continue;
            }
            t.next_probe = Some(now + every);
            let before = t.alive();
            for target in &mut t.targets {
                if let Some(missed) = target.probing {
                    self.probes.remove(&missed);
                    target.heard(false, t.settings.probes_to_turn);
                }
                let request = sip.options(target.flow, format!("sip:{}", t.settings.host), now);
                target.probing = Some(request);
                self.probes.insert(request, (rank, target.flow));
            }
            news.extend(turned(t, before));
        }
        news
    }

    /// A probe was answered (any answer is a sign of life) or not. Tells the trunk when it turned.
    pub(crate) fn probed(&mut self, request: RequestId, answered: bool) -> Option<Turned> {
        let (rank, flow) = self.probes.remove(&request)?;
        let t = self.by_rank.get_mut(rank)?;
        let before = t.alive();
        let turn = t.settings.probes_to_turn;
        t.targets.iter_mut().find(|t| t.flow == flow && t.probing == Some(request))?.heard(answered, turn);
        turned(t, before)
    }

    /// When the next probe is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.by_rank.iter().filter_map(|t| t.next_probe).min()
    }

    /// Name, alive, calls, refused calls of each.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, bool, u32, u64)> {
        self.by_rank.iter().map(|t| (t.settings.name.as_str(), t.alive(), t.calls, t.refused))
    }

    fn named(&mut self, name: &str) -> Option<&mut Trunk> {
        self.by_rank.iter_mut().find(|t| t.settings.name == name)
    }
}

fn turned(trunk: &Trunk, before: bool) -> Option<Turned> {
    let alive = trunk.alive();
    (alive != before).then(|| (trunk.settings.name.clone(), alive))
}

/// One of equals by weight. Weight 0 is drawn only among zeros.
fn draw<'t>(equals: &[&'t Trunk], entropy: &mut Entropy) -> Option<&'t Trunk> {
    let total: u32 = equals.iter().map(|t| u32::from(t.settings.weight)).sum();
    if total == 0 {
        return equals.first().copied();
    }
    let mut left = entropy.below(total);
    equals
        .iter()
        .find(|t| {
            let weight = u32::from(t.settings.weight);
            let drawn = left < weight;
            left = left.saturating_sub(weight);
            drawn
        })
        .copied()
}

#[cfg(test)]
pub(crate) mod tests;
