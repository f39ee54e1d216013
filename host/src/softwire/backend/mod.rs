//! How a softwire is carried out: by the module nat46, by the kernel's own tunnels, later by a translator of ours.
//!
//! [`Backends`] is the way in. It chooses among what works here, and does what is common to all: the interface's
//! addresses and routes (by the network reconciler, with our tag), and the translation of the LAN's addresses to the
//! ports that are the customer's. A [`Backend`] makes the interface, and nothing else. Who is to have IPv4 on a WAN is
//! not decided here.

mod carrier;
mod error;
mod name;
mod napt;
mod nat46;
mod plan;
mod support;
mod tunnel;

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;
use dhcpmgr_softwire::Kind;
use serde::{Deserialize, Serialize};

pub use carrier::Backends;
pub use error::BackendError;
pub use name::interface_name;
pub use support::Support;

/// What a back-end is still doing.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The back-ends. The order is that of `auto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendName {
    /// The module nat46, which is no part of Linux: MAP-T.
    Nat46,
    /// `ip6tnl` of Linux: MAP-E, lw4o6, DS-Lite.
    KernelTunnel,
    /// A translator of ours. It is not built yet.
    Userspace,
}

impl BackendName {
    /// The name in the configuration and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nat46 => "nat46",
            Self::KernelTunnel => "kernel-tunnel",
            Self::Userspace => "userspace",
        }
    }

    /// The mechanisms that it is for.
    #[must_use]
    pub fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Nat46 => &[Kind::MapT],
            Self::KernelTunnel => &[Kind::MapE, Kind::Lw4o6, Kind::DsLite],
            Self::Userspace => &[],
        }
    }
}

impl fmt::Display for BackendName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a softwire runs over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wan {
    /// The interface.
    pub interface: IfName,
    /// Metric of the IPv4 default route.
    pub metric: u32,
    /// An address of the WAN's lease, where DS-Lite starts from; chosen by the kernel when absent.
    pub address: Option<Ipv6Addr>,
    /// The lease's name servers, which know the name of an AFTR; those of the system when there are none.
    pub dns: Vec<IpAddr>,
}

/// A softwire that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// By whom.
    pub backend: BackendName,
    /// The interface that IPv4 leaves through.
    pub interface: IfName,
    /// What was done, a line each; nothing when all was so already.
    pub done: Vec<String>,
    /// What the operator should know of it, a sentence each.
    pub notes: Vec<String>,
}

/// What went through a softwire since its interface was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Packets in both directions.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// To the ISP, where the back-end counts each direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<Traffic>,
    /// From the ISP, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<Traffic>,
}

/// One direction of [`Stats`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// Makes the interface of a softwire. What it makes is found again by its name, by a later daemon too: each step is one
/// that may be repeated, and changes nothing when all is so already.
pub trait Backend: fmt::Debug {
    /// Its name.
    fn name(&self) -> BackendName;

    /// Whether it works here; the error says what is missing. Changes nothing.
    fn probe(&self) -> Pending<'_, Result<(), String>>;

    /// Whether it can carry this softwire, of a kind that it is for. Asks nobody; the error says what it cannot.
    fn accepts(&self, softwire: &Softwire) -> Result<(), String>;

    /// Makes the interface of this name carry the softwire; sentences for the operator.
    fn up<'a>(
        &'a self,
        interface: &'a IfName,
        wan: &'a Wan,
        softwire: &'a Softwire,
    ) -> Pending<'a, Result<Vec<String>, BackendError>>;

    /// Makes the interface that is up carry this softwire instead, without taking it away where that can be done.
    fn update<'a>(
        &'a self,
        interface: &'a IfName,
        wan: &'a Wan,
        softwire: &'a Softwire,
    ) -> Pending<'a, Result<Vec<String>, BackendError>> {
        self.up(interface, wan, softwire)
    }

    /// Takes the interface away, if there is one of this name and it is the back-end's.
    fn down<'a>(&'a self, interface: &'a IfName) -> Pending<'a, Result<(), BackendError>>;

    /// What went through it; `None` when there is none.
    fn stats(&self, interface: &IfName) -> Option<Stats>;
}
