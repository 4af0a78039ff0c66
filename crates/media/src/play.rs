//! A playing: clips one after the other, without a gap between.

use senim_audio::{Bank, Coding, PACKET_SAMPLES};
use senim_base::{ClipId, PlayId};

#[derive(Debug)]
pub(crate) struct Play {
    pub(crate) id: PlayId,
    clips: Vec<ClipId>,
    repeat: bool,
    clip: usize,
    sample: usize,
    /// A clip was not in the bank.
    missing: bool,
}

/// How a filling ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Filled {
    /// The chunk is full and more follows.
    More,
    /// So many samples are the last; the rest of the chunk is untouched.
    Last { samples: usize, completed: bool },
}

impl Play {
    pub(crate) fn new(id: PlayId, clips: Vec<ClipId>, repeat: bool) -> Play {
        Play { id, clips, repeat, clip: 0, sample: 0, missing: false }
    }

    /// Copies the next samples into `chunk`, a byte each.
    pub(crate) fn fill(&mut self, bank: &Bank, coding: Coding, chunk: &mut [u8]) -> Filled {
        let mut filled = 0;
        // Each clip may be passed once without giving a sample; then the list is empty and the play is over.
        let mut barren = 0;
        loop {
            let Some(id) = self.current(barren) else {
                return Filled::Last { samples: filled, completed: !self.missing };
            };
            let rest = match bank.clip(id).and_then(|clip| clip.bytes(coding)) {
                Some(sound) => sound.get(self.sample..).unwrap_or(&[]),
                None => {
                    self.missing = true;
                    &[]
                }
            };
            if rest.is_empty() {
                self.clip += 1;
                self.sample = 0;
                barren += 1;
                continue;
            }
            if filled == chunk.len() {
                return Filled::More;
            }
            barren = 0;
            let take = rest.len().min(chunk.len() - filled);
            if let (Some(to), Some(from)) = (chunk.get_mut(filled..filled + take), rest.get(..take)) {
                to.copy_from_slice(from);
            }
            filled += take;
            self.sample += take;
        }
    }

    /// The next 20 ms as a packet of Opus; `None` behind the last. A clip ends with a whole packet.
    pub(crate) fn packet<'b>(&mut self, bank: &'b Bank) -> Option<&'b [u8]> {
        let mut barren = 0;
        loop {
            let clip = bank.clip(self.current(barren)?);
            if let Some(packet) = clip.and_then(|clip| clip.packet(self.sample)) {
                self.sample += PACKET_SAMPLES;
                return Some(packet);
            }
            self.missing |= clip.is_none_or(|clip| clip.packet(0).is_none() && clip.samples() > 0);
            self.clip += 1;
            self.sample = 0;
            barren += 1;
        }
    }

    /// The clip whose turn it is, behind the last one the first again if it goes on for ever; `None` behind the last, and
    /// when so many in a row gave nothing that none will.
    fn current(&mut self, barren: usize) -> Option<ClipId> {
        if self.clip >= self.clips.len() && self.repeat && barren <= self.clips.len() {
            self.clip = 0;
        }
        self.clips.get(self.clip).copied()
    }

    /// Every clip so far was in the bank.
    pub(crate) fn is_whole(&self) -> bool {
        !self.missing
    }
}
