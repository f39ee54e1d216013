//! One JSON object a line: a [`Request`] there, a [`Response`] back; after `events` with `follow`, a line an event.

use dhcpmgr_message::ClientName;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

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
}

impl Request {
    /// All commands, as `command` in JSON.
    pub const COMMANDS: [&str; 17] = [
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
            | Self::ConfigShow => false,
            Self::Renew { .. }
            | Self::Release { .. }
            | Self::Restart { .. }
            | Self::Enable { .. }
            | Self::Disable { .. }
            | Self::HandlerReset { .. }
            | Self::HandlerReload { .. }
            | Self::HandlerQuarantine { .. }
            | Self::ConfigReload
            | Self::Import { .. } => true,
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
}

impl Response {
    /// Done, and this is what was asked for: a view for reading commands, a sentence for the others.
    #[must_use]
    pub fn done(result: impl Serialize) -> Self {
        // As text at once: a tree of values for many clients would be the most memory that the daemon ever takes.
        match serde_json::value::to_raw_value(&result) {
            Ok(result) => Self { ok: true, error: None, result: Some(result) },
            Err(error) => Self::refused(format!("the answer cannot be written as JSON: {error}")),
        }
    }

    /// Not done: a sentence that says why and what to do.
    #[must_use]
    pub fn refused(error: impl Into<String>) -> Self {
        Self { ok: false, error: Some(error.into()), result: None }
    }
}
