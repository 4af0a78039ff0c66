//! Columns that stand under each other.

use std::io::{self, Write};

/// Writes rows under their headings, columns two spaces apart, the last one as long as it is.
pub(crate) fn write(out: &mut dyn Write, headings: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.get(column)).map(|c| c.chars().count());
        cells.chain(headings.get(column).map(|h| h.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let mut line = |cells: Vec<&str>| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            text.push_str(cell);
            text.push_str(&" ".repeat(width - cell.chars().count() + 2));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(headings.to_vec())?;
    rows.iter().try_for_each(|r| line(r.iter().map(String::as_str).collect()))
}

/// `1:05`, minutes and seconds.
pub(crate) fn minutes(ms: u64) -> String {
    format!("{}:{:02}", ms / 60_000, ms / 1_000 % 60)
}

/// A word, or a dash for none.
pub(crate) fn or_dash(text: Option<impl ToString>) -> String {
    text.map_or_else(|| "-".into(), |t| t.to_string())
}

/// Words with commas, or a dash for none.
pub(crate) fn listed<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    if words.is_empty() { "-".into() } else { words.join(",") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other_whatever_the_alphabet() {
        let mut out = Vec::new();
        let rows = [vec!["Айгүл".into(), "1".into()], vec!["b".into(), "22".into()]];
        write(&mut out, &["name", "n"], &rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "name   n\nАйгүл  1\nb      22\n");
        assert_eq!((minutes(65_999), minutes(0)), ("1:05".into(), "0:00".into()));
        assert_eq!((or_dash(None::<u8>), listed([1, 2])), ("-".into(), "1,2".into()));
    }
}
