//! Which of the things that carry our tag are *ours to remove*?
//!
//! Once the daemon has settled, all of them. Before, only what some client wanted in this run: the daemon may just have
//! been restarted, and what is not wanted yet may be wanted by a client that has not spoken yet.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use dhcpmgr_message::InterfaceAddress;
use dhcpmgr_plugin_api::RulePlan;

use super::state::RouteKey;
use super::wanted::{HostWanted, Wanted};

/// What clients wanted in this run.
#[derive(Debug, Default)]
pub(super) struct ClaimSet {
    settled: bool,
    addresses: HashSet<(u32, IpAddr)>,
    routes: HashSet<(Option<u32>, RouteKey)>,
    rules: BTreeSet<RulePlan>,
}

impl ClaimSet {
    /// Everything with our tag is ours to remove.
    pub(super) fn settled() -> Self {
        Self { settled: true, ..Self::default() }
    }

    /// Before that: what is wanted now was wanted in this run.
    pub(super) fn claim(&mut self, index: u32, wanted: &Wanted) {
        if !self.settled {
            self.addresses.extend(wanted.addresses.iter().map(|a| (index, a.address.address())));
            self.routes.extend(wanted.routes.iter().map(|route| (Some(index), route.key)));
        }
    }

    /// Likewise.
    pub(super) fn claim_host(&mut self, wanted: &HostWanted) {
        if !self.settled {
            self.routes.extend(wanted.routes.iter().map(|route| (None, route.key)));
            self.rules.extend(wanted.rules.iter().cloned());
        }
    }

    pub(super) fn address(&self, index: u32, address: &InterfaceAddress) -> bool {
        self.settled || self.addresses.contains(&(index, address.address()))
    }

    pub(super) fn route(&self, index: Option<u32>, key: &RouteKey) -> bool {
        self.settled || self.routes.contains(&(index, *key))
    }

    pub(super) fn rule(&self, rule: &RulePlan) -> bool {
        self.settled || self.rules.contains(rule)
    }
}
