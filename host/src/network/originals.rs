//! The MTUs of links from before we changed them: given back when no lease sets one any more, also by a later daemon.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use dhcpmgr_message::IfName;
use serde::{Deserialize, Serialize};

use crate::store::{self, Store};

/// The name of the record.
const NAME: &str = "links";

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Original {
    /// Another network namespace, as of a container that was started again, has other links with the same indices.
    name: IfName,
    mtu: u32,
}

/// What is kept of the links: interface index → what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    mtus: BTreeMap<u32, Original>,
}

impl store::Record for Record {
    const KIND: [u8; 4] = *b"LINK";
    const VERSION: u16 = 1;
}

/// All links that we changed.
#[derive(Debug, Default)]
pub(super) struct Originals {
    store: Option<Store>,
    record: Record,
    /// Links that an earlier daemon changed and nobody has settled: a client that has not spoken yet may want that.
    unsettled: BTreeSet<u32>,
}

impl Originals {
    /// What earlier daemons left behind. `index` is that of a link of this name today.
    pub(super) fn load(store: Store, index: impl Fn(&IfName) -> Option<u32>) -> Self {
        let mut record = store.read::<Record>(NAME).unwrap_or_default();
        record.mtus.retain(|then, original| index(&original.name) == Some(*then));
        Self { store: Some(store), unsettled: record.mtus.keys().copied().collect(), record }
    }

    /// What a link goes back to when nobody wants an MTU.
    pub(super) fn mtu(&self, index: u32) -> Option<u32> {
        self.record.mtus.get(&index).filter(|_| !self.unsettled.contains(&index)).map(|original| original.mtu)
    }

    /// Every client has said what it wants of this link.
    pub(super) fn settle(&mut self, index: u32) {
        self.unsettled.remove(&index);
    }

    /// The MTU of a link is being changed; keeps the first.
    pub(super) fn keep(&mut self, index: u32, name: &IfName, mtu: u32) {
        if let Entry::Vacant(place) = self.record.mtus.entry(index) {
            place.insert(Original { name: name.clone(), mtu });
            self.save();
        }
    }

    /// The link has it again, or is gone.
    pub(super) fn forget(&mut self, index: u32) {
        self.unsettled.remove(&index);
        if self.record.mtus.remove(&index).is_some() {
            self.save();
        }
    }

    fn save(&self) {
        if let Some(store) = &self.store {
            // The store says in the log why it cannot.
            let _ = if self.record.mtus.is_empty() {
                store.remove(NAME)
            } else {
                store.write(NAME, &self.record)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::BootId;

    fn name(text: &str) -> IfName {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_mtu_is_kept_across_daemons_and_used_when_all_have_spoken() {
        let directory = tempfile::tempdir().unwrap();
        let store = || Store::volatile(directory.path().join("network"), BootId::from_bytes([1; 16]));
        let mut first = Originals::load(store(), |_| None);
        first.keep(2, &name("wan0"), 1500);
        first.keep(2, &name("wan0"), 1400);
        first.keep(3, &name("wan1"), 9000);
        assert_eq!(first.mtu(2), Some(1500));

        let mut next = Originals::load(store(), |link| (link.as_str() == "wan0").then_some(2));
        assert_eq!((next.mtu(2), next.mtu(3)), (None, None), "one not yet, the other is gone");
        next.keep(2, &name("wan0"), 1400);
        next.settle(2);
        assert_eq!(next.mtu(2), Some(1500));
        next.forget(2);
        assert_eq!(next.mtu(2), None);
        assert!(store().names().is_empty());
    }

    #[test]
    fn a_link_of_another_index_is_another_link() {
        let directory = tempfile::tempdir().unwrap();
        let store = || Store::volatile(directory.path().join("network"), BootId::from_bytes([1; 16]));
        Originals::load(store(), |_| None).keep(2, &name("wan0"), 1500);
        let mut next = Originals::load(store(), |_| Some(7));
        next.settle(7);
        next.settle(2);
        assert_eq!((next.mtu(2), next.mtu(7)), (None, None));
    }
}
