//! Russian numerals. Ones agree with what is counted (один голос, одна минута; два, две); *тысяча* is feminine
//! itself and changes with its number: одна тысяча, две–четыре тысячи, пять тысяч, and 11 to 14 take the last form.

use super::{Gender, below_thousand};

pub(super) fn cardinal(n: u32, gender: Gender) -> Vec<String> {
    if n == 0 {
        return vec!["n0".to_owned()];
    }
    let mut names = Vec::new();
    match n / 1000 {
        0 => {}
        1 => names.push("n1000".to_owned()),
        thousands => {
            names.extend(below_thousand(thousands, |n| one(n, Gender::Feminine)));
            names.push(form_of_thousand(thousands).to_owned());
        }
    }
    names.extend(below_thousand(n % 1000, |n| one(n, gender)));
    names
}

fn one(n: u32, gender: Gender) -> String {
    match (n, gender) {
        (1 | 2, Gender::Feminine) => format!("n{n}f"),
        _ => format!("n{n}"),
    }
}

fn form_of_thousand(n: u32) -> &'static str {
    match (n % 100, n % 10) {
        (11..=14, _) => "n1000many",
        (_, 1) => "n1000",
        (_, 2..=4) => "n1000few",
        _ => "n1000many",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    /// The words as they are recorded.
    fn word(clip: &str) -> &'static str {
        match clip {
            "n0" => "ноль",
            "n1" => "один",
            "n1f" => "одна",
            "n2" => "два",
            "n2f" => "две",
            "n3" => "три",
            "n5" => "пять",
            "n6" => "шесть",
            "n9" => "девять",
            "n10" => "десять",
            "n11" => "одиннадцать",
            "n12" => "двенадцать",
            "n20" => "двадцать",
            "n40" => "сорок",
            "n90" => "девяносто",
            "n100" => "сто",
            "n200" => "двести",
            "n900" => "девятьсот",
            "n1000" => "тысяча",
            "n1000few" => "тысячи",
            "n1000many" => "тысяч",
            _ => "?",
        }
    }

    fn spoken(n: u32, gender: Gender) -> String {
        cardinal(n, gender).iter().map(|c| word(c)).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn russian_numbers_read_as_they_are_spoken() {
        let lines: Vec<String> = [0, 1, 2, 12, 21, 40, 100, 111, 212, 1000, 1001, 2026, 3000, 5001, 9999]
            .into_iter()
            .map(|n| format!("{n} {} | {}", spoken(n, Gender::Masculine), spoken(n, Gender::Feminine)))
            .collect();
        expect![[r#"
            0 ноль | ноль
            1 один | одна
            2 два | две
            12 двенадцать | двенадцать
            21 двадцать один | двадцать одна
            40 сорок | сорок
            100 сто | сто
            111 сто одиннадцать | сто одиннадцать
            212 двести двенадцать | двести двенадцать
            1000 тысяча | тысяча
            1001 тысяча один | тысяча одна
            2026 две тысячи двадцать шесть | две тысячи двадцать шесть
            3000 три тысячи | три тысячи
            5001 пять тысяч один | пять тысяч одна
            9999 девять тысяч девятьсот девяносто девять | девять тысяч девятьсот девяносто девять"#]]
        .assert_eq(&lines.join("\n"));
    }

    #[test]
    fn thousand_changes_with_its_number() {
        let forms: Vec<&str> = [1, 2, 4, 5, 9, 11, 12, 14, 21, 22, 100].map(form_of_thousand).to_vec();
        let expected = ["n1000", "n1000few", "n1000few", "n1000many", "n1000many", "n1000many", "n1000many"];
        assert_eq!(forms[..7], expected);
        assert_eq!(forms[7..], ["n1000many", "n1000", "n1000few", "n1000many"]);
    }

    /// The rule read backwards: numerals add up, and thousands multiply what stands before them.
    #[test]
    fn every_russian_number_adds_up_to_itself_in_both_genders() {
        for n in 0..=9_999u32 {
            for gender in [Gender::Masculine, Gender::Feminine] {
                let names = cardinal(n, gender);
                let total = names.iter().fold(0, |sum: u32, clip| {
                    if clip.starts_with("n1000") {
                        return sum.max(1) * 1000;
                    }
                    sum + clip[1..].trim_end_matches('f').parse::<u32>().unwrap()
                });
                assert_eq!(total, n);
                let last_is_feminine = names.last().is_some_and(|c| c.ends_with('f'));
                let one_or_two = matches!(n % 10, 1 | 2) && !matches!(n % 100, 11 | 12);
                assert_eq!(last_is_feminine, one_or_two && gender == Gender::Feminine, "{n}");
            }
        }
    }
}
