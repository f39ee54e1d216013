//! What remains of a plan under its grants, and how the plans of a chain become one. Pure: plans in, plan out.

use std::collections::{BTreeMap, BTreeSet};

use dhcpmgr_plugin_api::{Plan, RoutePlan};

use crate::config::Grant;

/// Cuts a plan to what its handler is granted. Returns what remains, and the grants that were missing for
/// something that the plan really held, in the order of [`Grant`].
#[must_use]
pub(super) fn cut(plan: Plan, grants: &BTreeSet<Grant>) -> (Plan, Vec<Grant>) {
    // Taken apart by name: a field that is added to `Plan` does not compile until somebody says who may set it.
    let Plan {
        refuse,
        addresses,
        routes,
        rules,
        mtu,
        dns,
        domain,
        search,
        ntp,
        hostname,
        prefixes,
        softwires,
        parameters,
        events,
        notes,
    } = plan;
    let mut gate = Gate { grants, missing: BTreeSet::new() };
    let plan = Plan {
        refuse: gate.pass(Grant::Refuse, refuse),
        addresses: gate.pass(Grant::Addresses, addresses),
        routes: gate.pass(Grant::Routes, routes),
        rules: gate.pass(Grant::Routes, rules),
        mtu: gate.pass(Grant::Mtu, mtu),
        dns: gate.pass(Grant::Dns, dns),
        domain: gate.pass(Grant::Dns, domain),
        search: gate.pass(Grant::Dns, search),
        ntp: gate.pass(Grant::Ntp, ntp),
        hostname: gate.pass(Grant::Parameters, hostname),
        prefixes: gate.pass(Grant::Prefixes, prefixes),
        softwires: gate.pass(Grant::Softwire, softwires),
        parameters: gate.pass(Grant::Parameters, parameters),
        events: gate.pass(Grant::Events, events),
        notes,
    };
    (plan, gate.missing.into_iter().collect())
}

struct Gate<'a> {
    grants: &'a BTreeSet<Grant>,
    missing: BTreeSet<Grant>,
}

impl Gate<'_> {
    fn pass<T: Default + PartialEq>(&mut self, grant: Grant, value: T) -> T {
        let nothing = T::default();
        if self.grants.contains(&grant) || value == nothing {
            return value;
        }
        self.missing.insert(grant);
        nothing
    }
}

/// Joins the plans of a chain, given in its order.
///
/// Lists are joined without duplicates, single values come from the last plan that sets one, the first refusal
/// stays. What the kernel can hold only once (an address; a route with the same destination, metric and table)
/// and two handlers both set is taken from the later one.
#[must_use]
pub(super) fn merge(plans: impl IntoIterator<Item = Plan>) -> Plan {
    plans.into_iter().fold(Plan::default(), join)
}

fn join(earlier: Plan, later: Plan) -> Plan {
    let mut parameters = earlier.parameters;
    parameters.extend(later.parameters);
    Plan {
        refuse: earlier.refuse.or(later.refuse),
        addresses: join_lists(earlier.addresses, later.addresses, |a| a.address.address()),
        routes: join_lists(earlier.routes, later.routes, route_identity),
        rules: join_lists(earlier.rules, later.rules, Clone::clone),
        mtu: later.mtu.or(earlier.mtu),
        dns: join_lists(earlier.dns, later.dns, |a| *a),
        domain: later.domain.or(earlier.domain),
        search: join_lists(earlier.search, later.search, Clone::clone),
        ntp: join_lists(earlier.ntp, later.ntp, Clone::clone),
        hostname: later.hostname.or(earlier.hostname),
        prefixes: join_lists(earlier.prefixes, later.prefixes, |p| (p.iaid, p.prefix)),
        softwires: join_lists(earlier.softwires, later.softwires, |s| (s.kind.clone(), s.option.clone())),
        parameters,
        events: join_lists(earlier.events, later.events, |e| (e.name.clone(), e.fields.clone())),
        notes: join_lists(earlier.notes, later.notes, Clone::clone),
    }
}

/// What makes two routes one for the kernel (`fib_table_insert`: destination, priority, table).
fn route_identity(route: &RoutePlan) -> (dhcpmgr_plugin_api::message::Prefix, Option<u32>, Option<u32>) {
    (route.to, route.metric, route.table)
}

/// The earlier list without what the later replaces, then what the later adds. Two entries with the same identity
/// in one list are its handler's own business; only exact repetitions go.
fn join_lists<T: PartialEq, K: Ord>(earlier: Vec<T>, later: Vec<T>, identity: impl Fn(&T) -> K) -> Vec<T> {
    let later = without_repetitions(later, &identity);
    if earlier.is_empty() {
        return later;
    }
    let mut incoming: BTreeMap<K, Vec<Option<T>>> = BTreeMap::new();
    let mut order = Vec::with_capacity(later.len());
    for entry in later {
        let same = incoming.entry(identity(&entry)).or_default();
        order.push((identity(&entry), same.len()));
        same.push(Some(entry));
    }
    let mut joined = Vec::with_capacity(earlier.len() + order.len());
    for entry in earlier {
        match incoming.get_mut(&identity(&entry)) {
            None => joined.push(entry),
            // Both want the very same: it stays where the earlier handler put it.
            Some(same) => {
                joined.extend(same.iter_mut().find(|e| e.as_ref() == Some(&entry)).and_then(Option::take))
            }
        }
    }
    joined.extend(order.into_iter().filter_map(|(key, at)| incoming.get_mut(&key)?.get_mut(at)?.take()));
    joined
}

fn without_repetitions<T: PartialEq, K: Ord>(list: Vec<T>, identity: &impl Fn(&T) -> K) -> Vec<T> {
    let mut seen: BTreeMap<K, Vec<usize>> = BTreeMap::new();
    let mut kept: Vec<T> = Vec::with_capacity(list.len());
    for entry in list {
        let same = seen.entry(identity(&entry)).or_default();
        if same.iter().all(|&at| kept[at] != entry) {
            same.push(kept.len());
            kept.push(entry);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
