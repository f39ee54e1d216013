//! TOML as a tree whose every key and value knows its place, and the merging of drop-ins.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::source::Place;

use crate::order;

/// A value and where it is.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) at: Place,
    pub(super) value: Value,
}

/// One key of a table.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) name_at: Place,
    pub(super) node: Node,
}

/// A TOML value; tables keep the order of the files.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    /// `None` when it does not fit 64 bits; the text is as written.
    Integer(Option<i64>, String),
    Float(f64),
    Flag(bool),
    /// As written.
    Datetime(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

impl Value {
    /// What it is, with its article, for "found …".
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(..) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Flag(_) => "a boolean",
            Self::Datetime(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// The tree of one file.
pub(super) fn entries(file: usize, table: &DeTable<'_>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(name, value)| Entry {
            name: name.get_ref().to_string(),
            name_at: Place { file, offset: name.span().start },
            node: node(file, value),
        })
        .collect();
    // The parser sorts by name; the order of the file is the order of the handler chain.
    order::sort_by_key(&mut entries, |entry| entry.name_at);
    entries
}

fn node(file: usize, value: &Spanned<DeValue<'_>>) -> Node {
    let at = Place { file, offset: value.span().start };
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => {
            Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok(), number.to_string())
        }
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Datetime(datetime) => Value::Datetime(datetime.to_string()),
        DeValue::Array(list) => Value::List(list.iter().map(|item| node(file, item)).collect()),
        DeValue::Table(table) => Value::Table(entries(file, table)),
    };
    Node { at, value }
}

/// Puts a later file over the earlier ones: down to the single keys of a section (`clients.NAME.KEY`), and to the
/// single entries of its `send`, `settings`, `recovery` and `sysctls`. What is below is replaced as a whole.
pub(super) fn merge(base: &mut Vec<Entry>, over: Vec<Entry>) {
    merge_at(base, over, 0);
}

fn merge_at(base: &mut Vec<Entry>, over: Vec<Entry>, depth: usize) {
    for entry in over {
        let Some(old) = base.iter_mut().find(|old| old.name == entry.name) else {
            base.push(entry);
            continue;
        };
        let goes_deeper = depth < 2
            || (depth == 2 && matches!(entry.name.as_str(), "send" | "settings" | "recovery" | "sysctls"));
        match (&mut old.node.value, entry.node) {
            (Value::Table(below), Node { value: Value::Table(over), .. }) if goes_deeper => {
                merge_at(below, over, depth + 1);
            }
            (_, node) => {
                old.node = node;
                old.name_at = entry.name_at;
            }
        }
    }
}
