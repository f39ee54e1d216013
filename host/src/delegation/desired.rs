//! From the memory to what is desired of the kernel. Pure.

use dhcpmgr_message::{IfName, Prefix};

use super::memory::{Memory, State};
use crate::flat::FlatMap;
use crate::network::{Desired, DesiredAddress};

/// The interface that routes to nowhere belong to. It is always there, and no LAN has to be.
pub(super) const LOOPBACK: &str = "lo";

/// What is desired of each interface; of none other anything.
pub(super) fn desired(memory: &Memory, unreachable: Vec<Prefix>) -> FlatMap<IfName, Desired> {
    let mut all: FlatMap<IfName, Desired> = FlatMap::new();
    for given in &memory.given {
        let (preferred_until, valid_until) = match given.state {
            State::Current { preferred_until, valid_until, .. } => (preferred_until, valid_until),
            State::Stale { valid_until } => (Some(0), Some(valid_until)),
            State::Awaited { .. } | State::Withdrawn { .. } => continue,
        };
        let desired = all.entry(given.lan.clone()).or_insert_with(|| Desired::of(given.lan.clone()));
        let address =
            DesiredAddress { address: given.address, broadcast: None, preferred_until, valid_until };
        desired.addresses.push(address);
    }
    if !unreachable.is_empty()
        && let Ok(lo) = LOOPBACK.parse::<IfName>()
    {
        all.entry(lo.clone()).or_insert_with(|| Desired::of(lo)).unreachable = unreachable;
    }
    all
}
