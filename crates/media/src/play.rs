//! A playing: clips one after the other, without a gap between.

use senim_audio::Bank;
use senim_base::{ClipId, PlayId};
use senim_sdp::Codec;

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

    /// Copies the next samples into `chunk`.
    pub(crate) fn fill(&mut self, bank: &Bank, codec: Codec, chunk: &mut [u8]) -> Filled {
        let mut filled = 0;
        // Each clip may be passed once without giving a sample; then the list is empty and the play is over.
        let mut barren = 0;
        loop {
            let Some(id) = self.clips.get(self.clip) else {
                if self.repeat && barren <= self.clips.len() && !self.clips.is_empty() {
                    self.clip = 0;
                    continue;
                }
                return Filled::Last { samples: filled, completed: !self.missing };
            };
            let rest = match bank.clip(*id) {
                Some(clip) => {
                    let sound = match codec {
                        Codec::Pcma => &clip.alaw,
                        Codec::Pcmu => &clip.ulaw,
                    };
                    sound.get(self.sample..).unwrap_or(&[])
                }
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
}
