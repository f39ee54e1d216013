//! Who carries IPv4 on a WAN, as `status` and `why` show it: the JSON of the contract. Fields may be added, never
//! renamed.

use dhcpmgr_message::{ClientName, IfName};
use serde::{Deserialize, Serialize};

use super::backend::{BackendName, Stats};
use crate::config::Provider;
use crate::events::SoftwireView;

/// One WAN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WanView {
    /// Its interface.
    pub interface: IfName,
    /// What carries IPv4; `null` when nothing does.
    pub owner: Option<Provider>,
    /// Why that one: a sentence.
    pub reason: String,
    /// What may carry IPv4 there, best first, as configured.
    pub order: Vec<Provider>,
    /// The DHCPv6 client whose lease offers softwires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientName>,
    /// The interface that IPv4 leaves through, when a softwire carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softwire_interface: Option<IfName>,
    /// The softwire that carries it, which need not be the best that is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softwire: Option<SoftwireView>,
    /// The back-end that carries it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendName>,
    /// Seconds since it was raised, or taken over from an earlier daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub softwire_up_s: Option<u64>,
    /// What went through it since its interface was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
    /// What the operator should know of it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The softwires that the lease offers, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub offered: Vec<OfferView>,
    /// The last changes of the owner, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<OwnerChange>,
}

/// A softwire that is offered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferView {
    /// Its kind.
    pub kind: Provider,
    /// Why it does not carry IPv4: a sentence. Not there when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
}

/// The owner changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerChange {
    /// When: RFC 3339 in UTC.
    pub time: String,
    /// To this one; `null` for nobody.
    pub owner: Option<Provider>,
    /// From this one.
    pub before: Option<Provider>,
    /// Why: a sentence.
    pub reason: String,
}
