//! What the kernel has of an interface: the few facts that the planner compares, and nothing about how they were read.

use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{InterfaceAddress, Prefix};
use dhcpmgr_plugin_api::RulePlan;

use crate::config::Sysctl;
use crate::flat::FlatMap;

/// Our protocol tag: `IFA_PROTO` of addresses, `rtm_protocol` of routes, `FRA_PROTOCOL` of rules. 68, the DHCP client
/// port (RFC 2131 section 4.1); no number of `/etc/iproute2/rt_protos`. Only what carries it is ever changed or removed.
pub(super) const TAG: u8 = 68;

/// `RT_TABLE_MAIN`.
pub(super) const MAIN_TABLE: u32 = 254;

/// `RT_TABLE_LOCAL`: the kernel's own; never looked at.
pub(super) const LOCAL_TABLE: u32 = 255;

/// `IP6_RT_PRIO_USER`: what the kernel makes of an IPv6 route without a metric.
pub(super) const DEFAULT_V6_METRIC: u32 = 1024;

/// `IP6_RT_PRIO_ADDRCONF`: what the kernel makes of the on-link route of an IPv6 address without a metric.
pub(super) const ON_LINK_V6_METRIC: u32 = 256;

/// Metric of the unreachable routes of delegated prefixes: behind every real route for the same prefix.
pub(super) const UNREACHABLE_METRIC: u32 = i32::MAX as u32;

/// An address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AddressState {
    pub(super) address: InterfaceAddress,
    pub(super) broadcast: Option<Ipv4Addr>,
    /// End of the preferred lifetime in the kernel, `None` for never. Milliseconds of `CLOCK_BOOTTIME`.
    pub(super) preferred_until: Option<u64>,
    /// End of the valid lifetime in the kernel, likewise.
    pub(super) valid_until: Option<u64>,
    /// `IFA_RT_PRIORITY`; without a meaning for IPv6, where we make the on-link route.
    pub(super) metric: u32,
    /// `IFA_PROTO`, 0 when there is none.
    pub(super) protocol: u8,
    /// `IFA_F_SECONDARY`: v4, a later address of the same subnet; it falls with its primary unless promoted.
    pub(super) secondary: bool,
    /// `IFA_F_TENTATIVE`: v6, it cannot be used before duplicate address detection is over.
    pub(super) tentative: bool,
    /// `IFA_F_DADFAILED`: v6, somebody else on the link has it.
    pub(super) dad_failed: bool,
    /// `IFA_F_NOPREFIXROUTE`: v6, the kernel makes no on-link route of it.
    pub(super) no_prefix_route: bool,
    /// May be changed and removed by us.
    pub(super) ours: bool,
}

impl AddressState {
    /// Whether the kernel takes the two for the same address: v4 keeps one entry for each mask, v6 one in all.
    pub(super) fn is(&self, other: &InterfaceAddress) -> bool {
        self.address.address() == other.address()
            && (self.address.address().is_ipv6() || self.address.prefix_len() == other.prefix_len())
    }

    /// Whether it is an IPv6 link-local address (RFC 4291 section 2.5.6) that can be used.
    pub(super) fn is_usable_link_local(&self) -> bool {
        let link_local = match self.address.address() {
            IpAddr::V6(address) => address.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        };
        link_local && !self.tentative && !self.dad_failed
    }
}

/// What makes a route one and the same for the kernel (with a type of service of 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct RouteKey {
    pub(super) table: u32,
    pub(super) to: Prefix,
    pub(super) metric: u32,
}

/// What becomes of a packet on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RouteKind {
    Unicast,
    Unreachable,
    /// Prohibit, blackhole, throw and what else we never make.
    Other,
}

/// One path of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RouteState {
    pub(super) key: RouteKey,
    pub(super) kind: RouteKind,
    /// The interface's index; none for a route that goes nowhere.
    pub(super) interface: Option<u32>,
    pub(super) via: Option<IpAddr>,
    pub(super) onlink: bool,
    pub(super) source: Option<IpAddr>,
    pub(super) mtu: Option<u32>,
    /// `rtm_protocol`.
    pub(super) protocol: u8,
    /// May be changed and removed by us.
    pub(super) ours: bool,
}

impl RouteState {
    /// Whether packets go the same way.
    pub(super) fn same_path(&self, other: &Self) -> bool {
        self.key == other.key
            && self.kind == other.kind
            && self.interface == other.interface
            && self.via == other.via
    }

    /// Whether everything about them that we set is the same.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.same_path(other)
            && self.onlink == other.onlink
            && self.source == other.source
            && self.mtu == other.mtu
    }
}

/// A routing policy rule of the simple kind that we make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RuleState {
    pub(super) rule: RulePlan,
    pub(super) protocol: u8,
    pub(super) ours: bool,
}

/// What the kernel has of one interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct View {
    pub(super) index: u32,
    /// `IFF_UP`: without it the kernel takes no routes, and no IPv6 address stays.
    pub(super) up: bool,
    pub(super) mtu: u32,
    /// The MTU before we changed it; `None` when we did not.
    pub(super) original_mtu: Option<u32>,
    /// The values of those sysctls that are wanted or were changed by us.
    pub(super) sysctls: FlatMap<Sysctl, u8>,
    /// The values before we changed them.
    pub(super) original_sysctls: FlatMap<Sysctl, u8>,
    pub(super) addresses: Vec<AddressState>,
    /// Our routes through this interface, and every route, of whomever and wherever, with the key of a wanted one.
    pub(super) routes: Vec<RouteState>,
}

/// What the kernel has that belongs to no interface.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct HostView {
    pub(super) rules: Vec<RuleState>,
    /// Routes that go nowhere, and every route with the key of a wanted one.
    pub(super) routes: Vec<RouteState>,
}
