//! What happened, for people and programs: a bounded memory of the last events, what they add up to, and a feed of new
//! ones.

mod lease;
mod softwire;
mod tally;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dhcpmgr_message::ClientName;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::clock;
use crate::word::word;
pub use lease::{AddressV6, IaView, Lease, LeaseV4, LeaseV6, PrefixV6, RouteView};
pub use softwire::{CustomerView, RuleView, SoftwireView};
use tally::Tally;
pub use tally::{ClientCounted, Counted};

/// How many past events are kept.
const KEPT: usize = 256;

/// One event: one line of `dhcpmgr events --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When: RFC 3339 in UTC.
    pub time: String,
    /// The client it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientName>,
    /// What happened.
    pub event: EventKind,
    /// What really changed.
    #[serde(default)]
    pub changed: Vec<Change>,
    /// A sentence: the reason, or what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The handler it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// Details by name: what a handler emitted, or the fault and the path of recovery.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// The lease after the event, as `dhcpmgr lease --json` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
}

impl Event {
    /// An event of this kind that happens now, about nothing in particular yet.
    #[must_use]
    pub fn now(event: EventKind) -> Self {
        Self {
            time: clock::timestamp(),
            client: None,
            event,
            changed: Vec::new(),
            detail: None,
            handler: None,
            fields: BTreeMap::new(),
            lease: None,
        }
    }
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EventKind {
    /// A client process was started.
    ClientStarted,
    /// A client process that an earlier daemon had started was taken over as it runs.
    ClientAdopted,
    /// A client process ended on purpose.
    ClientStopped,
    /// A client process died, or could not be started.
    ClientFailed,
    /// A client process lives and gets nowhere.
    ClientStuck,
    /// A client that had used up its restarts is trusted again.
    ClientRecovered,
    /// A whole cycle of requests found no server.
    ServerSilent,
    /// A client is started otherwise than configured, because its program refuses that.
    RecoveryReconfigured,
    /// A client is left alone until what keeps it from running is mended.
    RecoveryDisabled,
    /// A client has used up its restarts and is tried at a slow rate.
    RecoveryEscalated,
    /// A lease where there was none.
    LeaseAcquired,
    /// The lease is another one, or says something else.
    LeaseChanged,
    /// The same lease, for longer.
    LeaseRenewed,
    /// The lease ended, was released or was taken back.
    LeaseLost,
    /// A lease was offered that cannot be used.
    LeaseRefused,
    /// A lease waits, because a handler cannot say yet whether it may be used.
    LeaseDeferred,
    /// A LAN was given a part of a prefix, and the router's address in it.
    PrefixAssigned,
    /// A prefix that a LAN was given is not to be used for new connections any more.
    PrefixDeprecated,
    /// A LAN has a prefix no more.
    PrefixRemoved,
    /// A LAN gets nothing of a prefix that it was to get a part of.
    PrefixRefused,
    /// A softwire carries IPv4.
    SoftwireUp,
    /// A softwire that carried IPv4 was taken down.
    SoftwireDown,
    /// A softwire could not be raised, or broke.
    SoftwireFailed,
    /// Another way carries IPv4 on a WAN.
    #[serde(rename = "ipv4-owner")]
    Ipv4Owner,
    /// A handler gave no plan.
    HandlerFailed,
    /// A handler is left alone.
    HandlerQuarantined,
    /// A handler answers again.
    HandlerRecovered,
    /// Two handlers want one thing differently; the one that is named is followed.
    HandlerConflict,
    /// A program of `[hooks]` failed, or was not run for an event.
    HookFailed,
    /// A DHCP client that is not ours runs on the interface of one that is.
    ForeignClient,
    /// The carrier of a client's link came or went.
    LinkChanged,
    /// Somebody removed or changed what is ours, and it was put back.
    KernelRepaired,
    /// The kernel does not hold what it was told to hold.
    KernelMismatch,
    /// The configuration was read again.
    ConfigReloaded,
    /// Something was written through the data model.
    ModelChanged,
    /// A command of the data model was carried out.
    OperationComplete,
    /// Published by a handler.
    #[serde(untagged)]
    Vendor(String),
}

impl EventKind {
    /// The host's own, as they are written.
    pub const HOSTS: [&str; 36] = [
        "client-started",
        "client-adopted",
        "client-stopped",
        "client-failed",
        "client-stuck",
        "client-recovered",
        "server-silent",
        "recovery-reconfigured",
        "recovery-disabled",
        "recovery-escalated",
        "lease-acquired",
        "lease-changed",
        "lease-renewed",
        "lease-lost",
        "lease-refused",
        "lease-deferred",
        "prefix-assigned",
        "prefix-deprecated",
        "prefix-removed",
        "prefix-refused",
        "softwire-up",
        "softwire-down",
        "softwire-failed",
        "ipv4-owner",
        "handler-failed",
        "handler-quarantined",
        "handler-recovered",
        "handler-conflict",
        "hook-failed",
        "foreign-client",
        "link-changed",
        "kernel-repaired",
        "kernel-mismatch",
        "config-reloaded",
        "model-changed",
        "operation-complete",
    ];

    /// The kind of this name; what is none of the host's own is a handler's.
    #[must_use]
    pub fn named(name: &str) -> Self {
        // Asked of the type itself, which knows its names.
        serde_json::from_value(serde_json::Value::String(name.to_owned()))
            .unwrap_or_else(|_| Self::Vendor(name.to_owned()))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> String {
        word(self)
    }
}

/// What can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Addresses.
    Address,
    /// Routes or rules.
    Route,
    /// Name servers, domain or search list.
    Dns,
    /// The MTU.
    Mtu,
    /// Lifetimes only.
    Lifetime,
    /// Delegated prefixes.
    Prefix,
    /// Softwires.
    Softwire,
    /// Vendor options or parameters.
    Vendor,
    /// Everything else: server, time servers, host name.
    Meta,
}

impl Change {
    /// All of them, as they are written.
    pub const NAMES: [&str; 9] =
        ["address", "route", "dns", "mtu", "lifetime", "prefix", "softwire", "vendor", "meta"];
}

/// The memory, the counters and the feed.
#[derive(Debug)]
pub struct EventLog {
    past: Mutex<VecDeque<Arc<Event>>>,
    tally: Mutex<Tally>,
    feed: broadcast::Sender<Arc<Event>>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { past: Mutex::default(), tally: Mutex::default(), feed: broadcast::channel(KEPT).0 }
    }
}

impl EventLog {
    /// Remembers the event and tells whoever listens.
    pub fn publish(&self, event: Event) {
        whole(&self.tally).count(&event, clock::boottime_ms());
        let event = Arc::new(event);
        let mut past = whole(&self.past);
        if past.len() == KEPT {
            past.pop_front();
        }
        past.push_back(Arc::clone(&event));
        drop(past);
        // Nobody listening is no error.
        let _ = self.feed.send(event);
    }

    /// The past events, oldest first, and the feed of those to come.
    pub fn subscribe(&self) -> (Vec<Arc<Event>>, broadcast::Receiver<Arc<Event>>) {
        let past = whole(&self.past);
        (past.iter().cloned().collect(), self.feed.subscribe())
    }

    /// What was counted since the daemon started.
    pub fn counted(&self) -> Counted {
        whole(&self.tally).view()
    }

    /// Nothing is counted any more of a client that is not configured any more.
    pub fn forget(&self, client: &ClientName) {
        whole(&self.tally).forget(client);
    }
}

/// What a panic left is whole here: nothing of it is changed in two steps.
fn whole<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lists the kinds that it is given, and does not compile when one is missing.
    macro_rules! all {
        ($($kind:ident),+ $(,)?) => {{
            let _: fn(EventKind) = |kind| match kind {
                $(EventKind::$kind => {})+
                EventKind::Vendor(_) => {}
            };
            vec![$(EventKind::$kind),+]
        }};
    }

    fn kinds() -> Vec<EventKind> {
        all![
            ClientStarted,
            ClientAdopted,
            ClientStopped,
            ClientFailed,
            ClientStuck,
            ClientRecovered,
            ServerSilent,
            RecoveryReconfigured,
            RecoveryDisabled,
            RecoveryEscalated,
            LeaseAcquired,
            LeaseChanged,
            LeaseRenewed,
            LeaseLost,
            LeaseRefused,
            LeaseDeferred,
            PrefixAssigned,
            PrefixDeprecated,
            PrefixRemoved,
            PrefixRefused,
            SoftwireUp,
            SoftwireDown,
            SoftwireFailed,
            Ipv4Owner,
            HandlerFailed,
            HandlerQuarantined,
            HandlerRecovered,
            HandlerConflict,
            HookFailed,
            ForeignClient,
            LinkChanged,
            KernelRepaired,
            KernelMismatch,
            ConfigReloaded,
            ModelChanged,
            OperationComplete,
        ]
    }

    #[test]
    fn the_schema_names_every_kind_of_event_and_no_other() {
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../events.schema.json")).unwrap();
        let named = schema["$defs"]["kind"]["enum"].as_array().unwrap().clone();
        let known: Vec<_> = kinds().iter().map(|kind| serde_json::to_value(kind).unwrap()).collect();
        assert_eq!(named, known);
    }

    #[test]
    fn what_can_change_is_listed_by_its_names() {
        let named = |name: &&str| serde_json::from_value::<Change>((*name).into()).is_ok();
        assert!(Change::NAMES.iter().all(named));
        let schema: serde_json::Value =
            serde_json::from_str(include_str!("../../events.schema.json")).unwrap();
        assert!(schema.to_string().contains(&serde_json::json!(Change::NAMES).to_string()));
    }

    #[test]
    fn the_hosts_events_are_listed_by_their_names() {
        assert_eq!(kinds().iter().map(EventKind::name).collect::<Vec<_>>(), EventKind::HOSTS);
        for name in EventKind::HOSTS {
            let kind = EventKind::named(name);
            assert!(!matches!(kind, EventKind::Vendor(_)), "{name}");
            assert_eq!(kind.name(), name);
        }
        assert_eq!(EventKind::named("acs-found"), EventKind::Vendor("acs-found".to_owned()));
    }
}
