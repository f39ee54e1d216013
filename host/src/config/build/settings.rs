//! `[handlers.NAME.settings]`: handed to the module as it stands, as a MessagePack map.

use dhcpmgr_message::Bytes;
use dhcpmgr_message::wire::{self, LIMITS};

use crate::config::reader::{Item, key_text};
use crate::config::tree::{Entry, Node, Value};
use crate::config::written::Written;

/// Reads the settings; dates and times become text. Empty settings are no bytes.
pub(super) fn settings(item: &Item<'_>) -> Bytes {
    let Some(table) = item.table("a table, [handlers.NAME.settings]") else { return Bytes::default() };
    if table.entries.is_empty() {
        return Bytes::default();
    }
    let Some(value) = map(item, table.entries, 1) else { return Bytes::default() };
    let bytes = match wire::encode(&value) {
        Ok(bytes) => bytes,
        Err(error) => {
            item.refuse(error.to_string());
            return Bytes::default();
        }
    };
    if let Err(error) = wire::check(&bytes, &LIMITS) {
        item.refuse(format!("as MessagePack this is beyond a limit: {error}"));
    }
    Bytes(bytes)
}

/// Notes where each setting is written, those in tables within them too.
pub(super) fn places(item: &Item<'_>, written: &mut Written) {
    note(item, "", written);
}

fn note(item: &Item<'_>, within: &str, written: &mut Written) {
    let Value::Table(entries) = &item.node.value else { return };
    for entry in entries {
        let key = if within.is_empty() { entry.name.clone() } else { format!("{within}.{}", entry.name) };
        written.add(&key, item.report.shown(entry.name_at));
        note(&Item { report: item.report, key: String::new(), node: &entry.node }, &key, written);
    }
}

fn map(item: &Item<'_>, entries: &[Entry], depth: usize) -> Option<toml::Table> {
    within_limits(item, entries.len(), depth)?;
    let mut table = toml::Table::new();
    for entry in entries {
        let key = format!("{}.{}", item.key, key_text(&entry.name));
        let below = Item { report: item.report, key, node: &entry.node };
        if let Some(value) = value(&below, depth) {
            table.insert(entry.name.clone(), value);
        }
    }
    Some(table)
}

fn value(item: &Item<'_>, depth: usize) -> Option<toml::Value> {
    Some(match &item.node.value {
        Value::Text(text) | Value::Datetime(text) => toml::Value::String(text.clone()),
        Value::Integer(Some(number), _) => toml::Value::Integer(*number),
        Value::Integer(None, written) => {
            item.refuse(format!("{written} is out of range; accepted: {} to {}", i64::MIN, i64::MAX));
            return None;
        }
        Value::Float(number) => toml::Value::Float(*number),
        Value::Flag(flag) => toml::Value::Boolean(*flag),
        Value::List(nodes) => {
            within_limits(item, nodes.len(), depth + 1)?;
            let below =
                |node: &Node| value(&Item { report: item.report, key: item.key.clone(), node }, depth + 1);
            toml::Value::Array(nodes.iter().filter_map(below).collect())
        }
        Value::Table(entries) => toml::Value::Table(map(item, entries, depth + 1)?),
    })
}

/// The limits of every message, checked here because only here the place is known.
fn within_limits(item: &Item<'_>, elements: usize, depth: usize) -> Option<()> {
    if depth > LIMITS.depth {
        item.refuse(format!(
            "is nested too deeply; accepted: {} tables and lists within each other",
            LIMITS.depth
        ));
        return None;
    }
    if elements > LIMITS.elements {
        item.refuse(format!("has {elements} elements; accepted: up to {}", LIMITS.elements));
        return None;
    }
    Some(())
}
