//! Numbers as sequences of recorded words. Every word is the name of a clip; `n20`, `n5` are said one after the other.
//!
//! | clips | words |
//! |---|---|
//! | `n0`…`n19`, `n20`, `n30`…`n90`, `n100`…`n900`, `n1000` | numerals |
//! | `n1f`, `n2f` | одна, две (in Kazakh the same as `n1`, `n2`: the language has no gender) |
//! | `n1000few`, `n1000many` | тысячи, тысяч (in Kazakh both мың) |
//! | `ord1`…`ord20` | places: бірінші, первый … |
//! | `pause` | 200 ms of silence |

mod kk;
mod ru;

use crate::run::Word;
use senim_base::Language;

/// The gender of what is counted. Only Russian asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gender {
    /// один, два.
    Masculine,
    /// одна, две.
    Feminine,
}

/// The greatest number that can be said as a number; a greater one is said digit by digit.
pub const CARDINAL_MAX: u32 = 9_999;
/// The greatest place that has a word of its own; a later one is said as a plain number.
pub const ORDINAL_MAX: u32 = 20;

/// Each digit by its name. Whatever is no digit is passed over.
pub fn digits(text: &str, language: Language) -> Vec<Word> {
    text.chars().filter(char::is_ascii_digit).map(|d| Word::new(language, format!("n{d}"))).collect()
}

/// A number in words: `1234` is *мың екі жүз отыз төрт*, *тысяча двести тридцать четыре*.
pub fn cardinal(n: u32, language: Language, gender: Gender) -> Vec<Word> {
    if n > CARDINAL_MAX {
        return digits(&n.to_string(), language);
    }
    let names = match language {
        Language::Kazakh => kk::cardinal(n),
        Language::Russian => ru::cardinal(n, gender),
    };
    names.into_iter().map(|name| Word::new(language, name)).collect()
}

/// A place in a row: *үшінші*, *третий*. Beyond [`ORDINAL_MAX`], and for 0, the plain number.
pub fn ordinal(n: u32, language: Language) -> Vec<Word> {
    if (1..=ORDINAL_MAX).contains(&n) {
        vec![Word::new(language, format!("ord{n}"))]
    } else {
        cardinal(n, language, Gender::Masculine)
    }
}

/// What a waiting caller hears of his place; 1 is next, and 0 counts as 1.
pub fn position(n: u32, language: Language) -> Vec<Word> {
    if n <= 1 {
        return vec![Word::new(language, "queue_next")];
    }
    let mut words = vec![Word::new(language, "queue_position_before")];
    words.extend(ordinal(n, language));
    words.push(Word::new(language, "queue_position_after"));
    words
}

/// An appeal number, read so that it can be written down: the year, three digits, three digits, the check digit, with
/// a pause between. `number` is the keyed or the printed form.
pub fn appeal_number(number: &str, language: Language) -> Vec<Word> {
    let mut words = Vec::new();
    for (at, digit) in digits(number, language).into_iter().enumerate() {
        if GROUP_STARTS.contains(&at) {
            words.push(Word::new(language, PAUSE));
        }
        words.push(digit);
    }
    words
}

/// Before which digits of an appeal number there is a pause.
const GROUP_STARTS: [usize; 3] = [4, 7, 10];
/// A short silence.
const PAUSE: &str = "pause";

/// Every clip that numbers need, in each language.
pub fn vocabulary() -> Vec<String> {
    let numerals = (0..20).chain((20..100).step_by(10)).chain((100..=1000).step_by(100));
    let places = (1..=ORDINAL_MAX).map(|n| format!("ord{n}"));
    let others = ["n1f", "n2f", "n1000few", "n1000many", PAUSE];
    let around = ["queue_next", "queue_position_before", "queue_position_after"];
    let others = others.into_iter().chain(around).map(str::to_owned);
    numerals.map(|n: u32| format!("n{n}")).chain(places).chain(others).collect()
}

/// The hundreds, tens and ones of a number below 1000. `ones` names a number below 20.
fn below_thousand(n: u32, mut ones: impl FnMut(u32) -> String) -> Vec<String> {
    let mut names = Vec::new();
    if n >= 100 {
        names.push(format!("n{}", n / 100 * 100));
    }
    match n % 100 {
        0 => {}
        rest @ 1..20 => names.push(ones(rest)),
        rest => {
            names.push(format!("n{}", rest / 10 * 10));
            if rest % 10 > 0 {
                names.push(ones(rest % 10));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn said(words: &[Word]) -> String {
        words.iter().map(|w| w.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// FEATURES A1.
    #[test]
    fn an_appeal_number_is_read_in_groups() {
        for text in ["20260001238", "2026-000123-8"] {
            let words = appeal_number(text, Language::Kazakh);
            assert_eq!(said(&words), "n2 n0 n2 n6 pause n0 n0 n0 pause n1 n2 n3 pause n8");
            assert!(words.iter().all(|w| w.language == Language::Kazakh));
        }
        assert!(appeal_number("", Language::Russian).is_empty());
    }

    #[test]
    fn a_place_is_told_as_a_place_and_the_first_as_next() {
        let say = |n| said(&position(n, Language::Russian));
        assert_eq!(say(1), "queue_next");
        assert_eq!(say(3), "queue_position_before ord3 queue_position_after");
        assert_eq!(say(20), "queue_position_before ord20 queue_position_after");
        assert_eq!(say(21), "queue_position_before n20 n1 queue_position_after");
        assert_eq!(said(&position(0, Language::Kazakh)), "queue_next");
    }

    #[test]
    fn numbers_beyond_the_words_are_said_digit_by_digit() {
        assert_eq!(said(&cardinal(9_999, Language::Kazakh, Gender::Masculine)), "n9 n1000 n900 n90 n9");
        assert_eq!(said(&cardinal(10_000, Language::Kazakh, Gender::Masculine)), "n1 n0 n0 n0 n0");
        assert_eq!(
            said(&cardinal(u32::MAX, Language::Russian, Gender::Feminine)),
            "n4 n2 n9 n4 n9 n6 n7 n2 n9 n5"
        );
    }

    /// FEATURES L2: no number needs a word that is not in the vocabulary.
    #[test]
    fn the_vocabulary_is_complete_and_each_word_is_used() {
        let mut used: BTreeSet<String> = BTreeSet::from([PAUSE.to_owned()]);
        for language in Language::ALL {
            for n in 0..=CARDINAL_MAX {
                for gender in [Gender::Masculine, Gender::Feminine] {
                    used.extend(cardinal(n, language, gender).into_iter().map(|w| w.name));
                }
                used.extend(position(n, language).into_iter().map(|w| w.name));
            }
        }
        used.extend(ordinal(1, Language::Kazakh).into_iter().map(|w| w.name));
        assert_eq!(used, vocabulary().into_iter().collect());
    }
}
