//! What links were before we changed them, MTU and sysctls: given back when nobody wants another value any more, also by
//! a later daemon.

use dhcpmgr_message::IfName;
use serde::{Deserialize, Serialize};

use crate::config::Sysctl;
use crate::flat::{FlatMap, FlatSet};
use crate::store::{self, Store};

/// The name of the record.
const NAME: &str = "links";

/// One link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Original {
    /// Another network namespace, as of a container that was started again, has other links with the same indices.
    name: IfName,
    mtu: Option<u32>,
    #[serde(default)]
    sysctls: FlatMap<Sysctl, u8>,
}

impl Original {
    fn is_empty(&self) -> bool {
        self.mtu.is_none() && self.sysctls.is_empty()
    }
}

/// What is kept of the links: interface index → what was there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    /// They had an MTU only at first, and the name is in files.
    #[serde(rename = "mtus")]
    links: FlatMap<u32, Original>,
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
    /// Links that an earlier daemon changed and nobody has settled: one that has not spoken yet may want that.
    unsettled: FlatSet<u32>,
}

impl Originals {
    /// What earlier daemons left behind. `index` is that of a link of this name today.
    pub(super) fn load(store: Store, index: impl Fn(&IfName) -> Option<u32>) -> Self {
        let mut record = store.read::<Record>(NAME).unwrap_or_default();
        record.links.retain(|then, original| index(&original.name) == Some(*then));
        Self { store: Some(store), unsettled: record.links.keys().copied().collect(), record }
    }

    /// What a link goes back to when nobody wants an MTU.
    pub(super) fn mtu(&self, index: u32) -> Option<u32> {
        self.of(index)?.mtu
    }

    /// What its sysctls go back to when nobody wants them.
    pub(super) fn sysctls(&self, index: u32) -> FlatMap<Sysctl, u8> {
        self.of(index).map(|original| original.sysctls.clone()).unwrap_or_default()
    }

    fn of(&self, index: u32) -> Option<&Original> {
        self.record.links.get(&index).filter(|_| !self.unsettled.contains(&index))
    }

    /// Every owner has said what it wants of this link.
    pub(super) fn settle(&mut self, index: u32) {
        self.unsettled.remove(&index);
    }

    /// The MTU of a link is being changed; keeps the first.
    pub(super) fn keep_mtu(&mut self, index: u32, name: &IfName, mtu: u32) {
        let original = self.entry(index, name);
        if original.mtu.is_none() {
            original.mtu = Some(mtu);
            self.save();
        }
    }

    /// A sysctl of a link is being changed; keeps the first.
    pub(super) fn keep_sysctl(&mut self, index: u32, name: &IfName, sysctl: Sysctl, value: u8) {
        let sysctls = &mut self.entry(index, name).sysctls;
        if !sysctls.contains_key(&sysctl) {
            sysctls.insert(sysctl, value);
            self.save();
        }
    }

    fn entry(&mut self, index: u32, name: &IfName) -> &mut Original {
        let nothing = || Original { name: name.clone(), mtu: None, sysctls: FlatMap::new() };
        self.record.links.entry(index).or_insert_with(nothing)
    }

    /// The link has its MTU again.
    pub(super) fn forget_mtu(&mut self, index: u32) {
        self.edit(index, |original| original.mtu.take().is_some());
    }

    /// The link has the value again.
    pub(super) fn forget_sysctl(&mut self, index: u32, sysctl: Sysctl) {
        self.edit(index, |original| original.sysctls.remove(&sysctl).is_some());
    }

    /// The link is gone.
    pub(super) fn forget(&mut self, index: u32) {
        self.unsettled.remove(&index);
        if self.record.links.remove(&index).is_some() {
            self.save();
        }
    }

    fn edit(&mut self, index: u32, change: impl FnOnce(&mut Original) -> bool) {
        let Some(original) = self.record.links.get_mut(&index) else { return };
        if change(original) {
            if original.is_empty() {
                self.record.links.remove(&index);
            }
            self.save();
        }
    }

    fn save(&self) {
        if let Some(store) = &self.store {
            // The store says in the log why it cannot.
            let _ = if self.record.links.is_empty() {
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
    fn the_first_value_is_kept_across_daemons_and_used_when_all_have_spoken() {
        let directory = tempfile::tempdir().unwrap();
        let store = || Store::volatile(directory.path().join("network"), BootId::from_bytes([1; 16]));
        let mut first = Originals::load(store(), |_| None);
        first.keep_mtu(2, &name("wan0"), 1500);
        first.keep_mtu(2, &name("wan0"), 1400);
        first.keep_sysctl(2, &name("wan0"), Sysctl::AcceptRa, 1);
        first.keep_sysctl(2, &name("wan0"), Sysctl::AcceptRa, 2);
        first.keep_mtu(3, &name("wan1"), 9000);
        assert_eq!(first.mtu(2), Some(1500));

        let mut next = Originals::load(store(), |link| (link.as_str() == "wan0").then_some(2));
        assert_eq!((next.mtu(2), next.mtu(3)), (None, None), "one not yet, the other is gone");
        assert!(next.sysctls(2).is_empty());
        next.keep_mtu(2, &name("wan0"), 1400);
        next.settle(2);
        assert_eq!(next.mtu(2), Some(1500));
        assert_eq!(next.sysctls(2), FlatMap::from([(Sysctl::AcceptRa, 1)]));
        next.forget_mtu(2);
        assert_eq!((next.mtu(2), next.sysctls(2).len()), (None, 1));
        next.forget_sysctl(2, Sysctl::AcceptRa);
        assert!(store().names().is_empty());
    }

    #[test]
    fn a_link_of_another_index_is_another_link() {
        let directory = tempfile::tempdir().unwrap();
        let store = || Store::volatile(directory.path().join("network"), BootId::from_bytes([1; 16]));
        Originals::load(store(), |_| None).keep_mtu(2, &name("wan0"), 1500);
        let mut next = Originals::load(store(), |_| Some(7));
        next.settle(7);
        next.settle(2);
        assert_eq!((next.mtu(2), next.mtu(7)), (None, None));
    }
}
