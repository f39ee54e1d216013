//! A softwire: IPv4 over an IPv6 network, as one customer has it (RFC 7597, 7599, 7596, 6333).

use std::net::Ipv6Addr;

use dhcpmgr_message::{Bytes, DomainName, Prefix};
use serde::{Deserialize, Serialize};

/// A softwire with everything that carrying it out needs. What its kind does not have is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Softwire {
    /// `map-t`, `map-e`, `lw4o6` or `ds-lite`.
    pub kind: String,
    /// The value of the DHCPv6 option that it comes from, as on the wire.
    #[serde(skip_serializing_if = "nothing")]
    pub option: Bytes,
    /// The customer's IPv4 address, with length 32, or prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<Prefix>,
    /// Which ports of the address are the customer's.
    pub ports: Ports,
    /// The EA bits of MAP as a number.
    pub ea_bits: u64,
    /// The delegated prefix that it uses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// Where its packets come to and start from: the MAP address, the tunnel's near end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ce_ipv6: Option<Ipv6Addr>,
    /// MAP-T: the prefix that IPv4 destinations are embedded in (RFC 6052).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dmr: Option<Prefix>,
    /// MAP-E and lw4o6: the border relays, the tunnel's far ends.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub br: Vec<Ipv6Addr>,
    /// DS-Lite: the name of the tunnel's far end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aftr: Option<DomainName>,
    /// Rules of MAP: the customer's own first, then those for forwarding.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<SoftwireRule>,
    /// Interface identifiers are those from before RFC 7597.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub legacy_interface_id: bool,
    /// The MTU of IPv4 over the client's link, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

fn nothing(bytes: &Bytes) -> bool {
    bytes.0.is_empty()
}

/// A set of ports (RFC 7597 section 5.1); by default all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ports {
    /// Bits before the PSID, 0 to 15.
    pub offset: u8,
    /// Bits of the PSID, at most 16 minus `offset`; 0 when the address is not shared.
    pub psid_len: u8,
    /// The PSID.
    pub psid: u16,
}

/// A mapping rule (RFC 7597 section 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoftwireRule {
    /// The Rule IPv6 prefix.
    pub ipv6: Prefix,
    /// The Rule IPv4 prefix.
    pub ipv4: Prefix,
    /// The number of EA bits.
    pub ea_len: u8,
    /// The split of ports. The PSID is the rule's own where it has no EA bits.
    #[serde(default)]
    pub ports: Ports,
    /// It is for forwarding: packets to its other customers are sent to them directly.
    #[serde(default)]
    pub fmr: bool,
}
