//! What every door to the data model speaks to: the control socket, D-Bus, and those that are to come.
//!
//! A door turns what its bus says into these calls, and the answers and [`Fault`]s back. It knows nothing of clients, and
//! nothing behind this line knows of a bus.

use std::fmt;
use std::future::Future;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::Fault;
use super::notice::Notices;
use super::subscription::Subscription;
use super::value::Value;
use crate::flat::FlatMap;

/// The data model of the running daemon.
pub trait DataModel {
    /// Everything that these paths name, `levels` deep (0 for all of it).
    ///
    /// # Errors
    /// The first path that cannot be read.
    fn get(&self, paths: &[String], levels: u32) -> impl Future<Output = Result<Flat, Fault>>;

    /// The rows of a table, and those of the tables in them.
    ///
    /// # Errors
    /// [`code::NOT_A_TABLE`](super::code::NOT_A_TABLE), or a path that is not right.
    fn instances(&self, path: &str) -> impl Future<Output = Result<Vec<String>, Fault>>;

    /// What can be there, whether or not it is.
    ///
    /// # Errors
    /// A path that is not right, or of which nothing can be there.
    fn supported(&self, path: &str) -> impl Future<Output = Result<Vec<Supported>, Fault>>;

    /// Writes. Nothing is done unless all of it can be done; with `allow_partial` that holds for each object.
    ///
    /// # Errors
    /// Why nothing was done.
    fn change(&self, change: Change) -> impl Future<Output = Result<Changed, Vec<Fault>>>;

    /// Tells of values that change, of rows that come and go and of commands that are carried out, until the answer is
    /// dropped.
    ///
    /// # Errors
    /// A reference that is not right or leads nowhere, or too many subscriptions.
    fn subscribe(&self, subscription: Subscription) -> impl Future<Output = Result<Notices, Fault>>;
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Parameters, by their paths.
    Set {
        /// Path and value.
        values: FlatMap<String, Value>,
        /// An object that cannot be written costs no other.
        allow_partial: bool,
    },
    /// A row.
    Add {
        /// The table.
        path: String,
        /// Its parameters, by name.
        values: FlatMap<String, Value>,
    },
    /// Rows.
    Delete {
        /// Their paths.
        paths: Vec<String>,
    },
    /// A command.
    Operate {
        /// Its path, with the parentheses.
        command: String,
    },
}

impl Change {
    /// The paths that it is about.
    #[must_use]
    pub fn paths(&self) -> Vec<&str> {
        match self {
            Self::Set { values, .. } => values.keys().map(String::as_str).collect(),
            Self::Add { path, .. } => vec![path],
            Self::Delete { paths } => paths.iter().map(String::as_str).collect(),
            Self::Operate { command } => vec![command],
        }
    }
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// What was set, added, deleted or called.
    pub paths: Vec<String>,
    /// What was not, where that was allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Fault>,
}

/// One thing that can be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Supported {
    /// Its path, with `{i}` for rows.
    pub path: String,
    /// Its type as in TR-106, or `object`, `table`, `command`.
    #[serde(rename = "type")]
    pub kind: String,
    /// It can be written; a table: rows can be added and deleted.
    pub writable: bool,
    /// What is accepted; of a table, what is unique in it.
    pub detail: String,
}

/// Parameters with their values, in the order of the tree. In JSON one flat map.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flat(pub Vec<(String, Value)>);

impl Serialize for Flat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (path, value) in &self.0 {
            map.serialize_entry(path, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Flat;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from path to value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Flat, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Flat(entries))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}
