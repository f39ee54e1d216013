//! The IPv6 side, of any namespace: gateway, ISP and hosts on the LAN.

use std::net::Ipv6Addr;

use serde::Deserialize;

use super::query;
use crate::{Namespace, Result};

/// One IPv6 address of an interface, link-local ones left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address6 {
    /// With its prefix length: `2001:db8::7/128`.
    pub address: String,
    /// Seconds that it is still valid; `u32::MAX` for ever.
    pub valid: u32,
    /// Seconds that it is still preferred.
    pub preferred: u32,
    /// Not preferred any more: nothing new is sent from it.
    pub deprecated: bool,
    /// Duplicate address detection is not over.
    pub tentative: bool,
    /// Who set it (`IFA_PROTO`), by name or number.
    pub protocol: Option<String>,
}

/// One IPv6 route of any table but `local`, multicast ones left out.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Route6 {
    /// Destination: `default`, a network or an address.
    #[serde(rename = "dst")]
    pub to: String,
    /// `unreachable`, …; unicast when absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Outgoing interface; `lo` for unreachable ones.
    #[serde(rename = "dev")]
    pub interface: Option<String>,
    /// Router.
    #[serde(rename = "gateway")]
    pub via: Option<Ipv6Addr>,
    /// Metric.
    #[serde(default)]
    pub metric: u32,
    /// Who set it, by name or number: `kernel`, `ra`, ….
    #[serde(default)]
    pub protocol: String,
    /// Routing table; main when absent.
    pub table: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    #[serde(default)]
    addr_info: Vec<Info>,
}

#[derive(Deserialize)]
struct Info {
    local: Ipv6Addr,
    prefixlen: u8,
    valid_life_time: u32,
    preferred_life_time: u32,
    #[serde(default)]
    deprecated: bool,
    #[serde(default)]
    tentative: bool,
    protocol: Option<String>,
}

impl Namespace {
    /// The global (and unique local) IPv6 addresses of an interface.
    pub fn addresses6(&self, interface: &str) -> Result<Vec<Address6>> {
        let links: Vec<Link> = query(self, &["-6", "-json", "addr", "show", "dev", interface])?;
        let of = |info: Info| Address6 {
            address: format!("{}/{}", info.local, info.prefixlen),
            valid: info.valid_life_time,
            preferred: info.preferred_life_time,
            deprecated: info.deprecated,
            tentative: info.tentative,
            protocol: info.protocol,
        };
        let all = links.into_iter().flat_map(|link| link.addr_info);
        Ok(all.filter(|info| !info.local.is_unicast_link_local()).map(of).collect())
    }

    /// The IPv6 routes, link-local and multicast ones left out.
    pub fn routes6(&self) -> Result<Vec<Route6>> {
        let all: Vec<Route6> = query(self, &["-6", "-json", "route", "show", "table", "all"])?;
        let plain = |route: &Route6| {
            let local = route.table.as_deref() == Some("local");
            !(local || route.to.starts_with("fe80:") || route.to.starts_with("ff00:"))
        };
        Ok(all.into_iter().filter(plain).collect())
    }

    /// The default routes among them.
    pub fn default_routes6(&self) -> Result<Vec<Route6>> {
        Ok(self.routes6()?.into_iter().filter(|route| route.to == "default").collect())
    }
}
