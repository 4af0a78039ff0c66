//! The bank: every sound of the line, encoded once in both laws and shared by all calls.

use crate::{g711, tone};
use senim_base::{ClipId, Language};
use std::collections::BTreeMap;

/// One sound, a byte a sample.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clip {
    /// In A-law.
    pub alaw: Box<[u8]>,
    /// In µ-law.
    pub ulaw: Box<[u8]>,
}

/// The bank.
#[derive(Clone, Debug)]
pub struct Bank {
    clips: Vec<Clip>,
    names: BTreeMap<(Option<Language>, String), ClipId>,
}

impl Default for Bank {
    fn default() -> Self {
        Self::new()
    }
}

impl Bank {
    /// A bank with the tones that need no recording: `tone.ring`, `tone.busy`, `tone.congestion`, `tone.beep`,
    /// `silence.200ms`.
    pub fn new() -> Self {
        let mut bank = Bank { clips: Vec::new(), names: BTreeMap::new() };
        bank.add(None, "tone.ring", &tone::ring());
        bank.add(None, "tone.busy", &tone::busy());
        bank.add(None, "tone.congestion", &tone::congestion());
        bank.add(None, "tone.beep", &tone::beep());
        bank.add(None, "silence.200ms", &vec![0; tone::samples(200)]);
        bank
    }

    /// Adds a sound under a name, of one language or common to both. The same name again replaces the sound.
    pub fn add(&mut self, language: Option<Language>, name: &str, pcm: &[i16]) -> ClipId {
        let clip = Clip {
            alaw: pcm.iter().map(|s| g711::alaw_encode(*s)).collect(),
            ulaw: pcm.iter().map(|s| g711::ulaw_encode(*s)).collect(),
        };
        let id = ClipId(u32::try_from(self.clips.len()).unwrap_or(u32::MAX));
        self.clips.push(clip);
        self.names.insert((language, name.to_owned()), id);
        id
    }

    /// A clip.
    pub fn clip(&self, id: ClipId) -> Option<&Clip> {
        self.clips.get(usize::try_from(id.0).ok()?)
    }

    /// The clip of a name in a language, or the one common to both.
    pub fn find(&self, language: Option<Language>, name: &str) -> Option<ClipId> {
        let common = || self.names.get(&(None, name.to_owned()));
        self.names.get(&(language, name.to_owned())).or_else(common).copied()
    }

    /// A clip's samples, decoded from A-law.
    pub fn samples(&self, id: ClipId) -> Vec<i16> {
        self.clip(id).map_or_else(Vec::new, |c| c.alaw.iter().map(|b| g711::alaw_decode(*b)).collect())
    }

    /// Every name and its clip.
    pub fn names(&self) -> impl Iterator<Item = (Option<Language>, &str, ClipId)> {
        self.names.iter().map(|((language, name), id)| (*language, name.as_str(), *id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_its_language_or_in_common() {
        let mut bank = Bank::new();
        let kk = bank.add(Some(Language::Kazakh), "n1", &[100; 80]);
        assert_eq!(bank.find(Some(Language::Kazakh), "n1"), Some(kk));
        assert_eq!(bank.find(Some(Language::Russian), "n1"), None);
        let ring = bank.find(Some(Language::Russian), "tone.ring").unwrap();
        assert_eq!(bank.clip(ring).unwrap().ulaw.len(), 40_000);
        assert_eq!(bank.samples(kk).len(), 80);
    }
}
