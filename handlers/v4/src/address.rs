//! The leased address and its subnet: the one thing without which a lease is refused. Also which IPv4 addresses
//! can be a host at all, for everything else that names one.

use std::net::{IpAddr, Ipv4Addr};

use dhcpmgr_handler_common::notes::Notes;
use dhcpmgr_plugin_api::message::{InterfaceAddress, Prefix, V4Report};

use crate::options;

/// The shortest subnet mask of a lease that is believed. A shorter one would make networks of strangers on-link.
const MIN_PREFIX_LEN: u8 = 8;

/// An address that has passed every check, and its subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leased {
    address: Ipv4Addr,
    len: u8,
}

impl Leased {
    /// Reads and checks the address (`yiaddr`) and the subnet mask (option 1). The error is the reason for which
    /// the lease is refused.
    pub(crate) fn read(report: &V4Report, notes: &mut Notes) -> Result<Self, String> {
        let address = report.address.ok_or("the lease has no address (yiaddr)")?;
        if let Some(why) = not_a_host(address) {
            return Err(format!("the leased address {address} is {why}"));
        }
        let len = subnet_len(report, address, notes)?;
        let leased = Self { address, len };
        if leased.has_edges() && address == leased.network() {
            return Err(format!(
                "the leased address {address} is the network address of its subnet {leased}"
            ));
        }
        if leased.has_edges() && address == leased.all_ones() {
            return Err(format!(
                "the leased address {address} is the broadcast address of its subnet {leased}"
            ));
        }
        if address.is_link_local() {
            notes.add(format!(
                "the leased address {address} is link-local; a server should not lease one (RFC 3927 section 1.9)"
            ));
        }
        Ok(leased)
    }

    /// The address.
    pub(crate) fn address(self) -> Ipv4Addr {
        self.address
    }

    /// Address and prefix length.
    pub(crate) fn interface_address(self) -> Option<InterfaceAddress> {
        InterfaceAddress::new(IpAddr::V4(self.address), self.len).ok()
    }

    /// Whether the address lies in the subnet.
    pub(crate) fn contains(self, address: Ipv4Addr) -> bool {
        u32::from(address) & self.mask() == u32::from(self.network())
    }

    /// Why the address cannot be a neighbour that is asked to forward, or `None` when it can.
    pub(crate) fn not_a_router(self, address: Ipv4Addr) -> Option<&'static str> {
        if let Some(why) = not_a_host(address) {
            return Some(why);
        }
        if address == self.address {
            return Some("the leased address itself");
        }
        if self.has_edges() && address == self.network() {
            return Some("the network address of the subnet");
        }
        if self.has_edges() && address == self.all_ones() {
            return Some("the broadcast address of the subnet");
        }
        None
    }

    /// The broadcast address to configure: the subnet's own. Option 28 can only agree, since nothing else reaches
    /// every host of the subnet; /31 and /32 have none (RFC 3021 section 2.2).
    pub(crate) fn broadcast(self, option_28: Option<Ipv4Addr>, notes: &mut Notes) -> Option<Ipv4Addr> {
        let ours = self.has_edges().then(|| self.all_ones());
        match (option_28, ours) {
            (Some(offered), Some(ours)) if offered != ours => notes.add(format!(
                "broadcast address {offered} (option 28) is not that of the subnet {self}; {ours} is used"
            )),
            (Some(offered), None) => notes.add(format!(
                "broadcast address {offered} (option 28) is ignored: {self} has no broadcast address (RFC 3021)"
            )),
            _ => {}
        }
        ours
    }

    /// Whether the first and the last address of the subnet are no hosts: not so for /31 (RFC 3021) and /32.
    fn has_edges(self) -> bool {
        self.len <= 30
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.len)).unwrap_or(0)
    }

    fn network(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) & self.mask())
    }

    fn all_ones(self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.address) | !self.mask())
    }
}

impl std::fmt::Display for Leased {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.network(), self.len)
    }
}

/// The length of the subnet mask. What the shim read and the raw option must tell the same story.
fn subnet_len(report: &V4Report, address: Ipv4Addr, notes: &mut Notes) -> Result<u8, String> {
    let raw = report.options.get(&1).map(|raw| options::subnet_mask(&raw.0)).transpose();
    let raw = raw.map_err(|why| format!("the subnet mask (option 1) {why}"))?;
    let len = match (report.prefix_len, raw) {
        (Some(len), Some(raw)) if len != raw => {
            return Err(format!(
                "the client reports a subnet mask of /{len}, but option 1 of the lease says /{raw}"
            ));
        }
        (Some(len), _) | (None, Some(len)) => len,
        (None, None) => {
            let len = class_len(address);
            notes.add(format!(
                "the lease has no subnet mask (option 1); /{len} is taken from the address class"
            ));
            len
        }
    };
    if len > 32 {
        return Err(format!("the subnet mask of /{len} (option 1) is longer than an IPv4 address"));
    }
    if len < MIN_PREFIX_LEN {
        return Err(format!(
            "the subnet mask of /{len} (option 1) cannot be right: it would make {}/{len} on-link, at least \
             /{MIN_PREFIX_LEN} is accepted",
            Leased { address, len }.network()
        ));
    }
    Ok(len)
}

/// The mask of the address class (RFC 791 section 2.3), which is what clients and their scripts assume without
/// option 1. Classes D and E are no hosts and do not come here.
fn class_len(address: Ipv4Addr) -> u8 {
    match address.octets()[0] {
        0..128 => 8,
        128..192 => 16,
        192.. => 24,
    }
}

/// Why an address is no host on any network, or `None` when it may be one (RFC 1122 section 3.2.1.3, RFC 6890).
pub(crate) fn not_a_host(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [0, 0, 0, 0] => Some("the unspecified address"),
        [0, ..] => Some("in 0.0.0.0/8, which names no host (RFC 1122)"),
        [127, ..] => Some("a loopback address (127.0.0.0/8)"),
        [224..240, ..] => Some("a multicast address (224.0.0.0/4)"),
        [255, 255, 255, 255] => Some("the limited broadcast address"),
        [240..=255, ..] => Some("a reserved address (240.0.0.0/4)"),
        _ => None,
    }
}

/// Why a prefix cannot be a destination of a unicast route, or `None` when it can. The default route can.
pub(crate) fn not_a_destination(to: Prefix) -> Option<&'static str> {
    match to.address() {
        IpAddr::V6(_) => Some("not an IPv4 destination"),
        IpAddr::V4(_) if to.is_default() => None,
        // Wider prefixes may cover these ranges: the kernel's own routes for them win.
        IpAddr::V4(address) => match address.octets() {
            [0, ..] if to.len() >= 8 => Some("a destination in 0.0.0.0/8 (RFC 1122)"),
            [127, ..] if to.len() >= 8 => Some("a loopback destination (127.0.0.0/8)"),
            [224..=255, ..] => Some("a multicast or reserved destination (224.0.0.0/3)"),
            _ => None,
        },
    }
}
