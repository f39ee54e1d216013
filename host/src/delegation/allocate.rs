//! Which LAN gets which part of which prefix. Pure; the same for the same question, in whatever order prefixes came.
//!
//! Configured parts go first, then what LANs have already, then the number that a LAN had of an earlier prefix, then
//! the lowest that is free. What a LAN has is taken from it only when the configuration is another one. No two LANs get
//! space that overlaps, and nobody gets any of an excluded prefix.

use dhcpmgr_message::{IfName, Prefix};

use super::memory::{Given, Memory, Source, State};
use super::space;
use crate::config::Delegation;
use crate::flat::FlatMap;

/// A prefix that can be handed out: it is valid, and nobody else offers the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) source: Source,
    pub(super) prefix: Prefix,
    /// The part that belongs to the link to the provider (RFC 6603).
    pub(super) exclude: Option<Prefix>,
    pub(super) iaid: Option<u32>,
    pub(super) preferred_until: Option<u64>,
    pub(super) valid_until: Option<u64>,
}

/// A LAN that gets nothing of a prefix, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The LAN.
    pub lan: IfName,
    /// The prefix.
    pub prefix: Prefix,
    /// A sentence.
    pub reason: String,
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Allocation {
    /// LAN, index of the offer, part.
    pub(super) parts: Vec<(IfName, usize, Prefix)>,
    pub(super) refusals: Vec<Refusal>,
    pub(super) ids: FlatMap<IfName, u64>,
}

/// Shares `offers` out.
pub(super) fn allocate(lans: &FlatMap<IfName, Delegation>, offers: &[Offer], memory: &Memory) -> Allocation {
    let mut table = Table {
        lans,
        offers,
        memory,
        // Then the operator has decided anew.
        may_displace: memory.numbers != numbers(lans),
        taken: FlatMap::new(),
        done: Allocation::default(),
    };
    let mut open: Vec<(&IfName, &Delegation, usize)> = Vec::new();
    for (lan, delegation) in lans {
        for (index, offer) in offers.iter().enumerate().filter(|(_, offer)| takes(delegation, offer)) {
            // Two clients may have been delegated the same.
            if offers[..index].iter().any(|o| o.prefix == offer.prefix && takes(delegation, o)) {
                continue;
            }
            if offer.prefix.len() > delegation.length {
                table.refuse(lan, index, too_small(offer.prefix, delegation.length));
            } else {
                open.push((lan, delegation, index));
            }
        }
    }
    open.retain(|(lan, delegation, index)| match delegation.subnet {
        Some(id) => {
            table.give_configured(lan, *index, delegation.length, id.into());
            false
        }
        None => true,
    });
    open.retain(|(lan, delegation, index)| !table.give_remembered(lan, *index, delegation.length));
    open.retain(|(lan, delegation, index)| !table.give_same_number(lan, *index, delegation.length));
    for (lan, delegation, index) in open {
        table.give_lowest(lan, index, delegation.length);
    }
    table.number(lans);
    table.done
}

/// Whether a LAN gets parts of what this one offers.
pub(super) fn takes(delegation: &Delegation, offer: &Offer) -> bool {
    match &offer.source {
        Source::Client(name) => delegation.from.contains(name),
        Source::Ula => delegation.ula,
    }
}

/// The configured part and the length of each LAN.
pub(super) fn numbers(lans: &FlatMap<IfName, Delegation>) -> FlatMap<IfName, (Option<u32>, u8)> {
    lans.iter().map(|(lan, delegation)| (lan.clone(), (delegation.subnet, delegation.length))).collect()
}

fn too_small(prefix: Prefix, length: u8) -> String {
    format!("{prefix} is too small for a LAN of /{length}")
}

struct Table<'a> {
    lans: &'a FlatMap<IfName, Delegation>,
    offers: &'a [Offer],
    memory: &'a Memory,
    /// A configured part may be taken from the LAN that has it.
    may_displace: bool,
    /// Where parts begin, which do not overlap: index of the part.
    taken: FlatMap<u128, usize>,
    done: Allocation,
}

impl Table<'_> {
    fn refuse(&mut self, lan: &IfName, index: usize, reason: String) {
        let prefix = self.offers[index].prefix;
        self.done.refusals.push(Refusal { lan: lan.clone(), prefix, reason });
    }

    /// What this part would take away from others, in words.
    fn obstacle(&self, lan: &IfName, part: Prefix) -> Option<String> {
        let excluded = self.offers.iter().filter_map(|o| o.exclude).find(|e| space::overlap(*e, part));
        if let Some(excluded) = excluded {
            return Some(format!(
                "{part} is excluded from delegation: {excluded} belongs to the link to the provider"
            ));
        }
        let last = self.taken.range(..=space::range(part).end()).next_back();
        let (other, _, known) = self.done.parts.get(*last?.1)?;
        // The same part, of two prefixes of which one is part of the other, is one.
        let in_the_way = space::overlap(*known, part) && !(other == lan && *known == part);
        in_the_way.then(|| format!("{part} overlaps {known}, which {other} has"))
    }

    /// The LAN that has some of this part already and keeps it.
    fn holder(&self, lan: &IfName, part: Prefix) -> Option<String> {
        if self.may_displace {
            return None;
        }
        let mut holders = (self.memory.given.iter())
            .filter(|given| given.lan != *lan && space::overlap(given.subnet, part))
            .filter(|given| matches!(given.state, State::Current { .. } | State::Awaited { .. }));
        let holder = holders.find(|given| self.keeps(given))?;
        Some(format!("{part} overlaps {}, which {} has", holder.subnet, holder.lan))
    }

    /// Whether a LAN may keep what it has.
    fn keeps(&self, given: &Given) -> bool {
        let Some(delegation) = self.lans.get(&given.lan) else { return false };
        let number = space::id(given.delegated, given.subnet);
        delegation.subnet.is_none_or(|id| number == u64::from(id))
            && delegation.length == given.subnet.len()
            // What is awaited may still be offered: its client has not told yet.
            && (matches!(given.state, State::Awaited { .. })
                || self.offers.iter().any(|o| o.prefix == given.delegated && takes(delegation, o)))
    }

    fn put(&mut self, lan: &IfName, index: usize, part: Prefix) {
        self.taken.insert(*space::range(part).start(), self.done.parts.len());
        self.done.parts.push((lan.clone(), index, part));
    }

    fn give(&mut self, lan: &IfName, index: usize, part: Prefix) -> bool {
        if self.obstacle(lan, part).is_some() {
            return false;
        }
        self.put(lan, index, part);
        true
    }

    fn give_configured(&mut self, lan: &IfName, index: usize, length: u8, id: u128) {
        let prefix = self.offers[index].prefix;
        let Some(part) = space::subnet(prefix, length, id) else {
            let last = space::last_id(prefix, length).unwrap_or(0);
            let reason = format!("{prefix} has no subnet {id} of /{length}; it has 0 to {last}");
            return self.refuse(lan, index, reason);
        };
        match self.obstacle(lan, part).or_else(|| self.holder(lan, part)) {
            Some(reason) => self.refuse(lan, index, format!("subnet {id}: {reason}")),
            None => self.put(lan, index, part),
        }
    }

    /// What the LAN has of this prefix, or had until it went.
    fn give_remembered(&mut self, lan: &IfName, index: usize, length: u8) -> bool {
        let prefix = self.offers[index].prefix;
        let usable = |given: &&Given| {
            given.delegated == prefix
                && given.subnet.len() == length
                && space::within(given.subnet, prefix)
                && !matches!(given.state, State::Withdrawn { .. })
        };
        let mut known: Vec<Prefix> = Vec::new();
        for current in [true, false] {
            let of = self.memory.of(lan).filter(usable).filter(|given| given.is_current() == current);
            known.extend(of.map(|given| given.subnet));
        }
        known.into_iter().any(|part| self.give(lan, index, part))
    }

    fn give_same_number(&mut self, lan: &IfName, index: usize, length: u8) -> bool {
        let Some(id) = self.memory.ids.get(lan) else { return false };
        let part = space::subnet(self.offers[index].prefix, length, (*id).into());
        part.is_some_and(|part| !self.is_kept(lan, part) && self.give(lan, index, part))
    }

    fn give_lowest(&mut self, lan: &IfName, index: usize, length: u8) {
        let prefix = self.offers[index].prefix;
        let excluded = self.offers.iter().filter_map(|offer| offer.exclude);
        let given = self.done.parts.iter().map(|(_, _, part)| *part);
        let kept = self.memory.given.iter().filter(|g| g.lan != *lan && g.occupies()).map(|g| g.subnet);
        let taken = excluded.chain(given).chain(kept);
        let taken: Vec<Prefix> = taken.filter(|taken| space::overlap(*taken, prefix)).collect();
        match space::lowest_free(prefix, length, &taken) {
            Some(part) => self.put(lan, index, part),
            None => self.refuse(lan, index, format!("{prefix} has no /{length} left")),
        }
    }

    /// Whether another LAN still holds some of it from before: nobody is given that by chance.
    fn is_kept(&self, lan: &IfName, part: Prefix) -> bool {
        let mut kept = self.memory.given.iter().filter(|g| g.lan != *lan && g.occupies());
        kept.any(|given| space::overlap(given.subnet, part))
    }

    /// Keeps the number of each LAN whose number is still the one that it has somewhere, or nowhere was given one.
    fn number(&mut self, lans: &FlatMap<IfName, Delegation>) {
        let mut given: FlatMap<&IfName, Vec<u64>> = FlatMap::new();
        for (lan, index, part) in &self.done.parts {
            given.entry(lan).or_default().push(space::id(self.offers[*index].prefix, *part));
        }
        let mut ids = FlatMap::new();
        for lan in lans.iter().filter(|(_, d)| d.subnet.is_none()).map(|(lan, _)| lan) {
            let before = self.memory.ids.get(lan).copied();
            let now = given.get(lan).map(Vec::as_slice).unwrap_or_default();
            let id = match before {
                Some(id) if now.contains(&id) => Some(id),
                _ => now.first().copied().or(before),
            };
            ids.extend(id.map(|id| (lan.clone(), id)));
        }
        self.done.ids = ids;
    }
}
