//! Prefixes of one family, as numbers to compute with. A length that does not fit and bits past the length cannot be.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dhcpmgr_message::Prefix;

macro_rules! prefix_type {
    ($(#[$doc:meta])* $name:ident, $address:ident, $family:ident, $number:ty) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            bits: $number,
            len: u8,
        }

        impl $name {
            /// Bits of an address of this family.
            pub const WIDTH: u8 = <$number>::BITS as u8;

            /// The prefix of this length that contains the address: bits past the length are cleared. `None` when
            /// the length is more than [`Self::WIDTH`].
            #[must_use]
            pub fn containing(address: $address, len: u8) -> Option<Self> {
                (len <= Self::WIDTH).then(|| Self { bits: <$number>::from(address) & Self::mask(len), len })
            }

            /// The first address.
            #[must_use]
            pub fn address(self) -> $address {
                $address::from(self.bits)
            }

            /// The length in bits.
            #[must_use]
            #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count of elements")]
            pub fn len(self) -> u8 {
                self.len
            }

            /// Whether the address lies within.
            #[must_use]
            pub fn contains(self, address: $address) -> bool {
                <$number>::from(address) & Self::mask(self.len) == self.bits
            }

            /// Whether the other prefix is this one or a part of it.
            #[must_use]
            pub fn covers(self, other: Self) -> bool {
                self.len <= other.len && self.contains(other.address())
            }

            /// The address as a number, most significant bit first.
            pub(crate) fn bits(self) -> $number {
                self.bits
            }

            /// Ones for the bits of the prefix, zeros for those past it.
            pub(crate) fn mask(len: u8) -> $number {
                let past = u32::from(Self::WIDTH.saturating_sub(len));
                // A shift by the whole width, which a length of 0 asks for, is what `checked_shl` refuses.
                <$number>::MAX.checked_shl(past).unwrap_or(0)
            }
        }

        impl From<$address> for $name {
            fn from(address: $address) -> Self {
                Self { bits: address.into(), len: Self::WIDTH }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.address(), self.len)
            }
        }

        impl TryFrom<Prefix> for $name {
            type Error = OtherFamily;
            fn try_from(prefix: Prefix) -> Result<Self, OtherFamily> {
                match prefix.address() {
                    IpAddr::$family(address) => Self::containing(address, prefix.len()).ok_or(OtherFamily),
                    _ => Err(OtherFamily),
                }
            }
        }
    };
}

prefix_type!(
    /// An IPv4 prefix; with length 32 one address.
    Ipv4Prefix,
    Ipv4Addr,
    V4,
    u32
);
prefix_type!(
    /// An IPv6 prefix; with length 128 one address.
    Ipv6Prefix,
    Ipv6Addr,
    V6,
    u128
);

/// The prefix is one of the other address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is a prefix of the other address family")]
pub struct OtherFamily;

/// The lowest `count` bits set.
pub(crate) fn ones(count: u8) -> u64 {
    u64::MAX.checked_shr(64_u32.saturating_sub(u32::from(count))).unwrap_or(0)
}
