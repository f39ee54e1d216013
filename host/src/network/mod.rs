//! The network reconciler: desired state in, difference applied, and only the difference.
//!
//! It knows addresses, routes, links and name servers; it knows nothing of DHCP.
//!
//! [`Network::apply_all`] is the way in. Inside: what all want of an interface is joined, the pure planner compares it
//! with a mirror of the kernel (kept by its notifications, so that nothing is asked), the steps go out in one batch, and
//! the echo is compared with what was wanted. Whatever others undo later is put back.

mod action;
mod batch;
mod claims;
mod decode;
mod dns;
mod dump;
mod effects;
mod encode;
mod engine;
mod error;
mod mirror;
#[cfg(test)]
mod mirror_tests;
mod originals;
mod own;
mod owner;
mod planner;
#[cfg(test)]
mod planner_tests;
mod reconciler;
mod repair;
mod state;
mod sysctl;
mod tunnel;
mod upkeep;
mod wanted;
mod watch;
mod wire;

pub use action::{Action, ActionKind, Applied};
pub use error::{Failure, NetworkError};
pub use own::OwnRoute;
pub use owner::Owner;
pub use reconciler::{Network, NetworkOptions};
pub use tunnel::{Counters, Tunnel};

use crate::config::Sysctl;
use crate::flat::FlatMap;
use dhcpmgr_message::{DomainName, IfName, InterfaceAddress, Prefix};
use dhcpmgr_plugin_api::{RoutePlan, RulePlan};
use std::net::{IpAddr, Ipv4Addr};

/// Reads a datagram as one of the kernel's, and keeps what it says. For fuzzing.
#[cfg(feature = "fuzzing")]
pub fn read_netlink(datagram: &[u8]) {
    let (mut mirror, mut touched) = (mirror::Mirror::default(), Vec::new());
    for message in wire::messages(datagram) {
        if let Some(notice) = decode::notice(&message, 0) {
            mirror.note(&notice, message.flags, &mut touched);
        }
    }
}

/// What one [`Owner`] wants of the kernel and of the resolver, in absolute time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// The interface.
    pub interface: IfName,
    /// Addresses. An IPv6 one with a prefix shorter than 128 comes with a route of ours to its link.
    pub addresses: Vec<DesiredAddress>,
    /// Addresses that somebody else has put there become ours, as those of a client program that sets its own: they
    /// get our tag and go when they are no longer desired. Otherwise they get our lifetimes and stay their owner's.
    pub takes_over: bool,
    /// Routes; `metric` and `source` are filled in.
    pub routes: Vec<RoutePlan>,
    /// Routing policy rules.
    pub rules: Vec<RulePlan>,
    /// Metric of the on-link routes: for IPv4 the kernel makes them of the addresses (`IFA_RT_PRIORITY`), for IPv6 we do,
    /// with 256 for 0 as the kernel's own.
    pub metric: u32,
    /// MTU of the link.
    pub mtu: Option<u32>,
    /// Name servers, best first.
    pub dns: Vec<IpAddr>,
    /// The link's own domain.
    pub domain: Option<DomainName>,
    /// Search domains.
    pub search: Vec<DomainName>,
    /// Prefixes that must not be forwarded when no more specific route exists.
    pub unreachable: Vec<Prefix>,
    /// Sysctls of the interface. What they were before is given back when nobody desires them any more. They are set
    /// when this is applied and when the link comes up, and not watched in between: the kernel does not tell.
    pub sysctls: FlatMap<Sysctl, u8>,
}

impl Desired {
    /// Nothing of this interface.
    #[must_use]
    pub fn of(interface: IfName) -> Self {
        Self {
            interface,
            addresses: Vec::new(),
            takes_over: false,
            routes: Vec::new(),
            rules: Vec::new(),
            metric: 0,
            mtu: None,
            dns: Vec::new(),
            domain: None,
            search: Vec::new(),
            unreachable: Vec::new(),
            sysctls: FlatMap::new(),
        }
    }
}

/// An address with the instants at which it ends, `None` for never. Milliseconds of `CLOCK_BOOTTIME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredAddress {
    /// Address and on-link prefix length.
    pub address: InterfaceAddress,
    /// Broadcast address; v4 only.
    pub broadcast: Option<Ipv4Addr>,
    /// End of the preferred lifetime.
    pub preferred_until: Option<u64>,
    /// End of the valid lifetime.
    pub valid_until: Option<u64>,
}

/// What the kernel says of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkState {
    /// Interface index.
    pub index: u32,
    /// `IFF_UP`.
    pub up: bool,
    /// `IFF_LOWER_UP`.
    pub carrier: bool,
    /// MTU in force, bytes.
    pub mtu: u32,
    /// Smallest MTU of the driver, bytes; 0 when it does not say.
    pub min_mtu: u32,
    /// Largest MTU of the driver, bytes; 0 when it does not say.
    pub max_mtu: u32,
    /// Its address; only of an Ethernet link, and not while that is all zero.
    pub hardware: Option<HardwareAddress>,
    /// It has an IPv6 link-local address that is neither tentative nor a duplicate: DHCPv6 can be spoken on it.
    pub link_local: bool,
}

/// An Ethernet address (`ARPHRD_ETHER`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HardwareAddress(pub [u8; 6]);

/// What the reconciler tells the controllers without being asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkEvent {
    /// A link appeared, changed (up, carrier, MTU, hardware or link-local address) or went (`None`).
    Link {
        /// Its name.
        name: IfName,
        /// Its state now.
        state: Option<LinkState>,
    },
    /// Somebody removed or changed what is ours and it was put back: what, a line each.
    Repaired {
        /// The interface.
        interface: IfName,
        /// What was put back.
        what: Vec<String>,
    },
    /// Another host on the link has an address that is desired: duplicate address detection (RFC 4862 section 5.4)
    /// failed. Told once; tried again when the lease is renewed.
    Duplicate {
        /// The interface.
        interface: IfName,
        /// The address.
        address: InterfaceAddress,
    },
    /// The kernel does not hold what it was told to hold: what, a line each.
    Mismatch {
        /// The interface.
        interface: IfName,
        /// What differs.
        what: Vec<String>,
    },
}
