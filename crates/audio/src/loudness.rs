//! How loud a sound is, and making all prompts equally loud.

/// Root mean square in decibels below full scale; -96 for silence.
pub fn rms_db(pcm: &[i16]) -> f32 {
    if pcm.is_empty() {
        return -96.0;
    }
    let mean = pcm.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / pcm.len() as f64;
    (10.0 * (mean / (32_767.0 * 32_767.0)).max(2.5e-10).log10()) as f32
}

/// The loudest sample, 0 to 32768.
pub fn peak(pcm: &[i16]) -> u16 {
    pcm.iter().map(|s| s.unsigned_abs()).max().unwrap_or(0)
}

/// Brings a sound to a level, as far as its peaks allow: none goes above -1 dB.
pub fn normalise(pcm: &mut [i16], target_db: f32) {
    let top = f32::from(peak(pcm));
    if top == 0.0 {
        return;
    }
    let wanted = 10f32.powf((target_db - rms_db(pcm)) / 20.0);
    let gain = wanted.min(29_200.0 / top);
    for s in pcm {
        *s = (f32::from(*s) * gain) as i16;
    }
}

/// Cuts silence off both ends, leaving `keep` samples of it.
pub fn trim(pcm: &[i16], keep: usize) -> &[i16] {
    let threshold = (peak(pcm) / 100).max(8);
    let loud = |s: &i16| s.unsigned_abs() > threshold;
    let Some(first) = pcm.iter().position(loud) else { return &[] };
    let last = pcm.iter().rposition(loud).unwrap_or(first);
    &pcm[first.saturating_sub(keep)..(last + 1 + keep).min(pcm.len())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::sine;

    #[test]
    fn a_sound_comes_to_its_level_without_clipping() {
        let mut soft = sine(300.0, 900.0, 4_000);
        normalise(&mut soft, -20.0);
        assert!((rms_db(&soft) + 20.0).abs() < 0.1);
        normalise(&mut soft, 10.0);
        assert!(peak(&soft) <= 29_200);
        normalise(&mut [0; 10], -20.0);
    }

    #[test]
    fn silence_is_cut_off_both_ends() {
        let mut pcm = vec![0; 500];
        pcm.extend(sine(300.0, 9_000.0, 800));
        pcm.extend([0; 700]);
        let cut = trim(&pcm, 80);
        assert!((940..=962).contains(&cut.len()), "{}", cut.len());
        assert!(trim(&[0; 100], 10).is_empty());
    }
}
