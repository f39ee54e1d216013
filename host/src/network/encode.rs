//! Turns one step into one rtnetlink request.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteFlags, RouteMessage, RouteMetric, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{LinkMessageBuilder, LinkUnspec};

use super::action::{AddressSetting, Step};
use super::decode::FOR_EVER;
use super::state::{MAIN_TABLE, RouteKind, RouteState, TAG};

/// The request of a step on the interface with this index, and its flags besides `NLM_F_REQUEST`; nothing for a step
/// that is not the kernel's.
pub(super) fn request(step: &Step, index: u32) -> Option<(RouteNetlinkMessage, u16)> {
    Some(match step {
        Step::AddAddress(to) | Step::RefreshAddress { to, .. } => {
            (RouteNetlinkMessage::NewAddress(address(to, index)), NLM_F_CREATE | NLM_F_REPLACE)
        }
        Step::RemoveAddress(gone) => {
            let message = bare_address(gone.address(), gone.prefix_len(), index);
            (RouteNetlinkMessage::DelAddress(message), 0)
        }
        Step::AddRoute(to) => (RouteNetlinkMessage::NewRoute(route(to)), NLM_F_CREATE | NLM_F_EXCL),
        Step::AppendRoute(to) => (RouteNetlinkMessage::NewRoute(route(to)), NLM_F_CREATE | NLM_F_APPEND),
        Step::ReplaceRoute(to) => (RouteNetlinkMessage::NewRoute(route(to)), NLM_F_CREATE | NLM_F_REPLACE),
        Step::RemoveRoute(gone) => {
            let mut message = route(gone);
            // Whatever its scope; the protocol stays in, so that only a route of ours can match.
            message.header.scope = RouteScope::NoWhere;
            (RouteNetlinkMessage::DelRoute(message), 0)
        }
        Step::SetMtu { mtu, .. } => {
            let message = LinkMessageBuilder::<LinkUnspec>::new().index(index).mtu(*mtu).build();
            (RouteNetlinkMessage::SetLink(message), 0)
        }
        Step::AddRule(plan) => (RouteNetlinkMessage::NewRule(rule(plan)), NLM_F_CREATE | NLM_F_EXCL),
        Step::RemoveRule(plan) => (RouteNetlinkMessage::DelRule(rule(plan)), 0),
        Step::SetSysctl { .. } | Step::NameServers { .. } => return None,
    })
}

/// Sets a link up.
pub(super) fn set_up(index: u32) -> (RouteNetlinkMessage, u16) {
    (RouteNetlinkMessage::SetLink(LinkMessageBuilder::<LinkUnspec>::new().index(index).up().build()), 0)
}

/// Asks for one IPv6 address: what is changed while it is tentative the kernel does not announce.
pub(super) fn read_back(address: IpAddr, index: u32) -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetAddress(bare_address(address, 0, index))
}

fn family(address: IpAddr) -> AddressFamily {
    if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

fn bare_address(address: IpAddr, prefix_len: u8, index: u32) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = family(address);
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes.push(AddressAttribute::Local(address));
    message.attributes.push(AddressAttribute::Address(address));
    message
}

fn address(to: &AddressSetting, index: u32) -> AddressMessage {
    let mut message = bare_address(to.address.address(), to.address.prefix_len(), index);
    let attributes = &mut message.attributes;
    attributes.extend(to.broadcast.map(AddressAttribute::Broadcast));
    let mut info = CacheInfo::default();
    info.ifa_preferred = to.preferred.unwrap_or(FOR_EVER);
    info.ifa_valid = to.valid.unwrap_or(FOR_EVER);
    attributes.push(AddressAttribute::CacheInfo(info));
    if to.no_prefix_route {
        attributes.push(AddressAttribute::Flags(AddressFlags::Noprefixroute));
    }
    if to.metric != 0 {
        attributes.push(AddressAttribute::RoutePriority(to.metric));
    }
    if to.protocol != 0 {
        attributes.push(AddressAttribute::Protocol(AddressProtocol::from(to.protocol)));
    }
    message
}

fn route(to: &RouteState) -> RouteMessage {
    let destination = to.key.to.address();
    let mut message = RouteMessage::default();
    let header = &mut message.header;
    header.address_family = family(destination);
    header.destination_prefix_length = to.key.to.len();
    header.protocol = RouteProtocol::from(TAG);
    header.kind = match to.kind {
        RouteKind::Unreachable => RouteType::Unreachable,
        RouteKind::Unicast | RouteKind::Other => RouteType::Unicast,
    };
    let leads_to_neighbours = to.via.is_none() && to.kind == RouteKind::Unicast && destination.is_ipv4();
    header.scope = if leads_to_neighbours { RouteScope::Link } else { RouteScope::Universe };
    if to.onlink {
        header.flags = RouteFlags::Onlink;
    }
    header.table = u8::try_from(to.key.table).unwrap_or(0);
    let attributes = &mut message.attributes;
    if to.key.table != MAIN_TABLE {
        attributes.push(RouteAttribute::Table(to.key.table));
    }
    if !to.key.to.is_default() {
        attributes.push(RouteAttribute::Destination(destination.into()));
    }
    attributes.extend(to.via.map(|via| RouteAttribute::Gateway(via.into())));
    attributes.extend(to.interface.map(RouteAttribute::Oif));
    attributes.push(RouteAttribute::Priority(to.key.metric));
    attributes.extend(to.source.map(|source| RouteAttribute::PrefSource(source.into())));
    attributes.extend(to.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)])));
    message
}

fn rule(plan: &dhcpmgr_plugin_api::RulePlan) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family(plan.from.address());
    message.header.src_len = plan.from.len();
    message.header.action = RuleAction::ToTable;
    message.header.table = u8::try_from(plan.table).unwrap_or(0);
    let attributes = &mut message.attributes;
    if !plan.from.is_default() {
        attributes.push(RuleAttribute::Source(plan.from.address()));
    }
    attributes.push(RuleAttribute::Table(plan.table));
    attributes.push(RuleAttribute::Priority(plan.priority));
    attributes.push(RuleAttribute::Protocol(RouteProtocol::from(TAG)));
    message
}
