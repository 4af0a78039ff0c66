//! The consultants: what each one does follows from a few plain facts about him, and those who are free stand in
//! the order in which they became so.

use crate::line::{Need, Place, drop_from};
use crate::{Consultant, ConsultantState};
use senim_base::{CallId, ConsultantId, Instant, Language, OfferId};
use std::collections::{BTreeMap, BTreeSet};

/// What a consultant can do; those who can do the same stand in one set.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Profile {
    languages: Vec<Language>,
    /// Sorted, without repetition; empty: everything.
    skills: Vec<String>,
}

impl Profile {
    /// `who.skills` are sorted.
    pub(crate) fn of(who: &Consultant) -> Self {
        Profile { languages: who.languages.clone(), skills: who.skills.clone() }
    }

    /// He speaks the language and knows everything that is needed (FEATURES L5: never a wrong-language consultant).
    pub(crate) fn fits(&self, need: &Need) -> bool {
        self.languages.contains(&need.language)
            && (self.skills.is_empty() || need.skills.iter().all(|s| self.skills.binary_search(s).is_ok()))
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
    idle_since: Instant,
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
            idle_since: now,
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Crew {
    members: BTreeMap<ConsultantId, Member>,
    ready: BTreeMap<Profile, BTreeSet<(Instant, ConsultantId)>>,
}

impl Crew {
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
        if let Some(m) = self.members.remove(&id) {
            drop_from(&mut self.ready, &Profile::of(&m.who), &(m.idle_since, id));
        }
    }

    pub(crate) fn change_who(&mut self, who: Consultant) {
        let Some(m) = self.members.get_mut(&who.id) else { return };
        let turn = (m.idle_since, who.id);
        drop_from(&mut self.ready, &Profile::of(&m.who), &turn);
        m.who = who;
        if m.state == ConsultantState::Ready {
            self.ready.entry(Profile::of(&m.who)).or_default().insert(turn);
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
        let profile = Profile::of(&m.who);
        drop_from(&mut self.ready, &profile, &(m.idle_since, id));
        let longer =
            matches!((&m.state, &state), (ConsultantState::WrapUp { .. }, ConsultantState::WrapUp { .. }));
        if !longer {
            m.since = now;
        }
        m.state = state;
        if m.state == ConsultantState::Ready {
            if !keeps_turn {
                m.idle_since = now;
            }
            self.ready.entry(profile).or_default().insert((m.idle_since, id));
        }
        Some((m.state.clone(), m.since))
    }

    /// Somebody is free.
    pub(crate) fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// The sets of free consultants who fit a need.
    pub(crate) fn fitting(&self, need: &Need) -> Vec<&BTreeSet<(Instant, ConsultantId)>> {
        self.ready.iter().filter(|(profile, _)| profile.fits(need)).map(|(_, set)| set).collect()
    }
}

/// The longest idle of those in `sets` whom the caller does not avoid.
pub(crate) fn longest_idle(
    sets: &[&BTreeSet<(Instant, ConsultantId)>],
    place: &Place,
) -> Option<ConsultantId> {
    sets.iter()
        .filter_map(|set| set.iter().find(|(_, id)| !place.avoided.contains(id)))
        .min()
        .map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(languages: &[Language], skills: &[&str]) -> Profile {
        Profile { languages: languages.to_vec(), skills: skills.iter().map(|s| (*s).to_owned()).collect() }
    }

    /// FEATURES L5.
    #[test]
    fn a_consultant_fits_by_language_and_every_skill() {
        let need = |language, skills: &[&str]| Need { language, skills: profile(&[], skills).skills };
        let legal = profile(&[Language::Kazakh], &["legal", "psychology"]);
        assert!(legal.fits(&need(Language::Kazakh, &["legal"])));
        assert!(legal.fits(&need(Language::Kazakh, &[])));
        assert!(!legal.fits(&need(Language::Kazakh, &["legal", "other"])));
        assert!(!legal.fits(&need(Language::Russian, &["legal"])));
        assert!(profile(&Language::ALL, &[]).fits(&need(Language::Russian, &["anything"])));
    }
}
