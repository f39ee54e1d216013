//! What a handler is told: a lease, and what is known of the link it came over.

use std::collections::BTreeMap;

use dhcpmgr_message::{ClientEvent, ClientName, IfName, V4Report, V6Report};
use serde::{Deserialize, Serialize};

/// The protocol of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// DHCPv4.
    V4,
    /// DHCPv6.
    V6,
}

/// A lease that a client has obtained or extended. Exactly one of `v4` and `v6` is present, as `protocol` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseEvent {
    /// The configured name of the client.
    pub client: ClientName,
    /// The interface of the client.
    pub interface: IfName,
    /// The protocol.
    pub protocol: Protocol,
    /// `Bound` or `Renew` for v4, `Add` or `Update` for v6.
    pub event: ClientEvent,
    /// What the kernel says of the interface.
    #[serde(default)]
    pub link: Link,
    /// What the operator decided for this client.
    #[serde(default)]
    pub policy: Policy,
    /// The DHCPv4 values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<V4Report>,
    /// The DHCPv6 values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<V6Report>,
}

/// What the kernel says of an interface.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Link {
    /// The MTU in force, bytes.
    pub mtu: Option<u32>,
    /// The smallest MTU that the driver takes, bytes.
    pub min_mtu: Option<u32>,
    /// The largest MTU that the driver takes, bytes.
    pub max_mtu: Option<u32>,
}

/// What the operator decided for a client.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Policy {
    /// What a server may do to the MTU.
    pub mtu: MtuPolicy,
    /// Which routes a server may set.
    pub routes: RoutePolicy,
    /// The metric of the client's routes; lower wins.
    pub metric: u32,
    /// What was written to the handler's own parameters for this client, name → text; see
    /// [`Handler::set_parameter`](crate::Handler::set_parameter).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// What option 26 may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MtuPolicy {
    /// Set the MTU of the link.
    #[default]
    Link,
    /// Set the MTU of the lease's routes only.
    Route,
    /// Nothing.
    Ignore,
}

/// Which routes of a lease are taken. Option 121 lets whoever answers first steer traffic around a VPN
/// (CVE-2024-3661), so an operator may want less than all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoutePolicy {
    /// All of them.
    #[default]
    All,
    /// The default route only.
    DefaultOnly,
    /// All but the default route.
    NoDefault,
    /// None; the on-link prefix of the address remains.
    None,
}
