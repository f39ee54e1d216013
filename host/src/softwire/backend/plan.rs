//! What the kernel is to have besides the softwire's interface: addresses and routes, as the network reconciler takes
//! them. Pure.

use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{IfName, InterfaceAddress, Prefix};
use dhcpmgr_plugin_api::{RoutePlan, Softwire};
use dhcpmgr_softwire::Kind;

use super::Wan;
use crate::network::{Desired, DesiredAddress};

/// The customer's side of a tunnel that all have (RFC 6333 section 5.7); also where there is no other address to start
/// from, of packets that are translated before they leave (RFC 7335).
const SERVICE_CONTINUITY: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 2);
/// The network that the AFTR's 192.0.0.1 is in too.
const SERVICE_CONTINUITY_LEN: u8 = 29;
/// What MAP-T grows a packet by (RFC 7915 section 1.3): an IPv6 header instead of an IPv4 one, and one for fragments.
const TRANSLATION: u32 = 28;

/// Addresses and routes of a softwire's interface.
pub(super) fn desired(interface: &IfName, wan: &Wan, kind: Kind, softwire: &Softwire) -> Desired {
    let mut desired = Desired::of(interface.clone());
    desired.metric = wan.metric;
    desired.addresses.extend(ipv4_address(kind, softwire).map(|address| for_ever(address, false)));
    if let Some(near) = softwire.ce_ipv6.and_then(|near| host(near.into())) {
        match kind {
            // The interface translates what comes to it, so it is no address of this host.
            Kind::MapT => desired.routes.extend(to(near).map(|to| route(to, None, wan.metric))),
            // Only the tunnel's: deprecated, so that nothing else starts from it (RFC 6724 section 5 rule 3).
            Kind::MapE | Kind::Lw4o6 | Kind::DsLite => desired.addresses.push(for_ever(near, true)),
        }
    }
    desired.routes.push(route(Prefix::DEFAULT_V4, softwire.mtu, wan.metric));
    // nat46's own interface has packets of both families, so IPv6 must fit.
    desired.mtu = match kind {
        Kind::MapT => softwire.mtu.map(|mtu| mtu.saturating_add(TRANSLATION)),
        Kind::MapE | Kind::Lw4o6 | Kind::DsLite => softwire.mtu,
    };
    desired
}

/// An address of the interface to start from. One that is shared, or the first of a prefix, is not put there: packets
/// to the other customers of the address would come back to this host.
fn ipv4_address(kind: Kind, softwire: &Softwire) -> Option<InterfaceAddress> {
    match (kind, softwire.ipv4) {
        (Kind::DsLite, _) => InterfaceAddress::new(SERVICE_CONTINUITY.into(), SERVICE_CONTINUITY_LEN).ok(),
        (_, Some(own)) if softwire.ports.psid_len == 0 && own.len() == 32 => host(own.address()),
        _ => host(SERVICE_CONTINUITY.into()),
    }
}

fn host(address: IpAddr) -> Option<InterfaceAddress> {
    InterfaceAddress::new(address, if address.is_ipv4() { 32 } else { 128 }).ok()
}

fn to(host: InterfaceAddress) -> Option<Prefix> {
    Prefix::new(host.address(), host.prefix_len()).ok()
}

fn for_ever(address: InterfaceAddress, deprecated: bool) -> DesiredAddress {
    DesiredAddress { address, broadcast: None, preferred_until: deprecated.then_some(0), valid_until: None }
}

fn route(to: Prefix, mtu: Option<u32>, metric: u32) -> RoutePlan {
    RoutePlan { to, via: None, onlink: false, source: None, metric: Some(metric), table: None, mtu }
}
