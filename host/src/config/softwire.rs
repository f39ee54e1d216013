//! `[softwire]`: which way IPv4 takes on each WAN.

use std::fmt;

use dhcpmgr_message::IfName;
use serde::{Deserialize, Serialize};

use crate::flat::FlatMap;

/// All of it, as the operator decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Softwire {
    /// Who carries softwires out.
    pub backend: SoftwireBackend,
    /// The order of every WAN that has none of its own.
    pub order: Order,
    /// What becomes of a DHCPv4 lease that is not needed, because a softwire carries IPv4.
    pub dhcpv4_lease: Unneeded,
    /// `[softwire.interfaces.IFACE]`: the orders of single WANs.
    pub interfaces: FlatMap<IfName, Order>,
}

impl Softwire {
    /// The order that holds on a WAN.
    #[must_use]
    pub fn order_of(&self, wan: &IfName) -> &Order {
        self.interfaces.get(wan).unwrap_or(&self.order)
    }
}

/// Who carries softwires out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SoftwireBackend {
    /// For each kind the first back-end that works here.
    #[default]
    Auto,
    /// The module nat46: MAP-T.
    Nat46,
    /// The kernel's own tunnels: MAP-E, lw4o6, DS-Lite.
    KernelTunnel,
    /// Nobody, and so no softwire is asked for.
    None,
}

/// A way to IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// Native IPv4.
    Dhcpv4,
    /// RFC 7597
    #[serde(rename = "map-e")]
    MapE,
    /// RFC 7599
    #[serde(rename = "map-t")]
    MapT,
    /// RFC 7596
    Lw4o6,
    /// RFC 6333
    #[serde(rename = "ds-lite")]
    DsLite,
}

impl Provider {
    /// All of them, in the order that holds where neither operator nor ISP says otherwise.
    pub const ALL: [Self; 5] = [Self::MapT, Self::MapE, Self::Lw4o6, Self::DsLite, Self::Dhcpv4];

    /// Its word in the configuration, in JSON and in a plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dhcpv4 => "dhcpv4",
            Self::MapE => "map-e",
            Self::MapT => "map-t",
            Self::Lw4o6 => "lw4o6",
            Self::DsLite => "ds-lite",
        }
    }

    /// The provider of a softwire whose kind has this word.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| *provider != Self::Dhcpv4 && provider.name() == kind)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The providers that may carry IPv4, the best first. Each is in it once, and DHCPv4 always is: whoever does not want
/// DHCPv4 configures no client for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order(Vec<Provider>);

impl Order {
    /// These, each once; DHCPv4 comes last where it is not named.
    #[must_use]
    pub fn new(named: impl IntoIterator<Item = Provider>) -> Self {
        let mut order = Vec::new();
        for provider in named.into_iter().chain([Provider::Dhcpv4]) {
            if !order.contains(&provider) {
                order.push(provider);
            }
        }
        Self(order)
    }

    /// The best first.
    #[must_use]
    pub fn providers(&self) -> &[Provider] {
        &self.0
    }
}

impl Default for Order {
    fn default() -> Self {
        Self::new(Provider::ALL)
    }
}

/// What becomes of a DHCPv4 lease while it is not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unneeded {
    /// It is given back to the server.
    #[default]
    Release,
    /// The client ends and says nothing: the server keeps the address for as long as the lease lasts.
    Keep,
}
