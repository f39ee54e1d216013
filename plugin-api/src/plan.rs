//! What a handler decides: desired state, never an action. The host computes the difference and applies it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use dhcpmgr_message::{DomainName, HostName, InterfaceAddress, Lifetime, Prefix};
use serde::{Deserialize, Serialize};

use crate::Softwire;

/// What one handler wants for one lease. The plans of all handlers are merged in the order of the
/// configuration: lists are joined without duplicates, single values are taken from the last handler that sets
/// one, and a refusal by any of them refuses the lease.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Plan {
    /// The lease must not be used. Grant `refuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refuse: Option<Refusal>,
    /// Addresses for the client's interface. Grant `addresses`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressPlan>,
    /// Routes through the client's interface. Grant `routes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RoutePlan>,
    /// Routing policy rules. Grant `routes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RulePlan>,
    /// The MTU of the client's interface. Grant `mtu`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<Mtu>,
    /// Name servers, best first. Grant `dns`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<IpAddr>,
    /// The link's own domain. Grant `dns`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<DomainName>,
    /// Search domains, best first. Grant `dns`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search: Vec<DomainName>,
    /// Time servers, addresses or names. Grant `ntp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ntp: Vec<String>,
    /// The host name that the server offers; published, not applied. Grant `parameters`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<HostName>,
    /// Delegated prefixes. Grant `prefixes`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Delegation>,
    /// Softwires (MAP-T, MAP-E, lw4o6, DS-Lite), the best first; one of them is used. Grant `softwire`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub softwires: Vec<Softwire>,
    /// Values for the data model and `dhcpmgr lease`: name → text. Grant `parameters`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Events to publish. Grant `events`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Emitted>,
    /// Decisions worth showing to the person who asks `dhcpmgr why`: what was ignored or corrected, and why. A
    /// sentence each. Always granted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Plan {
    /// The fields that [`Manifest::overrides`](crate::Manifest::overrides) may name.
    pub const FIELDS: [&str; 13] = [
        "addresses",
        "routes",
        "rules",
        "mtu",
        "dns",
        "domain",
        "search",
        "ntp",
        "hostname",
        "prefixes",
        "softwires",
        "parameters",
        "events",
    ];
}

/// A lease that must not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why: a sentence for the operator.
    pub reason: String,
}

/// An address for the client's interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressPlan {
    /// Address and on-link prefix length.
    pub address: InterfaceAddress,
    /// Broadcast address; v4 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broadcast: Option<std::net::Ipv4Addr>,
    /// Preferred lifetime, seconds from the event; at most `valid`.
    pub preferred: Lifetime,
    /// Valid lifetime, seconds from the event.
    pub valid: Lifetime,
}

/// A route through the client's interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RoutePlan {
    /// The destination.
    pub to: Prefix,
    /// The router; absent for an on-link destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// The router is on this link although no on-link prefix says so (kernel flag `RTNH_F_ONLINK`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub onlink: bool,
    /// The preferred source address (kernel `RTA_PREFSRC`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
    /// Metric; the client's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<u32>,
    /// Routing table; main when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// MTU of the route, bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
}

/// A routing policy rule: traffic `from` looks up `table`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RulePlan {
    /// Source prefix.
    pub from: Prefix,
    /// Routing table.
    pub table: u32,
    /// Priority; lower is looked up first.
    pub priority: u32,
}

/// The MTU for a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mtu(pub u32);

/// A delegated prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delegation {
    /// The prefix.
    pub prefix: Prefix,
    /// The identity association, where the client tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iaid: Option<u32>,
    /// The part of it that belongs to the link between ISP and gateway (RFC 6603); no LAN gets any of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Prefix>,
    /// Preferred lifetime, seconds from the event.
    pub preferred: Lifetime,
    /// Valid lifetime, seconds from the event.
    pub valid: Lifetime,
}

/// An event that a handler publishes, shown by `dhcpmgr events` as `vendor` news of the client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Name: lower-case words joined by hyphens.
    pub name: String,
    /// Details: name → text.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
}
