//! Which of the things that carry our tag are *ours to remove*?
//!
//! On the interfaces of our owners, once the daemon has settled, all of them. Before, only what some owner wanted in
//! this run: the daemon may just have been restarted, and what is not wanted yet may be wanted by one that has not
//! spoken yet. Elsewhere likewise: another daemon of ours may run beside this one.

use std::collections::HashSet;
use std::net::IpAddr;

use dhcpmgr_message::InterfaceAddress;
use dhcpmgr_plugin_api::RulePlan;

use super::engine::HOST;
use super::state::RouteKey;
use super::wanted::{HostWanted, Wanted};
use crate::flat::FlatSet;

/// What owners wanted in this run.
#[derive(Debug, Default)]
pub(super) struct ClaimSet {
    /// Interfaces, and [`HOST`] for rules and unreachable routes, on which everything with our tag is ours to remove.
    settled: HashSet<u32>,
    addresses: HashSet<(u32, IpAddr)>,
    routes: HashSet<(Option<u32>, RouteKey)>,
    rules: FlatSet<RulePlan>,
}

impl ClaimSet {
    /// Everything with our tag on this interface, or on none ([`HOST`]), is ours to remove.
    pub(super) fn settle(&mut self, index: u32) {
        self.settled.insert(index);
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
        self.settled.contains(&index.unwrap_or(HOST)) || self.routes.contains(&(index, *key))
    }

    pub(super) fn rule(&self, rule: &RulePlan) -> bool {
        self.settled.contains(&HOST) || self.rules.contains(rule)
    }
}
