//! The names that udhcpc gives to DHCP options, and how it writes their values: busybox 1.35
//! `networking/udhcp/common.c` (`dhcp_optflags`, `dhcp_option_strings`), complete. Everything that is not here
//! comes as `optN=HEX`.

/// How udhcpc writes the value of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// One dotted address.
    Address,
    /// Addresses with a space between.
    Addresses,
    /// `ADDRESS/ADDRESS` pairs with a space between.
    AddressPairs,
    /// An unsigned number of one byte.
    U8,
    /// An unsigned number of two bytes.
    U16,
    /// An unsigned number of four bytes.
    U32,
    /// A signed number of four bytes; printed unsigned where `long` has 64 bits.
    S32,
    /// Text as the server sent it, to the first NUL.
    Text,
    /// Text that udhcpc found to be a host name, or else replaced by `bad`.
    HostText,
    /// `NET/LEN ROUTER` pairs with a space between (RFC 3442).
    Routes,
    /// Domain names with a space between (RFC 3397).
    Domains,
    /// Addresses or names with a space between (RFC 3361).
    SipServers,
    /// `V4MASKLEN V6PREFIXLEN PREFIX RELAY...` (RFC 5969).
    SixRd,
    /// Lower-case hex without separators.
    Hex,
}

/// One option: its code, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variable {
    /// The option code.
    pub code: u8,
    /// How the value is written.
    pub syntax: Syntax,
}

/// The option that a variable stands for.
#[must_use]
pub fn option(name: &str) -> Option<Variable> {
    use Syntax::{
        Address, AddressPairs, Addresses, Domains, HostText, Routes, S32, SipServers, SixRd, Text, U8, U16,
        U32,
    };
    let (code, syntax) = match name {
        "subnet" => (1, Address),
        "timezone" => (2, S32),
        "router" => (3, Addresses),
        // Options 4, 5, 7 and 8 have these names in busybox before 1.35 only.
        "timesrv" => (4, Addresses),
        "namesrv" => (5, Addresses),
        "dns" => (6, Addresses),
        "logsrv" => (7, Addresses),
        "cookiesrv" => (8, Addresses),
        "lprsrv" => (9, Addresses),
        "hostname" => (12, HostText),
        "bootsize" => (13, U16),
        "domain" => (15, HostText),
        "swapsrv" => (16, Address),
        "rootpath" => (17, Text),
        "ipttl" => (23, U8),
        "mtu" => (26, U16),
        "broadcast" => (28, Address),
        "routes" => (33, AddressPairs),
        "nisdomain" => (40, HostText),
        "nissrv" => (41, Addresses),
        "ntpsrv" => (42, Addresses),
        "wins" => (44, Addresses),
        "lease" => (51, U32),
        "serverid" => (54, Address),
        "message" => (56, Text),
        "vendor" => (60, Text),
        "tftp" => (66, HostText),
        "bootfile" => (67, Text),
        "tzstr" => (100, Text),
        "tzdbstr" => (101, Text),
        "search" => (119, Domains),
        "sipsrv" => (120, SipServers),
        "staticroutes" => (121, Routes),
        "vlanid" => (132, U32),
        "vlanpriority" => (133, U8),
        "pxeconffile" => (209, Text),
        "pxepathprefix" => (210, Text),
        "reboottime" => (211, U32),
        "ip6rd" => (212, SixRd),
        "msstaticroutes" => (249, Routes),
        "wpad" => (252, Text),
        _ => return numbered(name),
    };
    Some(Variable { code, syntax })
}

/// `optN`: N is decimal without leading zeros, and neither pad (0) nor end (255).
fn numbered(name: &str) -> Option<Variable> {
    let digits = name.strip_prefix("opt")?;
    if digits.starts_with(['0', '+']) {
        return None;
    }
    let code = digits.parse().ok().filter(|code| *code != u8::MAX)?;
    Some(Variable { code, syntax: Syntax::Hex })
}

/// Whether the variable is one of those that every process has: udhcpc's names have lower-case letters, those of
/// the environment that it inherited (`PATH`, `LC_ALL`, `DHCPMGR_TOKEN`) have none.
#[must_use]
pub fn is_inherited(name: &[u8]) -> bool {
    !name.iter().any(u8::is_ascii_lowercase) && name.is_ascii()
}
