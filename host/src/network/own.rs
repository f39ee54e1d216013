//! Addresses and routes of ours as the kernel has them, for those who show them.

use std::net::IpAddr;

use dhcpmgr_message::{IfName, InterfaceAddress, Prefix};

use super::mirror::Mirror;
use super::state::{MAIN_TABLE, RouteState};

/// A route with our tag, in the main table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRoute {
    /// Where to.
    pub to: Prefix,
    /// Through which router; none when that is on the link.
    pub via: Option<IpAddr>,
    /// Its metric in the kernel.
    pub metric: u32,
    /// Its interface; none when it goes nowhere (`unreachable`).
    pub interface: Option<IfName>,
}

/// All of them, in the order of their interfaces.
pub(super) fn routes(mirror: &Mirror) -> Vec<OwnRoute> {
    let ours = mirror.tagged().filter(|route| route.key.table == MAIN_TABLE);
    let shown = |route: &RouteState| OwnRoute {
        to: route.key.to,
        via: route.via,
        metric: route.key.metric,
        interface: route.interface.and_then(|index| mirror.name(index).cloned()),
    };
    ours.map(shown).collect()
}

/// The IPv4 addresses of an interface with our tag.
pub(super) fn v4_addresses(mirror: &Mirror, name: &IfName) -> Vec<InterfaceAddress> {
    let ours = mirror.index(name).into_iter().flat_map(|index| mirror.own_addresses(index));
    ours.filter(|address| address.address().is_ipv4()).collect()
}
