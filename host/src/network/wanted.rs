//! The union of what all owners want of one interface, and of the host as a whole.

use std::net::Ipv4Addr;

use dhcpmgr_message::InterfaceAddress;
use dhcpmgr_plugin_api::{RoutePlan, RulePlan};

use super::Desired;
use super::state::{
    DEFAULT_V6_METRIC, MAIN_TABLE, ON_LINK_V6_METRIC, RouteKey, RouteKind, RouteState, TAG,
    UNREACHABLE_METRIC,
};
use crate::config::Sysctl;
use crate::flat::FlatMap;
use crate::order;

/// The smallest MTU of a link that carries IPv6 (RFC 8200 section 5): below it the kernel turns IPv6 off there.
const MIN_V6_MTU: u32 = 1280;

/// What is wanted of one interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wanted {
    pub(super) addresses: Vec<WantedAddress>,
    pub(super) routes: Vec<RouteState>,
    pub(super) mtu: Option<u32>,
    pub(super) sysctls: FlatMap<Sysctl, u8>,
}

/// An address with the ends of its lifetimes as the lease says them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedAddress {
    pub(super) address: InterfaceAddress,
    pub(super) broadcast: Option<Ipv4Addr>,
    pub(super) preferred_until: Option<u64>,
    pub(super) valid_until: Option<u64>,
    /// 0 for IPv6, where it is the metric of the on-link route among the routes.
    pub(super) metric: u32,
    /// It becomes ours where somebody else has put it there.
    pub(super) takes_over: bool,
}

impl Wanted {
    /// Joins what owners want of the interface with this index. Where two want the same address it lasts as long as
    /// the longer one says; of two routes with the same key, and of two values of a sysctl, the first is taken; the lowest MTU wins.
    pub(super) fn of<'a>(index: u32, desires: impl Iterator<Item = &'a Desired>) -> Self {
        let mut wanted = Self::default();
        for desired in desires {
            for address in &desired.addresses {
                let same = |a: &&mut WantedAddress| {
                    a.address.address() == address.address.address()
                        && (a.address.address().is_ipv6() || a.address == address.address)
                };
                match wanted.addresses.iter_mut().find(same) {
                    Some(known) => {
                        known.preferred_until = later(known.preferred_until, address.preferred_until);
                        known.valid_until = later(known.valid_until, address.valid_until);
                        known.takes_over |= desired.takes_over;
                    }
                    None => wanted.addresses.push(WantedAddress {
                        address: address.address,
                        broadcast: address.broadcast,
                        preferred_until: address.preferred_until,
                        valid_until: address.valid_until,
                        metric: if address.address.address().is_ipv4() { desired.metric } else { 0 },
                        takes_over: desired.takes_over,
                    }),
                }
            }
            let on_link =
                desired.addresses.iter().filter_map(|a| on_link_route(&a.address, index, desired.metric));
            let routes = desired.routes.iter().map(|plan| route(plan, index, desired.metric));
            for route in on_link.chain(routes) {
                if !wanted.routes.iter().any(|known| known.key == route.key) {
                    wanted.routes.push(route);
                }
            }
            for (sysctl, value) in &desired.sysctls {
                wanted.sysctls.entry(*sysctl).or_insert(*value);
            }
            wanted.mtu = match (wanted.mtu, desired.mtu) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        if wanted.addresses.iter().any(|a| a.address.address().is_ipv6()) {
            wanted.mtu = wanted.mtu.map(|mtu| mtu.max(MIN_V6_MTU));
        }
        // Routes that make gateways reachable go before those that use them.
        order::sort_by_key(&mut wanted.routes, |route| route.via.is_some());
        wanted
    }
}

fn later(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    Some(a?.max(b?))
}

/// The route to the link of an IPv6 address. The kernel's own would stay, for what is left of the old lifetime, when the
/// address has gone, and lead into a LAN that has the prefix no more.
fn on_link_route(address: &InterfaceAddress, index: u32, metric: u32) -> Option<RouteState> {
    let to = address.prefix();
    if to.address().is_ipv4() || to.len() == 128 {
        return None;
    }
    let metric = if metric == 0 { ON_LINK_V6_METRIC } else { metric };
    let plan = RoutePlan {
        to,
        via: None,
        onlink: false,
        source: None,
        metric: Some(metric),
        table: None,
        mtu: None,
    };
    Some(route(&plan, index, metric))
}

fn route(plan: &RoutePlan, index: u32, metric: u32) -> RouteState {
    let mut metric = plan.metric.unwrap_or(metric);
    if metric == 0 && plan.to.address().is_ipv6() {
        metric = DEFAULT_V6_METRIC;
    }
    RouteState {
        key: RouteKey { table: plan.table.unwrap_or(MAIN_TABLE), to: plan.to, metric },
        kind: RouteKind::Unicast,
        interface: Some(index),
        // A router 0.0.0.0 means on-link (RFC 3442).
        via: plan.via.filter(|via| !via.is_unspecified()),
        onlink: plan.onlink && plan.via.is_some_and(|via| !via.is_unspecified()),
        source: plan.source,
        mtu: plan.mtu,
        protocol: TAG,
        ours: true,
    }
}

/// What is wanted of the host as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HostWanted {
    pub(super) rules: Vec<RulePlan>,
    pub(super) routes: Vec<RouteState>,
}

impl HostWanted {
    /// Joins what all owners want.
    pub(super) fn of<'a>(desires: impl Iterator<Item = &'a Desired>) -> Self {
        let mut wanted = Self::default();
        for desired in desires {
            for rule in &desired.rules {
                if !wanted.rules.contains(rule) {
                    wanted.rules.push(rule.clone());
                }
            }
            for to in &desired.unreachable {
                let key = RouteKey { table: MAIN_TABLE, to: *to, metric: UNREACHABLE_METRIC };
                if !wanted.routes.iter().any(|route| route.key == key) {
                    wanted.routes.push(RouteState {
                        key,
                        kind: RouteKind::Unreachable,
                        interface: None,
                        via: None,
                        onlink: false,
                        source: None,
                        mtu: None,
                        protocol: TAG,
                        ours: true,
                    });
                }
            }
        }
        wanted
    }
}
