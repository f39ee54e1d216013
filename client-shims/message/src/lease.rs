//! The lease message itself: one event of one DHCP client, as a shim saw it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use crate::unique::unique_keys;
use crate::{Bytes, ClientName, IfName, InterfaceAddress, Lifetime, Prefix, Token};

/// The version of the message that this crate writes. A reader accepts its own version only: what can be added
/// without a new one is a field, and unknown fields are ignored.
pub const VERSION: u8 = 1;

/// One event of one DHCP client: a MessagePack map with these names as keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseMessage {
    /// Version of the message, [`VERSION`].
    pub v: u8,
    /// Random; two messages with the same id are the same message.
    pub id: u64,
    /// The configured name of the client.
    pub client: ClientName,
    /// The secret of this start of the client.
    pub token: Token,
    /// The client program: `udhcpc`, `dibbler`.
    pub program: String,
    /// What happened.
    pub event: ClientEvent,
    /// The interface that the client runs on.
    pub interface: IfName,
    /// When the shim started: milliseconds of `CLOCK_BOOTTIME`. Orders the spool, and dates the lease.
    #[serde(default)]
    pub at_ms: u64,
    /// DHCPv4 values; present for v4 clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<V4Report>,
    /// DHCPv6 values; present for v6 clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<V6Report>,
    /// What the client said and the shim could not read, a sentence each; shown by `dhcpmgr why`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
}

/// What a DHCP client reports, in the words of its hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ClientEvent {
    /// The client has no lease (any more): it starts, gave up, released or was refused.
    Deconfig,
    /// A lease from scratch.
    Bound,
    /// The lease was extended.
    Renew,
    /// The server refused the address (DHCPNAK).
    Nak,
    /// A whole cycle of DISCOVERs without an answer.
    Leasefail,
    /// DHCPv6: the first values.
    Add,
    /// DHCPv6: changed or extended values.
    Update,
    /// DHCPv6: values that are gone.
    Delete,
}

impl ClientEvent {
    /// Whether the message carries a lease.
    #[must_use]
    pub fn carries_lease(self) -> bool {
        matches!(self, Self::Bound | Self::Renew | Self::Add | Self::Update)
    }

    /// The word of the hook.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deconfig => "deconfig",
            Self::Bound => "bound",
            Self::Renew => "renew",
            Self::Nak => "nak",
            Self::Leasefail => "leasefail",
            Self::Add => "add",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A route as DHCPv4 carries it (options 33, 121, 249). A router of `0.0.0.0` means on-link (RFC 3442).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StaticRoute {
    /// The destination.
    pub to: Prefix,
    /// The router.
    pub via: Ipv4Addr,
}

/// What a DHCPv4 client exposes. Typed fields hold what the shim could read; `options` holds every option as on
/// the wire (RFC 2132 encoding without code and length), also those with a typed field. Text fields that a server
/// controls are unchecked here: handlers check them before they become names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct V4Report {
    /// `yiaddr`, the leased address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<Ipv4Addr>,
    /// Length of the subnet mask, option 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_len: Option<u8>,
    /// Option 28.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<Ipv4Addr>,
    /// Option 3, in the server's order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<Ipv4Addr>,
    /// Option 121, in the server's order (RFC 3442).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub classless_routes: Vec<StaticRoute>,
    /// Option 249, Microsoft's number for option 121.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ms_classless_routes: Vec<StaticRoute>,
    /// Option 33: host routes (RFC 2132 section 5.8).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub static_routes: Vec<StaticRoute>,
    /// Option 6, all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<Ipv4Addr>,
    /// Option 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Option 119 (RFC 3397).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// Option 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Option 42.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ntp: Vec<Ipv4Addr>,
    /// Option 26, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Option 54, the server identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Ipv4Addr>,
    /// Option 51, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_time: Option<Lifetime>,
    /// Option 58, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t1: Option<Lifetime>,
    /// Option 59, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub t2: Option<Lifetime>,
    /// Option 56, the server's words for a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Option 2, seconds east of UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_offset: Option<i32>,
    /// Option 100, a POSIX TZ string (RFC 4833).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub posix_timezone: Option<String>,
    /// Option 101, a TZ database name (RFC 4833).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tzdb_timezone: Option<String>,
    /// Option 120, SIP servers as addresses or names (RFC 3361).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sip: Vec<String>,
    /// Option 66.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tftp_server: Option<String>,
    /// Option 67.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootfile: Option<String>,
    /// Option 252.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wpad: Option<String>,
    /// BOOTP header field `siaddr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub siaddr: Option<Ipv4Addr>,
    /// BOOTP header field `giaddr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub giaddr: Option<Ipv4Addr>,
    /// BOOTP header field `sname`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sname: Option<String>,
    /// BOOTP header field `file`; not option 67.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Option code → value as on the wire. A code that is there twice is refused.
    #[serde(deserialize_with = "unique_keys")]
    pub options: BTreeMap<u8, Bytes>,
}

/// What a DHCPv6 client exposes; see [`V4Report`] for the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct V6Report {
    /// The client's message that the values are an answer to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_to: Option<V6Request>,
    /// Addresses of all IA_NA and IA_TA.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<V6Address>,
    /// Prefixes of all IA_PD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<V6Prefix>,
    /// What the client tells of identity associations as a whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ias: Vec<V6Ia>,
    /// Option 23.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<Ipv6Addr>,
    /// Option 24.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<String>,
    /// The server's DUID, option 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_duid: Option<Bytes>,
    /// Option code → each value of it as on the wire, in order. A code that is there twice is refused.
    #[serde(deserialize_with = "unique_keys")]
    pub options: BTreeMap<u16, Vec<Bytes>>,
}

/// One address of an identity association (RFC 8415 section 21.6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V6Address {
    /// Address and the prefix length to configure it with.
    pub address: InterfaceAddress,
    /// The identity association; absent where the client does not tell its hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iaid: Option<u32>,
    /// Of an IA_TA (RFC 8415 section 21.5), not of an IA_NA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
    /// Preferred lifetime, seconds; 0 is deprecated.
    pub preferred: Lifetime,
    /// Valid lifetime, seconds; 0 means that the server took it back.
    pub valid: Lifetime,
    /// See [`V6Prefix::claimed`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
}

/// One delegated prefix of an identity association (RFC 8415 section 21.22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V6Prefix {
    /// The delegated prefix.
    pub prefix: Prefix,
    /// The identity association; absent where the client does not tell its hook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iaid: Option<u32>,
    /// Preferred lifetime, seconds; 0 is deprecated.
    pub preferred: Lifetime,
    /// Valid lifetime, seconds; 0 means that the server took it back.
    pub valid: Lifetime,
    /// Perhaps not the server's words but the client's own: dibbler lists what it asked for among what it got. Who had
    /// it before has learnt nothing; who had it not has got it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub claimed: bool,
}

/// What a DHCPv6 client tells of one identity association besides its addresses or prefixes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct V6Ia {
    /// Its kind.
    pub kind: IaKind,
    /// The identity association.
    pub iaid: u32,
    /// When it is renewed, seconds (RFC 8415 section 21.4); 0 leaves it to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t1: Option<Lifetime>,
    /// When any server is asked, seconds; 0 leaves it to the client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub t2: Option<Lifetime>,
    /// The status code of the association (RFC 8415 section 21.13); absent is success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// The kinds of identity associations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IaKind {
    /// Non-temporary addresses (RFC 8415 section 21.4).
    Na,
    /// Temporary addresses (RFC 8415 section 21.5).
    Ta,
    /// Delegated prefixes (RFC 8415 section 21.21).
    Pd,
}

impl fmt::Display for IaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Na => "IA_NA",
            Self::Ta => "IA_TA",
            Self::Pd => "IA_PD",
        })
    }
}

/// The messages of a DHCPv6 client that a REPLY answers (RFC 8415 section 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum V6Request {
    /// SOLICIT, with rapid commit.
    Solicit,
    /// REQUEST
    Request,
    /// CONFIRM
    Confirm,
    /// RENEW
    Renew,
    /// REBIND
    Rebind,
    /// RELEASE
    Release,
    /// DECLINE
    Decline,
    /// INFORMATION-REQUEST
    InformationRequest,
}
