//! One JSON object a line: a [`Request`] there, a [`Response`] back; after `events` with `follow`, a line an event.

use dhcpmgr_message::ClientName;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::data_model::subscription::Subscription;
use crate::data_model::{Fault, Value};
use crate::flat::FlatMap;
use crate::import::Order;

/// What may be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Everything at a glance; answers [`super::views::Status`].
    Status,
    /// One lease or all; answers a list of [`super::views::ClientLease`].
    Lease {
        /// The client; all when absent.
        #[serde(default)]
        client: Option<ClientName>,
    },
    /// Past events, then with `follow` those to come; a line each, no [`Response`] around them.
    Events {
        /// Only of this client.
        #[serde(default)]
        client: Option<ClientName>,
        /// Go on with what happens.
        #[serde(default)]
        follow: bool,
    },
    /// The flight recorder of a client; answers [`super::views::Why`].
    Why {
        /// The client.
        client: ClientName,
    },
    /// Extend the lease now.
    Renew {
        /// The client.
        client: ClientName,
    },
    /// Give the lease back and stay without one.
    Release {
        /// The client.
        client: ClientName,
    },
    /// Start the client process again; the lease stays.
    Restart {
        /// The client.
        client: ClientName,
    },
    /// Run the client.
    Enable {
        /// The client.
        client: ClientName,
    },
    /// Stop the client.
    Disable {
        /// The client.
        client: ClientName,
    },
    /// What a monitoring system reads; answers a text.
    Metrics,
    /// All handlers; answers a list of [`crate::handlers::HandlerStatus`].
    Handlers,
    /// Take a handler out of quarantine and start it again.
    HandlerReset {
        /// The handler's name in the configuration.
        handler: String,
    },
    /// Load the module of a handler anew, and put it into the place of the old one when it is up; answers a sentence.
    HandlerReload {
        /// The handler's name in the configuration.
        handler: String,
    },
    /// Ask a handler nothing more until it is reset.
    HandlerQuarantine {
        /// The handler's name in the configuration.
        handler: String,
    },
    /// Read the configuration again and apply the difference; answers [`super::views::Reload`].
    ConfigReload,
    /// Store what the files of other clients say; answers [`crate::import::Outcome`].
    Import {
        /// What, and how.
        order: Order,
    },
    /// The configuration in force; answers [`super::views::ConfigShown`].
    ConfigShow,
    /// Parameters of the data model; answers [`Flat`](crate::data_model::door::Flat).
    Get {
        /// Full or partial paths.
        paths: Vec<String>,
        /// How deep; 0 for all of it.
        #[serde(default)]
        levels: u32,
    },
    /// The rows of a table of the data model; answers a list of paths.
    GetInstances {
        /// The table.
        path: String,
    },
    /// What the data model can have; answers a list of [`Supported`](crate::data_model::door::Supported).
    GetSupported {
        /// At and below this path.
        path: String,
    },
    /// Parameters of the data model, then what becomes of them: a [`Notice`](crate::data_model::notice::Notice) a line,
    /// no [`Response`] around them.
    Watch(Subscription),
    /// Write parameters; answers [`Changed`](crate::data_model::door::Changed), as the next three.
    Set {
        /// Path and value.
        values: FlatMap<String, Value>,
        /// An object that cannot be written costs no other.
        #[serde(default)]
        allow_partial: bool,
    },
    /// Add a row.
    Add {
        /// The table.
        path: String,
        /// Its parameters, by name.
        #[serde(default)]
        values: FlatMap<String, Value>,
    },
    /// Delete rows.
    Delete {
        /// Their paths.
        paths: Vec<String>,
    },
    /// Carry out a command.
    Operate {
        /// Its path, `Device.DHCPv4.Client.1.Renew()`.
        call: String,
    },
}

impl Request {
    /// All commands, as `command` in JSON.
    pub const COMMANDS: [&str; 25] = [
        "status",
        "lease",
        "events",
        "why",
        "renew",
        "release",
        "restart",
        "enable",
        "disable",
        "metrics",
        "handlers",
        "handler-reset",
        "handler-reload",
        "handler-quarantine",
        "config-reload",
        "import",
        "config-show",
        "get",
        "get-instances",
        "get-supported",
        "watch",
        "set",
        "add",
        "delete",
        "operate",
    ];

    /// Whether it changes anything, so that only root and the daemon's own user may ask for it.
    #[must_use]
    pub fn changes(&self) -> bool {
        match self {
            Self::Status
            | Self::Lease { .. }
            | Self::Events { .. }
            | Self::Why { .. }
            | Self::Metrics
            | Self::Handlers
            | Self::ConfigShow
            | Self::Get { .. }
            | Self::GetInstances { .. }
            | Self::GetSupported { .. }
            | Self::Watch(_) => false,
            Self::Renew { .. }
            | Self::Release { .. }
            | Self::Restart { .. }
            | Self::Enable { .. }
            | Self::Disable { .. }
            | Self::HandlerReset { .. }
            | Self::HandlerReload { .. }
            | Self::HandlerQuarantine { .. }
            | Self::ConfigReload
            | Self::Import { .. }
            | Self::Set { .. }
            | Self::Add { .. }
            | Self::Delete { .. }
            | Self::Operate { .. } => true,
        }
    }
}

/// The answer to a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Response {
    /// Whether it was done.
    pub ok: bool,
    /// Why not: a sentence that says what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Why not, for the data model: path and USP error code of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
}

impl Response {
    /// Done, and this is what was asked for: a view for reading commands, a sentence for the others.
    #[must_use]
    pub fn done(result: impl Serialize) -> Self {
        // As text at once: a tree of values for many clients would be the most memory that the daemon ever takes.
        match serde_json::value::to_raw_value(&result) {
            Ok(result) => Self { ok: true, error: None, result: Some(result), faults: Vec::new() },
            Err(error) => Self::refused(format!("the answer cannot be written as JSON: {error}")),
        }
    }

    /// Not done: a sentence that says why and what to do.
    #[must_use]
    pub fn refused(error: impl Into<String>) -> Self {
        Self { ok: false, error: Some(error.into()), result: None, faults: Vec::new() }
    }

    /// Not done, for these reasons.
    #[must_use]
    pub fn faults(faults: Vec<Fault>) -> Self {
        let text = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        Self { faults, ..Self::refused(text) }
    }
}
