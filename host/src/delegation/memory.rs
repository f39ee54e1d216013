//! What each LAN was given, and what has become of it.

use dhcpmgr_message::{ClientName, IfName, InterfaceAddress, Prefix};
use serde::{Deserialize, Serialize};

use crate::flat::FlatMap;
use crate::order;

/// Where a prefix comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A client was delegated it.
    Client(ClientName),
    /// It is of unique local addresses (RFC 4193), and nobody can take it back.
    Ula,
}

/// A part of a prefix that a LAN was given. There is one for each LAN and part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) lan: IfName,
    pub(super) source: Source,
    /// The prefix that it is a part of.
    pub(super) delegated: Prefix,
    /// The part.
    pub(super) subnet: Prefix,
    /// The router's own address in it.
    pub(super) address: InterfaceAddress,
    pub(super) state: State,
}

/// What has become of it. All instants are milliseconds of `CLOCK_BOOTTIME`, `None` for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It is delegated.
    Current {
        preferred_until: Option<u64>,
        valid_until: Option<u64>,
        /// It was still preferred when this was decided.
        preferred: bool,
        /// How long hosts may hold it once it is gone, rounded up and never lowered: what the record says of it.
        bound: u64,
    },
    /// It was current when an earlier daemon ended, and its client has not told yet what it has now. Nothing is done
    /// about it. `bound`: how long hosts may hold it once it turns out to be gone, milliseconds. `here`: in this boot
    /// of the machine, so that the LAN has its address.
    Awaited { bound: u64, here: bool },
    /// It is gone. The LAN keeps the address, deprecated, until this ends (RFC 7084 L-13).
    Stale { valid_until: u64 },
    /// It is gone, and its space belongs to another LAN or length by now: hosts are told, and the address is removed.
    Withdrawn { told_until: u64 },
}

impl Given {
    pub(super) fn is_current(&self) -> bool {
        matches!(self.state, State::Current { .. })
    }

    pub(super) fn is_preferred(&self) -> bool {
        matches!(self.state, State::Current { preferred: true, .. })
    }

    /// Whether the LAN holds its address, as far as we know.
    pub(super) fn is_held(&self) -> bool {
        matches!(self.state, State::Current { .. } | State::Stale { .. })
    }

    /// Whether nobody else is given its space by chance.
    pub(super) fn occupies(&self) -> bool {
        !matches!(self.state, State::Withdrawn { .. })
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// In the order of LANs and parts.
    pub(super) given: Vec<Given>,
    /// The number of the part that a LAN without a configured one has, so that it gets the same of the next prefix.
    pub(super) ids: FlatMap<IfName, u64>,
    /// Configured part and length of each LAN when this was decided: a LAN may take a part from another one only when
    /// the operator says so anew.
    pub(super) numbers: FlatMap<IfName, (Option<u32>, u8)>,
}

impl Memory {
    pub(super) fn sort(&mut self) {
        order::sort_by(&mut self.given, |a, b| (&a.lan, a.subnet).cmp(&(&b.lan, b.subnet)));
    }

    /// Whether the same parts are with the same LANs in the same way, for however long.
    pub(super) fn has_the_shape_of(&self, other: &Self) -> bool {
        let same = |(a, b): (&Given, &Given)| {
            let state = std::mem::discriminant(&a.state) == std::mem::discriminant(&b.state);
            state && (&a.lan, a.subnet, a.delegated) == (&b.lan, b.subnet, b.delegated)
        };
        self.given.len() == other.given.len()
            && self.given.iter().zip(&other.given).all(same)
            && self.ids == other.ids
            && self.numbers == other.numbers
    }

    pub(super) fn of<'a>(&'a self, lan: &'a IfName) -> impl Iterator<Item = &'a Given> {
        let start = self.given.partition_point(|given| given.lan < *lan);
        self.given[start..].iter().take_while(move |given| given.lan == *lan)
    }

    pub(super) fn find(&self, lan: &IfName, subnet: Prefix) -> Option<&Given> {
        let at = self.given.binary_search_by(|given| (&given.lan, given.subnet).cmp(&(lan, subnet)));
        self.given.get(at.ok()?)
    }
}
