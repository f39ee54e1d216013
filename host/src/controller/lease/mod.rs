//! A lease in force: what the plan of the handlers makes of it, how it is shown, and what differs from the one before.

mod v4;
mod v6;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::LeaseMessage;
use dhcpmgr_plugin_api::{Emitted, Plan, Protocol};

use super::ledger::Ledger;
use super::machine::Held;
use crate::config::Client;
use crate::delegation::{Delegated, Handed};
use crate::events::{self, Change};
use crate::flat::{FlatMap, FlatSet};
use crate::network::{Desired, DesiredAddress};
use crate::order;
use crate::softwire::Offered;

/// Parameters of the stock handlers that say nothing of services: the message itself, the clock, timing.
const META_PARAMETERS: [&str; 12] = [
    "SIAddr",
    "SName",
    "File",
    "TimeOffset",
    "PosixTimezone",
    "TzdbTimezone",
    "Preference",
    "InformationRefreshTime",
    "ClientFqdn",
    "NtpMulticast",
    "SolMaxRt",
    "InfMaxRt",
];

/// A lease in force.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lease {
    /// What the machine needs of it.
    pub held: Held,
    /// How it is shown; what counts down is filled in when it is.
    view: events::Lease,
    /// What the kernel and the resolver should hold.
    pub desired: Desired,
    /// What it delegates to LANs.
    pub delegated: Vec<Delegated>,
    /// DHCPv6: what the server said of each address and prefix.
    pub ledger: Ledger,
    /// DHCPv6: what it has for IPv4.
    pub offered: Offered,
    /// What handlers emit about it: published once, and again only when they say something else.
    pub emitted: Vec<Emitted>,
}

impl Lease {
    /// The lease that a message and the handlers' plan for it make; an error when the plan makes none.
    pub(super) fn build(
        client: &Client,
        message: &LeaseMessage,
        ledger: Ledger,
        mut plan: Plan,
    ) -> Result<Self, String> {
        let emitted = std::mem::take(&mut plan.events);
        let lease = match client.protocol {
            Protocol::V4 => v4::build(client, message, plan),
            Protocol::V6 => v6::build(client, message, ledger, plan),
        }?;
        Ok(Self { emitted, ..lease })
    }

    /// What handlers emit about it and did not about the lease before.
    pub(super) fn news_from(&self, before: Option<&Self>) -> Vec<Emitted> {
        let known = before.map(|lease| lease.emitted.as_slice()).unwrap_or_default();
        self.emitted.iter().filter(|event| !known.contains(event)).cloned().collect()
    }

    /// The DHCPv4 server that gave it.
    #[must_use]
    pub(super) fn server(&self) -> Option<Ipv4Addr> {
        if let events::Lease::V4(view) = &self.view { view.server } else { None }
    }

    /// The lease as `dhcpmgr lease --json` shows it at `now`, milliseconds of `CLOCK_BOOTTIME`.
    #[must_use]
    pub(super) fn shown(&self, now: u64) -> events::Lease {
        let mut view = self.view.clone();
        match &mut view {
            events::Lease::V4(view) => {
                view.expires_in = self.held.valid_until.map(|end| end.saturating_sub(now).div_ceil(1000));
            }
            events::Lease::V6(view) => {
                v6::count_down(view, &self.desired, &self.delegated, &self.held, now);
            }
        }
        view
    }

    /// What LANs get of it.
    #[must_use]
    pub(super) fn handed(&self) -> Handed {
        let v6 = |server: &IpAddr| if let IpAddr::V6(server) = server { Some(*server) } else { None };
        Handed {
            prefixes: self.delegated.clone(),
            dns: self.desired.dns.iter().filter_map(v6).collect(),
            search: self.desired.search.clone(),
        }
    }

    /// What differs from the lease before, or from none.
    #[must_use]
    pub(super) fn changes_from(&self, before: Option<&Self>) -> Vec<Change> {
        let mut changes = match (before.map(|lease| &lease.view), &self.view) {
            (Some(events::Lease::V4(old)), events::Lease::V4(new)) => v4::changes(old, new),
            (Some(events::Lease::V6(old)), events::Lease::V6(new)) => v6::changes(old, new),
            (_, events::Lease::V4(new)) => return v4::present(new),
            (_, events::Lease::V6(new)) => return v6::present(new),
        };
        if before.is_some_and(|before| !self.ends_like(before)) {
            changes.push(Change::Lifetime);
        }
        if !self.news_from(before).is_empty() {
            changes.push(Change::Vendor);
        }
        order::sort_once(&mut changes);
        changes
    }

    /// Whether everything that both have ends when it did before.
    fn ends_like(&self, before: &Self) -> bool {
        let addresses = self.desired.addresses.iter().all(|new| {
            let old = before.desired.addresses.iter().find(|old| old.address == new.address);
            old.is_none_or(|old| {
                old.preferred_until == new.preferred_until && old.valid_until == new.valid_until
            })
        });
        let prefixes = self.delegated.iter().all(|new| {
            let old = before.delegated.iter().find(|old| old.prefix == new.prefix);
            old.is_none_or(|old| {
                old.preferred_until == new.preferred_until && old.valid_until == new.valid_until
            })
        });
        addresses && prefixes && self.held.valid_until == before.held.valid_until
    }
}

/// What a plan desires of the client's interface, but for what only one of the protocols has.
fn desired(client: &Client, plan: Plan, addresses: Vec<DesiredAddress>) -> Desired {
    Desired {
        addresses,
        routes: plan.routes,
        rules: plan.rules,
        metric: client.metric,
        mtu: plan.mtu.map(|mtu| mtu.0),
        dns: plan.dns,
        domain: plan.domain,
        search: plan.search,
        ..Desired::of(client.interface.clone())
    }
}

/// Those of them that are so.
fn is_different<const N: usize>(changes: [(Change, bool); N]) -> Vec<Change> {
    changes.into_iter().filter_map(|(change, is)| is.then_some(change)).collect()
}

/// The keys whose values differ.
fn differing<K: Ord + Copy>(old: &FlatMap<K, String>, new: &FlatMap<K, String>) -> FlatSet<K> {
    old.keys().chain(new.keys()).filter(|code| old.get(code) != new.get(code)).copied().collect()
}

/// What a change of handlers' parameters is a change of: vendor data, unless all of them are of [`META_PARAMETERS`].
fn parameter_change(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Option<Change> {
    let mut differing =
        old.keys().chain(new.keys()).filter(|name| old.get(*name) != new.get(*name)).peekable();
    differing.peek()?;
    let meta = |name: &String| META_PARAMETERS.contains(&name.as_str());
    Some(if differing.all(meta) { Change::Meta } else { Change::Vendor })
}

#[cfg(test)]
mod tests;
