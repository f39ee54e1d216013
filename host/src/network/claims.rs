//! Which of the things that carry our tag are *ours to remove*?
//!
//! On the interfaces of our clients, once the daemon has settled, all of them. Before, only what some client wanted in
//! this run: the daemon may just have been restarted, and what is not wanted yet may be wanted by a client that has not
//! spoken yet. Elsewhere likewise: another daemon of ours may run beside this one.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use dhcpmgr_message::InterfaceAddress;
use dhcpmgr_plugin_api::RulePlan;

use super::state::RouteKey;
use super::wanted::{HostWanted, Wanted};

/// What clients wanted in this run.
#[derive(Debug, Default)]
pub(super) struct ClaimSet {
    /// Interfaces on which everything with our tag is ours to remove.
    settled: HashSet<u32>,
    /// Rules and unreachable routes, which are on no interface, are all ours to remove.
    host_settled: bool,
    addresses: HashSet<(u32, IpAddr)>,
    routes: HashSet<(Option<u32>, RouteKey)>,
    rules: BTreeSet<RulePlan>,
}

impl ClaimSet {
    /// Everything with our tag on this interface is ours to remove.
    pub(super) fn settle(&mut self, index: u32) {
        self.settled.insert(index);
    }

    /// Everything with our tag that is on no interface is ours to remove.
    pub(super) fn settle_host(&mut self) {
        self.host_settled = true;
    }

    /// What is wanted now was wanted in this run.
    pub(super) fn claim(&mut self, index: u32, wanted: &Wanted) {
        if !self.settled.contains(&index) {
            self.addresses.extend(wanted.addresses.iter().map(|a| (index, a.address.address())));
            self.routes.extend(wanted.routes.iter().map(|route| (Some(index), route.key)));
        }
    }

    /// Likewise.
    pub(super) fn claim_host(&mut self, wanted: &HostWanted) {
        self.routes.extend(wanted.routes.iter().map(|route| (None, route.key)));
        self.rules.extend(wanted.rules.iter().cloned());
    }

    pub(super) fn address(&self, index: u32, address: &InterfaceAddress) -> bool {
        self.settled.contains(&index) || self.addresses.contains(&(index, address.address()))
    }

    pub(super) fn route(&self, index: Option<u32>, key: &RouteKey) -> bool {
        let settled = index.map_or(self.host_settled, |index| self.settled.contains(&index));
        settled || self.routes.contains(&(index, *key))
    }

    pub(super) fn rule(&self, rule: &RulePlan) -> bool {
        self.host_settled || self.rules.contains(rule)
    }
}
