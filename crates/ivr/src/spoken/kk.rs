//! Kazakh numerals. One rule for all of them: thousands, hundreds, tens, ones, each by its own word, no gender, no
//! plural. A single thousand is *мың*; several are *екі мың*, *үш мың*.

use super::below_thousand;

pub(super) fn cardinal(n: u32) -> Vec<String> {
    if n == 0 {
        return vec!["n0".to_owned()];
    }
    let one = |n: u32| format!("n{n}");
    let mut names = Vec::new();
    match n / 1000 {
        0 => {}
        1 => names.push("n1000".to_owned()),
        thousands => names.extend([one(thousands), "n1000".to_owned()]),
    }
    names.extend(below_thousand(n % 1000, one));
    names
}

#[cfg(test)]
mod tests {
    use super::cardinal;
    use expect_test::expect;

    /// The words as they are recorded.
    fn word(clip: &str) -> &'static str {
        match clip {
            "n0" => "нөл",
            "n1" => "бір",
            "n2" => "екі",
            "n3" => "үш",
            "n4" => "төрт",
            "n5" => "бес",
            "n6" => "алты",
            "n7" => "жеті",
            "n8" => "сегіз",
            "n9" => "тоғыз",
            "n10" => "он",
            "n11" => "он бір",
            "n12" => "он екі",
            "n15" => "он бес",
            "n19" => "он тоғыз",
            "n20" => "жиырма",
            "n30" => "отыз",
            "n90" => "тоқсан",
            "n100" => "жүз",
            "n200" => "екі жүз",
            "n900" => "тоғыз жүз",
            "n1000" => "мың",
            _ => "?",
        }
    }

    #[test]
    fn kazakh_numbers_read_as_they_are_spoken() {
        let lines: Vec<String> = [0, 1, 7, 10, 12, 20, 21, 99, 100, 115, 230, 1000, 1001, 2026, 9999]
            .into_iter()
            .map(|n| {
                let words: Vec<&str> = cardinal(n).iter().map(|c| word(c)).collect();
                format!("{n} {}", words.join(" "))
            })
            .collect();
        expect![[r#"
            0 нөл
            1 бір
            7 жеті
            10 он
            12 он екі
            20 жиырма
            21 жиырма бір
            99 тоқсан тоғыз
            100 жүз
            115 жүз он бес
            230 екі жүз отыз
            1000 мың
            1001 мың бір
            2026 екі мың жиырма алты
            9999 тоғыз мың тоғыз жүз тоқсан тоғыз"#]]
        .assert_eq(&lines.join("\n"));
    }

    /// The rule read backwards: a numeral adds up; a small one before *мың* multiplies it.
    #[test]
    fn every_kazakh_number_adds_up_to_itself() {
        for n in 0..=9_999u32 {
            let total = cardinal(n).iter().fold(0, |sum: u32, clip| {
                let value: u32 = clip[1..].parse().unwrap();
                if value == 1000 { sum.max(1) * 1000 } else { sum + value }
            });
            assert_eq!(total, n);
        }
    }
}
