//! What remains of a plan under its grants, and how the plans of a chain become one. Pure: plans in, plan out.

mod overrides;
mod replace;

use dhcpmgr_plugin_api::{Plan, RoutePlan};

use crate::config::Grant;
use crate::flat::FlatSet;

pub(super) use overrides::{Conflict, Contribution, apply as apply_overrides, conflicts};
pub(super) use replace::{Ruling, replace};

/// Cuts a plan to what its handler is granted. Returns what remains, and the grants that were missing for
/// something that the plan really held, in the order of [`Grant`].
#[must_use]
pub(super) fn cut(plan: Plan, grants: &FlatSet<Grant>) -> (Plan, Vec<Grant>) {
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
    let mut gate = Gate { grants, missing: FlatSet::new() };
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
    grants: &'a FlatSet<Grant>,
    missing: FlatSet<Grant>,
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
        addresses: join_lists(earlier.addresses, later.addresses, |a, b| {
            a.address.address() == b.address.address()
        }),
        routes: join_lists(earlier.routes, later.routes, same_route),
        rules: join_lists(earlier.rules, later.rules, PartialEq::eq),
        mtu: later.mtu.or(earlier.mtu),
        dns: join_lists(earlier.dns, later.dns, PartialEq::eq),
        domain: later.domain.or(earlier.domain),
        search: join_lists(earlier.search, later.search, PartialEq::eq),
        ntp: join_lists(earlier.ntp, later.ntp, PartialEq::eq),
        hostname: later.hostname.or(earlier.hostname),
        prefixes: join_lists(earlier.prefixes, later.prefixes, |a, b| {
            (a.iaid, a.prefix) == (b.iaid, b.prefix)
        }),
        softwires: join_lists(earlier.softwires, later.softwires, |a, b| {
            (&a.kind, &a.option) == (&b.kind, &b.option)
        }),
        parameters,
        events: join_lists(earlier.events, later.events, |a, b| (&a.name, &a.fields) == (&b.name, &b.fields)),
        notes: join_lists(earlier.notes, later.notes, PartialEq::eq),
    }
}

/// What makes two routes one for the kernel (`fib_table_insert`: destination, priority, table).
fn same_route(a: &RoutePlan, b: &RoutePlan) -> bool {
    (a.to, a.metric, a.table) == (b.to, b.metric, b.table)
}

/// The earlier list without what the later replaces, then what the later adds. Two entries with the same identity
/// in one list are its handler's own business; only exact repetitions go. Lists are short: [`super::sanity`] has
/// bounded them.
fn join_lists<T: PartialEq>(earlier: Vec<T>, later: Vec<T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let later = without_repetitions(later);
    if earlier.is_empty() {
        return later;
    }
    let mut joined = Vec::with_capacity(earlier.len() + later.len());
    let mut stays = vec![false; later.len()];
    for entry in earlier {
        if !later.iter().any(|other| same(other, &entry)) {
            joined.push(entry);
            continue;
        }
        // Both want the very same: it stays where the earlier handler put it.
        let place = later.iter().position(|other| *other == entry);
        if let Some(place) = place.filter(|place| !stays[*place]) {
            stays[place] = true;
            joined.push(entry);
        }
    }
    joined.extend(later.into_iter().zip(stays).filter_map(|(entry, stays)| (!stays).then_some(entry)));
    joined
}

fn without_repetitions<T: PartialEq>(list: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::with_capacity(list.len());
    for entry in list {
        if !kept.contains(&entry) {
            kept.push(entry);
        }
    }
    kept
}

#[cfg(test)]
mod tests;
