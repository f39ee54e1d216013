//! Values that cannot be wrong: parsed once at the edge, trusted everywhere else.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the value it claims to be: a sentence that names the text and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{text}\" {why}")]
pub struct ValueError {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl ValueError {
    fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        // Hostile text ends up in logs: shortened, and without control characters.
        let text = text.chars().take(64).flat_map(char::escape_default).collect();
        Self { what, text, why }
    }
}

/// Serialises a value as its text and parses it back, so that MessagePack, JSON and TOML all show the same.
macro_rules! text_serde {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = ValueError;
            fn try_from(text: String) -> Result<Self, ValueError> {
                text.parse()
            }
        }
        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = ValueError;
            fn from_str(text: &str) -> Result<Self, ValueError> {
                $check(text).map(Self)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        text_serde!($name);
    };
}

name_type!(
    /// A network interface name as the kernel takes it: 1 to 15 bytes, no `/`, no white space, not `.` or `..`
    /// (`dev_valid_name` in the kernel), and here also no control characters and ASCII only.
    IfName,
    check_if_name
);
name_type!(
    /// The configured name of a client, its TR-181 Alias: 1 to 64 of `A-Z a-z 0-9 . _ -`, starting with a letter
    /// or a digit, so that it can be a file name.
    ClientName,
    check_client_name
);
name_type!(
    /// One host name or dotted name after RFC 1123 section 2.1: labels of 1 to 63 letters, digits and hyphens, not
    /// starting or ending with a hyphen; at most 253 bytes. A single trailing dot is dropped; case is kept.
    HostName,
    check_host_name
);
name_type!(
    /// A domain for search lists: as [`HostName`], but a label may also contain or start with `_` (RFC 2181
    /// section 11 leaves the labels to the application; `_tcp.example` is in use).
    DomainName,
    check_domain_name
);

fn check_if_name(text: &str) -> Result<String, ValueError> {
    let fail = |why| Err(ValueError::new("interface name", text, why));
    if text.is_empty() || text.len() > 15 {
        return fail("must have 1 to 15 bytes");
    }
    if text == "." || text == ".." {
        return fail("is reserved");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic() && b != b'/' && b != b':') {
        return fail("must be printable ASCII without space, '/' and ':'");
    }
    Ok(text.to_owned())
}

fn check_client_name(text: &str) -> Result<String, ValueError> {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let starts = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if starts && text.len() <= 64 && text.bytes().all(ok) {
        Ok(text.to_owned())
    } else {
        let why = "must have 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit";
        Err(ValueError::new("client name", text, why))
    }
}

fn check_name(what: &'static str, text: &str, underscore: bool) -> Result<String, ValueError> {
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.is_empty() || name.len() > 253 {
        return Err(ValueError::new(what, text, "must have 1 to 253 bytes"));
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err(ValueError::new(what, text, "must have labels of 1 to 63 bytes"));
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || (underscore && b == b'_')) {
            return Err(ValueError::new(what, text, "must have letters, digits and hyphens only (RFC 1123)"));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(ValueError::new(
                what,
                text,
                "must not have a label that starts or ends with a hyphen",
            ));
        }
    }
    Ok(name.to_owned())
}

fn check_host_name(text: &str) -> Result<String, ValueError> {
    check_name("host name", text, false)
}

fn check_domain_name(text: &str) -> Result<String, ValueError> {
    check_name("domain", text, true)
}

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
        let address = match address {
            IpAddr::V4(a) => IpAddr::V4(Ipv4Addr::from(u32::from(a) & mask(32, len) as u32)),
            IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from(u128::from(a) & mask(128, len))),
        };
        Ok(Self { address, len })
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
        match Prefix::containing(self.address, self.len) {
            Ok(prefix) => prefix,
            Err(_) => unreachable!("the length was checked when the value was made"),
        }
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

fn mask(width: u8, len: u8) -> u128 {
    let ones = if len == 0 { 0 } else { u128::MAX << (128 - u32::from(len)) };
    ones >> (128 - u32::from(width))
}

fn split_slash(what: &'static str, text: &str) -> Result<(IpAddr, u8), ValueError> {
    let fail = || ValueError::new(what, text, "must be written as ADDRESS/LENGTH");
    let (address, len) = text.split_once('/').ok_or_else(fail)?;
    if len.len() > 3 || !len.bytes().all(|b| b.is_ascii_digit()) {
        return Err(fail());
    }
    Ok((address.parse().map_err(|_| fail())?, len.parse().map_err(|_| fail())?))
}

/// A lifetime in seconds as DHCP sends it; `0xffff_ffff` means for ever (RFC 2131 section 3.3, RFC 8415
/// section 7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// For ever.
    pub const INFINITE: Self = Self(u32::MAX);

    /// The seconds, or `None` for ever.
    #[must_use]
    pub fn seconds(self) -> Option<u32> {
        (self != Self::INFINITE).then_some(self.0)
    }
}

impl fmt::Display for Lifetime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seconds() {
            Some(seconds) => write!(f, "{seconds} s"),
            None => f.write_str("for ever"),
        }
    }
}

/// Raw bytes: MessagePack `bin`, never an array of numbers. `Debug` prints hex.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(#[serde(with = "serde_bytes")] pub Vec<u8>);

impl Bytes {
    /// Lower-case hex without separators, as udhcpc and the JSON output write it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        use fmt::Write as _;
        self.0.iter().fold(String::with_capacity(self.0.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads hex without separators; an odd count of digits or any other character is refused.
    pub fn from_hex(text: &str) -> Result<Self, ValueError> {
        let fail = || ValueError::new("hex string", text, "must be an even count of hex digits");
        if text.len() % 2 != 0 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(fail());
        }
        let digits = text.as_bytes();
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        Ok(Self(digits.chunks_exact(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// The secret of one start of a client: 32 lower-case hex digits (128 bits). `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Token(String);

impl Token {
    /// The token made of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(Bytes(bytes.to_vec()).to_hex())
    }

    /// The token as text, for the client's environment.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Compares in a time that does not depend on where the texts differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        let differing = self.0.bytes().zip(other.0.bytes()).fold(0, |acc, (a, b)| acc | (a ^ b));
        self.0.len() == other.0.len() && differing == 0
    }
}

impl FromStr for Token {
    type Err = ValueError;
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 32 && text.bytes().all(digit) {
            Ok(Self(text.to_owned()))
        } else {
            // The text may be a real token with one digit wrong: not repeated in the error.
            Err(ValueError::new("token", "…", "must be 32 lower-case hex digits"))
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
text_serde!(Token);
