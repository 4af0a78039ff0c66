//! Trunks: which ones answer, how many calls each carries, how many it may bring. A dead trunk is out of rotation
//! after a few failed probes and back after as many good ones (FEATURES T5); excess calls get 503 (T8).

use crate::settings::TrunkSettings;
use core::time::Duration;
use senim_base::Instant;
use senim_sip::{Endpoint, Flow, RequestId};
use std::collections::BTreeMap;

/// One trunk's state.
#[derive(Clone, Debug)]
struct Trunk {
    settings: TrunkSettings,
    alive: bool,
    turning: u32,
    calls: u32,
    window: Instant,
    in_window: u32,
    next_probe: Option<Instant>,
    probing: Option<RequestId>,
}

/// All trunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trunks {
    by_rank: Vec<Trunk>,
    probes: BTreeMap<RequestId, usize>,
}

/// Why a trunk's call is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Excess {
    /// Too many live calls.
    Calls,
    /// Too many new calls in this second.
    Rate,
}

impl Trunks {
    pub(crate) fn new(settings: &[TrunkSettings], now: Instant) -> Self {
        let by_rank = settings
            .iter()
            .map(|s| Trunk {
                settings: s.clone(),
                alive: true,
                turning: 0,
                calls: 0,
                window: now,
                in_window: 0,
                next_probe: s.probe_every.and(s.flow).map(|_| now),
                probing: None,
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

    /// A call left the trunk.
    pub(crate) fn left(&mut self, name: &str) {
        if let Some(t) = self.named(name) {
            t.calls = t.calls.saturating_sub(1);
        }
    }

    /// The settings of a trunk that can carry a call out now: the wanted one, or else the next alive in rank.
    pub(crate) fn out(&self, wanted: &str) -> Option<(&TrunkSettings, Flow)> {
        let usable = |t: &&Trunk| t.alive && t.calls < t.settings.calls_max;
        let first = self.by_rank.iter().filter(usable).find(|t| t.settings.name == wanted);
        let any = || self.by_rank.iter().filter(usable).find(|t| t.settings.flow.is_some());
        let t = first.or_else(any)?;
        Some((&t.settings, t.settings.flow?))
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

    /// Sends the probes that are due.
    pub(crate) fn probe(&mut self, sip: &mut Endpoint, now: Instant) {
        for (rank, t) in self.by_rank.iter_mut().enumerate() {
            let (Some(due), Some(flow), Some(every)) =
                (t.next_probe, t.settings.flow, t.settings.probe_every)
            else {
                continue;
            };
            if due > now || t.probing.is_some() {
                continue;
            }
            t.next_probe = Some(now + every);
            let request = sip.options(flow, format!("sip:{}", t.settings.host), now);
            t.probing = Some(request);
            self.probes.insert(request, rank);
        }
    }

    /// A probe was answered (any answer is a sign of life) or not. Returns the trunk's name when it turned.
    pub(crate) fn probed(&mut self, request: RequestId, answered: bool) -> Option<(String, bool)> {
        let rank = self.probes.remove(&request)?;
        let t = self.by_rank.get_mut(rank)?;
        t.probing = None;
        if answered == t.alive {
            t.turning = 0;
            return None;
        }
        t.turning += 1;
        if t.turning < t.settings.probes_to_turn {
            return None;
        }
        t.turning = 0;
        t.alive = answered;
        Some((t.settings.name.clone(), answered))
    }

    /// When the next probe is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.by_rank.iter().filter(|t| t.probing.is_none()).filter_map(|t| t.next_probe).min()
    }

    /// Name, alive, calls of each.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, bool, u32)> {
        self.by_rank.iter().map(|t| (t.settings.name.as_str(), t.alive, t.calls))
    }

    fn named(&mut self, name: &str) -> Option<&mut Trunk> {
        self.by_rank.iter_mut().find(|t| t.settings.name == name)
    }
}
