//! The consultants: what each one does follows from a few plain facts about him, and those who are free stand in
//! the order in which they became so.

use crate::line::{Need, Place};
use crate::{Consultant, ConsultantState, Strategy};
use senim_base::{CallId, ConsultantId, Entropy, Instant, OfferId};
use std::collections::{BTreeMap, BTreeSet};

/// He speaks the language (best, as long as the caller waits for that) and knows everything that is needed (FEATURES
/// L5: never a wrong-language consultant). `who.skills` are sorted; none: he knows everything.
pub(crate) fn fits(who: &Consultant, need: &Need) -> bool {
    let speaks = if need.narrow {
        who.languages.first() == Some(&need.language)
    } else {
        who.languages.contains(&need.language)
    };
    speaks && (who.skills.is_empty() || need.skills.iter().all(|s| who.skills.binary_search(s).is_ok()))
}

/// Where a free consultant stands in a group: the smallest is next.
type Turn = (u64, Instant, ConsultantId);
/// Free consultants who fit one need, in the order of its strategy.
pub(crate) type Group = BTreeSet<Turn>;

/// Groups that are kept, at most: every need that somebody had when a consultant was free. Beyond it all are forgotten
/// and found anew by a pass over the free ones.
const GROUPS_MAX: usize = 1_024;

/// What strategies ask about a consultant, as it was when he became free.
#[derive(Clone, Copy, Debug)]
struct Standing {
    talks: u64,
    offered: u64,
    lot: u64,
    idle_since: Instant,
}

impl Standing {
    fn turn(&self, id: ConsultantId, strategy: Strategy) -> Turn {
        let first = match strategy {
            Strategy::LongestIdle => 0,
            Strategy::FewestCalls => self.talks,
            Strategy::RoundRobin => self.offered,
            Strategy::Random => self.lot,
            Strategy::Linear => u64::from(id.0),
        };
        (first, self.idle_since, id)
    }
}

/// Why somebody gets no offer for a while although he is at work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pause {
    NoAnswer,
    Unreachable,
}

/// One consultant.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) who: Consultant,
    pub(crate) signed_in: bool,
    pub(crate) reachable: bool,
    pub(crate) busy: bool,
    pub(crate) on_break: Option<String>,
    pub(crate) pause: Option<Pause>,
    pub(crate) wrap_up: Option<Instant>,
    pub(crate) offer: Option<OfferId>,
    /// The call, and the queue that it came from.
    pub(crate) talk: Option<(CallId, usize)>,
    pub(crate) state: ConsultantState,
    pub(crate) since: Instant,
    /// Talks since he signed in.
    pub(crate) talks: u64,
    /// The last offer that he had.
    pub(crate) offered: u64,
    idle_since: Instant,
    /// Where he stands among the free, while he is.
    standing: Option<Standing>,
    /// He lost an offer through nobody's fault: he keeps his turn among the idle.
    pub(crate) keeps_turn: bool,
}

impl Member {
    pub(crate) fn new(who: Consultant, now: Instant) -> Self {
        Member {
            who,
            signed_in: false,
            reachable: false,
            busy: false,
            on_break: None,
            pause: None,
            wrap_up: None,
            offer: None,
            talk: None,
            state: ConsultantState::SignedOut,
            since: now,
            talks: 0,
            offered: 0,
            idle_since: now,
            standing: None,
            keeps_turn: false,
        }
    }

    fn state_now(&self) -> ConsultantState {
        if let Some((call, _)) = self.talk {
            ConsultantState::Talking { call }
        } else if let Some(offer) = self.offer {
            ConsultantState::Offered { offer }
        } else if !self.signed_in {
            ConsultantState::SignedOut
        } else if !self.reachable {
            ConsultantState::Unreachable
        } else if self.busy {
            ConsultantState::Busy
        } else if let Some(reason) = &self.on_break {
            ConsultantState::Break { reason: reason.clone() }
        } else if let Some(until) = self.wrap_up {
            ConsultantState::WrapUp { until }
        } else {
            match self.pause {
                Some(Pause::NoAnswer) => ConsultantState::NoAnswer,
                Some(Pause::Unreachable) => ConsultantState::Unreachable,
                None => ConsultantState::Ready,
            }
        }
    }
}

/// All consultants.
#[derive(Clone, Debug)]
pub(crate) struct Crew {
    members: BTreeMap<ConsultantId, Member>,
    ready: BTreeSet<ConsultantId>,
    groups: BTreeMap<Need, Group>,
    lots: Entropy,
}

impl Crew {
    /// Nobody; lots are drawn from the seed.
    pub(crate) fn new(seed: u64) -> Self {
        Crew {
            members: BTreeMap::new(),
            ready: BTreeSet::new(),
            groups: BTreeMap::new(),
            lots: Entropy::from_seed(seed),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn get(&self, id: ConsultantId) -> Option<&Member> {
        self.members.get(&id)
    }

    /// The facts about one; call [`Crew::settle`] after changing them, and [`Crew::change_who`] for what he can do.
    pub(crate) fn get_mut(&mut self, id: ConsultantId) -> Option<&mut Member> {
        self.members.get_mut(&id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    pub(crate) fn add(&mut self, who: Consultant, now: Instant) {
        self.members.insert(who.id, Member::new(who, now));
    }

    pub(crate) fn remove(&mut self, id: ConsultantId) {
        self.step_out(id);
        self.members.remove(&id);
    }

    pub(crate) fn change_who(&mut self, who: Consultant) {
        let id = who.id;
        let standing = self.step_out(id);
        if let Some(m) = self.members.get_mut(&id) {
            m.who = who;
        }
        if let Some(standing) = standing {
            self.step_in(id, standing);
        }
    }

    /// Draws the conclusion from the facts about one. Gives back his state if it is a new one.
    pub(crate) fn settle(&mut self, id: ConsultantId, now: Instant) -> Option<(ConsultantState, Instant)> {
        let m = self.members.get_mut(&id)?;
        let state = m.state_now();
        let keeps_turn = core::mem::take(&mut m.keeps_turn);
        if state == m.state {
            return None;
        }
        let longer =
            matches!((&m.state, &state), (ConsultantState::WrapUp { .. }, ConsultantState::WrapUp { .. }));
        if !longer {
            m.since = now;
        }
        m.state = state.clone();
        let since = m.since;
        self.step_out(id);
        if state == ConsultantState::Ready {
            self.becomes_ready(id, keeps_turn, now);
        }
        Some((state, since))
    }

    fn becomes_ready(&mut self, id: ConsultantId, keeps_turn: bool, now: Instant) {
        let lot = self.lots.u64();
        let Some(m) = self.members.get_mut(&id) else { return };
        if !keeps_turn {
            m.idle_since = now;
        }
        let standing = Standing { talks: m.talks, offered: m.offered, lot, idle_since: m.idle_since };
        self.step_in(id, standing);
    }

    /// He is free: he stands in every group that he fits.
    fn step_in(&mut self, id: ConsultantId, standing: Standing) {
        let Some(m) = self.members.get_mut(&id) else { return };
        m.standing = Some(standing);
        self.ready.insert(id);
        for (need, group) in self.groups.iter_mut().filter(|(need, _)| fits(&m.who, need)) {
            group.insert(standing.turn(id, need.strategy));
        }
    }

    fn step_out(&mut self, id: ConsultantId) -> Option<Standing> {
        let standing = self.members.get_mut(&id)?.standing.take()?;
        self.ready.remove(&id);
        for (need, group) in &mut self.groups {
            group.remove(&standing.turn(id, need.strategy));
        }
        Some(standing)
    }

    /// Somebody is free.
    pub(crate) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Sees to it that there is a group for this need. Costs a pass over the free consultants for a new one, which is
    /// counted in `looks`.
    pub(crate) fn open_group(&mut self, need: &Need, looks: &mut u64) {
        if self.groups.contains_key(need) {
            return;
        }
        if self.groups.len() >= GROUPS_MAX {
            self.groups.clear();
        }
        *looks += self.ready.len() as u64;
        let free = self.ready.iter().filter_map(|id| self.members.get(id));
        let fitting = free.filter(|m| fits(&m.who, need));
        let group = fitting.filter_map(|m| Some(m.standing?.turn(m.who.id, need.strategy))).collect();
        self.groups.insert(need.clone(), group);
    }

    /// The free consultants who fit a need that [`Crew::open_group`] was told.
    pub(crate) fn group(&self, need: &Need) -> Option<&Group> {
        self.groups.get(need)
    }
}

/// The first of a group whom the caller does not avoid.
pub(crate) fn first_for(group: &Group, place: &Place, looks: &mut u64) -> Option<ConsultantId> {
    group.iter().map(|turn| turn.2).inspect(|_| *looks += 1).find(|id| !place.avoided.contains(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use senim_base::Language;

    fn who(languages: &[Language], skills: &[&str]) -> Consultant {
        let skills = skills.iter().map(|s| (*s).to_owned()).collect();
        Consultant { id: ConsultantId(1), languages: languages.to_vec(), skills }
    }

    fn need(language: Language, skills: &[&str]) -> Need {
        let Consultant { skills, .. } = who(&[], skills);
        Need { strategy: Strategy::LongestIdle, language, narrow: false, skills }
    }

    /// FEATURES L5, Q17.
    #[test]
    fn a_consultant_fits_by_language_and_every_skill() {
        let legal = who(&[Language::Kazakh], &["legal", "psychology"]);
        assert!(fits(&legal, &need(Language::Kazakh, &["legal"])));
        assert!(fits(&legal, &need(Language::Kazakh, &["legal", "psychology"])));
        assert!(fits(&legal, &need(Language::Kazakh, &[])));
        assert!(!fits(&legal, &need(Language::Kazakh, &["legal", "other"])));
        assert!(!fits(&legal, &need(Language::Russian, &["legal"])));
        assert!(fits(&who(&Language::ALL, &[]), &need(Language::Russian, &["anything"])));
    }

    /// FEATURES L5.
    #[test]
    fn a_narrow_need_is_fit_by_who_speaks_the_language_best() {
        let narrow = Need { narrow: true, ..need(Language::Russian, &[]) };
        assert!(fits(&who(&[Language::Russian, Language::Kazakh], &[]), &narrow));
        assert!(!fits(&who(&[Language::Kazakh, Language::Russian], &[]), &narrow));
        assert!(!fits(&who(&[], &[]), &narrow));
    }

    #[test]
    fn so_many_groups_are_kept_and_one_more_forgets_them_without_losing_anybody() {
        let (mut crew, mut looks) = (Crew::new(1), 0);
        crew.add(who(&[Language::Kazakh], &[]), Instant::ZERO);
        let m = crew.get_mut(ConsultantId(1)).unwrap();
        (m.signed_in, m.reachable) = (true, true);
        crew.settle(ConsultantId(1), Instant::ZERO);
        let needs: Vec<Need> =
            (0..=GROUPS_MAX).map(|i| need(Language::Kazakh, &[i.to_string().as_str()])).collect();
        for need in &needs[..GROUPS_MAX] {
            crew.open_group(need, &mut looks);
        }
        assert_eq!(crew.groups.len(), GROUPS_MAX);
        crew.open_group(&needs[GROUPS_MAX], &mut looks);
        assert_eq!((crew.groups.len(), crew.group(&needs[GROUPS_MAX]).unwrap().len()), (1, 1));
        crew.open_group(&needs[0], &mut looks);
        assert_eq!(crew.group(&needs[0]).unwrap().len(), 1);
    }
}
