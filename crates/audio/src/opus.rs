//! Opus (RFC 6716) for voice, one channel, at the rates of this house: the codec itself is `rusty-opus`, in Rust alone.
//! Its states are large (150 kB and more each way) and made when a leg is configured. While packets flow nothing is
//! allocated, but for one short buffer when a lost packet is rebuilt from its successor.

use crate::codec::Band;
use rusty_opus::{Application, OpusDecoder, OpusEncoder, SignalType};

/// Sound in one packet that we make, ms.
pub(crate) const FRAME_MS: usize = 20;
/// Longest packet there is, ms (RFC 6716 §3.2.5).
const PACKET_MS_MAX: usize = 120;
/// Samples of the longest packet at 16 kHz.
const SAMPLES_MAX: usize = PACKET_MS_MAX * 16;
/// Effort of the encoder, 0 to 10: at 2 a frame of 20 ms costs some 60 µs at 8 kHz and 140 at 16, at 9 it costs double
/// and more; between them no ear of a telephone tells.
const COMPLEXITY: i32 = 2;
/// Share of packets that the redundancy is to be good for, percent.
const LOSS_PERCENT: i32 = 10;
/// Sound under this level is silence to whom silence need not be sent: a root mean square of −60 dBFS. The encoder itself
/// knows only samples of nothing for silence, and a line of A-law is never quite that.
const SILENT_RMS: i64 = 32;
/// A packet of no more bytes says that there is nothing to hear, and need not be sent (RFC 7587 §3.1.3).
pub const SILENT_BYTES_MAX: usize = 2;

/// Samples to packets.
pub(crate) struct Encoder {
    inner: OpusEncoder,
    band: Band,
    samples: [f32; FRAME_MS * 16],
    /// Silence need not be sent.
    dtx: bool,
}

impl Encoder {
    /// `fec`: packets carry what their predecessor said once more; `dtx`: silence is not sent.
    pub(crate) fn new(band: Band, fec: bool, dtx: bool) -> Option<Encoder> {
        let mut inner = OpusEncoder::new(band.rate_hz() as i32, 1, Application::Voip).ok()?;
        inner.complexity = COMPLEXITY;
        inner.bitrate_bps = band.opus_bits_per_s();
        inner.signal_type = Some(SignalType::Voice);
        inner.use_inband_fec = fec;
        inner.packet_loss_perc = if fec { LOSS_PERCENT } else { 0 };
        inner.lsb_depth = 16;
        let mut encoder = Encoder { inner, band, samples: [0.0; FRAME_MS * 16], dtx: false };
        // Its buffers grow with its first frame: here, not on the path of a packet.
        encoder.encode(&[0; FRAME_MS * 16], &mut [0; 512]);
        encoder.inner.use_dtx = dtx;
        encoder.dtx = dtx;
        Some(encoder)
    }

    /// One frame of [`FRAME_MS`]; 0 when there is nothing to send.
    pub(crate) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> usize {
        let len = FRAME_MS * self.band.per_ms();
        let (Some(pcm), Some(samples)) = (pcm.get(..len), self.samples.get_mut(..len)) else { return 0 };
        let power: i64 = pcm.iter().map(|s| i64::from(*s).pow(2)).sum();
        if self.dtx && power <= SILENT_RMS * SILENT_RMS * len as i64 {
            samples.fill(0.0);
        } else {
            samples.iter_mut().zip(pcm).for_each(|(to, from)| *to = f32::from(*from) / 32_768.0);
        }
        let bytes = self.inner.encode(samples, len, payload).unwrap_or(0);
        if self.dtx && bytes <= SILENT_BYTES_MAX { 0 } else { bytes }
    }
}

/// Packets to samples.
pub(crate) struct Decoder {
    inner: OpusDecoder,
    band: Band,
    samples: [f32; SAMPLES_MAX],
}

impl Decoder {
    pub(crate) fn new(band: Band) -> Option<Decoder> {
        let inner = OpusDecoder::new(band.rate_hz() as i32, 1).ok()?;
        Some(Decoder { inner, band, samples: [0.0; SAMPLES_MAX] })
    }

    /// The packet's sound; 0 when it cannot be read, or `pcm` has no room for all of it.
    pub(crate) fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> usize {
        let len = duration(payload) as usize * self.band.per_ms() / 8;
        if len == 0 || len > pcm.len() {
            return 0;
        }
        let decoded = self.inner.decode(payload, len, &mut self.samples);
        self.give(decoded.unwrap_or(0), pcm)
    }

    /// What a lost packet, which `pcm` is as long as, may have said: by what its successor repeats of it, if it is there
    /// and does, else by what came before.
    pub(crate) fn conceal(&mut self, next: Option<&[u8]>, pcm: &mut [i16]) -> usize {
        let len = pcm.len();
        let concealed = match next {
            Some(next) => self.inner.decode_fec(next, len, &mut self.samples),
            None => self.inner.decode(&[], len, &mut self.samples),
        };
        self.give(concealed.unwrap_or(0), pcm)
    }

    fn give(&self, len: usize, pcm: &mut [i16]) -> usize {
        for (to, from) in pcm.iter_mut().zip(self.samples.iter().take(len)) {
            *to = crate::to_sample(from * 32_768.0);
        }
        len.min(pcm.len())
    }
}

/// Sound in a packet, in ticks of 125 µs, by its first byte and its count of frames (RFC 6716 §3.1); 0 for what is no
/// packet.
pub(crate) fn duration(payload: &[u8]) -> u32 {
    let Some(first) = payload.first() else { return 0 };
    let ticks = match (first >> 3, first >> 3 & 3) {
        (0..12, size) => [80, 160, 320, 480][usize::from(size)],
        (12..16, size) => [80, 160][usize::from(size & 1)],
        (_, size) => [20, 40, 80, 160][usize::from(size)],
    };
    let frames = match first & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => payload.get(1).map_or(0, |count| u32::from(count & 0x3f)),
    };
    Some(ticks * frames).filter(|ticks| *ticks <= PACKET_MS_MAX as u32 * 8).unwrap_or(0)
}
