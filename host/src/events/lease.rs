//! A lease as events, `status` and `lease` show it: the JSON of the contract. Fields may be added, never renamed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_message::{InterfaceAddress, Prefix};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A lease of either protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lease {
    /// DHCPv4.
    V4(Box<LeaseV4>),
}

/// A DHCPv4 lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaseV4 {
    /// Address and prefix length.
    pub address: InterfaceAddress,
    /// Routers in use.
    pub routers: Vec<IpAddr>,
    /// Routes in use.
    pub routes: Vec<RouteView>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// Domain.
    pub domain: Option<String>,
    /// Search domains.
    pub search: Vec<String>,
    /// Time servers.
    pub ntp: Vec<String>,
    /// MTU that the server sent and that was accepted, bytes.
    pub mtu: Option<u32>,
    /// The server.
    pub server: Option<Ipv4Addr>,
    /// Seconds; `null` for ever.
    pub lease_time: Option<u32>,
    /// Renewal time, seconds.
    pub t1: Option<u32>,
    /// Rebinding time, seconds.
    pub t2: Option<u32>,
    /// Seconds left; `null` for ever.
    pub expires_in: Option<u64>,
    /// Host name that the server offers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Values that handlers published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Option code → hex.
    #[serde(deserialize_with = "option_codes")]
    pub options: BTreeMap<u8, String>,
}

/// Reads the codes from text: JSON has no other keys, and below the untagged [`Lease`] serde does not turn them into
/// numbers by itself.
fn option_codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u8, String>, D::Error> {
    BTreeMap::<String, String>::deserialize(deserializer)?
        .into_iter()
        .map(|(code, hex)| Ok((code.parse().map_err(D::Error::custom)?, hex)))
        .collect()
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// Destination.
    pub to: Prefix,
    /// Router; `null` for on-link.
    pub via: Option<IpAddr>,
}
