//! The ladder on a terminal: a line a row, a column a party.

use super::{Arrow, Ladder, Row, seconds};

/// Where the first column stands, and how far the next one is from it.
const FIRST: usize = 16;
const APART: usize = 24;

/// Draws it.
pub fn text(ladder: &Ladder) -> String {
    let mut out = format!("{}\n\n", ladder.title);
    let mut heads = Canvas::default();
    for (n, name) in ladder.columns.iter().enumerate() {
        let name = short(name, APART - 2);
        heads.write(at(n).saturating_sub(name.chars().count() / 2), &name);
    }
    out.push_str(&heads.line());
    for row in &ladder.rows {
        let mut canvas = Canvas::default();
        (0..ladder.columns.len()).for_each(|n| canvas.write(at(n), "│"));
        match row {
            Row::Message(arrow) => message(&mut canvas, arrow, ladder.columns.len()),
            Row::Fact { after_ms, what } => {
                canvas.write(0, &time(&seconds(*after_ms)));
                canvas.write(at(ladder.line), &format!("● {what}"));
            }
            Row::Gap { ms } => {
                (0..ladder.columns.len()).for_each(|n| canvas.write(at(n), "┊"));
                canvas.write(0, &time(&format!("+{} s", ms / 1_000)));
            }
        }
        out.push_str(&canvas.line());
    }
    if let Some(note) = &ladder.note {
        out.push_str(&format!("\n{note}\n"));
    }
    out
}

fn message(canvas: &mut Canvas, arrow: &Arrow, columns: usize) {
    let (left, right) = (arrow.from.min(arrow.to), arrow.from.max(arrow.to));
    let stroke = if arrow.again { "╌" } else { "─" };
    for x in at(left) + 1..at(right) {
        canvas.write(x, stroke);
    }
    (left + 1..right).for_each(|n| canvas.write(at(n), "┼"));
    match arrow.to > arrow.from {
        true => canvas.write(at(right) - 1, "▶"),
        false => canvas.write(at(left) + 1, "◀"),
    }
    // The label stands beside the party, so that arrows to the same one read as a column.
    let first = if left == 0 { left } else { right - 1 };
    let label = format!(" {} ", short(&arrow.label, APART - 6));
    canvas.write(at(first) + (APART - label.chars().count()) / 2 + 1, &label);
    canvas.write(0, &time(&seconds(i64::try_from(arrow.after_ms).unwrap_or(i64::MAX))));
    let whole =
        if arrow.label.chars().count() > APART - 6 { format!("{} · ", arrow.label) } else { String::new() };
    canvas.write(at(columns) - APART + 4, &format!("{whole}{}", arrow.detail));
}

fn at(column: usize) -> usize {
    FIRST + column * APART
}

fn time(text: &str) -> String {
    format!("{text:>9}")
}

fn short(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
}

/// One line of characters that can be written over.
#[derive(Default)]
struct Canvas(Vec<char>);

impl Canvas {
    fn write(&mut self, at: usize, text: &str) {
        for (x, c) in (at..).zip(text.chars()) {
            if self.0.len() <= x {
                self.0.resize(x + 1, ' ');
            }
            if let Some(place) = self.0.get_mut(x) {
                *place = c;
            }
        }
    }

    fn line(&self) -> String {
        let text: String = self.0.iter().collect();
        format!("{}\n", text.trim_end())
    }
}
