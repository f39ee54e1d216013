//! On whose behalf something is desired.

use std::fmt;

use dhcpmgr_message::{ClientName, IfName};

/// Who desires something of the kernel. Each has one [`Desired`](super::Desired) at a time, and what several desire of
/// one interface is joined.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A client's lease.
    Client(ClientName),
    /// A client's configuration, as long as it is enabled: what its link needs before there is a lease.
    Link(ClientName),
    /// The delegation to a LAN, by the LAN's interface.
    Delegation(IfName),
    /// The softwire over a WAN, by the WAN's interface.
    Softwire(IfName),
}

impl From<&ClientName> for Owner {
    fn from(client: &ClientName) -> Self {
        Self::Client(client.clone())
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(name) => write!(f, "client {name}"),
            Self::Link(name) => write!(f, "link of client {name}"),
            Self::Delegation(interface) => write!(f, "delegation to {interface}"),
            Self::Softwire(wan) => write!(f, "softwire over {wan}"),
        }
    }
}
