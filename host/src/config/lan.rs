//! What LANs get: `[delegations.IFACE]`, `[ula]` and `[router_advertisements]`.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use dhcpmgr_message::{ClientName, IfName, Prefix};
use serde::{Deserialize, Serialize};

use crate::flat::FlatMap;

/// All of it, as the operator decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lans {
    /// `[delegations.IFACE]`
    pub delegations: FlatMap<IfName, Delegation>,
    /// `[ula]`; nothing without the section.
    pub ula: Option<Ula>,
    /// `[router_advertisements]`
    pub router_advertisements: RouterAdvertisements,
}

/// `[delegations.IFACE]`: what one LAN gets out of each prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The clients whose delegated prefixes it gets a part of, best first; empty for a LAN of unique local addresses.
    pub from: Vec<ClientName>,
    /// Which part of the prefix, counted from 0 in parts of `length`; the lowest free one when absent.
    pub subnet: Option<u32>,
    /// Prefix length of the LAN, 1 to 127.
    pub length: u8,
    /// The router's own interface identifier.
    pub token: Token,
    /// It also gets a part of the prefix of unique local addresses.
    pub ula: bool,
}

/// An interface identifier: the host part of the router's own address in the LAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// These low bits; never all zero, which is the anycast address of the routers (RFC 4291 section 2.6.1).
    Bits(Ipv6Addr),
    /// Made of the interface's Ethernet address (RFC 4291 appendix A).
    Eui64,
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => bits.fmt(f),
            Self::Eui64 => f.write_str("eui64"),
        }
    }
}

/// `[ula]`: unique local addresses (RFC 4193), which are there whether or not a provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ula {
    /// Made up once and kept (RFC 4193 section 3.2.1).
    Generated,
    /// This one, below `fd00::/8`.
    Prefix(Prefix),
}

/// `[router_advertisements]`: who tells hosts of the LANs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouterAdvertisements {
    /// The daemon that is written a configuration for.
    pub backend: RaBackend,
    /// Where that is written; `/run/dhcpmgr/radvd.conf` when absent.
    pub config: Option<PathBuf>,
    /// Where the daemon keeps its process id; `/run/radvd.pid` when absent.
    pub pidfile: Option<PathBuf>,
    /// Which name servers hosts are told.
    pub dns: RaDns,
}

/// The router-advertisement daemons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RaBackend {
    /// None of ours to tell: others follow the events.
    #[default]
    None,
    /// radvd.
    Radvd,
}

/// Name servers and search domains in router advertisements (RFC 8106).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RaDns {
    /// None.
    #[default]
    None,
    /// Those of the leases that the LAN's prefixes come from.
    Lease,
    /// The router's own address in the LAN, where a resolver listens; search domains of the leases.
    Router,
}
