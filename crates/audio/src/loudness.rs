//! Loudness of a prompt: all are brought to one level, so that a studio voice and a synthetic one sound alike, and cut
//! free of silence at both ends. dBFS here is RMS against 32767 (a full-scale sine is −3).

use crate::{goertzel, to_sample};

/// Where prompts are brought to, dBFS RMS over their sounding parts.
pub const PROMPT_DBFS: f32 = -20.0;
/// No sample gets louder than this, dBFS: room for the law's last segment.
pub const PEAK_DBFS_MAX: f32 = -1.0;
/// Silence below this is trimmed, dBFS peak.
pub const SILENCE_DBFS: f32 = -48.0;
/// Quiet is left around a trimmed prompt, samples: 30 ms, so that first and last sounds are not clipped.
pub const MARGIN: usize = 240;
/// Blocks for [`speech_dbfs`], samples: 20 ms.
const BLOCK: usize = 160;
/// Stands for silence, dB.
const NOTHING_DB: f32 = -120.0;

/// dB of a mean-square power against a full-scale sine; −120 for nothing.
pub(crate) fn sine_db(power: f32) -> f32 {
    db(power / (32_767.0 * 32_767.0 / 2.0))
}

/// RMS of all samples, dBFS; −120 when silent or empty.
pub fn rms_dbfs(pcm: &[i16]) -> f32 {
    db(goertzel::mean_square(pcm) / (32_767.0 * 32_767.0))
}

/// Largest sample, dBFS; −120 when silent or empty.
pub fn peak_dbfs(pcm: &[i16]) -> f32 {
    let peak = f32::from(pcm.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0).min(32_767)) / 32_767.0;
    db(peak * peak)
}

/// RMS over the blocks of 20 ms that are within 25 dB of the loudest: pauses between words do not count.
pub fn speech_dbfs(pcm: &[i16]) -> f32 {
    let blocks: Vec<f32> = pcm.chunks(BLOCK).map(goertzel::mean_square).collect();
    let loudest = blocks.iter().copied().fold(0.0, f32::max);
    let sounding: Vec<f32> = blocks.into_iter().filter(|b| *b * 316.0 >= loudest && *b > 0.0).collect();
    if sounding.is_empty() {
        return NOTHING_DB;
    }
    db(sounding.iter().sum::<f32>() / sounding.len() as f32 / (32_767.0 * 32_767.0))
}

/// Brings the speech to `target_dbfs`; peaks above [`PEAK_DBFS_MAX`] are bent down softly, not clipped. Silence stays.
pub fn normalise(pcm: &mut [i16], target_dbfs: f32) {
    let level = speech_dbfs(pcm);
    amplify(pcm, level, target_dbfs);
}

/// As [`normalise`], by the RMS of everything: for music, which has no pauses.
pub fn normalise_rms(pcm: &mut [i16], target_dbfs: f32) {
    let level = rms_dbfs(pcm);
    amplify(pcm, level, target_dbfs);
}

/// The part between the first and the last sound, with [`MARGIN`] around it; empty when all is silent.
pub fn trim(pcm: &[i16]) -> &[i16] {
    let floor = (32_767.0 * from_db(SILENCE_DBFS)) as u16;
    let loud = |s: &i16| s.unsigned_abs() > floor;
    let (Some(first), Some(last)) = (pcm.iter().position(loud), pcm.iter().rposition(loud)) else {
        return &[];
    };
    let (from, to) = (first.saturating_sub(MARGIN), (last + MARGIN + 1).min(pcm.len()));
    pcm.get(from..to).unwrap_or(&[])
}

fn amplify(pcm: &mut [i16], level: f32, target_dbfs: f32) {
    if level <= SILENCE_DBFS - 40.0 {
        return;
    }
    let gain = from_db(target_dbfs - level);
    let limit = 32_767.0 * from_db(PEAK_DBFS_MAX);
    for s in pcm {
        *s = to_sample(bend(f32::from(*s) * gain, limit));
    }
}

/// Straight up to 70 % of the limit, then a tanh that never passes it.
fn bend(x: f32, limit: f32) -> f32 {
    let knee = 0.7 * limit;
    if x.abs() <= knee {
        return x;
    }
    let room = limit - knee;
    x.signum() * (knee + room * ((x.abs() - knee) / room).tanh())
}

fn db(ratio: f32) -> f32 {
    if ratio > 1e-12 { 10.0 * ratio.log10() } else { NOTHING_DB }
}

fn from_db(db: f32) -> f32 {
    10f32.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    #[test]
    fn speech_is_brought_to_the_target_whatever_its_pauses() {
        let word = tone::sine(300.0, -35.0, 400);
        let mut pcm = [word.clone(), tone::silence(2000), word].concat();
        normalise(&mut pcm, PROMPT_DBFS);
        assert!((speech_dbfs(&pcm) - PROMPT_DBFS).abs() < 0.3);
        assert!(rms_dbfs(&pcm) < PROMPT_DBFS - 4.0);
    }

    #[test]
    fn peaks_stay_under_the_limit() {
        let mut pcm = vec![20i16; 8000];
        pcm[100] = 30_000;
        normalise(&mut pcm, -3.0);
        assert!(peak_dbfs(&pcm) <= PEAK_DBFS_MAX + 0.01);
    }

    #[test]
    fn silence_stays_silence_and_is_trimmed_away() {
        let mut pcm = tone::silence(100);
        normalise(&mut pcm, PROMPT_DBFS);
        assert!(pcm.iter().all(|s| *s == 0));
        assert!(trim(&pcm).is_empty() && trim(&[]).is_empty());
        assert_eq!((peak_dbfs(&pcm), rms_dbfs(&[]), speech_dbfs(&[])), (NOTHING_DB, NOTHING_DB, NOTHING_DB));
    }

    #[test]
    fn trimming_leaves_a_margin() {
        let pcm = [tone::silence(500), vec![9000; 80], tone::silence(500)].concat();
        assert_eq!(trim(&pcm).len(), 80 + 2 * MARGIN);
        assert_eq!(trim(&pcm[4000..4080]).len(), 80);
    }
}
