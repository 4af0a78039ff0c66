//! How a voice is heard at the end of a path: the E-model of ITU-T G.107 (06/2015) with its default values for everything
//! that a packet network does not change, and what G.113 says of codecs. What is put in is loss, how it comes in bursts,
//! and delay; what comes out is the rating R, 0 to 100, and the mean opinion score that people would give, 1 to 5.

/// What a codec takes from the rating, and how it bears loss (G.113 appendix I).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Impairment {
    /// Equipment impairment factor Ie: what it takes without any loss.
    pub ie: f64,
    /// Packet-loss robustness factor Bpl.
    pub bpl: f64,
}

/// One way from a mouth to an ear.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// Of the codec.
    pub codec: Impairment,
    /// Share of packets that were not heard, 0 to 1.
    pub loss: f64,
    /// Burst ratio: how long runs of loss are, against what chance alone would make; at least 1.
    pub burst: f64,
    /// From mouth to ear, milliseconds.
    pub delay_ms: f64,
}

/// Signal to noise at the reference point, Ro, and what is heard together with the voice, Is, both by default values.
const RO: f64 = 94.77;
const IS: f64 = 1.41;
/// Sum of all noise, dBm0p; the receiving loudness rating, the talker echo loudness rating and the weighted echo path
/// loss, dB.
const NO: f64 = -61.18;
const RLR: f64 = 2.0;
const TELR: f64 = 65.0;
const WEPL: f64 = 110.0;
/// Delay up to this takes nothing by itself, milliseconds.
const DELAY_FREE_MS: f64 = 100.0;
/// No delay beyond this is told apart.
const DELAY_MAX_MS: f64 = 10_000.0;

impl Path {
    /// The rating R, 0 to 100 (G.107 section 7.1).
    pub fn rating(&self) -> f64 {
        let r = RO - IS - self.delay_impairment() - self.equipment_impairment();
        r.clamp(0.0, 100.0)
    }

    /// The mean opinion score, 1 to 4.5.
    pub fn mos(&self) -> f64 {
        mos(self.rating())
    }

    /// Id (section 7.4): echo that talker and listener hear, and delay alone.
    fn delay_impairment(&self) -> f64 {
        let t = self.delay_ms.clamp(0.0, DELAY_MAX_MS);
        let talker = if t < 1.0 {
            0.0
        } else {
            let roe = -1.5 * (NO - RLR);
            let terv =
                TELR - 40.0 * ((1.0 + t / 10.0) / (1.0 + t / 150.0)).log10() + 6.0 * (-0.3 * t * t).exp();
            let re = 80.0 + 2.5 * (terv - 14.0);
            let half = (roe - re) / 2.0;
            (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-t).exp())
        };
        let listener = {
            let rle = 10.5 * (WEPL + 7.0) * (2.0 * t + 1.0).powf(-0.25);
            let half = (RO - rle) / 2.0;
            half + (half * half + 169.0).sqrt()
        };
        let alone = if t <= DELAY_FREE_MS {
            0.0
        } else {
            let x = (t / DELAY_FREE_MS).log2();
            let root = |x: f64| (1.0 + x.powi(6)).powf(1.0 / 6.0);
            25.0 * (root(x) - 3.0 * root(x / 3.0) + 2.0)
        };
        talker + listener + alone
    }

    /// Ie,eff (section 7.5).
    fn equipment_impairment(&self) -> f64 {
        let Impairment { ie, bpl } = self.codec;
        let lost = self.loss.clamp(0.0, 1.0) * 100.0;
        if lost <= 0.0 {
            return ie;
        }
        ie + (95.0 - ie) * lost / (lost / self.burst.max(1.0) + bpl.max(1.0))
    }
}

/// The mean opinion score of a rating (G.107 annex B).
pub fn mos(rating: f64) -> f64 {
    match rating {
        r if r <= 0.0 => 1.0,
        r if r >= 100.0 => 4.5,
        r => (1.0 + 0.035 * r + r * (r - 60.0) * (100.0 - r) * 7e-6).max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const G711: Impairment = Impairment { ie: 0.0, bpl: 4.3 };
    const G711_CONCEALED: Impairment = Impairment { ie: 0.0, bpl: 25.1 };

    fn path(codec: Impairment, loss: f64, delay_ms: f64) -> Path {
        Path { codec, loss, burst: 1.0, delay_ms }
    }

    /// G.107 section 7.7: with all values by default R is 93.2.
    #[test]
    fn a_perfect_path_has_the_rating_of_the_recommendation() {
        let r = path(G711, 0.0, 0.0).rating();
        assert!((r - 93.2).abs() < 0.05, "{r}");
    }

    /// G.107 annex B, table B.1.
    #[test]
    fn ratings_have_the_scores_of_the_table() {
        for (r, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!((mos(r) - score).abs() < 0.01, "{r}: {}", mos(r));
        }
        assert_eq!((mos(-3.0), mos(0.0), mos(100.0), mos(120.0)), (1.0, 1.0, 4.5, 4.5));
    }

    /// Ie,eff by hand from section 7.5: at 5 % of random loss G.711 loses 51.1 without concealment and 15.8 with it; loss
    /// in bursts is heard more.
    #[test]
    fn loss_takes_what_the_formula_says() {
        let perfect = path(G711, 0.0, 0.0).rating();
        let taken = |p: Path| perfect - p.rating();
        assert!((taken(path(G711, 0.05, 0.0)) - 95.0 * 5.0 / 9.3).abs() < 0.01);
        assert!((taken(path(G711_CONCEALED, 0.05, 0.0)) - 95.0 * 5.0 / 30.1).abs() < 0.01);
        let bursts = Path { burst: 2.0, ..path(G711, 0.05, 0.0) };
        assert!((taken(bursts) - 95.0 * 5.0 / 6.8).abs() < 0.01);
    }

    /// G.107 figure 1 and G.114: with the default echo loss nothing is noticed up to 150 ms or so, and half a second is poor.
    #[test]
    fn delay_takes_little_up_to_a_sixth_of_a_second_and_much_beyond() {
        let at = |ms| path(G711, 0.0, ms).rating();
        assert!(at(0.0) - at(50.0) < 3.0, "{}", at(50.0));
        assert!(at(0.0) - at(150.0) < 8.0, "{}", at(150.0));
        assert!((40.0..72.0).contains(&at(500.0)), "{}", at(500.0));
    }

    proptest! {
        #[test]
        fn worse_is_never_better(loss in 0.0..1.0f64, more in 0.0..0.2f64, delay in 1.0..2_000.0f64, later in 0.0..500.0f64) {
            let better = path(G711_CONCEALED, loss, delay);
            prop_assert!(path(G711_CONCEALED, loss + more, delay).rating() <= better.rating());
            prop_assert!(path(G711_CONCEALED, loss, delay + later).rating() <= better.rating() + 1e-9);
            prop_assert!((0.0..=100.0).contains(&better.rating()) && (1.0..=4.5).contains(&better.mos()));
        }
    }
}
