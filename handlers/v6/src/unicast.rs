//! Which IPv6 addresses can be a host, for everything that names one.

use std::net::Ipv6Addr;

/// Why an address is no host that can be reached from elsewhere, or `None` when it may be one (RFC 4291 section 2.4).
pub(crate) fn not_a_host(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        return Some("the unspecified address");
    }
    if address.is_loopback() {
        return Some("the loopback address");
    }
    if address.is_multicast() {
        return Some("a multicast address (ff00::/8)");
    }
    if address.is_unicast_link_local() {
        return Some("link-local (fe80::/10), which means nothing without its interface");
    }
    if address.to_ipv4_mapped().is_some() {
        return Some("an IPv4 address in disguise (::ffff:0:0/96)");
    }
    // What is left of it after the two addresses above (RFC 4291 section 2.5.5.1).
    if address.octets()[..12] == [0; 12] {
        return Some("in ::/96, which is no longer used");
    }
    None
}
