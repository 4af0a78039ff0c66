//! The keys of one table, taken out one by one; those that nobody asked for are misspelt.

use super::NAME_MAX;
use crate::defect::{Defects, suggest};
use crate::script::{Name, Urgent};
use core::ops::Range;
use senim_base::Language;
use std::collections::BTreeMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Names in one list at most; a longer one is refused.
const LIST_MAX: usize = 16;
/// Letters of a sentence at most.
const SENTENCE_MAX: usize = 200;

/// One table while it is read. `'d` is the list of defects, `'t` the parsed text, `'x` the text of the defects.
pub(super) struct Fields<'d, 't, 'x> {
    /// What the table is, as a sentence would call it.
    what: String,
    span: Range<usize>,
    table: &'t DeTable<'t>,
    asked: Vec<&'static str>,
    defects: &'d mut Defects<'x>,
}

type Value<'t> = &'t Spanned<DeValue<'t>>;

impl<'d, 't, 'x> Fields<'d, 't, 'x> {
    pub(super) fn new(
        what: impl Into<String>,
        span: Range<usize>,
        table: &'t DeTable<'t>,
        defects: &'d mut Defects<'x>,
    ) -> Self {
        Fields { what: what.into(), span, table, asked: Vec::new(), defects }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where a key of the table stands.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.table.get_key_value(key).map_or(self.span.clone(), |(k, _)| k.span())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = (&'t str, Range<usize>)> {
        self.table.iter().map(|(k, _)| (k.get_ref().as_ref(), k.span()))
    }

    pub(super) fn defect(&mut self, span: Range<usize>, what: impl Into<String>, instead: impl Into<String>) {
        self.defects.add(span, what, instead);
    }

    /// Reads a key if it is there.
    pub(super) fn optional<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Self, &'static str, Value<'t>) -> Option<T>,
    ) -> Option<T> {
        self.asked.push(key);
        let value = self.table.get(key)?;
        read(self, key, value)
    }

    /// Reads a key that must be there; `hint` is what to write behind it.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        hint: &str,
        read: impl FnOnce(&mut Self, &'static str, Value<'t>) -> Option<T>,
    ) -> Option<T> {
        if !self.has(key) {
            self.asked.push(key);
            // A misspelt key is told as such, once.
            if !self.misspelt(key) {
                let what = format!("{} lacks `{key}`", self.what);
                self.defect(self.span.clone(), what, format!("write {key} = {hint}"));
            }
            return None;
        }
        self.optional(key, read)
    }

    /// Tells every key that nobody asked for.
    pub(super) fn finish(self) {
        let Fields { what, table, asked, defects, .. } = self;
        for key in table.keys().filter(|k| !asked.contains(&k.get_ref().as_ref())) {
            let written = key.get_ref().as_ref();
            defects.add(
                key.span(),
                format!("unknown key `{written}` in {what}"),
                suggest(written, asked.iter().copied()),
            );
        }
    }

    fn misspelt(&self, key: &str) -> bool {
        self.keys().any(|(k, _)| !self.asked.contains(&k) && suggest(k, [key]).starts_with("did you"))
    }

    /// A name: of a step, a prompt, a queue.
    pub(super) fn name(&mut self, key: &'static str, value: Value<'t>) -> Option<Name> {
        self.text(key, value, NAME_MAX)
    }

    /// What a story is called: a sentence.
    pub(super) fn sentence(&mut self, key: &'static str, value: Value<'t>) -> Option<Name> {
        self.text(key, value, SENTENCE_MAX)
    }

    fn text(&mut self, key: &'static str, value: Value<'t>, max: usize) -> Option<Name> {
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() && text.len() <= max => {
                Some(Name { text: text.to_string(), span: value.span() })
            }
            DeValue::String(_) => {
                self.defect(
                    value.span(),
                    format!("`{key}` is empty or too long"),
                    format!("write 1 to {max} letters"),
                );
                None
            }
            other => self.mistyped(key, value, other, "a name in quotes"),
        }
    }

    /// One name or a list of names, at least one.
    pub(super) fn names(&mut self, key: &'static str, value: Value<'t>) -> Option<Vec<Name>> {
        self.names_to(key, value, LIST_MAX)
    }

    /// One name or a list of names, at least one, at most `max`.
    pub(super) fn names_to(&mut self, key: &'static str, value: Value<'t>, max: usize) -> Option<Vec<Name>> {
        let DeValue::Array(list) = value.get_ref() else {
            return self.name(key, value).map(|n| vec![n]);
        };
        if list.is_empty() || list.len() > max {
            self.defect(
                value.span(),
                format!("`{key}` has {} names", list.len()),
                format!("write 1 to {max}"),
            );
            return None;
        }
        list.iter().map(|v| self.name(key, v)).collect()
    }

    /// A list of tables, each written `[[key]]`, at most `max`; every one is read, the faulty ones told.
    pub(super) fn tables<T>(
        &mut self,
        key: &'static str,
        value: Value<'t>,
        max: usize,
        read: impl Fn(&mut Fields<'_, 't, 'x>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let DeValue::Array(list) = value.get_ref() else {
            return self.mistyped(key, value, value.get_ref(), &format!("tables [[{key}]]"));
        };
        if list.len() > max {
            self.defect(
                value.span(),
                format!("{} tables [[{key}]]", list.len()),
                format!("write at most {max}"),
            );
            return None;
        }
        let mut all = Vec::new();
        for one in list {
            let DeValue::Table(table) = one.get_ref() else {
                return self.mistyped(key, one, one.get_ref(), &format!("a table [[{key}]]"));
            };
            let mut fields = Fields::new(format!("a `{key}`"), one.span(), table, self.defects);
            all.extend(read(&mut fields));
            fields.finish();
        }
        Some(all)
    }

    /// A whole number, with its place.
    pub(super) fn whole(&mut self, key: &'static str, value: Value<'t>) -> Option<(u64, Range<usize>)> {
        let read = match value.get_ref() {
            DeValue::Integer(i) => u64::from_str_radix(&i.as_str().replace('_', ""), i.radix()).ok(),
            _ => None,
        };
        match read {
            Some(n) => Some((n, value.span())),
            None => self.mistyped(key, value, value.get_ref(), "a whole number"),
        }
    }

    /// A whole number within a range, or the default where the key is not written.
    pub(super) fn small(
        &mut self,
        key: &'static str,
        range: core::ops::RangeInclusive<u8>,
        default: u8,
    ) -> Option<u8> {
        if !self.has(key) {
            self.asked.push(key);
            return Some(default);
        }
        let (n, span) = self.optional(key, Self::whole)?;
        match u8::try_from(n) {
            Ok(n) if range.contains(&n) => Some(n),
            _ => {
                let instead = format!("write {} to {}", range.start(), range.end());
                self.defect(span, format!("`{key}` is {n}"), instead);
                None
            }
        }
    }

    pub(super) fn language(&mut self, key: &'static str, value: Value<'t>) -> Option<Language> {
        let name = self.name(key, value)?;
        match name.text.parse() {
            Ok(language) => Some(language),
            Err(_) => self.unknown_word(key, &name.text, name.span, &["kk", "ru"]),
        }
    }

    /// One key of a phone.
    pub(super) fn phone_key(&mut self, key: &'static str, value: Value<'t>) -> Option<char> {
        let name = self.name(key, value)?;
        self.as_phone_key(&name.text, name.span)
    }

    pub(super) fn as_phone_key(&mut self, text: &str, span: Range<usize>) -> Option<char> {
        let mut letters = text.chars();
        match (letters.next(), letters.next()) {
            (Some(key @ ('0'..='9' | '*' | '#')), None) => Some(key),
            _ => {
                self.defect(
                    span,
                    format!("`{text}` is no key of a phone"),
                    "write one of 0 to 9, \"*\" or \"#\"",
                );
                None
            }
        }
    }

    /// A table of keys of a phone, each with what it does.
    pub(super) fn phone_keys<T>(
        &mut self,
        key: &'static str,
        value: Value<'t>,
        read: impl Fn(&mut Self, &'static str, Value<'t>) -> Option<T>,
    ) -> Option<BTreeMap<char, T>> {
        let DeValue::Table(table) = value.get_ref() else {
            return self.mistyped(key, value, value.get_ref(), "a table, as in { 1 = \"legal\" }");
        };
        if table.is_empty() {
            self.defect(
                value.span(),
                format!("`{key}` has no key"),
                "write at least one, as in { 1 = \"legal\" }",
            );
            return None;
        }
        let mut keys = BTreeMap::new();
        let mut whole = true;
        for (name, value) in table {
            let pressed = self.as_phone_key(name.get_ref(), name.span());
            match (pressed, read(self, key, value)) {
                (Some(pressed), Some(to)) => {
                    keys.insert(pressed, to);
                }
                _ => whole = false,
            }
        }
        whole.then_some(keys)
    }

    pub(super) fn table(&mut self, key: &'static str, value: Value<'t>) -> Option<&'t DeTable<'t>> {
        match value.get_ref() {
            DeValue::Table(table) => Some(table),
            other => self.mistyped(key, value, other, "a table"),
        }
    }

    pub(super) fn yes(&mut self, key: &'static str, value: Value<'t>) -> Option<()> {
        match value.get_ref() {
            DeValue::Boolean(true) => Some(()),
            other => self.mistyped(key, value, other, "true"),
        }
    }

    /// `{ key = "0", to = "urgent" }`.
    pub(super) fn urgent(&mut self, key: &'static str, value: Value<'t>) -> Option<Urgent> {
        let table = self.table(key, value)?;
        let mut fields = Fields::new("`urgent`", value.span(), table, self.defects);
        let pressed = fields.required("key", "\"0\"", Fields::phone_key);
        let to = fields.required("to", "\"A STEP\" with the urgent queue", Fields::name);
        fields.finish();
        Some(Urgent { key: pressed?, to: to? })
    }

    /// A word that is not among those known here.
    pub(super) fn unknown_word<T>(
        &mut self,
        key: &'static str,
        written: &str,
        span: Range<usize>,
        known: &[&'static str],
    ) -> Option<T> {
        self.defect(span, format!("`{key}` cannot be `{written}`"), suggest(written, known.iter().copied()));
        None
    }

    fn mistyped<T>(&mut self, key: &str, value: Value<'t>, found: &DeValue<'_>, wanted: &str) -> Option<T> {
        let what = format!("`{key}` is not {wanted} but {}", kind(found));
        self.defect(value.span(), what, format!("write {wanted}"));
        None
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
