//! LANs as `status`, `why` and the data model show them. Fields may be added, never renamed.

use dhcpmgr_message::{ClientName, IfName, InterfaceAddress, Prefix};
use serde::{Deserialize, Serialize};

use super::memory::{Given, Source, State};
use super::news::lifetimes;

/// One LAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanView {
    /// Its interface.
    pub interface: IfName,
    /// What it has, and what it had and hosts may still have.
    pub prefixes: Vec<LanPrefix>,
    /// What it does not get, a sentence each.
    pub refused: Vec<String>,
}

/// One prefix of a LAN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LanPrefix {
    /// The LAN's part.
    pub prefix: Prefix,
    /// The router's address in it.
    pub address: InterfaceAddress,
    /// The whole that it is a part of.
    pub delegated: Prefix,
    /// The client that it comes from; `null` for unique local addresses.
    pub client: Option<ClientName>,
    /// How it stands.
    pub state: Standing,
    /// Seconds left of the preferred lifetime, `null` for ever.
    pub preferred: Option<u64>,
    /// Seconds left of the valid lifetime, `null` for ever.
    pub valid: Option<u64>,
}

/// How a prefix of a LAN stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// In use.
    Preferred,
    /// Not for new connections any more: it is gone, or its preferred lifetime is over.
    Deprecated,
    /// Given away; hosts that still have it are told so.
    Withdrawn,
    /// Known from before the start; nobody has said yet whether it is still delegated.
    Awaited,
}

impl LanPrefix {
    pub(super) fn of(given: &Given, now: u64) -> Self {
        let (preferred, valid) = lifetimes(given, now);
        let seconds = |left: Option<u64>| left.map(|ms| ms / 1000);
        Self {
            prefix: given.subnet,
            address: given.address,
            delegated: given.delegated,
            client: match &given.source {
                Source::Client(name) => Some(name.clone()),
                Source::Ula => None,
            },
            state: match given.state {
                State::Current { preferred: true, .. } => Standing::Preferred,
                State::Current { .. } | State::Stale { .. } => Standing::Deprecated,
                State::Withdrawn { .. } => Standing::Withdrawn,
                State::Awaited { .. } => Standing::Awaited,
            },
            preferred: seconds(preferred),
            valid: seconds(valid),
        }
    }
}
