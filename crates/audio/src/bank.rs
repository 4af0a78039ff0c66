//! Every sound the line can play, by language and name, already in both laws, and in the wider codecs that the line
//! speaks: on the packet path a prompt is bytes to be copied. Each is coded once, for all calls.
//!
//! Names without a language are common to both (tones, music, silence) and stand in where a language lacks its own.

use crate::{Band, Coding, Encoder, RATE, Wishes, g711, g722, opus, tone};
use senim_base::{ClipId, Language};
use std::collections::BTreeMap;

/// Most clips a bank holds. Beyond it a new name is not kept: [`Bank::add`] answers with the built-in silence and
/// counts it in [`Bank::refused`].
pub const CLIPS_MAX: usize = 4096;
/// Longest clip, samples: 120 s. The rest is cut off.
pub const CLIP_SAMPLES_MAX: usize = 120 * RATE as usize;
/// The built-in 200 ms of silence.
pub const SILENCE: &str = "silence.200ms";

/// One sound of 8 kHz: a byte a sample in both laws and in G.722, packets of 20 ms in Opus. What the bank was not told
/// to speak is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Clip {
    alaw: Box<[u8]>,
    ulaw: Box<[u8]>,
    g722: Box<[u8]>,
    opus: Packets,
}

/// Packets one behind the other.
#[derive(Clone, PartialEq, Eq, Default)]
struct Packets {
    bytes: Box<[u8]>,
    /// Where each ends.
    ends: Box<[u32]>,
}

impl core::fmt::Debug for Clip {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Clip({} samples)", self.alaw.len())
    }
}

impl Clip {
    /// Codes 8 kHz samples, in the wider codecs only those that are spoken. Ceiling: [`CLIP_SAMPLES_MAX`].
    pub fn new(pcm: &[i16], spoken: &[Coding]) -> Clip {
        let pcm = pcm.get(..CLIP_SAMPLES_MAX).unwrap_or(pcm);
        let speaks = |coding| spoken.contains(&coding);
        Clip {
            alaw: g711::alaw_encode_all(pcm),
            ulaw: g711::ulaw_encode_all(pcm),
            g722: if speaks(Coding::G722) { to_g722(pcm) } else { Box::default() },
            opus: if speaks(Coding::Opus) { Packets::of(pcm) } else { Packets::default() },
        }
    }

    /// Its length, samples of 8 kHz.
    pub fn samples(&self) -> usize {
        self.alaw.len()
    }

    /// The whole sound, a byte a sample. `None` in Opus, which has no bytes of its own length, and in what is not spoken.
    pub fn bytes(&self, coding: Coding) -> Option<&[u8]> {
        let bytes = match coding {
            Coding::Alaw => &self.alaw,
            Coding::Ulaw => &self.ulaw,
            Coding::G722 => &self.g722,
            Coding::Opus => return None,
        };
        Some(&**bytes).filter(|bytes| bytes.len() == self.samples())
    }

    /// The Opus packet of the 20 ms that begin at this sample, the last one filled up with silence; `None` behind the
    /// end, or when Opus is not spoken.
    pub fn packet(&self, sample: usize) -> Option<&[u8]> {
        let n = sample / PACKET_SAMPLES;
        let end = *self.opus.ends.get(n)? as usize;
        let start = n.checked_sub(1).and_then(|before| self.opus.ends.get(before)).map_or(0, |s| *s as usize);
        self.opus.bytes.get(start..end)
    }
}

/// Samples of an Opus packet of a clip: 20 ms.
pub const PACKET_SAMPLES: usize = opus::FRAME_MS * Band::Narrow.per_ms();

fn to_g722(pcm: &[i16]) -> Box<[u8]> {
    let mut octets = vec![0; pcm.len()];
    g722::Encoder::narrow().encode(pcm, &mut octets);
    octets.into()
}

impl Packets {
    fn of(pcm: &[i16]) -> Packets {
        let mut encoder = Encoder::new(Coding::Opus, Band::Narrow, Wishes::default());
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        let mut payload = [0; crate::ENCODED_MAX];
        for frame in pcm.chunks(PACKET_SAMPLES) {
            let mut whole = [0; PACKET_SAMPLES];
            whole.iter_mut().zip(frame).for_each(|(to, from)| *to = *from);
            let len = encoder.encode(&whole, &mut payload);
            bytes.extend_from_slice(payload.get(..len).unwrap_or(&payload));
            // 120 s of packets fit u32 many times over.
            ends.push(bytes.len() as u32);
        }
        Packets { bytes: bytes.into(), ends: ends.into() }
    }
}

type Key = (Option<Language>, Box<str>);

/// All clips. Made at start, then only read. A [`ClipId`] belongs to one bank; another knows it not.
#[derive(Clone, Debug)]
pub struct Bank {
    clips: Vec<Clip>,
    names: BTreeMap<Key, ClipId>,
    refused: u32,
    spoken: Vec<Coding>,
}

impl Default for Bank {
    fn default() -> Bank {
        Bank::new()
    }
}

impl Bank {
    /// A bank that speaks G.711 alone.
    pub fn new() -> Bank {
        Bank::speaking(&[])
    }

    /// A bank with the built-in sounds, which speaks these codecs besides G.711: `silence.200ms`, `tone.dial`, `tone.ring`, `tone.busy`, `tone.congestion`
    /// (each one period of the cadence, to be repeated) and `tone.beep`.
    pub fn speaking(spoken: &[Coding]) -> Bank {
        let spoken = spoken.to_vec();
        let mut bank = Bank { clips: Vec::new(), names: BTreeMap::new(), refused: 0, spoken };
        // Silence first: it is what a full bank answers with.
        bank.add(None, SILENCE, &tone::silence(200));
        bank.add(None, "tone.dial", &tone::dial());
        bank.add(None, "tone.ring", &tone::ring());
        bank.add(None, "tone.busy", &tone::busy());
        bank.add(None, "tone.congestion", &tone::congestion());
        bank.add(None, "tone.beep", &tone::beep());
        bank
    }

    /// Keeps 8 kHz samples under a name, `None` for a sound common to both languages. A name kept before is replaced
    /// and keeps its id. Ceilings: [`CLIP_SAMPLES_MAX`], [`CLIPS_MAX`].
    pub fn add(&mut self, language: Option<Language>, name: &str, pcm: &[i16]) -> ClipId {
        let clip = Clip::new(pcm, &self.spoken);
        self.keep(language, name, clip)
    }

    /// As [`Bank::add`], a clip that was coded already, by whoever has several hands for it.
    pub fn keep(&mut self, language: Option<Language>, name: &str, coded: Clip) -> ClipId {
        let key = (language, Box::from(name));
        if let Some(id) = self.names.get(&key).copied() {
            if let Some(clip) = self.clips.get_mut(id.0 as usize) {
                *clip = coded;
            }
            return id;
        }
        if self.clips.len() >= CLIPS_MAX {
            self.refused = self.refused.saturating_add(1);
            return ClipId(0);
        }
        // CLIPS_MAX fits u32.
        let id = ClipId(self.clips.len() as u32);
        self.clips.push(coded);
        self.names.insert(key, id);
        id
    }

    /// The sound itself.
    pub fn clip(&self, id: ClipId) -> Option<&Clip> {
        self.clips.get(id.0 as usize)
    }

    /// The clip of this name in this language, else the common one.
    pub fn find(&self, language: Option<Language>, name: &str) -> Option<ClipId> {
        // The map's key owns its text; a look-up happens once a prompt, not once a packet.
        let mut key: Key = (language, Box::from(name));
        if let Some(id) = self.names.get(&key) {
            return Some(*id);
        }
        key.0 = None;
        self.names.get(&key).copied()
    }

    /// The clip as samples, through A-law as a caller hears it; empty for an id this bank does not know.
    pub fn samples(&self, id: ClipId) -> Vec<i16> {
        self.clip(id).map_or_else(Vec::new, |c| c.alaw.iter().map(|b| g711::alaw_decode(*b)).collect())
    }

    /// Every name with its language and clip, common ones first, then by language and alphabet.
    pub fn names(&self) -> impl Iterator<Item = (Option<Language>, &str, ClipId)> {
        self.names.iter().map(|((language, name), id)| (*language, &**name, *id))
    }

    /// How many new names were turned away because the bank was full.
    pub fn refused(&self) -> u32 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{Kazakh, Russian};

    fn length(bank: &Bank, id: ClipId) -> usize {
        bank.clip(id).map_or(0, Clip::samples)
    }

    #[test]
    fn a_language_finds_its_own_then_the_common() {
        let mut bank = Bank::new();
        let common = bank.add(None, "music", &[1; 80]);
        let own = bank.add(Some(Kazakh), "music", &[2; 160]);
        assert_eq!(bank.find(Some(Kazakh), "music"), Some(own));
        assert_eq!(bank.find(Some(Russian), "music"), Some(common));
        assert_eq!(bank.find(None, "music"), Some(common));
        assert_eq!(bank.find(Some(Russian), "nothing"), None);
        assert_eq!((bank.samples(own).len(), bank.samples(ClipId(999)).len()), (160, 0));
    }

    #[test]
    fn a_name_added_again_is_replaced_in_place() {
        let mut bank = Bank::new();
        let first = bank.add(Some(Russian), "greeting", &[0; 8]);
        assert_eq!(bank.add(Some(Russian), "greeting", &[0; 16]), first);
        assert_eq!(length(&bank, first), 16);
    }

    #[test]
    fn both_laws_hold_the_same_sound() {
        let bank = Bank::new();
        let clip = bank.find(None, "tone.beep").and_then(|id| bank.clip(id)).expect("built in");
        assert_eq!(clip.alaw.len(), clip.ulaw.len());
        for (a, u) in clip.alaw.iter().zip(&clip.ulaw) {
            let (a, u) = (i32::from(g711::alaw_decode(*a)), i32::from(g711::ulaw_decode(*u)));
            assert!((a - u).abs() <= (a.abs() / 14).max(16), "{a} {u}");
        }
    }

    #[test]
    fn a_clip_is_heard_in_every_codec_that_the_bank_speaks() {
        let bank = Bank::speaking(&[Coding::G722, Coding::Opus]);
        let clip = bank.find(None, "tone.dial").and_then(|id| bank.clip(id)).expect("built in");
        let mut pcm = [0; crate::DECODED_MAX];
        for coding in Coding::ALL {
            let mut decoder = crate::Decoder::new(coding, Band::Narrow);
            let mut heard = Vec::new();
            for at in (0..clip.samples()).step_by(PACKET_SAMPLES) {
                let bytes = clip.bytes(coding).map(|b| &b[at..(at + PACKET_SAMPLES).min(b.len())]);
                let len = decoder.decode(bytes.or(clip.packet(at)).expect("spoken"), &mut pcm);
                heard.extend_from_slice(&pcm[..len]);
            }
            assert!(heard.len().abs_diff(clip.samples()) < PACKET_SAMPLES, "{coding:?}");
            assert!(crate::listen::contains_tone(&heard, 425.0), "{coding:?}");
        }
        assert_eq!(clip.packet(clip.samples() + PACKET_SAMPLES), None);
        let narrow = Bank::new();
        let clip = narrow.find(None, "tone.dial").and_then(|id| narrow.clip(id)).expect("built in");
        assert_eq!((clip.bytes(Coding::G722), clip.packet(0)), (None, None), "and not in others");
    }

    #[test]
    fn a_full_bank_answers_with_silence_and_a_long_clip_is_cut() {
        let mut bank = Bank::new();
        let mut last = ClipId(0);
        for n in bank.clips.len()..CLIPS_MAX {
            last = bank.add(None, &format!("n{n}"), &[]);
        }
        assert_eq!((last, bank.refused()), (ClipId(CLIPS_MAX as u32 - 1), 0));
        let over = bank.add(None, "one too many", &[5; 8]);
        assert_eq!((Some(over), bank.refused()), (bank.find(None, SILENCE), 1));
        let long = bank.add(None, "n9", &vec![0; CLIP_SAMPLES_MAX + 1]);
        assert_eq!(length(&bank, long), CLIP_SAMPLES_MAX);
        bank.add(None, "n9", &vec![0; CLIP_SAMPLES_MAX]);
        assert_eq!(length(&bank, long), CLIP_SAMPLES_MAX);
    }

    #[test]
    fn the_built_in_names_are_there() {
        let bank = Bank::new();
        let names: Vec<_> = bank.names().map(|(_, n, _)| n).collect();
        let built_in =
            ["silence.200ms", "tone.beep", "tone.busy", "tone.congestion", "tone.dial", "tone.ring"];
        assert_eq!(names, built_in);
    }
}
