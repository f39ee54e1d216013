//! What carries softwires out, as the owner of IPv4 sees it.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;

use dhcpmgr_message::IfName;
use dhcpmgr_plugin_api::Softwire;

use super::owner::Failure;

/// Something that is under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A softwire, and what it runs over besides the WAN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carriage {
    /// The softwire.
    pub softwire: Softwire,
    /// Metric of the IPv4 default route.
    pub metric: u32,
    /// An address of the DHCPv6 lease.
    pub address: Option<Ipv6Addr>,
    /// The lease's name servers.
    pub dns: Vec<IpAddr>,
}

/// A softwire that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// By whom.
    pub backend: String,
    /// The interface that IPv4 leaves through.
    pub interface: IfName,
    /// What was done, a line each.
    pub done: Vec<String>,
    /// What the operator should know of it, a sentence each.
    pub notes: Vec<String>,
}

/// Carries softwires out; one on a WAN at a time.
pub trait Carrier: fmt::Debug {
    /// Whether it could carry this softwire; the error says why not. Asks nobody.
    fn able(&self, softwire: &Softwire) -> Result<(), String>;

    /// Makes this softwire carry IPv4, in place of the one before on this WAN, also of one that an earlier daemon left.
    /// When it fails nothing of it is left.
    fn carry<'a>(
        &'a self,
        wan: &'a IfName,
        carriage: &'a Carriage,
    ) -> Pending<'a, Result<Carried, Failure>>;

    /// Ends the softwire on this WAN, if there is one; a line for each thing that was done.
    fn end<'a>(&'a self, wan: &'a IfName) -> Pending<'a, Result<Vec<String>, String>>;
}
