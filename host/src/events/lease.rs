//! A lease as events, `status` and `lease` show it: the JSON of the contract. Fields may be added, never renamed.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::num::ParseIntError;
use std::str::FromStr;

use dhcpmgr_message::{IaKind, InterfaceAddress, Lifetime, Prefix, V6Ia};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::SoftwireView;
use crate::flat::FlatMap;

/// A lease of either protocol.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Lease {
    /// DHCPv4.
    V4(Box<LeaseV4>),
    /// DHCPv6.
    V6(Box<LeaseV6>),
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
    pub options: FlatMap<u8, String>,
}

/// Reads the codes from text: JSON has no other keys, and below the untagged [`Lease`] serde does not turn them into
/// numbers by itself.
fn option_codes<'de, D, K>(deserializer: D) -> Result<FlatMap<K, String>, D::Error>
where
    D: Deserializer<'de>,
    K: FromStr<Err = ParseIntError> + Ord,
{
    FlatMap::<String, String>::deserialize(deserializer)?
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

/// A DHCPv6 lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeaseV6 {
    /// Addresses of IA_NA and IA_TA.
    pub addresses: Vec<AddressV6>,
    /// Delegated prefixes.
    pub prefixes: Vec<PrefixV6>,
    /// What is known of the identity associations as a whole.
    #[serde(default)]
    pub ias: Vec<IaView>,
    /// Name servers.
    pub dns: Vec<IpAddr>,
    /// Search domains.
    pub search: Vec<String>,
    /// Time servers.
    pub ntp: Vec<String>,
    /// The far end of a DS-Lite tunnel (RFC 6334).
    pub aftr: Option<String>,
    /// The best softwire that the lease offers; `null` for none.
    pub softwire: Option<SoftwireView>,
    /// The server's DUID, hex.
    pub server_duid: Option<String>,
    /// Seconds until the last of it ends; `null` for never.
    pub expires_in: Option<u64>,
    /// Values that handlers published.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// Option code → hex; commas between the values of one that came more than once.
    #[serde(deserialize_with = "option_codes")]
    pub options: FlatMap<u16, String>,
}

/// A leased address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressV6 {
    /// Address and the prefix length it is configured with.
    pub address: InterfaceAddress,
    /// Its identity association; `null` when that is not known yet.
    pub iaid: Option<u32>,
    /// Of an IA_TA.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub temporary: bool,
    /// Preferred lifetime as the server said, seconds; `null` for ever.
    pub preferred: Option<u32>,
    /// Valid lifetime as the server said, seconds; `null` for ever.
    pub valid: Option<u32>,
    /// Seconds left; `null` for ever.
    pub expires_in: Option<u64>,
}

/// A delegated prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrefixV6 {
    /// The prefix.
    pub prefix: Prefix,
    /// Its identity association; `null` when that is not known yet.
    pub iaid: Option<u32>,
    /// The part of it that belongs to the link to the ISP (RFC 6603).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<Prefix>,
    /// Preferred lifetime as the server said, seconds; `null` for ever.
    pub preferred: Option<u32>,
    /// Valid lifetime as the server said, seconds; `null` for ever.
    pub valid: Option<u32>,
    /// Seconds left; `null` for ever.
    pub expires_in: Option<u64>,
}

/// An identity association.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IaView {
    /// Its kind.
    pub kind: IaKind,
    /// Its IAID.
    pub iaid: u32,
    /// Seconds until it is renewed; `null` for never, or when that is not known.
    pub t1: Option<u32>,
    /// Seconds until any server is asked; likewise.
    pub t2: Option<u32>,
}

impl IaView {
    /// How an identity association is shown.
    #[must_use]
    pub fn of(ia: &V6Ia) -> Self {
        let seconds = |time: Option<Lifetime>| time.and_then(Lifetime::seconds);
        Self { kind: ia.kind, iaid: ia.iaid, t1: seconds(ia.t1), t2: seconds(ia.t2) }
    }
}
