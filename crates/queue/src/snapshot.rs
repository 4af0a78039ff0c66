//! The queue at one moment, for boards.

use crate::{ConsultantState, Counts, Duty, Queue, Snapshot, Waiting};
use std::collections::BTreeMap;

impl Queue {
    /// Who waits, the next one first, and what every consultant does. Costs one pass over both.
    pub fn snapshot(&self) -> Snapshot {
        let waiting = self.waiting();
        let consultants: Vec<Duty> = self
            .crew
            .iter()
            .map(|m| Duty { id: m.who.id, state: m.state.clone(), since: m.since, reachable: m.reachable })
            .collect();
        let counts = self.count(&waiting);
        Snapshot { waiting, consultants, counts }
    }

    fn waiting(&self) -> Vec<Waiting> {
        let mut places: BTreeMap<usize, u32> = BTreeMap::new();
        self.line
            .in_order()
            .map(|place| {
                let position = places.entry(place.queue).or_default();
                *position += 1;
                let offered = place.offer.and_then(|o| Some((o, self.offers.get(&o)?.consultant)));
                Waiting { caller: place.caller.clone(), position: *position, offered }
            })
            .collect()
    }

    fn count(&self, waiting: &[Waiting]) -> Counts {
        let mut counts = Counts {
            waiting: waiting.len() as u32,
            offered: waiting.iter().filter(|w| w.offered.is_some()).count() as u32,
            ..Counts::default()
        };
        for member in self.crew.iter() {
            counts.signed_in += u32::from(member.signed_in);
            match member.state {
                ConsultantState::Ready => counts.ready += 1,
                ConsultantState::Talking { .. } => counts.talking += 1,
                ConsultantState::WrapUp { .. } => counts.wrap_up += 1,
                ConsultantState::Break { .. } => counts.on_break += 1,
                _ => {}
            }
        }
        counts
    }
}
