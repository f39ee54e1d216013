//! What of the memory survives the daemon and the boot (RFC 7084 L-13, RFC 9096 section 3.5): which LAN was given what.
//!
//! It changes when a LAN is given another prefix or loses one, and never with a renewal. So of what is current it does
//! not say when it ends, but for how long hosts may hold it at most.

use dhcpmgr_message::{IfName, InterfaceAddress, Prefix};
use serde::{Deserialize, Serialize};

use super::memory::{Given, Memory, Source, State};
use super::planner::TWO_HOURS;
use crate::clock::BootId;
use crate::flat::FlatMap;
use crate::store;

/// The name of the record in `/var/lib/dhcpmgr`, and in `/run/dhcpmgr`, where it is a moment younger.
pub(super) const NAME: &str = "delegations";

/// What is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// When it was written.
    at: Moment,
    #[serde(default)]
    given: Vec<Kept>,
    #[serde(default)]
    ids: FlatMap<IfName, u64>,
    #[serde(default)]
    numbers: FlatMap<IfName, (Option<u32>, u8)>,
}

impl store::Record for Record {
    const KIND: [u8; 4] = *b"DELG";
    const VERSION: u16 = 1;
}

/// One instant on both clocks, milliseconds: `CLOCK_BOOTTIME` within its boot, and the wall clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Moment {
    boot: [u8; 16],
    pub(super) boottime: u64,
    wall: u64,
}

impl Moment {
    pub(super) fn new(boot: BootId, boottime: u64, wall: u64) -> Self {
        Self { boot: boot.bytes(), boottime, wall }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    lan: IfName,
    source: Source,
    delegated: Prefix,
    subnet: Prefix,
    address: InterfaceAddress,
    fate: Fate,
}

/// What had become of it. Instants are milliseconds of `CLOCK_BOOTTIME` in the boot of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fate {
    /// It was current. For how long hosts may hold it once it is gone, milliseconds.
    Current(u64),
    /// It was current in an earlier boot, and not yet again; likewise.
    Awaited(u64),
    Stale(u64),
    Withdrawn(u64),
}

impl Record {
    pub(super) fn of(memory: &Memory, at: Moment) -> Self {
        let kept = |given: &Given| Kept {
            lan: given.lan.clone(),
            source: given.source.clone(),
            delegated: given.delegated,
            subnet: given.subnet,
            address: given.address,
            fate: match given.state {
                State::Current { bound, .. } | State::Awaited { bound, here: true } => Fate::Current(bound),
                State::Awaited { bound, here: false } => Fate::Awaited(bound),
                State::Stale { valid_until } => Fate::Stale(valid_until),
                State::Withdrawn { told_until } => Fate::Withdrawn(told_until),
            },
        };
        Self {
            at,
            given: memory.given.iter().map(kept).collect(),
            ids: memory.ids.clone(),
            numbers: memory.numbers.clone(),
        }
    }

    /// Whether it says the same, whenever it was written.
    pub(super) fn says_the_same(&self, other: &Self) -> bool {
        let Self { at, given, ids, numbers } = other;
        self.at.boot == at.boot && self.given == *given && self.ids == *ids && self.numbers == *numbers
    }

    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.given.is_empty() && self.ids.is_empty()
    }

    /// Whether it was written in the same boot.
    pub(super) fn is_of_boot(&self, boot: BootId) -> bool {
        self.at.boot == boot.bytes()
    }

    /// What is to be remembered of it at `now`.
    pub(super) fn restore(self, now: Moment) -> Memory {
        let here = self.at.boot == now.boot;
        // A wall clock that is behind is one that nobody has set yet: then no time has passed that we know of.
        let passed = now.wall.saturating_sub(self.at.wall);
        let until = |end: u64| {
            if here {
                return end.min(now.boottime.saturating_add(TWO_HOURS));
            }
            let left = end.saturating_sub(self.at.boottime).saturating_sub(passed).min(TWO_HOURS);
            now.boottime.saturating_add(left)
        };
        let given = |kept: Kept| Given {
            lan: kept.lan,
            source: kept.source,
            delegated: kept.delegated,
            subnet: kept.subnet,
            address: kept.address,
            state: match kept.fate {
                Fate::Current(bound) => State::Awaited { bound: bound.min(TWO_HOURS), here },
                Fate::Awaited(bound) => State::Awaited { bound: bound.min(TWO_HOURS), here: false },
                Fate::Stale(end) => State::Stale { valid_until: until(end) },
                Fate::Withdrawn(end) => State::Withdrawn { told_until: until(end) },
            },
        };
        let mut memory = Memory {
            given: self.given.into_iter().map(given).collect(),
            ids: self.ids,
            numbers: self.numbers,
        };
        memory.sort();
        memory
    }
}

/// The prefix of unique local addresses that was made up once (RFC 4193 section 3.2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UlaRecord {
    pub(super) prefix: Prefix,
}

impl store::Record for UlaRecord {
    const KIND: [u8; 4] = *b"ULAP";
    const VERSION: u16 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: BootId = BootId::from_bytes([1; 16]);
    const NEXT: BootId = BootId::from_bytes([2; 16]);

    fn memory(state: State) -> Memory {
        let given = Given {
            lan: "br-lan".parse().unwrap(),
            source: Source::Client("wan6".parse().unwrap()),
            delegated: "2001:db8:f100::/56".parse().unwrap(),
            subnet: "2001:db8:f100:1::/64".parse().unwrap(),
            address: "2001:db8:f100:1::1/64".parse().unwrap(),
            state,
        };
        let numbers = FlatMap::from([(given.lan.clone(), (Some(1), 64))]);
        Memory { ids: FlatMap::from([(given.lan.clone(), 1)]), numbers, given: vec![given] }
    }

    fn after(state: State, then: Moment, now: Moment) -> State {
        Record::of(&memory(state), then).restore(now).given[0].state
    }

    #[test]
    fn what_was_stale_ends_when_it_would_have_ended() {
        let stale = State::Stale { valid_until: 5_000_000 };
        let then = Moment::new(BOOT, 1_000_000, 70_000_000);
        let end = |now| match after(stale, then, now) {
            State::Stale { valid_until } => valid_until,
            other => panic!("{other:?}"),
        };
        assert_eq!(end(Moment::new(BOOT, 2_000_000, 71_000_000)), 5_000_000);
        // After a reboot that took 100 s, and ten seconds of the new boot.
        assert_eq!(end(Moment::new(NEXT, 10_000, 70_110_000)), 10_000 + 4_000_000 - 110_000);
        // The clock was not set yet.
        assert_eq!(end(Moment::new(NEXT, 10_000, 3_000)), 10_000 + 4_000_000);
        // A year later.
        assert_eq!(end(Moment::new(NEXT, 10_000, 31_000_000_000)), 10_000);
    }

    #[test]
    fn what_was_current_is_waited_for() {
        let current =
            |bound| State::Current { preferred_until: None, valid_until: Some(9), preferred: true, bound };
        let then = Moment::new(BOOT, 1_000_000, 70_000_000);
        let same = after(current(60_000), then, Moment::new(BOOT, 2_000_000, 0));
        assert_eq!(same, State::Awaited { bound: 60_000, here: true });
        let other = after(current(u64::MAX), then, Moment::new(NEXT, 2_000_000, 0));
        assert_eq!(other, State::Awaited { bound: TWO_HOURS, here: false });
    }

    #[test]
    fn it_goes_through_messagepack() {
        let record = Record::of(&memory(State::Stale { valid_until: 5 }), Moment::new(BOOT, 1, 2));
        let root = tempfile::tempdir().unwrap();
        let store = store::Store::durable(root.path());
        assert!(store.write(NAME, &record).unwrap());
        assert_eq!(store.read::<Record>(NAME), Some(record));
    }
}
