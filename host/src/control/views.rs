//! What the answers look like: the JSON of the contract. Fields may be added, never renamed.

use dhcpmgr_message::{ClientName, IfName};
use dhcpmgr_plugin_api::{Hook, Protocol};
use serde::{Deserialize, Serialize};

pub use crate::delegation::{LanPrefix, LanView, Standing as LanStanding};
use crate::events::Change;
pub use crate::events::{Lease, LeaseV4, LeaseV6, RouteView, SoftwireView};
use crate::flat::FlatMap;
use crate::handlers::HandlerStatus;
pub use crate::identity::{Ia, IaKind, LastLease};
pub use crate::observer::{Exchanged, ObserverView};
pub use crate::recovery::{Standing, View as RecoveryView};
pub use crate::softwire::{OfferView, OwnerChange, WanView};

/// `dhcpmgr status --json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of the daemon.
    pub version: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// Seconds since the daemon started.
    pub uptime: u64,
    /// Every configured client.
    pub clients: Vec<ClientStatus>,
    /// Every configured handler.
    pub handlers: Vec<HandlerStatus>,
    /// Every LAN that gets something of a delegated prefix, or of a unique local one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lans: Vec<LanView>,
    /// Who carries IPv4 on each WAN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wans: Vec<WanView>,
    /// What the lease monitor counted.
    pub messages: MessageCounters,
    /// How the packet observer is; absent when it is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observer: Option<ObserverView>,
}

/// One client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientStatus {
    /// Its name.
    pub name: ClientName,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its interface.
    pub interface: IfName,
    /// Whether it should run.
    pub enabled: bool,
    /// Where it is, in the words of TR-181.
    pub status: ClientState,
    /// Its process.
    pub pid: Option<u32>,
    /// How often the process was started again after it died.
    pub restarts: u64,
    /// Why it is not well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The lease.
    pub lease: Option<Lease>,
    /// Messages by the names of TR-181's statistics, since the daemon started: those that the
    /// packet observer sees, or, where it does not listen, those that the client program tells of.
    #[serde(default, skip_serializing_if = "FlatMap::is_empty")]
    pub counters: FlatMap<String, u64>,
}

/// The words of TR-181 `Device.DHCPv4.Client.{i}.DHCPStatus`, and `Disabled` and `Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ClientState {
    /// Not started yet, or waiting for its interface.
    Init,
    /// Looking for a server.
    Selecting,
    /// A server was chosen.
    Requesting,
    /// It has a lease.
    Bound,
    /// It asks its server for more time.
    Renewing,
    /// It asks any server for more time.
    Rebinding,
    /// The operator does not want it to run.
    Disabled,
    /// It cannot run.
    Error,
}

/// One row of `dhcpmgr lease --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientLease {
    /// The client.
    pub client: ClientName,
    /// Its interface.
    pub interface: IfName,
    /// Its lease.
    pub lease: Option<Lease>,
}

/// What the lease monitor counted since the daemon started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageCounters {
    /// Accepted.
    pub accepted: u64,
    /// The same message again.
    pub duplicates: u64,
    /// Not understood, or beyond a limit.
    pub malformed: u64,
    /// Wrong uid, wrong token or unknown client.
    pub unauthorised: u64,
    /// Taken from the spool.
    pub replayed: u64,
    /// Connections refused because too many were open.
    pub connections_refused: u64,
}

/// `dhcpmgr why CLIENT --json`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// The client as `status` shows it.
    pub client: ClientStatus,
    /// What it asks the server for, and on whose behalf: option code → who.
    pub requested: FlatMap<u16, Vec<String>>,
    /// How recovery stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<RecoveryView>,
    /// The command line of the client process.
    pub command: Vec<String>,
    /// Who it is to its servers.
    #[serde(default)]
    pub identity: IdentityView,
    /// Who carries IPv4 on its interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv4: Option<WanView>,
    /// What the packet observer saw of a question that is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packets: Option<Exchanged>,
    /// The last exchanges, newest first.
    pub exchanges: Vec<Exchange>,
    /// The last lines that the client process wrote.
    pub log: Vec<String>,
}

/// Who a client is to its servers, and what it asks them for again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityView {
    /// The client-id that it sends, hex.
    pub client_id: Option<String>,
    /// The DUID of the device, hex.
    pub duid: Option<String>,
    /// Its identity associations.
    #[serde(default)]
    pub ias: Vec<Ia>,
    /// The lease that it asks for after a reboot.
    pub last_lease: Option<LastLease>,
}

/// One message of the client and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// When it arrived, RFC 3339.
    pub time: String,
    /// What the client said: `bound`, `renew`, ….
    pub event: String,
    /// What it carried, decoded: name → text.
    pub values: FlatMap<String, String>,
    /// What the shim could not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// What each handler did.
    pub handlers: Vec<HandlerDid>,
    /// What was decided, a sentence each.
    pub decisions: Vec<String>,
    /// What was applied to the kernel, a line each.
    pub applied: Vec<String>,
    /// What really changed.
    pub changed: Vec<Change>,
    /// Milliseconds from the shim's start until the message was decoded.
    pub shim_ms: u64,
    /// Microseconds for the handlers.
    pub handlers_us: u64,
    /// Microseconds for the kernel.
    pub kernel_us: u64,
}

/// What one handler did in an exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HandlerDid {
    /// Its name.
    pub name: String,
    /// What it was asked, where that was not what the lease means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hook: Option<Hook>,
    /// Microseconds.
    pub took_us: u64,
    /// Why it gave no plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// What it was not granted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cut: Vec<String>,
    /// Its notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What `dhcpmgr config reload` did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {
    /// What was done, a line each; empty when nothing differed.
    pub changes: Vec<String>,
}

/// `dhcpmgr config show --json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigShown {
    /// The files it was read from, in order.
    pub files: Vec<String>,
    /// The configuration in force with all defaults, as TOML.
    pub toml: String,
}
