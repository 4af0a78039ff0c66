//! The line of those who wait: one order over all queues (priority, then since when), one order a queue for the
//! places that callers are told, and those who are free to be offered by what they need.
//!
//! Ageing moves nobody: who waits for a second gains what everybody gains, so that the order of two callers is the same
//! at every moment and no timer is needed for it.

use crate::{Caller, POSITION_MAX, Strategy, seconds};
use senim_base::{CallId, ConsultantId, Instant, Language, OfferId};
use std::collections::{BTreeMap, BTreeSet};

/// Consultants whom one caller avoids for a moment, at most. The one avoided longest is forgiven for a new one.
const AVOIDED_MAX: usize = 16;

/// A caller's rank: the smallest is next.
pub(crate) type Rank = (u8, Instant, CallId);

/// The rank of a caller when one step of priority is worth `worth_s` seconds of waiting (0: any). Priority 0 is
/// urgent: it is before all others however long they wait.
pub(crate) fn rank(caller: &Caller, worth_s: u32) -> Rank {
    let Caller { call, priority, since, .. } = *caller;
    if worth_s == 0 || priority == 0 {
        return (priority, since, call);
    }
    (1, since + seconds(worth_s) * u32::from(priority), call)
}

/// What a caller needs; callers who need the same stand in one set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Need {
    pub(crate) strategy: Strategy,
    pub(crate) language: Language,
    /// Only who speaks this language best will do.
    pub(crate) narrow: bool,
    /// Sorted, without repetition.
    pub(crate) skills: Vec<String>,
}

/// One who waits.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) caller: Caller,
    /// Index of his queue in the settings.
    pub(crate) queue: usize,
    /// Somebody's phone rings for him.
    pub(crate) offer: Option<OfferId>,
    /// Who did not take him a moment ago.
    pub(crate) avoided: Vec<ConsultantId>,
    /// He has been told a place.
    pub(crate) announced: bool,
    /// His queue's.
    pub(crate) strategy: Strategy,
    /// He waits for who speaks his language best; nobody else yet.
    pub(crate) narrow: bool,
    /// Where he stands. Whoever changes his caller's priority draws it anew with [`rank`].
    pub(crate) rank: Rank,
}

impl Place {
    pub(crate) fn need(&self) -> Need {
        Need {
            strategy: self.strategy,
            language: self.caller.language,
            narrow: self.narrow,
            skills: self.caller.skills.clone(),
        }
    }
}

/// Everybody who waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    places: BTreeMap<CallId, Place>,
    all: BTreeSet<Rank>,
    by_queue: BTreeMap<usize, BTreeSet<Rank>>,
    free: BTreeMap<Need, BTreeSet<Rank>>,
}

impl Line {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn get(&self, call: CallId) -> Option<&Place> {
        self.places.get(&call)
    }

    /// Those to whom no phone rings, by need.
    pub(crate) fn free(&self) -> &BTreeMap<Need, BTreeSet<Rank>> {
        &self.free
    }

    /// Everybody, the next one first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Place> {
        self.all.iter().filter_map(|rank| self.places.get(&rank.2))
    }

    pub(crate) fn put(&mut self, place: Place) {
        let rank = place.rank;
        self.all.insert(rank);
        self.by_queue.entry(place.queue).or_default().insert(rank);
        if place.offer.is_none() {
            self.free.entry(place.need()).or_default().insert(rank);
        }
        self.places.insert(rank.2, place);
    }

    pub(crate) fn take(&mut self, call: CallId) -> Option<Place> {
        let place = self.places.remove(&call)?;
        let rank = place.rank;
        self.all.remove(&rank);
        drop_from(&mut self.by_queue, &place.queue, &rank);
        drop_from(&mut self.free, &place.need(), &rank);
        Some(place)
    }

    /// Changes one place; sets follow.
    pub(crate) fn change(&mut self, call: CallId, change: impl FnOnce(&mut Place)) {
        if let Some(mut place) = self.take(call) {
            change(&mut place);
            self.put(place);
        }
    }

    /// This caller is not to be offered to this consultant for a moment. Gives back whom he forgives instead.
    pub(crate) fn avoid(&mut self, call: CallId, id: ConsultantId) -> Option<ConsultantId> {
        let place = self.places.get_mut(&call)?;
        place.avoided.retain(|a| *a != id);
        place.avoided.push(id);
        (place.avoided.len() > AVOIDED_MAX).then(|| place.avoided.remove(0))
    }

    /// The moment is over.
    pub(crate) fn forgive(&mut self, call: CallId, id: ConsultantId) {
        if let Some(place) = self.places.get_mut(&call) {
            place.avoided.retain(|a| *a != id);
        }
    }

    pub(crate) fn set_announced(&mut self, call: CallId) {
        if let Some(place) = self.places.get_mut(&call) {
            place.announced = true;
        }
    }

    /// 1 is next in his queue; nobody is told more than [`POSITION_MAX`].
    pub(crate) fn position(&self, place: &Place) -> u32 {
        let rank = place.rank;
        self.by_queue.get(&place.queue).map_or(1, |line| {
            let ahead = line.range(..rank).take(POSITION_MAX as usize - 1).count();
            ahead as u32 + 1
        })
    }
}

/// Takes `item` out of the set under `key`; a set that is empty goes, so that no key is visited in vain.
pub(crate) fn drop_from<K: Ord, T: Ord>(sets: &mut BTreeMap<K, BTreeSet<T>>, key: &K, item: &T) {
    if let Some(set) = sets.get_mut(key) {
        set.remove(item);
        if set.is_empty() {
            sets.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(call: u64, priority: u8, since_s: u64) -> Place {
        let caller = Caller {
            call: CallId(call),
            queue: "main".into(),
            language: Language::Kazakh,
            skills: Vec::new(),
            priority,
            since: Instant::from_secs(since_s),
        };
        let rank = rank(&caller, 0);
        let (strategy, narrow) = (Strategy::LongestIdle, false);
        Place { caller, queue: 0, offer: None, avoided: Vec::new(), announced: false, strategy, narrow, rank }
    }

    #[test]
    fn the_order_is_priority_then_since_when() {
        let mut line = Line::default();
        for (call, priority, since) in [(1, 5, 10), (2, 5, 5), (3, 0, 20), (4, 5, 5)] {
            line.put(place(call, priority, since));
        }
        let order: Vec<u64> = line.in_order().map(|p| p.caller.call.0).collect();
        assert_eq!(order, [3, 2, 4, 1]);
        assert_eq!(line.position(line.get(CallId(4)).unwrap()), 3);
        line.take(CallId(2));
        assert_eq!(line.position(line.get(CallId(4)).unwrap()), 2);
    }

    /// FEATURES Q1, Q2: nobody starves.
    #[test]
    fn a_step_of_priority_is_worth_so_much_waiting_and_urgency_any() {
        let rank = |priority, since_s| {
            let mut p = place(1, priority, since_s);
            p.caller.call = CallId(since_s);
            rank(&p.caller, 60)
        };
        assert!(rank(5, 0) < rank(4, 61), "who waited a minute longer goes before the next priority");
        assert!(rank(4, 59) < rank(5, 0));
        assert!(rank(5, 0) < rank(1, 241));
        assert!(rank(0, 100_000) < rank(1, 0), "an urgent caller goes before everybody");
    }

    #[test]
    fn places_are_counted_up_to_the_ceiling() {
        let mut line = Line::default();
        for call in 0..u64::from(POSITION_MAX) + 10 {
            line.put(place(call, 5, call));
        }
        let position = |call| line.position(line.get(CallId(call)).unwrap());
        let last = u64::from(POSITION_MAX) - 1;
        assert_eq!((position(last - 1), position(last)), (POSITION_MAX - 1, POSITION_MAX));
        assert_eq!((position(last + 1), position(last + 10)), (POSITION_MAX, POSITION_MAX));
    }

    #[test]
    fn a_caller_avoids_so_many_consultants_and_no_more() {
        let mut line = Line::default();
        line.put(place(1, 5, 0));
        for id in 0..AVOIDED_MAX as u32 {
            assert_eq!(line.avoid(CallId(1), ConsultantId(id)), None);
        }
        assert_eq!(line.avoid(CallId(1), ConsultantId(99)), Some(ConsultantId(0)));
        assert_eq!(line.get(CallId(1)).unwrap().avoided.len(), AVOIDED_MAX);
    }
}
