//! Addresses with a length: a prefix, and an address on its prefix.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{ValueError, text_serde};

/// An IP prefix: a network address without host bits, and a length that fits its family. `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Prefix {
    address: IpAddr,
    len: u8,
}

impl Prefix {
    /// `0.0.0.0/0`, the IPv4 default route.
    pub const DEFAULT_V4: Self = Self { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), len: 0 };

    /// A prefix; refused when the length does not fit the family or host bits are set.
    pub fn new(address: IpAddr, len: u8) -> Result<Self, ValueError> {
        let prefix = Self::containing(address, len)?;
        if prefix.address == address {
            Ok(prefix)
        } else {
            let text = format!("{address}/{len}");
            Err(ValueError::new("prefix", &text, "has host bits set"))
        }
    }

    /// The prefix of this length that contains the address: host bits are cleared.
    pub fn containing(address: IpAddr, len: u8) -> Result<Self, ValueError> {
        if len > max_len(address) {
            let text = format!("{address}/{len}");
            return Err(ValueError::new("prefix", &text, "is longer than its address family allows"));
        }
        Ok(Self { address: network(address, len), len })
    }

    /// The network address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The prefix length in bits.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count of elements")]
    pub fn len(&self) -> u8 {
        self.len
    }

    /// Whether the address lies within the prefix.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::containing(address, self.len).is_ok_and(|p| p == *self)
    }

    /// Whether this is the default route of its family.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.len == 0
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.len))
    }
}

impl FromStr for Prefix {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (address, len) = split_slash("prefix", text)?;
        Self::new(address, len)
    }
}
text_serde!(Prefix);

/// An address together with the length of its on-link prefix: `192.0.2.7/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceAddress {
    address: IpAddr,
    len: u8,
}

impl InterfaceAddress {
    /// An interface address; refused when the length does not fit the family.
    pub fn new(address: IpAddr, len: u8) -> Result<Self, ValueError> {
        Prefix::containing(address, len).map(|_| Self { address, len })
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// The prefix length in bits.
    #[must_use]
    pub fn prefix_len(&self) -> u8 {
        self.len
    }

    /// The on-link prefix.
    #[must_use]
    pub fn prefix(&self) -> Prefix {
        Prefix { address: network(self.address, self.len), len: self.len }
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.address, self.len))
    }
}

impl FromStr for InterfaceAddress {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (address, len) = split_slash("address", text)?;
        Self::new(address, len)
    }
}
text_serde!(InterfaceAddress);

fn max_len(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The address with its host bits cleared; the length has been checked against the family.
fn network(address: IpAddr, len: u8) -> IpAddr {
    // A shift by the whole width is what `len == 0` asks for, and what `checked_shl` refuses.
    let len = u32::from(len);
    match address {
        IpAddr::V4(a) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(len)).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from(u32::from(a) & mask))
        }
        IpAddr::V6(a) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(len)).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from(u128::from(a) & mask))
        }
    }
}

fn split_slash(what: &'static str, text: &str) -> Result<(IpAddr, u8), ValueError> {
    let fail = || ValueError::new(what, text, "must be written as ADDRESS/LENGTH");
    let (address, len) = text.split_once('/').ok_or_else(fail)?;
    let leading_zero = len.len() > 1 && len.starts_with('0');
    if len.len() > 3 || leading_zero || !len.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fail());
    }
    Ok((address.parse().map_err(|_| fail())?, len.parse().map_err(|_| fail())?))
}
