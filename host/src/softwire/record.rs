//! Which softwires are up: what a daemon that is started again has to know before it asks anybody. Lies below `/run`.

use serde::{Deserialize, Serialize};

use crate::config::Provider;
use crate::flat::FlatMap;
use crate::store::{self, Store};

/// The name of the record.
const NAME: &str = "up";

/// By the interface of the WAN.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    pub(super) up: FlatMap<String, Provider>,
}

impl store::Record for Record {
    const KIND: [u8; 4] = *b"OWNR";
    const VERSION: u16 = 1;
}

impl Record {
    /// What an earlier daemon wrote down.
    pub(super) fn load(store: &Store) -> Self {
        store.read(NAME).unwrap_or_default()
    }

    /// Keeps it. The store says in the log why it cannot.
    pub(super) fn save(&self, store: &Store) {
        let _ = if self.up.is_empty() { store.remove(NAME) } else { store.write(NAME, self) };
    }
}
