//! From one leg's mouth to another's ear. Packets of the size the ear wants pass at arrival, renumbered and, if the laws
//! differ, translated byte for byte; others are re-cut through a short queue on the ear's own schedule.

use crate::hear::{Heard, Said};
use crate::leg::{Leg, Source};
use crate::outbox::Outbox;
use crate::slot::CHUNK_MAX;
use senim_audio::g711::{ALAW_TO_ULAW, ULAW_TO_ALAW};
use senim_base::Instant;
use senim_sdp::Codec;

/// Ceiling of sound waiting to be re-cut: 200 ms; beyond it the oldest goes.
const FIFO_BYTES: usize = 1_600;
/// Payloads up to this are translated: 200 ms; a longer one is nothing that a telephone sends, and is dropped.
const PAYLOAD_MAX: usize = 1_600;

/// Sound between two packet sizes.
#[derive(Debug)]
pub(crate) struct Fifo {
    bytes: [u8; FIFO_BYTES],
    len: usize,
    /// Enough came to start; after running dry it must gather again.
    primed: bool,
}

impl Default for Fifo {
    fn default() -> Self {
        Fifo { bytes: [0; FIFO_BYTES], len: 0, primed: false }
    }
}

impl Fifo {
    pub(crate) fn is_primed(&self) -> bool {
        self.primed
    }

    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.primed = false;
    }

    /// Adds sound; `enough` samples start the outflow.
    fn push(&mut self, sound: &[u8], enough: usize) {
        let sound = sound.get(sound.len().saturating_sub(FIFO_BYTES)..).unwrap_or(sound);
        let excess = (self.len + sound.len()).saturating_sub(FIFO_BYTES);
        self.bytes.copy_within(excess..self.len, 0);
        self.len -= excess;
        if let Some(slot) = self.bytes.get_mut(self.len..self.len + sound.len()) {
            slot.copy_from_slice(sound);
            self.len += sound.len();
        }
        self.primed |= self.len >= enough;
    }

    /// Fills `chunk`; `false` when too little is there, and then it gathers again.
    pub(crate) fn pull(&mut self, chunk: &mut [u8]) -> bool {
        let Some(sound) = self.bytes.get(..chunk.len()).filter(|_| self.primed && self.len >= chunk.len())
        else {
            self.primed = false;
            return false;
        };
        chunk.copy_from_slice(sound);
        self.bytes.copy_within(chunk.len()..self.len, 0);
        self.len -= chunk.len();
        true
    }
}

impl Leg {
    /// This leg hears what another said.
    pub(crate) fn hear_from(&mut self, heard: &Heard<'_>, now: Instant, out: &mut Outbox) {
        if !matches!(self.source, Source::Leg(from) if from == heard.origin.leg) {
            return;
        }
        match heard.said {
            Said::Sound { codec } => self.hear_sound(heard, codec, now, out),
            Said::Key { digit, absorbed } => {
                if absorbed {
                    self.out.hold_back(heard.origin);
                } else {
                    self.hear_key(heard, digit, now, out);
                }
            }
        }
    }

    fn hear_sound(&mut self, heard: &Heard<'_>, codec: Codec, now: Instant, out: &mut Outbox) {
        let Some(stream) = &self.stream else { return };
        let (config, to) = (stream.config, stream.latch.in_use());
        if !config.sends() {
            self.out.begin_source();
            return;
        }
        let mut buffer = [0; PAYLOAD_MAX];
        let Some(sound) = translate(heard.payload, codec, config.codec, &mut buffer) else { return };
        if !self.digits.is_idle() {
            self.out.hold_back(heard.origin);
            return;
        }
        let want = usize::from(config.ptime_samples());
        if sound.len() == want {
            if self.fifo.len > 0 {
                self.fifo.clear();
                self.arm(now);
            }
            self.out.pass(to, config.send_payload_type, heard.origin, sound, (now, want as u32), out);
        } else if heard.origin.arrival != senim_rtp::Arrival::Late {
            self.fifo.push(sound, (want + 160).max(sound.len()).min(FIFO_BYTES));
            self.arm(now);
        }
    }

    fn hear_key(
        &mut self,
        heard: &Heard<'_>,
        digit: Option<senim_rtp::Digit>,
        now: Instant,
        out: &mut Outbox,
    ) {
        let Some(stream) = &self.stream else { return };
        let (config, to) = (stream.config, stream.latch.in_use());
        let runs = self.digits.is_idle() && self.out.is_mapped(heard.origin.leg) && config.sends();
        match config.send_telephone_event {
            Some(_) if runs && self.out.began_before_run(heard.origin.timestamp) => {
                self.out.hold_back(heard.origin);
            }
            Some(payload_type) if runs => {
                self.out.pass(to, payload_type, heard.origin, heard.payload, (now, 0), out);
            }
            _ => {
                // No run to pass it through, or a peer without telephone events: the key is made anew, once.
                self.out.hold_back(heard.origin);
                if let Some(digit) = digit {
                    self.digits.push(digit);
                    self.arm(now);
                }
            }
        }
    }
}

/// The payload in the law that the ear takes.
fn translate<'a>(
    payload: &'a [u8],
    from: Codec,
    to: Codec,
    buffer: &'a mut [u8; PAYLOAD_MAX],
) -> Option<&'a [u8]> {
    let table = match (from, to) {
        (Codec::Pcma, Codec::Pcmu) => &ALAW_TO_ULAW,
        (Codec::Pcmu, Codec::Pcma) => &ULAW_TO_ALAW,
        _ => return Some(payload),
    };
    let out = buffer.get_mut(..payload.len())?;
    for (to, from) in out.iter_mut().zip(payload) {
        *to = table[usize::from(*from)];
    }
    Some(out)
}

const _: () = assert!(CHUNK_MAX <= FIFO_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_recuts_keeps_its_ceiling_and_gathers_again_when_dry() {
        let mut fifo = Fifo::default();
        let mut chunk = [0; 240];
        fifo.push(&[1; 160], 400);
        assert!(!fifo.is_primed());
        fifo.push(&[2; 160], 400);
        fifo.push(&[3; 160], 400);
        assert!(fifo.pull(&mut chunk));
        assert_eq!((chunk[0], chunk[159], chunk[160], chunk[239]), (1, 1, 2, 2));
        assert!(fifo.pull(&mut chunk) && !fifo.pull(&mut chunk) && !fifo.is_primed());
        for n in 0..20 {
            fifo.push(&[n; 160], 400);
        }
        assert_eq!(fifo.len, FIFO_BYTES);
        assert!(fifo.pull(&mut chunk));
        assert_eq!(chunk[0], 10, "the oldest went");
        fifo.push(&[9; 3_000], 400);
        assert_eq!(fifo.len, FIFO_BYTES);
    }
}
