//! IPv4 addresses within an IPv6 prefix (RFC 6052 section 2.2): how a MAP-T customer reaches the IPv4 internet through
//! the Default Mapping Rule (RFC 7599 section 5.1).

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::prefix::Ipv6Prefix;

/// The lengths that RFC 6052 knows.
pub const LENGTHS: [u8; 6] = [32, 40, 48, 56, 64, 96];

/// The IPv6 address that stands for an IPv4 address. `None` when the prefix has another length than [`LENGTHS`].
#[must_use]
pub fn embed(prefix: Ipv6Prefix, address: Ipv4Addr) -> Option<Ipv6Addr> {
    let ipv4 = u128::from(u32::from(address));
    let suffix = match prefix.len() {
        96 => ipv4,
        len if LENGTHS.contains(&len) => {
            let (before, after) = split(len);
            (ipv4 >> after << 64) | ((ipv4 & ((1 << after) - 1)) << (24 + before))
        }
        _ => return None,
    };
    Some(Ipv6Addr::from(prefix.bits() | suffix))
}

/// The IPv4 address that an IPv6 address stands for. `None` when it is not one of the prefix.
#[must_use]
pub fn extract(prefix: Ipv6Prefix, address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = u128::from(address);
    let ipv4 = match prefix.len() {
        96 => bits & 0xffff_ffff,
        len if LENGTHS.contains(&len) => {
            let (before, after) = split(len);
            let high = (bits >> 64) & ((1 << before) - 1);
            (high << after) | ((bits >> (24 + before)) & ((1 << after) - 1))
        }
        _ => return None,
    };
    let ipv4 = Ipv4Addr::from(u32::try_from(ipv4).ok()?);
    // What is left over must be zeros, and the prefix this one.
    (embed(prefix, ipv4) == Some(address)).then_some(ipv4)
}

/// How many bits of the IPv4 address stand before bits 64 to 71, which are zero, and how many after.
fn split(prefix_len: u8) -> (u32, u32) {
    let before = 64 - u32::from(prefix_len);
    (before, 32 - before)
}
