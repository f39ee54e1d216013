//! Whether a softwire leads somewhere. An option can be right to the last byte and still send a customer's packets to
//! itself, to its own link, or from an address that is none.

use std::net::{Ipv4Addr, Ipv6Addr};

use dhcpmgr_softwire::{Ipv6Prefix, Remote, Softwire};

/// The error says what cannot be, and why.
pub(crate) fn check(softwire: &Softwire) -> Result<(), String> {
    if let Some(edge) = &softwire.customer {
        let address = edge.ipv4.address();
        if let Some(why) = not_a_customers(address) {
            return Err(format!("the IPv4 address {address} is {why}"));
        }
    }
    let own = softwire.customer.map(|edge| edge.prefix);
    match &softwire.remote {
        Remote::Dmr(prefix) => not_a_domain(*prefix, own)
            .map_or(Ok(()), |why| Err(format!("the prefix {prefix} of the Default Mapping Rule is {why}"))),
        Remote::Brs(brs) => {
            let wrong = brs.iter().find_map(|br| Some((br, not_a_relay(*br, own)?)));
            wrong.map_or(Ok(()), |(br, why)| Err(format!("the border relay {br} is {why}")))
        }
        Remote::Aftr(_) => Ok(()),
    }
}

fn not_a_customers(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets()[0] {
        0 => Some("of \"this network\" (RFC 1122 section 3.2.1.3)"),
        127 => Some("a loopback address"),
        169 if address.is_link_local() => Some("a link-local address"),
        224..=239 => Some("a multicast address"),
        240..=255 => Some("reserved"),
        _ => None,
    }
}

fn not_a_relay(address: Ipv6Addr, own: Option<Ipv6Prefix>) -> Option<&'static str> {
    not_a_domain(Ipv6Prefix::from(address), own)
}

fn not_a_domain(prefix: Ipv6Prefix, own: Option<Ipv6Prefix>) -> Option<&'static str> {
    let address = prefix.address();
    if address.is_multicast() {
        Some("multicast")
    } else if address.is_unicast_link_local() {
        Some("link-local, which no tunnel crosses")
    } else if address.segments()[0] == 0 {
        // ::/16 holds the unspecified address, loopback and mapped IPv4.
        Some("none of a network")
    } else if own.is_some_and(|own| own.covers(prefix) || prefix.covers(own)) {
        Some("within the customer's own prefix, or around it: packets would come back")
    } else {
        None
    }
}
