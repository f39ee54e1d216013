//! `[hooks.NAME]`: programs that the host runs when something has happened.

use std::time::Duration;

use dhcpmgr_message::ClientName;

use crate::flat::FlatSet;

/// One program and what it is run for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramHook {
    /// The name in the configuration.
    pub name: String,
    /// The program, an absolute path, and its arguments. No shell reads them.
    pub run: Vec<String>,
    /// The events, as `dhcpmgr events` names them.
    pub events: FlatSet<String>,
    /// The clients whose events count; those of all clients, and those of none, when absent.
    pub clients: Option<FlatSet<ClientName>>,
    /// Who it runs as; when absent nobody, or the daemon's own user where that is not root.
    pub user: Option<String>,
    /// How long one run may take.
    pub timeout: Duration,
    /// Variables of the daemon's environment that it is given.
    pub environment: FlatSet<String>,
}
