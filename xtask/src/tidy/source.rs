//! Rust source with strings, comments or unit tests blanked, line numbers kept: enough of a lexer to search for words.

/// Two views of a file, each as long as the file.
pub(super) struct Views {
    /// Neither comments nor the insides of strings.
    pub(super) code: String,
    /// Comments, but not the insides of strings.
    pub(super) words: String,
}

/// What a piece of source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// Makes both views.
pub(super) fn views(source: &str) -> Views {
    let chars: Vec<char> = source.chars().collect();
    let mut views = Views { code: String::new(), words: String::new() };
    let mut at = 0;
    while at < chars.len() {
        let (kind, end) = piece(&chars, at);
        for c in &chars[at..end] {
            let blank = if *c == '\n' { '\n' } else { ' ' };
            views.code.push(if kind == Kind::Code { *c } else { blank });
            views.words.push(if kind == Kind::Text { blank } else { *c });
        }
        at = end;
    }
    views
}

/// The piece that begins at `at`, and where it ends.
fn piece(chars: &[char], at: usize) -> (Kind, usize) {
    let next = chars.get(at + 1).copied();
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next == Some('/') => (Kind::Comment, find(chars, at, |c| c == '\n')),
        '/' if next == Some('*') => (Kind::Comment, block_comment(chars, at)),
        '"' => (Kind::Text, string(chars, at + 1)),
        'r' | 'b' | 'c' if !in_word => match raw_hashes(chars, at) {
            Some((hashes, open)) => (Kind::Text, raw_string(chars, open + 1, hashes)),
            None => (Kind::Code, at + 1),
        },
        '\'' if !in_word => char_literal(chars, at).map_or((Kind::Code, at + 1), |end| (Kind::Text, end)),
        _ => (Kind::Code, at + 1),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn find(chars: &[char], from: usize, stop: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|c| stop(*c)).map_or(chars.len(), |n| from + n)
}

fn block_comment(chars: &[char], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

/// The end of a string whose inside begins at `at`.
fn string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// `r"`, `r#"`, `br##"` …: how many hashes, and where the quote is. Raw identifiers (`r#type`) are none.
fn raw_hashes(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let after_prefix = find(chars, at, |c| !matches!(c, 'r' | 'b' | 'c'));
    if after_prefix - at > 2 || !chars[at..after_prefix].contains(&'r') {
        return None;
    }
    let quote = find(chars, after_prefix, |c| c != '#');
    (chars.get(quote) == Some(&'"')).then_some((quote - after_prefix, quote))
}

fn raw_string(chars: &[char], mut at: usize, hashes: usize) -> usize {
    while at < chars.len() {
        let tail = chars.get(at + 1..at + 1 + hashes);
        if chars[at] == '"' && tail.is_some_and(|tail| tail.iter().all(|c| *c == '#')) {
            return at + 1 + hashes;
        }
        at += 1;
    }
    chars.len()
}

/// The end of a character literal, or `None` for a lifetime.
fn char_literal(chars: &[char], at: usize) -> Option<usize> {
    match (chars.get(at + 1)?, chars.get(at + 2)?) {
        ('\\', _) => Some((find(chars, at + 3, |c| c == '\'') + 1).min(chars.len())),
        (_, '\'') => Some(at + 3),
        _ => None,
    }
}

/// Blanks every `#[cfg(test)]` item of a code view.
pub(super) fn without_unit_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut out = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(begin) = rest.find(MARK) {
        let (before, item) = rest.split_at(begin);
        let end = item_end(item, MARK.len());
        out.push_str(before);
        out.extend(item[..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// Where an item ends: at a semicolon before any brace, or at the brace that closes the first one.
fn item_end(item: &str, from: usize) -> usize {
    let mut depth = 0usize;
    for (at, c) in item.char_indices().skip_while(|(at, _)| *at < from) {
        match c {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    item.len()
}

/// Every path that `use` statements of a code view bring in, braces expanded, with its line.
pub(super) fn uses(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let begins = code[..at]
            .chars()
            .next_back()
            .is_none_or(|c| c.is_whitespace() || matches!(c, ';' | '}' | '{' | ')'));
        if !begins {
            continue;
        }
        let line = line_of(code, at);
        let tree = code[at + 4..].split(';').next().unwrap_or_default();
        let tree: String = tree.replace(" as ", "@").chars().filter(|c| !c.is_whitespace()).collect();
        expand("", &tree, &mut |path| found.push((line, path)));
    }
    found
}

/// The line, from 1, of a place in a text.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn expand(prefix: &str, tree: &str, found: &mut impl FnMut(String)) {
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split('@').next().unwrap_or_default();
        return found(format!("{prefix}{path}"));
    };
    let group = group.strip_suffix('}').unwrap_or(group);
    let prefix = format!("{prefix}{head}");
    let (mut depth, mut begin) = (0i32, 0);
    for (at, c) in group.char_indices().chain([(group.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth <= 0 => {
                if at > begin {
                    expand(&prefix, &group[begin..at], found);
                }
                begin = at + 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_characters_are_told_apart() {
        let source = "let a = \"x // y\\\" z\"; // why \"\nlet b = r#\"p \" q\"#; /* c /* d */ e */ let c = '\"'; let d: &'a str = b\"f\";";
        let Views { code, words } = views(source);
        assert_eq!(code.lines().count(), source.lines().count());
        for gone in ["x", "y", "z", "why", "p ", "q", " d ", "f"] {
            assert!(!code.replace("let d", "").contains(gone), "{gone}: {code}");
        }
        assert!(code.contains("let c") && code.contains("&'a str"));
        assert!(words.contains("why") && !words.contains("x //"));
    }

    #[test]
    fn unit_tests_are_left_out_and_lines_stay() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() { {} }\n}\nfn c() {}\n#[cfg(test)]\nuse x;\nfn d() {}";
        let cut = without_unit_tests(code);
        assert!(cut.contains("fn a") && cut.contains("fn c") && cut.contains("fn d"));
        assert!(!cut.contains("fn b") && !cut.contains("use x"));
        assert_eq!(cut.lines().count(), code.lines().count());
    }

    #[test]
    fn use_trees_are_expanded() {
        let code = "\nuse std::{fs, io::{self, Read as R}, net::IpAddr};\npub use a::b;";
        let paths: Vec<_> = uses(code).into_iter().map(|(line, path)| format!("{line} {path}")).collect();
        assert_eq!(
            paths,
            ["2 std::fs", "2 std::io::self", "2 std::io::Read", "2 std::net::IpAddr", "3 a::b"]
        );
    }

    #[test]
    fn broken_source_is_read_to_its_end() {
        for source in
            ["\"open", "r##\"open\"#", "/* open /* ", "'\\", "#[cfg(test)] mod x {", "use a::{b", "'", "br"]
        {
            let code = views(source).code;
            let _ = (without_unit_tests(&code), uses(&code));
        }
    }
}
