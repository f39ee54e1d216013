//! Paths into the data model (TR-369 section "Path Names"): `Device.DHCPv4.Client.*.IPAddress`,
//! `Device.DHCPv4.Client.[Enable==true&&Status=="Enabled"].`, `Device.DHCPv4.Client.1.Interface+.Name`.
//!
//! [`Path::parse`] says whether a text is one; [`resolve`] says what of the living tree it names. Both are pure.

mod expression;
mod resolve;
#[cfg(test)]
mod tests;

pub use expression::{Comparison, Expression, Operator};
pub use resolve::{Extra, Found, Place, Source, expand, resolve};

use super::error::{Fault, code};

/// The longest path, bytes.
pub const LONGEST: usize = 2048;
/// The most names in one.
const DEEPEST: usize = 32;

/// A path, by its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    pub(super) text: String,
    pub(super) steps: Vec<Step>,
    /// It ends with a dot: what it names is an object.
    pub(super) is_object: bool,
}

/// A parameter that refers to others: `Interface+`, `LowerLayers#2+`, `LowerLayers#*+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Its name.
    pub name: String,
    /// Which of the items of its list, from 1; `None` for all of them.
    pub item: Option<usize>,
}

impl Reference {
    /// Reads one. Without a number it is the first item.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('+')?;
        let (name, item) = match text.split_once('#') {
            None => (text, Some(1)),
            Some((name, "*")) => (name, None),
            Some((name, number)) => (name, Some(row_number(number)? as usize)),
        };
        is_name(name).then(|| Self { name: name.to_owned(), item })
    }
}

/// One part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A name.
    Name(String),
    /// A name with a `+`: a parameter whose value is the path to go on from.
    Follow(Reference),
    /// A row, by its number.
    Number(u32),
    /// `*`: every row.
    All,
    /// `[wan4]`: the row of this alias.
    Alias(String),
    /// `[Enable==true]`: those rows.
    Search(Expression),
    /// `{i}`: no row in particular; only where the supported model is asked for.
    Any,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// [`code::PATH_SYNTAX`], with what is wrong and where.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new(code::PATH_SYNTAX, shortened(text), what);
        if text.len() > LONGEST {
            return Err(wrong(format!("a path has at most {LONGEST} bytes")));
        }
        let (mut steps, mut rest) = (Vec::new(), text);
        let mut is_object = false;
        while !rest.is_empty() {
            let (step, after) = step(rest).map_err(wrong)?;
            steps.push(step);
            is_object = after.starts_with('.');
            rest = match after.strip_prefix('.') {
                Some(rest) => rest,
                None if after.is_empty() => after,
                None => return Err(wrong(format!("there should be a dot before {after:?}"))),
            };
            if steps.len() > DEEPEST {
                return Err(wrong(format!("a path has at most {DEEPEST} names")));
            }
        }
        match steps.first() {
            Some(Step::Name(name)) if name == "Device" => {}
            _ => return Err(wrong("a path begins with \"Device.\"".to_owned())),
        }
        steps.remove(0);
        // `Device` alone is the root.
        is_object |= steps.is_empty();
        Ok(Self { text: text.to_owned(), steps, is_object })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn fault(&self, code: u16, text: impl Into<String>) -> Fault {
        Fault::new(code, shortened(&self.text), text)
    }
}

/// What somebody sent may be long; what is said of it is not.
fn shortened(text: &str) -> String {
    if text.len() <= 256 { text.to_owned() } else { text.chars().take(200).chain("…".chars()).collect() }
}

/// The first part of a path, and the rest after it.
fn step(text: &str) -> Result<(Step, &str), String> {
    if let Some(inside) = text.strip_prefix('[') {
        let (inside, rest) = bracket(inside)?;
        return Ok((
            if is_alias(inside) {
                Step::Alias(inside.to_owned())
            } else {
                Step::Search(Expression::parse(inside)?)
            },
            rest,
        ));
    }
    let end = text.find(['.', '[', ']']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let step = match word {
        "*" => Step::All,
        "{i}" => Step::Any,
        "" => return Err("a name is missing between two dots".to_owned()),
        _ if word.bytes().all(|b| b.is_ascii_digit()) => Step::Number(row_number(word).ok_or_else(|| {
            format!("{word} is not the number of a row; accepted: from 1, without zeros before")
        })?),
        _ => match Reference::parse(word) {
            Some(reference) => Step::Follow(reference),
            None if is_name(word.strip_suffix("()").unwrap_or(word)) => Step::Name(word.to_owned()),
            None => {
                return Err(format!(
                    "{word:?} is neither a name nor a row; accepted: a name, a number, *, [search], {{i}}, or a \
                     reference to follow: NAME+, NAME#2+, NAME#*+"
                ));
            }
        },
    };
    Ok((step, rest))
}

/// The text up to the bracket that closes, and the rest after it. A bracket between quotes does not close.
fn bracket(text: &str) -> Result<(&str, &str), String> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ']' if !quoted => return Ok((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    Err("a bracket is not closed".to_owned())
}

/// The number of a row, or of an item: from 1, without zeros before.
fn row_number(text: &str) -> Option<u32> {
    let digits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|number| digits && *number > 0)
}

/// A name of TR-106: letters, digits, underscores and hyphens, not beginning with a digit.
pub(super) fn is_name(text: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    starts && text.len() <= 256 && text.bytes().all(ok)
}

fn is_alias(text: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(ok)
}
