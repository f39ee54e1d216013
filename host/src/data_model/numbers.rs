//! The numbers of rows: given once, never to another row, and kept as long as the row is there.

use serde::{Deserialize, Serialize};

use crate::flat::{FlatMap, FlatSet};

/// Who has which number, by the path of the table (`Device.DHCPv4.Client.`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers(FlatMap<String, Table>);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Table {
    /// The last number that was given.
    last: u32,
    rows: FlatMap<String, u32>,
}

impl Numbers {
    /// Makes the rows of a table those with these keys: new ones get new numbers, and numbers of others are used up.
    /// Gives the numbers in the order of the keys; a key that comes twice is one row.
    pub fn settle<K: AsRef<str>>(&mut self, table: &str, keys: &[K]) -> Vec<u32> {
        if keys.is_empty() && !self.0.contains_key(table) {
            return Vec::new();
        }
        if !self.0.contains_key(table) {
            self.0.insert(table.to_owned(), Table::default());
        }
        let mut gone: Vec<String> = Vec::new();
        let Some(known) = self.0.get_mut(table) else { return Vec::new() };
        let Table { last, rows } = known;
        let wanted: FlatSet<&str> = keys.iter().map(AsRef::as_ref).collect();
        if rows.len() > wanted.len() || rows.keys().any(|key| !wanted.contains(key.as_str())) {
            rows.retain(|key, number| {
                let stays = wanted.contains(key.as_str());
                if !stays {
                    gone.push(format!("{table}{number}."));
                }
                stays
            });
        }
        let numbers = keys
            .iter()
            .map(|key| {
                if let Some(number) = rows.get(key.as_ref()) {
                    return *number;
                }
                *last += 1;
                rows.insert(key.as_ref().to_owned(), *last);
                *last
            })
            .collect();
        // What stood in a row that is gone never comes back under that number.
        for row in gone {
            self.0.retain(|path, _| !path.starts_with(&row));
        }
        numbers
    }

    /// The number of a row, which it is given when it has none.
    pub fn give(&mut self, table: &str, key: &str) -> u32 {
        let Table { last, rows } = self.0.entry(table.to_owned()).or_default();
        if let Some(number) = rows.get(key) {
            return *number;
        }
        *last += 1;
        rows.insert(key.to_owned(), *last);
        *last
    }

    /// Changes with every number that is given or used up.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.values().map(|table| 1 + table.last as usize * 2 - table.rows.len()).sum()
    }

    /// The number of a row, where it has one.
    #[must_use]
    pub fn of(&self, table: &str, key: &str) -> Option<u32> {
        self.0.get(table)?.rows.get(key).copied()
    }

    /// The key of a row.
    #[must_use]
    pub fn key(&self, table: &str, number: u32) -> Option<&str> {
        self.0.get(table)?.rows.iter().find(|(_, other)| **other == number).map(|(key, _)| key.as_str())
    }

    /// The number that the next new row of a table gets.
    #[must_use]
    pub fn next(&self, table: &str) -> u32 {
        self.0.get(table).map_or(0, |table| table.last) + 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_row_keeps_its_number_and_a_number_is_never_another_rows() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.settle("T.", &["a", "b", "c"]), [1, 2, 3]);
        assert_eq!(numbers.settle("T.2.U.", &["x"]), [1]);
        assert_eq!(numbers.settle("T.", &["c", "a"]), [3, 1]);
        assert_eq!(numbers.of("T.2.U.", "x"), None, "it stood in the row that is gone");
        assert_eq!(numbers.settle("T.", &["a", "b", "c"]), [1, 4, 3], "b is another row now");
        assert_eq!((numbers.key("T.", 4), numbers.next("T.")), (Some("b"), 5));
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes(steps in prop::collection::vec(prop::collection::vec("[a-e]", 0..5), 1..20)) {
            let mut numbers = Numbers::default();
            let mut ever: FlatMap<u32, String> = FlatMap::new();
            let mut before: FlatMap<String, u32> = FlatMap::new();
            for keys in steps {
                let given = numbers.settle("T.", &keys);
                let now: FlatMap<String, u32> = keys.iter().cloned().zip(given).collect();
                for (key, number) in &now {
                    match before.get(key) {
                        Some(old) => prop_assert_eq!(old, number),
                        None => prop_assert!(!ever.contains_key(number), "{} was given before", number),
                    }
                    ever.insert(*number, key.clone());
                }
                before = now;
            }
        }
    }
}
