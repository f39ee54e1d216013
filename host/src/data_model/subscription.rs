//! What somebody wants to be told of: references, kinds of notifications, a change mask and a rate, with the words of
//! TR-181 `Device.LocalAgent.Subscription.{i}.`
//!
//! A subscription lives as long as whoever made it listens. One that outlives its subscriber (`Persistent`) would need
//! somebody to deliver to who comes back by himself: a USP controller, which its agent knows and this tree does not.

use serde::{Deserialize, Serialize};

use super::error::{Fault, code};
use super::path::{Found, Path, Source, Step, resolve};
use super::schema::Object;
use crate::events::Change;

/// The most references of one subscription.
pub const MOST_REFERENCES: usize = 64;

/// `NotifType`: what is told. Events are none here: the standard defines none for DHCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotifType {
    /// A parameter has another value; those of new rows too.
    ValueChange,
    /// There is a new row.
    ObjectCreation,
    /// A row is gone.
    ObjectDeletion,
    /// A command was carried out.
    OperationComplete,
}

impl NotifType {
    /// All of them, as they are written.
    pub const NAMES: [&str; 4] = ["ValueChange", "ObjectCreation", "ObjectDeletion", "OperationComplete"];
}

/// A subscription.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// `ReferenceList`: full or partial paths, with `*`, `[search]`, `[alias]` and `Reference+`; paths of commands. What
    /// stands at and below them is told.
    #[serde(rename = "paths")]
    pub references: Vec<String>,
    /// `NotifType`, several at a time; all when it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<NotifType>,
    /// The change mask: only values and rows of these parts of a lease; all when it is empty. A command is no part of a
    /// lease, and is told under a mask only where `types` names it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Change>,
    /// The rate: so many milliseconds between two notices, at least. Meanwhile the latest value of a parameter takes
    /// the place of earlier ones. With 0 nothing is put together that was seen apart.
    #[serde(default)]
    pub interval_ms: u32,
    /// Begin with what there is.
    #[serde(skip)]
    pub with_present: bool,
    /// Look only when something happened; what no event tells of waits for that. The daemon is not woken up otherwise.
    #[serde(skip)]
    pub events_only: bool,
}

impl Subscription {
    /// Whether this is told at all.
    #[must_use]
    pub fn tells(&self, kind: NotifType) -> bool {
        match kind {
            NotifType::OperationComplete if !self.changed.is_empty() => self.types.contains(&kind),
            _ => self.types.is_empty() || self.types.contains(&kind),
        }
    }

    /// Whether the mask lets a part of a lease through.
    pub(super) fn lets_through(&self, parts: &[Change]) -> bool {
        self.changed.is_empty() || parts.iter().any(|part| self.changed.contains(part))
    }
}

/// Which parts of a lease a parameter is of; of a row, with an empty name.
pub(super) fn parts(object: &Object, name: &str) -> &'static [Change] {
    let below = |root: &str| object.path.starts_with(root);
    match (object.name, name) {
        (_, "LeaseTimeRemaining" | "PreferredLifetime" | "ValidLifetime" | "ExpirationTime")
        | (_, "X_DHCPMGR_T1" | "X_DHCPMGR_T2" | "T1" | "T2") => &[Change::Lifetime],
        ("Client", "IPAddress" | "SubnetMask") | ("IPv4Address" | "IPv6Address", _) => &[Change::Address],
        // Addresses or prefixes, as its Type says.
        ("X_DHCPMGR_IA", _) => &[Change::Address, Change::Prefix],
        ("IPv6Prefix", _) => &[Change::Prefix],
        ("Client", "IPRouters") => &[Change::Route],
        ("Client", "DNSServers") => &[Change::Dns],
        ("X_RDKCENTRAL-COM_RcvOption", _) => &[Change::Softwire],
        ("SentOption" | "ReqOption" | "ReceivedOption" | "X_DHCPMGR_Published", _) => &[Change::Vendor],
        // What a handler publishes, and no table has.
        ("Client", name) if name.starts_with("X_") && object.parameter(name).is_none() => &[Change::Vendor],
        _ if below("Device.Routing.") => &[Change::Route],
        _ if below("Device.DNS.") => &[Change::Dns],
        _ if below("Device.MAP.") || below("Device.DSLite.") => &[Change::Softwire],
        _ => &[Change::Meta],
    }
}

/// One reference of a subscription.
#[derive(Debug)]
pub(super) struct Reference {
    path: Path,
    /// Where it leads as of the last look, when that hangs on values: it searches, or follows references.
    leads_to: Option<Vec<String>>,
}

impl Reference {
    /// All references of a subscription.
    ///
    /// # Errors
    /// None or too many of them, a path that is not right, or one that leads nowhere now: a slip would wait for ever.
    pub(super) fn all(wanted: &Subscription, source: &impl Source) -> Result<Vec<Self>, Fault> {
        let count = wanted.references.len();
        if !(1..=MOST_REFERENCES).contains(&count) {
            let what = format!("{count} paths are named; accepted: 1 to {MOST_REFERENCES}");
            return Err(Fault::new(code::INVALID_ARGUMENTS, "Device.", what));
        }
        wanted.references.iter().map(|text| Self::new(text, source)).collect()
    }

    fn new(text: &str, source: &impl Source) -> Result<Self, Fault> {
        let path = Path::parse(text)?;
        // As when it is read.
        let found = resolve(&path, source).map_err(Fault::when_read)?;
        let by_name = |step: &Step| matches!(step, Step::Name(_) | Step::Number(_) | Step::All);
        let leads_to = (!path.steps.iter().all(by_name)).then(|| places(found));
        Ok(Self { path, leads_to })
    }

    /// What it names, now.
    pub(super) fn found(&self, source: &impl Source) -> Vec<Found> {
        resolve(&self.path, source).unwrap_or_default()
    }

    /// Looks where it leads now; where it led before still counts, so that what is gone from there is told. The next
    /// call forgets that.
    pub(super) fn look(&mut self, source: &impl Source) -> Option<Vec<String>> {
        let before = self.leads_to.take()?;
        let now = places(self.found(source));
        self.leads_to =
            Some(now.iter().chain(before.iter().filter(|old| !now.contains(old))).cloned().collect());
        Some(now)
    }

    /// Sets where it leads, once everything is told.
    pub(super) fn settle(&mut self, now: Option<Vec<String>>) {
        self.leads_to = now;
    }

    /// Whether a row, a parameter or a command stands at or below it.
    pub(super) fn covers(&self, path: &str) -> bool {
        if let Some(places) = &self.leads_to {
            return places
                .iter()
                .any(|place| path == place || place.ends_with('.') && path.starts_with(place));
        }
        let mut parts = path.split('.').skip(1);
        self.path.steps.iter().all(|step| match (step, parts.next()) {
            (Step::Name(name), Some(part)) => name == part,
            (Step::Number(number), Some(part)) => part.parse() == Ok(*number),
            (Step::All, Some(part)) => part.parse::<u32>().is_ok(),
            _ => false,
        })
    }
}

fn places(found: Vec<Found>) -> Vec<String> {
    let text = |found: Found| match found {
        Found::Object(place) => place.path(),
        Found::Parameter(place, parameter) => format!("{}{}", place.path(), parameter.name),
        Found::Extra(place, extra) => format!("{}{}", place.path(), extra.name),
        Found::Command(place, command) => format!("{}{command}", place.path()),
        Found::Table(place, table) => format!("{}{}.", place.path(), table.name),
    };
    found.into_iter().map(text).collect()
}
