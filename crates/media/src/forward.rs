//! From one leg's mouth to another's ear. Packets of the size the ear wants pass at arrival, renumbered and, if the laws
//! differ, translated byte for byte; others, and what is spoken in a codec that the ear does not take, go through a jitter
//! buffer and are cut and coded anew on the ear's own schedule. Opus passes in packets of any size: its receivers take
//! all (RFC 7587 section 4.2).

use crate::config::{coding, ticks};
use crate::hear::{Heard, Said};
use crate::leg::{Leg, Source};
use crate::mouth::Mouth;
use crate::outbox::Outbox;
use senim_audio::Encoder;
use senim_audio::g711::{ALAW_TO_ULAW, ULAW_TO_ALAW};
use senim_base::Instant;
use senim_sdp::Codec;

/// Payloads up to this pass: 60 ms, the longest packet we send.
const PAYLOAD_MAX: usize = crate::slot::CHUNK_MAX;
/// So many packets of the right size in a row, one second of them, and they pass again as they come.
const EVEN: u16 = 50;

impl Leg {
    /// This leg hears what another said.
    pub(crate) fn hear_from(&mut self, heard: &Heard<'_>, now: Instant, out: &mut Outbox) {
        if !matches!(self.source, Source::Leg(from) if from == heard.origin.leg) {
            return;
        }
        match heard.said {
            Said::Sound { codec } => self.hear_sound(heard, codec, now, out),
            // A peer that did not agree to comfort noise hears nothing where we re-cut nothing.
            Said::Noise => match &mut self.recut {
                Some(mouth) if mouth.flows() => mouth.put(heard, now),
                _ => self.out.hold_back(heard.origin),
            },
            Said::Key { absorbed: true, .. } => self.out.hold_back(heard.origin),
            Said::Key { digit, clock_hz, .. } => self.hear_key(heard, (digit, clock_hz), now, out),
        }
    }

    fn hear_sound(&mut self, heard: &Heard<'_>, codec: Codec, now: Instant, out: &mut Outbox) {
        let Some(stream) = &self.stream else { return };
        let (config, to) = (stream.config, stream.latch.in_use());
        if !config.sends() {
            self.out.begin_source();
            return;
        }
        if codec.is_foreign_to(config.codec) {
            return self.recut(heard, now);
        }
        let len = ticks(codec, heard.payload);
        let fits = codec == Codec::Opus || len == config.ptime_ticks();
        self.even = if fits { self.even.saturating_add(1) } else { 0 };
        let recuts = self.recut.as_ref().is_some_and(|mouth| mouth.flows());
        if self.even == 0 || (recuts && self.even < EVEN) {
            return self.recut(heard, now);
        }
        if let Some(mouth) = self.recut.as_mut().filter(|_| recuts) {
            mouth.clear();
            self.arm(now);
        }
        if !self.digits.is_idle() {
            self.out.hold_back(heard.origin);
            return;
        }
        let mut buffer = [0; PAYLOAD_MAX];
        if let Some(sound) = translate(heard.payload, codec, config.codec, &mut buffer) {
            self.out.pass(to, config.send_payload_type, heard.origin, sound, (now, len), out);
        }
    }

    /// A peer that sends packets of another size than was agreed: memory is taken at the first of them, once.
    fn recut(&mut self, heard: &Heard<'_>, now: Instant) {
        let band = self.encoder.as_ref().map(Encoder::band);
        let mouth = self.recut.get_or_insert_with(|| {
            let mut mouth = Mouth::new(heard.origin.leg);
            if let (Said::Sound { codec }, Some(band)) = (heard.said, band) {
                mouth.equip(coding(codec), band);
            }
            mouth
        });
        mouth.put(heard, now);
        self.arm(now);
    }

    fn hear_key(
        &mut self,
        heard: &Heard<'_>,
        (digit, clock_hz): (Option<senim_rtp::Digit>, u32),
        now: Instant,
        out: &mut Outbox,
    ) {
        let Some(stream) = &self.stream else { return };
        let (config, to) = (stream.config, stream.latch.in_use());
        let like = config.telephone_event_hz == clock_hz;
        let runs = like && self.digits.is_idle() && self.out.is_mapped(heard.origin.leg) && config.sends();
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
