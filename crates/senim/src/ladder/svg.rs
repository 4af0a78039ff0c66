//! The ladder as SVG: for a ticket, a mail to a carrier, a page. It follows the reader's light or dark screen.

use super::{Arrow, Ladder, Row, Tone, seconds};
use core::fmt::Write;

/// Distances, in pixels.
const LEFT: usize = 170;
const APART: usize = 290;
const TOP: usize = 96;
const RIGHT: usize = 150;
const MESSAGE: usize = 44;
const FACT: usize = 30;
const GAP: usize = 30;
/// Letters of a detail before it goes on under itself.
const DETAIL_MAX: usize = 46;

const STYLE: &str = "\
text{font:13px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif;fill:#1c2430}\
.bg{fill:#fff}.soft{fill:#67707e;font-size:11px}.time{fill:#67707e;font-size:12px;font-family:ui-monospace,'DejaVu Sans Mono',monospace}\
.title{font-size:15px;font-weight:600}.head{font-weight:600}\
.life{stroke:#c9d0da;stroke-width:1.5}.gap{stroke:#c9d0da;stroke-width:1.5;stroke-dasharray:2 5}\
.box{fill:#f3f5f8;stroke:#c9d0da}.fact{fill:#f3f5f8;stroke:#c9d0da}\
.request{stroke:#1f5fbf;fill:#1f5fbf}.progress{stroke:#67707e;fill:#67707e}.success{stroke:#17784a;fill:#17784a}.failure{stroke:#b93226;fill:#b93226}\
line.request,line.progress,line.success,line.failure{stroke-width:1.6}.again{stroke-dasharray:6 4}\
text.request,text.progress,text.success,text.failure{stroke:none}\
@media (prefers-color-scheme:dark){text{fill:#e4e8ee}.bg{fill:#12161c}.soft,.time{fill:#98a2b0}\
.life,.gap{stroke:#3a4350}.box,.fact{fill:#1c222b;stroke:#3a4350}\
.request{stroke:#7fb0ff;fill:#7fb0ff}.progress{stroke:#98a2b0;fill:#98a2b0}.success{stroke:#5fcf97;fill:#5fcf97}.failure{stroke:#ff8a7d;fill:#ff8a7d}\
text.request,text.progress,text.success,text.failure{stroke:none}}";

/// Draws it.
pub fn svg(ladder: &Ladder) -> String {
    let width = (LEFT + ladder.columns.len().saturating_sub(1) * APART + RIGHT).max(520);
    let mut body = String::new();
    let mut y = TOP;
    let mut drawn = String::new();
    for row in &ladder.rows {
        let height = match row {
            Row::Message(arrow) => message(&mut drawn, arrow, y),
            Row::Fact { after_ms, what } => fact(&mut drawn, ladder, *after_ms, what, y),
            Row::Gap { ms } => gap(&mut drawn, ladder, *ms, y),
        };
        y += height;
    }
    let bottom = y + 10;
    for (n, name) in ladder.columns.iter().enumerate() {
        let x = at(n);
        put(&mut body, format_args!(r#"<line class="life" x1="{x}" y1="70" x2="{x}" y2="{bottom}"/>"#));
        let half = (name.chars().count() * 4 + 16).max(48);
        put(
            &mut body,
            format_args!(
                r#"<rect class="box" x="{}" y="46" width="{}" height="26" rx="6"/><text class="head" x="{x}" y="64" text-anchor="middle">{}</text>"#,
                x - half,
                half * 2,
                escaped(name)
            ),
        );
    }
    body.push_str(&drawn);
    let mut height = bottom + 20;
    if let Some(note) = &ladder.note {
        put(
            &mut body,
            format_args!(r#"<text class="soft" x="20" y="{}">{}</text>"#, bottom + 18, escaped(note)),
        );
        height += 16;
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img"><title>{title}</title><style>{STYLE}</style><rect class="bg" width="{width}" height="{height}"/><text class="title" x="20" y="28">{title}</text>{body}</svg>
"#,
        title = escaped(&ladder.title)
    )
}

fn message(out: &mut String, arrow: &Arrow, y: usize) -> usize {
    let (from, to) = (at(arrow.from), at(arrow.to));
    let tone = match arrow.tone {
        Tone::Request => "request",
        Tone::Progress => "progress",
        Tone::Success => "success",
        Tone::Failure => "failure",
    };
    let line = y + 20;
    clock(out, i64::try_from(arrow.after_ms).unwrap_or(i64::MAX), line + 4);
    let again = if arrow.again { " again" } else { "" };
    let (tip, back) = if to > from { (to - 1, to - 9) } else { (to + 1, to + 9) };
    put(
        out,
        format_args!(
            r#"<line class="{tone}{again}" x1="{from}" y1="{line}" x2="{back}" y2="{line}"/><path class="{tone}" d="M{tip} {line}L{back} {}L{back} {}Z"/>"#,
            line - 4,
            line + 4
        ),
    );
    // Beside the party, so that a label never lies on another one's lifeline.
    let outer = if arrow.from.min(arrow.to) == 0 { 0 } else { arrow.from.max(arrow.to) - 1 };
    let middle = at(outer) + APART / 2;
    put(
        out,
        format_args!(
            r#"<text class="{tone}" x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
            line - 6,
            escaped(&arrow.label)
        ),
    );
    // A number and its unit stay together.
    let lines = folded(&arrow.detail.replace(" ms", "\u{a0}ms"));
    for (n, part) in lines.iter().enumerate() {
        put(
            out,
            format_args!(
                r#"<text class="soft" x="{middle}" y="{}" text-anchor="middle">{}</text>"#,
                line + 14 + 13 * n,
                escaped(part)
            ),
        );
    }
    MESSAGE + 13 * lines.len().saturating_sub(1)
}

fn fact(out: &mut String, ladder: &Ladder, after_ms: i64, what: &str, y: usize) -> usize {
    clock(out, after_ms, y + 18);
    let x = at(ladder.line);
    let half = what.chars().count() * 7 / 2 + 14;
    put(
        out,
        format_args!(
            r#"<rect class="fact" x="{}" y="{}" width="{}" height="20" rx="10"/><text x="{x}" y="{}" text-anchor="middle" style="font-size:12px">{}</text>"#,
            x.saturating_sub(half),
            y + 4,
            half * 2,
            y + 18,
            escaped(what)
        ),
    );
    FACT
}

fn gap(out: &mut String, ladder: &Ladder, ms: u64, y: usize) -> usize {
    put(
        out,
        format_args!(r#"<text class="soft" x="20" y="{}">{} s of silence</text>"#, y + 18, seconds_short(ms)),
    );
    put(
        out,
        format_args!(
            r#"<line class="gap" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
            at(0),
            y + 15,
            at(ladder.columns.len().saturating_sub(1)),
            y + 15
        ),
    );
    GAP
}

fn seconds_short(ms: u64) -> String {
    format!("{}.{}", ms / 1_000, ms % 1_000 / 100)
}

fn clock(out: &mut String, after_ms: i64, y: usize) {
    put(out, format_args!(r#"<text class="time" x="20" y="{y}">{}</text>"#, seconds(after_ms)));
}

fn at(column: usize) -> usize {
    LEFT + column * APART
}

/// A detail on as many lines as it needs.
fn folded(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().map_or(0, |l| l.chars().count());
        if last > 0 && last + 1 + word.chars().count() > DETAIL_MAX {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

fn put(out: &mut String, what: core::fmt::Arguments<'_>) {
    // Writing to a text cannot fail.
    let _ = out.write_fmt(what);
    out.push('\n');
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
