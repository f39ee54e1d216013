//! Turns one step into one rtnetlink request.

use std::net::IpAddr;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};

use super::action::{AddressSetting, Step};
use super::decode::FOR_EVER;
use super::state::{MAIN_TABLE, RouteKind, RouteState, TAG};
use super::wire::{Request, family, kind};

const IFF_UP: u32 = 1;
const IFLA_MTU: u16 = 4;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_RT_PRIORITY: u16 = 9;
const IFA_PROTO: u16 = 11;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_PRIORITY: u16 = 6;
const RTA_PREFSRC: u16 = 7;
const RTA_METRICS: u16 = 8;
const RTA_TABLE: u16 = 15;
const RTAX_MTU: u16 = 2;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RT_SCOPE_NOWHERE: u8 = 255;
const RTN_UNICAST: u8 = 1;
const RTN_UNREACHABLE: u8 = 7;
const RTNH_F_ONLINK: u32 = 4;
const FRA_SRC: u16 = 2;
const FRA_PRIORITY: u16 = 6;
const FRA_TABLE: u16 = 15;
const FRA_PROTOCOL: u16 = 21;
const FR_ACT_TO_TBL: u8 = 1;

/// The request of a step on the interface with this index; nothing for a step that is not the kernel's.
pub(super) fn request(step: &Step, index: u32) -> Option<Request> {
    Some(match step {
        Step::AddAddress(to) | Step::RefreshAddress { to, .. } => address(to, index),
        Step::RemoveAddress(gone) => {
            bare_address(kind::DEL_ADDRESS, 0, gone.address(), gone.prefix_len(), index)
        }
        Step::AddRoute(to) => route(kind::NEW_ROUTE, NLM_F_CREATE | NLM_F_EXCL, to),
        Step::AppendRoute(to) => route(kind::NEW_ROUTE, NLM_F_CREATE | NLM_F_APPEND, to),
        Step::ReplaceRoute(to) => route(kind::NEW_ROUTE, NLM_F_CREATE | NLM_F_REPLACE, to),
        Step::RemoveRoute(gone) => route(kind::DEL_ROUTE, 0, gone),
        Step::SetMtu { mtu, .. } => {
            let mut request = link(index, 0);
            request.put_number(IFLA_MTU, *mtu);
            request
        }
        Step::AddRule(plan) => rule(kind::NEW_RULE, NLM_F_CREATE | NLM_F_EXCL, plan),
        Step::RemoveRule(plan) => rule(kind::DEL_RULE, 0, plan),
        Step::SetSysctl { .. } | Step::NameServers { .. } => return None,
    })
}

/// Sets a link up.
pub(super) fn set_up(index: u32) -> Request {
    link(index, IFF_UP)
}

/// Asks for one IPv6 address: what is changed while it is tentative the kernel does not announce.
pub(super) fn read_back(address: IpAddr, index: u32) -> Request {
    bare_address(kind::GET_ADDRESS, 0, address, 0, index)
}

/// `struct ifinfomsg` with these flags set.
fn link(index: u32, set: u32) -> Request {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed[8..12].copy_from_slice(&set.to_ne_bytes());
    fixed[12..].copy_from_slice(&set.to_ne_bytes());
    Request::new(kind::SET_LINK, 0, &fixed)
}

/// `struct ifaddrmsg` and the address.
fn bare_address(kind: u16, flags: u16, address: IpAddr, prefix_len: u8, index: u32) -> Request {
    let mut fixed = [family(address), prefix_len, 0, 0, 0, 0, 0, 0];
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    let mut request = Request::new(kind, flags, &fixed);
    request.put_ip(IFA_LOCAL, address);
    request.put_ip(IFA_ADDRESS, address);
    request
}

fn address(to: &AddressSetting, index: u32) -> Request {
    let flags = NLM_F_CREATE | NLM_F_REPLACE;
    let (address, prefix_len) = (to.address.address(), to.address.prefix_len());
    let mut request = bare_address(kind::NEW_ADDRESS, flags, address, prefix_len, index);
    if let Some(broadcast) = to.broadcast {
        request.put_ip(IFA_BROADCAST, broadcast.into());
    }
    let mut info = [0; 16];
    info[..4].copy_from_slice(&to.preferred.unwrap_or(FOR_EVER).to_ne_bytes());
    info[4..8].copy_from_slice(&to.valid.unwrap_or(FOR_EVER).to_ne_bytes());
    request.put(IFA_CACHEINFO, &info);
    if to.no_prefix_route {
        request.put_number(IFA_FLAGS, IFA_F_NOPREFIXROUTE);
    }
    if to.metric != 0 {
        request.put_number(IFA_RT_PRIORITY, to.metric);
    }
    if to.protocol != 0 {
        request.put(IFA_PROTO, &[to.protocol]);
    }
    request
}

/// `struct rtmsg` and what follows.
fn route(kind: u16, flags: u16, to: &RouteState) -> Request {
    let destination = to.key.to.address();
    let leads_to_neighbours = to.via.is_none() && to.kind == RouteKind::Unicast && destination.is_ipv4();
    let scope = match (kind, leads_to_neighbours) {
        // Whatever its scope; the protocol stays in, so that only a route of ours can match.
        (kind::DEL_ROUTE, _) => RT_SCOPE_NOWHERE,
        (_, true) => RT_SCOPE_LINK,
        (_, false) => RT_SCOPE_UNIVERSE,
    };
    let what = match to.kind {
        RouteKind::Unreachable => RTN_UNREACHABLE,
        RouteKind::Unicast | RouteKind::Other => RTN_UNICAST,
    };
    let table = u8::try_from(to.key.table).unwrap_or(0);
    let mut fixed = [family(destination), to.key.to.len(), 0, 0, table, TAG, scope, what, 0, 0, 0, 0];
    if to.onlink {
        fixed[8..].copy_from_slice(&RTNH_F_ONLINK.to_ne_bytes());
    }
    let mut request = Request::new(kind, flags, &fixed);
    if to.key.table != MAIN_TABLE {
        request.put_number(RTA_TABLE, to.key.table);
    }
    if !to.key.to.is_default() {
        request.put_ip(RTA_DST, destination);
    }
    if let Some(via) = to.via {
        request.put_ip(RTA_GATEWAY, via);
    }
    if let Some(interface) = to.interface {
        request.put_number(RTA_OIF, interface);
    }
    request.put_number(RTA_PRIORITY, to.key.metric);
    if let Some(source) = to.source {
        request.put_ip(RTA_PREFSRC, source);
    }
    if let Some(mtu) = to.mtu {
        let mut metric = [0; 8];
        metric[..2].copy_from_slice(&8_u16.to_ne_bytes());
        metric[2..4].copy_from_slice(&RTAX_MTU.to_ne_bytes());
        metric[4..].copy_from_slice(&mtu.to_ne_bytes());
        request.put(RTA_METRICS, &metric);
    }
    request
}

/// `struct fib_rule_hdr` and what follows.
fn rule(kind: u16, flags: u16, plan: &dhcpmgr_plugin_api::RulePlan) -> Request {
    let table = u8::try_from(plan.table).unwrap_or(0);
    let fixed = [family(plan.from.address()), 0, plan.from.len(), 0, table, 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0];
    let mut request = Request::new(kind, flags, &fixed);
    if !plan.from.is_default() {
        request.put_ip(FRA_SRC, plan.from.address());
    }
    request.put_number(FRA_TABLE, plan.table);
    request.put_number(FRA_PRIORITY, plan.priority);
    request.put(FRA_PROTOCOL, &[TAG]);
    request
}
