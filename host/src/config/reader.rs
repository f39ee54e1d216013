//! Typed readers of the tree: each gives a value, or reports what is wrong at its place and gives nothing.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::error::ConfigError;
use super::source::{Place, Source};
use super::tree::{Entry, Node, Value};
use super::words::{nearest, quoted};

use crate::order;

/// Collects the problems.
pub(super) struct Report<'a> {
    sources: &'a [Source],
    found: RefCell<Vec<(Place, ConfigError)>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(sources: &'a [Source]) -> Self {
        Self { sources, found: RefCell::default() }
    }

    /// Something is wrong at a place.
    pub(super) fn add(&self, at: Place, key: &str, what: impl Into<String>) {
        let Some(source) = self.sources.get(at.file) else { return };
        let error = ConfigError {
            file: source.path().to_owned(),
            position: Some(source.position(at.offset)),
            key: key.to_owned(),
            what: what.into(),
        };
        self.found.borrow_mut().push((at, error));
    }

    /// A place as a person reads it: `FILE:LINE:COLUMN`.
    pub(super) fn shown(&self, at: Place) -> String {
        let Some(source) = self.sources.get(at.file) else { return String::new() };
        let (line, column) = source.position(at.offset);
        format!("{}:{line}:{column}", source.path().display())
    }

    /// The problems in the order of the files.
    pub(super) fn into_errors(self) -> Vec<ConfigError> {
        let mut found = self.found.into_inner();
        order::sort_by_key(&mut found, |(at, _)| *at);
        found.into_iter().map(|(_, error)| error).collect()
    }
}

/// One value with its dotted key.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) key: String,
    pub(super) node: &'a Node,
}

impl<'a> Item<'a> {
    /// Something is wrong with this value.
    pub(super) fn refuse(&self, what: impl Into<String>) {
        self.report.add(self.node.at, &self.key, what);
    }

    /// It is of another type than the key takes.
    pub(super) fn wrong_type(&self, accepted: impl fmt::Display) {
        self.refuse(format!("found {}; accepted: {accepted}", self.node.value.kind()));
    }

    pub(super) fn text(&self, accepted: impl fmt::Display) -> Option<&'a str> {
        if let Value::Text(text) = &self.node.value {
            return Some(text);
        }
        self.wrong_type(accepted);
        None
    }

    /// A text that its type accepts; the error of the type says what that is.
    pub(super) fn parsed<T>(&self, accepted: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: fmt::Display,
    {
        self.text(accepted)?.parse().map_err(|e| self.refuse(format!("{e}; accepted: {accepted}"))).ok()
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, what: &str, words: &[(&'static str, T)]) -> Option<T> {
        let accepted = quoted(words.iter().map(|(word, _)| *word));
        let found = self.text(&accepted)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == found) {
            return Some(*value);
        }
        let meant = did_you_mean(found, words.iter().map(|(word, _)| *word));
        self.refuse(format!("{found:?} is not {what}{meant}; accepted: {accepted}"));
        None
    }

    /// A whole number within a range, in some unit (empty for none).
    pub(super) fn whole(&self, range: RangeInclusive<u32>, unit: &str) -> Option<u32> {
        let space = if unit.is_empty() { "" } else { " " };
        let accepted = format!("a whole number from {} to {}{space}{unit}", range.start(), range.end());
        let Value::Integer(number, written) = &self.node.value else {
            self.wrong_type(accepted);
            return None;
        };
        let fits = number.and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        if fits.is_none() {
            self.refuse(format!("{written} is out of range; accepted: {accepted}"));
        }
        fits
    }

    pub(super) fn flag(&self) -> Option<bool> {
        if let Value::Flag(flag) = self.node.value {
            return Some(flag);
        }
        self.wrong_type("true or false");
        None
    }

    /// The items of a list, each under the key of the list.
    pub(super) fn list(&self, accepted: &str) -> Option<Vec<Item<'a>>> {
        let Value::List(nodes) = &self.node.value else {
            self.wrong_type(accepted);
            return None;
        };
        let item = |node| Item { report: self.report, key: self.key.clone(), node };
        Some(nodes.iter().map(item).collect())
    }

    pub(super) fn table(&self, accepted: &str) -> Option<Section<'a>> {
        let Value::Table(entries) = &self.node.value else {
            self.wrong_type(accepted);
            return None;
        };
        Some(Section { report: self.report, key: self.key.clone(), entries })
    }
}

/// A table with its dotted key.
pub(super) struct Section<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) key: String,
    pub(super) entries: &'a [Entry],
}

impl<'a> Section<'a> {
    /// Reports every key that is not accepted. `later` are keys that a later version will take, with the sentence to
    /// say so.
    pub(super) fn accept_only(&self, accepted: &[&str], later: &[(&str, &str)]) {
        for entry in self.entries {
            let name = entry.name.as_str();
            if accepted.contains(&name) {
                continue;
            }
            let list = accepted.join(", ");
            let what = match later.iter().find(|(key, _)| *key == name) {
                Some((_, sentence)) => format!("{sentence}; accepted: {list}"),
                None => {
                    let meant = did_you_mean(name, accepted.iter().copied());
                    format!("is not a known key{meant}; accepted: {list}")
                }
            };
            self.report.add(entry.name_at, &self.key_of(name), what);
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, name: &str) -> Option<Item<'a>> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        Some(Item { report: self.report, key: self.key_of(name), node: &entry.node })
    }

    /// All keys with their values, in the order of the files.
    pub(super) fn items(&self) -> impl Iterator<Item = (&'a Entry, Item<'a>)> {
        self.entries.iter().map(|entry| {
            (entry, Item { report: self.report, key: self.key_of(&entry.name), node: &entry.node })
        })
    }

    /// The dotted key of an entry.
    pub(super) fn key_of(&self, name: &str) -> String {
        let name = key_text(name);
        if self.key.is_empty() { name } else { format!("{}.{name}", self.key) }
    }
}

/// A key as TOML writes it, without control characters.
pub(super) fn key_text(name: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if !name.is_empty() && name.bytes().all(bare) { name.to_owned() } else { format!("{name:?}") }
}

fn did_you_mean<'a>(found: &str, accepted: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    if let Some(word) = nearest(found, accepted) {
        // Writing to a String cannot fail.
        let _ = write!(text, " (did you mean \"{word}\"?)");
    }
    text
}
