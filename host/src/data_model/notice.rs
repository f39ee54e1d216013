//! What became different between two reads: for those who watch.

use serde::{Deserialize, Serialize};

use super::door::Flat;
use super::value::Value;
use crate::events::Change;
use crate::flat::{FlatMap, FlatSet};

/// One line of `dhcpmgr watch --json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When: RFC 3339 in UTC.
    pub time: String,
    /// What really changed of leases, where that is what it comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Change>,
    /// Parameters with another value, and those of new rows.
    #[serde(default)]
    pub values: FlatMap<String, Value>,
    /// Rows that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<String>,
    /// Rows that are gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<String>,
    /// Commands that were carried out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub operations: Vec<String>,
}

impl Notice {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.created.is_empty()
            && self.deleted.is_empty()
            && self.operations.is_empty()
    }

    /// The difference. What counts down by itself makes none.
    #[must_use]
    pub fn between(before: &Flat, after: &Flat) -> Self {
        let old: FlatMap<&str, &Value> =
            before.0.iter().map(|(path, value)| (path.as_str(), value)).collect();
        let differs = |(path, value): &&(String, Value)| {
            old.get(path.as_str()).is_none_or(|old| *old != value && !is_quiet(path))
        };
        let (was, is) = (rows(before), rows(after));
        let missing = |of: &FlatSet<String>, from: &FlatSet<String>| of.difference(from).cloned().collect();
        Self {
            values: after.0.iter().filter(differs).cloned().collect(),
            created: missing(&is, &was),
            deleted: missing(&was, &is),
            ..Self::default()
        }
    }
}

/// The rows that parameters stand in.
fn rows(flat: &Flat) -> FlatSet<String> {
    let mut rows = FlatSet::new();
    for (path, _) in &flat.0 {
        let mut end = 0;
        for part in path.split_inclusive('.') {
            end += part.len();
            let number = part.trim_end_matches('.');
            if part.ends_with('.')
                && !number.is_empty()
                && number.bytes().all(|b| b.is_ascii_digit())
                && !rows.contains(&path[..end])
            {
                rows.insert(path[..end].to_owned());
            }
        }
    }
    rows
}

/// Whether the standard lets changes of it go untold.
fn is_quiet(path: &str) -> bool {
    let name = path.rsplit('.').next().unwrap_or_default();
    // The few there are have names of their own; lifetimes move with every renewal.
    matches!(name, "LeaseTimeRemaining" | "LastChange" | "PreferredLifetime" | "ValidLifetime")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_model::tables::OBJECTS;

    fn flat(of: &[(&str, u32)]) -> Flat {
        Flat(of.iter().map(|(path, value)| ((*path).to_owned(), (*value).into())).collect())
    }

    #[test]
    fn what_is_other_or_new_or_gone_is_told() {
        let before = flat(&[
            ("Device.A.1.X", 1),
            ("Device.A.1.Y", 1),
            ("Device.A.2.X", 1),
            ("Device.A.1.LeaseTimeRemaining", 9),
        ]);
        let after = flat(&[
            ("Device.A.1.X", 2),
            ("Device.A.1.Y", 1),
            ("Device.A.3.X", 1),
            ("Device.A.1.LeaseTimeRemaining", 8),
        ]);
        let notice = Notice::between(&before, &after);
        assert_eq!(notice.values.keys().collect::<Vec<_>>(), ["Device.A.1.X", "Device.A.3.X"]);
        assert_eq!(
            (notice.created, notice.deleted),
            (vec!["Device.A.3.".to_owned()], vec!["Device.A.2.".to_owned()])
        );
        assert!(Notice::between(&after, &after).is_empty());
    }

    #[test]
    fn whatever_the_standard_lets_go_untold_is() {
        for object in &OBJECTS {
            // Interface counters are not filled in here.
            for parameter in object.parameters.iter().filter(|p| p.quiet && object.name != "Stats") {
                assert!(is_quiet(&format!("{}{}", object.path, parameter.name)), "{}", parameter.name);
            }
        }
    }
}
