//! Reads rtnetlink messages into the facts that the mirror keeps; everything else in them is skipped.

use std::net::IpAddr;

use dhcpmgr_message::{IfName, InterfaceAddress, Prefix};
use dhcpmgr_plugin_api::RulePlan;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteNextHopFlags, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage};

use super::state::{AddressState, LOCAL_TABLE, RouteKey, RouteKind, RouteState, RuleState};
use super::{HardwareAddress, LinkState};

/// `INFINITY_LIFE_TIME`.
pub(super) const FOR_EVER: u32 = u32::MAX;

/// A link; `None` for what is none of ours: messages of bridge ports (`AF_BRIDGE`) and names that we cannot hold.
pub(super) fn link(message: &LinkMessage) -> Option<(IfName, LinkState)> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let flags = message.header.flags;
    let mut name = None;
    let mut state = LinkState {
        index: message.header.index,
        up: flags.contains(LinkFlags::Up),
        carrier: flags.contains(LinkFlags::LowerUp),
        mtu: 0,
        min_mtu: 0,
        max_mtu: 0,
        hardware: None,
        link_local: false, // The mirror knows the addresses.
    };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(text) => name = text.parse().ok(),
            LinkAttribute::Mtu(mtu) => state.mtu = *mtu,
            LinkAttribute::MinMtu(mtu) => state.min_mtu = *mtu,
            LinkAttribute::MaxMtu(mtu) => state.max_mtu = *mtu,
            LinkAttribute::Address(bytes) if message.header.link_layer_type == LinkLayerType::Ether => {
                let known = <[u8; 6]>::try_from(bytes.as_slice()).ok().filter(|mac| *mac != [0; 6]);
                state.hardware = known.map(HardwareAddress);
            }
            _ => {}
        }
    }
    Some((name?, state))
}

/// The index of the interface and the address.
pub(super) fn address(message: &AddressMessage, now: u64) -> Option<(u32, AddressState)> {
    let mut local = None;
    let mut peer = None;
    let mut flags = AddressFlags::from_bits_retain(u32::from(message.header.flags.bits()));
    let (mut broadcast, mut preferred, mut valid) = (None, FOR_EVER, FOR_EVER);
    let (mut metric, mut protocol) = (0, 0);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(*address),
            AddressAttribute::Address(address) => peer = Some(*address),
            AddressAttribute::Broadcast(address) => broadcast = Some(*address),
            AddressAttribute::Flags(all) => flags = *all,
            AddressAttribute::RoutePriority(value) => metric = *value,
            AddressAttribute::Protocol(value) => protocol = u8::from(*value),
            AddressAttribute::CacheInfo(info) => (preferred, valid) = (info.ifa_preferred, info.ifa_valid),
            _ => {}
        }
    }
    let until = |seconds: u32| (seconds != FOR_EVER).then(|| now + u64::from(seconds) * 1000);
    let state = AddressState {
        address: InterfaceAddress::new(local.or(peer)?, message.header.prefix_len).ok()?,
        broadcast,
        preferred_until: until(preferred),
        valid_until: until(valid),
        metric,
        protocol,
        // The bit means `IFA_F_TEMPORARY` for IPv6.
        secondary: flags.contains(AddressFlags::Secondary) && message.header.family == AddressFamily::Inet,
        tentative: flags.contains(AddressFlags::Tentative),
        dad_failed: flags.contains(AddressFlags::Dadfailed),
        no_prefix_route: flags.contains(AddressFlags::Noprefixroute),
        ours: false,
    };
    Some((message.header.index, state))
}

/// The paths of a route: one, or several of a multipath route; none for what the mirror does not keep.
pub(super) fn route(message: &RouteMessage) -> Vec<RouteState> {
    let header = &message.header;
    let unspecified: IpAddr = match header.address_family {
        AddressFamily::Inet => std::net::Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        _ => return Vec::new(),
    };
    // A cached route of one flow, or one for another type of service, is no rival of ours.
    if header.flags.contains(RouteFlags::Cloned) || header.tos != 0 {
        return Vec::new();
    }
    let mut destination = unspecified;
    let mut path = RouteState {
        key: RouteKey { table: u32::from(header.table), to: Prefix::DEFAULT_V4, metric: 0 },
        kind: match header.kind {
            RouteType::Unicast => RouteKind::Unicast,
            RouteType::Unreachable => RouteKind::Unreachable,
            _ => RouteKind::Other,
        },
        interface: None,
        via: None,
        onlink: header.flags.contains(RouteFlags::Onlink),
        source: None,
        mtu: None,
        protocol: u8::from(header.protocol),
        ours: false,
    };
    let mut hops = Vec::new();
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(to) => destination = ip(to).unwrap_or(unspecified),
            RouteAttribute::Table(table) => path.key.table = *table,
            RouteAttribute::Priority(metric) => path.key.metric = *metric,
            RouteAttribute::Oif(index) => path.interface = Some(*index),
            RouteAttribute::Gateway(via) => path.via = ip(via),
            RouteAttribute::PrefSource(source) => path.source = ip(source),
            RouteAttribute::Metrics(metrics) => {
                path.mtu = metrics.iter().find_map(|m| match m {
                    RouteMetric::Mtu(mtu) => Some(*mtu),
                    _ => None,
                });
            }
            RouteAttribute::MultiPath(next_hops) => hops.clone_from(next_hops),
            _ => {}
        }
    }
    let Ok(to) = Prefix::new(destination, header.destination_prefix_length) else { return Vec::new() };
    if path.key.table == LOCAL_TABLE {
        return Vec::new();
    }
    path.key.to = to;
    if path.kind != RouteKind::Unicast {
        path.interface = None; // IPv6 says `lo`.
    }
    if hops.is_empty() {
        return vec![path];
    }
    let via_of = |attributes: &[RouteAttribute]| {
        attributes.iter().find_map(|a| match a {
            RouteAttribute::Gateway(via) => ip(via),
            _ => None,
        })
    };
    (hops.iter())
        .map(|hop| RouteState {
            interface: Some(hop.interface_index),
            via: via_of(&hop.attributes),
            onlink: hop.flags.contains(RouteNextHopFlags::Onlink),
            ..path.clone()
        })
        .collect()
}

/// A rule that says `from PREFIX lookup TABLE` and nothing else.
pub(super) fn rule(message: &RuleMessage) -> Option<RuleState> {
    let header = &message.header;
    let unspecified: IpAddr = match header.family {
        AddressFamily::Inet => std::net::Ipv4Addr::UNSPECIFIED.into(),
        AddressFamily::Inet6 => std::net::Ipv6Addr::UNSPECIFIED.into(),
        _ => return None,
    };
    let plain = header.action == RuleAction::ToTable && header.dst_len == 0 && header.tos == 0;
    if !plain || header.flags.contains(RuleFlags::Invert) {
        return None;
    }
    let (mut source, mut table, mut priority, mut protocol) = (unspecified, u32::from(header.table), 0, 0);
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Source(address) => source = *address,
            RuleAttribute::Table(value) => table = *value,
            RuleAttribute::Priority(value) => priority = *value,
            RuleAttribute::Protocol(value) => protocol = u8::from(*value),
            RuleAttribute::SuppressPrefixLen(u32::MAX) | RuleAttribute::SuppressIfGroup(u32::MAX) => {}
            RuleAttribute::Other(_) => {}
            _ => return None,
        }
    }
    let from = Prefix::new(source, header.src_len).ok()?;
    Some(RuleState { rule: RulePlan { from, table, priority }, protocol, ours: false })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some((*address).into()),
        RouteAddress::Inet6(address) => Some((*address).into()),
        _ => None,
    }
}
