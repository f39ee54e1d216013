//! What the tree was, small: for each parameter and each row one number that says which and one that says what. What
//! becomes of it is told by whole values, which are at hand when it is looked at again.

use std::hash::{BuildHasher as _, RandomState};

use super::path::{Place, Source, expand};
use super::value::Value;

/// The whole tree at a moment: sixteen bytes for each parameter.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// Its keys are random: nobody outside makes two values alike.
    hasher: RandomState,
    /// Parameter → value, in order.
    values: Vec<(u64, u64)>,
    /// Rows, in order.
    rows: Vec<(u64, Place)>,
}

/// What is other than it was.
#[derive(Debug, Default)]
pub(super) struct Differences {
    /// Parameters with another value, and those of new rows.
    pub(super) values: Vec<(Place, String, Value)>,
    /// Rows that are new.
    pub(super) created: Vec<Place>,
    /// Rows that are gone.
    pub(super) deleted: Vec<Place>,
}

impl Differences {
    pub(super) fn is_empty(&self) -> bool {
        self.values.is_empty() && self.created.is_empty() && self.deleted.is_empty()
    }
}

impl Snapshot {
    /// As it is now.
    pub(super) fn of(source: &impl Source) -> Self {
        let mut snapshot = Self::default();
        snapshot.take(source, &mut |_, _, _| {});
        snapshot
    }

    /// Takes it again. What counts down by itself makes no difference.
    pub(super) fn renew(&mut self, source: &impl Source) -> Differences {
        let mut differences = Differences::default();
        let before = self.take(source, &mut |place, name, value| {
            differences.values.push((*place, name.to_owned(), value));
        });
        let missing = |of: &[(u64, Place)], from: &[(u64, Place)]| {
            let is_missing = |row: &&(u64, Place)| from.binary_search_by_key(&row.0, |row| row.0).is_err();
            of.iter().filter(is_missing).map(|row| row.1).collect::<Vec<_>>()
        };
        differences.created = missing(&self.rows, &before);
        differences.deleted = missing(&before, &self.rows);
        differences
    }

    /// Takes what stands at and below a place again, and leaves the rest as it was.
    pub(super) fn renew_below(&mut self, place: &Place, source: &impl Source) -> Differences {
        let mut differences = Differences::default();
        let (mut values, mut rows) = (Vec::new(), Vec::new());
        expand(place, 0, source, &mut |at, name, value| {
            if at.object.table && rows.last().is_none_or(|(_, last)| last != at) {
                rows.push((key(&self.hasher, at, ""), *at));
            }
            if is_quiet(name) {
                return;
            }
            let (key, is) = (key(&self.hasher, at, name), self.hasher.hash_one(&value));
            match self.values.binary_search_by_key(&key, |entry| entry.0).map(|at| &mut self.values[at].1) {
                Ok(was) if *was == is => return,
                Ok(was) => *was = is,
                Err(_) => values.push((key, is)),
            }
            differences.values.push((*at, name.to_owned(), value));
        });
        self.rows.retain(|(key, row)| {
            let stays = !row.is_below(place) || rows.iter().any(|(other, _)| other == key);
            if !stays {
                differences.deleted.push(*row);
            }
            stays
        });
        rows.retain(|(key, _)| self.rows.binary_search_by_key(key, |row| row.0).is_err());
        differences.created = rows.iter().map(|row| row.1).collect();
        // Values of rows that are gone stay until all is taken again: their numbers never come back.
        self.values.extend(values);
        self.rows.extend(rows);
        self.sort();
        differences
    }

    #[allow(clippy::disallowed_methods, reason = "each look sorts the whole tree: a copy of the code pays")]
    fn sort(&mut self) {
        self.values.sort_unstable();
        self.rows.sort_unstable_by_key(|row| row.0);
    }

    /// Takes it again, with each value that differs to `other`; gives the rows of before.
    fn take(
        &mut self,
        source: &impl Source,
        other: &mut dyn FnMut(&Place, &str, Value),
    ) -> Vec<(u64, Place)> {
        let (before, rows) = (std::mem::take(&mut self.values), std::mem::take(&mut self.rows));
        self.values.reserve_exact(before.len());
        expand(&Place::root(), 0, source, &mut |place, name, value| {
            if place.object.table && self.rows.last().is_none_or(|(_, last)| last != place) {
                self.rows.push((key(&self.hasher, place, ""), *place));
            }
            if is_quiet(name) {
                return;
            }
            let (key, is) = (key(&self.hasher, place, name), self.hasher.hash_one(&value));
            let was = before.binary_search_by_key(&key, |entry| entry.0).ok().and_then(|at| before.get(at));
            if was.is_none_or(|(_, was)| *was != is) {
                other(place, name, value);
            }
            self.values.push((key, is));
        });
        self.sort();
        rows
    }
}

fn key(hasher: &RandomState, place: &Place, name: &str) -> u64 {
    // There is each object once: where it stands in memory says which it is.
    hasher.hash_one((std::ptr::from_ref(place.object).addr(), place.numbers(), name))
}

/// Whether the standard lets changes of it go untold.
fn is_quiet(name: &str) -> bool {
    // The few there are have names of their own; lifetimes move with every renewal.
    matches!(name, "LeaseTimeRemaining" | "LastChange" | "PreferredLifetime" | "ValidLifetime")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_model::tables::OBJECTS;

    #[test]
    fn whatever_the_standard_lets_go_untold_is() {
        for object in &OBJECTS {
            // Interface counters are not filled in here.
            for parameter in object.parameters.iter().filter(|p| p.quiet && object.name != "Stats") {
                assert!(is_quiet(parameter.name), "{}", parameter.name);
            }
        }
    }
}
