//! Reads rtnetlink messages into the facts that the mirror keeps; everything else in them is skipped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::{IfName, InterfaceAddress, Prefix};
use dhcpmgr_plugin_api::RulePlan;

use super::state::{AddressState, LOCAL_TABLE, RouteKey, RouteKind, RouteState, RuleState};
use super::wire::{self, Message, attributes, byte, ip, kind, number, short};
use super::{HardwareAddress, LinkState};

/// `INFINITY_LIFE_TIME`.
pub(super) const FOR_EVER: u32 = u32::MAX;

/// What a notification, or a message of a dump, says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// A link, as it is now.
    Link(IfName, LinkState),
    /// No link has this index any more.
    LinkGone(u32),
    /// An address of the interface with this index, as it is now.
    Address(u32, AddressState),
    /// It is no more.
    AddressGone(u32, AddressState),
    /// The paths of a route: one, or several of a multipath route.
    Route(Vec<RouteState>),
    /// They are no more.
    RouteGone(Vec<RouteState>),
    /// A rule.
    Rule(RuleState),
    /// It is no more.
    RuleGone(RuleState),
}

/// Reads a message at `now`, milliseconds of `CLOCK_BOOTTIME`; nothing of what the mirror does not keep.
pub(super) fn notice(message: &Message<'_>, now: u64) -> Option<Notice> {
    let body = message.body;
    Some(match message.kind {
        kind::NEW_LINK => link(body).map(|(name, state)| Notice::Link(name, state))?,
        kind::DEL_LINK => link(body).map(|(_, state)| Notice::LinkGone(state.index))?,
        kind::NEW_ADDRESS => address(body, now).map(|(index, state)| Notice::Address(index, state))?,
        kind::DEL_ADDRESS => address(body, now).map(|(index, state)| Notice::AddressGone(index, state))?,
        kind::NEW_ROUTE => Notice::Route(route(body)?),
        kind::DEL_ROUTE => Notice::RouteGone(route(body)?),
        kind::NEW_RULE => Notice::Rule(rule(body)?),
        kind::DEL_RULE => Notice::RuleGone(rule(body)?),
        _ => return None,
    })
}

/// `struct ifinfomsg`; nothing for what is none of ours: messages of bridge ports (`AF_BRIDGE`) and names that we
/// cannot hold.
fn link(body: &[u8]) -> Option<(IfName, LinkState)> {
    const FIXED: usize = 16;
    const UNSPECIFIED: u8 = 0;
    const ETHERNET: u16 = 1; // ARPHRD_ETHER
    const UP: u32 = 1;
    const LOWER_UP: u32 = 1 << 16;
    const ADDRESS: u16 = 1;
    const NAME: u16 = 3;
    const MTU: u16 = 4;
    const MIN_MTU: u16 = 50;
    const MAX_MTU: u16 = 51;
    if byte(body, 0)? != UNSPECIFIED {
        return None;
    }
    let (layer, flags) = (short(body, 2)?, number(body, 8)?);
    let mut name = None;
    let mut state = LinkState {
        index: number(body, 4)?,
        up: flags & UP != 0,
        carrier: flags & LOWER_UP != 0,
        mtu: 0,
        min_mtu: 0,
        max_mtu: 0,
        hardware: None,
        link_local: false, // The mirror knows the addresses.
    };
    for (attribute, value) in attributes(body.get(FIXED..)?) {
        let whole = || number(value, 0).unwrap_or_default();
        match attribute {
            NAME => {
                name = std::str::from_utf8(value).ok().and_then(|n| n.trim_end_matches('\0').parse().ok())
            }
            MTU => state.mtu = whole(),
            MIN_MTU => state.min_mtu = whole(),
            MAX_MTU => state.max_mtu = whole(),
            ADDRESS if layer == ETHERNET => {
                let known = <[u8; 6]>::try_from(value).ok().filter(|mac| *mac != [0; 6]);
                state.hardware = known.map(HardwareAddress);
            }
            _ => {}
        }
    }
    Some((name?, state))
}

/// `struct ifaddrmsg`: the index of the interface and the address.
fn address(body: &[u8], now: u64) -> Option<(u32, AddressState)> {
    const FIXED: usize = 8;
    const ADDRESS: u16 = 1;
    const LOCAL: u16 = 2;
    const BROADCAST: u16 = 4;
    const CACHE_INFO: u16 = 6;
    const FLAGS: u16 = 8;
    const ROUTE_PRIORITY: u16 = 9;
    const PROTOCOL: u16 = 11;
    const SECONDARY: u32 = 0x01;
    const DAD_FAILED: u32 = 0x08;
    const TENTATIVE: u32 = 0x40;
    const NO_PREFIX_ROUTE: u32 = 0x200;
    let (mut local, mut peer, mut broadcast) = (None, None, None);
    let mut flags = u32::from(byte(body, 2)?);
    let (mut preferred, mut valid) = (FOR_EVER, FOR_EVER);
    let (mut metric, mut protocol) = (0, 0);
    for (attribute, value) in attributes(body.get(FIXED..)?) {
        match attribute {
            LOCAL => local = ip(value),
            ADDRESS => peer = ip(value),
            BROADCAST => {
                broadcast = ip(value).and_then(|address| match address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                });
            }
            FLAGS => flags = number(value, 0)?,
            ROUTE_PRIORITY => metric = number(value, 0)?,
            PROTOCOL => protocol = byte(value, 0)?,
            CACHE_INFO => (preferred, valid) = (number(value, 0)?, number(value, 4)?),
            _ => {}
        }
    }
    let until = |seconds: u32| (seconds != FOR_EVER).then(|| now + u64::from(seconds) * 1000);
    let state = AddressState {
        address: InterfaceAddress::new(local.or(peer)?, byte(body, 1)?).ok()?,
        broadcast,
        preferred_until: until(preferred),
        valid_until: until(valid),
        metric,
        protocol,
        // The bit means `IFA_F_TEMPORARY` for IPv6.
        secondary: flags & SECONDARY != 0 && byte(body, 0)? == wire::V4,
        tentative: flags & TENTATIVE != 0,
        dad_failed: flags & DAD_FAILED != 0,
        no_prefix_route: flags & NO_PREFIX_ROUTE != 0,
        ours: false,
    };
    Some((number(body, 4)?, state))
}

const DESTINATION: u16 = 1;
const OUT_INTERFACE: u16 = 4;
const GATEWAY: u16 = 5;
const PRIORITY: u16 = 6;
const PREFERRED_SOURCE: u16 = 7;
const METRICS: u16 = 8;
const MULTIPATH: u16 = 9;
const TABLE: u16 = 15;
const METRIC_MTU: u16 = 2;
const ON_LINK: u32 = 4;

/// `struct rtmsg`: the paths of a route; nothing for what the mirror does not keep.
fn route(body: &[u8]) -> Option<Vec<RouteState>> {
    const FIXED: usize = 12;
    const CLONED: u32 = 0x200;
    const UNICAST: u8 = 1;
    const UNREACHABLE: u8 = 7;
    let unspecified = unspecified(byte(body, 0)?)?;
    let flags = number(body, 8)?;
    let table = u32::from(byte(body, 4)?);
    // Two or three routes of the kernel's own come with every address. A cached route of one flow, or one for another
    // type of service, is no rival of ours.
    if table == LOCAL_TABLE || flags & CLONED != 0 || byte(body, 3)? != 0 {
        return None;
    }
    let mut destination = unspecified;
    let mut path = RouteState {
        key: RouteKey { table, to: Prefix::DEFAULT_V4, metric: 0 },
        kind: match byte(body, 7)? {
            UNICAST => RouteKind::Unicast,
            UNREACHABLE => RouteKind::Unreachable,
            _ => RouteKind::Other,
        },
        interface: None,
        via: None,
        onlink: flags & ON_LINK != 0,
        source: None,
        mtu: None,
        protocol: byte(body, 5)?,
        ours: false,
    };
    let mut hops: &[u8] = &[];
    for (attribute, value) in attributes(body.get(FIXED..)?) {
        match attribute {
            DESTINATION => destination = ip(value).unwrap_or(unspecified),
            TABLE => path.key.table = number(value, 0)?,
            PRIORITY => path.key.metric = number(value, 0)?,
            OUT_INTERFACE => path.interface = number(value, 0),
            GATEWAY => path.via = ip(value),
            PREFERRED_SOURCE => path.source = ip(value),
            METRICS => {
                let mtu = attributes(value).find(|(metric, _)| *metric == METRIC_MTU);
                path.mtu = mtu.and_then(|(_, value)| number(value, 0));
            }
            MULTIPATH => hops = value,
            _ => {}
        }
    }
    if path.key.table == LOCAL_TABLE {
        return None;
    }
    path.key.to = Prefix::new(destination, byte(body, 1)?).ok()?;
    if path.kind != RouteKind::Unicast {
        path.interface = None; // IPv6 says `lo`.
    }
    if hops.is_empty() {
        return Some(vec![path]);
    }
    Some(next_hops(hops, &path))
}

/// `struct rtnexthop`, with attributes, as often as there are paths.
fn next_hops(mut hops: &[u8], path: &RouteState) -> Vec<RouteState> {
    const FIXED: usize = 8;
    let mut paths = Vec::new();
    while let Some(length) = short(hops, 0).map(usize::from)
        && let Some(rest) = hops.get(FIXED..length)
    {
        paths.push(RouteState {
            interface: number(hops, 4),
            via: attributes(rest).find(|(kind, _)| *kind == GATEWAY).and_then(|(_, value)| ip(value)),
            onlink: byte(hops, 2).is_some_and(|flags| u32::from(flags) & ON_LINK != 0),
            ..path.clone()
        });
        hops = hops.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    paths
}

/// `struct fib_rule_hdr`: a rule that says `from PREFIX lookup TABLE` and nothing else.
fn rule(body: &[u8]) -> Option<RuleState> {
    const FIXED: usize = 12;
    const TO_TABLE: u8 = 1;
    const INVERT: u32 = 2;
    const SOURCE: u16 = 2;
    const SUPPRESS_IF_GROUP: u16 = 13;
    const SUPPRESS_PREFIX_LEN: u16 = 14;
    const PAD: u16 = 18;
    const PROTOCOL: u16 = 21;
    /// The last selector that is known here (`FRA_DPORT_RANGE`).
    const LAST: u16 = 24;
    let plain = byte(body, 7)? == TO_TABLE && byte(body, 1)? == 0 && byte(body, 3)? == 0;
    if !plain || number(body, 8)? & INVERT != 0 {
        return None;
    }
    let mut source = unspecified(byte(body, 0)?)?;
    let (mut table, mut priority, mut protocol) = (u32::from(byte(body, 4)?), 0, 0);
    for (attribute, value) in attributes(body.get(FIXED..)?) {
        match attribute {
            SOURCE => source = ip(value)?,
            TABLE => table = number(value, 0)?,
            PRIORITY => priority = number(value, 0)?,
            PROTOCOL => protocol = byte(value, 0)?,
            SUPPRESS_PREFIX_LEN | SUPPRESS_IF_GROUP if number(value, 0)? == u32::MAX => {}
            PAD => {}
            1..=LAST => return None,
            _ => {}
        }
    }
    let from = Prefix::new(source, byte(body, 2)?).ok()?;
    Some(RuleState { rule: RulePlan { from, table, priority }, protocol, ours: false })
}

/// The unspecified address of a family; nothing for one that is not IP.
fn unspecified(family: u8) -> Option<IpAddr> {
    match family {
        wire::V4 => Some(Ipv4Addr::UNSPECIFIED.into()),
        wire::V6 => Some(Ipv6Addr::UNSPECIFIED.into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            kind in prop::sample::select(vec![16_u16, 17, 20, 21, 24, 25, 32, 33]),
            family in prop::sample::select(vec![0_u8, 2, 10]),
            mut body in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Some(first) = body.first_mut() {
                *first = family;
            }
            let _ = notice(&Message { kind, flags: 0, sequence: 0, body: &body }, 0);
        }
    }
}
