//! What a handler is told after the fact.

use std::collections::BTreeMap;

use dhcpmgr_message::{ClientName, IfName};
use serde::{Deserialize, Serialize};

use crate::{Emitted, LeaseEvent, Protocol};

/// Something that has happened to a client. Only what the host itself says is told: what handlers emit never comes
/// back to a handler, so that nothing goes in circles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Happening {
    /// What: the word that `dhcpmgr events` shows, as in `lease-acquired`.
    pub event: String,
    /// The configured name of the client.
    pub client: ClientName,
    /// Its interface.
    pub interface: IfName,
    /// Its protocol.
    pub protocol: Protocol,
    /// What really changed, in the words of `dhcpmgr events`: `address`, `route`, `dns`, `mtu`, `lifetime`, `prefix`,
    /// `softwire`, `vendor`, `meta`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The reason, or what it is about: a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Details by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The lease that is in force after it, as the `lease` hook sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<LeaseEvent>,
}

impl Happening {
    /// Something that has happened to the client of a lease, which is in force.
    #[must_use]
    pub fn of(event: impl Into<String>, lease: LeaseEvent) -> Self {
        let happening = Self::new(event, lease.client.clone(), lease.interface.clone(), lease.protocol);
        Self { lease: Some(lease), ..happening }
    }

    /// Something that has happened to a client without a lease.
    #[must_use]
    pub fn new(event: impl Into<String>, client: ClientName, interface: IfName, protocol: Protocol) -> Self {
        let (changed, detail, fields) = (Vec::new(), None, BTreeMap::new());
        Self { event: event.into(), client, interface, protocol, changed, detail, fields, lease: None }
    }
}

/// What a handler says to something that has happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Reaction {
    /// Events to publish. Grant `events`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Emitted>,
}

impl Reaction {
    /// Adds an event to publish.
    #[must_use]
    pub fn with_event(mut self, event: Emitted) -> Self {
        self.events.push(event);
        self
    }
}
