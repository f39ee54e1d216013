//! The word of an enumeration's value: serde knows it already.

use serde::Serialize;

/// What the value is in JSON; empty for what is no text there.
#[must_use]
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}
