//! The arithmetic of prefixes: parts, overlaps, and what is free. IPv4 counts as its IPv4-mapped addresses, so that
//! every prefix has an answer.

use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;

use dhcpmgr_message::{InterfaceAddress, Prefix};

use crate::config::Token;
use crate::network::HardwareAddress;

/// The addresses of a prefix as numbers.
pub(super) fn range(prefix: Prefix) -> RangeInclusive<u128> {
    let (first, host_bits) = match prefix.address() {
        IpAddr::V6(address) => (u128::from(address), 128 - u32::from(prefix.len())),
        IpAddr::V4(address) => (u128::from(address.to_ipv6_mapped()), 32 - u32::from(prefix.len())),
    };
    first..=first | u128::MAX.checked_shr(128 - host_bits).unwrap_or(0)
}

/// Whether any address is in both.
pub(super) fn overlap(a: Prefix, b: Prefix) -> bool {
    let (a, b) = (range(a), range(b));
    a.start() <= b.end() && b.start() <= a.end()
}

/// Whether all of `inner` is in `outer`.
pub(super) fn within(inner: Prefix, outer: Prefix) -> bool {
    let (inner, outer) = (range(inner), range(outer));
    outer.start() <= inner.start() && inner.end() <= outer.end()
}

/// How many parts of this length a prefix has, less one; `None` when it is itself longer.
pub(super) fn last_id(of: Prefix, length: u8) -> Option<u128> {
    let bits = u32::from(length.checked_sub(of.len())?);
    Some(u128::MAX.checked_shr(128 - bits).unwrap_or(0))
}

/// Part number `id` of an IPv6 prefix; `None` where it has no such part.
pub(super) fn subnet(of: Prefix, length: u8, id: u128) -> Option<Prefix> {
    if id > last_id(of, length)? || !of.address().is_ipv6() {
        return None;
    }
    let offset = id.checked_shl(128 - u32::from(length)).unwrap_or(0);
    Prefix::new(Ipv6Addr::from(range(of).start() | offset).into(), length).ok()
}

/// The number of a part; the inverse of [`subnet`]. Numbers that nobody counts to are one.
pub(super) fn id(of: Prefix, subnet: Prefix) -> u64 {
    let host_bits = 128 - u32::from(subnet.len());
    let id = (range(subnet).start() ^ range(of).start()).checked_shr(host_bits).unwrap_or(0);
    u64::try_from(id).unwrap_or(u64::MAX)
}

/// The lowest part that overlaps nothing that is taken.
pub(super) fn lowest_free(of: Prefix, length: u8, taken: &[Prefix]) -> Option<Prefix> {
    let mut id = 0;
    loop {
        let candidate = subnet(of, length, id)?;
        let Some(in_the_way) = taken.iter().find(|t| overlap(**t, candidate)) else { return Some(candidate) };
        // The first part that lies behind all of it.
        let end = *range(*in_the_way).end();
        let host_bits = 128 - u32::from(length);
        let next = (end ^ range(of).start()).checked_shr(host_bits).unwrap_or(0).checked_add(1)?;
        if end >= *range(of).end() {
            return None;
        }
        id = next;
    }
}

/// The router's address in a LAN; `None` when it is made of an Ethernet address and there is none.
pub(super) fn router(
    subnet: Prefix,
    token: Token,
    hardware: Option<HardwareAddress>,
) -> Option<InterfaceAddress> {
    let host = match token {
        Token::Bits(bits) => u128::from(bits),
        Token::Eui64 => eui64(hardware?).into(),
    };
    let mask = u128::MAX.checked_shr(subnet.len().into()).unwrap_or(0);
    let address = Ipv6Addr::from(range(subnet).start() | (host & mask));
    InterfaceAddress::new(address.into(), subnet.len()).ok()
}

/// The modified EUI-64 of an Ethernet address (RFC 4291 appendix A).
fn eui64(HardwareAddress([a, b, c, d, e, f]): HardwareAddress) -> u64 {
    u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(text: &str) -> Prefix {
        text.parse().unwrap()
    }

    #[test]
    fn parts_of_a_prefix_are_counted_from_its_beginning() {
        let of = p("2001:db8:f100::/56");
        assert_eq!(subnet(of, 64, 0), Some(p("2001:db8:f100::/64")));
        assert_eq!(subnet(of, 64, 255), Some(p("2001:db8:f100:ff::/64")));
        assert_eq!(subnet(of, 64, 256), None);
        assert_eq!(subnet(of, 60, 3), Some(p("2001:db8:f100:30::/60")));
        assert_eq!(subnet(of, 56, 0), Some(of));
        assert_eq!((subnet(of, 56, 1), subnet(of, 48, 0)), (None, None));
        assert_eq!(id(of, p("2001:db8:f100:ff::/64")), 255);
        assert_eq!(id(of, p("2001:db8:f100:30::/60")), 3);
        assert_eq!(subnet(p("::/0"), 128, u128::MAX).map(|part| id(p("::/0"), part)), Some(u64::MAX));
        assert_eq!(subnet(p("10.0.0.0/8"), 64, 0), None);
    }

    #[test]
    fn what_is_free_lies_between_and_behind_what_is_taken() {
        let of = p("2001:db8::/62");
        let taken = |texts: &[&str]| lowest_free(of, 64, &texts.iter().map(|t| p(t)).collect::<Vec<_>>());
        assert_eq!(taken(&[]), Some(p("2001:db8::/64")));
        assert_eq!(taken(&["2001:db8::/64", "2001:db8:0:2::/64"]), Some(p("2001:db8:0:1::/64")));
        assert_eq!(taken(&["2001:db8::/63"]), Some(p("2001:db8:0:2::/64")));
        assert_eq!(taken(&["2001:db8::1/128"]), Some(p("2001:db8:0:1::/64")));
        assert_eq!(taken(&["2001:db8::/63", "2001:db8:0:2::/63"]), None);
        assert_eq!(taken(&["2001:db8::/32"]), None);
        assert_eq!(taken(&["::/0"]), None);
        assert_eq!(lowest_free(p("::/0"), 1, &[p("::/1")]), Some(p("8000::/1")));
        assert_eq!(lowest_free(of, 61, &[]), None);
    }

    #[test]
    fn the_router_is_the_token_or_made_of_the_mac() {
        let lan = p("2001:db8:0:1::/64");
        let mac = HardwareAddress([0x02, 0x00, 0x5e, 0x10, 0x00, 0x01]);
        let bits = Token::Bits("::1:1".parse().unwrap());
        assert_eq!(router(lan, bits, None).unwrap().to_string(), "2001:db8:0:1::1:1/64");
        let eui64 = router(lan, Token::Eui64, Some(mac)).unwrap();
        assert_eq!(eui64.to_string(), "2001:db8:0:1:0:5eff:fe10:1/64");
        assert_eq!(router(lan, Token::Eui64, None), None);
    }
}
